"""Extract the activities of a compound library from ChEMBL's SQLite dump."""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import adbc_driver_sqlite.dbapi
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from paintassay.chembl.release import check_release
from paintassay.chembl.tables import ACTIVITIES, MATCHES, MatchOn
from paintassay.core.errors import InputError
from paintassay.core.files import PathLike
from paintassay.core.sqlite import immutable_uri
from paintassay.core.tables import conform, sorted_by, text

log = logging.getLogger(__name__)

# The driver takes a column's type from the first batch, so the complete answer, which is numbers
# and short texts, is one batch: a column may then begin with any number of missing values.
ROWS_PER_BATCH = 1_000_000_000
# No column of long descriptions may outgrow an Arrow array. The pages of the Parquet file follow
# the slices, so that another number gives a file with the same rows and other bytes.
ROWS_PER_SLICE = 200_000
HINT = "give the unpacked file chembl_NN.db, or set chembl.sqlite to null to download it"

# A cross join keeps SQLite from reversing the order: the few keys come first, and ChEMBL's indexes
# find their rows. Each query gives the library's key, the molecule, and the molecule's key.
MATCH_QUERIES = {
    "inchikey": """
        SELECT library.inchikey, structure.molregno, structure.standard_inchi_key
        FROM temp.library CROSS JOIN compound_structures AS structure
            ON structure.standard_inchi_key = library.inchikey""",
    # "." is the character after "-", so this is the range of all keys that begin with the block.
    "first_block": """
        SELECT library.inchikey, structure.molregno, structure.standard_inchi_key
        FROM temp.library CROSS JOIN compound_structures AS structure
            ON structure.standard_inchi_key >= library.first_block || '-'
            AND structure.standard_inchi_key < library.first_block || '.'""",
    # A molecule that the hierarchy does not list is its own parent.
    "parent": """
        WITH hit AS (
            SELECT library.inchikey, structure.molregno
            FROM temp.library CROSS JOIN compound_structures AS structure
                ON structure.standard_inchi_key IN (library.inchikey, library.parent_inchikey)
        ), parent AS (
            SELECT DISTINCT hit.inchikey, coalesce(up.parent_molregno, hit.molregno) AS molregno
            FROM hit LEFT JOIN molecule_hierarchy AS up ON up.molregno = hit.molregno
        ), family AS (
            SELECT parent.inchikey, down.molregno
            FROM parent CROSS JOIN molecule_hierarchy AS down
                ON down.parent_molregno = parent.molregno
            UNION
            SELECT parent.inchikey, parent.molregno
            FROM parent LEFT JOIN molecule_hierarchy AS up ON up.molregno = parent.molregno
            WHERE up.parent_molregno IS NULL
        )
        SELECT family.inchikey, family.molregno, structure.standard_inchi_key
        FROM family LEFT JOIN compound_structures AS structure
            ON structure.molregno = family.molregno""",
}

MATCH_COLUMNS = {
    "inchikey": text,
    "molregno": pa.int64(),
    "molecule_inchikey": text,
}

# A molecule's activities are scattered over the table. Their places come from the index and are
# sorted, so that the table is then read once from beginning to end.
PLACE_QUERY = """
    CREATE TEMP TABLE place AS
    SELECT activity.rowid AS id
    FROM temp.molecule CROSS JOIN activities AS activity
        ON activity.molregno = molecule.molregno
    ORDER BY activity.rowid"""

# Facts of the activities alone. Those of an assay, a document or a molecule are looked up once for
# each of these, not once for each row.
ACTIVITY_QUERY = """
    SELECT activity.activity_id, activity.assay_id, activity.doc_id, activity.molregno,
        activity.standard_type, activity.standard_relation, activity.standard_value,
        activity.standard_units, activity.pchembl_value, activity.activity_comment,
        activity.data_validity_comment, activity.potential_duplicate
    FROM temp.place CROSS JOIN activities AS activity ON activity.rowid = place.id
    WHERE activity.pchembl_value IS NOT NULL OR activity.activity_comment IS NOT NULL
        OR (activity.standard_value IS NOT NULL
            AND activity.standard_relation IN ('>', '>=', '>>', '<', '<=', '<<'))"""
ACTIVITY_COLUMNS = {
    "activity_id": pa.int64(),
    "assay_id": pa.int64(),
    "doc_id": pa.int64(),
    "molregno": pa.int64(),
    "standard_type": text,
    "standard_relation": text,
    "standard_value": pa.float64(),
    "standard_units": text,
    "pchembl_value": pa.float64(),
    "activity_comment": text,
    "data_validity_comment": text,
    "potential_duplicate": pa.int64(),
}

ASSAY_QUERY = """
    SELECT assay.assay_id, assay.chembl_id, assay.description, assay.assay_type, assay.tid
    FROM json_each(?) AS ids CROSS JOIN assays AS assay ON assay.assay_id = ids.value"""
ASSAY_COLUMNS = {
    "assay_id": pa.int64(),
    "assay_chembl_id": text,
    "assay_description": text,
    "assay_type": text,
    "tid": pa.int64(),
}

