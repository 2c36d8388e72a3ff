"""How fast the images of a plate become a shard, against the published way and the disk.

    python benchmarks/bench_images.py --views 192

Absolute times belong to one machine, so each figure is also a ratio to a reference that is
measured in the same run, by turns. Every variant runs in a process of its own, on one core; the
time is that of the work without imports, the memory the peak of the whole process. The files are
in the page cache; what is written is on the disk when the clock stops (fsync), except for the
published way, which does not ask for it.
"""

import argparse
import hashlib
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow/scripts"))

from reporting import figure_table, write_figures

REPEATS = 3
CHANNELS = ["Mito", "ERSyto", "ERSytoBleed", "Ph_golgi", "Hoechst"]
FRAME = (520, 696)
CLIP_PERCENT = 0.0028
SITES = 6


def make_plate(folder, views):
    """Write a seeded plate like those of Bray et al.: TIFFs, and one zip archive a channel."""
    import tifffile
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(1)
    # Cells are dozens of pixels wide; the camera adds its noise anew each time.
    cells = [gaussian_filter(rng.normal(size=FRAME), 9) for _ in CHANNELS]
    (folder / "images").mkdir(parents=True)
    archives = {
        channel: zipfile.ZipFile(folder / f"{channel}.zip", "w", zipfile.ZIP_DEFLATED)
        for channel in CHANNELS
    }
    for number in range(views):
        well, site = f"{chr(65 + number // SITES // 24)}{number // SITES % 24 + 1:02d}", number % 6
        for channel, smooth in zip(CHANNELS, cells, strict=True):
            shifted = np.roll(smooth, number * 37, axis=1) / smooth.std()
            light = 300 * np.exp(0.8 * shifted)
            pixels = np.clip(rng.normal(light, 3 * np.sqrt(light)), 0, 4095).astype(np.uint16)
            name = f"{well}_s{site + 1}_{channel}.tif"
            path = folder / "images" / name
            description = f"{well} : Site {site + 1}\r\nPlate ID:p1"
            tifffile.imwrite(path, pixels, description=description, metadata=None, rowsperstrip=5)
            archives[channel].write(path, name)
    for archive in archives.values():
        archive.close()


def plate_index(folder, zipped):
    import pandas as pd

    rows = []
    for path in sorted((folder / "images").iterdir()):
        well, site, channel = path.stem.split("_", 2)
        place = folder / f"{channel}.zip" if zipped else path
        member = path.name if zipped else None
        rows.append(("p1", well, int(site[1:]), channel, str(place), member))
    return pd.DataFrame(rows, columns=["plate", "well", "site", "channel", "place", "member"])


# The variants import what they need themselves, so that each pays for its own memory only.
# Each gives the number of views, the seconds, and where comparable the digest of all pixels.
def convert(folder, out, zipped=False, quality=True, threads=1):
    """The workflow's own, quality measured too."""
    from paintassay.images import convert as conversion

    if not quality:
        conversion.measure_plane = lambda pixels, maximum: {}
    index = plate_index(folder, zipped)
    settings = CHANNELS, CLIP_PERCENT, out / "p1.npy", threads, 12
    # Some libraries are only imported when they are first needed.
    conversion.convert_plate(index.iloc[: len(CHANNELS)], *settings)
    began = time.perf_counter()
    views, lost, _ = conversion.convert_plate(index, *settings)
    seconds = time.perf_counter() - began
    assert lost.empty
    digest = hashlib.sha256(np.load(out / "p1.npy").tobytes()).hexdigest()
    return len(views), seconds, digest


def convert_zip(folder, out):
    """The same from zip archives."""
    return convert(folder, out, zipped=True)


def convert_only(folder, out):
    """The workflow's own without measuring the quality: read, scale, write."""
    return convert(folder, out, quality=False)


def convert_only_zip(folder, out):
    return convert(folder, out, zipped=True, quality=False)


def convert_two_threads(folder, out):
    """The workflow's own with two threads, on two cores."""
    os.sched_setaffinity(0, ALL_CORES)
    return convert(folder, out, threads=2)


def published(folder, out, save=np.savez_compressed):
    """What the published code does, one .npz a view."""
    import tifffile

    places = plate_index(folder, False).pivot(index=["well", "site"], columns="channel")["place"]
    n = round(FRAME[0] * FRAME[1] * CLIP_PERCENT / 100)
    tifffile.imread(places.iloc[0, 0])
    began = time.perf_counter()
    for (well, site), row in places.iterrows():
        scaled = []
        for channel in CHANNELS:
            pixels = tifffile.imread(row[channel])
            highest = np.argpartition(pixels, -n, axis=None)[-n:]
            threshold = pixels.ravel()[highest].min()
            plane = pixels.astype(float) * 256.0 / threshold
            plane[plane > 255] = 255
            scaled.append(plane.astype(np.uint8))
        save(out / f"{well}_{site}.npz", sample=np.stack(scaled, axis=-1))
    seconds = time.perf_counter() - began
    digest = hashlib.sha256()
    for well, site in places.index:
        sample = np.load(out / f"{well}_{site}.npz")["sample"]
        digest.update(np.ascontiguousarray(sample.transpose(2, 0, 1)).tobytes())
    return len(places), seconds, digest.hexdigest()


def published_plain(folder, out):
    """The same, not compressed."""
    return published(folder, out, np.savez)


