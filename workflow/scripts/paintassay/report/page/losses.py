"""Sum up for the page what was lost on the way: flagged planes, compounds, measurements."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from paintassay.images.quality import FLAGS
from paintassay.report.page.data import short

# Plates with flags that are named.
WORST_PLATES = 10


@dataclass(frozen=True)
class ChannelQuality:
    """Planes of a channel, those with a flag, with each flag (`counts`), and medians."""

    channel: str
    planes: int
    flagged: int
    counts: dict[str, int]
    focus_slope: float | None
    saturated: float | None
    background: float | None
    mean: float | None


@dataclass(frozen=True)
class PlateQuality:
    """Planes of a plate, and those with a flag."""

    plate: str
    planes: int
    flagged: int


@dataclass(frozen=True)
class QualitySummary:
    """Quality of the images: the flags that occur, all channels, and the plates with most flags."""

    flags: list[str]
    channels: list[ChannelQuality]
    plates: int
    plates_flagged: int
    worst_plates: list[PlateQuality]


@dataclass(frozen=True)
class FunnelStep:
    """A step from the library to the label matrix.

    `share` is its part of the largest count, `lost` what it lost (None where the unit changes).
    """

    step: str
    count: int
    unit: str
    share: float
    lost: int | None


@dataclass(frozen=True)
class ExcludedCount:
    """How often a reason kept measurements at a level from being made."""

    reason: str
    level: str
    tasks: int
    runs: int
    measurements: int


def summarise_quality(quality: pd.DataFrame) -> QualitySummary:
    """Count planes and flags by channel and by plate.

    Parameters
    ----------
    quality : pandas.DataFrame
        As `images.tables.QUALITY`.

    Returns
    -------
    QualitySummary
    """
    # There are few different combinations of flags, and millions of planes.
    codes, combinations = quality["flags"].fillna("").factorize()
    has_flag = {
        flag: np.array([flag in names.split(";") for names in combinations], bool)[codes]
        for flag in FLAGS
    }
    planes = quality.assign(flagged=np.any(list(has_flag.values()), axis=0), **has_flag)
    channels = []
    for channel, planes_of_channel in planes.groupby("channel", sort=False):
        medians = planes_of_channel[["focus_slope", "saturated", "background", "mean"]].median()
        channels.append(
            ChannelQuality(
                channel=str(channel),
                planes=len(planes_of_channel),
                flagged=int(planes_of_channel["flagged"].sum()),
                counts={flag: int(planes_of_channel[flag].sum()) for flag in FLAGS},
                focus_slope=short(medians["focus_slope"]),
                saturated=short(medians["saturated"]),
                background=short(medians["background"]),
                mean=short(medians["mean"]),
            )
        )
    plates = planes.groupby("plate")["flagged"].agg(["size", "sum"]).reset_index()
    worst = plates[plates["sum"] > 0].sort_values(["sum", "plate"], ascending=[False, True])
    return QualitySummary(
        flags=[flag for flag in FLAGS if planes[flag].any()],
        channels=channels,
        plates=len(plates),
        plates_flagged=len(worst),
        worst_plates=[
            PlateQuality(*row) for row in worst.head(WORST_PLATES).itertuples(index=False)
        ],
    )


def funnel_rows(steps: Iterable[Mapping[str, Any]]) -> list[FunnelStep]:
    """Say of each step from the library to the label matrix what it lost of its own unit.

    Parameters
    ----------
    steps : list of dict
        step, count, unit; as from `labels.summary.build_funnel`.

    Returns
    -------
    list of FunnelStep
    """
    steps = list(steps)
    largest = max([step["count"] for step in steps], default=0) or 1
    rows: list[FunnelStep] = []
    for step in steps:
        lost = None
        if rows and rows[-1].unit == step["unit"]:
            lost = rows[-1].count - step["count"]
        rows.append(FunnelStep(**step, share=step["count"] / largest, lost=lost))
    return rows


def count_excluded(excluded: pd.DataFrame) -> list[ExcludedCount]:
    """Count by reason and level the tasks, runs and measurements that could not be made.

    Parameters
    ----------
    excluded : pandas.DataFrame
        As `statistics.tables.EXCLUDED`.

    Returns
    -------
    list of ExcludedCount
    """
    counts = []
    for (reason, level), rows in excluded.groupby(["reason", "level"]):
        runs = rows[["method", "split", "replicate"]].drop_duplicates()
        counts.append(
            ExcludedCount(
                reason=str(reason),
                level=str(level),
                tasks=rows["task"].nunique(),
                runs=len(runs),
                measurements=len(rows),
            )
        )
    return counts
