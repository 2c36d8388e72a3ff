"""Read what is in the wells, and give each compound its InChIKey."""

from paintassay.compounds.tables import LIBRARY
from paintassay.core import tables
from paintassay.core.jobs import job
from paintassay.core.matching import write_counts
from paintassay.images.matching import count_compounds, count_doses, count_plates
from paintassay.images.plate_maps import join_compounds, read_plate_maps, read_wells
from paintassay.images.roles import choose_doses
from paintassay.images.tables import PLATED_WELLS, UNMATCHED
from paintassay.plan.sources import read_plates

with job(snakemake.log[0], snakemake.input, snakemake.output):
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
    where = files.wells or files.barcode_platemap
    # Before hours go into the images of plates of which nobody knows what they show.
    plates = read_plates(files.plates or snakemake.params.own.plates)
    counts = [count_plates(where, plates, wells["plate"].unique())]
    wells, unmatched = join_compounds(wells, library)
    counts += count_compounds(where, wells, unmatched, library["compound_id"])
    treatments = int((wells["role"] == "treatment").sum())
    wells = choose_doses(wells, settings["doses"])
    counts.append(count_doses(where, wells, treatments))

    tables.write_parquet(wells, output.wells, PLATED_WELLS)
    tables.write_csv(unmatched, output.unmatched, UNMATCHED)
    write_counts(counts, output.counts)
