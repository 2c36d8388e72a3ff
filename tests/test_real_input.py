"""Real screens, libraries and labels through the workflow: Snakemake's plan, job after job.

Real: plates, wells, samples, SMILES and plate maps of Bray et al. 2017; the published labels of
Hofmarcher et al. 2019; 44,017 rows of ChEMBL 31; file names, pixels and tables of images. Made
here: the ChEMBL database around the published labels, because the one behind them is not at hand,
and, where a test says so, copies of one view under the names of others.
"""

import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import tifffile
import yaml
from conftest import OWN_LIBRARY, ROOT, make_chembl, run_jobs

from paintassay.dataset.manifest import build_views
from paintassay.images.views import Views, windows

BRAY = ["Mito", "ERSyto", "ERSytoBleed", "Ph_golgi", "Hoechst"]
PLATE = "24279"
# The published matrix has its threshold columns first, all of 5.5, then of 6.5, then of 7.5: the
# assays start anew there. A cell that is active at one is active at all lower ones.
THRESHOLDS = {5.5: range(0, 22), 6.5: range(22, 28), 7.5: range(28, 30)}
MINIMUM = 10
# Tests that share the workflow's runs on the whole screen.
SCREEN = pytest.mark.xdist_group("screen")
CELL = ["inchikey", "task"]


def published_8_bit(pixels, clip_percent=0.0028):
    """The published conversion in float64: clip at the n-th largest pixel, scale to 8 bits."""
    threshold = np.sort(pixels, axis=None)[-round(pixels.size * clip_percent / 100)]
    return np.trunc(np.minimum(pixels * 256.0 / threshold, 255)).astype(np.uint8)


def by_cell(labels):
    """Labels as a dict, each cell once."""
    assert not labels.duplicated(CELL).any()
    return dict(
        zip(zip(*(labels[name] for name in CELL), strict=True), labels["label"], strict=True)
    )


# The screen of Bray et al.: 19,423 wells, their compounds and labels


@pytest.fixture(scope="module")
def wells(shared_data):
    path = shared_data / "derived" / "bray_wells_with_hti_labels.csv.gz"
    table = pd.read_csv(path, dtype={"plate": str})
    assert len(table) == 19_423
    return table


@pytest.fixture(scope="module")
def published(published_labels):
    """All 55,542 published labels: inchikey, assay_id, threshold (missing: comments), label."""
    labels, _ = published_labels
    threshold_of = {n: threshold for threshold, numbers in THRESHOLDS.items() for n in numbers}
    assert len(labels) == 55_542
    return labels.assign(threshold=labels["position"].map(threshold_of)).drop(columns="position")


@pytest.fixture(scope="module")
def measured(shared_data):
    """44,017 real rows of ChEMBL 31."""
    rows = pd.read_csv(shared_data / "jump_annotator" / "chembl_annotation_filtered.csv.gz")
    # The column is misnamed: it holds integers.
    rows = rows.rename(columns={"assay_chembl_id": "assay_id", "standard_inchi_key": "inchikey"})
    return rows[["inchikey", "assay_id", "pchembl_value"]]


def activities(published, measured):
    """Activities from which the published labels follow, beside the rows that are real."""
    comments = published[published["threshold"].isna()]
    words = comments["label"].map({1: "Active", -1: "Not Active"})
    blocks = [comments.assign(activity_comment=words, standard_type="Potency")]
    values = published.dropna(subset="threshold")
    # Half a unit above the highest threshold that it reaches, or below the lowest.
    values = values.assign(reached=values["threshold"].where(values["label"] == 1))
    values = values.groupby(["inchikey", "assay_id"], as_index=False)
    values = values.agg(reached=("reached", "max"), lowest=("threshold", "min"))
    values["pchembl_value"] = values["reached"].fillna(values["lowest"] - 1) + 0.5
    blocks.append(values.assign(standard_type="IC50"))
    blocks.append(measured.assign(standard_type="IC50"))
    columns = ["inchikey", "assay_id", "standard_type", "pchembl_value", "activity_comment"]
    return pd.concat(blocks, ignore_index=True)[columns]


