"""Extraction from ChEMBL's SQLite dump."""

import shutil
import sqlite3

import pandas as pd
import pytest
from conftest import make_chembl

from paintassay.chembl import tables
from paintassay.chembl.dump import extract_activities
from paintassay.core.errors import InputError


def key(block, stereo="UHFFFAOYSA"):
    return f"{block * 14}-{stereo}-N"


BASE, LEFT, RIGHT = key("A"), key("A", "LEFTHANDSA"), key("A", "RIGHTHANSA")
SALT, OTHER_SALT, NEIGHBOUR, LONELY = key("B"), key("C"), key("D"), key("E")


@pytest.fixture(scope="module")
def dump(tmp_path_factory):
    """One skeleton in three stereo forms, two salts of it, and molecules that are no kin."""
    path = tmp_path_factory.mktemp("dump") / "chembl_31.db"
    rows = pd.DataFrame(
        [
            (BASE, 7, 5.25, None),
            (LEFT, 7, None, "Active"),
            (RIGHT, 8, 6.5, "inactive"),
            (SALT, 8, 7, None),
            (OTHER_SALT, 9, None, ""),
            # Censored: neither a pChEMBL value nor a comment.
            (BASE, 9, None, None),
            (NEIGHBOUR, 9, 8.0, None),
            (LONELY, None, None, None),
        ],
        columns=["inchikey", "assay_id", "pchembl_value", "activity_comment"],
    )
    rows["activity_id"] = pd.array([80, 70, 60, 50, 40, 30, 20, None], dtype="Int64")
    rows["potential_duplicate"] = pd.array([1, 0, None, 0, 0, 0, 0, 0], dtype="Int64")
    rows["standard_type"] = "IC50"
    make_chembl(path, rows, hierarchy=dict.fromkeys((BASE, SALT, OTHER_SALT), BASE))
    return path


def compounds(*rows):
    table = pd.DataFrame(rows, columns=["inchikey", "parent_inchikey"])
    return table.assign(first_block=table["inchikey"].str[:14])


def extract(dump, library, match_on="inchikey", release=31):
    matches, activities = extract_activities(dump, library, match_on, release)
    assert matches.schema.equals(tables.MATCHES)
    assert activities.schema.equals(tables.ACTIVITIES)
    return matches.to_pandas(), activities.to_pandas()


def test_full_key_takes_exactly_the_molecule(dump):
    matches, activities = extract(dump, compounds((BASE, None), (key("Z"), None)))
    assert matches[["inchikey", "molecule_inchikey", "matched_by"]].values.tolist() == [
        [BASE, BASE, "inchikey"]
    ]
    row = activities.iloc[0]
    assert len(activities) == 1
    assert row["activity_id"] == 80
    assert (row["assay_id"], row["assay_chembl_id"]) == (7, "CHEMBL7")
    assert (row["pchembl_value"], row["potential_duplicate"]) == (5.25, True)
    assert (row["assay_description"], row["target_name"]) == ("assay 7", "target")
    assert (row["target_organism"], row["document_chembl_id"]) == ("human", "CHEMBL2")
    assert pd.isna(row["activity_comment"])


def test_first_block_takes_all_stereo_forms(dump):
    matches, activities = extract(dump, compounds((LEFT, None)), "first_block")
    rule_of_key = dict(zip(matches["molecule_inchikey"], matches["matched_by"], strict=True))
    assert rule_of_key == {BASE: "first_block", LEFT: "inchikey", RIGHT: "first_block"}
    assert list(activities["activity_id"]) == [60, 70, 80]
    assert list(activities["potential_duplicate"]) == [False, False, True]


def test_parent_takes_the_family(dump):
    family = {BASE: "parent", SALT: "inchikey", OTHER_SALT: "parent"}
    for library in (compounds((SALT, None)), compounds((SALT, BASE))):
        matches, activities = extract(dump, library, "parent")
        rule_of_key = dict(zip(matches["molecule_inchikey"], matches["matched_by"], strict=True))
        assert rule_of_key == family
        # An empty comment is none at all, but ChEMBL's row with it is still there to be counted.
        assert list(activities["activity_id"]) == [40, 50, 80]
        assert activities["activity_comment"].isna().all()
    # A salt that ChEMBL does not know finds the family through its own parent.
    matches, _ = extract(dump, compounds((key("Y"), BASE)), "parent")
    assert set(matches["molecule_inchikey"]) == {BASE, SALT, OTHER_SALT}
    assert set(matches["matched_by"]) == {"parent"}


def test_molecule_without_hierarchy_is_its_own_parent(dump):
    matches, activities = extract(dump, compounds((NEIGHBOUR, None)), "parent")
    assert list(matches["molecule_inchikey"]) == [NEIGHBOUR]
    assert list(activities["activity_id"]) == [20]


@pytest.mark.parametrize("library", [compounds((LONELY, None)), compounds((key("Z"), None))])
def test_nothing_found_is_an_empty_table(dump, library):
    _, activities = extract(dump, library)
    assert activities.empty


def test_dump_is_only_read(dump):
    before = dump.stat().st_mtime_ns
    extract(dump, compounds((BASE, None)))
    assert dump.stat().st_mtime_ns == before
    assert list(dump.parent.iterdir()) == [dump]


def test_other_release_is_refused(dump):
    with pytest.raises(InputError, match=r"holds ChEMBL_31, but .* asks for ChEMBL_37"):
        extract(dump, compounds((BASE, None)), release=37)


def test_dump_that_does_not_exist(tmp_path):
    with pytest.raises(InputError, match=r"chembl_37.db: does not exist"):
        extract(tmp_path / "chembl_37.db", compounds((BASE, None)))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 an archive", b"x" * 200])
def test_file_that_is_no_database(tmp_path, content):
    path = tmp_path / "dump.db"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"dump.db: is not a SQLite database"):
        extract(path, compounds((BASE, None)))


@pytest.mark.parametrize("share", [0.001, 0.5, 0.999])
def test_dump_that_is_cut_short(dump, tmp_path, share):
    path = tmp_path / "dump.db"
    content = dump.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(InputError, match=r"dump.db: is (cut short: .* of .* bytes|not a SQLite)"):
        extract(path, compounds((BASE, None)))


def test_damaged_pages_are_refused(dump, tmp_path):
    path = tmp_path / "dump.db"
    content = bytearray(dump.read_bytes())
    content[4096 : len(content) // 2] = b"\xff" * (len(content) // 2 - 4096)
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"cannot be read as ChEMBL's SQLite dump: .*malformed"):
        extract(path, compounds((BASE, None)))


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("DROP TABLE activities", "no such table: activities"),
        ("DELETE FROM version", "names no single ChEMBL release"),
        ("INSERT INTO version (name) VALUES ('ChEMBL_32')", "names no single ChEMBL release"),
    ],
)
def test_database_that_is_not_chembl(dump, tmp_path, statement, message):
    path = shutil.copy(dump, tmp_path / "dump.db")
    with sqlite3.connect(path) as connection:
        connection.execute(statement)
    connection.close()
    with pytest.raises(InputError, match=message):
        extract(path, compounds((BASE, None)))


def test_order_of_the_library_does_not_matter(dump):
    rows = [(BASE, None), (LEFT, None), (SALT, None), (NEIGHBOUR, None)]
    for one, other in zip(
        extract(dump, compounds(*rows), "first_block"),
        extract(dump, compounds(*rows[::-1]), "first_block"),
        strict=True,
    ):
        pd.testing.assert_frame_equal(one, other)
