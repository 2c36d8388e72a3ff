"""Collect the views of all plates, flag their quality, and list what is missing."""

import pandas as pd

from paintassay.core import tables
from paintassay.core.jobs import job
from paintassay.images.quality import flag, missing
from paintassay.images.shards import check_frames
from paintassay.images.tables import LOST_VIEWS, PLATE_INDEX, QUALITY, views_schema


def together(paths, read):
    """The tables of all plates as one."""
    return pd.concat([read(path) for path in paths], ignore_index=True)


with job(snakemake.log[0], snakemake.input, snakemake.output):
    files, channels, output = (
        snakemake.input,
        snakemake.params.settings["channels"],
        snakemake.output,
    )
    schema = views_schema(channels)
    views = together(files.views, lambda path: tables.read_parquet(path, schema).to_pandas())
    index = together(files.index, lambda path: tables.read_parquet(path, PLATE_INDEX).to_pandas())
    check_frames(files.shards, index)
    quality = together(files.quality, lambda path: tables.read_parquet(path, QUALITY).to_pandas())
    lost = together(
        [*files.index_lost, *files.lost], lambda path: tables.read_csv(path, LOST_VIEWS)
    )
    by_view = ["plate", "well", "site"]
    absent = missing(index, views, channels)
    # What is lost has its reason in that table; here is what nobody has seen.
    known = pd.MultiIndex.from_frame(lost[by_view])
    absent = absent[~pd.MultiIndex.from_frame(absent[by_view]).isin(known)]

    tables.write_parquet(views, output.views, schema)
    tables.write_parquet(
        flag(quality, snakemake.params.settings["limits"]), output.quality, QUALITY
    )
    tables.write_csv(lost.sort_values([*by_view, "channel"]), output.lost, LOST_VIEWS)
    tables.write_csv(absent, output.missing, LOST_VIEWS)
