"""Figures for print: their sizes in millimetres, type of 7 and 8 points, texts that fit."""

from functools import cache

import matplotlib
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextToPath

from paintassay.drawing.style import STYLE

# Widths of one column and of two of the paper's journal.
SINGLE_MM, DOUBLE_MM = 84, 178
MM_PER_INCH, MM_PER_POINT = 25.4, 25.4 / 72
TYPE, SMALL = 8, 7
INK, GREY, FAINT = "#222222", "#6B6B6B", "#C8C8C8"

PRINT_STYLE = STYLE | {
    "font.size": TYPE,
    "axes.linewidth": 0.6,
    "axes.labelsize": TYPE,
    "axes.titlesize": TYPE,
    "axes.labelpad": 2,
    # Names of assays and of other tools can have dollar signs.
    "text.parse_math": False,
}


def print_style():
    """Context in which figures for print are drawn."""
    return matplotlib.rc_context(PRINT_STYLE)


def new_figure(width, height):
    """Empty figure, sizes in millimetres."""
    return Figure(figsize=(width / MM_PER_INCH, height / MM_PER_INCH))


def add_axes(figure, left, top, width, height, **options):
    """Add axes, places in millimetres from the figure's upper left corner.

    Returns
    -------
    matplotlib.axes.Axes
    """
    inches = figure.get_size_inches()
    wide, high = inches * MM_PER_INCH
    axes = figure.add_axes(
        (left / wide, 1 - (top + height) / high, width / wide, height / high), **options
    )
    # Ticks are made late, when the style no longer holds.
    axes.tick_params(labelsize=SMALL, width=0.6, length=2.5, pad=2, colors=INK)
    axes.spines[:].set_color(INK)
    return axes


def write(figure, left, top, text, size=SMALL, **options):
    """Write text, its upper left corner in millimetres from that of the figure."""
    wide, high = figure.get_size_inches() * MM_PER_INCH
    options = {"color": INK, "ha": "left", "va": "top", "fontsize": size} | options
    return figure.text(left / wide, 1 - top / high, text, **options)


def figure_of_words(text, width=SINGLE_MM):
    """Say in words what there is instead of a figure.

    Parameters
    ----------
    text : str
        Broken into lines as needed.
    width : float
        In millimetres.

    Returns
    -------
    matplotlib.figure.Figure
    """
    lines = wrapped(text, width - 8, TYPE, lines=20)
    with print_style():
        figure = new_figure(width, 8 + 4 * len(lines))
        for number, line in enumerate(lines):
            write(figure, 4, 4 + 4 * number, line, TYPE)
    return figure


def text_width(text, size=SMALL):
    """Width of a line of text in millimetres."""
    font = FontProperties(family="DejaVu Sans", size=size)
    return _measure()(text, font, ismath=False)[0] * MM_PER_POINT


@cache
def _measure():
    return TextToPath().get_text_width_height_descent


def fitted(text, width, size=SMALL):
    """Cut a text with an ellipsis where it is wider than `width` millimetres; in one line."""
    text = " ".join(str(text).split())
    if text_width(text, size) <= width:
        return text
    while text and text_width(f"{text}…", size) > width:
        text = text[:-1]
    return f"{text.rstrip()}…"


def wrapped(text, width, size=SMALL, lines=2):
    """Break a text into at most so many lines of `width` millimetres; the last may be cut."""
    words, broken = str(text).split(), [""]
    for place, word in enumerate(words):
        longer = f"{broken[-1]} {word}".strip()
        if text_width(longer, size) <= width or not broken[-1]:
            broken[-1] = longer
        elif len(broken) < lines:
            broken.append(word)
        else:
            broken[-1] = " ".join([broken[-1], *words[place:]])
            break
    return [fitted(line, width, size) for line in broken]
