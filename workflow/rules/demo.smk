# The embedded demo screen, made up from a seed: a library of known drugs, a small ChEMBL, and
# plates of drawn cells with plate maps, single-cell tables and well profiles.
#
# in:  workflow/resources/demo_drugs.csv, workflow/resources/chembl_schema.sql
# out: {results}/screen/ (see config/demo.yaml)


rule build_demo_library:
    """Write the demo's compound library."""
    output:
        library="<results>/screen/library.csv",
    log:
        "<logs>/build_demo_library.log",
    benchmark:
        "<benchmarks>/build_demo_library.tsv"
    conda:
        "../../envs/demo.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=minutes(5),
    params:
        settings={
            "seed": config["demo"]["seed"],
        },
        own=not_compared(drugs=RESOURCES / "demo_drugs.csv"),
        code=code("build_demo_library", RESOURCES / "demo_drugs.csv"),
    script:
        "../scripts/build_demo_library.py"


rule build_demo_chembl:
    """Write the demo's small ChEMBL."""
    input:
        library=rules.build_demo_library.output.library,
    output:
        database="<results>/screen/chembl.db",
    log:
        "<logs>/build_demo_chembl.log",
    benchmark:
        "<benchmarks>/build_demo_chembl.tsv"
    conda:
        "../../envs/demo.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=minutes(5),
    params:
        settings={
            "seed": config["demo"]["seed"],
            "release": config["chembl"]["release"],
        },
        own=not_compared(schema=RESOURCES / "chembl_schema.sql"),
        code=code("build_demo_chembl", RESOURCES / "chembl_schema.sql"),
    script:
        "../scripts/build_demo_chembl.py"


rule build_demo_screen:
    """Draw the demo's plates, with plate maps, single cells and profiles."""
    input:
        library=rules.build_demo_library.output.library,
    output:
        images=directory("<results>/screen/images"),
        single_cells=directory("<results>/screen/single_cells"),
        profiles=directory("<results>/screen/profiles"),
        barcode_platemap="<results>/screen/barcode_platemap.csv",
        platemap_folder=directory("<results>/screen/platemap"),
    log:
        "<logs>/build_demo_screen.log",
    benchmark:
        "<benchmarks>/build_demo_screen.tsv"
    conda:
        "../../envs/demo.yaml"
    # A process a plate.
    threads: len(config["demo"]["plates"])
    resources:
        mem_mb=memory(1000, per_thread=500),
        runtime=minutes(10),
    params:
        settings=config["demo"],
        code=code("build_demo_screen"),
    script:
        "../scripts/build_demo_screen.py"
