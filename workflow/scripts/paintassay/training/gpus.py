"""The devices of a job: GPUs that no other job has, and the precision of the layers."""

import fcntl
import logging
import platform
import random
import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

import torch

from paintassay.core.errors import InputError
from paintassay.core.files import PathLike
from paintassay.core.jobs import open_lock, private_folder

log = logging.getLogger(__name__)

WAIT_SECONDS = 5
# Locked files by path; they stay open, and so locked, until the process ends.
_claimed: dict[Path, TextIO] = {}


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Context in which layers compute in "bfloat16"; with another precision it changes nothing.

    Parameters
    ----------
    device : torch.device
    precision : {"float32", "tf32", "bfloat16"}
    """
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16")


def set_precision(precision: str) -> None:
    """Let a GPU compute in TF32 what is float32, or forbid it, for the whole process.

    TF32 has the range of float32 and ten bits of mantissa. PyTorch would use it in convolutions if
    nothing were said. On the CPU it makes no difference.

    Parameters
    ----------
    precision : {"float32", "tf32", "bfloat16"}
        Only "tf32" allows it.
    """
    torch.backends.cudnn.allow_tf32 = precision == "tf32"
    torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"


def device_name(device: torch.device) -> str:
    """Name of a device for people, such as NVIDIA H100 80GB HBM3."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU {platform.machine()}"


def peak_memory(device: torch.device) -> float:
    """Most memory that was in use, in MB.

    Parameters
    ----------
    device : torch.device
        On a GPU: of it, since ``torch.cuda.reset_peak_memory_stats``; else: of the process.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    # In bytes on macOS, in KB elsewhere.
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def choose_devices(kind: str, number: int) -> list[torch.device]:
    """Choose the devices of a job, and claim GPUs so that no other job gets the same.

    Only GPUs that CUDA_VISIBLE_DEVICES leaves visible are looked at. While too few of them are free
    this waits. Each of this user's jobs on this machine that chooses in this way has its own GPUs
    until its process ends, in whatever way; a second call in a process gives the same ones again.

    Parameters
    ----------
    kind : {"auto", "cpu", "cuda"}
        auto: GPUs if there are any.
    number : int
        How many; of the CPU, that many processes.

    Returns
    -------
    list of torch.device

    Raises
    ------
    InputError
        There is no GPU, or there are fewer than asked for.
    """
    if kind == "cpu" or (kind == "auto" and not torch.cuda.is_available()):
        return [torch.device("cpu")] * number
    if not torch.cuda.is_available():
        raise InputError(
            "training.device",
            "is cuda, but PyTorch finds no GPU that it can use",
            "see what nvidia-smi says and whether this PyTorch is built for CUDA, or set it to cpu",
        )
    visible = torch.cuda.device_count()
    if number > visible:
        raise InputError(
            "training.devices",
            f"is {number}, but {visible} GPUs are visible",
            f"set it to {visible} or less, or look at CUDA_VISIBLE_DEVICES",
        )
    names = [f"gpu-{torch.cuda.get_device_properties(index).uuid}" for index in range(visible)]
    claimed = claim_gpus(names, number)
    return [torch.device("cuda", names.index(name)) for name in claimed]


def claim_gpus(names: Sequence[str], number: int, folder: PathLike | None = None) -> list[str]:
    """Claim some of these GPUs for this process, or wait until they are free.

    All or none are taken, so that two processes that each want several cannot block each other.

    Parameters
    ----------
    names : sequence of str
        To choose from; each must be usable as a file name.
    number : int
        How many, at most as many as there are names.
    folder : str or Path, optional
        Where the locks are; by default that of `core.jobs.private_folder`.

    Returns
    -------
    list of str
        Those claimed by the process before come first.
    """
    folder = Path(folder) if folder else private_folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    paths = sorted((folder / name for name in names), key=lambda path: path not in _claimed)
    logged = False
    while len(files := _lock_some(paths, number)) < number:
        for path in files.keys() - _claimed.keys():
            files[path].close()
        if not logged:
            log.info("waiting for %d of %d devices; other jobs have the rest", number, len(names))
            logged = True
        # Those that gave way to each other must not try again at the same moment.
        time.sleep(WAIT_SECONDS * random.uniform(0.5, 1.5))
    _claimed.update(files)
    return [path.name for path in files]


def _lock_some(paths: Sequence[Path], number: int) -> dict[Path, TextIO]:
    """Locked files by path: `number` of them, or as many as are free."""
    files = {}
    for path in paths:
        if len(files) < number and (file := _claimed.get(path) or _lock(path)):
            files[path] = file
    return files


def _lock(path: Path) -> TextIO | None:
    """Open and lock a file; None if another process has it."""
    file = open_lock(path)
    try:
        # The kernel lets go of it when the process ends, even if it is killed.
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file
