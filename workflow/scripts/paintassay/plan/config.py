"""The configuration, checked at the door."""

import difflib

import jsonschema

from paintassay.core.errors import InputError
from paintassay.models._registry import model_files


def check_config(config, schema, where="config"):
    """Check a configuration against its JSON schema, and what a schema cannot say.

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
    for error in sorted(validator.iter_errors(config), key=lambda each: list(each.path)):
        problems += _explain(error)
    if not problems:
        problems = _contradictions(config)
    if problems:
        raise InputError(
            where,
            "; ".join(problems),
            "config/README.md explains every key; a file of your own needs only those that differ",
        )


def _explain(error):
    key = ".".join(str(part) for part in error.absolute_path)
    if error.validator == "additionalProperties":
        known = error.schema["properties"]
        unknown = [name for name in error.instance if name not in known]
        return [_unknown_key(f"{key}.{name}" if key else name, name, known) for name in unknown]
    if error.validator == "required":
        absent = [name for name in error.validator_value if name not in error.instance]
        return [f"key {key}.{name} is missing".replace("key .", "key ") for name in absent]
    meaning = error.schema.get("description")
    return [f"key {key}: {error.message}" + (f" ({meaning})" if meaning else "")]


def _unknown_key(key, name, known):
    return f"unknown key {key} ({_nearest(name, known, key.removesuffix(name))})"


def _nearest(name, known, prefix=""):
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if near:
        return f"did you mean {prefix}{near[0]}?"
    return f"known here: {', '.join(known)}"


def _contradictions(config):
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
    if images["root"] is None and images["layout"] != "bray_gallery":
        problems.append(
            f"key images.root: is null, the published images, but images.layout is "
            f"{images['layout']}; they lie as bray_gallery"
        )
    low, high = labels["pchembl_range"]
    if low >= high:
        problems.append(f"key labels.pchembl_range: {low} is not below {high}")
    problems += [
        f"key labels.thresholds: {each} lies outside labels.pchembl_range, {low} to {high}"
        for each in labels["thresholds"]
        if not low <= each <= high
    ]
    number = config["splits"]["count"]
    problems += [
        f"key training.splits: there is no split {each}; splits.count is {number}"
        for each in config["training"]["splits"]
        if each > number
    ]
    problems += [
        f"key comparison.predictions.{name}: a model has that name; choose another"
        for name in config["comparison"]["predictions"]
        if name in config["models"]
    ]
    known = list(model_files())
    return problems + [
        f"key models.{name}: there is no such model ({_nearest(name, known)})"
        for name in config["models"]
        if name not in known
    ]
