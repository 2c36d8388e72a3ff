"""Build the label matrix: labels of both kinds, filtered, with a name on every row and column."""

from collections.abc import Collection

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import scipy.io
import scipy.sparse

from paintassay.core.errors import InputError
from paintassay.core.files import PathLike, atomic_path
from paintassay.core.tables import joined, widened

KINDS = ["pchembl", "comment"]


def concatenate_labels(
    pchembl_labels: pd.DataFrame, comment_labels: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Concatenate the labels of both kinds, and name their tasks.

    Parameters
    ----------
    pchembl_labels, comment_labels : pandas.DataFrame
        As `labels.tables.PCHEMBL_LABELS` and `labels.tables.COMMENT_LABELS`.

    Returns
    -------
    labels : pandas.DataFrame
        inchikey, task (categorical, in the order of `tasks`), label (+1, -1); a row a label.
    tasks : pandas.DataFrame
        task, assay_chembl_id, kind, threshold; by kind, threshold and number of the assay.
    """
    tables = [
        pchembl_labels.assign(kind="pchembl"),
        comment_labels.assign(kind="comment", threshold=np.nan),
    ]
    keys = ["kind", "threshold", "assay_chembl_id"]
    labels = pd.concat([table[["inchikey", "label", *keys]] for table in tables], ignore_index=True)
    tasks = labels[keys].drop_duplicates()
    tasks = tasks.assign(
        task=[task_name(*key) for key in tasks.itertuples(index=False)],
        kind_number=tasks["kind"].map(KINDS.index),
        # Shorter numbers first, so that CHEMBL99 stands before CHEMBL100.
        digits=tasks["assay_chembl_id"].str.len(),
    )
    order = ["kind_number", "threshold", "digits", "assay_chembl_id"]
    tasks = tasks.sort_values(order, ignore_index=True)
    tasks = tasks[["task", "assay_chembl_id", "kind", "threshold"]]
    labels = labels.merge(tasks, on=keys, how="left", validate="many_to_one")
    labels["task"] = pd.Categorical(labels["task"], categories=tasks["task"])
    return labels[["inchikey", "task", "label"]], tasks


def task_name(kind: str, threshold: float, assay_chembl_id: str) -> str:
    """Name a task: ``CHEMBL123|pchembl>=5.5`` or ``CHEMBL123|comment``."""
    suffix = f"pchembl>={threshold:g}" if kind == "pchembl" else kind
    return f"{assay_chembl_id}|{suffix}"


def filter_labels(
    labels: pd.DataFrame, min_actives: int, min_inactives: int, min_labels_per_compound: int = 1
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Keep tasks with enough actives and inactives, and compounds with enough labels.

    The labels of a task are counted over compounds: each compound has one label in a task.
    Dropping a compound can take a task below its minimum, so the two steps repeat until both
    hold. With a minimum of one label a compound this is the paper's filter.

    Parameters
    ----------
    labels : pandas.DataFrame
        As from `concatenate_labels`.
    min_actives, min_inactives : int
        Compounds a task needs.
    min_labels_per_compound : int
        Labels a compound needs in the kept tasks.

    Returns
    -------
    kept : pandas.DataFrame
        The rows of `labels` that remain.
    dropped : pandas.DataFrame
        task, actives, inactives (as counted when it was dropped), reason.
    """
    if labels.duplicated(["inchikey", "task"]).any():
        raise ValueError("a compound has two labels in one task")
    kept, dropped = labels, []
    while True:
        counts = count_labels(kept)
        too_few = (counts["actives"] < min_actives) | (counts["inactives"] < min_inactives)
        small = counts[too_few]
        dropped.append(
            small.assign(reason=_drop_reasons(small, min_actives, min_inactives)).reset_index()
        )
        kept = kept[~kept["task"].isin(small.index)]
        labels_of_compound = kept["inchikey"].map(kept["inchikey"].value_counts())
        enough = labels_of_compound >= min_labels_per_compound
        if enough.all():
            return kept, pd.concat(dropped, ignore_index=True)
        kept = kept[enough]


def count_labels(labels: pd.DataFrame) -> pd.DataFrame:
    """Count the active and inactive compounds of each task that has any: actives, inactives."""
    signs = pd.DataFrame({"actives": labels["label"] > 0, "inactives": labels["label"] < 0})
    return signs.groupby(labels["task"], observed=True).sum()


def describe_assays(activities: pa.Table, assay_chembl_ids: pd.Series) -> pd.DataFrame:
    """Take what activities say about their assays, a row an assay.

    Parameters
    ----------
    activities : pyarrow.Table
        Assay columns of `chembl.tables.ACTIVITIES`.
    assay_chembl_ids : pandas.Series of str
        The assays to describe.

    Returns
    -------
    pandas.DataFrame
        The columns of `activities`, a row an assay.
    """
    activities = widened(activities)
    ids = activities["assay_chembl_id"]
    assays = pa.array(assay_chembl_ids.unique()).cast(ids.type)
    first_rows = pc.index_in(assays, value_set=ids.combine_chunks())
    return activities.take(first_rows).to_pandas()


def build_matrix(
    kept: pd.DataFrame, tasks: pd.DataFrame, assays: pd.DataFrame
) -> tuple[scipy.sparse.csc_array, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Lay out the matrix: compounds by InChIKey, tasks in their order.

    Parameters
    ----------
    kept, tasks : pandas.DataFrame
        As from `filter_labels` and `concatenate_labels`.
    assays : pandas.DataFrame
        One row an assay: assay_id, assay_chembl_id, assay_description, assay_type,
        target_chembl_id, target_name, target_organism.

    Returns
    -------
    matrix : scipy.sparse.csc_array
        Shape (compounds, tasks), int8: +1 active, -1 inactive, nothing where missing.
    rows : pandas.DataFrame
        As `labels.tables.MATRIX_COMPOUNDS`.
    table : pandas.DataFrame
        As `labels.tables.ASSAYS`.
    labels : pandas.DataFrame
        As `labels.tables.LABELS`.
    """
    inchikeys = np.sort(kept["inchikey"].unique())
    counts = count_labels(kept).reset_index()
    table = tasks.merge(counts, on="task").merge(
        assays, on="assay_chembl_id", how="left", validate="many_to_one"
    )
    table = table.rename(columns={"assay_description": "description"})
    table.columns = table.columns.str.upper()
    row = pd.Index(inchikeys).get_indexer(kept["inchikey"])
    column = pd.Index(table["TASK"]).get_indexer(kept["task"].astype("str"))
    values = kept["label"].to_numpy(np.int8)
    matrix = scipy.sparse.csc_array(
        (values, (row, column)), shape=(len(inchikeys), len(table)), dtype=np.int8
    )
    matrix.sort_indices()
    rows = pd.DataFrame({"INDEX": range(len(inchikeys)), "INCHIKEY": inchikeys})
    order = np.lexsort((column, row))
    labels = kept.iloc[order].reset_index(drop=True)
    labels["task"] = labels["task"].astype("str")
    return matrix, rows, table, labels


def require_labels(kept: pd.DataFrame, dropped: pd.DataFrame, near_matches: str = "") -> None:
    """Refuse a label matrix without a task, and say how close the nearest one came.

    `near_matches` says what other rules would match (`chembl.near_matches`).
    """
    if len(kept):
        return
    if dropped.empty:
        raise InputError(
            "label matrix",
            "no activity gives a label" + (f"; {near_matches}" if near_matches else ""),
            "look at the matches: are these the compounds, and this the release, that you meant? "
            "chembl.match_on chooses the rule, labels.censored whether > and < give labels",
        )
    ranked = dropped.assign(least=dropped[["actives", "inactives"]].min(axis=1))
    best = ranked.sort_values("least", ascending=False).iloc[0]
    raise InputError(
        "label matrix",
        f"none of {len(dropped)} tasks has enough labels; the best, {best['task']}, has "
        f"{best['actives']} actives and {best['inactives']} inactives",
        "lower labels.min_actives and labels.min_inactives, or bring more compounds",
    )


def write_matrix_market(matrix: scipy.sparse.csc_array, path: PathLike) -> None:
    """Write a sparse integer matrix as Matrix Market coordinates, atomically."""
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        scipy.io.mmwrite(file, matrix, field="integer", symmetry="general")


def name_dropped_tasks(dropped: pd.DataFrame, tasks: pd.DataFrame) -> pd.DataFrame:
    """Give dropped tasks their assay, kind and threshold (as `labels.tables.DROPPED_ASSAYS`)."""
    return tasks.merge(dropped.astype({"task": "str"}), on="task")


def explain_missing_compounds(
    compounds: pd.DataFrame,
    matched: Collection[str],
    with_activity: Collection[str],
    with_label: Collection[str],
    kept: Collection[str],
) -> pd.DataFrame:
    """Say for every compound outside the label matrix where it was lost.

    Parameters
    ----------
    compounds : pandas.DataFrame
        inchikey and compound_ids, the whole library.
    matched, with_activity, with_label, kept : set of str
        InChIKeys with a ChEMBL molecule, with an extracted activity, with a label in any task,
        and in the label matrix.

    Returns
    -------
    pandas.DataFrame
        As `labels.tables.DROPPED_COMPOUNDS`, sorted by InChIKey.
    """
    lost = compounds[~compounds["inchikey"].isin(kept)].sort_values("inchikey", ignore_index=True)
    steps = [
        (matched, "no ChEMBL molecule matches"),
        (with_activity, "no activity has a pChEMBL value, a comment or a censored value"),
        (with_label, "no activity gives a label"),
    ]
    reason = pd.Series("too few labels in the columns that were kept", index=lost.index)
    for survivors, reason_of_step in reversed(steps):
        reason = reason.mask(~lost["inchikey"].isin(survivors), reason_of_step)
    lost = lost[["inchikey"]].assign(compound_ids=joined(lost["compound_ids"]))
    return lost.assign(reason=reason)


def find_conflicts(pchembl_labels: pd.DataFrame, comment_labels: pd.DataFrame) -> pd.DataFrame:
    """Find compounds and assays on which the labels of the two kinds contradict each other.

    A contradiction is a compound that reaches a threshold but is called inactive, or that stays
    below the lowest threshold but is called active; one row each.

    Parameters
    ----------
    pchembl_labels, comment_labels : pandas.DataFrame
        As `labels.tables.PCHEMBL_LABELS` and `labels.tables.COMMENT_LABELS`.

    Returns
    -------
    pandas.DataFrame
        As `labels.tables.CONFLICTS`, sorted by compound and assay.
    """
    cell = ["inchikey", "assay_chembl_id"]
    # The highest threshold that is reached counts; if none is, the lowest stands for all.
    active = pchembl_labels[pchembl_labels["label"] > 0]
    active = active.sort_values("threshold").drop_duplicates(cell, keep="last")
    lowest = pchembl_labels["threshold"].min()
    never = pchembl_labels[(pchembl_labels["label"] < 0) & (pchembl_labels["threshold"] == lowest)]
    by_value = pd.concat([active, never]).rename(columns={"label": "pchembl_label"})
    by_comment = comment_labels.rename(columns={"label": "comment_label"})
    both = by_value.merge(by_comment, on=cell, validate="one_to_one", suffixes=("", "_comment"))
    both = both[both["pchembl_label"] != both["comment_label"]]
    return both.sort_values(cell, ignore_index=True)


def _drop_reasons(counts: pd.DataFrame, min_actives: int, min_inactives: int) -> pd.Series:
    reasons = []
    for actives, inactives in zip(counts["actives"], counts["inactives"], strict=True):
        shortages = []
        if actives < min_actives:
            shortages.append(f"{actives} of {min_actives} actives")
        if inactives < min_inactives:
            shortages.append(f"{inactives} of {min_inactives} inactives")
        reasons.append("only " + " and ".join(shortages))
    return pd.Series(reasons, index=counts.index, dtype="str")
