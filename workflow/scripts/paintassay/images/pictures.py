"""Pictures of plates and of views: heat maps, contact sheets, montages.

The same data give the same bytes: no dates, and fonts that come with matplotlib.
"""

import math
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image, ImageDraw, ImageFont

from paintassay.core.files import atomic_path
from paintassay.drawing.style import STYLE
from paintassay.images.wells import plate_format, well_names, well_positions

# The usual colours of Cell Painting: blue DNA, green endoplasmic reticulum, yellow RNA, orange
# actin and Golgi, magenta mitochondria. Names as in Bray et al., and as in JUMP and the Cell
# Painting Gallery. The tones are chosen so that any two stay at least 19 CIELAB units apart for
# eyes without red, green or blue cones (Machado et al. 2009).
CHANNEL_COLOURS = {
    **dict.fromkeys(["Hoechst", "DNA"], "#3D6BFF"),
    **dict.fromkeys(["ERSyto", "ER"], "#00C27A"),
    **dict.fromkeys(["ERSytoBleed", "RNA"], "#F5E642"),
    **dict.fromkeys(["Ph_golgi", "AGP"], "#FF7A1A"),
    **dict.fromkeys(["Mito"], "#F23FD2"),
}
OTHER_COLOURS = ("#56B4E9", "#FFFFFF", "#C9A227", "#B38CFF")

LABELS = {
    "saturated": "saturated pixels (share)",
    "focus_slope": "focus slope (lower is blurrier)",
    "background": "background (grey level)",
    "mean": "mean (grey level)",
    "contrast": "contrast",
    "flagged": "flagged sites (share)",
    "sites": "sites",
}

# Shares of the pixels that are drawn black and at full brightness: a bright speck of dust must
# not darken the cells, and a view with few cells must not become noise.
BLACK, FULL = 0.05, 0.003
# Above 1, it keeps the faint haze of one stain from greying the others.
COMPOSITE_GAMMA = 1.5
CANVAS, INK, GAP = (16, 16, 16), (240, 240, 240), 8


