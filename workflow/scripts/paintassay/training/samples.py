"""What a model is fed with: views, crops around cells or features of wells, and their labels."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from paintassay.core.errors import InputError
from paintassay.core.files import PathLike
from paintassay.core.keys import VIEW, WELL
from paintassay.core.matching import check_kept
from paintassay.core.tables import read_parquet
from paintassay.dataset.profiles import standardise_features, standardise_wells
from paintassay.dataset.tables import CELLS, FEATURE_WELLS
from paintassay.images.intact import check_some_views
from paintassay.images.shards import channel_names
from paintassay.images.views import Views, window, window_corners

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
    shape: tuple[int, ...]
    dtype: np.dtype
    read: Callable[[np.ndarray, np.ndarray], object]

    def __len__(self) -> int:
        return len(self.view_of)


@dataclass(frozen=True)
class LabelledSamples:
    """Samples, and the labels of their views.

    Attributes
    ----------
    samples : Samples
    labels : numpy.ndarray of int8, (views, tasks)
        +1 active, -1 inactive, 0 missing; rows as in ``samples.views``.
    """

    samples: Samples
    labels: np.ndarray


@dataclass(frozen=True)
class CellFiles:
    """Where the centres of cells are, and the side of the crops around them in pixels.

    `tables` are Parquet files of `dataset.tables.CELLS`.
    """

    tables: Sequence[PathLike]
    crop_size: int


@dataclass(frozen=True)
class FeatureFiles:
    """Where the features of wells are.

    Attributes
    ----------
    matrix : str or Path
        .npy file, float32, (wells, features).
    wells : str or Path
        Parquet file of `dataset.tables.FEATURE_WELLS`: the rows of the matrix.
    names : str or Path
        Text file with the name of a feature on each line.
    standardise : {"wells", "features"}
        As for `feature_samples`.
    """

    matrix: PathLike
    wells: PathLike
    names: PathLike
    standardise: str


@dataclass(frozen=True)
class SampleSource:
    """Where samples are read from: whole views, unless there are cells or features.

    Attributes
    ----------
    views : str or Path
        The data set: Parquet file of `dataset.tables.dataset_schema`.
    shards : str or Path
        Folder of the shards.
    cells : CellFiles, optional
        Samples are crops around these.
    features : FeatureFiles, optional
        Samples are these.
    """

    views: PathLike
    shards: PathLike
    cells: CellFiles | None = None
    features: FeatureFiles | None = None

    @property
    def kind(self) -> str:
        """What a sample is: views, cells or features, as `INPUT` of a model."""
        return "features" if self.features else "cells" if self.cells else "views"


def read_samples(rows: pd.DataFrame, source: SampleSource) -> tuple[Samples, list[str]]:
    """Read what a model is fed with.

    Parameters
    ----------
    rows : pandas.DataFrame
        Of the data set, with its channels.
    source : SampleSource

    Returns
    -------
    samples : Samples
    names : list of str
        Of the channels, or of the features.

    Raises
    ------
    InputError
        There are no rows, or the files do not fit them; some views are compared with their
        checksums.
    """
    if rows.empty:
        raise InputError(source.views, "has no views in these parts")
    if source.features:
        files = source.features
        matrix = _read_matrix(files.matrix)
        wells = read_parquet(files.wells, FEATURE_WELLS).to_pandas()
        names = Path(files.names).read_text(encoding="utf-8").splitlines()
        return feature_samples(rows, matrix, wells, files.standardise), names
    check_some_views(rows, source.shards)
    if source.cells:
        tables = [read_parquet(path, CELLS).to_pandas() for path in source.cells.tables]
        cells = pd.concat(tables, ignore_index=True)
        samples = cell_samples(rows, source.shards, cells, source.cells.crop_size)
    else:
        samples = view_samples(rows, source.shards)
    return samples, channel_names(rows.columns)


def _read_matrix(path: PathLike) -> np.ndarray:
    try:
        return np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(
            path,
            f"is not a whole .npy file ({error})",
            "delete it and run the same command again, which makes it anew",
        ) from error


def view_samples(manifest: pd.DataFrame, folder: PathLike) -> Samples:
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
        _describe_views(manifest),
        np.arange(len(views)),
        views.shape[1:],
        np.dtype(np.uint8),
        views.batch,
    )


def cell_samples(
    manifest: pd.DataFrame, folder: PathLike, cells: pd.DataFrame, size: int = 96
) -> Samples:
    """Square crops around cells: one sample for each that lies wholly within its view.

    The crops are those of `images.views.windows`. Cells of other views than those of the manifest
    are passed over; views without a crop are left out.

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
    view_of = _matching_rows(cells, manifest, VIEW, "manifest")
    corners, within = window_corners(cells[["x", "y"]].to_numpy(np.float64), size, height, width)
    kept = np.flatnonzero(within & (view_of >= 0))
    kept = kept[np.argsort(view_of[kept], kind="stable")]
    if not len(kept):
        raise InputError("cells", f"no crop of {size} pixels lies within a view of the manifest")
    corners, view_of = corners[kept].astype(np.int32), view_of[kept]
    has_crop = np.bincount(view_of, minlength=len(manifest)) > 0
    rows, view_of = np.flatnonzero(has_crop), (np.cumsum(has_crop) - 1)[view_of]
    if without := len(manifest) - len(rows):
        log.info("%d of %d views left out: they have no crop", without, len(manifest))
    check_kept(
        "cells",
        f"views with a crop of {size} pixels",
        len(rows),
        len(manifest),
        "do the tables of cells name plates, wells and sites as the images do?",
    )
    shards = pixels.manifest["shard"].factorize()[0]
    rank_on_disk = np.empty(len(manifest), np.int64)
    rank_on_disk[np.lexsort((pixels.manifest["row"], shards))] = np.arange(len(manifest))

    def read(indices: np.ndarray, out: np.ndarray) -> None:
        indices = np.asarray(indices, dtype=np.int64)
        views = rows[view_of[indices]]
        # Crops of one view or of neighbours are cut while their pages are at hand.
        order = np.argsort(rank_on_disk[views])
        places = zip(order, views[order], corners[indices[order]], strict=True)
        for position, view, (left, top) in places:
            out[position] = window(pixels[view], left, top, size)

    views = _describe_views(manifest.iloc[rows])
    return Samples(views, view_of, (channels, size, size), np.dtype(np.uint8), read)


