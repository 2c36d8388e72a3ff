"""What the tests share: real data beside the project, ChEMBL databases, workflow runs."""

import copy
import fcntl
import logging
import os
import runpy
import shutil
from contextlib import chdir
from pathlib import Path
from types import SimpleNamespace

import boto3
import pandas as pd
import pytest
import scipy.io
import torch
import yaml
from moto.server import ThreadedMotoServer
from snakemake.iocontainers import Namedlist
from snakemake_server import server

from paintassay.demo.chembl_database import create_database

ROOT = Path(__file__).parents[1]
DEMO = yaml.safe_load((ROOT / "config" / "demo.yaml").read_text())
# Every stage of the demo in about two minutes: one model that reads views and one that reads
# features, trained too little to predict well.
QUICK_DEMO = copy.deepcopy(DEMO)
QUICK_DEMO["demo"] = {"sites": 1}
QUICK_DEMO["training"]["replicates"] = 1
for _name, _model in QUICK_DEMO["models"].items():
    _model |= {"epochs": 2} if _name in ("gapnet", "fnn") else {"enabled": False}
QUICK_DEMO["comparison"] = {"resamples": 100, "permutations": 200}
OWN_LIBRARY = {"table": "library.csv", "id_column": "compound_id", "smiles_column": "smiles"}
WORKFLOW = ["Snakefile", "workflow", "config", "envs", "profiles"]
SCRIPTS = ROOT / "workflow" / "scripts"
SCHEMA_SQL = (ROOT / "workflow" / "resources" / "chembl_schema.sql").read_text(encoding="utf-8")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Give all tests that share a fixture of their module to one process of pytest-xdist."""
    for item in items:
        module = item.nodeid.partition("::")[0]
        definitions = item._fixtureinfo.name2fixturedefs.values()
        shared = any(
            fixture.scope == "module" and fixture.baseid == module
            for fixtures in definitions
            for fixture in fixtures
        )
        if shared and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(module))


@pytest.fixture(scope="session")
def shared_data():
    """Folder of real public data; it lies beside the project and is not part of it."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        message = f"no real data at {folder}"
        if os.environ.get("PAINTASSAY_REQUIRE_DATA"):
            pytest.fail(message)
        pytest.skip(message)
    return folder


@pytest.fixture(scope="session")
def published_labels(shared_data):
    """The published label matrix: its entries and the InChIKeys of all its rows.

    An entry has inchikey, assay_id, label (+1, -1) and position, the number of its column.
    """
    folder = shared_data / "hti-cnn"
    matrix = scipy.io.mmread(folder / "label-matrix.mtx").tocoo()
    keys = pd.read_csv(folder / "row-compound-index.csv")["INCHIKEY"].to_numpy()
    assays = pd.read_csv(folder / "column-assay-index.csv")["ASSAY_ID"].to_numpy()
    labels = {"inchikey": keys[matrix.row], "assay_id": assays[matrix.col], "label": matrix.data}
    return pd.DataFrame(labels | {"position": matrix.col}), keys


def make_chembl(path, activities, release=31, hierarchy=None):
    """Write a SQLite database with ChEMBL's schema from a flat table of activities.

    `activities` has inchikey and assay_id, and any columns of ChEMBL's table activities; with
    assay_chembl_id where the number will not do. Molecules, assays, a target and a document
    follow from it. A row without activity_id still makes its molecule.
    """
    keys = pd.Series(sorted(activities["inchikey"].unique()))
    molregno = pd.Series(range(1, len(keys) + 1), index=keys)
    assays = (
        activities.dropna(subset="assay_id").drop_duplicates("assay_id").sort_values("assay_id")
    )
    assay_ids = assays["assay_id"].astype("int64")
    names = assays.get("assay_chembl_id", "CHEMBL" + assay_ids.astype("str"))
    columns = activities.columns.difference(["inchikey", "assay_chembl_id"])
    rows = activities[columns].assign(
        molregno=activities["inchikey"].map(molregno), doc_id=1, record_id=1, type="as published"
    )
    if "activity_id" in rows:
        rows = rows.dropna(subset="activity_id")
    else:
        rows["activity_id"] = range(1, len(rows) + 1)
    tables = {
        "version": pd.DataFrame({"name": [f"ChEMBL_{release}"]}),
        "molecule_dictionary": pd.DataFrame(
            {"molregno": molregno.array, "chembl_id": [f"CHEMBL{n}" for n in molregno]}
        ),
        "compound_structures": pd.DataFrame(
            {"molregno": molregno.array, "standard_inchi_key": keys}
        ),
        "molecule_hierarchy": pd.DataFrame(
            [(molregno[child], molregno[parent]) for child, parent in (hierarchy or {}).items()],
            columns=["molregno", "parent_molregno"],
        ),
        "assays": pd.DataFrame(
            {
                "assay_id": assay_ids,
                "chembl_id": names,
                "description": "assay " + assay_ids.astype("str"),
                "assay_type": "F",
                "doc_id": 1,
                "tid": 1,
            }
        ),
        "target_dictionary": pd.DataFrame(
            {"tid": [1], "chembl_id": ["CHEMBL1"], "pref_name": ["target"], "organism": ["human"]}
        ),
        "docs": pd.DataFrame({"doc_id": [1], "chembl_id": ["CHEMBL2"]}),
        "activities": rows,
    }
    create_database(path, SCHEMA_SQL, tables)


