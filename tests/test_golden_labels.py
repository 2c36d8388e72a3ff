"""The label matrix against the published one and against real ChEMBL 31 rows."""

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import scipy.io
from conftest import make_chembl, run_labels

# The published matrix (ml-jku/hti-cnn) has 30 threshold columns before its comment columns. They
# are no target: their rows are very probably shifted.
THRESHOLD_COLUMNS = 30

ACTIVE = ["active", "Active", "ACTIVE", "  Active "]
NO_CURVE = "inhibition < 50% @ 10 uM and thus dose-reponse curve not measured"
INACTIVE = [
    "inactive", "Inactive", "Not active", "Not Active", "NOT  ACTIVE", "No activity",
    f"Not Active ({NO_CURVE})", NO_CURVE, NO_CURVE.upper(),
]  # fmt: skip
NO_VERDICT = ["inconclusive", "Not Determined", "35.2", "Dose-dependent effect", "active?"]


@pytest.fixture(scope="module")
def published(published_labels):
    """Published labels of the comment columns: inchikey, assay_id, label."""
    labels, keys = published_labels
    comments = labels[labels["position"] >= THRESHOLD_COLUMNS].reset_index(drop=True)
    return comments.drop(columns="position"), keys


def comments_behind(labels, keys, rng):
    """Activity rows that the labels could have come from, and rows that must not matter."""
    wording = {1: ACTIVE, -1: INACTIVE}

    def say(verdicts):
        return [rng.choice(wording[verdict]) for verdict in verdicts]

    blocks = [labels.assign(activity_comment=say(labels["label"]))]
    # More votes for the label, and fewer against it.
    for_it = labels.sample(frac=0.2, random_state=1)
    blocks += [for_it.assign(activity_comment=say(for_it["label"]))] * 2
    against = for_it.sample(frac=0.5, random_state=2)
    blocks += [against.assign(activity_comment=say(-against["label"]))] * 2
    # Ties on cells that are empty.
    cells = pd.MultiIndex.from_frame(labels[["inchikey", "assay_id"]])
    empty = pd.DataFrame(
        {
            "inchikey": rng.choice(keys, 3000),
            "assay_id": rng.choice(labels["assay_id"].unique(), 3000),
        }
    ).drop_duplicates()
    empty = empty[~pd.MultiIndex.from_frame(empty).isin(cells)]
    blocks += [empty.assign(activity_comment=say([verdict] * len(empty))) for verdict in (1, -1)]
    # Comments without a verdict, on labelled and on empty cells.
    for some in (labels.sample(2000, random_state=3), empty.sample(1000, random_state=4)):
        blocks.append(some.assign(activity_comment=rng.choice(NO_VERDICT, len(some))))
    # Compounds outside the library: enough to carry assays of their own over the minimum.
    outside = labels.sample(5000, random_state=5)
    outside = outside.assign(inchikey="ZZ" + outside["inchikey"].str[2:])
    blocks.append(outside.assign(activity_comment=say(outside["label"])))
    # An assay that lacks one active, with votes enough for ten.
    short = pd.DataFrame({"inchikey": keys[:40], "assay_id": 999_999, "label": [1] * 9 + [-1] * 31})
    blocks += [short.assign(activity_comment=say(short["label"]))] * 2
    rows = pd.concat(blocks).sample(frac=1, random_state=6)
    return rows[["inchikey", "assay_id", "activity_comment"]].assign(standard_type="Potency")


def test_published_comment_columns_come_back(published, shared_data, tmp_path):
    labels, keys = published
    rows = comments_behind(labels, keys, np.random.default_rng(0))
    known = pd.read_csv(shared_data / "derived" / "assay_id_to_chembl.csv")
    chembl_id = rows["assay_id"].map(known.set_index("assay_id")["assay_chembl_id"])
    rows["assay_chembl_id"] = chembl_id.fillna("CHEMBL9" + rows["assay_id"].astype("str"))
    make_chembl(tmp_path / "chembl_24.db", rows, release=24)
    pd.DataFrame({"id": range(len(keys)), "key": keys}).to_csv(tmp_path / "library.csv")

    folder = run_labels(
        tmp_path,
        {
            "compounds": {
                "table": "library.csv",
                "id_column": "id",
                "smiles_column": None,
                "inchikey_column": "key",
            },
            "chembl": {"sqlite": "chembl_24.db", "release": 24},
        },
    )

    matrix = scipy.io.mmread(folder / "label_matrix.mtx").tocoo()
    compounds = pd.read_csv(folder / "compounds.csv")
    assays = pd.read_csv(folder / "assays.csv")
    assert matrix.shape == (len(compounds), len(assays)) == (10_157, 179)
    assert matrix.nnz == 52_451
    assert list(compounds["INDEX"]) == list(range(10_157))
    entries = pd.DataFrame(
        {
            "inchikey": compounds["INCHIKEY"].to_numpy()[matrix.row],
            "assay_id": assays["ASSAY_ID"].to_numpy()[matrix.col],
            "label": matrix.data,
        }
    )
    order = ["inchikey", "assay_id"]
    pd.testing.assert_frame_equal(
        entries.sort_values(order, ignore_index=True),
        labels.sort_values(order, ignore_index=True),
        check_dtype=False,
    )
    # The same labels in the other form, and what did not count.
    long = pd.read_parquet(folder / "label_matrix.parquet")
    long["assay_id"] = long["task"].map(assays.set_index("TASK")["ASSAY_ID"])
    pd.testing.assert_frame_equal(
        long[entries.columns].sort_values(order, ignore_index=True),
        labels.sort_values(order, ignore_index=True),
        check_dtype=False,
    )
    unknown = pd.read_csv(folder / "unknown_comments.csv").set_index("comment")["activities"]
    assert unknown.sum() == 3000
    assert set(unknown.index) == {comment.lower() for comment in NO_VERDICT}
    dropped = pd.read_csv(folder / "dropped_assays.csv")
    assert dropped[["task", "actives", "inactives"]].values.tolist() == [
        ["CHEMBL9999999|comment", 9, 31]
    ]


