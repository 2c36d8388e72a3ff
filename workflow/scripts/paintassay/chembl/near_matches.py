"""Compounds that match no ChEMBL molecule, and how near they came."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import pandas as pd

# The InChIKeys of the tautomers of each SMILES.
TautomerKeys: TypeAlias = Callable[[Sequence[str]], list[list[str]]]

# Compounds whose tautomers are looked up: to find them takes some 50 ms a compound.
TAUTOMER_SAMPLE = 200


def unmatched_compounds(compounds: pd.DataFrame, matches: pd.DataFrame) -> pd.DataFrame:
    """The compounds of the library without a row in `chembl.tables.MATCHES`."""
    return compounds[~compounds["inchikey"].isin(matches["inchikey"])]


def sample_of(compounds: pd.DataFrame, size: int) -> pd.DataFrame:
    """As many compounds as `size`, or all if they are fewer, spread evenly over the library."""
    if len(compounds) <= size:
        return compounds
    return compounds.iloc[np.linspace(0, len(compounds) - 1, size).astype(int)]


def describe_near_matches(near_matches: pd.DataFrame) -> str:
    """Say how many of the unmatched compounds another rule would match.

    Parameters
    ----------
    near_matches : pandas.DataFrame
        As `chembl.tables.NEAR_MATCHES`.

    Returns
    -------
    str
        One sentence, for messages and for the page; "" if every compound is matched.
    """
    unmatched = int(near_matches["unmatched"].max()) if len(near_matches) else 0
    if not unmatched:
        return ""
    parts = []
    for row in near_matches.itertuples():
        sampled = "" if row.looked_up == unmatched else f" of {row.looked_up} looked up"
        parts.append(f"{row.would_match}{sampled} by {row.match_on}")
    return f"of {unmatched} compounds that match no ChEMBL molecule, {', '.join(parts)} would match"
