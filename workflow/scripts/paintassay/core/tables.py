"""Write and read tables as files, checked against schemas that give each column a meaning."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from paintassay.core.errors import InputError
from paintassay.core.files import PathLike, atomic_path
from paintassay.core.secrets import mask

# What can be written as a table.
TableData: TypeAlias = pd.DataFrame | pa.Table | list[dict[str, Any]]

text, integer, real = pa.string(), pa.int64(), pa.float64()


def table_schema(description: str, *columns: tuple[str | pa.DataType, ...]) -> pa.Schema:
    """Make an Arrow schema from (name, type, meaning) or (name, type, meaning, "optional")."""
    fields = []
    for name, kind, meaning, *optional in columns:
        fields.append(
            pa.field(name, kind, nullable=bool(optional), metadata={"description": meaning})
        )
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
    """Write a table that fits `schema` as Parquet, atomically and byte for byte repeatable."""
    with atomic_path(path) as temporary:
        pq.write_table(conform(data, schema), temporary, compression="zstd")


def write_csv(data: TableData, path: PathLike, schema: pa.Schema) -> None:
    """Write a table that fits `schema` as CSV for people and spreadsheets, atomically."""
    # Arrow's types keep whole numbers whole where some are missing.
    table = conform(data, schema).to_pandas(types_mapper=pd.ArrowDtype)
    with atomic_path(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")


def read_parquet(
    path: PathLike, schema: pa.Schema, columns: Sequence[str] | None = None
) -> pa.Table:
    """Read a Parquet table of this workflow.

    Parameters
    ----------
    path : str or Path
    schema : pyarrow.Schema
        What it must contain.
    columns : list of str, optional
        Only these.

    Returns
    -------
    pyarrow.Table

    Raises
    ------
    InputError
        The file is no Parquet file or does not have the schema's columns and types.
    """
    if columns is not None:
        schema = pa.schema([schema.field(name) for name in columns])
    try:
        file_schema = pq.read_schema(path)
    except pa.ArrowInvalid as error:
        raise InputError(path, f"is not a Parquet file ({error})") from error
    for field in schema:
        name = field.name
        if name not in file_schema.names or file_schema.field(name).type != field.type:
            raise InputError(
                path,
                f"column {name} of type {field.type} is missing",
                "the file comes from another version of this workflow; remove it and run again",
            )
    return pq.read_table(path, columns=schema.names)


def read_csv(path: PathLike, schema: pa.Schema) -> pd.DataFrame:
    """Read a CSV table that `write_csv` wrote, as a pandas.DataFrame."""
    table = pa.csv.read_csv(
        path,
        convert_options=pa.csv.ConvertOptions(
            column_types={field.name: field.type for field in schema}, strings_can_be_null=True
        ),
    )
    return table.to_pandas()


def joined(lists: Iterable[Iterable[object]]) -> pd.Series:
    """Join each list of values into one text, separated by ``;`` (for CSV)."""
    return pd.Series([";".join(map(str, values)) for values in lists], dtype="str")


def sorted_by(table: pa.Table, *columns: str) -> pa.Table:
    """Sort an Arrow table by columns, ascending."""
    return table.take(pc.sort_indices(table, [(name, "ascending") for name in columns]))
