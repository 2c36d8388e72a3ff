"""Average the predictions of views over wells, compounds and replicates; keep their spread."""

from paintassay.core.jobs import job
from paintassay.core.tables import write_parquet
from paintassay.predictions.average import combine
from paintassay.predictions.tables import read_predictions

with job(snakemake.log[0], snakemake.input, snakemake.output):
    replicates = (read_predictions("views_logits", path) for path in snakemake.input.replicates)
    for name, table in combine(replicates).items():
        write_parquet(table, snakemake.output[name], table.schema)
