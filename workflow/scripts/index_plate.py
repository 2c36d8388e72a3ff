"""Find every image of one plate."""

from paintassay.core import tables
from paintassay.core.jobs import job
from paintassay.images.index import index_plate
from paintassay.images.tables import LOST_VIEWS, PLATE_INDEX

with job(snakemake.log[0]):
    settings, output = snakemake.params.settings, snakemake.output
    address = snakemake.params.address
    index, lost = index_plate(
        settings["layout"],
        address.root,
        snakemake.wildcards.plate,
        settings["channels"],
        address.path_prefix,
    )

    tables.write_parquet(index, output.index, PLATE_INDEX)
    tables.write_csv(lost, output.lost, LOST_VIEWS)
