"""What a TIFF file says of itself: well, site, plate, size of a pixel, bit depth.

A pixel's size stands in one of several places, of which the most particular counts: OME-XML,
MetaMorph's own tags or XML, ImageJ's description, and last the resolution of TIFF 6.0.
"""

import html
import re
from collections.abc import Sequence

WELL_SITE = re.compile(r"\b([A-Za-z]{1,2})(\d{1,2}) ?: ?Site (\d{1,6})\b")
PLATE = re.compile(r"Plate ID:[ \t]*([^\s\0]+)")
OME_SIZE = re.compile(r'\bPhysicalSizeX="([^"]{1,40})"')
OME_UNIT = re.compile(r'\bPhysicalSizeXUnit="([^"]{1,40})"')
OME_BITS = re.compile(r'\bSignificantBits="(\d{1,2})"')
METAMORPH_PROPERTY = re.compile(
    r'id="spatial-calibration-(x|units)"[^>]{0,80}\bvalue="([^"]{1,40})"'
)
IMAGEJ_UNIT = re.compile(r"^unit=(\S{1,40})", re.MULTILINE)

MICROMETRES = {
    # The sign of micro and the Greek letter; the third is how ImageJ writes the sign.
    **dict.fromkeys(["\u00b5m", "\u03bcm", r"\u00b5m", "um", "micron", "microns"], 1.0),
    **dict.fromkeys(["micrometer", "micrometre"], 1.0),
    "nm": 1e-3,
    "mm": 1e3,
    "cm": 1e4,
    "m": 1e6,
    "inch": 25400.0,
}
# The units of the tag ResolutionUnit.
TIFF_UNITS = {2: "inch", 3: "cm"}
# The resolution of TIFF 6.0 is often that of a screen or a printer (72 to 1200 dots per inch), or
# of the camera's sensor, whose pixels are 3.45 micrometres or more: PerkinElmer writes 6.45.
LARGEST_RESOLUTION_UM = 3.4
# How far the size of a pixel in a file may be from that of the configuration: magnifications are
# nominal, and MetaMorph's files of the published screen have 0.645, not its 0.656 micrometres.
TOLERANCE = 0.05

Tags = dict[str, str | int | float]


def parse_tags(
    texts: Sequence[str],
    resolution: float = 0.0,
    resolution_unit: int = 2,
    calibration: tuple[float, str] | None = None,
    highest: int = 0,
) -> Tags:
    """Find what a file says of itself.

    Parameters
    ----------
    texts : list of str
        Its description, and the labels among MetaMorph's tags.
    resolution : float
        Its tag XResolution, in pixels a unit; 0 if it has none.
    resolution_unit : int
        Its tag ResolutionUnit: 1 none, 2 inch, 3 centimetre.
    calibration : tuple of float and str, optional
        Width of a pixel and its unit, as in MetaMorph's tags.
    highest : int
        Its tag MaxSampleValue, 0 if it has none. It tells a bit depth only where it is the highest
        value of one; some programs write the highest value of the image.

    Returns
    -------
    dict
        "well" (such as "A01"), "site" (int), "plate" (str), "pixel_size_um" (float), "bits" (int);
        what the file does not say is left out.
    """
    tags: Tags = {}
    text = "\n".join(texts)
    if match := WELL_SITE.search(text):
        row, column, site = match.groups()
        tags = {"well": f"{row.upper()}{int(column):02d}", "site": int(site)}
    if match := PLATE.search(text):
        tags["plate"] = match[1]
    size = _pixel_size(text, resolution, resolution_unit, calibration)
    if size is not None:
        tags["pixel_size_um"] = size
    if match := OME_BITS.search(text):
        tags["bits"] = int(match[1])
    elif highest > 255 and highest & (highest + 1) == 0:
        tags["bits"] = highest.bit_length()
    return tags


def _pixel_size(
    text: str, resolution: float, resolution_unit: int, calibration: tuple[float, str] | None
) -> float | None:
    """Find the width of a pixel in micrometres, None if the file does not say it."""
    if match := OME_SIZE.search(text):
        unit = OME_UNIT.search(text)
        return _micrometres(match[1], unit[1] if unit else "µm")
    if calibration is not None:
        return _micrometres(*calibration)
    if "spatial-calibration-x" in text:
        properties = dict(METAMORPH_PROPERTY.findall(text))
        return _micrometres(properties.get("x", ""), properties.get("units", ""))
    if not resolution > 0:
        return None
    if text.startswith("ImageJ="):
        unit = IMAGEJ_UNIT.search(text)
        return _micrometres(1 / resolution, unit[1] if unit else "")
    size = _micrometres(1 / resolution, TIFF_UNITS.get(resolution_unit, ""))
    return size if size is not None and size <= LARGEST_RESOLUTION_UM else None


def _micrometres(number: str | float, unit: str) -> float | None:
    """Convert a length; None if it is no positive number, or in pixels or other strange units."""
    # MetaMorph counts what stands behind the end of its texts.
    unit = _as_written(unit.partition("\0")[0])
    factor = MICROMETRES.get(unit.strip().lower())
    try:
        size = float(number)
    except ValueError:
        return None
    if factor is None or not 0 < size * factor < 1e4:
        return None
    # 7 digits are more than any calibration has; a quotient would have 16.
    return float(f"{size * factor:.7g}")


def _as_written(text: str) -> str:
    """Give a unit as it was meant: out of XML, and in UTF-8 where it was read as Latin-1."""
    text = html.unescape(text)
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def sizes_agree(size_um: float, nominal_um: float) -> bool:
    """Tell whether two widths of a pixel are the same but for nominal magnifications."""
    return abs(size_um / nominal_um - 1) <= TOLERANCE


def scale(nominal_um: float, sizes_um: Sequence[float], check_tags: str) -> float | None:
    """Choose the width of a pixel for a scale bar.

    Parameters
    ----------
    nominal_um : float
        That of the configuration, in micrometres.
    sizes_um : list of float
        Those that the image files tell.
    check_tags : {"strict", "warn", "off"}
        With "off" the configuration is believed.

    Returns
    -------
    float or None
        None, and thus no scale bar, where a file and the configuration disagree.
    """
    if check_tags == "off" or all(sizes_agree(size, nominal_um) for size in sizes_um):
        return nominal_um
    return None
