# What all rules share: the checked configuration, digests of their code, what their jobs ask for, and
# the record of a run.

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import yaml
from snakemake.exceptions import WorkflowError

# The folder workflow, wherever the project lies.
WORKFLOW = Path(workflow.current_basedir.get_path_or_uri(secret_free=False)).parent
SCRIPTS = WORKFLOW / "scripts"
# Files of the workflow itself. They never enter a rule by their path, but as `code` says.
RESOURCES = WORKFLOW / "resources"
PAGE = WORKFLOW / "report" / "page"
sys.path.insert(0, str(SCRIPTS))

from paintassay.core.errors import InputError
from paintassay.core.files import sha256
from paintassay.core.secrets import mask_all
from paintassay.plan.code_digest import code_digest
from paintassay.plan.config import check_config
from paintassay.plan.config_texts import check_config_arguments, check_config_files
from paintassay.plan.record import write_run_record
from paintassay.plan.results import check_settings, lock_results, remember_settings

try:
    if workflow.is_main_process:
        # Snakemake has read them, and would not say that a key stands twice.
        check_config_files(workflow.configfiles)
        check_config_arguments(workflow.config_settings.config_args or [])
    # Also in a job's process, as this turns texts into the values that they stand for.
    check_config(config, yaml.safe_load((WORKFLOW / "schemas/config.schema.yaml").read_text()))
except InputError as error:
    raise WorkflowError(str(error)) from None

RESULTS = config["results"].rstrip("/")
CODE = {}


pathvars:
    results=RESULTS,
    logs=f"{RESULTS}/logs",
    benchmarks=f"{RESULTS}/benchmarks",


def code(rule_name, *files):
    """Digest of the code that a rule's script reaches, and of the workflow's own files that it reads.

    As a param it reruns the rule when their content changes, and not when the project moves.
    """
    digests = [code_digest(SCRIPTS / f"{rule_name}.py", SCRIPTS / "paintassay")]
    CODE[rule_name] = " ".join([*digests, *(sha256(path)[:16] for path in files)])
    return CODE[rule_name]


def not_compared(**values):
    """Params that decide how a job computes, and not what: other values rerun nothing.

    Addresses with passwords or tokens come to a job in this way, too, as Snakemake writes down the
    other params.

    Snakemake compares params of Python's own types alone; a namespace is none of them.
    """
    return SimpleNamespace(**values)


def memory(fixed, per_thread=0, **times):
    """Memory of a job in MB, as a resource: more with its threads and inputs, and at each attempt.

    `fixed` has room for Snakemake itself, which takes 400 MB on a node of a cluster. `times` are
    inputs by name, and how many times the size of their files a job needs. Files that are not there
    yet count nothing: in a plan, and within a group of jobs.
    """

    def mem_mb(wildcards, input, threads, attempt):
        paths = [(path, factor) for name, factor in times.items() for path in files_of(input, name)]
        sizes = sum(factor * os.path.getsize(path) for path, factor in paths)
        return int((fixed + per_thread * threads + sizes / 1e6) * attempt)

    return mem_mb


def files_of(input, name):
    """Those files of an input that exist; it may be missing, one path or several."""
    paths = input.get(name, [])
    return filter(os.path.isfile, [paths] if isinstance(paths, str) else paths)


def minutes(fixed):
    """Time of a job, as a resource: more at each attempt, where a job starts from the beginning."""
    return lambda wildcards, attempt: fixed * attempt


# Once a run: later, jobs have left results whose records Snakemake is about to write.
GUARDED = []


def guarded(path):
    """An input with which the work begins: the results folder is looked at first.

    Snakemake asks for inputs also where nothing is to be done, and only then says whether this is a
    dry run, which locks nothing.
    """

    def files(wildcards):
        guard_results()
        return path

    return files


def guard_results():
    """Lock the results folder, and refuse one that other settings have made."""
    if GUARDED or not workflow.is_main_process or workflow.executor_plugin is None:
        return
    GUARDED.append(RESULTS)
    try:
        if not workflow.dryrun and workflow.execution_settings.lock:
            lock_results(RESULTS)
        # Then everything is made anew, or accepted as it is.
        if not (workflow.touch or workflow.dag_settings.forceall and makes_all()):
            check_settings(RESULTS, config, has_record)
    except InputError as error:
        # Within an input function, an exception would be told with all of Snakemake's own words.
        sys.exit(f"Error: {error}")


def makes_all():
    """Whether this run makes everything, and not some target."""
    settings = workflow.dag_settings
    return set(map(str, settings.targets)) <= {"all"} and not (settings.until or settings.omit_from)


def outside_inputs():
    """Files and folders that this run reads, and that are not its results."""
    outputs = {str(path) for job in workflow.dag.jobs for path in job.output}
    inputs = {str(path) for job in workflow.dag.jobs for path in job.input}
    return [path for path in inputs - outputs if not path.startswith(f"{RESULTS}/")]


def remember_run(complete):
    """Note in the results folder with which settings it is made."""
    if workflow.is_main_process:
        guard_results()
        try:
            remember_settings(RESULTS, config, outside_inputs(), complete)
        except (OSError, InputError) as error:
            # Where nothing can be written, the jobs say so.
            print(f"The settings of this run could not be noted: {error}", file=sys.stderr)


def record_run(outcome):
    """Leave the record of this run beside its results."""
    plan = {
        "config": config,
        "code": CODE | {f"models.{name}": digest for name, digest in MODEL_CODE.items()},
        "environments": {
            path.stem: yaml.safe_load(path.read_text())["dependencies"]
            for path in sorted((WORKFLOW.parent / "envs").glob("*.yaml"))
        },
        "deployment": sorted(
            method.name.lower() for method in workflow.deployment_settings.deployment_method
        ),
    }
    try:
        write_run_record(f"{RESULTS}/provenance.json", outcome, outside_inputs(), plan)
    except (OSError, InputError) as error:
        # A full disk has failed the run already; that is the error to be read.
        print(f"The record of this run could not be written: {error}", file=sys.stderr)
