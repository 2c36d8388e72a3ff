"""The drawn screen: layout, files as the microscope writes them, and what can be seen in them."""

import json
import re
import zipfile
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
import tifffile
from conftest import ROOT
from scipy.stats import rankdata

from paintassay.demo.cells import CHANNELS, draw_view
from paintassay.demo.library import demo_library
from paintassay.demo.phenotypes import phenotype_of
from paintassay.demo.plates import encode_tiff, plate_layout, write_plate_maps
from paintassay.demo.screen import plan_faults, write_plate
from paintassay.images.plate_maps import read_plate_maps
from paintassay.images.tables import WELLS

PLATE = "90001"
SEED = 7
SEEN = ("tubulin", "topoisomerase", "cardiac glycoside", "cationic amphiphile")
NAME = re.compile(
    r"(\w+-\w+)/(\w+)_([a-p]\d\d)_s(\d)_w(\d)([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-\w{12})\.tif"
)


@pytest.fixture(scope="module")
def wells():
    mechanisms = [*SEEN * 10, *["other"] * 10]
    ids = [f"C{number}" for number in range(len(mechanisms))]
    library = pd.DataFrame({"compound_id": ids, "mechanism": mechanisms})
    return plate_layout(library, [PLATE], SEED, replicates=1, controls=20)


@pytest.fixture(scope="module")
def screen(wells, tmp_path_factory):
    folder = tmp_path_factory.mktemp("screen")
    write_plate(folder, PLATE, wells, SEED, sites=1)
    return folder


@pytest.fixture(scope="module")
def images(screen):
    """Pixels by well and channel, as tifffile reads them."""
    found = {}
    for channel in CHANNELS:
        with zipfile.ZipFile(screen / "images" / f"{PLATE}-{channel}.zip") as archive:
            for name in archive.namelist():
                match = NAME.fullmatch(name)
                assert match[1] == f"{PLATE}-{channel}"
                pixels = tifffile.imread(BytesIO(archive.read(name)))
                found[match[3].upper(), channel] = pixels
    return found


@pytest.fixture(scope="module")
def profiles(screen):
    table = pd.read_csv(screen / "profiles" / PLATE / "mean_well_profiles.csv")
    return table.set_index("Metadata_Well")


def test_each_compound_stands_on_each_plate_of_its_map(tmp_path):
    drugs = pd.read_csv(ROOT / "workflow" / "resources" / "demo_drugs.csv")
    library = demo_library(drugs, SEED)
    layout = plate_layout(library, ["1", "2", "3", "4"], SEED)
    treated = layout[layout["role"] == "treatment"]
    readable = set(library.loc[library["mechanism"] != "", "compound_id"])
    assert readable < set(treated["compound_id"])
    assert treated["compound_id"].nunique() == len(readable) + 2
    replicates = treated.groupby("compound_id")
    assert (replicates["plate"].nunique() == 2).all()
    assert (replicates.size() == 2).all()
    assert (replicates["plate_map"].nunique() == 1).all()
    controls = layout[layout["role"] == "negative_control"]
    assert controls.groupby("plate").size().to_list() == [16] * 4
    assert not layout.duplicated(["plate", "well"]).any()
    assert {"A", "P"} < set(layout["well"].str[0])
    assert {"01", "24"} < set(layout["well"].str[1:])

    pd.testing.assert_frame_equal(layout, plate_layout(library, ["1", "2", "3", "4"], SEED))

    write_plate_maps(tmp_path, layout)
    read = read_plate_maps(tmp_path / "barcode_platemap.csv", tmp_path / "platemap")
    columns = [name for name in WELLS.names if name != "dose"]
    pd.testing.assert_frame_equal(read[columns], layout[columns], check_dtype=False)
    # The published maps leave the sample of a control well empty.
    lines = (tmp_path / "platemap" / "DEMO-MAP-002.txt").read_text().splitlines()
    assert sum(line.endswith("\t\t\tDMSO") for line in lines) == 16


