"""Run a job: with a log, after its predecessor, on intact inputs; its workers end with it."""

import fcntl
import hashlib
import logging
import multiprocessing
import os
import stat
import sys
import tempfile
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from paintassay.core.checksums import compare_files, remove_notes, results_of, write_notes
from paintassay.core.errors import NO_MORE, InputError, PathLike, refusal
from paintassay.core.secrets import MaskingFormatter

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
    to_file.setFormatter(MaskingFormatter("%(asctime)s %(levelname)s %(message)s"))
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
    digest = hashlib.sha256(os.fsencode(Path(path).resolve())).digest()
    # Each path locks one byte of one file, so that no files pile up.
    offset = int.from_bytes(digest[:7], "big")
    with open_lock(private_folder() / "jobs") as file:
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


def private_folder() -> Path:
    """Find or make a folder for locks that belongs to this user alone.

    It is the user's runtime directory if there is one, else a folder of the user's in the
    temporary directory, where anybody may make a folder or a link of that name first. What is not
    this user's, or may be entered by others, is not used; then it is a folder in the user's cache.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        None of them can be had.
    """
    user = os.getuid()
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{user}")
    temporary = Path(tempfile.gettempdir()) / f"paintassay-{user}"
    candidates = [temporary, Path(cache).expanduser() / "paintassay"]
    # The temporary directory is everybody's, but a runtime directory must be the user's itself.
    if is_private(runtime):
        candidates.insert(0, runtime / "paintassay")
    for folder in candidates:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError:
            continue
        if is_private(folder):
            return folder
        log.warning("%s is a link, another user's, or open to others; it is not used", folder)
    raise InputError(
        temporary,
        "cannot be used for locks: it is a link, another user's, or open to others",
        "remove it, or let TMPDIR or XDG_RUNTIME_DIR name a folder that only you can enter",
    )


def is_private(folder: PathLike) -> bool:
    """Tell whether a folder is this user's, no link, and closed to all others."""
    try:
        status = os.lstat(folder)
    except OSError:
        return False
    mine = stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()
    return mine and not status.st_mode & 0o077


def open_lock(path: PathLike) -> TextIO:
    """Open a file to lock it; a link of its name is not followed, the file never emptied."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.fdopen(os.open(path, flags, 0o600), "r+", encoding="utf-8")


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
