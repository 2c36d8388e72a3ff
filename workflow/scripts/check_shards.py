"""Read every view in the shards, and every other result, again and compare it with its checksum."""

import logging
from pathlib import Path

from paintassay.core import tables
from paintassay.core.checksums import damaged_files
from paintassay.core.errors import InputError
from paintassay.core.jobs import job
from paintassay.images.shards import verify_manifest
from paintassay.images.tables import DAMAGED_VIEWS, views_schema

log = logging.getLogger(__name__)

with job(snakemake.log[0], snakemake.input, snakemake.output):
    manifest = tables.read_parquet(
        snakemake.input.views, views_schema([]), further=True
    ).to_pandas()
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
    # The shards lie in images/shards of the results.
    files, number = damaged_files(folder.parent.parent)
    if files:
        raise InputError(
            files[0],
            f"{len(files)} of {number} results are missing or not as they were written: "
            f"{', '.join(map(str, files[:20]))}",
            "delete the files named here and run again; what is needed is made anew",
        )
    log.info("all %d other results are as they were written", number)

    tables.write_csv(damaged, snakemake.output.report, DAMAGED_VIEWS)
