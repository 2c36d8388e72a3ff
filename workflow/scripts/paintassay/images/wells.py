"""Name wells and number sites; find the places of wells on a plate, and its format."""

import re
from collections.abc import Collection

import numpy as np

from paintassay.core.errors import InputError

# Rows A..Z, AA..AF and 48 columns are a plate of 1536 wells, the largest in use.
LETTERS_AND_NUMBER = re.compile(r"([A-Z]|A[A-F])0*([1-9]\d?)", re.IGNORECASE)
ROW_AND_COLUMN = re.compile(r"r0*([1-9]\d?)c0*([1-9]\d?)", re.IGNORECASE)
# 3, 03 and 3.0, with or without a word or its letter before it.
SITE = re.compile(r"(?:(?:sites?|s|fields?|fld|f)[ _-]?)?(\d{1,9})(?:\.0*)?", re.IGNORECASE)
# Rows and columns of the standard plates.
PLATE_FORMATS = ((2, 3), (3, 4), (4, 6), (6, 8), (8, 12), (16, 24), (32, 48))


def well_name(text: str) -> str | None:
    """Write a well as letters and two digits: A1, a01, A001 and r01c01 are all A01.

    Parameters
    ----------
    text : str

    Returns
    -------
    str or None
        None if it is no well of a plate of up to 32 x 48 wells.
    """
    text = text.strip()
    if match := ROW_AND_COLUMN.fullmatch(text):
        row, column = int(match[1]), int(match[2])
        letters = chr(64 + row) if row <= 26 else "A" + chr(64 + row - 26)
    elif match := LETTERS_AND_NUMBER.fullmatch(text):
        letters, column = match[1].upper(), int(match[2])
        row = 0
    else:
        return None
    return f"{letters}{column:02d}" if row <= 32 and column <= 48 else None


def site_number(text: str) -> int | None:
    """Read the number of a site: 3, 03, 3.0, s3 and f03 are all 3.

    A number stays as it is written, also 0: all tables of a screen have the same numbers, whether
    they begin with 0 or 1.

    Parameters
    ----------
    text : str

    Returns
    -------
    int or None
        None if it is no number of a site.
    """
    match = SITE.fullmatch(text.strip())
    return int(match[1]) if match else None


def well_positions(wells: Collection[str]) -> tuple[np.ndarray, np.ndarray]:
    """Find the row and column of wells, from 0: A01 is (0, 0), AF48 is (31, 47).

    Parameters
    ----------
    wells : collection of str

    Returns
    -------
    rows, columns : ndarray of int64

    Raises
    ------
    InputError
        A name is no well of the largest plate, such as a01, A1 or A49.
    """
    height, width = PLATE_FORMATS[-1]
    places = {name: place for place, name in enumerate(well_names(height, width))}
    for well in wells:
        if well not in places:
            raise InputError(
                f"well {well}", "is no well of a plate", "wells are written A01 to P24 or AF48"
            )
    return np.divmod(np.array([places[well] for well in wells], np.int64), width)


def plate_format(wells: Collection[str]) -> tuple[int, int]:
    """Find the rows and columns of the smallest standard plate that has all these wells.

    Parameters
    ----------
    wells : collection of str
        Such as A01; at least one.

    Returns
    -------
    tuple of int
        (16, 24) for a 384-well plate.

    Raises
    ------
    InputError
        As `well_positions`.
    """
    rows, columns = well_positions(wells)
    return next(
        (height, width)
        for height, width in PLATE_FORMATS
        if rows.max() < height and columns.max() < width
    )


def well_names(height: int, width: int) -> list[str]:
    """Name all wells of a plate, row by row: A01, A02, ..."""
    letters = [("A" if row >= 26 else "") + chr(ord("A") + row % 26) for row in range(height)]
    return [f"{letter}{column:02d}" for letter in letters for column in range(1, width + 1)]
