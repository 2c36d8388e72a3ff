"""The demo: its drugs, its library with faults, and its ChEMBL with oddities."""

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rdkit import Chem, rdBase
from rdkit.Chem.rdMolDescriptors import CalcMolFormula

from paintassay.demo.assays import COMMENT_ASSAYS, VALUE_ASSAYS
from paintassay.demo.chembl import demo_chembl_tables
from paintassay.demo.chembl_database import create_database
from paintassay.demo.library import REPEATED_DRUGS, UNREADABLE, demo_library

RESOURCES = Path(__file__).parents[1] / "workflow/resources"
SEED = 1

# The study's comments, normalised, and the newer wording of the last one.
NO_CURVE = "inhibition < 50% @ 10 um and thus dose-reponse curve not measured"
INACTIVE = ["inactive", "not active", "no activity", f"not active ({NO_CURVE})", NO_CURVE]


def key(smiles):
    """InChIKey of a SMILES, missing where it cannot be read or is empty."""
    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(smiles)
    return Chem.MolToInchiKey(molecule) if molecule and molecule.GetNumAtoms() else None


@pytest.fixture(scope="module")
def drugs():
    return pd.read_csv(RESOURCES / "demo_drugs.csv")


@pytest.fixture(scope="module")
def library(drugs):
    return demo_library(drugs, SEED)


@pytest.fixture(scope="module")
def tables(library):
    return demo_chembl_tables(library, SEED, 37)


@pytest.fixture(scope="module")
def rows(tables, library):
    """Activities with their assay and molecule; those of the library by InChIKey first."""
    table = tables["activities"].merge(tables["compound_structures"], on="molregno")
    table = table.merge(tables["assays"][["assay_id", "description"]], on="assay_id")
    return table.assign(in_library=table["standard_inchi_key"].isin(library["smiles"].map(key)))


@pytest.fixture(scope="module")
def paper_values(rows):
    """The study's part one: mean pChEMBL value by assay and library compound."""
    wanted = rows["in_library"] & rows["standard_type"].isin(["IC50", "EC50"])
    values = rows[wanted & rows["pchembl_value"].between(4, 10)]
    return values.groupby(["description", "standard_inchi_key"])["pchembl_value"].mean().round(6)


@pytest.fixture(scope="module")
def votes(rows):
    """Active and inactive comments by assay and library compound."""
    comment = rows["activity_comment"].str.casefold()
    table = rows.assign(active=comment == "active", inactive=comment.isin(INACTIVE))
    table = table[table["in_library"] & (table["active"] | table["inactive"])]
    return table.groupby(["description", "standard_inchi_key"])[["active", "inactive"]].sum()


def test_structures_have_the_published_formulas(drugs):
    molecules = drugs["smiles"].map(Chem.MolFromSmiles)
    assert molecules.map(CalcMolFormula).tolist() == drugs["formula"].tolist()
    keys = drugs["smiles"].map(key)
    assert 95 <= len(drugs) <= 110 and keys.is_unique and drugs["name"].is_unique
    assert molecules.map(lambda molecule: len(Chem.GetMolFrags(molecule)) > 1).sum() >= 15
    assert drugs["smiles"].str.contains("|", regex=False).sum() == 1

    # A formula says nothing of stereo: some keys as published, and pairs that differ by it only.
    by_name = dict(zip(drugs["name"], keys, strict=True))
    assert by_name["paclitaxel"] == "RCINICONZNJXQF-MZXODVADSA-N"
    assert by_name["digoxin"] == "LTMHDMANZUZIPE-PUGKRICDSA-N"
    assert by_name["simvastatin"] == "RYMZZMVNJRMUDD-HGQWONQESA-N"
    assert by_name["doxorubicin hydrochloride"] == "MWWSFMDVAYGXBV-RUELKSSGSA-N"
    for racemate, enantiomer, published in [
        ("citalopram", "escitalopram", "WSEQXVZVJXJVFP-FQEVSTJZSA-N"),
        ("ofloxacin", "levofloxacin", "GSDSWSVVBLHKDQ-JTQLQIEISA-N"),
        ("omeprazole", "esomeprazole", "SUBDBMMJDZJVOS-DEOSSOPVSA-N"),
    ]:
        assert by_name[enantiomer] == published
        assert by_name[racemate] == f"{published[:14]}-UHFFFAOYSA-N"


def test_library_holds_all_drugs_and_every_fault(drugs, library):
    assert library["compound_id"].tolist() == [f"DEMO-{n:04d}" for n in range(1, len(library) + 1)]
    assert len(library) == len(drugs) + REPEATED_DRUGS + len(UNREADABLE)
    keys = library["smiles"].map(key)
    assert set(keys.dropna()) == set(drugs["smiles"].map(key))
    assert library.loc[keys.isna(), "smiles"].sort_values().tolist() == sorted(UNREADABLE.values())
    repeated = library[keys.notna() & keys.duplicated(keep=False)]
    assert len(repeated) == 2 * REPEATED_DRUGS == repeated["smiles"].nunique()
    assert repeated["name"].nunique() == REPEATED_DRUGS


