"""Rules and their conda environments, which are read and not built: conda is not always at hand."""

import ast
import re
import sys

import pytest
import yaml
from conftest import ROOT, SCRIPTS

from paintassay.plan.code_digest import code_digest

SCRIPT_NAMES = sorted(path.stem for path in SCRIPTS.glob("*.py"))

# Name in a script: name on conda-forge, name in the lock.
NAMES = yaml.safe_load((ROOT / "tests" / "packages.yaml").read_text())
PACKAGES = {name: (of["conda"], of["pip"]) for name, of in NAMES.items()}
# What a package loads by itself: when it meets s3:// or a compressed TIFF, or to write events.
LOADED_BY = {
    "fsspec": ["s3fs"],
    "tifffile": ["imagecodecs"],
    "torch.utils.tensorboard": ["tensorboard"],
}
# What imports a model's file by the name of the model.
BY_NAME = [f"paintassay.models._registry.{name}" for name in ("build_model", "model_module")]
LOCKED = dict(
    line.split("==")
    for line in (ROOT / "requirements.txt").read_text().splitlines()
    if re.match(r"[\w.-]+==", line)
)


def environment(path):
    """Channels, and version by package, of a conda environment file."""
    content = yaml.safe_load(path.read_text())
    pairs = [dependency.split() for dependency in content["dependencies"]]
    return content["channels"], {name: version.lstrip("=") for name, version in pairs}


def imported(path, seen):
    """Top-level names of the packages that a script and the local modules it imports need."""
    if path in seen:
        return set()
    seen.add(path)
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for module in modules:
            place = SCRIPTS / module.replace(".", "/")
            for local in (place.with_suffix(".py"), place / "__init__.py"):
                if local.is_file():
                    names |= imported(local, seen)
            if module in BY_NAME:
                for local in (SCRIPTS / "paintassay" / "models").glob("*.py"):
                    names |= imported(local, seen)
            names |= {module.split(".")[0], *LOADED_BY.get(module, [])}
    return names - set(sys.stdlib_module_names) - {"paintassay"}


def test_rules_and_scripts_are_the_same(rules):
    assert sorted(name for name, rule in rules.items() if rule["script"]) == SCRIPT_NAMES


@pytest.mark.parametrize("name", SCRIPT_NAMES)
def test_every_rule_names_all_it_needs(rules, name):
    """Rule, script, log, benchmark and digest go by one name."""
    rule = rules[name]
    assert rule["docstring"]
    assert rule["script"] == f"../scripts/{name}.py"
    assert rule["environment"].startswith("../../envs/")
    assert {"mem_mb", "runtime"} <= set(rule["resources"])
    digest = code_digest(SCRIPTS / f"{name}.py", SCRIPTS / "paintassay")
    assert rule["params"]["code"].split()[0] == digest
    # A job has a log of its own, and a benchmark beside it.
    [log] = rule["log"]
    wildcards = re.fullmatch(rf"results/logs/{name}(/.+)?\.log", log)[1] or ""
    assert rule["benchmark"] == f"results/benchmarks/{name}{wildcards}.tsv"
    assert set(re.findall(r"{(\w+)", log)) == set(re.findall(r"{(\w+)", rule["output"][0]))


@pytest.mark.parametrize("name", SCRIPT_NAMES)
def test_environment_has_what_the_script_imports(rules, name):
    _, packages = environment(SCRIPTS.parent / "rules" / rules[name]["environment"])
    needed = {PACKAGES[package][0] for package in imported(SCRIPTS / f"{name}.py", set())}
    assert needed <= set(packages)


@pytest.mark.parametrize("path", sorted((ROOT / "envs").glob("*.yaml")), ids=lambda path: path.stem)
def test_environments_are_conda_forge_in_locked_versions(rules, path):
    channels, packages = environment(path)
    assert channels == ["conda-forge", "nodefaults"]
    needed = set()
    for name, rule in rules.items():
        if rule["environment"] == f"../../envs/{path.name}":
            imports = imported(SCRIPTS / f"{name}.py", set())
            needed |= {PACKAGES[package][0] for package in imports}
    # Nothing is left out, and nothing is there for nobody.
    assert set(packages) == needed | {"python"}
    for _, (conda, pip) in PACKAGES.items():
        if conda in packages:
            # RDKit's release 2026.9.1 is 2026.09.1 on conda-forge.
            assert re.sub(r"\.0(\d)", r".\1", packages[conda]) == LOCKED[pip]
