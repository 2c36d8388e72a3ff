"""What jobs ask for, and the profiles that hand it to an executor."""

import re

import pytest
import yaml
from conftest import QUICK_DEMO, ROOT, snakemake
from snakemake.cli import get_argument_parser, parse_args
from test_environments import RULES

PROFILES = {
    path.parent.name: yaml.safe_load(path.read_text())
    for path in sorted((ROOT / "profiles").glob("*/profile.yaml"))
}
SLURM = PROFILES["slurm"]
CLOUDS = ["aws-batch", "google-batch", "kubernetes"]
# Resources that the SLURM plugin hands to sbatch.
SLURM_RESOURCES = {"slurm_partition", "slurm_account", "slurm_extra", "gpu_model"}


@pytest.mark.parametrize("rule", RULES)
def test_every_job_asks_for_memory_and_time(rule):
    resources = re.search(r"^ +resources:\n(.*?)^ +params:", RULES[rule], re.M | re.S)[1]
    for name in ("mem_mb", "runtime"):
        assert re.search(rf"^ +{name}=", resources, re.M), name


def planned_resources(run):
    """Resources by rule of a dry run; a rule with several jobs has those of the last."""
    assert run.returncode == 0, run.stderr[-3000:]
    jobs = re.findall(
        r"^(?:rule|checkpoint) (\w+):\n(?:    .*\n)*?    resources: (.*)", run.stdout, re.M
    )
    return {rule: dict(re.findall(r"(\w+)=(\d+)", resources)) for rule, resources in jobs}


@pytest.fixture(scope="module")
def plans(tmp_path_factory):
    """Resources by rule of a first and of a second attempt."""
    folder = tmp_path_factory.mktemp("plans")
    runs = [snakemake(folder, QUICK_DEMO, "--dry-run", "--attempt", str(n)) for n in (1, 2)]
    return [planned_resources(run) for run in runs]


def test_another_attempt_has_more_memory(plans):
    first, second = plans
    once = {"list_plates", "read_wells", "all"}
    assert len(first) > 20
    for rule in set(first) - once:
        assert int(second[rule]["mem_mb"]) == 2 * int(first[rule]["mem_mb"]), rule


def test_a_training_goes_on_and_needs_no_more_time(plans):
    first, second = plans
    assert second["train_model"]["runtime"] == first["train_model"]["runtime"] == "2880"
    assert int(second["predict_views"]["runtime"]) == 2 * int(first["predict_views"]["runtime"])


def test_memory_follows_threads_and_inputs(tmp_path):
    config = {"compounds": {"table": "library.csv"}, "chembl": {"sqlite": "none.db"}}
    library = tmp_path / "library.csv"
    for size, threads in ((0, 2), (100_000_000, 2), (100_000_000, 1)):
        with library.open("wb") as file:
            file.truncate(size)
        run = snakemake(
            tmp_path, config, "results/compounds/compounds.parquet", "-n", "--cores", str(threads)
        )
        asked = planned_resources(run)["build_compounds"]
        assert int(asked["mem_mb"]) == 1000 + 200 * threads + 5 * size // 1_000_000


# Profiles


@pytest.mark.parametrize("name", PROFILES)
def test_profile_names_only_options_that_there_are(name):
    options = {
        string.removeprefix("--")
        for action in get_argument_parser()._actions
        for string in action.option_strings
    }
    # Plugins of clouds are not installed; their options start with their name.
    own = f"{PROFILES[name]['executor']}-" if name in CLOUDS else None
    for key in PROFILES[name]:
        assert key in options or (own and key.startswith(own)), key


def test_slurm_profile_names_only_rules_and_resources_that_there_are():
    for key in ("groups", "set-threads", "set-resources"):
        assert set(SLURM[key]) <= set(RULES), key
    for resources in SLURM["set-resources"].values():
        assert set(resources) <= SLURM_RESOURCES


def test_site_values_of_the_slurm_profile_are_right_once_they_are_no_comments():
    text = (ROOT / "profiles" / "slurm" / "profile.yaml").read_text()
    site = yaml.safe_load(re.sub(r"^( *)# ( *[a-z][\w-]*:( .*)?)$", r"\1\2", text, flags=re.M))
    assert site["slurm-status-command"] == "squeue"
    # With a model every job that has it gets a GPU.
    assert set(site["default-resources"]) == {"slurm_partition", "slurm_account"}
    on_gpus = {"slurm_partition", "gpu_model"}
    assert set(site["set-resources"]["train_model"]) == {"slurm_extra", *on_gpus}
    assert set(site["set-resources"]["predict_views"]) == on_gpus


def test_default_profile_holds_beside_that_of_slurm():
    # Where both have a key the default's wins, so there must be none.
    assert not set(SLURM) & set(PROFILES["default"])
    arguments = ["--snakefile", str(ROOT / "Snakefile"), "--profile", str(ROOT / "profiles/slurm")]
    _, both = parse_args(arguments)
    _, default = parse_args(arguments[:2])
    assert both.executor == "slurm" and default.executor is None
    assert both.retries == 2 and default.retries == 0
    assert both.rerun_triggers == default.rerun_triggers
    assert {str(each) for each in both.rerun_triggers} == set(PROFILES["default"]["rerun-triggers"])
    assert both.rerun_incomplete and both.show_failed_logs
    assert both.resources == default.resources


def test_long_jobs_and_those_that_read_users_tables_are_in_no_group():
    alone = {"train_model", "predict_views", "list_plates", "build_compounds", "read_wells"}
    assert not alone & set(SLURM["groups"])


def test_rules_that_wait_for_the_list_of_plates_are_in_no_group():
    """Snakemake replaces their jobs once the list is there, and loses their group."""
    waiting = {rule for rule, body in RULES.items() if "of_all_plates(" in body}
    assert {"collect_views", "read_profiles", "check_shards"} <= waiting
    assert not waiting & set(SLURM["groups"])


@pytest.mark.parametrize("name", CLOUDS)
def test_clouds_are_marked_as_not_tested(name):
    first = (ROOT / "profiles" / name / "profile.yaml").read_text().splitlines()[0]
    assert first.startswith("# NOT TESTED.")
    assert PROFILES[name]["default-storage-provider"] in ("s3", "gcs")
    assert f"profiles/{name}" in (ROOT / "docs" / "cluster.md").read_text()
