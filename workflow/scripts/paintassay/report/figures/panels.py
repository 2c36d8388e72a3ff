"""Draw the figures of the comparison that have small panels, from `report.figures.tables`."""

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, MaxNLocator, MultipleLocator, NullLocator

from paintassay.drawing.print import (
    DOUBLE_MM,
    FAINT,
    GREY,
    INK,
    MM_PER_INCH,
    SMALL,
    TYPE,
    add_axes,
    figure_of_words,
    new_figure,
    print_style,
    text_width,
    write,
)
from paintassay.drawing.style import method_colours
from paintassay.report.figures.comparison import lower_limit, short_names

COLUMNS, LEFT, GAP = 4, 13, 9.5
PANEL = (DOUBLE_MM - LEFT - 3 - GAP * (COLUMNS - 1)) / COLUMNS
NO_AUC = "No task of any method could be evaluated: there are no AUCs."
# Bins of a trend, and the least number of tasks in a bin that is shown.
BINS, TASKS_IN_BIN = 6, 8
NAMED_TASKS = 40


def draw_s2(data: pd.DataFrame) -> Figure:
    """AUC against the data points of a task: Hofmarcher et al. 2019, Figure S2.

    Parameters
    ----------
    data : pandas.DataFrame
        As `report.figures.tables.RELATION`.

    Returns
    -------
    matplotlib.figure.Figure
        178 mm wide, one panel a method, with a dot for each task and Spearman's rank correlation.
        A line joins the medians of the tasks in bins of equal width, if there are enough tasks.
    """
    return _relation(data, "data_points", "labelled compounds of the assay")


def draw_s3(data: pd.DataFrame) -> Figure:
    """AUC against the classes of a task: Hofmarcher et al. 2019, Figure S3.

    Parameters
    ----------
    data : pandas.DataFrame
        As `report.figures.tables.RELATION`.

    Returns
    -------
    matplotlib.figure.Figure
        As `draw_s2`.
    """
    return _relation(data, "class_ratio", "active compounds per inactive compound")


def _relation(data: pd.DataFrame, column: str, label: str) -> Figure:
    shown = data.dropna(subset=["auc", column])
    if shown.empty:
        return figure_of_words(NO_AUC)
    methods = list(data["method"].unique())
    names, colours = short_names(methods, PANEL - 2), method_colours(methods)
    rows, high = math.ceil(len(methods) / COLUMNS), PANEL
    low = lower_limit(shown["auc"])
    limits = shown[column].min() / 1.3, shown[column].max() * 1.3
    with print_style():
        figure = new_figure(DOUBLE_MM, 2 + rows * (high + 10) + 5)
        for place, method in enumerate(methods):
            down, across = divmod(place, COLUMNS)
            left, top = LEFT + across * (PANEL + GAP), 6 + down * (high + 10)
            axes = add_axes(figure, left, top, PANEL, high)
            dots = shown[shown["method"] == method]
            axes.axhline(0.5, color=FAINT, linewidth=0.6, zorder=0)
            axes.scatter(
                dots[column], dots["auc"], s=6, color=colours[method], alpha=0.6, linewidth=0,
                clip_on=False, gid=f"auc-{method}",
            )  # fmt: skip
            _trend(axes, dots[column], dots["auc"])
            axes.set(xscale="log", xlim=limits, ylim=(low, 1.01))
            _log_axis(axes.xaxis, limits)
            axes.yaxis.set_major_locator(MultipleLocator(0.2))
            axes.set_title(names[method], loc="left", fontsize=TYPE, pad=4)
            options: dict[str, Any] = {"transform": axes.transAxes, "fontsize": SMALL, "color": INK}
            rho = f"\N{GREEK SMALL LETTER RHO} = {_rank_correlation(dots[column], dots['auc'])}"
            axes.text(0.98, 0.03, rho, ha="right", **options)
            if "compounds" in set(dots["level"]):
                axes.text(0.02, 0.03, "by compound", **options)
            if not across:
                _label(axes, "mean AUC")
        # The label is as wide as two panels.
        columns = min(max(len(methods), 2), COLUMNS)
        middle = LEFT + (columns * (PANEL + GAP) - GAP) / 2
        bottom = figure.get_size_inches()[1] * MM_PER_INCH
        write(figure, middle, bottom - 4.5, label, TYPE, ha="center")
    return figure


