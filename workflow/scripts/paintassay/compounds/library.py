"""Turn a compound library into InChIKeys, one row per compound, and record every problem."""

import difflib
import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import NamedTuple

import pandas as pd
from chembl_structure_pipeline.standardizer import get_parent_mol
from rdkit import Chem, rdBase

from paintassay.compounds.tables import PROBLEMS
from paintassay.core.errors import InputError, separator_hint
from paintassay.core.files import PathLike
from paintassay.core.jobs import end_with_parent
from paintassay.core.sizes import WorkSize
from paintassay.core.tables import joined

log = logging.getLogger(__name__)

STANDARD_INCHIKEY = re.compile(r"[A-Z]{14}-[A-Z]{8}SA-[A-Z]")
MOLECULES_PER_BATCH: WorkSize = 500


class Structure(NamedTuple):
    """What one SMILES gives: its keys, or the problem with it."""

    smiles: str | None = None
    inchikey: str | None = None
    parent_smiles: str | None = None
    parent_inchikey: str | None = None
    problem: str | None = None
    detail: str | None = None


class _Problem(NamedTuple):
    """A problem with a cell of the library."""

    row_index: int
    column: str
    problem: str
    detail: str | None = None


def read_library(
    path: PathLike, id_column: str, smiles_column: str | None, inchikey_column: str | None
) -> pd.DataFrame:
    """Read a compound library, everything as text.

    Parameters
    ----------
    path : str or Path
        CSV (also gzipped) or Parquet.
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
    try:
        if str(path).endswith(".parquet"):
            table = pd.read_parquet(path, page_checksum_verification=True)
        else:
            table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (ValueError, OSError) as error:
        # The message of pandas names the line of a CSV file.
        raise InputError(path, f"cannot be read: {error}") from error
    names = list(map(str, table.columns))
    for key, column in columns.items():
        if column is not None and column not in table:
            similar_names = difflib.get_close_matches(column, names, n=1)
            advice = f"did you mean {similar_names[0]!r}?" if similar_names else ""
            raise InputError(
                path,
                f"has no column {column!r}; its columns are {', '.join(names)}",
                separator_hint(names)
                or f"{advice} Set compounds.{key.removeprefix('compound_')}_column.".strip(),
            )
    if table.empty:
        raise InputError(path, "has a header but no rows", "give a library of compounds")
    library = pd.DataFrame({"row": range(1, len(table) + 1)})
    for name, column in columns.items():
        values = table[column] if column else pd.Series(None, index=table.index, dtype="str")
        values = values.astype("str").str.strip().reset_index(drop=True)
        library[name] = values.mask(values == "")
    return library


def standardise_structures(smiles: Iterable[str | None], workers: int = 1) -> pd.DataFrame:
    """Make the InChIKey, canonical SMILES and parent of each SMILES, or say why there are none.

    Parameters
    ----------
    smiles : sequence of str or None
        SMILES, also with a CXSMILES tail.
    workers : int
        Number of processes.

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
        for batch in pool.map(_standardise_batch, batches):
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
    problems: list[_Problem] = []
    rows = library[["row", "compound_id"]].copy()
    library_keys = library["inchikey"]
    well_formed = library_keys.str.fullmatch(STANDARD_INCHIKEY).fillna(False).astype(bool)
    for index in library.index[library_keys.notna() & ~well_formed]:
        detail = "a standard InChIKey looks like BSYNRYMUTXBXSQ-UHFFFAOYSA-N"
        problems.append(_Problem(index, "inchikey", "InChIKey malformed", detail))
    if structures is None:
        rows["inchikey"] = library_keys.where(well_formed)
        rows["smiles"] = rows["parent_inchikey"] = rows["parent_smiles"] = None
        for index in library.index[library_keys.isna()]:
            problems.append(_Problem(index, "inchikey", "InChIKey missing"))
    else:
        for column in ("smiles", "parent_inchikey", "parent_smiles"):
            rows[column] = structures[column]
        rows["inchikey"] = library_keys.where(well_formed, structures["inchikey"])
        for index in library.index[structures["problem"].notna()]:
            structure = structures.loc[index]
            problems.append(_Problem(index, "smiles", structure["problem"], structure["detail"]))
        with_both_keys = well_formed & structures["inchikey"].notna()
        for index in library.index[with_both_keys & (library_keys != structures["inchikey"])]:
            key, parent_key = structures.loc[index, ["inchikey", "parent_inchikey"]]
            same_skeleton = library_keys[index][:14] in (key[:14], str(parent_key)[:14])
            problem = (
                "SMILES and InChIKey differ in stereo, charge or salt"
                if same_skeleton
                else "SMILES and InChIKey name different molecules"
            )
            problems.append(_Problem(index, "inchikey", problem, f"the SMILES gives {key}"))
            if not same_skeleton:
                rows.loc[index, "inchikey"] = None
    keyed_rows = rows.dropna(subset=["compound_id", "inchikey"])
    keys_of_id = keyed_rows.groupby("compound_id")["inchikey"].nunique()
    for index in rows.index[rows["compound_id"].isin(keys_of_id.index[keys_of_id > 1])]:
        problem = "one compound id for several compounds"
        detail = f"{keys_of_id[rows.loc[index, 'compound_id']]} different InChIKeys"
        problems.append(_Problem(index, "compound_id", problem, detail))
        rows.loc[index, "inchikey"] = None
    for index in rows.index[rows["compound_id"].isna()]:
        problems.append(_Problem(index, "compound_id", "compound id missing"))
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


