"""Join the chunks that were fetched from ChEMBL's web service."""

from paintassay.chembl.matching import count_matches
from paintassay.chembl.near_matches import describe_near_matches
from paintassay.chembl.release import release_name
from paintassay.chembl.tables import (
    ACTIVITIES,
    LEFT_OUT,
    LEFT_OUT_OF_MOLECULES,
    MATCHES,
    NEAR_MATCHES,
)
from paintassay.chembl.webservice import join_chunks
from paintassay.chembl.webservice_counts import join_left_out, join_near_matches
from paintassay.compounds.tables import COMPOUNDS
from paintassay.core import tables
from paintassay.core.files import write_json
from paintassay.core.jobs import job
from paintassay.core.matching import write_counts
from paintassay.core.versions import software_versions

with job(snakemake.log[0], snakemake.input, snakemake.output):
    settings, output = snakemake.params.settings, snakemake.output
    matches, activities = join_chunks(
        [tables.read_parquet(path, MATCHES) for path in snakemake.input.matches],
        [tables.read_parquet(path, ACTIVITIES) for path in snakemake.input.activities],
    )
    left_out = join_left_out(
        [tables.read_parquet(path, LEFT_OUT_OF_MOLECULES) for path in snakemake.input.left_out]
    )
    near_matches = join_near_matches(
        [tables.read_parquet(path, NEAR_MATCHES) for path in snakemake.input.near_matches]
    )
    near = describe_near_matches(near_matches.to_pandas())
    compounds = tables.read_parquet(snakemake.input.compounds, COMPOUNDS, ["inchikey"]).to_pandas()
    counts = count_matches(settings["url"], compounds["inchikey"], matches, activities, near)
    source = {
        "source": "webservice",
        "release": release_name(settings["release"]),
        "url": settings["url"],
        "chunks": len(snakemake.input.matches),
        "software": software_versions("pyarrow", "chembl_webresource_client", "requests"),
    }

    tables.write_parquet(matches, output.matches, MATCHES)
    tables.write_parquet(activities, output.activities, ACTIVITIES)
    tables.write_csv(left_out, output.left_out, LEFT_OUT)
    tables.write_csv(near_matches, output.near_matches, NEAR_MATCHES)
    write_json(source, output.source)
    write_counts(counts, output.counts)
