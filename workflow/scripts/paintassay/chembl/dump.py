"""ChEMBL activities of a compound library, straight from ChEMBL's SQLite dump."""

import json
import logging
from contextlib import contextmanager
from pathlib import Path

import adbc_driver_sqlite.dbapi
import pyarrow as pa
import pyarrow.compute as pc

from paintassay.chembl.release import check_release
from paintassay.chembl.tables import ACTIVITIES, MATCHES
from paintassay.core.errors import InputError
from paintassay.core.tables import conform, sorted_by

log = logging.getLogger(__name__)

# The driver takes a column's type from the first batch, so the whole answer is one: a column that
# begins with a thousand missing values is then still seen whole. It holds numbers and short texts.
ROWS_PER_BATCH = 1_000_000_000
ROWS_PER_SLICE = 200_000
HINT = "give the unpacked file chembl_NN.db, or set chembl.sqlite to null to download it"

# A cross join keeps SQLite from turning the order round: the few keys drive, ChEMBL's indexes
# follow. Each query gives the library's key, the molecule, and the molecule's own key.
MATCH_QUERIES = {
    "inchikey": """
        SELECT library.inchikey, structure.molregno, structure.standard_inchi_key
        FROM temp.library CROSS JOIN compound_structures AS structure
            ON structure.standard_inchi_key = library.inchikey""",
    # "." is the character after "-", so this is the range of all keys that begin so.
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
    "inchikey": pa.string(),
    "molregno": pa.int64(),
    "molecule_inchikey": pa.string(),
}

# A molecule's activities lie scattered over the whole table. Their places come from the index and
# are sorted, so that the table is then read once from front to back.
PLACE_QUERY = """
    CREATE TEMP TABLE place AS
    SELECT activity.rowid AS id
    FROM temp.molecule CROSS JOIN activities AS activity
        ON activity.molregno = molecule.molregno
    ORDER BY activity.rowid"""

# Facts only. What hangs on an assay, a document or a molecule is looked up once each, not once
# a row.
ACTIVITY_QUERY = """
    SELECT activity.activity_id, activity.assay_id, activity.doc_id, activity.molregno,
        activity.standard_type, activity.standard_relation, activity.standard_value,
        activity.standard_units, activity.pchembl_value, activity.activity_comment,
        activity.data_validity_comment, activity.potential_duplicate
    FROM temp.place CROSS JOIN activities AS activity ON activity.rowid = place.id
    WHERE activity.pchembl_value IS NOT NULL OR activity.activity_comment IS NOT NULL"""
ACTIVITY_COLUMNS = {
    "activity_id": pa.int64(),
    "assay_id": pa.int64(),
    "doc_id": pa.int64(),
    "molregno": pa.int64(),
    "standard_type": pa.string(),
    "standard_relation": pa.string(),
    "standard_value": pa.float64(),
    "standard_units": pa.string(),
    "pchembl_value": pa.float64(),
    "activity_comment": pa.string(),
    "data_validity_comment": pa.string(),
    "potential_duplicate": pa.int64(),
}

ASSAY_QUERY = """
    SELECT assay.assay_id, assay.chembl_id, assay.description, assay.assay_type, assay.tid
    FROM json_each(?) AS wanted CROSS JOIN assays AS assay ON assay.assay_id = wanted.value"""
ASSAY_COLUMNS = {
    "assay_id": pa.int64(),
    "assay_chembl_id": pa.string(),
    "assay_description": pa.string(),
    "assay_type": pa.string(),
    "tid": pa.int64(),
}

TARGET_QUERY = """
    SELECT target.tid, target.chembl_id, target.pref_name, target.organism
    FROM json_each(?) AS wanted CROSS JOIN target_dictionary AS target
        ON target.tid = wanted.value"""
TARGET_COLUMNS = {
    "tid": pa.int64(),
    "target_chembl_id": pa.string(),
    "target_name": pa.string(),
    "target_organism": pa.string(),
}

DOCUMENT_QUERY = """
    SELECT document.doc_id, document.chembl_id
    FROM json_each(?) AS wanted CROSS JOIN docs AS document ON document.doc_id = wanted.value"""
DOCUMENT_COLUMNS = {"doc_id": pa.int64(), "document_chembl_id": pa.string()}

MOLECULE_QUERY = """
    SELECT molecule.molregno, molecule.chembl_id
    FROM json_each(?) AS wanted CROSS JOIN molecule_dictionary AS molecule
        ON molecule.molregno = wanted.value"""
MOLECULE_COLUMNS = {"molregno": pa.int64(), "molecule_chembl_id": pa.string()}


