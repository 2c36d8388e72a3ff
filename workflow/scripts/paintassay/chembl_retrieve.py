"""ChEMBL's SQLite dump: downloaded, continued after an interruption, verified and unpacked.

A dump is an archive of 4 to 5 GB that unpacks to about 25 GB. While it is under way it lies
beside the database as ``<database>.tar.gz.part``, together with a note of what it is a part of,
so that a killed job costs nothing but the time it was down.
"""

import logging
import re
import shutil
import tarfile
import time
from pathlib import Path

import requests
import urllib3

from paintassay.chembl_release import release_name
from paintassay.errors import InputError
from paintassay.files import atomic_path, read_json, sha256, write_json

log = logging.getLogger(__name__)

RELEASES_URL = "https://ftp.ebi.ac.uk/pub/databases/chembl/ChEMBLdb/releases"

# Archives of 4 to 5 GB hold databases of 23 to 25 GB.
UNPACKED_RATIO = 6

_BY_HAND = "download and unpack the dump by hand, and give its path as chembl.sqlite"
# Bytes; also the most that a dropped connection loses.
_CHUNK = 1 << 16


class _InterruptedError(Exception):
    """A try ended before the file did; the next one may do better."""


def retrieve_dump(release, path, base_url=RELEASES_URL, timeout_seconds=60, attempts=8):
    """Fetch the SQLite dump of a ChEMBL release and leave the unpacked database at `path`.

    An earlier, interrupted call is continued. The archive's SHA-256 must be the one that ChEMBL
    publishes beside it; the database appears at `path` only when it is whole.

    Parameters
    ----------
    release : int or str
        Such as 37 or "24_1".
    path : str or Path
        Where the database goes. The archive lies beside it until it is unpacked.
    base_url : str
        The folder of the releases: EBI's, or a mirror's with the same layout.
    timeout_seconds : float
        How long the server may stay silent.
    attempts : int
        How many tries in a row may fail to get further than any before.

    Returns
    -------
    dict
        ``url``, ``sha256`` and ``bytes`` of the archive.

    Raises
    ------
    InputError
        The release has no such archive or no checksum, the disk is too small, the download
        keeps failing, or what came is not what ChEMBL published.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    archive = path.with_name(f"{path.name}.tar.gz.part")
    note = path.with_name(f"{archive.name}.json")
    folder = release_name(release).lower()
    name = f"{folder}_sqlite.tar.gz"
    url = f"{base_url.rstrip('/')}/{folder}/{name}"

    with requests.Session() as session:
        # Some servers call a .tar.gz a gzip-encoded .tar; we want the file as it lies there.
        session.headers["Accept-Encoding"] = "identity"
        expected = _published_sha256(
            session, url.rsplit("/", 1)[0], name, timeout_seconds, attempts
        )
        if not note.exists() or read_json(note)["sha256"] != expected:
            archive.unlink(missing_ok=True)
            write_json({"sha256": expected, "validator": None, "bytes": None}, note)

        def further():
            return _download_on(session, url, archive, note, timeout_seconds)

        _persist(further, lambda: _size(archive), url, attempts)

    found = sha256(archive)
    if found != expected:
        archive.unlink()
        note.unlink()
        raise InputError(
            url,
            f"SHA-256 is {found}, but ChEMBL publishes {expected}",
            "the archive was deleted; run again to download it anew",
        )
    provenance = {"url": url, "sha256": found, "bytes": _size(archive)}
    log.info("%s: SHA-256 as published; unpacking to %s", name, path)
    _unpack(archive, path)
    archive.unlink()
    note.unlink()
    return provenance


def _published_sha256(session, folder_url, name, timeout_seconds, attempts):
    """SHA-256 of the file `name`, from the ``checksums.txt`` of its folder."""
    url = f"{folder_url}/checksums.txt"

    def get():
        with session.get(url, timeout=timeout_seconds) as response:
            _check_status(response, url)
            return response.text

    text = _persist(get, lambda: 0, url, attempts)
    for line in text.splitlines():
        match = re.fullmatch(r"([0-9a-f]{64})\s+\*?(?:\./)?(\S+)", line.strip(), re.I)
        if match and match[2] == name:
            return match[1].lower()
    raise InputError(url, f"has no SHA-256 of {name}", _BY_HAND)


def _persist(action, reached, url, attempts):
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
                    f"run again to continue, or {_BY_HAND}",
                ) from error
            wait_seconds = min(2**failures, 60)
            log.warning("%s: %s; trying again in %d s", url, error, wait_seconds)
            time.sleep(wait_seconds)


def _check_status(response, url):
    """Tell answers that will stay the same from those worth another try."""
    status = response.status_code
    if status in (408, 429) or status >= 500:
        raise _InterruptedError(f"HTTP status {status}")
    if status >= 400:
        raise InputError(url, f"HTTP status {status}", f"check chembl.release, or {_BY_HAND}")


def _download_on(session, url, archive, note, timeout_seconds):
    """Fetch what is missing of the archive in one request."""
    known, have = read_json(note), _size(archive)
    if have and have == known["bytes"]:
        return
    headers = {}
    if have:
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
                archive.unlink()
                raise _InterruptedError(f"no continuation from byte {have}; starting from zero")
        else:
            _check_status(response, url)
        if not total:
            raise InputError(url, "the server does not tell the size of the file", _BY_HAND)
        _check_space(archive, total - start, total)
        write_json({**known, "validator": _validator(response), "bytes": total}, note)
        with archive.open("ab" if start else "wb") as file:
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


def _check_space(archive, missing, total):
    """Refuse to begin what the disk cannot hold."""
    needed = missing + UNPACKED_RATIO * total
    free = shutil.disk_usage(archive.parent).free
    if free < needed:
        raise InputError(
            archive.parent,
            f"{free / 1e9:.1f} GB are free, but {needed / 1e9:.1f} GB are needed "
            "for the archive and the database in it",
            "free space, or put the database on another disk",
        )


def _size(path):
    """Size of a file in bytes, 0 where there is none."""
    return path.stat().st_size if path.exists() else 0


def _unpack(archive, path):
    """Copy the one database in the archive to `path`; no name in the archive is used as a path.

    Raises
    ------
    InputError
        It holds no database or several, or something else under that name.
    """
    databases = []
    with atomic_path(path) as temporary:
        with tarfile.open(archive, "r|gz") as members:
            for member in members:
                if not (member.isfile() and member.name.endswith(".db")):
                    continue
                databases.append(member.name)
                # Copied before we know whether there is a second: the stream cannot be rewound.
                with members.extractfile(member) as source, temporary.open("wb") as target:
                    shutil.copyfileobj(source, target, _CHUNK)
        if len(databases) != 1:
            names = ", ".join(databases) or "none"
            raise InputError(archive, f"should hold one .db file, found: {names}", _BY_HAND)
        with temporary.open("rb") as file:
            if file.read(16) != b"SQLite format 3\x00":
                raise InputError(archive, f"{databases[0]} is not an SQLite 3 file", _BY_HAND)
