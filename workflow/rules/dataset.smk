# Splits of the compounds, and the dataset: every view with its compound, labels and parts; single
# cells and well features beside it.
#
# in:  {results}/images/, {results}/labels/, single_cells.tables, profiles.tables
# out: {results}/dataset/


rule make_splits:
    """Divide the labelled compounds into train, validation and test, several times."""
    input:
        compounds=rules.build_compounds.output.compounds,
        labels=rules.build_label_matrix.output.compounds,
    output:
        splits="<results>/dataset/splits.parquet",
        counts="<results>/dataset/make_splits.counts.json",
    log:
        "<logs>/make_splits.log",
    benchmark:
        "<benchmarks>/make_splits.tsv"
    conda:
        "../../envs/dataset.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=minutes(10),
    params:
        settings=config["splits"],
        code=code("make_splits"),
    script:
        "../scripts/make_splits.py"


rule build_dataset:
    """Join every view with its compound, labels and parts."""
    input:
        views=rules.collect_views.output.views,
        quality=rules.collect_views.output.quality,
        wells=rules.read_wells.output.wells,
        compounds=rules.build_compounds.output.compounds,
        labels=rules.build_label_matrix.output.compounds,
        splits=rules.make_splits.output.splits,
    output:
        views="<results>/dataset/views.parquet",
        parts="<results>/dataset/parts.csv",
        without_images="<results>/dataset/compounds_without_images.csv",
        without_labels="<results>/dataset/images_without_labels.csv",
        summary="<results>/dataset/summary.json",
        counts="<results>/dataset/build_dataset.counts.json",
    log:
        "<logs>/build_dataset.log",
    benchmark:
        "<benchmarks>/build_dataset.tsv"
    conda:
        "../../envs/dataset.yaml"
    resources:
        mem_mb=memory(1000, views=20, quality=10),
        runtime=minutes(30),
    params:
        settings={
            "exclude_flags": config["quality"]["exclude_flags"],
        },
        code=code("build_dataset"),
    script:
        "../scripts/build_dataset.py"


# The database of a plate is there only while its job runs.
REMOTE_CELLS = (
    {
        "download_mb": per_plate("single_cells"),
        "disk_mb": per_plate("single_cells"),
    }
    if CELL_TABLES == SOURCES["single_cells"].url
    else {}
)

if CELL_TABLES is not None:

    rule read_cells:
        """Read the centres of the single cells of a plate."""
        input:
            tables=local_or_nothing(CELL_TABLES),
            views=rules.convert_plate.output.views,
            shard=rules.convert_plate.output.shard,
        output:
            cells="<results>/dataset/cells/{plate}.parquet",
            lost="<results>/dataset/cells/{plate}.lost.csv",
            counts="<results>/dataset/cells/{plate}.counts.json",
        log:
            "<logs>/read_cells/{plate}.log",
        benchmark:
            "<benchmarks>/read_cells/{plate}.tsv"
        retries: 2 if REMOTE_CELLS else None
        conda:
            "../../envs/dataset.yaml"
        resources:
            **REMOTE_CELLS,
            # The table is read in pieces, and of a cell only its place is kept.
            mem_mb=memory(2000),
            # Of the published screen, 9 GB come first.
            runtime=minutes(240 if REMOTE_CELLS else 30),
        params:
            # Snakemake fills in wildcards within texts, but not within a dictionary.
            settings=lambda wildcards: {
                "url": mask_all(cells_url(wildcards)),
            },
            address=lambda wildcards: not_compared(url=cells_url(wildcards)),
            origin=not_compared(line=origin_line("single_cells", per_plate("single_cells"))),
            code=code("read_cells"),
        script:
            "../scripts/read_cells.py"


if PROFILE_TABLES is not None:

    rule read_profiles:
        """Read the CellProfiler features of all wells as one matrix."""
        input:
            tables=of_all_plates(PROFILE_TABLES),
            # To compare their names; what the wells hold changes nothing in the features.
            wells=ancient(rules.read_wells.output.wells),
        output:
            features="<results>/dataset/features.npy",
            wells="<results>/dataset/feature_wells.parquet",
            names="<results>/dataset/feature_names.txt",
            problems="<results>/dataset/feature_problems.csv",
            counts="<results>/dataset/read_profiles.counts.json",
        log:
            "<logs>/read_profiles.log",
        benchmark:
            "<benchmarks>/read_profiles.tsv"
        conda:
            "../../envs/dataset.yaml"
        resources:
            # Every well's features as float32, and a copy on the way.
            mem_mb=memory(2000, tables=2),
            runtime=minutes(30),
        params:
            settings={
                "max_missing": config["profiles"]["max_missing"],
            },
            code=code("read_profiles"),
        script:
            "../scripts/read_profiles.py"


rule dataset:
    """Shards, splits and every view with its compound; single cells and profiles beside it."""
    input:
        rules.images.input,
        rules.build_dataset.output,
        of_all_plates(rules.read_cells.output.cells) if CELL_TABLES else [],
        rules.read_profiles.output if PROFILE_TABLES else [],
    localrule: True
