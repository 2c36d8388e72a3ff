"""Join views with compounds, labels and parts, and count what does not come together."""

import pandas as pd

from paintassay import dataset, tables
from paintassay.files import write_json
from paintassay.image_tables import PLATED_WELLS, QUALITY, SPLITS
from paintassay.logs import logged_to
from paintassay.shards import channel_names

with logged_to(snakemake.log[0]):
    files, output = snakemake.input, snakemake.output
    views = pd.read_parquet(files.views)
    channels = channel_names(views.columns)
    quality = tables.read_parquet(files.quality, QUALITY).to_pandas()
    wells = tables.read_parquet(files.wells, PLATED_WELLS).to_pandas()
    compounds = tables.read_parquet(files.compounds, tables.COMPOUNDS).to_pandas()
    splits = tables.read_parquet(files.splits, SPLITS).to_pandas()
    label_keys = pd.read_csv(files.labels)["INCHIKEY"]

    kept, excluded = dataset.remove_flagged(views, quality, snakemake.params.exclude_flags)
    joined = dataset.build_views(kept, wells, splits, label_keys)
    counts, without_images, without_labels, parts = dataset.account(
        joined, wells, compounds, splits, label_keys
    )
    schema = dataset.dataset_schema(channels, splits["split"].nunique())

    tables.write_parquet(joined, output.views, schema)
    tables.write_csv(parts, output.parts, dataset.PARTS)
    tables.write_csv(without_images, output.without_images, dataset.COMPOUNDS_WITHOUT_IMAGES)
    tables.write_csv(without_labels, output.without_labels, dataset.IMAGES_WITHOUT_LABELS)
    write_json({"views_excluded_by_flag": len(excluded), **counts}, output.summary)
