"""Extract the library's activities from ChEMBL's SQLite dump."""

from pathlib import Path

from paintassay.chembl.dump import extract_activities
from paintassay.chembl.matching import count_matches
from paintassay.chembl.release import release_name
from paintassay.chembl.tables import ACTIVITIES, MATCHES
from paintassay.compounds.tables import COMPOUNDS
from paintassay.core import tables
from paintassay.core.files import read_json, write_json
from paintassay.core.jobs import job
from paintassay.core.matching import write_counts
from paintassay.core.versions import software_versions

KEYS = ["inchikey", "first_block", "parent_inchikey"]

with job(snakemake.log[0], snakemake.input, snakemake.output):
    dump, settings, output = snakemake.input.dump, snakemake.params.settings, snakemake.output
    compounds = tables.read_parquet(snakemake.input.compounds, COMPOUNDS, KEYS)
    compounds = compounds.to_pandas()
    matches, activities = extract_activities(
        dump, compounds, settings["match_on"], settings["release"]
    )
    counts = count_matches(dump, compounds["inchikey"], matches, activities)
    origin = snakemake.input.get("origin")
    source = {
        "source": "sqlite",
        "release": release_name(settings["release"]),
        "dump": dump,
        "dump_bytes": Path(dump).stat().st_size,
        "download": read_json(origin) if origin else None,
        "software": software_versions("pyarrow"),
    }

    tables.write_parquet(matches, output.matches, MATCHES)
    tables.write_parquet(activities, output.activities, ACTIVITIES)
    write_json(source, output.source)
    write_counts(counts, output.counts)
