"""Write the small ChEMBL database of the demo screen."""

import pandas as pd

from paintassay.core.jobs import job
from paintassay.demo.chembl import demo_chembl_tables
from paintassay.demo.chembl_database import create_database

with job(snakemake.log[0], snakemake.input, snakemake.output):
    library = pd.read_csv(snakemake.input.library, keep_default_na=False)
    tables = demo_chembl_tables(
        library, snakemake.params.settings["seed"], snakemake.params.settings["release"]
    )
    schema = snakemake.params.own.schema.read_text(encoding="utf-8")
    create_database(snakemake.output.database, schema, tables)
