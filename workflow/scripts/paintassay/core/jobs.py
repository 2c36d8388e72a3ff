"""Run a job: with a log, after its predecessor, on intact inputs; its workers end with it."""

import fcntl
import hashlib
import logging
import multiprocessing
import os
import sys
import tempfile
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from paintassay.core.checksums import compare_files, remove_notes, results_of, write_notes
from paintassay.core.errors import NO_MORE, InputError, PathLike, refusal

log = logging.getLogger(__name__)


@contextmanager
def job(
    path: PathLike, inputs: Collection[PathLike] = (), outputs: Collection[PathLike] = ()
) -> Iterator[None]:
    """Log everything that happens inside to a file, errors with their traceback.

    Before, inputs are compared with the checksums that earlier jobs have noted of them; at the end,
    those of the outputs are noted (`core.checksums`).

    Users can mend an `InputError`, and a disk that is full or read-only: the message alone goes
    to the screen, the traceback to the file. In either case the process ends with exit status 1.
    While an earlier process of the same job is still at work, this waits.

    Parameters
    ----------
    path : str or Path
        The log file, started anew.
    inputs, outputs : collection of str or Path
        What the job reads and writes. Outputs that have checksums of their own, such as shards,
        are left out.
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
            compare_files(inputs)
            results = results_of(path, outputs)
            if results is not None:
                remove_notes(results, outputs)
            yield
            if results is not None:
                write_notes(results, outputs)
    except Exception as error:
        logging.exception("failed")
        if isinstance(error, OSError) and error.errno in NO_MORE:
            error = refusal(error, error.filename or "a result") or error
        if isinstance(error, InputError):
            # The message comes last, where people look for it.
            logging.error("%s", error)
            sys.exit(f"Error: {error}")
        raise
    finally:
        root.removeHandler(to_file)
        to_file.close()


@contextmanager
def alone(path: PathLike) -> Iterator[None]:
    """Wait until no other process of this user on this machine is inside for the same path.

    A killed Snakemake leaves its jobs running, and the next one starts them again. Without this,
    the old process, perhaps with older settings, could replace a new result.

    Parameters
    ----------
    path : str or Path
        A file, such as a job's log, that only one process may work for; it need not exist.
    """
    folder = Path(tempfile.gettempdir()) / f"paintassay-{os.getuid()}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest = hashlib.sha256(os.fsencode(Path(path).resolve())).digest()
    # Each path locks one byte of one file, so that no files pile up.
    offset = int.from_bytes(digest[:7], "big")
    with (folder / "jobs").open("a") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, offset)
        except OSError:
            message = (
                f"{path}: an earlier process is still at work on this job, as after Snakemake was "
                "killed; waiting for its end"
            )
            log.warning(message)
            print(message, file=sys.stderr, flush=True)
            fcntl.lockf(file, fcntl.LOCK_EX, 1, offset)
        # The kernel releases the lock when the process ends, even if it is killed.
        yield


def end_with_parent() -> None:
    """End this process, started by multiprocessing, when its parent ends, even if it is killed.

    Without this the worker processes of a killed job wait for ever, or go on writing.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        raise RuntimeError("this process was not started by multiprocessing")

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
