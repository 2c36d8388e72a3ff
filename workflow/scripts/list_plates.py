"""List the plates of the screen."""

import pandas as pd

from paintassay import tables
from paintassay.image_index import list_plates
from paintassay.image_tables import PLATES
from paintassay.logs import logged_to

with logged_to(snakemake.log[0]):
    params = snakemake.params
    root = params.url or snakemake.input.root
    plates = pd.DataFrame({"plate": list_plates(params.layout, root, params.channels)})

    tables.write_csv(plates, snakemake.output.plates, PLATES)
