"""What was measured but gives no label, or gives one against a doubt."""

import importlib
import pkgutil

import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from conftest import make_chembl

import paintassay
from paintassay.chembl.dump import extract_activities
from paintassay.chembl.dump_counts import count_left_out, count_near_matches
from paintassay.chembl.near_matches import describe_near_matches, unmatched_compounds
from paintassay.compounds.tautomers import tautomer_keys
from paintassay.core import tables
from paintassay.labels.activities import (
    average_pchembl,
    binarise_pchembl,
    library_activities,
    vote_comments,
)
from paintassay.labels.censored import add_bounds, bound_pchembl, find_discordant, is_censored
from paintassay.labels.doubts import count_doubted_comments, is_doubted
from paintassay.labels.matrix import describe_assays
from paintassay.labels.tables import (
    CENSORED_VALUES,
    DISCORDANT,
    DOUBTED_COMMENTS,
    PCHEMBL_BOUNDS,
    PCHEMBL_LABELS,
    PCHEMBL_MEANS,
)

THRESHOLDS = [5.5, 6.5, 7.5]
COLUMNS = [
    "compound",
    "assay_id",
    "standard_type",
    "standard_relation",
    "standard_value",
    "standard_units",
    "pchembl_value",
    "activity_comment",
    "data_validity_comment",
]


def extracted(folder, rows):
    """Rows of `COLUMNS` as a dump, and what is extracted and left out of it."""
    frame = pd.DataFrame(rows, columns=COLUMNS)
    frame["inchikey"] = [f"{name * 14}-UHFFFAOYSA-N" for name in frame["compound"]]
    make_chembl(folder / "chembl_31.db", frame.drop(columns="compound"))
    library = pd.DataFrame({"inchikey": frame["inchikey"].unique(), "parent_inchikey": None})
    library["first_block"] = library["inchikey"].str[:14]
    matches, activities = extract_activities(folder / "chembl_31.db", library, "inchikey", 31)
    return matches, activities, count_left_out(folder / "chembl_31.db", matches)


def labelled(matches, activities, censored, types="paper"):
    """Labels by compound, assay and threshold; and the cells that disagree."""
    joined = library_activities(matches, activities, False)
    means, _ = average_pchembl(joined, types, [4, 10])
    bounds, counts = bound_pchembl(joined.filter(is_censored(joined)), types)
    bounded = add_bounds(
        tables.conform(means, PCHEMBL_MEANS), tables.conform(bounds, PCHEMBL_BOUNDS)
    )
    labels = binarise_pchembl(bounded if censored == "use" else means, THRESHOLDS)
    rows = tables.conform(labels, PCHEMBL_LABELS).to_pylist()
    label_of = {(r["inchikey"][0], r["assay_chembl_id"], r["threshold"]): r["label"] for r in rows}
    discordant = find_discordant(bounded, THRESHOLDS)
    tables.conform(discordant, DISCORDANT)
    return label_of, discordant, tables.conform(counts, CENSORED_VALUES).to_pylist()


def measured(compound, assay, relation, value, pchembl=None, units="nM", kind="IC50"):
    return (compound, assay, kind, relation, value, units, pchembl, None, None)


