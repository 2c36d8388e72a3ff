"""Count in ChEMBL's web service what was not extracted, and what another rule would match."""

from functools import partial

import pandas as pd
import pyarrow as pa

from paintassay.chembl.near_matches import TautomerKeys, sample_of
from paintassay.chembl.tables import (
    ABOVE,
    BELOW,
    LEFT_OUT,
    LEFT_OUT_OF_MOLECULES,
    NEAR_MATCHES,
    MatchOn,
)
from paintassay.chembl.webservice import (
    MOLECULES_PER_REQUEST,
    NEITHER,
    PAIRINGS,
    fetch_rows,
    open_session,
)
from paintassay.core.tables import conform, widened

# Compounds of a chunk that are looked up by rules which need a request, or 50 ms, each.
CHUNK_SAMPLE = 20

_KIND = ["standard_type", "standard_relation", "standard_units"]


def count_left_out(
    matches: pa.Table, url: str, timeout_seconds: float = 60, attempts: int = 8
) -> pa.Table:
    """Count the activities of matched molecules that `webservice.fetch_compounds` leaves out.

    Parameters
    ----------
    matches : pyarrow.Table
        As `chembl.tables.MATCHES`.
    url, timeout_seconds, attempts
        As for `webservice.service_release`.

    Returns
    -------
    pyarrow.Table
        As `chembl.tables.LEFT_OUT_OF_MOLECULES`.
    """
    fields = ["activity_id", "molecule_chembl_id", "standard_value", *_KIND]
    molecules = sorted(set(matches["molecule_chembl_id"].to_pylist()))
    rows = []
    with open_session() as session:
        for start in range(0, len(molecules), MOLECULES_PER_REQUEST):
            batch = molecules[start : start + MOLECULES_PER_REQUEST]
            filters = {"molecule_chembl_id__in": batch, **NEITHER}
            rows += fetch_rows(
                session, url.rstrip("/"), timeout_seconds, attempts, "activity", filters, fields
            )
    table = pd.DataFrame(rows, columns=fields).replace("", None)
    censored = table["standard_relation"].isin([*ABOVE, *BELOW]) & table["standard_value"].notna()
    names = ["molecule_chembl_id", *_KIND]
    counted = table[~censored].groupby(names, dropna=False).size().reset_index(name="activities")
    return conform(counted, LEFT_OUT_OF_MOLECULES)


def join_left_out(tables: list[pa.Table]) -> pa.Table:
    """Add up what was left out of the chunks of a library, each molecule once.

    Parameters
    ----------
    tables : list of pyarrow.Table
        As from `count_left_out`.

    Returns
    -------
    pyarrow.Table
        As `chembl.tables.LEFT_OUT`.
    """
    rows = pa.concat_tables(map(widened, tables)).to_pandas()
    rows = rows.drop_duplicates(["molecule_chembl_id", *_KIND])
    counted = rows.groupby(_KIND, dropna=False)["activities"].sum().reset_index()
    order = ["activities", *_KIND]
    counted = counted.sort_values(order, ascending=[False, True, True, True], ignore_index=True)
    return conform(counted, LEFT_OUT)


def count_near_matches(
    unmatched: pd.DataFrame,
    match_on: MatchOn,
    tautomer_keys: TautomerKeys,
    url: str,
    timeout_seconds: float = 60,
    attempts: int = 8,
) -> pa.Table:
    """Count how many compounds of a chunk without a match another rule would match.

    Parameters
    ----------
    unmatched, match_on, tautomer_keys
        As for `dump_counts.count_near_matches`. First blocks and tautomers of a sample are looked
        up: the service takes a request for each.
    url, timeout_seconds, attempts
        As for `webservice.service_release`.

    Returns
    -------
    pyarrow.Table
        As `chembl.tables.NEAR_MATCHES`.
    """
    rows = []
    with open_session() as session:
        fetch = partial(fetch_rows, session, url.rstrip("/"), timeout_seconds, attempts)
        for rule, pair in PAIRINGS.items():
            if rule != match_on:
                sample = sample_of(unmatched, CHUNK_SAMPLE) if rule == "first_block" else unmatched
                rows.append((rule, len(sample), len({key for key, _ in pair(fetch, sample)})))
        sample = sample_of(unmatched.dropna(subset=["smiles"]), CHUNK_SAMPLE)
        keys_of_compound = tautomer_keys(sample["smiles"].tolist())
        keys = sorted({key for keys in keys_of_compound for key in keys})
        pairs = PAIRINGS["inchikey"](fetch, pd.DataFrame({"inchikey": keys}, dtype="str"))
        found = {key for key, _ in pairs}
    near = sum(not found.isdisjoint(keys) for keys in keys_of_compound)
    rows.append(("tautomer", len(sample), near))
    table = pd.DataFrame(rows, columns=["match_on", "looked_up", "would_match"])
    return conform(table.assign(unmatched=len(unmatched)), NEAR_MATCHES)


def join_near_matches(tables: list[pa.Table]) -> pa.Table:
    """Add up `count_near_matches` of the chunks of a library (`chembl.tables.NEAR_MATCHES`)."""
    rows = pa.concat_tables(map(widened, tables)).to_pandas()
    return conform(rows.groupby("match_on", sort=False).sum().reset_index(), NEAR_MATCHES)
