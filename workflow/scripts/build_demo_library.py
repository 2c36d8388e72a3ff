"""Write the compound library of the demo screen."""

import pandas as pd

from paintassay.demo_library import demo_library
from paintassay.files import atomic_path
from paintassay.logs import logged_to

with logged_to(snakemake.log[0]):
    library = demo_library(pd.read_csv(snakemake.input.drugs), snakemake.params.seed)
    with atomic_path(snakemake.output.library) as temporary:
        library.to_csv(temporary, index=False)
