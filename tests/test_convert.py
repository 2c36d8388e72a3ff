import errno
import hashlib
import io
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from paintassay.core.errors import InputError
from paintassay.core.tables import conform
from paintassay.images import convert, shards
from paintassay.images.convert import convert_plate
from paintassay.images.scaling import to_uint8
from paintassay.images.storage import UnreachableError
from paintassay.images.tables import LOST_VIEWS, PLATE_INDEX, QUALITY, views_schema

CHANNELS = ["Mito", "ERSyto", "Hoechst"]
WELLS, SITES = ["A01", "B02", "P24"], [1, 2, 3, 4]
FRAME = (40, 52)
CLIP = 0.5


def plane(well, site, channel):
    """Its own 12-bit pixels for each plane."""
    number = WELLS.index(well) * 100 + site * 10 + CHANNELS.index(channel)
    return np.random.default_rng(number).integers(100, 3000, FRAME).astype(np.uint16)


def tiff_bytes(pixels, **options):
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, **({"metadata": None} | options))
    return file.getvalue()


@pytest.fixture
def plate(tmp_path):
    """The index of a plate of 12 views, in no order; its images in tmp_path / images."""
    (tmp_path / "images").mkdir()
    rows = []
    for well in WELLS:
        for site in SITES:
            for channel in CHANNELS:
                place = tmp_path / "images" / f"{well}_s{site}_{channel}.tif"
                place.write_bytes(tiff_bytes(plane(well, site, channel)))
                rows.append(("p1", well, site, channel, str(place), None))
    index = pd.DataFrame(rows, columns=PLATE_INDEX.names)
    return index.sample(frac=1, random_state=1)


def place_of(index, well, site, channel):
    is_plane = (index["well"] == well) & (index["site"] == site) & (index["channel"] == channel)
    return Path(index.loc[is_plane, "place"].item())


def run(index, tmp_path, threads=2, **options):
    """Convert, and check what must hold always."""
    path = tmp_path / "shards" / "p1.npy"
    options = {"maximum_bits": 12} | options
    views, lost, quality = convert_plate(index, CHANNELS, CLIP, path, threads, **options)
    for table, schema in [
        (views, views_schema(CHANNELS)),
        (lost, LOST_VIEWS),
        (quality, QUALITY),
    ]:
        assert list(table.columns) == schema.names
        conform(table, schema)
    pixels = np.load(path, allow_pickle=False)
    assert pixels.shape == (len(views), len(CHANNELS), *FRAME)
    assert views["row"].tolist() == list(range(len(views)))
    assert [hashlib.sha256(view.tobytes()).hexdigest() for view in pixels] == list(views["sha256"])
    assert len(quality) == len(views) * len(CHANNELS)
    assert len(views) + len(lost) == len(WELLS) * len(SITES)
    return pixels, views, lost, quality


def test_every_view_lies_where_the_table_says(plate, tmp_path):
    pixels, views, lost, quality = run(plate, tmp_path)
    keys = [(well, site) for well in WELLS for site in SITES]
    assert list(zip(views["well"], views["site"], strict=True)) == keys
    assert views["shard"].unique().tolist() == ["p1.npy"]
    assert lost.empty
    for row, (well, site) in enumerate(keys):
        for number, channel in enumerate(CHANNELS):
            raw = plane(well, site, channel)
            expected, clip_level = to_uint8(raw, CLIP)
            np.testing.assert_array_equal(pixels[row, number], expected)
            assert views[f"clip_level_{channel}"][row] == clip_level
            measured = quality.iloc[row * len(CHANNELS) + number]
            assert (measured["well"], measured["site"], measured["channel"]) == (
                well,
                site,
                channel,
            )
            assert measured["mean"] == pytest.approx(raw.mean())


