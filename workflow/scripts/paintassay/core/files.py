"""Files written whole or not at all, and their checksums."""

import errno
import fcntl
import hashlib
import json
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

from paintassay.core.errors import InputError

PathLike = str | os.PathLike[str]

_AGAIN = "then run the same command again: it goes on where it stopped"
# Why nothing can be written, and what to do about it.
REFUSALS = {
    errno.ENOSPC: ("the disk is full", f"make room, {_AGAIN}"),
    errno.EDQUOT: ("your quota of this disk is used up", f"make room, {_AGAIN}"),
    errno.EROFS: ("the file system is read-only", f"make it writable, {_AGAIN}"),
    errno.EACCES: ("permission denied", f"make the folder yours to write, {_AGAIN}"),
    errno.EPERM: ("permission denied", f"make the folder yours to write, {_AGAIN}"),
}
# Of these, the ones that reading never gives.
NO_MORE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
# More than a file system keeps back in a block that it has begun.
_PROBE_BYTES = 1 << 20


@contextmanager
def atomic_path(path):
    """Give a temporary path in the same folder that becomes `path` on success.

    A reader sees the old file or the complete new one, never a part: the rename is
    atomic within one file system, and the content is on the disk before it, so that it is
    whole after a power cut, too. On an error the temporary file is removed. What a killed
    process has left of it is overwritten by the next; while two processes write the same
    file, each has a temporary one of its own.

    Parameters
    ----------
    path : str or Path
        The final place. Its folder is created if need be.

    Yields
    ------
    Path
        Where to write.

    Raises
    ------
    InputError
        The disk is full or read-only, or the folder may not be written.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary, handle = _open_part(path)
    except OSError as error:
        if refused := refusal(error, path):
            raise refused from error
        raise
    try:
        yield temporary
        _sync(temporary)
        temporary.replace(path)
    except InputError:
        raise
    except Exception as error:
        if refused := refusal(_cause(error, handle), path):
            raise refused from error
        raise
    finally:
        temporary.unlink(missing_ok=True)
        # Last, as it ends the lock.
        os.close(handle)


def refusal(error, path):
    """Say for people that a file cannot be written.

    Parameters
    ----------
    error : Exception
    path : str or Path
        The file.

    Returns
    -------
    InputError or None
        None if the error is of another kind.
    """
    if isinstance(error, OSError) and error.errno in REFUSALS:
        problem, hint = REFUSALS[error.errno]
        return InputError(path, f"cannot be written: {problem}", hint)
    return None


def _open_part(path):
    """A new temporary file for `path` and a handle that keeps it locked."""
    # One name, so that what a killed process left does not pile up.
    part = path.with_name(f".{path.name}.part")
    try:
        handle = os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except PermissionError:
        pass  # Another user's; ours can still stand beside it.
    else:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Else its owner has just finished and renamed it.
            if os.path.samestat(os.fstat(handle), part.stat()):
                os.ftruncate(handle, 0)
                return part, handle
        except OSError:
            pass  # Another process is writing, or this file system knows no locks.
        os.close(handle)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    # mkstemp makes files private; results are shared like any other file.
    umask = os.umask(0)
    os.umask(umask)
    os.fchmod(handle, 0o666 & ~umask)
    return Path(name), handle


def _sync(path):
    # Network file systems report a full disk only now, and after a power cut a renamed file that
    # was not synced can be empty. Opened anew: a library may have put another file in its place.
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _cause(error, handle):
    """Why writing failed; many libraries do not say that it was the disk, or only in words."""
    if isinstance(error, OSError) and error.errno in NO_MORE:
        return error
    for number in NO_MORE:
        if os.strerror(number) in str(error):
            return OSError(number, os.strerror(number))
    try:
        size = os.fstat(handle).st_size
        probe = memoryview(b"\1" * _PROBE_BYTES)
        while probe:
            written = os.pwrite(handle, probe, size)
            probe, size = probe[written:], size + written
        os.fsync(handle)
    except OSError as disk:
        return disk
    return None


def write_json(data, path):
    """Write `data` as indented JSON (UTF-8, NaN refused), atomically."""
    text = json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_text(text, path)


def read_json(path):
    """Read a JSON file (UTF-8)."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def write_text(text, path):
    """Write `text` as UTF-8, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def sha256(path):
    """SHA-256 of a file's content as 64 hexadecimal digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
