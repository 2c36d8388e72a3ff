"""Well profiles: which columns are features, and what happens to gaps and constants."""

import csv
import gzip
import io
import statistics
import tarfile

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from paintassay.core import tables
from paintassay.core.errors import InputError
from paintassay.dataset.profiles import (
    read_profiles,
    split_columns,
    standardise_features,
    standardise_wells,
)
from paintassay.dataset.tables import PROFILE_PROBLEMS

HEADER = "Metadata_Plate,Metadata_Well,Metadata_id,Cells_A,Cytoplasm_B,Nuclei_C,Other_D"


def profile(path, rows, header=HEADER):
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def problems_of(problems):
    tables.conform(problems, PROFILE_PROBLEMS)
    return {
        (None if pd.isna(row.feature) else row.feature): (row.problem, row.wells, row.outcome)
        for row in problems.itertuples()
    }


def test_columns_of_a_profile_are_told_apart_by_name(tmp_path):
    rows = [" 007,a1,01,1,2,3,4", "007,P24,1e3,2,4,6,8", "008,r01c02,NA,4,8,12,16"]
    metadata, features, names, problems = read_profiles(profile(tmp_path / "p.csv", rows))
    assert names == ["Cells_A", "Cytoplasm_B", "Nuclei_C"]
    assert features.dtype == np.float32
    assert features.tolist() == [[1, 2, 3], [2, 4, 6], [4, 8, 12]]
    assert list(metadata) == [
        *["plate", "well", "Metadata_Plate", "Metadata_Well", "Metadata_id", "Other_D"]
    ]
    assert list(metadata["plate"]) == ["007", "007", "008"]
    assert list(metadata["well"]) == ["A01", "P24", "A02"]
    assert list(metadata["Metadata_id"]) == ["01", "1e3", "NA"]
    assert problems_of(problems) == {"Other_D": ("of no compartment", 3, "dropped")}


