# The embedded demo screen, made up from a seed: a library of known drugs, a small ChEMBL, and
# plates of drawn cells with plate maps, single-cell tables and well profiles.
#
# in:  workflow/resources/demo_drugs.csv, workflow/resources/chembl_schema.sql
# out: {results}/screen/ (see config/demo.yaml)


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
        mem_mb=memory(1000),
        runtime=minutes(5),
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
        mem_mb=memory(1000),
        runtime=minutes(5),
    params:
        seed=config["demo"]["seed"],
        release=config["chembl"]["release"],
        code=code("build_demo_chembl"),
    script:
        "../scripts/build_demo_chembl.py"


rule build_demo_screen:
    input:
        library=rules.build_demo_library.output.library,
    output:
        images=directory(f"{RESULTS}/screen/images"),
        single_cells=directory(f"{RESULTS}/screen/single_cells"),
        profiles=directory(f"{RESULTS}/screen/profiles"),
        barcode_platemap=f"{RESULTS}/screen/barcode_platemap.csv",
        platemap_folder=directory(f"{RESULTS}/screen/platemap"),
    log:
        f"{RESULTS}/logs/build_demo_screen.log",
    benchmark:
        f"{RESULTS}/benchmarks/build_demo_screen.tsv"
    conda:
        "../../envs/images.yaml"
    # A process a plate.
    threads: len(config["demo"]["plates"])
    resources:
        mem_mb=memory(1000, per_thread=500),
        runtime=minutes(10),
    params:
        **config["demo"],
        code=code("build_demo_screen"),
    script:
        "../scripts/build_demo_screen.py"
