"""Export views as npz files, which the published code reads, for tools that know no shards."""

import zipfile
from pathlib import Path

import numpy as np

from paintassay.core.errors import InputError
from paintassay.core.files import PathLike, atomic_path
from paintassay.core.keys import VIEW
from paintassay.images.views import Views


def export_views(views: Views, folder: PathLike) -> int:
    """Write each view to a file of its own, in the layout of ml-jku/hti-cnn and ml-jku/cloome.

    ``<plate>-<well>-<site>.npz`` (such as ``24279-A01-1.npz``) holds the array ``sample``,
    uint8, (height, width, channels), uncompressed, and ``channels``, the names of the channels
    (text), which those tools do not read. The channels have the order of `views`; in the
    published files it is Mito, ERSyto, ERSytoBleed, Ph_golgi, Hoechst. The same view gives the
    same bytes.

    Parameters
    ----------
    views : Views
    folder : str or Path
        Created if need be. Complete files of these names stay as they are, so that an
        interrupted export goes on where it stopped: other views need another folder.

    Returns
    -------
    int
        How many files were written.

    Raises
    ------
    InputError
        A plate's or well's name cannot be part of a file name.
    """
    written = 0
    for index, key in enumerate(views.manifest[VIEW].itertuples(index=False)):
        name = f"{key.plate}-{key.well}-{key.site}.npz"
        if Path(name).name != name:
            raise InputError("manifest", f"{name!r} cannot be a file name")
        path = Path(folder) / name
        if _is_complete(path):
            continue
        sample = np.ascontiguousarray(views[index].transpose(1, 2, 0))
        channels = np.array(views.channels, dtype=np.str_)
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.savez(file, sample=sample, channels=channels)
        written += 1
    return written


def _is_complete(path: Path) -> bool:
    """Tell whether the file is there and complete: a zip file ends with its directory."""
    try:
        with zipfile.ZipFile(path) as archive:
            return "sample.npy" in archive.namelist()
    except (FileNotFoundError, zipfile.BadZipFile):
        return False
