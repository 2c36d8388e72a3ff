"""Centres of single cells from real and made CellProfiler outputs."""

import csv
import sqlite3
from contextlib import closing

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from paintassay.core import tables
from paintassay.core.errors import InputError
from paintassay.dataset import cells as single_cells
from paintassay.dataset.cells import read_cells
from paintassay.dataset.tables import CELLS, LOST_CELLS

FRAME = (520, 696)
# Equal as floats, different as integers.
HASHES = [2**62 + 1, 2**62 + 2]


def views_of(*views):
    return pd.DataFrame(views, columns=["plate", "well", "site"])


def rows_of(cells):
    tables.conform(cells, CELLS)
    return list(cells.itertuples(index=False, name=None))


def lost_of(lost):
    tables.conform(lost, LOST_CELLS)
    return {
        tuple(None if pd.isna(value) else value for value in key): cells
        for *key, cells, _ in lost.itertuples(index=False)
    }


def backend(path, images, nuclei, kind="TEXT"):
    """A SQLite database as cytominer-database and pycytominer write it."""
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(
            f"CREATE TABLE Image (TableNumber {kind}, ImageNumber {kind}, Image_Metadata_Plate,"
            " Image_Metadata_Well TEXT, Image_Metadata_Site)"
        )
        database.execute(
            "CREATE TABLE Nuclei (TableNumber BIGINT, ImageNumber BIGINT, ObjectNumber BIGINT,"
            " Nuclei_Location_Center_X FLOAT, Nuclei_Location_Center_Y FLOAT, Other FLOAT)"
        )
        database.executemany("INSERT INTO Image VALUES (?, ?, ?, ?, ?)", images)
        database.executemany("INSERT INTO Nuclei VALUES (?, ?, ?, ?, ?, 0)", nuclei)
    return path


def test_real_sqlite_against_its_rows(shared_data):
    path = shared_data / "pycytominer_celllocations" / "test_BR00126114.sqlite"
    cells, lost = read_cells(path, views_of(("BR00126114", "A01", 1)), (1080, 1080))
    with closing(sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True)) as database:
        expected = database.execute(
            "SELECT Metadata_Plate, Metadata_Well, CAST(Metadata_Site AS INTEGER),"
            " CAST(ObjectNumber AS INTEGER), CAST(Nuclei_Location_Center_X AS REAL),"
            " CAST(Nuclei_Location_Center_Y AS REAL)"
            " FROM Nuclei JOIN Image USING (TableNumber, ImageNumber)"
            " WHERE Metadata_Site = '1' ORDER BY 1, 2, 3, 4"
        ).fetchall()
    assert len(expected) == 10
    assert rows_of(cells) == expected
    assert lost_of(lost) == {("BR00126114", "A01", 2, "view not in the shards"): 10}


def test_real_csv_pair_and_a_frame_that_cuts(shared_data):
    folder = shared_data / "cytotable_cpg0043"
    view, centre = ("BR00116991", "A01", 1), "Location_Center"
    with (folder / "Nuclei.csv").open(newline="") as file:
        centres = [
            (*view, int(row["ObjectNumber"]), float(row[f"{centre}_X"]), float(row[f"{centre}_Y"]))
            for row in csv.DictReader(file)
        ]
    read = {"views": views_of(view), "images": folder / "Image.csv"}
    cells, lost = read_cells(folder / "Nuclei.csv", frame=(1080, 1080), **read)
    assert rows_of(cells) == centres
    assert lost.empty
    cells, lost = read_cells(folder / "Nuclei.csv", frame=FRAME, **read)
    inside = [row for row in centres if row[4] < 696 and row[5] < 520]
    assert 0 < len(inside) < len(centres) == 109
    assert rows_of(cells) == inside
    assert lost_of(lost) == {(*view, "centre outside the frame"): 109 - len(inside)}


