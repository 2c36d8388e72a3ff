"""What a model is made of and what it costs: layers, parameters, arithmetic, time and memory."""

import copy

import pandas as pd
import torch
from torch.utils.flop_counter import FlopCounterMode

from paintassay.training.tables import ARCHITECTURES, COSTS


def count_parameters(model):
    """Number of the trained parameters of a model."""
    return sum(weight.numel() for weight in model.parameters() if weight.requires_grad)


def count_macs(model, shape):
    """Count the multiply-accumulates that a model needs for one sample, in evaluation.

    Those of convolutions and matrix products count, others hardly matter. Nothing is computed
    or allocated, and the model stays as it is.

    Parameters
    ----------
    model : torch.nn.Module
    shape : tuple of int
        Of one sample.

    Returns
    -------
    int
    """
    # A copy with the shapes and none of the values.
    tensors = [*model.parameters(), *model.buffers()]
    empty = copy.deepcopy(model, {id(tensor): tensor.to("meta") for tensor in tensors}).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        empty(torch.empty(1, *shape, device="meta"))
    # A multiply-accumulate is two operations.
    return counter.get_total_flops() // 2


def cost_table(jobs):
    """Summarise what the trainings of each model have cost.

    The first epoch of a job, which warms up, counts only if there is no other.

    Parameters
    ----------
    jobs : list of dict
        One trained network each: model, parameters, gmacs, and timing, a pandas.DataFrame with a
        row an epoch and columns epoch, training_seconds, validation_seconds, samples (of
        training), peak_memory_mb and device.

    Returns
    -------
    pandas.DataFrame
        Columns of `COSTS`, a row a model in the order of their first jobs.
    """
    rows = []
    for model in dict.fromkeys(job["model"] for job in jobs):
        own = [job for job in jobs if job["model"] == model]
        every = pd.concat([job["timing"] for job in own])
        warm = pd.concat([_warm(job["timing"]) for job in own])
        rows.append(
            {
                "model": model,
                "parameters": own[0]["parameters"],
                "gmacs": own[0]["gmacs"],
                "seconds_per_epoch": warm["training_seconds"].median(),
                "samples_per_second": (warm["samples"] / warm["training_seconds"]).median(),
                "peak_memory_mb": every["peak_memory_mb"].max(),
                "device": ";".join(sorted(every["device"].dropna().unique())) or None,
            }
        )
    return pd.DataFrame(rows, columns=COSTS.names)


def _warm(timing):
    return timing[timing["epoch"] > timing["epoch"].min()] if len(timing) > 1 else timing


def layer_table(model, shape):
    """List the layers of a network.

    Parameters
    ----------
    model : torch.nn.Module
        Stays as it is; nothing is computed or allocated.
    shape : tuple of int
        Of one sample.

    Returns
    -------
    pandas.DataFrame
        Columns of `ARCHITECTURES` but model; a row for each time that a module without parts of
        its own, or with parameters of its own, is used in evaluation.
    """
    tensors = [*model.parameters(), *model.buffers()]
    # A copy with the shapes and none of the values.
    empty = copy.deepcopy(model, {id(tensor): tensor.to("meta") for tensor in tensors}).eval()
    rows, counted = [], set()

    def note(name, module, output):
        own = [weight for weight in module.parameters(recurse=False) if id(weight) not in counted]
        counted.update(map(id, own))
        shapes = [output] if torch.is_tensor(output) else output
        rows.append(
            {
                "layer": name or "(the network)",
                "kind": type(module).__name__,
                "settings": module.extra_repr(),
                "output": "; ".join(" x ".join(map(str, each.shape[1:])) for each in shapes),
                "parameters": sum(weight.numel() for weight in own),
            }
        )

    for name, module in empty.named_modules():
        if not list(module.children()) or list(module.parameters(recurse=False)):
            module.register_forward_hook(
                lambda module, _, output, name=name: note(name, module, output)
            )
    with torch.no_grad():
        empty(torch.empty(1, *shape, device="meta"))
    return pd.DataFrame(rows, columns=ARCHITECTURES.names[1:])
