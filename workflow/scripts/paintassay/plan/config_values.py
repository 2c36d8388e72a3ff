"""Read the values of a configuration as its schema means them, and check numbers and paths."""

# A path stays the text that it is, and one that cannot be looked at is no error here.
# ruff: noqa: PTH110, PTH111, PTH112

import difflib
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from paintassay.core.names import FORBIDDEN

# As YAML 1.1 writes them.
BOOLEANS = {
    **dict.fromkeys(["true", "yes", "on"], True),
    **dict.fromkeys(["false", "no", "off"], False),
}
NULLS = ("null", "Null", "NULL", "~")
WHOLE_NUMBER = re.compile(r"[-+]?\d+")
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
NO_FINITE_NUMBER = re.compile(r"([-+]?)\.?(nan|inf|infinity)", re.IGNORECASE)
PLACEHOLDER = re.compile(r"\{(\w*)\}")
VARIABLE = re.compile(r"\$(\w+|\{\w+\})")


class Place(NamedTuple):
    """Where a value stands in a configuration, and its schema, which may be empty."""

    names: tuple[Any, ...]
    container: Any
    key: Any
    schema: Mapping[str, Any]

    @property
    def value(self) -> Any:
        return self.container[self.key]

    @property
    def name(self) -> str:
        """The key with the blocks that it stands in, such as labels.thresholds.0."""
        return ".".join(map(str, self.names))


def convert_values(config: Any, schema: Mapping[str, Any]) -> None:
    """Take texts for the numbers, truth values and nulls that the schema wants, in place.

    YAML reads 1e-2 as a text, and on the command line every value within a block is one. A ~ at
    the beginning of a path becomes the home folder.

    Parameters
    ----------
    config : dict
    schema : dict
        JSON schema, whose paths have the keyword x-path.
    """
    for place in list(_walk(config, schema, schema)):
        place.container[place.key] = _convert(place.value, place.schema)


def find_bad_numbers(config: Any, schema: Mapping[str, Any]) -> dict[tuple[Any, ...], str]:
    """Problems with numbers that are not finite, by the names that lead to them."""
    return {
        place.names: f"key {place.name}: {place.value} is not a finite number"
        for place in _walk(config, schema, schema)
        if isinstance(place.value, float) and not math.isfinite(place.value)
    }


def find_bad_names(block: Any, prefix: str = "") -> list[str]:
    """Problems with keys that YAML does not read as texts, such as NO or 24277."""
    problems = []
    if isinstance(block, Mapping):
        for name, value in block.items():
            if not isinstance(name, str):
                problems.append(
                    f"key {prefix}{name}: YAML reads this name as {name!r}, not as a text; write "
                    "it in quotes"
                )
            problems += find_bad_names(value, f"{prefix}{name}.")
    elif isinstance(block, list):
        for number, value in enumerate(block):
            problems += find_bad_names(value, f"{prefix}{number}.")
    return problems


def find_bad_paths(config: Any, schema: Mapping[str, Any]) -> list[str]:
    """Problems with paths: signs that no path may have, placeholders, and what lies there.

    Parameters
    ----------
    config : dict
    schema : dict
        A path has the keyword x-path, which says what must lie there if there is something: file,
        folder or any; or output, a folder that is made. x-placeholders are the names that may stand
        in braces in it: needed or optional.

    Returns
    -------
    list of str
    """
    problems = []
    for place in _walk(config, schema, schema):
        kind = place.schema.get("x-path")
        if kind is None or not isinstance(place.value, str):
            continue
        placeholders = place.schema.get("x-placeholders", {})
        problem = _name_problem(place.value, kind, placeholders) or _kind_problem(place.value, kind)
        if problem:
            problems.append(f"key {place.name}: {place.value!r} {problem}")
    return problems


def _walk(
    config: Any, schema: Mapping[str, Any], root: Mapping[str, Any], names: tuple[Any, ...] = ()
) -> Iterator[Place]:
    """Every value that is neither a block nor a list."""
    items: Iterable[tuple[Any, Any]] = (
        config.items() if isinstance(config, Mapping) else enumerate(config)
    )
    for key, value in items:
        part = _schema_of(key, schema, root)
        if isinstance(value, Mapping | list):
            yield from _walk(value, part, root, (*names, key))
        else:
            yield Place((*names, key), config, key, part)


