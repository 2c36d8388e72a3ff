"""From a compound library to InChIKeys, one row a compound, with every problem on record."""

import difflib
import logging
import re
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context

import pandas as pd
from chembl_structure_pipeline.standardizer import get_parent_mol
from rdkit import Chem, rdBase

from paintassay.compounds.tables import PROBLEMS
from paintassay.core.errors import InputError, separator_hint
from paintassay.core.jobs import end_with_parent
from paintassay.core.tables import joined

log = logging.getLogger(__name__)

STANDARD_INCHIKEY = re.compile(r"[A-Z]{14}-[A-Z]{8}SA-[A-Z]")
MOLECULES_PER_TASK = 500


def read_library(path, id_column, smiles_column, inchikey_column):
    """Read a compound library, everything as text.

    Parameters
    ----------
    path : str or Path
        CSV (also gzipped) or Parquet.
    id_column : str
    smiles_column, inchikey_column : str or None
        At least one is given.

    Returns
    -------
    pandas.DataFrame
        Columns row (counted from 1), compound_id, smiles, inchikey; empty cells are missing.

    Raises
    ------
    InputError
        The file cannot be read, lacks a column, or has no rows.
    """
    wanted = {"compound_id": id_column, "smiles": smiles_column, "inchikey": inchikey_column}
    try:
        if str(path).endswith(".parquet"):
            table = pd.read_parquet(path)
        else:
            table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (ValueError, OSError) as error:
        # pandas' own message names the line of a CSV file.
        raise InputError(path, f"cannot be read: {error}") from error
    for key, column in wanted.items():
        if column is not None and column not in table:
            near = difflib.get_close_matches(column, map(str, table.columns), n=1)
            advice = f"did you mean {near[0]!r}?" if near else ""
            raise InputError(
                path,
                f"has no column {column!r}; its columns are {', '.join(map(str, table.columns))}",
                separator_hint(list(table.columns))
                or f"{advice} Set compounds.{key.removeprefix('compound_')}_column.".strip(),
            )
    if table.empty:
        raise InputError(path, "has a header but no rows", "give a library of compounds")
    library = pd.DataFrame({"row": range(1, len(table) + 1)})
    for name, column in wanted.items():
        values = table[column] if column else pd.Series(None, index=table.index, dtype="str")
        values = values.astype("str").str.strip().reset_index(drop=True)
        library[name] = values.mask(values == "")
    return library


def standardise_structures(smiles, workers=1):
    """Give each SMILES its InChIKey, canonical SMILES and parent, or the reason why not.

    Parameters
    ----------
    smiles : sequence of str or None
        SMILES, also with a CXSMILES tail.
    workers : int
        Processes to share the work among.

    Returns
    -------
    pandas.DataFrame
        One row a SMILES, in order: smiles, inchikey, parent_smiles, parent_inchikey, problem,
        detail; what does not apply is missing.
    """
    values = [None if pd.isna(value) else value for value in smiles]
    tasks = [
        values[start : start + MOLECULES_PER_TASK]
        for start in range(0, len(values), MOLECULES_PER_TASK)
    ]
    columns = ["smiles", "inchikey", "parent_smiles", "parent_inchikey", "problem", "detail"]
    rows = []
    # Forked, because a spawned process would run the calling script once more.
    with ProcessPoolExecutor(workers, get_context("fork"), end_with_parent) as pool:
        for done in pool.map(_standardise_all, tasks):
            rows += done
            log.info("standardised %d of %d molecules", len(rows), len(values))
    return pd.DataFrame(rows, columns=columns, dtype="str")


def _standardise_all(smiles):
    with _rdkit_messages() as messages:
        return [_standardise_one(value, messages) for value in smiles]


@contextmanager
def _rdkit_messages():
    """Collect what RDKit has to say, which it only logs, as a list of lines."""
    lines = []
    collector = logging.Handler()
    collector.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("rdkit")
    rdBase.LogToPythonLogger()
    before, logger.handlers, logger.propagate = logger.handlers, [collector], False
    try:
        yield lines
    finally:
        logger.handlers = before
        rdBase.LogToCppStreams()


def _standardise_one(smiles, messages):
    """(smiles, inchikey, parent_smiles, parent_inchikey, problem, detail) of one SMILES."""
    nothing = (None, None, None, None)
    if smiles is None:
        return *nothing, "SMILES missing", None
    tail = smiles.partition(" ")[2].strip()
    if tail.startswith("|") and "|" not in tail[1:]:
        return *nothing, "CXSMILES tail cut off", f"{tail!r} has no closing |"
    messages.clear()
    molecule = Chem.MolFromSmiles(smiles)
    if molecule is None:
        return *nothing, "SMILES cannot be parsed", _first_line(messages)
    if molecule.GetNumAtoms() == 0:
        return *nothing, "SMILES without atoms", None
    messages.clear()
    inchikey = Chem.MolToInchiKey(molecule)
    if not inchikey:
        return *nothing, "structure without InChI", _first_line(messages)
    names = Chem.MolToSmiles(molecule), inchikey
    if not _has_salt_charge_or_isotope(molecule):
        return *names, *names, None, None
    parent, _ = get_parent_mol(molecule)
    return *names, Chem.MolToSmiles(parent), Chem.MolToInchiKey(parent) or None, None, None


