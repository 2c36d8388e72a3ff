"""Check a configuration before anything runs, and name every mistake in it."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

import jsonschema

from paintassay.core.errors import InputError
from paintassay.models._registry import model_files


def check_config(
    config: Mapping[str, Any], schema: Mapping[str, Any], where: str = "config"
) -> None:
    """Check a configuration against its JSON schema, and for what a schema cannot express.

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
    validator = jsonschema.Draft202012Validator(schema)
    problems = []
    for error in sorted(validator.iter_errors(config), key=lambda error: list(error.path)):
        problems += _explain_violation(error)
    if not problems:
        problems = _find_contradictions(config)
    if problems:
        raise InputError(
            where,
            "; ".join(problems),
            "config/README.md explains every key; a file of your own needs only those that differ",
        )


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
    meaning = error.schema.get("description")
    return [f"key {block}: {error.message}" + (f" ({meaning})" if meaning else "")]


def _suggest_name(name: str, known_names: Iterable[str], prefix: str = "") -> str:
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
    if isinstance(plates["doses"], list) and plates["doses"][0] > plates["doses"][1]:
        low, high = plates["doses"]
        problems.append(f"key plates.doses: {low} is above {high}")
    if images["root"] is None and images["layout"] != "bray_gallery":
        problems.append(
            f"key images.root: is null, the published images, but images.layout is "
            f"{images['layout']}; they lie as bray_gallery"
        )
    low, high = labels["pchembl_range"]
    if low >= high:
        problems.append(f"key labels.pchembl_range: {low} is not below {high}")
    problems += [
        f"key labels.thresholds: {threshold} lies outside labels.pchembl_range, {low} to {high}"
        for threshold in labels["thresholds"]
        if not low <= threshold <= high
    ]
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
    models = model_files()
    return problems + [
        f"key models.{name}: there is no such model ({_suggest_name(name, models)})"
        for name in config["models"]
        if name not in models
    ]
