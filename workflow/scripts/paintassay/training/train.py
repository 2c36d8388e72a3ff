"""Training a network: its epochs, how the best is chosen, and how it stops and goes on."""

import logging
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from paintassay.core.errors import InputError
from paintassay.metrics.measures import task_auc
from paintassay.predictions.average import average
from paintassay.training.batches import epoch_batches, feed
from paintassay.training.gpus import device_name, peak_memory
from paintassay.training.predict import predict
from paintassay.training.state import (
    TERMINATED,
    History,
    Progress,
    load_state,
    save_state,
    termination_noted,
)
from paintassay.training.step import agree, gather, join, share_buffers, share_of, start, step

log = logging.getLogger(__name__)

CHECK_SECONDS = 10
LOG_SECONDS = 30
SAVE_SECONDS = 300


@dataclass(frozen=True)
class Settings:
    """How a network is trained; the configuration explains each."""

    learning_rate: float
    momentum: float
    weight_decay: float
    batch_size: int
    epochs: int
    gradient_norm: float = 5.0
    seed: int = 0
    share: float = 1.0
    micro_batch: int | None = None
    precision: str = "float32"
    channels_last: bool = False
    compile: bool = False
    threads: int = 2


def train(
    model,
    training,
    validation,
    labels_training,
    labels_validation,
    settings,
    device,
    state_folder,
    fingerprint,
    report=None,
    rank=0,
    world=1,
):
    """Train a model, and leave it with the weights of its best epoch.

    Stochastic gradient descent with momentum on `training.loss.masked_loss`. A batch gives the same
    gradient at once, in micro-batches or on several devices, but for dropout and for the
    statistics of batch normalisation: those are of each micro-batch, over all GPUs, and on the CPU
    of each process. The best epoch is the one with the highest mean AUC over the tasks, the views
    of a validation well averaged; where no task has both classes, that with the lowest loss.

    The state is saved after each epoch, within it every five minutes, and on SIGTERM, which ends
    the process after the step at hand. Called again, this goes on there: on the CPU, and with as
    many processes and threads, to the same bits.

    Parameters
    ----------
    model : torch.nn.Module
        From `models.build_model`; it is moved to the device.
    training, validation : samples.Samples
    labels_training, labels_validation : numpy.ndarray of int8, (views, tasks)
        +1 active, -1 inactive, 0 missing: rows as in ``training.views`` and ``validation.views``.
    settings : Settings
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
    run = start(model, settings, device, rank, world)
    well_labels = average(validation.views, labels_validation, ["plate", "well"])[1]
    progress = load_state(state_folder, fingerprint, settings.epochs, model, run.optimiser)
    progress = progress or Progress(History(chosen_by=_chosen_by(run, well_labels)))
    history = progress.history

    def save():
        if rank == 0:
            save_state(state_folder, fingerprint, progress, model, run.optimiser)

    if len(history.epochs) < settings.epochs:
        join(run)
    with termination_noted() as terminated, _reporting(run, report, history) as write:
        for epoch in range(len(history.epochs) + 1, settings.epochs + 1):
            batches = epoch_batches(
                len(training), settings.batch_size, settings.seed, epoch, settings.share
            )
            log.info("epoch %d of %d: %d batches", epoch, settings.epochs, len(batches))
            loss = _train_epoch(
                run, progress, epoch, batches, training, labels_training, save, terminated
            )
            begun = time.monotonic()
            row = {"epoch": epoch, "training_loss": loss}
            row |= _validate(run, epoch, validation, labels_validation, well_labels)
            history.epochs.append(row)
            history.timing.append(
                {
                    "epoch": epoch,
                    "training_seconds": progress.seconds,
                    "validation_seconds": time.monotonic() - begun,
                    "samples": sum(map(len, batches)),
                    "peak_memory_mb": peak_memory(device),
                    "device": device_name(device)
                    if world == 1
                    else f"{world} x {device_name(device)}",
                }
            )
            if history.best is row:
                weights = model.state_dict().items()
                progress.best_weights = {name: value.cpu().clone() for name, value in weights}
            progress.begin_epoch()
            # Before the state: what a kill leaves doubled, the next run hides.
            write(row)
            save()
            _log_row(row)
    if history.epochs:
        model.load_state_dict(progress.best_weights)
    return history


def _train_epoch(run, progress, epoch, batches, samples, labels, save, terminated):
    """Train for what is left of an epoch; the mean loss over the labels of the whole epoch."""
    settings, first = run.settings, progress.step
    shares = [share_of(run, batch) for batch in batches]
    present = np.count_nonzero(labels, axis=1)
    labels_in = [max(int(present[samples.view_of[batch]].sum()), 1) for batch in batches]
    labels_there = torch.from_numpy(labels).to(run.device)
    sums = _own_sums(run, progress.sums)
    seconds_before = progress.seconds
    begun = checked = logged = saved = time.monotonic()
    if run.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(run.device)
    run.model.train()

    def check(steps):
        """Learn how far all processes are, and that it is sound; the mean loss."""
        progress.sums = gather(sums, run)
        progress.step, progress.seconds = steps, seconds_before + time.monotonic() - begun
        if not progress.sums.isfinite().all():
            raise _diverged(run, f"the loss of epoch {epoch}, or its gradient,")
        return float(progress.sums[:, 0].sum()) / sum(labels_in[:steps])

    own = [share for share, _ in shares[first:]]
    stream = feed(samples, own, run.device, settings.threads)
    bar = tqdm(
        total=len(batches),
        initial=first,
        desc=f"epoch {epoch}",
        leave=False,
        # None: on a terminal only.
        disable=None if run.rank == 0 else True,
    )
    with closing(stream), bar:
        for number, pixels in enumerate(stream, first):
            indices, counted = shares[number]
            views = torch.from_numpy(samples.view_of[indices])
            # Waiting for the copy would be waiting for all steps before.
            share_labels = labels_there[views.to(run.device, non_blocking=True)]
            share_labels[counted:] = 0
            # From its place alone: a training that goes on draws what it would have drawn.
            seed = np.random.SeedSequence([settings.seed, epoch, number, run.rank])
            loss, norm = step(
                run,
                pixels,
                share_labels,
                labels_in[number],
                len(batches[number]),
                int(seed.generate_state(1, np.uint64)[0]),
            )
            sums += torch.stack([loss * labels_in[number], norm])
            bar.update()
            now = time.monotonic()
            wish = 2 if terminated.is_set() else int(now - checked >= CHECK_SECONDS)
            if not (wish := agree(wish, run)):
                continue
            mean, checked = check(number + 1), now
            if now - logged >= LOG_SECONDS:
                speed = sum(map(len, batches[first : number + 1])) / (now - begun)
                done = f"{number + 1} of {len(batches)} batches"
                log.info("epoch %d: %s, %.4g samples/s, loss %.4f", epoch, done, speed, mean)
                logged = now
            if wish == 2 or now - saved >= SAVE_SECONDS:
                save()
                saved = now
            if wish == 2:
                log.info("stopped by SIGTERM in epoch %d; a new run goes on here", epoch)
                raise SystemExit(TERMINATED)
    return check(len(batches))


def _validate(run, epoch, samples, labels, well_labels):
    """The columns of a history row that come from the validation samples."""
    share_buffers(run)
    scores = predict(
        run.model, samples, run.device, run.micro_batch, run.settings, run.rank, run.world
    )
    if not np.isfinite(scores).all():
        raise _diverged(run, f"the prediction of the validation views in epoch {epoch}")
    probability = np.where(labels > 0, scores, 1 - scores.astype(np.float64))[labels != 0]
    aucs = task_auc(well_labels, average(samples.views, scores, ["plate", "well"])[1])
    evaluable = aucs[~np.isnan(aucs)]
    return {
        "validation_loss": float(-np.log(probability.clip(1e-12, 1)).mean()),
        "validation_auc": float(evaluable.mean()) if len(evaluable) else None,
        "evaluable_tasks": len(evaluable),
    }


def _chosen_by(run, well_labels):
    if ((well_labels > 0).any(axis=0) & (well_labels < 0).any(axis=0)).any():
        return "validation_auc"
    if run.rank == 0:
        log.warning(
            "no task has both active and inactive wells in the validation part: the best epoch "
            "is the one with the lowest validation loss"
        )
    return "validation_loss"


def _own_sums(run, sums):
    """Row of this process; if there were more or fewer of them, the first takes over all."""
    if len(sums) != run.world:
        sums = torch.cat([sums.sum(0, keepdim=True), torch.zeros(run.world - 1, 2)])
    return sums[run.rank].to(run.device, torch.float64)


def _log_row(row):
    auc = row["validation_auc"]
    log.info(
        "epoch %d: training loss %.4f, validation loss %.4f, validation AUC %s",
        row["epoch"],
        row["training_loss"],
        row["validation_loss"],
        "not evaluable" if auc is None else f"{auc:.4f} over {row['evaluable_tasks']} tasks",
    )


def _diverged(run, what):
    return InputError(
        f"models.{run.name}",
        f"{what} is not finite: the training has diverged",
        f"lower models.{run.name}.learning_rate or training.gradient_norm",
    )


@contextmanager
def _reporting(run, folder, history):
    """Give a function that sends a row of the history to TensorBoard."""
    if folder is None or run.rank > 0 or len(history.epochs) >= run.settings.epochs:
        yield lambda row: None
        return
    # Hides what a run that was killed had written beyond its saved state.
    with SummaryWriter(str(folder), purge_step=len(history.epochs) + 1) as writer:

        def write(row):
            for name in ("training_loss", "validation_loss", "validation_auc"):
                if row[name] is not None:
                    writer.add_scalar(name, row[name], row["epoch"])
            writer.flush()

        yield write
