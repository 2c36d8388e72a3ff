"""Scale the camera's 16 bits to 8, as the study did."""

import numpy as np

# Share of the brightest pixels that is cut off, in percent (Hofmarcher et al. 2019, Methods).
CLIP_PERCENT = 0.0028


def to_uint8(pixels: np.ndarray, clip_percent: float = CLIP_PERCENT) -> tuple[np.ndarray, int]:
    """Scale one channel of one view to 8 bits; the few brightest pixels do not set the scale.

    With n = round(H * W * clip_percent / 100), the n-th highest pixel becomes 256, and what
    reaches 255 or more is 255. There is no lower limit. This is the rule of Hofmarcher et al. 2019
    and of the same group's code for these images (ml-jku/cloome). That code multiplies by a
    rounded 256 / clip level, which gives one grey level less for some pixels that the exact
    quotient makes a whole number: 7 in 100,000 pairs of pixel and clip level of 12 bits, none if
    the clip level is odd.

    Parameters
    ----------
    pixels : ndarray of uint8 or uint16, shape (H, W)
    clip_percent : float
        Percent of the pixels. Where that is less than half a pixel, the maximum becomes 256.

    Returns
    -------
    scaled : ndarray of uint8, shape (H, W)
    clip_level : int
        The raw value that became 256; 0 if so few pixels are above 0 that the plane counts as
        blank, and is then all 0.
    """
    n = round(pixels.size * clip_percent / 100)
    place = pixels.size - max(n, 1)
    clip_level = int(np.partition(pixels, place, axis=None)[place])
    if clip_level == 0:
        return np.zeros(pixels.shape, np.uint8), 0
    # float32 is enough: a quotient that is not whole lies at least 1 / 65535 below the next whole
    # number, and below 256 rounding moves it by less than that. clip_level / 256 is exact.
    scaled = np.divide(pixels, np.float32(clip_level / 256), dtype=np.float32)
    return np.minimum(scaled, 255, out=scaled).astype(np.uint8), clip_level


def correct_illumination(pixels: np.ndarray, function: np.ndarray) -> np.ndarray:
    """Divide a plane by its illumination function.

    Parameters
    ----------
    pixels : ndarray of uint8 or uint16, shape (H, W)
    function : ndarray of float32, shape (H, W)
        Relative brightness of each pixel, above 0; about 1 on average.

    Returns
    -------
    ndarray of uint16, shape (H, W)
        Rounded to whole values, those above 65535 cut to it.
    """
    return np.clip(np.rint(pixels / function), 0, 65535).astype(np.uint16)
