"""Measure how well one method predicts each task, in each of its runs."""

import pandas as pd

from paintassay.compounds.tables import COMPOUNDS
from paintassay.core import tables
from paintassay.core.jobs import job
from paintassay.core.matching import write_counts
from paintassay.dataset.tables import SPLITS
from paintassay.labels.reading import read_labels
from paintassay.predictions.tables import holds_logits
from paintassay.statistics import methods
from paintassay.statistics.matching import count_predictions
from paintassay.statistics.scoring import score_runs
from paintassay.statistics.tables import EXCLUDED, LEVELS, METRICS
from paintassay.statistics.tools import read_tool

with job(snakemake.log[0], snakemake.input, snakemake.output):
    files, settings = snakemake.input, snakemake.params.settings
    labels = read_labels(files.labels, files.assays)
    splits = tables.read_parquet(files.splits, SPLITS).to_pandas()
    scored, counts = [], []
    if settings["tool"]:
        library = tables.read_parquet(files.library, COMPOUNDS, ["inchikey"])
        compounds = library["inchikey"].to_pylist()
        by_level = read_tool(files.predictions, labels.tasks, splits, compounds)
        for level, predictions in by_level.items():
            counts += count_predictions(files.predictions, level, predictions, labels, splits)
            scored.append(score_runs(snakemake.wildcards.method, level, predictions, labels))
    else:
        for split, *paths in zip(settings["splits"], files.wells, files.compounds, strict=True):
            for level, path in zip(LEVELS, paths, strict=True):
                predictions = methods.read_model(level, path, split, labels.tasks)
                counts += count_predictions(path, level, predictions, labels, splits)
                method, logits = snakemake.wildcards.method, holds_logits(path)
                scored.append(score_runs(method, level, predictions, labels, logits))
    metrics, excluded = (pd.concat(parts, ignore_index=True) for parts in zip(*scored, strict=True))
    tables.write_parquet(metrics, snakemake.output.metrics, METRICS)
    tables.write_csv(excluded, snakemake.output.excluded, EXCLUDED)
    write_counts(counts, snakemake.output.counts)
