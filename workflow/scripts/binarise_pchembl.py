"""Label each compound in each assay at each pChEMBL threshold (part one)."""

from paintassay import tables
from paintassay.labels import binarise_pchembl
from paintassay.logs import logged_to

with logged_to(snakemake.log[0]):
    means = tables.read_parquet(snakemake.input.means, tables.PCHEMBL_MEANS)
    labels = binarise_pchembl(means, snakemake.params.thresholds)

    tables.write_parquet(labels, snakemake.output.labels, tables.PCHEMBL_LABELS)