def expected_labels(published, measured, keys):
    """The labels of these compounds, from the published files and by arithmetic of our own."""
    assays = "CHEMBL" + published["assay_id"].astype("str")
    kinds = "|pchembl>=" + published["threshold"].astype("str")
    table = published.assign(task=assays + kinds.where(published["threshold"].notna(), "|comment"))
    of_paper = table.loc[table["inchikey"].isin(keys), [*CELL, "label"]]

    ours = measured[measured["inchikey"].isin(keys) & measured["pchembl_value"].between(4, 10)]
    # In hundredths, because pChEMBL values have two decimals: no mean is rounded.
    hundredths = (ours["pchembl_value"] * 100).round().astype("int64")
    sums = hundredths.groupby([ours["inchikey"], ours["assay_id"]]).agg(["sum", "size"])
    sums = sums.reset_index()
    of_chembl = [
        pd.DataFrame(
            {
                "inchikey": sums["inchikey"],
                "task": "CHEMBL" + sums["assay_id"].astype("str") + f"|pchembl>={threshold}",
                "label": np.where(sums["sum"] >= threshold * 100 * sums["size"], 1, -1),
            }
        )
        for threshold in THRESHOLDS
    ]
    return of_paper, pd.concat(of_chembl, ignore_index=True)


def enough_of_both(labels):
    """The labels of columns that have the minimum of actives and of inactives."""
    counts = labels.groupby("task")["label"].agg(
        actives=lambda labels: (labels > 0).sum(), inactives=lambda labels: (labels < 0).sum()
    )
    kept = counts.index[(counts >= MINIMUM).all(axis="columns")]
    return labels[labels["task"].isin(kept)]


@pytest.fixture(scope="module")
def screen(wells, published, measured, tmp_path_factory):
    """The folder in which the labels and splits of the whole screen have been made."""
    folder = tmp_path_factory.mktemp("bray")
    make_chembl(folder / "chembl_31.db", activities(published, measured))
    samples = wells.drop_duplicates("broad_sample")
    samples[["broad_sample", "smiles"]].to_csv(folder / "library.csv", index=False)
    table = wells[["plate", "well_position", "broad_sample"]]
    table = table.set_axis(["plate", "well", "compound_id"], axis="columns")
    table.to_parquet(folder / "wells.parquet")
    config = {
        "compounds": OWN_LIBRARY | {"id_column": "broad_sample"},
        "chembl": {"sqlite": "chembl_31.db", "release": 31},
        "plates": {"wells": "wells.parquet"},
    }
    targets = ["results/dataset/splits.parquet", "results/images/wells.parquet"]
    run_jobs(folder, config, "labels", *targets)
    return folder, config


@SCREEN
def test_library_of_the_screen(screen, wells):
    """3,622 real samples are the 3,581 compounds that their lists say."""
    folder, _ = screen
    compounds = pd.read_parquet(folder / "results" / "compounds" / "compounds.parquet")
    expected = wells.groupby("inchikey")["broad_sample"].agg(set)
    assert len(expected) == 3581
    ids = compounds.set_index("inchikey")["compound_ids"].map(set)
    assert ids.to_dict() == expected.to_dict()


@SCREEN
def test_labels_of_the_screen_are_the_published_ones(screen, wells, published, measured):
    """Every published label of these compounds, and no other; the same of real measurements."""
    results = screen[0] / "results" / "labels"
    keys = set(wells["inchikey"])
    of_paper, of_chembl = expected_labels(published, measured, keys)
    assert len(of_paper) == 25_321  # As the wells' own list has it.
    # Before the filter. An assay without a published column of a threshold still has labels there.
    values = pd.read_parquet(results / "pchembl_labels.parquet")
    values["task"] = values["assay_chembl_id"] + "|pchembl>=" + values["threshold"].astype("str")
    comments = pd.read_parquet(results / "comment_labels.parquet")
    comments["task"] = comments["assay_chembl_id"] + "|comment"
    before = pd.concat([values, comments])[[*CELL, "label"]]
    known = set(of_paper["task"]) | set(of_chembl["task"])
    expected = by_cell(pd.concat([of_paper, of_chembl]))
    assert by_cell(before[before["task"].isin(known)]) == expected
    # After it: no column more, no column less.
    kept = [enough_of_both(table) for table in (of_paper, of_chembl)]
    assert [(len(table), table["task"].nunique()) for table in kept] == [
        (21_989, 155),
        (1261, 23),
    ]
    matrix = pd.read_parquet(results / "label_matrix.parquet")
    assert by_cell(matrix) == by_cell(pd.concat(kept))


