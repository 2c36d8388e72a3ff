"""Files from the web: continued after an interruption, and verified.

While a file is under way it lies as ``<name>.part`` beside the place where it goes, together with
a note of what it is a part of, so that a killed job costs nothing but the time it was down.
"""

import logging
import re
import shutil
import time
from contextlib import contextmanager
from pathlib import Path

import requests
import urllib3

from paintassay.core.errors import InputError
from paintassay.core.files import read_json, sha256, write_json

log = logging.getLogger(__name__)

BY_HAND = "fetch the file by hand and name it in the configuration; docs/data.md says which key"
# Bytes; also the most that a dropped connection loses.
_CHUNK = 1 << 16


class _InterruptedError(Exception):
    """A try ended before the file did; the next one may do better."""


def download(url, path, digest=None, hint=BY_HAND, timeout_seconds=60, attempts=8):
    """Fetch a file; it appears at `path` only when it is whole.

    An earlier, interrupted call is continued.

    Parameters
    ----------
    url : str
        http:// or https://
    path : str or Path
    digest : str, optional
        The file's SHA-256, 64 hexadecimal digits; None if none is published, and then the size
        that the server tells is all that is verified.
    hint : str
        What to do if it cannot be had.
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
        not what was promised.
    """
    path = Path(path)
    part = path.with_name(f"{path.name}.part")
    with web_session() as session:
        origin = fetch_part(session, url, part, digest, 0, hint, timeout_seconds, attempts)
    part.replace(path)
    note_of(part).unlink()
    return origin


def download_all(base_url, checksums, folder, **options):
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


def read_checksums(path):
    """SHA-256 by file name, from a list as ``sha256sum`` writes it."""
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    pairs = [line.split("  ", 1) for line in lines]
    return {name: digest for digest, name in pairs}


