"""Read views only if they are those of the manifest: not damaged, swapped or replaced since."""

import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

from paintassay.core.errors import InputError
from paintassay.core.files import PathLike
from paintassay.core.sizes import WorkSize
from paintassay.images.shards import verify_manifest, verify_shard
from paintassay.images.views import Views

log = logging.getLogger(__name__)

# Views that are read before a training: a second or two from a disk, next to nothing from memory.
SOME_VIEWS = 64
READERS: WorkSize = 8
HINT = (
    "the shards have changed since the manifest was made: delete {shard} and run the same command "
    "again, which makes it anew; the target verify reads every view"
)


def intact_views(manifest: pd.DataFrame, folder: PathLike) -> Views:
    """Read views of which every byte was compared with its checksum; for a few, to be drawn.

    Parameters
    ----------
    manifest : pandas.DataFrame
        As for `images.views.Views`, with sha256.
    folder : str or Path
        Where the shards are.

    Returns
    -------
    Views

    Raises
    ------
    InputError
        As `Views`; also if a view is not as it was written.
    """
    views = Views(manifest, folder)
    damaged = verify_manifest(manifest, folder)
    if len(damaged):
        _refuse(Path(folder) / damaged["shard"].iloc[0], damaged.iloc[0])
    return views


def check_some_views(manifest: pd.DataFrame, folder: PathLike, seed: int = 0) -> int:
    """Compare some views of a manifest with their checksums: one of each shard, and more.

    So whole shards that were exchanged or made anew are noticed before days of work on them; a
    single damaged byte may not be.

    Parameters
    ----------
    manifest : pandas.DataFrame
        Rows of `images.tables.views_schema`.
    folder : str or Path
        Where the shards are.
    seed : int
        Other seeds take other views.

    Returns
    -------
    int
        How many views were compared.

    Raises
    ------
    InputError
        A view is not as it was written.
    """
    random = np.random.default_rng(seed)
    shuffled = manifest.iloc[random.permutation(len(manifest))]
    first = ~shuffled["shard"].duplicated().to_numpy()
    more = np.flatnonzero(~first)[: max(SOME_VIEWS - int(first.sum()), 0)]
    chosen = shuffled.iloc[np.concatenate([np.flatnonzero(first), more])]

    def damaged_rows(shard: str, views: pd.DataFrame) -> pd.DataFrame:
        bad = verify_shard(Path(folder) / shard, views["row"], views["sha256"])
        return views[views["row"].isin(bad)]

    groups = [(str(shard), views) for shard, views in chosen.groupby("shard", sort=True)]
    with ThreadPoolExecutor(READERS) as pool:
        for (shard, _), bad in zip(
            groups, pool.map(lambda group: damaged_rows(*group), groups), strict=True
        ):
            if len(bad):
                _refuse(Path(folder) / shard, bad.iloc[0])
    log.info("%d views of %d shards compared with their checksums", len(chosen), len(groups))
    return len(chosen)


def _refuse(path: Path, view: pd.Series) -> None:
    raise InputError(
        path,
        f"view {view['site']} of well {view['well']}, plate {view['plate']}, is not what the "
        "manifest says (its checksum is another)",
        HINT.format(shard=path),
    )
