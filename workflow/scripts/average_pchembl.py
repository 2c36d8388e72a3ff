"""Average the pChEMBL values of each compound in each assay (part one)."""

from paintassay.chembl.tables import ACTIVITIES, MATCHES
from paintassay.core import tables
from paintassay.core.files import write_json
from paintassay.core.jobs import job
from paintassay.core.matching import write_counts
from paintassay.labels.activities import average_pchembl, count_funnel, library_activities
from paintassay.labels.censored import bound_pchembl, is_censored
from paintassay.labels.tables import CENSORED_VALUES, PCHEMBL_BOUNDS, PCHEMBL_MEANS

COLUMNS = [
    "activity_id",
    "assay_chembl_id",
    "molecule_chembl_id",
    "standard_type",
    "pchembl_value",
    "potential_duplicate",
]
CENSORED_COLUMNS = ["standard_relation", "standard_value", "standard_units"]

with job(snakemake.log[0], snakemake.input, snakemake.output):
    settings, output = snakemake.params.settings, snakemake.output
    matches = tables.read_parquet(snakemake.input.matches, MATCHES)
    activities = tables.read_parquet(
        snakemake.input.activities, ACTIVITIES, [*COLUMNS, *CENSORED_COLUMNS]
    )
    without_duplicates = settings["exclude_potential_duplicates"]
    means, funnel = average_pchembl(
        library_activities(matches, activities.select(COLUMNS), without_duplicates),
        settings["standard_types"],
        settings["pchembl_range"],
    )
    bounds, censored = bound_pchembl(
        library_activities(matches, activities.filter(is_censored(activities)), without_duplicates),
        settings["standard_types"],
    )

    counts = count_funnel(
        funnel, "labels.standard_types and labels.pchembl_range say which values give labels"
    )

    tables.write_parquet(means, output.means, PCHEMBL_MEANS)
    tables.write_parquet(bounds, output.bounds, PCHEMBL_BOUNDS)
    tables.write_csv(censored, output.censored, CENSORED_VALUES)
    write_json(funnel, output.funnel)
    write_counts(counts, output.counts)
