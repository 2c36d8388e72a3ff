"""Read what is in the wells, and give each compound its InChIKey."""

from paintassay.compounds.tables import LIBRARY
from paintassay.core import tables
from paintassay.core.jobs import job
from paintassay.images.plate_maps import join_compounds, read_plate_maps, read_wells
from paintassay.images.roles import choose_doses
from paintassay.images.tables import PLATED_WELLS, UNMATCHED

with job(snakemake.log[0]):
    files, settings, output = snakemake.input, snakemake.params.settings, snakemake.output
    if files.wells:
        wells = read_wells(files.wells, settings["controls"], settings["dose_column"])
    else:
        wells = read_plate_maps(
            files.barcode_platemap,
            files.platemap_folder,
            settings["controls"],
            settings["dose_column"],
        )
    library = tables.read_parquet(files.library, LIBRARY).to_pandas()
    wells, unmatched = join_compounds(wells, library)
    wells = choose_doses(wells, settings["doses"])

    tables.write_parquet(wells, output.wells, PLATED_WELLS)
    tables.write_csv(unmatched, output.unmatched, UNMATCHED)
