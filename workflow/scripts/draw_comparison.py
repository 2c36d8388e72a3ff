"""Draw the figures that compare the methods, each with its data beside it."""

import json
from pathlib import Path

from paintassay import (
    comparison_data,
    comparison_figures,
    comparison_tables,
    figure_tables,
    panel_figures,
)
from paintassay.figures import save_figure
from paintassay.logs import logged_to
from paintassay.tables import ASSAYS, read_csv, read_parquet, write_csv


def read_training(path):
    """History of a training; its name stands in the folders of its file."""
    model, split, replicate = Path(path).parts[-4:-1]
    return {
        "method": model,
        "split": int(split.removeprefix("split_")),
        "replicate": int(replicate.removeprefix("replicate_")),
        "epochs": [json.loads(line) for line in Path(path).read_text().splitlines()],
    }


with logged_to(snakemake.log[0]):
    files, output = snakemake.input, snakemake.output
    tasks, metrics, roc_tests = (
        read_parquet(files[name], comparison_tables.FILES[f"{name}.parquet"]).to_pandas()
        for name in ("tasks", "metrics", "roc_tests")
    )
    summary, predictability = (
        read_csv(files[name], comparison_tables.FILES[f"{name}.csv"])
        for name in ("summary", "predictability")
    )
    assays = read_csv(files.assays, ASSAYS)
    order = list(summary["method"])
    trainings = [read_training(path) for path in files.histories]
    relation = comparison_data.relation_data(predictability, tasks)

    drawn = {
        "fig4": (
            comparison_data.fig4_data(roc_tests, order, assays),
            comparison_figures.draw_fig4,
        ),
        "auc_distribution": (
            comparison_data.distribution_data(tasks),
            comparison_figures.draw_distribution,
        ),
        "s1": (comparison_data.s1_data(metrics, tasks), comparison_figures.draw_s1),
        "s2": (relation, panel_figures.draw_s2),
        "s3": (relation, panel_figures.draw_s3),
        "s6": (comparison_data.s6_data(tasks), panel_figures.draw_s6),
        "training_curves": (
            comparison_data.training_data(trainings, order),
            panel_figures.draw_training_curves,
        ),
    }
    for name, (data, draw) in drawn.items():
        figure = draw(data)
        for kind in ("svg", "png"):
            save_figure(figure, output[f"{name}_{kind}"])
        write_csv(data, output[f"{name}_csv"], figure_tables.FILES[f"{name}.csv"])
