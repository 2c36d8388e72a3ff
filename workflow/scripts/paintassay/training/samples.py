"""What a network is fed with: views, crops around cells or features of wells, and their labels."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from paintassay.core.errors import InputError
from paintassay.core.keys import VIEW, WELL
from paintassay.dataset.profiles import standardise_features, standardise_wells
from paintassay.images.views import Views

log = logging.getLogger(__name__)


@dataclass
class Samples:
    """Samples of one kind, read when they are needed.

    Attributes
    ----------
    views : pandas.DataFrame
        What predictions are made for: plate, well, site (Int64; missing where it is a whole
        well), inchikey (may be missing); index from 0.
    view_of : numpy.ndarray of int64, (samples,)
        The row of `views` that each sample belongs to; never decreasing.
    shape : tuple of int
        Of one sample: (channels, height, width), or (features,).
    dtype : numpy.dtype
        uint8 for pixels, float32 for features.
    read : callable
        ``read(indices, out)`` puts the samples `indices` (sequence of int) into `out`, an array
        of shape (len(indices), *shape) and this dtype. Any number of threads may call it at once.
    """

    views: pd.DataFrame
    view_of: np.ndarray
    shape: tuple
    dtype: np.dtype
    read: Callable

    def __len__(self):
        return len(self.view_of)


def view_samples(manifest, folder):
    """Whole views: one sample a view.

    Parameters
    ----------
    manifest : pandas.DataFrame
        Rows of the table `dataset.tables.dataset_schema`.
    folder : str or Path
        Where the shards are.

    Returns
    -------
    Samples

    Raises
    ------
    InputError
        As `images.views.Views`: a shard is missing or does not fit the manifest, for example.
    """
    views = Views(manifest, folder)
    return Samples(
        _described(manifest),
        np.arange(len(views)),
        views.shape[1:],
        np.dtype(np.uint8),
        views.batch,
    )


def cell_samples(manifest, folder, cells, size=96):
    """Square crops around cells: one sample for each that lies wholly within its view.

    Which those are, and what is in them, is as in `images.views.windows`. Cells of other views than
    those of the manifest are passed over; views without a crop are left out.

    Parameters
    ----------
    manifest : pandas.DataFrame
        Rows of the table `dataset.tables.dataset_schema`.
    folder : str or Path
        Where the shards are.
    cells : pandas.DataFrame
        As `dataset.tables.CELLS`.
    size : int
        Side of the crops in pixels.

    Returns
    -------
    Samples
        In the order of the views, then of the cells.

    Raises
    ------
    InputError
        As `images.views.Views`; also if a view stands twice in the manifest, or no crop remains.
    """
    pixels = Views(manifest, folder)
    channels, height, width = pixels.shape[1:]
    view_of = _find(cells, manifest, VIEW, "manifest")
    left, top = (np.floor(cells[axis].to_numpy(np.float64) + 0.5) - size // 2 for axis in "xy")
    # A comparison with NaN is false.
    inside = (left >= 0) & (top >= 0) & (left <= width - size) & (top <= height - size)
    kept = np.flatnonzero(inside & (view_of >= 0))
    kept = kept[np.argsort(view_of[kept], kind="stable")]
    if not len(kept):
        raise InputError("cells", f"no crop of {size} pixels lies within a view of the manifest")
    left, top = left[kept].astype(np.int32), top[kept].astype(np.int32)
    view_of = view_of[kept]
    has_crop = np.bincount(view_of, minlength=len(manifest)) > 0
    rows, view_of = np.flatnonzero(has_crop), (np.cumsum(has_crop) - 1)[view_of]
    if without := len(manifest) - len(rows):
        log.info("%d of %d views left out: they have no crop", without, len(manifest))
    shards = pixels.manifest["shard"].factorize()[0]
    place_on_disk = np.empty(len(manifest), np.int64)
    place_on_disk[np.lexsort((pixels.manifest["row"], shards))] = np.arange(len(manifest))

    def read(indices, out):
        indices = np.asarray(indices, dtype=np.int64)
        views = rows[view_of[indices]]
        # Crops of one view or of neighbours are cut while their pages are at hand.
        order = np.argsort(place_on_disk[views])
        corners = zip(views[order], left[indices[order]], top[indices[order]], strict=True)
        for place, (view, x, y) in zip(order, corners, strict=True):
            out[place] = pixels[view][:, y : y + size, x : x + size]

    views = _described(manifest.iloc[rows])
    return Samples(views, view_of, (channels, size, size), np.dtype(np.uint8), read)


def feature_samples(manifest, features, wells, standardise="wells"):
    """Features of wells: one sample for each well of the manifest that has them.

    Parameters
    ----------
    manifest : pandas.DataFrame
        Rows of the table `dataset.tables.dataset_schema`; it says which wells, and what they show.
    features : numpy.ndarray of float32, (wells, features)
        Finite, in any units.
    wells : pandas.DataFrame
        plate and well of each row of `features`.
    standardise : {"wells", "features"}
        By `dataset.profiles.standardise_wells`, as in the published code, or
        `standardise_features`.

    Returns
    -------
    Samples
        In the order in which the wells first stand in the manifest.

    Raises
    ------
    InputError
        A well has features twice, or no well of the manifest has any.
    """
    if len(features) != len(wells):
        raise ValueError(f"{len(features)} rows of features for {len(wells)} wells")
    wanted = manifest.drop_duplicates(WELL)
    row = _find(wanted, wells, WELL, "features")
    found = row >= 0
    if not found.any():
        raise InputError("features", "no well of the manifest has features")
    if without := int((~found).sum()):
        log.info("%d of %d wells left out: they have no features", without, len(wanted))
    if standardise == "features":
        # Over the whole screen, so that a well has the same values in every part.
        features = standardise_features(features)
    values = features[row[found]]
    if standardise == "wells":
        values = standardise_wells(values)
    views = _described(wanted[found].assign(site=pd.NA))

    def read(indices, out):
        out[...] = values[indices]

    return Samples(views, np.arange(len(views)), values.shape[1:], values.dtype, read)


def _described(manifest):
    views = manifest[[*VIEW, "inchikey"]].reset_index(drop=True)
    return views.astype({"site": "Int64"})


def _find(wanted, table, columns, where):
    """The row of `table` with the same `columns`, for each row of `wanted`; -1 for none."""
    wanted_number, table_number = np.zeros(len(wanted), np.int64), np.zeros(len(table), np.int64)
    for column in columns:
        codes, values = pd.factorize(table[column])
        # There are few different values; each is looked up once and not once a cell.
        wanted_codes, wanted_values = pd.factorize(wanted[column])
        known = np.append(pd.Index(values).get_indexer(wanted_values), -1)[wanted_codes]
        table_number = table_number * len(values) + codes
        # A number that is negative once stays so.
        wanted_number = np.where(known < 0, -1, wanted_number * len(values) + known)
    index = pd.Index(table_number)
    if not index.is_unique:
        twice = table[index.duplicated()].iloc[0]
        raise InputError(where, f"{', '.join(str(twice[name]) for name in columns)} stands twice")
    return index.get_indexer(pd.Index(wanted_number))
