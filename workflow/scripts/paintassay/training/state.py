"""Keep the state of a training, in memory and on disk, so that it can go on after a kill."""

import hashlib
import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, TypedDict

import torch

from paintassay.core.errors import InputError
from paintassay.core.files import PathLike, atomic_path

log = logging.getLogger(__name__)

NAME = "state.pt"
TERMINATED = 128 + signal.SIGTERM
DIGEST_BYTES = 32
# What the best epoch is chosen by.
Criterion = Literal["validation_loss", "validation_auc"]


class EpochRow(TypedDict):
    """Result of an epoch: losses are means over labels.

    The AUC is the mean over the tasks that can be evaluated, None without any.
    """

    epoch: int
    training_loss: float
    validation_loss: float
    validation_auc: float | None
    evaluable_tasks: int


class EpochTiming(TypedDict):
    """What is not the same the next time: columns of `training.tables.TIMING`."""

    epoch: int
    training_seconds: float
    validation_seconds: float
    samples: int
    peak_memory_mb: float
    device: str


@dataclass
class History:
    """What a training went through.

    Attributes
    ----------
    epochs : list of EpochRow
    timing : list of EpochTiming
    chosen_by : str
        validation_auc, or validation_loss where no task can be evaluated.
    """

    epochs: list[EpochRow] = field(default_factory=list)
    timing: list[EpochTiming] = field(default_factory=list)
    chosen_by: Criterion = "validation_auc"

    @property
    def best(self) -> EpochRow | None:
        """The row of the best epoch, the first of equals; None without any."""
        if self.chosen_by == "validation_loss":
            return min(self.epochs, key=lambda row: row["validation_loss"], default=None)
        return max(self.epochs, key=lambda row: row["validation_auc"] or 0.0, default=None)


@dataclass
class Progress:
    """How far a training is; its weights are in the model.

    Attributes
    ----------
    history : History
        Of the epochs that are finished.
    best_weights : dict of str to torch.Tensor
        Of the best of them; empty before the first.
    step : int
        Steps done in the epoch after those.
    seconds : float
        That they took.
    sums : torch.Tensor, (processes, 2)
        For each process the sum over those steps of its part of the loss, times the labels of the
        batch, and the sum of the norms of the gradient.
    """

    history: History
    best_weights: dict[str, torch.Tensor] = field(default_factory=dict)
    step: int = 0
    seconds: float = 0.0
    sums: torch.Tensor = field(default_factory=lambda: torch.zeros(1, 2))

    def begin_epoch(self) -> None:
        """Forget the steps of the epoch that was finished."""
        self.step, self.seconds, self.sums = 0, 0.0, torch.zeros(1, 2)


def save_state(
    folder: PathLike,
    fingerprint: str,
    progress: Progress,
    model: torch.nn.Module,
    optimiser: torch.optim.Optimizer,
) -> None:
    """Write the state of a training over the one before, atomically.

    Parameters
    ----------
    folder : str or Path
        Its file is ``state.pt``, as of ``torch.save``, with its SHA-256 at the end: PyTorch
        writes checksums of its own, but does not look at them.
    fingerprint : str
        Of all that decides the result but the number of epochs.
    progress : Progress
    model : torch.nn.Module
    optimiser : torch.optim.Optimizer
    """
    state = vars(progress) | {
        "history": asdict(progress.history),
        "fingerprint": fingerprint,
        "model": model.state_dict(),
        "optimiser": optimiser.state_dict(),
    }
    with atomic_path(Path(folder) / NAME) as temporary:
        torch.save(state, temporary)
        with temporary.open("r+b") as file:
            file.write(hashlib.file_digest(file, "sha256").digest())


def load_state(
    folder: PathLike,
    fingerprint: str,
    epochs: int,
    model: torch.nn.Module,
    optimiser: torch.optim.Optimizer,
) -> Progress | None:
    """Put the saved state of a training into its model and optimiser, if it can be used.

    Parameters
    ----------
    folder : str or Path
    fingerprint : str
        A state with another one belongs to other settings, code or data, and is not used.
    epochs : int
        A state beyond them is not used.
    model : torch.nn.Module
    optimiser : torch.optim.Optimizer

    Returns
    -------
    Progress or None
        None, and a line in the log, if there is no state that can be used.

    Raises
    ------
    InputError
        The file is damaged.
    """
    path = Path(folder) / NAME
    if not path.exists():
        log.info("%s does not exist: starting with the first epoch", path)
        return None
    state = _read_state(path)
    history = History(**state["history"])
    done, step = len(history.epochs), state["step"]
    if state["fingerprint"] != fingerprint:
        log.info("%s is of other settings, code or data: starting anew", path)
        return None
    if done + (step > 0) > epochs:
        log.info("%s is beyond epoch %d: starting anew", path, epochs)
        return None
    log.info("%s: going on after %d epochs and %d steps", path, done, step)
    model.load_state_dict(state["model"])
    optimiser.load_state_dict(state["optimiser"])
    return Progress(history, state["best_weights"], step, state["seconds"], state["sums"])


def _read_state(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        content = file.read()
    digest = content[-DIGEST_BYTES:]
    if hashlib.sha256(memoryview(content)[:-DIGEST_BYTES]).digest() != digest:
        raise InputError(
            path, "the state of the training is damaged", "delete it to start the training anew"
        )
    return torch.load(path, map_location="cpu", weights_only=True)


@contextmanager
def termination_noted() -> Iterator[threading.Event]:
    """Note SIGTERM instead of dying of it, so that work can come to a good end first.

    Yields
    ------
    threading.Event
        Set once the signal has come. Afterwards it is handled as before.
    """
    noted = threading.Event()
    before = signal.signal(signal.SIGTERM, lambda *_: noted.set())
    try:
        yield noted
    finally:
        # None stands for a handler that Python did not install.
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)
