"""One step of a training: the gradient of a batch, divided among devices and by memory."""

import logging
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from torch import distributed
from torch.nn.parallel import DistributedDataParallel

from paintassay.core.errors import InputError
from paintassay.training.gpus import autocast
from paintassay.training.loss import masked_loss
from paintassay.training.standardise import standardise_pixels

log = logging.getLogger(__name__)


@dataclass
class Run:
    """A model in training.

    Attributes
    ----------
    model : torch.nn.Module
        The bare model, on `device`.
    network : torch.nn.Module
        The same as it is called in training: compiled, and joined with that of other processes.
    optimiser : torch.optim.Optimizer
    settings : training.Settings
    device : torch.device
    rank, world : int
        Number of this process, from 0, and of all.
    micro_batch : int
        Samples at once; becomes smaller where memory does not suffice.
    """

    model: torch.nn.Module
    network: torch.nn.Module
    optimiser: torch.optim.Optimizer
    settings: object
    device: torch.device
    rank: int
    world: int
    micro_batch: int

    @property
    def name(self):
        """Name of the model in the configuration."""
        return getattr(self.model, "built_as", {}).get("name", "<name>")


def start(model, settings, device, rank, world):
    """Move a model to its device and give it an optimiser; `join` comes next.

    Parameters
    ----------
    model : torch.nn.Module
    settings : training.Settings
    device : torch.device
    rank, world : int

    Returns
    -------
    Run
    """
    model.to(device)
    if settings.channels_last:
        model.to(memory_format=torch.channels_last)
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


def join(run):
    """Compile the network if asked to, and join it with that of the other processes, if any."""
    if run.settings.compile:
        run.network = torch.compile(run.network)
    if run.world > 1:
        devices = [run.device] if run.device.type == "cuda" else None
        run.network = DistributedDataParallel(run.network, device_ids=devices)


def share_of(run, batch):
    """Share of a process in a batch.

    All processes compute as many pieces of a batch, since operations that join them come in
    pairs. Where that is a piece more than a process has samples, it repeats one, without labels:
    not all layers can do with nothing.

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
    own = np.array_split(batch, run.world)[run.rank]
    missing = max(_pieces(run, len(batch)) - len(own), 0)
    return np.append(own, batch[:missing]), len(own)


def _pieces(run, batch_size):
    """Into how many pieces the processes divide their shares of a batch."""
    largest = -(-batch_size // run.world)
    return -(-largest // run.micro_batch)


def step(run, samples, labels, count, batch_size, seed):
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
        Of what the network draws.

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
    while (loss := _gradient(run, samples, labels, count, batch_size, seed)) is None:
        # Here and not where the error is caught: there, all that did not fit is still alive.
        torch.cuda.empty_cache()
    norm = torch.nn.utils.clip_grad_norm_(run.model.parameters(), run.settings.gradient_norm)
    run.optimiser.step()
    return torch.stack([loss, norm.double()])


def _gradient(run, samples, labels, count, batch_size, seed):
    """Loss of this share, its gradient left in the model; None if a smaller micro-batch is due.

    The losses of all pieces are sums divided by the labels of the whole batch, so their gradients
    add up to that of the batch.
    """
    run.optimiser.zero_grad()
    # torch.manual_seed would take longer over absent kinds of devices than a small step takes.
    torch.default_generator.manual_seed(seed)
    if run.device.type == "cuda":
        torch.cuda.manual_seed(seed)
    pieces = _pieces(run, batch_size)
    divided = zip(samples.tensor_split(pieces), labels.tensor_split(pieces), strict=True)
    loss = torch.zeros((), dtype=torch.float64, device=run.device)
    try:
        for number, (piece, its_labels) in enumerate(divided, 1):
            # The processes exchange gradients once, with the last piece.
            alone = run.world > 1 and number < pieces
            with run.network.no_sync() if alone else nullcontext():
                with autocast(run.device, run.settings.precision):
                    outputs = run.network(_pixels(piece, run.settings))
                outputs = outputs if isinstance(outputs, tuple) else (outputs,)
                piece_loss = sum(masked_loss(each, its_labels, count) for each in outputs)
                # The exchange is an average, and should be a sum.
                (piece_loss * run.world).backward()
            loss += piece_loss.detach()
    except torch.OutOfMemoryError as error:
        _halve_micro_batch(run, len(samples), error)
        return None
    return loss


def _pixels(samples, settings):
    samples = standardise_pixels(samples)
    if settings.channels_last and samples.ndim == 4:
        samples = samples.contiguous(memory_format=torch.channels_last)
    return samples


def _halve_micro_batch(run, share, error):
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


def agree(value, run):
    """The largest of the values (int) of all processes."""
    if run.world == 1:
        return value
    values = torch.tensor(value)
    distributed.all_reduce(values, distributed.ReduceOp.MAX)
    return int(values)


def gather(row, run):
    """The rows of all processes: tensor (n,) on any device -> (world, n), float64, on the CPU."""
    rows = torch.zeros(run.world, len(row), dtype=torch.float64)
    rows[run.rank] = row.cpu()
    if run.world > 1:
        distributed.all_reduce(rows)
    return rows


def share_buffers(run):
    """Give all processes the first one's running averages, which are as good as any."""
    if run.world > 1:
        for buffer in run.model.buffers():
            distributed.broadcast(buffer, 0)
