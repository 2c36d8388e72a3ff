"""The code digest changes with the code that a script reaches, and with nothing else."""

import ast
import shutil
import sys
from pathlib import Path

import pytest

from paintassay.plan import code_digest as module
from paintassay.plan import code_imports

SCRIPTS = Path(module.__file__).parents[2]
SCRIPT = """
from package import tools
from package.shapes import area

print(tools.double(area(2)))
"""

FILES = {
    "__init__.py": "__version__ = '1'\n",
    "shapes.py": '''
"""Shapes."""
from package.numbers import PI, unused_constant


def area(radius):
    """Area of a circle."""
    return PI * square(radius)  # of a disc


def square(value):
    return value * value


def perimeter(radius):
    return 2 * PI * radius
''',
    "numbers.py": "PI = 3.14\nunused_constant = 1\n",
    "tools.py": """
import functools


def double(value):
    from package.late import twice
    return twice(value)


@functools.cache
def triple(value):
    return 3 * value
""",
    "late.py": """
class Base:
    factor = 2


def twice(value):
    return Base().factor * value
""",
    "elsewhere.py": "def nothing():\n    pass\n",
}
# A package in which x stands behind several names, and beside it what must not count.
SOURCES = {
    "__init__.py": "",
    "b.py": "x = 1\nother = 1\n",
    "sub/__init__.py": "from package.b import x\n",
}
# A function with all that may be said without a change of what it gives.
SPEAKING = SOURCES | {
    "core/__init__.py": "",
    "core/errors.py": "class InputError(ValueError):\n    pass\n",
    "core/jobs.py": "def job(path):\n    return path\n",
    "core/sizes.py": "WorkSize = int\n",
    "speaking.py": '''
import logging
import warnings
from typing import TYPE_CHECKING, NamedTuple

from package.core import jobs
from package.core.errors import InputError
from package.core.sizes import WorkSize

if TYPE_CHECKING:
    from package.b import other

log = logging.getLogger(__name__)
ROWS: WorkSize = 100
FACTOR: int = 2
HINT = "a hint"


class Row(NamedTuple):
    value: int


def speak(value: "other") -> list:
    """Say much."""
    assert value, f"no {value}"
    log.info("rows %s", value)
    if value > 3:
        raise InputError("file", "too many", HINT)
    if value > 2:
        raise ValueError(describe(value))
    error = InputError("file", "a problem")
    warnings.warn("careful", stacklevel=2)
    count: int = value
    for _ in range(0, 10, ROWS):
        count *= FACTOR
    with jobs.job("here"):
        return error, Row(count)


def describe(value):
    return f"{value} rows"
''',
}


@pytest.fixture
def project(tmp_path):
    return write_project(tmp_path, FILES, SCRIPT)


def write_project(folder, files, script):
    for name, text in files.items():
        path = folder / "package" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "script.py").write_text(script)
    return folder


def digest(project, package="package"):
    # Files are remembered by path for the life of a process, which here changes them.
    for name in [name for name in sys.modules if name.startswith("paintassay.plan.")]:
        for part in vars(sys.modules[name]).values():
            if hasattr(part, "cache_clear"):
                part.cache_clear()
    return module.code_digest(project / "script.py", project / package)


def edit(project, name, old, new):
    path = project / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def changes(project, name, old, new):
    """Whether an edit changes the digest."""
    before = digest(project)
    edit(project, name, old, new)
    return digest(project) != before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("script.py", "area(2)", "area(3)"),
        ("package/shapes.py", "PI * square", "2 * PI * square"),
        ("package/shapes.py", "value * value", "value ** 2"),
        ("package/shapes.py", "import PI, unused_constant", "import unused_constant as PI"),
        ("package/numbers.py", "3.14", "3.14159"),
        ("package/tools.py", "return twice(value)", "return twice(value) + 0"),
        ("package/late.py", "factor = 2", "factor = 3"),
    ],
)
def test_reached_code_counts(project, name, old, new):
    assert changes(project, name, old, new)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("script.py", "\nprint", "\n# a comment\nprint"),
        ("script.py", "from package import tools", "import package.tools as tools"),
        ("package/shapes.py", "Area of a circle.", "Area of a disc."),
        ("package/shapes.py", "# of a disc", "# of a circle"),
        ("package/shapes.py", "PI * square(radius)", "(PI\n        * square(radius))"),
        ("package/shapes.py", "2 * PI * radius", "PI * (radius + radius)"),
        ("package/shapes.py", "def area(radius):", "def area(radius: int) -> float:"),
        ("package/numbers.py", "unused_constant = 1", "unused_constant = 2"),
        ("package/tools.py", "return 3 * value", "return value * 3"),
        ("package/elsewhere.py", "pass", "return 1"),
        ("package/__init__.py", "'1'", "'2'"),
    ],
)
def test_other_code_does_not_count(project, name, old, new):
    assert not changes(project, name, old, new)


def test_module_used_as_a_whole_counts_whole(project):
    edit(project, "script.py", "tools.double(area(2))", "getattr(tools, 'triple')(area(2))")
    assert changes(project, "package/tools.py", "return 3 * value", "return value * 3")


