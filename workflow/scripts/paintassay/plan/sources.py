"""Where the published data lie: the table workflow/resources/data_sources.csv."""

import csv
from pathlib import Path

from paintassay.core.errors import InputError

COLUMNS = [
    "name",
    "version",
    "what",
    "used_by",
    "url",
    "licence",
    "bytes",
    "size",
    "sha256",
    "checksum",
    "cite",
    "basis",
]


def read_sources(path):
    """Read the table of sources.

    Parameters
    ----------
    path : str or Path
        CSV with the columns `COLUMNS`: used_by names the rules that read the source, empty for
        none; url may hold {plate}, {channel} and {release}; bytes is empty where not known, and
        size says how far to believe it; basis says where these facts come from.

    Returns
    -------
    dict of str to dict
        Each source by its name: its columns as texts, but bytes as int or None.

    Raises
    ------
    InputError
        A column, a name or a value is missing, or bytes is no number.
    """
    with Path(path).open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file, strict=True)
        if reader.fieldnames != COLUMNS:
            raise InputError(path, f"should have the columns {', '.join(COLUMNS)}")
        sources = {}
        for row in reader:
            where = f"{path}, line {reader.line_num}"
            empty = [name for name in COLUMNS if row[name] is None]
            if empty or None in row or not row["name"] or not row["url"] or not row["licence"]:
                raise InputError(
                    where, "needs a value in each column; name, url and licence say it"
                )
            if row["name"] in sources:
                raise InputError(where, f"names the source {row['name']} again")
            if row["bytes"] and not row["bytes"].isdecimal():
                raise InputError(where, f"bytes is no number: {row['bytes']!r}")
            sources[row["name"]] = row | {"bytes": int(row["bytes"]) if row["bytes"] else None}
    return sources


def read_plates(path):
    """Read a table with one column, plate: the plates of the published screen.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    list of str
    """
    return Path(path).read_text(encoding="utf-8").splitlines()[1:]
