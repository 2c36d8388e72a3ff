"""Join views with compounds, labels and parts, and count what does not come together."""

from paintassay.compounds.tables import COMPOUNDS
from paintassay.core import tables
from paintassay.core.files import write_json
from paintassay.core.jobs import job
from paintassay.core.matching import write_counts
from paintassay.dataset.manifest import build_views, remove_flagged, summarise_dataset
from paintassay.dataset.matching import count_inputs, count_labelled, count_parts, count_unflagged
from paintassay.dataset.tables import (
    COMPOUNDS_WITHOUT_IMAGES,
    IMAGES_WITHOUT_LABELS,
    PARTS,
    SPLITS,
    dataset_schema,
)
from paintassay.images.shards import channel_names
from paintassay.images.tables import PLATED_WELLS, QUALITY, views_schema
from paintassay.labels.tables import MATRIX_COMPOUNDS

with job(snakemake.log[0], snakemake.input, snakemake.output):
    files, output = snakemake.input, snakemake.output
    views = tables.read_parquet(files.views, views_schema([]), further=True).to_pandas()
    channels = channel_names(views.columns)
    quality = tables.read_parquet(files.quality, QUALITY).to_pandas()
    wells = tables.read_parquet(files.wells, PLATED_WELLS).to_pandas()
    compounds = tables.read_parquet(files.compounds, COMPOUNDS).to_pandas()
    splits = tables.read_parquet(files.splits, SPLITS).to_pandas()
    label_keys = tables.read_csv(files.labels, MATRIX_COMPOUNDS, ["INCHIKEY"])["INCHIKEY"]

    flags = snakemake.params.settings["exclude_flags"]
    matches = count_inputs(files, views, quality, wells, compounds, splits, label_keys)
    kept, excluded = remove_flagged(views, quality, flags)
    matches.append(count_unflagged(files.quality, kept, excluded, flags))
    joined = build_views(kept, wells, splits, label_keys)
    matches.append(count_labelled(files.wells, joined, label_keys))
    counts, without_images, without_labels, parts = summarise_dataset(
        joined, wells, compounds, splits, label_keys
    )
    matches += count_parts(files.splits, parts)
    schema = dataset_schema(views_schema(channels), splits["split"].nunique())

    tables.write_parquet(joined, output.views, schema)
    tables.write_csv(parts, output.parts, PARTS)
    tables.write_csv(without_images, output.without_images, COMPOUNDS_WITHOUT_IMAGES)
    tables.write_csv(without_labels, output.without_labels, IMAGES_WITHOUT_LABELS)
    write_counts(matches, output.counts)
    write_json({"views_excluded_by_flag": len(excluded), **counts}, output.summary)
