"""Runs of the workflow that are killed at chosen moments, and what two results differ in."""

import json
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import psutil
import torch
import yaml
from conftest import ROOT, snakemake

from paintassay.training.state import DIGEST_BYTES

ENDED = 60
KINDS = ("job", "snakemake", "all")


@dataclass(frozen=True)
class Moment:
    """A moment to kill at.

    Attributes
    ----------
    kind : {"job", "snakemake", "all"}
        A process of a job; Snakemake alone, so that its jobs live on; or Snakemake and all jobs.
    delay : float
        Seconds after all that follows has come about.
    finished : int
        Jobs that this run has finished.
    rule : str, optional
        A job of it runs; by default any.
    appeared : str, optional
        This file of the project is there.
    """

    kind: str
    delay: float
    finished: int = 0
    rule: str = ""
    appeared: str = "."


def random_moments(random, number, steps, seconds=3.0):
    """Moments of every kind in turn, so that none is left out by chance.

    Parameters
    ----------
    random : random.Random
    number : int
    steps : int
        Most jobs that a run finishes before; without, a long job would be killed for ever.
    seconds : float
        Most seconds after that.
    """
    return [
        Moment(KINDS[i % len(KINDS)], random.uniform(0, seconds), random.randint(0, steps))
        for i in range(number)
    ]


def start(folder, config, *arguments):
    """Start the workflow in a folder, as a user would; what it says goes into ``run.txt`` there."""
    config_file = Path(folder) / "my_config.yaml"
    config_file.write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile"]
    command += ["--directory", folder, "--configfile", config_file, "--cores", "2", *arguments]
    with (Path(folder) / "run.txt").open("w") as file:
        return subprocess.Popen(command, stdout=file, stderr=file, start_new_session=True)


def jobs(folder, rule=""):
    """Processes of jobs in a project, also of a Snakemake that is no more."""
    running = []
    for process in psutil.process_iter(["name", "cmdline"]):
        words = process.info["cmdline"] or [""]
        # Snakemake names its copy of a script so; the shell around it has the name in the midst.
        script = words[-1].endswith(f"{rule}.py") and "/.snakemake/scripts/" in words[-1]
        if script and process.info["name"].startswith("python") and str(folder) in words[-1]:
            running.append(process)
    return running


def kill(process, moment, folder, random):
    """Kill at a moment of a run.

    Parameters
    ----------
    process : subprocess.Popen
        The Snakemake that runs.
    moment : Moment
    folder : Path
        The project.
    random : random.Random
        Chooses among the processes of jobs.

    Returns
    -------
    list of str or None
        The names of the killed; None if the run ended before that moment.
    """
    began = None
    while process.poll() is None:
        running = jobs(folder, moment.rule)
        done = (folder / "run.txt").read_text().count("\nFinished jobid: ")
        ready = running and done >= moment.finished and (folder / moment.appeared).exists()
        if began is None and ready:
            began = time.monotonic()
        if began is not None and time.monotonic() - began >= moment.delay:
            if moment.kind == "snakemake":
                victims = [psutil.Process(process.pid)]
            elif moment.kind == "all":
                whole = psutil.Process(process.pid)
                victims = [whole, *whole.children(recursive=True), *jobs(folder)]
            elif running:
                victims = [random.choice(running)]
            else:
                # Between two jobs: the next one will do.
                time.sleep(0.05)
                continue
            names = [_name(victim) for victim in victims]
            for victim in victims:
                _kill(victim)
            return names
        time.sleep(0.05)
    return None


def _name(process):
    try:
        words = process.cmdline()
    except psutil.NoSuchProcess:
        words = []
    return Path(words[-1]).name.partition(".")[2] if "/.snakemake/scripts/" in str(words) else "-"


def _kill(process):
    with suppress(psutil.NoSuchProcess):
        process.kill()


def run_with_kills(folder, config, moments, random, *arguments):
    """Run the workflow, kill it at each of these moments, and go on until a run ends well.

    After a kill this does what docs/faults.md tells: unlock the folder where Snakemake
    itself was killed, and give the same command again.

    Parameters
    ----------
    folder : Path
    config : dict
        Keys that differ from the default.
    moments : list of Moment
    random : random.Random
    *arguments
        For Snakemake, such as targets.

    Returns
    -------
    list of (Moment, list of str)
        The kills that took place, with the names of the killed.
    """
    kills = []
    for moment in moments:
        process = start(folder, config, *arguments)
        names = kill(process, moment, folder, random)
        status = process.wait(timeout=600)
        if names is None:
            assert status == 0, (folder / "run.txt").read_text()[-3000:]
            break
        kills.append((moment, names))
        if moment.kind == "job":
            assert status == 1, (folder / "run.txt").read_text()[-3000:]
        else:
            assert status == -signal.SIGKILL
            unlock = snakemake(folder, config, *arguments, "--unlock")
            assert unlock.returncode == 0, unlock.stderr[-3000:]
    last = snakemake(folder, config, *arguments, timeout=1800)
    assert last.returncode == 0, last.stderr[-3000:]
    assert_all_ended(folder)
    return kills


