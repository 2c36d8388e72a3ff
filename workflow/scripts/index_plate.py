"""Find every image of one plate."""

from paintassay import tables
from paintassay.image_index import index_plate
from paintassay.image_tables import LOST_VIEWS, PLATE_INDEX
from paintassay.logs import logged_to

with logged_to(snakemake.log[0]):
    params, output = snakemake.params, snakemake.output
    index, lost = index_plate(
        params.layout, params.root, snakemake.wildcards.plate, params.channels, params.path_prefix
    )

    tables.write_parquet(index, output.index, PLATE_INDEX)
    tables.write_csv(lost, output.lost, LOST_VIEWS)
