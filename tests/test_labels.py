"""Labels of both kinds and their matrix, on small cases and as properties."""

from collections import Counter
from fractions import Fraction

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.io
from hypothesis import given, settings
from hypothesis import strategies as st

from paintassay.core import tables
from paintassay.core.errors import InputError
from paintassay.labels.activities import (
    STANDARD_TYPES,
    average_pchembl,
    binarise_pchembl,
    library_activities,
    normalise_comment,
    read_comment_table,
    vote_comments,
)
from paintassay.labels.matrix import (
    build_matrix,
    concatenate_labels,
    describe_assays,
    filter_labels,
    find_conflicts,
    name_dropped_tasks,
    require_labels,
    write_matrix_market,
)
from paintassay.labels.tables import (
    ASSAYS,
    COMMENT_LABELS,
    COMMENT_TIES,
    CONFLICTS,
    DROPPED_ASSAYS,
    LABELS,
    MATRIX_COMPOUNDS,
    PCHEMBL_LABELS,
    PCHEMBL_MEANS,
)

MEANING = {"active": 1, "inactive": -1}
COMPOUNDS = [f"{letter * 14}-UHFFFAOYSA-N" for letter in "ABCDEFGH"]


def activities_of(rows, potential_duplicate=False):
    """Rows (compound number, assay number, type, pChEMBL, comment) as joined activities."""
    names = ["compound", "assay", "standard_type", "pchembl_value", "activity_comment"]
    frame = pd.DataFrame(rows, columns=names)
    table = pa.table(
        {
            "activity_id": pa.array(range(1, len(frame) + 1), pa.int64()),
            "molecule_chembl_id": pa.array([f"CHEMBL{n}" for n in frame["compound"]], pa.string()),
            "assay_chembl_id": pa.array([f"CHEMBL9{n}" for n in frame["assay"]], pa.string()),
            "standard_type": pa.array(frame["standard_type"], pa.string()),
            "pchembl_value": pa.array(frame["pchembl_value"], pa.float64()),
            "activity_comment": pa.array(frame["activity_comment"], pa.string()),
            "potential_duplicate": pa.array([potential_duplicate] * len(frame), pa.bool_()),
        }
    )
    matches = pa.table(
        {
            "inchikey": COMPOUNDS,
            "molecule_chembl_id": [f"CHEMBL{n}" for n in range(len(COMPOUNDS))],
        }
    )
    return library_activities(matches, table, exclude_potential_duplicates=True)


def measured(*values, kind="IC50"):
    return [(0, 0, kind, value, None) for value in values]


def commented(*comments):
    return [(0, 0, None, None, comment) for comment in comments]


def label_of(*values, threshold=5.5):
    means, _ = average_pchembl(activities_of(measured(*values)), "paper", [4, 10])
    tables.conform(means, PCHEMBL_MEANS)
    labels = binarise_pchembl(means, [threshold])
    tables.conform(labels, PCHEMBL_LABELS)
    return labels["label"].to_pylist()


def verdict_of(*comments):
    labels, ties, *_ = vote_comments(activities_of(commented(*comments)), MEANING)
    tables.conform(labels, COMMENT_LABELS)
    tables.conform(ties, COMMENT_TIES)
    return labels["label"].to_pylist() or ["tie"] * len(ties)


@pytest.mark.parametrize(
    ("values", "label"),
    [
        ([5.5], 1),
        ([5.49], -1),
        # Averaged, not summed: three weak values are no strong one.
        ([4.0, 4.1, 4.2], -1),
        ([4.0, 7.0], 1),
        ([5.4, 5.59], -1),
        # The mean equals the threshold; a sum of floats may fall short of it.
        ([5.1, 5.3, 6.1], 1),
        ([4.9, 5.2, 5.6, 6.3], 1),
        # Values outside the range are not taken, and their neighbours are.
        ([3.99, 5.6], 1),
        ([10.01, 5.4], -1),
        ([4.0], -1),
        ([10.0], 1),
    ],
)
def test_mean_against_threshold(values, label):
    assert label_of(*values) == [label]