def assert_all_ended(folder):
    """Make sure that no process of a job is left, or is about to end."""
    _, alive = psutil.wait_procs(jobs(folder), timeout=ENDED)
    assert not alive, [process.cmdline() for process in alive]


# What is measured, and so is not the same the next time: the files that have it, as patterns of
# paths within the results; why; and the rest of them, which must be the same, or None.

TIMES = ["training_seconds", "validation_seconds", "peak_memory_mb", "device"]
COSTS = ["seconds_per_epoch", "samples_per_second", "peak_memory_mb", "device"]
ON_PAGE = ["seconds per epoch", "samples per second", "peak memory (MB)", "device", "hours"]


def rest_of_timing(path):
    return pd.read_csv(path).drop(columns=TIMES).to_csv()


def rest_of_costs(path):
    return pd.read_csv(path).drop(columns=COSTS).to_csv()


def rest_of_state(path):
    """The state of a training without its seconds; the checksum at its end is of all."""
    assert path.stat().st_size > DIGEST_BYTES
    state = torch.load(path, weights_only=True)
    del state["seconds"], state["history"]["timing"]
    return _plain(state)


def _plain(value):
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, torch.Tensor):
        return value.dtype, value.shape, value.numpy().tobytes()
    return value


def rest_of_page(path):
    """The page without the columns and the numbers of its drawings that are measured."""
    text = path.read_text(encoding="utf-8")
    text = re.sub(r'"seconds":[0-9.e-]+', '"seconds":0', text)
    return re.sub(r"<table.*?</table>", _rest_of_table, text, flags=re.S)


def _rest_of_table(match):
    table = match[0]
    titles = re.findall(r'<th scope="col"[^>]*>(.*?)</th>', table)

    def rest_of_row(row):
        cells = re.findall(r"<t[hd].*?</t[hd]>", row[0], re.S)
        if len(cells) != len(titles):
            return row[0]
        return "".join(c for c, t in zip(cells, titles, strict=True) if t not in ON_PAGE)

    return re.sub(r"<tr.*?</tr>", rest_of_row, table, flags=re.S)


def rest_of_record(path):
    """The record of a run without when and where it ended."""
    record = json.loads(path.read_text())
    where = ["ended", "hardware", "software", "deployment"]
    return {key: value for key, value in record.items() if key not in where}


def rest_of_crate(path):
    """The crate without its date, and without size and checksum of the page."""
    crate = json.loads(path.read_text())
    entities = {entity["@id"]: entity for entity in crate["@graph"]}
    del entities["./"]["datePublished"]
    del entities["report/index.html"]["sha256"], entities["report/index.html"]["contentSize"]
    return crate


TRAINING = "training/*/split_*/replicate_*"
MEASURED = {
    "logs/**/*.log": ("the time of each line", None),
    "benchmarks/**/*.tsv": ("seconds and memory of each job", None),
    f"{TRAINING}/tensorboard/*": ("times, and the host in the name; a file for each start", None),
    f"{TRAINING}/timing.csv": ("seconds, memory and device of each epoch", rest_of_timing),
    f"{TRAINING}/state/state.pt": ("the seconds of each epoch", rest_of_state),
    "training/costs.csv": ("seconds, memory and device of each model", rest_of_costs),
    "report/index.html": ("tables and drawings of these costs", rest_of_page),
    "provenance.json": ("when and where the run ended", rest_of_record),
    ".paintassay/**/*": ("checksums of these files, and the last run", None),
    "ro-crate-metadata.json": ("the date, and the checksum of the page", rest_of_crate),
}


def differences(one, other):
    """Compare two results, byte for byte but for what is measured.

    Parameters
    ----------
    one, other : Path
        Folders of results.

    Returns
    -------
    list of str
        A line for each file that differs, or is in one of them only.
    int
        How many files were compared in all their bytes.
    """
    files = [
        {path.relative_to(folder) for path in folder.rglob("*") if not path.is_dir()}
        for folder in (one, other)
    ]
    measured = {}
    for folder in (one, other):
        for pattern, (_, rest) in MEASURED.items():
            measured |= {path.relative_to(folder): rest for path in folder.glob(pattern)}
    lines = [
        f"{path} is in {one if path in files[0] else other} only"
        for path in files[0] ^ files[1]
        if path.parent.name != "tensorboard"
    ]
    whole = 0
    for path in files[0] & files[1]:
        read = Path.read_bytes
        if path in measured:
            read = measured[path]
        else:
            whole += 1
        if read is not None and read(one / path) != read(other / path):
            lines.append(f"{path} differs")
    return sorted(lines), whole
