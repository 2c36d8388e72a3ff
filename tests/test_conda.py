"""The workflow with an environment for each stage, through a stand-in for conda.

The stand-in (stand_in/bin/conda) makes a virtual environment of what an environment file names.
So these tests show that every rule finds in its environment what it imports, and that Snakemake
makes, activates and keeps the environments. They do not show what conda-forge has.

What installs packages takes minutes and an index of packages: `pytest -m long` does it. There
Snakemake runs in an environment of its own, with nothing beside it: it appends its own packages
to the search path of a script, so that what an environment lacks would be found there.
"""

import os
import re
import shutil
import subprocess
import sys

import pytest
import yaml
from conftest import DEMO, QUICK_DEMO, ROOT, SCRIPTS, copy_workflow, snakemake
from faults import differences
from test_environments import LOCKED, imported

STAND_IN = ROOT / "tests" / "stand_in" / "bin"
LABELS = ["chembl", "compounds", "demo", "labels"]  # the environments of the target labels
OTHERS = ["dataset", "images", "predictions", "report", "statistics", "training"]
PYTHON = "python ={}.{}".format(*sys.version_info)  # the stand-in has no other
CREATION = r"env create --quiet --no-default-packages --file {0}\.yaml --prefix {0}"


class CondaUser:
    """Someone who has conda, and Snakemake in an environment of its own."""

    def __init__(self, folder):
        self.python = folder / "host" / "bin" / "python"
        self.environments = folder / "environments"
        self._calls = folder / "calls"
        subprocess.run([sys.executable, "-m", "venv", folder / "host"], check=True)
        pip = [self.python, "-m", "pip", "install", "--quiet", "--no-compile"]
        pip += ["--constraint", ROOT / "requirements.txt", f"snakemake=={LOCKED['snakemake']}"]
        subprocess.run(pip, check=True)
        path = [STAND_IN, self.python.parent, os.environ["PATH"]]
        self.variables = {
            **os.environ,
            "PATH": os.pathsep.join(map(str, path)),
            "STAND_IN_CONDA_CALLS": str(self._calls),
        }

    def snakemake(self, folder, config, *arguments, root=ROOT, timeout=600):
        """Run the workflow in `folder`; return the run and the calls of conda."""
        folder.mkdir(exist_ok=True)
        config_file = folder / "my_config.yaml"
        config_file.write_text(yaml.safe_dump(config))
        self._calls.write_text("")
        command = [self.python, "-m", "snakemake", "--snakefile", root / "Snakefile"]
        command += ["--directory", folder, "--configfile", config_file, "--cores", "2"]
        command += [*arguments, "--conda-prefix", self.environments]
        run = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
            env=self.variables,
        )
        return run, self._calls.read_text().splitlines()

    def environment(self, stage):
        """Folder of the environment that was made for a stage."""
        text = (ROOT / "envs" / f"{stage}.yaml").read_text()
        copies = [path for path in self.environments.glob("*.yaml") if path.read_text() == text]
        assert len(copies) == 1, stage
        return copies[0].with_suffix("")


