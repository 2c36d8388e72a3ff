"""List the plates of the screen."""

import pandas as pd

from paintassay.core import tables
from paintassay.core.jobs import job
from paintassay.images.index import list_plates
from paintassay.images.tables import PLATES

with job(snakemake.log[0], snakemake.input, snakemake.output):
    settings = snakemake.params.settings
    root = snakemake.params.address.url or snakemake.input.root
    plates = pd.DataFrame({"plate": list_plates(settings["layout"], root, settings["channels"])})

    tables.write_csv(plates, snakemake.output.plates, PLATES)
