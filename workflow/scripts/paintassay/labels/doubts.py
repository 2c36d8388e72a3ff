"""Comments on activities that ChEMBL doubts."""

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from paintassay.core.tables import text
from paintassay.labels.activities import normalise_comment

# The one note on validity that is no doubt.
VALIDATED = "manually validated"


def is_doubted(activities: pa.Table) -> pa.ChunkedArray:
    """Whether ChEMBL's note on the validity of each activity is a doubt (or a confirmed error)."""
    notes = pc.utf8_lower(pc.utf8_trim_whitespace(activities["data_validity_comment"]))
    return pc.invert(pc.is_in(notes, value_set=pa.array([None, "", VALIDATED], notes.type)))


def count_doubted_comments(activities: pa.Table, meaning: Mapping[str, int]) -> pa.Table:
    """Count the comments that mean active or inactive on activities that ChEMBL doubts.

    Parameters
    ----------
    activities : pyarrow.Table
        As from `activities.library_activities`.
    meaning : dict of str to int
        As from `activities.read_comment_table`.

    Returns
    -------
    pyarrow.Table
        As `labels.tables.DOUBTED_COMMENTS`, most frequent first.
    """
    doubted = activities.filter(is_doubted(activities))
    # A stereoisomer may share an activity with another compound; it is counted once.
    rows = doubted.group_by("activity_id", use_threads=False).aggregate(
        [("data_validity_comment", "first"), ("activity_comment", "first")]
    )
    pairs = rows.group_by(
        ["data_validity_comment_first", "activity_comment_first"], use_threads=False
    ).aggregate([("activity_id", "count")])
    counts: dict[tuple[str, str, str], int] = {}
    for note, comment, number in zip(*(column.to_pylist() for column in pairs), strict=True):
        label = meaning.get(normalise_comment(comment or ""))
        if label is not None:
            key = (note, normalise_comment(comment), "active" if label > 0 else "inactive")
            counts[key] = counts.get(key, 0) + number
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    notes, comments, labels = ([key[i] for key, _ in ranked] for i in range(3))
    return pa.table(
        {
            "data_validity_comment": pa.array(notes, text),
            "comment": pa.array(comments, text),
            "label": pa.array(labels, text),
            "activities": pa.array([number for _, number in ranked], pa.int64()),
        }
    )
