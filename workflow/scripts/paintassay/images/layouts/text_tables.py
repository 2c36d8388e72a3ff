"""Read tables of images as text, CSV and Parquet alike."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from paintassay.core.files import PathLike
from paintassay.core.user_tables import UserTable, as_text, opened_table
from paintassay.images.layouts.planes import (
    CHANNEL_MISSING,
    WRONG_SITE,
    WRONG_WELL,
    LostPlane,
    Plane,
)
from paintassay.images.storage import opened_file
from paintassay.images.wells import site_number, well_name


def check_columns(table: PathLike, columns: Iterable[str]) -> list[str]:
    """Read the column names of a table, and make sure that these are among them.

    Parameters
    ----------
    table : str or Path
        Path or URL.
    columns : iterable of str

    Returns
    -------
    list of str
        All columns of the table.

    Raises
    ------
    InputError
        A column is missing, or the table cannot be read.
    """
    with _opened_table(table, columns) as opened:
        return opened.names


def distinct_values(table: PathLike, column: str) -> set[str]:
    """Read the distinct values of a column, without the empty one."""
    values: set[str] = set()
    for batch in _read_batches(table, [column]):
        values |= set(pc.unique(batch.column(0)).to_pylist())
    return values - {""}


def row_of_value(table: PathLike, column: str, value: str) -> int | None:
    """Find the first row, counted from 1 without the header, with this value; None for none."""
    before = 0
    for batch in _read_batches(table, [column]):
        found = pc.index(batch.column(0), value).as_py()
        if found >= 0:
            return before + found + 1
        before += len(batch)
    return None


def rows_of_plate(
    table: PathLike, plate_column: str, plate: str, columns: Iterable[str]
) -> pd.DataFrame:
    """Read the rows of one plate of a table that may hold the whole screen, as text."""
    names = list(dict.fromkeys([plate_column, *columns]))
    batches = [
        batch.filter(pc.equal(batch.column(0), plate)) for batch in _read_batches(table, names)
    ]
    rows = pa.Table.from_batches(batches, pa.schema([(name, pa.string()) for name in names]))
    return rows.to_pandas()


def folder_of(table: PathLike) -> str:
    """Give the folder of a table: places that it names are relative to it."""
    head, slash, _ = str(table).rpartition("/")
    return head + slash or "."


def parse_rows(
    rows: Iterable[tuple[str, str, str, str | None, str | None]],
) -> tuple[list[Plane], list[LostPlane]]:
    """Make planes of the rows of a table.

    Parameters
    ----------
    rows : iterable of tuple
        Well, site, channel, place and member, as the table writes them.

    Returns
    -------
    planes : list of Plane
        Without repetition.
    lost : list of LostPlane
    """
    planes: dict[Plane, None] = {}
    lost = []
    for well, site, channel, place, member in rows:
        name = well_name(well)
        number = site_number(site)
        if name is None:
            lost.append(LostPlane(None, None, channel, place, WRONG_WELL, well))
        elif number is None:
            lost.append(LostPlane(name, None, channel, place, WRONG_SITE, site))
        elif place is None:
            detail = "the table names no file"
            lost.append(LostPlane(name, number, channel, None, CHANNEL_MISSING, detail))
        else:
            # The same image named twice, as by load_data.csv and load_data_with_illum.csv, is one.
            planes[Plane(name, number, channel, place, member)] = None
    return list(planes), lost


@contextmanager
def _opened_table(table: PathLike, columns: Iterable[str]) -> Iterator[UserTable]:
    """Open a table at a path or URL."""
    with opened_file(table) as file, opened_table(file, columns, where=table) as opened:
        yield opened


def _read_batches(table: PathLike, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Read a table's columns in pieces, every cell as text without blanks, an empty one as ''."""
    with _opened_table(table, columns) as opened:
        for batch in opened.batches(columns):
            texts = [pc.utf8_trim_whitespace(as_text(column)) for column in batch.columns]
            yield pa.RecordBatch.from_arrays(texts, columns)
