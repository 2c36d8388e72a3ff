"""Write the views of a plate to a shard, one uncompressed .npy file, and verify it."""

import hashlib
import io
import logging
import math
import os
import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

from paintassay.core.errors import InputError
from paintassay.core.files import PathLike, atomic_path
from paintassay.core.keys import VIEW

log = logging.getLogger(__name__)

# The one form in which numpy itself writes the header of such an array.
HEADER = re.compile(
    rb"\x93NUMPY\x01\x00..\{'descr': '\|u1', 'fortran_order': False,"
    rb" 'shape': \((\d{1,12}), (\d{1,12}), (\d{1,12}), (\d{1,12})\), \} *\n",
    re.DOTALL,
)
LONGEST_HEADER = 256


def shard_header(shape: Sequence[int]) -> bytes:
    """Make the .npy (format 1.0) header of a shard.

    numpy pads it so that its length does not depend on the number of views: views can be cut
    off the end of a file without moving the others.

    Parameters
    ----------
    shape : tuple of int
        (views, channels, height, width).

    Returns
    -------
    bytes
    """
    file = io.BytesIO()
    description = {
        "descr": "|u1",
        "fortran_order": False,
        "shape": tuple(int(length) for length in shape),
    }
    np.lib.format.write_array_header_1_0(file, description)
    return file.getvalue()


def read_shape(path: PathLike) -> tuple[int, ...]:
    """Read the shape of a shard and check its header and length, but no pixels.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    tuple of int
        (views, channels, height, width).

    Raises
    ------
    InputError
        The file is missing, is no shard, or is longer or shorter than its header says.
    """
    try:
        with Path(path).open("rb") as file:
            start = file.read(LONGEST_HEADER)
            length = os.fstat(file.fileno()).st_size
    except FileNotFoundError as error:
        raise InputError(path, "the shard is missing", "convert its plate again") from error
    match = HEADER.match(start)
    shape = tuple(map(int, match.groups())) if match else ()
    # All of the header is compared, so that no byte of it goes unchecked.
    if match is None or match.group() != shard_header(shape):
        raise InputError(
            path,
            "is not a shard: no .npy header of a uint8 array (views, channels, height, width)",
            "convert its plate again",
        )
    expected = match.end() + math.prod(shape)
    if length != expected:
        raise InputError(
            path,
            f"has {length} bytes instead of the {expected} of its shape {shape}",
            "it was cut off or appended to; convert its plate again",
        )
    return shape


class ShardWriter:
    """Writes views to a file, from any thread and in any order; made by `new_shard`."""

    def __init__(self, file: io.FileIO, shape: Sequence[int]) -> None:
        self._file = file
        self._shape = tuple(shape)
        self._offset = len(shard_header(shape))
        self._written: set[int] = set()
        self._lock = threading.Lock()

    def __call__(self, row: int, view: np.ndarray) -> str:
        """Write one view.

        Parameters
        ----------
        row : int
            Its row in the shard, from 0; each is written once.
        view : numpy.ndarray, uint8, (channels, height, width)

        Returns
        -------
        str
            SHA-256 of ``view.tobytes()`` as 64 hexadecimal digits.

        Raises
        ------
        ValueError
            The view has another dtype or shape, or the row is not free.
        OSError
            The disk is full or failed.
        """
        if view.dtype != np.uint8 or view.shape != self._shape[1:]:
            raise ValueError(
                f"row {row}: {view.dtype} {view.shape} instead of uint8 {self._shape[1:]}"
            )
        if not 0 <= row < self._shape[0]:
            raise ValueError(f"row {row} of {self._shape[0]}")
        with self._lock:
            if row in self._written:
                raise ValueError(f"row {row} is written twice")
            self._written.add(row)
        pixels = np.ascontiguousarray(view).data.cast("B")
        _write_all(self._file, pixels, self._offset + int(row) * len(pixels))
        return hashlib.sha256(pixels).hexdigest()

    def truncate(self, views: int) -> None:
        """Keep only the first `views` rows (int); they are those that were written."""
        self._shape = (views, *self._shape[1:])

    def _finish(self) -> None:
        if self._written != set(range(self._shape[0])):
            raise ValueError(
                f"{self._file.name}: rows 0 to {self._shape[0] - 1} are planned,"
                f" {len(self._written)} are written; truncate to the written ones"
            )
        _write_all(self._file, memoryview(shard_header(self._shape)), 0)


@contextmanager
def new_shard(path: PathLike, shape: Sequence[int]) -> Iterator[ShardWriter]:
    """Write a shard that appears under its name only when it is complete.

    Memory is that of the views being written. The same views give the same bytes, those of
    ``numpy.save``, whatever the order and the threads. On an error nothing is left.

    Parameters
    ----------
    path : str or Path
    shape : tuple of int
        (views, channels, height, width) as planned.

    Yields
    ------
    ShardWriter
        ``digest = write(row, view)`` for each row; ``write.truncate(n)`` before the end if only
        rows 0 to n - 1 were written.

    Raises
    ------
    ValueError
        At the end: a row is missing, or one beyond the truncation was written.
    OSError
        The disk is full or failed.
    """
    with atomic_path(path) as temporary:
        with temporary.open("wb", buffering=0) as file:
            write = ShardWriter(file, shape)
            yield write
            write._finish()


