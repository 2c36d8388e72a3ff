"""Lay the channels of a view over each other, in colours and brightness that compare."""

from collections.abc import Iterable, Sequence

import numpy as np

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

    Brightfield fills the whole view and would hide the stains. It is known by its name, as JUMP
    gives it: Brightfield, HighZBF, LowZBF and the like.

    Parameters
    ----------
    channels : list of str

    Returns
    -------
    list of int
        Places of these channels among all; every place if there are no other channels.
    """
    places = [
        place
        for place, name in enumerate(channels)
        if "brightfield" not in name.lower() and not name.endswith("BF")
    ]
    return places or list(range(len(channels)))


def display_range(views: Views | Sequence[np.ndarray]) -> np.ndarray:
    """Find the grey levels drawn black and at full brightness, common to all the views.

    Parameters
    ----------
    views : sequence of ndarray of uint8, shape (C, H, W)

    Returns
    -------
    ndarray of float64, shape (C, 2)
        The 5th and the 99.7th percentile of each channel, as medians over the views, which blank
        views do not shift.
    """
    ranges = [[_plane_range(plane) for plane in views[index]] for index in range(len(views))]
    levels = np.median(ranges, axis=0)
    # A plane of one value is drawn black.
    levels[:, 1] = np.maximum(levels[:, 1], levels[:, 0] + 1)
    return levels


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
        From `display_range`; by default that of the view alone.

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
    return np.clip((np.arange(256) - low) / (high - low), 0, 1).astype(np.float32)


def _plane_range(plane: np.ndarray) -> tuple[int, int]:
    shares = np.cumsum(np.bincount(plane.ravel(), minlength=256)) / plane.size
    return (shares < BLACK).sum(), (shares < 1 - FULL).sum()
