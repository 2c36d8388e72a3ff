"""Tensors from a file, and how they fit a model."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import safetensors.torch
import torch

from paintassay.core.errors import InputError
from paintassay.core.files import PathLike
from paintassay.models._registry import build_model

# How many tensors a message names of each kind.
NAMED = 5
_AGAIN = "fetch the file again, and compare its size and checksum to the source's"


def load_weights(
    model: torch.nn.Module, path: PathLike, replace_outputs: bool = False
) -> list[str]:
    """Load weights from a file into a model, as they are: channels and tasks are not compared.

    Parameters
    ----------
    model : torch.nn.Module
    path : str or Path
        As for `read_state`.
    replace_outputs : bool
        As for `fill_model`.

    Returns
    -------
    list of str
        As from `fill_model`.

    Raises
    ------
    InputError
        As `read_state` and `fill_model`.
    """
    return fill_model(model, read_state(path), path, replace_outputs)


def fill_model(
    model: torch.nn.Module,
    state: Mapping[str, torch.Tensor],
    path: PathLike,
    replace_outputs: bool = False,
) -> list[str]:
    """Give a model the tensors of a file. The model changes only if all of them fit.

    Parameters
    ----------
    model : torch.nn.Module
        From `models.build_model`.
    state : dict of str to torch.Tensor
    path : str or Path
        The file that they come from.
    replace_outputs : bool
        Keep the fresh values of each tensor whose shape depends on the number of tasks, whatever
        the file has for it: the tasks are other ones, even if there are as many.

    Returns
    -------
    list of str
        Names of the tensors that kept their fresh values.

    Raises
    ------
    InputError
        They do not fit the model, or have values that are not finite.
    """
    of_model = model.state_dict()
    outputs = list(axes_of(model, "tasks"))
    fresh = outputs if replace_outputs else []
    state = {name: tensor for name, tensor in state.items() if name not in fresh}
    expected = {name: tensor for name, tensor in of_model.items() if name not in fresh}
    _check_fit(state, expected, outputs, vars(model)["built_as"]["name"], path)
    for name, tensor in state.items():
        # In the model's type, in which a large value may become infinite.
        state[name] = tensor.to(of_model[name].dtype)
        if not torch.isfinite(state[name]).all():
            raise InputError(
                path,
                f"{name} has values that are not finite",
                "the training that wrote it diverged, or the file is damaged; take another",
            )
    model.load_state_dict(state, strict=False)
    return fresh


def read_state(path: PathLike) -> dict[str, torch.Tensor]:
    """Read the state dictionary of a file, by its content and not its name.

    Parameters
    ----------
    path : str or Path
        A safetensors file, or one of ``torch.save`` that holds a state dictionary, by itself or
        under ``state_dict`` beside other entries. ``module.`` before all names is left out.
        Nothing is unpickled but tensors and plain values.

    Returns
    -------
    dict of str to torch.Tensor

    Raises
    ------
    InputError
        The file cannot be read, is damaged, or holds something else.
    """
    try:
        with Path(path).open("rb") as file:
            head = file.read(9)
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror}") from error
    # Eight bytes of length, then the header as JSON.
    if head[8:] == b"{":
        return _read_safetensors(path)
    content = _read_pickle(path)
    if isinstance(content, Mapping):
        content = content.get("state_dict", content)
    if reason := _why_no_state(content):
        raise InputError(
            path,
            f"holds no state dictionary: {reason}",
            "save model.state_dict() by itself, or under the key state_dict",
        )
    if all(name.startswith("module.") for name in content):
        # Put there by torch.nn.DataParallel.
        content = {name.removeprefix("module."): value for name, value in content.items()}
    return dict(content)


def _why_no_state(content: object) -> str | None:
    """Say why something read from a file is no state dictionary; None if it is one."""
    if not isinstance(content, Mapping):
        return f"it is of type {type(content).__name__}"
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            return f"{name!r} is of type {type(value).__name__}"
    return None if content else "it is empty"


def _read_safetensors(path: PathLike) -> dict[str, torch.Tensor]:
    try:
        return safetensors.torch.load_file(path)
    except safetensors.SafetensorError as error:
        raise InputError(path, f"is a damaged safetensors file: {error}", _AGAIN) from error


def _read_pickle(path: PathLike) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    # PyTorch says by errors of many types that a file is cut off, damaged or none of its own.
    except Exception as error:
        # Its own advice, to switch the protection off, is not passed on.
        if refused := re.search(r"GLOBAL (\S+)", str(error)):
            raise InputError(
                path,
                f"holds {refused[1]}, which is code and not weights; nothing of it was run",
                "ask for the state dictionary alone, best as safetensors",
            ) from error
        raise InputError(
            path, "is neither a PyTorch nor a safetensors file, or is cut off or damaged", _AGAIN
        ) from error


def axes_of(model: torch.nn.Module, argument: str) -> dict[str, list[int]]:
    """Find the tensors of a model whose shape depends on the number of channels or tasks.

    Parameters
    ----------
    model : torch.nn.Module
        From `models.build_model`.
    argument : {"channels", "tasks"}

    Returns
    -------
    dict of str to list of int
        Names of the tensors, and which of their axes.
    """
    arguments = dict(vars(model)["built_as"])
    arguments[argument] += 1
    with torch.device("meta"):
        state = build_model(**arguments).state_dict()
    axes = {
        name: [
            axis
            for axis, sides in enumerate(zip(tensor.shape, state[name].shape, strict=True))
            if sides[0] != sides[1]
        ]
        for name, tensor in model.state_dict().items()
    }
    return {name: of_tensor for name, of_tensor in axes.items() if of_tensor}


def _check_fit(
    state: Mapping[str, torch.Tensor],
    expected: Mapping[str, torch.Tensor],
    outputs: Sequence[str],
    model_name: str,
    path: PathLike,
) -> None:
    """Say in one error all that is wrong with the names and shapes of a file's tensors."""
    differing = [
        name for name in expected if name in state and state[name].shape != expected[name].shape
    ]
    shapes = [
        f"{name} {tuple(state[name].shape)} instead of {tuple(expected[name].shape)}"
        for name in differing
    ]
    problems = [
        f"{kind} {_list_names(names)}"
        for kind, names in [
            ("it lacks", [name for name in expected if name not in state]),
            ("it has beside", [name for name in state if name not in expected]),
            ("it has other shapes:", shapes),
        ]
        if names
    ]
    if not problems:
        return
    if set(state) == set(expected) and set(differing) <= set(outputs):
        hint = (
            f"the weights are for other tasks; with models.{model_name}.replace_outputs: true the "
            "output layer starts anew and the rest is taken"
        )
    else:
        hint = (
            f"the weights must come from {model_name} with the same channels, size of images and "
            f"models.{model_name}.options"
        )
    raise InputError(path, f"does not fit {model_name}: {'; '.join(problems)}", hint)


def _list_names(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