TARGET_QUERY = """
    SELECT target.tid, target.chembl_id, target.pref_name, target.organism
    FROM json_each(?) AS ids CROSS JOIN target_dictionary AS target ON target.tid = ids.value"""
TARGET_COLUMNS = {
    "tid": pa.int64(),
    "target_chembl_id": text,
    "target_name": text,
    "target_organism": text,
}

DOCUMENT_QUERY = """
    SELECT document.doc_id, document.chembl_id
    FROM json_each(?) AS ids CROSS JOIN docs AS document ON document.doc_id = ids.value"""
DOCUMENT_COLUMNS = {"doc_id": pa.int64(), "document_chembl_id": text}

MOLECULE_QUERY = """
    SELECT molecule.molregno, molecule.chembl_id
    FROM json_each(?) AS ids CROSS JOIN molecule_dictionary AS molecule
        ON molecule.molregno = ids.value"""
MOLECULE_COLUMNS = {"molregno": pa.int64(), "molecule_chembl_id": text}


def extract_activities(
    path: PathLike, compounds: pd.DataFrame, match_on: MatchOn, release: int | str
) -> tuple[pa.Table, pa.Table]:
    """Extract a library's activities that have a pChEMBL value, a comment or a censored value.

    Parameters
    ----------
    path : str or Path
        ChEMBL's SQLite dump, unpacked. It is opened read-only.
    compounds : pandas.DataFrame
        One row per compound: inchikey, first_block, parent_inchikey (may be missing).
    match_on : {"inchikey", "first_block", "parent"}
        What makes a ChEMBL molecule a library compound: the full key, any stereo and charge of
        the same skeleton, or any member of the same family in ChEMBL's `molecule_hierarchy`.
    release : int or str
        The release that the dump must hold.

    Returns
    -------
    matches : pyarrow.Table
        As `chembl.tables.MATCHES`, sorted by compound and molecule.
    activities : pyarrow.Table
        As `chembl.tables.ACTIVITIES`, sorted by activity.

    Raises
    ------
    InputError
        The file is no SQLite file, is cut short or damaged, lacks a table, or holds another
        release.
    """
    with open_dump(path) as dump:
        check_release(_read_release(dump, path), release, path)
        load_library(dump, compounds)
        hits = run_query(dump, MATCH_QUERIES[match_on], MATCH_COLUMNS)
        molregnos = pc.unique(hits["molregno"])
        log.info(
            "%d of %d compounds match %d ChEMBL molecules",
            pc.count_distinct(hits["inchikey"]).as_py(),
            len(compounds),
            len(molregnos),
        )
        molecules = _look_up_ids(dump, MOLECULE_QUERY, MOLECULE_COLUMNS, molregnos)
        activities = _extract_activities_of(dump, molregnos, molecules)
    return _tabulate_matches(hits, molecules, match_on), activities


@contextmanager
def open_dump(path: PathLike) -> Iterator[adbc_driver_sqlite.dbapi.Cursor]:
    """A cursor on the dump, read-only; damage that is found now or later becomes an InputError."""
    _check_file(path)
    uri = immutable_uri(path)
    try:
        with (
            adbc_driver_sqlite.dbapi.connect(uri) as connection,
            connection.cursor(
                adbc_stmt_kwargs={"adbc.sqlite.query.batch_rows": str(ROWS_PER_BATCH)}
            ) as dump,
        ):
            dump.execute("PRAGMA temp_store = MEMORY")
            yield dump
    except (adbc_driver_sqlite.dbapi.Error, pa.ArrowInvalid) as error:
        raise InputError(path, f"cannot be read as ChEMBL's SQLite dump: {error}", HINT) from error


