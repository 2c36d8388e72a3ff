"""From a compound library to InChIKeys."""

import gzip

import pandas as pd
import pytest

from paintassay.compounds.library import (
    STRUCTURE_PROBLEMS,
    assign_keys,
    count_library,
    join_duplicates,
    read_library,
    standardise_structures,
)
from paintassay.compounds.tables import COMPOUNDS, PROBLEMS
from paintassay.core import tables
from paintassay.core.errors import InputError

ASPIRIN = "BSYNRYMUTXBXSQ-UHFFFAOYSA-N"
L_ALANINE, D_ALANINE = "QNAYBMKLOCPYGJ-REOHCLBHSA-N", "QNAYBMKLOCPYGJ-UWTATZPHSA-N"
CAFFEINE = "RYYVLZVUVIJVGH-UHFFFAOYSA-N"


# The racemates among them whose tail is whole, with the keys of their flat forms: cloperastine
# (FLNXBVJLPJNOSI), fendiline (NMKSAYKQLCHXDK), omeprazole (SUBDBMMJDZJVOS), tolperisone
# (FSKFPVLPFLJRQB) and others.
RACEMATES = {
    "BRD-A49544621": "HIVBATDUVFEJFZ-UHFFFAOYSA-N",
    "BRD-A80908310": "FLNXBVJLPJNOSI-UHFFFAOYSA-N",
    "BRD-A30693873": "YUGZHQHSNYIFLG-UHFFFAOYSA-N",
    "BRD-A22267103": "AGJBLWCLQCKRJP-UHFFFAOYSA-N",
    "BRD-A71033472": "NMKSAYKQLCHXDK-UHFFFAOYSA-N",
    "BRD-A40787240": "ZRCVYEYHRGVLOC-HYARGMPZSA-N",
    "BRD-A80871782": "GIKNHHRFLCDOEU-UHFFFAOYSA-N",
    "BRD-A62421304": "GKNPSSNBBWDAGH-UHFFFAOYSA-N",
    "BRD-A55962179": "SUBDBMMJDZJVOS-UHFFFAOYSA-N",
    "BRD-A27732521": "FSKFPVLPFLJRQB-UHFFFAOYSA-N",
    "BRD-A01493904": "GYSZUJHYXCZAKI-UHFFFAOYSA-N",
    "BRD-A62209527": "LJLXQHHFAKVTNP-UHFFFAOYSA-N",
}


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
    # The other run took racemates as they are drawn.
    others = ~library["compound_id"].isin(RACEMATES)
    assert (~others).sum() == len(RACEMATES) == 12
    assert (rows["inchikey"].dropna() == expected.dropna())[others].all()
    assert (rows["inchikey"].isna() == expected.isna()).all()
    assert (rows["inchikey"].str[:14] == expected.str[:14])[~others].all()
    assert rows.set_index("compound_id")["inchikey"][list(RACEMATES)].to_dict() == RACEMATES
    # All 24 failures are CXSMILES that were cut at a comma.
    dropped = problems[problems["outcome"] == "dropped"]
    assert list(dropped["row"]) == list(rows.loc[expected.isna(), "row"])
    assert set(dropped["problem"]) == {"CXSMILES tail cut off"}
    kept = problems[problems["outcome"] == "kept"]
    assert set(kept["compound_id"]) == set(RACEMATES)
    assert set(kept["problem"]) == {"racemate drawn as one enantiomer"}
    compounds, duplicates = join_duplicates(rows)
    assert len(compounds) == expected.nunique() == 18_822
    assert duplicates["rows"].sum() - len(duplicates) == 18_826 - 18_822
    tables.conform(compounds, COMPOUNDS)
    tables.conform(problems, PROBLEMS)


