"""Average the pChEMBL values of each compound in each assay (part one)."""

from paintassay import tables
from paintassay.files import write_json
from paintassay.labels import average_pchembl, library_activities
from paintassay.logs import logged_to

COLUMNS = [
    "activity_id",
    "assay_chembl_id",
    "molecule_chembl_id",
    "standard_type",
    "pchembl_value",
    "potential_duplicate",
]

with logged_to(snakemake.log[0]):
    params, output = snakemake.params, snakemake.output
    activities = library_activities(
        tables.read_parquet(snakemake.input.matches, tables.MATCHES),
        tables.read_parquet(snakemake.input.activities, tables.ACTIVITIES, COLUMNS),
        params.exclude_potential_duplicates,
    )
    means, funnel = average_pchembl(activities, params.standard_types, params.pchembl_range)

    tables.write_parquet(means, output.means, tables.PCHEMBL_MEANS)
    write_json(funnel, output.funnel)
