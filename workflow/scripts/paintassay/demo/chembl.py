"""A small, made-up ChEMBL around the demo's library: real structures, invented measurements.

Its assays are planned in `demo.assays`.
"""

from collections.abc import Iterator, Sequence
from itertools import count, product
from typing import Any

import numpy as np
import pandas as pd
from rdkit import Chem, rdBase
from rdkit.Chem.MolStandardize import rdMolStandardize

from paintassay.chembl.release import release_name
from paintassay.demo.activities import invent_comments, invent_values
from paintassay.demo.assays import (
    COMMENT_ASSAYS,
    ORGANISMS,
    TARGET_TYPES,
    VALUE_ASSAYS,
    CommentAssay,
    ValueAssay,
)

Assay = ValueAssay | CommentAssay


# Library compounds that ChEMBL does not know in their own form, or knows without activities.
ABSENT, PARENT_ONLY, FLAT_ONLY, UNTESTED = 3, 3, 2, 2

# Molecules outside the library: para-substituted benzenes.
HEADS = ("", "F", "Cl", "Br", "C", "CO", "N#C", "FC(F)(F)", "CC", "CS(=O)(=O)")
LINKS = ("C(=O)N", "OC", "NC(=O)", "S(=O)(=O)N", "CN", "C(=O)O")
TAILS = ("CC", "CCC", "C(C)C", "C2CCCC2", "CCCC")
OUTSIDERS_PER_ASSAY = 70

FIRST_CHEMBL_ID = 9_000_001


def demo_chembl_tables(library: pd.DataFrame, seed: int, release: int) -> dict[str, pd.DataFrame]:
    """Make the tables of a small ChEMBL in which the demo's library has been measured.

    The planned numbers of `demo.assays` count library compounds that ChEMBL holds under the same
    InChIKey. Compounds that it holds only as the parent of a salt or without stereo are measured
    on top of these numbers, so that matching by parent or by first block adds labels.

    Parameters
    ----------
    library : pandas.DataFrame
        From `demo.library.demo_library`: ``name``, ``smiles`` and ``mechanism``.
    seed : int
    release : int
        ChEMBL release to pose as, such as 37.

    Returns
    -------
    dict of str to pandas.DataFrame
        Rows by table name, for `demo.chembl_database.create_database`. ChEMBL identifiers start at
        CHEMBL9000001, far above real ones, and descriptions start with "Demo:".

    Raises
    ------
    ValueError
        The library has too few compounds for the planned assays.
    """
    rng = np.random.default_rng(seed)
    chembl_ids = (f"CHEMBL{number}" for number in count(FIRST_CHEMBL_ID))
    compounds = _choose_forms(_library_compounds(library), rng)
    molecules = _molecules(compounds, chembl_ids)
    number = molecules.set_index("standard_inchi_key")["molregno"]

    keys = compounds["molecule"].map(Chem.MolToInchiKey)
    same = compounds["form"] == "same"
    exact = pd.DataFrame(
        {"molregno": keys[same].map(number), "mechanism": compounds.loc[same, "mechanism"]}
    )
    near = keys[compounds["form"].isin(["parent", "flat"])].map(number)
    outside = molecules.loc[molecules["pref_name"].isna(), "molregno"]

    assays: tuple[Assay, ...] = (*VALUE_ASSAYS, *COMMENT_ASSAYS)
    rows = []
    for assay_id, assay in enumerate(assays, start=1):
        ordered = _members_first(exact, assay.mechanisms, rng)
        others = [*near, *rng.choice(outside, OUTSIDERS_PER_ASSAY, replace=False)]
        if isinstance(assay, ValueAssay):
            activities = invent_values(assay, ordered, others, rng)
        else:
            activities = invent_comments(assay, ordered, others, rng)
        rows += [{"assay_id": assay_id, **activity} for activity in activities]

    targets = _targets(assays, chembl_ids)
    # Every assay has its paper; one more, the last, repeats values from the others.
    docs = _docs(len(assays) + 1, chembl_ids)
    parents = molecules["parent_inchi_key"].map(number)
    return {
        "activities": _activities(rows, len(docs), rng),
        "assays": _assays(assays, targets, chembl_ids),
        "compound_structures": molecules[
            ["molregno", "standard_inchi", "standard_inchi_key", "canonical_smiles"]
        ],
        "docs": docs,
        "molecule_dictionary": molecules[["molregno", "chembl_id", "pref_name"]].assign(
            structure_type="MOL", molecule_type="Small molecule"
        ),
        "molecule_hierarchy": pd.DataFrame(
            {
                "molregno": molecules["molregno"],
                "parent_molregno": parents,
                "active_molregno": parents,
            }
        ),
        "target_dictionary": targets,
        "version": pd.DataFrame(
            {
                "name": [release_name(release)],
                "comments": ["Demo data: real structures, invented measurements"],
            }
        ),
    }