def floor(folder, out, zipped=False):
    """Read the same bytes and write as many as the shard has, nothing else."""
    index = plate_index(folder, zipped)
    pixels = bytes(FRAME[0] * FRAME[1])
    archives = {channel: zipfile.ZipFile(folder / f"{channel}.zip") for channel in CHANNELS}
    began = time.perf_counter()
    with (out / "floor").open("wb", buffering=0) as file:
        for channel, place, member in zip(
            index["channel"], index["place"], index["member"], strict=True
        ):
            if zipped:
                archives[channel].read(member)
            else:
                Path(place).read_bytes()
            file.write(pixels)
        os.fsync(file.fileno())
    return len(index) // len(CHANNELS), time.perf_counter() - began, None


def floor_zip(folder, out):
    return floor(folder, out, zipped=True)


ALL_CORES = os.sched_getaffinity(0)
VARIANTS = {
    each.__name__: each
    for each in (
        convert,
        convert_zip,
        convert_only,
        convert_only_zip,
        convert_two_threads,
        published,
        published_plain,
        floor,
        floor_zip,
    )
}


def run(name, folder, out):
    """Run one variant in this process and print what it took."""
    os.sched_setaffinity(0, {min(ALL_CORES)})
    # What earlier variants wrote shall not be in this one's way.
    os.sync()
    with tempfile.TemporaryDirectory(dir=out) as own:
        views, seconds, digest = VARIANTS[name](Path(folder), Path(own))
        # Linux counts in KiB.
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"views": views, "seconds": seconds, "digest": digest, "peak_bytes": peak}))


def by_turns(folder, out):
    """Run the variants A B C A B C ...; a list of figures by name.

    Raises
    ------
    SystemExit
        They do not give the same pixels: then their times mean nothing.
    """
    runs = {name: [] for name in VARIANTS}
    for _ in range(REPEATS):
        for name in VARIANTS:
            command = [sys.executable, __file__, "run", name, str(folder), str(out)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            runs[name].append(json.loads(done.stdout.splitlines()[-1]))
    views = {each["views"] for name in VARIANTS for each in runs[name]}
    digests = {each["digest"] for name in VARIANTS for each in runs[name]} - {None}
    if len(views) != 1 or len(digests) != 1:
        sys.exit(f"Error: the variants do not give the same pixels: {runs}")
    return runs


def measure(folder, out):
    """Views a second, ratios and peak memory of each variant."""
    runs = by_turns(folder, out)
    figures = {"views": runs["convert"][0]["views"]}
    for name, each in runs.items():
        seconds = statistics.median(one["seconds"] for one in each)
        figures[f"{name}_per_second"] = figures["views"] / seconds
        figures[f"{name}_gigabytes"] = max(one["peak_bytes"] for one in each) / 1e9

    def ratio(name, reference):
        pairs = zip(runs[name], runs[reference], strict=True)
        return statistics.median(one["seconds"] / other["seconds"] for one, other in pairs)

    figures["published_to_convert_only"] = ratio("published", "convert_only")
    figures["published_to_convert"] = ratio("published", "convert")
    figures["published_plain_to_convert_only"] = ratio("published_plain", "convert_only")
    figures["convert_only_to_floor"] = ratio("convert_only", "floor")
    figures["convert_only_zip_to_floor_zip"] = ratio("convert_only_zip", "floor_zip")
    figures["quality_share"] = 1 - 1 / ratio("convert", "convert_only")
    figures["two_threads"] = ratio("convert", "convert_two_threads")
    return figures


def markdown(figures):
    """The figures as a table, the goals beside them."""
    lines = [
        ("read, scale, write", "{convert_only_per_second:.0f} views/s", ""),
        ("the same from zip", "{convert_only_zip_per_second:.0f} views/s", ""),
        ("with quality, as the workflow does", "{convert_per_second:.0f} views/s", ""),
        ("the same from zip", "{convert_zip_per_second:.0f} views/s", ""),
        ("published way, compressed .npz", "{published_per_second:.0f} views/s", ""),
        ("published way, plain .npz", "{published_plain_per_second:.0f} views/s", ""),
        ("floor: read and write bytes", "{floor_per_second:.0f} views/s", ""),
        ("floor from zip", "{floor_zip_per_second:.0f} views/s", ""),
        ("published / read, scale, write", "{published_to_convert_only:.1f}", ">= 10"),
        ("published / with quality", "{published_to_convert:.1f}", ""),
        ("published, plain / read, scale, write", "{published_plain_to_convert_only:.1f}", ""),
        ("read, scale, write / floor", "{convert_only_to_floor:.2f}", "<= 3"),
        ("read, scale, write / floor, from zip", "{convert_only_zip_to_floor_zip:.2f}", "<= 3"),
        ("share of the time for quality", "{quality_share:.0%}", ""),
        ("two threads on two cores, speed-up", "{two_threads:.2f}", ""),
        ("peak memory", "{convert_zip_gigabytes:.2f} GB", "< 1 GB"),
        ("peak memory, two threads", "{convert_two_threads_gigabytes:.2f} GB", "< 1 GB"),
    ]
    return figure_table(lines, figures)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--views", type=int, default=48, help="views of the plate")
    parser.add_argument("--folder", type=Path, help="where to work [a temporary folder]")
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name) / "plate"
        make_plate(folder, options.views)
        figures = measure(folder, Path(name))
    figures |= {"python": platform.python_version(), "repeats": REPEATS}
    print(
        f"{options.views} views of {len(CHANNELS)} x {FRAME[0]} x {FRAME[1]} on one core;"
        f" medians of {REPEATS}; Python {figures['python']}\n"
    )
    print(markdown(figures))
    write_figures(figures, options.output)


if __name__ == "__main__":
    if sys.argv[1:2] == ["run"]:
        run(*sys.argv[2:])
    else:
        main()
