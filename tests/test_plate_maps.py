"""Plate maps at the size of the real screen, and wells joined with a library."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paintassay.core.errors import InputError
from paintassay.core.tables import conform
from paintassay.images.plate_maps import join_compounds, read_plate_maps, read_wells
from paintassay.images.roles import OTHER_DOSE, choose_doses
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
    assert wells["dose"].isna().all()
    assert wells.drop(columns="dose").fillna("-").to_dict("split")["data"] == [
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
    (tmp_path / "map.txt").write_text(f"{header}A01\tBRD-1\tDMSO\nA02\t\tDMSO\nA03\t\t\nA04\t\t\n")
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


# The values of control_type and pert_type in the plate maps of JUMP (its pilots, CPJUMP1, and the
# production plates) and of LINCS, and what their documentation says they are.
PUBLIC_WORDS = {
    "trt": "treatment",
    "trt_cp": "treatment",
    "poscon": "positive_control",
    "poscon_cp": "positive_control",
    "poscon_diverse": "positive_control",
    "poscon_orf": "positive_control",
    "trt_poscon": "positive_control",
    "negcon": "negative_control",
    "ctl_vehicle": "negative_control",
    "ctl_untrt": "negative_control",
    "empty": "empty",
}


@pytest.mark.parametrize("column", ["control_type", "pert_type", "Metadata_control_type", "role"])
@pytest.mark.parametrize("word", PUBLIC_WORDS)
def test_words_of_public_plate_maps_are_roles(tmp_path, column, word):
    barcodes, wells = tmp_path / "barcodes.csv", tmp_path / "wells.csv"
    barcodes.write_text("Assay_Plate_Barcode,Plate_Map_Name\nP1,map\n")
    for spelling in (word, f" {word.upper()} "):
        rows = [f"A01\tx\tDMSO\t{spelling}", "A02\ty\tDMSO\t", "A03\t\tDMSO\t"]
        header = f"well_position\tbroad_sample\tsolvent\t{column}"
        (tmp_path / "map.txt").write_text("\n".join([header, *rows]))
        expected = [PUBLIC_WORDS[word], "treatment", "negative_control"]
        assert list(read_plate_maps(barcodes, tmp_path)["role"]) == expected
        wells.write_text(f"plate,well,compound_id,{column}\n1,A1,x,{spelling}\n")
        assert list(read_wells(wells)["role"]) == expected[:1]


def test_controls_of_unknown_kind_are_what_their_names_say(tmp_path):
    """JUMP writes pert_type control, and the kind in control_type alone."""
    path = tmp_path / "wells.csv"
    rows = ["1,A1,dmso,control,", "1,A2,x,control,poscon_cp", "1,A3,DMSO,trt,", "1,A4,y,trt,"]
    header = "plate,well,compound_id,pert_type,control_type"
    path.write_text("\n".join([header, *rows]))
    negative, positive = "negative_control", "positive_control"
    assert list(read_wells(path)["role"]) == [negative, positive, negative, "treatment"]
    path.write_text("\n".join([header, *rows, "1,A5,z,control,"]))
    with pytest.raises(InputError, match=r"line 6: 'z' is a control, but of which kind\?\n"):
        read_wells(path)
    assert list(read_wells(path, {"z": positive, "dmso": negative})["role"])[-1] == positive
    path.write_text("\n".join([header, *rows, "1,A5,z,trt,poisson"]))
    with pytest.raises(InputError, match="line 6: unknown control_type 'poisson'\nHint: known"):
        read_wells(path)


def test_controls_by_name_reach_plate_maps_without_regard_to_case_and_blanks(tmp_path):
    barcodes = tmp_path / "barcodes.csv"
    barcodes.write_text("Assay_Plate_Barcode,Plate_Map_Name\nP1,map\n")
    rows = ["A01\tdmso", "A02\tBRD-1", "A03\tTaxol 10uM", "A04\tD M S O"]
    (tmp_path / "map").write_text("\n".join(["well_position\tbroad_sample", *rows]))
    controls = {"DMSO": "negative_control", "taxol 10 um": "positive_control"}
    wells = read_plate_maps(barcodes, tmp_path, controls)
    negative = "negative_control"
    assert list(wells["role"]) == [negative, "treatment", "positive_control", negative]
    with pytest.raises(InputError, match=r"key plates.controls.dmso: has two roles"):
        read_plate_maps(barcodes, tmp_path, {**controls, "dmso": "empty"})


def test_doses_of_the_screen(bray_wells):
    """Counted with awk in the 97 maps: no sample lacks a dose, and one has two of six digits."""
    treated = bray_wells[bray_wells["role"] == "treatment"]
    assert treated["dose"].notna().all()
    assert (treated.groupby("compound_id")["dose"].nunique() > 1).sum() == 1
    assert bray_wells.loc[bray_wells["role"] == "negative_control", "dose"].isna().all()


@pytest.mark.parametrize("column", ["dose", "mmoles_per_liter", "Metadata_pert_dose", "uM"])
def test_doses_go_with_the_wells(tmp_path, column):
    path = tmp_path / "wells.csv"
    rows = ["1,A1,x,10", "1,A2,x,9.99999999999999", "1,A3,x,1e-3", "1,A4,DMSO,", "1,A5,y,-666"]
    path.write_text("\n".join([f"plate,well,compound_id,{column}", *rows]))
    wells = read_wells(path, dose_column="uM" if column == "uM" else None)
    conform(wells, WELLS)
    assert wells["dose"].fillna(-1).tolist() == [10, 10, 0.001, -1, -1]


def test_two_doses_in_one_well_and_doses_that_are_no_numbers(tmp_path, caplog):
    path = tmp_path / "wells.csv"
    path.write_text("plate,well,compound_id,dose\n1,A1,x,10\n1,A01,x,5\n")
    with pytest.raises(InputError, match="line 3: well A01 has a second compound, role or dose"):
        read_wells(path)
    path.write_text("plate,well,compound_id,dose\n1,A1,x,10 uM\n")
    with pytest.raises(InputError, match="line 2: dose '10 uM' is no number"):
        read_wells(path, dose_column="dose")
    assert read_wells(path)["dose"].isna().all()
    assert "dose '10 uM' is no number; 1 doses are not known" in caplog.text


def test_doses_are_chosen():
    rows = [("x", 1.0), ("x", 10.0), ("x", 10.0), ("y", 1.0), ("y", 3.0), ("DMSO", None)]
    wells = pd.DataFrame(rows, columns=["compound_id", "dose"]).assign(plate="1", well="A01")
    wells["role"] = ["treatment"] * 5 + ["negative_control"]
    wells["inchikey"] = ["X", "X", "X", None, None, None]

    def other(doses):
        roles = choose_doses(wells, doses)["role"]
        assert roles.iloc[-1] == "negative_control"
        return list(roles.index[roles == OTHER_DOSE])

    assert other("all") == []
    assert other("highest") == [0, 3]
    assert other([1, 3]) == [1, 2]
    with pytest.raises(InputError, match=r"no treatment has such a dose; they have 1 to 10"):
        other([11, 12])
    wells.loc[0, "dose"] = None
    with pytest.raises(InputError, match="1 wells of treatments have no dose, such as A01"):
        other("highest")


def test_doses_in_different_columns_are_not_mixed(tmp_path):
    """One is in millimoles, the other perhaps not."""
    barcodes = tmp_path / "barcodes.csv"
    barcodes.write_text("Assay_Plate_Barcode,Plate_Map_Name\nP1,one\nP2,two\n")
    for name, column in (("one", "mmoles_per_liter"), ("two", "concentration")):
        (tmp_path / name).write_text(f"well_position\tbroad_sample\t{column}\tuM\nA01\tx\t1\t5")
    with pytest.raises(InputError, match="different columns: concentration, mmoles_per_liter"):
        read_plate_maps(barcodes, tmp_path)
    assert read_plate_maps(barcodes, tmp_path, dose_column="uM")["dose"].tolist() == [5, 5]
