"""Draw measures of a plate as heat maps, as the plate lies.

The same data give the same bytes.
"""

import math
from collections.abc import Sequence

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from paintassay.drawing.style import STYLE
from paintassay.images.wells import plate_format, well_names, well_positions

MEASURE_NAMES = {
    "saturated": "saturated pixels (share)",
    "focus_slope": "focus slope (lower is blurrier)",
    "background": "background (grey level)",
    "mean": "mean (grey level)",
    "contrast": "contrast",
    "flagged": "flagged sites (share)",
    "sites": "sites",
}


def plate_heat_maps(summary: pd.DataFrame, plate: str, measures: Sequence[str]) -> Figure:
    """Draw measures of a plate, one heat map a channel, as the plate lies.

    Parameters
    ----------
    summary : pandas.DataFrame
        From `images.quality.summarise_plate`; a well without a row stays grey.
    plate : str
        The plate to draw, and its title.
    measures : list of str
        Columns of `summary`, one row of maps each.

    Returns
    -------
    matplotlib.figure.Figure
        2.7 x 1.7 inches a map. Each map has a colour scale of its own, because the levels of the
        channels differ: compare wells within a map. Pointed ends of a scale stand for values
        beyond it.
    """
    wells = summary[summary["plate"] == plate]
    channels = sorted(wells["channel"].unique())
    height, width = plate_format(wells["well"].unique())
    with matplotlib.rc_context(STYLE | {"font.size": 7}):
        figure = Figure(figsize=(2.7 * len(channels), 1.7 * len(measures) + 0.5))
        axes = figure.subplots(len(measures), len(channels), squeeze=False)
        # Margins are set here, because matplotlib takes seconds to lay out dozens of maps.
        inches = figure.get_size_inches()
        figure.subplots_adjust(
            left=0.2 / inches[0],
            right=1 - 0.55 / inches[0],
            bottom=0.2 / inches[1],
            top=1 - 0.5 / inches[1],
            wspace=0.3,
            hspace=0.25,
        )
        figure.suptitle(f"plate {plate}", fontsize=10, y=1 - 0.12 / inches[1])
        for measure, row in zip(measures, axes, strict=True):
            for channel, axis in zip(channels, row, strict=True):
                of_channel = wells[wells["channel"] == channel]
                values = np.full((height, width), np.nan)
                values[well_positions(of_channel["well"])] = of_channel[measure]
                _draw_heat_map(axis, values, (0, 1) if measure == "flagged" else None)
                axis.set_title(f"{channel}: {MEASURE_NAMES.get(measure, measure)}", fontsize=7)
    return figure


def _draw_heat_map(axis: Axes, values: np.ndarray, limits: tuple[int, int] | None) -> None:
    # A single odd well must not hide a gradient: the scale leaves out 1 % at both ends.
    low, high = limits or np.nanpercentile(values, [1, 99])
    beyond = "both" if limits is None and low < high else "neither"
    colours = matplotlib.colormaps["viridis"].with_extremes(bad="0.8")
    picture = axis.imshow(values, cmap=colours, interpolation="nearest", vmin=low, vmax=high)
    place = axis.inset_axes((1.02, 0, 0.04, 1))
    bar = axis.figure.colorbar(picture, cax=place, extend=beyond, extendfrac=0.04)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=5, length=2)
    bar.locator = MaxNLocator(5)
    bar.update_ticks()
    # More than 16 row names would run into each other.
    rows, columns = values.shape
    step = math.ceil(rows / 16)
    names = [name[:-2] for name in well_names(rows, 1)]
    axis.set_yticks(range(0, rows, step), names[::step])
    axis.set_xticks(range(0, columns, step), list(map(str, range(1, columns + 1, step))))
    axis.tick_params(labelsize=4, length=0, pad=1)
    axis.spines[:].set_visible(False)
