"""What a model costs: parameters, arithmetic, time and memory (Hofmarcher et al. 2019, Table 3)."""

import copy

import pandas as pd
import torch
from torch.utils.flop_counter import FlopCounterMode

from paintassay.tables import integer, real, table_schema, text

COSTS = table_schema(
    "What each model costs; times and memory over all its jobs, as far as they were measured.",
    ("model", text, "name of the model"),
    ("parameters", integer, "trained parameters"),
    ("gmacs", real, "10^9 multiply-accumulates for one sample, in evaluation"),
    ("seconds_per_epoch", real, "training seconds of an epoch, median", "optional"),
    ("samples_per_second", real, "training samples a second, median over epochs", "optional"),
    ("peak_memory_mb", real, "largest peak of a device's memory in MB", "optional"),
    ("device", text, "devices that it was trained on, separated by ;", "optional"),
)


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
