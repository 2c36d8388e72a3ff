"""Download ChEMBL's SQLite dump of a release, verified and unpacked."""

import logging

from paintassay.chembl.retrieve import retrieve_dump
from paintassay.core.files import write_json
from paintassay.core.jobs import job

with job(snakemake.log[0], snakemake.input, snakemake.output):
    settings = snakemake.params.settings
    logging.info("%s; %s", snakemake.params.origin.line, settings["url"])
    origin = retrieve_dump(settings["url"], snakemake.output.database)
    write_json(origin, snakemake.output.origin)
