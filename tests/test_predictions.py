"""Predictions: averages and spreads against pandas, tables, and predicting in any portions."""

import copy
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit
from sklearn.metrics import roc_auc_score

from paintassay.core import tables
from paintassay.core.errors import InputError
from paintassay.dataset.parts import add_parts, parts_of
from paintassay.labels.reading import Labels
from paintassay.predictions import average as predictions
from paintassay.predictions.average import average, combine
from paintassay.predictions.tables import (
    FILES,
    holds_logits,
    prediction_table,
    read_predictions,
)
from paintassay.statistics.methods import read_model
from paintassay.statistics.scoring import score_runs
from paintassay.training import predict as predict_module
from paintassay.training.predict import check_fit, predict
from paintassay.training.weights import TrainedModel

CPU = torch.device("cpu")
TASKS = ["CHEMBL1|pchembl>=5.5", "CHEMBL2|comment", "CHEMBL3|comment"]
PARTS = ["train", "validation", "test", "unlabelled"]


def random_views(random, count):
    """Views in any order; the compound belongs to the well, and the part to the compound."""
    wells = pd.DataFrame({"plate": random.choice(["p10", "p9"], 8), "well": list("ABCDEFGH")})
    wells["inchikey"] = random.choice(["K1", "K2", "K0", None], 8)
    wells["part"] = wells["inchikey"].map({"K0": "test", "K1": "train", "K2": "train"})
    wells["part"] = wells["part"].fillna("unlabelled")
    views = wells.iloc[random.integers(0, 8, count)].reset_index(drop=True)
    return views.assign(site=pd.Series(random.integers(1, 7, count), dtype="Int64"))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), count=st.integers(0, 60), block=st.sampled_from([1, 7, 8192]))
def test_averages_are_those_of_pandas_whatever_the_blocks(seed, count, block):
    random = np.random.default_rng(seed)
    views = random_views(random, count)
    scores = random.random((count, len(TASKS)), np.float32)
    for by in (["plate", "well"], ["inchikey"], ["inchikey", "part"]):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(predictions, "BLOCK_ROWS", block)
            table, mean, spread = average(views, scores, by)
        groups = pd.DataFrame(scores.astype(float)).groupby([views[name] for name in by])
        assert mean.dtype == spread.dtype == np.float64
        assert list(map(tuple, table[by].to_numpy())) == [
            key if isinstance(key, tuple) else (key,) for key, _ in groups
        ]
        np.testing.assert_allclose(mean, groups.mean().to_numpy(), rtol=1e-12)
        np.testing.assert_allclose(spread, groups.std(ddof=1).to_numpy(), rtol=1e-9, atol=1e-15)
        assert table["views"].tolist() == groups.size().tolist()
        assert set(table) == {*by, "inchikey", "part", "views"}
        for name in ("inchikey", "part"):
            expected = views.groupby(by)[name].agg(lambda values: values.iloc[0])
            assert list(map(str, table[name])) == list(map(str, expected))
        order = random.permutation(count)
        again, mean_again, _ = average(views.iloc[order], scores[order], by)
        pd.testing.assert_frame_equal(again, table)
        np.testing.assert_allclose(mean_again, mean, rtol=1e-6)


def test_a_spread_of_near_equal_scores_does_not_cancel():
    views = pd.DataFrame({"plate": "p", "well": ["A", "A", "B"]})
    scores = np.array([[0.9, 0.25], [0.9 + 2**-20, 0.75], [0.5, 0.5]], np.float32)
    _, mean, spread = average(views, scores, ["plate", "well"])
    # Two values x and y have the standard deviation |x - y| / sqrt(2).
    expected = [[(scores[1, 0] - scores[0, 0]) / 2**0.5, 0.5 / 2**0.5], [np.nan, np.nan]]
    np.testing.assert_allclose(spread, expected, rtol=1e-6)
    np.testing.assert_allclose(mean[1], [0.5, 0.5])


def test_labels_can_be_averaged_too():
    views = pd.DataFrame({"plate": "p", "well": ["A", "B", "A"]})
    labels = np.array([[1, -1], [0, 1], [1, 0]], np.int8)
    _, mean, spread = average(views, labels, ["plate", "well"])
    np.testing.assert_allclose(mean, [[1, -0.5], [0, 1]])
    np.testing.assert_allclose(spread, [[0, 0.5**0.5], [np.nan, np.nan]], rtol=1e-6)