def test_statements_that_run_on_import_count(project):
    assert changes(project, "package/numbers.py", "PI", "if True:\n    PI = 3\nPI")


def test_import_alone_counts_for_what_it_runs(project):
    edit(project, "script.py", "from package import tools", "from package import elsewhere, tools")
    assert changes(project, "package/elsewhere.py", "pass", "pass\n\n\nprint(nothing())")


def test_order_counts_where_it_can_matter(tmp_path):
    project = write_project(tmp_path, SOURCES, "x = 1\ny = x\nx = 2\nprint(y)\n")
    assert changes(project, "script.py", "y = x\nx = 2\n", "x = 2\ny = x\n")
    (project / "script.py").write_text("def f():\n    pass\n\n\ndef g():\n    pass\n")
    functions = ("def f():\n    pass\n", "def g():\n    pass\n")
    assert not changes(project, "script.py", "\n\n".join(functions), "\n\n".join(functions[::-1]))


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("from package.b import x", "x"),
        ("from package.b import x as y", "y"),
        ("from package.sub import x", "x"),
        ("from package import sub", "sub.x"),
        ("from package import b\ny = b.x", "y"),
        ("from package import b as m", "m.x"),
        ("import package.b", "package.b.x"),
        ("import package.b as m", "m.x"),
        ("try:\n    from package.b import x\nexcept ImportError:\n    x = 0", "x"),
    ],
)
@pytest.mark.parametrize(
    "script",
    [
        "from package.a import {root}\nprint({name})",
        "from package.a import {root} as local\nprint(local{rest})",
        "import package.a\nprint(package.a.{name})",
        "import package.a as local\nprint(local.{name})",
        "from package import a\nprint(a.{name})",
        "def f(a):\n    from package.a import {root}\n    return {name}\nprint(f(0))",
        "import package.a\nprint((lambda: [package.a.{name} for _ in (0,)])()[0])",
    ],
)
def test_names_are_followed_through_imports_of_every_form(tmp_path, statement, name, script):
    root, dot, rest = name.partition(".")
    text = script.format(root=root, name=name, rest=dot + rest)
    project = write_project(tmp_path, SOURCES | {"a.py": f"{statement}\nunused = 1\n"}, text)
    assert not changes(project, "package/a.py", "unused = 1", "unused = 2")
    assert not changes(project, "package/b.py", "other = 1", "other = 2")
    assert changes(project, "package/b.py", "x = 1", "x = 2")


@pytest.fixture
def speaking(tmp_path):
    script = "from package.speaking import speak\n\nspeak(1)\n"
    return write_project(tmp_path, SPEAKING, script)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Say much.", "Say a lot."),
        ("no {value}", "{describe(value)} are not enough"),
        ("rows %s", "there are %s rows"),
        ('    log.info("rows %s", value)\n', ""),
        ("    if value > 3:\n", '    if value > 3:\n        logging.warning("many")\n'),
        ("    return f", '    log.debug("described")\n    return f'),
        ('"too many", HINT', '"more than three"'),
        ("raise InputError(", "raise InputError(describe(value), "),
        ("a hint", "another hint"),
        ("{value} rows", "{value:d} rows"),
        ("a problem", "another problem"),
        ('    warnings.warn("careful", stacklevel=2)\n', ""),
        ("ROWS: WorkSize = 100", "ROWS: WorkSize = 10 * 20"),
        ('value: "other") -> list', "value)"),
        ("count: int = value", "count = value"),
        ("FACTOR: int = 2", "FACTOR = 2"),
        ("from package.b import other", "from package.b import x as other"),
        ("log = logging.getLogger(__name__)", 'log = logging.getLogger("here")'),
    ],
)
def test_what_is_said_does_not_count(speaking, old, new):
    assert not changes(speaking, "package/speaking.py", old, new)


@pytest.mark.parametrize("name", ["errors", "jobs"])
def test_modules_of_errors_and_jobs_do_not_count(speaking, name):
    path = speaking / "package" / "core" / f"{name}.py"
    edit(speaking, "script.py", "speak(1)", "from package.core.jobs import job\njob(speak(1))")
    assert not changes(speaking, path, path.read_text(), path.read_text() + "\nprint(1)\n")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("FACTOR: int = 2", "FACTOR: int = 3"),
        ("assert value", "assert value > 1"),
        ("    value: int\n", "    value: float\n"),
        ("raise ValueError(", "raise TypeError("),
        ("raise ValueError(describe(value))", "raise ValueError(describe(value)) from None"),
        ("raise ValueError(describe(value))", "pass"),
        ('"rows %s", value', '"rows %s", (value := 2)'),
        ("log.info", "value.info"),
        ("range(0, 10, ROWS)", "range(0, 20, ROWS)"),
    ],
)
def test_what_is_done_counts(speaking, old, new):
    assert changes(speaking, "package/speaking.py", old, new)


