"""Settle each compound in each assay by the majority of its activity comments (part two)."""

from paintassay import tables
from paintassay.files import write_json
from paintassay.labels import library_activities, read_comment_table, vote_comments
from paintassay.logs import logged_to

COLUMNS = [
    "activity_id",
    "assay_chembl_id",
    "molecule_chembl_id",
    "activity_comment",
    "potential_duplicate",
]

with logged_to(snakemake.log[0]):
    output = snakemake.output
    meaning = read_comment_table(snakemake.input.comment_table)
    activities = library_activities(
        tables.read_parquet(snakemake.input.matches, tables.MATCHES),
        tables.read_parquet(snakemake.input.activities, tables.ACTIVITIES, COLUMNS),
        snakemake.params.exclude_potential_duplicates,
    )
    labels, ties, unknown, funnel = vote_comments(activities, meaning)

    tables.write_parquet(labels, output.labels, tables.COMMENT_LABELS)
    tables.write_csv(ties, output.ties, tables.COMMENT_TIES)
    tables.write_csv(unknown, output.unknown, tables.UNKNOWN_COMMENTS)
    write_json(funnel, output.funnel)
