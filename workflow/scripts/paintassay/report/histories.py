"""Read the history of a training from the files that it wrote."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from paintassay.core.errors import InputError
from paintassay.core.files import PathLike
from paintassay.core.parquet import AGAIN
from paintassay.core.tables import read_csv
from paintassay.training.tables import TIMING


@dataclass(frozen=True)
class Epoch:
    """A line of metrics.jsonl: losses, mean AUC of the validation part, and over how many tasks."""

    epoch: int
    training_loss: float
    validation_loss: float
    validation_auc: float | None
    evaluable_tasks: int


@dataclass(frozen=True)
class TrainingHistory:
    """What a training went through; `seconds` are those of all its epochs.

    `one_class` has the tasks that lacked a class of compounds in the training part, and what they
    lacked, such as "no active compound".
    """

    method: str
    split: int
    replicate: int
    epochs: list[Epoch]
    best_epoch: int | None = None
    seconds: float | None = None
    one_class: Mapping[str, str] = field(default_factory=dict)


def read_history(
    metrics: PathLike, card: PathLike | None = None, timing: PathLike | None = None
) -> TrainingHistory:
    """Read the history of a training.

    Parameters
    ----------
    metrics : str or Path
        metrics.jsonl, in a folder ``<model>/split_<split>/replicate_<replicate>``.
    card : str or Path, optional
        model_card.md, which gives the best epoch, and tasks with one class.
    timing : str or Path, optional
        timing.csv, which gives the seconds; without a row, as of published weights, there are none.

    Returns
    -------
    TrainingHistory

    Raises
    ------
    InputError
        A file is damaged.
    """
    metrics = Path(metrics)
    model, split, replicate = metrics.parts[-4:-1]
    best_epoch = seconds = None
    one_class: dict[str, str] = {}
    if card is not None:
        with _readable(card):
            header = Path(card).read_text(encoding="utf-8").split("---\n")[1]
            entry = yaml.safe_load(header)["paintassay"]
            best_epoch, one_class = entry["best_epoch"], entry.get("one_class_tasks", {})
    if timing is not None:
        times = read_csv(timing, TIMING)[["training_seconds", "validation_seconds"]]
        seconds = float(times.to_numpy().sum()) if len(times) else None
    with _readable(metrics):
        epochs = [Epoch(**json.loads(line)) for line in metrics.read_text().splitlines()]
    return TrainingHistory(
        method=model,
        split=int(split.removeprefix("split_")),
        replicate=int(replicate.removeprefix("replicate_")),
        epochs=epochs,
        best_epoch=best_epoch,
        seconds=seconds,
        one_class=one_class,
    )


@contextmanager
def _readable(path: PathLike) -> Iterator[None]:
    """Turn what goes wrong over the content of a file into an error of the file."""
    try:
        yield
    except (ValueError, LookupError, TypeError, yaml.YAMLError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(path, f"cannot be read ({reason})", AGAIN) from error