def test_censored_values_are_counted_and_used_on_request(tmp_path):
    """The cases of a public malaria series: > 25 uM alone, 6.8 beside > 100 uM, 5.16 and 8.16."""
    twelve = [measured(name, 1, ">", 25_000) for name in "ABCDEFGHIJKL"]
    rows = [
        *twelve,
        measured("M", 2, "=", 158, 6.8),
        measured("M", 2, ">", 100_000),
        measured("M", 2, ">", 100_000),
        measured("N", 3, "=", 6_900, 5.16),
        measured("N", 3, "=", 6.9, 8.16),
        measured("O", 4, "<", 10),
        # 10**-6.5 molar: decides at 6.5 with >, for the value itself is not reached.
        measured("P", 4, ">", 10**2.5),
        measured("Q", 4, ">=", 10**2.5),
        measured("R", 4, ">", 25, units="uM"),
        # Cannot label: another type, no concentration, nothing.
        measured("S", 4, ">", 25, units="ug.mL-1"),
        measured("T", 4, ">", 25_000, kind="Ki"),
        measured("U", 4, ">", 0),
        measured("V", 4, "=", 43, units="%", kind="Inhibition"),
        measured("V", 4, None, None, units=None, kind="Inhibition"),
        measured("W", 4, "~", 25_000),
        measured("X", 4, "=", 158, 6.8),
        measured("X", 4, ">", 1_000),
    ]
    matches, activities, left_out = extracted(tmp_path, rows)
    assert len(activities) == len(rows) - 3
    assert left_out.to_pylist() == [
        {"standard_type": kind, "standard_relation": sign, "standard_units": unit, "activities": 1}
        for kind, sign, unit in [
            ("IC50", "~", "nM"), ("Inhibition", None, None), ("Inhibition", "=", "%"),
        ]
    ]  # fmt: skip

    ignored, discordant, counts = labelled(matches, activities, "ignore")
    assert {cell[0] for cell in ignored} == {"M", "N", "X"}
    assert ignored["M", "CHEMBL2", 5.5] == ignored["M", "CHEMBL2", 6.5] == 1
    assert sum(row["activities"] for row in counts) == 22
    assert sum(row["usable"] for row in counts) == 19
    assert counts[0]["standard_relation"] == ">"
    assert (counts[0]["activities"], counts[0]["usable"]) == (17, 16)

    used, again, _ = labelled(matches, activities, "use")
    pd.testing.assert_frame_equal(discordant, again)
    inactive = {
        (name, "CHEMBL1", threshold): -1 for name in "ABCDEFGHIJKL" for threshold in THRESHOLDS
    }
    inactive |= {("R", "CHEMBL4", threshold): -1 for threshold in THRESHOLDS}
    expected = {
        **inactive,
        # Contradicted where 6.8 is active; both say inactive at 7.5.
        ("M", "CHEMBL2", 7.5): -1,
        **{
            ("N", "CHEMBL3", threshold): label
            for threshold, label in zip(THRESHOLDS, [1, 1, -1], strict=True)
        },
        **{("O", "CHEMBL4", threshold): 1 for threshold in THRESHOLDS},
        ("P", "CHEMBL4", 6.5): -1,
        ("P", "CHEMBL4", 7.5): -1,
        ("Q", "CHEMBL4", 7.5): -1,
        # > 1 uM is below 6: nothing at 5.5, against the mean at 6.5.
        ("X", "CHEMBL4", 5.5): 1,
        ("X", "CHEMBL4", 7.5): -1,
    }
    assert used == expected

    reason_of = {row.inchikey[0]: row.reason for row in discordant.itertuples()}
    assert reason_of == {
        "M": "a censored value contradicts the mean at 5.5;"
        "a censored value contradicts the mean at 6.5",
        "N": "more than 1 log apart;on both sides of 5.5;on both sides of 6.5;on both sides of 7.5",
        "X": "a censored value contradicts the mean at 6.5",
    }
    n = discordant.set_index(discordant["inchikey"].str[0]).loc["N"]
    assert (n["values"], n["pchembl_least"], n["pchembl_most"]) == (2, 5.16, 8.16)


def test_one_log_apart_is_no_discord(tmp_path):
    rows = [measured("A", 1, "=", 10, 8.0), measured("A", 1, "=", 100, 9.0)]
    rows += [measured("B", 1, "=", 10, 8.0), measured("B", 1, "=", 100, 9.01)]
    matches, activities, _ = extracted(tmp_path, rows)
    _, discordant, _ = labelled(matches, activities, "ignore")
    assert [key[0] for key in discordant["inchikey"]] == ["B"]


def test_real_censored_rows(shared_data, tmp_path):
    """ChEMBL's rows as FS-Mol has them; expected labels by plain arithmetic on molar values."""
    frames = [pd.read_csv(path) for path in sorted((shared_data / "fsmol_raw").glob("*raw*.csv"))]
    raw = pd.concat(frames, ignore_index=True)
    raw = raw[raw["standard_relation"].notna() & (raw["standard_units"] == "nM")]
    raw = raw.drop_duplicates(["smiles", "chembl_id"]).reset_index(drop=True)
    letters = [f"{n:014d}".translate(str.maketrans("0123456789", "ABCDEFGHIJ")) for n in raw.index]
    table = pa.table(
        {
            "activity_id": pa.array(range(len(raw))),
            "molecule_chembl_id": letters,
            "assay_chembl_id": raw["chembl_id"].tolist(),
            "standard_type": ["IC50"] * len(raw),
            "standard_relation": raw["standard_relation"].tolist(),
            "standard_value": raw["standard_value"].astype(float).tolist(),
            "standard_units": raw["standard_units"].tolist(),
            "pchembl_value": pa.array(raw["pchembl"], pa.float64(), from_pandas=True),
            "potential_duplicate": [False] * len(raw),
        }
    )
    matches = pa.table({"inchikey": letters, "molecule_chembl_id": letters})
    joined = library_activities(matches, table, False)
    bounds, counts = bound_pchembl(joined.filter(is_censored(joined)), "paper")
    wanted = raw["standard_relation"].isin([">", "<"]) & raw["pchembl"].isna()
    assert wanted.sum() == len(bounds) == sum(counts["usable"].to_pylist()) == 18
    means, _ = average_pchembl(joined.slice(0, 0), "paper", [4, 10])
    labels = binarise_pchembl(add_bounds(means, bounds), THRESHOLDS).to_pandas()
    expected = {}
    for letter, row in zip(letters, raw.itertuples(), strict=True):
        for threshold in THRESHOLDS:
            limit = 10 ** (9 - threshold)
            if wanted[row.Index] and row.standard_relation == ">" and row.standard_value >= limit:
                expected[letter, threshold] = -1
            if wanted[row.Index] and row.standard_relation == "<" and row.standard_value <= limit:
                expected[letter, threshold] = 1
    cells = zip(labels["inchikey"], labels["threshold"], strict=True)
    assert dict(zip(cells, labels["label"], strict=True)) == expected
    assert expected


