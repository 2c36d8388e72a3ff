"""Convert the images of one plate to its shard: read, check, measure, scale to 8 bits, write."""

import logging
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from paintassay.core.errors import InputError
from paintassay.core.files import PathLike
from paintassay.images.quality import measure_plane
from paintassay.images.scaling import correct_illumination, to_uint8
from paintassay.images.shards import new_shard
from paintassay.images.storage import DOES_NOT_EXIST, ReadPlace, UnreachableError, opened_archives
from paintassay.images.tables import LOST_VIEWS, QUALITY, views_schema
from paintassay.images.tiff import FRAME_SIZE, format_size, read_plane
from paintassay.images.tiff_tags import Tags, sizes_agree

log = logging.getLogger(__name__)

# How many views, spread over the plate, vote on the size of its frame.
VOTERS = 9
# What is wrong with files that are there, and what to do about it.
HINTS = {
    "not a TIFF": "the file is there, but images must be TIFF files: convert them",
    "several planes": "the file is a TIFF, but with several planes: save each channel and plane as "
    "a file of its own",
    "several samples per pixel": "the file is a TIFF, but in colour: save it as grey values",
    "not 8 or 16 bit unsigned": "the file is a TIFF of another type: save it as 8 or 16 bits, "
    "unsigned",
    "empty file": "the file is there, but empty: fetch it again",
    "truncated TIFF": "the file is there, but cut off: fetch it again",
    "damaged TIFF": "the file is there, but damaged or compressed in an unusual way: fetch it "
    "again, or save it without compression",
}
WRONG_KINDS = ("not a TIFF", "several samples per pixel", "not 8 or 16 bit unsigned")
# Cameras of less than 8 bits are not in use; a constant plane may have many low bits that are 0.
MOST_EMPTY_BITS = 8


class View(NamedTuple):
    """Where a view's planes are: (channel, place, member) in the order of the channels."""

    plate: str
    well: str
    site: int
    planes: list[tuple[str, str, str | None]]


class Fault(NamedTuple):
    """What is wrong with a view, in the words of LOST_VIEWS."""

    channel: str
    place: str
    problem: str
    detail: str | None


class Expected(NamedTuple):
    """What the files are compared with: `check_tags` says whether, and with what effect."""

    check_tags: str
    bits: int | None
    pixel_size_um: float | None


class ConvertedView(NamedTuple):
    """A view for the shard, with its rows in the tables."""

    view: View
    pixels: np.ndarray
    clip_levels: list[int]
    quality: list[dict[str, str | float]]
    disagreement: Fault | None
    pixel_size_um: float | None


class LostView(NamedTuple):
    """A view that cannot be in the shard, and why."""

    view: View
    fault: Fault


# A converted view without its pixels, which are in the shard, and their checksum.
StoredView = tuple[ConvertedView, str]


