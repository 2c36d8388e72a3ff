"""Download ChEMBL's SQLite dump of a release, verified and unpacked."""

import logging

from paintassay.chembl.retrieve import retrieve_dump
from paintassay.core.files import write_json
from paintassay.core.jobs import job

with job(snakemake.log[0]):
    params = snakemake.params
    logging.info("%s; %s", snakemake.resources.source, params.url)
    origin = retrieve_dump(params.url, snakemake.output.database)
    write_json(origin, snakemake.output.origin)
