"""A job's log and processes: users read its errors, and it waits for its predecessor."""

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

from paintassay.core.errors import InputError
from paintassay.core.files import NO_MORE, refusal

log = logging.getLogger(__name__)


@contextmanager
def job(path):
    """Log everything that happens inside to a file, errors with their traceback.

    An `InputError` is the user's to mend: its message goes to the screen alone, the traceback
    to the file. So is a disk that is full or read-only. Either way the process ends with exit
    status 1. While an earlier process of the same job is still at work, this waits.

    Parameters
    ----------
    path : str or Path
        The log file, started anew.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    to_file = logging.FileHandler(path, mode="w", encoding="utf-8")
    to_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    root.addHandler(to_file)
    logging.captureWarnings(True)
    try:
        with alone(path):
            yield
    except Exception as error:
        logging.exception("failed")
        if isinstance(error, OSError) and error.errno in NO_MORE:
            error = refusal(error, error.filename or "a result")
        if isinstance(error, InputError):
            # The traceback is for us; what the user needs comes last, where people look.
            logging.error("%s", error)
            sys.exit(f"Error: {error}")
        raise
    finally:
        root.removeHandler(to_file)
        to_file.close()


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
