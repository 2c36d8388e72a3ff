"""Read every view in the shards again and compare it with its checksum."""

import logging
from pathlib import Path

import pandas as pd

from paintassay import tables
from paintassay.errors import InputError
from paintassay.image_tables import DAMAGED_VIEWS
from paintassay.logs import logged_to
from paintassay.shards import verify_manifest

log = logging.getLogger(__name__)

with logged_to(snakemake.log[0]):
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
