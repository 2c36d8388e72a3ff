"""Write an SQLite dump with ChEMBL's schema, size and shape, and a library that hits it.

    python benchmarks/make_chembl_dump.py OUT.db --activities 25000000

Beside OUT.db comes OUT.library.parquet. Names, structures and values are random; what the speed
of a query depends on is as in ChEMBL 37: tables, indexes, numbers of rows, lengths of texts, the
share of NULLs, activities in the order of their documents, so that those of one molecule lie all
over the file, and a library of well-known compounds with a twentieth of all activities.
"""

import argparse
import json
import logging
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow/scripts"))

from paintassay.core.files import atomic_path

ROOT = Path(__file__).resolve().parents[1]
log = logging.getLogger(__name__)

# What ChEMBL 37 and the study hold, rounded. Smaller dumps are scaled down in every number.
FULL_SIZE = {
    "activities": 25_000_000,
    "molecules": 2_900_000,
    "assays": 1_600_000,
    "targets": 17_000,
    "docs": 95_000,
    "library": 30_610,
    "hits": 11_585,
}
LIBRARY_SHARE = 0.05
CHUNK_ROWS = 200_000

# Standard type, its share of the assays in %, and whether it has pChEMBL values.
TYPES = [
    ("IC50", 27, True),
    ("Potency", 12, True),
    ("Inhibition", 13, False),
    ("Ki", 8, True),
    ("EC50", 6, True),
    ("Activity", 11, False),
    ("GI50", 7, False),
    ("MIC", 6, False),
    ("Kd", 2, True),
    ("AC50", 2, True),
    ("Ratio", 4, False),
    ("CL", 2, False),
]
PCHEMBL_SHARE, COMMENT_SHARE = 0.45, 0.08
COMMENTS = [
    ("Not Active", 34),
    ("active", 12),
    ("Active", 10),
    ("inactive", 10),
    ("Inconclusive", 9),
    ("Not Determined", 8),
    ("inhibition < 50% @ 10 uM and thus dose-reponse curve not measured", 7),
    ("No compound detected", 5),
    ("12345", 5),
]
ORGANISMS = ["Homo sapiens", "Rattus norvegicus", "Mus musculus", "Plasmodium falciparum", None]


def scaled_sizes(activities):
    """The numbers of `FULL_SIZE` for a dump of this many activities."""
    scale = activities / FULL_SIZE["activities"]
    return {name: max(20, round(number * scale)) for name, number in FULL_SIZE.items()}


def make_dump(path, sizes, seed=0):
    """Write the dump and its library, unless they are there already.

    Parameters
    ----------
    path : str or Path
        The database; the library goes to the same name with .library.parquet for .db.
    sizes : dict of str to int
        As `scaled_sizes` gives them.
    seed : int

    Returns
    -------
    tuple of Path
        The database and the library.
    """
    path = Path(path)
    library_path = path.with_suffix(".library.parquet")
    recipe = json.dumps({**sizes, "seed": seed})
    if path.exists() and library_path.exists() and _recipe(path) == recipe:
        return path, library_path
    rng = np.random.default_rng(seed)
    keys = _inchikeys(rng, sizes["molecules"])
    hits = rng.choice(sizes["molecules"], sizes["hits"], replace=False)
    misses = _inchikeys(rng, sizes["library"] - sizes["hits"])
    library = np.sort(np.concatenate([keys[hits], misses])).astype(str)
    columns = {
        "inchikey": library,
        "first_block": library.astype("U14"),
        "parent_inchikey": library,
    }
    with atomic_path(library_path) as temporary:
        pq.write_table(pa.table(columns), temporary)
    with (
        atomic_path(path) as temporary,
        closing(sqlite3.connect(temporary, isolation_level=None)) as connection,
    ):
        for name, value in (
            ("journal_mode", "OFF"),
            ("synchronous", "OFF"),
            ("cache_size", -2_000_000),
            ("locking_mode", "EXCLUSIVE"),
        ):
            connection.execute(f"PRAGMA {name} = {value}")
        connection.executescript((ROOT / "workflow/resources/chembl_schema.sql").read_text())
        indexes = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        ).fetchall()
        # Far quicker over the full tables than kept up to date at each row.
        for name, _ in indexes:
            connection.execute(f"DROP INDEX {name}")
        connection.execute("BEGIN")
        _fill_molecules(connection, rng, keys)
        _fill_targets(connection, rng, sizes)
        assays = _fill_docs_and_assays(connection, rng, sizes)
        _fill_activities(connection, rng, sizes, assays, hits)
        for _, statement in indexes:
            connection.execute(statement)
        log.info("%d indexes", len(indexes))
        connection.execute("INSERT INTO version VALUES ('ChEMBL_37', '2026-01-01', ?)", (recipe,))
        connection.execute("COMMIT")
    return path, library_path


