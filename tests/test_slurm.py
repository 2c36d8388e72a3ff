"""The workflow on a real SLURM of one node, through profiles/slurm as a site would set it."""

import copy
import os
import re
import subprocess
import sys
import threading
import time

import pytest
import yaml
from conftest import DEMO, QUICK_DEMO, ROOT, snakemake
from slurm_node import GPU_MODEL, ask, missing_programs, slurm_node

pytestmark = [pytest.mark.slurm, pytest.mark.long]

# Long enough to be stopped in the middle.
CONFIG = copy.deepcopy(QUICK_DEMO)
CONFIG["models"]["gapnet"]["epochs"] = 4
GAPNET = "gapnet/split_1/replicate_1"


@pytest.fixture(scope="module")
def slurm():
    """Environment of a SLURM that runs as long as the tests of this file."""
    if missing := missing_programs():
        message = f"SLURM is not installed: no {', '.join(missing)}"
        if os.environ.get("PAINTASSAY_REQUIRE_SLURM"):
            pytest.fail(message)
        pytest.skip(message)
    with slurm_node(cpus=4) as environment:
        # As for the other tests, and the same for both runs that are compared.
        yield environment | {"OMP_NUM_THREADS": "1"}


def site_profile(folder, **set_resources):
    """A copy of the profile with what a site sets, here a small one without accounting."""
    profile = yaml.safe_load((ROOT / "profiles" / "slurm" / "profile.yaml").read_text())
    profile |= {
        "slurm-status-command": "squeue",
        "slurm-init-seconds-before-status-checks": 2,
        "max-threads": 2,
        "latency-wait": 10,
    }
    for rule, resources in set_resources.items():
        profile["set-resources"].setdefault(rule, {}).update(resources)
    (folder / "site").mkdir()
    (folder / "site" / "profile.yaml").write_text(yaml.safe_dump(profile))
    return folder / "site"


def start_on_slurm(folder, environment, config, profile):
    """Start the whole workflow in `folder` on SLURM; what it says goes to a file there."""
    (folder / "my.yaml").write_text(yaml.safe_dump(config))
    # It ends with the tests, even if they are killed.
    command = ["setpriv", "--pdeathsig=TERM", sys.executable, "-m", "snakemake"]
    command += ["--snakefile", ROOT / "Snakefile", "--directory", folder]
    command += ["--configfile", folder / "my.yaml", "--profile", profile]
    with (folder / "run.log").open("w") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, env=environment)


def slurm_jobs(environment, comment):
    """SLURM jobs of a rule, or of a group and its rules: dicts of what scontrol says."""
    jobs = ask(environment, "scontrol", "--oneliner", "show", "jobs").splitlines()
    jobs = [dict(re.findall(r"(\S+?)=(\S+)", job)) for job in jobs]
    return [job for job in jobs if re.fullmatch(comment, job.get("Comment", ""))]


def requeue_when_training(folder, environment, process):
    """Requeue the job that trains GapNet once it is in its first epoch."""
    log = folder / "results" / "demo" / "logs" / "train_model" / f"{GAPNET}.log"
    while process.poll() is None:
        if log.exists() and "epoch 1 of 4: " in log.read_text():
            [job] = slurm_jobs(environment, "rule_train_model_wildcards_gapnet.*")
            ask(environment, "scontrol", "requeue", job["JobId"])
            return
        time.sleep(0.1)


