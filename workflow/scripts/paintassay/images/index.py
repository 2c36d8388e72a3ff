"""Find the images of a plate: which file, or member of an archive, is which well and channel.

Each layout has a module in `images.layouts`. What they find ends in `_complete_views`, so that a
view is in the index with all its channels or not at all, and what it lacks is on record. One plate
is indexed at a time: only the list of plates grows with the screen.
"""

import os
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from paintassay.core.errors import InputError
from paintassay.core.files import PathLike
from paintassay.core.names import check_name, name_problem
from paintassay.images.layouts import bray, load_data, table
from paintassay.images.layouts.planes import (
    ARCHIVE_DAMAGED,
    CHANNEL_MISSING,
    DUPLICATE,
    NAME_NOT_PARSED,
    WRONG_SITE,
    WRONG_WELL,
    LostPlane,
    Plane,
)
from paintassay.images.tables import LOST_VIEWS, PLATE_INDEX

# Problems of images that are there, but of nobody knows which view.
UNNAMED = (NAME_NOT_PARSED, WRONG_WELL, WRONG_SITE)


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
        No plates are there, a column is missing, a channel occurs on no plate, or the name of a
        plate cannot be a part of a path.
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
    for plate in sorted(plates):
        if name_problem(plate):
            modules = {"load_data": load_data, "table": table}
            where = modules[layout].place_of_plate(root, plate) if layout in modules else str(root)
            check_name(plate, "plate", where)
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
        A folder or table is missing or damaged, or one file is named for two planes.
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


def check_places(index: pd.DataFrame) -> None:
    """Make sure that no file, or member of an archive, stands for two planes.

    Parameters
    ----------
    index : pandas.DataFrame
        Columns of `images.tables.PLATE_INDEX`, of one plate or more.

    Raises
    ------
    InputError
        A file is used twice; it names both planes.
    """
    # Numbers are compared and not texts: a whole screen has millions of planes.
    of_row, spellings = pd.factorize(index["place"])
    places = pd.factorize(np.array([_plain_place(place) for place in spellings], dtype=object))[0]
    files = pd.DataFrame({"place": places[of_row], "member": pd.factorize(index["member"])[0]})
    repeated = files.duplicated()
    if not repeated.any():
        return
    row = int(repeated.to_numpy().argmax())
    first = int((files == files.iloc[row]).all(axis="columns").to_numpy().argmax())
    planes = [
        f"plate {plane.plate}, well {plane.well}, site {plane.site}, {plane.channel}"
        for plane in index.iloc[[first, row]].itertuples()
    ]
    place, member = index.iloc[row][["place", "member"]]
    raise InputError(
        f"{place}, member {member}" if isinstance(member, str) else place,
        f"is used twice: for {planes[0]}, and for {planes[1]}",
        "name the right file for each; a wrong line of a table is often a copy of the one above",
    )


def check_losses(
    index: pd.DataFrame, lost: pd.DataFrame, channels: Sequence[str], max_lost: float
) -> int:
    """Count the views of a plate that its index lost, and refuse too many.

    Parameters
    ----------
    index, lost : pandas.DataFrame
        As from `index_plate`.
    channels : list of str
    max_lost : float
        Share of the views that may be lost.

    Returns
    -------
    int
        Views with a name count once. Images without a well or site are taken for one view for as
        many as there are channels. A plate without any complete view counts as no loss here: it
        stands in `lost`, and some plates of the published screen are of this kind.

    Raises
    ------
    InputError
        More are lost.
    """
    losses = _count_lost(index, lost, channels)
    views = losses + len(index) // len(channels)
    if losses > max_lost * views:
        raise InputError(
            f"plate {index['plate'].iloc[0]}",
            f"the index lacks {losses} of {views} views, more than {max_lost:.0%}; most often: "
            f"{usual_loss(lost)}",
            "images/index/<plate>.lost.csv in the results lists them; mend the names or tables, "
            "leave the plate out, or raise images.max_lost",
        )
    return losses


def usual_loss(lost: pd.DataFrame) -> str | None:
    """Say what was lost most often, up to three kinds with an example; None if nothing was."""
    if lost.empty:
        return None
    examples = []
    for problem in lost["problem"].value_counts().index[:3]:
        row = lost[lost["problem"] == problem].iloc[0]
        names = row[["plate", "well", "site", "channel", "place", "detail"]].dropna()
        examples.append(f"{problem} ({', '.join(map(str, names))})")
    return "; ".join(examples)


def _count_lost(index: pd.DataFrame, lost: pd.DataFrame, channels: Sequence[str]) -> int:
    if index.empty:
        return 0
    named = lost["well"].notna() & lost["site"].notna()
    unnamed = ~named & lost["problem"].isin(UNNAMED)
    views = lost.loc[named, ["well", "site"]].drop_duplicates()
    # A file that stands beside a complete view, such as one of another wavelength, lost nothing.
    views = views.merge(index[["well", "site"]].drop_duplicates(), how="left", indicator="origin")
    return int((views["origin"] == "left_only").sum()) + -(-int(unnamed.sum()) // len(channels))


def _plain_place(place: str) -> str:
    """Spell a path in one way; a URL stays as it is."""
    return place if "://" in place else os.path.normpath(place)


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
    check_places(index)
    lost_views = pd.DataFrame([(plate, *row) for row in lost], columns=LOST_VIEWS.names)
    return index.astype({"site": "int64"}), lost_views.astype({"site": "Int64"})
