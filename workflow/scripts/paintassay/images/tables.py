"""Describe the tables of plates, wells, views and their quality."""

from collections.abc import Iterable

import pyarrow as pa

from paintassay.core.tables import integer, real, table_schema, text

PLATE_INDEX = table_schema(
    "Where the pixels of each plate, well, site and channel are.",
    ("plate", text, "plate barcode"),
    ("well", text, "well, such as A01"),
    ("site", integer, "field of view within the well, as the files or tables number it"),
    ("channel", text, "name of the channel"),
    ("place", text, "path or URL of the image file, or of the archive that holds it"),
    ("member", text, "name inside the archive", "optional"),
)

WELLS = table_schema(
    "What is in each well.",
    ("plate", text, "plate barcode"),
    ("well", text, "well, such as A01"),
    ("compound_id", text, "the library's identifier, or the control's name", "optional"),
    (
        "role",
        text,
        "treatment, negative_control, positive_control, empty, or other_dose: a treatment that "
        "plates.doses leaves out",
    ),
    ("dose", real, "dose in the unit of the plate maps, where they say it", "optional"),
)

PLATED_WELLS = WELLS.append(
    pa.field(
        "inchikey", text, metadata={"description": "standard InChIKey of a treatment's compound"}
    )
)

UNMATCHED = table_schema(
    "Compounds on the plates that have no InChIKey from the library.",
    ("compound_id", text, "identifier on the plate maps"),
    ("problem", text, "the kind of problem, always in the same words"),
    ("wells", integer, "wells that hold it"),
    ("plates", integer, "plates that hold it"),
)

PLATES = table_schema("The plates of the screen.", ("plate", text, "plate barcode"))

LOST_VIEWS = table_schema(
    "Views that are not in the shards, and why.",
    ("plate", text, "plate barcode"),
    ("well", text, "well, such as A01", "optional"),
    ("site", integer, "field of view within the well", "optional"),
    ("channel", text, "name of the channel", "optional"),
    ("place", text, "path or URL of the image file, or of the archive that holds it", "optional"),
    ("problem", text, "the kind of problem, always in the same words"),
    ("detail", text, "what exactly, where there is more to say", "optional"),
)

COPIES = table_schema(
    "Planes with the same pixels as another plane of their plate.",
    ("plate", text, "plate barcode"),
    ("well", text, "well, such as A01"),
    ("site", integer, "field of view within the well"),
    ("channel", text, "name of the channel"),
    ("first_well", text, "well of the first plane with these pixels"),
    ("first_site", integer, "its site"),
    ("first_channel", text, "its channel"),
    ("sha256", text, "SHA-256 of the pixels of both as they are in the shard"),
)

DAMAGED_VIEWS = table_schema(
    "Views in the shards that are not as they were written.",
    ("plate", text, "plate barcode"),
    ("well", text, "well, such as A01"),
    ("site", integer, "field of view within the well"),
    ("shard", text, "file name of its shard"),
    ("row", integer, "its row in the shard, from 0"),
    ("problem", text, "the kind of problem, always in the same words"),
)

QUALITY = table_schema(
    "Quality of each view and channel, measured on the raw pixels.",
    ("plate", text, "plate barcode"),
    ("well", text, "well, such as A01"),
    ("site", integer, "field of view within the well"),
    ("channel", text, "name of the channel"),
    ("saturated", real, "share of pixels at the highest value of the bit depth"),
    ("focus_slope", real, "slope of the log-log power spectrum; steeper (lower) is blurrier"),
    ("background", real, "5th percentile of the pixels"),
    ("mean", real, "mean of the pixels"),
    ("contrast", real, "(99th - 1st percentile) / (99th + 1st percentile)"),
    ("flags", text, "blank, saturated, blurred, ... separated by ;, or empty"),
)


def views_schema(channels: Iterable[str]) -> pa.Schema:
    """Make the schema of the manifest of views, for these channels.

    Parameters
    ----------
    channels : list of str
        In the order of the shards.

    Returns
    -------
    pyarrow.Schema
        One row a view: where it lies, what it is, its clip levels and its checksum.
    """
    return table_schema(
        "Every view in the shards.",
        ("plate", text, "plate barcode"),
        ("well", text, "well, such as A01"),
        ("site", integer, "field of view within the well"),
        ("shard", text, "file name of its shard"),
        ("row", integer, "its row in the shard, from 0"),
        *(
            (f"clip_level_{channel}", integer, f"raw value that became 256 in {channel}")
            for channel in channels
        ),
        ("sha256", text, "SHA-256 of the view's bytes, channel by channel, row by row"),
    ).with_metadata({"description": "Every view in the shards.", "channels": ",".join(channels)})