def feature_samples(
    manifest: pd.DataFrame, features: np.ndarray, wells: pd.DataFrame, standardise: str = "wells"
) -> Samples:
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
    shown = manifest.drop_duplicates(WELL)
    row_of = _matching_rows(shown, wells, WELL, "features")
    has_features = row_of >= 0
    if not has_features.any():
        raise InputError("features", "no well of the manifest has features")
    if without := int((~has_features).sum()):
        log.info("%d of %d wells left out: they have no features", without, len(shown))
    check_kept(
        "features",
        "wells with features",
        int(has_features.sum()),
        len(shown),
        "do the profiles name plates and wells as the images do?",
    )
    if standardise == "features":
        # Over the whole screen, so that a well has the same values in every part.
        features = standardise_features(features)
    values = features[row_of[has_features]]
    if standardise == "wells":
        values = standardise_wells(values)
    views = _describe_views(shown[has_features].assign(site=None))

    def read(indices: np.ndarray, out: np.ndarray) -> None:
        out[...] = values[indices]

    return Samples(views, np.arange(len(views)), values.shape[1:], values.dtype, read)


def _describe_views(manifest: pd.DataFrame) -> pd.DataFrame:
    views = manifest[[*VIEW, "inchikey"]].reset_index(drop=True)
    return views.astype({"site": "Int64"})


def _matching_rows(
    queries: pd.DataFrame, table: pd.DataFrame, columns: Sequence[str], where: str
) -> np.ndarray:
    """The row of `table` with the same `columns`, for each row of `queries`; -1 for none."""
    query_number, table_number = np.zeros(len(queries), np.int64), np.zeros(len(table), np.int64)
    for column in columns:
        codes, values = pd.factorize(table[column])
        # There are few different values; each is looked up once and not once a cell.
        query_codes, query_values = pd.factorize(queries[column])
        known = np.append(pd.Index(values).get_indexer(query_values), -1)[query_codes]
        table_number = table_number * len(values) + codes
        # A number that is negative once stays so.
        query_number = np.where(known < 0, -1, query_number * len(values) + known)
    index = pd.Index(table_number)
    if not index.is_unique:
        twice = table[index.duplicated()].iloc[0]
        raise InputError(where, f"{', '.join(str(twice[name]) for name in columns)} stands twice")
    return index.get_indexer(pd.Index(query_number))