@pytest.mark.parametrize("name", ["inchikey", "part", "dose"])
def test_a_well_cannot_hold_two_compounds_or_parts(name):
    views = pd.DataFrame({"plate": "p", "well": ["A", "B", "B"], "inchikey": "K", "part": "test"})
    views["dose"] = 1.0
    views.loc[2, name] = None
    with pytest.raises(ValueError, match=f"views of p, B differ in {name}"):
        average(views, np.zeros((3, 1), np.float32), ["plate", "well"])


def test_doses_go_with_views_and_wells_but_not_with_compounds():
    wells = pd.DataFrame({"plate": "p", "well": ["A", "A", "B"], "dose": [10.0, 10.0, 1.0]})
    views = wells.assign(site=[1, 2, 1], inchikey="K", part="test")
    scores = np.array([[-1], [1], [2]], np.float32)
    table = prediction_table("views_logits", views, scores, TASKS[:1])
    assert table["dose"].to_pylist() == [10, 10, 1]
    found = combine([(views, scores, TASKS[:1])])
    assert found["wells"]["dose"].to_pylist() == [10, 1]
    assert found["wells"][TASKS[0]].to_pylist() == pytest.approx([0.5, 1 / (1 + np.exp(-2))])
    assert found["compounds"]["views"].to_pylist() == [3]
    assert "dose" not in found["compounds"].column_names


def replicates_of(random, views, count):
    return [3 * random.standard_normal((len(views), len(TASKS)), np.float32) for _ in range(count)]


def kinds_of(table):
    return {str(table.schema.field(task).type) for task in TASKS}


def test_combined_tables_are_those_of_pandas(tmp_path):
    random = np.random.default_rng(5)
    views = random_views(random, 50)
    # A compound of the training part that is a control elsewhere.
    trained = views[views["inchikey"] == "K1"]
    assert trained["well"].nunique() > 1
    views.loc[trained.index[trained["well"] == trained["well"].iloc[0]], "part"] = "unlabelled"
    replicates = replicates_of(random, views, 3)
    paths = [tmp_path / f"{number}.parquet" for number in range(3)]
    for path, scores in zip(paths, replicates, strict=True):
        table = prediction_table("views_logits", views, scores, TASKS)
        assert kinds_of(table) == {"float"}
        tables.write_parquet(table, path, table.schema)
    found = combine(read_predictions("views_logits", path) for path in paths)
    assert set(found) == {name for name in FILES if not name.startswith("views")}

    long = pd.concat(
        views.assign(
            replicate=number, **dict(zip(TASKS, expit(scores.T.astype(float)), strict=True))
        )
        for number, scores in enumerate(replicates, 1)
    )
    compounds = long.groupby(["replicate", "inchikey", "part"])[TASKS]
    means = compounds.mean().groupby(["inchikey", "part"])
    wells = long.fillna({"inchikey": ""}).groupby(
        ["replicate", "plate", "well", "inchikey", "part"]
    )[TASKS]
    expected = {
        "wells": wells.mean(),
        "wells_spread": wells.std(),
        "compounds": compounds.mean(),
        "compounds_spread": compounds.std(),
        "ensemble": means.mean(),
        "ensemble_spread": means.std(),
    }
    expected |= {
        f"{name}_logits": logit(expected[name]) for name in ("wells", "compounds", "ensemble")
    }
    for name, table in found.items():
        assert table.schema.metadata[b"description"] == FILES[name][0].encode()
        assert kinds_of(table) == {"float" if name.endswith("spread") else "double"}
        assert table.column_names == [*(column[0] for column in FILES[name][1]), *TASKS]
        frame = table.to_pandas().fillna({"inchikey": ""})
        keys = expected[name].index.names
        pd.testing.assert_frame_equal(
            frame.set_index(keys)[TASKS],
            expected[name],
            check_dtype=False,
            rtol=1e-6 if name.endswith("spread") else 1e-12,
            atol=1e-12,
        )
        counted = {"replicates": means.size(), "views": compounds.size()}
        if name.startswith("wells"):
            counted["views"] = wells.size()
        count = frame.columns[len(keys)]
        assert frame[count].tolist() == counted[count].tolist()


def test_a_long_table_is_read_as_it_was_written(tmp_path):
    random = np.random.default_rng(4)
    # More than pyarrow reads at a time.
    keys = pd.DataFrame({"replicate": 1, "plate": "p", "well": np.arange(70_000).astype(str)})
    keys = keys.assign(inchikey=None, part="test", views=random.integers(1, 9, len(keys)))
    spread = random.random((len(keys), 2), np.float32)
    spread[[0, -1]] = np.nan
    table = prediction_table("wells_spread", keys, spread, TASKS[:2])
    tables.write_parquet(table, tmp_path / "spread.parquet", table.schema)
    found, scores, tasks = read_predictions("wells_spread", tmp_path / "spread.parquet")
    missing = ["inchikey", "dose"]
    assert found.drop(columns=missing).equals(keys.drop(columns="inchikey"))
    assert found[missing].isna().all(axis=None)
    assert scores.dtype == np.float32 and tasks == TASKS[:2]
    np.testing.assert_array_equal(scores, spread)
    with pytest.raises(InputError, match="column site of type int64 is missing"):
        read_predictions("views", tmp_path / "spread.parquet")


