"""Networks in the workflow: all seven train on the demo, and learn what can be learned."""

import copy
import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from conftest import DEMO, ROOT, link_or_copy, snakemake

from paintassay.core.tables import read_csv
from paintassay.labels.reading import labels_of, read_labels
from paintassay.metrics.measures import task_auc
from paintassay.predictions.tables import read_predictions
from paintassay.statistics.tables import SUMMARY
from paintassay.training.tables import COSTS
from paintassay.training.weights import load_trained

SMALLER = ["fnn", "gapnet", "mcnn", "milnet", "sccnn"]
LARGER = ["densenet", "resnet"]
MODELS = sorted(SMALLER + LARGER)
# Test AUC, mean over tasks. Chance is 0.5.
LEARNED = 0.62
REPLICATES = range(1, DEMO["training"]["replicates"] + 1)
# Their actives are drawn at random, so that no image can predict them.
UNPLANTED = "P450|malaria"


def folder_of(demo, model, replicate):
    return demo / "training" / model / "split_1" / f"replicate_{replicate}"


@pytest.mark.parametrize("model", MODELS)
def test_every_model_trains(demo, model):
    weights = set()
    for replicate in REPLICATES:
        folder = folder_of(demo, model, replicate)
        rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        assert len(rows) == DEMO["models"][model]["epochs"]
        assert rows[-1]["training_loss"] < rows[0]["training_loss"]
        _, trained = load_trained(folder / "weights.safetensors")
        assert trained.model == model
        assert (trained.split, trained.replicate) == (1, replicate)
        best = max(rows, key=lambda row: row["validation_auc"])
        card = (folder / "model_card.md").read_text()
        assert f"{best['validation_auc']:.4f}" in card
        assert list((folder / "tensorboard").iterdir())
        weights.add((folder / "weights.safetensors").read_bytes())
    assert len(weights) == len(REPLICATES) == 2


def test_planted_assays_are_learned_and_others_are_not(demo):
    """Test AUC of compounds, against what chance gives with as few of them.

    Under chance the AUC of a task with a active and i inactive test compounds has the standard
    deviation sqrt((a + i + 1) / 12 a i) (Mann-Whitney). Chance for a mean over tasks is found by
    giving the test compounds each other's predictions, 2,000 times; that keeps how the tasks hang
    together. The mean over the planted assays must lie above all but the highest 0.5 % of
    these; each unplanted assay within 3 deviations of 0.5.
    """
    labels = read_labels(demo / "labels" / "label_matrix.parquet", demo / "labels" / "assays.csv")
    assays = pd.read_csv(demo / "labels" / "assays.csv")
    unplanted = assays["DESCRIPTION"].str.contains(UNPLANTED).to_numpy()
    assert unplanted.sum() == 3
    random = np.random.default_rng(0)
    for model in SMALLER:
        path = demo / "predictions" / model / "split_1" / "ensemble.parquet"
        compounds, scores, tasks = read_predictions("ensemble", path)
        assert tasks == labels.tasks
        test = (compounds["part"] == "test").to_numpy()
        truth, scores = labels_of(compounds[test], labels), scores[test]
        aucs = task_auc(truth, scores)
        assert np.nanmean(aucs[~unplanted]) > 0.7, model
        by_chance = [
            np.nanmean(task_auc(truth, random.permutation(scores))[~unplanted]) for _ in range(2000)
        ]
        assert np.nanmean(aucs[~unplanted]) > np.quantile(by_chance, 0.995), model
        actives, inactives = (truth > 0).sum(0), (truth < 0).sum(0)
        with np.errstate(divide="ignore"):
            deviation = np.sqrt((actives + inactives + 1) / (12 * actives * inactives))
        far = np.abs(aucs - 0.5) > 3 * deviation
        assert not far[unplanted].any(), (model, aucs[unplanted])


def test_the_page_shows_that_the_smaller_models_learn(demo):
    page = (demo / "report" / "index.html").read_text()
    summary = read_csv(demo / "statistics" / "summary.csv", SUMMARY).set_index("method")
    for model in SMALLER:
        auc = summary.loc[model, "auc_mean"]
        assert auc >= LEARNED, f"{model}: {auc:.3f}"
        assert f"{auc:.3f}" in page


