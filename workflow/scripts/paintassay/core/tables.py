"""Write and read tables as files, checked against schemas that give each column a meaning."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, TypeAlias

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from paintassay.core.errors import InputError
from paintassay.core.files import PathLike, atomic_path
from paintassay.core.parquet import AGAIN, open_sealed, write_sealed
from paintassay.core.secrets import mask

# What can be written as a table.
TableData: TypeAlias = pd.DataFrame | pa.Table | list[dict[str, Any]]

# Offsets of 64 bits: those of pa.string() end at 2 GB a column, which a join of whole tables, a
# sort or a selection of rows puts together in one piece.
text, integer, real = pa.large_string(), pa.int64(), pa.float64()


class Between(NamedTuple):
    """The least and the most that a value of a column can be."""

    least: float
    most: float


class Among(NamedTuple):
    """All that a value of a column can be."""

    values: tuple[str | int, ...]


count = Between(0, 2**53)
share = Between(0, 1)
# A mean of float32 numbers can be that much beyond the largest of them.
_ROUNDING = 1e-6


def table_schema(
    description: str, *columns: tuple[str | pa.DataType | Between | Among, ...]
) -> pa.Schema:
    """Make an Arrow schema.

    Parameters
    ----------
    description : str
    *columns : tuple
        Name, type and meaning of each, with "optional" where a value may be missing, and with
        `Between` or `Among` where not every value can be; what cannot be is refused on reading.

    Returns
    -------
    pyarrow.Schema
    """
    fields = []
    for name, kind, meaning, *rest in columns:
        metadata = {"description": meaning}
        for limits in rest:
            if isinstance(limits, Between | Among):
                metadata["values"] = json.dumps(limits._asdict())
        fields.append(pa.field(name, kind, nullable="optional" in rest, metadata=metadata))
    return pa.schema(fields, metadata={"description": description})


def conform(data: TableData, schema: pa.Schema) -> pa.Table:
    """Cast a table to a schema: its columns in its order, its types, its missing values.

    Parameters
    ----------
    data : pandas.DataFrame, pyarrow.Table or list of dict
        At least the columns of the schema.
    schema : pyarrow.Schema
        As from `table_schema`.

    Returns
    -------
    pyarrow.Table

    Raises
    ------
    ValueError
        A column is missing, a value does not fit its type, or is missing where it must not be.
    """
    if isinstance(data, list):
        table = pa.Table.from_pylist(data, schema=schema)
    else:
        names = data.column_names if isinstance(data, pa.Table) else list(data.columns)
        missing_columns = [name for name in schema.names if name not in names]
        if missing_columns:
            raise ValueError(f"columns missing: {', '.join(missing_columns)}")
        if isinstance(data, pa.Table):
            table = data.select(schema.names).cast(schema)
        else:
            table = pa.Table.from_pandas(data[schema.names], schema=schema, preserve_index=False)
    for field in schema:
        if not field.nullable and table[field.name].null_count:
            raise ValueError(f"column {field.name} has missing values")
    return _mask_addresses(table).replace_schema_metadata(schema.metadata)


def _mask_addresses(table: pa.Table) -> pa.Table:
    """Mask passwords and tokens in the addresses that a table names."""
    for place, field in enumerate(table.schema):
        if not (pa.types.is_string(field.type) or pa.types.is_large_string(field.type)):
            continue
        column = table[field.name]
        # Hardly any column has addresses, and hardly any address a secret.
        if not any(pc.any(pc.match_substring(column, sign)).as_py() for sign in ("://", "?", "&")):
            continue
        if pc.any(pc.match_substring_regex(column, r"://.*(@|[?&;#].*=)|[?&][^ ]+=")).as_py():
            values = [value and mask(value) for value in column.to_pylist()]
            table = table.set_column(place, field, pa.array(values, field.type))
    return table


def write_parquet(data: TableData, path: PathLike, schema: pa.Schema) -> None:
    """Write a table that fits `schema` as Parquet, as `core.parquet.write_sealed` does."""
    write_sealed(conform(data, schema), path)


def write_csv(data: TableData, path: PathLike, schema: pa.Schema) -> None:
    """Write a table that fits `schema` as CSV for people and spreadsheets, atomically."""
    # Arrow's types keep whole numbers whole where some are missing.
    table = conform(data, schema).to_pandas(types_mapper=pd.ArrowDtype)
    with atomic_path(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")


def read_parquet(
    path: PathLike,
    schema: pa.Schema,
    columns: Sequence[str] | None = None,
    further: bool = False,
) -> pa.Table:
    """Read a Parquet table of this workflow.

    Parameters
    ----------
    path : str or Path
    schema : pyarrow.Schema
        What it must contain.
    columns : list of str, optional
        Only these.
    further : bool
        Also the columns that the schema does not name.

    Returns
    -------
    pyarrow.Table

    Raises
    ------
    InputError
        The file is damaged or no Parquet file, does not have the schema's columns and types, or has
        a value that cannot be.
    """
    if columns is not None:
        schema = pa.schema([schema.field(name) for name in columns])
    with open_sealed(path) as file:
        return read_columns(file, path, schema, further)


def read_columns(
    file: pq.ParquetFile, path: PathLike, schema: pa.Schema, further: bool = False
) -> pa.Table:
    """Read columns of a Parquet file that `core.parquet.open_sealed` has opened.

    Parameters and errors are those of `read_parquet`.
    """
    for field in schema:
        name = field.name
        names = file.schema_arrow.names
        if name not in names or (
            _wide_type(file.schema_arrow.field(name).type) != _wide_type(field.type)
        ):
            raise InputError(
                path,
                f"column {name} of type {field.type} is missing",
                "the file comes from another version of this workflow; remove it and run again",
            )
    table = widened(file.read(None if further else schema.names))
    check_values(table, schema, path)
    return table


def widened(table: pa.Table) -> pa.Table:
    """Give all texts of a table offsets of 64 bits, so that rows can be put together freely."""
    fields = [field.with_type(_wide_type(field.type)) for field in table.schema]
    return table.cast(pa.schema(fields, table.schema.metadata))


def _wide_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_list(kind):
        return pa.list_(_wide_type(kind.value_type))
    return text if pa.types.is_string(kind) else kind


def read_csv(
    path: PathLike, schema: pa.Schema, columns: Sequence[str] | None = None
) -> pd.DataFrame:
    """Read a CSV table that `write_csv` wrote.

    Parameters
    ----------
    path : str or Path
    schema : pyarrow.Schema
        What it must contain.
    columns : list of str, optional
        Only these.

    Returns
    -------
    pandas.DataFrame

    Raises
    ------
    InputError
        The file cannot be read, lacks a column, or has a value that cannot be.
    """
    if columns is not None:
        schema = pa.schema([schema.field(name) for name in columns])
    options = pa.csv.ConvertOptions(
        column_types={field.name: field.type for field in schema},
        include_columns=schema.names if columns is not None else None,
        strings_can_be_null=True,
    )
    try:
        table = pa.csv.read_csv(path, convert_options=options)
    except FileNotFoundError as error:
        raise InputError(path, "does not exist", "run the same command again") from error
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(path, f"is not a whole table ({reason})", AGAIN) from error
    if missing := [name for name in schema.names if name not in table.column_names]:
        raise InputError(path, f"has no column {missing[0]}", AGAIN)
    check_values(table, schema, path)
    return table.to_pandas()


def check_values(table: pa.Table, schema: pa.Schema, path: PathLike) -> None:
    """Refuse values that cannot be: outside of their limits, or missing where none may be.

    Parameters
    ----------
    table : pyarrow.Table
        With the columns of the schema.
    schema : pyarrow.Schema
        As from `table_schema`.
    path : str or Path
        The file that it was read from.

    Raises
    ------
    InputError
        The first such value, with its column and row.
    """
    for field in schema:
        column = table[field.name]
        bad = _impossible(column, field)
        if bad is not None and (row := pc.index(bad, True).as_py()) >= 0:
            value = column[row].as_py()
            shown = "a missing value" if value is None else f"the value {value}"
            raise InputError(
                path, f"row {row + 1} has {shown} in column {field.name}, which cannot be", AGAIN
            )


def _impossible(column: pa.ChunkedArray, field: pa.Field) -> pa.ChunkedArray | None:
    """Whether each value cannot be; None if all can."""
    # An empty text of a CSV table comes back as a missing one.
    is_text = field.type == text
    bad = pc.is_null(column) if column.null_count and not field.nullable and not is_text else None
    if pa.types.is_floating(field.type) and not field.nullable:
        bad = pc.is_null(column, nan_is_null=True)
    limits = json.loads((field.metadata or {}).get(b"values", b"{}"))
    if "values" in limits:
        known = pc.is_in(column, pa.array(limits["values"], field.type))
        outside = pc.invert(known)
    elif limits:
        below = pc.less(column, limits["least"] - _ROUNDING)
        outside = pc.or_(below, pc.greater(column, limits["most"] + _ROUNDING))
    else:
        return bad
    # What is missing was judged above.
    outside = pc.if_else(pc.is_null(column), False, outside)
    return outside if bad is None else pc.or_(bad, outside)


def joined(lists: Iterable[Iterable[object]]) -> pd.Series:
    """Join each list of values into one text, separated by ``;`` (for CSV)."""
    return pd.Series([";".join(map(str, values)) for values in lists], dtype="str")


def sorted_by(table: pa.Table, *columns: str) -> pa.Table:
    """Sort an Arrow table by columns, ascending."""
    table = widened(table)
    return table.take(pc.sort_indices(table, [(name, "ascending") for name in columns]))