def _recipe(path):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT comments FROM version").fetchone()[0]


def _inchikeys(rng, number):
    """Random texts of the form of a standard InChIKey, as bytes."""
    letters = rng.integers(ord("A"), ord("Z") + 1, (number, 27), dtype=np.uint8)
    letters[:, [14, 25]] = ord("-")
    letters[:, 23:25] = list(b"SA")
    letters[:, 26] = ord("N")
    return letters.view("S27").ravel()


def _texts(rng, number, mean_length, alphabet):
    """Random texts, the longest twice as long as the mean."""
    table = np.frombuffer(alphabet, np.uint8)
    letters = table[rng.integers(0, len(table), (number, 2 * mean_length), dtype=np.uint8)]
    lengths = rng.integers(mean_length // 2, 3 * mean_length // 2 + 1, number)
    texts = letters.view(f"S{2 * mean_length}").ravel().astype(str).tolist()
    return [text[:length] for text, length in zip(texts, lengths.tolist(), strict=True)]


def _prose(rng, number, mean_length):
    return _texts(rng, number, mean_length, b"aaabcddeeeeefghiiiklmnnnooopprrrssstttuvy       ")


def _smiles(rng, number, mean_length):
    return _texts(rng, number, mean_length, b"CCCCCCcccccccccc(((())))===OOONNn123112@@HFSl[]")


def _skewed(rng, number, total, sigma):
    """Split `total` over `number` owners, log-normally skewed."""
    weights = rng.lognormal(0, sigma, number)
    return rng.multinomial(total, weights / weights.sum())


def _chosen(rng, number, table):
    """Random entries of a table of (value, weight, ...) rows, as indices."""
    weights = np.array([row[1] for row in table], float)
    return rng.choice(len(table), number, p=weights / weights.sum())


def _with_gaps(values, present):
    """A list of Python values with None where not present."""
    values = np.asarray(values).astype(object)
    values[~present] = None
    return values.tolist()


def _insert(connection, table, **columns):
    """Insert rows given as lists by column; other values stand for every row."""
    lists = {name: values for name, values in columns.items() if isinstance(values, list)}
    marks = ", ".join("?" if name in lists else repr(value) for name, value in columns.items())
    connection.executemany(
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})",
        zip(*lists.values(), strict=True),
    )


def _chembl_ids(rng, first, number):
    """Unique ChEMBL identifiers in no order, from one of the ranges of numbers."""
    return [f"CHEMBL{value}" for value in (first + rng.permutation(number)).tolist()]


def _fill_molecules(connection, rng, keys):
    chembl_ids = _chembl_ids(rng, 1, len(keys))
    flags = dict.fromkeys(
        [
            "therapeutic_flag",
            "dosed_ingredient",
            "oral",
            "parenteral",
            "topical",
            "black_box_warning",
            "natural_product",
            "first_in_class",
            "chirality",
            "prodrug",
            "inorganic_flag",
            "polymer_flag",
            "withdrawn_flag",
            "chemical_probe",
            "orphan",
            "veterinary",
        ],
        0,
    )
    for start in range(0, len(keys), CHUNK_ROWS):
        chunk = keys[start : start + CHUNK_ROWS].astype(str).tolist()
        end = start + len(chunk)
        molregnos = list(range(start + 1, end + 1))
        # A twentieth are salts of the molecule before them.
        salts = rng.random(len(chunk)) < 0.05
        parents = np.maximum(np.arange(start + 1, end + 1) - salts, 1).tolist()
        _insert(
            connection,
            "molecule_dictionary",
            molregno=molregnos,
            chembl_id=chembl_ids[start:end],
            structure_type="MOL",
            molecule_type="Small molecule",
            **flags,
        )
        _insert(
            connection,
            "compound_structures",
            molregno=molregnos,
            standard_inchi=[f"InChI=1S/{text}" for text in _smiles(rng, len(chunk), 150)],
            standard_inchi_key=chunk,
            canonical_smiles=_smiles(rng, len(chunk), 55),
        )
        _insert(
            connection,
            "molecule_hierarchy",
            molregno=molregnos,
            parent_molregno=parents,
            active_molregno=parents,
        )
    log.info("%d molecules", len(keys))


