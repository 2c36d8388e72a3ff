"""The output layer of a model, which computes in float32 whatever the other layers do."""

import torch
from torch import nn

from paintassay.core.errors import InputError
from paintassay.training.gpus import autocast

Outputs = torch.Tensor | tuple[torch.Tensor, ...]


class _InFloat32(nn.Module):
    """What `keep_outputs_in_float32` puts before the class of a layer."""

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        with autocast(inputs[0].device, "float32"):
            return super().forward(*(tensor.float() for tensor in inputs))


def keep_outputs_in_float32(model: nn.Module) -> None:
    """Take the output layer of a model out of automatic mixed precision.

    In bfloat16 a logit has eight bits, so that the scores of many samples would be equal.

    Parameters
    ----------
    model : torch.nn.Module
        Its output layer is the one that was added to it last, of those with parameters and without
        parts of their own. A second call changes nothing more.
    """
    layers = [
        module
        for module in model.modules()
        if not list(module.children()) and list(module.parameters(recurse=False))
    ]
    if layers and not isinstance(layers[-1], _InFloat32):
        kind = type(layers[-1])
        # A class of the same name: a copy of the model, its card and its weights stay as they are.
        layers[-1].__class__ = type(kind.__name__, (_InFloat32, kind), {})


def check_outputs(outputs: Outputs, name: str) -> tuple[torch.Tensor, ...]:
    """Make sure that the logits of a model are float32.

    Parameters
    ----------
    outputs : torch.Tensor or tuple of torch.Tensor
        What the model has returned.
    name : str
        Name of the model.

    Returns
    -------
    tuple of torch.Tensor of float32

    Raises
    ------
    InputError
        They are of another type, in which many scores would be equal.
    """
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    for logits in outputs:
        if logits.dtype != torch.float32:
            raise InputError(
                f"models.{name}",
                f"its outputs are {str(logits.dtype).removeprefix('torch.')} and not float32",
                "make the output layer the last one that the model's __init__ adds, and let it be "
                "one of PyTorch's layers; or set training.precision to float32",
            )
    return outputs
