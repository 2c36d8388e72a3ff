"""Which names a scope of a source text binds, and hides from the scopes around it."""

import ast
from collections.abc import Iterable

FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef
COMPREHENSIONS = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


def bound_by(statement: ast.stmt) -> set[str]:
    """Names that a definition or assignment at the top level binds; none for other statements."""
    if isinstance(statement, FUNCTIONS | ast.ClassDef):
        declared = [part.names for part in ast.walk(statement) if isinstance(part, ast.Global)]
        return {statement.name}.union(*declared)
    if not isinstance(statement, ast.Assign | ast.AugAssign):
        return set()
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    # What sets an item or attribute of a name helps to bind it.
    parts = [part for target in targets for part in ast.walk(target)]
    return bound_names([statement]) | {part.id for part in parts if isinstance(part, ast.Name)}


def bound_names(body: Iterable[ast.AST]) -> set[str]:
    """Names that the statements of one scope bind, but for imports and names of outer scopes."""
    names, others = set(), set()
    todo = list(body)
    while todo:
        node = todo.pop()
        match node:
            case ast.Name():
                if not isinstance(node.ctx, ast.Load):
                    names.add(node.id)
                continue
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                names.add(node.name)
                continue
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                names.add(name)
            case ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                names.add(name)
            case ast.alias(name, other):
                others.add(other or name.partition(".")[0])
            case ast.Global():
                others.update(node.names)
        if isinstance(node, COMPREHENSIONS | ast.Lambda):
            # What they bind is theirs, but for :=.
            assigned = [part.target for part in ast.walk(node) if isinstance(part, ast.NamedExpr)]
            names.update(target.id for target in assigned)
        else:
            todo += ast.iter_child_nodes(node)
    return names - others


def scoped_parts(node: ast.AST, hidden: frozenset[str]) -> list[tuple[ast.AST, frozenset[str]]]:
    """Parts of a syntax tree, each with the names that the scopes around hide from it."""
    parts = [(part, hidden) for part in ast.iter_child_nodes(node)]
    if isinstance(node, FUNCTIONS | ast.Lambda):
        body = node.body if isinstance(node.body, list) else [node.body]
        arguments = {part.arg for part in ast.iter_child_nodes(node.args) if hasattr(part, "arg")}
        inside = hidden | arguments | bound_names(body)
        return [(part, inside if part in body else hidden) for part, _ in parts]
    if isinstance(node, COMPREHENSIONS):
        # Of a comprehension, only the first iterable belongs to the scope around it.
        inside = hidden.union(*(bound_names([part.target]) for part in node.generators))
        return [(node.generators[0].iter, hidden), *((part, inside) for part, _ in parts)]
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
        read = ast.copy_location(ast.Name(node.target.id, ast.Load()), node)
        return [(read, hidden), *parts]
    return parts
