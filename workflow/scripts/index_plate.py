"""Find every image of one plate."""

from paintassay.core import tables
from paintassay.core.jobs import job
from paintassay.images.index import index_plate
from paintassay.images.tables import LOST_VIEWS, PLATE_INDEX

with job(snakemake.log[0]):
    params, output = snakemake.params, snakemake.output
    index, lost = index_plate(
        params.layout, params.root, snakemake.wildcards.plate, params.channels, params.path_prefix
    )

    tables.write_parquet(index, output.index, PLATE_INDEX)
    tables.write_csv(lost, output.lost, LOST_VIEWS)
