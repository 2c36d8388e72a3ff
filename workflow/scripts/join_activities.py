"""Join the chunks that were fetched from ChEMBL's web service."""

from paintassay.chembl.matching import count_matches
from paintassay.chembl.release import release_name
from paintassay.chembl.tables import ACTIVITIES, MATCHES
from paintassay.chembl.webservice import join_chunks
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
    compounds = tables.read_parquet(snakemake.input.compounds, COMPOUNDS, ["inchikey"]).to_pandas()
    counts = count_matches(settings["url"], compounds["inchikey"], matches, activities)
    source = {
        "source": "webservice",
        "release": release_name(settings["release"]),
        "url": settings["url"],
        "chunks": len(snakemake.input.matches),
        "software": software_versions("pyarrow", "chembl_webresource_client", "requests"),
    }

    tables.write_parquet(matches, output.matches, MATCHES)
    tables.write_parquet(activities, output.activities, ACTIVITIES)
    write_json(source, output.source)
    write_counts(counts, output.counts)
