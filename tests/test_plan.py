"""The plan of the whole published study: what it runs, how often, and how long planning takes."""

import re
import time

import pytest
from conftest import OWN_LIBRARY, ROOT, snakemake

from paintassay.images.index import BRAY_WAVELENGTHS
from paintassay.plan.sources import read_sources

MODELS = ["gapnet", "milnet", "mcnn", "densenet", "resnet", "sccnn", "fnn"]
# Each model on three splits, three replicates each.
NETWORKS = {
    "train_model": 63,
    "predict_views": 63,
    "average_predictions": 21,
    "score_predictions": 7,
}
ONCE = [
    "extract_activities",
    "build_compounds",
    "average_pchembl",
    "binarise_pchembl",
    "vote_comments",
    "build_label_matrix",
    "summarise_labels",
    "read_wells",
    "read_profiles",
    "collect_views",
    "make_splits",
    "build_dataset",
    "measure_costs",
    "describe_models",
    "compare_methods",
    "draw_comparison",
    "draw_examples",
    "build_report",
    "build_crate",
    "all",
]
A_PLATE = ["index_plate", "convert_plate", "draw_plate", "read_cells"]
RETRIEVED = {"retrieve_chembl": 1, "retrieve_plate_maps": 1, "retrieve_table": 2}
# Planning grows with jobs and their inputs, not with images or files that are looked at one by one.
MOST_SECONDS = 60


def plan(folder, config, *arguments):
    """Jobs of each rule in the plan, its whole text, and how long it took."""
    started = time.monotonic()
    run = snakemake(folder, config, "--dry-run", *arguments)
    took = time.monotonic() - started
    assert run.returncode == 0, run.stderr[-3000:]
    text = run.stdout + run.stderr
    jobs = {rule: int(number) for rule, number in re.findall(r"^(\w+) +(\d+)$", text, re.M)}
    return jobs, text, took


def expected(plates, **more):
    jobs = dict.fromkeys(A_PLATE, plates) | dict.fromkeys(ONCE, 1) | NETWORKS | more
    return jobs | {"total": sum(jobs.values())}


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    return plan(tmp_path_factory.mktemp("published"), {})


def test_published_study_is_planned_as_it_is(published):
    """config/config.yaml alone, in an empty folder: every plate, model, split and replicate."""
    jobs, text, took = published
    assert jobs == expected(405, **RETRIEVED)
    assert jobs["total"] == 1798 <= 2000
    assert took < MOST_SECONDS
    trained = re.findall(r"wildcards: model=(\w+), split=(\d), replicate=(\d)\n", text)
    networks = {(model, split, each) for model in MODELS for split in "123" for each in "123"}
    assert set(trained) == networks


def test_plan_tells_what_comes_from_the_network(published):
    """Megabytes, and for what is kept the licence, stand in the line of each job that fetches."""
    _, text, _ = published
    blocks = re.split(r"\n(?=rule |\[)", text)
    told = {}
    for block in blocks:
        if match := re.match(r"rule (\w+):", block):
            told.setdefault(match[1], []).append(re.search(r"download_mb=(\d+)", block))
    megabytes = {
        rule: sorted({int(match[1]) for match in found})
        for rule, found in told.items()
        if all(found)
    }
    assert megabytes == {
        "retrieve_chembl": [5765],
        "retrieve_plate_maps": [2],
        "retrieve_table": [5, 2500],
        "convert_plate": [7700],
        "read_cells": [8400],
    }
    assert text.count("CC BY-SA 3.0") == 1
    assert re.search(r"rule retrieve_chembl:(?:\n .*)*disk_mb=40355", text)


