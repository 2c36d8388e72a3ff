"""Read the tables that users bring: CSV in the forms that programs write it, and Parquet.

Every such table goes through here, whole or in batches, so that all have the same forms and the
same errors. The separator of a CSV is found in its header: comma, semicolon or tab. What the
workflow wrote itself is read by `core.tables`.
"""

import csv
import difflib
import io
import itertools
import logging
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TypeAlias

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from paintassay.core.errors import InputError
from paintassay.core.files import PathLike
from paintassay.core.sizes import WorkSize
from paintassay.core.user_text import TEXT_FAULTS, Utf8Text, has_ending

log = logging.getLogger(__name__)

# A path, or a file that is open for reading bytes and can go back to its beginning.
Source: TypeAlias = PathLike | BinaryIO

# How the names of tables may end.
ENDINGS = (
    *(f"{kind}{packed}" for kind in (".csv", ".tsv", ".txt") for packed in ("", ".gz", ".zst")),
    ".parquet",
)
FORMATS = "tables are CSV (.csv, .tsv, .txt, also with .gz or .zst) or Parquet (.parquet)"
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}
LONGEST_HEADER = 2**24  # bytes
BYTES_PER_BLOCK: WorkSize = 16 * 2**20
ROWS_PER_BATCH: WorkSize = 500_000
FAULTS = (*TEXT_FAULTS, pa.ArrowException, csv.Error)


class CsvTable:
    """An open CSV table.

    Attributes
    ----------
    where : str
        What to call it in messages.
    names : list of str
        Its columns that have a name, without blanks around the names, in its order.
    """

    def __init__(self, file: BinaryIO, where: str) -> None:
        self.where, self._file = where, file
        self._raw = Utf8Text(file, where)
        self._text = io.BufferedReader(self._raw, BYTES_PER_BLOCK)  # type: ignore[type-var]
        header = _read_header(self._text, where)
        self._separator = _find_separator(header)
        cells = [cell.strip() for cell in _split(header, self._separator)]
        # Each column needs a name; no name of a table holds a line break.
        self._columns = [name or f"\n{place}" for place, name in enumerate(cells)]
        self.names = [name for name in cells if name]
        if self._separator != ",":
            log.info("%s: separated by %s", where, SEPARATORS[self._separator])

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Read columns in pieces, each cell as text, an empty one as ''."""
        rows = 0
        if self._text.peek(1):
            try:
                for batch in pa.csv.open_csv(self._input(), *self._options(columns, columns)):
                    rows += batch.num_rows
                    yield batch
            except pa.ArrowInvalid:
                self._find_fault()
                raise
        self._check_lines(rows)

    def read(self, texts: Collection[str] | None = None) -> pa.Table:
        """Read the whole table; columns that are not in `texts` become numbers if they can."""
        if not self._text.peek(1):
            raise _no_rows(self.where)
        options = self._options(self.names, self.names if texts is None else texts)
        try:
            table = pa.csv.read_csv(self._input(), *options)
        except pa.ArrowInvalid:
            self._find_fault()
            raise
        self._check_lines(len(table))
        return table

    def name_row(self, row: int) -> str:
        """Name a row, counted from 0 without the header, by its line."""
        records = _number_records(self._file, self.where, self._separator)
        line, _ = next(itertools.islice(records, row + 1, None))
        return f"{self.where}, line {line}"

    def _input(self) -> pa.PythonFile:
        return pa.PythonFile(self._text, mode="r")

    def _options(self, columns: Collection[str], texts: Collection[str]) -> tuple:
        return (
            pa.csv.ReadOptions(column_names=self._columns, block_size=BYTES_PER_BLOCK),
            pa.csv.ParseOptions(delimiter=self._separator, newlines_in_values=True),
            pa.csv.ConvertOptions(
                include_columns=list(columns), column_types=dict.fromkeys(texts, pa.string())
            ),
        )

    def _check_lines(self, rows: int) -> None:
        """Look closer if there are more lines than rows: a quote may be open to the end."""
        if self._raw.lines != rows + 1 or self._raw.quotes % 2:
            self._find_fault()
        if not rows:
            raise _no_rows(self.where)

    def _find_fault(self) -> None:
        """Raise an error that names the first line that does not fit the header, if one does not.

        Arrow counts rows, but a cell can have several lines.
        """
        count = len(self._columns)
        for line, fields in _number_records(self._file, self.where, self._separator):
            if len(fields) != count:
                number = f"{len(fields)} field{'s' if len(fields) > 1 else ''}"
                raise InputError(
                    f"{self.where}, line {line}",
                    f"has {number}, but the header has {count}",
                    f"fields are separated by {SEPARATORS[self._separator]}; a field that holds "
                    "one stands in quotes, and none follows the last field",
                )


class ParquetTable:
    """An open Parquet table; its attributes are those of `CsvTable`."""

    def __init__(self, file: BinaryIO, where: str) -> None:
        self.where, self._file = where, pq.ParquetFile(file)
        self._columns = {name.strip(): name for name in self._file.schema_arrow.names}
        self.names = [name.strip() for name in self._file.schema_arrow.names if name.strip()]

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Read columns in pieces, as they are stored."""
        if not self._file.metadata.num_rows:
            raise _no_rows(self.where)
        stored = [self._columns[name] for name in columns]
        for batch in self._file.iter_batches(ROWS_PER_BATCH, columns=stored):
            yield batch.select(stored).rename_columns(list(columns))

    def read(self, texts: Collection[str] | None = None) -> pa.Table:
        """Read the whole table, the columns in `texts` (by default all) as text."""
        if not self._file.metadata.num_rows:
            raise _no_rows(self.where)
        table = self._file.read([self._columns[name] for name in self.names])
        table = table.rename_columns(self.names)
        for place, name in enumerate(self.names):
            if texts is None or name in texts:
                table = table.set_column(place, name, as_text(table[name]))
        return table

    def name_row(self, row: int) -> str:
        """Name a row by its number, which is counted from 1."""
        return f"{self.where}, row {row + 1}"