def _check_file(path: PathLike) -> None:
    """Refuse early a file that SQLite would find damaged only late.

    The header's layout is that of https://www.sqlite.org/fileformat.html, section 1.3.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(path, "does not exist", HINT)
    with path.open("rb") as file:
        header = file.read(100)
    if header[:16] != b"SQLite format 3\x00":
        raise InputError(path, "is not a SQLite database", HINT)
    page_size = int.from_bytes(header[16:18], "big")
    expected = (65536 if page_size == 1 else page_size) * int.from_bytes(header[28:32], "big")
    size_is_valid = header[24:28] == header[92:96]
    if len(header) < 100 or (size_is_valid and path.stat().st_size < expected):
        raise InputError(
            path,
            f"is cut short: {path.stat().st_size:,} of {expected:,} bytes",
            "copy or download it again",
        )


def _read_release(dump: adbc_driver_sqlite.dbapi.Cursor, path: PathLike) -> str:
    versions = run_query(dump, "SELECT name FROM version", {"name": text})
    names = versions["name"].to_pylist()
    releases = [name for name in names if name.lower().startswith("chembl")]
    if len(releases) != 1:
        raise InputError(path, f"table version names no single ChEMBL release: {names}", HINT)
    return releases[0]


def load_library(dump: adbc_driver_sqlite.dbapi.Cursor, compounds: pd.DataFrame) -> None:
    dump.execute(
        "CREATE TEMP TABLE library (inchikey TEXT PRIMARY KEY, first_block TEXT,"
        " parent_inchikey TEXT) WITHOUT ROWID"
    )
    columns = ["inchikey", "first_block", "parent_inchikey"]
    schema = pa.schema([(name, text) for name in columns])
    table = pa.Table.from_pandas(compounds[columns], schema, preserve_index=False)
    # Columns of pandas may be in several pieces, or in none.
    arrays = [column.combine_chunks() for column in table.columns]
    rows = pa.RecordBatch.from_arrays(arrays, schema=schema)
    dump.executemany("INSERT INTO temp.library VALUES (?, ?, ?)", rows)


def run_query(
    dump: adbc_driver_sqlite.dbapi.Cursor,
    query: str,
    columns: Mapping[str, pa.DataType],
    parameters: Sequence[str] | None = None,
) -> pa.Table:
    """Run a query; its rows as an Arrow table of these columns, with empty texts as missing."""
    dump.execute(query, parameters)
    table = dump.fetch_arrow_table().rename_columns(list(columns)).combine_chunks()
    table = table.cast(pa.schema(list(columns.items())))
    for i, field in enumerate(table.schema):
        if field.type == text:
            # Some deposits have an empty text where there is no value.
            texts = pc.if_else(pc.equal(table[i], ""), None, table[i])
            table = table.set_column(i, field, texts)
    return table


def _look_up_ids(
    dump: adbc_driver_sqlite.dbapi.Cursor,
    query: str,
    columns: Mapping[str, pa.DataType],
    ids: pa.ChunkedArray,
) -> pa.Table:
    """Rows of one of ChEMBL's tables for some ids, sorted so that the table is read once."""
    id_list = json.dumps(sorted(pc.unique(ids).drop_null().to_pylist()))
    return run_query(dump, query, columns, (id_list,))


def _find_rows(ids: pa.ChunkedArray, table: pa.Table) -> pa.ChunkedArray:
    """Numbers of the rows of `table` whose first column has the ids; null where none has."""
    return pc.index_in(ids, value_set=table[0].combine_chunks())


def _extract_activities_of(
    dump: adbc_driver_sqlite.dbapi.Cursor, molregnos: pa.Array, molecules: pa.Table
) -> pa.Table:
    dump.execute("CREATE TEMP TABLE molecule (molregno INTEGER PRIMARY KEY)")
    rows = pa.record_batch({"molregno": molregnos})
    dump.executemany("INSERT INTO temp.molecule VALUES (?)", rows)
    dump.execute(PLACE_QUERY)
    activities = run_query(dump, ACTIVITY_QUERY, ACTIVITY_COLUMNS)
    log.info("%d activities have a pChEMBL value, a comment or a censored value", len(activities))
    activities = sorted_by(activities, "activity_id")
    assays = _look_up_ids(dump, ASSAY_QUERY, ASSAY_COLUMNS, activities["assay_id"])
    assay_rows = _find_rows(activities["assay_id"], assays)
    targets = _look_up_ids(dump, TARGET_QUERY, TARGET_COLUMNS, assays["tid"])
    documents = _look_up_ids(dump, DOCUMENT_QUERY, DOCUMENT_COLUMNS, activities["doc_id"])
    # The tables that belong to the activities, and the row of each activity in them.
    lookups = [
        (assays, assay_rows),
        (targets, _find_rows(assays["tid"], targets).take(assay_rows)),
        (documents, _find_rows(activities["doc_id"], documents)),
        (molecules, _find_rows(activities["molregno"], molecules)),
    ]
    return pa.concat_tables(
        _join_columns(
            activities.slice(start, ROWS_PER_SLICE),
            [table.take(rows.slice(start, ROWS_PER_SLICE)) for table, rows in lookups],
        )
        for start in range(0, max(len(activities), 1), ROWS_PER_SLICE)
    )


def _join_columns(activities: pa.Table, lookups: Sequence[pa.Table]) -> pa.Table:
    """Put tables of equal length side by side as `chembl.tables.ACTIVITIES`."""
    tables = (*lookups, activities)
    columns = {name: table[name] for table in tables for name in table.column_names}
    duplicate = pc.fill_null(columns["potential_duplicate"], 0)
    columns["potential_duplicate"] = pc.equal(duplicate, 1)
    return conform(pa.table(columns), ACTIVITIES)


def _tabulate_matches(hits: pa.Table, molecules: pa.Table, match_on: MatchOn) -> pa.Table:
    same_key = pc.fill_null(pc.equal(hits["inchikey"], hits["molecule_inchikey"]), False)
    molecule_rows = _find_rows(hits["molregno"], molecules)
    table = pa.table(
        {
            "inchikey": hits["inchikey"],
            "molecule_chembl_id": molecules["molecule_chembl_id"].take(molecule_rows),
            "molecule_inchikey": hits["molecule_inchikey"],
            "matched_by": pc.if_else(same_key, "inchikey", match_on),
        }
    )
    return sorted_by(conform(table, MATCHES), "inchikey", "molecule_chembl_id")
