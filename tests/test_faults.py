"""Kills, full and read-only disks, wrong clocks, two runs at once: no work and no trust is lost.

Most of them come over the labels of a finished demo; `pytest -m long` kills whole runs many times.
"""

import base64
import copy
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from conftest import DEMO, QUICK_DEMO, ROOT, SCRIPTS, copy_workflow, plan, snakemake
from faults import (
    MEASURED,
    Moment,
    assert_all_ended,
    differences,
    jobs,
    random_moments,
    run_with_kills,
    start,
)
from matplotlib.figure import Figure

from paintassay.core.errors import InputError
from paintassay.core.files import write_text
from paintassay.core.tables import write_csv, write_parquet
from paintassay.demo.chembl_database import create_database
from paintassay.drawing.style import save_figure
from paintassay.images.shards import new_shard
from paintassay.training.state import History, Progress, save_state
from paintassay.training.weights import FIELDS, TrainedModel, save_trained

RESULTS = Path("results") / "demo"
TRAINING = RESULTS / "training" / "gapnet" / "split_1" / "replicate_1"
STATE, WEIGHTS = TRAINING / "state" / "state.pt", TRAINING / "weights.safetensors"
LABELS = RESULTS / "labels" / "label_matrix.parquet"
LIBRARY = RESULTS / "screen" / "library.csv"


@pytest.fixture
def finished(finished_project, tmp_path):
    """A copy of the demo's results and of Snakemake's records, with all times."""
    (tmp_path / "results").mkdir()
    (tmp_path / ".snakemake").mkdir()
    for name in (RESULTS, Path(".snakemake", "metadata")):
        subprocess.run(["cp", "-a", finished_project / name, tmp_path / name], check=True)
    yield tmp_path
    shutil.rmtree(tmp_path / "results")


def planned(folder, *arguments):
    """Rules that would run."""
    return plan(folder, DEMO, *arguments).scripted()


def reasons(planned_run):
    """Why the jobs of a plan would run."""
    return "\n".join(job["reason"] for job in planned_run.jobs)


def rules_of(run):
    """Rules that a run has begun."""
    return set(re.findall(r"^(?:localrule|rule|checkpoint) (\w+):$", run.stderr, re.M))


def assert_same(folder, finished_project, *names):
    """Compare results, or some folders of them; give the number of files that are the same."""
    number = 0
    for name in names or ["."]:
        lines, whole = differences(finished_project / RESULTS / name, folder / RESULTS / name)
        assert lines == []
        number += whole
    return number


# Kills


def test_killed_run_ends_with_the_same_bytes(finished, finished_project):
    for name in ("label_matrix.mtx", "label_matrix.parquet", "summary.json"):
        (finished / RESULTS / "labels" / name).unlink()
    moments = [
        Moment("job", 0.0, rule="build_label_matrix"),
        Moment("snakemake", 0.0, rule="build_label_matrix"),
    ]
    kills = run_with_kills(finished, DEMO, moments, random.Random(1), "labels")
    assert [moment for moment, _ in kills] == moments
    assert kills[0][1] == ["build_label_matrix.py"]
    assert assert_same(finished, finished_project, "labels") > 10


