"""Average the pChEMBL values of each compound in each assay (part one)."""

from paintassay.chembl.tables import ACTIVITIES, MATCHES
from paintassay.core import tables
from paintassay.core.files import write_json
from paintassay.core.jobs import job
from paintassay.core.matching import write_counts
from paintassay.labels.activities import average_pchembl, count_funnel, library_activities
from paintassay.labels.tables import PCHEMBL_MEANS

COLUMNS = [
    "activity_id",
    "assay_chembl_id",
    "molecule_chembl_id",
    "standard_type",
    "pchembl_value",
    "potential_duplicate",
]

with job(snakemake.log[0], snakemake.input, snakemake.output):
    settings, output = snakemake.params.settings, snakemake.output
    activities = library_activities(
        tables.read_parquet(snakemake.input.matches, MATCHES),
        tables.read_parquet(snakemake.input.activities, ACTIVITIES, COLUMNS),
        settings["exclude_potential_duplicates"],
    )
    means, funnel = average_pchembl(
        activities, settings["standard_types"], settings["pchembl_range"]
    )

    counts = count_funnel(
        funnel, "labels.standard_types and labels.pchembl_range say which values give labels"
    )

    tables.write_parquet(means, output.means, PCHEMBL_MEANS)
    write_json(funnel, output.funnel)
    write_counts(counts, output.counts)
