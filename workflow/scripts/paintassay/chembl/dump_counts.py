"""Count in ChEMBL's SQLite dump what was not extracted, and what another rule would match."""

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from paintassay.chembl.dump import (
    MATCH_COLUMNS,
    MATCH_QUERIES,
    PLACE_QUERY,
    load_library,
    open_dump,
    run_query,
)
from paintassay.chembl.near_matches import TAUTOMER_SAMPLE, TautomerKeys, sample_of
from paintassay.chembl.tables import LEFT_OUT, NEAR_MATCHES, MatchOn
from paintassay.core.files import PathLike
from paintassay.core.tables import conform, integer, text

# The opposite of what `dump.ACTIVITY_QUERY` takes.
LEFT_OUT_QUERY = """
    SELECT nullif(activity.standard_type, ''), nullif(activity.standard_relation, ''),
        nullif(activity.standard_units, ''), count(*) AS activities
    FROM temp.place CROSS JOIN activities AS activity ON activity.rowid = place.id
    WHERE activity.pchembl_value IS NULL AND activity.activity_comment IS NULL
        AND (activity.standard_value IS NULL OR activity.standard_relation IS NULL
            OR activity.standard_relation NOT IN ('>', '>=', '>>', '<', '<=', '<<'))
    GROUP BY 1, 2, 3 ORDER BY activities DESC, 1, 2, 3"""
LEFT_OUT_COLUMNS = {
    "standard_type": text,
    "standard_relation": text,
    "standard_units": text,
    "activities": integer,
}


def count_left_out(path: PathLike, matches: pa.Table) -> pa.Table:
    """Count the activities of matched molecules that `dump.extract_activities` leaves out.

    Parameters
    ----------
    path : str or Path
        ChEMBL's SQLite dump, unpacked.
    matches : pyarrow.Table
        As `chembl.tables.MATCHES`.

    Returns
    -------
    pyarrow.Table
        As `chembl.tables.LEFT_OUT`.
    """
    names = pc.unique(matches["molecule_chembl_id"])
    with open_dump(path) as dump:
        dump.execute("CREATE TEMP TABLE name (chembl_id TEXT PRIMARY KEY) WITHOUT ROWID")
        rows = pa.record_batch({"chembl_id": names})
        dump.executemany("INSERT INTO temp.name VALUES (?)", rows)
        dump.execute(
            "CREATE TEMP TABLE molecule AS SELECT molecule.molregno FROM temp.name"
            " CROSS JOIN molecule_dictionary AS molecule ON molecule.chembl_id = name.chembl_id"
        )
        dump.execute(PLACE_QUERY)
        return conform(run_query(dump, LEFT_OUT_QUERY, LEFT_OUT_COLUMNS), LEFT_OUT)


def count_near_matches(
    path: PathLike, unmatched: pd.DataFrame, match_on: MatchOn, tautomer_keys: TautomerKeys
) -> pa.Table:
    """Count how many compounds without a match another rule would match.

    Parameters
    ----------
    path : str or Path
        ChEMBL's SQLite dump, unpacked.
    unmatched : pandas.DataFrame
        One row per compound without a match: inchikey, first_block, parent_inchikey, smiles.
    match_on : {"inchikey", "first_block", "parent"}
        The rule by which they have none.
    tautomer_keys : callable
        Gives the InChIKeys of the tautomers of each SMILES. A sample is looked up.

    Returns
    -------
    pyarrow.Table
        As `chembl.tables.NEAR_MATCHES`.
    """
    rows = []
    with open_dump(path) as dump:
        load_library(dump, unmatched)
        for rule, query in MATCH_QUERIES.items():
            if rule != match_on:
                hits = pc.unique(run_query(dump, query, MATCH_COLUMNS)["inchikey"])
                rows.append((rule, len(unmatched), len(hits)))
        sample = sample_of(unmatched.dropna(subset=["smiles"]), TAUTOMER_SAMPLE)
        keys_of_compound = tautomer_keys(sample["smiles"].tolist())
        keys = sorted({key for keys in keys_of_compound for key in keys})
        dump.execute("DROP TABLE temp.library")
        blank = pd.DataFrame({"inchikey": keys, "first_block": "", "parent_inchikey": None})
        load_library(dump, blank)
        hits = run_query(dump, MATCH_QUERIES["inchikey"], MATCH_COLUMNS)["inchikey"]
        found = set(hits.to_pylist())
    near = sum(not found.isdisjoint(keys) for keys in keys_of_compound)
    rows.append(("tautomer", len(sample), near))
    table = pd.DataFrame(rows, columns=["match_on", "looked_up", "would_match"])
    return conform(table.assign(unmatched=len(unmatched)), NEAR_MATCHES)
