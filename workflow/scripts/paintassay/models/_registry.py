"""Find models by their names and build them: each public module of this package is one."""

import ast
import difflib
import importlib
import inspect
import math
from collections.abc import Mapping
from numbers import Integral, Real
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from paintassay.core.errors import InputError

if TYPE_CHECKING:
    # Planning needs this module, and no PyTorch.
    import torch

INPUTS = ("views", "cells", "features")


def model_files() -> dict[str, Path]:
    """Files of the models by name, sorted: every module of `paintassay.models` is one.

    Returns
    -------
    dict of str to Path
    """
    folder = Path(__file__).parent
    return {path.stem: path for path in sorted(folder.glob("[a-z]*.py"))}


def model_input(path: Path) -> str:
    """Read from a model's file what its samples are.

    Parameters
    ----------
    path : Path

    Returns
    -------
    str
        Its constant INPUT: views, cells or features.

    Raises
    ------
    InputError
        The file does not say.
    """
    for node in ast.parse(path.read_text(encoding="utf-8"), filename=str(path)).body:
        match node:
            case ast.Assign([ast.Name("INPUT")], ast.Constant(str(value))) if value in INPUTS:
                return value
    raise InputError(path, "does not say what its samples are", f"INPUT = one of {INPUTS}")


def model_names() -> list[str]:
    """Names of all models that can be built, sorted."""
    return list(model_files())


def model_module(name: str) -> ModuleType:
    """Import a model's module, and with it what this model alone needs.

    Parameters
    ----------
    name : str

    Returns
    -------
    module
        Has ``INPUT``, what one sample is ("views", "cells" or "features"), and ``build``.

    Raises
    ------
    InputError
        There is no such model.
    """
    names = model_names()
    if name not in names:
        nearest = difflib.get_close_matches(str(name), names, n=1)
        advice = f"did you mean {nearest[0]}? The" if nearest else "the"
        raise InputError(
            f"models.{name}", "there is no such model", f"{advice} models are {', '.join(names)}"
        )
    return importlib.import_module(f"paintassay.models.{name}")


def build_model(
    name: str,
    channels: int = 5,
    tasks: int = 209,
    height: int | None = 520,
    width: int | None = 696,
    **options: float,
) -> "torch.nn.Module":
    """Build a model with fresh weights, drawn from PyTorch's global generator.

    Parameters
    ----------
    name : str
        One of `model_names`.
    channels : int
        Channels of an image, or the number of features.
    tasks : int
        Outputs.
    height, width : int or None
        Size of an image in pixels; has no effect where a sample is a row of features.
    options
        What the model's ``build`` takes besides these.

    Returns
    -------
    torch.nn.Module
        In evaluation mode its ``forward`` takes float32 (batch, channels, height, width), or
        (batch, channels) for features, and returns logits (batch, tasks); in training mode the
        same, or a tuple of such logits that each get the loss. The attribute ``built_as`` holds
        the arguments of this call in a dictionary.

    Raises
    ------
    InputError
        There is no such model or option, or a number does not fit the model.
    """
    module = model_module(name)
    counts: dict[str, int | None] = {"channels": channels, "tasks": tasks}
    if module.INPUT != "features":
        counts |= {"height": height, "width": width}
    for argument, value in counts.items():
        if not _is_count(value):
            raise InputError(f"models.{name}", f"{argument} is {value!r}, not a number above 0")
    _check_options(name, options, inspect.signature(module.build).parameters)
    try:
        model = module.build(channels, tasks, height, width, **options)
    except ValueError as error:
        if isinstance(error, InputError) or not options:
            raise
        # PyTorch's layers name the value that they refuse, such as a dropout above 1.
        raise InputError(f"models.{name}.options", str(error)) from error
    shape = {"channels": channels, "tasks": tasks, "height": height, "width": width}
    model.built_as = {"name": name, **shape, **options}
    return model


def check_side(name: str, height: int, width: int, smallest_side: int) -> None:
    """Refuse images that are too small for a model: its pooling would leave nothing of them.

    Parameters
    ----------
    name : str
        The model.
    height, width : int
        Size of an image in pixels.
    smallest_side : int
        In pixels, that the model can take.

    Raises
    ------
    InputError
    """
    if min(height, width) < smallest_side:
        raise InputError(
            f"models.{name}",
            f"images of {height} x {width} pixels are too small, their sides must be "
            f"{smallest_side} pixels or more",
            "take larger images, or leave this model out",
        )


def _is_count(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) > 0


def _check_options(
    name: str, options: Mapping[str, object], parameters: Mapping[str, inspect.Parameter]
) -> None:
    known_options = [
        option for option in parameters if option not in ("channels", "tasks", "height", "width")
    ]
    where = f"models.{name}.options"
    for option, value in options.items():
        if option not in known_options:
            hint = f"it takes {', '.join(known_options)}" if known_options else "it takes none"
            raise InputError(where, f"the model has no option {option}", hint)
        if isinstance(parameters[option].default, Integral):
            fits, expected = _is_count(value), "a whole number above 0"
        else:
            fits = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
            expected = "a number"
        if not fits:
            raise InputError(where, f"{option} is {value!r}, not {expected}")
