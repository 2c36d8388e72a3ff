"""Check a configuration before anything runs, and name every mistake in it."""

import difflib
import math
import os
from collections.abc import Iterable, Mapping
from typing import Any

import jsonschema

from paintassay.core.errors import InputError
from paintassay.models._registry import model_files
from paintassay.plan.config_values import (
    convert_values,
    find_bad_names,
    find_bad_numbers,
    find_bad_paths,
)

# How far shares may be from 1 together, because of rounding.
SHARES_TOLERANCE = 1e-6


def check_config(config: dict[str, Any], schema: Mapping[str, Any], where: str = "config") -> None:
    """Check a configuration against its JSON schema, and for what a schema cannot express.

    Texts that stand for a number, a truth value or null become what they stand for, and a ~ the
    home folder, in place.

    Parameters
    ----------
    config : dict
        The merged configuration.
    schema : dict
        JSON schema (2020-12).
    where : str
        Name for the messages.

    Raises
    ------
    InputError
        One message with every problem: the key, its value, and the nearest right key or what
        is allowed.
    """
    problems = find_bad_names(config)
    if not problems:
        convert_values(config, schema)
        problems = _find_violations(config, schema)
    if not problems:
        problems = find_bad_paths(config, schema) + _find_contradictions(config)
    if problems:
        raise InputError(
            where,
            "; ".join(problems),
            "config/README.md explains every key; a file of your own needs only those that differ",
        )


def _find_violations(config: Mapping[str, Any], schema: Mapping[str, Any]) -> list[str]:
    """Problems with the schema, and with numbers that are none, about which it says nothing."""
    bad_numbers = find_bad_numbers(config, schema)
    problems = list(bad_numbers.values())
    errors = jsonschema.Draft202012Validator(schema).iter_errors(config)
    for error in sorted(errors, key=lambda error: list(error.path)):
        if tuple(error.absolute_path) not in bad_numbers:
            problems += _explain_violation(error)
    return problems


def _explain_violation(error: jsonschema.ValidationError) -> list[str]:
    """Problems with the schema, each with its full key."""
    block = ".".join(map(str, error.absolute_path))
    prefix = f"{block}." if block else ""
    if error.validator == "additionalProperties":
        known_names = error.schema["properties"]
        return [
            f"unknown key {prefix}{name} ({_suggest_name(name, known_names, prefix)})"
            for name in error.instance
            if name not in known_names
        ]
    if error.validator == "required":
        missing_names = [name for name in error.validator_value if name not in error.instance]
        return [f"key {prefix}{name} is missing" for name in missing_names]
    problem = error.message
    keys = ", ".join(error.schema.get("properties", {}))
    keys = f"; its keys are {keys}" if keys else ""
    if error.validator == "type" and error.validator_value == "object":
        problem = (
            f"the block is empty; give it keys, or leave it out{keys}"
            if error.instance is None
            else f"{error.instance!r} stands where a block of keys is needed{keys}"
        )
    elif error.instance is None:
        problem = "has no value; give it one, or leave the key out"
    elif (
        error.validator == "type"
        and "string" in error.validator_value
        and not isinstance(error.instance, list | dict)
    ):
        problem = f"{error.instance} is not a text for YAML; write it in quotes in a file of yours"
    meaning = error.schema.get("description")
    return [f"key {block}: {problem}" + (f" ({meaning})" if meaning else "")]


def _suggest_name(name: str, known_names: Iterable[str], prefix: str = "") -> str:
    block, dot, key = name.partition(".")
    if dot and block in known_names:
        return f"a dot does not lead into a block; write {block}: {{{key}: ...}}"
    similar_names = difflib.get_close_matches(name, known_names, n=1, cutoff=0.5)
    if similar_names:
        return f"did you mean {prefix}{similar_names[0]}?"
    return f"known here: {', '.join(known_names)}"