def convert_plate(
    index: pd.DataFrame,
    channels: Sequence[str],
    clip_percent: float,
    shard_path: PathLike,
    threads: int,
    maximum_bits: int | None = None,
    check_tags: str = "warn",
    illumination: Mapping[str, np.ndarray] | None = None,
    max_lost: float = 0.1,
    frame: tuple[int, int] | None = None,
    lost_before: int = 0,
    pixel_size_um: float | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Convert the images of one plate to a shard.

    A view with a bad plane is left out, and the others move up. The shard and the tables depend
    on the images and the parameters only, not on `threads`. Memory is that of `2 * threads`
    views.

    Parameters
    ----------
    index : pandas.DataFrame
        Rows of PLATE_INDEX: one plate, and every channel of each view once. Without rows the
        shard has no views.
    channels : list of str
        In their order in the shard.
    clip_percent : float
        Percent of the brightest pixels to cut off; see `images.scaling.to_uint8`.
    shard_path : str or Path
        The .npy file to write.
    threads : int
    maximum_bits : int, optional
        Bit depth of the camera, such as 12. By default that of the file, 8 or 16, whose highest
        value a 12-bit camera never reaches.
    check_tags : {"strict", "warn", "off"}
        What to do if well, site or plate of the index differ from those in the TIFF file itself:
        lose the view, log it, or not look.
    illumination : dict of str to ndarray of float32 (H, W), optional
        By channel: what to divide the raw pixels by.
    max_lost : float
        Share of the views that may be lost.
    frame : tuple of int, optional
        (height, width) that images must have. By default what most of the plate's have.
    lost_before : int
        Views of the plate that its index has lost; they count as well.
    pixel_size_um : float, optional
        Width of a pixel in micrometres, to be compared with what the files say.

    Returns
    -------
    views : pandas.DataFrame
        Columns of `views_schema(channels)`, sorted by well and site, as in the shard. Its
        ``attrs["pixel_sizes_um"]`` has the distinct widths of a pixel that the files tell.
    lost : pandas.DataFrame
        Columns of LOST_VIEWS, one row a view.
    quality : pandas.DataFrame
        Columns of QUALITY, measured on the raw pixels of the views kept; flags are empty.

    Raises
    ------
    InputError
        More views than `max_lost` are lost, or all; the disk is full. No shard is left.
    UnreachableError
        A place cannot be asked; see `images.storage`.
    """
    views = _views_of_index(index, channels)
    illumination = illumination or {}
    expected = Expected(check_tags, maximum_bits, pixel_size_um)

    with opened_archives() as read, ThreadPoolExecutor(threads) as pool:
        shape = tuple(frame or _most_common_frame(views, read))
        for channel, function in illumination.items():
            if views and function.shape != shape:
                problem = f"is {format_size(function.shape)}, the images are {format_size(shape)}"
                raise InputError(f"illumination of {channel}", problem)

        def convert(view: View) -> ConvertedView | LostView:
            return _convert_view(view, read, shape, clip_percent, expected, illumination)

        with new_shard(shard_path, (len(views), len(channels), *shape)) as write:
            stored: list[StoredView] = []
            lost: list[LostView] = []
            for result in _convert_in_order(pool, convert, views, 2 * threads):
                if isinstance(result, LostView):
                    (plate, well, site, _), fault = result
                    log.warning(
                        "lost %s %s site %d: %s: %s", plate, well, site, fault.problem, fault.detail
                    )
                    lost.append(result)
                else:
                    digest = write(len(stored), result.pixels)
                    # The pixels are in the file: nothing here may hold them.
                    stored.append((result._replace(pixels=np.empty(0, np.uint8)), digest))
            _check_losses(lost, stored, max_lost, lost_before)
            write.truncate(len(stored))
    _report_disagreements(stored)
    return _views_table(stored, channels, shard_path), _lost_table(lost), _quality_table(stored)


def _views_of_index(index: pd.DataFrame, channels: Sequence[str]) -> list[View]:
    """Collect the views of the index, sorted by well and site."""
    if index["plate"].nunique() > 1:
        raise ValueError(f"{index['plate'].nunique()} plates instead of one")
    position = {channel: number for number, channel in enumerate(channels)}
    if index["channel"].map(position).isna().any():
        raise ValueError(f"channels other than {', '.join(channels)}")
    rows = index.assign(position=index["channel"].map(position))
    rows = rows.sort_values(["well", "site", "position"])
    members = rows["member"].astype(object).where(rows["member"].notna(), None)
    planes = zip(rows["channel"], rows["place"], members, strict=True)
    planes_of_view: dict[tuple[str, str, int], list[tuple[str, str, str | None]]] = {}
    for plate, well, site, plane in zip(
        rows["plate"], rows["well"], rows["site"], planes, strict=True
    ):
        planes_of_view.setdefault((plate, well, int(site)), []).append(plane)
    for key, view_planes in planes_of_view.items():
        if [channel for channel, _, _ in view_planes] != list(channels):
            raise ValueError(f"view {key} has not each channel once")
    return [View(*key, view_planes) for key, view_planes in planes_of_view.items()]


def _most_common_frame(views: Sequence[View], read: ReadPlace) -> tuple[int, ...]:
    """Find the (height, width) of most of some views spread over the plate."""
    if not views:
        return 0, 0
    sizes: Counter[tuple[int, ...]] = Counter()
    problems: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for number in sorted({round(i) for i in np.linspace(0, len(views) - 1, VOTERS)}):
        _, place, member = views[number].planes[0]
        where = f"{place}, member {member}" if member else place
        try:
            data = read(place, member)
        except UnreachableError:
            raise
        except InputError as error:
            problems[error.problem] += 1
            examples.setdefault(error.problem, where)
            continue
        try:
            pixels, _ = read_plane(data)
            sizes[pixels.shape] += 1
        except InputError as error:
            # All are of one kind where the kind is the problem; else each has its own detail.
            problem, _, detail = error.problem.partition(": ")
            problem = error.problem if problem in WRONG_KINDS else problem
            problems[problem] += 1
            examples.setdefault(problem, f"{where} ({detail})" if detail else where)
    if not sizes:
        usual = problems.most_common(1)[0][0]
        raise InputError(
            f"plate {views[0].plate}",
            f"none of {problems.total()} images can be read ({_format_counts(problems)}); "
            f"such as {examples[usual]}",
            _hint_for(usual),
        )
    return sizes.most_common(1)[0][0]


def _hint_for(problem: str) -> str:
    """Say what to do about images none of which can be read: one cause, one hint."""
    if problem == DOES_NOT_EXIST:
        return (
            "look whether the file is there; with images.layout load_data, images.path_prefix "
            "moves paths to this machine"
        )
    kind = problem.partition(": ")[0]
    return HINTS.get(kind, "look at the file; mend the images or leave the plate out")


def _convert_in_order(
    pool: ThreadPoolExecutor,
    convert: Callable[[View], ConvertedView | LostView],
    views: Iterable[View],
    ahead: int,
) -> Iterator[ConvertedView | LostView]:
    """Convert in threads, results in order; no more than `ahead` of them wait in memory."""
    waiting: deque[Future[ConvertedView | LostView]] = deque()
    for view in views:
        waiting.append(pool.submit(convert, view))
        if len(waiting) == ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _convert_view(
    view: View,
    read: ReadPlace,
    frame: tuple[int, ...],
    clip_percent: float,
    expected: Expected,
    illumination: Mapping[str, np.ndarray],
) -> ConvertedView | LostView:
    """Read, check, measure and scale the planes of one view."""
    scaled = np.empty((len(view.planes), *frame), np.uint8)
    clip_levels: list[int] = []
    quality: list[dict[str, str | float]] = []
    disagreement = None
    sizes: list[float] = []
    for number, (channel, place, member) in enumerate(view.planes):
        try:
            data = read(place, member)
        except UnreachableError:
            raise
        except InputError as error:
            detail = str(error).partition("\n")[0]
            return LostView(view, Fault(channel, place, "cannot be read", detail))
        try:
            pixels, tags = read_plane(data, frame)
            if "pixel_size_um" in tags:
                sizes.append(float(tags["pixel_size_um"]))
            pixels, highest = _align_bits(pixels, expected.bits, tags)
            contradictions = _find_contradictions(tags, view, expected)
            if contradictions:
                text = "name and content disagree: " + ", ".join(contradictions)
                disagreement = disagreement or _parse_fault(channel, place, member, text)
                if expected.check_tags == "strict":
                    raise InputError("image", text)
        except InputError as error:
            return LostView(view, _parse_fault(channel, place, member, error.problem))
        quality.append({"channel": channel, **measure_plane(pixels, highest), "flags": ""})
        if channel in illumination:
            pixels = correct_illumination(pixels, illumination[channel])
        scaled[number], clip_level = to_uint8(pixels, clip_percent)
        clip_levels.append(clip_level)
    size = float(np.median(sizes)) if sizes else None
    return ConvertedView(view, scaled, clip_levels, quality, disagreement, size)


def _parse_fault(channel: str, place: str, member: str | None, text: str) -> Fault:
    """Make a fault of "problem: detail"."""
    problem, _, detail = text.partition(": ")
    parts = [f"member {member}" if member else "", detail]
    return Fault(channel, place, problem, ": ".join(part for part in parts if part) or None)


def _align_bits(pixels: np.ndarray, camera_bits: int | None, tags: Tags) -> tuple[np.ndarray, int]:
    """Move left-aligned values to the right, and find the highest value the camera can give.

    12 bits may stand in the upper 12 of 16: then the lowest 4 are 0 in every pixel, and the highest
    value is 65520, not 65535. Where a plane's values have fewer bits than the configuration or the
    file says, it is so, too.
    """
    stored = 8 * pixels.itemsize
    bits = min(camera_bits or stored, stored)
    used = int(np.bitwise_or.reduce(pixels, axis=None))
    # The number of low bits that are 0 in all pixels.
    empty = min((used & -used).bit_length() - 1, MOST_EMPTY_BITS) if used else 0
    spare = stored - bits
    if spare and empty >= spare and (used >> bits or (pixels != pixels.flat[0]).any()):
        pixels, empty = pixels >> pixels.dtype.type(spare), empty - spare
    elif used >> bits and pixels.max() >> bits:
        raise InputError("image", f"above the bit depth: {pixels.max()} > {2**bits - 1}")
    told = int(tags.get("bits", bits))
    if told < bits and not used >> told:
        bits = told
    return pixels, (2**bits - 1) >> empty << empty


def _find_contradictions(tags: Tags, view: View, expected: Expected) -> list[str]:
    """List what the file says of itself that is not so in the index or the configuration."""
    if expected.check_tags == "off":
        return []
    names: Tags = {"well": view.well, "site": view.site, "plate": view.plate}
    contradictions = [
        f"{name} {tags[name]}"
        for name, expected_value in names.items()
        if tags.get(name, expected_value) != expected_value
    ]
    size, nominal = tags.get("pixel_size_um"), expected.pixel_size_um
    if size and nominal and not sizes_agree(float(size), nominal):
        contradictions.append(
            f"a pixel of {float(size):.4g} um, but images.pixel_size_um is {nominal:g}"
        )
    if expected.bits and int(tags.get("bits", expected.bits)) < expected.bits:
        contradictions.append(f"{tags['bits']} bits, but images.bits is {expected.bits}")
    return contradictions


def _check_losses(
    lost: Sequence[LostView], stored: Sequence[StoredView], max_lost: float, lost_before: int
) -> None:
    """Raise InputError if too many views are lost, with what is wrong with them."""
    views = len(lost) + len(stored) + lost_before
    losses = len(lost) + lost_before
    # What the index alone has lost is `images.index.check_losses`'s business.
    if not lost or (losses <= max_lost * views and stored):
        return
    problems = Counter(fault.problem for _, fault in lost)
    usual = problems.most_common(1)[0][0]
    if lost_before:
        problems["not in the index"] = lost_before
    _, place, _, detail = next(fault for _, fault in lost if fault.problem == usual)
    example = f"{place}: {detail}" if detail else place
    if usual == FRAME_SIZE and stored:
        # People must say which of the two sizes is the wrong one.
        example += f"; but {stored[0][0].view.planes[0][1]}"
    raise InputError(
        f"plate {lost[0].view.plate}",
        f"{losses} of {views} views are bad, more than {max_lost:.0%}"
        f" ({_format_counts(problems)}); such as {example}",
        "mend the images or leave the plate out",
    )


def _format_counts(problems: Counter[str]) -> str:
    return ", ".join(f"{problem}: {count}" for problem, count in problems.most_common())


def _report_disagreements(stored: Sequence[StoredView]) -> None:
    disagreements = [view.disagreement for view, _ in stored if view.disagreement]
    if disagreements:
        _, place, problem, detail = disagreements[0]
        counts = len(disagreements), len(stored)
        log.warning("%s in %d of %d views, such as %s: %s", problem, *counts, place, detail)


def _views_table(
    stored: Sequence[StoredView], channels: Sequence[str], shard_path: PathLike
) -> pd.DataFrame:
    rows = [
        (*converted.view[:3], Path(shard_path).name, row, *converted.clip_levels, digest)
        for row, (converted, digest) in enumerate(stored)
    ]
    table = pd.DataFrame(rows, columns=views_schema(channels).names)
    sizes = {converted.pixel_size_um for converted, _ in stored if converted.pixel_size_um}
    table.attrs["pixel_sizes_um"] = sorted(sizes)
    return table


def _lost_table(lost: Iterable[LostView]) -> pd.DataFrame:
    rows = [(*view[:3], *fault) for view, fault in lost]
    return pd.DataFrame(rows, columns=LOST_VIEWS.names)


def _quality_table(stored: Iterable[StoredView]) -> pd.DataFrame:
    rows = [
        {"plate": view.plate, "well": view.well, "site": view.site, **measures}
        for converted, _ in stored
        for view, quality in [(converted.view, converted.quality)]
        for measures in quality
    ]
    return pd.DataFrame(rows, columns=QUALITY.names)
