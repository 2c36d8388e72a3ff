"""Find the images of Bray et al. 2017 by their names, in archives or folders."""

import re
from collections.abc import Sequence

from paintassay.core.errors import InputError
from paintassay.core.files import PathLike
from paintassay.images.layouts.planes import (
    ARCHIVE_DAMAGED,
    NAME_NOT_PARSED,
    NOT_AN_IMAGE,
    OUTSIDE_FOLDER,
    WRONG_WAVELENGTH,
    LostPlane,
    Plane,
)
from paintassay.images.storage import UnreachableError, join_place, list_folder, member_names

# The microscope's wavelength number in every file name.
BRAY_WAVELENGTHS = {"Hoechst": 1, "ERSyto": 2, "ERSytoBleed": 3, "Ph_golgi": 4, "Mito": 5}
# A GUID may follow the wavelength without a gap and begin with a digit; its length is fixed.
BRAY_NAME = re.compile(
    r".+_([a-p](?:0[1-9]|1\d|2[0-4]))_s(\d+)_w(\d)"
    r"(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})?\.tiff?",
    re.IGNORECASE,
)


def list_plates(layout: str, root: PathLike, channels: Sequence[str]) -> tuple[set[str], set[str]]:
    """List the plates, and those of the channels that any plate has.

    Parameters
    ----------
    layout, root, channels
        As in `images.index.list_plates`.

    Returns
    -------
    plates, channels : set of str

    Raises
    ------
    InputError
        Bray's screen has no such channel.
    """
    unknown = [channel for channel in channels if channel not in BRAY_WAVELENGTHS]
    if unknown:
        raise InputError(
            root,
            f"layout {layout} has no channel {unknown[0]!r}",
            f"its channels are {', '.join(BRAY_WAVELENGTHS)}",
        )
    files, folders = list_folder(root)
    if layout == "bray_gallery":
        # Only the files of each plate tell which channels it has.
        return set(folders), set(channels)
    if layout == "bray_zip":
        names = [name.removesuffix(".zip") for name in files if name.endswith(".zip")]
    else:
        names = folders
    pairs = [
        (plate, channel)
        for plate, _, channel in (name.rpartition("-") for name in names)
        if plate and channel in channels
    ]
    return {plate for plate, _ in pairs}, {channel for _, channel in pairs}


def find_planes(
    layout: str, root: PathLike, plate: str, channels: Sequence[str]
) -> tuple[list[Plane], list[LostPlane]]:
    """Find the planes of a plate, each channel in an archive or folder of its own.

    Parameters
    ----------
    layout : {"bray_zip", "bray_folder"}
    root, plate, channels
        As in `images.index.index_plate`.

    Returns
    -------
    planes : list of Plane
    lost : list of LostPlane
    """
    files, folders = list_folder(root)
    planes, lost = [], []
    for channel in channels:
        folder = f"{plate}-{channel}"
        # Names as in the archive, each with its place and member.
        names: list[tuple[str, str, str | None]] = []
        if layout == "bray_zip" and f"{folder}.zip" in files:
            place = join_place(root, f"{folder}.zip")
            try:
                names = [(name, place, name) for name in member_names(place)]
            except InputError as error:
                if isinstance(error, UnreachableError):
                    raise
                lost.append(LostPlane(None, None, channel, place, ARCHIVE_DAMAGED, error.problem))
        elif layout == "bray_folder" and folder in folders:
            place = join_place(root, folder)
            inside, below = list_folder(place)
            names = [(f"{folder}/{name}", join_place(place, name), None) for name in inside]
            names += [(f"{folder}/{name}/", join_place(place, name), None) for name in below]
        for name, place, member in names:
            well, site, wavelength, problem = _parse_name(name, folder)
            if problem is None and wavelength != BRAY_WAVELENGTHS[channel]:
                problem = WRONG_WAVELENGTH
            if problem:
                lost.append(LostPlane(well, site, channel, place, problem, name))
            else:
                planes.append(Plane(well, site, channel, place, member))
    return planes, lost


def find_gallery_planes(root: PathLike, plate: str) -> tuple[list[Plane], list[LostPlane]]:
    """Find the planes of a plate in the Cell Painting Gallery, all channels in one folder.

    Parameters
    ----------
    root, plate
        As in `images.index.index_plate`.

    Returns
    -------
    planes : list of Plane
    lost : list of LostPlane
    """
    place = join_place(root, plate)
    names, folders = list_folder(place)
    channel_of = {number: channel for channel, number in BRAY_WAVELENGTHS.items()}
    planes, lost = [], []
    for name in [*names, *(f"{folder}/" for folder in folders)]:
        well, site, wavelength, problem = _parse_name(f"{plate}/{name}", plate)
        image = join_place(place, name)
        if problem is None and wavelength not in channel_of:
            problem = WRONG_WAVELENGTH
        if problem:
            lost.append(LostPlane(well, site, channel_of.get(wavelength), image, problem, name))
        else:
            planes.append(Plane(well, site, channel_of[wavelength], image, None))
    return planes, lost


def _parse_name(name: str, folder: str) -> tuple:
    """(well, site, wavelength, problem) of `<folder>/<prefix>_<well>_s<site>_w<n><guid>.tif`."""
    parts = name.split("/")
    # macOS and Windows leave their own files among the images.
    hidden = parts[0] == "__MACOSX" or parts[-1].startswith(".")
    if hidden or not parts[-1].lower().endswith((".tif", ".tiff")):
        return None, None, None, NOT_AN_IMAGE
    if parts[:-1] != [folder]:
        return None, None, None, OUTSIDE_FOLDER
    match = BRAY_NAME.fullmatch(parts[-1])
    if not match:
        return None, None, None, NAME_NOT_PARSED
    return match[1].upper(), int(match[2]), int(match[3]), None
