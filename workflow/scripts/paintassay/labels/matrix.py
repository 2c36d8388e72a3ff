"""The label matrix: both parts side by side, filtered, with a name on every row and column."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import scipy.io
import scipy.sparse

from paintassay.core.errors import InputError
from paintassay.core.files import atomic_path
from paintassay.core.tables import joined

KINDS = ["pchembl", "comment"]


def combine_parts(pchembl_labels, comment_labels):
    """Put part one and part two side by side as columns with names.

    Parameters
    ----------
    pchembl_labels, comment_labels : pandas.DataFrame
        As `labels.tables.PCHEMBL_LABELS` and `labels.tables.COMMENT_LABELS`.

    Returns
    -------
    labels : pandas.DataFrame
        inchikey, column (categorical, in the order of `columns`), label (+1, -1); a row a label.
    columns : pandas.DataFrame
        column, assay_chembl_id, kind, threshold; by kind, threshold and number of the assay.
    """
    parts = [
        pchembl_labels.assign(kind="pchembl"),
        comment_labels.assign(kind="comment", threshold=np.nan),
    ]
    keys = ["kind", "threshold", "assay_chembl_id"]
    cells = pd.concat([part[["inchikey", "label", *keys]] for part in parts], ignore_index=True)
    columns = cells[keys].drop_duplicates()
    columns = columns.assign(
        task=[column_name(*key) for key in columns.itertuples(index=False)],
        part=columns["kind"].map(KINDS.index),
        # Shorter numbers first, so that CHEMBL99 stands before CHEMBL100.
        digits=columns["assay_chembl_id"].str.len(),
    )
    order = ["part", "threshold", "digits", "assay_chembl_id"]
    columns = columns.sort_values(order, ignore_index=True)
    columns = columns[["task", "assay_chembl_id", "kind", "threshold"]]
    cells = cells.merge(columns, on=keys, how="left", validate="many_to_one")
    cells["task"] = pd.Categorical(cells["task"], categories=columns["task"])
    return cells[["inchikey", "task", "label"]], columns


def column_name(kind, threshold, assay_chembl_id):
    """Name of a label column: ``CHEMBL123|pchembl>=5.5`` or ``CHEMBL123|comment``."""
    what = f"pchembl>={threshold:g}" if kind == "pchembl" else kind
    return f"{assay_chembl_id}|{what}"


def filter_labels(labels, min_actives, min_inactives, min_labels_per_compound=1):
    """Keep columns with enough actives and inactives, and compounds with enough labels.

    Columns are counted over compounds: each compound has one label in a column. Dropping a
    compound can take a column below its minimum, so the two steps repeat until both hold.
    With a minimum of one label a compound this is the paper's filter.

    Parameters
    ----------
    labels : pandas.DataFrame
        As from `combine_parts`.
    min_actives, min_inactives : int
        Compounds a column needs.
    min_labels_per_compound : int
        Labels a compound needs in the kept columns.

    Returns
    -------
    kept : pandas.DataFrame
        The rows of `labels` that remain.
    dropped : pandas.DataFrame
        column, actives, inactives (as counted when it was dropped), reason.
    """
    if labels.duplicated(["inchikey", "task"]).any():
        raise ValueError("a compound has two labels in one column")
    kept, dropped = labels, []
    while True:
        counts = count_labels(kept)
        few = (counts["actives"] < min_actives, counts["inactives"] < min_inactives)
        short = counts[few[0] | few[1]]
        dropped.append(
            short.assign(reason=_reasons(short, min_actives, min_inactives)).reset_index()
        )
        kept = kept[~kept["task"].isin(short.index)]
        per_compound = kept["inchikey"].map(kept["inchikey"].value_counts())
        enough = per_compound >= min_labels_per_compound
        if enough.all():
            return kept, pd.concat(dropped, ignore_index=True)
        kept = kept[enough]


def count_labels(labels):
    """Active and inactive compounds of each column that has any: actives, inactives."""
    signs = pd.DataFrame({"actives": labels["label"] > 0, "inactives": labels["label"] < 0})
    return signs.groupby(labels["task"], observed=True).sum()


def _reasons(counts, min_actives, min_inactives):
    reasons = []
    for row in counts.itertuples():
        few = []
        if row.actives < min_actives:
            few.append(f"{row.actives} of {min_actives} actives")
        if row.inactives < min_inactives:
            few.append(f"{row.inactives} of {min_inactives} inactives")
        reasons.append("only " + " and ".join(few))
    return pd.Series(reasons, index=counts.index, dtype="str")


def describe_assays(activities, assay_chembl_ids):
    """Take what activities say about their assays, a row an assay.

    Parameters
    ----------
    activities : pyarrow.Table
        Assay columns of `chembl.tables.ACTIVITIES`.
    assay_chembl_ids : pandas.Series of str
        The assays wanted.

    Returns
    -------
    pandas.DataFrame
        The columns of `activities`, a row an assay.
    """
    ids = activities["assay_chembl_id"]
    wanted = pa.array(assay_chembl_ids.unique())
    first = pc.index_in(wanted, value_set=ids.combine_chunks())
    return activities.take(first).to_pandas()


def assemble(kept, columns, assays):
    """Lay out the matrix: compounds by InChIKey, columns in their order.

    Parameters
    ----------
    kept, columns : pandas.DataFrame
        As from `filter_labels` and `combine_parts`.
    assays : pandas.DataFrame
        One row an assay: assay_id, assay_chembl_id, assay_description, assay_type,
        target_chembl_id, target_name, target_organism.

    Returns
    -------
    matrix : scipy.sparse.csc_array
        Shape (compounds, columns), int8: +1 active, -1 inactive, nothing where missing.
    rows : pandas.DataFrame
        As `labels.tables.MATRIX_COMPOUNDS`.
    table : pandas.DataFrame
        As `labels.tables.ASSAYS`.
    labels : pandas.DataFrame
        As `labels.tables.LABELS`.
    """
    inchikeys = np.sort(kept["inchikey"].unique())
    counts = count_labels(kept).reset_index()
    table = columns.merge(counts, on="task").merge(
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


def require_labels(kept, dropped):
    """Refuse a label matrix without a column, and say how close the nearest one came."""
    if len(kept):
        return
    if dropped.empty:
        raise InputError(
            "label matrix",
            "no activity gives a label",
            "look at the matches: are these the compounds, and this the release, that you meant?",
        )
    best = dropped.assign(least=dropped[["actives", "inactives"]].min(axis=1))
    best = best.sort_values("least", ascending=False).iloc[0]
    raise InputError(
        "label matrix",
        f"none of {len(dropped)} columns has enough labels; the best, {best['task']}, has "
        f"{best['actives']} actives and {best['inactives']} inactives",
        "lower labels.min_actives and labels.min_inactives, or bring more compounds",
    )


def write_matrix_market(matrix, path):
    """Write a sparse integer matrix as Matrix Market coordinates, atomically."""
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        scipy.io.mmwrite(file, matrix, field="integer", symmetry="general")


def name_dropped_columns(dropped, columns):
    """Give dropped columns their assay, kind and threshold (as `labels.tables.DROPPED_ASSAYS`)."""
    return columns.merge(dropped.astype({"task": "str"}), on="task")


def explain_missing_compounds(compounds, matched, with_activity, with_label, kept):
    """Say for every compound outside the label matrix where it was lost.

    Parameters
    ----------
    compounds : pandas.DataFrame
        inchikey and compound_ids, the whole library.
    matched, with_activity, with_label, kept : set of str
        InChIKeys with a ChEMBL molecule, with an extracted activity, with a label in any column,
        and in the label matrix.

    Returns
    -------
    pandas.DataFrame
        As `labels.tables.DROPPED_COMPOUNDS`, sorted by InChIKey.
    """
    lost = compounds[~compounds["inchikey"].isin(kept)].sort_values("inchikey", ignore_index=True)
    steps = [
        (matched, "no ChEMBL molecule matches"),
        (with_activity, "no activity has a pChEMBL value or a comment"),
        (with_label, "no activity gives a label"),
    ]
    reason = pd.Series("too few labels in the columns that were kept", index=lost.index)
    for survivors, why in reversed(steps):
        reason = reason.mask(~lost["inchikey"].isin(survivors), why)
    lost = lost[["inchikey"]].assign(compound_ids=joined(lost["compound_ids"]))
    return lost.assign(reason=reason)


def find_conflicts(pchembl_labels, comment_labels):
    """Find compounds and assays on which the two parts contradict each other.

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
    # Of the thresholds reached the highest; if none is, the lowest stands for all.
    active = pchembl_labels[pchembl_labels["label"] > 0]
    active = active.sort_values("threshold").drop_duplicates(cell, keep="last")
    lowest = pchembl_labels["threshold"].min()
    never = pchembl_labels[(pchembl_labels["label"] < 0) & (pchembl_labels["threshold"] == lowest)]
    part_one = pd.concat([active, never]).rename(columns={"label": "pchembl_label"})
    part_two = comment_labels.rename(columns={"label": "comment_label"})
    both = part_one.merge(part_two, on=cell, validate="one_to_one", suffixes=("", "_comment"))
    both = both[both["pchembl_label"] != both["comment_label"]]
    return both.sort_values(cell, ignore_index=True)
