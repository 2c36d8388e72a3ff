"""Fetch files from the web: continued after an interruption, and verified.

During a download the file lies as ``<name>.part`` beside its final place, together with a note of
what it is a part of, so that a killed job loses nothing but time.
"""

import logging
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TypedDict, TypeVar

import requests
import urllib3

from paintassay.core.errors import InputError
from paintassay.core.files import PathLike, read_json, sha256, write_json
from paintassay.core.secrets import mask
from paintassay.core.sizes import WorkSize

log = logging.getLogger(__name__)

BY_HAND = "fetch the file by hand and name it in the configuration; docs/data.md says which key"
# Also the most that a dropped connection loses.
BYTES_PER_READ: WorkSize = 1 << 16

Result = TypeVar("Result")


class Origin(TypedDict):
    """Where a file came from; `sha256` is that of what came."""

    url: str
    sha256: str
    bytes: int


class _InterruptedError(Exception):
    """A try ended before the file was complete; the next one may get further."""


def download(
    url: str,
    path: PathLike,
    digest: str | None = None,
    hint: str = BY_HAND,
    timeout_seconds: float = 60,
    attempts: int = 8,
) -> Origin:
    """Fetch a file; it appears at `path` only when it is complete.

    An earlier, interrupted call is continued.

    Parameters
    ----------
    url : str
        http:// or https://
    path : str or Path
    digest : str, optional
        The file's SHA-256, 64 hexadecimal digits. None if none is published; then only the size
        that the server tells is verified.
    hint : str
        What to do if the file cannot be fetched.
    timeout_seconds : float
        How long the server may stay silent.
    attempts : int
        How many tries in a row may fail to get further than any before.

    Returns
    -------
    dict
        ``url``, ``sha256`` (of what came) and ``bytes``.

    Raises
    ------
    InputError
        There is no such file, the disk is too small, the download keeps failing, or what came is
        not what was published.
    """
    path = Path(path)
    part = path.with_name(f"{path.name}.part")
    with web_session() as session:
        origin = fetch_part(session, url, part, digest, 0, hint, timeout_seconds, attempts)
    part.replace(path)
    note_path(part).unlink()
    return origin


def download_all(
    base_url: str, checksums: Mapping[str, str], folder: PathLike, **options: Any
) -> None:
    """Fetch the small files of a list, each verified; those that are there already stay.

    Parameters
    ----------
    base_url : str
        What goes before each name, without the slash between.
    checksums : dict of str to str
        SHA-256 of each file by its name, which may hold folders.
    folder : str or Path
    **options
        As of `download`.

    Raises
    ------
    InputError
        As `download`.
    """
    for name, digest in checksums.items():
        path = Path(folder) / name
        if not path.exists() or sha256(path) != digest:
            download(f"{base_url}/{name}", path, digest, **options)


def read_checksums(path: PathLike) -> dict[str, str]:
    """SHA-256 by file name, from a list as ``sha256sum`` writes it."""
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    pairs = [line.split("  ", 1) for line in lines]
    return {name: digest for digest, name in pairs}


@contextmanager
def fetched(url: str, path: PathLike, **options: Any) -> Iterator[Path]:
    """Fetch a file, and delete it when it is no longer needed.

    Parameters
    ----------
    url, **options
        As of `download`.
    path : str or Path
        Where the file lies until then. An interrupted download stays beside it and is continued.

    Yields
    ------
    Path
    """
    path = Path(path)
    try:
        download(url, path, **options)
        yield path
    finally:
        path.unlink(missing_ok=True)


def web_session() -> requests.Session:
    """A session of requests that takes files as they are on the server."""
    session = requests.Session()
    # Some servers declare a .tar.gz to be a gzip-encoded .tar.
    session.headers["Accept-Encoding"] = "identity"
    return session


def note_path(part: Path) -> Path:
    """Path of the note beside a part."""
    return part.with_name(f"{part.name}.json")


def fetch_part(
    session: requests.Session,
    url: str,
    part: Path,
    digest: str | None,
    spare_ratio: float,
    hint: str,
    timeout_seconds: float,
    attempts: int,
) -> Origin:
    """Fetch a file as `part` until it is complete and verified, and leave it there with its note.

    Parameters
    ----------
    session : requests.Session
    url, digest, hint, timeout_seconds, attempts
        As of `download`.
    part : Path
    spare_ratio : float
        Disk space that must remain free beside the file, in multiples of its size.

    Returns
    -------
    dict
        ``url``, ``sha256`` and ``bytes``.
    """
    part.parent.mkdir(parents=True, exist_ok=True)
    note_file = note_path(part)
    note = read_json(note_file) if note_file.exists() else {}
    if (note.get("url"), note.get("sha256")) != (mask(url), digest):
        part.unlink(missing_ok=True)
        write_json({"url": url, "sha256": digest, "validator": None, "bytes": None}, note_file)

    def request_rest() -> None:
        _request_rest(session, url, part, spare_ratio, hint, timeout_seconds)

    _retry(request_rest, lambda: _size(part), url, attempts, hint)
    digest_of_file = sha256(part)
    if digest and digest_of_file != digest:
        part.unlink()
        note_file.unlink()
        raise InputError(
            url,
            f"SHA-256 is {digest_of_file}, but {digest} is published",
            "what came was deleted; run again to download it anew",
        )
    as_published = " as published" if digest else ""
    log.info("%s: %d bytes, SHA-256 %s%s", url, _size(part), digest_of_file, as_published)
    return {"url": url, "sha256": digest_of_file, "bytes": _size(part)}


