"""Split the labelled compounds into training, validation and test."""

import pandas as pd

from paintassay import tables
from paintassay.image_tables import SPLITS
from paintassay.logs import logged_to
from paintassay.splits import make_splits

with logged_to(snakemake.log[0]):
    params = snakemake.params
    compounds = tables.read_parquet(snakemake.input.compounds, tables.COMPOUNDS).to_pandas()
    labelled = pd.read_csv(snakemake.input.labels)["INCHIKEY"]
    splits = make_splits(
        compounds[compounds["inchikey"].isin(labelled)],
        params.group_by,
        params.number,
        params.parts,
        seed=params.seed,
    )

    tables.write_parquet(splits, snakemake.output.splits, SPLITS)
