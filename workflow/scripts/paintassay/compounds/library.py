"""Turn a compound library into InChIKeys, one row per compound, and record every problem."""

import logging
import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import pandas as pd

from paintassay.compounds.structures import (
    StereoGroups,
    Structure,
    printable,
    standardise_batch,
)
from paintassay.compounds.tables import PROBLEMS
from paintassay.core.files import PathLike
from paintassay.core.jobs import end_with_parent
from paintassay.core.sizes import WorkSize
from paintassay.core.tables import joined
from paintassay.core.user_tables import read_texts

log = logging.getLogger(__name__)

STANDARD_INCHIKEY = re.compile(r"[A-Z]{14}-[A-Z]{8}SA-[A-Z]")
MOLECULES_PER_BATCH: WorkSize = 500
# Columns of `Structure` that say what a key leaves out, and the name of that in the table.
STRUCTURE_PROBLEMS = {
    "racemic": "racemate drawn as one enantiomer",
    "unread_tail": "CXSMILES tail not understood",
    "unsayable": "structure says more than an InChI",
}


def read_library(
    path: PathLike, id_column: str, smiles_column: str | None, inchikey_column: str | None
) -> pd.DataFrame:
    """Read a compound library, everything as text.

    Parameters
    ----------
    path : str or Path
        A table as `core.user_tables` reads it.
    id_column : str
    smiles_column, inchikey_column : str or None
        At least one is not None.

    Returns
    -------
    pandas.DataFrame
        Columns row (counted from 1), compound_id, smiles, inchikey; empty cells are missing.

    Raises
    ------
    InputError
        The file cannot be read, lacks a column, or has no rows.
    """
    columns = {"compound_id": id_column, "smiles": smiles_column, "inchikey": inchikey_column}
    present = {name: column for name, column in columns.items() if column is not None}
    hint = "Keys compounds.id_column, smiles_column and inchikey_column name the columns."
    table = read_texts(path, list(present.values()), hint=hint)
    library = pd.DataFrame({"row": range(1, len(table) + 1)})
    for name, column in columns.items():
        values = table[column] if column else pd.Series(None, index=table.index, dtype="str")
        library[name] = values.mask(values == "")
    return library


def standardise_structures(
    smiles: Iterable[str | None], workers: int = 1, stereo_groups: StereoGroups = "unspecified"
) -> pd.DataFrame:
    """Make the InChIKey, canonical SMILES and parent of each SMILES, or say why there are none.

    Parameters
    ----------
    smiles : sequence of str or None
        SMILES, also with a CXSMILES tail or a name behind it.
    workers : int
        Number of processes.
    stereo_groups : {"unspecified", "drawn"}
        What becomes of centres that are drawn in one configuration but stand for both
        (``&`` groups and ``r`` of CXSMILES).

    Returns
    -------
    pandas.DataFrame
        One row per SMILES, in their order, with the columns of `Structure`; what does not apply
        is missing.
    """
    values = [None if pd.isna(value) else value for value in smiles]
    batches = [
        values[start : start + MOLECULES_PER_BATCH]
        for start in range(0, len(values), MOLECULES_PER_BATCH)
    ]
    structures: list[Structure] = []
    # Forked, because a spawned process would run the calling script once more.
    with ProcessPoolExecutor(workers, get_context("fork"), end_with_parent) as pool:
        for batch in pool.map(partial(standardise_batch, stereo_groups), batches):
            structures += batch
            log.info("standardised %d of %d molecules", len(structures), len(values))
    return pd.DataFrame(structures, columns=list(Structure._fields), dtype="str")


