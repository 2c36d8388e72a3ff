"""How fast random views are read out of shards, against npz files and a bare memory map.

    python benchmarks/bench_reader.py --views 384

Absolute times belong to one machine, so each figure is also a ratio to a reference that is
measured in the same run, by turns, on random views. All files are in the page cache, unless --cold
empties it before each turn. What is read is always copied into
memory of its own: a view that nobody touches costs nothing.
"""

import argparse
import os
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow/scripts"))

import numpy as np
import pandas as pd
from reporting import figure_table, write_figures

from paintassay.images.npz import export_views
from paintassay.images.shards import new_shard, verify_manifest
from paintassay.images.views import Views

TURNS, COLD_TURNS = 28, 5
SHAPE = (5, 520, 696)
VIEWS_PER_SHARD = 96
BATCH = 64
DROP_CACHES = Path("/proc/sys/vm/drop_caches")


def make_view(random):
    """Nuclei-like blobs on a noisy background: compresses about as well as a real view."""
    coarse = random.gamma(0.6, 20, (SHAPE[0], SHAPE[1] // 8, SHAPE[2] // 8))
    view = np.kron(coarse, np.ones((1, 8, 8))) + random.normal(8, 2, SHAPE)
    return view.clip(0, 255).astype(np.uint8)


def write_shards(folder, views):
    """Shards of random views; their manifest and the time that writing alone took, in s."""
    random = np.random.default_rng(1)
    originals = [make_view(random) for _ in range(8)]
    rows, seconds = [], 0
    for first in range(0, views, VIEWS_PER_SHARD):
        shard = f"P{first}.npy"
        count = min(VIEWS_PER_SHARD, views - first)
        began = time.perf_counter()
        with new_shard(folder / shard, (count, *SHAPE)) as write:
            for row in range(count):
                digest = write(row, originals[row % len(originals)])
                rows.append((f"P{first}", f"W{row}", 1, shard, row, digest))
        seconds += time.perf_counter() - began
    columns = ["plate", "well", "site", "shard", "row", "sha256"]
    manifest = pd.DataFrame(rows, columns=columns)
    for channel in range(SHAPE[0]):
        manifest[f"clip_level_channel{channel}"] = 4095
    return manifest, seconds


def write_npz(views, folder):
    """The published layout, plain and compressed."""
    export_views(views, folder / "plain")
    (folder / "compressed").mkdir()
    for key in views.manifest[: compressed_views(len(views))].itertuples():
        name = f"{key.plate}-{key.well}-{key.site}.npz"
        with np.load(folder / "plain" / name) as npz:
            np.savez_compressed(folder / "compressed" / name, sample=npz["sample"])


def compressed_views(views):
    return max(views // 8, 1)


# Each variant gives a function that reads the views at `order`; what it prepares is not timed.
def shards_one(manifest, folder):
    """The workflow's own, view by view."""
    views = Views(manifest, folder)

    def read(order):
        for index in order:
            np.array(views[index])

    return read


def memory_maps(manifest, folder):
    maps = {shard: np.load(folder / shard, mmap_mode="r") for shard in set(manifest["shard"])}
    return list(zip(manifest["shard"].map(maps.get), manifest["row"], strict=True))


def memmap_one(manifest, folder):
    """The floor: the same copies out of bare memory maps, opened beforehand."""
    places = memory_maps(manifest, folder)

    def read(order):
        for index in order:
            pixels, row = places[index]
            np.array(pixels[row])

    return read


def shards_batch(manifest, folder):
    """The workflow's own, in batches, into one buffer."""
    views = Views(manifest, folder)
    out = np.zeros((BATCH, *SHAPE), np.uint8)

    def read(order):
        for start in range(0, len(order), BATCH):
            indices = order[start : start + BATCH]
            views.batch(indices, out[: len(indices)])

    return read


def memmap_batch(manifest, folder):
    """The floor of batches: bare memory maps, copied into one buffer."""
    places = memory_maps(manifest, folder)
    out = np.zeros((BATCH, *SHAPE), np.uint8)

    def read(order):
        for number, index in enumerate(order):
            pixels, row = places[index]
            out[number % BATCH] = pixels[row]

    return read


def npz_plain(manifest, folder):
    """One npz a view, as published: np.savez; the pixels as they lie, (height, width, channels)."""
    return npz_reader(manifest, folder / "plain", lambda sample: sample)


def npz_plain_turned(manifest, folder):
    """The same, turned into what shards and networks hold, (channels, height, width)."""
    return npz_reader(
        manifest, folder / "plain", lambda sample: np.ascontiguousarray(sample.transpose(2, 0, 1))
    )


def npz_compressed(manifest, folder):
    """One npz a view, np.savez_compressed; only the first views, as it is slow."""
    return npz_reader(manifest, folder / "compressed", lambda sample: sample)


def npz_reader(manifest, folder, turn):
    keys = zip(manifest["plate"], manifest["well"], manifest["site"], strict=True)
    paths = [folder / f"{plate}-{well}-{site}.npz" for plate, well, site in keys]

    def read(order):
        for index in order:
            with np.load(paths[index]) as npz:
                turn(npz["sample"])

    return read


VARIANTS = {
    each.__name__: each
    for each in (
        shards_one,
        memmap_one,
        npz_plain,
        npz_plain_turned,
        npz_compressed,
        shards_batch,
        memmap_batch,
    )
}


def speed(read, order):
    """Views a second."""
    began = time.perf_counter()
    read(order)
    return len(order) / (time.perf_counter() - began)


def by_turns(manifest, folder):
    """Run the variants in short turns, A B C, B C A, ...; lists of views a second by name."""
    random = np.random.default_rng(2)
    readers = {name: prepare(manifest, folder) for name, prepare in VARIANTS.items()}
    speeds = {name: [] for name in readers}
    for turn in range(TURNS):
        names = list(VARIANTS)
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            few = name == "npz_compressed"
            among = compressed_views(len(manifest)) if few else len(manifest)
            # Other views for each variant, so that none finds those of the one before it in the
            # processor's caches.
            order = random.choice(among, BATCH // 8 if few else BATCH)
            speeds[name].append(speed(readers[name], order))
    return speeds


def by_turns_cold(names, manifest, folder):
    """The same with the page cache emptied and files opened anew before each turn."""
    speeds = {name: [] for name in names}
    for turn in range(COLD_TURNS):
        order = np.random.default_rng(turn).permutation(len(manifest))[:BATCH]
        for name in names:
            # Pages that are mapped stay; the maps of the reader before are gone by now.
            os.sync()
            DROP_CACHES.write_text("1")
            speeds[name].append(speed(VARIANTS[name](manifest, folder), order))
    return speeds


def median_ratio(speeds, name, reference):
    pairs = zip(speeds[name], speeds[reference], strict=True)
    return statistics.median(one / other for one, other in pairs)


def bench(folder, count, cold):
    """All figures; speeds in views/s."""
    manifest, write_seconds = write_shards(folder, count)
    write_npz(Views(manifest, folder), folder)
    began = time.perf_counter()
    if len(verify_manifest(manifest, folder, threads=2)):
        sys.exit("Error: the shards are not as they were written")
    verify_seconds = time.perf_counter() - began
    speeds = by_turns(manifest, folder)
    figures = {f"{name}_per_second": statistics.median(speeds[name]) for name in VARIANTS}
    figures["write_per_second"] = count / write_seconds
    figures["verify_per_second"] = count / verify_seconds
    figures["one_to_memmap"] = median_ratio(speeds, "shards_one", "memmap_one")
    figures["batch_to_memmap"] = median_ratio(speeds, "shards_batch", "memmap_batch")
    figures["one_to_npz_plain"] = median_ratio(speeds, "shards_one", "npz_plain")
    figures["one_to_npz_turned"] = median_ratio(speeds, "shards_one", "npz_plain_turned")
    figures["one_to_npz_compressed"] = median_ratio(speeds, "shards_one", "npz_compressed")
    if cold:
        names = ["shards_batch", "memmap_batch", "npz_plain"]
        speeds = by_turns_cold(names, manifest, folder)
        for name in names:
            figures[f"cold_{name}_per_second"] = statistics.median(speeds[name])
    return figures


def markdown(figures):
    """The figures as a table, the goals beside them."""
    lines = [
        ("shards, view by view", "{shards_one_per_second:.0f} /s", ""),
        ("bare memory map, view by view", "{memmap_one_per_second:.0f} /s", ""),
        (f"shards, {BATCH} into one buffer", "{shards_batch_per_second:.0f} /s", ""),
        (f"bare memory map, {BATCH} into one buffer", "{memmap_batch_per_second:.0f} /s", ""),
        ("npz a view, plain", "{npz_plain_per_second:.0f} /s", ""),
        ("npz a view, plain, turned", "{npz_plain_turned_per_second:.0f} /s", ""),
        ("npz a view, compressed", "{npz_compressed_per_second:.0f} /s", ""),
        ("shards / npz plain", "{one_to_npz_plain:.1f}", ">= 5"),
        ("shards / npz plain, turned", "{one_to_npz_turned:.1f}", ""),
        ("shards / npz compressed", "{one_to_npz_compressed:.0f}", ""),
        ("shards / bare memory map, view by view", "{one_to_memmap:.2f}", ">= 0.9"),
        ("shards / bare memory map, batches", "{batch_to_memmap:.2f}", ">= 0.9"),
        ("writing with checksum and fsync", "{write_per_second:.0f} /s", ""),
        ("verifying, two threads", "{verify_per_second:.0f} /s", ""),
    ]
    for name in ("shards_batch", "memmap_batch", "npz_plain"):
        if f"cold_{name}_per_second" in figures:
            lines.append((f"{name}, cold", f"{{cold_{name}_per_second:.0f}} /s", ""))
    return figure_table(lines, figures)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--views", type=int, default=384, help="of 1.8 MB, twice on disk [384]")
    parser.add_argument("--folder", type=Path, help="where the files go for the time being")
    parser.add_argument("--cold", action="store_true", help="also with an empty page cache")
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    options = parser.parse_args()
    if options.cold and not os.access(DROP_CACHES, os.W_OK):
        parser.error(f"--cold needs the right to write to {DROP_CACHES}")
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        figures = bench(Path(folder), options.views, options.cold)
    figures |= {"views": options.views, "turns": TURNS}
    figures |= {"python": platform.python_version(), "numpy": np.__version__}
    print(
        f"{options.views} views of {SHAPE}, random order; medians of {TURNS} turns;"
        f" Python {figures['python']}, numpy {figures['numpy']}\n"
    )
    print(markdown(figures))
    write_figures(figures, options.output)


if __name__ == "__main__":
    main()
