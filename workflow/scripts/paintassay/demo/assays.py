"""The assays of the demo's made-up ChEMBL.

The number of active and inactive compounds of each task is planned here, whatever the
seed. Where an assay names mechanisms, the drugs with these mechanisms are its first actives;
drawn images can show the same drugs with a phenotype. Where it names none, its actives are drawn
at random and no image can predict them.
"""

from typing import NamedTuple


class ValueAssay(NamedTuple):
    """Plan of an assay with measured concentrations.

    `bands` are the numbers of library compounds whose mean pChEMBL value is at least 7.5, between
    6.5 and that, between 5.5 and 6.5, and between 4 and 5.5. With `comments`, every value comes
    with a verdict.
    """

    description: str
    target: str
    standard_type: str
    mechanisms: tuple[str, ...]
    bands: tuple[int, int, int, int]
    comments: bool = False


class CommentAssay(NamedTuple):
    """Plan of an assay with verdicts in words.

    `actives`, `inactives` and `ties` are the numbers of library compounds that the majority calls
    active, that it calls inactive, and on which the votes tie; `unlisted` is the number of
    comments that say neither.
    """

    description: str
    target: str
    mechanisms: tuple[str, ...]
    actives: int
    inactives: int
    ties: int
    unlisted: int = 4


CYTOTOXIC = ("tubulin", "topoisomerase", "cardiac glycoside", "HDAC")
AMPHIPHILE = ("cationic amphiphile",)

# With at least 10 actives and 10 inactives, the IC50 and EC50 assays give six tasks at 5.5,
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
    # Types other than IC50 and EC50; for GI50 ChEMBL gives no pChEMBL value at all.
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
