"""A training from its files to its files, in one process and in several."""

import json
import logging
import os
import pickle
import re
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import torch
import yaml
from failing_process import fail

from paintassay.core.errors import InputError
from paintassay.core.tables import read_csv, write_csv, write_parquet
from paintassay.dataset.parts import parts_of
from paintassay.dataset.tables import CELLS, FEATURE_WELLS, dataset_schema
from paintassay.images.shards import new_shard
from paintassay.images.tables import views_schema
from paintassay.labels.reading import labels_of, read_labels
from paintassay.labels.tables import ASSAYS, LABELS
from paintassay.metrics.measures import task_auc
from paintassay.predictions.average import average
from paintassay.training.job import OutputFiles, TrainingJob, run_training
from paintassay.training.launch import run_on_devices
from paintassay.training.predict import predict
from paintassay.training.samples import CellFiles, FeatureFiles, SampleSource, read_samples
from paintassay.training.settings import Settings
from paintassay.training.tables import TIMING
from paintassay.training.weights import load_trained

CHANNELS = ["Mito", "Hoechst"]
FEATURES = [f"Cells_{number}" for number in range(6)]
TASKS = ["CHEMBL1|comment", "CHEMBL2|pchembl>=5.5"]
SETTINGS = {
    "learning_rate": 0.01,
    "momentum": 0.9,
    "weight_decay": 1e-4,
    "batch_size": 8,
    "epochs": 2,
    "seed": 5,
    "threads": 1,
}
pytestmark = pytest.mark.usefixtures("one_thread")
# As Snakemake runs a script: at its top level, without a guard.
SCRIPT = """
import logging, pathlib, pickle, sys
from paintassay.training.job import run_training
logging.basicConfig(level="INFO")
run_training(pickle.loads(pathlib.Path(sys.argv[1]).read_bytes()))
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Two plates of eight wells of two views of 32 x 32 pixels; each well has its own compound."""
    folder = tmp_path_factory.mktemp("data")
    random = np.random.default_rng(1)
    rows, cells = [], []
    for plate in ("P1", "P2"):
        with new_shard(folder / f"{plate}.npy", (16, 2, 32, 32)) as write:
            for row in range(16):
                number = row // 2
                view = random.integers(0, 256, (2, 32, 32), dtype=np.uint8)
                place = {"plate": plate, "well": f"A0{number + 1}", "site": row % 2 + 1}
                rows.append(
                    place
                    | {"shard": f"{plate}.npy", "row": row, "sha256": write(row, view)}
                    | {f"clip_level_{channel}": 4095 for channel in CHANNELS}
                    | {"compound_id": f"C{number}", "role": "treatment", "dose": None}
                    | {"labelled": True}
                    | {"inchikey": f"KEY-{plate}{number}"}
                    | {"split_1": ("train", "train", "train", "validation", "test")[number // 2]}
                )
                cells += [place | {"cell": cell, "x": 15.0 + cell, "y": 15.0} for cell in (1, 2)]
    views = pd.DataFrame(rows)
    write_parquet(views, folder / "views.parquet", dataset_schema(views_schema(CHANNELS), 1))
    write_parquet(pd.DataFrame(cells), folder / "cells.parquet", CELLS)
    wells = views[["plate", "well"]].drop_duplicates()
    write_parquet(wells, folder / "wells.parquet", FEATURE_WELLS)
    np.save(folder / "features.npy", random.normal(size=(16, 6)).astype(np.float32))
    (folder / "names.txt").write_text("".join(f"{name}\n" for name in FEATURES))
    labels = [
        {"inchikey": key, "task": task, "label": sign * (1 if int(key[-1]) % 2 else -1)}
        for key in sorted(set(views["inchikey"]))
        for task, sign in zip(TASKS, (1, -1), strict=True)
    ]
    write_parquet(pd.DataFrame(labels), folder / "labels.parquet", LABELS)
    assays = pd.DataFrame({"TASK": TASKS, "ASSAY_CHEMBL_ID": ["CHEMBL1", "CHEMBL2"]})
    assays[["KIND", "ACTIVES", "INACTIVES"]] = ["comment", 8, 8]
    assays = assays.reindex(columns=ASSAYS.names)
    write_csv(assays, folder / "assays.csv", ASSAYS)
    return folder


def job_of(data, folder, settings=(), views=None, cells=None, **changes):
    """A job that writes into a folder; `settings` are changes to `SETTINGS`."""
    model = changes.get("model", "gapnet")
    source = SampleSource(views or data / "views.parquet", data)
    if model == "sccnn":
        source = replace(source, cells=CellFiles([cells or data / "cells.parquet"], 28))
    if model == "fnn":
        names = ("features.npy", "wells.parquet", "names.txt")
        source = replace(source, features=FeatureFiles(*(data / name for name in names), "wells"))
    job = TrainingJob(
        model=model,
        options={"units": 16},
        settings=Settings(**SETTINGS | dict(settings)),
        split=1,
        replicate=1,
        source=source,
        labels=data / "labels.parquet",
        assays=data / "assays.csv",
        weights=None,
        replace_outputs=False,
        device="cpu",
        devices=1,
        output=OutputFiles(
            folder / "w.safetensors", folder / "c.md", folder / "m.jsonl", folder / "t.csv"
        ),
        state_folder=folder / "state",
        tensorboard=None,
        code={"train_model": "abc", "model": "def"},
        config={"learning_rate": 0.01},
    )
    return replace(job, **changes)


def rows_of(job):
    return [json.loads(line) for line in job.output.metrics.read_text().splitlines()]


def head_of(job):
    text = job.output.card.read_text()
    assert text.startswith("---\n")
    return yaml.safe_load(text.split("---\n")[1])


def test_the_files_of_a_training(data, tmp_path):
    jobs = [job_of(data, tmp_path / name, tensorboard=tmp_path / "tb") for name in "12"]
    for job in jobs:
        run_training(job)
    for name in ("weights", "card", "metrics"):
        files = [getattr(job.output, name).read_bytes() for job in jobs]
        assert files[0] == files[1], name
    job, rows = jobs[0], rows_of(jobs[0])
    assert [row["epoch"] for row in rows] == [1, 2]
    best = max(rows, key=lambda row: row["validation_auc"])

    # Rebuilt from its file alone, the model gives the validation result of the best epoch.
    model, trained = load_trained(job.output.weights)
    assert (trained.model, trained.input, trained.epoch) == ("gapnet", "views", best["epoch"])
    assert (trained.channels, trained.tasks) == (CHANNELS, TASKS)
    assert (trained.height, trained.width, trained.crop_size) == (32, 32, None)
    views = parts_of(pd.read_parquet(job.source.views), 1, ["validation"])
    samples, channels = read_samples(views, job.source)
    assert channels == CHANNELS
    scores = predict(model, samples, torch.device("cpu"), 3, Settings(**SETTINGS))
    table, mean, _ = average(samples.views, scores, ["plate", "well"])
    labels = labels_of(table, read_labels(job.labels, job.assays))
    assert task_auc(labels, mean).mean() == pytest.approx(best["validation_auc"])

    entry = head_of(job)["paintassay"]
    assert entry["best_epoch"] == best["epoch"] and entry["evaluable_tasks"] == 2
    assert entry["validation_auc"] == best["validation_auc"] and entry["versions"]["torch"]
    assert entry["parameters"] == sum(weight.numel() for weight in model.parameters())
    card = job.output.card.read_text()
    assert "| train | 24 | 12 | 24 |\n| validation | 8 | 4 | 8 |" in card
    assert "uint8, 2 channels of 32 x 32 pixels\n- their order: Mito, Hoechst\n" in card
    assert str(tmp_path) not in card
    timing = read_csv(job.output.timing, TIMING)
    assert timing["epoch"].tolist() == [1, 2] and (timing["samples"] == 24).all()
    assert (timing[["training_seconds", "validation_seconds", "peak_memory_mb"]] > 0).all(axis=None)
    assert list((tmp_path / "tb").iterdir())


@pytest.mark.parametrize(
    ("name", "options", "channels", "sizes", "sample"),
    [
        ("sccnn", {"units": 16}, CHANNELS, (28, 28, 28), "a square around one cell"),
        ("fnn", {"units": 8}, FEATURES, (None, None, None), "the 6 features"),
    ],
)
def test_cells_and_features(data, tmp_path, name, options, channels, sizes, sample):
    job = job_of(data, tmp_path, model=name, options=options)
    run_training(job)
    model, trained = load_trained(job.output.weights)
    assert trained.channels == channels
    assert (trained.height, trained.width, trained.crop_size) == sizes
    shape = (2, 28, 28) if name == "sccnn" else (6,)
    assert model(torch.zeros(3, *shape)).shape == (3, 2)
    assert sample in job.output.card.read_text()
    # Two crops a view, of which both lie within; a sample a well.
    samples = read_csv(job.output.timing, TIMING)["samples"]
    assert set(samples) == {48 if name == "sccnn" else 12}


def test_no_epochs_give_the_weights_as_they_are(data, tmp_path):
    first = job_of(data, tmp_path / "1")
    run_training(first)
    job = job_of(
        data, tmp_path / "2", weights=first.output.weights, settings={"epochs": 0, "seed": 6}
    )
    run_training(job)
    files = [first.output.weights, job.output.weights]
    before, after = (load_trained(path)[0].state_dict() for path in files)
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert rows_of(job) == [] and len(read_csv(job.output.timing, TIMING)) == 0
    entry = head_of(job)["paintassay"]
    assert entry["best_epoch"] is None and re.fullmatch("[0-9a-f]{64}", entry["started_from"])
    assert "was not trained here" in job.output.card.read_text()
    # Training starts from them, too, and elsewhere than without.
    run_training(job_of(data, tmp_path / "3", weights=files[0], settings={"epochs": 1}))
    assert rows_of(job_of(data, tmp_path / "3")) != rows_of(first)[:1]


def moved(data, folder, name, change):
    """Path of a copy of a table in which something is changed."""
    table = pd.read_parquet(data / name)
    change(table)
    schema = {
        "views.parquet": dataset_schema(views_schema(CHANNELS), 1),
        "labels.parquet": LABELS,
        "cells.parquet": CELLS,
    }
    write_parquet(table, folder / name, schema[name])
    return folder / name


def another_checksum(table):
    table.loc[0, "sha256"] = "0" * 64


def another_part(table):
    table.loc[table["well"] == "A01", "split_1"] = "validation"


def another_label(table):
    table.loc[0, "label"] *= -1


def test_what_starts_a_training_anew(data, tmp_path, caplog):
    caplog.set_level(logging.INFO)

    def goes_on(settings=(), **changes):
        caplog.clear()
        run_training(job_of(data, tmp_path, settings={"epochs": 1} | dict(settings), **changes))
        assert ("going on after" in caplog.text) != ("starting anew" in caplog.text)
        return "going on after" in caplog.text

    run_training(job_of(data, tmp_path, settings={"epochs": 1}))
    assert goes_on(settings={"micro_batch": 4, "threads": 2}, config={})
    assert goes_on(settings={"epochs": 2})
    assert not goes_on(settings={"learning_rate": 0.02})
    assert not goes_on(options={"units": 17})
    assert not goes_on(replicate=2)
    assert not goes_on(code={"train_model": "abd", "model": "def"})
    assert not goes_on(views=moved(data, tmp_path, "views.parquet", another_checksum))
    assert not goes_on(views=moved(data, tmp_path, "views.parquet", another_part))
    assert not goes_on(labels=moved(data, tmp_path, "labels.parquet", another_label))
    assert not goes_on()
    assert goes_on()
    cells = {"model": "sccnn"}
    assert not goes_on(**cells)
    assert goes_on(**cells)
    (tmp_path / "c").mkdir()

    def another_place(table):
        table.loc[0, "x"] += 1

    moved_cells = moved(data, tmp_path / "c", "cells.parquet", another_place)
    assert not goes_on(**cells, cells=moved_cells)


def test_replicates_differ(data, tmp_path):
    jobs = [job_of(data, tmp_path / str(number), replicate=number) for number in (1, 2)]
    for job in jobs:
        run_training(job)
    assert rows_of(jobs[0]) != rows_of(jobs[1])


def test_a_part_without_labels(data, tmp_path):
    def no_labels(table):
        # The compounds of that part become unknown ones.
        table.loc[table["inchikey"].str[-1].isin(["6", "7"]), "inchikey"] += "X"

    labels = moved(data, tmp_path, "labels.parquet", no_labels)
    with pytest.raises(InputError, match="no view of the part validation of split 1 has a label"):
        run_training(job_of(data, tmp_path, labels=labels))

    def no_part(table):
        table.loc[table["split_1"] == "validation", "split_1"] = "test"

    views = moved(data, tmp_path, "views.parquet", no_part)
    with pytest.raises(InputError, match="no view of the part validation"):
        run_training(job_of(data, tmp_path, views=views))
    with pytest.raises(InputError, match="no split 2"):
        run_training(job_of(data, tmp_path, split=2))


@pytest.fixture(scope="module")
def weights(data, tmp_path_factory):
    job = job_of(data, tmp_path_factory.mktemp("weights"), settings={"epochs": 1})
    run_training(job)
    return job.output.weights


@pytest.mark.parametrize("harm", ["cut off", "empty", "weight", "header", "name", "gone"])
def test_damaged_weights_are_one_clear_error(weights, tmp_path, harm):
    content = bytearray(weights.read_bytes())
    places = {"weight": len(content) // 2, "header": 3, "name": content.index(b"Hoechst")}
    content[places.get(harm, 0)] ^= 1
    content = {"cut off": weights.read_bytes()[:-100], "empty": b""}.get(harm, content)
    if harm != "gone":
        (tmp_path / "w").write_bytes(content)
    with pytest.raises(InputError, match="checksum|whole safetensors|cannot be read") as caught:
        load_trained(tmp_path / "w")
    assert caught.value.where == str(tmp_path / "w")


def test_weights_of_others_are_refused(weights, tmp_path):
    model, trained = load_trained(weights)
    path = tmp_path / "w.safetensors"
    safetensors.torch.save_file(model.state_dict(), path, {"format": "pt"})
    with pytest.raises(InputError, match="does not say how its model is built: model, options, in"):
        load_trained(path)
    metadata = asdict(trained)
    del metadata["tasks"]
    text = json.dumps(metadata | {"sha256": ""})
    safetensors.torch.save_file(model.state_dict(), path, {"paintassay": text})
    with pytest.raises(InputError, match="does not say how its model is built: tasks missing"):
        load_trained(path)


def test_several_processes(data, tmp_path, caplog):
    """A script without a guard is stopped and goes on; its result is that of one process."""
    caplog.set_level(logging.INFO)
    job = job_of(data, tmp_path / "2", devices=2, settings={"epochs": 2000})
    (tmp_path / "job").write_bytes(pickle.dumps(job))
    (tmp_path / "script.py").write_text(SCRIPT)
    scripts = Path(__file__).parents[1] / "workflow" / "scripts"
    process = subprocess.Popen(
        [sys.executable, tmp_path / "script.py", tmp_path / "job"],
        env=os.environ | {"PYTHONPATH": str(scripts)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        state = job.state_folder / "state.pt"
        while not state.exists() and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 128 + signal.SIGTERM, errors
    assert "INFO:paintassay.training.train:epoch 1 of 2000: 3 batches" in errors
    assert "stopped by SIGTERM" in errors
    assert not job.output.weights.exists()

    done = len(torch.load(state, weights_only=True)["history"]["epochs"])
    job = replace(job, settings=replace(job.settings, epochs=done + 1))
    before = signal.getsignal(signal.SIGTERM)
    run_training(job)
    assert signal.getsignal(signal.SIGTERM) is before
    assert f"going on after {done} epochs" in caplog.text
    single = job_of(data, tmp_path / "1", settings={"epochs": done + 1})
    run_training(single)
    for row, expected in zip(rows_of(job), rows_of(single), strict=True):
        assert row["training_loss"] == pytest.approx(expected["training_loss"], rel=1e-3)
    assert set(read_csv(job.output.timing, TIMING)["device"].str[:3]) == {"2 x"}


def test_a_process_that_fails_is_one_error():
    before = signal.getsignal(signal.SIGTERM)
    devices = [torch.device("cpu")] * 2
    with pytest.raises(InputError, match="table.csv: has no rows\nHint: add some"):
        run_on_devices(fail, devices, "input")
    with pytest.raises(RuntimeError, match="exit code 1\n(.|\n)*KeyError: 'no such thing'"):
        run_on_devices(fail, devices, "bug")
    with pytest.raises(RuntimeError, match="process 1 of 2 ended with exit code -9"):
        run_on_devices(fail, devices, "killed")
    assert signal.getsignal(signal.SIGTERM) is before
