"""Convert the images of one plate to its shard, and measure their quality."""

import numpy as np

from paintassay.core import tables
from paintassay.core.errors import InputError
from paintassay.core.jobs import job
from paintassay.core.matching import write_counts
from paintassay.core.secrets import MASK
from paintassay.images.convert import convert_plate
from paintassay.images.copies import find_copies
from paintassay.images.index import check_losses, index_plate
from paintassay.images.matching import choose_wanted, count_copies
from paintassay.images.tables import (
    COPIES,
    LOST_VIEWS,
    PLATE_INDEX,
    PLATED_WELLS,
    QUALITY,
    views_schema,
    with_pixel_sizes,
)
from paintassay.labels.tables import MATRIX_COMPOUNDS

files, settings, output = snakemake.input, snakemake.params.settings, snakemake.output
# The shard has a checksum of each view.
noted = [output.views, output.lost, output.quality, output.copies, output.counts]
with job(snakemake.log[0], files, noted):
    plate = snakemake.wildcards.plate
    index = tables.read_parquet(files.index, PLATE_INDEX).to_pandas()
    index_lost = tables.read_csv(files.index_lost, LOST_VIEWS)
    lost_before = check_losses(index, index_lost, settings["channels"], settings["max_lost"])
    counts = []
    if index["place"].str.contains(MASK, regex=False).any():
        # The index keeps no passwords and tokens; the places themselves are found once more.
        address, key = snakemake.params.address, ["plate", "well", "site", "channel"]
        places, _ = index_plate(
            address.layout, address.root, plate, settings["channels"], address.path_prefix
        )
        index = index[key].merge(places, on=key)
    if files.labels:
        wells = tables.read_parquet(files.wells, PLATED_WELLS).to_pandas()
        labelled = tables.read_csv(files.labels, MATRIX_COMPOUNDS, ["INCHIKEY"])["INCHIKEY"]
        index, count = choose_wanted(files.wells, plate, index, wells, labelled)
        counts.append(count)
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
        lost_before=lost_before,
        pixel_size_um=settings["pixel_size_um"],
    )
    copies = find_copies(quality, views, settings["channels"], output.shard)
    counts.append(count_copies(plate, quality, copies))

    schema = with_pixel_sizes(views_schema(settings["channels"]), views.attrs["pixel_sizes_um"])
    tables.write_parquet(views, output.views, schema)
    tables.write_csv(lost, output.lost, LOST_VIEWS)
    tables.write_parquet(quality, output.quality, QUALITY)
    tables.write_csv(copies, output.copies, COPIES)
    write_counts(counts, output.counts)
