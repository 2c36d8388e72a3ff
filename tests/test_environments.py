"""Rules and their conda environments, read rather than built: conda is not always at hand."""

import ast
import re
import sys

import pytest
import yaml
from conftest import ROOT

SCRIPTS = ROOT / "workflow" / "scripts"
RULE = re.compile(
    r"^ *(?:rule|checkpoint) (\w+):\n(.*?)(?=^ *(?:rule|checkpoint) |^if |\Z)", re.M | re.S
)
RULES = {
    name: body
    for path in sorted((ROOT / "workflow" / "rules").glob("*.smk"))
    for name, body in RULE.findall(path.read_text())
    if "script:" in body
}

# Name in a script: name on conda-forge, name in the lock.
NAMES = yaml.safe_load((ROOT / "tests" / "packages.yaml").read_text())
PACKAGES = {name: (each["conda"], each["pip"]) for name, each in NAMES.items()}
# What a package loads by itself: when it meets s3:// or a compressed TIFF, or to write events.
LOADED_BY = {
    "fsspec": ["s3fs"],
    "tifffile": ["imagecodecs"],
    "torch.utils.tensorboard": ["tensorboard"],
}
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
            if module == "paintassay.models":
                # Found by their names.
                for local in place.glob("*.py"):
                    names |= imported(local, seen)
            names |= {module.split(".")[0], *LOADED_BY.get(module, [])}
    return names - set(sys.stdlib_module_names) - {"paintassay"}


def test_rules_are_found():
    scripts = {path.stem for path in SCRIPTS.glob("*.py")}
    assert set(RULES) == scripts


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_names_all_it_needs(rule):
    body = RULES[rule]
    for directive in ("log", "benchmark", "conda", "resources", "params", "script"):
        assert re.search(rf"^ +{directive}:", body, re.M), directive
    # Rule, script, log, benchmark and digest go by one name.
    assert f'"../scripts/{rule}.py"' in body
    assert f'code=code("{rule}")' in body
    wildcards = r"(/{{(chunk|plate|method|table)}}|/{NETWORK}|/{{model}}/split_{{split}})?"
    assert re.search(rf"/logs/{rule}" + wildcards + r"\.log", body)
    assert re.search(rf"/benchmarks/{rule}" + wildcards + r"\.tsv", body)


@pytest.mark.parametrize("rule", RULES)
def test_environment_has_what_the_script_imports(rule):
    name = re.search(r'"\.\./\.\./(envs/\w+\.yaml)"', RULES[rule])[1]
    _, packages = environment(ROOT / name)
    needed = {PACKAGES[each][0] for each in imported(SCRIPTS / f"{rule}.py", set())}
    assert needed <= set(packages)


@pytest.mark.parametrize("path", sorted((ROOT / "envs").glob("*.yaml")), ids=lambda path: path.stem)
def test_environments_are_conda_forge_in_locked_versions(path):
    channels, packages = environment(path)
    assert channels == ["conda-forge", "nodefaults"]
    used = f"../../envs/{path.name}"
    needed = set()
    for rule, body in RULES.items():
        if used in body:
            needed |= {PACKAGES[each][0] for each in imported(SCRIPTS / f"{rule}.py", set())}
    # Nothing is left out, and nothing is there for nobody.
    assert set(packages) == needed | {"python"}
    for _, (conda, pip) in PACKAGES.items():
        if conda in packages:
            # RDKit's release 2026.9.1 is 2026.09.1 on conda-forge.
            assert re.sub(r"\.0(\d)", r".\1", packages[conda]) == LOCKED[pip]