@pytest.mark.long
def test_the_larger_models_learn_in_more_epochs(finished_project, tmp_path):
    """Half an hour on two cores; the demo itself has no time for it."""
    project = tmp_path / "project"
    shutil.copytree(finished_project, project, copy_function=link_or_copy)
    config = copy.deepcopy(DEMO)
    config["training"]["replicates"] = 1
    config["models"]["densenet"] |= {"epochs": 8, "share": 0.5}
    # The paper's learning rate.
    config["models"]["resnet"] |= {"epochs": 20, "share": 1, "learning_rate": 0.001}
    paths = [f"results/demo/predictions/{model}/split_1/wells_logits.parquet" for model in LARGER]
    run = snakemake(project, config, *paths, root=project, timeout=3600)
    assert run.returncode == 0, run.stderr[-3000:]
    folder = project / "results" / "demo" / "labels"
    labels = read_labels(folder / "label_matrix.parquet", folder / "assays.csv")
    for path in paths:
        wells, logits, _ = read_predictions("wells_logits", project / path)
        test = (wells["part"] == "test").to_numpy()
        auc = np.nanmean(task_auc(labels_of(wells[test], labels), logits[test]))
        assert auc >= LEARNED, f"{path}: {auc:.3f}"


def test_costs_are_those_of_the_demo(demo):
    costs = pd.read_csv(demo / "training" / "costs.csv").set_index("model")
    assert list(costs.columns) == COSTS.names[1:]
    assert sorted(costs.index) == MODELS
    # 16 tasks instead of 209; 1,025 weights of GapNet's last layer a task.
    assert costs.loc["gapnet", "parameters"] == 3_694_545 - (209 - 16) * 1025
    assert (costs[["gmacs", "seconds_per_epoch", "peak_memory_mb"]] > 0).all(axis=None)


def test_predictions_are_of_the_parts_asked_for(demo):
    manifest = pd.read_parquet(demo / "dataset" / "views.parquet")
    asked = manifest[manifest["split_1"].isin(["validation", "test"])]
    for model in MODELS:
        folder = demo / "predictions" / model / "split_1"
        views, scores, _ = read_predictions("views", folder / "replicate_1" / "views.parquet")
        wells = asked[["plate", "well"]].drop_duplicates()
        assert views[["plate", "well"]].drop_duplicates().merge(wells).shape[0] == len(wells)
        assert len(views) == (len(wells) if model == "fnn" else len(asked))
        assert ((scores >= 0) & (scores <= 1)).all()
        path = folder / "replicate_1" / "views_logits.parquet"
        same_views, logits, _ = read_predictions("views_logits", path)
        assert same_views.equals(views) and logits.dtype == np.float32
        np.testing.assert_allclose(scores, 1 / (1 + np.exp(-logits.astype(float))), rtol=1e-12)
        compounds, means, _ = read_predictions("compounds", folder / "compounds.parquet")
        first = compounds.index[compounds["replicate"] == 1][0]
        of_first = (views["inchikey"] == compounds.loc[first, "inchikey"]).to_numpy()
        np.testing.assert_allclose(means[first], scores[of_first].mean(0), rtol=1e-5)
        _, spread, _ = read_predictions("compounds_spread", folder / "compounds_spread.parquet")
        np.testing.assert_allclose(spread[first], scores[of_first].std(0, ddof=1), rtol=1e-4)


BRIGHTNESS = '''\
"""Logistic regression on the brightness of each channel, as an example of a model."""

from torch import nn

INPUT = "views"


def build(channels, tasks, height, width):
    # Views come standardised, so the mean is always 0; the brightest pixel is not.
    return nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(channels, tasks))
'''


def test_eighth_model_is_one_file_and_one_block(project):
    """The example of docs/training.md, trained as it stands there."""
    page = (ROOT / "docs" / "training.md").read_text()
    assert BRIGHTNESS in page
    [block] = re.findall(r"^```yaml\n(models:\n  brightness:.*?)```", page, re.M | re.S)
    file = project / "workflow" / "scripts" / "paintassay" / "models" / "brightness.py"
    extra = project / "brightness.yaml"
    extra.write_text(block)
    weights = "results/demo/training/brightness/split_1/replicate_1/weights.safetensors"
    try:
        file.write_text(BRIGHTNESS)
        config = [ROOT / "config" / "demo.yaml", extra]
        run = snakemake(project, DEMO, weights, "--configfile", *config, root=project)
        assert run.returncode == 0, run.stderr[-3000:]
        assert (project / weights).is_file()
    finally:
        file.unlink()
