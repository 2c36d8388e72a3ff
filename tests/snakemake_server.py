"""Snakemake as a server: imported once, and each of its runs is a fork.

`python snakemake_server.py` reads pickled requests from its standard input and answers on its
standard output. Half of what a plan costs are imports, which a fork has from the start; and
nothing that a run changes in Snakemake, in the library or in the environment reaches another.
"""

import atexit
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from functools import cache
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

ROOT = Path(__file__).parents[1]
SCRIPTS = ROOT / "workflow" / "scripts"
# What Snakemake loads only once it runs.
LATER = ["boto3", "fastjsonschema", "jsonschema", "nbformat", "requests", "smart_open", "yaml"]


class Run(SimpleNamespace):
    """What came of a run: returncode, stdout and stderr; of a dry run also its jobs and rules.

    A job is a dictionary (`planned_job`), and so is a rule (`described_rule`), by its name.
    """

    def count(self):
        """How many jobs each rule has."""
        counts = {}
        for job in self.jobs:
            counts[job["rule"]] = counts.get(job["rule"], 0) + 1
        return counts

    def scripted(self):
        """Names of the rules that have jobs with a script: all but the targets."""
        return {job["rule"] for job in self.jobs if job["script"]}

    def of(self, rule):
        """Jobs of a rule."""
        return [job for job in self.jobs if job["rule"] == rule]


# In the process of the tests


class Server:
    """A process that runs Snakemake whenever it is asked to."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        # Threads of a test may run workflows, one after the other.
        self.lock = threading.Lock()

    def run(self, arguments, timeout):
        """Run Snakemake with arguments of its command line, here and in this environment."""
        request = {
            "arguments": [str(argument) for argument in arguments],
            "folder": str(Path.cwd()),
            "environment": dict(os.environ),
            "timeout": timeout,
        }
        with self.lock:
            pickle.dump(request, self.process.stdin)
            self.process.stdin.flush()
            answer = pickle.load(self.process.stdout)
        if answer["returncode"] is None:
            raise subprocess.TimeoutExpired(
                request["arguments"], timeout, answer["stdout"], answer["stderr"]
            )
        return Run(**answer)

    def stop(self):
        # It ends when its input does.
        self.process.stdin.close()
        self.process.wait()


@cache
def server():
    """The server of these tests, started when it is first needed."""
    started = Server()
    atexit.register(started.stop)
    return started


# In the process of the server


def serve():
    from snakemake import cli

    for name in LATER:
        import_module(name)
    cli.get_argument_parser()
    read_own_code()
    while True:
        try:
            request = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        # No context manager: a child would leave it too.
        folder = Path(tempfile.mkdtemp())
        child = os.fork()
        if child == 0:
            run_snakemake(request, folder)
        answer = {
            "returncode": wait(child, request["timeout"]),
            "stdout": (folder / "stdout").read_text(),
            "stderr": (folder / "stderr").read_text(),
        }
        if (folder / "plan").is_file():
            answer |= pickle.loads((folder / "plan").read_bytes())
        shutil.rmtree(folder)
        pickle.dump(answer, sys.stdout.buffer)
        sys.stdout.flush()


def read_own_code():
    """Take this project's code apart for its digests, which each plan asks for."""
    sys.path.insert(0, str(SCRIPTS))
    from paintassay.plan.code_digest import code_digest

    for script in SCRIPTS.glob("*.py"):
        code_digest(script, SCRIPTS / "paintassay")
    # The workflow puts it there itself.
    sys.path.remove(str(SCRIPTS))


def forget_own_code():
    """Let the workflow of another folder import the library that lies beside it."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "paintassay"]:
        del sys.modules[name]


def wait(child, timeout):
    """Exit status of a child; None where it took longer and was stopped."""
    deadline = time.monotonic() + timeout
    pause = 0.01
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(pause)
        pause = min(0.1, 1.2 * pause)
    os.kill(child, signal.SIGTERM)
    os.waitpid(child, 0)
    return None


def run_snakemake(request, folder):
    """Be Snakemake, with its output and its plan in files of a folder; never returns."""
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    # Made out anew from the environment.
    tempfile.tempdir = None
    sys.argv = ["snakemake", *request["arguments"]]
    if str(ROOT / "Snakefile") not in sys.argv:
        forget_own_code()

    from snakemake import api, cli

    workflows = []
    get_workflow = api.WorkflowApi._get_workflow

    def get_and_keep(self, **keys):
        workflows.append(get_workflow(self, **keys))
        return workflows[-1]

    api.WorkflowApi._get_workflow = get_and_keep
    try:
        cli.main(sys.argv[1:])
    except SystemExit as end:
        if workflows and "--dry-run" in sys.argv and not end.code:
            workflow = workflows[-1]
            plan = {
                "jobs": planned_jobs(workflow.dag) if workflow._dag else [],
                "rules": {rule.name: described_rule(rule) for rule in workflow.rules},
            }
            (folder / "plan").write_bytes(pickle.dumps(plan))
            sys.stdout.flush()
            sys.stderr.flush()
            # A plan leaves nothing to do for an interpreter that is taken down, in a second.
            os._exit(0)
        raise


def planned_jobs(dag):
    """Describe all jobs that are to run; an order of them is not given."""
    return [planned_job(job, dag) for job in dag.needrun_jobs(exclude_finished=False)]


def planned_job(job, dag):
    reason = str(dag.reason(job))
    # A dry run has "finished" its jobs.
    reason = re.sub(r"^Finished \(was: (.*)\)$", r"\1", reason, flags=re.S)
    return {
        "rule": job.rule.name,
        "reason": reason,
        "script": job.rule.script,
        "checkpoint": job.rule.is_checkpoint,
        "threads": job.threads,
        "resources": dict(job.resources.items()),
        "wildcards": dict(job.wildcards_dict),
        "params": dict(job.params.items()),
        **{name: with_names(getattr(job, name)) for name in ("input", "output", "log")},
    }


def with_names(files):
    """Paths, and where those of each name begin and end."""
    return {"paths": [str(path) for path in files], "names": dict(files._get_names())}


def described_rule(rule):
    """Describe a rule; what follows from the wildcards of a job is there as None."""
    return {
        "file": Path(str(rule.snakefile)).name,
        "docstring": rule.docstring,
        "script": rule.script,
        "environment": rule.conda_env,
        "log": [str(path) for path in rule.log],
        "benchmark": rule.benchmark and str(rule.benchmark),
        "output": [str(path) for path in rule.output],
        "resources": sorted(rule.resources.keys()),
        "params": {name: None if callable(value) else value for name, value in rule.params.items()},
    }


if __name__ == "__main__":
    serve()