def assign_keys(
    library: pd.DataFrame, structures: pd.DataFrame | None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give each row of the library its key, and list every problem.

    An InChIKey of the library is taken as it is if its form is right and the SMILES, where there
    is one, does not name another molecule; otherwise the key is made from the SMILES.

    Parameters
    ----------
    library : pandas.DataFrame
        As from `read_library`.
    structures : pandas.DataFrame or None
        As from `standardise_structures`, row for row; None if the library has no SMILES column.

    Returns
    -------
    rows : pandas.DataFrame
        Columns of `compounds.tables.LIBRARY`.
    problems : pandas.DataFrame
        Columns of `compounds.tables.PROBLEMS`, sorted by row.
    """
    rows = library[["row", "compound_id"]].copy()
    library_keys = library["inchikey"]
    well_formed = library_keys.str.fullmatch(STANDARD_INCHIKEY).fillna(False).astype(bool)
    problems = [
        _problems_where(
            library_keys.notna() & ~well_formed,
            "inchikey",
            "InChIKey malformed",
            "a standard InChIKey looks like BSYNRYMUTXBXSQ-UHFFFAOYSA-N",
        )
    ]
    if structures is None:
        rows["inchikey"] = library_keys.where(well_formed)
        rows["smiles"] = rows["parent_inchikey"] = rows["parent_smiles"] = None
        problems.append(
            _problems_where(
                library_keys.isna(), "inchikey", "InChIKey missing", "the cell is empty"
            )
        )
    else:
        for column in ("smiles", "parent_inchikey", "parent_smiles"):
            rows[column] = structures[column]
        # A key that was made of a racemate as it is drawn is that of another compound.
        taken = well_formed & (library_keys != structures["drawn_inchikey"]).fillna(True)
        rows["inchikey"] = library_keys.where(taken, structures["inchikey"])
        failed = structures["problem"].notna()
        problems.append(
            _problems_where(failed, "smiles", structures["problem"], structures["detail"])
        )
        for column, problem in STRUCTURE_PROBLEMS.items():
            details = structures[column]
            problems.append(_problems_where(details.notna() & ~failed, "smiles", problem, details))
        differ = taken & structures["inchikey"].notna() & (library_keys != structures["inchikey"])
        block = library_keys.str[:14]
        same_skeleton = (block == structures["inchikey"].str[:14]).fillna(False) | (
            block == structures["parent_inchikey"].str[:14]
        ).fillna(False)
        details = "the SMILES gives " + structures["inchikey"]
        for where, problem in (
            (differ & same_skeleton, "SMILES and InChIKey differ in stereo, charge or salt"),
            (differ & ~same_skeleton, "SMILES and InChIKey name different molecules"),
        ):
            problems.append(_problems_where(where, "inchikey", problem, details))
        rows["inchikey"] = rows["inchikey"].mask(differ & ~same_skeleton)
    keyed_rows = rows.dropna(subset=["compound_id", "inchikey"])
    keys_of_id = keyed_rows.groupby("compound_id")["inchikey"].nunique()
    keys_of_row = rows["compound_id"].map(keys_of_id).fillna(0).astype(int)
    problems.append(
        _problems_where(
            keys_of_row > 1,
            "compound_id",
            "one compound id for several compounds",
            keys_of_row.astype("str") + " different InChIKeys",
        )
    )
    rows["inchikey"] = rows["inchikey"].mask(keys_of_row > 1)
    problems.append(
        _problems_where(
            rows["compound_id"].isna(), "compound_id", "compound id missing", "the cell is empty"
        )
    )
    return rows, _tabulate_problems(problems, library, rows)


def join_duplicates(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Join the rows of a library that share an InChIKey into one compound.

    Parameters
    ----------
    rows : pandas.DataFrame
        As from `assign_keys`.

    Returns
    -------
    compounds : pandas.DataFrame
        Columns of `compounds.tables.COMPOUNDS`, sorted by InChIKey. Structures are those of the
        first row that has one.
    duplicates : pandas.DataFrame
        Columns of `compounds.tables.DUPLICATES`.
    """
    grouped = rows.dropna(subset=["inchikey"]).groupby("inchikey", sort=True)
    compounds = grouped.agg(
        smiles=("smiles", "first"),
        parent_inchikey=("parent_inchikey", "first"),
        parent_smiles=("parent_smiles", "first"),
        compound_ids=("compound_id", lambda ids: list(dict.fromkeys(ids.dropna()))),
        library_rows=("row", list),
    ).reset_index()
    compounds["first_block"] = compounds["inchikey"].str[:14]
    several = compounds[compounds["library_rows"].map(len) > 1].reset_index(drop=True)
    duplicates = pd.DataFrame(
        {
            "inchikey": several["inchikey"],
            "rows": several["library_rows"].map(len).astype("int64"),
            "compound_ids": joined(several["compound_ids"]),
            "library_rows": joined(several["library_rows"]),
        }
    )
    return compounds, duplicates


def count_library(
    rows: pd.DataFrame, problems: pd.DataFrame, compounds: pd.DataFrame
) -> dict[str, object]:
    """Count rows, compounds, and problems by their kind.

    Returns
    -------
    dict
        rows, rows_with_key, compounds (int); problems (list of dict problem, outcome, rows).
    """
    counts = problems.groupby(["problem", "outcome"]).size().reset_index(name="rows")
    return {
        "rows": len(rows),
        "rows_with_key": int(rows["inchikey"].notna().sum()),
        "compounds": len(compounds),
        "problems": counts.sort_values("rows", ascending=False).to_dict("records"),
    }


def _problems_where(
    where: pd.Series, column: str, problem: str | pd.Series, detail: str | pd.Series
) -> pd.DataFrame:
    """The rows in which `where` is true, as rows of problems with a cell of the library."""
    table = pd.DataFrame({"column": column, "problem": problem, "detail": detail}, where.index)
    return table[where]


def _tabulate_problems(
    problems: Sequence[pd.DataFrame], library: pd.DataFrame, rows: pd.DataFrame
) -> pd.DataFrame:
    table = pd.concat(problems)
    index = table.index
    table["row"] = library["row"].reindex(index)
    table["compound_id"] = library["compound_id"].reindex(index)
    table["value"] = None
    for column in ("compound_id", "smiles", "inchikey"):
        table["value"] = table["value"].where(
            table["column"] != column, library[column].reindex(index)
        )
    table["detail"] = table["detail"].map(printable)
    table["outcome"] = rows["inchikey"].notna().reindex(index).map({True: "kept", False: "dropped"})
    table = table[PROBLEMS.names].astype({"value": "str", "compound_id": "str"})
    return table.sort_values(["row", "column"], kind="stable", ignore_index=True)
