"""Names that become parts of paths are checked where they are read."""

import csv

import pandas as pd
import pytest
from conftest import plan, run_jobs
from small_screen import CONFIG, write_screen

from paintassay.core import tables
from paintassay.core.errors import InputError
from paintassay.core.names import check_name, name_problem
from paintassay.images.index import list_plates
from paintassay.images.tables import PLATES
from paintassay.plan.sources import read_plates

GOOD = ["a,b", "0024277", "24277.0", 'say "x"', "P 1", "\u00b5-plate", "%s", "$HOME", "P;1", "*"]
BAD = {
    "{plate}": "'{'",
    "<x>": "'<'",
    "B1/P1": "'/'",
    "B1\\P1": r"'\\\\'",
    "..": "name of a folder",
    "a\tb": r"'\\t'",
    "x" * 201: "201 bytes",
}


@pytest.mark.parametrize("name", GOOD)
def test_names_that_are_taken(name, tmp_path):
    """As a plate: through the list of plates that Snakemake reads, and back."""
    check_name(name, "plate", "here")
    tables.write_csv(pd.DataFrame({"plate": [name, "P2"]}), tmp_path / "plates.csv", PLATES)
    assert read_plates(tmp_path / "plates.csv") == [name, "P2"]


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("layout", ["table", "load_data"])
def test_a_bad_name_is_refused_with_its_row(name, layout, tmp_path):
    """One bad plate in the third row of a table of images."""
    path = tmp_path / "load_data.csv"
    if layout == "table":
        header, rest = ["plate", "well", "site", "channel", "place"], ["A01", 1, "DNA", "1.tif"]
    else:
        header = ["Metadata_Plate", "Metadata_Well", "Metadata_Site", "URL_OrigDNA"]
        rest = ["A01", 1, "/data/1.tif"]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, ["P1", *rest], ["P2", *rest], [name, *rest]])
    with pytest.raises(InputError) as error:
        list_plates(layout, path, ["DNA"])
    assert error.value.where == f"{path}, row 3"
    assert error.value.problem.startswith("plate ")
    assert BAD[name].replace("\\\\", "\\") in error.value.problem


def test_a_batch_level_is_refused_in_plain_words(tmp_path):
    with pytest.raises(InputError) as error:
        check_name("2020_11_04_Batch1/P1", "plate", "images.csv, row 1")
    assert "2020_11_04_Batch1_P1" in error.value.hint and "batch" in error.value.hint


def test_a_bad_name_in_the_list_of_plates_names_its_line(tmp_path):
    path = tmp_path / "plates.csv"
    path.write_text("plate\nP1\n{plate}\n")
    with pytest.raises(InputError, match="plates.csv, line 3: plate '{plate}'"):
        read_plates(path)
    path.write_text("plate\nP1,P2\n")
    with pytest.raises(InputError, match="line 2: has more than one value"):
        read_plates(path)
    path.write_text("barcode\nP1\n")
    with pytest.raises(InputError, match="column plate alone"):
        read_plates(path)


def test_an_empty_name_is_none():
    assert name_problem(" ") == "is empty"
    assert name_problem(" P1") == "begins or ends with a blank"


def test_a_plate_with_a_comma_goes_through_the_workflow(tmp_path):
    """Its name is CSV; it must not become two plates, or none."""
    write_screen(
        tmp_path,
        images=lambda table: table.replace("P1", "a,b"),
        wells=lambda table: table.replace("P1", "a,b"),
    )
    config = CONFIG | {"single_cells": {"tables": None}, "profiles": {"tables": None}}
    results = run_jobs(tmp_path, config, "dataset")
    views = pd.read_parquet(results / "dataset" / "views.parquet")
    assert sorted(views["plate"].unique()) == ["P2", "a,b"]
    assert (results / "images" / "shards" / "a,b.npy").is_file()
    assert plan(tmp_path, config, "dataset").scripted() == set()
