"""Average the predictions of views over wells, compounds and replicates; keep their spread."""

from paintassay.logs import logged_to
from paintassay.prediction_tables import read_predictions
from paintassay.predictions import combine
from paintassay.tables import write_parquet

with logged_to(snakemake.log[0]):
    replicates = (read_predictions("views", path) for path in snakemake.input.replicates)
    for name, table in combine(replicates).items():
        write_parquet(table, snakemake.output[name], table.schema)