@given(st.lists(st.integers(400, 1000), min_size=1, max_size=20), st.sampled_from([550, 650, 750]))
@settings(deadline=None, max_examples=60)
def test_label_is_that_of_the_exact_mean(hundredths, threshold):
    exact = Fraction(sum(hundredths), len(hundredths))
    expected = 1 if exact >= threshold else -1
    values = [value / 100 for value in hundredths]
    assert label_of(*values, threshold=threshold / 100) == [expected]


def test_types_of_values():
    rows = [(0, n, kind, 6.0, None) for n, kind in enumerate(STANDARD_TYPES["published_code"])]
    rows += [(0, 98, "Ki", 6.0, None), (0, 99, None, 6.0, None), (0, 97, "IC50", None, None)]
    activities = activities_of(rows)
    for types, assays in (("paper", 2), ("published_code", 10), (["Ki"], 1)):
        means, funnel = average_pchembl(activities, types, [4, 10])
        assert len(means) == assays
        assert [step["activities"] for step in funnel] == [13, 12, assays, assays]
    means, _ = average_pchembl(activities, "paper", [4, 10])
    assert means["assay_chembl_id"].to_pylist() == ["CHEMBL92", "CHEMBL93"]


@pytest.mark.parametrize(
    ("comments", "verdict"),
    [
        (["active"], [1]),
        (["Inactive ", "INACTIVE"], [-1]),
        (["active", "inactive"], ["tie"]),
        (["active", "inactive", "Active"], [1]),
        (["inactive", "active", " in  active", "inactive"], [-1]),
        (["inconclusive", None, "", "3.5"], []),
    ],
)
def test_majority_of_comments(comments, verdict):
    assert verdict_of(*comments) == verdict


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.sampled_from(
    ["active", "Active", "inactive", "NOT KNOWN", None])), max_size=60))  # fmt: skip
@settings(deadline=None, max_examples=60)
def test_votes_equal_a_plain_count(votes):
    activities = activities_of([(c, a, None, None, comment) for c, a, comment in votes])
    labels, ties, unknown, funnel = vote_comments(activities, MEANING)
    count = Counter()
    cells = set()
    for compound, assay, comment in votes:
        verdict = MEANING.get((comment or "").lower())
        if verdict:
            cell = (COMPOUNDS[compound], f"CHEMBL9{assay}")
            count[cell] += verdict
            cells.add(cell)
    label_of_cell = {(r["inchikey"], r["assay_chembl_id"]): r["label"] for r in labels.to_pylist()}
    assert label_of_cell == {cell: np.sign(count[cell]) for cell in cells if count[cell]}
    assert len(ties) == sum(count[cell] == 0 for cell in cells)
    written = [comment for *_, comment in votes if comment]
    assert sum(unknown["activities"].to_pylist()) == written.count("NOT KNOWN")
    assert [step["activities"] for step in funnel] == [
        len(votes), len(written), len(written) - written.count("NOT KNOWN"),
    ]  # fmt: skip


def test_potential_duplicates_can_be_left_out():
    rows = [*measured(6.0, 8.0), *commented("active")]
    assert len(activities_of(rows, potential_duplicate=True)) == 0
    assert len(activities_of(rows, potential_duplicate=False)) == 3


def test_one_activity_labels_every_compound_that_its_molecule_stands_for():
    activities = activities_of(measured(6.0))
    matches = pa.table({"inchikey": COMPOUNDS[:2], "molecule_chembl_id": ["CHEMBL0", "CHEMBL0"]})
    joined = library_activities(matches, activities.drop_columns("inchikey"), False)
    assert joined["inchikey"].to_pylist() == COMPOUNDS[:2]
    assert joined["activity_id"].to_pylist() == [1, 1]


@pytest.mark.parametrize("comment", ["Not Active", " not\tactive ", "NOT  ACTIVE\n"])
def test_comments_are_normalised(comment):
    assert normalise_comment(comment) == "not active"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("comment,label\nactive,yes\n", r"comments.csv, line 2: label 'yes' is neither"),
        ("comment,label\nfine,active\n FINE,inactive\n", r"line 3: comment 'fine' has the other"),
        ("remark,label\nactive,active\n", "has no column 'comment'; its columns are remark, label"),
        ("comment,label\nactive\n", "comments.csv, line 2: has 1 field, but the header has 2"),
    ],
)
def test_bad_comment_tables(tmp_path, text, message):
    path = tmp_path / "comments.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_comment_table(path)


