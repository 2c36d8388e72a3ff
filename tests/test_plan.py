"""The plan of the whole published study: what it runs, how often, and how long planning takes."""

import re
import subprocess
import sys
import time

import pytest
from conftest import OWN_LIBRARY, ROOT, plan, run_script, snakemake

from paintassay.chembl import downloads
from paintassay.images.layouts.bray import BRAY_WAVELENGTHS
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


def expected(plates, **more):
    """How many jobs each rule has with so many plates."""
    return dict.fromkeys(A_PLATE, plates) | dict.fromkeys(ONCE, 1) | NETWORKS | more


def timed_plan(folder, config):
    """A plan, and the seconds that it took."""
    started = time.monotonic()
    planned = plan(folder, config)
    return planned, time.monotonic() - started


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    return timed_plan(tmp_path_factory.mktemp("published"), {})


def test_published_study_is_planned_as_it_is(published):
    """config/config.yaml alone, in an empty folder: every plate, model, split and replicate."""
    planned, took = published
    assert planned.count() == expected(405, **RETRIEVED)
    assert len(planned.jobs) == 1798 <= 2000
    assert took < MOST_SECONDS
    trained = {tuple(job["wildcards"].values()) for job in planned.of("train_model")}
    assert trained == {
        (model, split, replicate) for model in MODELS for split in "123" for replicate in "123"
    }


def test_plan_tells_what_comes_from_the_network(published):
    planned, _ = published
    megabytes = {}
    for job in planned.jobs:
        if "download_mb" in job["resources"]:
            megabytes.setdefault(job["rule"], set()).add(job["resources"]["download_mb"])
    assert megabytes == {
        "retrieve_chembl": {5765},
        "retrieve_plate_maps": {2},
        "retrieve_table": {5, 2500},
        "convert_plate": {7700},
        "read_cells": {8400},
    }
    [dump] = planned.of("retrieve_chembl")
    assert dump["resources"]["disk_mb"] == 7 * 5765


def test_resources_are_numbers_that_a_scheduler_can_compare(published, tmp_path):
    planned, _ = published
    service = plan(tmp_path, {"chembl": {"source": "webservice"}}, "labels")
    scripts = set()
    for job in [*planned.jobs, *service.jobs]:
        scripts.add(job["rule"])
        # Snakemake adds the folder, and the words for what is given in MB.
        names = set(job["resources"]) - {"tmpdir", "mem", "disk"}
        for name in names:
            assert type(job["resources"][name]) in (int, float), (job["rule"], name)
    assert {"retrieve_chembl", "fetch_activities", "train_model", "build_report"} <= scripts


def test_licence_of_what_is_fetched_stands_in_the_list_of_rules_and_in_the_log(
    published, rules, tmp_path, monkeypatch
):
    listed = subprocess.run(
        [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--list-rules"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    licence = read_sources(ROOT / "workflow/resources/data_sources.csv")["chembl"].licence
    assert licence == "CC BY-SA 3.0"
    assert licence in rules["retrieve_chembl"]["docstring"] in listed
    # The first line of the job's log, whatever comes after it.
    [job] = published[0].of("retrieve_chembl")
    log = tmp_path / "retrieve_chembl.log"
    # The tries come one after the other, without the waits between them.
    monkeypatch.setattr(downloads.time, "sleep", lambda seconds: None)
    job["params"]["settings"] = {"url": "http://127.0.0.1:9/chembl_37_sqlite.tar.gz"}
    with pytest.raises(SystemExit, match="gave up|cannot be"):
        run_script(
            "retrieve_chembl",
            tmp_path,
            output={"database": "chembl_37.db", "origin": "download.json"},
            params=job["params"],
            log=log,
        )
    assert re.search(rf"INFO .*37; {licence}; 5765 MB; http://127", log.read_text().splitlines()[0])


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
    jobs = plan(tmp_path, config, target).count()
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
    planned, took = timed_plan(tmp_path, own_screen(tmp_path))
    assert planned.count() == expected(406)
    assert len(planned.jobs) == 1798
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
    jobs = plan(tmp_path, own_screen(tmp_path, plates=2), target).count()
    assert last in jobs
    assert not set(beyond) & set(jobs)


def test_own_copy_of_the_images_can_go_with_published_single_cells(tmp_path):
    url = read_sources(ROOT / "workflow/resources/data_sources.csv")["single_cells"].url
    config = own_screen(tmp_path) | {"single_cells": {"tables": url}}
    [job] = plan(tmp_path, config, "results/dataset/cells/24277.parquet").of("read_cells")
    assert job["resources"]["download_mb"] == 8400
    assert job["params"]["settings"] == {"url": url.format(plate="24277")}


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