def test_one_replicate_and_controls_alone_make_whole_tables():
    random = np.random.default_rng(1)
    views = random_views(random, 30)
    (scores,) = replicates_of(random, views, 1)
    found = combine([(views, scores, TASKS)])
    assert found["ensemble"]["replicates"].to_pylist() == [1] * len(found["ensemble"])
    # Missing, and not NaN: programs other than pandas tell the two apart.
    assert found["ensemble_spread"][TASKS[0]].null_count == len(found["ensemble"]) > 0
    pairs = (found[name][TASKS[0]].to_numpy() for name in ("ensemble", "compounds"))
    np.testing.assert_allclose(*pairs, rtol=1e-12)

    views = views.assign(inchikey=None, part="unlabelled")
    found = combine([(views, scores, TASKS)] * 2)
    assert [len(found[name]) for name in ("compounds", "ensemble", "ensemble_spread")] == [0] * 3
    assert len(found["wells"]) == 2 * len(views[["plate", "well"]].drop_duplicates())


def test_replicates_that_differ_are_refused():
    random = np.random.default_rng(2)
    views = random_views(random, 5).assign(site=pd.Series([1, 2, None, 4, 5], dtype="Int64"))
    scores = replicates_of(random, views, 1)[0]
    key = views.loc[4]
    other = views.assign(site=views["site"].replace(5, 6))
    cases = {
        rf"replicate 2: .* 1 views are missing \({key.plate} {key.well} 5 [^;]*\)": (
            views[:4],
            scores[:4],
            TASKS,
        ),
        r"1 views are missing .* and 1 views are new \(": (other, scores, TASKS),
        "the views come in another order": (views[::-1], scores, TASKS),
        r"1 tasks are missing \(CHEMBL3\|comment\) and 1 tasks are new \(CHEMBL9\)": (
            views,
            scores,
            [*TASKS[:2], "CHEMBL9"],
        ),
        "the tasks come in another order": (views, scores, TASKS[::-1]),
    }
    for message, second in cases.items():
        with pytest.raises(InputError, match=message):
            combine([(views, scores, TASKS), second])


@pytest.fixture
def manifest():
    return pd.DataFrame(
        {
            "plate": "p",
            "well": ["A", "A", "B", "C", "D", "E"],
            "site": [1, 2, 1, 1, 1, 1],
            "inchikey": ["K1", "K1", "K2", None, "K3", "K1"],
            "dose": [1.0, 1.0, 10.0, None, None, 2.0],
            "labelled": [True, True, True, False, False, False],
            "split_1": ["train", "train", "test", None, None, "train"],
            "split_2": ["test", "test", "validation", None, None, None],
        },
        index=range(10, 16),
    )


def test_parts_are_those_of_the_split(manifest):
    found = parts_of(manifest, 1, ["test", "unlabelled"])
    assert found[["well", "part"]].to_numpy().tolist() == [
        ["B", "test"],
        ["C", "unlabelled"],
        ["D", "unlabelled"],
        ["E", "unlabelled"],
    ]
    assert found.index.tolist() == [0, 1, 2, 3]
    assert list(found) == [*manifest, "part"]
    assert parts_of(manifest, 2, ["test"])["well"].tolist() == ["A", "A"]
    assert len(parts_of(manifest, 1, PARTS)) == len(manifest)
    with pytest.raises(InputError, match="has no split 3\nHint: its splits are 1, 2"):
        parts_of(manifest, 3, PARTS)
    # Crops and features leave views out, and have them in an order of their own.
    views = manifest[["plate", "well"]].iloc[[5, 0, 2]].reset_index(drop=True)
    added = add_parts(views, parts_of(manifest, 1, PARTS))
    assert added["part"].tolist() == ["unlabelled", "train", "test"]
    assert added["dose"].tolist() == [2, 1, 10]


@dataclass
class Samples:
    """As `training.samples.Samples`, out of an array."""

    pixels: np.ndarray
    view_of: np.ndarray
    views: pd.DataFrame

    def __post_init__(self):
        self.shape, self.dtype = self.pixels.shape[1:], self.pixels.dtype

    def __len__(self):
        return len(self.pixels)

    def read(self, indices, out):
        out[...] = self.pixels[indices]


