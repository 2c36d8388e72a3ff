"""Lay out the plates of the demo screen, and write files as Bray et al. 2017 published them."""

import hashlib
import struct
import uuid
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from paintassay.core.files import PathLike, atomic_path, write_text

ROWS, COLUMNS = "ABCDEFGHIJKLMNOP", 24

# Library rows without a readable structure that are plated nevertheless.
UNREADABLE_PLATED = 2

# Number in file names, wavelength (nm) and exposure (ms), by channel.
FILTERS = {
    "Hoechst": (1, 458, 25),
    "ERSyto": (2, 509, 50),
    "ERSytoBleed": (3, 593, 75),
    "Ph_golgi": (4, 615, 125),
    "Mito": (5, 675, 300),
}

ROWS_PER_STRIP = 5


def seeded(*names: int | str) -> np.random.Generator:
    """Make a random generator that depends only on `names`."""
    digest = hashlib.sha256("/".join(map(str, names)).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "little"))


def plate_layout(
    library: pd.DataFrame, plates: Sequence[str], seed: int, replicates: int = 2, controls: int = 16
) -> pd.DataFrame:
    """Lay the library out on plates of 384 wells, most of which stay empty.

    Parameters
    ----------
    library : pandas.DataFrame
        From `demo.library.demo_library`: ``compound_id`` and ``mechanism``, which is empty or
        missing for rows without a readable structure; `UNREADABLE_PLATED` of these are plated.
    plates : list of str
        Barcodes. Each group of `replicates` consecutive plates shares one plate map, so that each
        compound occurs once on each of them.
    seed : int
        Decides the place of each compound.
    replicates : int
        Wells of each compound.
    controls : int
        Wells of DMSO on each plate.

    Returns
    -------
    pandas.DataFrame
        Columns of `images.tables.WELLS`, ``mechanism`` (empty for DMSO and unreadable rows) and
        ``plate_map``, sorted by plate and well. Wells without cells are not listed.

    Raises
    ------
    ValueError
        The number of plates is no multiple of `replicates`, or their wells do not suffice.
    """
    if not plates or len(plates) % replicates:
        raise ValueError(f"{len(plates)} plates do not hold {replicates} replicates")
    rng = seeded(seed, "layout")
    mechanisms = library["mechanism"].fillna("")
    unreadable = np.flatnonzero(mechanisms == "")
    left_out = rng.permutation(unreadable)[UNREADABLE_PLATED:]
    plated = library.assign(mechanism=mechanisms).drop(index=library.index[left_out])
    plated = plated.iloc[rng.permutation(len(plated))]

    groups = [plates[start : start + replicates] for start in range(0, len(plates), replicates)]
    wells = [f"{row}{column:02d}" for row in ROWS for column in range(1, COLUMNS + 1)]
    tables = []
    for number, group in enumerate(groups, start=1):
        samples = plated.iloc[number - 1 :: len(groups)]
        used = len(samples) + controls
        if used > len(wells):
            raise ValueError(f"{used} samples do not fit on a plate of {len(wells)} wells")
        table = pd.DataFrame(
            {
                "well": rng.permutation(wells)[:used],
                "compound_id": [*samples["compound_id"], *["DMSO"] * controls],
                "role": ["treatment"] * len(samples) + ["negative_control"] * controls,
                "mechanism": [*samples["mechanism"], *[""] * controls],
                "plate_map": f"DEMO-MAP-{number:03d}",
            }
        )
        tables += [table.assign(plate=plate) for plate in group]
    layout = pd.concat(tables).sort_values(["plate", "well"], ignore_index=True)
    return layout[["plate", "well", "compound_id", "role", "mechanism", "plate_map"]]


def write_plate_maps(folder: PathLike, wells: pd.DataFrame) -> None:
    """Write plate maps in the Broad Institute's layout.

    Parameters
    ----------
    folder : str or Path
        Receives ``barcode_platemap.csv`` and ``platemap/<plate map>.txt``.
    wells : pandas.DataFrame
        From `plate_layout`.
    """
    barcodes = wells[["plate_map", "plate"]].drop_duplicates()
    barcodes.columns = ["Plate_Map_Name", "Assay_Plate_Barcode"]
    with atomic_path(Path(folder) / "barcode_platemap.csv") as temporary:
        barcodes.to_csv(temporary, index=False, lineterminator="\n")
    for name, group in wells.groupby("plate_map"):
        lines = ["well_position\tbroad_sample\tmmoles_per_liter\tsolvent"]
        placed = group.drop_duplicates("well")
        for well, compound, role in placed[["well", "compound_id", "role"]].itertuples(index=False):
            # A control well holds nothing but the solvent.
            sample = "\t" if role == "negative_control" else f"{compound}\t5.0"
            lines.append(f"{well}\t{sample}\tDMSO")
        write_text("\n".join(lines) + "\n", Path(folder) / "platemap" / f"{name}.txt")


