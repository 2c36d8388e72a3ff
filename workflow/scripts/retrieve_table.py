"""Download one published table."""

import logging

from paintassay.downloads import download
from paintassay.files import write_json
from paintassay.logs import logged_to

with logged_to(snakemake.log[0]):
    params = snakemake.params
    logging.info("%s; %s", snakemake.resources.source, params.url)
    origin = download(params.url, snakemake.output.table, params.sha256 or None)
    write_json(origin, snakemake.output.origin)