SETTINGS = SimpleNamespace(precision="float32", channels_last=False, threads=1)


@pytest.fixture(scope="module")
def crops():
    """Up to five crops of each of 12 views, and a model whose dropout would show."""
    random = np.random.default_rng(3)
    view_of = np.repeat(np.arange(12), random.integers(1, 6, 12))
    pixels = random.integers(0, 256, (len(view_of), 2, 8, 8), np.uint8)
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(2, 4, 3),
        torch.nn.BatchNorm2d(4),
        torch.nn.Flatten(),
        torch.nn.Dropout(),
        torch.nn.Linear(144, 3),
    )
    return Samples(pixels, view_of, pd.DataFrame(index=range(12))), model


def by_hand(samples, model):
    """Probabilities of each sample alone, averaged with pandas."""
    model.eval()
    pixels = samples.pixels.astype(np.float64)
    mean = pixels.mean(axis=(2, 3), keepdims=True)
    pixels = (pixels - mean) / (pixels.std(axis=(2, 3), keepdims=True, ddof=1) + 1e-7)
    with torch.no_grad():
        logits = [model(torch.tensor(one[None], dtype=torch.float32))[0] for one in pixels]
    probabilities = 1 / (1 + np.exp(-torch.stack(logits).double().numpy()))
    return pd.DataFrame(probabilities).groupby(samples.view_of).mean().to_numpy()


@pytest.mark.parametrize("batch_size", [1, 4, 7, 1000])
@pytest.mark.parametrize("training", [True, False])
def test_crops_are_averaged_by_view_in_any_portions(crops, batch_size, training):
    samples, model = crops
    expected = by_hand(samples, model)
    model.train(training)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    found = predict(model, samples, CPU, batch_size, SETTINGS)
    assert found.dtype == np.float32
    np.testing.assert_allclose(expit(found), expected, atol=1e-6)
    assert model.training == training
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_precision_and_layout_change_little(crops):
    samples, model = crops
    expected = by_hand(samples, model)
    options = SimpleNamespace(precision="bfloat16", channels_last=False, threads=2)
    rounded = expit(predict(copy.deepcopy(model), samples, CPU, 5, options))
    # Eight bits of precision: it is used, and it is not far off.
    assert 1e-5 < np.abs(rounded - expected).max() < 0.02
    options = SimpleNamespace(precision="float32", channels_last=True, threads=2)
    found = expit(predict(model, samples, CPU, 5, options))
    np.testing.assert_allclose(found, expected, atol=1e-6)


class Saturated(torch.nn.Module):
    """Gives the first two pixels of a sample as logits, one after the other for each task."""

    def forward(self, x):
        return x[:, :2]


def test_confident_predictions_keep_their_order(tmp_path):
    """Scores of sigmoid(18) to sigmoid(60), actives highest: scikit-learn gives an AUC of 1.

    In float32 all of them are 1, and in float64 those above sigmoid(37).
    """
    steps = np.arange(0, 6, 0.25, dtype=np.float32)
    logits = np.stack([18 + steps, 54 + steps], axis=1)
    active = np.arange(len(steps)) >= 12
    labels = np.where(active, 1, -1)[:, None].repeat(2, axis=1)
    for column in logits.T:
        assert roc_auc_score(active, column) == 1
    assert roc_auc_score(active, expit(logits[:, 0].astype(np.float64))) == 1
    assert roc_auc_score(active, expit(logits[:, 0])) < 0.75

    # Two views of each compound, in wells of their own; two replicates.
    keys = [f"K{number:02}" for number in range(len(steps))]
    wells = [f"W{number}" for number in range(2 * len(steps))]
    views = pd.DataFrame({"plate": "p", "well": wells, "inchikey": np.repeat(keys, 2)})
    views = views.assign(part="test", site=pd.Series(1, views.index, dtype="Int64"))
    samples = Samples(logits.repeat(2, axis=0), np.arange(len(views)), views)
    predicted = predict(Saturated(), samples, CPU, 7, SETTINGS)
    np.testing.assert_array_equal(predicted, samples.pixels)
    tables_of = combine([(views, predicted, TASKS[:2])] * 2)
    truth = Labels(pd.Index(keys), TASKS[:2], labels.astype(np.int8))
    for level in ("wells", "compounds"):
        path = tmp_path / f"{level}_logits.parquet"
        table = tables_of[f"{level}_logits"]
        tables.write_parquet(table, path, table.schema)
        assert holds_logits(path)
        predictions_of_level = read_model(level, path, 1, TASKS[:2])
        metrics, _ = score_runs("m", level, predictions_of_level, truth, logits=True)
        assert metrics["auc"].tolist() == metrics["average_precision"].tolist() == [1.0] * 4
        # As probabilities, all lie above 0.5.
        assert metrics["balanced_accuracy"].tolist() == [0.5] * 4
    ensemble = tables_of["ensemble"][TASKS[0]].to_numpy()
    assert roc_auc_score(active, ensemble) == 1
    assert (np.diff(tables_of["ensemble_logits"][TASKS[1]].to_numpy()) > 0).all()


