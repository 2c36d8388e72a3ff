"""Draw a plate: heat maps of its quality, a contact sheet, and one view channel by channel."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from paintassay.core import tables
from paintassay.core.jobs import job
from paintassay.drawing.style import save_figure
from paintassay.images.heat_maps import plate_heat_maps
from paintassay.images.intact import intact_views
from paintassay.images.pictures import contact_sheet, montage, no_views, save_picture
from paintassay.images.quality import flag, summarise_plate
from paintassay.images.tables import (
    BRIGHTNESS,
    PLATED_WELLS,
    QUALITY,
    pixel_sizes,
    views_schema,
)
from paintassay.images.tiff_tags import scale

MEASURES = ["focus_slope", "saturated", "mean", "flagged"]
# Wells on the contact sheet: some controls first, then treatments from all over the plate.
CONTROLS, TREATMENTS = 6, 36


def spread(wells, number):
    """So many rows of a table, evenly spread over it."""
    return wells.iloc[np.unique(np.linspace(0, len(wells) - 1, number).round().astype(int))]


with job(snakemake.log[0], snakemake.input, snakemake.output):
    files, settings, output = snakemake.input, snakemake.params.settings, snakemake.output
    plate = snakemake.wildcards.plate
    manifest = tables.read_parquet(files.views, views_schema([]), further=True).to_pandas()
    if manifest.empty:
        for path in output:
            save_picture(no_views(f"Plate {plate}"), path)
        sys.exit()
    quality = tables.read_parquet(files.quality, QUALITY).to_pandas()
    wells = tables.read_parquet(files.wells, PLATED_WELLS).to_pandas()

    summary = summarise_plate(flag(quality, settings["limits"]))
    heat_maps = plate_heat_maps(summary, plate, MEASURES)
    one_site = manifest.drop_duplicates(["plate", "well"]).merge(
        wells, on=["plate", "well"], how="left"
    )
    control = one_site["role"] == "negative_control"
    sheet = pd.concat(
        [
            spread(one_site[control], min(CONTROLS, control.sum())),
            spread(one_site[~control], min(TREATMENTS, (~control).sum())),
        ]
    )
    views = intact_views(sheet, Path(files.shard).parent)
    brightness = tables.read_csv(files.brightness, BRIGHTNESS).set_index("channel")
    pixel_size_um = scale(
        settings["pixel_size_um"], pixel_sizes(pq.read_schema(files.views)), settings["check_tags"]
    )
    names = [
        " ".join(pair) for pair in zip(sheet["well"], sheet["compound_id"].fillna("?"), strict=True)
    ]
    sheet_picture = contact_sheet(
        views,
        names,
        settings["channels"],
        pixel_size_um=pixel_size_um,
        title=f"Plate {plate}",
        display=brightness.loc[settings["channels"], ["black", "full"]].to_numpy(float),
    )
    view_picture = montage(
        views[0],
        settings["channels"],
        pixel_size_um,
        title=f"Plate {plate}, {names[0]}, site {sheet['site'].iloc[0]}, in its own brightness",
    )

    save_figure(heat_maps, output.heat_maps)
    save_picture(sheet_picture, output.contact_sheet)
    save_picture(view_picture, output.montage)
