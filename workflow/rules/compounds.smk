# The compound library as InChIKeys, one row a compound, with every problem on record.
#
# in:  compounds.table, or the published library (retrieve.smk)
# out: {results}/compounds/


rule build_compounds:
    input:
        library=config["compounds"]["table"] or f"{RESULTS}/sources/chemical_annotations.csv",
    output:
        library=f"{RESULTS}/compounds/library.parquet",
        compounds=f"{RESULTS}/compounds/compounds.parquet",
        problems=f"{RESULTS}/compounds/problems.csv",
        duplicates=f"{RESULTS}/compounds/duplicates.csv",
        account=f"{RESULTS}/compounds/account.json",
    log:
        f"{RESULTS}/logs/build_compounds.log",
    benchmark:
        f"{RESULTS}/benchmarks/build_compounds.tsv"
    # It fails over what stands in the library, which another attempt would not change.
    retries: 0
    conda:
        "../../envs/chem.yaml"
    # Molecules are independent, so all cores are used; Snakemake lowers this to what there is.
    threads: 32
    resources:
        # RDKit and its tables, once a process.
        mem_mb=memory(1000, per_thread=200, library=5),
        runtime=60,
    params:
        id_column=config["compounds"]["id_column"],
        smiles_column=config["compounds"]["smiles_column"],
        inchikey_column=config["compounds"]["inchikey_column"],
        code=code("build_compounds"),
    script:
        "../scripts/build_compounds.py"
