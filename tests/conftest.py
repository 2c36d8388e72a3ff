"""What the tests share: real data beside the project, ChEMBL databases, workflow runs."""

import copy
import os
import shutil
import subprocess
import sys
from pathlib import Path

import boto3
import pandas as pd
import pytest
import scipy.io
import torch
import yaml
from moto.server import ThreadedMotoServer

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
SCHEMA_SQL = (ROOT / "workflow" / "resources" / "chembl_schema.sql").read_text(encoding="utf-8")


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


def snakemake(folder, config, *arguments, root=ROOT, timeout=600):
    """Run the workflow in `folder` with the keys of `config` that differ from the default."""
    config_file = Path(folder) / "my_config.yaml"
    config_file.write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "snakemake", "--snakefile", root / "Snakefile"]
    command += ["--directory", folder, "--configfile", config_file, "--cores", "2", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout)


def run_labels(folder, config, *arguments):
    """Run the target labels and return its folder; the log is in the failure message."""
    run = snakemake(folder, config, "labels", *arguments)
    assert run.returncode == 0, run.stderr[-6000:]
    return Path(folder) / config.get("results", "results") / "labels"


@pytest.fixture(scope="session")
def project(tmp_path_factory):
    """A copy of the project in which the demo has run."""
    folder = tmp_path_factory.mktemp("project")
    for name in WORKFLOW:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    # What `make demo` has left is taken over: Snakemake makes anew what does not fit this code.
    for name in ("results/demo", ".snakemake/metadata"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name)
    run = snakemake(folder, DEMO, root=folder, timeout=1800)
    assert run.returncode == 0, run.stderr[-6000:]
    return folder


@pytest.fixture(scope="session")
def demo(project):
    return project / "results" / "demo"


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
