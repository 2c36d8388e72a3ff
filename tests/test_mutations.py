"""Three mistakes that a published rebuild of these labels suffered, each caught by a test."""

import shutil
import subprocess
import sys

import pytest
from conftest import ROOT

# Mistake: the test that must fail, and (module, right, wrong) for what makes the mistake.
MISTAKES = {
    "values saved before pruning, names after it": (
        "test_matrix_and_its_names_belong_together",
        (
            "label_matrix",
            'column = pd.Index(table["TASK"]).get_indexer(kept["task"].astype("str"))',
            'column = kept["task"].cat.codes.to_numpy()',
        ),
        (
            "label_matrix",
            "shape=(len(inchikeys), len(table))",
            'shape=(len(inchikeys), len(kept["task"].cat.categories))',
        ),
    ),
    "duplicates summed": (
        "test_mean_against_threshold",
        (
            "labels",
            'pc.round(grouped["pchembl_value_mean"], 6)',
            'pc.multiply(grouped["pchembl_value_mean"],'
            ' pc.list_value_length(grouped["activity_id_list"]))',
        ),
    ),
    "filter counts votes": (
        "test_filter_counts_compounds_and_not_votes",
        (
            "labels",
            'pc.sign(pc.subtract(cells["active_sum"], cells["inactive_sum"]))',
            'pc.subtract(cells["active_sum"], cells["inactive_sum"])',
        ),
        (
            "label_matrix",
            '"actives": labels["label"] > 0, "inactives": labels["label"] < 0',
            '"actives": labels["label"].clip(0), "inactives": -labels["label"].clip(upper=0)',
        ),
    ),
}


def run_test(library, name):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    command += ["-o", f"pythonpath={library} tests", "tests/test_labels.py", "-k", name]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_is_caught(mistake, tmp_path):
    name, *changes = MISTAKES[mistake]
    package = tmp_path / "paintassay"
    shutil.copytree(ROOT / "workflow" / "scripts" / "paintassay", package)
    assert run_test(tmp_path, name).returncode == 0
    for module, right, wrong in changes:
        path = package / f"{module}.py"
        text = path.read_text()
        assert text.count(right) == 1
        path.write_text(text.replace(right, wrong))
    run = run_test(tmp_path, name)
    # pytest's status 1: tests ran, and some of them failed.
    assert run.returncode == 1, run.stdout
    assert "AssertionError" in run.stdout or "KeyError" in run.stdout
