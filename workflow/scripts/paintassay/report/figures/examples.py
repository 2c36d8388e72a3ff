"""Draw the figures of example views from the tables of `report.figures.tables`."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from paintassay.drawing.print import (
    DOUBLE_MM,
    GREY,
    MM_PER_INCH,
    SMALL,
    TYPE,
    fitted,
    new_figure,
    print_style,
    text_width,
    write,
)
from paintassay.images.composites import (
    channel_colours,
    clip_levels_of,
    composite,
    display_range,
    stains,
    view_range,
)
from paintassay.images.pictures import NO_SCALE_BAR
from paintassay.images.views import Views
from paintassay.report.figures.comparison import short_names

EDGE, GAP, MIDDLE = 4, 1.5, 5
DOTS_PER_INCH = 300
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def draw_fig2(
    data: pd.DataFrame,
    views: Views | Sequence[np.ndarray],
    channels: Sequence[str],
    pixel_size_um: float | None,
) -> Figure:
    """Views of active and of inactive compounds: Hofmarcher et al. 2019, Figure 2.

    Parameters
    ----------
    data : pandas.DataFrame
        As `report.figures.tables.FIG2`.
    views : sequence of ndarray of uint8, shape (C, H, W)
        The view of each row; they are read twice, one at a time.
    channels : list of str
    pixel_size_um : float
        Width of a pixel in micrometres, for the scale bar.

    Returns
    -------
    matplotlib.figure.Figure
        178 mm wide: an assay a row, active compounds left, inactive ones right; all in the same
        brightness.
    """
    rows = list(data.groupby("task", sort=False).indices.items())
    columns = data.groupby(["task", "kind"]).size().max()
    wide = (DOUBLE_MM - 2 * EDGE - MIDDLE - 2 * (columns - 1) * GAP) / (2 * columns)
    high = wide * views[0].shape[1] / views[0].shape[2]
    row_high = high + 16
    second = EDGE + columns * wide + (columns - 1) * GAP + MIDDLE
    display, levels = display_range(views), clip_levels_of(views)
    with print_style():
        figure = new_figure(DOUBLE_MM, 2 + row_high * len(rows) + 6)
        for number, (_, places) in enumerate(rows):
            top = 2 + row_high * number
            row = data.iloc[places[0]]
            _assay_line(figure, top, LETTERS[number], row, _auc_of_row(row))
            for kind, left in (("active", EDGE), ("inactive", second)):
                of_kind = [place for place in places if data["kind"][place] == kind]
                header = f"{kind} ({row[f'{kind}s']:,} compounds)"
                write(figure, left, top + 4.4, header, color=GREY)
                for column, place in enumerate(of_kind):
                    x = left + column * (wide + GAP)
                    of_view = view_range(display, levels[place])
                    picture = composite(views[place], channels, of_view)
                    _tile(figure, x, top + 8, wide, high, picture)
                    name = _name_of(data.iloc[place])
                    write(figure, x, top + 8.6 + high, fitted(name, wide))
        _footer(figure, channels, (EDGE, 10, wide, high), views[0].shape[2], pixel_size_um)
    return figure


def _assay_line(figure: Figure, top: float, letter: str, row: pd.Series, remark: str) -> None:
    """Write letter and name of an assay, and below them, at the right, a remark."""
    source = f" ({row['source']})"
    left = EDGE + (5 if letter else 0)
    room = DOUBLE_MM - EDGE - left - text_width(source, TYPE)
    write(figure, EDGE, top, letter, TYPE, weight="bold")
    write(figure, left, top, fitted(row["assay"], room, TYPE) + source, TYPE)
    write(figure, DOUBLE_MM - EDGE, top + 4.4, remark, color=GREY, ha="right")


def _auc_of_row(row: pd.Series) -> str:
    return f"mean AUC of {short_names([row['method']])[row['method']]} {row['auc']:.2f}"


def _name_of(row: pd.Series) -> str:
    return row["compound_id"] if isinstance(row["compound_id"], str) else row["inchikey"]


def draw_fig5(
    data: pd.DataFrame,
    views: Views | Sequence[np.ndarray],
    channels: Sequence[str],
    pixel_size_um: float | None,
) -> Figure:
    """Views of compounds that one method alone predicts: Hofmarcher et al. 2019, Figure 5.

    Parameters
    ----------
    data : pandas.DataFrame
        As `report.figures.tables.FIG5`.
    views, channels, pixel_size_um
        As for `draw_fig2`.

    Returns
    -------
    matplotlib.figure.Figure
        178 mm wide: above, the active compounds that the first method predicts highest; below,
        the inactive ones that it predicts lowest; with the predictions of both methods.
    """
    first, second = data["first"].iloc[0], data["second"].iloc[0]
    names = short_names([first, second])
    columns = max(data.groupby("kind").size().max(), 4)
    wide = (DOUBLE_MM - 2 * EDGE - (columns - 1) * GAP) / columns
    high = wide * views[0].shape[1] / views[0].shape[2]
    display, levels = display_range(views), clip_levels_of(views)
    lines = {
        "active": f"active, predicted highest by {names[first]}",
        "inactive": f"inactive, predicted lowest by {names[first]}",
    }
    with print_style():
        figure = new_figure(DOUBLE_MM, 7 + 2 * (high + 13.5) + 6)
        _assay_line(figure, 2, "", data.iloc[0], _both_aucs(data.iloc[0], names))
        for number, (kind, line) in enumerate(lines.items()):
            top = 6.4 + number * (high + 13.5)
            write(figure, EDGE, top, line, color=GREY)
            for column, place in enumerate(np.flatnonzero(data["kind"] == kind).tolist()):
                row, x = data.iloc[place], EDGE + column * (wide + GAP)
                of_view = view_range(display, levels[place])
                _tile(figure, x, top + 3.6, wide, high, composite(views[place], channels, of_view))
                write(figure, x, top + 4.2 + high, fitted(_name_of(row), wide))
                scores = f"{names[first]} {row['score_first']:.2f}"
                if row["score_second"] == row["score_second"]:
                    scores += f", {names[second]} {row['score_second']:.2f}"
                write(figure, x, top + 7.4 + high, fitted(scores, wide))
        _footer(figure, channels, (EDGE, 10.6, wide, high), views[0].shape[2], pixel_size_um)
    return figure


def _both_aucs(row: pd.Series, names: dict[str, str]) -> str:
    aucs = ", ".join(
        f"{names[row[method]]} {row[f'auc_{method}']:.2f}" for method in ("first", "second")
    )
    pvalue = row["pvalue"]
    if pvalue != pvalue:
        return f"AUC of {aucs}"
    return f"AUC of {aucs}; p {'< 0.001' if pvalue < 0.001 else f'= {pvalue:.3f}'}"


def draw_view_channels(
    data: pd.DataFrame,
    views: Views | Sequence[np.ndarray],
    channels: Sequence[str],
    pixel_size_um: float | None,
) -> Figure:
    """Draw one view channel by channel in grey, and all its stains in colour.

    Parameters
    ----------
    data : pandas.DataFrame
        As `report.figures.tables.VIEW_CHANNELS`.
    views, channels, pixel_size_um
        As for `draw_fig2`; the first view is drawn.

    Returns
    -------
    matplotlib.figure.Figure
        178 mm wide, three panels in a row.
    """
    view = views[0]
    display = display_range([view])
    wide = (DOUBLE_MM - 2 * EDGE - 2 * GAP) / 3
    high = wide * view.shape[1] / view.shape[2]
    rows = -(-(len(channels) + 1) // 3)
    colours = channel_colours(channels) / 255
    row = data.iloc[0]
    name = f"Plate {row['plate']}, well {row['well']}, site {row['site']}"
    name += f", {row['compound_id']}" if isinstance(row["compound_id"], str) else ""
    with print_style():
        figure = new_figure(DOUBLE_MM, 7 + rows * (high + 6) + 5)
        write(figure, EDGE, 2, fitted(name, DOUBLE_MM - 2 * EDGE, TYPE), TYPE)
        for place in range(len(channels) + 1):
            x, top = EDGE + place % 3 * (wide + GAP), 7 + place // 3 * (high + 6)
            if place < len(channels):
                low, full = display[place]
                grey = np.clip((view[place] - low) / (full - low), 0, 1)
                picture = np.rint(255 * grey).astype(np.uint8)[:, :, None].repeat(3, axis=2)
                _square(figure, x, top + 0.2, colours[place])
                write(figure, x + 3.6, top, fitted(channels[place], wide - 4))
            else:
                picture = composite(view, channels, display)
                write(figure, x, top, "all stains, in these colours")
            _tile(figure, x, top + 3.8, wide, high, picture)
        box = (x, 10.8 + (rows - 1) * (high + 6), wide, high)
        _footer(figure, [], box, view.shape[2], pixel_size_um)
    return figure


def _tile(
    figure: Figure, left: float, top: float, wide: float, high: float, picture: np.ndarray
) -> None:
    """Draw a picture with as many pixels as are printed."""
    pixels = [round(side / MM_PER_INCH * DOTS_PER_INCH) for side in (wide, high)]
    small = Image.fromarray(picture).resize(pixels, Image.Resampling.LANCZOS)
    inches = figure.get_size_inches()
    figure_wide, figure_high = inches * MM_PER_INCH
    axes = figure.add_axes(
        (left / figure_wide, 1 - (top + high) / figure_high, wide / figure_wide, high / figure_high)
    )
    axes.imshow(np.asarray(small), aspect="auto")
    axes.axis("off")


def _footer(
    figure: Figure,
    channels: Sequence[str],
    box: tuple[float, float, float, float],
    pixels: int,
    pixel_size_um: float | None,
) -> None:
    """Explain the colours, and draw a scale bar into one of the pictures."""
    left, top, wide, high = box
    text = NO_SCALE_BAR
    if pixel_size_um is not None:
        micrometres = 50.0
        view_um = pixels * pixel_size_um
        while micrometres > view_um / 3:
            micrometres /= 2
        length = micrometres / view_um * wide
        _patch(figure, left + wide - 1.5 - length, top + high - 2, length, 0.7, "white")
        text = f"scale bar: {micrometres:g} µm"
    bottom = figure.get_size_inches()[1] * MM_PER_INCH - 4.6
    x: float = EDGE
    colours = channel_colours(channels) / 255 if channels else []
    for place in stains(channels) if channels else []:
        _square(figure, x, bottom + 0.2, colours[place])
        write(figure, x + 3.6, bottom, channels[place])
        x += 7 + text_width(channels[place])
    write(figure, DOUBLE_MM - EDGE, bottom, text, SMALL, ha="right")


def _square(figure: Figure, left: float, top: float, colour: np.ndarray) -> None:
    _patch(figure, left, top, 2.4, 2.4, colour, edgecolor=GREY, linewidth=0.4)


def _patch(
    figure: Figure,
    left: float,
    top: float,
    wide: float,
    high: float,
    colour: np.ndarray | str,
    **options: Any,
) -> None:
    figure_wide, figure_high = figure.get_size_inches() * MM_PER_INCH
    corner = (left / figure_wide, 1 - (top + high) / figure_high)
    options = {"linewidth": 0, "zorder": 5} | options
    figure.add_artist(
        Rectangle(corner, wide / figure_wide, high / figure_high, facecolor=colour, **options)
    )