def image_name(plate: str, well: str, site: int, channel: str, seed: int) -> str:
    """Name an image in its archive: folder, well, site, channel number and a GUID."""
    digest = hashlib.sha256(f"{seed}/{plate}/{well}/{site}/{channel}".encode()).digest()
    guid = uuid.UUID(bytes=digest[:16], version=4)
    number, *_ = FILTERS[channel]
    return f"{plate}-{channel}/cdp2demo_{well.lower()}_s{site}_w{number}{guid}.tif"


def encode_tiff(
    pixels: np.ndarray, plate: str, well: str, site: int, channel: str, pixel: float
) -> bytes:
    """Write one image as MetaMorph does for the ImageXpress Micro.

    Little endian, with one uncompressed plane from byte 8 in strips of five rows, then the values
    of the tags, and the directory last. The plate is in the description; well and site are in the
    stage label among MetaMorph's own tags.

    Parameters
    ----------
    pixels : ndarray of uint16, shape (H, W)
    plate, well, channel : str
    site : int
    pixel : float
        Size of a pixel in micrometres.

    Returns
    -------
    bytes
    """
    height, width = pixels.shape
    data = bytearray(b"II*\0\0\0\0\0" + pixels.astype("<u2").tobytes())

    def append(content: bytes) -> int:
        """Append bytes at an even place, and return the place."""
        data.extend(b"\0" * (len(data) % 2))
        data.extend(content)
        return len(data) - len(content)

    def text(value: str) -> bytes:
        return value.encode("ascii") + b"\0"

    def counted(value: str) -> bytes:
        return struct.pack("<I", len(text(value))) + text(value)

    _, wavelength, exposure = FILTERS[channel]
    starts = range(0, height, ROWS_PER_STRIP)
    offsets = [8 + 2 * width * start for start in starts]
    lengths = [2 * width * (min(start + ROWS_PER_STRIP, height) - start) for start in starts]
    calibration = append(struct.pack("<II", round(1000 * pixel), 1000))
    metamorph = {
        0: 1,  # grey levels are stretched for display, from and to:
        1: int(pixels.min()),
        2: int(pixels.max()),
        3: 1,  # lengths are calibrated: x, y, unit
        4: calibration,
        5: calibration,
        6: append(counted("um")),
        7: append(counted(channel)),
        28: append(struct.pack("<II", wavelength, 1)),
        37: append(counted(f"{well} : Site {site}")),
    }
    description = (
        "Experiment base name:CDP2demo\r\nExperiment set:paintassay demo\r\nBarcode:NOCODE\r\n"
        f"CDP2 demo\r\nExposure: {exposure} ms\r\nRegion: {width} x {height}, offset at (0, 0)\r\n"
        f"Acquired from a drawing\r\n\r\nPlate ID:{plate}"
    )
    short, long, rational = (3, "H"), (4, "I"), (5, "II")
    tags = [
        (254, long, [0]),
        (256, long, [width]),
        (257, long, [height]),
        (258, short, [16]),
        (259, short, [1]),
        (262, short, [1]),
        (266, short, [1]),
        (270, (2, "s"), text(description)),
        (273, long, offsets),
        (277, short, [1]),
        (278, long, [ROWS_PER_STRIP]),
        (279, long, lengths),
        (282, rational, [72, 1]),
        (283, rational, [72, 1]),
        (284, short, [1]),
        (296, short, [2]),
        (305, (2, "s"), text("paintassay demo")),
        (306, (2, "s"), text("2019:01:01 00:00:00")),
        # The type and count are MetaMorph's own: pairs of a tag and its value or place.
        (33628, long, [number for pair in metamorph.items() for number in pair]),
    ]
    directory = struct.pack("<H", len(tags))
    for tag, (kind, letter), values in tags:
        is_text = letter == "s"
        content = bytes(values) if is_text else struct.pack(f"<{len(values)}{letter[0]}", *values)
        count = len(metamorph) if tag == 33628 else len(values) // len(letter)
        if len(content) > 4:
            content = struct.pack("<I", append(content))
        directory += struct.pack("<HHI", tag, kind, count) + content.ljust(4, b"\0")
    data[4:8] = struct.pack("<I", append(directory + b"\0\0\0\0"))
    return bytes(data)
