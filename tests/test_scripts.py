"""Scripts of the rules, run in this process: what they make of a rule's settings and files."""

import re
import shutil

import numpy as np
import pandas as pd
import pytest
import tifffile
from conftest import run_script

from paintassay.core import tables
from paintassay.images.layouts.bray import BRAY_WAVELENGTHS
from paintassay.images.quality import LIMITS
from paintassay.images.scaling import to_uint8
from paintassay.images.tables import PLATED_WELLS

CHANNELS = ["Hoechst", "Mito"]
ASPIRIN, CAFFEINE = "BSYNRYMUTXBXSQ-UHFFFAOYSA-N", "RYYVLZVUVIJVGH-UHFFFAOYSA-N"
WELLS = pd.DataFrame(
    [
        ("A01", "aspirin", "treatment", ASPIRIN),
        ("A02", "caffeine", "treatment", CAFFEINE),
        ("A03", None, "negative_control", None),
        ("A04", "unknown", "treatment", None),
    ],
    columns=["well", "compound_id", "role", "inchikey"],
).assign(dose=None)
INDEX_SETTINGS = {
    "layout": "bray_folder",
    "root": "plates",
    "path_prefix": {},
    "channels": CHANNELS,
}
CONVERT_SETTINGS = {
    "channels": CHANNELS,
    "bits": 16,
    "clip_percent": 0.1,
    "illumination": None,
    "check_tags": "off",
    "max_lost": 0.1,
}
INDEXED = {
    "index": "P1.parquet",
    "lost": "P1.index_lost.csv",
    "counts": "P1.index_counts.json",
}
CONVERTED = {
    "shard": "P1.npy",
    "views": "P1.views.parquet",
    "lost": "P1.lost.csv",
    "quality": "P1.quality.parquet",
    "copies": "P1.copies.csv",
    "counts": "P1.counts.json",
}


def raw_plane(well, channel):
    random = np.random.default_rng([ord(well[-1]), CHANNELS.index(channel)])
    return random.integers(100, 4000, size=(60, 80), dtype=np.uint16)


@pytest.fixture
def plate(tmp_path):
    """A plate of four wells, indexed, with its wells and the compounds that have labels."""
    for channel in CHANNELS:
        folder = tmp_path / "plates" / f"P1-{channel}"
        folder.mkdir(parents=True)
        for well in WELLS["well"]:
            name = f"screen_{well}_s1_w{BRAY_WAVELENGTHS[channel]}.tif"
            tifffile.imwrite(folder / name, raw_plane(well, channel))
    wells = WELLS.assign(plate="P1")[PLATED_WELLS.names]
    tables.write_parquet(wells, tmp_path / "wells.parquet", PLATED_WELLS)
    pd.DataFrame({"INDEX": [0], "INCHIKEY": [ASPIRIN]}).to_csv(
        tmp_path / "labelled.csv", index=False
    )
    run_script(
        "index_plate",
        tmp_path,
        output=INDEXED,
        params={"settings": INDEX_SETTINGS},
        wildcards={"plate": "P1"},
        log="index.log",
    )
    return tmp_path


def convert(folder, settings=None, **inputs):
    """Run convert_plate; its views and its pixels."""
    run_script(
        "convert_plate",
        folder,
        input={
            "index": "P1.parquet",
            "index_lost": "P1.index_lost.csv",
            "wells": [],
            "labels": [],
            **inputs,
        },
        output=CONVERTED,
        params={"settings": CONVERT_SETTINGS | (settings or {})},
        wildcards={"plate": "P1"},
        threads=2,
        log="convert.log",
    )
    views = pd.read_parquet(folder / CONVERTED["views"])
    return views, np.load(folder / CONVERTED["shard"], allow_pickle=False)


def test_all_wells_are_converted(plate):
    views, pixels = convert(plate)
    assert views["well"].tolist() == WELLS["well"].tolist()
    expected, threshold = to_uint8(raw_plane("A02", "Mito"), 0.1)
    np.testing.assert_array_equal(pixels[1, 1], expected)
    assert views["clip_level_Mito"][1] == threshold


def test_wanted_labelled_leaves_out_treatments_without_a_label(plate):
    """Controls stay: normalisation and quality control need them."""
    _, every = convert(plate)
    views, pixels = convert(plate, wells="wells.parquet", labels="labelled.csv")
    assert views["well"].tolist() == ["A01", "A03"]
    np.testing.assert_array_equal(pixels, every[[0, 2]])
    quality = pd.read_parquet(plate / CONVERTED["quality"])
    assert set(quality["well"]) == {"A01", "A03"}
    assert pd.read_csv(plate / CONVERTED["lost"]).empty


def test_illumination_is_divided_out_plate_by_plate_and_channel_by_channel(plate):
    functions = {
        channel: np.linspace(start, 1.5, 60 * 80).reshape(60, 80)
        for channel, start in zip(CHANNELS, (0.5, 0.8), strict=True)
    }
    (plate / "functions").mkdir()
    for channel, function in functions.items():
        np.save(plate / "functions" / f"P1-{channel}.npy", function)
    pattern = {"illumination": "functions/{plate}-{channel}.npy"}
    _, pixels = convert(plate, pattern)
    for place, channel in enumerate(CHANNELS):
        corrected = np.rint(raw_plane("A01", channel) / functions[channel].astype(np.float32))
        expected, _ = to_uint8(corrected.astype(np.uint16), 0.1)
        np.testing.assert_array_equal(pixels[0, place], expected)

    # A pickle would run code; a missing file has a name.
    np.save(plate / "functions" / "P1-Mito.npy", np.array([{}]), allow_pickle=True)
    for problem in ("allow_pickle", "No such file"):
        with pytest.raises(SystemExit) as end:
            convert(plate, pattern)
        message = str(end.value)
        assert re.match(rf"Error: functions/P1-Mito\.npy: cannot be read: .*{problem}", message)
        assert "Hint: see images.illumination" in message
        (plate / "functions" / "P1-Mito.npy").unlink(missing_ok=True)


