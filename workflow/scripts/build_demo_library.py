"""Write the compound library of the demo screen."""

import pandas as pd

from paintassay.core.files import atomic_path
from paintassay.core.jobs import job
from paintassay.demo.library import demo_library

with job(snakemake.log[0], snakemake.input, snakemake.output):
    library = demo_library(
        pd.read_csv(snakemake.params.own.drugs), snakemake.params.settings["seed"]
    )
    with atomic_path(snakemake.output.library) as temporary:
        library.to_csv(temporary, index=False)
