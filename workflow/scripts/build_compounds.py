"""Turn the compound library into InChIKeys, one row a compound."""

from paintassay import tables
from paintassay.compounds import (
    assign_keys,
    count_library,
    join_duplicates,
    read_library,
    standardise,
)
from paintassay.files import sha256, write_json
from paintassay.logs import logged_to
from paintassay.provenance import software_versions

with logged_to(snakemake.log[0]):
    path, params, output = snakemake.input.library, snakemake.params, snakemake.output
    library = read_library(path, params.id_column, params.smiles_column, params.inchikey_column)
    structures = standardise(library["smiles"], snakemake.threads) if params.smiles_column else None
    rows, problems = assign_keys(library, structures)
    compounds, duplicates = join_duplicates(rows)
    counts = count_library(rows, problems, compounds)
    versions = software_versions("rdkit", "chembl_structure_pipeline", "pandas")

    tables.write_parquet(rows, output.library, tables.LIBRARY)
    tables.write_parquet(compounds, output.compounds, tables.COMPOUNDS)
    tables.write_csv(problems, output.problems, tables.PROBLEMS)
    tables.write_csv(duplicates, output.duplicates, tables.DUPLICATES)
    account = {"table": path, "sha256": sha256(path), **counts, "software": versions}
    write_json(account, output.account)
