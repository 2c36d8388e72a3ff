"""Extract the library's activities from ChEMBL's SQLite dump."""

from pathlib import Path

from paintassay.chembl.dump import extract_activities
from paintassay.chembl.dump_counts import count_left_out, count_near_matches
from paintassay.chembl.matching import count_matches
from paintassay.chembl.near_matches import describe_near_matches, unmatched_compounds
from paintassay.chembl.release import release_name
from paintassay.chembl.tables import ACTIVITIES, LEFT_OUT, MATCHES, NEAR_MATCHES
from paintassay.compounds.tables import COMPOUNDS
from paintassay.compounds.tautomers import tautomer_keys
from paintassay.core import tables
from paintassay.core.files import read_json, write_json
from paintassay.core.jobs import job
from paintassay.core.matching import write_counts
from paintassay.core.versions import software_versions

KEYS = ["inchikey", "first_block", "parent_inchikey", "smiles"]

with job(snakemake.log[0], snakemake.input, snakemake.output):
    dump, settings, output = snakemake.input.dump, snakemake.params.settings, snakemake.output
    compounds = tables.read_parquet(snakemake.input.compounds, COMPOUNDS, KEYS).to_pandas()
    matches, activities = extract_activities(
        dump, compounds, settings["match_on"], settings["release"]
    )
    left_out = count_left_out(dump, matches)
    unmatched = unmatched_compounds(compounds, matches.to_pandas())
    near_matches = count_near_matches(dump, unmatched, settings["match_on"], tautomer_keys)
    near = describe_near_matches(near_matches.to_pandas())
    counts = count_matches(dump, compounds["inchikey"], matches, activities, near)
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
    tables.write_csv(left_out, output.left_out, LEFT_OUT)
    tables.write_csv(near_matches, output.near_matches, NEAR_MATCHES)
    write_json(source, output.source)
    write_counts(counts, output.counts)