def _standardise_batch(smiles: Sequence[str | None]) -> list[Structure]:
    with _rdkit_messages() as messages:
        return [_standardise_structure(value, messages) for value in smiles]


@contextmanager
def _rdkit_messages() -> Iterator[list[str]]:
    """Collect the messages of RDKit, which it only logs, in a list."""
    messages: list[str] = []
    collector = logging.Handler()
    # A class would say the same in more lines.
    collector.emit = lambda record: messages.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("rdkit")
    rdBase.LogToPythonLogger()
    handlers, logger.handlers, logger.propagate = logger.handlers, [collector], False
    try:
        yield messages
    finally:
        logger.handlers = handlers
        rdBase.LogToCppStreams()


def _standardise_structure(smiles: str | None, messages: list[str]) -> Structure:
    if smiles is None:
        return Structure(problem="SMILES missing")
    tail = smiles.partition(" ")[2].strip()
    if tail.startswith("|") and "|" not in tail[1:]:
        return Structure(problem="CXSMILES tail cut off", detail=f"{tail!r} has no closing |")
    messages.clear()
    molecule = Chem.MolFromSmiles(smiles)
    if molecule is None:
        return Structure(problem="SMILES cannot be parsed", detail=_first_message(messages))
    if molecule.GetNumAtoms() == 0:
        return Structure(problem="SMILES without atoms")
    messages.clear()
    inchikey = Chem.MolToInchiKey(molecule)
    if not inchikey:
        return Structure(problem="structure without InChI", detail=_first_message(messages))
    canonical = Chem.MolToSmiles(molecule)
    if not _has_salt_charge_or_isotope(molecule):
        return Structure(canonical, inchikey, canonical, inchikey)
    parent, _ = get_parent_mol(molecule)
    parent_inchikey = Chem.MolToInchiKey(parent) or None
    return Structure(canonical, inchikey, Chem.MolToSmiles(parent), parent_inchikey)


def _first_message(messages: Sequence[str]) -> str | None:
    """The first of RDKit's messages, which names the cause, without its time stamp."""
    return re.sub(r"^\[[\d:]+\]\s*", "", messages[0]) if messages else None


def _has_salt_charge_or_isotope(molecule: Chem.Mol) -> bool:
    """Whether the parent can differ; this is far cheaper than making it."""
    return len(Chem.GetMolFrags(molecule)) > 1 or any(
        atom.GetFormalCharge() or atom.GetIsotope() for atom in molecule.GetAtoms()
    )


def _tabulate_problems(
    problems: Sequence[_Problem], library: pd.DataFrame, rows: pd.DataFrame
) -> pd.DataFrame:
    has_key = rows["inchikey"].notna()
    records = [
        {
            "row": library.loc[index, "row"],
            "compound_id": library.loc[index, "compound_id"],
            "column": column,
            "value": library.loc[index, column],
            "problem": problem,
            "detail": detail,
            "outcome": "kept" if has_key[index] else "dropped",
        }
        for index, column, problem, detail in problems
    ]
    table = pd.DataFrame(records, columns=PROBLEMS.names)
    return table.sort_values(["row", "column"], kind="stable", ignore_index=True)
