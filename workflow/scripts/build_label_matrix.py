"""Put both parts side by side, filter them, and write the label matrix with its names."""

import logging

from paintassay.chembl.near_matches import describe_near_matches
from paintassay.chembl.tables import ACTIVITIES, MATCHES, NEAR_MATCHES
from paintassay.compounds.tables import COMPOUNDS
from paintassay.core import tables
from paintassay.core.jobs import job
from paintassay.core.matching import (
    ALL,
    ANY,
    STALE,
    Side,
    check_kept,
    check_match,
    write_counts,
)
from paintassay.labels.matching import count_parts
from paintassay.labels.matrix import (
    build_matrix,
    concatenate_labels,
    describe_assays,
    explain_missing_compounds,
    filter_labels,
    find_conflicts,
    name_dropped_tasks,
    require_labels,
    write_matrix_market,
)
from paintassay.labels.tables import (
    ASSAYS,
    COMMENT_LABELS,
    CONFLICTS,
    DROPPED_ASSAYS,
    DROPPED_COMPOUNDS,
    LABELS,
    MATRIX_COMPOUNDS,
    PCHEMBL_LABELS,
)

log = logging.getLogger(__name__)

ASSAY_COLUMNS = [
    "assay_chembl_id",
    "assay_id",
    "assay_description",
    "assay_type",
    "target_chembl_id",
    "target_name",
    "target_organism",
]

with job(snakemake.log[0], snakemake.input, snakemake.output):
    files, settings, output = snakemake.input, snakemake.params.settings, snakemake.output
    compounds = tables.read_parquet(files.compounds, COMPOUNDS).to_pandas()
    matches = tables.read_parquet(files.matches, MATCHES).to_pandas()
    molecules = tables.read_parquet(files.activities, ACTIVITIES, ["molecule_chembl_id"])
    part_one = tables.read_parquet(files.pchembl_labels, PCHEMBL_LABELS).to_pandas()
    part_two = tables.read_parquet(files.comment_labels, COMMENT_LABELS).to_pandas()

    labels, tasks = concatenate_labels(part_one, part_two)
    kept, dropped = filter_labels(
        labels,
        settings["min_actives"],
        settings["min_inactives"],
        settings["min_labels_per_compound"],
    )
    log.info("%d tasks kept, %d dropped", len(tasks) - len(dropped), len(dropped))
    near_matches = tables.read_csv(files.near_matches, NEAR_MATCHES)
    require_labels(kept, dropped, describe_near_matches(near_matches))
    assays = tables.read_parquet(files.activities, ACTIVITIES, ASSAY_COLUMNS)
    counts = [
        *count_parts(
            {files.pchembl_labels: part_one, files.comment_labels: part_two},
            compounds["inchikey"],
            assays["assay_chembl_id"],
        ),
        check_match(
            files.matches,
            Side("compounds that ChEMBL knows", matches["inchikey"]),
            Side("compounds of the library", compounds["inchikey"]),
            STALE,
            warn_below=ALL,
        ),
        check_match(
            files.matches,
            Side("molecules with an activity", molecules["molecule_chembl_id"]),
            Side("matched molecules", matches["molecule_chembl_id"]),
            STALE,
            warn_below=ALL,
        ),
        check_kept(
            "label matrix",
            "tasks with enough actives and inactives",
            len(tasks) - len(dropped),
            len(tasks),
            "lower labels.min_actives and labels.min_inactives, or bring more compounds",
            warn_below=ANY,
        ),
    ]
    assays = describe_assays(assays, tasks["assay_chembl_id"])
    matrix, rows, table, kept = build_matrix(kept, tasks, assays)

    with_activity = matches["molecule_chembl_id"].isin(molecules["molecule_chembl_id"])
    lost = explain_missing_compounds(
        compounds,
        matched=set(matches["inchikey"]),
        with_activity=set(matches["inchikey"][with_activity]),
        with_label=set(labels["inchikey"]),
        kept=set(rows["INCHIKEY"]),
    )
    dropped = name_dropped_tasks(dropped, tasks)
    conflicts = find_conflicts(part_one, part_two)

    write_matrix_market(matrix, output.matrix)
    tables.write_csv(rows, output.compounds, MATRIX_COMPOUNDS)
    tables.write_csv(table, output.assays, ASSAYS)
    tables.write_parquet(kept, output.labels, LABELS)
    tables.write_csv(dropped, output.dropped_assays, DROPPED_ASSAYS)
    tables.write_csv(lost, output.dropped_compounds, DROPPED_COMPOUNDS)
    tables.write_csv(conflicts, output.conflicts, CONFLICTS)
    write_counts(counts, output.counts)
