# Retrieval of published data that the configuration does not name otherwise, as
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
    output:
        table=f"{RESULTS}/sources/{{table}}",
        origin=f"{RESULTS}/sources/{{table}}.json",
    log:
        f"{RESULTS}/logs/retrieve_table/{{table}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/retrieve_table/{{table}}.tsv"
    # The next try goes on where this one stopped.
    retries: 2
    conda:
        "../../envs/chembl.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=720,
        download_mb=lambda wildcards: megabytes(TABLE_SOURCES[wildcards.table]),
        disk_mb=lambda wildcards: megabytes(TABLE_SOURCES[wildcards.table]),
        source=lambda wildcards: source_line(
            TABLE_SOURCES[wildcards.table], megabytes(TABLE_SOURCES[wildcards.table])
        ),
    params:
        url=lambda wildcards: SOURCES[TABLE_SOURCES[wildcards.table]]["url"],
        sha256=lambda wildcards: SOURCES[TABLE_SOURCES[wildcards.table]]["sha256"],
        code=code("retrieve_table"),
    script:
        "../scripts/retrieve_table.py"


rule retrieve_plate_maps:
    input:
        checksums=RESOURCES / "plate_maps.sha256",
    output:
        barcode_platemap=f"{RESULTS}/sources/barcode_platemap.csv",
        platemap_folder=directory(f"{RESULTS}/sources/platemap"),
    log:
        f"{RESULTS}/logs/retrieve_plate_maps.log",
    benchmark:
        f"{RESULTS}/benchmarks/retrieve_plate_maps.tsv"
    retries: 2
    conda:
        "../../envs/chembl.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=60,
        download_mb=megabytes("plate_maps"),
        disk_mb=megabytes("plate_maps"),
        source=source_line("plate_maps", megabytes("plate_maps")),
    params:
        url=SOURCES["plate_maps"]["url"],
        code=code("retrieve_plate_maps"),
    script:
        "../scripts/retrieve_plate_maps.py"


# As in the names of its files, such as chembl_37.
CHEMBL_RELEASE = release_name(config["chembl"]["release"]).lower()


rule retrieve_chembl:
    output:
        database=f"{RESULTS}/chembl/{CHEMBL_RELEASE}.db",
        origin=f"{RESULTS}/chembl/download.json",
    log:
        f"{RESULTS}/logs/retrieve_chembl.log",
    benchmark:
        f"{RESULTS}/benchmarks/retrieve_chembl.tsv"
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
        source=source_line("chembl", megabytes("chembl")),
    params:
        url=SOURCES["chembl"]["url"].format(release=CHEMBL_RELEASE),
        code=code("retrieve_chembl"),
    script:
        "../scripts/retrieve_chembl.py"
