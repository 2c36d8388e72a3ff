"""From the images of one plate to its shard: read, check, measure, scale to 8 bits, write."""

import logging
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from paintassay.core.errors import InputError
from paintassay.images.quality import measure_plane
from paintassay.images.scaling import correct_illumination, to_uint8
from paintassay.images.shards import new_shard
from paintassay.images.storage import UnreachableError, opened_archives
from paintassay.images.tables import LOST_VIEWS, QUALITY, views_schema
from paintassay.images.tiff import read_plane

log = logging.getLogger(__name__)

# So many views, spread over the plate, vote on the size of its frame.
VOTERS = 9
FRAME_SIZE = "other frame size"


class View(NamedTuple):
    """Where a view's planes are: (channel, place, member) in the order of the channels."""

    plate: str
    well: str
    site: int
    planes: list


class Converted(NamedTuple):
    """A view for the shard, or with `problem` why not.

    `problem` and `disagreement` are (channel, place, problem, detail), as in LOST_VIEWS.
    """

    view: View
    pixels: np.ndarray | None = None
    thresholds: list | None = None
    quality: list | None = None
    disagreement: tuple | None = None
    problem: tuple | None = None


def convert_plate(
    index,
    channels,
    clip_percent,
    shard_path,
    threads,
    maximum_bits=None,
    check_tags="warn",
    illumination=None,
    max_lost=0.1,
    frame=None,
):
    """Convert the images of one plate to a shard.

    A view of which a plane is bad is left out, and the others move up. The shard and the tables
    depend on the images and the parameters only, not on `threads`. Memory is that of
    `2 * threads` views.

    Parameters
    ----------
    index : pandas.DataFrame
        Rows of PLATE_INDEX: one plate, and of each view every channel once. Without rows the
        shard has no views.
    channels : list of str
        In the order they shall have in the shard.
    clip_percent : float
        Percent of the brightest pixels to cut off; see `images.scaling.to_uint8`.
    shard_path : str or Path
        The .npy file to write.
    threads : int
    maximum_bits : int, optional
        Bit depth of the camera, such as 12. By default that of the file, 8 or 16, of which a
        12-bit camera never reaches the highest value.
    check_tags : {"strict", "warn", "off"}
        What to do if well, site or plate of the index are others than in the TIFF file itself:
        lose the view, log it, or not look.
    illumination : dict of str to ndarray of float32 (H, W), optional
        By channel: what to divide the raw pixels by.
    max_lost : float
        Share of the views that may be bad.
    frame : tuple of int, optional
        (height, width) that images must have. By default what most of the plate's have.

    Returns
    -------
    views : pandas.DataFrame
        Columns of `views_schema(channels)`, sorted by well and site, as in the shard.
    lost : pandas.DataFrame
        Columns of LOST_VIEWS, one row a view.
    quality : pandas.DataFrame
        Columns of QUALITY, measured on the raw pixels of the views kept; flags are empty.

    Raises
    ------
    InputError
        More views than `max_lost` are bad, or all; the disk is full. No shard is left.
    UnreachableError
        A place cannot be asked; see `places`.
    """
    views = _views(index, channels)
    illumination = illumination or {}
    maximum = None if maximum_bits is None else 2**maximum_bits - 1

    with opened_archives() as read, ThreadPoolExecutor(threads) as pool:
        frame = tuple(frame or _usual_frame(views, read))
        for channel, function in illumination.items():
            if views and function.shape != frame:
                problem = f"is {_by(function.shape)}, the images are {_by(frame)}"
                raise InputError(f"illumination of {channel}", problem)

        def convert(view):
            return _convert_view(view, read, frame, clip_percent, maximum, check_tags, illumination)

        with new_shard(shard_path, (len(views), len(channels), *frame)) as write:
            kept, lost = [], []
            for done in _in_order(pool, convert, views, 2 * threads):
                if done.problem:
                    log.warning("lost %s %s site %d: %s: %s", *done.view[:3], *done.problem[2:])
                    lost.append(done)
                else:
                    digest = write(len(kept), done.pixels)
                    # The pixels are in the file: nothing here may hold them.
                    kept.append((done._replace(pixels=None), digest))
            _check_losses(lost, kept, max_lost)
            write.truncate(len(kept))
    _report_disagreements(kept)
    return _views_table(kept, channels, shard_path), _lost_table(lost), _quality_table(kept)


def _views(index, channels):
    """The views of the index, sorted by well and site."""
    if index["plate"].nunique() > 1:
        raise ValueError(f"{index['plate'].nunique()} plates instead of one")
    position = {channel: number for number, channel in enumerate(channels)}
    if index["channel"].map(position).isna().any():
        raise ValueError(f"channels other than {', '.join(channels)}")
    rows = index.assign(position=index["channel"].map(position))
    rows = rows.sort_values(["well", "site", "position"])
    members = rows["member"].astype(object).where(rows["member"].notna(), None)
    planes = zip(rows["channel"], rows["place"], members, strict=True)
    views: dict[tuple[str, str, int], list] = {}
    for plate, well, site, plane in zip(
        rows["plate"], rows["well"], rows["site"], planes, strict=True
    ):
        views.setdefault((plate, well, int(site)), []).append(plane)
    for key, found in views.items():
        if [channel for channel, _, _ in found] != list(channels):
            raise ValueError(f"view {key} has not each channel once")
    return [View(*key, found) for key, found in views.items()]


