"""Predictions of models and of other tools: what is read is what was written, or a clear error."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import ROOT
from sklearn.metrics import roc_auc_score

from paintassay.core.errors import InputError
from paintassay.core.tables import write_parquet
from paintassay.labels.reading import Labels
from paintassay.predictions.tables import prediction_table
from paintassay.statistics.methods import part_of_run, parts_by_run, read_model, runs_of
from paintassay.statistics.scoring import score_runs
from paintassay.statistics.tools import find_other_parts, read_tool

TASKS = ["A|pchembl>=5.5", "B|comment", "C|comment"]
COMPOUNDS = [f"KEY{letter}" for letter in "ABCDEF"]
LABELLED = COMPOUNDS[:4]
LABELS = Labels(
    pd.Index(LABELLED), TASKS, np.array([[1, -1, 0], [-1, 1, 1], [0, 1, -1], [1, 0, -1]], np.int8)
)
SPLITS = pd.DataFrame(
    {
        "split": [1] * 4 + [2] * 4,
        "inchikey": LABELLED * 2,
        "group": LABELLED * 2,
        "part": ["train", "validation", "test", "test", "test", "test", "validation", "train"],
    }
)


def write_model(path, keys, tasks, scores, level="compounds"):
    table = prediction_table(level, keys.assign(views=1), scores, tasks)
    write_parquet(table, path, table.schema)
    return path


@pytest.fixture
def model(tmp_path):
    """Two replicates on split 2, compounds in falling order and a control's row beside them."""
    keys = pd.DataFrame(
        {
            "replicate": [1] * 5 + [2] * 5,
            "inchikey": [*LABELLED[::-1], "KEYF"] * 2,
            "part": ["train", "validation", "test", "test", "unlabelled"] * 2,
        }
    )
    scores = np.random.default_rng(1).random((10, 3))
    return write_model(tmp_path / "compounds.parquet", keys, TASKS, scores), keys, scores


def test_model_is_read_and_taken_apart_by_run_and_part(model):
    path, keys, scores = model
    found = read_model("compounds", path, 2, TASKS)
    assert runs_of(found.keys) == [(2, 1), (2, 2)]
    assert found.predicted.all()
    for run, part in parts_by_run(found, LABELS).items():
        assert part.keys["inchikey"].tolist() == ["KEYA", "KEYB"]
        rows = [keys.index[(keys["replicate"] == run[1]) & (keys["inchikey"] == key)][0]
                for key in ("KEYA", "KEYB")]  # fmt: skip
        np.testing.assert_array_equal(part.scores, scores[rows])
        np.testing.assert_array_equal(part.labels, LABELS.values[:2])
    assert part_of_run(found, (2, 1), "validation", LABELS).keys["inchikey"].tolist() == ["KEYC"]
    unlabelled = part_of_run(found, (2, 2), "unlabelled", LABELS)
    assert unlabelled.keys["inchikey"].tolist() == ["KEYF"] and not unlabelled.labels.any()


def test_tasks_are_put_in_order_and_those_absent_have_no_label(model):
    path, keys, scores = model
    write_model(path, keys, [TASKS[2], TASKS[0]], scores[:, [2, 0]])
    found = read_model("compounds", path, 2, TASKS)
    assert found.predicted.tolist() == [True, False, True]
    np.testing.assert_array_equal(found.scores[:, [0, 2]], scores[:, [0, 2]])
    assert np.isnan(found.scores[:, 1]).all()
    part = part_of_run(found, (2, 1), "test", LABELS)
    np.testing.assert_array_equal(part.labels, LABELS.values[:2] * [1, 0, 1])


def test_models_of_other_labels_and_diverged_ones_are_refused(model):
    path, keys, scores = model
    with pytest.raises(InputError, match=r"task C\|comment is not in the label matrix\nHint"):
        read_model("compounds", path, 1, TASKS[:2])
    scores[6, 1] = np.nan
    write_model(path, keys, TASKS, scores)
    with pytest.raises(InputError, match=r"score of KEYC in B\|comment is not a number\nHint"):
        read_model("compounds", path, 1, TASKS)


# Other tools


