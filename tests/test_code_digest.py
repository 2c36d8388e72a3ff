"""The code digest changes with the code a script reaches, and with nothing else."""

import pytest

from paintassay.plan.code_digest import code_digest

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


@pytest.fixture
def project(tmp_path):
    package = tmp_path / "package"
    package.mkdir()
    for name, text in FILES.items():
        (package / name).write_text(text)
    (tmp_path / "script.py").write_text(SCRIPT)
    return tmp_path


def digest(project):
    # Modules are remembered by path for the life of a process, which here changes them.
    from paintassay.plan import code_digest as module

    module._take_apart.cache_clear()
    return code_digest(project / "script.py", project / "package")


def edit(project, name, old, new):
    path = project / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("script.py", "area(2)", "area(3)"),
        ("package/shapes.py", "PI * square", "2 * PI * square"),
        ("package/shapes.py", "value * value", "value ** 2"),
        ("package/numbers.py", "3.14", "3.14159"),
        ("package/tools.py", "return twice(value)", "return twice(value) + 0"),
        ("package/late.py", "factor = 2", "factor = 3"),
    ],
)
def test_reached_code_counts(project, name, old, new):
    before = digest(project)
    edit(project, name, old, new)
    assert digest(project) != before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("script.py", "\nprint", "\n# a comment\nprint"),
        ("package/shapes.py", "Area of a circle.", "Area of a disc."),
        ("package/shapes.py", "# of a disc", "# of a circle"),
        ("package/shapes.py", "PI * square(radius)", "(PI\n        * square(radius))"),
        ("package/shapes.py", "2 * PI * radius", "PI * (radius + radius)"),
        ("package/numbers.py", "unused_constant = 1", "unused_constant = 2"),
        ("package/tools.py", "return 3 * value", "return value * 3"),
        ("package/elsewhere.py", "pass", "return 1"),
        ("package/__init__.py", "'1'", "'2'"),
    ],
)
def test_other_code_does_not_count(project, name, old, new):
    before = digest(project)
    edit(project, name, old, new)
    assert digest(project) == before


def test_module_used_as_a_whole_counts_whole(project):
    edit(project, "script.py", "tools.double(area(2))", "getattr(tools, 'triple')(area(2))")
    before = digest(project)
    edit(project, "package/tools.py", "return 3 * value", "return value * 3")
    assert digest(project) != before


def test_statements_that_run_on_import_count(project):
    before = digest(project)
    edit(project, "package/numbers.py", "PI", "if True:\n    PI = 3\nPI")
    assert digest(project) != before


def test_imports_that_cannot_be_followed_are_refused(project):
    edit(project, "script.py", "from package import tools", "from package.tools import *")
    with pytest.raises(ValueError, match=r"script.py:2: .*star imports"):
        digest(project)
