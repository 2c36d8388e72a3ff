"""The house in order: one name a stage, one direction, types at the doors, a face that stays."""

import ast
import inspect
import re
import subprocess
import sys

import pytest
from conftest import ROOT, SCRIPTS

from paintassay import api

LIBRARY = SCRIPTS / "paintassay"
MODULES = {
    ".".join(path.relative_to(SCRIPTS).with_suffix("").parts): path
    for path in sorted(LIBRARY.rglob("*.py"))
    if path.name != "__init__.py"
}
STAGES = [
    "compounds", "chembl", "labels", "images", "dataset", "training", "predictions", "statistics",
    "report", "demo",
]  # fmt: skip
# Rules that write beside the folder of their stage.
ELSEWHERE = {
    "build_demo_library": "screen",  # what stands for a user's own data
    "build_demo_chembl": "screen",
    "build_demo_screen": "screen",
    "describe_models": "statistics/figures",  # a figure of the paper, S5
    "draw_comparison": "statistics/figures",  # figures lie beside the tables they are drawn from
    "draw_examples": "statistics/figures",
    "build_crate": ".",  # where archives look for it
}
# A prediction needs PyTorch; their average, the rest of the stage, does not.
OTHER_ENVIRONMENT = {"predict_views": "training"}


def test_packages_have_a_docstring_and_nothing_else():
    """The digest of the code need not ask what else an import of a package runs."""
    packages = sorted(LIBRARY.rglob("__init__.py"))
    assert {path.parent.name for path in packages} >= {*STAGES, "core", "metrics", "models", "plan"}
    for path in packages:
        match ast.parse(path.read_text()).body:
            case [ast.Expr(ast.Constant(str()))]:
                pass
            case _:
                pytest.fail(f"{path} has more than a docstring")


def imports_of_the_library(path):
    """Modules of the library that a file imports."""
    modules = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                modules.add(whole if whole in MODULES else node.module)
    return {module for module in modules if module.startswith("paintassay")}


def test_tables_rest_on_the_machinery_of_tables_alone():
    machinery = "paintassay.core.tables"
    tables = [name for name in MODULES if name.endswith(".tables") and name != machinery]
    assert len(tables) >= 8
    # Whatever loads the machinery has also what that imports, such as the type of a path.
    allowed = {machinery} | imports_of_the_library(MODULES[machinery])
    assert all(name.startswith("paintassay.core.") for name in allowed)
    for name in tables:
        assert imports_of_the_library(MODULES[name]) <= allowed, name


def test_tables_and_the_pages_made_from_them_need_no_heavy_packages():
    """In a process in which PyTorch, RDKit and matplotlib cannot be imported."""
    tables = [name for name in MODULES if name.endswith(".tables")]
    code = f"""
import sys
sys.path[:0] = [{str(SCRIPTS)!r}, {str(ROOT / "docs")!r}]
sys.modules |= dict.fromkeys(["torch", "monai", "rdkit", "matplotlib"])
from importlib import import_module
for name in {[*tables, "make_outputs"]}:
    import_module(name)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_has_one_name(rules, stage):
    """Its package, its rules, its environment and its folder in the results."""
    assert (LIBRARY / stage / "__init__.py").is_file()
    assert (ROOT / "envs" / f"{stage}.yaml").is_file()
    of_stage = {
        name: rule
        for name, rule in rules.items()
        if rule["file"] == f"{stage}.smk" and rule["script"]
    }
    assert of_stage
    for name, rule in of_stage.items():
        environment = OTHER_ENVIRONMENT.get(name, stage)
        assert rule["environment"] == f"../../envs/{environment}.yaml", name
        folder = ELSEWHERE.get(name, stage)
        for path in rule["output"]:
            assert path.startswith(f"results/{folder}/".replace("/./", "/")), (name, path)


def test_exceptions_are_still_needed(rules):
    for name, folder in ELSEWHERE.items():
        stage = rules[name]["file"].removesuffix(".smk")
        assert folder != stage
        assert not all(path.startswith(f"results/{stage}/") for path in rules[name]["output"])


# Types


def public_functions(path):
    """Public functions of a module and public methods of its public classes: (name, node)."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node.name, node
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            for part in node.body:
                if isinstance(part, ast.FunctionDef) and not part.name.startswith("_"):
                    yield f"{node.name}.{part.name}", part


def untyped(name, function):
    """Names of the arguments without a type, and "return"."""
    arguments = function.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    decorators = {ast.unparse(decorator) for decorator in function.decorator_list}
    if "." in name and "staticmethod" not in decorators:
        every = every[1:]
    every += [argument for argument in (arguments.vararg, arguments.kwarg) if argument]
    missing = [argument.arg for argument in every if argument.annotation is None]
    return missing + ["return"] * (function.returns is None)


@pytest.mark.parametrize("module", MODULES)
def test_public_functions_have_types(module):
    missing = {
        name: names
        for name, function in public_functions(MODULES[module])
        if (names := untyped(name, function))
    }
    assert missing == {}


# The part that stays


def test_api_is_what_notebooks_rely_on():
    """A change here breaks programs of other people: it needs a new major version."""
    assert api.__all__ == [
        "bootstrap_auc",
        "build_model",
        "task_auc",
        "to_uint8",
        "venkatraman_test",
    ]
    signatures = {}
    for name in api.__all__:
        parameters = inspect.signature(getattr(api, name)).parameters.values()
        # Without types, which may become more exact.
        signatures[name] = ", ".join(
            str(parameter.replace(annotation=inspect.Parameter.empty)) for parameter in parameters
        )
    assert signatures == {
        "bootstrap_auc": "labels, scores, replicates, seed, stratified=False",
        "build_model": "name, channels=5, tasks=209, height=520, width=696, **options",
        "task_auc": "labels, scores",
        "to_uint8": "pixels, clip_percent=0.0028",
        "venkatraman_test": "labels, scores_a, scores_b, permutations, seed",
    }


def test_contributing_names_every_package():
    page = (ROOT / "CONTRIBUTING.md").read_text()
    packages = {path.parent.name for path in LIBRARY.glob("*/__init__.py")}
    assert packages <= set(re.findall(r"^\| `(\w+)` \|", page, re.M))