def _fill_targets(connection, rng, sizes):
    number = sizes["targets"]
    _insert(
        connection,
        "target_dictionary",
        tid=list(range(1, number + 1)),
        target_type="SINGLE PROTEIN",
        pref_name=_prose(rng, number, 30),
        tax_id=9606,
        organism=[ORGANISMS[i] for i in rng.integers(0, len(ORGANISMS), number)],
        chembl_id=_chembl_ids(rng, 10_000_000, number),
        species_group_flag=0,
    )


def _fill_docs_and_assays(connection, rng, sizes):
    """Write both; return the document, the number of rows and the type of each assay."""
    docs, assays = sizes["docs"], sizes["assays"]
    for start in range(0, docs, CHUNK_ROWS // 10):
        number = min(CHUNK_ROWS // 10, docs - start)
        _insert(
            connection,
            "docs",
            doc_id=list(range(start + 1, start + number + 1)),
            journal="J Med Chem",
            year=rng.integers(1980, 2026, number).tolist(),
            pubmed_id=rng.integers(1, 40_000_000, number).tolist(),
            chembl_id=_chembl_ids(rng, 20_000_000 + start, number),
            title=_prose(rng, number, 100),
            doc_type="PUBLICATION",
            abstract=_prose(rng, number, 1000),
            ridx="CLD0",
            src_id=1,
        )
    doc_ids = np.repeat(np.arange(1, docs + 1), _skewed(rng, docs, assays, 1.3))
    for start in range(0, assays, CHUNK_ROWS):
        number = min(CHUNK_ROWS, assays - start)
        _insert(
            connection,
            "assays",
            assay_id=list(range(start + 1, start + number + 1)),
            doc_id=doc_ids[start : start + number].tolist(),
            description=_prose(rng, number, 120),
            assay_type=[("B", "F", "A", "T")[i] for i in rng.integers(0, 4, number)],
            assay_organism="Homo sapiens",
            assay_tax_id=9606,
            tid=rng.integers(1, sizes["targets"] + 1, number).tolist(),
            relationship_type="D",
            confidence_score=9,
            src_id=1,
            chembl_id=_chembl_ids(rng, 30_000_000 + start, number),
            bao_format="BAO_0000219",
            aidx="CLD0",
        )
    # A quarter of the activities comes from a few hundred large screens.
    screens = rng.choice(assays, max(1, assays // 5000), replace=False)
    rows = _skewed(rng, assays, sizes["activities"] * 3 // 4, 1.7)
    rows[screens] += _skewed(
        rng, len(screens), sizes["activities"] - sizes["activities"] * 3 // 4, 0.8
    )
    log.info("%d documents, %d assays, the largest of %d rows", docs, assays, rows.max())
    return {"doc_id": doc_ids, "rows": rows, "type": _chosen(rng, assays, TYPES)}


def _fill_activities(connection, rng, sizes, assays, hits):
    ends = np.cumsum(assays["rows"])
    popularity = rng.lognormal(0, 1.2, len(hits)).cumsum()
    popularity /= popularity[-1]
    # How much of a document is about compounds of the library.
    share = LIBRARY_SHARE * rng.gamma(1.0, 1.0, sizes["docs"] + 1)
    names = np.array([name for name, *_ in TYPES], dtype=object)
    with_pchembl = np.array([eligible for *_, eligible in TYPES])
    comments = np.array([text for text, _ in COMMENTS], dtype=object)
    relations = np.array(["=", ">", "<", None], dtype=object)
    # So that the shares of `PCHEMBL_SHARE` and `COMMENT_SHARE` come out over all rows.
    eligible_share = np.average(with_pchembl, weights=[weight for _, weight, _ in TYPES])
    exact = PCHEMBL_SHARE / eligible_share
    activity_id = 31_863
    for start in range(0, sizes["activities"], CHUNK_ROWS):
        number = min(CHUNK_ROWS, sizes["activities"] - start)
        position = np.arange(start, start + number)
        assay = np.searchsorted(ends, position, side="right")
        doc_id, kind = assays["doc_id"][assay], assays["type"][assay]
        activity_ids = activity_id + np.cumsum(rng.integers(1, 3, number))
        activity_id = activity_ids[-1]

        # Large screens take from one collection, papers describe molecules of their own.
        own = position * sizes["molecules"] // sizes["activities"] + rng.integers(0, 40, number)
        collection = rng.integers(0, sizes["molecules"] // 7, number) * 7
        molecule = np.where(assays["rows"][assay] > 1000, collection, own)
        ours = rng.random(number) < share[doc_id]
        molecule[ours] = hits[np.searchsorted(popularity, rng.random(ours.sum()))]
        molregno = np.minimum(molecule, sizes["molecules"] - 1) + 1

        nanomolar = with_pchembl[kind]
        relation = np.where(rng.random(number) < exact, 0, rng.integers(1, 4, number))
        value = np.round(np.exp(rng.normal(6.5, 2.5, number)), 2) + 0.01
        has_pchembl = nanomolar & (relation == 0)
        pchembl = np.round(9 - np.log10(value), 2)
        commented = ~has_pchembl & (rng.random(number) < COMMENT_SHARE / (1 - PCHEMBL_SHARE))
        has_value = ~commented | (rng.random(number) < 0.3)
        comment = comments[_chosen(rng, number, COMMENTS)]
        units = np.where(nanomolar, "nM", "%").astype(object)
        type_names = names[kind].tolist()
        relation_names = _with_gaps(relations[relation], has_value)
        values, units = _with_gaps(value, has_value), _with_gaps(units, has_value)
        doubtful = rng.random(number) < 0.02
        _insert(
            connection,
            "activities",
            activity_id=activity_ids.tolist(),
            assay_id=(assay + 1).tolist(),
            doc_id=doc_id.tolist(),
            record_id=(position // 4 + 1).tolist(),
            molregno=molregno.tolist(),
            standard_relation=relation_names,
            standard_value=values,
            standard_units=units,
            standard_flag=1,
            standard_type=type_names,
            activity_comment=_with_gaps(comment, commented),
            data_validity_comment=_with_gaps(
                np.full(number, "Outside typical range"), doubtful & ~has_pchembl
            ),
            potential_duplicate=(rng.random(number) < 0.03).astype(int).tolist(),
            pchembl_value=_with_gaps(pchembl, has_pchembl),
            bao_endpoint="BAO_0000190",
            uo_units="UO_0000065",
            qudt_units="http://www.openphacts.org/units/Nanomolar",
            src_id=1,
            type=type_names,
            relation=relation_names,
            value=values,
            units=units,
        )
        if start // CHUNK_ROWS % 10 == 9:
            log.info("%d activities", start + number)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "path", nargs="?", default=ROOT / "benchmarks/data/chembl.db", metavar="OUT.db"
    )
    parser.add_argument("--activities", type=int, default=FULL_SIZE["activities"])
    for name in ("molecules", "library", "hits"):
        parser.add_argument(f"--{name}", type=int, help="in proportion if not given")
    parser.add_argument("--seed", type=int, default=0)
    options = vars(parser.parse_args())
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    sizes = scaled_sizes(options["activities"])
    sizes |= {name: options[name] for name in sizes if options.get(name)}
    print(*make_dump(options["path"], sizes, options["seed"]), sep="\n")


if __name__ == "__main__":
    main()