def test_the_seed_decides_everything(drugs, library, tables, tmp_path):
    pd.testing.assert_frame_equal(demo_library(drugs, SEED), library)
    assert demo_library(drugs, SEED + 1)["name"].tolist() != library["name"].tolist()
    schema = (RESOURCES / "chembl_schema.sql").read_text(encoding="utf-8")
    files = []
    for name, seed in [("first", SEED), ("again", SEED), ("other", SEED + 1)]:
        again = tables if name == "first" else demo_chembl_tables(library, seed, 37)
        create_database(tmp_path / name, schema, again)
        files.append((tmp_path / name).read_bytes())
    assert files[0] == files[1] != files[2]
    with closing(sqlite3.connect(tmp_path / "first")) as connection:
        assert connection.execute("SELECT name FROM version").fetchall() == [("ChEMBL_37",)]
        counted = connection.execute(
            "SELECT count(*) FROM activities JOIN assays USING (assay_id)"
            " JOIN target_dictionary USING (tid) JOIN molecule_hierarchy USING (molregno)"
            " JOIN docs ON docs.doc_id = activities.doc_id"
            " JOIN molecule_dictionary ON molecule_dictionary.molregno = parent_molregno"
            " WHERE assays.description LIKE 'Demo: %'"
        ).fetchone()
    assert counted == (len(tables["activities"]),) and 2000 < counted[0] < 5000


def test_label_columns_have_the_planned_counts(paper_values, votes):
    kept = {}
    for threshold in (5.5, 6.5, 7.5):
        active = (paper_values >= threshold).groupby("description").agg(["sum", "size"])
        for description, (actives, size) in active.iterrows():
            if actives >= 10 and size - actives >= 10:
                kept[description, threshold] = actives, size - actives
    majority = votes["active"] - votes["inactive"]
    for description, group in majority.groupby("description"):
        actives, inactives = (group > 0).sum(), (group < 0).sum()
        if actives >= 10 and inactives >= 10:
            kept[description, "comment"] = actives, inactives
    assert kept == {
        ("Demo: inhibition of tubulin polymerisation", 5.5): (16, 25),
        ("Demo: inhibition of topoisomerases", 5.5): (14, 24),
        ("Demo: inhibition of tyrosine kinases", 5.5): (15, 22),
        ("Demo: inhibition of growth of U2OS cells", 5.5): (35, 30),
        ("Demo: inhibition of the hERG channel", 5.5): (15, 30),
        ("Demo: inhibition of cytochrome P450 3A4", 5.5): (16, 28),
        ("Demo: inhibition of tubulin polymerisation", 6.5): (13, 28),
        ("Demo: inhibition of tyrosine kinases", 6.5): (11, 26),
        ("Demo: inhibition of growth of U2OS cells", 6.5): (12, 53),
        ("Demo: inhibition of tubulin polymerisation", 7.5): (11, 30),
        ("Demo: mitotic arrest", "comment"): (13, 30),
        ("Demo: DNA damage", "comment"): (12, 28),
        ("Demo: cytotoxicity", "comment"): (30, 40),
        ("Demo: phospholipidosis", "comment"): (13, 30),
        ("Demo: inhibition of malaria parasites", "comment"): (11, 45),
        ("Demo: inhibition of cytochrome P450 3A4", "comment"): (15, 29),
    }
    labelled = {compound for _, compound in [*paper_values.index, *majority.index]}
    assert len(labelled) >= 60


def test_actives_follow_their_mechanism(drugs, paper_values, votes):
    mechanism = pd.Series(drugs["mechanism"].array, drugs["smiles"].map(key))

    def active_mechanisms(active):
        return mechanism[active.index[active]].value_counts().to_dict()

    tubulin = paper_values["Demo: inhibition of tubulin polymerisation"]
    assert active_mechanisms(tubulin >= 6.5) == {"tubulin": 13}
    arrest = votes.loc["Demo: mitotic arrest"]
    assert active_mechanisms(arrest["active"] > arrest["inactive"]) == {"tubulin": 13}
    damage = votes.loc["Demo: DNA damage"]
    assert active_mechanisms(damage["active"] > damage["inactive"]) == {"topoisomerase": 12}