def tool_table():
    """Two replicates on split 1; tasks and keys in any order, one task absent."""
    random = np.random.default_rng(2)
    rows = pd.DataFrame({"replicate": [2] * 5 + [1] * 5, "inchikey": COMPOUNDS[:5] * 2})
    rows.insert(0, TASKS[2], random.random(10).round(4))
    return rows.assign(**{TASKS[0]: random.random(10).round(4)})


def write_tool(folder, table, ending):
    path = folder / f"tool.{ending}"
    if ending == "parquet":
        table.to_parquet(path, index=False)
    else:
        table.to_csv(path, index=False)
    return path


def read(path):
    return read_tool(path, TASKS, SPLITS, COMPOUNDS)


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "parquet"])
def test_tool_by_compound_gets_parts_of_the_split(tmp_path, ending):
    table = tool_table()
    found = read(write_tool(tmp_path, table, ending))
    assert list(found) == ["compounds"]
    keys, scores, predicted = found["compounds"]
    assert predicted.tolist() == [True, False, True]
    np.testing.assert_array_equal(scores[:, [0, 2]], table[[TASKS[0], TASKS[2]]])
    assert np.isnan(scores[:, 1]).all()
    expected = ["train", "validation", "test", "test", "unlabelled"] * 2
    assert keys["part"].tolist() == expected
    assert runs_of(keys) == [(1, 1), (1, 2)]
    assert find_other_parts("tool", keys, SPLITS) == []


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "parquet"])
@pytest.mark.parametrize("level", ["compounds", "wells"])
def test_confident_scores_of_a_tool_keep_their_order(tmp_path, ending, level):
    """sigmoid(18) to sigmoid(23), in the right order: scikit-learn gives an AUC of 1."""
    score = 1 / (1 + np.exp(-np.arange(18.0, 24.0)))
    labels = Labels(pd.Index(COMPOUNDS), TASKS[:1], np.array([[-1, -1, -1, 1, 1, 1]], np.int8).T)
    assert roc_auc_score(labels.values[:, 0], score) == 1
    assert roc_auc_score(labels.values[:, 0], score.astype(np.float32)) == 0.5
    table = pd.DataFrame({"inchikey": COMPOUNDS, "part": "test", TASKS[0]: score})
    if level == "wells":
        table = table.assign(plate="P", well=COMPOUNDS)
    path = write_tool(tmp_path, table, ending)
    for name, predictions in read_tool(path, TASKS[:1], SPLITS, COMPOUNDS).items():
        assert score_runs("tool", name, predictions, labels)[0]["auc"].tolist() == [1.0], name


def test_types_of_other_programs_are_taken(tmp_path):
    table = tool_table()[["inchikey", TASKS[0]]][:5].assign(split=2.0)
    table["inchikey"] = table["inchikey"].astype("category")
    table[TASKS[0]] = [0, 1, 1, 0, 1]
    keys, scores, _ = read(write_tool(tmp_path, table, "parquet"))["compounds"]
    assert keys["part"].tolist() == ["test", "test", "validation", "train", "unlabelled"]
    assert scores[:, 0].tolist() == [0, 1, 1, 0, 1]


def test_compounds_of_a_tool_by_well_are_means(tmp_path):
    random = np.random.default_rng(3)
    table = pd.DataFrame({"plate": "p", "well": [f"W{n}" for n in range(12)]})
    table["inchikey"] = random.choice(COMPOUNDS, 12)
    table = pd.concat([table.assign(replicate=number) for number in (1, 2)], ignore_index=True)
    table[TASKS] = random.random((24, 3))
    found = read(write_tool(tmp_path, table, "parquet"))
    wells, compounds = found["wells"], found["compounds"]
    assert wells.keys["plate"].tolist() == ["p"] * 24
    np.testing.assert_array_equal(wells.scores, table[TASKS])
    expected = table.groupby(["replicate", "inchikey"])[TASKS].mean()
    index = pd.MultiIndex.from_frame(compounds.keys[["replicate", "inchikey"]])
    assert len(index) == len(expected)
    np.testing.assert_allclose(compounds.scores, expected.loc[index], rtol=1e-12)
    part = part_of_run(wells, (1, 1), "test", LABELS)
    assert part.keys["inchikey"].is_monotonic_increasing
    assert set(part.keys["inchikey"]) <= {"KEYC", "KEYD"}


