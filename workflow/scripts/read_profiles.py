"""Read the features of wells as one matrix."""

import numpy as np

from paintassay.core import tables
from paintassay.core.files import atomic_path, write_text
from paintassay.core.jobs import job
from paintassay.core.keys import WELL
from paintassay.core.matching import write_counts
from paintassay.dataset.matching import count_profiles
from paintassay.dataset.profiles import read_profiles
from paintassay.dataset.tables import FEATURE_WELLS, PROFILE_PROBLEMS
from paintassay.images.tables import PLATED_WELLS

with job(snakemake.log[0], snakemake.input, snakemake.output):
    output = snakemake.output
    # One file may hold several plates.
    paths = list(dict.fromkeys(snakemake.input.tables))
    metadata, features, names, problems = read_profiles(
        paths, max_missing=snakemake.params.settings["max_missing"]
    )
    wells = tables.read_parquet(snakemake.input.wells, PLATED_WELLS, WELL).to_pandas()
    counts = count_profiles(paths[0], metadata, wells)

    with atomic_path(output.features) as temporary, temporary.open("wb") as file:
        np.save(file, features, allow_pickle=False)
    tables.write_parquet(metadata, output.wells, FEATURE_WELLS)
    write_text("\n".join(names) + "\n", output.names)
    tables.write_csv(problems, output.problems, PROFILE_PROBLEMS)
    write_counts(counts, output.counts)