UserTable: TypeAlias = CsvTable | ParquetTable


@contextmanager
def opened_table(
    source: Source,
    columns: Iterable[str] = (),
    hint: str | None = None,
    where: PathLike | None = None,
) -> Iterator[UserTable]:
    """Open a table that a user brings.

    Parameters
    ----------
    source : str, Path or binary file
    columns : iterable of str
        Columns that it must have.
    hint : str, optional
        What to do if it lacks one.
    where : str or Path, optional
        Its name in messages, which ends like the name of its file; needed for a binary file.

    Yields
    ------
    CsvTable or ParquetTable
        Read it once, whole (`read`) or in batches.

    Raises
    ------
    InputError
        The table cannot be read, has no header or no rows, lacks a column or has one twice, or a
        line has too few or too many fields; the error names the line.
    """
    place = str(source if where is None else where)
    try:
        with _opened(source) as file:
            kind = ParquetTable if has_ending(place, ".parquet") else CsvTable
            table = kind(file, place)
            _check_names(table, columns, hint)
            yield table
    except InputError:
        raise
    except FAULTS as error:
        raise InputError(place, f"cannot be read as a table: {error}", FORMATS) from error
    except OSError as error:
        # Whoever opened a remote file knows better what its errors mean.
        if not isinstance(source, str | os.PathLike):
            raise
        raise InputError(place, f"cannot be read: {error.strerror or error}", FORMATS) from error


