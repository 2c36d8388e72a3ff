"""Plate maps at the size of the real screen, and wells joined with a library."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paintassay.core.errors import InputError
from paintassay.core.tables import conform
from paintassay.images.plate_maps import join_compounds, read_plate_maps, read_wells
from paintassay.images.tables import WELLS
from paintassay.images.wells import well_name


@pytest.fixture(scope="module")
def bray_wells(shared_data):
    folder = shared_data / "bray2015_platemaps" / "metadata" / "platemaps" / "CDRP"
    wells = read_plate_maps(folder / "barcode_platemap.csv", folder / "platemap")
    conform(wells, WELLS)
    return wells


def test_all_plate_maps_of_the_screen(bray_wells):
    samples = bray_wells[bray_wells["role"] == "treatment"]
    assert bray_wells["plate"].nunique() == 405
    assert samples["compound_id"].nunique() == 30_616
    assert samples["compound_id"].str.startswith("BRD-").all()
    # The short maps have 195 and 364 wells, four plates each; all others 384.
    assert len(bray_wells) == 397 * 384 + 4 * 195 + 4 * 364
    assert set(bray_wells["role"]) == {"treatment", "negative_control"}
    assert set(bray_wells.loc[bray_wells["role"] == "negative_control", "compound_id"]) == {"DMSO"}
    assert not bray_wells.duplicated(["plate", "well"]).any()


def test_wells_get_the_keys_of_their_compounds(bray_wells, shared_data):
    """19,423 wells were joined elsewhere, from the same maps and the same structures."""
    library = pd.read_csv(shared_data / "derived" / "broad_core_smiles_inchikey_hti.csv")
    library = library.rename(columns={"core": "compound_id"})
    expected = pd.read_csv(
        shared_data / "derived" / "bray_wells_with_hti_labels.csv.gz", dtype={"plate": "str"}
    )
    joined, unmatched = join_compounds(bray_wells, library)
    both = expected.merge(
        joined, left_on=["plate", "well_position"], right_on=["plate", "well"], suffixes=("", "_")
    )
    assert len(both) == 19_423
    assert (both["compound_id"] == both["broad_sample"]).all()
    assert (both["inchikey_"] == both["inchikey"]).all()
    assert joined["inchikey"].notna().sum() + unmatched["wells"].sum() == 127_904
    # As many compounds as the library has structures that cannot be parsed.
    no_key = unmatched[unmatched["problem"] == "no InChIKey in the library"]
    assert len(no_key) == library["inchikey"].isna().sum() == 24


def test_join_whole_ids_first_then_cores():
    library = pd.DataFrame(
        [
            ("BRD-K00000001", "CORE1"),
            ("BRD-K00000001-001-01-1", "SALT1"),
            ("BRD-K00000002-001-01-1", "FULL2"),
            ("BRD-K00000003-001-01-1", "ONE3"),
            ("BRD-K00000003-300-01-1", "TWO3"),
            ("BRD-K00000004", None),
            ("DMSO", "IAZDPXIOMUYVGZ"),
            ("aspirin-1", "ASPIRIN"),
            (None, "NOBODY"),
        ],
        columns=["compound_id", "inchikey"],
    )
    cases = {
        "BRD-K00000001-001-01-1": "SALT1",
        "BRD-K00000001-999-09-9": "CORE1",
        "BRD-K00000002-999-09-9": "FULL2",
        "BRD-K00000002": "FULL2",
        "BRD-K00000003-001-01-1": "ONE3",
        "BRD-K00000003-999-01-1": None,
        "BRD-K00000004-001-01-1": None,
        "BRD-K00000009-001-01-1": None,
        "aspirin-1": "ASPIRIN",
        "aspirin-2": None,
        "DMSO": None,
        None: None,
    }
    wells = pd.DataFrame({"compound_id": list(cases) * 2})
    wells["plate"] = ["P"] * len(cases) + ["Q"] * len(cases)
    wells["well"], wells["role"] = "A01", "treatment"
    wells.loc[wells["compound_id"] == "DMSO", "role"] = "negative_control"
    wells.loc[wells["compound_id"].isna(), "role"] = "empty"
    joined, unmatched = join_compounds(wells, library)
    keys = [None if pd.isna(key) else key for key in joined["inchikey"]]
    assert keys == list(cases.values()) * 2
    assert unmatched.to_dict("split")["data"] == [
        ["BRD-K00000003-999-01-1", "several InChIKeys in the library", 2, 2],
        ["BRD-K00000004-001-01-1", "no InChIKey in the library", 2, 2],
        ["BRD-K00000009-001-01-1", "not in the library", 2, 2],
        ["aspirin-2", "not in the library", 2, 2],
    ]


def test_nothing_to_join():
    wells = pd.DataFrame({"plate": ["P"], "well": ["A01"], "compound_id": [None], "role": "empty"})
    library = pd.DataFrame({"compound_id": ["a"], "inchikey": [None]}, dtype="str")
    joined, unmatched = join_compounds(wells, library)
    assert joined["inchikey"].isna().all()
    assert unmatched.empty


def test_table_of_wells(tmp_path):
    path = tmp_path / "wells.csv"
    path.write_text("plate,well,compound_id\n007,b2,NA\n007,A1,DMSO\n007,A2, water \n007,A3,\n")
    controls = {"DMSO": "negative_control", "water": "positive_control"}
    wells = read_wells(path, controls)
    conform(wells, WELLS)
    assert wells.fillna("-").to_dict("split")["data"] == [
        ["007", "A01", "DMSO", "negative_control"],
        ["007", "A02", "water", "positive_control"],
        ["007", "A03", "-", "empty"],
        ["007", "B02", "NA", "treatment"],
    ]
    path.write_text("plate,well,compound_id,role\n1,A1,DMSO,\n1,A2,x,positive_control\n")
    assert list(read_wells(path)["role"]) == ["negative_control", "positive_control"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("plate,well\n1,A1\n", "wells.csv: has no column 'compound_id'"),
        ("plate,well,compound_id\n1,A1,x\n1,I99,y\n", "wells.csv, line 3: 'I99' is not a well"),
        ("plate,well,compound_id\n1,A1,x\n1,A01,y\n", "wells.csv, line 3: well A01 has a second"),
        ("plate,well,compound_id\n,A1,x\n", "wells.csv, line 2: plate missing"),
        ("plate,well,compound_id,role\n1,A1,x,dmso\n", "wells.csv, line 2: unknown role 'dmso'"),
    ],
)
def test_wells_to_mend(tmp_path, content, problem):
    (tmp_path / "wells.csv").write_text(content)
    with pytest.raises(InputError, match=problem):
        read_wells(tmp_path / "wells.csv")


def test_plate_maps_to_mend(tmp_path):
    barcodes = tmp_path / "barcodes.csv"
    barcodes.write_text("Assay_Plate_Barcode,Plate_Map_Name\nP1,map.txt\n")
    with pytest.raises(InputError, match="names plate map 'map.txt', which is not in"):
        read_plate_maps(barcodes, tmp_path)
    header = "well_position\tbroad_sample\tsolvent\n"
    (tmp_path / "map.txt").write_text(f"{header}A01\tBRD-1\tDMSO\nA02\t\tDMSO\nA03\t\t\nA04\n")
    wells = read_plate_maps(barcodes, tmp_path)
    assert list(wells["role"]) == ["treatment", "negative_control", "empty", "empty"]
    (tmp_path / "map.txt").write_text(f"{header}A01\tBRD-1\tDMSO\na1\tBRD-2\tDMSO\n")
    with pytest.raises(InputError, match="map.txt, line 3: well A01 has a second compound"):
        read_plate_maps(barcodes, tmp_path)
    barcodes.write_text("Assay_Plate_Barcode,Plate_Map_Name\nP1,map.txt\nP1,map2\n")
    with pytest.raises(InputError, match="'P1' has two plate maps"):
        read_plate_maps(barcodes, tmp_path)


@given(st.integers(1, 32), st.integers(1, 48))
def test_well_names_of_both_kinds_agree(row, column):
    """Rows count like a spreadsheet's columns: A..Z, AA, AB, ..."""
    letters = chr(64 + row) if row < 27 else "A" + chr(64 + row - 26)
    name = f"{letters}{column:02d}"
    spellings = [name, f"{letters.lower()}{column}", f"r{row:02d}c{column:02d}", f" {name}"]
    assert {well_name(text) for text in spellings} == {name}


@pytest.mark.parametrize("text", ["", "A", "A0", "A00", "A49", "AG01", "BA1", "r33c1", "1A", "A1B"])
def test_no_wells(text):
    assert well_name(text) is None