@contextmanager
def fetched(url, path, **options):
    """Have a file for as long as it is needed.

    Parameters
    ----------
    url, **options
        As of `download`.
    path : str or Path
        Where it lies meanwhile. An interrupted download stays beside it and is continued.

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


def web_session():
    """A session of requests that takes files as they lie on the server."""
    session = requests.Session()
    # Some servers call a .tar.gz a gzip-encoded .tar.
    session.headers["Accept-Encoding"] = "identity"
    return session


def note_of(part):
    """Where the note beside a part lies."""
    return part.with_name(f"{part.name}.json")


def fetch_part(session, url, part, digest, spare_ratio, hint, timeout_seconds, attempts):
    """Fetch a file as `part` until it is whole and verified, and leave it there with its note.

    Parameters
    ----------
    session : requests.Session
    url, digest, hint, timeout_seconds, attempts
        As of `download`.
    part : Path
    spare_ratio : float
        Free disk space that must remain beside the file, in multiples of its size.

    Returns
    -------
    dict
        ``url``, ``sha256`` and ``bytes``.
    """
    part.parent.mkdir(parents=True, exist_ok=True)
    note = note_of(part)
    known = read_json(note) if note.exists() else {}
    if (known.get("url"), known.get("sha256")) != (url, digest):
        part.unlink(missing_ok=True)
        write_json({"url": url, "sha256": digest, "validator": None, "bytes": None}, note)

    def further():
        return _download_on(session, url, part, spare_ratio, hint, timeout_seconds)

    persist(further, lambda: _size(part), url, attempts, hint)
    found = sha256(part)
    if digest and found != digest:
        part.unlink()
        note.unlink()
        raise InputError(
            url,
            f"SHA-256 is {found}, but {digest} is published",
            "what came was deleted; run again to download it anew",
        )
    log.info("%s: %d bytes, SHA-256 %s%s", url, _size(part), found, " as published" * bool(digest))
    return {"url": url, "sha256": found, "bytes": _size(part)}


def get_text(session, url, hint, timeout_seconds, attempts):
    """Fetch a small text."""

    def get():
        with session.get(url, timeout=timeout_seconds) as response:
            _check_status(response, url, hint)
            return response.text

    return persist(get, lambda: 0, url, attempts, hint)


def persist(action, reached, url, attempts, hint):
    """Repeat `action` until it succeeds, or `attempts` times without `reached` growing."""
    failures, best = 0, reached()
    while True:
        try:
            return action()
        except (
            _InterruptedError,
            requests.RequestException,
            urllib3.exceptions.HTTPError,
        ) as error:
            # Compared with the best so far, not with the last try: a server that cannot
            # continue a file and always drops it halfway would be asked for ever.
            failures = 0 if reached() > best else failures + 1
            best = max(best, reached())
            if failures >= attempts:
                raise InputError(
                    url,
                    f"gave up after {attempts} tries in a row without progress ({error})",
                    f"run again to continue, or {hint}",
                ) from error
            wait_seconds = min(2**failures, 60)
            log.warning("%s: %s; trying again in %d s", url, error, wait_seconds)
            time.sleep(wait_seconds)


def _check_status(response, url, hint):
    """Tell answers that will stay the same from those worth another try."""
    status = response.status_code
    if status in (408, 429) or status >= 500:
        raise _InterruptedError(f"HTTP status {status}")
    if status >= 400:
        raise InputError(url, f"HTTP status {status}", hint)


def _download_on(session, url, part, spare_ratio, hint, timeout_seconds):
    """Fetch what is missing of the file in one request."""
    note = note_of(part)
    known, have = read_json(note), _size(part)
    if have and have == known["bytes"]:
        return
    headers = {}
    # Without either, nothing would tell two versions of the file apart.
    if have and (known["validator"] or known["sha256"]):
        headers["Range"] = f"bytes={have}-"
        if known["validator"]:
            # Makes the server send the whole file, should it have changed meanwhile.
            headers["If-Range"] = known["validator"]
    with session.get(url, headers=headers, stream=True, timeout=timeout_seconds) as response:
        start, total = 0, int(response.headers.get("Content-Length", 0))
        if response.status_code in (206, 416):
            span = response.headers.get("Content-Range", "")
            match = re.fullmatch(r"bytes (?:(\d+)-\d+|\*)/(\d+)", span)
            start, total = (int(number or -1) for number in match.groups()) if match else (-1, 0)
            if start != have:
                part.unlink()
                raise _InterruptedError(f"no continuation from byte {have}; starting from zero")
        else:
            _check_status(response, url, hint)
        if response.headers.get("Content-Type", "").startswith("text/html"):
            raise InputError(url, "the answer is a web page, not the file", hint)
        if not total:
            raise InputError(url, "the server does not tell the size of the file", hint)
        _check_space(part, total - start + spare_ratio * total, hint)
        write_json({**known, "validator": _validator(response), "bytes": total}, note)
        log.info("%s: %.1f MB, from byte %d", url, total / 1e6, start)
        with part.open("ab" if start else "wb") as file:
            _receive(response, file, start, total)


def _validator(response):
    """What tells this version of the file from another one: its strong ETag, else its date."""
    etag = response.headers.get("ETag", "W/")
    # If-Range does not take weak tags (RFC 9110, section 13.1.5).
    return response.headers.get("Last-Modified") if etag.startswith("W/") else etag


def _receive(response, file, start, total):
    """Write the answer's body behind byte `start`; log every 5 % with the rate in MB/s."""
    got, began, next_share = start, time.monotonic(), start / total + 0.05
    for chunk in response.raw.stream(_CHUNK, decode_content=False):
        file.write(chunk)
        got += len(chunk)
        if got >= next_share * total:
            rate = (got - start) / 1e6 / max(time.monotonic() - began, 1e-9)
            log.info("%.0f %% of %.2f GB, %.1f MB/s", 100 * got / total, total / 1e9, rate)
            next_share = got / total + 0.05
    if got != total:
        raise _InterruptedError(f"answer ended at byte {got} of {total}")


def _check_space(part, needed, hint):
    """Refuse to begin what the disk cannot hold."""
    free = shutil.disk_usage(part.parent).free
    if free < needed:
        raise InputError(
            part.parent,
            f"{free / 1e9:.1f} GB are free, but {needed / 1e9:.1f} GB are needed "
            "for the download and what is made of it",
            f"free space, or {hint}",
        )


def _size(path):
    """Size of a file in bytes, 0 where there is none."""
    return path.stat().st_size if path.exists() else 0