def read_texts(
    source: Source,
    columns: Sequence[str],
    optional: Collection[str] = (),
    hint: str | None = None,
) -> pd.DataFrame:
    """Read some columns of a table that a user brings, each cell as text without blanks around it.

    Parameters
    ----------
    source : str, Path or binary file
    columns : list of str
        Columns that it must have.
    optional : collection of str
        Columns that are read where they are there.
    hint : str, optional
        What to do if a column is missing.

    Returns
    -------
    pandas.DataFrame
        The columns, a row for each of the table, in its order; an empty cell is ''.

    Raises
    ------
    InputError
        As for `opened_table`.
    """
    with opened_table(source, columns, hint) as table:
        names = [name for name in table.names if name in columns or name in optional]
        texts = pa.Table.from_batches(
            pa.RecordBatch.from_arrays([as_text(column) for column in batch.columns], names)
            for batch in table.batches(names)
        )
    return texts.to_pandas().astype("str").apply(lambda column: column.str.strip())


def as_text(column: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Write each value of a column as text, a missing one as ''; whole numbers stay whole."""
    return pc.fill_null(column.cast(pa.string()), "")


def name_row(source: PathLike, row: int) -> str:
    """Name a row of a table for messages, by its line if the table is a CSV.

    Parameters
    ----------
    source : str or Path
    row : int
        From 0, the header not counted.

    Returns
    -------
    str
        Such as "wells.csv, line 7".
    """
    with opened_table(source) as table:
        return table.name_row(row)


@contextmanager
def _opened(source: Source) -> Iterator[BinaryIO]:
    if isinstance(source, str | os.PathLike):
        with Path(source).open("rb") as file:
            yield file
    else:
        yield source


def _read_header(text: io.BufferedReader, where: str) -> str:
    """Read the first line that is not empty, and the next ones while a quote is open."""
    header = b""
    while line := text.readline():
        header += line
        if header.strip() and header.count(b'"') % 2 == 0:
            return header.decode().strip("\n")
        if len(header) > LONGEST_HEADER:
            break
    if not header.strip():
        raise InputError(where, "is empty", "its first line must name the columns")
    raise InputError(f"{where}, line 1", "has a quotation mark that is not closed")


def _split(line: str, separator: str) -> list[str]:
    return next(csv.reader(io.StringIO(line, newline=""), delimiter=separator))


def _find_separator(header: str) -> str:
    """The separator that gives the most columns; a comma if there is but one column."""
    return max(SEPARATORS, key=lambda separator: len(_split(header, separator)))


def _number_records(file: BinaryIO, where: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Each record of a CSV, and the line that it begins in, from 1; empty lines are left out."""
    file.seek(0)
    buffered = io.BufferedReader(Utf8Text(file, where))  # type: ignore[type-var]
    lines = io.TextIOWrapper(buffered, "utf-8", newline="\n")
    records = csv.reader(lines, delimiter=separator, strict=True)
    before = 0
    try:
        for fields in records:
            if fields:
                yield before + 1, fields
            before = records.line_num
    except csv.Error as error:
        raise InputError(
            f"{where}, line {before + 1}",
            f"cannot be read as a table: {error}",
            "a quotation mark that opens a field must be closed at its end",
        ) from error


def _check_names(table: UserTable, columns: Iterable[str], hint: str | None) -> None:
    """Make sure that the columns are there, and each once."""
    names = table.names
    if not names:
        raise InputError(table.where, "has no column names", "its first line must name the columns")
    if len(set(names)) < len(names):
        name = next(name for name in names if names.count(name) > 1)
        raise InputError(table.where, f"has the column {name!r} twice", "rename one of the two")
    for column in columns:
        if column not in names:
            near = difflib.get_close_matches(column, names, n=1)
            advice = [f"did you mean {near[0]!r}?"] if near else []
            raise InputError(
                table.where,
                f"has no column {column!r}; its columns are {', '.join(names)}",
                " ".join([*advice, hint or "the first line must name the columns"]),
            )


def _no_rows(where: str) -> InputError:
    hint = "look whether the program that wrote it has finished"
    return InputError(where, "has a header but no rows", hint)
