"""A small, made-up ChEMBL around the demo's library: real structures, invented measurements.

Every assay is planned in one of the two tables below, so that the number of active and inactive
compounds of each label column is known beforehand, whatever the seed. Where an assay names
mechanisms, the drugs with these mechanisms are its first actives; drawn images can show the
same drugs with a phenotype. Where it names none, its actives are drawn at random and no image
can predict them.
"""

from itertools import count, cycle, product
from typing import NamedTuple

import numpy as np
import pandas as pd
from rdkit import Chem, rdBase
from rdkit.Chem.MolStandardize import rdMolStandardize

from paintassay.chembl.release import release_name


class ValueAssay(NamedTuple):
    """Plan of an assay with measured concentrations.

    `bands` counts the library compounds whose mean pChEMBL value is at least 7.5, below that at
    least 6.5, at least 5.5, and at least 4. With `comments`, every value comes with a verdict.
    """

    description: str
    target: str
    standard_type: str
    mechanisms: tuple
    bands: tuple
    comments: bool = False


class CommentAssay(NamedTuple):
    """Plan of an assay with verdicts in words.

    Numbers of library compounds that the majority calls active, that it calls inactive, and on
    which the votes tie; and the number of comments that say neither.
    """

    description: str
    target: str
    mechanisms: tuple
    actives: int
    inactives: int
    ties: int
    unlisted: int = 4


CYTOTOXIC = ("tubulin", "topoisomerase", "cardiac glycoside", "HDAC")
AMPHIPHILE = ("cationic amphiphile",)

# With at least 10 actives and 10 inactives, the IC50 and EC50 assays give six columns at 5.5,
# three at 6.5 and one at 7.5.
VALUE_ASSAYS = (
    ValueAssay(
        "inhibition of tubulin polymerisation", "Tubulin", "IC50", ("tubulin",), (11, 2, 3, 25)
    ),
    ValueAssay(
        "inhibition of topoisomerases", "Topoisomerase", "IC50", ("topoisomerase",), (3, 6, 5, 24)
    ),
    ValueAssay(
        "inhibition of tyrosine kinases", "Tyrosine kinase", "IC50", ("kinase",), (4, 7, 4, 22)
    ),
    ValueAssay("inhibition of growth of U2OS cells", "U2OS", "EC50", CYTOTOXIC, (4, 8, 23, 30)),
    ValueAssay("inhibition of the hERG channel", "hERG", "EC50", AMPHIPHILE, (0, 4, 11, 30)),
    # The one assay with values and comments, which contradict each other on five compounds.
    ValueAssay(
        "inhibition of cytochrome P450 3A4", "Cytochrome P450 3A4", "IC50", (), (0, 3, 13, 28), True
    ),
    # Too few actives, too few actives, too few inactives, too few of both.
    ValueAssay(
        "inhibition of HMG-CoA reductase", "HMG-CoA reductase", "IC50", ("statin",), (3, 4, 1, 26)
    ),
    ValueAssay(
        "inhibition of histone deacetylases",
        "Histone deacetylase",
        "IC50",
        ("HDAC",),
        (2, 4, 2, 12),
    ),
    ValueAssay(
        "inhibition of phospholipases", "Phospholipase A2", "EC50", AMPHIPHILE, (0, 4, 10, 8)
    ),
    ValueAssay("inhibition of carbonic anhydrase", "Carbonic anhydrase", "IC50", (), (0, 2, 2, 3)),
    # Types that are no IC50 or EC50; for GI50 ChEMBL gives no pChEMBL value at all.
    ValueAssay(
        "inhibition of the dopamine D2 receptor",
        "Dopamine D2 receptor",
        "Ki",
        AMPHIPHILE,
        (5, 6, 4, 20),
    ),
    ValueAssay("inhibition of a luciferase reporter", "Luciferase", "Potency", (), (0, 5, 12, 40)),
    ValueAssay("inhibition of growth of HeLa cells", "HeLa", "GI50", (), (2, 5, 10, 20)),
)

