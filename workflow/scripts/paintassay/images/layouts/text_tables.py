"""Read tables of images as text, CSV (also gzipped) and Parquet alike."""

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from paintassay.core.errors import InputError, separator_hint
from paintassay.core.files import PathLike
from paintassay.core.sizes import WorkSize
from paintassay.images.layouts.planes import (
    CHANNEL_MISSING,
    WRONG_SITE,
    WRONG_WELL,
    LostPlane,
    Plane,
)
from paintassay.images.storage import opened_file
from paintassay.images.wells import well_name

TABLE_FAULTS = (
    pa.ArrowException,
    UnicodeDecodeError,
    csv.Error,
    gzip.BadGzipFile,
    zlib.error,
    EOFError,
)
BYTES_PER_BLOCK: WorkSize = 16 * 2**20


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
    with opened_file(table) as file, _translate_errors(table):
        names = _read_column_names(table, file)
    absent = [name for name in columns if name not in names]
    if absent:
        raise InputError(
            table,
            f"has no column {absent[0]!r}; its columns are {', '.join(names)}",
            separator_hint(names),
        )
    return names


def distinct_values(table: PathLike, column: str) -> set[str]:
    """Read the distinct values of a column, without the empty one."""
    values: set[str] = set()
    for batch in _read_batches(table, [column]):
        values |= set(pc.unique(batch.column(0)).to_pylist())
    return values - {""}


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
        number = re.fullmatch(r"0*([1-9]\d*)(?:\.0*)?", site)
        if name is None:
            lost.append(LostPlane(None, None, channel, place, WRONG_WELL, well))
        elif number is None:
            lost.append(LostPlane(name, None, channel, place, WRONG_SITE, site))
        elif place is None:
            detail = "the table names no file"
            lost.append(LostPlane(name, int(number[1]), channel, None, CHANNEL_MISSING, detail))
        else:
            # The same image named twice, as by load_data.csv and load_data_with_illum.csv, is one.
            planes[Plane(name, int(number[1]), channel, place, member)] = None
    return list(planes), lost


def _read_batches(table: PathLike, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Read a table's columns in pieces, every cell as text, an empty one as ''."""
    with opened_file(table) as file, _translate_errors(table):
        if str(table).endswith(".parquet"):
            batches = pq.ParquetFile(file, page_checksum_verification=True).iter_batches(
                columns=columns
            )
        else:
            batches = pa.csv.open_csv(
                _unzip(table, file),
                read_options=pa.csv.ReadOptions(block_size=BYTES_PER_BLOCK),
                convert_options=pa.csv.ConvertOptions(
                    include_columns=columns, column_types=dict.fromkeys(columns, pa.string())
                ),
            )
        for batch in batches:
            # Whole numbers stay whole: 1.0 of a column with gaps is written 1.
            arrays = [pc.fill_null(batch.column(name).cast(pa.string()), "") for name in columns]
            yield pa.RecordBatch.from_arrays(arrays, columns)


def _read_column_names(table: PathLike, file: BinaryIO) -> list[str]:
    if str(table).endswith(".parquet"):
        return pq.read_schema(file).names
    text = io.TextIOWrapper(_unzip(table, file), "utf-8-sig", newline="")
    return next(csv.reader(text), [])


def _unzip(table: PathLike, file: BinaryIO) -> BinaryIO | gzip.GzipFile:
    return gzip.GzipFile(fileobj=file) if str(table).endswith(".gz") else file


@contextmanager
def _translate_errors(table: PathLike) -> Iterator[None]:
    try:
        yield
    except TABLE_FAULTS as error:
        raise InputError(table, f"cannot be read as a table: {error}") from error