@pytest.fixture(scope="module")
def jump_labels(shared_data, tmp_path_factory):
    """Real ChEMBL 31 rows, and what the workflow makes of them."""
    rows = pd.read_csv(shared_data / "jump_annotator" / "chembl_annotation_filtered.csv.gz")
    rows = rows.rename(columns={"assay_chembl_id": "assay_id", "standard_inchi_key": "inchikey"})
    rows = rows[["inchikey", "assay_id", "pchembl_value"]].assign(standard_type="IC50")
    assert len(rows) == 44_017
    folder = tmp_path_factory.mktemp("jump")
    make_chembl(folder / "chembl_31.db", rows)
    pd.DataFrame({"compound_id": rows["inchikey"].unique()}).to_csv(folder / "library.csv")
    config = {
        "compounds": {
            "table": "library.csv",
            "id_column": "compound_id",
            "smiles_column": None,
            "inchikey_column": "compound_id",
        },
        "chembl": {"sqlite": "chembl_31.db", "release": 31},
    }
    return rows, run_labels(folder, config)


def test_part_one_equals_an_independent_computation(jump_labels):
    rows, folder = jump_labels
    values = {}
    for row in rows.itertuples():
        value = Fraction(str(row.pchembl_value))
        if 4 <= value <= 10:
            values.setdefault((row.inchikey, f"CHEMBL{row.assay_id}"), []).append(value)
    expected = {
        (*cell, float(threshold)): 1 if sum(of_cell) >= threshold * len(of_cell) else -1
        for cell, of_cell in values.items()
        for threshold in (Fraction("5.5"), Fraction("6.5"), Fraction("7.5"))
    }
    labels = pd.read_parquet(folder / "pchembl_labels.parquet")
    cells = labels[["inchikey", "assay_chembl_id", "threshold"]].itertuples(index=False, name=None)
    assert dict(zip(cells, labels["label"], strict=True)) == expected
    assert len(labels) == len(expected)


def test_labels_name_the_activities_behind_them(jump_labels):
    rows, folder = jump_labels
    labels = pd.read_parquet(folder / "pchembl_labels.parquet")
    lowest = labels[labels["threshold"] == 5.5].explode("activity_ids")
    # make_chembl numbers activities from 1, in the order of the rows.
    behind = rows.iloc[lowest["activity_ids"].astype("int64") - 1]
    assert list(behind["inchikey"]) == list(lowest["inchikey"])
    assert list("CHEMBL" + behind["assay_id"].astype("str")) == list(lowest["assay_chembl_id"])
    assert behind.index.is_unique
    assert len(behind) == rows["pchembl_value"].between(4, 10).sum()


def test_measured_compounds_are_active_in_the_published_matrix(jump_labels, shared_data):
    """A measured value in an assay whose published labels are comments means "active"."""
    _, folder = jump_labels
    shared = pd.read_csv(shared_data / "derived" / "jump_chembl31_rows_in_hti_assays.csv")
    shared = shared.rename(columns={"standard_inchi_key": "inchikey"})
    shared["assay_chembl_id"] = "CHEMBL" + shared["assay_id"].astype("str")
    cells = shared.drop_duplicates(["inchikey", "assay_chembl_id"])
    labels = pd.read_parquet(folder / "pchembl_means.parquet")
    measured = labels.merge(cells, on=["inchikey", "assay_chembl_id"], validate="one_to_one")
    assert len(measured) == len(cells) == 537
    labelled = measured[measured["hti_label"] != 0]
    assert len(labelled) == 397
    assert (labelled["hti_label"] == 1).mean() >= 0.9