def _schema_of(key: Any, schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema of a key of a block, or of the items of a list."""
    if isinstance(key, int):
        alternatives = [schema, *schema.get("oneOf", []), *schema.get("anyOf", [])]
        return next((each["items"] for each in alternatives if "items" in each), {})
    part = schema.get("properties", {}).get(key, schema.get("additionalProperties"))
    if not isinstance(part, Mapping):
        return {}
    return root["$defs"][part["$ref"].rpartition("/")[2]] if "$ref" in part else part


def _convert(value: Any, schema: Mapping[str, Any]) -> Any:
    kinds = schema.get("type", [])
    kinds = {kinds} if isinstance(kinds, str) else set(kinds)
    if isinstance(value, str):
        if "null" in kinds and value in NULLS:
            return None
        if "x-path" in schema and value.startswith("~"):
            return os.path.expanduser(value)
        if "enum" in schema:
            meant = BOOLEANS.get(value.lower())
            return meant if value not in schema["enum"] and meant in schema["enum"] else value
        # A value without a schema, such as an option of a model, is what it looks like.
        free = not schema
        if free or "boolean" in kinds:
            value = BOOLEANS.get(value.lower(), value)
        if isinstance(value, str) and (free or kinds & {"number", "integer"} - {"string"}):
            value = value if "string" in kinds else _number(value)
    # Python takes no 3.0 where it counts.
    if isinstance(value, float) and "integer" in kinds and value.is_integer():
        return int(value)
    return value


def _number(text: str) -> int | float | str:
    """The number that a text is, or the text."""
    if WHOLE_NUMBER.fullmatch(text):
        return int(text)
    if NUMBER.fullmatch(text):
        return float(text)
    match = NO_FINITE_NUMBER.fullmatch(text)
    return float(match[1] + match[2]) if match else text


def _name_problem(path: str, kind: str, placeholders: Mapping[str, str]) -> str | None:
    """What is wrong with a path as it is written."""
    if path.startswith("~"):
        user = path.partition("/")[0]
        return f"begins with {user}, but there is no such user; ./{user} is a folder of that name"
    if kind == "output" and "://" in path:
        return "is an address; results lie in a folder of this machine"
    variable = VARIABLE.search(path)
    if variable and "://" not in path and not os.path.exists(path):
        return f"has {variable[0]}, which nothing replaces here; write the path itself"
    if path != path.strip():
        return "begins or ends with a blank"
    names = PLACEHOLDER.findall(path)
    for name in names:
        if name not in placeholders:
            return f"has {{{name}}}{_suggest_placeholder(name, placeholders)}"
    rest = PLACEHOLDER.sub("", path)
    # What names of plates may not have either, but for what parts the folders.
    sign = next((sign for sign in FORBIDDEN.findall(rest) if sign not in "/\\"), None)
    if sign in ("{", "}") and placeholders:
        return f"has a {sign} too many; only {_listed(placeholders)} can be replaced"
    if sign and (sign in ("{", "}") or "://" not in path):
        return f"has the character {sign!r}, which no path may have here"
    missing = [name for name, use in placeholders.items() if use == "needed" and name not in names]
    if missing:
        return f"has no {{{missing[0]}}}, in whose place each {missing[0]} is put"
    return None


def _suggest_placeholder(name: str, placeholders: Mapping[str, str]) -> str:
    if not placeholders:
        return "; this path may have no braces"
    similar = difflib.get_close_matches(name.lower(), placeholders, n=1, cutoff=0.5)
    if similar:
        return f"; did you mean {{{similar[0]}}}?"
    return f"; only {_listed(placeholders)} can be replaced"


def _listed(placeholders: Iterable[str]) -> str:
    return " and ".join(f"{{{name}}}" for name in placeholders)


def _kind_problem(path: str, kind: str) -> str | None:
    """Why what lies at a path cannot be what is needed there."""
    if "://" in path or kind == "any":
        return None
    if kind == "file":
        return "is a folder; name the file" if os.path.isdir(path) else None
    places = [path]
    if kind == "output":
        # Also the folders that it lies in may have to be made.
        places += map(str, Path(path).parents)
    there = next((place for place in places if os.path.exists(place)), None)
    if there is not None and not os.path.isdir(there):
        return f"cannot be a folder: {there} is a file"
    return None