def collect(folder):
    run_script(
        "collect_views",
        folder,
        input={
            "index": ["P1.parquet"],
            "index_lost": ["P1.index_lost.csv"],
            "index_counts": ["P1.index_counts.json"],
            **{
                name: [CONVERTED[name]] for name in ("views", "lost", "quality", "copies", "counts")
            },
            "shards": [CONVERTED["shard"]],
        },
        output={
            "views": "views.parquet",
            "lost": "lost_views.csv",
            "missing": "missing.csv",
            "quality": "quality.parquet",
            "copies": "copies.csv",
            "counts": "counts.json",
        },
        params={"settings": {"channels": CHANNELS, "limits": LIMITS, "root": "plates"}},
        log="collect.log",
    )


def check(folder, shards):
    run_script(
        "check_shards",
        folder,
        input={"views": "views.parquet", "shards": shards},
        output={"report": "damaged.csv"},
        threads=2,
        log="check.log",
    )


def test_missing_views_are_listed_and_lost_ones_have_their_reason(plate):
    (plate / "plates" / "P1-Mito" / "screen_A04_s1_w5.tif").write_bytes(b"no image")
    convert(plate, {"max_lost": 0.5})
    collect(plate)
    lost = pd.read_csv(plate / "lost_views.csv")
    assert lost[["well", "channel"]].values.tolist() == [["A04", "Mito"]]
    assert pd.read_parquet(plate / "views.parquet")["well"].tolist() == ["A01", "A02", "A03"]
    # What is lost is not missing as well; wells that nobody has imaged are.
    missing = pd.read_csv(plate / "missing.csv").set_index("well")
    assert not set(WELLS["well"]) & set(missing.index)
    assert missing.loc["B01", "problem"] == "no image of this well"


def test_verification_finds_a_flipped_byte(plate):
    convert(plate)
    collect(plate)
    check(plate, [CONVERTED["shard"]])
    assert pd.read_csv(plate / "damaged.csv").empty
    assert "all 4 views are as they were written" in (plate / "check.log").read_text()
    (plate / "damaged.csv").unlink()

    content = bytearray((plate / CONVERTED["shard"]).read_bytes())
    # A byte of the third view, whatever the header of the file takes.
    content[-1 - 60 * 80 * 3] ^= 1
    (plate / CONVERTED["shard"]).write_bytes(content)
    with pytest.raises(SystemExit) as end:
        check(plate, [CONVERTED["shard"]])
    assert "1 of 4 views are damaged" in str(end.value)
    assert re.search(r"P1 +A03 +1 +P1\.npy +2 .*do not fit", str(end.value))
    assert not (plate / "damaged.csv").exists()


def test_demo_shards_are_as_they_were_written(demo, tmp_path):
    shutil.copy(demo / "images" / "views.parquet", tmp_path)
    check(tmp_path, sorted((demo / "images" / "shards").glob("*.npy")))
    assert pd.read_csv(tmp_path / "damaged.csv").empty


def test_pictures_of_a_plate_without_views_say_so(plate):
    for path in (plate / "plates" / "P1-Mito").iterdir():
        path.unlink()
    run_script(
        "index_plate",
        plate,
        output=INDEXED,
        params={"settings": INDEX_SETTINGS},
        wildcards={"plate": "P1"},
        log="index.log",
    )
    views, pixels = convert(plate)
    assert views.empty and len(pixels) == 0
    pictures = {name: f"{name}.png" for name in ("heat_maps", "contact_sheet", "montage")}
    run_script(
        "draw_plate",
        plate,
        input={
            "wells": "wells.parquet",
            **{name: CONVERTED[name] for name in ("shard", "views", "quality")},
        },
        output=pictures,
        params={"settings": {"channels": CHANNELS, "limits": LIMITS, "pixel_size_um": 0.656}},
        wildcards={"plate": "P1"},
        log="draw.log",
    )
    for path in pictures.values():
        assert (plate / path).read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("root", "url"), [("plates", None), (None, "file:///nowhere")], ids=["folder", "url"]
)
def test_plates_are_listed_from_a_folder_or_a_url(plate, root, url):
    settings = {"layout": "bray_folder", "url": url, "channels": CHANNELS}
    files = {
        "input": {"root": root or []},
        "output": {"plates": "plates.csv"},
        "params": {"settings": settings},
        "log": "list.log",
    }
    if url:
        with pytest.raises(SystemExit, match="^Error: file:///nowhere"):
            run_script("list_plates", plate, **files)
    else:
        run_script("list_plates", plate, **files)
        assert pd.read_csv(plate / "plates.csv")["plate"].tolist() == ["P1"]


def test_an_error_goes_to_the_screen_in_a_line_and_to_the_log_with_its_traceback(tmp_path):
    pd.DataFrame({"inchikey": ["a"]}).to_parquet(tmp_path / "means.parquet")
    with pytest.raises(SystemExit) as end:
        run_script(
            "binarise_pchembl",
            tmp_path,
            input={"means": "means.parquet"},
            output={"labels": "labels.parquet"},
            params={"settings": {"thresholds": [5.5]}},
            log="logs/binarise_pchembl.log",
        )
    assert str(end.value).startswith("Error: means.parquet: ")
    assert "Traceback" not in str(end.value)
    log = (tmp_path / "logs" / "binarise_pchembl.log").read_text()
    assert "Traceback" in log and "means.parquet" in log
    assert {path.name for path in tmp_path.iterdir()} == {"logs", "means.parquet"}
