"""Find the images of a plate: which file, or member of an archive, is which well and channel.

Each layout has a module in `images.layouts`. What they find ends in `_complete_views`, so that a
view is in the index with all its channels or not at all, and what it lacks is on record. One plate
is indexed at a time: only the list of plates grows with the screen.
"""

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from paintassay.core.errors import InputError
from paintassay.core.files import PathLike
from paintassay.images.layouts import bray, load_data, table
from paintassay.images.layouts.planes import (
    ARCHIVE_DAMAGED,
    CHANNEL_MISSING,
    DUPLICATE,
    LostPlane,
    Plane,
)
from paintassay.images.tables import LOST_VIEWS, PLATE_INDEX


def list_plates(layout: str, root: PathLike, channels: Sequence[str]) -> list[str]:
    """List the plates, without a look at their images.

    Parameters
    ----------
    layout : str
        bray_zip: archives `<plate>-<channel>.zip` (Bray et al. 2017, GigaDB 100351);
        bray_folder: the same, unpacked, folders `<plate>-<channel>`;
        bray_gallery: the same files in one folder `<plate>` (Cell Painting Gallery cpg0012);
        load_data: CellProfiler's load_data tables, as in the Cell Painting Gallery;
        table: a table with the columns plate, well, site, channel, place and perhaps member.
    root : str or Path
        Folder of the archives or folders; one load_data table or a folder of them, at any
        depth; the table. Tables are as `core.user_tables` reads them. May be a URL.
    channels : list of str
        For load_data: what follows FileName_Orig or URL_Orig.

    Returns
    -------
    list of str
        Sorted.

    Raises
    ------
    InputError
        No plates are there, a column is missing, or a channel occurs on no plate.
    """
    if layout.startswith("bray_"):
        plates, present = bray.list_plates(layout, root, channels)
    elif layout == "load_data":
        plates, present = load_data.list_plates(root, channels)
    elif layout == "table":
        plates, present = table.list_plates(root)
    else:
        raise ValueError(f"unknown layout {layout!r}")
    if not plates:
        raise InputError(root, f"no plates found (layout {layout})", "check layout and path")
    absent = [channel for channel in channels if channel not in present]
    if absent:
        raise InputError(
            root,
            f"no plate has the channel {absent[0]!r}",
            "write the channels as the files do, capitals included",
        )
    return sorted(plates)


def index_plate(
    layout: str,
    root: PathLike,
    plate: str,
    channels: Sequence[str],
    path_prefix: Mapping[str, str] | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Find every image of one plate.

    Parameters
    ----------
    layout, root, channels
        As in `list_plates`.
    plate : str
    path_prefix : dict of str to str, optional
        For load_data: replaces beginnings of paths, which are those of another machine; whole
        folder names, the longest match counts. What is not replaced is relative to its table.

    Returns
    -------
    index : pandas.DataFrame
        Columns of `images.tables.PLATE_INDEX`: the views that have all channels, sorted by
        well, site and channel in the order given.
    lost : pandas.DataFrame
        Columns of `images.tables.LOST_VIEWS`: a row for each file that cannot be used, for each
        channel a view lacks, and one for a channel that the whole plate lacks.

    Raises
    ------
    InputError
        A folder or table is missing or damaged.
    UnreachableError
        A place could not be read at all.
    """
    if layout in ("bray_zip", "bray_folder"):
        planes, lost = bray.find_planes(layout, root, plate, channels)
    elif layout == "bray_gallery":
        planes, lost = bray.find_gallery_planes(root, plate)
    elif layout == "load_data":
        planes, lost = load_data.find_planes(root, plate, channels, path_prefix or {})
    elif layout == "table":
        planes, lost = table.find_planes(root, plate, channels)
    else:
        raise ValueError(f"unknown layout {layout!r}")
    return _complete_views(planes, lost, plate, channels)


def _complete_views(
    planes: Iterable[Plane], lost: Iterable[LostPlane], plate: str, channels: Sequence[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Keep the views that have each channel once; put the others on record."""
    # By view and channel: place and member of each file.
    views: dict[tuple[str, int], dict[str, list[tuple[str, str | None]]]] = {}
    for well, site, channel, place, member in planes:
        views.setdefault((well, site), {}).setdefault(channel, []).append((place, member))
    lost = list(lost)
    present = {channel for view in views.values() for channel in view}
    known = {row[:3] for row in lost}
    damaged = {row.channel for row in lost if row.problem == ARCHIVE_DAMAGED}
    for channel in channels:
        if channel not in present and channel not in damaged:
            lost.append(LostPlane(None, None, channel, None, CHANNEL_MISSING, "on the whole plate"))
    complete = []
    # Wells AA01 come after Z01.
    for well, site in sorted(views, key=lambda key: (len(key[0]), *key)):
        view = views[well, site]
        for channel in channels:
            files = view.get(channel, [])
            if len(files) > 1:
                names = ", ".join(member or place for place, member in files)
                lost.append(LostPlane(well, site, channel, files[0][0], DUPLICATE, names))
            elif not files and channel in present and (well, site, channel) not in known:
                lost.append(LostPlane(well, site, channel, None, CHANNEL_MISSING, None))
        if all(len(view.get(channel, [])) == 1 for channel in channels):
            complete += [(plate, well, site, channel, *view[channel][0]) for channel in channels]
    index = pd.DataFrame(complete, columns=PLATE_INDEX.names)
    lost_views = pd.DataFrame([(plate, *row) for row in lost], columns=LOST_VIEWS.names)
    return index.astype({"site": "int64"}), lost_views.astype({"site": "Int64"})
