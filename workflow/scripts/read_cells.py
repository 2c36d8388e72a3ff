"""Read the centres of single cells of one plate."""

from contextlib import nullcontext
from pathlib import Path
from urllib.parse import urlsplit

from paintassay.chembl.downloads import fetched
from paintassay.core import tables
from paintassay.core.jobs import job
from paintassay.core.matching import write_counts
from paintassay.dataset.cells import read_cells
from paintassay.dataset.matching import count_cells
from paintassay.dataset.tables import CELLS, LOST_CELLS
from paintassay.images.shards import read_shape
from paintassay.images.tables import views_schema

with job(snakemake.log[0], snakemake.input, snakemake.output):
    files, url, output = snakemake.input, snakemake.params.address.url, snakemake.output
    plate = snakemake.wildcards.plate
    views = tables.read_parquet(files.views, views_schema([])).to_pandas()
    *_, height, width = read_shape(files.shard)
    source = nullcontext(files.tables)
    if url:
        # Of gigabytes a plate, a few numbers a cell stay.
        source = fetched(url, Path(output.cells).parent / Path(urlsplit(url).path).name)
    with source as path:
        cells, lost = read_cells(path, views, (height, width), plate=plate)
    counts = count_cells(url or files.tables, plate, cells, lost, views)

    tables.write_parquet(cells, output.cells, CELLS)
    tables.write_csv(lost, output.lost, LOST_CELLS)
    write_counts(counts, output.counts)
