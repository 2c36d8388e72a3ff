"""Tables of the data set, its splits, single cells and profiles."""

import pyarrow as pa

from paintassay.core.tables import integer, real, table_schema, text

CELLS = table_schema(
    "Centres of single cells.",
    ("plate", text, "plate barcode"),
    ("well", text, "well, such as A01"),
    ("site", integer, "field of view within the well"),
    ("cell", integer, "number of the cell within the view"),
    ("x", real, "column of its centre, in pixels from the left"),
    ("y", real, "row of its centre, in pixels from the top"),
)

FEATURE_WELLS = table_schema(
    "The rows of the matrix of well features, in its order.",
    ("plate", text, "plate barcode"),
    ("well", text, "well, such as A01"),
)

SPLITS = table_schema(
    "Which part each compound belongs to, for each split.",
    ("split", integer, "number of the split, from 1"),
    ("inchikey", text, "standard InChIKey of the compound"),
    ("group", text, "what must stay together: InChIKey, first block or scaffold"),
    ("part", text, "train, validation or test"),
)

COMPOUNDS_WITHOUT_IMAGES = table_schema(
    "Compounds with labels that no view shows.",
    ("inchikey", text, "standard InChIKey"),
    ("compound_ids", text, "the library's identifiers, separated by ;"),
    ("wells", integer, "wells that hold it as a treatment"),
    ("reason", text, "where it was lost"),
)

IMAGES_WITHOUT_LABELS = table_schema(
    "Compounds with views but without labels; models can predict them.",
    ("compound_id", text, "the library's identifier", "optional"),
    ("inchikey", text, "standard InChIKey", "optional"),
    ("wells", integer, "its wells that have views"),
    ("views", integer, "its views"),
    ("reason", text, "no label, or no InChIKey to look for one"),
)

PARTS = table_schema(
    "Size of each part of each split.",
    ("split", integer, "number of the split, from 1"),
    ("part", text, "train, validation or test"),
    ("compounds", integer, "compounds in the part"),
    ("compounds_with_views", integer, "those of them that have views"),
    ("views", integer, "their views"),
)


def dataset_schema(views: pa.Schema, splits: int) -> pa.Schema:
    """Schema of the data set: `images.tables.views_schema` and what `build_views` adds.

    Parameters
    ----------
    views : pyarrow.Schema
        Of the views, with their channels: `images.tables.views_schema`.
    splits : int
        How many there are.

    Returns
    -------
    pyarrow.Schema
    """
    added = table_schema(
        "",
        ("compound_id", text, "the library's identifier, or the control's name", "optional"),
        (
            "role",
            text,
            "treatment, negative_control, positive_control, empty, or other_dose: a treatment "
            "that plates.doses leaves out",
            "optional",
        ),
        ("dose", real, "dose in the unit of the plate maps, where they say it", "optional"),
        ("inchikey", text, "standard InChIKey of the compound", "optional"),
        ("labelled", pa.bool_(), "whether it shows a treatment with a compound that has labels"),
        *(
            (f"split_{split}", text, "its part, where it is labelled", "optional")
            for split in range(1, splits + 1)
        ),
    )
    description = {b"description": b"Every view, what it shows, and its part in each split."}
    return pa.schema([*views, *added], metadata={**views.metadata, **description})


PROFILE_PROBLEMS = table_schema(
    "What could not be taken from the well profiles as it stood.",
    (
        "feature",
        text,
        "name of the column; missing where the problem is one of wells",
        "optional",
    ),
    ("problem", text, "the kind of problem, always in the same words"),
    ("wells", integer, "how many wells have it"),
    ("outcome", text, "dropped: the feature, or the well; filled: with the median over the plate"),
)

LOST_CELLS = table_schema(
    "Cells of the single-cell tables that have no crop, and why; a row a view and problem.",
    ("plate", text, "plate barcode", "optional"),
    ("well", text, "well, such as A01", "optional"),
    ("site", integer, "field of view within the well", "optional"),
    ("problem", text, "the kind of problem, always in the same words"),
    ("cells", integer, "how many cells of the view have it"),
    ("detail", text, "an example", "optional"),
)
