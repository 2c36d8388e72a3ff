"""Draw the figures that compare the methods, each with its data beside it."""

from paintassay.core.jobs import job
from paintassay.core.tables import read_csv, read_parquet, write_csv
from paintassay.drawing.style import save_figure
from paintassay.labels.tables import ASSAYS
from paintassay.report.figures import tables as figure_tables
from paintassay.report.figures.comparison import draw_distribution, draw_fig4, draw_s1
from paintassay.report.figures.comparison_data import (
    distribution_data,
    fig4_data,
    relation_data,
    s1_data,
    s6_data,
    training_data,
)
from paintassay.report.figures.panels import draw_s2, draw_s3, draw_s6, draw_training_curves
from paintassay.report.histories import read_history
from paintassay.statistics import tables as statistics_tables

with job(snakemake.log[0], snakemake.input, snakemake.output):
    files, output = snakemake.input, snakemake.output
    tasks, metrics, roc_tests = (
        read_parquet(files[name], statistics_tables.FILES[f"{name}.parquet"]).to_pandas()
        for name in ("tasks", "metrics", "roc_tests")
    )
    summary, predictability = (
        read_csv(files[name], statistics_tables.FILES[f"{name}.csv"])
        for name in ("summary", "predictability")
    )
    assays = read_csv(files.assays, ASSAYS)
    order = list(summary["method"])
    histories = [read_history(path) for path in files.histories]
    relation = relation_data(predictability, tasks)

    drawn = {
        "fig4": (fig4_data(roc_tests, order, assays), draw_fig4),
        "auc_distribution": (distribution_data(tasks), draw_distribution),
        "s1": (s1_data(metrics, tasks), draw_s1),
        "s2": (relation, draw_s2),
        "s3": (relation, draw_s3),
        "s6": (s6_data(tasks), draw_s6),
        "training_curves": (training_data(histories, order), draw_training_curves),
    }
    for name, (data, draw) in drawn.items():
        figure = draw(data)
        for kind in ("svg", "png"):
            save_figure(figure, output[f"{name}_{kind}"])
        write_csv(data, output[f"{name}_csv"], figure_tables.FILES[f"{name}.csv"])