# The matrix


def cells_of(rows):
    """Rows (compound number, task, label) as a long table of labels."""
    frame = pd.DataFrame(rows, columns=["compound", "task", "label"])
    frame["inchikey"] = frame["compound"].map(lambda number: f"{number:05d}")
    frame["task"] = frame["task"].astype("category")
    return frame[["inchikey", "task", "label"]].astype({"label": "int8"})


def test_filter_counts_compounds_and_not_votes():
    """Nine active compounds with two comments each are nine, whatever the number of votes."""
    rows = [(n, 0, None, None, "active") for n in range(3)] * 4
    rows += [(n, 0, None, None, "inactive") for n in range(3, 8)]
    comment_labels, *_ = vote_comments(activities_of(rows), MEANING)
    assert comment_labels["active_votes"].to_pylist()[:3] == [4, 4, 4]
    empty = pa.table({f.name: pa.array([], f.type) for f in PCHEMBL_LABELS})
    labels, _ = concatenate_labels(empty.to_pandas(), comment_labels.to_pandas())
    kept, dropped = filter_labels(labels, min_actives=4, min_inactives=4)
    assert kept.empty
    assert dropped[["actives", "inactives"]].values.tolist() == [[3, 5]]
    assert list(dropped["reason"]) == ["only 3 of 4 actives"]
    kept, dropped = filter_labels(labels, min_actives=3, min_inactives=5)
    assert (len(kept), len(dropped)) == (8, 0)


@given(
    st.dictionaries(
        st.tuples(st.integers(0, 12), st.sampled_from("abcd")), st.sampled_from([1, -1])
    ),
    st.integers(0, 3), st.integers(0, 3), st.integers(1, 3),
)  # fmt: skip
@settings(deadline=None, max_examples=100)
def test_filter_is_the_largest_block_that_meets_all_minima(cells, actives, inactives, labels):
    table = cells_of([(*cell, label) for cell, label in cells.items()])
    kept, dropped = filter_labels(table, actives, inactives, labels)
    # Worked out the slow way: remove one offender at a time until none is left.
    rest = dict(cells)
    while True:
        for task in sorted({task for _, task in rest}):
            values = [label for cell, label in rest.items() if cell[1] == task]
            if values.count(1) < actives or values.count(-1) < inactives:
                rest = {cell: label for cell, label in rest.items() if cell[1] != task}
                break
        else:
            per_compound = Counter(compound for compound, _ in rest)
            few = {compound for compound, n in per_compound.items() if n < labels}
            if not few:
                break
            rest = {cell: label for cell, label in rest.items() if cell[0] not in few}
    assert {(int(r.inchikey), r.task): r.label for r in kept.itertuples()} == rest
    tasks, kept_tasks = {task for _, task in cells}, {task for _, task in rest}
    assert set(dropped["task"]) | kept_tasks <= tasks
    assert not set(dropped["task"]) & kept_tasks
    if labels == 1:
        assert set(dropped["task"]) | kept_tasks == tasks


def test_two_labels_in_one_cell_are_refused():
    with pytest.raises(ValueError, match="two labels"):
        filter_labels(cells_of([(1, "a", 1), (1, "a", -1)]), 0, 0)


def label_tables():
    """Labels of both kinds for three assays, of which one has values and comments."""
    rows = [(n, 7, "IC50", value, None) for n, value in enumerate([4.5, 5.6, 6.7, 8.0])]
    rows += [(n, 11, "EC50", value, None) for n, value in enumerate([5.0, 9.0])]
    rows += [(n, 7, None, None, c) for n, c in enumerate(["active", "inactive", "active"])]
    rows += [(n, 5, None, None, "inactive") for n in (0, 6)]
    activities = activities_of(rows)
    means, _ = average_pchembl(activities, "paper", [4, 10])
    pchembl_labels = binarise_pchembl(means, [7.5, 5.5, 6.5]).to_pandas()
    comment_labels = vote_comments(activities, MEANING)[0].to_pandas()
    return activities, pchembl_labels, comment_labels