def test_real_view_with_its_real_names(shared_data, tmp_path):
    folder = shared_data / "cloome_bray2017"
    names = json.loads((folder / "original_names.json").read_text())
    channels = ["Mito", "ERSyto", "ERSytoBleed", "Ph_golgi", "Hoechst"]
    archive = tmp_path / "24279.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for channel, name in names.items():
            file.write(folder / f"{channel}.tif", name)
    rows = [("24279", "A01", 1, channel, str(archive), names[channel]) for channel in channels]
    index = pd.DataFrame(rows, columns=PLATE_INDEX.names)
    views, lost, quality = convert_plate(
        index, channels, 0.0028, tmp_path / "s.npy", 1, 12, check_tags="strict"
    )
    assert lost.empty
    clip_levels = [int(views[f"clip_level_{channel}"].item()) for channel in channels]
    assert clip_levels == [2681, 2753, 4095, 4095, 2527]
    assert (quality.set_index("channel")["saturated"] > 0).tolist() == [
        False,
        False,
        True,
        True,
        False,
    ]
    # The same files under another name: the content knows better.
    moved = index.assign(well="A02")
    with pytest.raises(InputError, match="name and content disagree: 1.*well A01"):
        convert_plate(moved, channels, 0.0028, tmp_path / "t.npy", 1, check_tags="strict")
    assert not (tmp_path / "t.npy").exists()


def test_same_bytes_whatever_the_threads(plate, tmp_path):
    place_of(plate, "B02", 2, "Mito").write_bytes(b"")
    results = []
    for threads in (1, 2, 7):
        tables = run(plate, tmp_path, threads)
        content = (tmp_path / "shards" / "p1.npy").read_bytes()
        results.append((content, *(table.to_csv() for table in tables[1:])))
    assert results[0] == results[1] == results[2]


def bad_file(content):
    return lambda path: path.write_bytes(content)


def cut_off(path):
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (bad_file(b""), "empty file"),
        (bad_file(b"<html></html>"), "not a TIFF"),
        (cut_off, "truncated TIFF"),
        (Path.unlink, "cannot be read"),
        (bad_file(tiff_bytes(np.zeros(FRAME, np.float32))), "not 8 or 16 bit unsigned"),
        (bad_file(tiff_bytes(np.zeros(FRAME, np.uint32))), "not 8 or 16 bit unsigned"),
        (
            bad_file(tiff_bytes(np.zeros((*FRAME, 3), np.uint8), photometric="rgb")),
            "several samples per pixel",
        ),
        (bad_file(tiff_bytes(np.zeros((2, *FRAME), np.uint16))), "several planes"),
        (bad_file(tiff_bytes(np.zeros((40, 51), np.uint16))), "other frame size"),
        (bad_file(tiff_bytes(np.full(FRAME, 4097, np.uint16))), "above the bit depth"),
    ],
)
@pytest.mark.parametrize("which", [("A01", 1, "Mito"), ("B02", 3, "Hoechst")])
def test_one_bad_plane_loses_one_view(plate, tmp_path, damage, problem, which):
    whole = run(plate, tmp_path)
    place = place_of(plate, *which)
    damage(place)
    pixels, views, lost, _ = run(plate, tmp_path)
    assert lost[["well", "site", "channel", "place"]].to_numpy().tolist() == [[*which, str(place)]]
    assert lost["problem"].item() == problem
    # The others are as they were, without a hole.
    missing = WELLS.index(which[0]) * len(SITES) + which[1] - 1
    np.testing.assert_array_equal(pixels, np.delete(whole[0], missing, axis=0))
    assert views["sha256"].tolist() == whole[1]["sha256"].drop(missing).tolist()


def test_damaged_member_of_an_archive(plate, tmp_path):
    archive = tmp_path / "p1.zip"
    plate = plate.assign(member=[Path(place).name for place in plate["place"]])
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as file:
        for place in plate["place"]:
            file.write(place, Path(place).name)
        info = file.getinfo("B02_s2_Mito.tif")
    data = bytearray(archive.read_bytes())
    data[info.header_offset + 2000] ^= 1
    archive.write_bytes(data)
    _, _, lost, _ = run(plate.assign(place=str(archive)), tmp_path)
    assert (lost["well"].item(), lost["site"].item()) == ("B02", 2)
    assert lost["problem"].item() == "cannot be read"
    assert "B02_s2_Mito.tif" in lost["detail"].item()
    assert "CRC" in lost["detail"].item()


