"""Start a training from weights whose channels and tasks are those of the data, or refuse them."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
import torch

from paintassay.core.errors import InputError
from paintassay.core.files import PathLike
from paintassay.models._registry import model_module
from paintassay.predictions.average import describe_difference
from paintassay.training.authors_weights import axes_of, fill_model, read_state
from paintassay.training.published import PUBLISHED_CHANNELS, PUBLISHED_OUTPUTS, published_tasks
from paintassay.training.weights import TrainedModel, is_trained, read_trained


@dataclass(frozen=True)
class InitialWeights:
    """Weights to start from.

    Attributes
    ----------
    path : str or Path
        As for `training.authors_weights.read_state`.
    channels, tasks : sequence of str, optional
        What the file takes and gives, in its order. A file of this workflow says so itself, and
        those of the authors' GapNet are known.
    replace_outputs : bool
        Start the output layer anew; then the tasks of the file do not matter.
    """

    path: PathLike
    channels: Sequence[str] | None = None
    tasks: Sequence[str] | None = None
    replace_outputs: bool = False


@dataclass(frozen=True)
class _Content:
    """What a file holds; `tasks` is None where they do not matter.

    `hint` is for tasks that it does not have.
    """

    state: Mapping[str, torch.Tensor]
    channels: Sequence[str]
    tasks: Sequence[str] | None
    notes: list[str]
    hint: str


def load_initial_weights(
    model: torch.nn.Module,
    trained: TrainedModel,
    given: InitialWeights,
    assays: pd.DataFrame,
    epochs: int,
) -> list[str]:
    """Load weights into a model, their channels and tasks in the order of the data.

    Parameters
    ----------
    model : torch.nn.Module
        From `models.build_model`; it changes only if all fits.
    trained : TrainedModel
        What it is to become.
    given : InitialWeights
    assays : pandas.DataFrame
        The tasks, as `labels.tables.ASSAYS`.
    epochs : int
        That it is to be trained for; with 0 the model must be built as that of the file.

    Returns
    -------
    list of str
        What a reader of the result should know, in sentences.

    Raises
    ------
    InputError
        The file cannot be read, does not fit the model, is another model's, was trained on crops
        of another size or features standardised otherwise, does not say its channels or tasks, or
        has others; or the output layer starts anew and is not trained.
    """
    key = f"models.{trained.model}"
    if given.replace_outputs and not epochs:
        raise InputError(
            f"{key}.replace_outputs",
            "is true, but epochs is 0: the new output layer would not be trained, and its "
            "predictions would be random",
            f"set {key}.epochs above 0, or replace_outputs to false",
        )
    if is_trained(given.path):
        content = _read_own(given, trained, epochs, key)
    else:
        content = _read_foreign(given, trained, assays, key)
    state, notes = dict(content.state), list(content.notes)
    kind = "features" if trained.height is None else "channels"
    orders = [(kind, "channels", content.channels, trained.channels)]
    if content.tasks is not None:
        orders.append(("tasks", "tasks", content.tasks, trained.tasks))
    for what, argument, of_file, names in orders:
        if list(of_file) == list(names):
            continue
        _check_names(given.path, what, of_file, names, content.hint)
        _reorder(state, axes_of(model, argument), of_file, names, what, given.path)
        left_out = len(of_file) - len(names)
        notes.append(
            f"The {what} of the weights were put into the order of the data"
            + (f", and {left_out} of them left out." if left_out else ".")
        )
    fill_model(model, state, given.path, given.replace_outputs)
    return notes


def _read_own(given: InitialWeights, trained: TrainedModel, epochs: int, key: str) -> _Content:
    """Content of a file of this workflow, if it is what is to be trained."""
    of_file, state = read_trained(given.path)
    if of_file.model != trained.model:
        # The tensors of GapNet and SC-CNN have the same names and shapes.
        raise InputError(
            given.path,
            f"is a {of_file.model} and not a {trained.model}",
            f"name it in models.{of_file.model}.weights",
        )
    for setting, before, now in (
        (f"{key}.crop_size", of_file.crop_size, trained.crop_size),
        ("profiles.standardise", of_file.standardise, trained.standardise),
    ):
        if before != now:
            problem = f"was trained with {setting}: {before}, which is now {now}"
            raise InputError(given.path, problem, f"set {setting} to {before}")
    for name, said, names in (
        ("weights_channels", given.channels, of_file.channels),
        ("weights_tasks", given.tasks, of_file.tasks),
    ):
        if said is not None and list(said) != list(names):
            difference = describe_difference(said, names, name.removeprefix("weights_"))
            raise InputError(
                f"{key}.{name}",
                f"compared with what {given.path} says of itself, {difference}",
                "leave the key out",
            )
    notes = _compare_options(of_file, trained, given.path, epochs, key)
    if (of_file.height, of_file.width) != (trained.height, trained.width):
        notes.append(
            f"The weights were trained on images of {of_file.width} x {of_file.height} pixels, and "
            f"these have {trained.width} x {trained.height}."
        )
    if of_file.split != trained.split:
        notes.append(
            f"The weights were trained on split {of_file.split}. If that was a split of the same "
            f"compounds, they have seen compounds of the test part of split {trained.split}."
        )
    tasks = None if given.replace_outputs else of_file.tasks
    return _Content(state, of_file.channels, tasks, notes, _start_anew(key))


def _start_anew(key: str) -> str:
    return f"set {key}.replace_outputs to true, and the output layer is trained anew"


def _compare_options(
    of_file: TrainedModel, trained: TrainedModel, path: PathLike, epochs: int, key: str
) -> list[str]:
    """Options can change what a model computes while its tensors stay the same."""
    before, now = (_all_options(model) for model in (of_file, trained))
    differing = [name for name in now if before.get(name, now[name]) != now[name]]
    if not differing:
        return []
    texts = [f"{name} of {before[name]}, which is now {now[name]}" for name in differing]
    problem = f"was trained with a {', and a '.join(texts)}"
    if not epochs:
        raise InputError(path, problem, f"set {key}.options as they were")
    return [f"The model of the weights {problem}."]


def _all_options(trained: TrainedModel) -> dict[str, object]:
    parameters = inspect.signature(model_module(trained.model).build).parameters
    defaults = {
        name: parameter.default
        for name, parameter in parameters.items()
        if parameter.default is not inspect.Parameter.empty
    }
    return defaults | dict(trained.options)


def _read_foreign(
    given: InitialWeights, trained: TrainedModel, assays: pd.DataFrame, key: str
) -> _Content:
    """Content of a file that does not say its channels and tasks."""
    state = read_state(given.path)
    channels, tasks = given.channels, None if given.replace_outputs else given.tasks
    if given.channels is None and given.tasks is None and _is_published(trained.model, state):
        note = (
            "The weights were taken for the authors' GapNet: its channels are "
            f"{', '.join(PUBLISHED_CHANNELS)}, and its outputs the columns of the published label "
            f"matrix. For another file, set {key}.weights_channels and {key}.weights_tasks."
        )
        tasks = None if given.replace_outputs else published_tasks(assays)
        hint = "its outputs are found by the column ASSAY_ID, which the web service does not give"
        return _Content(
            state, PUBLISHED_CHANNELS, tasks, [note], f"{hint}; else {_start_anew(key)}"
        )
    missing = [
        f"{key}.{name}"
        for name, value, needed in (
            ("weights_channels", channels, True),
            ("weights_tasks", tasks, not given.replace_outputs),
        )
        if needed and value is None
    ]
    if missing or channels is None:
        raise InputError(
            given.path,
            "does not say the order of its channels and tasks",
            f"list them in the order of the file: {' and '.join(missing)}",
        )
    return _Content(state, channels, tasks, [], _start_anew(key))


def _is_published(model: str, state: Mapping[str, torch.Tensor]) -> bool:
    """Whether weights can be the authors': GapNet with their channels and outputs."""
    first, last = state.get("block1.0.weight"), state.get("classifier.6.bias")
    return (
        model == "gapnet"
        and first is not None
        and first.ndim == 4
        and first.shape[1] == len(PUBLISHED_CHANNELS)
        and last is not None
        and tuple(last.shape) == (PUBLISHED_OUTPUTS,)
    )