def test_profiles_of_an_archive_are_read_in_place(tmp_path):
    """As GigaDB packs them, with other tables beside them, and names that lead elsewhere."""
    one = profile(tmp_path / "one.csv", ["007,A01,x,1,2,3,4", "007,A02,x,2,4,6,8"])
    two = profile(tmp_path / "two.csv", ["008,A01,x,4,8,12,16"])
    members = [
        ("profiles/Plate_007/profiles/mean_well_profiles.csv", one),
        ("profiles/Plate_007/quality_control/qc.csv", two),
        ("../../Plate_008/profiles/mean_well_profiles.csv", two),
    ]
    archive = tmp_path / "p.tar.gz"
    with tarfile.open(archive, "w:gz") as file:
        for name, path in members:
            file.add(path, name)
    before = sorted(tmp_path.rglob("*"))
    metadata, features, names, _ = read_profiles(archive)
    assert list(metadata["plate"] + metadata["well"]) == ["007A01", "007A02", "008A01"]
    assert names == ["Cells_A", "Cytoplasm_B", "Nuclei_C"]
    assert features.tolist() == [[1, 2, 3], [2, 4, 6], [4, 8, 12]]
    assert sorted(tmp_path.rglob("*")) == before

    content = archive.read_bytes()
    archive.write_bytes(content[: len(content) // 2])
    with pytest.raises(
        InputError, match=r"(?s)p\.tar\.gz: cannot be read.*fetch the archive again"
    ):
        read_profiles(archive)
    with tarfile.open(archive, "w:gz") as file:
        file.add(two, "qc.csv")
    with pytest.raises(InputError, match=r"p\.tar\.gz: holds no mean_well_profiles\.csv"):
        read_profiles(archive)


def test_without_compartments_all_other_numbers_are_features(tmp_path):
    header = "Plate,Well,dose,when,f1,name,ObjectNumber,f2"
    rows = ["1,A01,5,2020-01-01,1.5,x,1,7", "1,A02,6,2020-01-02,2.5,y,2,8"]
    path = profile(tmp_path / "p.csv", rows, header)
    read = {"plate_column": "Plate", "well_column": "Well", "metadata_columns": ["dose"]}
    metadata, features, names, problems = read_profiles(path, **read)
    assert names == ["f1", "f2"]
    assert problems_of(problems) == {
        "when": ("no numbers", 2, "dropped"),
        "name": ("no numbers", 2, "dropped"),
    }
    assert features.tolist() == [[1.5, 7], [2.5, 8]]
    assert list(metadata["dose"]) == ["5", "6"]
    pd.read_csv(path).to_parquet(tmp_path / "p.parquet")
    again = read_profiles(tmp_path / "p.parquet", **read)
    assert again[2] == names
    np.testing.assert_array_equal(again[1], features)


def test_gaps_and_constants_against_plain_python(tmp_path):
    rng = np.random.default_rng(0)
    names = [f"{place}_{n}" for place in ("Cells", "Nuclei") for n in range(8)]
    values = rng.normal(size=(60, len(names))).astype(np.float32).astype(object)
    plates = ["1"] * 30 + ["2"] * 20 + ["3"] * 10
    values[[3, 40], 0] = "nan", "-inf"
    values[50:60, 1] = ""
    values[1:14, 2] = "oops"
    values[:, 3] = 0.1
    values[5, 3] = ""
    values[:, 4] = ""
    values[7, 5] = "1e300"
    values[0, :] = ""
    rows = [
        f"{plate},A{n % 30 + 1:02d}," + ",".join(map(str, row))
        for n, (plate, row) in enumerate(zip(plates, values, strict=True))
    ]
    path = profile(tmp_path / "p.csv", rows, ",".join(["Metadata_Plate,Metadata_Well", *names]))
    values, plates = values[1:], plates[1:]
    metadata, features, kept, problems = read_profiles(path, max_missing=0.2)
    assert problems_of(problems) == {
        None: ("well without any value", 1, "dropped"),
        names[0]: ("not finite", 2, "filled"),
        names[1]: ("not finite", 10, "filled"),
        names[2]: ("not finite in too many wells", 13, "dropped"),
        names[3]: ("constant", 59, "dropped"),
        names[4]: ("not finite in too many wells", 59, "dropped"),
        names[5]: ("not finite", 1, "filled"),
    }
    assert kept == [name for name in names if name not in (names[2], names[3], names[4])]
    assert features.shape == (59, 13) == (len(metadata), len(kept))
    assert np.isfinite(features).all()
    assert list(metadata["plate"]) == plates
    assert metadata.index.equals(pd.RangeIndex(59))
    for name, column in zip(kept, features.T, strict=True):
        place = names.index(name)
        good = {
            n: float(value)
            for n, value in enumerate(values[:, place])
            if not isinstance(value, str)
        }
        for n, value in enumerate(column):
            if n in good:
                assert value == np.float32(good[n])
            else:
                beside = [good[m] for m in good if plates[m] == plates[n]]
                assert value == pytest.approx(statistics.median(beside or good.values()), rel=1e-6)


def test_as_many_gaps_as_are_allowed_are_filled(tmp_path):
    rows = [f"1,A{n:02d},x,{n},{n if n > 1 else ''},{n if n > 2 else 'inf'},0" for n in range(1, 5)]
    _, features, names, problems = read_profiles(
        profile(tmp_path / "p.csv", rows), max_missing=0.25
    )
    assert names == ["Cells_A", "Cytoplasm_B"]
    assert features[:, 1].tolist() == [3, 2, 3, 4]
    assert problems_of(problems) == {
        "Cytoplasm_B": ("not finite", 1, "filled"),
        "Nuclei_C": ("not finite in too many wells", 2, "dropped"),
    }


def test_files_of_several_plates_are_matched_by_name(tmp_path):
    first = profile(tmp_path / "1.csv", ["1,A01,x,1,2,3,0", "1,A02,x,2,3,4,0"])
    header = "Nuclei_C,Cells_New,Cells_A,Metadata_Well,Metadata_Plate"
    text = f"{header}\n5,9,6,A01,2\n"
    second = tmp_path / "2.csv.gz"
    second.write_bytes(gzip.compress(text.encode()))
    metadata, features, names, problems = read_profiles([first, second])
    assert names == ["Cells_A", "Nuclei_C"]
    assert features.tolist() == [[1, 3], [2, 4], [6, 5]]
    assert metadata[["plate", "well"]].values.tolist() == [["1", "A01"], ["1", "A02"], ["2", "A01"]]
    assert problems_of(problems) == {
        "Cells_New": ("not in every file", 2, "dropped"),
        "Cytoplasm_B": ("not in every file", 1, "dropped"),
    }


def test_real_cellprofiler_columns(shared_data, tmp_path):
    path = shared_data / "cytotable_cpg0043" / "Nuclei.csv"
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    with pa.csv.open_csv(path) as head:
        metadata_names, feature_names = split_columns(head.schema)
    assert metadata_names == ["ImageNumber", "ObjectNumber"]
    assert len(feature_names) == 1943

    # As if each cell were a well of a plate.
    text = io.StringIO()
    names = ["Metadata_Plate", "Metadata_Well", *(f"Nuclei_{name}" for name in feature_names)]
    writer = csv.writer(text)
    writer.writerow(names)
    for n, row in enumerate(rows):
        well = f"{'ABCDE'[n // 24]}{n % 24 + 1}"
        writer.writerow(["BR00116991", well, *(row[name] for name in feature_names)])
    (tmp_path / "p.csv").write_text(text.getvalue())
    metadata, features, kept, problems = read_profiles(tmp_path / "p.csv")
    distinct = {name: {np.float32(row[name]) for row in rows} for name in feature_names}
    constant = {f"Nuclei_{name}" for name, values in distinct.items() if len(values) == 1}
    assert len(constant) == 57
    assert set(problems["feature"]) == constant
    assert kept == [name for name in names[2:] if name not in constant]
    assert features.shape == (109, 1943 - 57)
    row = next(n for n, well in enumerate(metadata["well"]) if well == "B01")
    assert features[row, kept.index("Nuclei_Location_Center_X")] == np.float32(
        rows[24]["Location_Center_X"]
    )


@settings(max_examples=50, deadline=None)
@given(
    arrays(
        np.float32,
        st.tuples(st.integers(1, 5), st.integers(2, 9)),
        elements=st.floats(-1e6, 1e6, width=32),
    )
)
def test_each_well_has_mean_zero_and_deviation_one(features):
    before = features.copy()
    standardised = standardise_wells(features)
    np.testing.assert_array_equal(features, before)
    assert standardised.dtype == np.float32
    for row, result in zip(before.tolist(), standardised.tolist(), strict=True):
        spread = statistics.pstdev(row)
        mean = statistics.fmean(row)
        if len(set(row)) == 1:
            assert set(result) == {0}
        elif spread > 1e-6 * max(map(abs, row)):
            assert result == pytest.approx([(x - mean) / spread for x in row], rel=1e-4, abs=1e-5)


def test_standardised_in_blocks_of_wells(monkeypatch):
    features = np.random.default_rng(0).normal(size=(7, 5)).astype(np.float32)
    whole = standardise_wells(features)
    monkeypatch.setattr("paintassay.dataset.profiles.WELLS_PER_BLOCK", 3)
    np.testing.assert_array_equal(standardise_wells(features), whole)


def test_features_are_standardised_across_wells(monkeypatch):
    monkeypatch.setattr("paintassay.dataset.profiles.WELLS_PER_BLOCK", 3)
    # Areas, shares, and a feature that is always the same.
    units = np.array([5000, 0.01, 1])
    features = (np.random.default_rng(0).normal(10, 1, size=(7, 3)) * units).astype(np.float32)
    features[:, 2] = 0.1
    wide = features[:, :2].astype(np.float64)
    expected = (wide - wide.mean(0)) / np.sqrt(((wide - wide.mean(0)) ** 2).mean(0))
    standardised = standardise_features(features)
    assert standardised.dtype == np.float32
    np.testing.assert_allclose(standardised[:, :2], expected, atol=1e-5)
    np.testing.assert_allclose(standardised[:, 2], 0, atol=1e-6)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["1,A01,x,1,2,3,4", "1,a1,x,1,2,3,4"], "well A01 of plate 1 has several profiles"),
        (["1,A01,x,1,2,3,4", "1,Q99,x,1,2,3,4"], "p.csv: row 2 names no well: .*'Q99'"),
        ([",A01,x,1,2,3,4"], "row 1 names no well: plate ''"),
        (["1,A01,x,1,2,3,4"], "no feature with different values"),
        (["1,A01,x"], "p.csv, line 2: has 3 fields, but the header has 7"),
    ],
)
def test_unusable_profiles_say_so(tmp_path, rows, message):
    with pytest.raises(InputError, match=message):
        read_profiles(profile(tmp_path / "p.csv", rows))


