"""Fetch the activities of one chunk of the library from ChEMBL's web service."""

import numpy as np

from paintassay.chembl.near_matches import unmatched_compounds
from paintassay.chembl.tables import ACTIVITIES, LEFT_OUT_OF_MOLECULES, MATCHES, NEAR_MATCHES
from paintassay.chembl.webservice import fetch_compounds
from paintassay.chembl.webservice_counts import count_left_out, count_near_matches
from paintassay.compounds.tables import COMPOUNDS
from paintassay.compounds.tautomers import tautomer_keys
from paintassay.core import tables
from paintassay.core.jobs import job

KEYS = ["inchikey", "first_block", "parent_inchikey", "smiles"]

with job(snakemake.log[0], snakemake.input, snakemake.output):
    settings, output = snakemake.params.settings, snakemake.output
    compounds = tables.read_parquet(snakemake.input.compounds, COMPOUNDS, KEYS).to_pandas()
    rows = np.array_split(np.arange(len(compounds)), settings["chunks"])[
        int(snakemake.wildcards.chunk)
    ]
    compounds, match_on = compounds.iloc[rows], settings["match_on"]
    service = (
        snakemake.params.patience.url,
        snakemake.params.patience.timeout_seconds,
        snakemake.params.patience.attempts,
    )
    matches, activities = fetch_compounds(compounds, match_on, settings["release"], *service)
    left_out = count_left_out(matches, *service)
    unmatched = unmatched_compounds(compounds, matches.to_pandas())
    near_matches = count_near_matches(unmatched, match_on, tautomer_keys, *service)

    tables.write_parquet(matches, output.matches, MATCHES)
    tables.write_parquet(activities, output.activities, ACTIVITIES)
    tables.write_parquet(left_out, output.left_out, LEFT_OUT_OF_MOLECULES)
    tables.write_parquet(near_matches, output.near_matches, NEAR_MATCHES)