def _label(axes: Axes, text: str) -> None:
    """Name the vertical axis at the margin, whatever the width of its numbers."""
    axes.set_ylabel(text)
    axes.yaxis.set_label_coords((4.6 - LEFT) / PANEL, 0.5)


def _trend(axes: Axes, x: pd.Series, auc: pd.Series) -> None:
    if x.nunique() < BINS:
        return
    bins = pd.cut(np.log(x), BINS, labels=False)
    table = pd.DataFrame({"x": x, "auc": auc}).groupby(bins)
    medians = table.median()[table.size() >= TASKS_IN_BIN]
    if len(medians) > 2:
        axes.plot(medians["x"], medians["auc"], color=INK, linewidth=1, marker="o", markersize=2)


def _rank_correlation(x: pd.Series, y: pd.Series) -> str:
    if len(x) < 3 or min(x.nunique(), y.nunique()) < 2:
        return "\N{EN DASH}"
    return f"{x.rank().corr(y.rank()):.2f}".replace("-", "\N{MINUS SIGN}")


def _log_axis(axis: Axis, limits: tuple[float, float]) -> None:
    """Mark round numbers: at least three, and as few as possible."""
    powers = 10.0 ** np.arange(math.floor(math.log10(limits[0])), math.log10(limits[1]))
    for steps in ((1,), (1, 3), (1, 2, 5), (1, 2, 3, 5, 7), range(1, 10)):
        ticks = np.multiply.outer(powers, steps).ravel()
        ticks = ticks[(ticks >= limits[0]) & (ticks <= limits[1])]
        if len(ticks) >= 3:
            break
    axis.set_major_locator(FixedLocator(ticks.tolist()))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter("{x:.6g}")


def draw_s6(data: pd.DataFrame) -> Figure:
    """Bootstrap intervals of the AUCs of one run: Hofmarcher et al. 2019, Table S6.

    Parameters
    ----------
    data : pandas.DataFrame
        As `report.figures.tables.S6`.

    Returns
    -------
    matplotlib.figure.Figure
        178 mm wide, one panel a method, both in the order of the best method's AUCs, with
        percentile intervals of 95 %; a hollow dot has none. The tasks are named if they are 40 at
        most.
    """
    if data.empty:
        return figure_of_words(NO_AUC)
    methods = list(data["method"].unique())
    names, colours = short_names(methods), method_colours(methods)
    tasks = data.drop_duplicates("place").set_index("place")["task"].sort_index()
    are_named = len(tasks) <= NAMED_TASKS
    high, names_high = 42, 1 + max(map(text_width, tasks)) if are_named else 8
    ticks = tasks.index if are_named else [1, *range(25, len(tasks) + 1, 25)]
    ends = data[["auc", "low", "high"]].to_numpy()
    with print_style():
        figure = new_figure(DOUBLE_MM, len(methods) * (high + 9) + names_high)
        for number, method in enumerate(methods):
            axes = add_axes(figure, LEFT, 6 + number * (high + 9), DOUBLE_MM - LEFT - 3, high)
            dots = data[data["method"] == method]
            intervals = dots.dropna(subset=["low", "high"])
            lone = dots[~dots.index.isin(intervals.index)]
            axes.axhline(0.5, color=FAINT, linewidth=0.6, zorder=0)
            colour, size = colours[method], 3.4 if are_named else 2
            axes.vlines(
                intervals["place"], intervals["low"], intervals["high"], color=colour, alpha=0.45,
                linewidth=0.5 * size, clip_on=False, gid=f"interval-{method}",
            )  # fmt: skip
            for rows, face in ((intervals, colour), (lone, "white")):
                axes.plot(rows["place"], rows["auc"], "o", markersize=size, color=colour,
                          markerfacecolor=face, markeredgewidth=0.5, clip_on=False)  # fmt: skip
            axes.set(xlim=(0, len(tasks) + 1), ylim=(lower_limit(ends), 1.01))
            axes.set_ylabel("AUC by compound")
            axes.yaxis.set_major_locator(MultipleLocator(0.2))
            axes.set_title(
                f"{names[method]} {_run(dots, intervals)}", loc="left", fontsize=TYPE, pad=4
            )
            is_last = number == len(methods) - 1
            labels = ticks if not are_named else tasks if is_last else []
            axes.set_xticks(ticks, labels, rotation=90 if are_named else 0)
        if not are_named:
            axes.set_xlabel(f"assays in the order of the AUCs of {names[methods[0]]}")
    return figure