def _check_names(
    path: PathLike, what: str, of_file: Sequence[str], names: Sequence[str], hint: str
) -> None:
    """Of the file's tasks some may be left out; channels must be the same."""
    if len(set(of_file)) < len(of_file):
        twice = next(name for name in of_file if list(of_file).count(name) > 1)
        raise InputError(path, f"has two {what} with the name {twice}")
    missing = set(names) - set(of_file)
    if missing or (what != "tasks" and len(of_file) > len(names)):
        hints = {
            "tasks": hint,
            "channels": "name the channels of the images as the file does",
            "features": "take the features that the file was trained on",
        }
        difference = describe_difference(names, of_file, what)
        raise InputError(path, f"compared with its {what}, {difference}", hints[what])


def _reorder(
    state: dict[str, torch.Tensor],
    axes: Mapping[str, Sequence[int]],
    of_file: Sequence[str],
    names: Sequence[str],
    what: str,
    path: PathLike,
) -> None:
    """Put the axes of channels or tasks into another order, in place."""
    places = pd.Index(of_file).get_indexer(pd.Index(names))
    order = torch.from_numpy(places.astype("int64"))
    for name in axes.keys() & state.keys():
        tensor = state[name]
        for axis in axes[name]:
            if axis >= tensor.ndim or tensor.shape[axis] != len(of_file):
                raise InputError(
                    path,
                    f"has {name} of shape {tuple(tensor.shape)}, whose axis {axis} does not fit "
                    f"{len(of_file)} {what}",
                    f"name the {what} as they are in the file",
                )
        if len(axes[name]) > 1 and len(names) < len(of_file):
            # Each output depends on all tasks, as in MIL-Net.
            raise InputError(
                path,
                f"has {len(of_file) - len(names)} {what} that the data lack, and {name} joins them "
                "with the others",
                "make the labels of the same tasks, or let the output layer start anew",
            )
        for axis in axes[name]:
            tensor = tensor.index_select(axis, order)
        state[name] = tensor
