"""Describe the results as an RO-Crate, for archives and for other programs."""

from pathlib import Path

from paintassay.core.files import read_json, write_json
from paintassay.core.jobs import job
from paintassay.core.versions import __version__
from paintassay.report.crate import describe_crate

with job(snakemake.log[0], snakemake.input, snakemake.output):
    summary = read_json(snakemake.input.label_summary)
    library, chembl = summary["library"], summary["chembl"]
    inputs = {
        library["table"]: f"compound library, SHA-256 {library['sha256']}",
        chembl["release"]: f"activities from ChEMBL, by {chembl['source']}",
        snakemake.params.settings["images"]: "raw images",
    }
    path = Path(snakemake.output.crate)
    write_json(describe_crate(path.parent, snakemake.input.files, inputs, __version__), path)
