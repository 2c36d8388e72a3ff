# The embedded demo screen: a library of known drugs and a small ChEMBL, made up from a seed.
#
# in:  workflow/resources/demo_drugs.csv, workflow/resources/chembl_schema.sql
# out: {results}/screen/library.csv, {results}/screen/chembl.db (see config/demo.yaml)


rule build_demo_library:
    input:
        drugs=RESOURCES / "demo_drugs.csv",
    output:
        library=f"{RESULTS}/screen/library.csv",
    log:
        f"{RESULTS}/logs/build_demo_library.log",
    benchmark:
        f"{RESULTS}/benchmarks/build_demo_library.tsv"
    conda:
        "../../envs/chem.yaml"
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        seed=config["demo"]["seed"],
        code=code("build_demo_library"),
    script:
        "../scripts/build_demo_library.py"


rule build_demo_chembl:
    input:
        library=rules.build_demo_library.output.library,
        schema=RESOURCES / "chembl_schema.sql",
    output:
        database=f"{RESULTS}/screen/chembl.db",
    log:
        f"{RESULTS}/logs/build_demo_chembl.log",
    benchmark:
        f"{RESULTS}/benchmarks/build_demo_chembl.tsv"
    conda:
        "../../envs/chem.yaml"
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        seed=config["demo"]["seed"],
        release=config["chembl"]["release"],
        code=code("build_demo_chembl"),
    script:
        "../scripts/build_demo_chembl.py"