def test_crops_of_confident_views_keep_their_order():
    """The logit of a mean probability, against the formula in 60 digits."""
    random = np.random.default_rng(3)
    logits = (40 + 2 * random.standard_normal((9, 2))).astype(np.float32)
    logits[:, 1] *= -1
    view_of = np.repeat([0, 1, 2], [4, 3, 2])
    samples = Samples(logits, view_of, pd.DataFrame(index=range(3)))
    found = predict(Saturated(), samples, CPU, 2, SETTINGS)
    with localcontext(prec=60):
        for view in range(3):
            for task in range(2):
                values = [Decimal(float(value)) for value in logits[view_of == view, task]]
                mean = sum(1 / (1 + (-value).exp()) for value in values) / len(values)
                expected = float((mean / (1 - mean)).ln())
                assert found[view, task] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("world", [2, 3])
def test_several_processes_together_predict_what_one_does(crops, monkeypatch, world):
    samples, model = crops
    totals = {}
    seen = []

    def all_reduce(tensor):
        """As if the ranks came one after the other; the last sees the sum of all."""
        key = len(seen)
        seen.append(key)
        totals[key] = totals.get(key, 0) + tensor
        tensor.copy_(totals[key])

    monkeypatch.setattr(torch.distributed, "all_reduce", all_reduce)
    monkeypatch.setattr(predict_module, "ROWS_PER_SUM", 5)
    for rank in range(world):
        seen.clear()
        found = predict(model, samples, CPU, 4, SETTINGS, rank, world)
    # Three portions of the probabilities, and of those of the opposite.
    assert len(seen) == 6
    np.testing.assert_allclose(expit(found), by_hand(samples, model), atol=1e-6)
    seen.clear()
    # One batch: every process does it.
    alone = predict(model, samples, CPU, 1000, SETTINGS, 1, world)
    assert not seen
    np.testing.assert_allclose(alone, found, atol=1e-6)


TRAINED = TrainedModel(
    model="gapnet",
    options={},
    input="views",
    channels=["Mito", "Hoechst"],
    tasks=TASKS,
    height=520,
    width=696,
    crop_size=None,
    standardise=None,
    split=1,
    replicate=1,
    settings={},
    weights=None,
    replace_outputs=False,
    code={},
    data="",
)


def test_a_model_is_used_only_on_what_it_was_trained_on():
    check_fit(TRAINED, TASKS, ["Mito", "Hoechst"], (2, 520, 696), "m.safetensors")
    cases = {
        "the tasks come in another order": (TASKS[::-1], ["Mito", "Hoechst"], (2, 520, 696)),
        "the channels come in another": (TASKS, ["Hoechst", "Mito"], (2, 520, 696)),
        "1 channels are missing (Hoechst)": (TASKS, ["Mito"], (1, 520, 696)),
        "have 696 x 521 pixels instead of 696 x 520": (TASKS, ["Mito", "Hoechst"], (2, 521, 696)),
    }
    for message, (tasks, channels, shape) in cases.items():
        with pytest.raises(InputError) as caught:
            check_fit(TRAINED, tasks, channels, shape, "m.safetensors")
        assert message in str(caught.value)
        assert ", and " not in caught.value.problem
    of_wells = replace(TRAINED, channels=["f1", "f2"])
    check_fit(of_wells, TASKS, ["f1", "f2"], (2,), "m.safetensors")
    with pytest.raises(InputError, match="1 features are new"):
        check_fit(of_wells, TASKS, ["f1", "f2", "f3"], (3,), "m.safetensors")
    with pytest.raises(InputError) as caught:
        check_fit(TRAINED, ["a", "b", "c", "d"], ["DNA"], (1, 96, 96), "m.safetensors")
    assert caught.value.where == "m.safetensors"
    for part in (
        "3 tasks are missing (CHEMBL1|pchembl>=5.5; CHEMBL2|comment; CHEMBL3|comment)",
        "4 tasks are new (a; b; c; ...)",
        "2 channels are missing (Mito; Hoechst) and 1 channels are new (DNA)",
        "96 x 96 pixels instead of 696 x 520",
    ):
        assert part in caught.value.problem
