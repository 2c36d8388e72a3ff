# From raw plates to checksummed 8-bit shards, with quality control and an account of what is
# missing. One job a plate; raw files are read where they lie and never kept.
#
# in:  images.root, plates, {results}/compounds/library.parquet
# out: {results}/images/

PLATES = config["plates"]
if all(PLATES[key] is None for key in ["barcode_platemap", "platemap_folder", "wells"]):
    PLATES = PLATES | dict(rules.retrieve_plate_maps.output.items())
# What a job reads of the published images.
REMOTE = {"download_mb": per_plate("images")} if PUBLISHED else {}


wildcard_constraints:
    plate=r"[^/]+",


checkpoint list_plates:
    """List the plates of the screen."""
    input:
        root=local_or_nothing(IMAGES["root"]),
    output:
        plates="<results>/images/plates.csv",
    log:
        "<logs>/list_plates.log",
    benchmark:
        "<benchmarks>/list_plates.tsv"
    # It fails over what lies there, as the next rule does over what its tables say.
    retries: 0
    conda:
        "../../envs/images.yaml"
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        settings={
            "layout": IMAGES["layout"],
            "url": IMAGES["root"] if "://" in IMAGES["root"] else None,
            "channels": IMAGES["channels"],
        },
        code=code("list_plates"),
    script:
        "../scripts/list_plates.py"


rule read_wells:
    """Read what is in each well, and give each compound its InChIKey."""
    input:
        barcode_platemap=PLATES["barcode_platemap"] if PLATES["wells"] is None else [],
        platemap_folder=PLATES["platemap_folder"] if PLATES["wells"] is None else [],
        wells=local_or_nothing(PLATES["wells"]),
        library=rules.build_compounds.output.library,
        # To compare their names early; what the plates are changes nothing in the wells.
        plates=[] if PUBLISHED else ancient(rules.list_plates.output.plates),
    output:
        wells="<results>/images/wells.parquet",
        unmatched="<results>/images/unmatched_compound_ids.csv",
        counts="<results>/images/read_wells.counts.json",
    log:
        "<logs>/read_wells.log",
    benchmark:
        "<benchmarks>/read_wells.tsv"
    # Ahead of the images: it finds names that do not match.
    priority: 1
    retries: 0
    conda:
        "../../envs/images.yaml"
    resources:
        mem_mb=1000,
        runtime=20,
    params:
        settings={
            "controls": PLATES["controls"],
            "dose_column": PLATES["dose_column"],
            "doses": PLATES["doses"],
        },
        own=not_compared(plates=RESOURCES / "published_plates.csv"),
        code=code("read_wells", RESOURCES / "published_plates.csv"),
    script:
        "../scripts/read_wells.py"


rule index_plate:
    """Find the file of each well, site and channel of a plate."""
    input:
        files=plate_files,
    output:
        index="<results>/images/index/{plate}.parquet",
        lost="<results>/images/index/{plate}.lost.csv",
        counts="<results>/images/index/{plate}.counts.json",
    log:
        "<logs>/index_plate/{plate}.log",
    benchmark:
        "<benchmarks>/index_plate/{plate}.tsv"
    conda:
        "../../envs/images.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        settings={
            "layout": IMAGES["layout"],
            "root": IMAGES["root"],
            "path_prefix": IMAGES["path_prefix"],
            "channels": IMAGES["channels"],
        },
        code=code("index_plate"),
    script:
        "../scripts/index_plate.py"


rule convert_plate:
    """Convert the 16-bit images of a plate to a checksummed 8-bit shard, and measure their quality."""
    input:
        index=rules.index_plate.output.index,
        index_lost=rules.index_plate.output.lost,
        wells=rules.read_wells.output.wells if IMAGES["wanted"] == "labelled" else [],
        labels=rules.build_label_matrix.output.compounds if IMAGES["wanted"] == "labelled" else [],
    output:
        shard="<results>/images/shards/{plate}.npy",
        views="<results>/images/plates/{plate}.views.parquet",
        lost="<results>/images/plates/{plate}.lost.csv",
        quality="<results>/images/plates/{plate}.quality.parquet",
        copies="<results>/images/plates/{plate}.copies.csv",
        counts="<results>/images/plates/{plate}.counts.json",
    log:
        "<logs>/convert_plate/{plate}.log",
    benchmark:
        "<benchmarks>/convert_plate/{plate}.tsv"
    # What fails over the network may succeed later; else the profile says.
    retries: 2 if PUBLISHED else None
    conda:
        "../../envs/images.yaml"
    # Views are independent; beyond eight threads the disk is the limit.
    threads: 8
    resources:
        **REMOTE,
        # Two views a thread are in memory, and what is computed from them.
        mem_mb=memory(1000, per_thread=100),
        # A plate of 2,260 views takes a minute on one core; an object store may be far away.
        runtime=minutes(60),
    params:
        settings={
            "channels": IMAGES["channels"],
            "bits": IMAGES["bits"],
            "clip_percent": IMAGES["clip_percent"],
            "illumination": IMAGES["illumination"],
            # YAML reads a bare off as false.
            "check_tags": IMAGES["check_tags"] or "off",
            "max_lost": IMAGES["max_lost"],
        },
        code=code("convert_plate"),
    script:
        "../scripts/convert_plate.py"


