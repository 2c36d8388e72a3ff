"""Lay the channels of a view over each other, in colours and brightness that compare."""

from collections.abc import Iterable, Sequence

import numpy as np

from paintassay.images.channels import is_transmitted_light
from paintassay.images.views import Views

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

# Shares of the pixels that are drawn black and at full brightness: a bright speck of dust must
# not darken the cells, and a view with few cells must not become noise.
BLACK, FULL = 0.05, 0.003
GREY_LEVELS = 256
# Above 1, it keeps the faint haze of one stain from greying the others.
COMPOSITE_GAMMA = 1.5


def channel_colours(channels: Iterable[str]) -> np.ndarray:
    """Choose the colours of channels: those of `CHANNEL_COLOURS`, others for unknown names.

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


def stains(channels: Sequence[str]) -> list[int]:
    """Find the channels that a composite shows: all but transmitted light.

    Brightfield fills the whole view and would hide the stains; see `images.channels`.

    Parameters
    ----------
    channels : list of str

    Returns
    -------
    list of int
        Places of these channels among all; every place if there are no other channels.
    """
    places = [place for place, name in enumerate(channels) if not is_transmitted_light(name)]
    return places or list(range(len(channels)))


def display_range(views: Views | Sequence[np.ndarray]) -> np.ndarray:
    """Find the values drawn black and at full brightness, common to all the views.

    Each view was scaled to 8 bits by its own clip level, so that grey levels of two views do not
    compare. `Views` have the clip levels; then the values are those of the camera.

    Parameters
    ----------
    views : Views, or sequence of ndarray of uint8, shape (C, H, W)
        Arrays have no clip levels; they are taken to be scaled alike.

    Returns
    -------
    ndarray of float64, shape (C, 2)
        The 5th and the 99.7th percentile of each channel, as medians over the views, which blank
        views do not shift.
    """
    clip_levels = clip_levels_of(views)
    ranges = [
        np.array([_plane_range(plane) for plane in views[index]])
        * (clip_levels[index][:, None] / GREY_LEVELS)
        for index in range(len(views))
    ]
    levels = np.median(ranges, axis=0)
    # A plane of one value is drawn black.
    levels[:, 1] = np.maximum(levels[:, 1], levels[:, 0] + 1)
    return levels


def clip_levels_of(views: Views | Sequence[np.ndarray]) -> np.ndarray:
    """Give the values that became 256 in each view and channel: float64 (views, C)."""
    levels = getattr(views, "clip_levels", None)
    if levels is None:
        return np.full((len(views), len(views[0])), float(GREY_LEVELS))
    return levels.astype(np.float64)


def view_range(display: np.ndarray, clip_levels: np.ndarray) -> np.ndarray:
    """Give a display range in the grey levels of one view: float64 (C, 2).

    Parameters
    ----------
    display : ndarray of float64, shape (C, 2)
        From `display_range`.
    clip_levels : ndarray of float64, shape (C,)
        Those of the view, as in `clip_levels_of`. A blank plane has 0, and is black in any range.
    """
    return display * (GREY_LEVELS / np.maximum(clip_levels, 1.0))[:, None]


def composite(
    view: np.ndarray, channels: Sequence[str], display: np.ndarray | None = None
) -> np.ndarray:
    """Lay the channels that `stains` finds over each other in their colours.

    Colours are screened: 1 - (1 - a)(1 - b)... Unlike a sum, this does not run into white where
    channels overlap.

    Parameters
    ----------
    view : ndarray of uint8, shape (C, H, W)
    channels : list of str
        Names of its channels.
    display : ndarray of float64, shape (C, 2), optional
        In the view's grey levels, as from `view_range`; by default that of the view alone.

    Returns
    -------
    ndarray of uint8, shape (H, W, 3)
    """
    display = display_range([view]) if display is None else display
    dark = np.ones((*view.shape[1:], 3), np.float32)
    brightness, colours = brightness_levels(display), channel_colours(channels)
    for place in stains(channels):
        factor = 1 - brightness[place][:, None] ** COMPOSITE_GAMMA * (
            colours[place] / np.float32(255)
        )
        dark *= factor[view[place]]
    return np.rint(255 * (1 - dark)).astype(np.uint8)


def brightness_levels(display: np.ndarray) -> np.ndarray:
    """Give each channel's brightness, 0 to 1, of the 256 grey levels: float32 (C, 256)."""
    low, high = display[:, :1], display[:, 1:]
    return np.clip((np.arange(GREY_LEVELS) - low) / (high - low), 0, 1).astype(np.float32)


def _plane_range(plane: np.ndarray) -> tuple[int, int]:
    shares = np.cumsum(np.bincount(plane.ravel(), minlength=256)) / plane.size
    return (shares < BLACK).sum(), (shares < 1 - FULL).sum()
