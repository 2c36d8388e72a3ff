"""Deal samples into batches, and bring the batches to the device in time."""

from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from paintassay.training.samples import Samples


def epoch_batches(
    count: int, batch_size: int, seed: int, epoch: int, share: float = 1.0
) -> list[np.ndarray]:
    """Deal the samples of an epoch into batches, anew each epoch.

    Parameters
    ----------
    count : int
        How many samples there are.
    batch_size : int
        The most a batch holds.
    seed, epoch : int
        Not negative; the order depends on both, and on nothing that happened before.
    share : float
        Share of the samples that an epoch takes, above 0 and up to 1; at least one sample.

    Returns
    -------
    list of numpy.ndarray of int64
        Distinct samples in random order, all of them where the share is 1. As few batches as
        can be, whose sizes differ by at most one: a tiny last batch would make a step as large
        as the others out of a few samples.
    """
    if not 0 < share <= 1:
        raise ValueError(f"a share of {share}")
    taken = min(max(round(share * count), 1), count)
    order = np.random.default_rng([seed, epoch]).permutation(count)[:taken]
    return np.array_split(order, -(-taken // batch_size)) if taken else []


def read_ahead(
    samples: Samples,
    batches: Sequence[np.ndarray],
    device: torch.device | str,
    threads: int = 2,
    depth: int = 3,
) -> Generator[torch.Tensor, None, None]:
    """Read batches ahead and put them on a device.

    It needs the memory of `depth` batches of the largest size, however many there are. The threads
    end when the loop is left early, or when a reader raises an error, which is raised here again.

    Parameters
    ----------
    samples : samples.Samples
    batches : list of numpy.ndarray of int
        Samples of each batch; a batch may be empty.
    device : torch.device or str
    threads : int
        How many batches are read at the same time.
    depth : int
        Batches held in memory: the one in use, and those read or being read ahead.

    Yields
    ------
    torch.Tensor of uint8 or float32, (len(batch), *samples.shape)
        In the order of `batches`. On the CPU a batch is valid until the next is asked for; on a
        GPU it is ready for the current stream.
    """
    if depth < 1:
        raise ValueError(f"a depth of {depth}")
    device = torch.device(device)
    on_gpu = device.type == "cuda"
    copies = torch.cuda.Stream(device) if on_gpu else None
    shape = (max(map(len, batches), default=0), *samples.shape)
    dtype = torch.from_numpy(np.empty(0, samples.dtype)).dtype
    # Only a copy from pinned memory runs while the host works.
    buffers = [torch.empty(shape, dtype=dtype, pin_memory=on_gpu) for _ in batches[:depth]]

    def fill(
        buffer: torch.Tensor, indices: np.ndarray, copied: torch.cuda.Event | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if copied is not None:
            copied.synchronize()
        samples.read(indices, buffer[: len(indices)].numpy())
        return buffer, buffer[: len(indices)]

    rest = iter(batches)
    with ThreadPoolExecutor(threads, thread_name_prefix="read_ahead") as pool:
        ahead = deque(
            pool.submit(fill, buffer, indices, None)
            for buffer, indices in zip(buffers, rest, strict=False)
        )
        try:
            while ahead:
                buffer, batch = ahead.popleft().result()
                copied = None
                if copies is not None:
                    # The copy has a stream of its own, so that it runs during the step before.
                    with torch.cuda.stream(copies):
                        batch = batch.to(device, non_blocking=True)
                        copied = copies.record_event()
                    user = torch.cuda.current_stream(device)
                    user.wait_event(copied)
                    # Keeps the memory from being given away while that step still reads it.
                    batch.record_stream(user)
                yield batch
                if (indices := next(rest, None)) is not None:
                    ahead.append(pool.submit(fill, buffer, indices, copied))
        finally:
            for future in ahead:
                future.cancel()
