"""Find planes of a plate with the same pixels: one file under two names."""

import hashlib

import numpy as np
import pandas as pd

from paintassay.core.files import PathLike
from paintassay.core.keys import VIEW
from paintassay.images.quality import MEASURES
from paintassay.images.tables import COPIES


def find_copies(
    quality: pd.DataFrame, views: pd.DataFrame, channels: list[str], shard: PathLike
) -> pd.DataFrame:
    """Find planes of a plate that have the same pixels.

    Copies have the same measures, each a number of 64 bits, so that only planes with equal
    measures are read again and compared by their SHA-256. With illumination functions a copy in
    another channel is not found: its pixels in the shard differ.

    Parameters
    ----------
    quality : pandas.DataFrame
        As `images.tables.QUALITY`, of one plate.
    views : pandas.DataFrame
        As `images.tables.views_schema`, of that plate.
    channels : list of str
        In their order in the shard.
    shard : str or Path

    Returns
    -------
    pandas.DataFrame
        As `images.tables.COPIES`: a row for each plane that an earlier one is equal to, sorted.
    """
    alike = quality[quality.duplicated(list(MEASURES), keep=False)]
    if alike.empty:
        return pd.DataFrame(columns=COPIES.names)
    rows = views.set_index(VIEW)["row"].loc[pd.MultiIndex.from_frame(alike[VIEW])].to_numpy()
    pixels = np.load(shard, mmap_mode="r", allow_pickle=False)
    digests = [
        hashlib.sha256(pixels[row, channels.index(channel)]).hexdigest()
        for row, channel in zip(rows, alike["channel"], strict=True)
    ]
    alike = alike[[*VIEW, "channel"]].assign(
        sha256=digests, position=[channels.index(channel) for channel in alike["channel"]]
    )
    alike = alike.sort_values([*VIEW, "position"])
    first = alike.groupby("sha256")[["well", "site", "channel"]].transform("first")
    names = ["first_well", "first_site", "first_channel"]
    copies = alike.assign(**dict(zip(names, first.to_numpy().T, strict=True)))
    copies = copies[alike.duplicated("sha256")][COPIES.names].reset_index(drop=True)
    return copies