def test_log_statement_may_empty_a_body(tmp_path):
    text = 'import logging\n\n\ndef f():\n    logging.info("f")\n\n\nf()\n'
    project = write_project(tmp_path, SOURCES, text)
    assert not changes(project, "script.py", 'logging.info("f")', "pass")


def test_first_log_statement_of_a_script_does_not_count(tmp_path):
    project = write_project(tmp_path, SOURCES, "print(1)\n")
    text = "import logging\n\nlog = logging.getLogger(__name__)\nlog.info(1)\nprint(1)\n"
    assert not changes(project, "script.py", "print(1)\n", text)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (
            "from package.b import *",
            r"script.py:1: .*star imports.*from package.module import name",
        ),
        ("from . import b", r"script.py:1: relative .*from package.module import name"),
        ("import package\n\nprint(package)", r"script.py:3: package package is used as a value"),
        ("from package.b import y\ny()", r"script.py:1: package.b does not bind y"),
        ("import package.b as m\n\nm.y()", r"script.py:3: package.b does not bind y"),
        ("from package.c import x\nx()", r"script.py:1: there is no module package.c"),
        ("import importlib\nimportlib.import_module('package.b')", r"script.py:2: import_module"),
        ("import importlib as i\ni.import_module(f'package.{1}')", r"script.py:2: import_module"),
        ("from importlib import import_module as f", r"script.py:1: import_module"),
        ("name = 'b'\n__import__(name)", r"script.py:2: __import__ .*import by a statement"),
        ("exec('from package.b import x')", r"script.py:1: exec .*write the code itself"),
        ("globals()['x']()", r"script.py:1: globals .*name what is meant"),
        ("print(__doc__)", r"script.py:1: __doc__ .*in a constant"),
    ],
)
def test_what_cannot_be_followed_is_refused(tmp_path, script, message):
    project = write_project(tmp_path, SOURCES, script)
    with pytest.raises(ValueError, match=message):
        digest(project)


@pytest.mark.parametrize(
    "script",
    [
        "from package import b\n\n\ndef f(b):\n    return b.y\n\n\nf(1)",
        "from package import b\n\nprint([b.y for b in ()], b.x)",
        "from package import b\n\nprint(b.__name__, b.__file__)",
        "import importlib\nimportlib.import_module('json')",
        "import importlib\nimportlib.import_module(f'package.models.{1}')",
        "model = 1\nmodel.eval()",
    ],
)
def test_what_is_of_no_account_is_not_refused(tmp_path, script):
    assert digest(write_project(tmp_path, SOURCES, script))


def library_digests(scripts):
    package = scripts / "paintassay"
    paths = [*scripts.glob("*.py"), *(package / "models").glob("[a-z]*.py")]
    return {path.stem: module.code_digest(path, package) for path in paths}


class Reword(ast.NodeTransformer):
    """Changes what a program says, and not what it does."""

    def visit_Raise(self, node):
        return self.reworded(node, node.exc) if "SystemExit" not in ast.unparse(node) else node

    def visit_Call(self, node):
        is_error = isinstance(node.func, ast.Name) and node.func.id == "InputError"
        return self.reworded(node, node) if is_error else self.generic_visit(node)

    def visit_Expr(self, node):
        match node.value:
            case ast.Call(ast.Attribute(ast.Name("log" | "logging"), "info" | "warning" | "error")):
                return ast.Pass()
            case ast.Constant(str(text)):
                return ast.Expr(ast.Constant(f"{text} In other words."))
        return self.generic_visit(node)

    def reworded(self, node, call):
        if isinstance(call, ast.Call):
            call.args = [ast.Constant("in other words"), *call.args[1:]]
            call.keywords = []
        return node


def test_rewording_the_library_changes_no_digest(tmp_path):
    before = library_digests(SCRIPTS)
    assert len(before) > 40
    shutil.copytree(SCRIPTS, tmp_path / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    for path in (tmp_path / "scripts").rglob("*.py"):
        path.write_text(ast.unparse(Reword().visit(ast.parse(path.read_text()))))
    assert library_digests(tmp_path / "scripts") == before


@pytest.mark.parametrize(
    ("name", "place"),
    [("bootstrap_auc", "metrics/bootstrap.py"), ("venkatraman_test", "metrics/roc.py")],
)
def test_code_behind_a_name_of_the_api_counts(tmp_path, name, place):
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(SCRIPTS / "paintassay", tmp_path / "paintassay", ignore=ignored)
    script = tmp_path / "script.py"
    script.write_text(f"from paintassay.api import {name}\n\n{name}(1, 2, 3)\n")
    before = digest(tmp_path, "paintassay")
    edit(tmp_path, f"paintassay/{place}", "np.", "numpy.")
    assert digest(tmp_path, "paintassay") != before


def test_places_that_are_left_out_are_there():
    package = SCRIPTS / "paintassay"
    for place in (*code_imports.NOT_IN_A_RESULT, *code_imports.DIGESTED_APART, "core.sizes"):
        path = package.joinpath(*place.split("."))
        assert path.is_dir() or path.with_suffix(".py").is_file()