def test_too_many_bad_views(plate, tmp_path):
    for site in (1, 2):
        place_of(plate, "A01", site, "Mito").write_bytes(b"")
    place_of(plate, "A01", 3, "ERSyto").write_bytes(b"no image")
    with pytest.raises(InputError) as caught:
        run(plate, tmp_path, max_lost=0.2)
    assert "3 of 12 views are bad, more than 20% (empty file: 2, not a TIFF: 1)" in str(
        caught.value
    )
    assert str(place_of(plate, "A01", 1, "Mito")) in str(caught.value)
    assert list((tmp_path / "shards").iterdir()) == []
    assert len(run(plate, tmp_path, max_lost=0.25)[2]) == 3


def test_no_view_at_all(plate, tmp_path):
    for place in plate["place"]:
        Path(place).write_bytes(b"")
    with pytest.raises(InputError, match="none of 9 images can be read .empty file: 9"):
        run(plate, tmp_path, max_lost=1)
    with pytest.raises(InputError, match="12 of 12 views are bad"):
        run(plate, tmp_path, max_lost=1, frame=FRAME)
    assert not (tmp_path / "shards" / "p1.npy").exists()


def test_plate_without_wanted_wells(plate, tmp_path):
    tables = convert_plate(plate.iloc[:0], CHANNELS, CLIP, tmp_path / "p1.npy", 2)
    for table, schema in zip(tables, [views_schema(CHANNELS), LOST_VIEWS, QUALITY], strict=True):
        assert conform(table, schema).num_rows == 0
    assert shards.read_shape(tmp_path / "p1.npy")[:2] == (0, 3)


def test_two_frame_sizes(plate, tmp_path):
    for site in SITES:
        for channel in CHANNELS:
            place_of(plate, "P24", site, channel).write_bytes(
                tiff_bytes(np.ones((30, 20), np.uint16))
            )
    with pytest.raises(InputError) as caught:
        run(plate, tmp_path)
    message = str(caught.value)
    assert "4 of 12 views are bad, more than 10% (other frame size: 4)" in message
    assert "20 x 30 instead of 52 x 40" in message
    assert "P24_s1_Mito.tif" in message
    assert "A01_s1_Mito.tif" in message
    # The vote is not only among the first, most of which are small now.
    for well, site in [("A01", 1), ("A01", 2), ("A01", 3), ("A01", 4), ("B02", 1)]:
        for channel in CHANNELS:
            small, large = tiff_bytes(np.ones((30, 20), np.uint16)), plane("P24", 1, channel)
            place_of(plate, well, site, channel).write_bytes(small)
            place_of(plate, "P24", site, channel).write_bytes(tiff_bytes(large))
    with pytest.raises(InputError, match="5 of 12 .*20 x 30 instead of 52 x 40"):
        run(plate, tmp_path)
    # The size that is asked for wins, were it the rarer one.
    with pytest.raises(InputError, match="7 of 12 .*52 x 40 instead of 20 x 30"):
        run(plate, tmp_path, frame=(30, 20))


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("C05 : Site 1\r\nPlate ID:p1", "well C05"),
        ("A01 : Site 9", "site 9"),
        ("Plate ID:24279", "plate 24279"),
    ],
)
def test_name_and_content_disagree(plate, tmp_path, caplog, text, detail):
    place = place_of(plate, "A01", 1, "ERSyto")
    place.write_bytes(tiff_bytes(plane("A01", 1, "ERSyto"), description=text))
    _, _, lost, _ = run(plate, tmp_path, check_tags="strict")
    assert lost["problem"].tolist() == ["name and content disagree"]
    assert (lost["channel"].item(), lost["detail"].item()) == ("ERSyto", detail)
    with caplog.at_level(logging.WARNING):
        caplog.clear()
        assert run(plate, tmp_path, check_tags="warn")[2].empty
        assert caplog.messages == [
            f"name and content disagree in 1 of 12 views, such as {place}: {detail}"
        ]
        caplog.clear()
        assert run(plate, tmp_path, check_tags="off")[2].empty
        assert caplog.messages == []


