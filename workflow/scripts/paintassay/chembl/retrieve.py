"""Download, verify and unpack ChEMBL's SQLite dump."""

import logging
import re
import shutil
import tarfile
from pathlib import Path
from typing import IO

import requests

from paintassay.chembl.downloads import (
    BYTES_PER_READ,
    Origin,
    fetch_part,
    get_text,
    note_path,
    web_session,
)
from paintassay.core.errors import InputError
from paintassay.core.files import PathLike, atomic_path

log = logging.getLogger(__name__)

# Space for the database, in multiples of the archive's size: 4 to 6 GB unpack to 23 to 29 GB.
UNPACKED_RATIO = 6

_BY_HAND = (
    "check chembl.release, or download and unpack the dump by hand and give its path as "
    "chembl.sqlite"
)


def retrieve_dump(
    url: str, path: PathLike, timeout_seconds: float = 60, attempts: int = 8
) -> Origin:
    """Fetch the SQLite dump of a ChEMBL release and leave the unpacked database at `path`.

    An earlier, interrupted call is continued. The archive's SHA-256 must be the one that ChEMBL
    publishes beside it; the database appears at `path` only when it is complete.

    Parameters
    ----------
    url : str
        Address of the archive; its folder has checksums.txt.
    path : str or Path
        Where the database goes. The archive lies beside it until it is unpacked.
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
    part = path.with_name(f"{path.name}.tar.gz.part")
    patience = (_BY_HAND, timeout_seconds, attempts)
    with web_session() as session:
        digest = _published_sha256(session, url, *patience)
        origin = fetch_part(session, url, part, digest, UNPACKED_RATIO, *patience)
    log.info("unpacking to %s", path)
    _unpack(part, path)
    part.unlink()
    note_path(part).unlink()
    return origin


def _published_sha256(
    session: requests.Session, url: str, hint: str, timeout_seconds: float, attempts: int
) -> str:
    """SHA-256 of an archive, from the ``checksums.txt`` of its folder."""
    folder, name = url.rsplit("/", 1)
    checksums_url = f"{folder}/checksums.txt"
    checksums = get_text(session, checksums_url, hint, timeout_seconds, attempts)
    for line in checksums.splitlines():
        match = re.fullmatch(r"([0-9a-f]{64})\s+\*?(?:\./)?(\S+)", line.strip(), re.I)
        if match and match[2] == name:
            return match[1].lower()
    raise InputError(checksums_url, f"has no SHA-256 of {name}", hint)


def _unpack(archive: Path, path: Path) -> None:
    """Copy the one database in the archive to `path`; no name in the archive becomes a path.

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
                # Copied before it is known whether there is another: the stream cannot be rewound.
                # A member that is a file has a content.
                source: IO[bytes] = members.extractfile(member)  # type: ignore[assignment]
                with source, temporary.open("wb") as target:
                    shutil.copyfileobj(source, target, BYTES_PER_READ)
        if len(databases) != 1:
            names = ", ".join(databases) or "none"
            raise InputError(archive, f"should hold one .db file, found: {names}", _BY_HAND)
        with temporary.open("rb") as file:
            if file.read(16) != b"SQLite format 3\x00":
                raise InputError(archive, f"{databases[0]} is not an SQLite 3 file", _BY_HAND)
