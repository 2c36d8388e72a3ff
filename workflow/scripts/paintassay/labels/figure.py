"""Draw Figure S4: data points of each assay."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from paintassay.drawing.style import STYLE

# Okabe and Ito's palette, told apart by every kind of colour vision.
COLOURS = {"pchembl": "#E69F00", "comment": "#0072B2"}
NAMES = {"pchembl": "pChEMBL threshold", "comment": "activity comment"}


def draw_data_points(assays: pd.DataFrame, min_actives: int, min_inactives: int) -> Figure:
    """Draw the data points of each task (the paper's Figure S4), and their classes.

    Parameters
    ----------
    assays : pandas.DataFrame
        As `labels.tables.ASSAYS`.
    min_actives, min_inactives : int
        The filter's minima, drawn as lines.

    Returns
    -------
    matplotlib.figure.Figure
        7.0 x 3.0 inches.
    """
    total = assays["ACTIVES"] + assays["INACTIVES"]
    with plt.rc_context(STYLE):
        figure, (left, right) = plt.subplots(1, 2, figsize=(7.0, 3.0), layout="constrained")
        edges = np.geomspace(total.min(), total.max() + 1, 16)
        kinds = [kind for kind in COLOURS if (assays["KIND"] == kind).any()]
        left.hist(
            [total[assays["KIND"] == kind] for kind in kinds],
            bins=edges,
            stacked=True,
            color=[COLOURS[kind] for kind in kinds],
            label=[NAMES[kind] for kind in kinds],
        )
        left.set(xscale="log", xlabel="labelled compounds in a column", ylabel="columns")
        left.yaxis.set_major_locator(MaxNLocator(integer=True))
        left.legend()
        for kind in kinds:
            of_kind = assays[assays["KIND"] == kind]
            right.scatter(
                of_kind["INACTIVES"], of_kind["ACTIVES"], s=12, alpha=0.7,
                color=COLOURS[kind], linewidth=0,
            )  # fmt: skip
        right.axhline(max(min_actives, 1), color="0.6", linewidth=0.8, linestyle="--")
        right.axvline(max(min_inactives, 1), color="0.6", linewidth=0.8, linestyle="--")
        right.set(
            xscale="log", yscale="log", xlabel="inactive compounds", ylabel="active compounds"
        )
        for axis in (left.xaxis, right.xaxis, right.yaxis):
            axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.set_minor_locator(NullLocator())
            axis.set_major_formatter("{x:,.0f}")
    return figure
