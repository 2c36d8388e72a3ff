"""Download ChEMBL's SQLite dump of a release, verified and unpacked."""

import logging

from paintassay.chembl_retrieve import retrieve_dump
from paintassay.files import write_json
from paintassay.logs import logged_to

with logged_to(snakemake.log[0]):
    params = snakemake.params
    logging.info("%s; %s", snakemake.resources.source, params.url)
    origin = retrieve_dump(params.url, snakemake.output.database)
    write_json(origin, snakemake.output.origin)