def _first_line(messages):
    """The first of RDKit's messages, which names the cause, without its time stamp."""
    return re.sub(r"^\[[\d:]+\]\s*", "", messages[0]) if messages else None


def _has_salt_charge_or_isotope(molecule):
    """Whether the parent can differ; to ask is far cheaper than to make it."""
    return len(Chem.GetMolFrags(molecule)) > 1 or any(
        atom.GetFormalCharge() or atom.GetIsotope() for atom in molecule.GetAtoms()
    )


def assign_keys(library, structures):
    """Give each row of the library its key, and list every problem.

    A given InChIKey is used as it stands if its form is right and the SMILES, where there is
    one, does not name another molecule; otherwise the key is made from the SMILES.

    Parameters
    ----------
    library : pandas.DataFrame
        As from `read_library`.
    structures : pandas.DataFrame or None
        As from `standardise`, row for row; None if the library has no SMILES column.

    Returns
    -------
    rows : pandas.DataFrame
        Columns of `compounds.tables.LIBRARY`.
    problems : pandas.DataFrame
        Columns of `compounds.tables.PROBLEMS`, sorted by row.
    """
    problems: list[tuple] = []
    rows = library[["row", "compound_id"]].copy()
    given = library["inchikey"]
    well_formed = given.str.fullmatch(STANDARD_INCHIKEY).fillna(False).astype(bool)
    for index in library.index[given.notna() & ~well_formed]:
        detail = "a standard InChIKey looks like BSYNRYMUTXBXSQ-UHFFFAOYSA-N"
        problems.append((index, "inchikey", "InChIKey malformed", detail))
    if structures is None:
        rows["inchikey"] = given.where(well_formed)
        rows["smiles"] = rows["parent_inchikey"] = rows["parent_smiles"] = None
        for index in library.index[given.isna()]:
            problems.append((index, "inchikey", "InChIKey missing", None))
    else:
        for column in ("smiles", "parent_inchikey", "parent_smiles"):
            rows[column] = structures[column]
        rows["inchikey"] = given.where(well_formed, structures["inchikey"])
        for index in library.index[structures["problem"].notna()]:
            structure = structures.loc[index]
            problems.append((index, "smiles", structure["problem"], structure["detail"]))
        both = library.index[well_formed & structures["inchikey"].notna()]
        for index in both[(given != structures["inchikey"])[both]]:
            made, parent = structures.loc[index, ["inchikey", "parent_inchikey"]]
            same = given[index][:14] in (made[:14], str(parent)[:14])
            problem = (
                "SMILES and InChIKey differ in stereo, charge or salt"
                if same
                else "SMILES and InChIKey name different molecules"
            )
            problems.append((index, "inchikey", problem, f"the SMILES gives {made}"))
            if not same:
                rows.loc[index, "inchikey"] = None
    keyed = rows.dropna(subset=["compound_id", "inchikey"])
    keys_of_id = keyed.groupby("compound_id")["inchikey"].nunique()
    for index in rows.index[rows["compound_id"].isin(keys_of_id.index[keys_of_id > 1])]:
        detail = f"{keys_of_id[rows.loc[index, 'compound_id']]} different InChIKeys"
        problems.append((index, "compound_id", "one compound id for several compounds", detail))
        rows.loc[index, "inchikey"] = None
    for index in rows.index[rows["compound_id"].isna()]:
        problems.append((index, "compound_id", "compound id missing", None))
    return rows, _problem_table(problems, library, rows)


def _problem_table(problems, library, rows):
    records = [
        {
            "row": library.loc[index, "row"],
            "compound_id": library.loc[index, "compound_id"],
            "column": column,
            "value": library.loc[index, column],
            "problem": problem,
            "detail": detail,
            "outcome": "dropped" if pd.isna(rows.loc[index, "inchikey"]) else "kept",
        }
        for index, column, problem, detail in problems
    ]
    table = pd.DataFrame(records, columns=PROBLEMS.names)
    return table.sort_values(["row", "column"], kind="stable", ignore_index=True)


def join_duplicates(rows):
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


def count_library(rows, problems, compounds):
    """Counts for the account: rows, problems by kind, compounds.

    Returns
    -------
    dict
        rows, rows_with_key, compounds (int); problems (list of dict problem, outcome, rows).
    """
    kinds = problems.groupby(["problem", "outcome"]).size().reset_index(name="rows")
    return {
        "rows": len(rows),
        "rows_with_key": int(rows["inchikey"].notna().sum()),
        "compounds": len(compounds),
        "problems": kinds.sort_values("rows", ascending=False).to_dict("records"),
    }