def test_agreeing_tags_are_no_problem(plate, tmp_path, caplog):
    for row in plate.itertuples():
        pixels = plane(row.well, row.site, row.channel)
        text = f"{row.well} : Site {row.site}\r\nPlate ID:p1"
        Path(row.place).write_bytes(tiff_bytes(pixels, description=text))
    assert run(plate, tmp_path, check_tags="strict")[2].empty


def test_illumination(plate, tmp_path):
    function = np.linspace(0.5, 1.5, FRAME[0] * FRAME[1], dtype=np.float32).reshape(FRAME)
    plain = run(plate, tmp_path)
    pixels, views, _, quality = run(plate, tmp_path, illumination={"ERSyto": function})
    raw = plane("A01", 1, "ERSyto")
    expected, clip_level = to_uint8(np.rint(raw / function).astype(np.uint16), CLIP)
    np.testing.assert_array_equal(pixels[0, 1], expected)
    assert views["clip_level_ERSyto"][0] == clip_level
    np.testing.assert_array_equal(pixels[:, [0, 2]], plain[0][:, [0, 2]])
    # Quality is that of the raw pixels.
    pd.testing.assert_frame_equal(quality, plain[3])
    with pytest.raises(InputError, match="illumination of Mito: is 52 x 39, .* 52 x 40"):
        run(plate, tmp_path, illumination={"Mito": function[1:]})


def test_full_disk(plate, tmp_path, monkeypatch):
    written = []

    def pwrite(file, data, offset):
        written.append(offset)
        if len(written) > 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return len(data)

    monkeypatch.setattr(shards.os, "pwrite", pwrite)
    with pytest.raises(InputError, match=r"p1.npy: cannot be written: the disk is full\nHint: "):
        run(plate, tmp_path)
    assert list((tmp_path / "shards").iterdir()) == []


def test_unreachable_place_is_no_bad_view(plate, tmp_path, monkeypatch):
    @contextmanager
    def opened_archives():
        def read(place, member):
            raise UnreachableError(place, "cannot be read: time-out")

        yield read

    monkeypatch.setattr(convert, "opened_archives", opened_archives)
    for frame in (None, FRAME):
        with pytest.raises(UnreachableError):
            run(plate, tmp_path, frame=frame, max_lost=1)


def test_index_that_is_not_of_one_plate_of_complete_views(plate, tmp_path):
    for index in (plate.iloc[1:], pd.concat([plate, plate.iloc[:1]])):
        with pytest.raises(ValueError, match="has not each channel once"):
            run(index, tmp_path)
    with pytest.raises(ValueError, match="channels other than"):
        run(plate.replace({"channel": {"Mito": "DNA"}}), tmp_path)
    with pytest.raises(ValueError, match="2 plates"):
        run(pd.concat([plate, plate.assign(plate="p2")]), tmp_path)


def test_killed_halfway_and_run_again(plate, tmp_path):
    run(plate, tmp_path)
    shard = tmp_path / "shards" / "p1.npy"
    expected = shard.read_bytes()
    shutil.rmtree(shard.parent)
    plate.to_parquet(tmp_path / "index.parquet")
    script = f"""
import os, signal
import pandas as pd
from paintassay.images import convert, shards
index = pd.read_parquet({str(tmp_path / "index.parquet")!r})
write, rows = shards.ShardWriter.__call__, []
def dying(self, row, view):
    if row == 6:
        os.kill(os.getpid(), signal.SIGKILL)
    return write(self, row, view)
shards.ShardWriter.__call__ = dying
convert.convert_plate(index, {CHANNELS!r}, {CLIP}, {str(shard)!r}, 2, 12)
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    killed = subprocess.run([sys.executable, "-c", script], env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not shard.exists()
    run(plate, tmp_path)
    assert shard.read_bytes() == expected


def saturated(quality):
    return quality.set_index(["well", "site", "channel"])["saturated"]


@pytest.mark.parametrize("bits", [12, 16])
def test_left_aligned_values_saturate(plate, tmp_path, bits):
    """A 12-bit camera's highest value, moved left by 4 bits, is 65520."""
    for place in plate["place"]:
        pixels = tifffile.imread(place)
        pixels[:10, :13] = 4095
        Path(place).write_bytes(tiff_bytes(pixels << 4))
    stored, views, _, quality = run(plate, tmp_path, maximum_bits=bits)
    assert (quality["saturated"] == 130 / (40 * 52)).all()
    raw = plane("A01", 1, "Mito")
    raw[:10, :13] = 4095
    np.testing.assert_array_equal(stored[0, 0], to_uint8(raw, CLIP)[0])
    # With 12 bits in the configuration, measures are those of the camera's values.
    factor = 1 if bits == 12 else 16
    assert quality["mean"][0] == pytest.approx(raw.mean() * factor)
    assert views["clip_level_Mito"][0] == to_uint8(raw, CLIP)[1] * factor


