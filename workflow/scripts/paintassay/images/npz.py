"""One npz a view, as the published code reads them, for tools that know no shards."""

import zipfile
from pathlib import Path

import numpy as np

from paintassay.core.errors import InputError
from paintassay.core.files import atomic_path


def export_views(views, folder):
    """Write each view to a file of its own, in the layout of ml-jku/hti-cnn and ml-jku/cloome.

    ``<plate>-<well>-<site>.npz`` (such as ``24279-A01-1.npz``) holds the array ``sample``,
    uint8, (height, width, channels), uncompressed, the channels in the order Mito, ERSyto,
    ERSytoBleed, Ph_golgi, Hoechst in the published ones and in that of `views` here; and
    ``channels``, their names (text), which those tools do not read. The same view gives the
    same bytes.

    Parameters
    ----------
    views : paintassay.images.views.Views
    folder : str or Path
        Created if need be. Complete files of these names stay as they are, so that an
        interrupted export goes on where it stopped: give another view data another folder.

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
    for index, key in enumerate(views.manifest[["plate", "well", "site"]].itertuples(index=False)):
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


def _is_complete(path):
    """Whether the file is there and whole: the directory of a zip file stands at its end."""
    try:
        with zipfile.ZipFile(path) as archive:
            return "sample.npy" in archive.namelist()
    except (FileNotFoundError, zipfile.BadZipFile):
        return False
