"""The record of a run, and the results as an RO-Crate."""

import hashlib
import json
import shutil
from pathlib import Path

import yaml
from conftest import DEMO, OWN_LIBRARY, ROOT, snakemake
from rocrate.rocrate import ROCrate

from paintassay.core.versions import __version__
from paintassay.plan.record import describe_inputs
from paintassay.report.crate import DESCRIPTIONS, MEDIA_TYPES


def checksum(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_run_leaves_what_it_was_made_of(project, demo):
    # A small target of an own results folder, so that the record is that of this run.
    config = {
        "results": "results/own",
        "compounds": OWN_LIBRARY | {"table": "results/demo/screen/library.csv"},
        "chembl": {"sqlite": "results/demo/screen/chembl.db"},
    }
    run = snakemake(project, config, "labels", root=project)
    assert run.returncode == 0, run.stderr[-3000:]
    record = json.loads((project / "results" / "own" / "provenance.json").read_text())
    assert record["outcome"] == "success"
    assert record["paintassay"] == __version__
    assert record["config"]["compounds"]["table"] == config["compounds"]["table"]
    assert record["config"]["labels"]["thresholds"] == [5.5, 6.5, 7.5]
    assert record["chembl"]["release"] == "ChEMBL_37"
    inputs = {each["path"]: each for each in record["inputs"]}
    assert set(inputs) == {
        "results/demo/screen/library.csv",
        "results/demo/screen/chembl.db",
    }
    for path, each in inputs.items():
        assert each["bytes"] == (project / path).stat().st_size
        assert each["sha256"] == checksum(project / path)
    scripts = {path.stem for path in (ROOT / "workflow" / "scripts").glob("*.py")}
    # What the configuration rules out has no rule, and so no digest.
    without = {"fetch_activities", "join_activities"}
    models = {
        f"models.{path.stem}"
        for path in (ROOT / "workflow/scripts/paintassay/models").glob("[a-z]*.py")
    }
    assert set(record["code"]) == (scripts - without) | models
    assert record["software"]["snakemake"].startswith("9.")
    for name, packages in record["environments"].items():
        assert packages == yaml.safe_load((ROOT / f"envs/{name}.yaml").read_text())["dependencies"]
    assert record["hardware"]["processors"] >= 1

    # A run that fails leaves its record as well.
    config["labels"] = {"min_actives": 10_000}
    run = snakemake(project, config, "labels", root=project)
    assert run.returncode != 0
    record = json.loads((project / "results" / "own" / "provenance.json").read_text())
    assert record["outcome"] == "failure"
    assert record["config"]["labels"]["min_actives"] == 10_000
    shutil.rmtree(project / "results" / "own")


def test_record_of_the_demo_names_the_devices(demo):
    record = json.loads((demo / "provenance.json").read_text())
    assert all(device.startswith("CPU") for device in record["hardware"]["trained_on"])
    assert record["hardware"]["trained_on"]


def test_inputs_are_summed_up_from_the_smallest_on(tmp_path):
    """As far as the budget goes; folders and what is absent have neither size nor checksum."""
    contents = {"a_large": b"x" * 100, "middle": b"y" * 50, "small": b"abc"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "folder").mkdir()
    paths = [str(tmp_path / name) for name in [*contents, "folder", "nowhere"]]
    records = {Path(record["path"]).name: record for record in describe_inputs(paths, budget=60)}
    assert list(records) == ["a_large", "folder", "middle", "nowhere", "small"]
    sizes = {name: record["bytes"] for name, record in records.items()}
    assert sizes == {"a_large": 100, "folder": None, "middle": 50, "nowhere": None, "small": 3}
    summed = {name for name, record in records.items() if record["sha256"]}
    assert summed == {"middle", "small"}
    # FIPS 180-4, first example of SHA-256.
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert records["small"]["sha256"] == expected


def test_crate_describes_the_files_that_are_there(demo):
    crate = ROCrate(demo)
    files = {entity.id: entity for entity in crate.data_entities}
    models = [name for name, block in DEMO["models"].items() if block.get("enabled", True)]
    weights = {path for path in files if path.endswith("weights.safetensors")}
    assert weights == {
        f"training/{model}/split_1/replicate_{replicate}/weights.safetensors"
        for model in models
        for replicate in (1, 2)
    }
    assert {path.rsplit("/")[-1] for path in files} == set(DESCRIPTIONS)
    for path, entity in files.items():
        place = demo / path
        assert entity["sha256"] == checksum(place)
        assert entity["contentSize"] == str(place.stat().st_size)
        assert entity["encodingFormat"] == MEDIA_TYPES[place.suffix]
    assert crate.mainEntity.id == "report/index.html"
    [action] = [entity for entity in crate.get_entities() if entity.type == "CreateAction"]
    assert {each.id for each in action["result"]} == set(files)
    assert action["instrument"]["version"] == __version__
    assert {"ChEMBL_37", "results/demo/screen/library.csv"} < {
        each["name"] for each in action["object"]
    }
