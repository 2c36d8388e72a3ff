"""Invent the activities of the demo's assays, as planned in `demo.assays`."""

from collections.abc import Iterable, Sequence
from itertools import cycle
from typing import Any

import numpy as np

from paintassay.demo.assays import CommentAssay, ValueAssay

# Lower and upper bound of the bands; means keep clear of the upper one.
BANDS = ((7.5, 9.5), (6.5, 7.5), (5.5, 6.5), (4.0, 5.5))

# Measurements that must not become labels with the default settings: -log10 of the molar value,
# relation, and the comment with which ChEMBL doubts it. Each is the only one of its compound in
# the assay.
ODDITIES = (
    (5.0, ">", None),
    (4.5, ">", None),
    (9.0, "<", None),
    (3.3, "=", None),
    (10.6, "=", None),
    (2.0, "=", "Outside typical range"),
    (8.0, "=", "Potential transcription error"),
)

# Places in the list of measured compounds, the most active first, at which an assay with comments
# contradicts its values: three actives and two inactives.
CONTRADICTED = (0, 4, 9, 20, 30)

# The only types that have a pChEMBL value in ChEMBL.
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


def invent_values(
    assay: ValueAssay, compounds: Sequence[int], others: Sequence[int], rng: np.random.Generator
) -> list[dict[str, Any]]:
    """Invent the measured concentrations of an assay.

    Parameters
    ----------
    assay : ValueAssay
    compounds : list of int
        ``molregno`` of the library's compounds; the first ones are measured as planned, the next
        ones as `ODDITIES` say.
    others : list of int
        Further molecules to measure.
    rng : numpy.random.Generator

    Returns
    -------
    list of dict
        Columns of ChEMBL's table of activities.

    Raises
    ------
    ValueError
        There are fewer compounds than planned.
    """
    means: list[float] = []
    for (low, high), number in zip(BANDS, assay.bands, strict=True):
        # Each band starts exactly on its bound, which counts as reached.
        inner = rng.uniform(low + 0.05, high - 0.15, number)
        means += [low, *inner[1:]] if number else []
    if len(compounds) < len(means) + len(ODDITIES):
        raise ValueError(f"too few compounds in the library for the assay of {assay.description}")

    comments: Sequence[str | None] = [None] * len(means)
    if assay.comments:
        comments = _wordings(
            (mean >= 5.5) != (place in CONTRADICTED) for place, mean in enumerate(means)
        )
    rows = []
    for place, (molregno, mean, comment) in enumerate(
        zip(compounds, means, comments, strict=False)
    ):
        # Two values at the same distance from the mean keep it.
        twice = place % 8 == 1 and mean >= 4.3
        values = (mean - 0.3, mean + 0.3) if twice else (mean,)
        rows += [_measured(molregno, assay, value, activity_comment=comment) for value in values]
        if place % 16 == 1:
            # Another paper repeats the last value.
            rows.append({**rows[-1], "potential_duplicate": 1})
    odd_compounds = compounds[len(means) :]
    for molregno, (value, relation, doubt) in zip(odd_compounds, ODDITIES, strict=False):
        rows.append(_measured(molregno, assay, value, relation, doubt))
    other_values = rng.normal(5.2, 1, len(others)).clip(4.05, 9)
    unlisted = cycle([None] * 9 + list(UNLISTED))
    rows += [
        _measured(molregno, assay, value, activity_comment=comment)
        for molregno, value, comment in zip(others, other_values, unlisted, strict=False)
    ]
    return rows


def invent_comments(
    assay: CommentAssay, compounds: Sequence[int], others: Sequence[int], rng: np.random.Generator
) -> list[dict[str, Any]]:
    """Invent the verdicts of an assay: as planned, ties, comments that say neither, and others.

    Parameters
    ----------
    assay : CommentAssay
    compounds, others, rng
        As for `invent_values`.

    Returns
    -------
    list of dict
        As from `invent_values`.

    Raises
    ------
    ValueError
        There are fewer compounds than planned.
    """
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
    rows: list[dict[str, Any]] = [
        {"molregno": molregno, "activity_comment": wording}
        for (molregno, _), wording in zip(
            votes, _wordings([vote for _, vote in votes]), strict=True
        )
    ]
    # From the end, so that some of these compounds have no other comment.
    for molregno, wording in zip(compounds[::-1][: assay.unlisted], cycle(UNLISTED), strict=False):
        rows.append({"molregno": molregno, "activity_comment": wording})
    return [{"standard_type": "Activity", "potential_duplicate": 0, **row} for row in rows]


def _measured(
    molregno: int,
    assay: ValueAssay,
    minus_log: float,
    relation: str = "=",
    doubt: str | None = None,
    activity_comment: str | None = None,
) -> dict[str, Any]:
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


def _wordings(verdicts: Iterable[bool]) -> list[str]:
    """Put verdicts (True: active) in words, using every wording in turn."""
    active, inactive = cycle(ACTIVE), cycle(INACTIVE)
    return [next(active if verdict else inactive) for verdict in verdicts]
