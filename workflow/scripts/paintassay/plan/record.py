"""The record of a run: what it read, with which settings and code, on what machine.

It is made by the process that plans the jobs, so nothing beyond the standard library and what
Snakemake itself brings is imported here.
"""

import csv
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path

import psutil

from paintassay.core.files import read_json, sha256, write_json
from paintassay.core.versions import __version__

# More (raw images, a ChEMBL dump) would be read for hours only to be summed up, after every run.
SUMMED_BYTES = 1 << 30


def write_run_record(path, outcome, inputs, plan):
    """Write down what a run was made of, atomically.

    Parameters
    ----------
    path : str or Path
        provenance.json in the folder of the results; what that folder holds of ChEMBL's origin
        (chembl/source.json) and of trainings (models/**/timing.csv) is taken over.
    outcome : str
        "success" or "failure".
    inputs : iterable of str
        Files and folders that come from outside of the results.
    plan : dict
        What the planning process alone knows: config, code digests, environments, ... It becomes
        part of the record as it is.
    """
    results = Path(path).parent
    source = results / "chembl" / "source.json"
    record = {
        "ended": datetime.now(UTC).isoformat(timespec="seconds"),
        "outcome": outcome,
        "paintassay": __version__,
        **plan,
        "chembl": read_json(source) if source.exists() else None,
        "inputs": describe_inputs(set(inputs)),
        "software": installed_software(),
        "hardware": hardware() | {"trained_on": training_devices(results / "models")},
    }
    write_json(record, path)


def describe_inputs(paths, budget=SUMMED_BYTES):
    """Sizes and checksums of inputs.

    Parameters
    ----------
    paths : collection of str
        Files, folders, or what is not there.
    budget : int
        Bytes that may be read. The smallest files are taken first.

    Returns
    -------
    list of dict
        By path: path, bytes (None of a folder and of what is not there) and sha256 (None besides
        where the budget did not suffice).
    """
    described = []
    files = {path: Path(path).stat().st_size for path in paths if Path(path).is_file()}
    for path in sorted(files, key=lambda path: (files[path], path)):
        budget -= files[path]
        digest = sha256(path) if budget >= 0 else None
        described.append({"path": path, "bytes": files[path], "sha256": digest})
    others = [{"path": path, "bytes": None, "sha256": None} for path in set(paths) - set(files)]
    return sorted(described + others, key=lambda each: each["path"])


def installed_software():
    """Versions of Python and of every package installed beside this process, by name."""
    packages = {each.metadata["Name"].lower(): each.version for each in distributions()}
    return {"python": platform.python_version(), **dict(sorted(packages.items()))}


def hardware():
    """Describe this machine: system, machine, processors, memory_bytes."""
    return {
        "system": platform.platform(),
        "machine": platform.machine(),
        "processors": os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
    }


def training_devices(models):
    """Names of the devices that the networks under the folder `models` were trained on."""
    devices = set()
    for path in Path(models).glob("*/split_*/replicate_*/timing.csv"):
        with path.open(newline="", encoding="utf-8") as file:
            devices |= {row["device"] for row in csv.DictReader(file)}
    return sorted(devices)
