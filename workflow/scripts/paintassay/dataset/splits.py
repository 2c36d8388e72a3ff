"""Splits of the compounds into train, validation and test, without a group in two parts."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from rdkit import Chem, rdBase
from rdkit.Chem.Scaffolds.MurckoScaffold import MurckoScaffoldSmiles

from paintassay.core.errors import InputError
from paintassay.core.keys import PARTS
from paintassay.dataset.tables import SPLITS

GROUP_BY = ("inchikey", "first_block", "scaffold")


def make_splits(
    compounds: pd.DataFrame,
    group_by: str,
    count: int = 3,
    shares: Sequence[float] = (0.7, 0.1, 0.2),
    *,
    seed: int,
) -> pd.DataFrame:
    """Split compounds at random, all compounds of a group into the same part.

    The parts depend only on the compounds, `group_by`, `shares`, `seed` and the number of the
    split, not on the order of the rows. With four groups or more, each part differs from its
    target by at most the size of the largest group, and none is empty.

    Parameters
    ----------
    compounds : pandas.DataFrame
        Columns inchikey, smiles (may be missing); a row a compound.
    group_by : {"inchikey", "first_block", "scaffold"}
        What stays together: a compound (Hofmarcher et al. 2019), the stereoisomers and charge
        states of one skeleton, or the compounds of one scaffold as in `scaffolds`.
    count : int
        How many splits, each from the start.
    shares : sequence of float
        Of train, validation and test among the compounds; their sum is 1.
    seed : int

    Returns
    -------
    pandas.DataFrame
        Columns of `dataset.tables.SPLITS`, sorted by split and InChIKey.

    Raises
    ------
    InputError
        There are fewer groups than parts.
    """
    compounds = compounds.sort_values("inchikey", ignore_index=True)
    if compounds["inchikey"].duplicated().any():
        raise ValueError("a compound stands in several rows")
    groups = _group_compounds(compounds, group_by)
    names, group_of = np.unique(groups.to_numpy(str), return_inverse=True)
    sizes = np.bincount(group_of, minlength=len(names))
    if len(names) < len(PARTS):
        raise InputError(
            "splits",
            f"{len(compounds)} compounds in {len(names)} groups by {group_by} do not fill "
            f"{', '.join(PARTS)}",
            "take more compounds, or set group_by to inchikey",
        )
    rows = []
    for split in range(1, count + 1):
        part_of = _assign_parts(sizes, np.array(shares), np.random.default_rng([seed, split]))
        part = np.array(PARTS)[part_of[group_of]]
        rows.append(compounds[["inchikey"]].assign(split=split, group=groups, part=part))
    table = pd.concat(rows, ignore_index=True)[SPLITS.names]
    check_splits(table)
    return table


def check_splits(splits: pd.DataFrame) -> None:
    """Make sure that no group leaks from one part into another.

    Parameters
    ----------
    splits : pandas.DataFrame
        Columns of `dataset.tables.SPLITS`.

    Raises
    ------
    ValueError
        A group lies in two parts of a split, a compound stands twice in one, a split lacks
        a compound that another has, or a part is unknown or empty.
    """
    unknown = sorted(set(splits["part"]) - set(PARTS))
    if unknown:
        raise ValueError(f"no such part: {unknown[0]}")
    if splits.duplicated(["split", "inchikey"]).any():
        raise ValueError("a compound stands twice in one split")
    parts_of_group = splits.groupby(["split", "group"])["part"].nunique()
    if (parts_of_group > 1).any():
        split, group = parts_of_group.index[int(parts_of_group.argmax())]
        raise ValueError(f"group {group} lies in several parts of split {split}")
    of_split = splits.groupby("split").agg({"inchikey": "size", "part": "nunique"})
    if (of_split["inchikey"] != splits["inchikey"].nunique()).any():
        raise ValueError("the splits do not have the same compounds")
    if (of_split["part"] < len(PARTS)).any():
        raise ValueError(f"a part of split {of_split['part'].idxmin()} is empty")


def scaffolds(inchikeys: pd.Series, smiles: pd.Series) -> pd.Series:
    """Murcko scaffold of each compound, the same for all compounds of a skeleton.

    The scaffold is that of the skeleton's first compound with a ring, so that stereoisomers and
    tautomers stay together, also where one of them has no SMILES. Skeletons without rings, and
    those without any SMILES, are named by the first block of the InChIKey: each is its own.

    Parameters
    ----------
    inchikeys : pandas.Series of str
        Sorted.
    smiles : pandas.Series of str
        Row for row; may be missing.

    Returns
    -------
    pandas.Series of str
        Canonical SMILES without stereo (Bemis and Murcko 1996, by RDKit), or the first block.
    """
    first_blocks = inchikeys.str[:14]
    with rdBase.BlockLogs():
        scaffold = pd.Series(
            [_scaffold_of(value) for value in smiles], inchikeys.index, dtype="str"
        )
    return scaffold.groupby(first_blocks).transform("first").fillna(first_blocks)


def _scaffold_of(smiles: str | None) -> str | None:
    molecule = None if pd.isna(smiles) else Chem.MolFromSmiles(smiles)
    return None if molecule is None else MurckoScaffoldSmiles(mol=molecule) or None


def _group_compounds(compounds: pd.DataFrame, group_by: str) -> pd.Series:
    if group_by == "inchikey":
        return compounds["inchikey"]
    if group_by == "first_block":
        return compounds["inchikey"].str[:14]
    if group_by == "scaffold":
        return scaffolds(compounds["inchikey"], compounds["smiles"])
    raise ValueError(f"no such way to group: {group_by}")


def _assign_parts(sizes: np.ndarray, shares: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Number of the part of each group.

    The largest groups come first, each into a random part that has room for it, in proportion to
    the room, so that every group has its chance of every part that can hold it. A group that
    fits nowhere goes to the part that lacks most, which so overshoots by less than the group.
    If in the end a part lacks d, each part that overshoots lacked at least d before such a group
    of size g, and overshoots by g - d at most; together they overshoot by d, so with three parts
    d <= 2 (g - d): no part misses its target by more than the largest group.
    """
    lacking = shares * sizes.sum()
    order = random.permutation(len(sizes))
    part_of = np.empty(len(sizes), dtype=int)
    for group in order[np.argsort(-sizes[order], kind="stable")]:
        room = np.where(lacking >= sizes[group], lacking, 0).cumsum()
        if room[-1] > 0:
            part = np.searchsorted(room, random.random() * room[-1], side="right")
        else:
            part = np.argmax(lacking)
        part_of[group] = part
        lacking[part] -= sizes[group]
    for empty in np.setdiff1d(np.arange(len(shares)), part_of):
        _fill_empty(empty, part_of, lacking, sizes)
    return part_of


def _fill_empty(empty: int, part_of: np.ndarray, lacking: np.ndarray, sizes: np.ndarray) -> None:
    """Move the smallest group of the fullest part that has another one to an empty part."""
    several = np.bincount(part_of, minlength=len(lacking)) > 1
    donor = np.argmin(np.where(several, lacking, np.inf))
    candidates = np.flatnonzero(part_of == donor)
    moved = candidates[np.argmin(sizes[candidates])]
    part_of[moved] = empty
