# What all rules share: the checked configuration, the results folder, the code digest.

import os
import sys
from pathlib import Path

import yaml
from snakemake.exceptions import WorkflowError

ROOT = Path(workflow.basedir)
SCRIPTS = ROOT / "workflow" / "scripts"
# Relative, so that a project that moves does not rerun.
RESOURCES = Path(os.path.relpath(ROOT / "workflow" / "resources"))
sys.path.insert(0, str(SCRIPTS))

from paintassay.chembl_release import release_name
from paintassay.code_digest import code_digest
from paintassay.config import check_config
from paintassay.errors import InputError

try:
    check_config(config, yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text()))
except InputError as error:
    raise WorkflowError(str(error)) from None

RESULTS = config["results"].rstrip("/")


def code(rule_name):
    """Digest of the code that a rule's script reaches; as a param it reruns the rule."""
    return code_digest(SCRIPTS / f"{rule_name}.py", SCRIPTS / "paintassay")