def test_missing_columns_and_files_say_so(tmp_path):
    path = profile(tmp_path / "p.csv", ["1,2"], "Plate,Cells_A")
    with pytest.raises(
        InputError, match="has no column 'Metadata_Plate'.*\nHint: .*name the columns"
    ):
        read_profiles(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_profiles(tmp_path / "none.parquet")


# Columns of public profiles that hold numbers but no features: pycytominer's and JUMP's metadata
# without its prefix, CellProfiler's counts, and what pandas writes of an index.
NOT_FEATURES = [
    *("pert_dose", "pert_time", "mmoles_per_liter", "Concentration_uM", "dose_uM", "Count_Cells"),
    *("Cell_Count", "CountNuclei", "Assay_Plate_Barcode", "plate_number", "Batch", "replicate"),
    *("Row", "Col", "Site", "timepoint", "Image_Count_Cells", "index", "level_0"),
]
FEATURES = ["f1", "AreaShape_Area", "embedding_17", "Intensity_Mean_DNA", "Nucleoli_Texture"]


def test_numbers_that_are_no_features_are_listed(tmp_path):
    names = [*NOT_FEATURES, *FEATURES]
    header = ",".join(["Metadata_Plate,Metadata_Well", *names])
    rows = [f"1,A{n:02d}," + ",".join(str(n * k) for k in range(1, len(names) + 1)) for n in (1, 2)]
    path = profile(tmp_path / "p.csv", rows, header)
    metadata, features, kept, problems = read_profiles(path)
    assert kept == FEATURES
    assert features.shape == (2, len(FEATURES))
    left_out = dict.fromkeys(NOT_FEATURES, ("named like metadata", 2, "dropped"))
    assert problems_of(problems) == left_out
    assert set(NOT_FEATURES) <= set(metadata)


def test_columns_of_images_beside_compartments_are_listed_over_all_files(tmp_path):
    header = "Metadata_Plate,Metadata_Well,Cells_A,Image_Granularity_1,Nuclei_B"
    paths = [
        profile(tmp_path / f"{plate}.csv", [f"{plate},A01,{plate},5,{plate}5"], header)
        for plate in (1, 2)
    ]
    _, _, names, problems = read_profiles(paths)
    assert names == ["Cells_A", "Nuclei_B"]
    assert problems_of(problems) == {"Image_Granularity_1": ("of no compartment", 2, "dropped")}