def _usual_frame(views, read):
    """(height, width) of most of some views spread over the plate."""
    if not views:
        return 0, 0
    sizes, problems = Counter(), Counter()
    for number in sorted({round(i) for i in np.linspace(0, len(views) - 1, VOTERS)}):
        _, place, member = views[number].planes[0]
        try:
            pixels, _ = read_plane(read(place, member))
            sizes[pixels.shape] += 1
        except UnreachableError:
            raise
        except InputError as error:
            problems[error.problem.partition(": ")[0]] += 1
    if not sizes:
        raise InputError(
            f"plate {views[0].plate}",
            f"none of {problems.total()} images can be read ({_counts(problems)})",
            f"look at {views[0].planes[0][1]}; images.path_prefix moves paths to this machine",
        )
    return sizes.most_common(1)[0][0]


def _in_order(pool, function, items, ahead):
    """Map in threads, results in order; no more than `ahead` of them wait in memory."""
    waiting = deque()
    for item in items:
        waiting.append(pool.submit(function, item))
        if len(waiting) == ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _convert_view(view, read, frame, clip_percent, maximum, check_tags, illumination):
    """Read, check, measure and scale the planes of one view."""
    scaled = np.empty((len(view.planes), *frame), np.uint8)
    thresholds, quality, disagreement = [], [], None
    for number, (channel, place, member) in enumerate(view.planes):
        try:
            data = read(place, member)
        except UnreachableError:
            raise
        except InputError as error:
            problem = (channel, place, "cannot be read", str(error).partition("\n")[0])
            return Converted(view, problem=problem)
        try:
            pixels, tags = read_plane(data)
            if pixels.shape != frame:
                raise InputError(
                    "image", f"{FRAME_SIZE}: {_by(pixels.shape)} instead of {_by(frame)}"
                )
            highest = np.iinfo(pixels.dtype).max if maximum is None else maximum
            if pixels.max() > highest:
                raise InputError("image", f"above the bit depth: {pixels.max()} > {highest}")
            contrary = [] if check_tags == "off" else _contrary(tags, view)
            if contrary:
                detail = "name and content disagree: " + ", ".join(contrary)
                disagreement = disagreement or _problem(channel, place, member, detail)
                if check_tags == "strict":
                    raise InputError("image", detail)
        except InputError as error:
            return Converted(view, problem=_problem(channel, place, member, error.problem))
        quality.append({"channel": channel, **measure_plane(pixels, int(highest)), "flags": ""})
        if channel in illumination:
            pixels = correct_illumination(pixels, illumination[channel])
        scaled[number], threshold = to_uint8(pixels, clip_percent)
        thresholds.append(threshold)
    return Converted(view, scaled, thresholds, quality, disagreement)


def _problem(channel, place, member, text):
    """(channel, place, problem, detail) out of "problem: detail"."""
    problem, _, detail = text.partition(": ")
    parts = [f"member {member}" if member else "", detail]
    return channel, place, problem, ": ".join(part for part in parts if part) or None


def _contrary(tags, view):
    """What the file says of itself that is not so in the index."""
    expected = {"well": view.well, "site": view.site, "plate": view.plate}
    return [f"{name} {tags[name]}" for name in tags if tags[name] != expected[name]]


def _check_losses(lost, kept, max_lost):
    """Raise InputError if too many views are lost, with what is wrong with them."""
    views = len(lost) + len(kept)
    if not lost or (len(lost) <= max_lost * views and kept):
        return
    problems = Counter(done.problem[2] for done in lost)
    usual = problems.most_common(1)[0][0]
    _, place, _, detail = next(done.problem for done in lost if done.problem[2] == usual)
    example = f"{place}: {detail}" if detail else place
    if usual == FRAME_SIZE and kept:
        # Which of the two sizes is the wrong one is for people to say.
        example += f"; but {kept[0][0].view.planes[0][1]}"
    raise InputError(
        f"plate {lost[0].view.plate}",
        f"{len(lost)} of {views} views are bad, more than {max_lost:.0%} ({_counts(problems)});"
        f" such as {example}",
        "mend the images or leave the plate out",
    )


def _by(shape):
    """(H, W) as people write it: width first."""
    return " x ".join(map(str, reversed(shape)))


def _counts(problems):
    return ", ".join(f"{problem}: {count}" for problem, count in problems.most_common())


def _report_disagreements(kept):
    doubtful = [done.disagreement for done, _ in kept if done.disagreement]
    if doubtful:
        _, place, problem, detail = doubtful[0]
        counts = len(doubtful), len(kept)
        log.warning("%s in %d of %d views, such as %s: %s", problem, *counts, place, detail)


def _views_table(kept, channels, shard_path):
    rows = [
        (*done.view[:3], Path(shard_path).name, row, *done.thresholds, digest)
        for row, (done, digest) in enumerate(kept)
    ]
    return pd.DataFrame(rows, columns=views_schema(channels).names)


def _lost_table(lost):
    return pd.DataFrame(
        [(*done.view[:3], *done.problem) for done in lost], columns=LOST_VIEWS.names
    )


def _quality_table(kept):
    rows = [
        {"plate": done.view.plate, "well": done.view.well, "site": done.view.site, **measured}
        for done, _ in kept
        for measured in done.quality
    ]
    return pd.DataFrame(rows, columns=QUALITY.names)
