"""Collect the views of all plates, flag their quality, and list what is missing."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from paintassay.core import tables
from paintassay.core.jobs import job
from paintassay.core.matching import read_counts, write_counts
from paintassay.images.composites import display_range
from paintassay.images.index import check_places
from paintassay.images.matching import (
    count_alike,
    count_indexed,
    count_plates_with_views,
    count_quality,
    require_views,
)
from paintassay.images.quality import compare_plates, flag, missing
from paintassay.images.shards import check_frames
from paintassay.images.tables import (
    BRIGHTNESS,
    COPIES,
    LOST_VIEWS,
    PLATE_INDEX,
    PLATE_QUALITY,
    QUALITY,
    pixel_sizes,
    views_schema,
    with_pixel_sizes,
)
from paintassay.images.views import Views

# Views, spread over the screen, that set the brightness of all contact sheets.
SAMPLE = 60


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
    check_places(index)
    check_frames(files.shards, index)
    quality = together(files.quality, lambda path: tables.read_parquet(path, QUALITY).to_pandas())
    lost = together(
        [*files.index_lost, *files.lost], lambda path: tables.read_csv(path, LOST_VIEWS)
    )
    counts = [
        *read_counts([*files.index_counts, *files.counts]),
        require_views(snakemake.params.settings["root"], index, views, lost),
        count_plates_with_views(
            snakemake.params.settings["root"], [Path(path).stem for path in files.shards], views
        ),
        count_indexed(files.index[0], views, index),
        count_quality(files.quality[0], views, quality),
    ]
    by_view = ["plate", "well", "site"]
    absent = missing(index, views, channels)
    # What is lost has its reason in that table; here is what nobody has seen.
    known = pd.MultiIndex.from_frame(lost[by_view])
    absent = absent[~pd.MultiIndex.from_frame(absent[by_view]).isin(known)]

    plate_quality = compare_plates(quality)
    unusual = plate_quality[plate_quality["unusual"]]
    for row in unusual.itertuples():
        logging.warning(
            "plate %s: %s of %s is %.4g, that of the other plates %.4g (z %.1f)",
            *(row.plate, row.measure, row.channel, row.median, row.others, row.z),
        )
    counts.append(count_alike(plate_quality, unusual))
    brightness = pd.DataFrame({"channel": channels, "black": 0.0, "full": 1.0})
    if len(views):
        # The same on all sheets, so that a dim plate looks dim.
        places = np.unique(np.linspace(0, len(views) - 1, SAMPLE).round().astype(int))
        sample = Views(views.iloc[places], Path(files.shards[0]).parent)
        brightness[["black", "full"]] = display_range(sample)
    sizes = [size for path in files.views for size in pixel_sizes(pq.read_schema(path))]

    tables.write_parquet(views, output.views, with_pixel_sizes(schema, sizes))
    tables.write_csv(brightness, output.brightness, BRIGHTNESS)
    tables.write_csv(plate_quality, output.plate_quality, PLATE_QUALITY)
    tables.write_parquet(
        flag(quality, snakemake.params.settings["limits"]), output.quality, QUALITY
    )
    tables.write_csv(lost.sort_values([*by_view, "channel"]), output.lost, LOST_VIEWS)
    tables.write_csv(absent, output.missing, LOST_VIEWS)
    copies = together(files.copies, lambda path: tables.read_csv(path, COPIES))
    tables.write_csv(copies, output.copies, COPIES)
    write_counts(counts, output.counts)
