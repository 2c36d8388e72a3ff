"""Three mistakes that a published rebuild of these labels suffered, each caught by a test."""

import shutil
import subprocess
import sys

import pytest
from conftest import ROOT

# Mistake: the test that must fail, and (file, right, wrong) for what makes the mistake.
MISTAKES = {
    "values saved before pruning, names after it": (
        "test_matrix_and_its_names_belong_together",
        (
            "labels/matrix.py",
            'column = pd.Index(table["TASK"]).get_indexer(kept["task"].astype("str"))',
            'column = kept["task"].cat.codes.to_numpy()',
        ),
        (
            "labels/matrix.py",
            "shape=(len(inchikeys), len(table))",
            'shape=(len(inchikeys), len(kept["task"].cat.categories))',
        ),
    ),
    "duplicates summed": (
        "test_mean_against_threshold",
        (
            "labels/activities.py",
            'pc.round(grouped["pchembl_value_mean"], 6)',
            'pc.multiply(grouped["pchembl_value_mean"],'
            ' pc.list_value_length(grouped["activity_id_list"]))',
        ),
    ),
    "filter counts votes": (
        "test_filter_counts_compounds_and_not_votes",
        (
            "labels/activities.py",
            'pc.sign(pc.subtract(cells["active_sum"], cells["inactive_sum"]))',
            'pc.subtract(cells["active_sum"], cells["inactive_sum"])',
        ),
        (
            "labels/matrix.py",
            '"actives": labels["label"] > 0, "inactives": labels["label"] < 0',
            '"actives": labels["label"].clip(0), "inactives": -labels["label"].clip(upper=0)',
        ),
    ),
}


def run_test(library, name):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    command += ["-o", f"pythonpath={library} tests", "tests/test_labels.py", "-k", name]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


QUICKEST = "filter counts votes"


@pytest.mark.parametrize(
    "mistake",
    [
        pytest.param(mistake, marks=[] if mistake == QUICKEST else [pytest.mark.long])
        for mistake in MISTAKES
    ],
)
def test_mistake_is_caught(mistake, tmp_path):
    """The test that passes on the library as it is fails on a copy with the mistake."""
    name, *changes = MISTAKES[mistake]
    package = tmp_path / "paintassay"
    shutil.copytree(ROOT / "workflow" / "scripts" / "paintassay", package)
    for file, right, wrong in changes:
        path = package / file
        text = path.read_text()
        assert text.count(right) == 1
        path.write_text(text.replace(right, wrong))
    run = run_test(tmp_path, name)
    # pytest's status 1: tests ran, and some of them failed.
    assert run.returncode == 1, run.stdout
    assert "AssertionError" in run.stdout or "KeyError" in run.stdout


def test_places_of_the_mistakes_are_there():
    for _, *changes in MISTAKES.values():
        for file, right, _ in changes:
            path = ROOT / "workflow" / "scripts" / "paintassay" / file
            assert path.read_text().count(right) == 1, right
