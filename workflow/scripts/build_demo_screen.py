"""Draw the plates of the demo screen, with plate maps, single-cell tables and well profiles."""

from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import pandas as pd

from paintassay.core.jobs import end_with_parent, job
from paintassay.demo.plates import plate_layout, write_plate_maps
from paintassay.demo.screen import write_plate

with job(snakemake.log[0], snakemake.input, snakemake.output):
    settings = snakemake.params.settings
    folder = Path(snakemake.output.images).parent
    library = pd.read_csv(snakemake.input.library, keep_default_na=False)
    wells = plate_layout(library, settings["plates"], settings["seed"])
    draw = partial(
        write_plate,
        folder,
        wells=wells,
        seed=settings["seed"],
        sites=settings["sites"],
        height=settings["height"],
        width=settings["width"],
    )
    # Forked, because a spawned process would run this script once more.
    with ProcessPoolExecutor(snakemake.threads, get_context("fork"), end_with_parent) as pool:
        list(pool.map(draw, settings["plates"]))
    write_plate_maps(folder, wells)