@SCREEN
def test_splits_of_the_screen(screen):
    """Each labelled compound once in each split, with all of its wells."""
    folder, _ = screen
    results = folder / "results"
    labelled = set(pd.read_csv(results / "labels" / "compounds.csv")["INCHIKEY"])
    splits = pd.read_parquet(results / "dataset" / "splits.parquet")
    assert splits["split"].unique().tolist() == [1, 2, 3]
    for _, split in splits.groupby("split"):
        assert sorted(split["inchikey"]) == sorted(labelled)
        shares = split["part"].value_counts(normalize=True)
        assert shares.to_dict() == pytest.approx(
            {"train": 0.7, "validation": 0.1, "test": 0.2}, abs=1 / len(labelled)
        )
    parts = splits.pivot(index="inchikey", columns="split", values="part")
    assert (parts[1] != parts[2]).mean() > 0.3

    wells = pd.read_parquet(results / "images" / "wells.parquet")
    assert len(wells) == 19_423
    assert wells["inchikey"].notna().all()
    sites = [wells[["plate", "well"]].assign(site=site) for site in range(1, 7)]
    views = build_views(pd.concat(sites, ignore_index=True), wells, splits, labelled)
    seen = views[views["inchikey"].isin(labelled)]
    assert len(seen) == 6 * wells["inchikey"].isin(labelled).sum() > 100_000
    for split in (1, 2, 3):
        assert seen[f"split_{split}"].tolist() == seen["inchikey"].map(parts[split]).tolist()
        assert views[f"split_{split}"].notna().sum() == len(seen)


# Plate 24279: its own plate map and file names, under each of them the pixels of its one real view


@pytest.fixture(scope="module")
def view(shared_data):
    """The one real view, A01 site 1: raw pixels by channel, and its files."""
    files = {channel: shared_data / "cloome_bray2017" / f"{channel}.tif" for channel in BRAY}
    return {channel: tifffile.imread(file) for channel, file in files.items()}, files


def true_names(shared_data):
    """(well, site, channel) of plate 24279: its name, from IDR's own list."""
    text = (shared_data / "idr0016" / f"{PLATE}.screen").read_text()
    return {
        (well.upper(), int(site), channel): f"{PLATE}-{channel}/{name}.tif"
        for fields in re.findall(r"24279-<(.+)>[.]tif", text)
        for channel, name in (field.split("/") for field in fields.split(","))
        for well, site in [re.search(r"_([a-p]\d\d)_s(\d)_w", name).groups()]
    }


@pytest.fixture(scope="module")
def trained(screen, view, wells, shared_data):
    """The page of plate 24279, 48 labelled wells of it, after one epoch of GapNet."""
    folder, config = screen
    files = view[1]
    labelled = pd.read_csv(folder / "results" / "labels" / "compounds.csv")["INCHIKEY"]
    here = wells[(wells["plate"] == PLATE) & wells["inchikey"].isin(labelled)]
    chosen = here["well_position"].sort_values().tolist()[:48]
    names = true_names(shared_data)
    assert len(names) == 384 * 6 * 5
    original = json.loads((shared_data / "cloome_bray2017" / "original_names.json").read_text())
    assert {channel: names["A01", 1, channel] for channel in BRAY} == original
    for well in chosen:
        for channel in BRAY:
            path = folder / "plates" / names[well, 1, channel]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to(files[channel])
    metadata = shared_data / "bray2015_platemaps" / "metadata" / "platemaps" / "CDRP"
    config = config | {
        "plates": {
            "barcode_platemap": str(metadata / "barcode_platemap.csv"),
            "platemap_folder": str(metadata / "platemap"),
        },
        # The pixels of A01 say in their tags that they are A01's.
        "images": {"layout": "bray_folder", "root": "plates", "check_tags": "off"},
        "training": {"device": "cpu", "threads": 1, "replicates": 1, "splits": [1]},
        "models": {
            name: {"epochs": 1, "batch_size": 8} if name == "gapnet" else {"enabled": False}
            for name in ("gapnet", "milnet", "mcnn", "densenet", "resnet", "sccnn", "fnn")
        },
        "comparison": {"resamples": 100, "permutations": 100},
    }
    # Snakemake would note that they come from another table.
    shutil.rmtree(folder / "results" / "images")
    return run_jobs(folder, config, "report"), chosen


