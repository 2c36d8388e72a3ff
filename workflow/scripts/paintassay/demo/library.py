"""Make a small compound library of real drugs, with the faults that real libraries have."""

import numpy as np
import pandas as pd
from rdkit import Chem

# Rows without a readable structure, one for each way in which it happens.
UNREADABLE = {
    "ring left open": "CC(=O)Oc1ccccc1C(=O)OC2",
    "five bonds on carbon": "CC(C)(C)(C)(C)O",
    "five bonds on nitrogen": "CN(C)(C)(C)C",
    "CXSMILES cut at a comma": "CC(C)[C@@H](N)C(O)=O |&1:3",
    "empty cell": "",
    "free text": "not available",
}

REPEATED_DRUGS = 4


def demo_library(drugs: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Make the demo's compound library: all drugs, some of them twice, and unreadable rows.

    Parameters
    ----------
    drugs : pandas.DataFrame
        `resources/demo_drugs.csv`: columns ``name``, ``mechanism``, ``formula`` and ``smiles``.
    seed : int
        Decides the order of the rows, which drugs occur twice, and their second SMILES.

    Returns
    -------
    pandas.DataFrame
        Columns ``compound_id`` (``DEMO-0001``, ... in the order of rows), ``name``, ``smiles``
        and ``mechanism``. `REPEATED_DRUGS` drugs occur a second time, with another identifier
        and another SMILES of the same structure. The `UNREADABLE` rows have their fault as name
        and an empty ``mechanism``.
    """
    rng = np.random.default_rng(seed)
    listed = drugs[["name", "smiles", "mechanism"]]
    # A CXSMILES tail numbers atoms in the order of its SMILES, and a rewritten one changes it.
    plain = listed[~listed["smiles"].str.contains(" ")]
    repeated = plain.iloc[np.sort(rng.choice(len(plain), REPEATED_DRUGS, replace=False))]
    repeated = repeated.assign(smiles=[_respelled(smiles, rng) for smiles in repeated["smiles"]])
    unreadable = pd.DataFrame(
        {"name": list(UNREADABLE), "smiles": list(UNREADABLE.values()), "mechanism": ""}
    )
    rows = pd.concat([listed, repeated, unreadable], ignore_index=True)
    rows = rows.iloc[rng.permutation(len(rows))].reset_index(drop=True)
    rows.insert(0, "compound_id", [f"DEMO-{number:04d}" for number in range(1, len(rows) + 1)])
    return rows


def _respelled(smiles: str, rng: np.random.Generator) -> str:
    """Write a structure as another SMILES, with its atoms in random order."""
    molecule = Chem.MolFromSmiles(smiles)
    # Some of them can be the SMILES itself, but not all ten.
    spellings = Chem.MolToRandomSmilesVect(molecule, 10, randomSeed=int(rng.integers(2**31)))
    return next(spelling for spelling in spellings if spelling != smiles)
