"""Download one published table."""

import logging

from paintassay.chembl.downloads import download
from paintassay.core.files import write_json
from paintassay.core.jobs import job

with job(snakemake.log[0]):
    params = snakemake.params
    logging.info("%s; %s", snakemake.resources.source, params.url)
    origin = download(params.url, snakemake.output.table, params.sha256 or None)
    write_json(origin, snakemake.output.origin)
