"""Draw the figures of the comparison of methods from the tables of `report.figures.tables`."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MultipleLocator

from paintassay.drawing.print import (
    DOUBLE_MM,
    FAINT,
    GREY,
    INK,
    MM_PER_INCH,
    SINGLE_MM,
    SMALL,
    TYPE,
    add_axes,
    figure_of_words,
    fitted,
    new_figure,
    print_style,
    text_width,
    write,
)
from paintassay.drawing.style import method_colours, method_names
from paintassay.report.figures.comparison_data import MEASURES

# In millimetres: height of a line of text, and width of a dot of the distribution.
LINE, DOT = 3.4, 0.65
NAME_MM = 24
MINUS = "\N{MINUS SIGN}"
DIRECTIONS = [
    np.array([math.cos(angle), math.sin(angle)]) for angle in math.pi * (0.25 + np.arange(16) / 8)
]


def short_names(methods: Sequence[str], width: float = NAME_MM) -> dict[str, str]:
    """Names of methods that take no more than `width` millimetres."""
    return {key: fitted(name, width) for key, name in method_names(methods).items()}


def draw_fig4(data: pd.DataFrame) -> Figure:
    """Two methods, assay by assay: Hofmarcher et al. 2019, Figure 4.

    Parameters
    ----------
    data : pandas.DataFrame
        As `report.figures.tables.FIG4`.

    Returns
    -------
    matplotlib.figure.Figure
        84 mm wide. Dots have the colour of the better method where Venkatraman's test has
        p < 0.05, and a ring where p is still below 0.05 after the correction; numbers are
        explained below.
    """
    if data.empty:
        return figure_of_words("There are no two methods with an AUC in the same assay to compare.")
    pair = [data["first"].iloc[0], data["second"].iloc[0]]
    names, colours = short_names(pair, 34), method_colours(pair)
    kinds = {
        "first": (f"{names[pair[0]]} better", colours[pair[0]]),
        "second": (f"{names[pair[1]]} better", colours[pair[1]]),
        "equal": ("curves differ, areas do not", INK),
        "none": ("no significant difference", GREY),
    }
    if "equal" not in set(data["outcome"]):
        del kinds["equal"]
    ringed = data[data["corrected"]]
    named = data.dropna(subset="number").sort_values("number")
    explained = [
        _explain(assay, source, SINGLE_MM - 10)
        for assay, source in zip(named["assay"], named["source"], strict=True)
    ]
    top, side = 4 + LINE * (len(kinds) + 1), SINGLE_MM - 15
    bottom = top + side + 11
    with print_style():
        figure = new_figure(SINGLE_MM, bottom + LINE * sum(map(len, explained)) + 1)
        axes = add_axes(figure, 11, top, side, side)
        low = lower_limit(data[["auc_first", "auc_second"]].to_numpy())
        axes.plot([low, 1], [low, 1], color=FAINT, linewidth=0.8, zorder=0)
        for number, (kind, (label, colour)) in enumerate(kinds.items()):
            dots, alpha = data[data["outcome"] == kind], 0.55 if kind == "none" else 1
            axes.scatter(
                dots["auc_first"], dots["auc_second"], s=14, color=colour, linewidth=0.4,
                edgecolor="white", alpha=alpha, zorder=5 - number, clip_on=False,
                gid=f"outcome-{kind}",
            )  # fmt: skip
            _legend(figure, number, f"{label}: {len(dots)}", color=colour, alpha=alpha)
        axes.scatter(
            ringed["auc_first"], ringed["auc_second"], s=30, facecolor="none", edgecolor=INK,
            linewidth=0.7, zorder=6, clip_on=False, gid="corrected",
        )  # fmt: skip
        ring = f"significant after correction (Benjamini\N{EN DASH}Hochberg): {len(ringed)}"
        _legend(figure, len(kinds), ring, markerfacecolor="none", color=INK, markersize=5.2)
        axes.set(xlim=(low, 1), ylim=(low, 1))
        axes.set_xlabel(f"AUC of {names[pair[0]]}")
        axes.set_ylabel(f"AUC of {names[pair[1]]}")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MultipleLocator(0.1 if low > 0.35 else 0.2))
        axes.text(
            0.98, 0.02, _correlation(data), transform=axes.transAxes, ha="right", va="bottom",
            fontsize=SMALL, color=INK,
        )  # fmt: skip
        _number_dots(axes, data, named, side / (1 - low))
        for row, lines in zip(named.itertuples(), explained, strict=True):
            write(figure, 4, bottom, f"{row.number:.0f}", weight="bold")
            for line in lines:
                write(figure, 8, bottom, line)
                bottom += LINE
    return figure


def _explain(assay: str, source: str, width: float) -> list[str]:
    """What an assay is, in a line or in two."""
    line = f"{' '.join(assay.split())} ({source})"
    return [line] if text_width(line) <= width else [fitted(assay, width), f"({source})"]


def _legend(figure: Figure, line: int, text: str, **options: Any) -> None:
    """Write a line of the legend above the axes, behind the dot that it explains."""
    wide, high = figure.get_size_inches() * MM_PER_INCH
    middle = 1 - (2.5 + LINE * line) / high
    style: dict[str, Any] = {"marker": "o", "markersize": 3.6, "linestyle": "none"} | options
    if "markerfacecolor" not in style:
        style["markeredgewidth"] = 0
    figure.add_artist(Line2D([12.5 / wide], [middle], **style))
    figure.text(15 / wide, middle, text, color=INK, fontsize=SMALL, va="center_baseline", ha="left")


def lower_limit(aucs: npt.ArrayLike) -> float:
    """Lower end of an axis on which all these AUCs find room."""
    return max(0, math.floor(10 * (np.nanmin(aucs) - 0.02)) / 10)


def _correlation(data: pd.DataFrame) -> str:
    has_correlation = len(data) > 2 and data[["auc_first", "auc_second"]].nunique().min() > 1
    assays = f"{len(data)} assay" + ("s" if len(data) != 1 else "")
    if not has_correlation:
        return assays
    value = f"{data['auc_first'].corr(data['auc_second']):.2f}"
    return f"Pearson r = {value.replace('-', MINUS)}, {assays}"


def _number_dots(axes: Axes, data: pd.DataFrame, named: pd.DataFrame, scale: float) -> None:
    """Write the numbers where they cover the fewest dots and no other number."""
    dots = scale * data[["auc_first", "auc_second"]].to_numpy(np.float64)
    low, high = scale * np.array(axes.get_xlim())
    placed = np.empty((0, 2))
    for row in named.itertuples():
        dot = scale * np.array([row.auc_first, row.auc_second])
        spots = []
        for distance in (3.6, 5, 7):
            for way in DIRECTIONS:
                spot = dot + distance * way
                line = dot + np.linspace(0, distance - 1, 8)[:, None] * way
                is_other = np.abs(dots - dot).max(axis=1) > 0.4
                crossed = np.linalg.norm(dots[is_other, None] - line, axis=2).min(axis=1) < 0.9
                cost = crossed.sum() + 2 * (np.abs(dots - spot).max(axis=1) < 1.8).sum()
                cost += 20 * (np.abs(placed - spot).max(axis=1) < 3).sum()
                cost += 20 * ((spot < low + 1.5) | (spot > high - 1.5)).any()
                spots.append((cost, spot, way))
        _, spot, way = min(spots, key=lambda candidate: candidate[0])
        placed = np.vstack([placed, spot])
        line = np.stack([dot + 0.8 * way, spot - 1.6 * way]) / scale
        axes.plot(*line.T, color=INK, linewidth=0.5, zorder=7)
        x, y = spot / scale
        axes.text(
            x, y, f"{row.number:.0f}", ha="center", va="center_baseline", color=INK,
            fontsize=SMALL, weight="bold", zorder=7,
        )  # fmt: skip


def draw_distribution(data: pd.DataFrame) -> Figure:
    """All AUCs of each method: a box, the mean, and a dot for each task.

    Parameters
    ----------
    data : pandas.DataFrame
        As `report.figures.tables.DISTRIBUTION`.

    Returns
    -------
    matplotlib.figure.Figure
        84 mm wide. Boxes from the lower to the upper quartile with the median, whiskers from the
        5th to the 95th percentile; diamonds are means. Grey lines are at 0.5, and at 0.7, 0.8 and
        0.9, the limits of Table 1.
    """
    if data["auc"].isna().all():
        return figure_of_words("No task of any method could be evaluated: there are no AUCs.")
    methods = list(data["method"].unique())
    names, colours = short_names(methods, 40), method_colours(methods)
    row, left, wide = 13, 4, SINGLE_MM - 8
    with print_style():
        figure = new_figure(SINGLE_MM, 4 + row * len(methods) + 10)
        axes = add_axes(figure, left, 4, wide, row * len(methods))
        low = lower_limit(data["auc"])
        write(figure, left + wide, 1, "mean ± s.d. (assays)", color=GREY, ha="right")
        for place, method in enumerate(methods):
            values = data.loc[data["method"] == method, "auc"].dropna().sort_values().to_numpy()
            base = row * (place + 0.61)
            axes.vlines((0.5, 0.7, 0.8, 0.9), base - 4, row * (place + 1), color=FAINT,
                        linewidth=0.6, zorder=0)  # fmt: skip
            axes.scatter(
                values, base + _stack(values, DOT * (1 - low) / wide, 0.37 * row), s=2.4,
                color=colours[method], linewidth=0, gid=f"auc-{method}", clip_on=False,
            )  # fmt: skip
            _box(axes, values, base - 2.3, 1.2, colours[method])
            write(figure, left, 4.3 + row * place, names[method], TYPE)
            write(figure, left + wide, 4.3 + row * place, _mean(values), TYPE, ha="right")
        axes.set(xlim=(low, 1), ylim=(row * len(methods), 0), xlabel=_auc_label(data), yticks=[])
        axes.xaxis.set_major_locator(MultipleLocator(0.1 if low > 0.35 else 0.2))
        axes.spines["left"].set_visible(False)
    return figure


def _mean(values: np.ndarray) -> str:
    if not len(values):
        return "no AUC"
    # One value has no standard deviation.
    spread = f" ± {values.std(ddof=1):.3f}" if len(values) > 1 else ""
    return f"{values.mean():.3f}{spread} ({len(values)})"


def _auc_label(data: pd.DataFrame) -> str:
    return f"AUC by {data['level'].iloc[0][:-1]}"


def _box(axes: Axes, values: np.ndarray, place: float, half: float, colour: str) -> None:
    if not len(values):
        return
    low, lower, middle, upper, high = np.percentile(values, [5, 25, 50, 75, 95])
    line: dict[str, Any] = {"color": colour, "clip_on": False}
    axes.plot([low, high], [place, place], linewidth=0.8, zorder=2, **line)
    axes.fill_between(
        [lower, upper], place - half, place + half, facecolor="white", edgecolor=colour,
        linewidth=0.8, zorder=3, clip_on=False,
    )  # fmt: skip
    axes.plot([middle] * 2, [place - half, place + half], linewidth=1.4, zorder=4, **line)
    axes.plot(
        [values.mean()], [place], marker="D", markersize=3, color=INK, markeredgecolor="white",
        markeredgewidth=0.4, zorder=5, clip_on=False,
    )  # fmt: skip


def _stack(values: np.ndarray, width: float, room: float) -> np.ndarray:
    """Stack dots of this width that would touch: distance of each from the base, in mm."""
    levels = np.zeros(len(values), dtype=np.int64)
    placed = np.zeros(len(values), dtype=bool)
    # Placed from left to right, the dots would lean to one side. These steps jump, and reach all.
    for place in np.argsort(np.arange(len(values)) * 0.618034 % 1):
        near = placed & (np.abs(values - values[place]) < width)
        taken = set(levels[near])
        levels[place] = next(level for level in range(len(values)) if level not in taken)
        placed[place] = True
    return levels * min(DOT, room / (levels.max(initial=0) + 1))


def draw_s1(data: pd.DataFrame) -> Figure:
    """Further measures of each method over its tasks: Hofmarcher et al. 2019, Figure S1.

    Parameters
    ----------
    data : pandas.DataFrame
        As `report.figures.tables.S1`.

    Returns
    -------
    matplotlib.figure.Figure
        178 mm wide, one panel a measure; boxes as in `draw_distribution`.
    """
    if data.empty:
        return figure_of_words("No task of any method could be evaluated: there are no measures.")
    methods = list(data["method"].unique())
    names, colours = short_names(methods, 20), method_colours(methods)
    row, left, gap, columns = 5, 23, 6, 3
    wide = (DOUBLE_MM - left - 3 - gap * (columns - 1)) / columns
    high = row * len(methods)
    with print_style():
        figure = new_figure(DOUBLE_MM, 2 * (high + 13) + 4)
        level = data["level"].iloc[0][:-1]
        write(figure, left, 2 * (high + 13), f"Means over the runs, by {level}", color=GREY)
        for place, (measure, title) in enumerate(MEASURES.items()):
            line, column = divmod(place, columns)
            axes = add_axes(
                figure, left + column * (wide + gap), 6 + line * (high + 13), wide, high
            )
            of_measure = data[data["measure"] == measure]
            for number, method in enumerate(methods):
                values = of_measure.loc[of_measure["method"] == method, "value"].to_numpy()
                _box(axes, values, number, 0.28, colours[method])
            axes.set_title(title, loc="left", fontsize=TYPE, pad=3)
            axes.set(ylim=(len(methods) - 0.4, -0.6))
            axes.set_xlim(0, None if measure.startswith("enrichment") else 1)
            labels = [names[method] for method in methods] if column == 0 else []
            axes.set_yticks(range(len(methods)) if labels else [], labels)
            axes.tick_params(axis="y", length=0)
            axes.spines["left"].set_visible(False)
    return figure
