"""Convert the images of one plate to its shard, and measure their quality."""

import numpy as np
import pandas as pd

from paintassay.core import tables
from paintassay.core.errors import InputError
from paintassay.core.jobs import job
from paintassay.core.secrets import MASK
from paintassay.images.convert import convert_plate
from paintassay.images.index import index_plate
from paintassay.images.tables import (
    LOST_VIEWS,
    PLATE_INDEX,
    PLATED_WELLS,
    QUALITY,
    views_schema,
    with_pixel_sizes,
)

with job(snakemake.log[0]):
    files, settings, output = snakemake.input, snakemake.params.settings, snakemake.output
    plate = snakemake.wildcards.plate
    index = tables.read_parquet(files.index, PLATE_INDEX).to_pandas()
    if index["place"].str.contains(MASK, regex=False).any():
        # The index keeps no passwords and tokens; the places themselves are found once more.
        address, key = snakemake.params.address, ["plate", "well", "site", "channel"]
        places, _ = index_plate(
            address.layout, address.root, plate, settings["channels"], address.path_prefix
        )
        index = index[key].merge(places, on=key)
    if files.labels:
        wells = tables.read_parquet(files.wells, PLATED_WELLS).to_pandas()
        labelled = pd.read_csv(files.labels)["INCHIKEY"]
        wanted = wells["inchikey"].isin(labelled) | (wells["role"] != "treatment")
        index = index.merge(wells.loc[wanted, ["plate", "well"]], on=["plate", "well"])
    illumination = {}
    for channel in settings["channels"] if settings["illumination"] else []:
        path = settings["illumination"].format(plate=plate, channel=channel)
        try:
            illumination[channel] = np.load(path, allow_pickle=False).astype(np.float32)
        except (OSError, ValueError) as error:
            raise InputError(path, f"cannot be read: {error}", "see images.illumination") from error

    views, lost, quality = convert_plate(
        index,
        settings["channels"],
        settings["clip_percent"],
        output.shard,
        snakemake.threads,
        maximum_bits=settings["bits"],
        check_tags=settings["check_tags"],
        illumination=illumination,
        max_lost=settings["max_lost"],
        pixel_size_um=settings["pixel_size_um"],
    )

    schema = with_pixel_sizes(views_schema(settings["channels"]), views.attrs["pixel_sizes_um"])
    tables.write_parquet(views, output.views, schema)
    tables.write_csv(lost, output.lost, LOST_VIEWS)
    tables.write_parquet(quality, output.quality, QUALITY)
