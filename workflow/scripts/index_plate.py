"""Find every image of one plate."""

from paintassay.core import tables
from paintassay.core.jobs import job
from paintassay.core.matching import write_counts
from paintassay.images.index import index_plate
from paintassay.images.matching import count_index
from paintassay.images.tables import LOST_VIEWS, PLATE_INDEX

with job(snakemake.log[0], snakemake.input, snakemake.output):
    settings, output = snakemake.params.settings, snakemake.output
    address = snakemake.params.address
    index, lost = index_plate(
        settings["layout"],
        address.root,
        snakemake.wildcards.plate,
        settings["channels"],
        address.path_prefix,
    )
    counts = [count_index(settings["root"], snakemake.wildcards.plate, index, lost)]

    tables.write_parquet(index, output.index, PLATE_INDEX)
    tables.write_csv(lost, output.lost, LOST_VIEWS)
    write_counts(counts, output.counts)