def test_tiff_is_built_like_a_real_one(shared_data):
    real_bytes = (shared_data / "cloome_bray2017" / "Hoechst.tif").read_bytes()
    real = tifffile.TiffFile(BytesIO(real_bytes)).pages.first
    pixels = real.asarray()
    drawn_bytes = encode_tiff(pixels, "24279", "A01", 1, "Hoechst", 0.645)
    drawn = tifffile.TiffFile(BytesIO(drawn_bytes)).pages.first
    np.testing.assert_array_equal(drawn.asarray(), pixels)
    assert drawn_bytes[:4] == real_bytes[:4]
    # All but the predictor, which means nothing without compression.
    of_real = {tag.code: tag for tag in real.tags if tag.code != 317}
    assert [tag.code for tag in drawn.tags] == list(of_real)
    for tag in drawn.tags:
        twin = of_real[tag.code]
        assert tag.dtype == twin.dtype
        # Texts and MetaMorph's own tag are ours.
        assert tag.code in (270, 305, 306, 33628) or tag.value == twin.value
    assert drawn.description.splitlines()[-1] == real.description.splitlines()[-1]
    ours, theirs = drawn.tags[33628].value, real.tags[33628].value
    for name in ("StageLabel", "XCalibration", "YCalibration", "CalibrationUnits"):
        assert ours[name] == theirs[name]


def test_last_strip_may_be_short():
    pixels = np.arange(7 * 4, dtype=np.uint16).reshape(7, 4)
    page = tifffile.TiffFile(BytesIO(encode_tiff(pixels, "1", "P24", 3, "Mito", 1.29))).pages.first
    assert page.databytecounts == (40, 16)
    np.testing.assert_array_equal(page.asarray(), pixels)


def test_names_follow_the_grammar_of_the_study(shared_data, screen):
    path = shared_data / "cloome_bray2017" / "original_names.json"
    numbers = {}
    for channel, name in json.loads(path.read_text()).items():
        numbers[channel] = NAME.fullmatch(name)[5]
    for channel in CHANNELS:
        with zipfile.ZipFile(screen / "images" / f"{PLATE}-{channel}.zip") as archive:
            matches = [NAME.fullmatch(name) for name in archive.namelist()]
        assert {match[5] for match in matches} == {numbers[channel]}
        assert len({match[6] for match in matches}) == len(matches)


def test_same_seed_gives_same_bytes_whatever_else_is_drawn(tmp_path, wells):
    few = wells[wells["well"].isin(wells["well"].iloc[:6])]
    other_plate = few.assign(plate="90002")
    sizes = {"sites": 2, "height": 40, "width": 48}
    write_plate(tmp_path / "one", PLATE, few, SEED, **sizes)
    write_plate(tmp_path / "two", "90002", other_plate, SEED, **sizes)
    write_plate(tmp_path / "two", PLATE, pd.concat([other_plate, few[::-1]]), SEED, **sizes)
    write_plate(tmp_path / "else", PLATE, few, SEED + 1, **sizes)
    files = [path for path in (tmp_path / "one").rglob("*") if path.is_file()]
    assert len(files) == 7
    with zipfile.ZipFile(tmp_path / "one" / "images" / f"{PLATE}-Mito.zip") as archive:
        members = archive.infolist()
        views = {archive.read(member)[8 : 8 + 2 * 40 * 48] for member in members}
    assert len(views) == len(members) >= 9
    assert {member.date_time for member in members} == {(2019, 1, 1, 0, 0, 0)}
    for path in files:
        name = path.relative_to(tmp_path / "one")
        assert path.read_bytes() == (tmp_path / "two" / name).read_bytes()
        assert path.read_bytes() != (tmp_path / "else" / name).read_bytes()


def test_a_view_of_real_size_has_real_levels(shared_data):
    view, _ = draw_view(phenotype_of(""), np.random.default_rng(SEED), 520, 696, pixel=0.645)
    assert view.shape == (5, 520, 696)
    assert view.dtype == np.uint16
    for channel, plane in zip(CHANNELS, view, strict=True):
        real = tifffile.imread(shared_data / "cloome_bray2017" / f"{channel}.tif")
        assert plane.max() <= 4095
        for percent in (5, 50, 95):
            ratio = np.percentile(plane, percent) / np.percentile(real, percent)
            assert 0.6 < ratio < 1.6, (channel, percent)


def test_centres_are_where_nuclei_are(screen, images):
    cells = pd.read_csv(screen / "single_cells" / f"{PLATE}.csv")
    hits = []
    for well, group in cells.groupby("Metadata_Well"):
        plane = images[well, "Hoechst"]
        x = group["Nuclei_Location_Center_X"].round().clip(0, plane.shape[1] - 1).astype(int)
        y = group["Nuclei_Location_Center_Y"].round().clip(0, plane.shape[0] - 1).astype(int)
        hits.extend(plane[y, x] > np.median(plane) + 100)
    assert len(hits) > 700
    # Cells with several nuclei may have none in their middle.
    assert np.mean(hits) > 0.9