def plate_heat_maps(summary, plate, measures):
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
        2.7 x 1.7 inches a map. Each map has its own colour scale, for the levels of the channels
        differ: compare wells within a map. Pointed ends of a scale stand for values beyond it.
    """
    wells = summary[summary["plate"] == plate]
    channels = sorted(wells["channel"].unique())
    height, width = plate_format(wells["well"].unique())
    with matplotlib.rc_context(STYLE | {"font.size": 7}):
        figure = Figure(figsize=(2.7 * len(channels), 1.7 * len(measures) + 0.5))
        axes = figure.subplots(len(measures), len(channels), squeeze=False)
        # By hand: matplotlib takes seconds to lay out dozens of maps.
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
        for measure, line in zip(measures, axes, strict=True):
            for channel, axis in zip(channels, line, strict=True):
                of_channel = wells[wells["channel"] == channel]
                values = np.full((height, width), np.nan)
                values[well_positions(of_channel["well"])] = of_channel[measure]
                _heat_map(axis, values, (0, 1) if measure == "flagged" else None)
                axis.set_title(f"{channel}: {LABELS.get(measure, measure)}", fontsize=7)
    return figure


def _heat_map(axis, values, limits):
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
    axis.set_xticks(range(0, columns, step), range(1, columns + 1, step))
    axis.tick_params(labelsize=4, length=0, pad=1)
    axis.spines[:].set_visible(False)


def channel_colours(channels):
    """Colours of channels: those of `CHANNEL_COLOURS`, and others for names unknown there.

    Parameters
    ----------
    channels : list of str

    Returns
    -------
    ndarray of uint8, shape (C, 3)
        Red, green, blue.
    """
    # CellProfiler's columns in the gallery put Orig before the stain.
    names = [name.removeprefix("Orig") for name in channels]
    others = [name for name in names if name not in CHANNEL_COLOURS]
    fallback = {name: OTHER_COLOURS[i % len(OTHER_COLOURS)] for i, name in enumerate(others)}
    codes = [(CHANNEL_COLOURS | fallback)[name] for name in names]
    return np.array([bytearray.fromhex(code[1:]) for code in codes], np.uint8)


def stains(channels):
    """Places of the channels that a composite shows: all but transmitted light.

    Brightfield fills the whole view and would hide the stains. It is known by its name, as JUMP
    gives it: Brightfield, HighZBF, LowZBF and the like.

    Parameters
    ----------
    channels : list of str

    Returns
    -------
    list of int
        All places where there is no other channel.
    """
    places = [
        place
        for place, name in enumerate(channels)
        if "brightfield" not in name.lower() and not name.endswith("BF")
    ]
    return places or list(range(len(channels)))


def display_range(views):
    """Grey levels that are drawn black and at full brightness, common to all the views.

    Parameters
    ----------
    views : sequence of ndarray of uint8, shape (C, H, W)

    Returns
    -------
    ndarray of float64, shape (C, 2)
        Medians over the views, which blank views do not shift, of the 5th and of the 99.7th
        percentile of each channel.
    """
    levels = np.median([[_range(plane) for plane in view] for view in views], axis=0)
    # A plane of one value is drawn black.
    levels[:, 1] = np.maximum(levels[:, 1], levels[:, 0] + 1)
    return levels


def _range(plane):
    shares = np.cumsum(np.bincount(plane.ravel(), minlength=256)) / plane.size
    return (shares < BLACK).sum(), (shares < 1 - FULL).sum()


def composite(view, channels, display=None):
    """Lay the channels over each other in their colours, those of `stains`.

    Colours are screened: 1 - (1 - a)(1 - b)..., which unlike a sum does not run into white
    where channels overlap.

    Parameters
    ----------
    view : ndarray of uint8, shape (C, H, W)
    channels : list of str
        Names of its channels.
    display : ndarray of float64, shape (C, 2), optional
        From `display_range`; the view's own by default.

    Returns
    -------
    ndarray of uint8, shape (H, W, 3)
    """
    display = display_range([view]) if display is None else display
    dark = np.ones((*view.shape[1:], 3), np.float32)
    brightness, colours = _brightness(display), channel_colours(channels)
    for place in stains(channels):
        factor = 1 - brightness[place][:, None] ** COMPOSITE_GAMMA * (
            colours[place] / np.float32(255)
        )
        dark *= factor[view[place]]
    return np.rint(255 * (1 - dark)).astype(np.uint8)


def _brightness(display):
    """Brightness, 0 to 1, of the 256 grey levels: float32 (C, 256)."""
    low, high = display[:, :1], display[:, 1:]
    return np.clip((np.arange(256) - low) / (high - low), 0, 1).astype(np.float32)


def montage(view, channels, pixel_size_um=0.656, scale_bar_um=50, title=""):
    """Draw a view: each channel in grey, and all in colour with legend and scale bar.

    Parameters
    ----------
    view : ndarray of uint8, shape (C, H, W)
        A view, or a montage of a well's sites from `site_montage`.
    channels : list of str
        Names of its channels.
    pixel_size_um : float
        Width of a pixel in micrometres; the default is that of Bray et al. (20x, binned 2 x 2).
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
    _write(draw, (GAP, GAP), title, size, columns * width)
    for place, (name, plane, brightness) in enumerate(
        zip(channels, view, _brightness(display), strict=True)
    ):
        x, y = _corner(place, columns, width, height + bar, top)
        grey = np.rint(255 * brightness).astype(np.uint8)[plane]
        _legend(draw, (x, y), [name], colours[place : place + 1], size, width)
        canvas.paste(_enlarged(grey, zoom), (x, y + bar))
    x, y = _corner(len(channels), columns, width, height + bar, top)
    shown = stains(channels)
    _legend(draw, (x, y), [channels[place] for place in shown], colours[shown], size, width)
    canvas.paste(_enlarged(composite(view, channels, display), zoom), (x, y + bar))
    _scale_bar(
        draw, (x, y + bar, x + width, y + bar + height), pixel_size_um / zoom, scale_bar_um, size
    )
    return canvas


