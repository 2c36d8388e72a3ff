"""Find keys that stand twice in what a configuration is read from, of which YAML keeps the last."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml

from paintassay.core.errors import InputError, PathLike

HINT = "only the last one would count; keep one of them"


def check_config_files(paths: Iterable[PathLike]) -> None:
    """Refuse configuration files with a key that stands twice in one block.

    Parameters
    ----------
    paths : iterable of str or Path
        YAML or JSON that Snakemake has read already.

    Raises
    ------
    InputError
    """
    for path in paths:
        text = Path(path).read_text(encoding="utf-8")
        if problems := _find_repeated(text):
            raise InputError(path, "; ".join(problems), HINT)


def check_config_arguments(arguments: Iterable[str]) -> None:
    """Refuse what is given twice on the command line.

    Parameters
    ----------
    arguments : iterable of str
        Such as ``labels={"min_actives": 3}``. Blocks may be given in parts.

    Raises
    ------
    InputError
    """
    seen: dict[str, str] = {}
    for argument in arguments:
        name, _, text = argument.partition("=")
        problems = [
            f"key {name}.{problem.removeprefix('key ')}" for problem in _find_repeated(text)
        ]
        if name in seen and not (text.startswith("{") and seen[name].startswith("{")):
            problems.append(f"key {name} is given twice, as {seen[name]} and as {text}")
        if problems:
            raise InputError("--config", "; ".join(problems), HINT)
        seen[name] = text


def _find_repeated(text: str, prefix: str = "") -> list[str]:
    """Problems with keys that stand twice in a text of YAML or JSON."""
    try:
        json.loads(text)
    except ValueError:
        pass
    else:
        # JSON may be indented by tabs, and YAML may not.
        text = text.replace("\t", " ")
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        # Whoever needs the values says so.
        return []
    return [] if root is None else list(_walk(root, prefix, set()))


def _walk(node: yaml.Node, prefix: str, seen: set[int]) -> Iterator[str]:
    # An anchor's block is met again at each of its aliases.
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        lines: dict[tuple[str, str], int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            identity = (key.tag, str(key.value))
            if identity in lines:
                yield (
                    f"key {prefix}{key.value} stands twice, in line {lines[identity]} and in line "
                    f"{line}"
                )
            lines.setdefault(identity, line)
            yield from _walk(value, f"{prefix}{key.value}.", seen)
    elif isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield from _walk(item, f"{prefix}{number}.", seen)