rule collect_views:
    """List the views of all plates, flag their quality, and say what is missing."""
    input:
        index=of_all_plates(rules.index_plate.output.index),
        index_lost=of_all_plates(rules.index_plate.output.lost),
        views=of_all_plates(rules.convert_plate.output.views),
        lost=of_all_plates(rules.convert_plate.output.lost),
        quality=of_all_plates(rules.convert_plate.output.quality),
        copies=of_all_plates(rules.convert_plate.output.copies),
        index_counts=of_all_plates(rules.index_plate.output.counts),
        counts=of_all_plates(rules.convert_plate.output.counts),
        shards=of_all_plates(rules.convert_plate.output.shard),
    output:
        views="<results>/images/views.parquet",
        lost="<results>/images/lost_views.csv",
        missing="<results>/images/missing.csv",
        quality="<results>/images/quality.parquet",
        copies="<results>/images/copies.csv",
        counts="<results>/images/collect_views.counts.json",
    log:
        "<logs>/collect_views.log",
    benchmark:
        "<benchmarks>/collect_views.tsv"
    conda:
        "../../envs/images.yaml"
    resources:
        # Tables of all plates at once; of the shards only the heads are looked at.
        mem_mb=memory(1000, index=50, views=20, quality=10),
        runtime=minutes(30),
    params:
        settings={
            "channels": IMAGES["channels"],
            "limits": config["quality"]["limits"],
            "root": IMAGES["root"],
        },
        code=code("collect_views"),
    script:
        "../scripts/collect_views.py"


rule draw_plate:
    """Draw heat maps, a contact sheet and one view of a plate."""
    input:
        shard=rules.convert_plate.output.shard,
        views=rules.convert_plate.output.views,
        quality=rules.convert_plate.output.quality,
        wells=rules.read_wells.output.wells,
    output:
        heat_maps="<results>/images/pictures/{plate}.quality.png",
        contact_sheet="<results>/images/pictures/{plate}.contact_sheet.png",
        montage="<results>/images/pictures/{plate}.montage.png",
    log:
        "<logs>/draw_plate/{plate}.log",
    benchmark:
        "<benchmarks>/draw_plate/{plate}.tsv"
    conda:
        "../../envs/images.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=minutes(10),
    params:
        settings={
            "channels": IMAGES["channels"],
            "limits": config["quality"]["limits"],
            "pixel_size_um": IMAGES["pixel_size_um"],
        },
        code=code("draw_plate"),
    script:
        "../scripts/draw_plate.py"


rule check_shards:
    """Compare every view of the shards with its checksum."""
    input:
        views=rules.collect_views.output.views,
        shards=of_all_plates(rules.convert_plate.output.shard),
    output:
        # Does not stay: whoever asks again wants the bytes read again.
        report=temp("<results>/images/damaged_views.csv"),
    log:
        "<logs>/check_shards.log",
    benchmark:
        "<benchmarks>/check_shards.tsv"
    conda:
        "../../envs/images.yaml"
    # Reading and hashing; the disk is the limit.
    threads: 8
    resources:
        mem_mb=memory(1000, views=20),
        # At 150 MB/s the 1.7 TB of the published screen take 190 minutes.
        runtime=minutes(240),
    params:
        code=code("check_shards"),
    script:
        "../scripts/check_shards.py"


rule verify_shards:
    """Every byte of the shards, read again."""
    input:
        rules.check_shards.output.report,
    localrule: True


rule images:
    """Shards of all plates, with quality control and pictures."""
    input:
        rules.collect_views.output,
        rules.read_wells.output,
        of_all_plates(rules.draw_plate.output.heat_maps),
    localrule: True