def test_fewer_bits_than_the_configuration_says(plate, tmp_path, caplog):
    description = '<OME><Pixels SignificantBits="12"/></OME>'
    place = place_of(plate, "A01", 1, "Mito")
    raw = plane("A01", 1, "Mito")
    raw[0, :52] = 4095
    place.write_bytes(tiff_bytes(raw, description=description))
    _, _, _, quality = run(plate, tmp_path, maximum_bits=16)
    assert saturated(quality)["A01", 1, "Mito"] == 52 / (40 * 52)
    assert "12 bits, but images.bits is 16 in 1 of 12 views" not in caplog.text
    assert "12 bits, but images.bits is 16" in caplog.text
    # 8 bits saturate at 255 whatever the camera.
    place.write_bytes(tiff_bytes(np.minimum(raw // 8, 255).astype(np.uint8)))
    _, _, _, quality = run(plate, tmp_path, maximum_bits=12)
    assert saturated(quality)["A01", 1, "Mito"] == ((raw // 8) >= 255).mean()


def test_pixel_size_is_checked_like_the_other_tags(plate, tmp_path, caplog):
    options = {"resolution": (32000, 32000), "resolutionunit": "CENTIMETER"}
    place = place_of(plate, "A01", 1, "Mito")
    place.write_bytes(tiff_bytes(plane("A01", 1, "Mito"), **options))
    text = "a pixel of 0.3125 um, but images.pixel_size_um is 0.656"
    _, views, _, _ = run(plate, tmp_path, pixel_size_um=0.656)
    assert text in caplog.text
    assert views.attrs["pixel_sizes_um"] == [0.3125]
    caplog.clear()
    run(plate, tmp_path, pixel_size_um=0.32)
    run(plate, tmp_path, pixel_size_um=0.656, check_tags="off")
    assert "pixel" not in caplog.text
    _, _, lost, _ = run(plate, tmp_path, pixel_size_um=0.656, check_tags="strict")
    assert lost[["well", "site", "detail"]].values.tolist() == [["A01", 1, text]]


@pytest.mark.parametrize(
    ("content", "problem", "hint"),
    [
        (None, "does not exist", "images.path_prefix"),
        (b"\x89PNG\r\n\x1a\n" + bytes(60), "not a TIFF: a PNG", "must be TIFF files"),
        (b"", "empty file", "fetch it again"),
        (tiff_bytes(plane("A01", 1, "Mito"))[:600], "truncated TIFF", "cut off"),
        (
            tiff_bytes(np.zeros((3, 40, 52), np.uint16), photometric="minisblack"),
            "several planes",
            "a file of its own",
        ),
        (tiff_bytes(np.zeros((40, 52, 3), np.uint8), photometric="rgb"), "several samples", "grey"),
        (tiff_bytes(np.zeros((40, 52), np.float32)), "not 8 or 16 bit", "save it as 8 or 16"),
    ],
)
def test_one_cause_one_hint(plate, tmp_path, content, problem, hint):
    for place in plate["place"]:
        if content is None:
            Path(place).unlink()
        else:
            Path(place).write_bytes(content)
    with pytest.raises(InputError) as caught:
        run(plate, tmp_path)
    assert problem in caught.value.problem
    assert hint in caught.value.hint
    # Only a path that leads nowhere is moved.
    assert ("path_prefix" in caught.value.hint) == (content is None)
