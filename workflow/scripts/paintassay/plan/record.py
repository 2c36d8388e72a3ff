"""Record a run: what it read, with which settings and code, on what machine.

The process that plans the jobs makes the record, so nothing is imported here beyond the standard
library and what Snakemake itself brings.
"""

import csv
import os
import platform
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path

import psutil

from paintassay.core.files import PathLike, read_json, sha256, write_json
from paintassay.core.versions import __version__

# More (raw images, a ChEMBL dump) would be read for hours after every run, for its checksum alone.
MAX_CHECKSUM_BYTES = 1 << 30


def write_run_record(
    path: PathLike, outcome: str, inputs: Iterable[str], plan: Mapping[str, object]
) -> None:
    """Write the record of a run, atomically.

    Parameters
    ----------
    path : str or Path
        provenance.json in the folder of the results. The record takes from this folder where
        ChEMBL's data come from (chembl/source.json), and the devices of the trainings
        (training/**/timing.csv).
    outcome : str
        "success" or "failure".
    inputs : iterable of str
        Files and folders from outside of the results.
    plan : dict
        What only the planning process knows: config, code digests, environments, ... It becomes
        part of the record as it is.
    """
    results = Path(path).parent
    chembl_source = results / "chembl" / "source.json"
    record = {
        "ended": datetime.now(UTC).isoformat(timespec="seconds"),
        "outcome": outcome,
        "paintassay": __version__,
        **plan,
        "chembl": read_json(chembl_source) if chembl_source.exists() else None,
        "inputs": describe_inputs(set(inputs)),
        "software": installed_software(),
        "hardware": hardware() | {"trained_on": training_devices(results / "training")},
    }
    write_json(record, path)


def describe_inputs(
    paths: Collection[str], budget: int = MAX_CHECKSUM_BYTES
) -> list[dict[str, str | int | None]]:
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
        Sorted by path: path; bytes, None for a folder and for what is not there; and sha256,
        None for these, too, and where the budget did not suffice.
    """
    sizes = {path: Path(path).stat().st_size for path in paths if Path(path).is_file()}
    digests = {}
    for path in sorted(sizes, key=lambda path: (sizes[path], path)):
        budget -= sizes[path]
        digests[path] = sha256(path) if budget >= 0 else None
    return [
        {"path": path, "bytes": sizes.get(path), "sha256": digests.get(path)}
        for path in sorted(set(paths))
    ]


def installed_software() -> dict[str, str]:
    """Versions of Python and of every package that this process can import, by name."""
    versions = {package.metadata["Name"].lower(): package.version for package in distributions()}
    return {"python": platform.python_version(), **dict(sorted(versions.items()))}


def hardware() -> dict[str, object]:
    """Describe this machine: system, machine, processors, memory_bytes."""
    return {
        "system": platform.platform(),
        "machine": platform.machine(),
        "processors": os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
    }


def training_devices(folder: PathLike) -> list[str]:
    """Names of the devices that the models under a folder were trained on, sorted."""
    devices = set()
    for path in Path(folder).glob("*/split_*/replicate_*/timing.csv"):
        with path.open(newline="", encoding="utf-8") as file:
            devices |= {row["device"] for row in csv.DictReader(file)}
    return sorted(devices)