# The first five survive the filter; then: too few actives (twice), too few inactives, inactives
# only, too few of both, and no comment that says active or inactive.
COMMENT_ASSAYS = (
    CommentAssay("mitotic arrest", "U2OS", ("tubulin",), 13, 30, 3),
    CommentAssay("DNA damage", "U2OS", ("topoisomerase",), 12, 28, 2),
    CommentAssay("cytotoxicity", "U2OS", CYTOTOXIC, 30, 40, 3),
    CommentAssay("phospholipidosis", "HepG2", AMPHIPHILE, 13, 30, 2),
    CommentAssay("inhibition of malaria parasites", "Plasmodium falciparum", (), 11, 45, 2),
    CommentAssay("inhibition of Na+/K+-ATPase", "Na+/K+-ATPase", ("cardiac glycoside",), 6, 40, 1),
    CommentAssay("inhibition of cholesterol synthesis", "HepG2", ("statin",), 7, 25, 0),
    CommentAssay("inhibition of a kinase panel", "Tyrosine kinase", ("kinase",), 14, 8, 0),
    CommentAssay("inhibition of bacterial growth", "Escherichia coli", (), 0, 50, 0),
    CommentAssay("binding to the adenosine A1 receptor", "Adenosine A1 receptor", (), 3, 4, 0),
    CommentAssay("aggregation of amyloid beta", "Amyloid beta", (), 0, 0, 0, unlisted=30),
)

# All other targets are single human proteins; cell lines are human too.
ORGANISMS = ("Plasmodium falciparum", "Escherichia coli")
TARGET_TYPES = dict.fromkeys(ORGANISMS, "ORGANISM") | dict.fromkeys(
    ("U2OS", "HeLa", "HepG2"), "CELL-LINE"
)

# Lower and upper bound of the bands; means keep clear of the upper one.
BANDS = ((7.5, 9.5), (6.5, 7.5), (5.5, 6.5), (4.0, 5.5))

# Measurements that must not become labels with the default settings: -log10 of the molar value,
# relation, and ChEMBL's doubt. Each is the only one of its compound in the assay.
ODDITIES = (
    (5.0, ">", None),
    (4.5, ">", None),
    (9.0, "<", None),
    (3.3, "=", None),
    (10.6, "=", None),
    (2.0, "=", "Outside typical range"),
    (8.0, "=", "Potential transcription error"),
)

# Places in the list of measured compounds, first the most active, where an assay with comments
# contradicts its values: three actives and two inactives.
CONTRADICTED = (0, 4, 9, 20, 30)

# ChEMBL gives a pChEMBL value to these types only.
PCHEMBL_TYPES = ("IC50", "XC50", "EC50", "AC50", "Ki", "Kd", "Potency", "ED50")

# As ChEMBL spells them, "reponse" included.
NO_CURVE = "inhibition < 50% @ 10 uM and thus dose-reponse curve not measured"
ACTIVE = ("Active", "active")
INACTIVE = (
    "Inactive",
    "inactive",
    "Not Active",
    "Not active",
    "No activity",
    f"Not Active ({NO_CURVE})",
    NO_CURVE,
)
UNLISTED = ("inconclusive", "Not Determined", "12.5", "See paper")

# Library compounds that ChEMBL does not know in their own form, or knows without activities.
ABSENT, PARENT_ONLY, FLAT_ONLY, UNTESTED = 3, 3, 2, 2

# Molecules outside the library: para-substituted benzenes.
HEADS = ("", "F", "Cl", "Br", "C", "CO", "N#C", "FC(F)(F)", "CC", "CS(=O)(=O)")
LINKS = ("C(=O)N", "OC", "NC(=O)", "S(=O)(=O)N", "CN", "C(=O)O")
TAILS = ("CC", "CCC", "C(C)C", "C2CCCC2", "CCCC")
OUTSIDERS_PER_ASSAY = 70

FIRST_CHEMBL_ID = 9_000_001


