"""What messages name is there: keys of the configuration, targets, files of the project."""

import ast
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
SOURCES = sorted((ROOT / "workflow").rglob("*.py")) + sorted((ROOT / "workflow").rglob("*.smk"))


# A file may be called like a block of the configuration.
FILES = {"csv", "parquet", "json", "md", "py", "yaml", "mtx", "db", "npy", "zip", "sqlite"}


def text_of(node):
    """The text of a constant or an f-string, with {} for what is filled in; None for others."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) or "{}" for part in node.values)
    return None


def messages():
    """(file and line, text) of every text in the library that is no docstring."""
    found = []
    for path in SOURCES:
        source = path.read_text()
        if path.suffix == ".smk":
            # Snakemake's own words are not Python's; texts in quotes are the same.
            found += [
                (f"{path.relative_to(ROOT)}:{number}", line)
                for number, line in enumerate(source.splitlines(), 1)
                if "Hint" in line or "WorkflowError" in line or '"config: ' in line
            ]
            continue
        tree = ast.parse(source)
        docstrings = {
            node.body[0].value
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        parts = {
            part
            for node in ast.walk(tree)
            if isinstance(node, ast.JoinedStr)
            for part in node.values
        }
        for node in ast.walk(tree):
            text = None if node in docstrings or node in parts else text_of(node)
            if text and " " in text:
                found.append((f"{path.relative_to(ROOT)}:{node.lineno}", text))
    return found


def unknown_keys(text):
    """Keys of the configuration that a text names but the schema lacks."""
    blocks = "|".join(SCHEMA["properties"])
    unknown = []
    for match in re.finditer(rf"(?<![\w./{{-])({blocks})((?:\.(?:[a-z_]\w*|\{{\}}|<\w+>))+)", text):
        key, node = match[0], SCHEMA
        for part in key.split("."):
            if "$ref" in node:
                node = SCHEMA["$defs"][node["$ref"].rpartition("/")[2]]
            properties = node.get("properties", {})
            if part in properties:
                node = properties[part]
            elif isinstance(node.get("additionalProperties"), dict):
                node = node["additionalProperties"]
            elif not part.startswith(("{", "<")) and part not in FILES:
                unknown.append(key)
                break
    return unknown


def test_keys_that_messages_name_exist():
    named = [(where, text) for where, text in messages() if unknown_keys(text) is not None]
    # The test sees what it is for.
    assert sum("images.path_prefix" in text for _, text in named) >= 1
    assert unknown_keys("see images.no_such_key") == ["images.no_such_key"]
    assert unknown_keys("set models.{}.enabled to false; images.root is null") == []
    assert {where: unknown_keys(text) for where, text in named if unknown_keys(text)} == {}


def test_targets_and_commands_that_messages_name_exist():
    rules = {
        name
        for path in [*(ROOT / "workflow/rules").glob("*.smk"), ROOT / "workflow/Snakefile"]
        for name in re.findall(r"^\s*(?:rule|checkpoint) (\w+):", path.read_text(), re.MULTILINE)
    }
    made = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for where, text in messages():
        for target in re.findall(r"\bsnakemake ([a-z]\w+)\b", text):
            assert target in rules, (where, text)
        for target in re.findall(r"[`\"']make ([a-z][\w-]+)", text):
            assert target in made, (where, text)
        for page in re.findall(r"\b((?:docs|config|workflow)/[\w/]+\.(?:md|csv|yaml))\b", text):
            assert (ROOT / page).exists(), (where, text)


@pytest.mark.parametrize("block", ["images", "labels", "plates"])
def test_this_test_knows_the_keys(block):
    key = next(iter(SCHEMA["properties"][block]["properties"]))
    assert unknown_keys(f"look at {block}.{key}") == []