def verify_shard(
    path: PathLike, rows: Iterable[int], digests: Iterable[str], threads: int = 1
) -> list[int]:
    """Read views and compare them with their checksums.

    Memory is one view a thread.

    Parameters
    ----------
    path : str or Path
    rows : sequence of int
        Rows of the shard.
    digests : sequence of str
        Their SHA-256, as `ShardWriter` gave them.
    threads : int

    Returns
    -------
    list of int
        Those of `rows` that differ or cannot be read, in the order given.

    Raises
    ------
    InputError
        The file is missing, is no shard, has the wrong length, or lacks one of the rows.
    """
    shape = read_shape(path)
    rows = [int(row) for row in rows]
    beyond = [row for row in rows if not 0 <= row < shape[0]]
    if beyond:
        raise InputError(path, f"has {shape[0]} rows, but row {beyond[0]} is in the manifest")
    size, start = math.prod(shape[1:]), len(shard_header(shape))
    with Path(path).open("rb", buffering=0) as file, ThreadPoolExecutor(threads) as pool:

        def is_intact(row_and_digest: tuple[int, str]) -> bool:
            row, digest = row_and_digest
            try:
                pixels = os.pread(file.fileno(), size, start + row * size)
            except OSError:
                return False
            return hashlib.sha256(pixels).hexdigest() == digest

        intact = list(pool.map(is_intact, zip(rows, digests, strict=True)))
    return [row for row, is_good in zip(rows, intact, strict=True) if not is_good]


def check_frames(paths: Iterable[PathLike], index: pd.DataFrame) -> None:
    """Make sure that the views of all plates have one size, so that a model can take them all.

    Parameters
    ----------
    paths : list of str or Path
        Shards, named after their plates.
    index : pandas.DataFrame
        Columns of `images.tables.PLATE_INDEX`, for the message.

    Raises
    ------
    InputError
        Two plates differ; it names an image of each.
    """
    shapes = {path: read_shape(path) for path in paths}
    # A plate without a complete view has an empty shard, which has no size of views.
    frames = {path: frame for path, (views, _, *frame) in shapes.items() if views}
    for first, other in zip(frames, list(frames)[1:], strict=False):
        if frames[other] == frames[first]:
            continue
        examples = []
        for path in (first, other):
            image = index[index["plate"] == Path(path).stem].iloc[0]
            name = image["member"] if isinstance(image["member"], str) else image["place"]
            height, width = frames[path]
            examples.append(f"{width} x {height} in {name}")
        raise InputError(
            "images",
            f"views of different size: {' and '.join(examples)}",
            "put plates of another size into a study of their own",
        )


def channel_names(columns: Iterable[str]) -> list[str]:
    """List the channels of a manifest with these columns, in the order of the shards."""
    prefix = "clip_level_"
    return [name.removeprefix(prefix) for name in columns if name.startswith(prefix)]


def verify_manifest(manifest: pd.DataFrame, folder: PathLike, threads: int = 1) -> pd.DataFrame:
    """Verify every view of a manifest.

    Parameters
    ----------
    manifest : pandas.DataFrame
        Columns of `images.tables.views_schema`.
    folder : str or Path
        Where the shards are.
    threads : int

    Returns
    -------
    pandas.DataFrame
        One row for each view that is not as it was written, sorted as the manifest: plate,
        well, site, shard, row, problem. Empty if all is well.
    """
    manifest = manifest.reset_index(drop=True)
    problems = pd.Series(None, index=manifest.index, dtype="str")
    channels = channel_names(manifest.columns)
    for shard, views in manifest.groupby("shard", sort=True):
        path = Path(folder) / str(shard)
        try:
            count = read_shape(path)[1]
            if count != len(channels):
                raise InputError(path, f"has {count} channels instead of {len(channels)}")
            bad = verify_shard(path, views["row"], views["sha256"], threads)
        except InputError as error:
            problems[views.index] = error.problem
        except OSError as error:
            problems[views.index] = f"cannot be read: {error.strerror}"
        else:
            problem = "the pixels cannot be read or do not fit the checksum"
            problems[views.index[views["row"].isin(bad)]] = problem
            log.info("%s: %d views verified, %d bad", shard, len(views), len(bad))
    table = manifest.loc[problems.notna(), [*VIEW, "shard", "row"]]
    return table.assign(problem=problems.dropna()).reset_index(drop=True)


def _write_all(file: io.FileIO, data: memoryview, offset: int) -> None:
    """Write at an offset; positional, so that threads share no file position."""
    while data:
        try:
            # A map would turn a full disk into a signal that kills the process.
            written = os.pwrite(file.fileno(), data, offset)
        except OSError as error:
            raise OSError(error.errno, error.strerror, file.name) from error
        data, offset = data[written:], offset + written