@pytest.mark.parametrize(
    ("smiles", "inchikey", "parent"),
    [
        ("CC(=O)Oc1ccccc1C(O)=O", ASPIRIN, ASPIRIN),
        # Ethylamine and its hydrochloride, water and heavy water: keys as PubChem lists them.
        ("CCN.Cl", "XWBDWHCCBGMXKG-UHFFFAOYSA-N", "QUSNBJAOOMFDIB-UHFFFAOYSA-N"),
        ("C[C@H](N)C(O)=O", L_ALANINE, L_ALANINE),
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
        (None, "SMILES missing", "empty"),
        ("C1CC", "SMILES cannot be parsed", "unclosed ring"),
        ("CC(C)(C)(C)C", "SMILES cannot be parsed", "Explicit valence for atom # 1 C, 5"),
        ("not available", "SMILES cannot be parsed", "syntax error"),
        ("c1cccc1", "SMILES cannot be parsed", "kekulize"),
        ("C*", "structure without InChI", "R group"),
        ("C~C", "structure without InChI", "open bond"),
        ("C1CC |&1:1|", "SMILES cannot be parsed", "unclosed ring"),
        ("|&1:1|", "SMILES cannot be parsed", "syntax error"),
        ("C\x01C\n", "SMILES cannot be parsed", "syntax error"),
        ("C[C@H](N)O |&1:1", "CXSMILES tail cut off", "no closing |"),
        ("C[C@H](N)O |r", "CXSMILES tail cut off", "no closing |"),
    ],
)
def test_every_failure_has_its_reason(smiles, problem, detail):
    good = "CC(=O)Oc1ccccc1C(O)=O"
    structures = standardise_structures([good, smiles, good])
    assert list(structures["inchikey"].fillna("")) == [ASPIRIN, "", ASPIRIN]
    assert structures["problem"][1] == problem
    assert detail in structures["detail"][1]
    assert structures["detail"][1].isprintable()


RACEMIC_ATENOLOL = "CC(C)NC[C@@H](O)COc1ccc(CC(N)=O)cc1 |&1:5|"
# Keys of PubChem: atenolol, its R enantiomer, alanine, omeprazole (a racemate), cisplatin.
ATENOLOL, R_ATENOLOL = "METKIMKYRPQLGS-UHFFFAOYSA-N", "METKIMKYRPQLGS-GFCCVEGCSA-N"
ALANINE, OMEPRAZOLE = "QNAYBMKLOCPYGJ-UHFFFAOYSA-N", "SUBDBMMJDZJVOS-UHFFFAOYSA-N"
CISPLATIN = "LXZZYRPGZAFOLE-UHFFFAOYSA-L"


@pytest.mark.parametrize(
    ("smiles", "open_smiles", "inchikey"),
    [
        (RACEMIC_ATENOLOL, None, ATENOLOL),
        (RACEMIC_ATENOLOL.replace(" ", "\t"), None, ATENOLOL),
        (f"{RACEMIC_ATENOLOL} racemic atenolol", None, ATENOLOL),
        # The chiral flag of a molfile is off: the drawing is of both enantiomers.
        ("COc1ccc2nc([nH]c2c1)[S@@](=O)Cc1ncc(C)c(OC)c1C |r|", None, OMEPRAZOLE),
        ("COc1ccc2nc([nH]c2c1)[S@@](=O)Cc1ncc(C)c(OC)c1C |r:0|", None, OMEPRAZOLE),
        ("C[C@H](N)C(=O)[O-].[Na+] |&1:1|", None, None),
        # Only the centres of the group are open.
        ("C[C@@H](O)[C@H](N)C(O)=O |&1:1|", "CC(O)[C@H](N)C(O)=O", None),
        ("C[C@@H](O)[C@H](N)C(O)=O |a:1,r|", "C[C@@H](O)C(N)C(O)=O", None),
        # Groups behind what RDKit does not know count as well.
        ("C[C@H](N)C(O)=O |THB:0:1:3.4:6.7.8,&1:1|", None, ALANINE),
    ],
)
def test_racemates_have_the_key_without_their_centres(smiles, open_smiles, inchikey):
    pure_smiles = smiles.split()[0]
    open_smiles = open_smiles or pure_smiles.replace("[S@@]", "S").replace("@", "")
    row, open_row, pure = standardise_structures([smiles, open_smiles, pure_smiles]).iloc
    names = ["inchikey", "smiles", "parent_inchikey", "parent_smiles"]
    assert list(row[names]) == list(open_row[names])
    assert inchikey in (None, row["inchikey"])
    assert (pd.isna(row["problem"]), row["drawn_inchikey"]) == (True, pure["inchikey"])
    assert "left out of the key" in row["racemic"]
    drawn = standardise_structures([smiles], stereo_groups="drawn").iloc[0]
    assert drawn["inchikey"] == pure["inchikey"] != row["inchikey"]
    assert drawn["parent_inchikey"] == pure["parent_inchikey"] != row["parent_inchikey"]
    assert "as if it were pure" in drawn["racemic"]


