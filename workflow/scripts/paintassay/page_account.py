"""The page's account of what came before the comparison: quality, losses, what is missing."""

import numpy as np

from paintassay.page_data import short
from paintassay.quality import FLAGS

# Plates that are named in the account of quality.
WORST_PLATES = 10


def summarise_quality(quality):
    """Planes and flags by channel, and the plates with most flags.

    Parameters
    ----------
    quality : pandas.DataFrame
        As `image_tables.QUALITY`.

    Returns
    -------
    dict
        flags, those that occur; channels, list of dict: channel, planes, flagged, counts (by
        flag), and medians of focus_slope, saturated, background and mean; plates (their number)
        and worst_plates: plate, planes, flagged.
    """
    # There are few different combinations of flags, and millions of planes.
    codes, combinations = quality["flags"].fillna("").factorize()
    marks = {
        flag: np.array([flag in names.split(";") for names in combinations], bool)[codes]
        for flag in FLAGS
    }
    marked = quality.assign(flagged=np.any(list(marks.values()), axis=0), **marks)
    channels = []
    for channel, planes in marked.groupby("channel", sort=False):
        medians = planes[["focus_slope", "saturated", "background", "mean"]].median()
        channels.append(
            {
                "channel": channel,
                "planes": len(planes),
                "flagged": int(planes["flagged"].sum()),
                "counts": {flag: int(planes[flag].sum()) for flag in FLAGS},
                **{name: short(value) for name, value in medians.items()},
            }
        )
    plates = marked.groupby("plate")["flagged"].agg(["size", "sum"]).reset_index()
    worst = plates[plates["sum"] > 0].sort_values(["sum", "plate"], ascending=[False, True])
    return {
        "flags": [flag for flag in FLAGS if marked[flag].any()],
        "channels": channels,
        "plates": len(plates),
        "plates_flagged": len(worst),
        "worst_plates": [
            {"plate": plate, "planes": planes, "flagged": flagged}
            for plate, planes, flagged in worst.head(WORST_PLATES).itertuples(index=False)
        ],
    }


def build_funnel(steps):
    """Steps from the library to the label matrix, with what each lost of its own unit.

    Parameters
    ----------
    steps : list of dict
        step, count, unit; as from `account.build_funnel`.

    Returns
    -------
    list of dict
        Those, and share (of the largest count) and lost (None where the unit changes).
    """
    largest = max([step["count"] for step in steps], default=0) or 1
    rows = []
    before: dict | None = None
    for step in steps:
        lost = None
        if before is not None and before["unit"] == step["unit"]:
            lost = before["count"] - step["count"]
        rows.append(step | {"share": step["count"] / largest, "lost": lost})
        before = step
    return rows


def count_excluded(excluded):
    """Reasons why tasks could not be measured: reason, level, tasks, runs and measurements."""
    rows = []
    for (reason, level), group in excluded.groupby(["reason", "level"]):
        runs = group[["method", "split", "replicate"]].drop_duplicates()
        rows.append(
            {
                "reason": reason,
                "level": level,
                "tasks": group["task"].nunique(),
                "runs": len(runs),
                "measurements": len(group),
            }
        )
    return rows
