"""Join the chunks that were fetched from ChEMBL's web service."""

from paintassay import tables
from paintassay.chembl_release import release_name
from paintassay.chembl_webservice import join_chunks
from paintassay.files import write_json
from paintassay.logs import logged_to
from paintassay.provenance import software_versions

with logged_to(snakemake.log[0]):
    params, output = snakemake.params, snakemake.output
    matches, activities = join_chunks(
        [tables.read_parquet(path, tables.MATCHES) for path in snakemake.input.matches],
        [tables.read_parquet(path, tables.ACTIVITIES) for path in snakemake.input.activities],
    )
    source = {
        "source": "webservice",
        "release": release_name(params.release),
        "url": params.url,
        "chunks": len(snakemake.input.matches),
        "software": software_versions("pyarrow", "chembl_webresource_client", "requests"),
    }

    tables.write_parquet(matches, output.matches, tables.MATCHES)
    tables.write_parquet(activities, output.activities, tables.ACTIVITIES)
    write_json(source, output.source)
