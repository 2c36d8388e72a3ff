"""A digest of the code that a script can reach, so that a rule reruns when that code changes.

Snakemake compares a script's modification time and does not look into the modules it imports.
Here a script is followed through its syntax tree instead: from its own text to every function,
class and constant of the local package that it names, and from those to the ones they name.
Comments, docstrings, layout and modification times do not count, and neither does a function
that no path leads to.
"""

import ast
import hashlib
from functools import cache
from pathlib import Path
from typing import NamedTuple


class Module(NamedTuple):
    """One source file, taken apart.

    `definitions` maps each top-level name to the statements that bind it, `always` holds the
    statements that run on import and bind nothing, and `imports` maps each local name to what
    it stands for in the package: (file, name), or (file, None) for a module.
    """

    definitions: dict
    always: list
    imports: dict


def code_digest(script, package):
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
        A relative or a star import: what it reaches cannot be told from the text.

    Notes
    -----
    In doubt more is taken, never less: a name counts as reached wherever it is written, local
    variables of that name included, and a module that is handed on as a whole counts whole.
    """
    script, package = Path(script).resolve(), Path(package).resolve()
    reached = {}
    todo = [(script, None)]
    while todo:
        path, name = todo.pop()
        if (path, name) in reached:
            continue
        module = _take_apart(path, package)
        if name is None:
            statements = list(module.always)
            todo += [(path, each) for each in module.definitions]
        else:
            statements = module.always + module.definitions.get(name, [])
        reached[path, name] = "\n".join(ast.unparse(each) for each in statements)
        for statement in statements:
            todo += _references(statement, path, module)
    digest = hashlib.sha256()
    for (path, name), text in sorted(reached.items(), key=str):
        place = path.relative_to(package) if path != script else "script"
        digest.update(f"# {place} {name}\n{text}\n".encode())
    return digest.hexdigest()[:16]


@cache
def _take_apart(path, package):
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    _drop_docstrings(tree)
    definitions, always = {}, []
    for statement in tree.body:
        names = _bound_names(statement)
        for name in names:
            definitions.setdefault(name, []).append(statement)
        if not names and not isinstance(statement, ast.Import | ast.ImportFrom):
            always.append(statement)
    return Module(definitions, always, _imports(tree, path, package))


def _drop_docstrings(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            match node.body:
                case [ast.Expr(ast.Constant(str())), *rest]:
                    # A body may not be empty, a module may.
                    node.body = rest if rest or isinstance(node, ast.Module) else [ast.Pass()]


def _bound_names(statement):
    """Names that a top-level definition or assignment binds; none for other statements."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [statement.name]
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AnnAssign | ast.AugAssign):
        targets = [statement.target]
    else:
        return []
    nodes = [node for target in targets for node in ast.walk(target)]
    return [node.id for node in nodes if isinstance(node, ast.Name)]


def _imports(tree, path, package):
    """Map local names to (file, name) of the package, over the whole file."""
    imports = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            if node.level or any(alias.name == "*" for alias in node.names):
                where = f"{path}:{node.lineno}"
                raise ValueError(f"{where}: relative and star imports are not followed")
            for alias in node.names:
                whole = _module_file(f"{node.module}.{alias.name}", package)
                part = _module_file(node.module, package)
                target = (whole, None) if whole else (part, alias.name)
                if target[0]:
                    imports[alias.asname or alias.name] = target
        elif isinstance(node, ast.Import):
            for alias in node.names:
                file = _module_file(alias.name, package)
                if file:
                    imports[alias.asname or alias.name.split(".")[0]] = (file, None)
    return imports


def _module_file(dotted, package):
    """File of a dotted module name inside the package, or None."""
    first, *parts = dotted.split(".")
    if first != package.name:
        return None
    place = package.joinpath(*parts)
    for candidate in (place.with_suffix(".py"), place / "__init__.py"):
        if (parts and candidate.is_file()) or candidate == package / "__init__.py":
            return candidate
    return None


def _references(node, path, module):
    """(file, name) pairs of the package that a syntax tree names."""
    match node:
        case ast.Attribute(ast.Name(name), attribute) if name in module.imports:
            file, part = module.imports[name]
            return [(file, attribute if part is None else part)]
        case ast.Name(name) if name in module.imports:
            return [module.imports[name]]
        case ast.Name(name) if name in module.definitions:
            return [(path, name)]
    found = []
    for child in ast.iter_child_nodes(node):
        found += _references(child, path, module)
    return found