def get_text(
    session: requests.Session, url: str, hint: str, timeout_seconds: float, attempts: int
) -> str:
    """Fetch a small text."""

    def get() -> str:
        with session.get(url, timeout=timeout_seconds) as response:
            _check_status(response, url, hint)
            return response.text

    return _retry(get, lambda: 0, url, attempts, hint)


def _retry(
    action: Callable[[], Result], progress: Callable[[], int], url: str, attempts: int, hint: str
) -> Result:
    """Repeat `action` until it succeeds, or fails `attempts` times in a row without progress."""
    failures, best = 0, progress()
    while True:
        try:
            return action()
        except (
            _InterruptedError,
            requests.RequestException,
            urllib3.exceptions.HTTPError,
        ) as error:
            # Compared with the best try so far, not with the last one: a server that cannot
            # continue a file and always drops it halfway would be asked for ever.
            failures = 0 if progress() > best else failures + 1
            best = max(best, progress())
            if failures >= attempts:
                raise InputError(
                    url,
                    f"gave up after {attempts} tries in a row without progress ({error})",
                    f"run again to continue, or {hint}",
                ) from error
            wait_seconds = min(2**failures, 60)
            log.warning("%s: %s; trying again in %d s", url, error, wait_seconds)
            time.sleep(wait_seconds)


def _check_status(response: requests.Response, url: str, hint: str) -> None:
    """Tell failures that will stay the same from those that are worth another try."""
    status = response.status_code
    if status in (408, 429) or status >= 500:
        raise _InterruptedError(f"HTTP status {status}")
    if status >= 400:
        raise InputError(url, f"HTTP status {status}", hint)


def _request_rest(
    session: requests.Session,
    url: str,
    part: Path,
    spare_ratio: float,
    hint: str,
    timeout_seconds: float,
) -> None:
    """Fetch what is missing of the file in one request."""
    note, size = read_json(note_path(part)), _size(part)
    if size and size == note["bytes"]:
        return
    headers = {}
    # Without either, nothing would tell two versions of the file apart.
    if size and (note["validator"] or note["sha256"]):
        headers["Range"] = f"bytes={size}-"
        if note["validator"]:
            # The server then sends the complete file if it has changed in the meantime.
            headers["If-Range"] = note["validator"]
    with session.get(url, headers=headers, stream=True, timeout=timeout_seconds) as response:
        start, total = 0, int(response.headers.get("Content-Length", 0))
        if response.status_code in (206, 416):
            content_range = response.headers.get("Content-Range", "")
            match = re.fullmatch(r"bytes (?:(\d+)-\d+|\*)/(\d+)", content_range)
            start, total = (int(number or -1) for number in match.groups()) if match else (-1, 0)
            if start != size:
                part.unlink()
                raise _InterruptedError(f"no continuation from byte {size}; starting from zero")
        else:
            _check_status(response, url, hint)
        if response.headers.get("Content-Type", "").startswith("text/html"):
            raise InputError(url, "the answer is a web page, not the file", hint)
        if not total:
            raise InputError(url, "the server does not tell the size of the file", hint)
        _check_space(part, total - start + spare_ratio * total, hint)
        write_json({**note, "validator": _validator(response), "bytes": total}, note_path(part))
        log.info("%s: %.1f MB, from byte %d", url, total / 1e6, start)
        with part.open("ab" if start else "wb") as file:
            _write_body(response, file, start, total)


def _validator(response: requests.Response) -> str | None:
    """What tells this version of the file from others: its strong ETag, or else its date."""
    etag = response.headers.get("ETag", "W/")
    # If-Range does not accept weak tags (RFC 9110, section 13.1.5).
    return response.headers.get("Last-Modified") if etag.startswith("W/") else etag


def _write_body(response: requests.Response, file: BinaryIO, start: int, total: int) -> None:
    """Write the answer's body behind byte `start`; log every 5 % with the rate in MB/s."""
    end, start_time, next_share = start, time.monotonic(), start / total + 0.05
    for chunk in response.raw.stream(BYTES_PER_READ, decode_content=False):
        file.write(chunk)
        end += len(chunk)
        if end >= next_share * total:
            rate = (end - start) / 1e6 / max(time.monotonic() - start_time, 1e-9)
            log.info("%.0f %% of %.2f GB, %.1f MB/s", 100 * end / total, total / 1e9, rate)
            next_share = end / total + 0.05
    if end != total:
        raise _InterruptedError(f"answer ended at byte {end} of {total}")


def _check_space(part: Path, required: float, hint: str) -> None:
    """Refuse to begin a download that the disk cannot hold."""
    free = shutil.disk_usage(part.parent).free
    if free < required:
        raise InputError(
            part.parent,
            f"{free / 1e9:.1f} GB are free, but {required / 1e9:.1f} GB are needed "
            "for the download and what is made of it",
            f"free space, or {hint}",
        )


def _size(path: Path) -> int:
    """Size of a file in bytes, 0 where there is none."""
    return path.stat().st_size if path.exists() else 0
