"""Draw figures for print: sizes in millimetres, type of 7 and 8 points, texts that fit."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.text import Text
from matplotlib.textpath import TextToPath

from paintassay.drawing.style import STYLE

# Widths of one column and of two columns of the paper's journal.
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


def print_style() -> AbstractContextManager[None]:
    """Context in which figures for print are drawn."""
    return matplotlib.rc_context(PRINT_STYLE)


def new_figure(width: float, height: float) -> Figure:
    """Empty figure, sizes in millimetres."""
    return Figure(figsize=(width / MM_PER_INCH, height / MM_PER_INCH))


def add_axes(
    figure: Figure, left: float, top: float, width: float, height: float, **options: Any
) -> Axes:
    """Add axes, places in millimetres from the figure's upper left corner.

    Returns
    -------
    matplotlib.axes.Axes
    """
    figure_width, figure_height = figure.get_size_inches() * MM_PER_INCH
    bottom = 1 - (top + height) / figure_height
    axes = figure.add_axes(
        (left / figure_width, bottom, width / figure_width, height / figure_height), **options
    )
    # Ticks are made late, when the style no longer holds.
    axes.tick_params(labelsize=SMALL, width=0.6, length=2.5, pad=2, colors=INK)
    axes.spines[:].set_color(INK)
    return axes


def write(
    figure: Figure, left: float, top: float, text: str, size: float = SMALL, **options: Any
) -> Text:
    """Write text, its upper left corner in millimetres from that of the figure."""
    width, height = figure.get_size_inches() * MM_PER_INCH
    defaults: dict[str, Any] = {"color": INK, "ha": "left", "va": "top", "fontsize": size}
    return figure.text(left / width, 1 - top / height, text, **(defaults | options))


def figure_of_words(text: str, width: float = SINGLE_MM) -> Figure:
    """Say in words why there is no figure.

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


def text_width(text: str, size: float = SMALL) -> float:
    """Width of a line of text in millimetres."""
    font = FontProperties(family="DejaVu Sans", size=size)
    return _text_measure()(text, font, ismath=False)[0] * MM_PER_POINT


def fitted(text: str, width: float, size: float = SMALL) -> str:
    """Put a text in one line, cut with an ellipsis where it is wider than `width` millimetres."""
    text = " ".join(str(text).split())
    if text_width(text, size) <= width:
        return text
    while text and text_width(f"{text}…", size) > width:
        text = text[:-1]
    return f"{text.rstrip()}…"


def wrapped(text: str, width: float, size: float = SMALL, lines: int = 2) -> list[str]:
    """Break a text into at most so many lines of `width` millimetres; the last may be cut."""
    words, text_lines = str(text).split(), [""]
    for position, word in enumerate(words):
        longer_line = f"{text_lines[-1]} {word}".strip()
        if text_width(longer_line, size) <= width or not text_lines[-1]:
            text_lines[-1] = longer_line
        elif len(text_lines) < lines:
            text_lines.append(word)
        else:
            text_lines[-1] = " ".join([text_lines[-1], *words[position:]])
            break
    return [fitted(line, width, size) for line in text_lines]


@cache
def _text_measure() -> Callable[..., tuple[float, float, float]]:
    return TextToPath().get_text_width_height_descent
