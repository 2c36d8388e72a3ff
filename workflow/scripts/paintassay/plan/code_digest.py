"""A digest of the code that a script can reach, so that a rule reruns when that code changes.

Snakemake compares a script's modification time and does not look into the modules it imports.
Here a script is followed through its syntax tree instead: from its own text to every function,
class and constant of the local package that it names, and from those to the ones they name,
through imports of every form. What cannot be followed for sure is refused.

What cannot change a result does not count: layout, comments and docstrings; statements that only
log or warn; the arguments of `raise` and of `InputError`, and the message of `assert`;
annotations outside the body of a class, and imports under ``if TYPE_CHECKING``; the modules in
NOT_IN_A_RESULT; and the value of a module's constant that is annotated with `WorkSize`.
"""

import ast
import hashlib
from functools import cache
from pathlib import Path
from typing import NamedTuple

from paintassay.core.files import PathLike
from paintassay.plan.code_imports import (
    IMPORTERS,
    INSTEAD,
    NOT_IN_A_RESULT,
    RUN,
    WHOLE,
    Target,
    dotted_name,
    imported,
    is_within,
    loaded,
    loads_others,
    module_file,
    refuse,
)
from paintassay.plan.code_scopes import bound_by, bound_names, scoped_parts
from paintassay.plan.code_text import last, strip

IMPORTS = ast.Import | ast.ImportFrom


class Module(NamedTuple):
    """One source file, taken apart.

    `names` are all that it binds; `binders` maps a name to the numbers of the `statements` that
    bind it, `always` are the numbers of those that bind nothing and run on import, and `imports`
    maps a name to all it may stand for: (in words, as a Target or None, where that is written).
    """

    statements: list
    names: set
    binders: dict
    always: list
    imports: dict


def code_digest(script: PathLike, package: PathLike) -> str:
    """Digest a script and everything of a package that it can reach.

    Parameters
    ----------
    script : str or Path
        A Python script.
    package : str or Path
        Folder of the local package. Imports of anything else are not followed.

    Returns
    -------
    str
        16 hexadecimal digits.

    Raises
    ------
    ValueError
        What some code reaches cannot be told from its text. The message says where.

    Notes
    -----
    In doubt more is taken, never less: a module that is handed on as a value counts whole.
    A definition is taken to do nothing but to bind its name.
    """
    script, package = Path(script).resolve(), Path(package).resolve()
    todo = [(Target(script, name), "") for name in (RUN, *_take_apart(script, package).binders)]
    seen, reached = set(), {}
    while todo:
        target, where = todo.pop()
        if target not in seen:
            seen.add(target)
            numbers, words, onward = _step(target, where, package)
            reached.setdefault(target.path, set()).update(numbers, words)
            todo += onward
            for number in numbers:
                todo += _named_by(target.path, number, package)
    parts = []
    for path, behind in reached.items():
        numbers = sorted(part for part in behind if isinstance(part, int))
        texts = [_text(path, number, package) for number in numbers]
        words = sorted(part for part in behind if isinstance(part, str))
        lines = words + (texts if _order_matters(path, package) else sorted(texts))
        if any(lines):
            place = "script" if path == script else dotted_name(path, package)
            parts.append("\n".join([f"# {place}", *filter(None, lines), ""]))
    return hashlib.sha256("".join(sorted(parts)).encode()).hexdigest()[:16]


def _step(
    target: Target, where: str, package: Path
) -> tuple[list[int], list[str], list[tuple[Target, str]]]:
    """Numbers of the statements behind a target, its imports in words, and where it leads."""
    path, name, attributes = target
    module, dotted = _take_apart(path, package), dotted_name(path, package)
    is_package = path.name == "__init__.py"
    if is_within(dotted, NOT_IN_A_RESULT, package):
        return [], [], []
    if name == RUN:
        return module.always, [], []
    onward = [(Target(path, RUN), where)]
    if name == WHOLE and attributes:
        onward.append((Target(path, attributes[0], attributes[1:]), where))
    elif name == WHOLE and is_package:
        refuse(where, f"package {dotted} is used as a value", "import modules of it instead")
    elif name == WHOLE:
        onward += [(Target(path, part), where) for part in module.names]
    elif name in module.names:
        imports = module.imports.get(name, [])
        for _, source, line in imports:
            if source:
                # An import that names what is not there is to blame itself.
                place = where if attributes or source.name == WHOLE else line
                onward.append((source._replace(attributes=attributes), place))
        words = [f"{name} = {origin}" for origin, *_ in imports if origin]
        return module.binders.get(name, []), words, onward
    elif is_package and (file := module_file(f"{dotted}.{name}", package)):
        onward.append((Target(file, WHOLE, attributes), where))
    elif name not in ("__name__", "__file__"):
        refuse(where, f"{dotted} does not bind {name}", "import it from the module that does")
    return [], [], onward


@cache
def _take_apart(path: Path, package: Path) -> Module:
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    # What is removed stays bound, so that it is not taken for missing.
    names = bound_names(tree.body)
    imports, binders, always = {}, {}, []
    for node in strip(tree):
        for name, *source in imported(node, path, package):
            imports.setdefault(name, []).append(source)
    for number, statement in enumerate(tree.body):
        bound = bound_by(statement)
        for name in bound:
            binders.setdefault(name, []).append(number)
        if not bound:
            always.append(number)
    return Module(tree.body, names.union(binders, imports), binders, always, imports)


def _order_matters(path: Path, package: Path) -> bool:
    """Whether statements of a module may change what others of it have bound."""
    module = _take_apart(path, package)
    repeated = any(len(numbers) > 1 for numbers in module.binders.values())
    return repeated or any(_text(path, number, package) for number in module.always)


@cache
def _text(path: Path, number: int, package: Path) -> str:
    statement = _take_apart(path, package).statements[number]
    # An import counts where its name is used.
    return "" if isinstance(statement, IMPORTS) else ast.unparse(statement)


@cache
def _named_by(path: Path, number: int, package: Path) -> list[tuple[Target, str]]:
    """Targets that a statement names, each with the place where it does."""
    module, named = _take_apart(path, package), {}
    todo = [(module.statements[number], frozenset())]
    while todo:
        node, hidden = todo.pop()
        match node:
            case ast.Constant() | ast.expr_context() | ast.Name(ctx=ast.Store() | ast.Del()):
                pass
            case ast.Name() | ast.Attribute():
                root, *attributes = _chain(node)
                where, name = f"{path}:{node.lineno}", last(root)
                if not name:
                    todo.append((root, hidden))
                elif name in module.names and name not in hidden:
                    rest = tuple(attributes) if name in module.imports else ()
                    named.setdefault(Target(path, name, rest), where)
                elif name in INSTEAD and name not in hidden:
                    refuse(where, f"{name} cannot be followed", INSTEAD[name])
                for word in {name, *attributes}.intersection(IMPORTERS):
                    refuse(where, f"{word} cannot be followed", INSTEAD[word])
            case ast.Import() | ast.ImportFrom():
                where = f"{path}:{node.lineno}"
                files = [module_file(dotted, package) for dotted in loaded(node, where)]
                named.update((Target(file, RUN), where) for file in files if file)
            case ast.Call(function, [name, *_]) if loads_others(function, name, package):
                todo += [(part, hidden) for part in node.args]
            case _:
                todo += scoped_parts(node, hidden)
    return list(named.items())


def _chain(node: ast.expr) -> list:
    """The expression that a dotted name begins with, and the attributes that follow."""
    attributes = []
    while isinstance(node, ast.Attribute):
        attributes.insert(0, node.attr)
        node = node.value
    return [node, *attributes]