def site_montage(views, layout=(2, 3), crop_left=4):
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
    cropped = np.stack(views)[..., crop_left:]
    _, channels, height, width = cropped.shape
    grid = cropped.reshape(rows, columns, channels, height, width)
    return grid.transpose(2, 0, 3, 1, 4).reshape(channels, rows * height, columns * width)


def contact_sheet(views, names, channels, columns=6, cell_width=232, pixel_size_um=0.656, title=""):
    """Draw views side by side, in colours and brightness that are common to all.

    Parameters
    ----------
    views : sequence of ndarray of uint8, shape (C, H, W)
        One site of each well, at least one; gone through twice, one view at a time.
    names : list of str
        A name for each view: its well, and what is in it.
    channels : list of str
        Names of the views' channels.
    columns : int
        Views in a row.
    cell_width : int
        Width of each view in the picture, in pixels.
    pixel_size_um : float
        Width of a view's pixel in micrometres, for the scale bar.
    title : str
        What it shows, such as the plate.

    Returns
    -------
    PIL.Image.Image
        RGB.
    """
    display = display_range(views)
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
    _write(draw, (GAP, GAP), title, size, across)
    shown = stains(channels)
    names_shown = [channels[place] for place in shown]
    _legend(draw, (GAP, GAP + bar), names_shown, channel_colours(channels)[shown], size, across)
    for place, (view, name) in enumerate(zip(views, names, strict=True)):
        x, y = _corner(place, columns, cell_width, cell_height + bar, top)
        cell = Image.fromarray(composite(view, channels, display))
        canvas.paste(
            cell.resize((cell_width, cell_height), Image.Resampling.BOX),
            (x, y + bar),
        )
        _write(draw, (x, y), name, size, cell_width)
    box = (x, y + bar, x + cell_width, y + bar + cell_height)
    _scale_bar(draw, box, pixel_size_um * width / cell_width, 100, size)
    return canvas


def no_views(title):
    """Draw what there is to see of a plate without views: its name, and that there is nothing.

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


def save_picture(image, path):
    """Save a picture as PNG, atomically."""
    with atomic_path(path) as temporary:
        image.save(temporary, format="PNG")


def _corner(place, columns, width, height, top):
    """Left upper corner of a cell of the grid."""
    row, column = divmod(place, columns)
    return GAP + column * (width + GAP), top + GAP + row * (height + GAP)


def _enlarged(pixels, zoom):
    return Image.fromarray(pixels.repeat(zoom, axis=0).repeat(zoom, axis=1))


def _font(size):
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return ImageFont.truetype(folder / "DejaVuSans.ttf", size)


def _write(draw, corner, text, size, width):
    """Write text, cut with an ellipsis where it is wider than `width`."""
    font = _font(size)
    if font.getlength(text) > width:
        while text and font.getlength(text + "…") > width:
            text = text[:-1]
        text += "…"
    draw.text(corner, text, INK, font)


def _legend(draw, corner, names, colours, size, width):
    """Write names, each behind a square of its colour, smaller where they would not fit."""

    def length(size):
        return sum(_font(size).getlength(name) + 2 * size for name in names)

    while size > 6 and length(size) > width:
        size -= 1
    x, y = corner
    for name, colour in zip(names, colours, strict=True):
        top = y + size // 4
        draw.rectangle((x, top, x + 3 * size // 4, top + 3 * size // 4), tuple(colour.tolist()))
        draw.text((x + size, y), name, INK, _font(size))
        x += round(_font(size).getlength(name) + 2 * size)


def _scale_bar(draw, box, pixel_size_um, micrometres, size):
    """Draw a scale bar with its length into the right lower corner of a panel."""
    # A bar longer than half of a small view is halved.
    while micrometres / pixel_size_um > (box[2] - box[0]) / 2:
        micrometres /= 2
    right, bottom = box[2] - size, box[3] - size
    left = right - round(micrometres / pixel_size_um) + 1
    thick = max(3, size // 4)
    text = f"{micrometres:g} µm"
    font = _font(size)
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
