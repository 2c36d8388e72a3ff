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
from paintassay.core.matching import check_kept, write_counts
from paintassay.core.versions import software_versions

with job(snakemake.log[0], snakemake.input, snakemake.output):
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
    dropped = problems.loc[problems["outcome"] == "dropped", ["row", "problem"]]
    matches = [
        check_kept(
            path,
            "rows of the library with an InChIKey",
            counts["rows_with_key"],
            counts["rows"],
            "look at compounds/problems.csv in the results, and at the keys of compounds that "
            "name the columns",
            example=f"row {dropped.iloc[0]['row']}: {dropped.iloc[0]['problem']}"
            if len(dropped)
            else None,
        )
    ]
    versions = software_versions("rdkit", "chembl_structure_pipeline", "pandas")

    tables.write_parquet(rows, output.library, LIBRARY)
    tables.write_parquet(compounds, output.compounds, COMPOUNDS)
    tables.write_csv(problems, output.problems, PROBLEMS)
    tables.write_csv(duplicates, output.duplicates, DUPLICATES)
    summary = {"table": path, "sha256": sha256(path), **counts, "software": versions}
    write_json(summary, output.summary)
    write_counts(matches, output.counts)
