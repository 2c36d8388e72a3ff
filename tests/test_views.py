"""Views come back as they were written, however they are asked for."""

import os
import pickle
import resource
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paintassay.core.errors import InputError
from paintassay.core.tables import write_parquet
from paintassay.images.npz import export_views
from paintassay.images.shards import new_shard
from paintassay.images.tables import views_schema
from paintassay.images.views import Views, groups_by_well, windows

CHANNELS = ["Mito", "ERSyto", "Hoechst"]
SIZE = (6, 8)


def make_screen(folder, plates, wells=("A01", "A02"), sites=(1, 2, 3), seed=1):
    """Write shards of random pixels; the manifest in random order, and its views in that order."""
    random = np.random.default_rng(seed)
    rows = []
    for plate in plates:
        with new_shard(folder / f"{plate}.npy", (len(wells) * len(sites), 3, *SIZE)) as write:
            for row, (well, site) in enumerate((well, site) for well in wells for site in sites):
                view = random.integers(0, 256, (3, *SIZE), dtype=np.uint8)
                place = {"plate": plate, "well": well, "site": site, "shard": f"{plate}.npy"}
                clip_levels = {f"clip_level_{channel}": 4095 for channel in CHANNELS}
                digest = {"sha256": write(row, view)}
                rows.append(place | {"row": row} | clip_levels | digest | {"view": view})
    manifest = pd.DataFrame(rows).sample(frac=1, random_state=seed)
    return manifest.drop(columns="view"), np.stack(manifest["view"])


@pytest.fixture(scope="module")
def screen(tmp_path_factory):
    folder = tmp_path_factory.mktemp("screen")
    manifest, pixels = make_screen(folder, ["P1", "P2", "P3"])
    return folder, manifest, pixels


def test_views_follow_the_manifest_and_not_the_shard(screen):
    folder, manifest, pixels = screen
    views = Views(manifest, folder)
    assert (len(views), views.shape, views.channels) == (18, (18, 3, *SIZE), CHANNELS)
    assert all(np.array_equal(view, expected) for view, expected in zip(views, pixels, strict=True))
    assert np.array_equal(views[-1], pixels[-1])
    with pytest.raises(IndexError):
        views[18]


def test_views_of_a_parquet_file_and_of_a_part(screen, tmp_path):
    folder, manifest, pixels = screen
    write_parquet(manifest, tmp_path / "views.parquet", views_schema(CHANNELS))
    views = Views(tmp_path / "views.parquet", folder)
    assert views.channels == CHANNELS
    assert np.array_equal(views.batch(range(18)), pixels)
    part = Views(manifest[4:7].assign(compound_id="C1"), folder)
    assert np.array_equal(part.batch([2, 0, 1]), pixels[[6, 4, 5]])


def test_view_is_no_copy_and_cannot_be_written(screen):
    folder, manifest, _ = screen
    views = Views(manifest, folder)
    assert np.shares_memory(views[3], views[3])
    with pytest.raises(ValueError, match="read-only"):
        views[3][0, 0, 0] = 1


@pytest.mark.parametrize(
    "channels", [["ERSyto"], ["ERSyto", "Hoechst"], ["Hoechst", "Mito"], ["Mito", "Hoechst"]]
)
def test_channels_by_name(screen, channels):
    folder, manifest, pixels = screen
    views = Views(manifest, folder, channels)
    expected = pixels[:, [CHANNELS.index(channel) for channel in channels]]
    assert views.shape == expected.shape
    assert np.array_equal(views.batch(range(18)), expected)
    assert np.array_equal(views[5], expected[5])


def test_batch_fills_the_given_buffer(screen):
    folder, manifest, pixels = screen
    views = Views(manifest, folder)
    out = np.zeros((4, 3, *SIZE), np.uint8)
    assert views.batch(np.array([7, 0, 7, -1]), out=out) is out
    assert np.array_equal(out, pixels[[7, 0, 7, -1]])
    assert np.array_equal(views.__getitems__([1, 2]), pixels[[1, 2]])
    assert views.batch([]).shape == (0, 3, *SIZE)
    with pytest.raises(ValueError, match="out is uint8"):
        views.batch([1], out=out)
    with pytest.raises(ValueError, match="out is float32"):
        views.batch([1, 2, 3, 4], out=out.astype("float32"))
    with pytest.raises(IndexError):
        views.batch([18])
    with pytest.raises(TypeError):
        views.batch(np.ones(18, bool))


def test_pickled_views_map_anew(screen):
    folder, manifest, pixels = screen
    views = Views(manifest, folder, ["Hoechst"])
    views.batch(range(18))
    copied = pickle.dumps(views)
    assert len(copied) < 5000 + pixels.nbytes // 10
    script = "import pickle, sys; views = pickle.load(sys.stdin.buffer);"
    script += "sys.stdout.buffer.write(views.batch(range(18)).tobytes())"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", script]
    run = subprocess.run(command, input=copied, env=environment, capture_output=True, check=True)
    assert run.stdout == pixels[:, 2:].tobytes()


def open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


def test_more_shards_than_files_may_be_open(tmp_path):
    plates = [f"P{number:03}" for number in range(100)]
    manifest, pixels = make_screen(tmp_path, plates, wells=["A01"], sites=[1, 2])
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    already = open_files()
    resource.setrlimit(resource.RLIMIT_NOFILE, (already + 48, before[1]))
    try:
        views = Views(manifest, tmp_path)
        assert np.array_equal(views.batch(range(200)), pixels)
        assert open_files() - already <= (already + 48) // 4
        assert all(np.array_equal(views[index], pixels[index]) for index in range(200))
        del views
        assert open_files() == already
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def change(manifest, **columns):
    changed = manifest.copy()
    for name, value in columns.items():
        changed.loc[changed.index[0], name] = value
    return changed


