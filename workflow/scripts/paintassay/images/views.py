"""Read views from shards: one at a time, in batches, by well, and as crops around cells."""

import math
import mmap
import operator
import resource
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from paintassay.core.errors import InputError
from paintassay.core.files import PathLike
from paintassay.core.keys import VIEW
from paintassay.core.tables import read_parquet
from paintassay.images.shards import channel_names, read_shape, shard_header
from paintassay.images.tables import views_schema

COLUMNS = [*VIEW, "shard", "row"]


class Views:
    """The views of a manifest, in its order; the pixels stay in the shards.

    It serves as a PyTorch data set: it has a length and indices, can be pickled to the workers of
    a DataLoader, and gives a batch at once. Shards are mapped on first use, in each process. If
    there are several hundred, those unused for longest are closed before the process runs out of
    open files.

    Parameters
    ----------
    manifest : pandas.DataFrame, str or Path
        Table of `images.tables.views_schema` or any rows of it in any order, or its Parquet
        file. More columns do no harm. The names of the channels come from the columns of clip
        levels.
    folder : str or Path
        Where the shards are.
    channels : list of str, optional
        Only these, in this order; all by default.

    Attributes
    ----------
    manifest : pandas.DataFrame
        plate, well, site, shard and row of each view.
    channels : list of str
        Names of the channels, in the order of axis 1.
    shape : tuple of int
        (views, channels, height, width).
    clip_levels : numpy.ndarray, int32, (views, channels), or None
        The camera's values that became 256.

    Raises
    ------
    InputError
        A column is missing, the manifest is empty or has no such channel; a shard is missing or
        damaged, or its shape does not fit the manifest or the first shard.
    """

    def __init__(
        self,
        manifest: pd.DataFrame | PathLike,
        folder: PathLike,
        channels: Sequence[str] | None = None,
    ) -> None:
        if isinstance(manifest, pd.DataFrame):
            where, table, columns = "manifest", manifest, manifest.columns
        else:
            where = str(manifest)
            table = read_parquet(where, views_schema([]), further=True).to_pandas()
            columns = table.columns
        if absent := [name for name in COLUMNS if name not in table]:
            raise InputError(where, f"has no column {', '.join(absent)}")
        names = channel_names(columns)
        if table.empty:
            raise InputError(where, "has no views")
        if missing := [name for name in COLUMNS if table[name].isna().any()]:
            raise InputError(where, f"has missing values in {', '.join(missing)}")
        if unknown := [name for name in channels or [] if name not in names]:
            hint = f"its channels are {', '.join(names)}"
            raise InputError(where, f"has no channel {', '.join(unknown)}", hint)
        self.manifest = table[COLUMNS].reset_index(drop=True)
        self.channels = list(channels or names)
        # What became 256 in each view and channel: the grey levels of two views do not compare.
        levels = [f"clip_level_{name}" for name in self.channels]
        self.clip_levels = table[levels].to_numpy(np.int32) if levels else None
        self._shard_of, shards = self.manifest["shard"].factorize()
        self._row_of = self.manifest["row"].to_numpy(dtype=np.int64)
        self._paths = [Path(folder) / shard for shard in shards]
        self._shapes = [read_shape(path) for path in self._paths]
        self._check_shapes(names)
        stored = self._shapes[0][1:]
        picked = [names.index(name) for name in self.channels] or list(range(stored[0]))
        # Neighbours are a part of the shard's array; others have to be copied.
        in_a_row = picked == list(range(picked[0], picked[-1] + 1))
        self._picked = slice(picked[0], picked[-1] + 1) if in_a_row else picked
        self.shape = (len(self.manifest), len(picked), *stored[1:])
        self._start_maps()

    def _check_shapes(self, names: Sequence[str]) -> None:
        rows = self.manifest.groupby(self._shard_of)["row"].agg(["min", "max"])
        first = self._shapes[0]
        for path, shape, low, high in zip(
            self._paths, self._shapes, rows["min"], rows["max"], strict=True
        ):
            if low < 0 or high >= shape[0]:
                row = low if low < 0 else high
                raise InputError(path, f"has {shape[0]} rows, but the manifest has row {row}")
            if names and shape[1] != len(names):
                raise InputError(
                    path, f"has {shape[1]} channels, but the manifest has {', '.join(names)}"
                )
            if shape[1:] != first[1:]:
                raise InputError(
                    path,
                    f"has views of {shape[1:]}, but {self._paths[0].name} of {first[1:]}",
                    "read plates of different shape separately",
                )

    def _start_maps(self) -> None:
        largest = max(math.prod(shape) for shape in self._shapes)
        self._cached_map = lru_cache(_maps_allowed(largest))(_map_shard)

    def _open_map(self, shard: int) -> tuple[mmap.mmap, np.ndarray]:
        return self._cached_map(self._paths[shard], self._shapes[shard])

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_cached_map"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._start_maps()

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: int) -> np.ndarray:
        """Give one view.

        Parameters
        ----------
        index : int

        Returns
        -------
        numpy.ndarray, uint8, (channels, height, width)
            Read-only and not a copy (unless the channels are no neighbours in the shard): the
            pixels are read from the disk when they are used, and the shard stays mapped as long
            as the view is held.
        """
        row = self._row_of[index]
        return self._open_map(self._shard_of[index])[1][row, self._picked]

    def batch(
        self, indices: Sequence[int] | np.ndarray, out: np.ndarray | None = None
    ) -> np.ndarray:
        """Gather several views, all of which are requested from the disk at once.

        Parameters
        ----------
        indices : sequence of int
            In any order, also repeated.
        out : numpy.ndarray, uint8, (len(indices), channels, height, width), optional
            Where to put them, for example the ``.numpy()`` of a pinned tensor.

        Returns
        -------
        numpy.ndarray, uint8, (len(indices), channels, height, width)
            `out` if it was given.

        Raises
        ------
        ValueError
            `out` has another dtype or shape.
        """
        # Refuses masks and fractions, which would pick other views than were meant.
        positions = [operator.index(index) for index in indices]
        shape = (len(positions), *self.shape[1:])
        if out is None:
            out = np.empty(shape, np.uint8)
        elif out.dtype != np.uint8 or out.shape != shape:
            raise ValueError(f"out is {out.dtype} {out.shape} instead of uint8 {shape}")
        for position in positions:
            self._prefetch(position)
        for copy, position in zip(out, positions, strict=True):
            view = self._open_map(self._shard_of[position])[1][self._row_of[position]]
            copy[...] = view[self._picked]
        return out

    # PyTorch's DataLoader asks for a batch under this name.
    __getitems__ = batch

    def _prefetch(self, index: int) -> None:
        """Ask for all of a view's pages; the kernel alone reads a mapped file by small pieces."""
        shard, row = self._shard_of[index], self._row_of[index]
        size = math.prod(self._shapes[shard][1:])
        start = len(shard_header(self._shapes[shard])) + int(row) * size
        page_start = start - start % mmap.PAGESIZE
        self._open_map(shard)[0].madvise(mmap.MADV_WILLNEED, page_start, start + size - page_start)