@pytest.mark.long
def test_run_killed_in_every_stage_ends_with_the_same_bytes(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    moments = [
        Moment("snakemake", 1.0, rule="build_demo_screen"),
        Moment("all", 0.5, rule="convert_plate"),
        Moment("job", 0.0, rule="train_model", appeared=STATE),
        Moment("snakemake", 5.0, rule="train_model"),
        Moment("all", 1.0, rule="predict_views"),
    ]
    targets = ["predictions", "labels"]
    # One network, with enough epochs to be killed between two of them.
    config = copy.deepcopy(QUICK_DEMO)
    config["models"]["fnn"] = {"enabled": False}
    config["models"]["gapnet"]["epochs"] = 8
    run_with_kills(one, config, [], None, *targets)
    kills = run_with_kills(other, config, moments, random.Random(1), *targets)
    assert [moment for moment, _ in kills] == moments
    assert kills[2][1] == ["train_model.py"]
    assert assert_same(other, one) > 40
    [log] = (other / RESULTS / "logs" / "train_model").glob("**/*.log")
    assert re.search(r"going on after [1-9]\d* epochs", log.read_text())


def test_what_differs_is_found(finished, finished_project):
    def lines():
        return differences(finished_project / RESULTS, finished / RESULTS)[0]

    timing = finished / TRAINING / "timing.csv"
    table = pd.read_csv(timing)
    table.assign(training_seconds=0.0, device="another").to_csv(timing, index=False)
    state = torch.load(finished / STATE, weights_only=True)
    state["history"]["timing"], state["seconds"] = [], 1.0
    torch.save(state, finished / STATE)
    assert lines() == []
    table.assign(samples=0).to_csv(timing, index=False)
    next(iter(state["optimiser"]["state"].values()))["momentum_buffer"].add_(1e-3)
    torch.save(state, finished / STATE)
    content = bytearray((finished / WEIGHTS).read_bytes())
    content[-1] ^= 1
    (finished / WEIGHTS).write_bytes(content)
    (finished / LABELS).unlink()
    (finished / LABELS.with_name(".left.part")).touch()
    changed = [(finished / path).name for path in (STATE, timing, WEIGHTS, LABELS)]
    different = lines()
    assert len(different) == 5
    assert all(any(name in line for line in different) for name in [*changed, ".left.part"])


@pytest.mark.long
@pytest.mark.parametrize("config", ["quick", "demo"])
def test_many_kills_end_with_the_same_bytes(config, tmp_path):
    number = int(os.environ.get("PAINTASSAY_KILLS", 25))
    chance = random.Random(int(os.environ.get("PAINTASSAY_KILL_SEED", 1)))
    config, all_jobs = {"quick": (QUICK_DEMO, 40), "demo": (DEMO, 81)}[config]
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    run_with_kills(one, config, [], chance)
    moments = random_moments(chance, number, steps=max(all_jobs // number, 1))
    kills = run_with_kills(other, config, moments, chance)
    for moment, names in kills:
        print(f"{moment.kind} after {moment.delay:.1f} s: {', '.join(names)}")
    # Later ones may find nothing left to do.
    assert len(kills) >= number / 2
    assert assert_same(other, one) > 100


UNFINISHED = {
    "index_plate": RESULTS / "images" / "index" / "DEMO1.lost.csv",
    "convert_plate": RESULTS / "images" / "shards" / "DEMO2.npy",
    "build_compounds": RESULTS / "compounds" / "duplicates.csv",
}


def test_unfinished_jobs_run_again_though_their_files_are_there(finished):
    """Also behind the checkpoint of the plates, where Snakemake itself does not look."""
    folder = finished / ".snakemake" / "incomplete"
    folder.mkdir()
    for output in UNFINISHED.values():
        note = base64.b64encode(str(output).encode(), altchars=b"-_").decode()
        (folder / note).write_text('{"external_jobid": null}')
    everything = plan(finished, DEMO)
    assert set(UNFINISHED) <= everything.scripted()
    assert reasons(everything).count("Forced execution") == len(UNFINISHED)
    output = UNFINISHED["index_plate"]
    ended = snakemake(finished, DEMO, output)
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert rules_of(ended) == {"index_plate"}
    assert not planned(finished, output)
    # The others are still to be done.
    assert reasons(plan(finished, DEMO)).count("Forced execution") == len(UNFINISHED) - 1


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def python(code, *arguments):
    """A process that runs some code with the library at hand."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(SCRIPTS)},
        stderr=subprocess.PIPE,
        text=True,
    )


JOB = """
import sys, time
from pathlib import Path
from paintassay.core.jobs import job
with job(sys.argv[1]):
    Path(sys.argv[2]).touch()
    time.sleep(float(sys.argv[3]))
"""


@pytest.mark.parametrize("killed", [False, True])
def test_job_waits_for_the_one_that_a_killed_snakemake_left(killed, tmp_path):
    log, old, new = (tmp_path / name for name in ("job.log", "old", "new"))
    first = python(JOB, log, old, 600 if killed else 3)
    wait_for(old.exists)
    # As Snakemake does before it starts a job.
    log.unlink()
    second = python(JOB, log, new, 0)
    wait_for(lambda: log.exists() and "waiting for its end" in log.read_text())
    assert first.poll() is None and not new.exists()
    if killed:
        first.kill()
    _, errors = second.communicate(timeout=60)
    assert second.returncode == 0 and new.exists()
    assert first.wait() == (-signal.SIGKILL if killed else 0)
    assert f"{log}: an earlier process is still at work on this job" in errors
    # Another job, the same again, and one within the other hinder nobody.
    for other in (log, tmp_path / "other.log"):
        _, errors = python(JOB, other, new, 0).communicate(timeout=60)
        assert errors == ""


POOL = """
import sys, time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from paintassay.core.jobs import end_with_parent

def work(number):
    Path(sys.argv[1], str(number)).touch()
    time.sleep(600 if number == 0 else 0)

with ProcessPoolExecutor(2, get_context("fork"), end_with_parent) as pool:
    list(pool.map(work, range(2)))
"""


def test_workers_end_with_a_killed_job(tmp_path):
    process = python(POOL, tmp_path)
    wait_for(lambda: len(list(tmp_path.iterdir())) == 2)
    workers = psutil.Process(process.pid).children()
    assert len(workers) == 2
    process.kill()
    # One is at work, the other waits for some.
    assert psutil.wait_procs(workers, timeout=10)[1] == []


WRITER = """
import sys, time
from paintassay.core.files import atomic_path
with atomic_path(sys.argv[1]) as temporary:
    temporary.write_text(sys.argv[2])
    print(temporary, file=sys.stderr, flush=True)
    time.sleep(float(sys.argv[3]))
"""


def test_two_writers_have_a_file_each_and_a_killed_one_leaves_one(tmp_path):
    place = tmp_path / "table.csv"
    first = python(WRITER, place, "first", 600)
    one = Path(first.stderr.readline().strip())
    _, other = python(WRITER, place, "second", 0).communicate(timeout=60)
    assert place.read_text() == "second" and one.read_text() == "first"
    assert Path(other.strip()) != one
    first.kill()
    first.wait()
    assert sorted(tmp_path.iterdir()) == sorted([one, place])
    # What is left is longer than what comes.
    one.write_text("left by a process that was killed")
    python(WRITER, place, "third", 0).communicate(timeout=60)
    assert place.read_text() == "third" and list(tmp_path.iterdir()) == [place]
    plain = tmp_path / "plain"
    plain.touch()
    assert place.stat().st_mode == plain.stat().st_mode


# Disks


@contextmanager
def mounted(place, *options):
    mount = subprocess.run(["mount", *options, place], capture_output=True, text=True, check=False)
    if mount.returncode:
        pytest.skip(f"no disk of its own can be mounted here: {mount.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def disk(place, size, *options):
    place.mkdir(exist_ok=True)
    options = ",".join([f"size={size}", *options])
    return mounted(place, "-t", "tmpfs", "-o", options, "tmpfs")


ROWS = pd.DataFrame({"row": np.random.default_rng(0).normal(size=300_000)})
SCHEMA = pa.schema([pa.field("row", pa.float64())])


def write_shard(path):
    with new_shard(path, (1, 5, 1000, 1000)) as write:
        write(0, np.ones((5, 1000, 1000), np.uint8))


def write_state(path):
    model = torch.nn.Linear(1000, 1000)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    save_state(path.parent, "", Progress(History()), model, optimiser)


def write_figure(path):
    figure = Figure(figsize=(9, 9))
    figure.subplots().imshow(ROWS.to_numpy()[:250_000].reshape(500, 500), interpolation="none")
    save_figure(figure, path.with_suffix(".svg"))


NO_FACTS = TrainedModel(**dict.fromkeys(FIELDS))
WRITERS = {
    "text": lambda path: write_text("x" * 5_000_000, path),
    "csv": lambda path: write_csv(ROWS, path, SCHEMA),
    "parquet": lambda path: write_parquet(ROWS, path, SCHEMA),
    "shard": write_shard,
    "weights": lambda path: save_trained(torch.nn.Linear(1000, 1000), NO_FACTS, path),
    "state": write_state,
    "sqlite": lambda path: create_database(path, "CREATE TABLE t (row FLOAT)", {"t": ROWS}),
    "figure": write_figure,
}


def test_full_disk_is_one_clear_error_whatever_writes(tmp_path):
    with disk(tmp_path / "full", "300k"):
        for name, write in WRITERS.items():
            write(tmp_path / name)
            for path in tmp_path.glob("*.*"):
                path.unlink()
            with pytest.raises(InputError, match="cannot be written: the disk is full") as caught:
                write(tmp_path / "full" / name)
            assert Path(caught.value.where).parent == tmp_path / "full", name
            assert "make room" in str(caught.value)
            assert list((tmp_path / "full").iterdir()) == [], name


def test_read_only_disk_is_one_clear_error(tmp_path):
    with disk(tmp_path / "disk", "300k"):
        write_text("as it was", tmp_path / "disk" / "text")
        remount = ["mount", "-o", "remount,ro", tmp_path / "disk"]
        subprocess.run(remount, check=True)
        for place in ("text", "new/text"):
            with pytest.raises(InputError, match="text: cannot be written: .* read-only"):
                write_text("new", tmp_path / "disk" / place)
        assert (tmp_path / "disk" / "text").read_text() == "as it was"


def test_what_is_no_fault_of_the_disk_stays_as_it_is(tmp_path):
    with pytest.raises(ValueError, match="columns missing"):
        write_csv(ROWS[[]], tmp_path / "table", SCHEMA)
    with pytest.raises(FileNotFoundError):
        create_database(tmp_path / "d", (tmp_path / "absent").read_text(), {})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("target", "left_kb"),
    [
        pytest.param(RESULTS / "screen" / "chembl.db", 200, id="labels"),
        pytest.param(
            RESULTS / "images" / "shards" / "DEMO1.npy", 2000, id="shard", marks=pytest.mark.long
        ),
        pytest.param(WEIGHTS, 4000, id="training", marks=pytest.mark.long),
    ],
)
def test_full_disk_stops_a_run_that_goes_on_later(finished_project, tmp_path, target, left_kb):
    """The cheapest of these jobs makes the first database."""
    subprocess.run(["cp", "-a", finished_project / ".snakemake", tmp_path], check=True)
    (tmp_path / RESULTS).mkdir(parents=True)
    with disk(tmp_path / RESULTS, "2g"):
        # Without the states of the trainings, which are larger than all the rest.
        shutil.copytree(
            finished_project / RESULTS,
            tmp_path / RESULTS,
            ignore=shutil.ignore_patterns("state"),
            dirs_exist_ok=True,
        )
        (tmp_path / target).unlink()
        space = shutil.disk_usage(tmp_path / RESULTS).free
        filler = tmp_path / RESULTS / "filler"
        with filler.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, space - left_kb * 1024)
        full = snakemake(tmp_path, DEMO, target)
        assert full.returncode == 1
        assert re.search(r"^Error: .*: cannot be written: the disk is full$", full.stderr, re.M)
        assert "Hint: make room" in full.stderr
        assert not (tmp_path / target).exists()
        assert not list((tmp_path / RESULTS).rglob("*.part"))
        filler.unlink()
        again = snakemake(tmp_path, DEMO, target)
        assert again.returncode == 0, again.stderr[-3000:]
        assert (tmp_path / target).read_bytes() == (finished_project / target).read_bytes()


def test_read_only_results_are_noticed_before_any_job(finished, finished_project):
    (finished / LABELS).unlink()
    with mounted(finished / RESULTS, "--bind", finished / RESULTS):
        options = ["-o", "remount,bind,ro", finished / RESULTS]
        subprocess.run(["mount", *options], check=True)
        stopped = snakemake(finished, DEMO, LABELS)
    assert stopped.returncode == 1
    assert "Write-protected output files for rule" in stopped.stderr
    assert re.search(rf"affected files:\n +{RESULTS}/labels/", stopped.stderr)
    assert not rules_of(stopped)
    assert snakemake(finished, DEMO, LABELS).returncode == 0
    assert_same(finished, finished_project, "labels")


# A network disk on which files appear late

LATE = """
rule all:
    input:
        "out.txt",
rule late:
    output:
        "out.txt",
    shell:
        "(sleep 2; echo done > {output}) > /dev/null 2>&1 &"
"""


@pytest.mark.parametrize(("options", "status"), [([], 0), (["--latency-wait", "0"], 1)])
def test_files_that_appear_late_are_waited_for(options, status, tmp_path):
    (tmp_path / "Snakefile").write_text(LATE)
    profile = ["--profile", ROOT / "profiles" / "default"]
    ended = snakemake(tmp_path, {}, *options, *profile, root=tmp_path)
    assert ended.returncode == status, ended.stderr[-3000:]


# Clocks


def move_times(folder, seconds):
    for path in [*(folder / RESULTS).rglob("*")]:
        old = path.stat()
        os.utime(path, (old.st_atime, old.st_mtime + seconds))


def change(path, seconds):
    """Drop the last line of a file, and date it so long after what it was."""
    before = path.stat().st_mtime
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:-1]))
    # As whoever changes a result on purpose has to.
    results = next(folder for folder in path.parents if (folder / ".paintassay").is_dir())
    (results / ".paintassay" / "checksums" / path.relative_to(results)).unlink()
    os.utime(path, (before + seconds, before + seconds))


def test_results_from_the_future(finished):
    """As docs/faults.md has it: nothing reruns, but what changes now is not seen without help."""
    move_times(finished, 86400)
    assert not planned(finished)
    library = finished / LIBRARY
    change(library, -86400)
    assert not planned(finished)
    # What docs/faults.md tells to do.
    page = (ROOT / "docs" / "faults.md").read_text()
    [date_anew] = re.findall(r"^  (touch now .*)$", page, re.M)
    assert " results " in date_anew
    subprocess.run(date_anew, shell=True, cwd=finished, check=True)
    assert not planned(finished)
    library.touch()
    assert "build_compounds" in planned(finished, "labels")


def test_input_from_the_future_is_an_error_that_names_it(finished):
    change(finished / LIBRARY, 1e6)
    target = RESULTS / "compounds" / "compounds.parquet"
    failed = snakemake(finished, DEMO, target)
    assert failed.returncode == 1
    assert re.search(rf"older modification time .* than input {LIBRARY}", failed.stderr)
    assert not (finished / target).exists()
    (finished / LIBRARY).touch()
    assert snakemake(finished, DEMO, target).returncode == 0


def test_changed_input_with_an_older_date(finished):
    """As docs/faults.md has it: what counts is the date, and touch or --forcerun helps."""
    change(finished / LIBRARY, -1000)
    assert not planned(finished, "labels")
    forced = planned(finished, "labels", "--forcerun", "build_compounds")
    assert {"build_compounds", "build_label_matrix"} <= forced
    (finished / LIBRARY).touch()
    assert "build_compounds" in planned(finished, "labels")


def test_touched_input_with_the_same_content_reruns_nothing(finished):
    (finished / LIBRARY).touch()
    assert not planned(finished, "labels")


# Two runs at once


def test_second_run_in_a_folder_refuses_and_harms_nothing(finished, finished_project):
    forced = [LABELS, "--forcerun", "build_label_matrix"]
    first = start(finished, DEMO, *forced)
    wait_for(lambda: jobs(finished))
    # It stands still meanwhile: else it may have ended before the second looks for its lock.
    first.send_signal(signal.SIGSTOP)
    second = snakemake(finished, DEMO, LABELS)
    first.send_signal(signal.SIGCONT)
    assert second.returncode == 1
    assert "LockException" in second.stderr and "--unlock" in second.stderr
    assert first.poll() is None
    assert first.wait(timeout=120) == 0
    assert_all_ended(finished)
    assert_same(finished, finished_project, "labels")


# Results of older code


def older(folder, output):
    """Write into Snakemake's records that older code made a file."""
    number = 0
    for path in (folder / ".snakemake" / "metadata").iterdir():
        if base64.b64decode(path.name, altchars="-_").decode() == str(output):
            record = json.loads(path.read_text())
            params = [re.sub(r"^'[0-9a-f]{16}", f"'{'0' * 16}", text) for text in record["params"]]
            number += params != record["params"]
            path.write_text(json.dumps(record | {"params": params}))
    assert number == 1


def test_results_of_older_code_are_made_anew(finished, finished_project):
    means = RESULTS / "labels" / "pchembl_means.parquet"
    table = pq.read_table(finished / means)
    before = (finished / means).stat()
    pq.write_table(table.drop_columns(table.column_names[-1]), finished / means)
    os.utime(finished / means, (before.st_atime, before.st_mtime))
    older(finished, means)
    everything = plan(finished, DEMO)
    assert reasons(everything).count("Params have changed") == 1
    downstream = {"build_label_matrix", "train_model", "build_report"}
    assert {"average_pchembl"} | downstream <= everything.scripted()
    again = snakemake(finished, DEMO, means)
    assert again.returncode == 0, again.stderr[-3000:]
    assert rules_of(again) == {"average_pchembl"}
    assert_same(finished, finished_project, "labels")
    assert not planned(finished)


def test_param_that_takes_the_value_of_another_is_noticed(finished):
    """Of min_actives 10, min_inactives 10 and min_labels_per_compound 1 the first becomes 1."""
    assert "labels" not in DEMO
    rules = plan(finished, DEMO | {"labels": {"min_actives": 1}}).scripted()
    assert "build_label_matrix" in rules
    # Nothing else of the labels depends on it.
    assert not {"vote_comments", "average_pchembl"} & rules


@pytest.mark.long
def test_training_of_older_code_does_not_go_on(finished, tmp_path):
    newer = tmp_path / "newer"
    copy_workflow(newer)
    model = newer / "workflow" / "scripts" / "paintassay" / "models" / "gapnet.py"
    model.write_text(model.read_text() + "\n\nNEW = 1\n")
    (finished / WEIGHTS).unlink()
    again = snakemake(finished, DEMO, WEIGHTS, root=newer)
    assert again.returncode == 0, again.stderr[-3000:]
    log = finished / RESULTS / "logs" / "train_model" / "gapnet" / "split_1" / "replicate_1.log"
    assert "is of other settings, code or data: starting anew" in log.read_text()
    assert "going on" not in log.read_text()


def test_table_of_what_is_measured_is_that_of_the_documentation():
    page = (ROOT / "docs" / "faults.md").read_text()
    rows = re.findall(r"^\| `(\S+)` \| (.+) \|$", page, re.M)
    assert rows == [(pattern, reason) for pattern, (reason, _) in MEASURED.items()]