@SCREEN
def test_wells_of_the_real_plate_maps(trained, wells, shared_data):
    """405 plates by their maps: the listed wells get the compounds of their own list."""
    results, _ = trained
    read = pd.read_parquet(results / "images" / "wells.parquet")
    metadata = shared_data / "bray2015_platemaps" / "metadata" / "platemaps" / "CDRP"
    plates = pd.read_csv(metadata / "barcode_platemap.csv")["Plate_Map_Name"].value_counts()
    maps = {name: pd.read_table(metadata / "platemap" / f"{name}.txt") for name in plates.index}
    # One map has three of its lines twice.
    sizes = {name: table["well_position"].nunique() for name, table in maps.items()}
    assert len(read) == sum(plates[name] * sizes[name] for name in plates.index) == 154_684
    assert read["plate"].nunique() == plates.sum() == 405
    listed = wells.rename(columns={"well_position": "well"})
    listed = listed.merge(read, on=["plate", "well"], suffixes=("", "_read"))
    assert len(listed) == 19_423
    assert listed["inchikey_read"].tolist() == listed["inchikey"].tolist()


@SCREEN
def test_every_pixel_of_the_plate(trained, view):
    results, chosen = trained
    raw = view[0]
    shard = np.load(results / "images" / "shards" / f"{PLATE}.npy", allow_pickle=False)
    assert shard.shape == (48, 5, 520, 696)
    expected = np.stack([published_8_bit(raw[channel]) for channel in BRAY])
    assert (shard == expected).all()
    views = pd.read_parquet(results / "dataset" / "views.parquet")
    assert views["well"].tolist() == chosen


@SCREEN
def test_page_of_the_plate(trained, screen, wells, published, measured):
    """The page tells the counts of the real tables, and that one image says nothing."""
    results, chosen = trained
    of_paper, of_chembl = expected_labels(published, measured, set(wells["inchikey"]))
    labels = pd.concat([enough_of_both(of_paper), enough_of_both(of_chembl)])
    html = (results / "report" / "index.html").read_text()
    text = re.sub(r"<(script|style).*?</\1>|<[^>]+>", " ", html, flags=re.DOTALL)
    text = re.sub(r"\s+", " ", text)
    here = wells[(wells["plate"] == PLATE) & wells["well_position"].isin(chosen)]
    assert here["inchikey"].nunique() == len(here) == 48
    # One class is all that a task can be evaluated with in a part of few compounds.
    splits = pd.read_parquet(results / "dataset" / "splits.parquet")
    first = splits[splits["split"] == 1].set_index("inchikey")["part"]
    tested = labels[labels["inchikey"].isin(here["inchikey"])]
    tested = tested[tested["inchikey"].map(first) == "test"]
    evaluable = (tested.groupby("task")["label"].nunique() == 2).sum()
    assert evaluable > 5
    actives = (labels["label"] == 1).sum()
    for words in (
        "rows of the library 3,622 ",
        "distinct InChIKeys 3,581 ",
        f"compounds in the label matrix {labels['inchikey'].nunique():,} ",
        f"assay columns to predict {labels['task'].nunique()} ",
        f"{actives:,} active",
        f"{len(labels) - actives:,} inactive",
        "compounds with labels and images 48 ",
        "labelled fields of view 48 ",
        f"over the {evaluable} of 178 tasks that could be evaluated",
        # Equal pixels, equal predictions: every AUC is that of ties.
        "mean AUC of GapNet, by well 0.500 ",
        f"AUC of {178 - evaluable} of 178 tasks",
        "there is one method only",
    ):
        assert words in text, words
    without = pd.read_csv(results / "dataset" / "compounds_without_images.csv")
    assert set(without["inchikey"]) == set(labels["inchikey"]) - set(here["inchikey"])
    assert set(without["reason"]) == {"no view of its wells"}


