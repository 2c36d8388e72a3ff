"""What the imports of a source text stand for in a package, and which cannot be followed."""

import ast
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple, NoReturn

from paintassay.plan.code_text import last

# Errors, logs and locks decide whether there is a result and what is said of it, not what it is.
NOT_IN_A_RESULT = ("core.errors", "core.jobs")
# Packages whose modules are loaded by name; whoever does so digests the file of each by itself.
DIGESTED_APART = ("models",)

IMPORTERS = ("import_module", "__import__", "spec_from_file_location", "run_module", "run_path")
INSTEAD = {
    **dict.fromkeys(IMPORTERS, "import by a statement"),
    **dict.fromkeys(("exec", "eval"), "write the code itself"),
    "globals": "name what is meant",
    "__doc__": "keep the text in a constant, as docstrings do not count",
}

# In place of a name: a module that is handed on as a value, and what runs when it is imported.
WHOLE, RUN = "*", ""


class Target(NamedTuple):
    """A name in a file (or WHOLE or RUN), and the attributes that are taken of it."""

    path: Path
    name: str
    attributes: tuple = ()


def loaded(node: ast.Import | ast.ImportFrom, where: str) -> Iterator[str]:
    """Dotted names of the modules that an import may load, the packages around them included."""
    for alias in node.names:
        if alias.asname and alias.name in IMPORTERS:
            refuse(where, f"{alias.name} cannot be followed", INSTEAD[alias.name])
        base = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        parts = ".".join([*base, alias.name]).split(".")
        yield from (".".join(parts[:number]) for number in range(1, len(parts) + 1))


def loads_others(function: ast.expr, argument: ast.expr, package: Path) -> bool:
    """Whether a call imports, for sure, from another package or from one of DIGESTED_APART."""
    start = argument.values[0] if isinstance(argument, ast.JoinedStr) else argument
    match start:
        case ast.Constant(str(text)) if last(function) == "import_module":
            first, dot, _ = text.partition(".")
            is_other = first not in ("", package.name) and (bool(dot) or start is argument)
            return is_other or is_within(text.rstrip("."), DIGESTED_APART, package)
    return False


def imported(
    node: ast.Import | ast.ImportFrom, path: Path, package: Path
) -> Iterator[tuple[str, str | None, Target | None, str]]:
    """For each name that an import binds: (it, its origin in words, its Target or None, where)."""
    where = f"{path}:{node.lineno}"
    if isinstance(node, ast.ImportFrom) and (node.level or node.names[0].name == "*"):
        advice = f"write from {package.name}.module import name"
        refuse(where, "relative and star imports are not followed", advice)
    for alias in node.names:
        if isinstance(node, ast.ImportFrom):
            base, part, name = node.module or "", alias.name, alias.asname or alias.name
            origin = f"{base}.{part}"
        else:
            # Without "as", only the first part of the dotted name is bound.
            base = origin = alias.name if alias.asname else alias.name.partition(".")[0]
            part, name = WHOLE, alias.asname or base
        file = module_file(base, package)
        if not file and base.partition(".")[0] == package.name:
            refuse(where, f"there is no module {base}", "import one that is there")
        if is_within(origin, NOT_IN_A_RESULT, package):
            yield name, None, None, where
        else:
            yield name, origin, Target(file, part) if file else None, where


@cache
def module_file(dotted: str, package: Path) -> Path | None:
    """File of a module or package inside the package by its dotted name, or None."""
    first, *parts = dotted.split(".")
    place = package.joinpath(*parts)
    candidates = [place / "__init__.py", *([place.with_suffix(".py")] if parts else [])]
    return next((file for file in candidates if first == package.name and file.is_file()), None)


@cache
def dotted_name(path: Path, package: Path) -> str:
    """Dotted name of a file of the package; the name alone of any other."""
    if not path.is_relative_to(package):
        return path.stem
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


def is_within(dotted: str, places: Sequence[str], package: Path) -> bool:
    """Whether a dotted name is, or begins with, one of some places in the package."""
    return any(f"{dotted}.".startswith(f"{package.name}.{place}.") for place in places)


def refuse(where: str, what: str, instead: str) -> NoReturn:
    """Say that code cannot be digested, and what to write instead."""
    raise ValueError(f"{where}: {what}, so the code behind it cannot be digested; {instead}")
