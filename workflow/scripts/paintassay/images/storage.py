"""Read bytes from where images lie: files, members of zip archives, and both on remote storage.

A place is a path, or a URL that fsspec can open (s3://, https://). Archives are read where they
lie: their directory once, then each member as one range of bytes, so that many threads can read
from one archive and nothing is unpacked to disk.
"""

import os
import struct
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import fsspec

from paintassay.core.errors import InputError
from paintassay.core.files import PathLike
from paintassay.core.sizes import WorkSize

LARGEST_FILE = 512 * 2**20  # bytes; a plane of the largest cameras is a tenth of this
CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE")
# Signature, seven fields that the directory repeats, lengths of the name and the extra field.
LOCAL_HEADER = struct.Struct("<4s22sHH")
# The extra field of a member's own header may be longer than the directory's; rarely by more.
EXTRA_BYTES: WorkSize = 256
DOES_NOT_EXIST = "does not exist or is not of the right kind"
FETCH_AGAIN = "fetch the archive again and compare its size and checksum with the source"

# Reads a place, or a member of an archive there; a table has NaN where there is no member.
ReadPlace = Callable[[PathLike, str | float | None], bytes]
# Reads the bytes from start to end.
ReadRange = Callable[[int, int], bytes]


class UnreachableError(InputError):
    """A place could not be asked at all, which says nothing about the data that lie there.

    Whoever collects bad images must let this one pass: the job fails and can be run again.
    """


def read_bytes(place: PathLike, member: str | float | None = None) -> bytes:
    """Read a file, or one member of a zip archive.

    Parameters
    ----------
    place : str or Path
        Path or URL of the file or archive. s3:// is read unsigned unless the environment names
        AWS credentials or a profile; AWS_ENDPOINT_URL is another server's address.
    member : str, optional
        Name inside the archive; None or NaN for a file of its own.

    Returns
    -------
    bytes

    Raises
    ------
    InputError
        The place or member is missing, damaged, encrypted, or larger than it says or than
        512 MiB.
    UnreachableError
        The place could not be read: no connection, no permission.
    """
    with opened_archives() as read:
        return read(place, member)


@contextmanager
def opened_archives() -> Iterator[ReadPlace]:
    """Keep archives open as long as they are needed.

    Yields
    ------
    callable
        `read(place, member=None)`, as `read_bytes`, from any number of threads. Each archive's
        directory is read once.
    """
    archives: dict[PathLike, tuple[dict[str, zipfile.ZipInfo], ReadRange]] = {}
    lock = threading.Lock()
    with ExitStack() as stack:

        def read(place: PathLike, member: str | float | None = None) -> bytes:
            if not isinstance(member, str):
                with _open_ranges(place) as (size, read_range):
                    _check_size(place, size)
                    return read_range(0, size)
            with lock:
                if place not in archives:
                    members = {info.filename: info for info in _read_directory(place)}
                    _, read_range = stack.enter_context(_open_ranges(place))
                    archives[place] = members, read_range
            members, read_range = archives[place]
            where = f"{place}, member {member}"
            if member not in members:
                raise InputError(where, "is not in the archive", FETCH_AGAIN)
            return _read_member(where, members[member], read_range)

        yield read


def member_names(place: PathLike) -> list[str]:
    """List the files inside a zip archive, in its order; a name may occur twice.

    Raises
    ------
    InputError
        The archive is missing or damaged.
    """
    return [info.filename for info in _read_directory(place) if not info.is_dir()]


def list_folder(place: PathLike) -> tuple[list[str], list[str]]:
    """List what lies in a folder, not below it.

    Parameters
    ----------
    place : str or Path

    Returns
    -------
    files, folders : list of str
        Names, sorted.

    Raises
    ------
    InputError
        There is no such folder.
    """
    system, path = _file_system(place)
    with _translate_errors(place):
        # On s3 a file listed as a folder is itself.
        if not system.isdir(path):
            raise FileNotFoundError(path)
        entries = system.ls(path, detail=True)
    names: dict[str, list[str]] = {"file": [], "directory": []}
    for entry in entries:
        name = entry["name"].rstrip("/").rsplit("/", 1)[-1]
        # Some stores list a folder among its own content.
        if entry["name"].rstrip("/") != path.rstrip("/"):
            names["directory" if entry["type"] == "directory" else "file"].append(name)
    return sorted(names["file"]), sorted(names["directory"])


def is_folder(place: PathLike) -> bool:
    """Tell whether a place is a folder."""
    system, path = _file_system(place)
    with _translate_errors(place):
        return system.isdir(path)


@contextmanager
def opened_file(place: PathLike) -> Iterator[BinaryIO]:
    """Open a file for reading as a binary file object; errors become those of `read_bytes`."""
    system, path = _file_system(place)
    with _translate_errors(place), system.open(path, "rb") as file:
        yield file


