"""Read where the published data lie, from the table workflow/resources/data_sources.csv."""

import csv
from dataclasses import dataclass, fields
from pathlib import Path

from paintassay.core.errors import InputError
from paintassay.core.files import PathLike
from paintassay.core.names import check_name


@dataclass(frozen=True)
class Source:
    """A row of the table of sources; what is not known is an empty text, or None.

    Attributes
    ----------
    used_by : str
        Names of the rules that read the source, separated by spaces.
    url : str
        May hold {plate}, {channel} and {release}.
    bytes : int or None
        Size, as far as it is known.
    size : str
        How far to believe `bytes`.
    basis : str
        Where the facts of this row come from.
    """

    name: str
    version: str
    what: str
    used_by: str
    url: str
    licence: str
    bytes: int | None
    size: str
    sha256: str
    checksum: str
    cite: str
    basis: str


COLUMNS = [field.name for field in fields(Source)]


def read_sources(path: PathLike) -> dict[str, Source]:
    """Read the table of sources.

    Parameters
    ----------
    path : str or Path
        CSV with the columns `COLUMNS`; they are the attributes of `Source`.

    Returns
    -------
    dict of str to Source
        Each source by its name.

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
            # csv puts None where a row is too short, and values too many under None.
            complete = None not in row and None not in row.values()
            if not (complete and row["name"] and row["url"] and row["licence"]):
                raise InputError(
                    where, "needs a value in each column; name, url and licence may not be empty"
                )
            if row["name"] in sources:
                raise InputError(where, f"names the source {row['name']} again")
            size = row.pop("bytes")
            if size and not size.isdecimal():
                raise InputError(where, f"bytes is no number: {size!r}")
            sources[row["name"]] = Source(**row, bytes=int(size) if size else None)
    return sources


def read_plates(path: PathLike) -> list[str]:
    """Read a table of plates: one column, plate.

    Parameters
    ----------
    path : str or Path
        CSV, such as images/plates.csv of the results.

    Returns
    -------
    list of str

    Raises
    ------
    InputError
        There is another column, or a name cannot be a part of a path.
    """
    plates = []
    with Path(path).open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file, strict=True)
        if reader.fieldnames != ["plate"]:
            raise InputError(path, "should have the column plate alone")
        for row in reader:
            where = f"{path}, line {reader.line_num}"
            # csv puts what a row has too much under None.
            if None in row:
                raise InputError(where, "has more than one value")
            check_name(row["plate"], "plate", where)
            plates.append(row["plate"])
    return plates
