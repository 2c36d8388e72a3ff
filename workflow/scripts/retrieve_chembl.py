"""Download ChEMBL's SQLite dump of a release, verified and unpacked."""

from paintassay.chembl_retrieve import retrieve_dump
from paintassay.files import write_json
from paintassay.logs import logged_to

with logged_to(snakemake.log[0]):
    origin = retrieve_dump(snakemake.params.release, snakemake.output.database)
    write_json(origin, snakemake.output.origin)
