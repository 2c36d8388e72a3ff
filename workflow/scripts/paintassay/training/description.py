"""What a model is made of and what it costs: layers, parameters, arithmetic, time and memory."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from paintassay.training.tables import ARCHITECTURES, COSTS


@dataclass(frozen=True)
class TrainingCost:
    """What one training has cost.

    Attributes
    ----------
    model : str
        Name of the model.
    parameters : int
    gmacs : float
        10^9 multiply-accumulates for one sample.
    timing : pandas.DataFrame
        As `training.tables.TIMING`.
    """

    model: str
    parameters: int
    gmacs: float
    timing: pd.DataFrame


def count_parameters(model: nn.Module) -> int:
    """Number of the trained parameters of a model."""
    return sum(weight.numel() for weight in model.parameters() if weight.requires_grad)


def count_macs(model: nn.Module, shape: Sequence[int]) -> int:
    """Count the multiply-accumulates that a model needs for one sample, in evaluation.

    Only those of convolutions and matrix products count; others hardly matter. Nothing is computed
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
    empty = _copy_without_values(model)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        empty(torch.empty(1, *shape, device="meta"))
    # A multiply-accumulate is two operations.
    return counter.get_total_flops() // 2


def cost_table(trainings: Sequence[TrainingCost]) -> pd.DataFrame:
    """Summarise what the trainings of each model have cost.

    The first epoch of a training, which warms up, counts only if there is no other.

    Parameters
    ----------
    trainings : sequence of TrainingCost

    Returns
    -------
    pandas.DataFrame
        Columns of `COSTS`, a row a model in the order of their first trainings.
    """
    rows = []
    for model in dict.fromkeys(training.model for training in trainings):
        of_model = [training for training in trainings if training.model == model]
        timing = pd.concat([training.timing for training in of_model])
        warm = pd.concat([_without_first_epoch(training.timing) for training in of_model])
        rows.append(
            {
                "model": model,
                "parameters": of_model[0].parameters,
                "gmacs": of_model[0].gmacs,
                "seconds_per_epoch": warm["training_seconds"].median(),
                "samples_per_second": (warm["samples"] / warm["training_seconds"]).median(),
                "peak_memory_mb": timing["peak_memory_mb"].max(),
                "device": ";".join(sorted(timing["device"].dropna().unique())) or None,
            }
        )
    return pd.DataFrame(rows, columns=COSTS.names)


def layer_table(model: nn.Module, shape: Sequence[int]) -> pd.DataFrame:
    """List the layers of a model.

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
    empty = _copy_without_values(model)
    rows: list[dict[str, str | int]] = []
    counted: set[int] = set()

    def note(name: str, module: nn.Module, output: torch.Tensor | Sequence[torch.Tensor]) -> None:
        parameters = [
            weight for weight in module.parameters(recurse=False) if id(weight) not in counted
        ]
        counted.update(map(id, parameters))
        tensors = [output] if isinstance(output, torch.Tensor) else output
        rows.append(
            {
                "layer": name or "(the network)",
                "kind": type(module).__name__,
                "settings": module.extra_repr(),
                "output": "; ".join(" x ".join(map(str, tensor.shape[1:])) for tensor in tensors),
                "parameters": sum(weight.numel() for weight in parameters),
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


def _copy_without_values(model: nn.Module) -> nn.Module:
    """A copy of a model for evaluation, with the shapes and none of the values."""
    tensors = [*model.parameters(), *model.buffers()]
    return copy.deepcopy(model, {id(tensor): tensor.to("meta") for tensor in tensors}).eval()


def _without_first_epoch(timing: pd.DataFrame) -> pd.DataFrame:
    return timing[timing["epoch"] > timing["epoch"].min()] if len(timing) > 1 else timing
