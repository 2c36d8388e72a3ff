"""Draw the figures with images of cells, each with a list of what it shows beside it."""

import logging

import pandas as pd

from paintassay import comparison_tables, example_data, example_figures, figure_tables, methods
from paintassay.errors import InputError
from paintassay.figures import save_figure
from paintassay.image_tables import SPLITS
from paintassay.logs import logged_to
from paintassay.print_figures import figure_of_words
from paintassay.samples import read_labels
from paintassay.tables import ASSAYS, COMPOUNDS, LABELS, read_csv, read_parquet, write_csv
from paintassay.tool_predictions import read_tool


def read_scores(method, chosen, files, params, labels):
    """Predictions of a method by compound, of the run and task that were chosen."""
    if method in params.tools:
        splits = read_parquet(files.splits, SPLITS).to_pandas()
        compounds = read_parquet(files.library, COMPOUNDS, ["inchikey"])["inchikey"].to_pylist()
        path = files.predictions[params.tools.index(method)]
        predictions = read_tool(path, labels.tasks, splits, compounds)["compounds"]
    else:
        place = params.models.index(method) * len(params.splits)
        path = files.compounds[place + params.splits.index(chosen["split"])]
        predictions = methods.read_model("compounds", path, chosen["split"], labels.tasks)
    return example_data.part_scores(predictions, chosen, labels)


def draw(name, data, manifest, params):
    """One of the figures, or in words why there is none."""
    if data.empty:
        return figure_of_words(NONE[name])
    try:
        views = example_data.views_of(data, manifest, params.shards)
    except InputError as error:
        # The shards may have been removed to save space; the other results are none the worse.
        logging.warning("%s is drawn without images: %s", name, error)
        return figure_of_words(f"The images cannot be read: {error.where} {error.problem}.")
    function = getattr(example_figures, f"draw_{name}")
    return function(data, views, views.channels, params.pixel_size_um)


NONE = {
    "fig2": "There is no assay with an AUC, or no view of its compounds, to show examples of.",
    "fig5": "There is no assay in which the first of two methods is better, or no view of its "
    "compounds, to show examples of.",
    "view_channels": "There is no view.",
}

with logged_to(snakemake.log[0]):
    files, params, output = snakemake.input, snakemake.params, snakemake.output
    tasks, roc_tests = (
        read_parquet(files[name], comparison_tables.FILES[f"{name}.parquet"]).to_pandas()
        for name in ("tasks", "roc_tests")
    )
    order = list(read_csv(files.summary, comparison_tables.SUMMARY)["method"])
    assays = read_csv(files.assays, ASSAYS)
    labels = read_parquet(files.labels, LABELS).to_pandas()
    manifest = pd.read_parquet(files.views)

    schemas = {name: figure_tables.FILES[f"{name}.csv"] for name in NONE}
    data = {name: pd.DataFrame(columns=schema.names) for name, schema in schemas.items()}
    # What a tool predicts well need not be seen in images.
    own = tasks[tasks["method"].isin(params.models)]
    data["fig2"] = example_data.fig2_data(own, assays, labels, manifest)
    chosen = example_data.choose_task(roc_tests, order)
    if chosen is not None:
        matrix = read_labels(files.labels, files.assays)
        scores = [
            read_scores(chosen[each], chosen, files, params, matrix) for each in ("first", "second")
        ]
        data["fig5"] = example_data.fig5_data(chosen, scores, labels, assays, manifest)
    data["view_channels"] = example_data.channels_data(manifest)
    for name, schema in schemas.items():
        figure = draw(name, data[name], manifest, params)
        for kind in ("svg", "png"):
            save_figure(figure, output[f"{name}_{kind}"])
        write_csv(data[name], output[f"{name}_csv"], schema)
