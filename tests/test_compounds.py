"""From a compound library to InChIKeys."""

import gzip

import pandas as pd
import pytest

from paintassay.compounds.library import (
    assign_keys,
    count_library,
    join_duplicates,
    read_library,
    standardise_structures,
)
from paintassay.compounds.tables import COMPOUNDS
from paintassay.core import tables
from paintassay.core.errors import InputError

ASPIRIN = "BSYNRYMUTXBXSQ-UHFFFAOYSA-N"
L_ALANINE, D_ALANINE = "QNAYBMKLOCPYGJ-REOHCLBHSA-N", "QNAYBMKLOCPYGJ-UWTATZPHSA-N"
CAFFEINE = "RYYVLZVUVIJVGH-UHFFFAOYSA-N"


def library_of(*rows):
    table = pd.DataFrame(rows, columns=["compound_id", "smiles", "inchikey"], dtype="str")
    table.insert(0, "row", range(1, len(table) + 1))
    return table


def assign(library):
    return assign_keys(library, standardise_structures(library["smiles"]))


def test_real_smiles_give_their_inchikeys(shared_data):
    """18,850 compounds of the published library, keyed by another run of RDKit."""
    path = shared_data / "derived" / "broad_core_smiles_inchikey_hti.csv"
    library = read_library(path, "core", "smiles", None)
    rows, problems = assign_keys(library, standardise_structures(library["smiles"], workers=2))
    expected = pd.read_csv(path)["inchikey"]
    assert len(rows) == 18_850
    assert rows["inchikey"].isna().sum() == 24
    assert (rows["inchikey"].dropna() == expected.dropna()).all()
    assert (rows["inchikey"].isna() == expected.isna()).all()
    # All 24 failures are CXSMILES that were cut at a comma.
    assert list(problems["row"]) == list(rows.loc[expected.isna(), "row"])
    assert set(problems["problem"]) == {"CXSMILES tail cut off"}
    assert set(problems["outcome"]) == {"dropped"}
    compounds, duplicates = join_duplicates(rows)
    assert len(compounds) == expected.nunique() == 18_822
    assert duplicates["rows"].sum() - len(duplicates) == 18_826 - 18_822
    tables.conform(compounds, COMPOUNDS)


@pytest.mark.parametrize(
    ("smiles", "inchikey", "parent"),
    [
        ("CC(=O)Oc1ccccc1C(O)=O", ASPIRIN, ASPIRIN),
        # Ethylamine and its hydrochloride, water and heavy water: keys as PubChem lists them.
        ("CCN.Cl", "XWBDWHCCBGMXKG-UHFFFAOYSA-N", "QUSNBJAOOMFDIB-UHFFFAOYSA-N"),
        ("C[C@H](N)C(O)=O |&1:1|", L_ALANINE, L_ALANINE),
        ("C[C@@H](N)C(O)=O", D_ALANINE, D_ALANINE),
        ("[2H]O[2H]", "XLYOFNOQVPJJNP-ZSJDYOACSA-N", "XLYOFNOQVPJJNP-UHFFFAOYSA-N"),
    ],
)
def test_keys_and_parents(smiles, inchikey, parent):
    row = standardise_structures([smiles]).iloc[0]
    assert (row["inchikey"], row["parent_inchikey"]) == (inchikey, parent)
    assert pd.isna(row["problem"])


@pytest.mark.parametrize(
    ("smiles", "problem", "detail"),
    [
        (None, "SMILES missing", None),
        ("C1CC", "SMILES cannot be parsed", "unclosed ring"),
        ("CC(C)(C)(C)C", "SMILES cannot be parsed", "Explicit valence for atom # 1 C, 5"),
        ("not available", "SMILES cannot be parsed", "syntax error"),
        ("c1cccc1", "SMILES cannot be parsed", "kekulize"),
        ("C*", "structure without InChI", "InChI"),
        ("C[C@H](N)O |&1:1", "CXSMILES tail cut off", "no closing |"),
        ("C[C@H](N)O |r", "CXSMILES tail cut off", "no closing |"),
    ],
)
def test_every_failure_has_its_reason(smiles, problem, detail):
    good = "CC(=O)Oc1ccccc1C(O)=O"
    structures = standardise_structures([good, smiles, good])
    assert list(structures["inchikey"].fillna("")) == [ASPIRIN, "", ASPIRIN]
    assert structures["problem"][1] == problem
    assert detail is None or detail in structures["detail"][1]


