"""One step of a training: the gradient of a batch, divided among devices and by memory."""

import logging
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from torch import distributed
from torch.nn.parallel import DistributedDataParallel

from paintassay.core.errors import InputError
from paintassay.training.gpus import autocast
from paintassay.training.loss import masked_loss
from paintassay.training.outputs import check_outputs, keep_outputs_in_float32
from paintassay.training.settings import Settings
from paintassay.training.standardise import prepare_samples

log = logging.getLogger(__name__)


@dataclass
class Run:
    """A model in training.

    Attributes
    ----------
    model : torch.nn.Module
        The bare model, on `device`.
    wrapped : torch.nn.Module
        The same as it is called in training: compiled, and joined with that of other processes.
    optimiser : torch.optim.Optimizer
    settings : Settings
    device : torch.device
    rank, world : int
        Number of this process, from 0, and of all.
    micro_batch : int
        Samples at once; becomes smaller where memory does not suffice.
    """

    model: torch.nn.Module
    wrapped: torch.nn.Module
    optimiser: torch.optim.Optimizer
    settings: Settings
    device: torch.device
    rank: int
    world: int
    micro_batch: int

    @property
    def name(self) -> str:
        """Name of the model in the configuration."""
        return getattr(self.model, "built_as", {}).get("name", "<name>")