def _find_contradictions(config: Mapping[str, Any]) -> list[str]:
    """Problems between keys, which a schema cannot express."""
    problems = []
    compounds, labels = config["compounds"], config["labels"]
    if compounds["smiles_column"] is None and compounds["inchikey_column"] is None:
        problems.append(
            "keys compounds.smiles_column and compounds.inchikey_column are both null; "
            "one of them must name a column"
        )
    plates, images = config["plates"], config["images"]
    if (plates["barcode_platemap"] is None) != (plates["platemap_folder"] is None):
        problems.append(
            "keys plates.barcode_platemap and plates.platemap_folder go together; one is null"
        )
    maps = [key for key in ("barcode_platemap", "platemap_folder") if plates[key] is not None]
    if plates["wells"] is not None and maps:
        problems.append(
            f"keys plates.wells and plates.{' and plates.'.join(maps)} are two ways to say what is "
            "in the wells; set one of them to null"
        )
    chembl = config["chembl"]
    if chembl["source"] == "webservice" and chembl["sqlite"] is not None:
        problems.append(
            f"key chembl.sqlite: names {chembl['sqlite']}, but chembl.source is webservice; set "
            "chembl.sqlite to null, or chembl.source to sqlite"
        )
    if isinstance(plates["doses"], list) and plates["doses"][0] > plates["doses"][1]:
        low, high = plates["doses"]
        problems.append(f"key plates.doses: {low} is above {high}")
    if images["root"] is None and images["layout"] != "bray_gallery":
        problems.append(
            f"key images.root: is null, the published images, but images.layout is "
            f"{images['layout']}; they lie as bray_gallery"
        )
    problems += _find_wrong_root(images)
    low, high = labels["pchembl_range"]
    if low >= high:
        problems.append(f"key labels.pchembl_range: {low} is not below {high}")
    problems += [
        f"key labels.thresholds: {threshold} lies outside labels.pchembl_range, {low} to {high}"
        for threshold in labels["thresholds"]
        if not low <= threshold <= high
    ]
    shares = config["splits"]["shares"]
    total = math.fsum(shares)
    if abs(total - 1) > SHARES_TOLERANCE:
        problems.append(f"key splits.shares: {shares} add up to {total:.8g}, not to 1")
    split_count = config["splits"]["count"]
    problems += [
        f"key training.splits: there is no split {split}; splits.count is {split_count}"
        for split in config["training"]["splits"]
        if split > split_count
    ]
    problems += [
        f"key comparison.predictions.{name}: a model has that name; choose another"
        for name in config["comparison"]["predictions"]
        if name in config["models"]
    ]
    problems += _find_untrained(config["models"])
    models = model_files()
    return problems + [
        f"key models.{name}: there is no such model ({_suggest_name(name, models)})"
        for name in config["models"]
        if name not in models
    ]


def _find_wrong_root(images: Mapping[str, Any]) -> list[str]:
    """The problem of images that cannot lie where they are said to, as a table or a folder."""
    root, layout = images["root"], images["layout"]
    if root is None or "://" in root:
        return []
    if layout == "table" and os.path.isdir(root):  # noqa: PTH112
        return [f"key images.root: {root!r} is a folder, but images.layout is table; name the file"]
    if layout.startswith("bray_") and os.path.isfile(root):  # noqa: PTH113
        return [f"key images.root: {root!r} is a file, but images.layout {layout} is a folder"]
    return []


def _find_untrained(models: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Problems of models whose outputs nothing would have trained."""
    problems = []
    for name, block in models.items():
        if not block.get("enabled", True):
            continue
        weights = block.get("weights")
        if not block["epochs"] and weights is None:
            problems.append(
                f"key models.{name}.epochs: is 0 and models.{name}.weights is null; the "
                "predictions would be random"
            )
        if not block["epochs"] and block.get("replace_outputs"):
            problems.append(
                f"key models.{name}.replace_outputs: is true and models.{name}.epochs is 0; the "
                "new output layer would not be trained, and its predictions would be random"
            )
        problems += [
            f"key models.{name}.{key}: there are no weights that it could be about; set "
            f"models.{name}.weights too"
            for key in ("weights_channels", "weights_tasks")
            if block.get(key) is not None and weights is None
        ]
    return problems
