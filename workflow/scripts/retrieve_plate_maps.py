"""Download the plate maps of the published screen, each verified."""

import logging
import shutil
from pathlib import Path

from paintassay.chembl.downloads import download_all, read_checksums
from paintassay.core.jobs import job

with job(snakemake.log[0], snakemake.input, snakemake.output):
    settings, output = snakemake.params.settings, snakemake.output
    logging.info("%s; %s", snakemake.params.origin.line, settings["url"])
    # Beside the outputs, so that what a killed job has fetched is there for the next.
    folder = Path(f"{output.platemap_folder}.part")
    download_all(settings["url"], read_checksums(snakemake.params.own.checksums), folder)
    shutil.rmtree(output.platemap_folder, ignore_errors=True)
    (folder / "platemap").rename(output.platemap_folder)
    (folder / "barcode_platemap.csv").rename(output.barcode_platemap)
    shutil.rmtree(folder)
