"""Turn the compound library into InChIKeys, one row a compound."""

from paintassay.compounds.library import (
    assign_keys,
    count_library,
    join_duplicates,
    read_library,
    standardise_structures,
)
from paintassay.compounds.tables import COMPOUNDS, DUPLICATES, LIBRARY, PROBLEMS
from paintassay.core import tables
from paintassay.core.files import sha256, write_json
from paintassay.core.jobs import job
from paintassay.core.versions import software_versions

with job(snakemake.log[0]):
    path, settings, output = snakemake.input.library, snakemake.params.settings, snakemake.output
    library = read_library(
        path, settings["id_column"], settings["smiles_column"], settings["inchikey_column"]
    )
    structures = (
        standardise_structures(library["smiles"], snakemake.threads, settings["stereo_groups"])
        if settings["smiles_column"]
        else None
    )
    rows, problems = assign_keys(library, structures)
    compounds, duplicates = join_duplicates(rows)
    counts = count_library(rows, problems, compounds)
    versions = software_versions("rdkit", "chembl_structure_pipeline", "pandas")

    tables.write_parquet(rows, output.library, LIBRARY)
    tables.write_parquet(compounds, output.compounds, COMPOUNDS)
    tables.write_csv(problems, output.problems, PROBLEMS)
    tables.write_csv(duplicates, output.duplicates, DUPLICATES)
    summary = {"table": path, "sha256": sha256(path), **counts, "software": versions}
    write_json(summary, output.summary)