def join_place(folder: PathLike, name: str) -> str:
    """Make the path or URL of `name` in a folder; an absolute name stays as it is."""
    if "://" in name or name.startswith("/"):
        return name
    return f"{str(folder).rstrip('/')}/{name}"


def _file_system(place: PathLike) -> tuple[Any, str]:
    """Find the file system (of fsspec) of a place, and the path within it."""
    options: dict[str, Any] = {}
    if str(place).startswith(("s3://", "s3a://")):
        options = {
            "anon": not any(os.environ.get(name) for name in CREDENTIALS),
            "endpoint_url": os.environ.get("AWS_ENDPOINT_URL"),
            "use_listings_cache": False,
            "config_kwargs": {"connect_timeout": 20, "read_timeout": 60},
        }
    with _translate_errors(place):
        return fsspec.core.url_to_fs(str(place), **options)


@contextmanager
def _translate_errors(place: PathLike) -> Iterator[None]:
    """Turn whatever a file system raises into an error that names the place."""
    try:
        yield
    except InputError:
        raise
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise InputError(place, DOES_NOT_EXIST) from error
    except Exception as error:  # each storage library has its own family of errors
        if not isinstance(error, OSError) and "://" not in str(place):
            raise
        raise UnreachableError(
            place,
            f"cannot be read: {type(error).__name__}: {error}",
            "check the connection and the permissions, then run again",
        ) from error


@contextmanager
def _open_ranges(place: PathLike) -> Iterator[tuple[int, ReadRange]]:
    """Give a file's size, and a function with which any thread reads a range of its bytes."""
    remote = "://" in str(place)
    with ExitStack() as stack:
        if remote:
            system, path = _file_system(place)
        with _translate_errors(place):
            if remote:
                size = system.info(path)["size"]
            else:
                # fsspec would take as long to find out that the path is local as to read it.
                file = stack.enter_context(Path(place).open("rb"))
                size = os.fstat(file.fileno()).st_size

        def read_range(start: int, end: int) -> bytes:
            with _translate_errors(place):
                if remote:
                    return system.cat_file(path, start=start, end=end)
                return os.pread(file.fileno(), end - start, start)

        yield size, read_range


def _read_directory(place: PathLike) -> list[zipfile.ZipInfo]:
    """Read the directory of a zip archive, in its order."""
    with opened_file(place) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                return archive.infolist()
        # On a damaged directory, zipfile also raises errors that are not its own.
        except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error) as error:
            raise InputError(place, f"is no complete zip archive ({error})", FETCH_AGAIN) from error


def _read_member(where: str, info: zipfile.ZipInfo, read_range: ReadRange) -> bytes:
    """Read and check one member; what zipfile would do, but in one read and without a lock."""
    if info.flag_bits & 1:
        raise InputError(where, "is encrypted", "pack the archive anew, without a password")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        names = zipfile.compressor_names  # type: ignore[attr-defined]
        method = names.get(info.compress_type, info.compress_type)
        raise InputError(where, f"is compressed by {method}", "pack the archive with deflate")
    _check_size(where, max(info.file_size, info.compress_size))
    start = info.header_offset
    guess = LOCAL_HEADER.size + len(info.filename.encode()) + EXTRA_BYTES + info.compress_size
    data = read_range(start, start + guess)
    if len(data) < LOCAL_HEADER.size or not data.startswith(b"PK\3\4"):
        raise InputError(where, "does not lie where the archive's directory says", FETCH_AGAIN)
    _, _, name_length, extra_length = LOCAL_HEADER.unpack_from(data)
    begin = LOCAL_HEADER.size + name_length + extra_length
    end = begin + info.compress_size
    if end > guess:
        data = read_range(start, start + end)
    content = data[begin:end]
    if info.compress_type == zipfile.ZIP_DEFLATED:
        try:
            # One byte more than declared is enough to see that there is more.
            content = zlib.decompressobj(-15).decompress(content, info.file_size + 1)
        except zlib.error as error:
            raise InputError(where, f"is damaged ({error})", FETCH_AGAIN) from error
    if len(content) > info.file_size:
        raise InputError(where, f"inflates beyond its declared {info.file_size} bytes", FETCH_AGAIN)
    if len(content) < info.file_size or zlib.crc32(content) != info.CRC:
        raise InputError(where, "is damaged: its checksum (CRC-32) differs", FETCH_AGAIN)
    return content


def _check_size(where: PathLike, size: int) -> None:
    if size > LARGEST_FILE:
        raise InputError(where, f"has {size} bytes; no image is larger than {LARGEST_FILE}")
