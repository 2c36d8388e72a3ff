"""Read the centres of single cells of one plate."""

import pandas as pd

from paintassay import tables
from paintassay.image_tables import CELLS
from paintassay.logs import logged_to
from paintassay.shards import read_shape
from paintassay.single_cells import LOST_CELLS, read_cells

with logged_to(snakemake.log[0]):
    files, output = snakemake.input, snakemake.output
    views = pd.read_parquet(files.views)
    *_, height, width = read_shape(files.shard)
    cells, lost = read_cells(files.tables, views, (height, width), plate=snakemake.wildcards.plate)

    tables.write_parquet(cells, output.cells, CELLS)
    tables.write_csv(lost, output.lost, LOST_CELLS)
