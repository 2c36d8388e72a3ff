"""Label each compound in each assay at each pChEMBL threshold (part one)."""

from paintassay.core import tables
from paintassay.core.jobs import job
from paintassay.labels.activities import binarise_pchembl
from paintassay.labels.censored import add_bounds, find_discordant
from paintassay.labels.tables import DISCORDANT, PCHEMBL_BOUNDS, PCHEMBL_LABELS, PCHEMBL_MEANS

with job(snakemake.log[0], snakemake.input, snakemake.output):
    settings, output = snakemake.params.settings, snakemake.output
    means = tables.read_parquet(snakemake.input.means, PCHEMBL_MEANS)
    bounded = add_bounds(means, tables.read_parquet(snakemake.input.bounds, PCHEMBL_BOUNDS))
    labels = binarise_pchembl(
        bounded if settings["censored"] == "use" else means, settings["thresholds"]
    )
    discordant = find_discordant(bounded, settings["thresholds"])

    tables.write_parquet(labels, output.labels, PCHEMBL_LABELS)
    tables.write_csv(discordant, output.discordant, DISCORDANT)