def demo_chembl_tables(library, seed, release):
    """Make the tables of a small ChEMBL in which the demo's library has been measured.

    Assays that follow a mechanism, and those whose actives are random, are listed in
    `VALUE_ASSAYS` and `COMMENT_ASSAYS`. The planned numbers count library compounds that ChEMBL
    holds under the same InChIKey. Compounds that it holds only as the parent of a salt or
    without stereo are measured on top of these numbers, so that matching by parent or by first
    block adds labels.

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

    assays: tuple[ValueAssay | CommentAssay, ...] = (*VALUE_ASSAYS, *COMMENT_ASSAYS)
    rows = []
    for assay_id, assay in enumerate(assays, start=1):
        make = _value_rows if isinstance(assay, ValueAssay) else _comment_rows
        ordered = _members_first(exact, assay.mechanisms, rng)
        others = [*near, *rng.choice(outside, OUTSIDERS_PER_ASSAY, replace=False)]
        rows += [{"assay_id": assay_id, **row} for row in make(assay, ordered, others, rng)]

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


def _library_compounds(library):
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


def _parent(molecule):
    """Strip salts and charges, as ChEMBL does for a parent."""
    # RDKit reports every step.
    with rdBase.BlockLogs():
        return rdMolStandardize.ChargeParent(molecule)


def _flat(molecule):
    """Strip stereo."""
    flat = Chem.Mol(molecule)
    Chem.RemoveStereochemistry(flat)
    return flat


def _choose_forms(compounds, rng):
    """Decide in which form ChEMBL knows each library compound, and put that form in its place.

    Adds a column ``form``: same, parent, flat, absent, or untested (same, but no activities).
    Drugs whose mechanism an assay follows are always "same".
    """
    compounds = compounds.assign(form="same")
    known = set(compounds["inchikey"])
    free = compounds["mechanism"] == "other"
    for form, change, wanted in (("parent", _parent, PARENT_ONLY), ("flat", _flat, FLAT_ONLY)):
        changed = compounds.loc[free, "molecule"].map(change)
        # A form that stands in the library too would be an exact match after all.
        new = changed[~changed.map(Chem.MolToInchiKey).isin(known)]
        chosen = rng.choice(new.index, wanted, replace=False)
        compounds.loc[chosen, "molecule"] = new[chosen]
        compounds.loc[chosen, "form"] = form
        free[chosen] = False
    chosen = rng.choice(compounds.index[free], ABSENT + UNTESTED, replace=False)
    compounds.loc[chosen, "form"] = ["absent"] * ABSENT + ["untested"] * UNTESTED
    return compounds


def _molecules(compounds, chembl_ids):
    """List ChEMBL's molecules: library compounds, their parents, and some from outside."""
    known = compounds[compounds["form"] != "absent"]
    outsiders = [
        Chem.MolFromSmiles(f"{head}c1ccc({link}{tail})cc1")
        for head, link, tail in product(HEADS, LINKS, TAILS)
    ]
    named = [*zip(known["name"].str.upper(), known["molecule"], strict=True)]
    named += [(None, molecule) for molecule in outsiders]
    rows = []
    for name, molecule in named:
        parent = _parent(molecule)
        rows.append(_molecule(name, molecule, parent))
        # A parent is a molecule of its own; where it is one already, that row comes first.
        rows.append(_molecule(None, parent, parent))
    molecules = pd.DataFrame(rows).sort_values("pref_name", kind="stable", ignore_index=True)
    molecules = molecules.drop_duplicates("standard_inchi_key", ignore_index=True)
    return molecules.assign(
        molregno=range(1, len(molecules) + 1),
        chembl_id=[next(chembl_ids) for _ in range(len(molecules))],
    )


def _molecule(name, molecule, parent):
    """Describe one molecule of ChEMBL."""
    return {
        "pref_name": name,
        "standard_inchi_key": Chem.MolToInchiKey(molecule),
        "standard_inchi": Chem.MolToInchi(molecule),
        "canonical_smiles": Chem.MolToSmiles(molecule),
        "parent_inchi_key": Chem.MolToInchiKey(parent),
    }


def _members_first(compounds, mechanisms, rng):
    """Give the compounds in random order, those with one of the mechanisms before the others."""
    shuffled = compounds.iloc[rng.permutation(len(compounds))]
    member = shuffled["mechanism"].isin(mechanisms)
    return [*shuffled.loc[member, "molregno"], *shuffled.loc[~member, "molregno"]]


