# Published data that the configuration does not replace by one's own are fetched from where
# workflow/resources/data_sources.csv says. docs/data.md has what is fetched for which target.
#
# in:  workflow/resources/data_sources.csv, workflow/resources/plate_maps.sha256; the network
# out: {results}/sources/, {results}/chembl/chembl_NN.db, {results}/chembl/download.json

import re

from paintassay.chembl.release import release_name

# The published tables that are fetched whole, and the source of each.
TABLE_SOURCES = {"chemical_annotations.csv": "library", "profiles.tar.gz": "profiles"}


wildcard_constraints:
    table="|".join(map(re.escape, TABLE_SOURCES)),


rule retrieve_table:
    """Fetch a published table: the library or the profiles."""
    output:
        table="<results>/sources/{table}",
        origin="<results>/sources/{table}.json",
    log:
        "<logs>/retrieve_table/{table}.log",
    benchmark:
        "<benchmarks>/retrieve_table/{table}.tsv"
    # The next try goes on where this one stopped.
    retries: 2
    conda:
        "../../envs/chembl.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=720,
        download_mb=lambda wildcards: megabytes(TABLE_SOURCES[wildcards.table]),
        disk_mb=lambda wildcards: megabytes(TABLE_SOURCES[wildcards.table]),
    params:
        settings=lambda wildcards: {
            "url": SOURCES[TABLE_SOURCES[wildcards.table]].url,
            "sha256": SOURCES[TABLE_SOURCES[wildcards.table]].sha256,
        },
        origin=lambda wildcards: not_compared(
            line=origin_line(
                TABLE_SOURCES[wildcards.table], megabytes(TABLE_SOURCES[wildcards.table])
            )
        ),
        code=code("retrieve_table"),
    script:
        "../scripts/retrieve_table.py"


rule retrieve_plate_maps:
    """Fetch the published plate maps."""
    output:
        barcode_platemap="<results>/sources/barcode_platemap.csv",
        platemap_folder=directory("<results>/sources/platemap"),
    log:
        "<logs>/retrieve_plate_maps.log",
    benchmark:
        "<benchmarks>/retrieve_plate_maps.tsv"
    retries: 2
    conda:
        "../../envs/chembl.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=60,
        download_mb=megabytes("plate_maps"),
        disk_mb=megabytes("plate_maps"),
    params:
        settings={
            "url": SOURCES["plate_maps"].url,
        },
        origin=not_compared(line=origin_line("plate_maps", megabytes("plate_maps"))),
        own=not_compared(checksums=RESOURCES / "plate_maps.sha256"),
        code=code("retrieve_plate_maps", RESOURCES / "plate_maps.sha256"),
    script:
        "../scripts/retrieve_plate_maps.py"


# As in the names of its files, such as chembl_37.
CHEMBL_RELEASE = release_name(config["chembl"]["release"]).lower()


rule retrieve_chembl:
    """Fetch a ChEMBL dump (6 GB; CC BY-SA 3.0), verify and unpack it."""
    output:
        database=f"<results>/chembl/{CHEMBL_RELEASE}.db",
        origin="<results>/chembl/download.json",
    log:
        "<logs>/retrieve_chembl.log",
    benchmark:
        "<benchmarks>/retrieve_chembl.tsv"
    # 6 GB over a slow line; the next try goes on where this one stopped.
    retries: 2
    conda:
        "../../envs/chembl.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=720,
        download_mb=megabytes("chembl"),
        # The archive, and the database in it, which is up to six times as large.
        disk_mb=7 * megabytes("chembl"),
    params:
        settings={
            "url": SOURCES["chembl"].url.format(release=CHEMBL_RELEASE),
        },
        origin=not_compared(line=origin_line("chembl", megabytes("chembl"))),
        code=code("retrieve_chembl"),
    script:
        "../scripts/retrieve_chembl.py"
