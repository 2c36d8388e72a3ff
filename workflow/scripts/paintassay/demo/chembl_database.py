"""Write SQLite databases with ChEMBL's tables, for the demo and for tests."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from typing import Any

import numpy as np
import pandas as pd

from paintassay.core.files import PathLike, atomic_path


def create_database(path: PathLike, schema_sql: str, tables: Mapping[str, pd.DataFrame]) -> None:
    """Write a new SQLite database with the schema of ChEMBL, atomically and repeatably.

    The same schema, tables and version of SQLite give the same file, byte for byte.

    Parameters
    ----------
    path : str or Path
        The database. An existing file is replaced.
    schema_sql : str
        CREATE TABLE and CREATE INDEX statements, such as `resources/chembl_schema.sql`.
    tables : dict of str to pandas.DataFrame
        Rows by table name; a table that is not named stays empty. A frame may leave out columns;
        if NULL is not allowed in them, they become 0 or an empty text. NaN, None and NA become
        NULL.

    Raises
    ------
    ValueError
        A table or column is not in the schema, or a column that must be unique is left out.
    sqlite3.IntegrityError
        A value breaks the schema: a repeated key, or NULL where it is not allowed.
    """
    create_tables, create_indexes = _statements(schema_sql)
    unknown = sorted(set(tables) - set(create_tables))
    if unknown:
        raise ValueError(f"not in the schema: table {', '.join(unknown)}")
    with (
        atomic_path(path) as temporary,
        closing(sqlite3.connect(temporary, isolation_level=None)) as connection,
    ):
        # A half-written file is thrown away, so a journal and syncing would be of no use.
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN")
        for name, statement in create_tables.items():
            connection.execute(statement)
            if name in tables:
                _insert(connection, name, tables[name])
        # Building an index over full tables is much faster than updating it row by row.
        for statement in create_indexes:
            connection.execute(statement)
        connection.execute("COMMIT")


def _statements(schema_sql: str) -> tuple[dict[str, str], list[str]]:
    """Split a schema into {table: its CREATE TABLE} and a list of CREATE INDEX."""
    # SQLite itself splits them: it keeps the text of each statement that it has carried out.
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(schema_sql)
        rows = connection.execute(
            "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid"
        ).fetchall()
    tables = {name: sql for kind, name, sql in rows if kind == "table"}
    return tables, [sql for kind, _, sql in rows if kind == "index"]


def _insert(connection: sqlite3.Connection, table: str, frame: pd.DataFrame) -> None:
    """Insert the rows of a frame; names in the SQL are the schema's, never the frame's."""
    schema = connection.execute("SELECT * FROM pragma_table_info(?)", (table,)).fetchall()
    names = [name for _, name, *_ in schema]
    unknown = [str(column) for column in frame.columns if column not in names]
    if unknown:
        raise ValueError(f"not in the schema of table {table}: column {', '.join(unknown)}")
    unique = _unique_columns(connection, table)
    columns: list[str] = []
    values: list[list[Any]] = []
    for _, name, kind, not_null, *_ in schema:
        if name in frame.columns:
            columns.append(name)
            values.append(_plain(frame[name]))
        elif not_null and name in unique:
            raise ValueError(f"table {table}: column {name} must be unique and is not given")
        elif not_null:
            columns.append(name)
            values.append([_neutral(kind)] * len(frame))
    quoted = ", ".join(f'"{name}"' for name in columns)
    marks = ", ".join("?" * len(columns))
    statement = f'INSERT INTO "{table}" ({quoted}) VALUES ({marks})'  # noqa: S608
    connection.executemany(statement, zip(*values, strict=True))


def _unique_columns(connection: sqlite3.Connection, table: str) -> set[str]:
    """Name the columns of a table that a primary key or unique constraint covers."""
    rows = connection.execute(
        "SELECT column.name FROM pragma_index_list(?) AS list, pragma_index_info(list.name)"
        ' AS column WHERE list."unique"',
        (table,),
    )
    return {name for (name,) in rows}


def _neutral(kind: str) -> int | str:
    """Give the neutral value for a column of this declared SQL type."""
    return "" if kind.startswith(("VARCHAR", "TEXT")) else 0


def _plain(series: pd.Series) -> list[Any]:
    """Turn a column into Python values that sqlite3 understands, None where missing."""
    missing = series.isna()
    return [
        None if absent else value.item() if isinstance(value, np.generic) else value
        for value, absent in zip(series.astype(object), missing, strict=True)
    ]
