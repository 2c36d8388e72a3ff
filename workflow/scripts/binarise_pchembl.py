"""Label each compound in each assay at each pChEMBL threshold (part one)."""

from paintassay.core import tables
from paintassay.core.jobs import job
from paintassay.labels.activities import binarise_pchembl
from paintassay.labels.tables import PCHEMBL_LABELS, PCHEMBL_MEANS

with job(snakemake.log[0], snakemake.input, snakemake.output):
    means = tables.read_parquet(snakemake.input.means, PCHEMBL_MEANS)
    labels = binarise_pchembl(means, snakemake.params.settings["thresholds"])

    tables.write_parquet(labels, snakemake.output.labels, PCHEMBL_LABELS)
