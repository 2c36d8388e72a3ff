"""Split the labelled compounds into training, validation and test."""

from paintassay.compounds.tables import COMPOUNDS
from paintassay.core import tables
from paintassay.core.jobs import job
from paintassay.core.matching import ALL, STALE, Side, check_match, write_counts
from paintassay.dataset.splits import make_splits
from paintassay.dataset.tables import SPLITS
from paintassay.labels.tables import MATRIX_COMPOUNDS

with job(snakemake.log[0], snakemake.input, snakemake.output):
    settings = snakemake.params.settings
    compounds = tables.read_parquet(snakemake.input.compounds, COMPOUNDS).to_pandas()
    labelled = tables.read_csv(snakemake.input.labels, MATRIX_COMPOUNDS, ["INCHIKEY"])["INCHIKEY"]
    counts = [
        check_match(
            snakemake.input.labels,
            Side("compounds of the label matrix", labelled),
            Side("compounds of the library", compounds["inchikey"]),
            STALE,
            warn_below=ALL,
        )
    ]
    splits = make_splits(
        compounds[compounds["inchikey"].isin(labelled)],
        settings["group_by"],
        settings["count"],
        settings["shares"],
        seed=settings["seed"],
    )

    tables.write_parquet(splits, snakemake.output.splits, SPLITS)
    write_counts(counts, snakemake.output.counts)