def test_tasks_have_names_and_an_order():
    _, pchembl_labels, comment_labels = label_tables()
    _, tasks = concatenate_labels(pchembl_labels, comment_labels)
    assert list(tasks["task"]) == [
        "CHEMBL97|pchembl>=5.5", "CHEMBL911|pchembl>=5.5",
        "CHEMBL97|pchembl>=6.5", "CHEMBL911|pchembl>=6.5",
        "CHEMBL97|pchembl>=7.5", "CHEMBL911|pchembl>=7.5",
        "CHEMBL95|comment", "CHEMBL97|comment",
    ]  # fmt: skip


def test_matrix_and_its_names_belong_together(tmp_path):
    """Each entry of the written matrix is the label of the compound and column it stands at.

    A matrix that was saved before rows or columns were dropped, beside names saved afterwards,
    would fail: the filter here drops a compound and a column from the middle.
    """
    activities, pchembl_labels, comment_labels = label_tables()
    labels, tasks = concatenate_labels(pchembl_labels, comment_labels)
    kept, _ = filter_labels(labels, min_actives=1, min_inactives=1)
    assays = activities.append_column("assay_id", pa.array(range(len(activities))))
    for name in ("assay_description", "assay_type", "target_chembl_id", "target_name"):
        assays = assays.append_column(name, pa.nulls(len(activities), pa.string()))
    assays = assays.append_column("target_organism", pa.nulls(len(activities), pa.string()))
    assays = describe_assays(assays, tasks["assay_chembl_id"])
    matrix, rows, table, long = build_matrix(kept, tasks, assays)
    tables.conform(rows, MATRIX_COMPOUNDS)
    tables.conform(table, ASSAYS)
    tables.conform(long, LABELS)

    path = tmp_path / "label_matrix.mtx"
    write_matrix_market(matrix, path)
    read = scipy.io.mmread(path).tocoo()
    entries = {
        (rows["INCHIKEY"][row], table["TASK"][column]): value
        for row, column, value in zip(read.row, read.col, read.data, strict=True)
    }
    keys = dict(enumerate(COMPOUNDS))
    values = {0: 4.5, 1: 5.6, 2: 6.7, 3: 8.0}
    expected = {
        (keys[n], f"CHEMBL97|pchembl>={threshold}"): 1 if value >= threshold else -1
        for n, value in values.items()
        for threshold in (5.5, 6.5, 7.5)
    }
    expected |= {
        (keys[n], f"CHEMBL911|pchembl>={threshold}"): label
        for n, label in ((0, -1), (1, 1))
        for threshold in (5.5, 6.5, 7.5)
    }
    expected |= {(keys[n], "CHEMBL97|comment"): label for n, label in ((0, 1), (1, -1), (2, 1))}
    assert entries == expected
    assert {(r.inchikey, r.task): r.label for r in long.itertuples()} == expected
    assert "CHEMBL95|comment" not in set(table["TASK"])
    assert keys[6] not in set(rows["INCHIKEY"])
    assert list(table["ACTIVES"]) == list((read.toarray() > 0).sum(axis=0))
    assert list(table["INACTIVES"]) == list((read.toarray() < 0).sum(axis=0))


def test_contradictions_between_the_kinds():
    _, pchembl_labels, comment_labels = label_tables()
    conflicts = find_conflicts(pchembl_labels, comment_labels)
    tables.conform(conflicts, CONFLICTS)
    names = ["inchikey", "pchembl_label", "threshold", "comment_label"]
    assert conflicts[names].values.tolist() == [
        [COMPOUNDS[0], -1, 5.5, 1],
        [COMPOUNDS[1], 1, 5.5, -1],
    ]


def test_matrix_without_a_task_says_how_close_it_came():
    _, pchembl_labels, comment_labels = label_tables()
    labels, tasks = concatenate_labels(pchembl_labels, comment_labels)
    kept, dropped = filter_labels(labels, 3, 3)
    named = name_dropped_tasks(dropped, tasks)
    tables.conform(named, DROPPED_ASSAYS)
    with pytest.raises(InputError, match=r"none of 8 tasks .* CHEMBL97\|pchembl>=\S+, has"):
        require_labels(kept, dropped)
    nothing = labels.iloc[:0]
    with pytest.raises(InputError, match="no activity gives a label"):
        require_labels(*filter_labels(nothing, 10, 10))
