"""Settle each compound in each assay by the majority of its activity comments (part two)."""

import pyarrow.compute as pc

from paintassay.chembl.tables import ACTIVITIES, MATCHES
from paintassay.core import tables
from paintassay.core.files import write_json
from paintassay.core.jobs import job
from paintassay.core.matching import write_counts
from paintassay.labels.activities import (
    count_funnel,
    library_activities,
    read_comment_table,
    vote_comments,
)
from paintassay.labels.doubts import count_doubted_comments, is_doubted
from paintassay.labels.tables import (
    COMMENT_LABELS,
    COMMENT_TIES,
    DOUBTED_COMMENTS,
    UNKNOWN_COMMENTS,
)

COLUMNS = [
    "activity_id",
    "assay_chembl_id",
    "molecule_chembl_id",
    "activity_comment",
    "data_validity_comment",
    "potential_duplicate",
]

with job(snakemake.log[0], snakemake.input, snakemake.output):
    settings, output = snakemake.params.settings, snakemake.output
    meaning = read_comment_table(
        snakemake.input.comment_table or snakemake.params.own.comment_table
    )
    activities = library_activities(
        tables.read_parquet(snakemake.input.matches, MATCHES),
        tables.read_parquet(snakemake.input.activities, ACTIVITIES, COLUMNS),
        settings["exclude_potential_duplicates"],
    )
    doubted = count_doubted_comments(activities, meaning)
    if settings["exclude_doubted_comments"]:
        activities = activities.filter(pc.invert(is_doubted(activities)))
    labels, ties, unknown, funnel = vote_comments(activities, meaning)
    counts = count_funnel(funnel, "labels.comment_table says which comments give labels")

    tables.write_parquet(labels, output.labels, COMMENT_LABELS)
    tables.write_csv(ties, output.ties, COMMENT_TIES)
    tables.write_csv(unknown, output.unknown, UNKNOWN_COMMENTS)
    tables.write_csv(doubted, output.doubted, DOUBTED_COMMENTS)
    write_json(funnel, output.funnel)
    write_counts(counts, output.counts)
