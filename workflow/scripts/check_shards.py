"""Read every view in the shards again and compare it with its checksum."""

import logging
from pathlib import Path

import pandas as pd

from paintassay.core import tables
from paintassay.core.errors import InputError
from paintassay.core.jobs import job
from paintassay.images.shards import verify_manifest
from paintassay.images.tables import DAMAGED_VIEWS

log = logging.getLogger(__name__)

with job(snakemake.log[0]):
    manifest = pd.read_parquet(snakemake.input.views)
    folder = Path(snakemake.input.shards[0]).parent
    damaged = verify_manifest(manifest, folder, snakemake.threads)
    if len(damaged):
        log.error("damaged views:\n%s", damaged.to_string(index=False))
        raise InputError(
            folder,
            f"{len(damaged)} of {len(manifest)} views are damaged:\n"
            f"{damaged.head(20).to_string(index=False)}",
            "delete the shards named here and run again; they are made anew from the images",
        )
    log.info("all %d views are as they were written", len(manifest))

    tables.write_csv(damaged, snakemake.output.report, DAMAGED_VIEWS)
