"""Write the small ChEMBL database of the demo screen."""

from pathlib import Path

import pandas as pd

from paintassay.chembl_schema import create_database
from paintassay.demo_chembl import demo_chembl_tables
from paintassay.logs import logged_to

with logged_to(snakemake.log[0]):
    library = pd.read_csv(snakemake.input.library, keep_default_na=False)
    tables = demo_chembl_tables(library, snakemake.params.seed, snakemake.params.release)
    schema = Path(snakemake.input.schema).read_text(encoding="utf-8")
    create_database(snakemake.output.database, schema, tables)