@pytest.fixture(scope="module")
def runs(slurm, tmp_path_factory):
    """Folders of two runs, one on SLURM with two disturbances, and one on this machine."""
    cluster, local = (tmp_path_factory.mktemp(name) for name in ("cluster", "local"))
    profile = site_profile(
        cluster,
        # Of more than 400 MB that the job needs, the first attempt gets too little.
        describe_models={"mem_mb": "300 * attempt"},
        # SLURM gives the job a GPU that nobody uses.
        train_model={"gpu": 1, "gpu_model": GPU_MODEL},
    )
    process = start_on_slurm(cluster, slurm, CONFIG, profile)
    try:
        watch = threading.Thread(target=requeue_when_training, args=(cluster, slurm, process))
        watch.start()
        run = snakemake(local, CONFIG, "predictions", timeout=900)
        assert run.returncode == 0, run.stderr[-6000:]
        process.wait(timeout=1200)
        watch.join()
    finally:
        process.terminate()
        process.wait()
    assert process.returncode == 0, (cluster / "run.log").read_text()[-6000:]
    return cluster / "results" / "demo", local / "results" / "demo"


def test_results_are_those_of_a_local_run(runs):
    cluster, local = runs
    patterns = [
        "labels/label_matrix.*",
        "images/shards/*.npy",
        "dataset/*.parquet",
        "training/**/weights.safetensors",
        "predictions/**/*.parquet",
    ]
    for pattern in patterns:
        names = sorted(path.relative_to(local) for path in local.glob(pattern))
        assert len(names) >= 2, pattern
        for name in names:
            assert (cluster / name).read_bytes() == (local / name).read_bytes(), name
    assert (cluster / "report" / "index.html").stat().st_size > 100_000


def test_a_job_over_its_memory_is_tried_again_with_more(runs, slurm):
    jobs = slurm_jobs(slurm, "rule_describe_models")
    first, second = sorted(jobs, key=lambda job: int(job["JobId"]))
    assert (first["MinMemoryNode"], first["JobState"]) == ("300M", "FAILED")
    assert (second["MinMemoryNode"], second["JobState"]) == ("600M", "COMPLETED")
    folder = runs[0].parents[1] / ".snakemake" / "slurm_logs" / "rule_describe_models"
    assert "exceeded memory limit" in (folder / f"{first['JobId']}.log").read_text()


def test_a_requeued_training_goes_on(runs, slurm):
    [job] = slurm_jobs(slurm, "rule_train_model_wildcards_gapnet.*")
    assert (job["Restarts"], job["JobState"]) == ("1", "COMPLETED")
    log = (runs[0] / "logs" / "train_model" / f"{GAPNET}.log").read_text()
    [(epochs, steps)] = re.findall(r"going on after (\d+) epochs and (\d+) steps", log)
    assert int(epochs) * 8 + int(steps) > 0
    # The weights are those of a training that nothing disturbed.
    weights = [folder / "training" / GAPNET / "weights.safetensors" for folder in runs]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def test_small_jobs_share_a_slurm_job(runs, slurm):
    rules = ["convert_plate", "index_plate", "read_cells"]
    plates = slurm_jobs(slurm, "_".join(["rule_plate", *rules]))
    assert len(plates) == 2
    assert {job["JobState"] for job in plates} == {"COMPLETED"}
    assert len(slurm_jobs(slurm, "rule_labels_.*")) == 1
    # Of 39 jobs.
    assert len(slurm_jobs(slurm, ".*")) < 25


def test_training_alone_asks_for_a_gpu(runs, slurm):
    asked = {job["Comment"]: job.get("TresPerJob") for job in slurm_jobs(slurm, ".*")}
    with_gpu = {comment for comment, gpus in asked.items() if gpus == f"gres:gpu:{GPU_MODEL}:1"}
    assert with_gpu == {comment for comment, gpus in asked.items() if gpus}
    assert with_gpu == {f"rule_train_model_wildcards_{model}_1_1" for model in ("gapnet", "fnn")}


def test_the_full_demo(slurm, tmp_path):
    process = start_on_slurm(tmp_path, slurm, DEMO, site_profile(tmp_path))
    try:
        process.wait(timeout=3600)
    finally:
        process.terminate()
        process.wait()
    assert process.returncode == 0, (tmp_path / "run.log").read_text()[-6000:]
    assert (tmp_path / "results" / "demo" / "report" / "index.html").stat().st_size > 100_000