def prepare_run(
    model: torch.nn.Module, settings: Settings, device: torch.device, rank: int, world: int
) -> Run:
    """Move a model to its device and give it an optimiser; `wrap_model` comes next.

    Parameters
    ----------
    model : torch.nn.Module
    settings : Settings
    device : torch.device
    rank, world : int

    Returns
    -------
    Run
    """
    model.to(device)
    if settings.precision == "bfloat16":
        keep_outputs_in_float32(model)
    if settings.channels_last:
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # not in the stub
    if world > 1 and device.type == "cuda":
        torch.nn.SyncBatchNorm.convert_sync_batchnorm(model)
    optimiser = torch.optim.SGD(
        model.parameters(),
        lr=settings.learning_rate,
        momentum=settings.momentum,
        weight_decay=settings.weight_decay,
    )
    micro_batch = settings.micro_batch or -(-settings.batch_size // world)
    return Run(model, model, optimiser, settings, device, rank, world, micro_batch)


def wrap_model(run: Run) -> None:
    """Compile the model if asked to, and join it with that of the other processes, if any."""
    if run.settings.compile:
        # Of a module it makes a module, whatever its annotation says.
        run.wrapped = torch.compile(run.wrapped)  # type: ignore[assignment]
    if run.world > 1:
        devices = [run.device] if run.device.type == "cuda" else None
        run.wrapped = DistributedDataParallel(run.wrapped, device_ids=devices)


def share_of(run: Run, batch: np.ndarray) -> tuple[np.ndarray, int]:
    """Share of a process in a batch.

    All processes compute the same number of pieces of a batch, because the operations that join
    them need all of them. A process with fewer samples than pieces repeats samples, without labels:
    not all layers accept an empty piece.

    Parameters
    ----------
    run : Run
    batch : numpy.ndarray of int, (samples,)

    Returns
    -------
    share : numpy.ndarray of int
    counted : int
        How many of the share, from the first, have labels.
    """
    share = np.array_split(batch, run.world)[run.rank]
    missing = max(_count_pieces(run, len(batch)) - len(share), 0)
    return np.append(share, batch[:missing]), len(share)


def _count_pieces(run: Run, batch_size: int) -> int:
    """Into how many pieces the processes divide their shares of a batch."""
    largest = -(-batch_size // run.world)
    return -(-largest // run.micro_batch)


def step(
    run: Run,
    samples: torch.Tensor,
    labels: torch.Tensor,
    count: int,
    batch_size: int,
    seed: int,
) -> torch.Tensor:
    """Change the weights by one step of a batch.

    Parameters
    ----------
    run : Run
    samples : torch.Tensor of uint8 or float32, (share, *shape)
        This process's share of the batch, on the device.
    labels : torch.Tensor of int8, (share, tasks)
        On the device.
    count : int
        Labels present in the whole batch, or 1.
    batch_size : int
        Samples of the whole batch.
    seed : int
        Of what the model draws.

    Returns
    -------
    torch.Tensor of float64, (2,)
        This share's part of the batch's loss, and the norm of the batch's gradient before it was
        shortened; on the device, which is not waited for.

    Raises
    ------
    InputError
        The memory does not suffice.
    """
    while (loss := _compute_gradient(run, samples, labels, count, batch_size, seed)) is None:
        # Not where the error is caught: there, all that did not fit still exists.
        torch.cuda.empty_cache()
    norm = torch.nn.utils.clip_grad_norm_(run.model.parameters(), run.settings.gradient_norm)
    run.optimiser.step()
    return torch.stack([loss, norm.double()])


def _compute_gradient(
    run: Run,
    samples: torch.Tensor,
    labels: torch.Tensor,
    count: int,
    batch_size: int,
    seed: int,
) -> torch.Tensor | None:
    """Loss of this share, its gradient left in the model; None if a smaller micro-batch is due.

    The losses of all pieces are sums divided by the labels of the whole batch, so their gradients
    add up to that of the batch.
    """
    run.optimiser.zero_grad()
    # torch.manual_seed spends more time on absent kinds of devices than a small step takes.
    torch.default_generator.manual_seed(seed)
    if run.device.type == "cuda":
        torch.cuda.manual_seed(seed)
    pieces = _count_pieces(run, batch_size)
    divided = zip(samples.tensor_split(pieces), labels.tensor_split(pieces), strict=True)
    loss = torch.zeros((), dtype=torch.float64, device=run.device)
    try:
        for number, (piece, piece_labels) in enumerate(divided, 1):
            with _exchange_gradients(run, last=number == pieces):
                with autocast(run.device, run.settings.precision):
                    outputs = run.wrapped(prepare_samples(piece, run.settings))
                losses = [
                    masked_loss(logits, piece_labels, count)
                    for logits in check_outputs(outputs, run.name)
                ]
                piece_loss = sum(losses[1:], start=losses[0])
                # The exchange is an average, and should be a sum.
                (piece_loss * run.world).backward()
            loss += piece_loss.detach()
    except torch.OutOfMemoryError as error:
        _halve_micro_batch(run, len(samples), error)
        return None
    return loss


def _exchange_gradients(run: Run, last: bool) -> AbstractContextManager[None]:
    """Let the processes exchange gradients once, with the last piece."""
    if isinstance(run.wrapped, DistributedDataParallel) and not last:
        return run.wrapped.no_sync()
    return nullcontext()


def _halve_micro_batch(run: Run, share: int, error: torch.OutOfMemoryError) -> None:
    size = min(run.micro_batch, share)
    key = f"models.{run.name}.micro_batch"
    if size == 1:
        raise InputError(
            key,
            f"the memory of {run.device} does not suffice for a single sample",
            "see whether another program uses the device, or take one with more memory",
        ) from error
    if run.world > 1:
        raise InputError(
            key,
            f"the memory of {run.device} does not suffice for {size} samples at once",
            f"set it to {size // 2}; the batch and its gradient stay the same",
        ) from error
    run.micro_batch = size // 2
    log.warning(
        "the memory of %s does not suffice for %d samples at once, going on with %d; to spare the "
        "attempt, set %s",
        run.device, size, run.micro_batch, key,
    )  # fmt: skip


def largest_of_all(value: int, run: Run) -> int:
    """The largest of the values of all processes."""
    if run.world == 1:
        return value
    values = torch.tensor(value)
    distributed.all_reduce(values, distributed.ReduceOp.MAX)
    return int(values)


def rows_of_all(row: torch.Tensor, run: Run) -> torch.Tensor:
    """The rows of all processes: tensor (n,) on any device -> (world, n), float64, on the CPU."""
    rows = torch.zeros(run.world, len(row), dtype=torch.float64)
    rows[run.rank] = row.cpu()
    if run.world > 1:
        distributed.all_reduce(rows)
    return rows


def share_buffers(run: Run) -> None:
    """Give all processes the first one's running averages, which are as good as any."""
    if run.world > 1:
        for buffer in run.model.buffers():
            distributed.broadcast(buffer, 0)
