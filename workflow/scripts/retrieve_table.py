"""Download one published table."""

import logging

from paintassay.chembl.downloads import download
from paintassay.core.files import write_json
from paintassay.core.jobs import job

with job(snakemake.log[0], snakemake.input, snakemake.output):
    settings = snakemake.params.settings
    logging.info("%s; %s", snakemake.params.origin.line, settings["url"])
    origin = download(settings["url"], snakemake.output.table, settings["sha256"] or None)
    write_json(origin, snakemake.output.origin)
