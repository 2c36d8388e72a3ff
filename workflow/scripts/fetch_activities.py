"""Fetch the activities of one chunk of the library from ChEMBL's web service."""

import numpy as np

from paintassay.chembl.tables import ACTIVITIES, MATCHES
from paintassay.chembl.webservice import fetch_compounds
from paintassay.compounds.tables import COMPOUNDS
from paintassay.core import tables
from paintassay.core.jobs import job

KEYS = ["inchikey", "first_block", "parent_inchikey"]

with job(snakemake.log[0]):
    settings, output = snakemake.params.settings, snakemake.output
    compounds = tables.read_parquet(snakemake.input.compounds, COMPOUNDS, KEYS).to_pandas()
    rows = np.array_split(np.arange(len(compounds)), settings["chunks"])[
        int(snakemake.wildcards.chunk)
    ]
    matches, activities = fetch_compounds(
        compounds.iloc[rows],
        settings["match_on"],
        settings["release"],
        snakemake.params.patience.url,
        snakemake.params.patience.timeout_seconds,
        snakemake.params.patience.attempts,
    )

    tables.write_parquet(matches, output.matches, MATCHES)
    tables.write_parquet(activities, output.activities, ACTIVITIES)