# Runs of the workflow


def snakemake(folder, config, *arguments, root=ROOT, timeout=600):
    """Run the workflow in `folder` with the keys of `config` that differ from the default.

    Beside returncode, stdout and stderr, a dry run has `jobs` and `rules`: see snakemake_server.
    """
    config_file = Path(folder) / "my_config.yaml"
    # In its own order: that of the models is that of their rows in the tables.
    config_file.write_text(yaml.safe_dump(config, sort_keys=False))
    command = ["--snakefile", root / "Snakefile", "--directory", folder]
    command += ["--configfile", config_file, "--cores", "2", *arguments]
    return server().run(command, timeout)


def plan(folder, config, *arguments, root=ROOT):
    """Plan the workflow: a dry run, which must succeed."""
    run = snakemake(folder, config, *arguments, "--dry-run", "--quiet", "rules", root=root)
    assert run.returncode == 0, run.stderr[-6000:]
    return run


def run_script(name, folder=".", *, log, wildcards=None, threads=1, **parts):
    """Run the script of a rule in this process, as Snakemake would.

    Parameters
    ----------
    name : str
        Name of the rule.
    folder : Path
        Where it runs; paths of files are relative to it.
    log : str or Path
        Its log file.
    wildcards : dict, optional
    threads : int
    **parts
        `input`, `output` and `params`: dictionaries, or lists of files without a name.

    Raises
    ------
    SystemExit
        As the script ends in an error of the user's, with the message.
    """
    job = {name: named(parts.pop(name, {})) for name in ("input", "output")}
    job["params"] = Namedlist(fromdict=parts.pop("params", {}))
    assert not parts
    _run(name, folder, wildcards or {}, threads, log=named([log]), **job)


def named(files):
    """Files as a script sees them: by their place, by attribute and by name."""
    result = Namedlist()
    if not isinstance(files, dict):
        result.extend(map(str, files))
        return result
    for name, paths in files.items():
        start = len(result)
        if isinstance(paths, str | Path):
            result.append(str(paths))
            result._add_name(name)
        else:
            result.extend(map(str, paths))
            result._set_name(name, start, end=len(result))
    return result


def _run(name, folder, wildcards, threads, **job):
    job |= {"wildcards": Namedlist(fromdict=wildcards), "threads": threads}
    root = logging.getLogger()
    level = root.level
    try:
        with chdir(folder):
            # Snakemake makes the folders of all outputs.
            for path in [*job["output"], *job["log"]]:
                Path(path).parent.mkdir(parents=True, exist_ok=True)
            snakemake_of_script = {"snakemake": SimpleNamespace(rule=name, **job)}
            runpy.run_path(str(SCRIPTS / f"{name}.py"), snakemake_of_script)
    except SystemExit as end:
        if end.code:
            raise
    finally:
        # Both are set by core.jobs.job.
        logging.captureWarnings(False)
        root.setLevel(level)