def test_chembl_values_hold_every_oddity(rows, paper_values):
    # ChEMBL's own conditions for a pChEMBL value, and its own formula.
    allowed = rows["standard_type"].isin(["IC50", "EC50", "Ki", "Potency"])
    allowed &= (rows["standard_relation"] == "=") & rows["data_validity_comment"].isna()
    assert (rows["pchembl_value"].notna() == allowed).all()
    exact = -np.log10(rows["standard_value"] * 1e-9)
    assert (rows["pchembl_value"] - exact).abs().max() <= 0.005 + 1e-9
    assert set(rows["standard_units"].dropna()) == {"nM"}

    ours = rows[rows["in_library"]]
    concentrations = ours[ours["standard_value"].notna()]
    assert set(concentrations["standard_type"]) == {"IC50", "EC50", "Ki", "Potency", "GI50"}
    assays = concentrations["assay_id"].nunique()
    assert assays == len(VALUE_ASSAYS)
    odd = {
        "above": (concentrations["standard_relation"] == ">").sum(),
        "below": (concentrations["standard_relation"] == "<").sum(),
        "too weak": (concentrations["pchembl_value"] < 4).sum(),
        "too strong": (concentrations["pchembl_value"] > 10).sum(),
        "range": (concentrations["data_validity_comment"] == "Outside typical range").sum(),
        "error": (concentrations["data_validity_comment"] == "Potential transcription error").sum(),
    }
    # GI50 has no pChEMBL value that could leave the range.
    assert odd == {
        "above": 2 * assays,
        "below": assays,
        "too weak": assays - 1,
        "too strong": assays - 1,
        "range": assays,
        "error": assays,
    }

    # Repeated values come from another paper; a mean can lie exactly on a threshold.
    same = ["assay_id", "molregno", "standard_value"]
    repeated = ours[ours["potential_duplicate"] == 1].merge(ours, on=same)
    pairs = repeated[repeated["potential_duplicate_y"] == 0]
    assert len(pairs) == (ours["potential_duplicate"] == 1).sum() >= 20
    assert (pairs["doc_id_x"] != pairs["doc_id_y"]).all()
    spread = concentrations.groupby(["assay_id", "molregno"])["pchembl_value"].nunique()
    assert (spread > 1).sum() >= 30
    for threshold in (4.0, 5.5, 6.5, 7.5):
        assert (paper_values == threshold).any()


def test_chembl_comments_hold_every_oddity(rows, paper_values, votes):
    ours = rows[rows["in_library"]]
    spelled = set(ours["activity_comment"].dropna())
    assert {spelling.casefold() for spelling in spelled} == {
        "active",
        *INACTIVE,
        *("inconclusive", "not determined", "12.5", "see paper"),
    }
    assert {"Active", "active", "Inactive", "inactive", "Not Active", "Not active"} <= spelled

    ties = votes["active"] == votes["inactive"]
    assert ties.groupby("description").sum().sum() == sum(assay.ties for assay in COMMENT_ASSAYS)
    outvoted = (votes.min(axis=1) > 0) & ~ties
    assert outvoted.sum() >= 20
    # An assay whose comments all say neither has no votes.
    assert set(ours["description"]) - set(votes.index.levels[0]) >= {
        "Demo: aggregation of amyloid beta"
    }

    both = "Demo: inhibition of cytochrome P450 3A4"
    active = (votes.loc[both, "active"] > votes.loc[both, "inactive"]).rename("comment")
    table = pd.concat([paper_values[both] >= 5.5, active], axis=1)
    assert table.value_counts().to_dict() == {
        (True, True): 13,
        (True, False): 3,
        (False, True): 2,
        (False, False): 26,
    }


def test_chembl_molecules_hold_every_oddity(tables, rows, library):
    structures = tables["compound_structures"]
    known = set(structures["standard_inchi_key"])
    keys = set(library["smiles"].map(key).dropna())
    assert (len(keys - known), len(known - keys) >= 300) == (8, True)
    assert len((keys & known) - set(rows["standard_inchi_key"])) == 2
    # Two are known without stereo; an absent one can have a stereoisomer besides.
    blocks = {found[:14] for found in known}
    assert sum(missing[:14] in blocks for missing in keys - known) >= 2

    number = structures.set_index("standard_inchi_key")["molregno"]
    parents = tables["molecule_hierarchy"].set_index("molregno")["parent_molregno"]
    assert set(parents) <= set(structures["molregno"])
    salt, parent = "YLMAHDNUQAMNNX-UHFFFAOYSA-N", "KTUFNOKKBVMGRW-UHFFFAOYSA-N"
    assert parents[number[salt]] == number[parent] == parents[number[parent]]
    fragments = structures["canonical_smiles"].str.contains(".", regex=False)
    assert fragments.sum() == 14
    assert (parents.index != parents).sum() >= 14

    for name in ("assays", "docs", "molecule_dictionary", "target_dictionary"):
        numbers = tables[name]["chembl_id"].str.removeprefix("CHEMBL").astype(int)
        assert numbers.is_unique and numbers.min() >= 9_000_001
