"""Read what is in the wells, and give each compound its InChIKey."""

from paintassay.compounds.tables import LIBRARY
from paintassay.core import tables
from paintassay.core.jobs import job
from paintassay.images.plate_maps import join_compounds, read_plate_maps, read_wells
from paintassay.images.tables import PLATED_WELLS, UNMATCHED

with job(snakemake.log[0], snakemake.input, snakemake.output):
    files, output = snakemake.input, snakemake.output
    if files.wells:
        wells = read_wells(files.wells, snakemake.params.settings["controls"])
    else:
        wells = read_plate_maps(files.barcode_platemap, files.platemap_folder)
    library = tables.read_parquet(files.library, LIBRARY).to_pandas()
    wells, unmatched = join_compounds(wells, library)

    tables.write_parquet(wells, output.wells, PLATED_WELLS)
    tables.write_csv(unmatched, output.unmatched, UNMATCHED)