def extract_activities(path, compounds, match_on, release):
    """Extract all activities of a library that have a pChEMBL value or a comment.

    Parameters
    ----------
    path : str or Path
        ChEMBL's SQLite dump, unpacked. It is opened read-only.
    compounds : pandas.DataFrame
        Columns inchikey, first_block, parent_inchikey (may be missing), a row a compound.
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
    with _opened(path) as dump:
        check_release(_release(dump, path), release, path)
        _load_library(dump, compounds)
        found = _fetch(dump, MATCH_QUERIES[match_on], MATCH_COLUMNS)
        molregnos = pc.unique(found["molregno"])
        log.info(
            "%d of %d compounds match %d ChEMBL molecules",
            pc.count_distinct(found["inchikey"]).as_py(),
            len(compounds),
            len(molregnos),
        )
        molecules = _look_up(dump, MOLECULE_QUERY, MOLECULE_COLUMNS, molregnos)
        activities = _extract_rows(dump, molregnos, molecules)
    return _matches(found, molecules, match_on), activities


@contextmanager
def _opened(path):
    """A cursor on the dump, read-only; damage found now or later becomes an InputError."""
    _check_file(path)
    # immutable spares the lock files, so that a read-only folder will do.
    uri = f"{Path(path).resolve().as_uri()}?mode=ro&immutable=1"
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


def _check_file(path):
    """Refuse early what SQLite would stumble over late.

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


def _release(dump, path):
    names = _fetch(dump, "SELECT name FROM version", {"name": pa.string()})["name"].to_pylist()
    releases = [name for name in names if name.lower().startswith("chembl")]
    if len(releases) != 1:
        raise InputError(path, f"table version names no single ChEMBL release: {names}", HINT)
    return releases[0]


def _load_library(dump, compounds):
    dump.execute(
        "CREATE TEMP TABLE library (inchikey TEXT PRIMARY KEY, first_block TEXT,"
        " parent_inchikey TEXT) WITHOUT ROWID"
    )
    columns = ["inchikey", "first_block", "parent_inchikey"]
    schema = pa.schema([(name, pa.string()) for name in columns])
    rows = pa.RecordBatch.from_pandas(compounds[columns], schema, preserve_index=False)
    dump.executemany("INSERT INTO temp.library VALUES (?, ?, ?)", rows)


def _fetch(dump, query, columns, parameters=None):
    """Run a query; its rows as an Arrow table of these columns, empty texts as missing."""
    dump.execute(query, parameters)
    table = dump.fetch_arrow_table().rename_columns(list(columns)).combine_chunks()
    table = table.cast(pa.schema(list(columns.items())))
    for place, field in enumerate(table.schema):
        if field.type == pa.string():
            # Some deposits write an empty text for nothing.
            present = pc.if_else(pc.equal(table[place], ""), None, table[place])
            table = table.set_column(place, field, present)
    return table


def _look_up(dump, query, columns, keys):
    """Rows of one of ChEMBL's tables for some of its keys, in their order to read it once."""
    keys = json.dumps(sorted(pc.unique(keys).drop_null().to_pylist()))
    return _fetch(dump, query, columns, (keys,))


def _row_of(keys, table):
    """Rows of `table`, by its first column, that the keys stand for; null where there is none."""
    return pc.index_in(keys, value_set=table[0].combine_chunks())


def _extract_rows(dump, molregnos, molecules):
    dump.execute("CREATE TEMP TABLE molecule (molregno INTEGER PRIMARY KEY)")
    rows = pa.record_batch({"molregno": molregnos})
    dump.executemany("INSERT INTO temp.molecule VALUES (?)", rows)
    dump.execute(PLACE_QUERY)
    facts = _fetch(dump, ACTIVITY_QUERY, ACTIVITY_COLUMNS)
    log.info("%d activities have a pChEMBL value or a comment", len(facts))
    facts = sorted_by(facts, "activity_id")
    assays = _look_up(dump, ASSAY_QUERY, ASSAY_COLUMNS, facts["assay_id"])
    assay_of = _row_of(facts["assay_id"], assays)
    targets = _look_up(dump, TARGET_QUERY, TARGET_COLUMNS, assays["tid"])
    documents = _look_up(dump, DOCUMENT_QUERY, DOCUMENT_COLUMNS, facts["doc_id"])
    beside = [
        (assays, assay_of),
        (targets, _row_of(assays["tid"], targets).take(assay_of)),
        (documents, _row_of(facts["doc_id"], documents)),
        (molecules, _row_of(facts["molregno"], molecules)),
    ]
    # In slices, so that no column of long descriptions outgrows an Arrow array.
    return pa.concat_tables(
        _joined(
            facts.slice(start, ROWS_PER_SLICE),
            [table.take(rows.slice(start, ROWS_PER_SLICE)) for table, rows in beside],
        )
        for start in range(0, max(len(facts), 1), ROWS_PER_SLICE)
    )


def _joined(facts, beside):
    """Put tables of equal length side by side as `chembl.tables.ACTIVITIES`."""
    columns = {name: table[name] for table in (*beside, facts) for name in table.column_names}
    duplicate = pc.fill_null(columns["potential_duplicate"], 0)
    columns["potential_duplicate"] = pc.equal(duplicate, 1)
    return conform(pa.table(columns), ACTIVITIES)


def _matches(found, molecules, match_on):
    same = pc.fill_null(pc.equal(found["inchikey"], found["molecule_inchikey"]), False)
    molecule = molecules["molecule_chembl_id"].take(_row_of(found["molregno"], molecules))
    table = pa.table(
        {
            "inchikey": found["inchikey"],
            "molecule_chembl_id": molecule,
            "molecule_inchikey": found["molecule_inchikey"],
            "matched_by": pc.if_else(same, "inchikey", match_on),
        }
    )
    return sorted_by(conform(table, MATCHES), "inchikey", "molecule_chembl_id")