def _run(dots: pd.DataFrame, intervals: pd.DataFrame) -> str:
    run = f"(split {dots['split'].iloc[0]}, replicate {dots['replicate'].iloc[0]})"
    if intervals.empty:
        return run
    width = (intervals["high"] - intervals["low"]).median()
    return f"{run}: intervals of {len(intervals)} of {len(dots)} assays, median width {width:.2f}"


def draw_training_curves(data: pd.DataFrame) -> Figure:
    """Loss and AUC, epoch by epoch, of all trainings.

    Parameters
    ----------
    data : pandas.DataFrame
        As `report.figures.tables.TRAINING_CURVES`.

    Returns
    -------
    matplotlib.figure.Figure
        178 mm wide, two panels a method: the losses above, the AUC on the validation part below,
        with a line for each training, and a dot at the epoch whose weights were kept.
    """
    if data.empty:
        return figure_of_words("No network was trained for an epoch: there are no curves.")
    methods = list(data["method"].unique())
    names, colours = short_names(methods, PANEL - 2), method_colours(methods)
    rows, high = math.ceil(len(methods) / COLUMNS), 24
    step, low = 2 * high + 16, lower_limit(data["validation_auc"].fillna(1))
    with print_style():
        figure = new_figure(DOUBLE_MM, 5 + rows * step + 4)
        _legend(figure)
        for place, method in enumerate(methods):
            down, across = divmod(place, COLUMNS)
            left, top = LEFT + across * (PANEL + GAP), 9 + down * step
            upper = add_axes(figure, left, top, PANEL, high)
            lower = add_axes(figure, left, top + high + 3, PANEL, high)
            for _, run in data[data["method"] == method].groupby(["split", "replicate"]):
                _curves(upper, lower, run, colours[method])
            upper.set_title(names[method], loc="left", fontsize=TYPE, pad=3)
            upper.tick_params(labelbottom=False)
            lower.set(ylim=(low, 1), xlabel="epoch")
            lower.yaxis.set_major_locator(MultipleLocator(0.2))
            for axes in (upper, lower):
                axes.set_xlim(0, data.loc[data["method"] == method, "epoch"].max() + 0.5)
                axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
            upper.yaxis.set_major_locator(MaxNLocator(4))
            if not across:
                _label(upper, "loss")
                _label(lower, "validation AUC")
    return figure


def _legend(figure: Figure) -> None:
    wide, high = figure.get_size_inches() * MM_PER_INCH
    middle = 1 - 2.5 / high
    for left, colour, marker, text in (
        (LEFT, GREY, "", "training part"),
        (LEFT + 36, INK, "", "validation part (in the colour of the method)"),
        (LEFT + 112, INK, "o", "weights kept"),
    ):
        end = left if marker else left + 5
        figure.add_artist(
            Line2D([left / wide, end / wide], [middle] * 2, color=colour, linewidth=1,
                   marker=marker, markersize=2.6)
        )  # fmt: skip
        figure.text((end + 2) / wide, middle, text, color=INK, fontsize=SMALL,
                    va="center_baseline")  # fmt: skip


def _curves(upper: Axes, lower: Axes, run: pd.DataFrame, colour: str) -> None:
    epochs = run["epoch"]
    marker = "o" if len(run) == 1 else None
    options: dict[str, Any] = {"linewidth": 0.7, "alpha": 0.8, "marker": marker, "markersize": 2}
    upper.plot(epochs, run["training_loss"], color=GREY, **options)
    upper.plot(epochs, run["validation_loss"], color=colour, **options)
    lower.plot(epochs, run["validation_auc"], color=colour, **options)
    kept = run[run["kept"]]
    lower.plot(kept["epoch"], kept["validation_auc"], "o", color=INK, markersize=2.2)
