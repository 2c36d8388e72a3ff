# Splits of the compounds, and the dataset: every view with its compound, labels and parts; single
# cells and well features beside it.
#
# in:  {results}/images/, {results}/labels/, single_cells.tables, profiles.tables
# out: {results}/dataset/


rule make_splits:
    input:
        compounds=rules.build_compounds.output.compounds,
        labels=rules.build_label_matrix.output.compounds,
    output:
        splits=f"{RESULTS}/dataset/splits.parquet",
    log:
        f"{RESULTS}/logs/make_splits.log",
    benchmark:
        f"{RESULTS}/benchmarks/make_splits.tsv"
    conda:
        "../../envs/chem.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=minutes(10),
    params:
        **config["splits"],
        code=code("make_splits"),
    script:
        "../scripts/make_splits.py"


rule build_dataset:
    input:
        views=rules.collect_views.output.views,
        quality=rules.collect_views.output.quality,
        wells=rules.read_wells.output.wells,
        compounds=rules.build_compounds.output.compounds,
        labels=rules.build_label_matrix.output.compounds,
        splits=rules.make_splits.output.splits,
    output:
        views=f"{RESULTS}/dataset/views.parquet",
        parts=f"{RESULTS}/dataset/parts.csv",
        without_images=f"{RESULTS}/dataset/compounds_without_images.csv",
        without_labels=f"{RESULTS}/dataset/images_without_labels.csv",
        summary=f"{RESULTS}/dataset/summary.json",
    log:
        f"{RESULTS}/logs/build_dataset.log",
    benchmark:
        f"{RESULTS}/benchmarks/build_dataset.tsv"
    conda:
        "../../envs/images.yaml"
    resources:
        mem_mb=memory(1000, views=20, quality=10),
        runtime=minutes(30),
    params:
        exclude_flags=config["quality"]["exclude_flags"],
        code=code("build_dataset"),
    script:
        "../scripts/build_dataset.py"


# The database of a plate is there only while its job runs.
REMOTE_CELLS = (
    {
        "download_mb": per_plate("single_cells"),
        "disk_mb": per_plate("single_cells"),
        "source": source_line("single_cells", per_plate("single_cells")),
    }
    if CELL_TABLES == SOURCES["single_cells"]["url"]
    else {}
)

if CELL_TABLES is not None:

    rule read_cells:
        input:
            tables=local_or_nothing(CELL_TABLES),
            views=rules.convert_plate.output.views,
            shard=rules.convert_plate.output.shard,
        output:
            cells=f"{RESULTS}/dataset/cells/{{plate}}.parquet",
            lost=f"{RESULTS}/dataset/cells/{{plate}}.lost.csv",
        log:
            f"{RESULTS}/logs/read_cells/{{plate}}.log",
        benchmark:
            f"{RESULTS}/benchmarks/read_cells/{{plate}}.tsv"
        retries: 2 if REMOTE_CELLS else None
        conda:
            "../../envs/images.yaml"
        resources:
            **REMOTE_CELLS,
            # The table is read in pieces, and of a cell only its place is kept.
            mem_mb=memory(2000),
            # Of the published screen, 9 GB come first.
            runtime=minutes(240 if REMOTE_CELLS else 30),
        params:
            url=None if local_or_nothing(CELL_TABLES) else CELL_TABLES,
            code=code("read_cells"),
        script:
            "../scripts/read_cells.py"


if PROFILE_TABLES is not None:

    rule read_profiles:
        input:
            tables=of_all_plates(PROFILE_TABLES),
        output:
            features=f"{RESULTS}/dataset/features.npy",
            wells=f"{RESULTS}/dataset/feature_wells.parquet",
            names=f"{RESULTS}/dataset/feature_names.txt",
            problems=f"{RESULTS}/dataset/feature_problems.csv",
        log:
            f"{RESULTS}/logs/read_profiles.log",
        benchmark:
            f"{RESULTS}/benchmarks/read_profiles.tsv"
        conda:
            "../../envs/images.yaml"
        resources:
            # Every well's features as float32, and a copy on the way.
            mem_mb=memory(2000, tables=2),
            runtime=minutes(30),
        params:
            max_missing=config["profiles"]["max_missing"],
            code=code("read_profiles"),
        script:
            "../scripts/read_profiles.py"


rule dataset:
    input:
        rules.images.input,
        rules.build_dataset.output,
        of_all_plates(rules.read_cells.output.cells) if CELL_TABLES else [],
        rules.read_profiles.output if PROFILE_TABLES else [],
    localrule: True