def test_real_images_without_metadata_are_placed_by_their_file_names(shared_data):
    folder = shared_data / "cytotable_examplehuman"
    plate = "AS_09125_050116030001"
    read = {
        "source": folder / "Nuclei.csv",
        "images": folder / "Image.csv",
        "views": views_of((plate, "D03", 0)),
        "frame": (512, 512),
    }
    named = r"(?P<plate>AS_\d+_\d+)_(?P<well>[A-P]\d\d)f(?P<site>\d\d)d\d"
    cells, lost = read_cells(name_pattern=named, **read)
    assert len(cells) == 289
    assert lost.empty
    without_plate = named.replace("?P<plate>", "?:")
    again, _ = read_cells(name_pattern=without_plate, plate=plate, **read)
    pd.testing.assert_frame_equal(cells, again)
    with pytest.raises(
        InputError, match=r"Image.csv: has no column Metadata_Plate.*\nHint: .*name"
    ):
        read_cells(**read)


@pytest.mark.parametrize("kind", ["TEXT", "BIGINT"])
def test_keys_longer_than_floats_stay_apart(tmp_path, kind):
    images = [(HASHES[0], 1, 24277, "a1", 1), (HASHES[1], 1, 24277, "P24", 6)]
    nuclei = [(HASHES[1], 1, 1, 60.0, 6.0), (HASHES[0], 1, 1, 10.0, 1.0)]
    expected = [("24277", "A01", 1, 1, 10.0, 1.0), ("24277", "P24", 6, 1, 60.0, 6.0)]
    views = views_of(("24277", "A01", 1), ("24277", "P24", 6))
    path = backend(tmp_path / "x.sqlite", images, nuclei, kind)
    before = path.read_bytes()
    assert rows_of(read_cells(path, views, FRAME)[0]) == expected
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.sqlite"]

    names = ["TableNumber", "ImageNumber", "ObjectNumber", "Location_Center_X", "Location_Center_Y"]
    # A row without numbers would make every key of a column a float.
    nuclei.append((None, None, 7, 1.0, 1.0))
    columns = zip(*nuclei, strict=True)
    table = pa.table(dict(zip(names, map(pa.array, columns), strict=True)))
    pa.csv.write_csv(table, tmp_path / "Nuclei.csv")
    pq.write_table(table, tmp_path / "Nuclei.parquet")
    image_names = [*names[:2], "Metadata_Plate", "Metadata_Well", "Metadata_Site"]
    pd.DataFrame(images, columns=image_names).to_csv(tmp_path / "Image.csv", index=False)
    for name in ("Nuclei.csv", "Nuclei.parquet"):
        cells, lost = read_cells(tmp_path / name, views, FRAME, images=tmp_path / "Image.csv")
        assert rows_of(cells) == expected
        assert lost_of(lost) == {(None, None, None, "image without plate, well or site"): 1}

    table.to_pandas().to_parquet(tmp_path / "rounded.parquet")
    with pytest.raises(InputError, match="table numbers were rounded"):
        read_cells(tmp_path / "rounded.parquet", views, FRAME, images=tmp_path / "Image.csv")


@pytest.mark.parametrize("rows_per_batch", [2, 1000])
def test_bad_cells_are_counted_and_good_ones_kept(tmp_path, monkeypatch, rows_per_batch):
    monkeypatch.setattr(single_cells, "ROWS_PER_BATCH", rows_per_batch)
    images = [
        (1, 1, "p", "B02", 2),
        (1, 2, "p", "B02", 1),
        (1, 3, "p", None, 1),
        (1, 4, "q", "B02", "x"),
        (1, 5, "q", "C03", 1),
    ]
    nuclei = [
        (1, 1, 2, 695.9, 519.9),
        (1, 1, 1, 0.0, 0.0),
        (1, 1, 3, 696.0, 5.0),
        (1, 1, 4, 5.0, -0.1),
        (1, 1, 9, -0.1, 5.0),
        (1, 1, 10, 5.0, 520.0),
        (1, 1, 5, None, 5.0),
        (1, 1, 6, "nan", 5.0),
        (1, 1, 7, "", 5.0),
        (1, 1, 8, 5.0, float("inf")),
        (1, 1, None, 5.0, 5.0),
        (1, 1, 2, 9.0, 9.0),
        (1, 2, 1, "7.5", "8.5"),
        (1, 3, 1, 5.0, 5.0),
        (1, 4, 1, 5.0, 5.0),
        (1, 5, 1, 5.0, 5.0),
        (1, 5, 2, 5.0, 5.0),
        (2, 1, 1, 5.0, 5.0),
    ]
    path = backend(tmp_path / "x.db", images, nuclei)
    views = views_of(("p", "B02", 2), ("p", "B02", 1), ("p", "A01", 1))
    cells, lost = read_cells(path, views, FRAME)
    assert rows_of(cells) == [
        ("p", "B02", 1, 1, 7.5, 8.5),
        ("p", "B02", 2, 1, 0.0, 0.0),
        ("p", "B02", 2, 2, 695.9, 519.9),
    ]
    assert lost_of(lost) == {
        ("p", "B02", 2, "centre outside the frame"): 4,
        ("p", "B02", 2, "centre not finite"): 4,
        ("p", "B02", 2, "cell without number"): 1,
        ("p", "B02", 2, "cell number twice in its view"): 1,
        ("p", None, 1, "image without plate, well or site"): 1,
        ("q", "B02", None, "image without plate, well or site"): 1,
        (None, None, None, "image without plate, well or site"): 1,
        ("q", "C03", 1, "view not in the shards"): 2,
    }
    assert lost["cells"].sum() + len(cells) == len(nuclei)
    outside = lost[lost["problem"] == "centre outside the frame"]
    assert outside["detail"].item() == "cell 3 at x 696, y 5"