def test_doubted_comments_are_counted_and_can_be_left_out():
    notes = ["Author confirmed error", None, "Manually validated", "Outside typical range", ""]
    activities = pa.table(
        {
            "inchikey": ["A"] * 5,
            "assay_chembl_id": [f"CHEMBL{n}" for n in range(5)],
            "activity_id": range(5),
            "activity_comment": pa.array(["Active", "Active", "active", "no idea", "Inactive"]),
            "data_validity_comment": pa.array(notes, pa.string()),
        }
    )
    meaning = {"active": 1, "inactive": -1}
    counts = count_doubted_comments(activities, meaning)
    assert tables.conform(counts, DOUBTED_COMMENTS).to_pylist() == [
        {
            "data_validity_comment": "Author confirmed error",
            "comment": "active",
            "label": "active",
            "activities": 1,
        }
    ]
    assert is_doubted(activities).to_pylist() == [True, False, False, True, False]
    assert len(vote_comments(activities, meaning)[0]) == 4


def test_near_matches_in_one_sentence():
    rows = [("first_block", 40, 40, 12), ("parent", 40, 40, 3), ("tautomer", 40, 20, 1)]
    names = ["match_on", "unmatched", "looked_up", "would_match"]
    assert describe_near_matches(pd.DataFrame(rows, columns=names)) == (
        "of 40 compounds that match no ChEMBL molecule, 12 by first_block, 3 by parent, "
        "1 of 20 looked up by tautomer would match"
    )
    assert describe_near_matches(pd.DataFrame([], columns=names)) == ""


@pytest.mark.parametrize("names", [["A", "Z"], ["A"]])
def test_near_matches_of_a_library_without_smiles(tmp_path, names):
    """Nothing to look up, or all matched: whole tables in several pieces, or in none."""
    matches, _, _ = extracted(tmp_path, [measured("A", 1, "=", 158, 6.8)])
    library = pd.DataFrame({"inchikey": [f"{name * 14}-UHFFFAOYSA-N" for name in names]})
    library = library.assign(smiles=None, parent_inchikey=None, first_block=library["inchikey"])
    unmatched = unmatched_compounds(library.astype("str"), matches.to_pandas())
    near = count_near_matches(tmp_path / "chembl_31.db", unmatched, "inchikey", tautomer_keys)
    assert near["would_match"].to_pylist() == [0, 0, 0]
    assert near["unmatched"].to_pylist() == [len(names) - 1] * 3


def test_tautomers_that_inchi_does_not_join():
    """Acetylacetone and its enol, with keys as PubChem lists them."""
    keto, enol = "YRKCREAYFQTBPV-UHFFFAOYSA-N", "POILWHVDKZOXJZ-UHFFFAOYSA-N"
    (keys,) = tautomer_keys(["CC(=O)CC(C)=O"])
    assert keto not in keys
    assert any(key[:14] == enol[:14] for key in keys)


# Columns of more than 2 GB


def schemas():
    """Every schema of the library: those of all modules named tables."""
    for module in pkgutil.walk_packages(paintassay.__path__, "paintassay."):
        if module.name.endswith(".tables"):
            for name, value in vars(importlib.import_module(module.name)).items():
                if isinstance(value, pa.Schema):
                    yield module.name, name, value


def test_no_schema_has_texts_that_end_at_2_gb():
    found = list(schemas())
    assert len(found) > 20
    small = [(module, name) for module, name, schema in found for field in schema
             if "string" in str(field.type).replace("large_string", "")]  # fmt: skip
    assert small == []


def test_whole_tables_are_put_together_with_wide_offsets(tmp_path):
    """Also when they come from elsewhere, with the narrow offsets that pandas once wrote."""
    rows = pa.table(
        {
            "activity_id": [2, 1],
            "molecule_chembl_id": ["B", "A"],
            "assay_chembl_id": ["CHEMBL2", "CHEMBL1"],
            "potential_duplicate": [False, False],
        }
    )
    assert rows["assay_chembl_id"].type == pa.string()
    matches = pa.table({"inchikey": ["X", "Y"], "molecule_chembl_id": ["A", "B"]})
    joined = library_activities(matches, rows, False)
    assert {str(field.type) for field in joined.schema} == {"int64", "large_string", "bool"}
    assert tables.sorted_by(rows, "activity_id")["assay_chembl_id"].type == pa.large_string()
    assays = describe_assays(rows.select(["assay_chembl_id"]), pd.Series(["CHEMBL1"]))
    assert list(assays["assay_chembl_id"]) == ["CHEMBL1"]
    schema = tables.table_schema("rows", ("assay_chembl_id", tables.text, "assay"))
    pa.parquet.write_table(rows, tmp_path / "narrow.parquet")
    read = tables.read_parquet(tmp_path / "narrow.parquet", schema)
    assert read["assay_chembl_id"].type == pa.large_string()


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_lists_of_texts_are_widened(kind):
    table = tables.widened(pa.table({"ids": pa.array([["a"]], pa.list_(kind))}))
    assert table["ids"].type == pa.list_(pa.large_string())
