"""Measure the quality of each plane, and mark the doubtful ones.

The measures of blur and of saturation are the two by which Bray et al. (GigaScience 2017,
doi:10.1093/gigascience/giw014) marked the sites of their screen.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache

import numpy as np
import pandas as pd
from scipy.fft import fft, rfft

from paintassay.core.keys import VIEW, WELL
from paintassay.images.channels import is_transmitted_light
from paintassay.images.tables import LOST_VIEWS
from paintassay.images.wells import plate_format, well_names

MEASURES = ("saturated", "focus_slope", "background", "mean", "contrast")

# The order in which a plane's flags are written.
FLAGS = ("blank", "saturated", "blurred", "dim", "bright")

# A plate is unusual whose z among the other plates is beyond this; at least so many plates.
PLATE_Z, FEWEST_PLATES = 5.0, 3

LIMITS = {
    # Patches without cells in sound planes of Bray's and BBBC022's microscope: 0.06 to 0.10
    # (camera noise); their whole planes: 0.48 and more.
    "blank_contrast": 0.15,
    # The Broad Institute's pooled Cell Painting pipelines mark sites above 1 %; a sound plane
    # of Bray's screen has 0.1 %.
    "saturated_share": 0.01,
    # Robust z within plate and channel. The level depends on stain and plate, so no fixed slope
    # will do. Bray et al. marked 98 of 903,746 sites as blurry: only gross outliers.
    "blurred_z": 5.0,
    # Mean far below the plate's: few or unstained cells, an empty well.
    "dim_z": 5.0,
    # Background far above the plate's: a fluorescent compound, debris, medium.
    "bright_z": 5.0,
    # Median and MAD of fewer planes say nothing; then only the fixed limits are used.
    "planes_for_z": 16,
}


def measure_plane(pixels: np.ndarray, maximum: int) -> dict[str, float]:
    """Measure the quality of one channel of one view, on the raw pixels.

    Parameters
    ----------
    pixels : ndarray of uint8 or uint16, shape (H, W)
        As the camera gave them, before any conversion.
    maximum : int
        Highest value of the camera's bit depth, such as 4095 for 12 bits.

    Returns
    -------
    dict of str to float
        ``saturated``, share of pixels at `maximum` or above; ``focus_slope``, see `focus_slope`;
        ``background``, 5th percentile; ``mean``; ``contrast``, (p99 - p1) / (p99 + p1), 0 where
        all pixels are 0. Percentiles are interpolated linearly, as numpy does.
    """
    # One histogram gives everything but the focus, much faster than sorting.
    counts = np.bincount(pixels.ravel())
    total = pixels.size
    mean = float(np.arange(len(counts)) @ counts / total)
    p1, p5, p99 = _percentiles(np.cumsum(counts), (0.01, 0.05, 0.99))
    return {
        "saturated": float(counts[maximum:].sum() / total),
        "focus_slope": focus_slope(pixels, mean),
        "background": p5,
        "mean": mean,
        "contrast": (p99 - p1) / (p99 + p1) if p99 else 0.0,
    }


def focus_slope(pixels: np.ndarray, mean: float) -> float:
    """Compute the slope of the power spectrum, log power against log radius; lower is blurrier.

    It is CellProfiler's ``PowerLogLogSlope`` (module MeasureImageQuality) to seven digits, so that
    values compare with published ones: power is summed, not averaged, over rings of whole
    numbers of periods per image, from one period up to an eighth of the shorter side.

    Parameters
    ----------
    pixels : ndarray, shape (H, W)
    mean : float
        Their mean. It does not change the slope; without it, float32 would lose digits.

    Returns
    -------
    float
        0 for a constant plane, and for one too small for two rings (shorter side below 32).
    """
    rows, columns, (first, second), log_radius = _rings(*pixels.shape)
    if len(log_radius) < 2:
        return 0.0
    centred = np.subtract(pixels, mean, dtype=np.float32)
    # The rings use low frequencies only; most of the second transform can be left out.
    spectrum = fft(rfft(centred, axis=1)[:, :columns], axis=0, overwrite_x=True)[rows]
    power = np.square(spectrum.real, dtype=np.float64) + np.square(spectrum.imag, dtype=np.float64)
    power = power.ravel()
    bins = len(log_radius) + 1
    rings = (np.bincount(first, power, bins) + np.bincount(second, power, bins))[:-1]
    kept = rings > 0
    if kept.sum() < 2 or np.ptp(pixels) == 0:
        return 0.0
    x, y = log_radius[kept], np.log(rings[kept])
    x = x - x.mean()
    return float(x @ y / (x @ x))


def flag(quality: pd.DataFrame, limits: Mapping[str, float] = LIMITS) -> pd.DataFrame:
    """Mark doubtful planes. Nothing is left out: flags are data for whoever uses the images.

    ``blank``: contrast below ``blank_contrast``, in fluorescence only: brightfield has little
    contrast in any case (0.04 to 0.11 in JUMP's). ``saturated``: share of saturated pixels above
    ``saturated_share``. The others compare a plane with those of its plate and channel that are
    not blank, by robust z = (x - median) / (1.4826 MAD): ``blurred``, focus slope below
    -``blurred_z``; ``dim``, mean below -``dim_z``; ``bright``, background above ``bright_z``.
    They need ``planes_for_z`` planes, and are not given to blank planes.

    Parameters
    ----------
    quality : pandas.DataFrame
        As `images.tables.QUALITY`, with or without its column ``flags``.
    limits : dict of str to float
        The keys of `LIMITS`.

    Returns
    -------
    pandas.DataFrame
        A copy with column ``flags``: names in the order of `FLAGS`, separated by ``;``.
    """
    is_stain = ~quality["channel"].map(
        {name: is_transmitted_light(str(name)) for name in quality["channel"].unique()}
    ).astype(bool)
    blank = (quality["contrast"] < limits["blank_contrast"]) & is_stain

    def robust_z(measure: str) -> pd.Series:
        groups = quality[measure].mask(blank).groupby([quality["plate"], quality["channel"]])
        median = groups.transform("median")
        deviation = (quality[measure] - median).abs().mask(blank)
        groups = deviation.groupby([quality["plate"], quality["channel"]])
        spread = 1.4826 * groups.transform("median")
        usable = ~blank & (spread > 0) & (groups.transform("count") >= limits["planes_for_z"])
        return ((quality[measure] - median) / spread).where(usable, 0.0)

    marks = {
        "blank": blank,
        "saturated": quality["saturated"] > limits["saturated_share"],
        "blurred": robust_z("focus_slope") < -limits["blurred_z"],
        "dim": robust_z("mean") < -limits["dim_z"],
        "bright": robust_z("background") > limits["bright_z"],
    }
    # Each of the 32 combinations is written once, not once a plane: there are millions.
    combinations = [
        ";".join(name for bit, name in enumerate(FLAGS) if code >> bit & 1)
        for code in range(1 << len(FLAGS))
    ]
    codes = sum(marks[name].to_numpy(np.int64) << bit for bit, name in enumerate(FLAGS))
    flags = np.array(combinations, dtype=object)[codes]
    return quality.assign(flags=pd.Series(flags, index=quality.index, dtype="str"))


def compare_plates(quality: pd.DataFrame) -> pd.DataFrame:
    """Compare each plate as a whole with the others: a plate that was stained or exposed wrongly.

    Within a plate all planes are alike then, and no flag tells. z is the plate's median less the
    median of the other plates' medians, over 1.4826 times their MAD. That spread is taken to be at
    least 5 % of the median, and for saturation a fifth of `LIMITS`: few plates may agree by chance.

    Parameters
    ----------
    quality : pandas.DataFrame
        As `images.tables.QUALITY`.

    Returns
    -------
    pandas.DataFrame
        As `images.tables.PLATE_QUALITY`, a row a plate, channel and measure. With fewer than two
        other plates there is no z.
    """
    medians = quality.groupby(["channel", "plate"], as_index=False)[list(MEASURES)].median()
    medians = medians.melt(["plate", "channel"], var_name="measure", value_name="median")
    tables = []
    for (_, measure), rows in medians.groupby(["channel", "measure"], sort=True):
        values = rows["median"].to_numpy(np.float64)
        others, z = np.full(len(values), np.nan), np.full(len(values), np.nan)
        for place, value in enumerate(values if len(values) >= FEWEST_PLATES else []):
            rest = np.delete(values, place)
            others[place] = np.median(rest)
            spread = 1.4826 * np.median(np.abs(rest - others[place]))
            least = 0.05 * abs(others[place])
            if measure == "saturated":
                least = LIMITS["saturated_share"] / PLATE_Z
            spread = max(spread, least)
            z[place] = (value - others[place]) / spread if spread else np.inf * (value > 0)
            z[place] = 0.0 if value == others[place] else z[place]
        tables.append(rows.assign(others=others, z=z, unusual=np.abs(np.nan_to_num(z)) > PLATE_Z))
    table = pd.concat(tables) if tables else medians.assign(others=0.0, z=0.0, unusual=False)
    return table.sort_values(["plate", "channel", "measure"], ignore_index=True)


def summarise_plate(quality: pd.DataFrame) -> pd.DataFrame:
    """Average over the sites of each well, for heat maps and reports.

    Parameters
    ----------
    quality : pandas.DataFrame
        As `images.tables.QUALITY`, of one plate or more.

    Returns
    -------
    pandas.DataFrame
        One row a plate, well and channel, in that order: ``sites``, how many; the means of
        `MEASURES`; ``flagged``, the share of sites with a flag.
    """
    flagged = quality.assign(flagged=quality["flags"] != "")
    groups = flagged.groupby([*WELL, "channel"])
    return groups.agg(
        sites=("site", "size"),
        **{name: (name, "mean") for name in (*MEASURES, "flagged")},
    ).reset_index()


def missing(index: pd.DataFrame, views: pd.DataFrame, channels: Collection[str]) -> pd.DataFrame:
    """List what a complete screen would have and this one lacks.

    A plate is complete with all wells of its format (the smallest standard plate that has its
    wells), in each well all sites seen anywhere on the plate, at each site all channels.

    Parameters
    ----------
    index : pandas.DataFrame
        As `images.tables.PLATE_INDEX`.
    views : pandas.DataFrame
        The views in the shards: at least plate, well and site.
    channels : list of str
        The channels each view must have.

    Returns
    -------
    pandas.DataFrame
        As `images.tables.LOST_VIEWS`, sorted by plate, well, site and channel. ``problem`` is
        ``no image of this well``, ``no image of this site``, ``no image of this channel``, or,
        where all channels are there, ``not in the shards``.
    """
    planes = index[[*VIEW, "channel"]].drop_duplicates()
    planes = planes[planes["channel"].isin(channels)]
    sites = planes[VIEW].drop_duplicates()
    wells = sites[WELL].drop_duplicates()
    all_wells = pd.concat(
        [
            pd.DataFrame({"plate": plate, "well": well_names(*plate_format(of_plate))})
            for plate, of_plate in wells.groupby("plate")["well"]
        ]
        or [wells]
    )
    all_sites = wells.merge(sites[["plate", "site"]].drop_duplicates(), on="plate")
    all_planes = sites.merge(pd.DataFrame({"channel": list(channels)}), how="cross")
    missing_planes = _rows_not_in(all_planes, planes)
    complete = _rows_not_in(sites, missing_planes)
    rows_of_problem = {
        "no image of this well": _rows_not_in(all_wells, wells),
        "no image of this site": _rows_not_in(all_sites, sites),
        "no image of this channel": missing_planes,
        "not in the shards": _rows_not_in(complete, views),
    }
    table = pd.concat([rows.assign(problem=problem) for problem, rows in rows_of_problem.items()])
    table = table.sort_values([*VIEW, "channel"], ignore_index=True)
    return table.reindex(columns=LOST_VIEWS.names).astype({"site": "Int64"})


def _percentiles(cumulative: np.ndarray, shares: Sequence[float]) -> list[float]:
    """Compute percentiles of whole numbers from their cumulative histogram."""
    ranks = np.asarray(shares) * (cumulative[-1] - 1)
    below = np.floor(ranks).astype(np.int64)
    low = np.searchsorted(cumulative, below, side="right")
    high = np.searchsorted(cumulative, np.ceil(ranks), side="right")
    return (low + (high - low) * (ranks - below)).tolist()


@lru_cache(maxsize=8)
def _rings(
    height: int, width: int
) -> tuple[np.ndarray, int, tuple[np.ndarray, np.ndarray], np.ndarray]:
    """Find the rows and columns of the half spectrum in the rings, and the ring of each value.

    CellProfiler numbers rings by the distance to the nearest corner of the array. A negative
    frequency -k, stored at index n - k, is thereby k - 1 steps from a corner: kept as it is.
    """
    radii = np.arange(2, min(height, width) // 8)
    if not len(radii):
        return np.arange(0), 0, (np.arange(0), np.arange(0)), radii.astype(np.float64)
    reach = len(radii) + 2
    down = np.arange(height)
    down = np.minimum(down, height - 1 - down)
    rows = np.flatnonzero(down < reach)
    across = np.arange(reach + 1)

    def ring(vertical: np.ndarray, horizontal: np.ndarray) -> np.ndarray:
        number = np.floor(np.hypot(vertical[:, None], horizontal[None, :])).astype(np.int64) - 1
        # One bin more takes what lies outside.
        return np.where((number >= 0) & (number < len(radii)), number, len(radii))

    first = ring(down[rows], across)
    # The other half of the spectrum holds the conjugates: (i, j) stands again at (-i, -j).
    second = ring(down[-rows % height], across - 1)
    second[:, 0] = len(radii)
    return rows, reach + 1, (first.ravel(), second.ravel()), np.log(radii)


def _rows_not_in(rows: pd.DataFrame, others: pd.DataFrame) -> pd.DataFrame:
    """Take the rows that are not in `others`, compared by the columns of `rows`."""
    keys = others[list(rows.columns)].drop_duplicates()
    merged = rows.merge(keys, how="left", indicator="origin")
    return merged.loc[merged["origin"] == "left_only", list(rows.columns)]