@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "parquet"])
def test_tables_with_plate_well_and_site_beside_the_centres(tmp_path, monkeypatch, suffix):
    monkeypatch.setattr(single_cells, "ROWS_PER_BATCH", 2)
    table = pd.DataFrame(
        {
            "Metadata_Plate": [24277, 24277, 24277, 24278],
            "Metadata_Well": ["B2", "A01", "B2", "A01"],
            "Metadata_Site": [1, 1, 1, 1],
            "Nuclei_Location_Center_X": [3.0, 1.0, 2.0, np.nan],
            "Nuclei_Location_Center_Y": [3.5, 1.5, 2.5, 4.5],
        }
    )
    path = tmp_path / f"cells.{suffix}"
    table.to_parquet(path) if suffix == "parquet" else table.to_csv(path, index=False)
    views = views_of(*(("24277", "A01", 1), ("24277", "B02", 1), ("24278", "A01", 1)))
    cells, lost = read_cells(path, views, FRAME)
    # Without numbers of their own, the cells of a view count as they come.
    assert rows_of(cells) == [
        ("24277", "A01", 1, 1, 1.0, 1.5),
        ("24277", "B02", 1, 1, 3.0, 3.5),
        ("24277", "B02", 1, 2, 2.0, 2.5),
    ]
    assert lost_of(lost) == {("24278", "A01", 1, "centre not finite"): 1}


def test_no_cells_at_all(tmp_path):
    path = backend(tmp_path / "x.sqlite", [], [])
    cells, lost = read_cells(path, views_of(("p", "A01", 1)), FRAME)
    assert rows_of(cells) == []
    assert lost_of(lost) == {}


def test_unusable_files_say_so(tmp_path):
    views = views_of(("p", "A01", 1))
    with pytest.raises(InputError, match="does not exist"):
        read_cells(tmp_path / "none.sqlite", views, FRAME)
    assert not (tmp_path / "none.sqlite").exists()
    (tmp_path / "text.sqlite").write_text("no database " * 100)
    with pytest.raises(InputError, match="text.sqlite: cannot be read: .*not a database"):
        read_cells(tmp_path / "text.sqlite", views, FRAME)
    with closing(sqlite3.connect(tmp_path / "empty.sqlite")) as database:
        database.execute("CREATE TABLE Image (ImageNumber, Metadata_Plate)")
    with pytest.raises(InputError, match="no column Metadata_Well"):
        read_cells(tmp_path / "empty.sqlite", views, FRAME)
    images = [(1, 1, "p", "A01", 1), ("1", "1", "p", "A01", 2)]
    with pytest.raises(InputError, match="two images of number 1"):
        read_cells(backend(tmp_path / "twice.sqlite", images, []), views, FRAME)
    (tmp_path / "cells.csv").write_text("Metadata_Plate,Metadata_Well,Metadata_Site\np,A01,1\n")
    with pytest.raises(InputError, match="no column Nuclei_Location_Center_X or Location_Center_X"):
        read_cells(tmp_path / "cells.csv", views, FRAME)
    with pytest.raises(InputError, match="none.csv: cannot be read"):
        read_cells(tmp_path / "none.csv", views, FRAME)
