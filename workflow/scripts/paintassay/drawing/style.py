"""Set the style of figures, and save them so that the same data give the same file."""

import colorsys
from collections.abc import Collection, Iterable
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.typing import RcKeyType

from paintassay.core.files import PathLike, atomic_path

matplotlib.use("Agg")

STYLE: dict[RcKeyType, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "svg.hashsalt": "paintassay",
    "svg.fonttype": "none",
}

METHOD_NAMES = {
    "gapnet": "GapNet",
    "milnet": "MIL-Net",
    "mcnn": "M-CNN",
    "densenet": "DenseNet",
    "resnet": "ResNet",
    "sccnn": "SC-CNN",
    "fnn": "FNN",
}

# Four colours of Okabe and Ito, GapNet and FNN blue and red as in Hofmarcher et al. 2019, Fig. 4,
# and three more. Each has a contrast of at least 3 with white and with a dark page; any two stay
# at least 15 CIELAB units apart for eyes without red, green or blue cones (Machado et al. 2009).
METHOD_COLOURS = {
    "gapnet": "#0072B2",
    "milnet": "#009E73",
    "mcnn": "#CC79A7",
    "densenet": "#8460E4",
    "resnet": "#F0305A",
    "sccnn": "#6C6C3C",
    "fnn": "#D55E00",
}
OTHER_COLOURS = ("#9C00FC", "#9C4878", "#B478E4", "#849C30", "#C00CA8", "#546C3C")


def save_figure(figure: Figure, path: PathLike) -> None:
    """Save a figure in the format of the path's suffix (PNG at 300 dpi), atomically."""
    suffix = str(path).rpartition(".")[2]
    with atomic_path(path) as temporary, plt.rc_context(STYLE):
        # Without a date, the same figure is the same file.
        metadata = {"Date": None} if suffix == "svg" else None
        figure.savefig(temporary, format=suffix, dpi=300, metadata=metadata)


def method_names(methods: Iterable[str]) -> dict[str, str]:
    """Names of methods as people write them; a method that is no model of ours keeps its name.

    Parameters
    ----------
    methods : list of str

    Returns
    -------
    dict of str to str
    """
    return {method: METHOD_NAMES.get(method, method) for method in methods}


def method_colours(methods: Collection[str]) -> dict[str, str]:
    """Colours of methods: those of `METHOD_COLOURS`, and others for names unknown there.

    Parameters
    ----------
    methods : list of str
        In any order: the colours of unknown names follow their alphabetical order.

    Returns
    -------
    dict of str to str
        Red, green and blue as ``#RRGGBB``.
    """
    others = sorted(set(methods) - METHOD_COLOURS.keys())
    colours = METHOD_COLOURS | {name: _other_colour(i) for i, name in enumerate(others)}
    return {method: colours[method] for method in methods}


def _other_colour(number: int) -> str:
    if number < len(OTHER_COLOURS):
        return OTHER_COLOURS[number]
    # Steps of the golden angle never come back to the same hue.
    rgb = colorsys.hls_to_rgb((number * 0.618034) % 1, 0.45, 0.5)
    return "#" + "".join(f"{round(255 * value):02X}" for value in rgb)