def groups_by_well(manifest: pd.DataFrame) -> dict[tuple[str, str], np.ndarray]:
    """Find the views of each well.

    Parameters
    ----------
    manifest : pandas.DataFrame
        With columns plate, well and site, such as ``Views.manifest``.

    Returns
    -------
    dict of tuple to numpy.ndarray
        (plate, well) to the positions (int64) of its views in the manifest, by site; sorted by
        plate and well.
    """
    plates, plate_index = manifest["plate"].factorize(sort=True)
    wells, well_index = manifest["well"].factorize(sort=True)
    order = np.lexsort((manifest["site"], wells, plates))
    # One number a well; groupby takes several times longer on the 150,000 wells of a full screen.
    well_of = plates[order] * len(well_index) + wells[order]
    numbers, firsts = np.unique(well_of, return_index=True)
    plate_names, well_names = list(plate_index), list(well_index)
    return {
        (plate_names[number // len(well_names)], well_names[number % len(well_names)]): group
        # Without views, split still makes one empty group.
        for number, group in zip(numbers, np.split(order, firsts[1:]), strict=False)
    }


def windows(
    view: np.ndarray, centres: npt.ArrayLike, size: int = 96
) -> tuple[np.ndarray, np.ndarray]:
    """Crop squares around cells.

    A square that would reach over the border is left out and not padded: a model can learn from a
    made-up margin, which tells where in the view a cell was.

    Parameters
    ----------
    view : numpy.ndarray, (channels, height, width)
    centres : array_like of float, (cells, 2)
        x (column) and y (row) of each centre in pixels, as in `dataset.tables.CELLS`; centre of
        the top left pixel: (0, 0).
    size : int
        Side of the squares in pixels; 96 in the paper (Methods, SC-CNN). The pixel nearest to
        the centre becomes row and column ``size // 2`` of the square.

    Returns
    -------
    crops : numpy.ndarray, (kept, channels, size, size)
        Copies, dtype of the view.
    kept : numpy.ndarray, bool, (cells,)
        Whose squares lie within the view; missing (NaN) centres have none.
    """
    centres = np.asarray(centres, dtype=np.float64).reshape(-1, 2)
    channels, height, width = view.shape
    corners, kept = window_corners(centres, size, height, width)
    crops = np.empty((int(kept.sum()), channels, size, size), view.dtype)
    for crop, (left, top) in zip(crops, corners[kept].astype(np.int64), strict=True):
        crop[...] = window(view, left, top, size)
    return crops, kept


def window_corners(
    centres: np.ndarray, size: int, height: int, width: int
) -> tuple[np.ndarray, np.ndarray]:
    """Find the corners of squares around cells, and which squares lie within a view.

    Parameters
    ----------
    centres : numpy.ndarray of float64, (cells, 2)
    size : int
        As for `windows`, as are the centres.
    height, width : int
        Size of the view in pixels.

    Returns
    -------
    corners : numpy.ndarray of float64, (cells, 2)
        x (column) and y (row) of the top left pixel: whole numbers, or NaN.
    within : numpy.ndarray of bool, (cells,)
    """
    corners = np.floor(centres + 0.5) - size // 2
    # A comparison with NaN is false.
    within = np.all((corners >= 0) & (corners <= [width - size, height - size]), axis=1)
    return corners, within


def window(view: np.ndarray, left: int, top: int, size: int) -> np.ndarray:
    """Cut a square out of a view (channels, height, width), without a copy."""
    return view[:, top : top + size, left : left + size]


def _map_shard(path: Path, shape: tuple[int, ...]) -> tuple[mmap.mmap, np.ndarray]:
    """Map a shard into memory: (mmap, its pixels as a read-only array of `shape`)."""
    # Beyond the end of a file a map gives no error but a signal that kills the process.
    if read_shape(path) != shape:
        raise InputError(path, "has changed since the reader was made")
    with path.open("rb") as file:
        memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    offset = len(shard_header(shape))
    return memory, np.frombuffer(memory, np.uint8, offset=offset).reshape(shape)


def _maps_allowed(largest: int) -> int:
    """Say how many shards of up to `largest` bytes one reader maps at a time.

    A map holds an open file. A quarter of what a process may open leaves room for a reader each
    of training, validation and test views, and for everything else.
    """
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 4
    space = resource.getrlimit(resource.RLIMIT_AS)[0]
    if space != resource.RLIM_INFINITY:
        allowed = min(allowed, space // 4 // max(largest, 1))
    return max(allowed, 1)