@pytest.mark.parametrize(
    ("change_manifest", "message"),
    [
        (lambda manifest: change(manifest, shard="P9.npy"), "P9.npy: the shard is missing"),
        (lambda manifest: change(manifest, row=6), "has 6 rows, but the manifest has row 6"),
        (lambda manifest: change(manifest, row=-1), "has 6 rows, but the manifest has row -1"),
        (lambda manifest: change(manifest, row=None), "has missing values in row"),
        (
            lambda manifest: manifest.assign(clip_level_AGP=1),
            "has 3 channels, but the manifest has",
        ),
        (lambda manifest: manifest[:0], "has no views"),
        (lambda manifest: manifest.drop(columns="site"), "has no column site"),
        (lambda manifest: change(manifest, shard="small.npy", row=0), "has views of"),
        (lambda manifest: change(manifest, shard="cut.npy", row=0), "bytes instead of the"),
    ],
)
def test_manifest_and_shards_that_disagree(screen, change_manifest, message):
    folder, manifest, _ = screen
    np.save(folder / "small.npy", np.zeros((1, 3, 2, 2), np.uint8))
    (folder / "cut.npy").write_bytes((folder / "P1.npy").read_bytes()[:-1])
    with pytest.raises(InputError, match=message):
        Views(change_manifest(manifest), folder)


def test_unknown_channel_and_shard_cut_off_later(screen, tmp_path):
    folder, manifest, _ = screen
    with pytest.raises(InputError, match="has no channel DNA\nHint: its channels are Mito, ERSy"):
        Views(manifest, folder, ["Mito", "DNA"])
    manifest, _ = make_screen(tmp_path, ["P1"])
    views = Views(manifest, tmp_path)
    os.truncate(tmp_path / "P1.npy", 200)
    with pytest.raises(InputError, match="bytes instead of the"):
        views[0]


def test_wells_hold_their_views_by_site(screen):
    folder, manifest, _ = screen
    groups = groups_by_well(manifest)
    assert list(groups) == [
        (plate, well) for plate in ("P1", "P2", "P3") for well in ("A01", "A02")
    ]
    for (plate, well), indices in groups.items():
        of_well = Views(manifest, folder).manifest.loc[indices]
        assert (of_well["plate"] == plate).all() and (of_well["well"] == well).all()
        assert list(of_well["site"]) == [1, 2, 3]


# Halves, too, which can be rounded in several ways.
COORDINATES = st.floats(-5, 25) | st.integers(-10, 50).map(lambda number: number / 2)


@settings(max_examples=60, deadline=None)
@given(
    centres=st.lists(st.tuples(COORDINATES, COORDINATES), max_size=6),
    size=st.integers(1, 20),
)
def test_windows_are_plain_slices_around_the_nearest_pixel(centres, size):
    # Wrapped around by numpy, a pixel outside would look like one inside: each value is unique.
    view = np.arange(2 * 14 * 18, dtype=np.uint16).reshape(2, 14, 18)
    crops, kept = windows(view, centres, size)
    expected = []
    for (x, y), keep in zip(centres, kept, strict=True):
        column, row = int(np.floor(x + 0.5)), int(np.floor(y + 0.5))
        half = size // 2
        square = [
            (r, c)
            for r in range(row - half, row - half + size)
            for c in range(column - half, column - half + size)
        ]
        assert keep == all(0 <= r < 14 and 0 <= c < 18 for r, c in square)
        if keep:
            rows, columns = np.array(square).T
            expected.append(view[:, rows, columns].reshape(2, size, size))
    assert crops.shape == (len(expected), 2, size, size)
    assert all(np.array_equal(*pair) for pair in zip(crops, expected, strict=True))


def test_windows_of_the_paper_size_and_missing_centres():
    view = np.zeros((5, 520, 696), np.uint8)
    view[:, 48, 647] = 1
    crops, kept = windows(view, [(48, 48), (648, 472), (647, 48), (649, 48), (np.nan, 100)])
    assert kept.tolist() == [True, True, True, False, False]
    assert (crops.shape, crops.dtype) == ((3, 5, 96, 96), np.uint8)
    assert (crops[2, :, 48, 48] == 1).all()


def npz_path(folder, row):
    return folder / f"{row.plate}-{row.well}-{row.site}.npz"


def test_npz_files_are_the_published_ones(screen, tmp_path):
    folder, manifest, pixels = screen
    views = Views(manifest, folder)
    assert export_views(views, tmp_path) == 18
    for row, view in zip(manifest.itertuples(), pixels, strict=True):
        with np.load(npz_path(tmp_path, row)) as npz:
            assert np.array_equal(npz["sample"], np.moveaxis(view, 0, -1))
            assert npz["channels"].tolist() == CHANNELS
        with zipfile.ZipFile(npz_path(tmp_path, row)) as archive:
            dates = {member.date_time for member in archive.infolist()}
        assert dates == {(1980, 1, 1, 0, 0, 0)}
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert len(before) == 18
    assert export_views(views, tmp_path) == 0
    cut, gone = sorted(before)[:2]
    cut.write_bytes(before[cut][:-30])
    gone.unlink()
    assert export_views(views, tmp_path) == 2
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_plate_that_is_no_file_name(screen, tmp_path):
    folder, manifest, _ = screen
    with pytest.raises(InputError, match="cannot be a file name"):
        export_views(Views(manifest.assign(plate="../P1"), folder), tmp_path / "npz")
    assert list(tmp_path.iterdir()) == []
