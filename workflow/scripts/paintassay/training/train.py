"""Training a model: its epochs, how the best is chosen, and how it stops and goes on."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from paintassay.core.errors import InputError
from paintassay.core.files import PathLike
from paintassay.core.keys import WELL
from paintassay.metrics.measures import task_auc
from paintassay.predictions.average import average, average_predictions
from paintassay.training.batches import epoch_batches, read_ahead
from paintassay.training.gpus import device_name, peak_memory
from paintassay.training.predict import predict
from paintassay.training.samples import LabelledSamples
from paintassay.training.settings import Settings
from paintassay.training.state import (
    TERMINATED,
    Criterion,
    EpochRow,
    EpochTiming,
    History,
    Progress,
    load_state,
    save_state,
    termination_noted,
)
from paintassay.training.step import (
    Run,
    largest_of_all,
    prepare_run,
    rows_of_all,
    share_buffers,
    share_of,
    step,
    wrap_model,
)

log = logging.getLogger(__name__)

CHECK_SECONDS = 10
LOG_SECONDS = 30
SAVE_SECONDS = 300
# What a process wants after a step; all processes do the largest of their wishes.
GO_ON, CHECK, STOP = range(3)
# What TensorBoard shows of an epoch.
Curve = Literal["training_loss", "validation_loss", "validation_auc"]
CURVES: tuple[Curve, ...] = ("training_loss", "validation_loss", "validation_auc")


@dataclass(frozen=True)
class Process:
    """One of the processes that train a model together, and where the training keeps its state.

    Attributes
    ----------
    device : torch.device
    state_folder : str or Path
    fingerprint : str
        Of all that decides the result but the number of epochs. A state with another one, or
        beyond these epochs, is not used.
    report : str or Path, optional
        Folder for TensorBoard.
    rank, world : int
        Number of this process, from 0, and of all processes. With several, torch.distributed
        must have been started, with gloo for tensors of the CPU.
    """

    device: torch.device
    state_folder: PathLike
    fingerprint: str
    report: PathLike | None = None
    rank: int = 0
    world: int = 1


def train(
    model: torch.nn.Module,
    training: LabelledSamples,
    validation: LabelledSamples,
    settings: Settings,
    process: Process,
) -> History:
    """Train a model, and leave it with the weights of its best epoch.

    Stochastic gradient descent with momentum on `training.loss.masked_loss`. A batch gives the same
    gradient at once, in micro-batches or on several devices, except for dropout and the statistics
    of batch normalisation. Those statistics are of one micro-batch, over all GPUs together, or on
    the CPU for each process alone. The best epoch is the one with the highest mean AUC over the
    tasks, after the views of each validation well are averaged; if no task has both classes, it is
    the one with the lowest loss.

    The state is saved after each epoch, within it every five minutes, and on SIGTERM, which ends
    the process after the current step. Another call goes on from there. On the CPU, and with the
    same number of processes and threads, it ends with the same bits.

    Parameters
    ----------
    model : torch.nn.Module
        From `models.build_model`; it is moved to the device.
    training, validation : samples.LabelledSamples
    settings : Settings
    process : Process

    Returns
    -------
    History

    Raises
    ------
    InputError
        The loss is no longer finite, the memory does not suffice, or the state is damaged.
    SystemExit
        With status 143, after SIGTERM.
    """
    folder, fingerprint = process.state_folder, process.fingerprint
    run = prepare_run(model, settings, process.device, process.rank, process.world)
    well_labels = average(validation.samples.views, validation.labels, WELL)[1]
    saved = load_state(folder, fingerprint, settings.epochs, model, run.optimiser)
    progress = saved or Progress(History(chosen_by=_choose_criterion(run, well_labels)))
    history = progress.history

    def save() -> None:
        if run.rank == 0:
            save_state(folder, fingerprint, progress, model, run.optimiser)

    if len(history.epochs) < settings.epochs:
        wrap_model(run)
    with termination_noted() as terminated, _open_curves(run, process.report, history) as draw:
        for epoch in range(len(history.epochs) + 1, settings.epochs + 1):
            batches = epoch_batches(
                len(training.samples), settings.batch_size, settings.seed, epoch, settings.share
            )
            log.info("epoch %d of %d: %d batches", epoch, settings.epochs, len(batches))
            monitor = _Monitor(run, progress, epoch, batches, training, save, terminated)
            loss = _train_epoch(run, epoch, batches, training, monitor)
            begun = time.monotonic()
            row = _validate(run, epoch, loss, validation, well_labels)
            history.epochs.append(row)
            history.timing.append(
                _timing_row(run, progress, epoch, batches, time.monotonic() - begun)
            )
            if history.best is row:
                weights = model.state_dict().items()
                progress.best_weights = {name: value.cpu().clone() for name, value in weights}
            progress.begin_epoch()
            # Before the state: what a kill leaves doubled, the next run hides.
            draw(row)
            save()
            _log_row(row)
    if history.epochs:
        model.load_state_dict(progress.best_weights)
    return history


def _train_epoch(
    run: Run,
    epoch: int,
    batches: Sequence[np.ndarray],
    training: LabelledSamples,
    monitor: "_Monitor",
) -> float:
    """Train for what is left of an epoch; the mean loss over the labels of the whole epoch."""
    samples, first = training.samples, monitor.first
    labels = torch.from_numpy(training.labels).to(run.device)
    shares = [share_of(run, batch) for batch in batches]
    stream = read_ahead(
        samples, [share for share, _ in shares[first:]], run.device, run.settings.threads
    )
    run.model.train()
    with closing(stream), monitor.bar:
        for number, pixels in enumerate(stream, first):
            share, counted = shares[number]
            views = torch.from_numpy(samples.view_of[share])
            # Waiting for the copy would be waiting for all steps before.
            share_labels = labels[views.to(run.device, non_blocking=True)]
            share_labels[counted:] = 0
            loss, norm = step(
                run,
                pixels,
                share_labels,
                monitor.label_counts[number],
                len(batches[number]),
                _seed_of_step(run, epoch, number),
            )
            monitor.add_step(number, loss, norm)
            monitor.check_time(number + 1)
    return monitor.update_progress(len(batches))


def _seed_of_step(run: Run, epoch: int, number: int) -> int:
    """From its place alone: a training that goes on draws what it would have drawn."""
    seed = np.random.SeedSequence([run.settings.seed, epoch, number, run.rank])
    return int(seed.generate_state(1, np.uint64)[0])


class _Monitor:
    """Watches an epoch: counts its loss and time, logs and saves them, and notices SIGTERM."""

    def __init__(
        self,
        run: Run,
        progress: Progress,
        epoch: int,
        batches: Sequence[np.ndarray],
        training: LabelledSamples,
        save: Callable[[], None],
        terminated: threading.Event,
    ) -> None:
        self.run, self.progress, self.epoch, self.batches = run, progress, epoch, batches
        self.save, self.terminated = save, terminated
        self.label_counts = _count_labels(training, batches)
        self.first, self.seconds_before = progress.step, progress.seconds
        self.sums = _sums_of_process(run, progress.sums)
        if run.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(run.device)
        self.begun = self.checked = self.logged = self.saved = time.monotonic()
        self.bar = tqdm(
            total=len(batches),
            initial=self.first,
            desc=f"epoch {epoch}",
            leave=False,
            # None: on a terminal only.
            disable=None if run.rank == 0 else True,
        )

    def add_step(self, number: int, loss: torch.Tensor, norm: torch.Tensor) -> None:
        """Add a step to the sums; the device is not waited for."""
        self.sums += torch.stack([loss * self.label_counts[number], norm])
        self.bar.update()

    def check_time(self, steps: int) -> None:
        """Log and save from time to time, in all processes after the same step; stop on SIGTERM."""
        now = time.monotonic()
        wish = CHECK if now - self.checked >= CHECK_SECONDS else GO_ON
        wish = largest_of_all(STOP if self.terminated.is_set() else wish, self.run)
        if wish == GO_ON:
            return
        loss, self.checked = self.update_progress(steps), now
        if now - self.logged >= LOG_SECONDS:
            self._log(steps, loss, now - self.begun)
            self.logged = now
        if wish == STOP or now - self.saved >= SAVE_SECONDS:
            self.save()
            self.saved = now
        if wish == STOP:
            log.info("stopped by SIGTERM in epoch %d; a new run goes on here", self.epoch)
            raise SystemExit(TERMINATED)

    def update_progress(self, steps: int) -> float:
        """Learn how far all processes are, and that it is sound; the mean loss."""
        progress = self.progress
        progress.sums = rows_of_all(self.sums, self.run)
        progress.step = steps
        progress.seconds = self.seconds_before + time.monotonic() - self.begun
        if not progress.sums.isfinite().all():
            raise _divergence_error(self.run, f"the loss of epoch {self.epoch}, or its gradient,")
        return float(progress.sums[:, 0].sum()) / sum(self.label_counts[:steps])

    def _log(self, steps: int, loss: float, seconds: float) -> None:
        speed = sum(map(len, self.batches[self.first : steps])) / seconds
        done = f"{steps} of {len(self.batches)} batches"
        log.info("epoch %d: %s, %.4g samples/s, loss %.4f", self.epoch, done, speed, loss)


def _count_labels(training: LabelledSamples, batches: Sequence[np.ndarray]) -> list[int]:
    """Labels present in each batch, or 1."""
    of_view, view_of = np.count_nonzero(training.labels, axis=1), training.samples.view_of
    return [max(int(of_view[view_of[batch]].sum()), 1) for batch in batches]


def _sums_of_process(run: Run, sums: torch.Tensor) -> torch.Tensor:
    """Row of this process; if there were more or fewer of them, the first takes over all."""
    if len(sums) != run.world:
        sums = torch.cat([sums.sum(0, keepdim=True), torch.zeros(run.world - 1, 2)])
    return sums[run.rank].to(run.device, torch.float64)


def _validate(
    run: Run,
    epoch: int,
    training_loss: float,
    validation: LabelledSamples,
    well_labels: np.ndarray,
) -> EpochRow:
    """Predict the validation samples, and make the row of the history."""
    views, labels = validation.samples.views, validation.labels
    share_buffers(run)
    logits = predict(
        run.model,
        validation.samples,
        run.device,
        run.micro_batch,
        run.settings,
        run.rank,
        run.world,
    )
    if not np.isfinite(logits).all():
        raise _divergence_error(run, f"the prediction of the validation views in epoch {epoch}")
    present = labels != 0
    # ln(1 + exp(-y z)), as in `masked_loss`.
    losses = np.logaddexp(0, -labels[present] * logits[present].astype(np.float64))
    aucs = task_auc(well_labels, average_predictions(views, logits, WELL)[1].logit)
    evaluable = aucs[~np.isnan(aucs)]
    return {
        "epoch": epoch,
        "training_loss": training_loss,
        "validation_loss": float(losses.mean()),
        "validation_auc": float(evaluable.mean()) if len(evaluable) else None,
        "evaluable_tasks": len(evaluable),
    }


def _timing_row(
    run: Run,
    progress: Progress,
    epoch: int,
    batches: Sequence[np.ndarray],
    validation_seconds: float,
) -> EpochTiming:
    device = device_name(run.device)
    return {
        "epoch": epoch,
        "training_seconds": progress.seconds,
        "validation_seconds": validation_seconds,
        "samples": sum(map(len, batches)),
        "peak_memory_mb": peak_memory(run.device),
        "device": device if run.world == 1 else f"{run.world} x {device}",
    }


def _choose_criterion(run: Run, well_labels: np.ndarray) -> Criterion:
    if ((well_labels > 0).any(axis=0) & (well_labels < 0).any(axis=0)).any():
        return "validation_auc"
    if run.rank == 0:
        log.warning(
            "no task has both active and inactive wells in the validation part: the best epoch "
            "is the one with the lowest validation loss"
        )
    return "validation_loss"


def _log_row(row: EpochRow) -> None:
    auc = row["validation_auc"]
    log.info(
        "epoch %d: training loss %.4f, validation loss %.4f, validation AUC %s",
        row["epoch"],
        row["training_loss"],
        row["validation_loss"],
        "not evaluable" if auc is None else f"{auc:.4f} over {row['evaluable_tasks']} tasks",
    )


def _divergence_error(run: Run, what: str) -> InputError:
    return InputError(
        f"models.{run.name}",
        f"{what} is not finite: the training has diverged",
        f"lower models.{run.name}.learning_rate or training.gradient_norm",
    )


@contextmanager
def _open_curves(
    run: Run, folder: PathLike | None, history: History
) -> Iterator[Callable[[EpochRow], None]]:
    """Give a function that sends a row of the history to TensorBoard."""
    if folder is None or run.rank > 0 or len(history.epochs) >= run.settings.epochs:
        yield lambda row: None
        return
    # Hides what a run that was killed had written beyond its saved state.
    with SummaryWriter(str(folder), purge_step=len(history.epochs) + 1) as writer:

        def draw(row: EpochRow) -> None:
            for name in CURVES:
                if (value := row[name]) is not None:
                    writer.add_scalar(name, value, row["epoch"])
            writer.flush()

        yield draw
