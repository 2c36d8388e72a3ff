"""Make labels of ChEMBL activities: of kind pchembl from values, of kind comment from comments.

Hofmarcher et al. 2019, Methods, "Data Set".
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from paintassay.core.errors import InputError
from paintassay.core.files import PathLike
from paintassay.core.matching import ALL, ANY, STALE, Match, Side, check_kept, check_match
from paintassay.core.tables import joined, sorted_by, text, widened
from paintassay.core.user_tables import name_row, read_texts

log = logging.getLogger(__name__)

ACTIVE, INACTIVE = 1, -1
CELL = ["inchikey", "assay_chembl_id"]

# The paper names two types; the authors' published code queries ten.
STANDARD_TYPES = {
    "paper": ["IC50", "EC50"],
    "published_code": [
        "pIC50", "pEC50", "IC50", "EC50", "-Log EC50", "-Log IC50", "Potency", "GI50", "AC50",
        "ED50",
    ],
}  # fmt: skip

# Steps that narrow the activities down, each with a name and how many activities it leaves.
Funnel = list[dict[str, str | int]]


def library_activities(
    matches: pa.Table, activities: pa.Table, exclude_potential_duplicates: bool
) -> pa.Table:
    """Join activities to the library's compounds.

    Parameters
    ----------
    matches : pyarrow.Table
        As `chembl.tables.MATCHES`.
    activities : pyarrow.Table
        At least activity_id, molecule_chembl_id and potential_duplicate.
    exclude_potential_duplicates : bool
        Leave out what ChEMBL marks as cited from another paper.

    Returns
    -------
    pyarrow.Table
        The activities with a column inchikey, sorted by activity. An activity appears once for
        each library compound that its molecule stands for.
    """
    pairs = matches.select(["inchikey", "molecule_chembl_id"])
    if len(activities):
        check_match(
            "activities",
            Side("molecules of the activities", activities["molecule_chembl_id"]),
            Side("molecules that match the library", pairs["molecule_chembl_id"]),
            STALE,
            warn_below=ALL,
        )
    if exclude_potential_duplicates:
        activities = activities.filter(pc.invert(activities["potential_duplicate"]))
    pairs = widened(pairs)
    # Only narrow columns go through the join; descriptions are not needed for labels.
    rows = widened(activities).join(pairs, "molecule_chembl_id", join_type="inner")
    return sorted_by(rows, "activity_id", "inchikey")


def average_pchembl(
    activities: pa.Table, standard_types: str | Sequence[str], pchembl_range: Sequence[float]
) -> tuple[pa.Table, Funnel]:
    """Average the pChEMBL values of each compound in each assay.

    Parameters
    ----------
    activities : pyarrow.Table
        As from `library_activities`.
    standard_types : str or list of str
        A key of `STANDARD_TYPES`, or the measurement types themselves.
    pchembl_range : tuple of float
        Lowest and highest value taken, both included.

    Returns
    -------
    means : pyarrow.Table
        As `labels.tables.PCHEMBL_MEANS`, sorted by compound and assay. Means are rounded to six
        decimals: pChEMBL values have two, and a mean that equals a threshold must not miss it
        by the last bit of a floating-point sum.
    funnel : list of dict
        step and activities, from all rows to those averaged.
    """
    types = STANDARD_TYPES[standard_types] if isinstance(standard_types, str) else standard_types
    low, high = pchembl_range
    value = activities["pchembl_value"]
    with_value = pc.is_valid(value)
    of_type = pc.and_(with_value, is_one_of(activities["standard_type"], types))
    in_range = pc.and_(pc.greater_equal(value, low), pc.less_equal(value, high))
    averaged = pc.and_(of_type, pc.fill_null(in_range, False))
    funnel: Funnel = [
        {"step": "of library compounds", "activities": len(activities)},
        {"step": "with a pChEMBL value", "activities": _count_true(with_value)},
        {"step": f"of type {', '.join(types)}", "activities": _count_true(of_type)},
        {"step": f"pChEMBL value from {low:g} to {high:g}", "activities": _count_true(averaged)},
    ]
    _log_funnel(funnel)
    grouped = aggregate_cells(
        activities.filter(averaged),
        [
            ("pchembl_value", "mean"),
            ("pchembl_value", "count"),
            ("pchembl_value", "min"),
            ("pchembl_value", "max"),
            ("activity_id", "list"),
        ],
    )
    means = pa.table(
        {
            "inchikey": grouped["inchikey"],
            "assay_chembl_id": grouped["assay_chembl_id"],
            "pchembl_mean": pc.round(grouped["pchembl_value_mean"], 6),
            "values": grouped["pchembl_value_count"],
            "pchembl_least": grouped["pchembl_value_min"],
            "pchembl_most": grouped["pchembl_value_max"],
            "activity_ids": grouped["activity_id_list"],
        }
    )
    return means, funnel


def count_funnel(funnel: Funnel, cure: str) -> list[Match]:
    """Count what each step of a funnel leaves.

    One of the two kinds of labels may be missing, so that nothing left is a warning here; without
    any label there is no label matrix, which is an error.

    Parameters
    ----------
    funnel : list of dict
        As from `average_pchembl` or `vote_comments`.
    cure : str
        What to do if a step leaves nothing.

    Returns
    -------
    list of Match
    """
    return [
        check_kept(
            "activities",
            f"activities {step['step']}",
            int(step["activities"]),
            int(before["activities"]),
            cure,
            warn_below=ANY,
            required=False,
        )
        for before, step in pairwise(funnel)
        # A step after one that left nothing would only repeat the warning.
        if before["activities"]
    ]


def binarise_pchembl(means: pa.Table, thresholds: Iterable[float]) -> pa.Table:
    """Label each mean at each threshold: active from the threshold on, else inactive.

    Parameters
    ----------
    means : pyarrow.Table
        As from `average_pchembl`, or with bounds as from `censored.add_bounds`. A bound labels
        where it decides; a mean and bounds that contradict each other give no label.
    thresholds : list of float
        pChEMBL values.

    Returns
    -------
    pyarrow.Table
        As `labels.tables.PCHEMBL_LABELS`, by ascending threshold, then compound and assay.
    """
    tables = []
    for threshold in sorted(thresholds):
        active = pc.greater_equal(means["pchembl_mean"], threshold)
        votes = [pc.if_else(active, ACTIVE, INACTIVE)]
        if "pchembl_below" in means.column_names:
            too_weak = pc.less_equal(means["pchembl_below"], threshold)
            strong = pc.greater_equal(means["pchembl_above"], threshold)
            votes += [pc.if_else(too_weak, INACTIVE, None), pc.if_else(strong, ACTIVE, None)]
        label = pc.min_element_wise(*votes)
        labelled = means.append_column("threshold", pa.repeat(float(threshold), len(means)))
        labelled = labelled.append_column("label", label.cast(pa.int8()))
        # Null, and so left out, where nothing decides.
        tables.append(labelled.filter(pc.equal(label, pc.max_element_wise(*votes))))
    return pa.concat_tables(tables)


def read_comment_table(path: PathLike) -> dict[str, int]:
    """Read what activity comments mean.

    Parameters
    ----------
    path : str or Path
        A table as `core.user_tables` reads it, with columns comment and label; label is active
        or inactive.

    Returns
    -------
    dict of str to int
        Normalised comment to +1 or -1.

    Raises
    ------
    InputError
        A column is missing, a label is neither word, or two lines contradict each other.
    """
    table = read_texts(path, ["comment", "label"])
    meaning: dict[str, int] = {}
    for row, line in enumerate(table.to_dict("records")):
        label = {"active": ACTIVE, "inactive": INACTIVE}.get(line["label"])
        if label is None:
            problem = f"label {line['label']!r} is neither active nor inactive"
            raise InputError(name_row(path, row), problem)
        comment = normalise_comment(line["comment"])
        if meaning.setdefault(comment, label) != label:
            problem = f"comment {comment!r} has the other label in an earlier line"
            raise InputError(name_row(path, row), problem)
    return meaning


def normalise_comment(comment: str) -> str:
    """Strip a comment, fold its case and collapse its blanks: releases differ in all three."""
    return " ".join(comment.casefold().split())


def vote_comments(
    activities: pa.Table, meaning: Mapping[str, int]
) -> tuple[pa.Table, pd.DataFrame, pa.Table, Funnel]:
    """Settle each compound in each assay by the majority of its activity comments.

    Parameters
    ----------
    activities : pyarrow.Table
        As from `library_activities`.
    meaning : dict of str to int
        As from `read_comment_table`.

    Returns
    -------
    labels : pyarrow.Table
        As `labels.tables.COMMENT_LABELS`, sorted by compound and assay.
    ties : pandas.DataFrame
        As `labels.tables.COMMENT_TIES`: the undecided.
    unknown : pyarrow.Table
        As `labels.tables.UNKNOWN_COMMENTS`: comments that the table does not list.
    funnel : list of dict
        step and activities, from all rows to those that voted.
    """
    spellings = pc.unique(activities["activity_comment"].drop_null())
    comments = [normalise_comment(spelling) for spelling in spellings.to_pylist()]
    index = pc.index_in(activities["activity_comment"], value_set=spellings)
    vote = pa.array([meaning.get(comment) for comment in comments], pa.int8()).take(index)
    voted = pc.is_valid(vote)
    funnel: Funnel = [
        {"step": "of library compounds", "activities": len(activities)},
        {"step": "with a comment", "activities": _count_true(pc.is_valid(index))},
        {"step": "with a comment that the table lists", "activities": _count_true(voted)},
    ]
    _log_funnel(funnel)
    votes = pa.table(
        {
            **{name: activities[name] for name in [*CELL, "activity_id"]},
            "active": pc.equal(vote, ACTIVE).cast(pa.int64()),
            "inactive": pc.equal(vote, INACTIVE).cast(pa.int64()),
        }
    ).filter(voted)
    cells = aggregate_cells(
        votes, [("active", "sum"), ("inactive", "sum"), ("activity_id", "list")]
    )
    cells = pa.table(
        {
            **{name: cells[name] for name in CELL},
            "label": pc.sign(pc.subtract(cells["active_sum"], cells["inactive_sum"])).cast("int8"),
            "active_votes": cells["active_sum"],
            "inactive_votes": cells["inactive_sum"],
            "activity_ids": cells["activity_id_list"],
        }
    )
    tied = pc.equal(cells["label"], 0)
    ties = cells.filter(tied).rename_columns({"active_votes": "votes"}).to_pandas()
    ties["activity_ids"] = joined(ties["activity_ids"])
    unknown = _count_unknown_comments(activities, spellings, comments, meaning)
    return cells.filter(pc.invert(tied)), ties, unknown, funnel


def _count_unknown_comments(
    activities: pa.Table, spellings: pa.Array, comments: Sequence[str], meaning: Mapping[str, int]
) -> pa.Table:
    """Count comments that the table does not list; `comments` are the `spellings` normalised."""
    names = pa.array(comments, text)
    known = pa.array([comment in meaning for comment in comments], pa.bool_())
    # A stereoisomer may share an activity with another compound; it is counted once.
    distinct = activities.group_by("activity_id", use_threads=False).aggregate(
        [("activity_comment", "first")]
    )
    index = pc.index_in(distinct["activity_comment_first"], value_set=spellings)
    rows = pa.table(
        {"comment": names.take(index), "example": spellings.take(index), "known": known.take(index)}
    ).filter(pc.invert(known.take(index)))
    counted = rows.group_by("comment", use_threads=False).aggregate(
        [("example", "min"), ("example", "count")]
    )
    table = pa.table(
        {
            "comment": counted["comment"],
            "activities": counted["example_count"],
            "example": counted["example_min"],
        }
    )
    order = pc.sort_indices(table, [("activities", "descending"), ("comment", "ascending")])
    return table.take(order)


def aggregate_cells(table: pa.Table, aggregations: Sequence[tuple[str, str]]) -> pa.Table:
    """Aggregate by compound and assay; one thread, so that order and sums are repeatable."""
    names = {name: pc.unique(table[name]) for name in CELL}
    # Whole numbers are grouped several times faster than texts.
    for name, values in names.items():
        numbers = pc.index_in(table[name], value_set=values)
        table = table.set_column(table.column_names.index(name), name, numbers)
    grouped = table.group_by(CELL, use_threads=False).aggregate(aggregations)
    for name, values in names.items():
        texts = values.take(grouped[name])
        grouped = grouped.set_column(grouped.column_names.index(name), name, texts)
    return sorted_by(grouped, *CELL)


def is_one_of(column: pa.ChunkedArray, values: Iterable[str]) -> pa.ChunkedArray:
    """Whether each text of a column is one of some values; a missing one is not."""
    return pc.is_in(column, value_set=pa.array(list(values), column.type))


def _log_funnel(funnel: Funnel) -> None:
    for step in funnel:
        log.info("%d activities %s", step["activities"], step["step"])


def _count_true(mask: pa.ChunkedArray) -> int:
    return pc.sum(mask).as_py() or 0
