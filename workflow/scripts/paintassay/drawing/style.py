"""Figures, as matplotlib draws them: the same data give the same file."""

import colorsys

import matplotlib
import matplotlib.pyplot as plt

from paintassay.core.files import atomic_path

matplotlib.use("Agg")

STYLE: dict = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "svg.hashsalt": "paintassay",
    "svg.fonttype": "none",
}


def save_figure(figure, path):
    """Save a figure in the format of the path's suffix (PNG at 300 dpi), atomically."""
    suffix = str(path).rpartition(".")[2]
    with atomic_path(path) as temporary, plt.rc_context(STYLE):
        # No date: the same figure is the same file.
        metadata = {"Date": None} if suffix == "svg" else None
        figure.savefig(temporary, format=suffix, dpi=300, metadata=metadata)


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


def method_names(methods):
    """Names of methods as people write them; a method that is not ours keeps its own.

    Parameters
    ----------
    methods : list of str

    Returns
    -------
    dict of str to str
    """
    return {method: METHOD_NAMES.get(method, method) for method in methods}


def method_colours(methods):
    """Colours of methods: those of `METHOD_COLOURS`, and others for names unknown there.

    Parameters
    ----------
    methods : list of str
        In any order: the colours of unknown names follow their alphabet.

    Returns
    -------
    dict of str to str
        Red, green and blue as ``#RRGGBB``.
    """
    others = sorted(set(methods) - METHOD_COLOURS.keys())
    colours = METHOD_COLOURS | {other: _other_colour(i) for i, other in enumerate(others)}
    return {method: colours[method] for method in methods}


def _other_colour(number):
    if number < len(OTHER_COLOURS):
        return OTHER_COLOURS[number]
    # Steps of the golden angle never come back to a hue.
    hue = (number * 0.618034) % 1
    return "#" + "".join(f"{round(255 * part):02X}" for part in colorsys.hls_to_rgb(hue, 0.45, 0.5))
