"""Plates through the workflow: real views from their own layouts, damage, and what is missing."""

import json
import re
import shutil
import time
import zipfile

import numpy as np
import pandas as pd
import pytest
from conftest import DEMO, OWN_LIBRARY, plan, run_jobs

from paintassay.images.tiff import read_plane

BRAY = ["Mito", "ERSyto", "ERSytoBleed", "Ph_golgi", "Hoechst"]


def published(pixels, clip_percent=0.0028):
    """The published conversion in float64: clip at the n-th largest pixel, scale to 8 bits."""
    number = round(pixels.size * clip_percent / 100)
    threshold = np.sort(pixels, axis=None)[-number]
    scaled = np.minimum(pixels.astype(np.float64) * 256 / threshold, 255)
    return np.trunc(scaled).astype(np.uint8), int(threshold)


def run_images(folder, config):
    """Make the target images of a folder of plates, script after script; the folder of it."""
    (folder / "library.csv").write_text("compound_id,smiles\naspirin,CC(=O)Oc1ccccc1C(O)=O\n")
    wells = config.pop("wells")
    wells.to_csv(folder / "wells.csv", index=False)
    whole = {
        "compounds": OWN_LIBRARY,
        "plates": {"wells": "wells.csv", "barcode_platemap": None, "platemap_folder": None},
        "images": config,
    }
    return run_jobs(folder, whole, "images") / "images"


def wells_of(plate, *names):
    return pd.DataFrame({"plate": plate, "well": names, "compound_id": "aspirin"})


def check_pixels(results, plate, channels, raw):
    """Every pixel and threshold against the published formula; `raw` by (well, site)."""
    views = pd.read_parquet(results / "views.parquet")
    shard = np.load(results / "shards" / f"{plate}.npy", mmap_mode="r", allow_pickle=False)
    assert set(zip(views["well"], views["site"], strict=True)) == set(raw)
    assert shard.shape[:2] == (len(raw), len(channels))
    for view in views.itertuples():
        for place, channel in enumerate(channels):
            expected, threshold = published(raw[view.well, view.site][channel])
            np.testing.assert_array_equal(shard[view.row, place], expected)
            assert getattr(view, f"clip_level_{channel}") == threshold
    return views


@pytest.fixture(scope="module")
def bray_view(shared_data):
    """The real Bray view: file by name in its archive, and raw pixels by channel."""
    folder = shared_data / "cloome_bray2017"
    names = json.loads((folder / "original_names.json").read_text())
    raw = {channel: read_plane((folder / f"{channel}.tif").read_bytes())[0] for channel in BRAY}
    return {name: folder / f"{channel}.tif" for channel, name in names.items()}, raw


@pytest.mark.parametrize("layout", ["bray_zip", "bray_folder"])
def test_real_bray_view(bray_view, tmp_path, layout):
    files, raw = bray_view
    for name, source in files.items():
        folder = tmp_path / "plates"
        folder.mkdir(exist_ok=True)
        if layout == "bray_zip":
            with zipfile.ZipFile(folder / f"{name.split('/')[0]}.zip", "w") as archive:
                archive.write(source, name, zipfile.ZIP_DEFLATED)
        else:
            (folder / name).parent.mkdir()
            shutil.copy(source, folder / name)
    results = run_images(
        tmp_path,
        {
            "layout": layout,
            "root": "plates",
            "check_tags": "strict",
            "wells": wells_of("24279", "A01"),
        },
    )
    views = check_pixels(results, "24279", BRAY, {("A01", 1): raw})
    thresholds = views[[f"clip_level_{channel}" for channel in BRAY]].iloc[0]
    assert thresholds.tolist() == [2681, 2753, 4095, 4095, 2527]
    quality = pd.read_parquet(results / "quality.parquet")
    assert len(quality) == 5
    for picture in ("quality", "contact_sheet", "montage"):
        assert (results / "pictures" / f"24279.{picture}.png").stat().st_size > 10_000
    wells = pd.read_parquet(results / "wells.parquet")
    assert wells["inchikey"].tolist() == ["BSYNRYMUTXBXSQ-UHFFFAOYSA-N"]


