"""What jobs ask for, and the profiles that hand it to an executor."""

import re

import pytest
import yaml
from conftest import QUICK_DEMO, ROOT, plan
from snakemake.cli import get_argument_parser, parse_args

PROFILES = {
    path.parent.name: yaml.safe_load(path.read_text())
    for path in sorted((ROOT / "profiles").glob("*/profile.yaml"))
}
SLURM = PROFILES["slurm"]
CLOUDS = ["aws-batch", "google-batch", "kubernetes"]
# Resources that the SLURM plugin hands to sbatch.
SLURM_RESOURCES = {"slurm_partition", "slurm_account", "slurm_extra", "gpu_model"}


@pytest.fixture(scope="module")
def attempts(tmp_path_factory):
    """Plans of a first and of a second attempt."""
    folder = tmp_path_factory.mktemp("attempts")
    return [plan(folder, QUICK_DEMO, "--attempt", str(number)) for number in (1, 2)]


@pytest.fixture(scope="module")
def pairs(attempts):
    """Resources of each job at a first and at a second attempt, as (rule, first, second)."""
    first, second = (
        {(job["rule"], str(job["wildcards"])): job["resources"] for job in planned.jobs}
        for planned in attempts
    )
    assert set(first) == set(second)
    return [(rule, first[rule, more], second[rule, more]) for rule, more in first]


def test_another_attempt_has_more_memory(pairs):
    once = {"list_plates", "read_wells", "all"}
    assert len({rule for rule, _, _ in pairs}) > 20
    for rule, first, second in pairs:
        if rule not in once:
            assert second["mem_mb"] == 2 * first["mem_mb"], rule


def test_a_training_goes_on_and_needs_no_more_time(pairs):
    runtimes = {
        rule: (first["runtime"], second["runtime"])
        for rule, first, second in pairs
        if rule in ("train_model", "predict_views")
    }
    assert runtimes == {"train_model": (2880, 2880), "predict_views": (480, 960)}


def test_memory_follows_threads_and_inputs(tmp_path):
    config = {"compounds": {"table": "library.csv"}, "chembl": {"sqlite": "none.db"}}
    library = tmp_path / "library.csv"
    for size, threads in ((0, 2), (100_000_000, 2), (100_000_000, 1)):
        with library.open("wb") as file:
            file.truncate(size)
        planned = plan(
            tmp_path, config, "results/compounds/compounds.parquet", "--cores", str(threads)
        )
        [job] = planned.of("build_compounds")
        assert job["threads"] == threads
        assert job["resources"]["mem_mb"] == 1000 + 200 * threads + 5 * size // 1_000_000


# Profiles


@pytest.mark.parametrize("name", PROFILES)
def test_profile_names_only_options_that_there_are(name):
    options = {
        string.removeprefix("--")
        for action in get_argument_parser()._actions
        for string in action.option_strings
    }
    # Plugins of clouds are not installed; their options start with their name.
    plugin = f"{PROFILES[name]['executor']}-" if name in CLOUDS else None
    for key in PROFILES[name]:
        assert key in options or (plugin and key.startswith(plugin)), key


def test_slurm_profile_names_only_rules_and_resources_that_there_are(rules):
    for key in ("groups", "set-threads", "set-resources"):
        assert set(SLURM[key]) <= set(rules), key
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
    triggers = {str(trigger) for trigger in both.rerun_triggers}
    assert triggers == set(PROFILES["default"]["rerun-triggers"])
    assert both.rerun_incomplete and both.show_failed_logs
    assert both.resources == default.resources


def test_long_jobs_and_those_that_read_users_tables_are_in_no_group():
    alone = {"train_model", "predict_views", "list_plates", "build_compounds", "read_wells"}
    assert not alone & set(SLURM["groups"])


def test_rules_that_wait_for_the_list_of_plates_are_in_no_group(attempts, tmp_path):
    """Snakemake replaces their jobs once the list is there, and loses their group."""
    verification = plan(tmp_path, QUICK_DEMO, "verify_shards")
    plates = "results/demo/images/plates.csv"
    waiting = {
        job["rule"]
        for job in [*attempts[0].jobs, *verification.jobs]
        if plates in job["input"]["paths"]
    }
    assert {"collect_views", "read_profiles", "check_shards"} <= waiting
    assert not waiting & set(SLURM["groups"])


@pytest.mark.parametrize("name", CLOUDS)
def test_clouds_are_marked_as_not_tested(name):
    first = (ROOT / "profiles" / name / "profile.yaml").read_text().splitlines()[0]
    assert first.startswith("# NOT TESTED.")
    assert PROFILES[name]["default-storage-provider"] in ("s3", "gcs")
    assert f"profiles/{name}" in (ROOT / "docs" / "cluster.md").read_text()