def _value_rows(assay, compounds, others, rng):
    """Measure an assay of `VALUE_ASSAYS`: the planned compounds, oddities, and the others."""
    means = []
    for (low, high), number in zip(BANDS, assay.bands, strict=True):
        # Each band starts exactly on its bound, which counts as reached.
        inner = rng.uniform(low + 0.05, high - 0.15, number)
        means += [low, *inner[1:]] if number else []
    if len(compounds) < len(means) + len(ODDITIES):
        raise ValueError(f"too few compounds in the library for the assay of {assay.description}")

    comments = [None] * len(means)
    if assay.comments:
        comments = _wordings(
            (mean >= 5.5) != (place in CONTRADICTED) for place, mean in enumerate(means)
        )
    rows = []
    for place, (molregno, mean, comment) in enumerate(
        zip(compounds, means, comments, strict=False)
    ):
        # A mean is kept by two values at the same distance from it.
        twice = place % 8 == 1 and mean >= 4.3
        values = (mean - 0.3, mean + 0.3) if twice else (mean,)
        rows += [_measured(molregno, assay, value, activity_comment=comment) for value in values]
        if place % 16 == 1:
            # Another paper repeats the last value.
            rows.append({**rows[-1], "potential_duplicate": 1})
    rest = compounds[len(means) :]
    for molregno, (value, relation, doubt) in zip(rest, ODDITIES, strict=False):
        rows.append(_measured(molregno, assay, value, relation, doubt))
    values = rng.normal(5.2, 1, len(others)).clip(4.05, 9)
    unlisted = cycle([None] * 9 + list(UNLISTED))
    rows += [
        _measured(molregno, assay, value, activity_comment=comment)
        for molregno, value, comment in zip(others, values, unlisted, strict=False)
    ]
    return rows


def _measured(molregno, assay, minus_log, relation="=", doubt=None, activity_comment=None):
    """Describe one measured concentration, given as -log10 of its molar value."""
    # Papers give a few digits, and ChEMBL computes the pChEMBL value from what they give.
    nanomolar = float(f"{10 ** (9 - minus_log):.4g}")
    has_pchembl = relation == "=" and doubt is None and assay.standard_type in PCHEMBL_TYPES
    return {
        "molregno": molregno,
        "standard_type": assay.standard_type,
        "standard_relation": relation,
        "standard_value": nanomolar,
        "standard_units": "nM",
        "pchembl_value": round(9 - np.log10(nanomolar), 2) if has_pchembl else None,
        "data_validity_comment": doubt,
        "activity_comment": activity_comment,
        "potential_duplicate": 0,
    }


def _comment_rows(assay, compounds, others, rng):
    """Judge an assay of `COMMENT_ASSAYS`: the planned compounds, ties, unknown words, others."""
    judged = assay.actives + assay.inactives
    if len(compounds) < judged + assay.ties:
        raise ValueError(f"too few compounds in the library for the assay of {assay.description}")
    votes = []
    for place, molregno in enumerate(compounds[:judged]):
        verdict = place < assay.actives
        # Most compounds are judged once, some twice alike, some twice against once.
        extra = {3: [verdict], 7: [verdict, not verdict]}.get(place % 10, [])
        votes += [(molregno, vote) for vote in [verdict, *extra]]
    for molregno in compounds[judged : judged + assay.ties]:
        votes += [(molregno, True), (molregno, False)]
    if judged:
        votes += [(molregno, rng.random() < 0.3) for molregno in others]
    rows = [
        {"molregno": molregno, "activity_comment": wording}
        for (molregno, _), wording in zip(
            votes, _wordings([vote for _, vote in votes]), strict=True
        )
    ]
    # From the end, so that some of these compounds have no other comment.
    for molregno, wording in zip(compounds[::-1][: assay.unlisted], cycle(UNLISTED), strict=False):
        rows.append({"molregno": molregno, "activity_comment": wording})
    return [{"standard_type": "Activity", "potential_duplicate": 0, **row} for row in rows]


def _wordings(verdicts):
    """Put verdicts (True: active) in words, using every wording in turn."""
    active, inactive = cycle(ACTIVE), cycle(INACTIVE)
    return [next(active if verdict else inactive) for verdict in verdicts]


def _activities(rows, citing_doc, rng):
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


def _targets(assays, chembl_ids):
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


def _docs(number, chembl_ids):
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


def _assays(assays, targets, chembl_ids):
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
