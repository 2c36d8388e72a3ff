"""Draw the figures with images of cells, each with a list of what it shows beside it."""

import logging

import pandas as pd
import pyarrow.parquet as pq

from paintassay.compounds.tables import COMPOUNDS
from paintassay.core.errors import InputError
from paintassay.core.jobs import job
from paintassay.core.tables import read_csv, read_parquet, write_csv
from paintassay.dataset.parts import read_dataset
from paintassay.dataset.tables import SPLITS
from paintassay.drawing.print import figure_of_words
from paintassay.drawing.style import save_figure
from paintassay.images.tables import pixel_sizes
from paintassay.images.tiff_tags import scale
from paintassay.labels.reading import read_labels
from paintassay.labels.tables import ASSAYS, LABELS
from paintassay.report.figures import examples
from paintassay.report.figures import tables as figure_tables
from paintassay.report.figures.example_data import (
    channels_data,
    choose_task,
    fig2_data,
    fig5_data,
    part_scores,
    views_of,
)
from paintassay.statistics import methods
from paintassay.statistics import tables as statistics_tables
from paintassay.statistics.tools import read_tool


def read_scores(method, chosen, files, settings, labels):
    """Read the predictions of a method by compound, for the run and task that were chosen."""
    if method in settings["tools"]:
        splits = read_parquet(files.splits, SPLITS).to_pandas()
        compounds = read_parquet(files.library, COMPOUNDS, ["inchikey"])["inchikey"].to_pylist()
        path = files.predictions[settings["tools"].index(method)]
        predictions = read_tool(path, labels.tasks, splits, compounds)["compounds"]
    else:
        place = settings["models"].index(method) * len(settings["splits"])
        path = files.compounds[place + settings["splits"].index(chosen.split)]
        predictions = methods.read_model("compounds", path, chosen.split, labels.tasks)
    return part_scores(predictions, chosen, labels)


def draw(name, data, manifest, settings, pixel_size_um):
    """Draw one of the figures, or say in words why there is none."""
    if data.empty:
        return figure_of_words(REASONS[name])
    try:
        views = views_of(data, manifest, settings["shards"])
    except InputError as error:
        # The shards may have been removed to save space; the other figures do not need them.
        if not isinstance(error.__cause__, FileNotFoundError):
            raise
        logging.warning("%s is drawn without images: %s", name, error)
        return figure_of_words(f"The images cannot be read: {error.where} {error.problem}.")
    function = getattr(examples, f"draw_{name}")
    return function(data, views, views.channels, pixel_size_um)


# Why there is no figure.
REASONS = {
    "fig2": "There is no assay with an AUC, or no view of its compounds, to show examples of.",
    "fig5": "There is no assay in which the first of two methods is better, or no view of its "
    "compounds, to show examples of.",
    "view_channels": "There is no view.",
}

with job(snakemake.log[0], snakemake.input, snakemake.output):
    files, settings, output = snakemake.input, snakemake.params.settings, snakemake.output
    tasks, roc_tests = (
        read_parquet(files[name], statistics_tables.FILES[f"{name}.parquet"]).to_pandas()
        for name in ("tasks", "roc_tests")
    )
    order = list(read_csv(files.summary, statistics_tables.SUMMARY)["method"])
    assays = read_csv(files.assays, ASSAYS)
    labels = read_parquet(files.labels, LABELS).to_pandas()
    manifest = read_dataset(files.views)
    sizes = pixel_sizes(pq.read_schema(files.image_views))
    pixel_size_um = scale(settings["pixel_size_um"], sizes, settings["check_tags"])

    schemas = {name: figure_tables.FILES[f"{name}.csv"] for name in REASONS}
    data = {name: pd.DataFrame(columns=schema.names) for name, schema in schemas.items()}
    # Assays that another tool predicts well need not be visible in images.
    tasks_of_models = tasks[tasks["method"].isin(settings["models"])]
    data["fig2"] = fig2_data(tasks_of_models, assays, labels, manifest)
    chosen = choose_task(roc_tests, order)
    if chosen is not None:
        matrix = read_labels(files.labels, files.assays)
        scores = [
            read_scores(method, chosen, files, settings, matrix)
            for method in (chosen.first, chosen.second)
        ]
        data["fig5"] = fig5_data(chosen, scores, labels, assays, manifest)
    data["view_channels"] = channels_data(manifest)
    for name, schema in schemas.items():
        figure = draw(name, data[name], manifest, settings, pixel_size_um)
        for kind in ("svg", "png"):
            save_figure(figure, output[f"{name}_{kind}"])
        write_csv(data[name], output[f"{name}_csv"], schema)
