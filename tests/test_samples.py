"""Each sample is the right pixels or features, of the right view, with the right labels."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from test_views import make_screen

from paintassay.core.errors import InputError
from paintassay.core.tables import write_csv, write_parquet
from paintassay.dataset.profiles import standardise_wells
from paintassay.images import views
from paintassay.images.views import Views, windows
from paintassay.labels.reading import Labels, labels_of, read_labels
from paintassay.labels.tables import ASSAYS, LABELS
from paintassay.training.samples import cell_samples, feature_samples, view_samples

KEYS = ["AAAAAAAAAAAAAA-BBBBBBBBBB-N", "CCCCCCCCCCCCCC-DDDDDDDDDD-N", None]


@pytest.fixture(scope="module")
def screen(tmp_path_factory):
    """Three plates of two wells of three views of 3 x 6 x 8 pixels, in random order."""
    folder = tmp_path_factory.mktemp("screen")
    manifest, pixels = make_screen(folder, ["P1", "P2", "P3"])
    wells = manifest["plate"] + manifest["well"]
    keys = pd.Series(KEYS, ["P1A01", "P3A02", "P2A01"], dtype="str")
    return folder, manifest.assign(inchikey=wells.map(keys)), pixels


def read(samples, indices):
    out = np.full((len(indices), *samples.shape), 77, samples.dtype)
    samples.read(indices, out)
    return out


def make_cells(manifest, views, x, y):
    """Cells in the views at these places of the manifest."""
    table = manifest.iloc[views][["plate", "well", "site"]].reset_index(drop=True)
    return table.assign(cell=range(1, len(table) + 1), x=x, y=y)


def assert_views(samples, expected):
    """The views are these rows of the manifest, in their order."""
    assert list(samples.views.columns) == ["plate", "well", "site", "inchikey"]
    assert samples.views.index.equals(pd.RangeIndex(len(expected)))
    assert samples.views["site"].dtype == "Int64"
    expected = expected[samples.views.columns].reset_index(drop=True)
    pd.testing.assert_frame_equal(samples.views, expected, check_dtype=False)


def test_views_are_samples_in_the_order_of_the_manifest(screen):
    folder, manifest, pixels = screen
    samples = view_samples(manifest[3:12], folder)
    assert (len(samples), samples.shape, samples.dtype) == (9, (3, 6, 8), np.uint8)
    assert np.array_equal(samples.view_of, np.arange(9)) and samples.view_of.dtype == np.int64
    assert_views(samples, manifest[3:12])
    assert samples.views["inchikey"].isna().any() and samples.views["inchikey"].notna().any()
    assert np.array_equal(read(samples, [8, 0, 0, 5]), pixels[[11, 3, 3, 8]])
    assert read(samples, []).shape == (0, 3, 6, 8)


@pytest.mark.parametrize("size", range(1, 7))
def test_crops_are_the_windows_of_their_views(screen, size):
    # Centres on, between and beyond the pixels; cells of the last three views are not asked for.
    folder, manifest, pixels = screen
    random = np.random.default_rng(size)
    views = random.integers(2, 18, 6000)
    x, y = (
        random.integers(-2, 20, 6000) / 2 + random.choice([0, 0, 0.01, np.nan], 6000) for _ in "xy"
    )
    part = random.permutation(15)
    crops, view_of, with_crops = [], [], []
    for view in part:
        found, _ = windows(pixels[view], np.stack([x, y], 1)[views == view], size)
        if len(found):
            crops += list(found)
            view_of += [len(with_crops)] * len(found)
            with_crops.append(view)
    assert len(crops) > 20 and 10 < len(with_crops) < len(part)
    samples = cell_samples(manifest.iloc[part], folder, make_cells(manifest, views, x, y), size)
    assert samples.shape == (3, size, size) and samples.dtype == np.uint8
    assert samples.view_of.dtype == np.int64 and list(samples.view_of) == view_of
    assert_views(samples, manifest.iloc[with_crops])
    some = random.integers(0, len(crops), 2 * len(crops))
    assert np.array_equal(read(samples, some), np.stack(crops)[some])
    assert read(samples, []).shape == (0, 3, size, size)


def test_cells_elsewhere_are_passed_over_and_views_without_crops_counted(screen, caplog):
    folder, manifest, pixels = screen
    cells = make_cells(manifest, [2, 2, 2, 2, 2], 4.0, 3.0)
    for row, (column, value) in enumerate([("well", "P24"), ("plate", "P9"), ("site", 9)]):
        cells.loc[row, column] = value
    cells.loc[3, "well"] = None
    with caplog.at_level("INFO"):
        samples = cell_samples(manifest, folder, cells, size=4)
    assert "17 of 18 views left out: they have no crop" in caplog.text
    assert np.array_equal(read(samples, [0]), pixels[2:3, :, 1:5, 2:6]) and len(samples) == 1
    with pytest.raises(InputError, match="cells: no crop of 4 pixels lies within a view"):
        cell_samples(manifest, folder, cells[:4], size=4)


def test_crops_are_cut_in_the_order_of_the_disk(screen, monkeypatch):
    folder, manifest, _ = screen
    cells = make_cells(manifest, np.repeat(np.arange(18), 2), 4.0, 3.0)
    samples = cell_samples(manifest, folder, cells, size=2)
    touched, whole = [], Views.__getitem__

    def watched(views, index):
        touched.append(tuple(views.manifest.loc[index, ["shard", "row"]]))
        return whole(views, index)

    monkeypatch.setattr(Views, "__getitem__", watched)
    read(samples, np.random.default_rng(1).permutation(36))
    shards = list(dict.fromkeys(shard for shard, _ in touched))
    assert touched == sorted(touched, key=lambda place: (shards.index(place[0]), place[1]))
    assert len(touched) == 36


@pytest.mark.parametrize("kind", ["views", "cells"])
def test_threads_read_at_once(screen, monkeypatch, kind):
    # With room for one map only, each thread lets go of the maps of the others.
    folder, manifest, pixels = screen
    monkeypatch.setattr(views, "_maps_allowed", lambda largest: 1)
    if kind == "views":
        samples, expected = view_samples(manifest, folder), pixels
    else:
        samples = cell_samples(manifest, folder, make_cells(manifest, np.arange(18), 4, 3), 4)
        expected = pixels[:, :, 1:5, 2:6]
    batches = [np.random.default_rng(seed).integers(0, 18, 40) for seed in range(200)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda batch: read(samples, batch), batches))
    for batch, crops in zip(batches, found, strict=True):
        assert np.array_equal(crops, expected[batch])


def test_what_the_shards_say_against_the_manifest_passes_through(screen, tmp_path):
    folder, manifest, _ = screen
    cells = make_cells(manifest, [0], 4.0, 3.0)
    with pytest.raises(InputError, match="P1.npy: the shard is missing|P[23].npy: the shard"):
        view_samples(manifest, tmp_path)
    with pytest.raises(InputError, match="has 6 rows, but the manifest has row 99"):
        cell_samples(manifest.assign(row=99), folder, cells)
    with pytest.raises(InputError, match=r"manifest: P\d, A0\d, \d stands twice"):
        cell_samples(pd.concat([manifest, manifest[:1]]), folder, cells)


def test_features_are_those_of_the_wells_of_the_manifest(screen, caplog):
    _, manifest, _ = screen
    wells = pd.DataFrame(
        [["P9", "A01"], ["P3", "A02"], ["P2", "A01"], ["P1", "A01"], ["P1", "A02"], ["P2", "A02"]],
        columns=["plate", "well"],
    )
    features = np.random.default_rng(1).normal(5, 3, (6, 40)).astype("float32")
    with caplog.at_level("INFO"):
        samples = feature_samples(manifest, features, wells)
    assert "1 of 6 wells left out: they have no features" in caplog.text
    assert (len(samples), samples.shape, samples.dtype) == (5, (40,), np.float32)
    assert np.array_equal(samples.view_of, np.arange(5)) and samples.view_of.dtype == np.int64
    expected = manifest.drop_duplicates(["plate", "well"])
    expected = expected[(expected["plate"] != "P3") | (expected["well"] != "A01")]
    assert_views(samples, expected.assign(site=pd.array([pd.NA] * 5, "Int64")))
    names = wells["plate"] + wells["well"]
    rows = [list(names).index(name) for name in expected["plate"] + expected["well"]]
    order = [4, 0, 3, 0]
    assert np.array_equal(read(samples, order), standardise_wells(features)[rows][order])
    assert read(samples, []).shape == (0, 40)


def test_features_that_do_not_fit_are_refused(screen):
    _, manifest, _ = screen
    features = np.ones((2, 3), np.float32)
    wells = pd.DataFrame({"plate": ["P1", "P1"], "well": ["A01", "A01"]})
    with pytest.raises(InputError, match="features: P1, A01 stands twice"):
        feature_samples(manifest, features, wells)
    with pytest.raises(InputError, match="no well of the manifest has features"):
        feature_samples(manifest, features, wells.assign(plate=["P8", "P9"]))
    with pytest.raises(ValueError, match="2 rows of features for 1 wells"):
        feature_samples(manifest, features, wells[:1])


def write_labels(folder, rows, columns):
    write_parquet(pd.DataFrame(rows, columns=LABELS.names), folder / "label_matrix.parquet", LABELS)
    filler = {"ASSAY_CHEMBL_ID": "CHEMBL1", "KIND": "comment", "ACTIVES": 1, "INACTIVES": 1}
    assays = pd.DataFrame({"TASK": columns}).assign(**filler)
    write_csv(assays.reindex(columns=ASSAYS.names), folder / "assays.csv", ASSAYS)
    return folder / "label_matrix.parquet", folder / "assays.csv"


def test_labels_by_compound_and_task(tmp_path):
    columns = ["CHEMBL99|comment", "CHEMBL100|comment", "CHEMBL5|pchembl>=5.5"]
    rows = [(KEYS[1], columns[2], 1), (KEYS[0], columns[0], -1), (KEYS[1], columns[1], -1)]
    labels = read_labels(*write_labels(tmp_path, rows, columns))
    assert list(labels.inchikeys) == KEYS[:2] and labels.tasks == columns
    assert labels.values.dtype == np.int8
    assert np.array_equal(labels.values, [[-1, 0, 0], [0, -1, 1]])


@pytest.mark.parametrize(
    ("rows", "columns", "message"),
    [
        ([(KEYS[0], "B", 1)], ["A"], r"label_matrix.parquet: task B is not in .*assays.csv"),
        ([(KEYS[0], "A", 0)], ["A"], f"label 0 of {KEYS[0]} in A is neither 1 nor -1"),
        ([(KEYS[0], "A", 1), (KEYS[0], "A", -1)], ["A"], f"{KEYS[0]} has two labels in A"),
        ([(KEYS[0], "A", 1)], ["A", "A"], "assays.csv: task A stands twice"),
    ],
)
def test_labels_that_contradict_their_assays_are_refused(tmp_path, rows, columns, message):
    with pytest.raises(InputError, match=message):
        read_labels(*write_labels(tmp_path, rows, columns))


def test_labels_of_views_with_and_without_compound():
    labels = Labels(pd.Index(KEYS[:2]), ["A", "B"], np.array([[1, 0], [-1, 1]], np.int8))
    views = pd.DataFrame({"inchikey": [KEYS[1], None, "unlabelled", KEYS[0], KEYS[1]]})
    found = labels_of(views, labels)
    assert found.dtype == np.int8
    assert np.array_equal(found, [[-1, 1], [0, 0], [0, 0], [1, 0], [-1, 1]])
    for nothing in (views[1:2], pd.DataFrame({"inchikey": [None]}), views[:0]):
        found = labels_of(nothing, labels)
        assert found.shape == (len(nothing), 2) and not found.any()
