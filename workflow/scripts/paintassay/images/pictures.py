"""Draw views: contact sheets and montages.

The same data give the same bytes: no dates, and fonts that come with matplotlib.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from paintassay.core.files import PathLike, atomic_path
from paintassay.images.composites import (
    brightness_levels,
    channel_colours,
    clip_levels_of,
    composite,
    display_range,
    stains,
    view_range,
)
from paintassay.images.views import Views

NO_SCALE_BAR = "no scale bar: files and images.pixel_size_um disagree"
CANVAS, INK, GAP = (16, 16, 16), (240, 240, 240), 8


def montage(
    view: np.ndarray,
    channels: Sequence[str],
    pixel_size_um: float | None = 0.656,
    scale_bar_um: float = 50,
    title: str = "",
) -> Image.Image:
    """Draw a view: each channel in grey, and all in colour with legend and scale bar.

    Parameters
    ----------
    view : ndarray of uint8, shape (C, H, W)
        A view, or a montage of a well's sites from `site_montage`.
    channels : list of str
        Names of its channels.
    pixel_size_um : float
        Width of a pixel in micrometres; the default is that of Bray et al. (20x, binned 2 x
        2). None draws no scale bar.
    scale_bar_um : float
        Length of the scale bar in micrometres, halved until it takes no more than half a panel.
    title : str
        What it shows, such as plate, well and site.

    Returns
    -------
    PIL.Image.Image
        RGB, three panels wide. A view narrower than 400 pixels is enlarged by a whole factor.
    """
    display = display_range([view])
    colours = channel_colours(channels)
    zoom = math.ceil(400 / view.shape[2])
    height, width = zoom * view.shape[1], zoom * view.shape[2]
    size = max(14, width // 32)
    bar, columns = round(1.6 * size), 3
    rows = math.ceil((len(channels) + 1) / columns)
    top = bar + GAP if title else 0
    canvas = Image.new(
        "RGB",
        (columns * (width + GAP) + GAP, top + rows * (height + bar + GAP) + GAP),
        CANVAS,
    )
    draw = ImageDraw.Draw(canvas)
    _write_text(draw, (GAP, GAP), title, size, columns * width)
    for place, (name, plane, brightness) in enumerate(
        zip(channels, view, brightness_levels(display), strict=True)
    ):
        x, y = _cell_corner(place, columns, width, height + bar, top)
        grey = np.rint(255 * brightness).astype(np.uint8)[plane]
        _draw_legend(draw, (x, y), [name], colours[place : place + 1], size, width)
        canvas.paste(_enlarge(grey, zoom), (x, y + bar))
    x, y = _cell_corner(len(channels), columns, width, height + bar, top)
    shown = stains(channels)
    _draw_legend(draw, (x, y), [channels[place] for place in shown], colours[shown], size, width)
    canvas.paste(_enlarge(composite(view, channels, display), zoom), (x, y + bar))
    size_um = None if pixel_size_um is None else pixel_size_um / zoom
    box = (x, y + bar, x + width, y + bar + height)
    _draw_scale_bar(draw, box, size_um, scale_bar_um, size)
    return canvas


def site_montage(
    views: np.ndarray | Sequence[np.ndarray], layout: tuple[int, int] = (2, 3), crop_left: int = 4
) -> np.ndarray:
    """Lay the sites of a well side by side into one array, as the paper does.

    Parameters
    ----------
    views : ndarray or sequence of ndarray, shape (sites, C, H, W)
        In the order of the sites, row by row of the montage.
    layout : tuple of int
        Rows and columns; their product is the number of sites.
    crop_left : int
        Columns of pixels cut off at the left of each view. Bray's views are 696 pixels wide, the
        paper's 692, which makes its montage 1040 x 2076.

    Returns
    -------
    ndarray, shape (C, rows * H, columns * (W - crop_left))
        Same dtype as the views.
    """
    rows, columns = layout
    cropped = np.stack(list(views))[..., crop_left:]
    _, channels, height, width = cropped.shape
    grid = cropped.reshape(rows, columns, channels, height, width)
    return grid.transpose(2, 0, 3, 1, 4).reshape(channels, rows * height, columns * width)


def contact_sheet(
    views: Views | Sequence[np.ndarray],
    names: Sequence[str],
    channels: Sequence[str],
    columns: int = 6,
    cell_width: int = 232,
    pixel_size_um: float | None = 0.656,
    title: str = "",
    display: np.ndarray | None = None,
) -> Image.Image:
    """Draw views side by side, in colours and brightness that are common to all.

    Parameters
    ----------
    views : sequence of ndarray of uint8, shape (C, H, W)
        One site of each well, at least one; read twice, one view at a time.
    names : list of str
        A name for each view: its well, and what is in it.
    channels : list of str
        Names of the views' channels.
    columns : int
        Views in a row.
    cell_width : int
        Width of each view in the picture, in pixels.
    pixel_size_um : float
        Width of a view's pixel in micrometres, for the scale bar; None draws none.
    title : str
        What it shows, such as the plate.
    display : ndarray of float64, shape (C, 2), optional
        Values of the camera that are drawn black and at full brightness, so that several sheets
        compare; by default those of `display_range` of these views.

    Returns
    -------
    PIL.Image.Image
        RGB.
    """
    display = display_range(views) if display is None else display
    clip_levels = clip_levels_of(views)
    _, height, width = views[0].shape
    cell_height = round(height * cell_width / width)
    size, bar = 14, 22
    rows = math.ceil(len(views) / columns)
    top = 2 * bar + GAP
    canvas = Image.new(
        "RGB",
        (columns * (cell_width + GAP) + GAP, top + rows * (cell_height + bar + GAP) + GAP),
        CANVAS,
    )
    draw = ImageDraw.Draw(canvas)
    across = canvas.width - 2 * GAP
    _write_text(draw, (GAP, GAP), title, size, across)
    shown = stains(channels)
    names_shown = [channels[place] for place in shown]
    _draw_legend(
        draw, (GAP, GAP + bar), names_shown, channel_colours(channels)[shown], size, across
    )
    for place, name in zip(range(len(views)), names, strict=True):
        x, y = _cell_corner(place, columns, cell_width, cell_height + bar, top)
        of_view = view_range(display, clip_levels[place])
        cell = Image.fromarray(composite(views[place], channels, of_view))
        canvas.paste(
            cell.resize((cell_width, cell_height), Image.Resampling.BOX),
            (x, y + bar),
        )
        _write_text(draw, (x, y), name, size, cell_width)
    box = (x, y + bar, x + cell_width, y + bar + cell_height)
    size_um = None if pixel_size_um is None else pixel_size_um * width / cell_width
    _draw_scale_bar(draw, box, size_um, 100, size)
    return canvas


def no_views(title: str) -> Image.Image:
    """Draw a picture of a plate without views: its name, and that it has no complete view.

    Parameters
    ----------
    title : str

    Returns
    -------
    PIL.Image.Image
        RGB.
    """
    image = Image.new("RGB", (640, 80), CANVAS)
    ImageDraw.Draw(image).text((GAP, GAP), f"{title}: no complete view", fill=INK)
    return image


def save_picture(image: Image.Image, path: PathLike) -> None:
    """Save a picture as PNG, atomically."""
    with atomic_path(path) as temporary:
        image.save(temporary, format="PNG")


def _cell_corner(place: int, columns: int, width: int, height: int, top: int) -> tuple[int, int]:
    """Find the left upper corner of a cell of the grid."""
    row, column = divmod(place, columns)
    return GAP + column * (width + GAP), top + GAP + row * (height + GAP)


def _enlarge(pixels: np.ndarray, zoom: int) -> Image.Image:
    return Image.fromarray(pixels.repeat(zoom, axis=0).repeat(zoom, axis=1))


def _load_font(size: int) -> ImageFont.FreeTypeFont:
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return ImageFont.truetype(folder / "DejaVuSans.ttf", size)


def _write_text(
    draw: ImageDraw.ImageDraw, corner: tuple[int, int], text: str, size: int, width: int
) -> None:
    """Write text, cut with an ellipsis where it is wider than `width`."""
    font = _load_font(size)
    if font.getlength(text) > width:
        while text and font.getlength(text + "…") > width:
            text = text[:-1]
        text += "…"
    draw.text(corner, text, INK, font)


def _draw_legend(
    draw: ImageDraw.ImageDraw,
    corner: tuple[int, int],
    names: Sequence[str],
    colours: np.ndarray,
    size: int,
    width: int,
) -> None:
    """Write names, each behind a square of its colour, smaller where they would not fit."""

    def length(size: int) -> float:
        return sum(_load_font(size).getlength(name) + 2 * size for name in names)

    while size > 6 and length(size) > width:
        size -= 1
    x, y = corner
    for name, colour in zip(names, colours, strict=True):
        top = y + size // 4
        draw.rectangle((x, top, x + 3 * size // 4, top + 3 * size // 4), tuple(colour.tolist()))
        draw.text((x + size, y), name, INK, _load_font(size))
        x += round(_load_font(size).getlength(name) + 2 * size)


def _draw_scale_bar(
    draw: ImageDraw.ImageDraw,
    box: tuple[int, int, int, int],
    pixel_size_um: float | None,
    micrometres: float,
    size: int,
) -> None:
    """Draw a scale bar with its length into the right lower corner of a panel, or say why not."""
    if pixel_size_um is None:
        corner = (box[0] + size // 2, box[3] - 2 * size)
        _write_text(draw, corner, NO_SCALE_BAR, size, box[2] - box[0] - size)
        return
    # A bar longer than half of a small view is halved.
    while micrometres / pixel_size_um > (box[2] - box[0]) / 2:
        micrometres /= 2
    right, bottom = box[2] - size, box[3] - size
    left = right - round(micrometres / pixel_size_um) + 1
    thick = max(3, size // 4)
    text = f"{micrometres:g} µm"
    font = _load_font(size)
    middle = (left + right) / 2 - font.getlength(text) / 2
    x = min(middle, right - font.getlength(text))
    draw.rectangle((left, bottom - thick, right, bottom), "white", outline="black")
    draw.text(
        (x, bottom - thick - round(1.4 * size)),
        text,
        "white",
        font,
        stroke_width=2,
        stroke_fill="black",
    )