@pytest.mark.parametrize(
    ("smiles", "inchikey", "column", "detail"),
    [
        ("C[C@H](N)C(O)=O |o1:1|", L_ALANINE, "unsayable", "unknown which"),
        ("C[C@H](N)C(O)=O |a:1|", L_ALANINE, None, None),
        ("CN1CCC1 |THB:0:1:3.4:6.7.8|", None, "unread_tail", "THB:0:1:3.4:6.7.8"),
        ("C[C@H](N)C(O)=O |&1:9|", L_ALANINE, "unread_tail", "&1:9 names an atom beyond"),
        ("CN1C=NC2=C1C(=O)N(C)C(=O)N2C |c:2,t:1|", CAFFEINE, None, None),
        ("CN1C=NC2=C1C(=O)N(C)C(=O)N2C caffeine", CAFFEINE, None, None),
        ("CN1C=NC2=C1C(=O)N(C)C(=O)N2C |$;;C_2$|", CAFFEINE, None, None),
        # A name, whatever it holds.
        ("C[C@H](N)C(O)=O alanine |&1:1|", L_ALANINE, None, None),
        ("[NH3]->[Pt](<-[NH3])(Cl)Cl", CISPLATIN, "unsayable", "dative"),
        ("Cl[Pt@SP1](Cl)(<-[NH3])<-[NH3]", CISPLATIN, "unsayable", "not tetrahedral"),
        ("CCO |Sg:n:0,1::ht|", "LFQSCWFLJHTTHZ-UHFFFAOYSA-N", "unsayable", "SRU"),
        ("CCO |LN:1:1.3|", "LFQSCWFLJHTTHZ-UHFFFAOYSA-N", "unsayable", "link node"),
        ("CCO |rb:1:2|", "LFQSCWFLJHTTHZ-UHFFFAOYSA-N", "unsayable", "query atom"),
        ("CC |^2:0|", None, "unsayable", "unpaired electrons"),
        ("CCO |m:0:1.2|", None, "unsayable", "one of several atoms"),
    ],
)
def test_what_a_key_leaves_out_is_a_kept_row(smiles, inchikey, column, detail):
    library = library_of(("x", smiles, None))
    rows, problems = assign(library)
    assert inchikey is None or rows["inchikey"][0] == inchikey
    assert rows["inchikey"].notna().all()
    if column is None:
        assert problems.empty
        return
    assert list(problems["problem"]) == [STRUCTURE_PROBLEMS[column]]
    assert list(problems["outcome"]) == ["kept"]
    assert detail in problems["detail"][0]


def test_a_given_key_of_the_drawn_enantiomer_does_not_make_a_racemate_pure():
    """Keys in libraries are often made of the drawing, without its stereo groups."""
    library = library_of(
        ("racemate", RACEMIC_ATENOLOL, R_ATENOLOL),
        ("pure", RACEMIC_ATENOLOL.split()[0], R_ATENOLOL),
        ("curated", RACEMIC_ATENOLOL, ATENOLOL),
    )
    rows, problems = assign(library)
    assert list(rows["inchikey"]) == [ATENOLOL, R_ATENOLOL, ATENOLOL]
    assert problems[["compound_id", "problem"]].values.tolist() == [
        ["racemate", "racemate drawn as one enantiomer"],
        ["curated", "racemate drawn as one enantiomer"],
    ]


def test_every_problem_has_a_detail_in_one_line():
    library = library_of(
        ("a", None, None), ("b", "C1CC", None), ("c\n", "C*", "x\ty"), ("d", "CC\nC(", None),
        (None, "CCO", None), ("e", "CCO", None), ("e", "CCN", None), ("f", "CCO |&", None),
        ("g", "CCO |x\ny|", None), ("h", "CCO", CAFFEINE), ("i", RACEMIC_ATENOLOL, None),
    )  # fmt: skip
    for structures in (standardise_structures(library["smiles"]), None):
        _, problems = assign_keys(library, structures)
        assert len(problems) >= 4
        assert problems["detail"].str.len().gt(3).all()
        assert problems["detail"].map(str.isprintable).all()
        tables.conform(problems, PROBLEMS)


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