def test_faults_are_there_to_be_found(wells, images, profiles):
    faults = {fault: well for (well, _), fault in plan_faults(PLATE, wells, 1, SEED).items()}
    there = {channel: {well for well, name in images if name == channel} for channel in CHANNELS}
    assert len(there["Hoechst"]) == len(wells) - 2
    assert faults["missing"] not in there["Hoechst"]
    (absent,) = (name for name in CHANNELS if faults["missing channel"] not in there[name])
    assert len(there[absent]) == len(wells) - 3

    def sharpness(plane):
        low, high = np.percentile(plane, (5, 99))
        return np.abs(np.diff(plane.astype(float))).max() / (high - low)

    sharp = {well: sharpness(images[well, "Hoechst"]) for well in there["Hoechst"]}
    assert min(sharp, key=sharp.get) == faults["blurred"]
    full = {well: (images[well, "Ph_golgi"] == 4095).mean() for well in there["Ph_golgi"]}
    assert full.pop(faults["saturated"]) > 0.01 > 10 * max(full.values())

    features = profiles.loc[:, ~profiles.columns.str.startswith("Metadata_")]
    missing = features.loc[faults["missing channel"]].isna()
    published = {"Ph_golgi": "AGP", "ERSyto": "ER", "ERSytoBleed": "RNA", "Mito": "Mito"}[absent]
    assert missing.to_list() == [published in name.split("_") for name in features]


def test_profiles_have_the_published_layout(wells, profiles):
    metadata = profiles.columns.str.startswith("Metadata_")
    assert metadata[:16].all()
    assert metadata.sum() == 16  # and the well
    roles = wells.set_index("well")["role"].map(
        {"treatment": "treated", "negative_control": "mock"}
    )
    assert profiles["Metadata_ASSAY_WELL_ROLE"].to_dict() == roles.to_dict()
    features = profiles.loc[:, ~metadata]
    assert features.shape[1] > 60
    assert features.columns[features.nunique() == 1].to_list() == ["Nuclei_AreaShape_EulerNumber"]


def auc(score, positive):
    ranks, number = rankdata(score), positive.sum()
    return (ranks[positive].mean() - (number + 1) / 2) / (len(score) - number)


def predict(features, positive):
    """Score every well by ridge regression on the wells of the other three folds."""
    score, fold = np.empty(len(features)), np.arange(len(features)) % 4
    for held_out in range(4):
        train = fold != held_out
        x, y = features[train], positive[train] / positive[train].mean() - 1
        weights = np.linalg.solve(x.T @ x + 30 * np.eye(x.shape[1]), x.T @ y)
        score[~train] = features[~train] @ weights
    return score


def test_phenotypes_can_be_seen_and_chance_cannot(wells, profiles):
    features = profiles.loc[:, ~profiles.columns.str.startswith("Metadata_")]
    features = features.drop(columns="Nuclei_AreaShape_EulerNumber")
    # Whoever trains on wells leaves out those that quality control has marked.
    spoilt = [well for well, _ in plan_faults(PLATE, wells, 1, SEED)]
    features = features.drop(index=spoilt).sample(frac=1, random_state=SEED)
    mechanism = wells.set_index("well")["mechanism"][features.index]
    untreated = mechanism.isin(["", "other"]).to_numpy()
    scaled = ((features - features[untreated].mean()) / features[untreated].std()).to_numpy()
    scaled = np.sign(scaled) * np.sqrt(np.abs(scaled))
    for name in SEEN:
        positive = (mechanism == name).to_numpy()
        among = positive | untreated
        assert auc(predict(scaled[among], positive[among]), positive[among]) > 0.9, name

    # "other" drugs look like DMSO, and so do actives drawn by lot.
    rng = np.random.default_rng(SEED)
    lots = rng.permuted(np.tile(np.arange(len(scaled)) < 12, (20, 1)), axis=1)
    assert 0.4 < np.mean([auc(predict(scaled, lot), lot) for lot in lots]) < 0.6
    other = (mechanism[untreated] == "other").to_numpy()
    assert 0.2 < auc(predict(scaled[untreated], other), other) < 0.8
