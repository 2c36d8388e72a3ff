"""Write files completely or not at all, and compute their checksums."""

import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from paintassay.core.errors import NO_MORE, InputError, PathLike, refusal
from paintassay.core.secrets import mask, mask_all

# More than the room that a file system can have left in a block it has begun.
_PROBE_BYTES = 1 << 20


@contextmanager
def atomic_path(path: PathLike) -> Iterator[Path]:
    """Give a temporary path in the same folder that becomes `path` on success.

    A reader sees the old file or the complete new one, never a part: the rename is atomic
    within one file system, and the content is on the disk before it, so that the file is
    complete even after a power cut. On an error the temporary file is removed. The next process
    overwrites what a killed one has left of it. While two processes write the same file, each
    has its own temporary file.

    Parameters
    ----------
    path : str or Path
        The final place. Its folder is created if there is none.

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
        if input_error := refusal(error, path):
            raise input_error from error
        raise
    try:
        yield temporary
        _sync(temporary)
        temporary.replace(path)
    except InputError:
        raise
    except Exception as error:
        if input_error := refusal(_find_disk_error(error, handle), path):
            raise input_error from error
        raise
    finally:
        temporary.unlink(missing_ok=True)
        # Closed last, as this ends the lock.
        os.close(handle)


def write_json(data: object, path: PathLike) -> None:
    """Write `data` as indented JSON (UTF-8, NaN refused), atomically."""
    text = json.dumps(mask_all(data), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_text(text, path)


def read_json(path: PathLike) -> Any:
    """Read a JSON file (UTF-8) of this workflow; what is no JSON is an `InputError`."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(path, "does not exist", "run the same command again") from error
    except ValueError as error:
        raise InputError(
            path,
            f"is not a whole JSON file ({error})",
            "delete it and run the same command again, which makes it anew",
        ) from error


def write_text(text: str, path: PathLike) -> None:
    """Write `text` as UTF-8, atomically; passwords and tokens in its addresses are masked."""
    with atomic_path(path) as temporary:
        temporary.write_text(mask(text), encoding="utf-8")


def sha256(path: PathLike) -> str:
    """SHA-256 of a file's content as 64 hexadecimal digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _open_part(path: Path) -> tuple[Path, int]:
    """Open a new temporary file for `path`, with a handle that keeps it locked."""
    # One name, so that what a killed process left does not pile up.
    part = path.with_name(f".{path.name}.part")
    try:
        handle = os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except PermissionError:
        pass  # It is another user's; ours can still lie beside it.
    else:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Otherwise its owner has just finished and renamed it.
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


def _sync(path: Path) -> None:
    # Network file systems report a full disk only now, and after a power cut a renamed file that
    # was not synced can be empty. The file is opened anew, as a library may have replaced it.
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _find_disk_error(error: Exception, handle: int) -> OSError | None:
    """The error of the disk behind that of a library, which may name it in words or not at all."""
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
    except OSError as disk_error:
        return disk_error
    return None
