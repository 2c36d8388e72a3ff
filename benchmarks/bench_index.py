"""How long the index of the whole published screen takes, and how much memory.

    python benchmarks/bench_index.py --statistics image_curation_statistics.csv

Writes archives whose members have the names of Bray et al. 2017 and no content, as many as the
statistics of that paper say each plate has (columns PlateID, Num_CIL_sites), and indexes them plate
by plate in one process. Without statistics every plate is complete.
"""

import argparse
import resource
import sys
import tempfile
import time
import uuid
import zipfile
from itertools import islice, product
from pathlib import Path
from random import Random

import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from paintassay.images.index import index_plate, list_plates  # noqa: E402
from paintassay.images.layouts.bray import BRAY_WAVELENGTHS  # noqa: E402

CHANNELS = list(BRAY_WAVELENGTHS)
COMPLETE_SITES = 16 * 24 * 6


def write_plate(folder, plate, sites):
    """Archives of one plate with so many complete sites, in the order of the wells."""
    draw = Random(plate)
    places = product("abcdefghijklmnop", range(1, 25), range(1, 7))
    names = [f"{row}{column:02d}_s{site}" for row, column, site in islice(places, sites)]
    for channel, wavelength in BRAY_WAVELENGTHS.items():
        with zipfile.ZipFile(folder / f"{plate}-{channel}.zip", "w") as archive:
            for name in names:
                guid = uuid.UUID(int=draw.getrandbits(128))
                member = f"{plate}-{channel}/cdp2bioactives_{name}_w{wavelength}{guid}.tif"
                archive.writestr(member, b"")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--statistics", type=Path, help="CSV of PlateID and Num_CIL_sites")
    parser.add_argument("--plates", type=int, default=406)
    options = parser.parse_args()
    if options.statistics:
        table = pd.read_csv(options.statistics).head(options.plates)
        plates = dict(zip(table["PlateID"].astype(str), table["Num_CIL_sites"], strict=True))
    else:
        plates = {str(24_000 + number): COMPLETE_SITES for number in range(options.plates)}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for plate, sites in plates.items():
            write_plate(folder, plate, int(sites))
        began = time.perf_counter()
        listed = list_plates("bray_zip", folder, CHANNELS)
        listing = time.perf_counter() - began
        rows = lost = 0
        for plate in listed:
            index, problems = index_plate("bray_zip", folder, plate, CHANNELS)
            rows, lost = rows + len(index), lost + len(problems)
        seconds = time.perf_counter() - began
    expected = len(CHANNELS) * int(sum(plates.values()))
    if rows != expected or lost:
        sys.exit(f"Error: {rows} rows and {lost} losses instead of {expected} and none")
    # Linux counts in KiB.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(
        f"{len(listed)} plates, {rows:,} images\n\n"
        "| figure | measured |\n| --- | ---: |\n"
        f"| listing the plates | {listing:.2f} s |\n"
        f"| indexing all of them, one core | {seconds:.0f} s |\n"
        f"| a plate | {1000 * seconds / len(listed):.0f} ms |\n"
        f"| peak memory | {peak / 1e9:.2f} GB |"
    )


if __name__ == "__main__":
    main()