def test_given_keys_are_checked_by_form_and_against_the_smiles():
    aspirin, alanine = "CC(=O)Oc1ccccc1C(O)=O", "C[C@H](N)C(O)=O"
    library = library_of(
        ("right", aspirin, ASPIRIN),
        ("malformed", aspirin, "BSYNRYMUTXBXSQ-UHFFFAOYSA"),
        ("not standard", aspirin, "BSYNRYMUTXBXSQ-UHFFFAOYNA-N"),
        ("stereo", alanine, D_ALANINE),
        ("salt", "CC(=O)Oc1ccccc1C(=O)[O-].[Na+]", ASPIRIN),
        ("other molecule", aspirin, CAFFEINE),
        ("bad smiles", "C1CC", ASPIRIN),
        ("no smiles", None, CAFFEINE),
        ("no key", aspirin, None),
        ("nothing", None, None),
    )
    rows, problems = assign(library)
    keys = [ASPIRIN, ASPIRIN, ASPIRIN, D_ALANINE, ASPIRIN, "", ASPIRIN, CAFFEINE, ASPIRIN, ""]
    assert list(rows["inchikey"].fillna("")) == keys
    outcomes = problems[["compound_id", "problem", "outcome"]].values.tolist()
    near = "SMILES and InChIKey differ in stereo, charge or salt"
    assert outcomes == [
        ["malformed", "InChIKey malformed", "kept"],
        ["not standard", "InChIKey malformed", "kept"],
        ["stereo", near, "kept"],
        ["salt", near, "kept"],
        ["other molecule", "SMILES and InChIKey name different molecules", "dropped"],
        ["bad smiles", "SMILES cannot be parsed", "kept"],
        ["no smiles", "SMILES missing", "kept"],
        ["nothing", "SMILES missing", "dropped"],
    ]


def test_library_of_keys_alone():
    library = library_of(("a", None, ASPIRIN), ("b", None, "aspirin"), ("c", None, None))
    rows, problems = assign_keys(library, None)
    assert list(rows["inchikey"].fillna("")) == [ASPIRIN, "", ""]
    assert list(problems["problem"]) == ["InChIKey malformed", "InChIKey missing"]


def test_ambiguous_and_missing_identifiers():
    rows, problems = assign_keys(
        library_of(
            ("same", None, ASPIRIN),
            ("same", None, CAFFEINE),
            ("twice", None, ASPIRIN),
            ("twice", None, ASPIRIN),
            (None, None, CAFFEINE),
        ),
        None,
    )
    assert list(rows["inchikey"].isna()) == [True, True, False, False, False]
    assert problems[["row", "problem", "outcome"]].values.tolist() == [
        [1, "one compound id for several compounds", "dropped"],
        [2, "one compound id for several compounds", "dropped"],
        [5, "compound id missing", "kept"],
    ]
    compounds, duplicates = join_duplicates(rows)
    assert compounds[["inchikey", "compound_ids", "library_rows"]].values.tolist() == [
        [ASPIRIN, ["twice"], [3, 4]],
        [CAFFEINE, [], [5]],
    ]
    assert duplicates.values.tolist() == [[ASPIRIN, 2, "twice", "3;4"]]
    counts = count_library(rows, problems, compounds)
    assert (counts["rows"], counts["rows_with_key"], counts["compounds"]) == (5, 3, 2)


def test_workers_do_not_change_the_result():
    smiles = ["CCO", "C1CC", "CC(=O)[O-].[Na+]", None] * 400
    pd.testing.assert_frame_equal(
        standardise_structures(smiles, workers=1), standardise_structures(smiles, workers=3)
    )


def test_formats_of_the_library(tmp_path):
    text = "name,structure,x\n 1 ,CCO |c:1|,\n2,,NA\n"
    frame = pd.DataFrame({"name": [1, 2], "structure": ["CCO |c:1|", None]})
    (tmp_path / "plain.csv").write_text(text, encoding="utf-8-sig")
    (tmp_path / "zipped.csv.gz").write_bytes(gzip.compress(text.encode()))
    frame.to_parquet(tmp_path / "table.parquet")
    for name in ("plain.csv", "zipped.csv.gz", "table.parquet"):
        library = read_library(tmp_path / name, "name", "structure", None)
        assert list(library["compound_id"]) == ["1", "2"]
        assert library["smiles"][0] == "CCO |c:1|"
        assert pd.isna(library["smiles"][1])
        assert library["inchikey"].isna().all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("compound_id,smile\n1,CCO\n", r"has no column 'smiles'; .* did you mean 'smile'"),
        ("compound_id,smiles\n", "header but no rows"),
        ("", ": is empty"),
        ('compound_id,smiles\n1,"CCO\n', ", line 2: cannot be read as a table"),
        ("compound_id,smiles\n1,CCO\n2,CCO,3,4\n", ", line 3: has 4 fields, but the header has 2"),
    ],
)
def test_unusable_libraries_are_one_clear_error(tmp_path, text, message):
    path = tmp_path / "library.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=f"(?s)library.csv.*{message}"):
        read_library(path, "compound_id", "smiles", None)
