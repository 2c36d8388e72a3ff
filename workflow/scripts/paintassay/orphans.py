"""Processes whose parent was killed: a new one waits for them, or they end with it."""

import fcntl
import hashlib
import logging
import multiprocessing
import os
import sys
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path

log = logging.getLogger(__name__)


@contextmanager
def alone(path):
    """Wait until no other process of this user on this machine is inside for the same path.

    A Snakemake that is killed leaves its jobs running. The next one starts them again, and without
    this the old process, perhaps of older settings, could replace a new result.

    Parameters
    ----------
    path : str or Path
        What there must be only one process for, such as a job's log; it need not exist.
    """
    folder = Path(tempfile.gettempdir()) / f"paintassay-{os.getuid()}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest = hashlib.sha256(os.fsencode(Path(path).resolve())).digest()
    # One byte of one file for each path: nothing piles up.
    place = int.from_bytes(digest[:7], "big")
    with (folder / "jobs").open("a") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
        except OSError:
            message = (
                f"{path}: an earlier process is still at work on this job, as after Snakemake was "
                "killed; waiting for its end"
            )
            log.warning(message)
            print(message, file=sys.stderr, flush=True)
            fcntl.lockf(file, fcntl.LOCK_EX, 1, place)
        # The kernel lets go of it when the process ends, even if it is killed.
        yield


def end_with_parent():
    """End this process, started by multiprocessing, when its parent does, even if killed.

    Without this the worker processes of a killed job wait for ever, or go on writing.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        raise RuntimeError("this process was not started by multiprocessing")

    def wait():
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