def conda(*arguments):
    """Call the stand-in as Snakemake does, with the interpreter that runs the tests."""
    command = [sys.executable, STAND_IN / "conda", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def creations(calls):
    """Environments that were made: the prefix of each, of calls that are as expected."""
    made = [re.search(r"--prefix (\S+)$", call)[1] for call in calls if " create " in call]
    other = ["info --json", "--version", "config --get channel_priority --json"]
    expected = [CREATION.format(re.escape(prefix)) for prefix in made]
    expected = [*map(re.escape, other), *expected, *["clean -y --tarballs"] * len(made)]
    for call in calls:
        assert any(re.fullmatch(pattern, call) for pattern in expected), call
    return made


@pytest.fixture(scope="session")
def conda_user(tmp_path_factory):
    if sys.version_info[:2] != (3, 11):
        pytest.skip("the environments are of Python 3.11")
    folder = tmp_path_factory.mktemp("conda")
    yield CondaUser(folder)
    # Gigabytes, which pytest would keep for three sessions.
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def labels_run(conda_user, tmp_path_factory):
    """A folder in which the target labels was made in environments, and the calls of conda."""
    folder = tmp_path_factory.mktemp("labels")
    run, calls = conda_user.snakemake(folder, QUICK_DEMO, "labels", "--use-conda")
    assert run.returncode == 0, run.stderr[-6000:]
    return folder, calls


# The stand-in


@pytest.mark.parametrize(
    "arguments",
    [
        ["install", "numpy"],
        ["info"],
        ["config", "--get", "channels", "--json"],
        ["env", "create", "--file", "a.yaml"],
        ["env", "create", "--file", "a.yaml", "--prefix", "a", "--dry-run"],
        ["clean", "-y", "--all"],
    ],
)
def test_stand_in_refuses_what_it_does_not_know(arguments):
    assert conda(*arguments).returncode == 2


@pytest.mark.parametrize(
    ("dependency", "message"),
    [
        ("python =3.1", f"asks for Python 3.1, but this is Python {PYTHON.partition('=')[2]}"),
        ("no_such_package =1.0", "no_such_package: is not in tests/packages.yaml"),
        ("numpy", "'numpy': is not a package and its version"),
        pytest.param("numpy =999.0", "numpy==999.0", marks=pytest.mark.long),
    ],
)
def test_stand_in_makes_no_other_environment(tmp_path, dependency, message):
    dependencies = [PYTHON] if "python" not in dependency else []
    file = tmp_path / "environment.yaml"
    file.write_text(yaml.safe_dump({"dependencies": [*dependencies, dependency]}))
    run = conda("env", "create", "--file", file, "--prefix", tmp_path / "environment")
    assert run.returncode != 0
    assert message in run.stderr


# Snakemake and the environments, without a package


@pytest.fixture
def calls(tmp_path, monkeypatch):
    """The file of the calls of the stand-in, which Snakemake takes for conda."""
    monkeypatch.setenv("PATH", os.pathsep.join([str(STAND_IN), os.environ["PATH"]]))
    monkeypatch.setenv("STAND_IN_CONDA_CALLS", str(tmp_path / "calls"))
    return tmp_path / "calls"


EMPTY = """
rule prefix:
    output:
        "prefix.txt",
    conda:
        "empty.yaml"
    shell:
        "python -c 'import sys; print(sys.prefix)' > {output}"
"""


def test_environment_is_made_once_and_active_in_its_job(calls, tmp_path):
    (tmp_path / "Snakefile").write_text(EMPTY)
    (tmp_path / "empty.yaml").write_text(yaml.safe_dump({"dependencies": [PYTHON]}))
    first = snakemake(tmp_path, {}, "--sdm", "conda", root=tmp_path)
    assert first.returncode == 0, first.stderr[-3000:]
    [made] = creations(calls.read_text().splitlines())
    assert made.startswith(str(tmp_path / ".snakemake" / "conda"))
    assert (tmp_path / "prefix.txt").read_text() == f"{made}\n"
    (tmp_path / "prefix.txt").unlink()
    calls.unlink()
    # The older option takes the same one.
    again = snakemake(tmp_path, {}, "--use-conda", root=tmp_path)
    assert again.returncode == 0, again.stderr[-3000:]
    assert creations(calls.read_text().splitlines()) == []
    assert (tmp_path / "prefix.txt").read_text() == f"{made}\n"


def test_the_demo_needs_every_environment(calls, tmp_path):
    listed = snakemake(tmp_path, DEMO, "--sdm", "conda", "--list-conda-envs")
    assert listed.returncode == 0, listed.stderr[-3000:]
    names = set(re.findall(r"^\S*/envs/(\w+)\.yaml\t", listed.stdout, re.M))
    assert names == {*LABELS, *OTHERS} == {path.stem for path in (ROOT / "envs").glob("*.yaml")}
    assert creations(calls.read_text().splitlines()) == []


# The target labels


@pytest.mark.long
def test_each_environment_is_made_once(conda_user, labels_run):
    _, calls = labels_run
    made = creations(calls)
    assert sorted(made) == sorted(str(conda_user.environment(stage)) for stage in LABELS)


@pytest.mark.long
def test_labels_are_those_of_a_run_without_conda(labels_run, tmp_path):
    folder, _ = labels_run
    run = snakemake(tmp_path, QUICK_DEMO, "labels")
    assert run.returncode == 0, run.stderr[-6000:]
    lines, compared = differences(folder / "results" / "demo", tmp_path / "results" / "demo")
    assert lines == []
    assert compared > 20


@pytest.mark.long
def test_the_newer_option_takes_the_same_environments(conda_user, labels_run):
    folder, _ = labels_run
    run, calls = conda_user.snakemake(folder, QUICK_DEMO, "labels", "--sdm", "conda")
    assert run.returncode == 0, run.stderr[-6000:]
    assert "Nothing to be done" in run.stderr
    assert creations(calls) == []
    forced = ["labels", "--forcerun", "summarise_labels", "--sdm", "conda"]
    run, calls = conda_user.snakemake(folder, QUICK_DEMO, *forced)
    assert run.returncode == 0, run.stderr[-6000:]
    activated = set(re.findall(r"Activating conda environment: \S*?(\w+)\n", run.stderr))
    assert activated == {conda_user.environment("labels").name}
    assert creations(calls) == []


@pytest.mark.long
def test_a_package_that_an_environment_lacks_fails_its_rule(conda_user, labels_run, tmp_path):
    """And a changed environment reruns its rules."""
    folder, _ = labels_run
    copy_workflow(tmp_path)
    file = tmp_path / "envs" / "labels.yaml"
    file.write_text(re.sub(r"  - scipy =.*\n", "", file.read_text()))
    run, calls = conda_user.snakemake(folder, QUICK_DEMO, "labels", "--use-conda", root=tmp_path)
    assert run.returncode != 0
    assert "ModuleNotFoundError: No module named 'scipy'" in run.stderr
    assert "Error in rule build_label_matrix" in run.stderr
    assert len(creations(calls)) == 1


@pytest.mark.long
@pytest.mark.parametrize("stage", [*LABELS, *OTHERS])
def test_environment_alone_has_what_its_rules_import(
    conda_user, labels_run, rules, tmp_path, stage
):
    if stage in OTHERS:
        run, _ = conda_user.snakemake(
            tmp_path, QUICK_DEMO, "--use-conda", "--conda-create-envs-only", timeout=1800
        )
        assert run.returncode == 0, run.stderr[-6000:]
    names = set()
    for name, rule in rules.items():
        if rule["environment"] == f"../../envs/{stage}.yaml":
            script = SCRIPTS / f"{name}.py"
            names |= imported(script, set())
            names |= set(re.findall(r"^from (paintassay[\w.]*) import", script.read_text(), re.M))
    assert len(names) > 2
    # Isolated: neither Snakemake's packages nor those of the tests are at hand.
    program = f"import sys; sys.path.append({str(SCRIPTS)!r}); import {', '.join(sorted(names))}"
    python = conda_user.environment(stage) / "bin" / "python"
    run = subprocess.run([python, "-I", "-c", program], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


# The whole workflow


@pytest.mark.long
@pytest.mark.parametrize("config", [QUICK_DEMO, DEMO], ids=["quick", "demo"])
def test_whole_workflow_gives_the_same_in_environments(conda_user, tmp_path, config):
    ours, theirs = tmp_path / "conda", tmp_path / "plain"
    run, _ = conda_user.snakemake(ours, config, "--use-conda", timeout=3600)
    assert run.returncode == 0, run.stderr[-6000:]
    activated = set(re.findall(r"Activating conda environment: \S*?(\w+)\n", run.stderr))
    assert activated == {conda_user.environment(stage).name for stage in LABELS + OTHERS}
    run, calls = conda_user.snakemake(ours, config, "--sdm", "conda")
    assert run.returncode == 0, run.stderr[-6000:]
    assert "Nothing to be done" in run.stderr
    assert creations(calls) == []

    theirs.mkdir()
    run = snakemake(theirs, config, timeout=3600)
    assert run.returncode == 0, run.stderr[-6000:]
    lines, compared = differences(ours / "results" / "demo", theirs / "results" / "demo")
    assert lines == []
    assert compared > 150