@pytest.mark.parametrize(
    ("target", "models", "retrieved"),
    [
        ("labels", MODELS, {"retrieve_chembl": 1, "retrieve_table": 1}),
        ("images", MODELS, {"retrieve_table": 1, "retrieve_plate_maps": 1}),
        ("dataset", ["gapnet"], RETRIEVED | {"retrieve_table": 1}),
        ("predictions", ["fnn"], RETRIEVED),
    ],
)
def test_nothing_is_fetched_that_the_target_does_not_need(tmp_path, target, models, retrieved):
    config = {"models": {name: {"enabled": name in models} for name in MODELS}}
    jobs, _, _ = plan(tmp_path, config, target)
    assert {rule: jobs[rule] for rule in jobs if rule.startswith("retrieve_")} == retrieved
    assert "read_cells" not in jobs


def own_screen(folder, plates=406):
    """A screen on this machine, as large as the published one, and its configuration."""
    plates = [str(24_000 + number) for number in range(plates)]
    for name in ("plates", "cells", "results/images"):
        (folder / name).mkdir(parents=True)
    for plate in plates:
        for channel in BRAY_WAVELENGTHS:
            (folder / "plates" / f"{plate}-{channel}.zip").touch()
        (folder / "cells" / f"{plate}.sqlite").touch()
    for name in ("library.csv", "wells.csv", "chembl.db", "profiles.csv"):
        (folder / name).touch()
    (folder / "results" / "images" / "plates.csv").write_text("\n".join(["plate", *plates, ""]))
    return {
        "compounds": OWN_LIBRARY,
        "chembl": {"sqlite": "chembl.db"},
        "plates": {"wells": "wells.csv"},
        "images": {"layout": "bray_zip", "root": "plates"},
        "single_cells": {"tables": "cells/{plate}.sqlite"},
        "profiles": {"tables": "profiles.csv"},
    }


def test_own_screen_of_that_size_is_planned_once_its_plates_are_listed(tmp_path):
    jobs, _, took = plan(tmp_path, own_screen(tmp_path))
    assert jobs == expected(406)
    assert jobs["total"] == 1798
    assert took < MOST_SECONDS


@pytest.mark.parametrize(
    ("target", "last", "beyond"),
    [
        ("labels", "summarise_labels", ["read_wells", "make_splits"]),
        ("images", "draw_plate", ["extract_activities", "make_splits"]),
        ("dataset", "build_dataset", ["train_model"]),
        ("models", "measure_costs", ["predict_views"]),
        ("predictions", "average_predictions", ["score_predictions"]),
        ("statistics", "compare_methods", ["build_report", "draw_comparison"]),
        ("figures", "draw_examples", ["build_report"]),
        ("report", "build_report", ["build_crate", "draw_comparison"]),
        ("verify_shards", "check_shards", ["extract_activities", "draw_plate"]),
    ],
)
def test_named_targets_run_what_they_need_and_no_more(tmp_path, target, last, beyond):
    jobs, _, _ = plan(tmp_path, own_screen(tmp_path, plates=2), target)
    assert last in jobs
    assert not set(beyond) & set(jobs)


def test_own_copy_of_the_images_can_go_with_published_single_cells(tmp_path):
    url = read_sources(ROOT / "workflow/resources/data_sources.csv")["single_cells"]["url"]
    config = own_screen(tmp_path) | {"single_cells": {"tables": url}}
    _, text, _ = plan(tmp_path, config, "results/dataset/cells/24277.parquet")
    assert re.search(r"rule read_cells:(?:\n .*)*resources: .*download_mb=8400", text)


def test_own_images_never_meet_published_single_cells(tmp_path):
    """Barcodes of another screen would only miss; the key to set is named instead."""
    config = own_screen(tmp_path) | {"single_cells": {"tables": None}}
    run = snakemake(tmp_path, config, "--dry-run")
    assert run.returncode != 0
    assert "model sccnn reads cells, but single_cells.tables is null" in run.stdout + run.stderr


def test_sources_are_named_in_the_configuration_manual():
    manual = (ROOT / "config" / "README.md").read_text()
    for key in ("compounds.table", "images.root", "single_cells.tables", "profiles.tables"):
        line = re.search(rf"^\| `{re.escape(key)}` \|.*", manual, re.M)[0]
        assert "ublished" in line and re.search(r"\b[Nn]ull\b", line), key