def run_jobs(folder, config, *targets):
    """Run what Snakemake would, script after script in this process: seconds instead of minutes.

    Snakemake plans, and plans again after a checkpoint; inputs, outputs, params and wildcards of
    the scripts are those of its plan. Returns the folder of the results.
    """
    folder = Path(folder)
    ran = set()
    while True:
        jobs = [job for job in plan(folder, config, *targets).jobs if job["script"]]
        jobs = {key: job for job in jobs if (key := _key(job)) not in ran}
        checkpoints = [job for job in jobs.values() if job["checkpoint"]]
        # The plan knows no more of what comes after a checkpoint.
        behind = {path for job in checkpoints for path in job["output"]["paths"]}
        while ready := [key for key, job in jobs.items() if _is_ready(job, jobs, behind, folder)]:
            for key in ready:
                job = jobs.pop(key)
                files = {name: _rebuilt(job[name]) for name in ("input", "output", "log")}
                params = Namedlist(fromdict=job["params"])
                _run(job["rule"], folder, job["wildcards"], job["threads"], params=params, **files)
                ran.add(key)
        if not checkpoints:
            assert not jobs, f"inputs are missing of {list(jobs)}"
            return folder / config.get("results", "results")
        assert {_key(job) for job in checkpoints} <= ran


def _key(job):
    return job["rule"], *job["wildcards"].items()


def _is_ready(job, jobs, behind, folder):
    """Whether all inputs of a job are there, and none of them is still to be made."""
    inputs = set(job["input"]["paths"])
    to_be_made = {path for other in jobs.values() for path in other["output"]["paths"]}
    return not inputs & (to_be_made | behind) and all((folder / path).exists() for path in inputs)


def _rebuilt(files):
    result = Namedlist()
    result.extend(files["paths"])
    result._take_names(files["names"].items())
    return result


def run_labels(folder, config):
    """Make the label matrix, script after script in this process; its folder."""
    return run_jobs(folder, config, "labels") / "labels"


def copy_workflow(folder):
    """Copy what a clone of the project has, and nothing else, into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in WORKFLOW:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)


def link_or_copy(source, target):
    """Link weights, which are most of what a demo leaves and are never changed in place."""
    if source.endswith(".safetensors"):
        try:
            os.link(source, target)
            return
        except OSError:
            # On another file system.
            pass
    shutil.copy2(source, target)


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory):
    """A folder of all processes of pytest that run together."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if os.environ.get("PYTEST_XDIST_WORKER") else folder


@pytest.fixture(scope="session")
def finished_project(shared_folder):
    """A copy of the project in which the demo has run, once for all processes; to be read only."""
    folder = shared_folder / "finished_project"
    with (shared_folder / "finished_project.lock").open("w") as lock:
        # The first makes it, and the others wait.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "finished").is_file():
            assert not folder.exists(), "the demo has failed for another process"
            copy_workflow(folder)
            # What `make demo` has left is taken over: Snakemake makes anew what does not fit.
            for name in ("results/demo", ".snakemake/metadata"):
                if (ROOT / name).is_dir():
                    shutil.copytree(ROOT / name, folder / name, copy_function=link_or_copy)
            run = snakemake(folder, DEMO, root=folder, timeout=1800)
            assert run.returncode == 0, run.stderr[-6000:]
            (folder / "finished").touch()
    return folder


@pytest.fixture(scope="session")
def project(finished_project, tmp_path_factory):
    """A copy of the project in which the demo has run, for this process to change."""
    folder = tmp_path_factory.mktemp("project") / "project"
    shutil.copytree(finished_project, folder, copy_function=link_or_copy)
    return folder


@pytest.fixture(scope="session")
def demo(finished_project):
    """Results of the demo; to be read only."""
    return finished_project / "results" / "demo"


@pytest.fixture(scope="session")
def rules(tmp_path_factory):
    """Every rule of the workflow by its name, parsed and described by Snakemake."""
    folder = tmp_path_factory.mktemp("rules")
    configs = [{}, {"chembl": {"source": "webservice"}}]
    runs = [snakemake(folder, config, "--dry-run", "--list-rules") for config in configs]
    assert [run.returncode for run in runs] == [0, 0], runs[0].stderr[-3000:]
    return runs[0].rules | runs[1].rules


@pytest.fixture(scope="module")
def one_thread():
    """PyTorch on one thread, so that the same numbers come out on every machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def s3_server():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3_bucket(s3_server, monkeypatch):
    """A client that can write to the public bucket `gallery`, which is read without credentials."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server)
    client = boto3.client(
        "s3",
        endpoint_url=s3_server,
        region_name="us-east-1",
        aws_access_key_id="writer",
        aws_secret_access_key="writer",
    )
    client.create_bucket(Bucket="gallery", ACL="public-read-write")
    return client
