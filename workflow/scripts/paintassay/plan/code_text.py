"""What of a source text cannot change a result: messages, logs, annotations and layout."""

import ast

LOG_LEVELS = ("debug", "info", "warning", "warn", "error", "exception", "critical", "log")


def strip(tree: ast.Module) -> list[ast.Import | ast.ImportFrom]:
    """Remove from a syntax tree, in place, what cannot change a result; give its imports."""
    loggers = {"logging", "warnings"}
    imports: list[ast.Import | ast.ImportFrom] = []
    for statement in tree.body:
        match statement:
            case ast.Assign([ast.Name(name)], ast.Call(function)) if last(function) == "getLogger":
                loggers.add(name)
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop()
        match node:
            case ast.Import() | ast.ImportFrom():
                imports.append(node)
            case ast.Call(function) if last(function) == "InputError" and not _acts(node):
                node.args, node.keywords = [], []
            # The argument of SystemExit is no message: it may run the program.
            case ast.Raise(ast.Call(function) as call) if last(function) != "SystemExit":
                node.exc = call if _acts(call) else function
            case ast.Assert(_, ast.expr() as message) if not _acts(message):
                node.msg = None
            case ast.arg():
                node.annotation = None
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                node.returns = None
        for field in {"body", "orelse", "finalbody"}.intersection(node._fields):
            if isinstance(statements := getattr(node, field), list):
                kept = [part for old in statements for part in _kept(old, node, loggers)]
                must_stay = field == "body" and not isinstance(node, ast.Module)
                setattr(node, field, kept or [ast.Pass()] * must_stay)
        todo += ast.iter_child_nodes(node)
    return imports


def _kept(statement: ast.stmt, parent: ast.AST, loggers: set[str]) -> list[ast.stmt]:
    """What stays of a statement: most often itself, nothing if it cannot change a result."""
    in_module = isinstance(parent, ast.Module)
    match statement:
        case ast.Pass() | ast.Expr(ast.Constant()):
            return []
        case ast.Expr(ast.Call(ast.Attribute(ast.Name(name), level))) if name in loggers:
            return [statement] if level not in LOG_LEVELS or _acts(statement) else []
        case ast.Assign([ast.Name(name)]) if in_module and name in loggers:
            return []
        case ast.AnnAssign(target, annotation, value) if not isinstance(parent, ast.ClassDef):
            if value is None or (in_module and last(annotation) == "WorkSize"):
                return []
            return [ast.copy_location(ast.Assign([target], value), statement)]
        case ast.If(test) if last(test) == "TYPE_CHECKING":
            return [part for old in statement.orelse for part in _kept(old, parent, loggers)]
    return [statement]


def _acts(node: ast.AST) -> bool:
    """Whether an expression binds a name or hands control over."""
    actions = ast.NamedExpr | ast.Yield | ast.YieldFrom | ast.Await
    return any(isinstance(part, actions) for part in ast.walk(node))


def last(node: ast.AST | None) -> str:
    """The last part of a dotted name, empty for other expressions."""
    return getattr(node, "id", getattr(node, "attr", ""))
