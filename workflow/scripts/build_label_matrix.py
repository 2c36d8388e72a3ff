"""Put both parts side by side, filter them, and write the label matrix with its names."""

import logging

from paintassay import label_matrix, tables
from paintassay.logs import logged_to

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

with logged_to(snakemake.log[0]):
    files, params, output = snakemake.input, snakemake.params, snakemake.output
    compounds = tables.read_parquet(files.compounds, tables.COMPOUNDS).to_pandas()
    matches = tables.read_parquet(files.matches, tables.MATCHES).to_pandas()
    molecules = tables.read_parquet(files.activities, tables.ACTIVITIES, ["molecule_chembl_id"])
    part_one = tables.read_parquet(files.pchembl_labels, tables.PCHEMBL_LABELS).to_pandas()
    part_two = tables.read_parquet(files.comment_labels, tables.COMMENT_LABELS).to_pandas()

    labels, columns = label_matrix.combine_parts(part_one, part_two)
    kept, dropped = label_matrix.filter_labels(
        labels, params.min_actives, params.min_inactives, params.min_labels_per_compound
    )
    log.info("%d columns kept, %d dropped", len(columns) - len(dropped), len(dropped))
    label_matrix.require_labels(kept, dropped)
    assays = tables.read_parquet(files.activities, tables.ACTIVITIES, ASSAY_COLUMNS)
    assays = label_matrix.describe_assays(assays, columns["assay_chembl_id"])
    matrix, rows, table, kept = label_matrix.assemble(kept, columns, assays)

    with_activity = matches["molecule_chembl_id"].isin(molecules["molecule_chembl_id"].to_pandas())
    lost = label_matrix.explain_missing_compounds(
        compounds,
        matched=set(matches["inchikey"]),
        with_activity=set(matches["inchikey"][with_activity]),
        with_label=set(labels["inchikey"]),
        kept=set(rows["INCHIKEY"]),
    )
    dropped = label_matrix.name_dropped_columns(dropped, columns)
    conflicts = label_matrix.find_conflicts(part_one, part_two)

    label_matrix.write_matrix_market(matrix, output.matrix)
    tables.write_csv(rows, output.compounds, tables.MATRIX_COMPOUNDS)
    tables.write_csv(table, output.assays, tables.ASSAYS)
    tables.write_parquet(kept, output.labels, tables.LABELS)
    tables.write_csv(dropped, output.dropped_assays, tables.DROPPED_ASSAYS)
    tables.write_csv(lost, output.dropped_compounds, tables.DROPPED_COMPOUNDS)
    tables.write_csv(conflicts, output.conflicts, tables.CONFLICTS)
