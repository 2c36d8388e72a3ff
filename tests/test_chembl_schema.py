"""The workflow's copy of ChEMBL's schema, and databases made from it."""

import sqlite3
import warnings
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import create_engine

from paintassay.demo.chembl_database import create_database

with warnings.catch_warnings():
    # The package warns about its top level even where a release is imported by name.
    warnings.simplefilter("ignore", DeprecationWarning)
    from chembl_sqlalchemy.chembl_37 import Base

SCHEMA = Path(__file__).parents[1] / "workflow/resources/chembl_schema.sql"
TABLES = [
    "activities",
    "assays",
    "compound_structures",
    "docs",
    "molecule_dictionary",
    "molecule_hierarchy",
    "target_dictionary",
    "version",
]


def describe(connection, table):
    """Columns (name, type, not null, default, key) and indexes of a table, as SQLite sees them."""
    columns = [row[1:] for row in connection.execute(f"PRAGMA table_info({table})")]
    indexes = set()
    for _, name, unique, origin, partial in connection.execute(f"PRAGMA index_list({table})"):
        keys = tuple(row[2] for row in connection.execute(f"PRAGMA index_info({name})"))
        # SQLite numbers the indexes behind constraints (origin pk, u) in order of declaration.
        indexes.add((name if origin == "c" else None, unique, origin, partial, keys))
    return columns, indexes


def test_schema_equals_chembl_37():
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    ours = sqlite3.connect(":memory:")
    ours.executescript(SCHEMA.read_text(encoding="utf-8"))
    theirs = engine.raw_connection().driver_connection
    tables = ours.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    assert [name for (name,) in tables] == TABLES
    for table in TABLES:
        assert describe(ours, table) == describe(theirs, table), table
    ours.close()
    engine.dispose()


def molecules():
    return pd.DataFrame(
        {
            "molregno": np.array([1, 2, 3]),
            "chembl_id": ["CHEMBL1", "CHEMBL2", "CHEMBL3"],
            "pref_name": ["ASPIRIN", None, pd.NA],
            "max_phase": [4.0, np.nan, 0.5],
            "first_approval": pd.array([1950, None, None], dtype="Int64"),
            "usan_year": [np.int64(1999), None, np.nan],
        }
    )


def test_rows_come_back(tmp_path):
    path = tmp_path / "new" / "chembl.db"
    tables = {
        "version": pd.DataFrame({"name": ["ChEMBL_37"]}),
        "molecule_dictionary": molecules(),
        "activities": pd.DataFrame({"activity_id": [7], "pchembl_value": [6.05]}),
    }
    schema = SCHEMA.read_text(encoding="utf-8")
    create_database(path, schema, tables)
    assert [file.name for file in path.parent.iterdir()] == ["chembl.db"]
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(
            "SELECT molregno, chembl_id, pref_name, max_phase, first_approval, usan_year,"
            " typeof(usan_year), oral, structure_type, usan_stem FROM molecule_dictionary"
        ).fetchall()
        assert rows == [
            (1, "CHEMBL1", "ASPIRIN", 4, 1950, 1999, "integer", 0, "", None),
            (2, "CHEMBL2", None, None, None, None, "null", 0, "", None),
            (3, "CHEMBL3", None, 0.5, None, None, "null", 0, "", None),
        ]
        query = "SELECT activity_id, assay_id, type, pchembl_value, typeof(doc_id) FROM activities"
        assert connection.execute(query).fetchall() == [(7, 0, "", 6.05, "null")]
        assert connection.execute("SELECT count(*) FROM assays").fetchone() == (0,)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        empty = sqlite3.connect(":memory:")
        empty.executescript(schema)
        for table in TABLES:
            assert describe(connection, table) == describe(empty, table)
        empty.close()

    # The same again, tables named in another order, is the same file.
    again = tmp_path / "again.db"
    create_database(again, schema, dict(reversed(tables.items())))
    assert again.read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("tables", "error", "message"),
    [
        ({"drugs": pd.DataFrame()}, ValueError, "table drugs"),
        ({"version": pd.DataFrame({"name); --": ["x"]})}, ValueError, r"column name\); --"),
        ({"molecule_dictionary": molecules()[["molregno"]]}, ValueError, "chembl_id must be"),
        ({"version": pd.DataFrame({"name": ["x", "x"]})}, sqlite3.IntegrityError, "UNIQUE"),
        ({"version": pd.DataFrame({"name": [None]})}, sqlite3.IntegrityError, "NOT NULL"),
    ],
)
def test_rows_that_do_not_fit_are_refused(tmp_path, tables, error, message):
    path = tmp_path / "chembl.db"
    with pytest.raises(error, match=message):
        create_database(path, SCHEMA.read_text(encoding="utf-8"), tables)
    assert list(tmp_path.iterdir()) == []
