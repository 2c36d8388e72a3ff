# The compound library as InChIKeys, one row a compound, with every problem on record.
#
# in:  compounds.table, or the published library (sources.smk)
# out: {results}/compounds/


rule build_compounds:
    """Turn the SMILES of the library into InChIKeys, one row a compound."""
    input:
        library=guarded(
            config["compounds"]["table"] or f"{RESULTS}/sources/chemical_annotations.csv"
        ),
    output:
        library="<results>/compounds/library.parquet",
        compounds="<results>/compounds/compounds.parquet",
        problems="<results>/compounds/problems.csv",
        duplicates="<results>/compounds/duplicates.csv",
        summary="<results>/compounds/summary.json",
        counts="<results>/compounds/build_compounds.counts.json",
    log:
        "<logs>/build_compounds.log",
    benchmark:
        "<benchmarks>/build_compounds.tsv"
    # The wells need it, which are compared with the plates ahead of their images.
    priority: 1
    # It fails over what stands in the library, which another attempt would not change.
    retries: 0
    conda:
        "../../envs/compounds.yaml"
    # Molecules are independent, so all cores are used; Snakemake lowers this to what there is.
    threads: 32
    resources:
        # RDKit and its tables, once a process.
        mem_mb=memory(1000, per_thread=200, library=5),
        runtime=60,
    params:
        settings={
            "id_column": config["compounds"]["id_column"],
            "smiles_column": config["compounds"]["smiles_column"],
            "inchikey_column": config["compounds"]["inchikey_column"],
            "stereo_groups": config["compounds"]["stereo_groups"],
        },
        code=code("build_compounds"),
    script:
        "../scripts/build_compounds.py"