@SCREEN
def test_code_of_the_page_about_shards_runs(trained, tmp_path):
    """Block after block as it stands, on this plate."""
    results, _ = trained
    (tmp_path / "views.parquet").symlink_to(results / "dataset" / "views.parquet")
    (tmp_path / "shards").symlink_to(results / "images" / "shards")
    page = (ROOT / "docs" / "shards.md").read_text()
    blocks = re.findall(r"^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    assert len(blocks) >= 8
    checks = [
        "np.testing.assert_array_equal(pixels.numpy(), views.batch(range(32)))",
        "assert buffer.shape == (32, 2, 520, 696)",
        "assert crops.shape == (2, 2, 96, 96) and kept.all()",
        "assert (crops[0, :, 27, 38] == view[:, 0, 0]).all()",
        "assert sum(len(batch) for batch in loader) == 48",
        'assert len(list(__import__("pathlib").Path("npz").glob("24279-*-1.npz"))) == 48',
    ]
    (tmp_path / "page.py").write_text("\n".join([*blocks, *checks]))
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow" / "scripts")}
    run = subprocess.run(
        [sys.executable, "page.py"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr[-3000:]


# A screen of another microscope, with the configuration that the documentation shows


def some_labels(published, wells):
    """A real column of comments with 12 actives and 12 inactives: labels, and the library."""
    smiles = wells.drop_duplicates("inchikey").set_index("inchikey")["smiles"]
    labels = published[(published["assay_id"] == 737344) & published["inchikey"].isin(smiles.index)]
    labels = labels.groupby("label").head(12)
    assert len(labels) == 24
    keys = labels["inchikey"].to_numpy()
    return labels, pd.DataFrame({"compound_id": keys, "smiles": smiles[keys].array})


def test_jump_view_with_the_documented_configuration(shared_data, published, wells, tmp_path):
    text = (ROOT / "docs" / "examples" / "jump.yaml").read_text()
    assert len(text.splitlines()) <= 15
    assert f"```yaml\n{text}```\n" in (ROOT / "docs" / "own_screen.md").read_text()
    config = yaml.safe_load(text)
    source = shared_data / "jump_pe2loaddata" / "Version1"
    (tmp_path / "images").symlink_to(source / "images")
    (tmp_path / "load_data").mkdir()
    table = source / "load_data_version1.csv"
    (tmp_path / "load_data" / table.name).symlink_to(table)
    labels, library = some_labels(published, wells)
    make_chembl(tmp_path / "chembl_37.db", activities(labels, labels.head(0)), release=37)
    library.to_csv(tmp_path / "library.csv", index=False)
    # What was in the well is not published; here it is the first compound.
    well = {"plate": ["BR00121482"], "well": ["A01"], "compound_id": library["compound_id"].head(1)}
    pd.DataFrame(well).to_csv(tmp_path / "wells.csv", index=False)

    results = run_jobs(tmp_path, config, "dataset")

    row = pd.read_csv(table).iloc[0]
    raw = {
        channel: tifffile.imread(source / "images" / row[f"FileName_Orig{channel}"])
        for channel in config["images"]["channels"]
    }
    shard = np.load(results / "images" / "shards" / "BR00121482.npy", allow_pickle=False)
    assert shard.shape == (1, 6, 1080, 1080)
    for pixels, converted in zip(raw.values(), shard[0], strict=True):
        assert pixels.dtype == np.uint16
        np.testing.assert_array_equal(converted, published_8_bit(pixels))
    views = pd.read_parquet(results / "dataset" / "views.parquet")
    assert views[["plate", "well", "site", "labelled"]].values.tolist() == [
        ["BR00121482", "A01", 1, True]
    ]
    assert views["inchikey"].tolist() == labels["inchikey"].head(1).tolist()


def test_gallery_table_of_which_one_view_is_here(shared_data, tmp_path):
    """216 sites of a real table: what is absent is told site by site, and what is there is taken.

    Under the first site's names lies a view of another plate, which the microscope called alike.
    """
    table = pd.read_csv(shared_data / "dcp_loaddata" / "load_data.csv")
    sites = set(zip(table["Metadata_Well"], table["Metadata_Site"], strict=True))
    assert len(sites) == len(table) == 216
    config = {
        "compounds": OWN_LIBRARY,
        "plates": {"wells": "wells.csv"},
        "images": {
            "layout": "load_data",
            "root": str(shared_data / "dcp_loaddata" / "load_data.csv"),
            "channels": ["DNA", "RNA", "ER", "AGP", "Mito"],
            "bits": 16,
        },
    }
    (tmp_path / "library.csv").write_text("compound_id,smiles\naspirin,CC(=O)Oc1ccccc1C(O)=O\n")
    (tmp_path / "wells.csv").write_text("plate,well,compound_id\nBR00117035,A01,aspirin\n")
    with pytest.raises(SystemExit) as failed:
        run_jobs(tmp_path, config, "images")
    absent = table["PathName_OrigDNA"][0] + table["FileName_OrigDNA"][0]
    assert "Error: plate BR00117035: none of 9 images can be read" in failed.value.code
    assert (
        f"such as {absent}\nHint: look whether the file is there; with images.layout load_data,"
        in failed.value.code
    )
    indexed = pd.read_parquet(tmp_path / "results" / "images" / "index" / "BR00117035.parquet")
    channels_of = indexed.groupby(["well", "site"])["channel"].agg(list)
    assert set(channels_of.index) == sites
    assert all(channels == config["images"]["channels"] for channels in channels_of)

    here = shared_data / "jump_pe2loaddata" / "Version1" / "images"
    config["images"] |= {
        "path_prefix": {table["PathName_OrigDNA"][0].rstrip("/"): str(here)},
        "max_lost": 1,
    }
    # Snakemake would note the other configuration.
    shutil.rmtree(tmp_path / "results")
    results = run_jobs(tmp_path, config, "images")
    views = pd.read_parquet(results / "images" / "views.parquet")
    assert views[["well", "site"]].values.tolist() == [["A01", 1]]
    lost = pd.read_csv(results / "images" / "lost_views.csv")
    assert set(zip(lost["well"], lost["site"], strict=True)) == sites - {("A01", 1)}
    assert len(lost) == 215
    # The table names the files of each site itself.
    names = table.set_index(["Metadata_Well", "Metadata_Site"])["FileName_OrigDNA"]
    for row in lost.itertuples():
        assert row.place == f"{here}/{names[row.well, row.site]}"
        assert "does not exist" in row.detail


# Single cells as CellProfiler found them


def test_single_cells_of_three_channels(shared_data, tmp_path):
    """ExampleHuman: 289 cells of one image, from a table of images and one of centres."""
    source = shared_data / "cytotable_examplehuman"
    image = pd.read_csv(source / "Image.csv").iloc[0]
    channels = ["DNA", "PH3", "cellbody"]
    plate, well = re.fullmatch(r"(AS_\d+_\d+)_(D03)f00d0.tif", image["FileName_DNA"]).groups()
    files = {channel: source / image[f"FileName_{channel}"] for channel in channels}
    # The microscope counts sites from 0; here they begin with 1.
    view = {"plate": plate, "well": well, "site": 1}
    images = pd.DataFrame({**view, "channel": channels, "place": map(str, files.values())})
    images.to_csv(tmp_path / "images.csv", index=False)
    nuclei = pd.read_csv(source / "Nuclei.csv")
    columns = ["ObjectNumber", "Location_Center_X", "Location_Center_Y"]
    places = {f"Metadata_{name.capitalize()}": value for name, value in view.items()}
    nuclei[columns].assign(**places).to_csv(tmp_path / f"{plate}.csv", index=False)
    (tmp_path / "library.csv").write_text("compound_id,smiles\naspirin,CC(=O)Oc1ccccc1C(O)=O\n")
    (tmp_path / "wells.csv").write_text(f"plate,well,compound_id\n{plate},{well},aspirin\n")
    config = {
        "compounds": OWN_LIBRARY,
        "plates": {"wells": "wells.csv"},
        "images": {"layout": "table", "root": "images.csv", "channels": channels, "bits": 8},
        "single_cells": {"tables": "{plate}.csv"},
    }
    target = f"results/dataset/cells/{plate}.parquet"
    results = run_jobs(tmp_path, config, target, "images")

    cells = pd.read_parquet(tmp_path / target)
    assert cells["cell"].tolist() == nuclei["ObjectNumber"].tolist()
    assert len(cells) == image["Count_Nuclei"] == 289
    views = Views(results / "images" / "views.parquet", results / "images" / "shards")
    crops, kept = windows(views[0], cells[["x", "y"]].to_numpy(), size=32)
    # A crop stands around its cell: in the DNA channel its middle is brighter than its border.
    assert 150 < kept.sum() == len(crops) < 289
    middle = crops[:, 0, 14:18, 14:18].mean(axis=(1, 2))
    rim = np.concatenate([crops[:, 0, 0], crops[:, 0, -1]], axis=1).mean(axis=1)
    assert (middle > rim).mean() > 0.95
    whole = np.stack([published_8_bit(tifffile.imread(files[channel])) for channel in channels])
    x, y = (nuclei[f"Location_Center_{axis}"][kept].round().astype(int) for axis in "XY")
    first = whole[:, y.iloc[0] - 16 : y.iloc[0] + 16, x.iloc[0] - 16 : x.iloc[0] + 16]
    np.testing.assert_array_equal(crops[0], first)