def test_plate_without_a_complete_view_costs_no_other_plate(bray_view, tmp_path):
    """Four plates of the published screen have no complete site; an archive may be cut off."""
    files, raw = bray_view
    folder = tmp_path / "plates"
    folder.mkdir()
    for name, source in files.items():
        channel = name.split("/")[0].partition("-")[2]
        with zipfile.ZipFile(folder / f"24279-{channel}.zip", "w") as archive:
            archive.write(source, name)
        content = (folder / f"24279-{channel}.zip").read_bytes()
        cut = content[: len(content) // 2] if channel == "Mito" else b""
        (folder / f"24100-{channel}.zip").write_bytes(cut)
    results = run_images(
        tmp_path, {"layout": "bray_zip", "root": "plates", "wells": wells_of("24279", "A01")}
    )
    check_pixels(results, "24279", BRAY, {("A01", 1): raw})
    lost = pd.read_csv(results / "lost_views.csv", dtype={"plate": str})
    assert set(lost["plate"]) == {"24100"}
    assert "archive cannot be read" in set(lost["problem"])
    assert (results / "pictures" / "24100.contact_sheet.png").is_file()


def test_real_bbbc022_planes(shared_data, tmp_path):
    """Seven planes of another screen on the same microscope: one channel, two wells and more."""
    folder = tmp_path / "plates" / "20585-Hoechst"
    folder.mkdir(parents=True)
    raw = {}
    for source in (shared_data / "bbbc022_nfme").glob("*.tif"):
        shutil.copy(source, folder)
        well, site = re.search(r"_([A-P]\d\d)_s(\d)_", source.name).groups()
        raw[well, int(site)] = {"Hoechst": read_plane(source.read_bytes())[0]}
    assert len(raw) == 7
    results = run_images(
        tmp_path,
        {
            "layout": "bray_folder",
            "root": "plates",
            "channels": ["Hoechst"],
            "wells": wells_of("20585", *{well for well, _ in raw}),
        },
    )
    check_pixels(results, "20585", ["Hoechst"], raw)


def test_real_jump_view(shared_data, tmp_path):
    """Another microscope: 1080 x 1080, LZW, 16 bits, six channels, a load_data table."""
    channels = ["DNA", "RNA", "ER", "AGP", "Mito", "Brightfield"]
    source = shared_data / "jump_pe2loaddata" / "Version1"
    row = pd.read_csv(source / "load_data_version1.csv").iloc[0]
    raw = {
        channel: read_plane((source / "images" / row[f"FileName_Orig{channel}"]).read_bytes())[0]
        for channel in channels
    }
    results = run_images(
        tmp_path,
        {
            "layout": "load_data",
            "root": str(source / "load_data_version1.csv"),
            "path_prefix": {"tests/data/Version1/images": str(source / "images")},
            "channels": channels,
            "bits": 16,
            "wells": wells_of("BR00121482", "A01"),
        },
    )
    check_pixels(results, "BR00121482", channels, {("A01", 1): raw})
    shard = np.load(results / "shards" / "BR00121482.npy", mmap_mode="r", allow_pickle=False)
    assert shard.shape == (1, 6, 1080, 1080)


def test_plates_in_an_object_store_give_the_same_shards(demo, tmp_path, s3_bucket):
    """Archives are read where they lie, unsigned, by range; nothing is downloaded whole."""
    for archive in (demo / "screen" / "images").glob("DEMO1-*.zip"):
        s3_bucket.upload_file(str(archive), "gallery", f"screen/{archive.name}")
    layout = pd.read_parquet(demo / "images" / "wells.parquet")
    wells = layout.loc[layout["plate"] == "DEMO1", ["plate", "well"]].assign(compound_id="aspirin")
    results = run_images(
        tmp_path, {"layout": "bray_zip", "root": "s3://gallery/screen", "wells": wells}
    )
    shard, local = (folder / "shards" / "DEMO1.npy" for folder in (results, demo / "images"))
    assert shard.read_bytes() == local.read_bytes()
    assert not list(tmp_path.rglob("*.zip"))


# The demo screen


def test_demo_goes_to_the_dataset(demo):
    views = pd.read_parquet(demo / "dataset" / "views.parquet")
    summary = json.loads((demo / "dataset" / "summary.json").read_text())
    assert summary["compounds_with_labels_and_views"] == summary["compounds_with_labels"] == 96
    labelled = views[views["labelled"]]
    assert len(labelled) == summary["views_labelled"] > 300
    for split in ("split_1", "split_2", "split_3"):
        # All views of a compound are in one part; nobody else has a part.
        assert (labelled.groupby("inchikey")[split].nunique() == 1).all()
        assert labelled[split].notna().all()
        assert views.loc[~views["labelled"], split].isna().all()
        shares = labelled.drop_duplicates("inchikey")[split].value_counts()
        parts = zip(("train", "validation", "test"), DEMO["splits"]["shares"], strict=True)
        targets = {part: 96 * share for part, share in parts}
        assert all(abs(shares[part] - target) <= 1 for part, target in targets.items())

    # What the simulator left out is exactly what is missing.
    missing = pd.read_csv(demo / "images" / "missing.csv")
    lost = pd.read_csv(demo / "images" / "lost_views.csv")
    assert (missing["problem"] == "no image of this site").sum() == 4
    assert lost["problem"].tolist() == ["channel missing"] * 2
    # Quality control finds the one blurred and the one saturated view of each plate.
    quality = pd.read_parquet(demo / "images" / "quality.parquet")
    for flag in ("blurred", "saturated"):
        flagged = quality[quality["flags"].str.contains(flag)]
        assert set(flagged["plate"]) == {"DEMO1", "DEMO2"}, flag

    features = np.load(demo / "dataset" / "features.npy", allow_pickle=False)
    wells = pd.read_parquet(demo / "dataset" / "feature_wells.parquet")
    names = (demo / "dataset" / "feature_names.txt").read_text().split()
    assert features.shape == (len(wells), len(names))
    assert np.isfinite(features).all()
    cells = pd.read_parquet(demo / "dataset" / "cells" / "DEMO1.parquet")
    assert len(cells) > 2000
    seen = views[views["plate"] == "DEMO1"][["well", "site"]].drop_duplicates()
    assert len(cells[["well", "site"]].drop_duplicates().merge(seen)) == len(seen)


def test_every_byte_is_read_again_whenever_somebody_asks(project):
    """The rule is forced, so that it has always something to do."""
    jobs = plan(project, DEMO, "verify_shards", root=project).jobs
    assert {job["rule"] for job in jobs} == {"check_shards", "verify_shards"}


def test_screen_of_406_plates_is_listed_and_planned_quickly(tmp_path):
    """The plan of the whole published screen, once its plates are listed."""
    plates = [str(number) for number in range(24_000, 24_406)]
    folder = tmp_path / "plates"
    folder.mkdir()
    for plate in plates:
        for channel in BRAY:
            (folder / f"{plate}-{channel}.zip").touch()
    (tmp_path / "library.csv").write_text("compound_id,smiles\naspirin,CC(=O)Oc1ccccc1C(O)=O\n")
    wells_of("24000", "A01").to_csv(tmp_path / "wells.csv", index=False)
    config = {
        "compounds": OWN_LIBRARY,
        "plates": {"wells": "wells.csv", "barcode_platemap": None, "platemap_folder": None},
        "images": {"layout": "bray_zip", "root": "plates"},
    }
    results = run_jobs(tmp_path, config, "results/images/plates.csv")
    listed = pd.read_csv(results / "images" / "plates.csv", dtype=str)
    assert listed["plate"].tolist() == plates
    started = time.monotonic()
    jobs = plan(tmp_path, config, "images").count()
    took = time.monotonic() - started
    assert jobs["convert_plate"] == 406
    # Not a benchmark: a plan that grows with the images would take minutes.
    assert took < 30