def test_parts_of_its_own_are_kept_and_told(tmp_path):
    table = tool_table()[:5].assign(part=["test", "test", "test", "train", "unlabelled"])
    keys = read(write_tool(tmp_path, table, "csv"))["compounds"].keys
    assert keys["part"].tolist() == table["part"].tolist()
    [problem] = find_other_parts("tool", keys, SPLITS)
    assert "3 of 4 in other parts" in problem.why


def spoilt(**columns):
    table = tool_table()
    for name, (row, value) in columns.items():
        table[name] = table[name].astype(object) if name in table else "test"
        table.loc[row, name] = value
    return table


C = TASKS[2]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (spoilt(inchikey=(3, "KEYX")), r"row 4, column inchikey: KEYX is no compound of the lib"),
        (spoilt(inchikey=(3, None)), r"row 4, column inchikey: is missing"),
        (spoilt(inchikey=(6, "KEYA")), r"row 7, column inchikey: is the same sample as row 6 "),
        (spoilt(**{C: (2, 1.5)}), r"row 3, column C\|comment: 1.5 lies outside \[0, 1\]"),
        (spoilt(**{C: (2, -0.1)}), r"row 3, column C\|comment: -0.1 lies outside"),
        (spoilt(**{C: (9, None)}), r"row 10, column C\|comment: is missing"),
        (spoilt(**{C: (8, "high")}), r"row 9, column C\|comment: high is no number"),
        (spoilt(replicate=(1, "two")), r"row 2, column replicate: two is no whole number"),
        (spoilt(replicate=(1, 0)), r"row 2, column replicate: 0 is below 1"),
        (spoilt(part=(1, "tset")), r"row 2, column part: tset is none of train, validation"),
        (tool_table().assign(split=3), r"row 1, column split: 3 is no split; there are \[1, 2\]"),
        (
            tool_table().rename(columns={C: "C|coment"}),
            r"column 'C\|coment' is neither a task nor.*\nHint: did you mean C\|comment",
        ),
        (tool_table().rename(columns={"inchikey": "InChIKey"}), r"did you mean inchikey"),
        (tool_table().drop(columns="inchikey"), r"has no column inchikey"),
        (tool_table().assign(well="A01"), r"has no column plate\nHint: predictions by well need"),
        (tool_table()[["inchikey"]], r"has no column of a task\nHint: tasks are named as A\|pche"),
        (tool_table()[:0], r"has a header but no rows"),
    ],
)
def test_wrong_input_is_named(tmp_path, table, message):
    path = write_tool(tmp_path, table, "csv")
    with pytest.raises(InputError, match=message) as error:
        read(path)
    assert str(path) in str(error.value)
    assert error.value.hint


def test_not_a_number_and_no_table_are_named_in_parquet(tmp_path):
    table = tool_table()
    table.loc[4, C] = np.nan
    path = tmp_path / "tool.parquet"
    pq.write_table(pa.Table.from_pandas(table, preserve_index=False, safe=False), path)
    with pytest.raises(InputError, match=r"row 5, column C\|comment: is missing"):
        read(path)
    arrays = {name: pa.array(table[name].to_numpy()) for name in table if name != "inchikey"}
    pq.write_table(pa.table({**arrays, "inchikey": table["inchikey"].tolist()}), path)
    with pytest.raises(InputError, match=r"row 5, column C\|comment: nan is no number"):
        read(path)
    path.write_bytes(b"PAR1 but no more")
    with pytest.raises(InputError, match=r"tool.parquet: cannot be read"):
        read(path)
    (tmp_path / "tool.csv").write_text("a,b\n1\n")
    with pytest.raises(InputError, match=r"tool.csv, line 2: has 1 field, but the header has 2"):
        read(tmp_path / "tool.csv")


def test_statistics_do_without_torch():
    code = (
        "import sys\n"
        "from paintassay.statistics import compare, methods, scoring, tools\n"
        "assert 'torch' not in sys.modules"
    )
    folder = ROOT / "workflow" / "scripts"
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True)