def _library_compounds(library: pd.DataFrame) -> pd.DataFrame:
    """List the library's distinct readable structures, sorted by InChIKey."""
    rows = []
    for name, smiles, mechanism in library[["name", "smiles", "mechanism"]].itertuples(index=False):
        with rdBase.BlockLogs():
            molecule = Chem.MolFromSmiles(smiles)
        # RDKit reads an empty text as a molecule without atoms.
        if molecule is not None and molecule.GetNumAtoms():
            rows.append((Chem.MolToInchiKey(molecule), name, mechanism, molecule))
    compounds = pd.DataFrame(rows, columns=["inchikey", "name", "mechanism", "molecule"])
    return compounds.drop_duplicates("inchikey").sort_values("inchikey", ignore_index=True)


def _parent(molecule: Chem.Mol) -> Chem.Mol:
    """Strip salts and charges, as ChEMBL does for a parent."""
    # RDKit reports every step.
    with rdBase.BlockLogs():
        return rdMolStandardize.ChargeParent(molecule)


def _flat(molecule: Chem.Mol) -> Chem.Mol:
    """Strip stereo."""
    flat = Chem.Mol(molecule)
    Chem.RemoveStereochemistry(flat)
    return flat


def _choose_forms(compounds: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Decide in which form ChEMBL knows each library compound, and put that form in its place.

    Adds a column ``form``: same, parent, flat, absent, or untested (same, but no activities).
    Drugs whose mechanism an assay follows are always "same".
    """
    compounds = compounds.assign(form="same")
    keys = set(compounds["inchikey"])
    free = compounds["mechanism"] == "other"
    for form, change, number in (("parent", _parent, PARENT_ONLY), ("flat", _flat, FLAT_ONLY)):
        changed = compounds.loc[free, "molecule"].map(change)
        # A form that stands in the library too would be an exact match after all.
        new = changed[~changed.map(Chem.MolToInchiKey).isin(keys)]
        chosen = rng.choice(new.index, number, replace=False)
        compounds.loc[chosen, "molecule"] = new[chosen]
        compounds.loc[chosen, "form"] = form
        free[chosen] = False
    chosen = rng.choice(compounds.index[free], ABSENT + UNTESTED, replace=False)
    compounds.loc[chosen, "form"] = ["absent"] * ABSENT + ["untested"] * UNTESTED
    return compounds


def _molecules(compounds: pd.DataFrame, chembl_ids: Iterator[str]) -> pd.DataFrame:
    """List ChEMBL's molecules: library compounds, their parents, and some from outside."""
    in_chembl = compounds[compounds["form"] != "absent"]
    outsiders = [
        Chem.MolFromSmiles(f"{head}c1ccc({link}{tail})cc1")
        for head, link, tail in product(HEADS, LINKS, TAILS)
    ]
    names = [*in_chembl["name"].str.upper(), *[None] * len(outsiders)]
    rows = []
    for name, molecule in zip(names, [*in_chembl["molecule"], *outsiders], strict=True):
        parent = _parent(molecule)
        rows.append(_molecule(name, molecule, parent))
        # A parent is a molecule of its own; if it has a name already, the row with it comes first.
        rows.append(_molecule(None, parent, parent))
    molecules = pd.DataFrame(rows).sort_values("pref_name", kind="stable", ignore_index=True)
    molecules = molecules.drop_duplicates("standard_inchi_key", ignore_index=True)
    return molecules.assign(
        molregno=range(1, len(molecules) + 1),
        chembl_id=[next(chembl_ids) for _ in range(len(molecules))],
    )


def _molecule(name: str | None, molecule: Chem.Mol, parent: Chem.Mol) -> dict[str, Any]:
    """Describe one molecule of ChEMBL."""
    return {
        "pref_name": name,
        "standard_inchi_key": Chem.MolToInchiKey(molecule),
        "standard_inchi": Chem.MolToInchi(molecule),
        "canonical_smiles": Chem.MolToSmiles(molecule),
        "parent_inchi_key": Chem.MolToInchiKey(parent),
    }


def _members_first(
    compounds: pd.DataFrame, mechanisms: Sequence[str], rng: np.random.Generator
) -> list[int]:
    """Give the compounds in random order, those with one of the mechanisms before the others."""
    shuffled = compounds.iloc[rng.permutation(len(compounds))]
    member = shuffled["mechanism"].isin(mechanisms)
    return [*shuffled.loc[member, "molregno"], *shuffled.loc[~member, "molregno"]]


def _activities(
    rows: list[dict[str, Any]], citing_doc: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Make the table of activities, in random order."""
    table = pd.DataFrame(rows)
    table = table.iloc[rng.permutation(len(table))].reset_index(drop=True)
    return table.assign(
        activity_id=range(1, len(table) + 1),
        record_id=table["molregno"],
        doc_id=table["assay_id"].where(table["potential_duplicate"] == 0, citing_doc),
        type=table["standard_type"],
        relation=table["standard_relation"],
        value=table["standard_value"],
        units=table["standard_units"],
        src_id=1,
    )


def _targets(assays: Sequence[Assay], chembl_ids: Iterator[str]) -> pd.DataFrame:
    """List the distinct targets of the assays."""
    names = list(dict.fromkeys(assay.target for assay in assays))
    return pd.DataFrame(
        {
            "tid": range(1, len(names) + 1),
            "pref_name": names,
            "target_type": [TARGET_TYPES.get(name, "SINGLE PROTEIN") for name in names],
            "organism": [name if name in ORGANISMS else "Homo sapiens" for name in names],
            "chembl_id": [next(chembl_ids) for _ in names],
        }
    )


def _docs(number: int, chembl_ids: Iterator[str]) -> pd.DataFrame:
    """List as many papers as asked for."""
    return pd.DataFrame(
        {
            "doc_id": range(1, number + 1),
            "title": [f"Demo paper {doc}" for doc in range(1, number + 1)],
            "year": 2010,
            "doc_type": "PUBLICATION",
            "chembl_id": [next(chembl_ids) for _ in range(number)],
            "src_id": 1,
        }
    )


def _assays(
    assays: Sequence[Assay], targets: pd.DataFrame, chembl_ids: Iterator[str]
) -> pd.DataFrame:
    """Make the table of assays."""
    tids = targets.set_index("pref_name")["tid"]
    types = targets.set_index("pref_name")["target_type"]
    return pd.DataFrame(
        {
            "assay_id": range(1, len(assays) + 1),
            "doc_id": range(1, len(assays) + 1),
            "description": [f"Demo: {assay.description}" for assay in assays],
            "assay_type": ["B" if "PROTEIN" in types[assay.target] else "F" for assay in assays],
            "tid": [tids[assay.target] for assay in assays],
            "src_id": 1,
            "chembl_id": [next(chembl_ids) for _ in assays],
        }
    )
