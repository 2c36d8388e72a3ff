"""How fast models train out of shards, against batches that lie on the device already.

    python benchmarks/bench_training.py

Absolute times belong to one machine, so each figure is also a ratio to a reference that is
measured in the same run, by turns. Everything is trained by the library's own loop on views of
5 x 520 x 696 in the page cache; its time for an epoch is that from the first batch asked for to the
last step done. With a GPU, batches are those of the paper and each model is also measured
against the paper's Table 3; without one, batches are small.
"""

import argparse
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from itertools import count
from math import ceil
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow/scripts"))

import numpy as np
import torch
import yaml
from bench_reader import SHAPE, write_shards
from reporting import write_figures

from paintassay.models._registry import build_model
from paintassay.training import train
from paintassay.training.batches import read_ahead
from paintassay.training.gpus import choose_devices, device_name
from paintassay.training.samples import LabelledSamples, view_samples
from paintassay.training.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
TASKS = 209
# That read ahead.
THREADS = 2
TURNS = 7
ROUNDS = 3
# In an epoch the buffers are new only at its beginning, which many batches make up for.
READ_BATCHES = 32
PAPER_EPOCH_VIEWS = 198_825
# Seconds an epoch on an Nvidia GTX 1080 Ti (Hofmarcher et al. 2019, Table 3).
PAPER_SECONDS = {
    "gapnet": 662.04,
    "milnet": 1344.18,
    "mcnn": 4252.47,
    "densenet": 8519.91,
    "resnet": 13208.64,
}
LEAST_SECONDS = 60
VARIANTS = {
    "float32": {},
    "channels last": {"channels_last": True},
    "bfloat16": {"precision": "bfloat16"},
    "bfloat16, channels last": {"precision": "bfloat16", "channels_last": True},
    "compiled": {"compile": True},
    "compiled, bfloat16, channels last": {
        "compile": True,
        "precision": "bfloat16",
        "channels_last": True,
    },
}


def settings_of(model, **changes):
    """The configuration's settings of a model, but for these changes."""
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text())["models"][model]
    names = ("learning_rate", "momentum", "weight_decay", "batch_size", "epochs")
    settings = {name: config[name] for name in names} | {"threads": THREADS}
    return Settings(**settings | changes)


def repeated(manifest, views):
    """So many rows of a manifest, over and over."""
    return manifest.iloc[np.arange(views) % len(manifest)].reset_index(drop=True)


def epochs(name, settings, manifest, folder, device, state):
    """Train a model, or go on in `state`; images a second of each epoch so far."""
    samples = view_samples(manifest, folder)
    # As full as the paper's matrix: 97.5 % missing.
    labels = np.random.default_rng(3).choice(
        np.array([0, 1, -1], np.int8), (len(samples), TASKS), p=[0.975, 0.009, 0.016]
    )
    # Validation is not what is timed here.
    few = view_samples(manifest.iloc[:1], folder)
    torch.manual_seed(0)
    model = build_model(name, SHAPE[0], TASKS, *SHAPE[1:])
    training, validation = LabelledSamples(samples, labels), LabelledSamples(few, labels[:1])
    process = train.Process(device, state, fingerprint="")
    history = train.train(model, training, validation, settings, process)
    return [row["samples"] / row["training_seconds"] for row in history.timing]


def resident_batch(manifest, folder, batch_size, device):
    """Stands in for `read_ahead`: one batch that lies on the device, again and again."""
    samples = view_samples(repeated(manifest, batch_size), folder)
    pixels = np.empty((batch_size, *samples.shape), samples.dtype)
    samples.read(range(batch_size), pixels)
    batch = torch.from_numpy(pixels).to(device)

    def stand_in(samples, batches, device, threads):
        for indices in batches:
            yield batch[: len(indices)]

    return stand_in


def fed_and_resident(manifest, folder, batch_size, steps, device):
    """GapNet's images a second, fed from shards and from a resident batch, epoch by epoch."""
    sources = read_ahead, resident_batch(manifest, folder, batch_size, device)
    settings = settings_of("gapnet", batch_size=batch_size, epochs=2 + 2 * TURNS)
    calls = count()
    train.read_ahead = lambda *arguments: sources[next(calls) % 2](*arguments)
    with tempfile.TemporaryDirectory(dir=folder) as state:
        speeds = epochs(
            "gapnet", settings, repeated(manifest, batch_size * steps), folder, device, state
        )
    train.read_ahead = read_ahead
    # The first two warm up.
    return speeds[2::2], speeds[3::2]


def reading(manifest, folder, batch_size, device):
    """Bytes a second through `read_ahead` alone, and in a copy of the same batches from memory."""
    samples = view_samples(manifest, folder)
    on_gpu = device.type == "cuda"
    source = torch.empty((len(samples), *samples.shape), dtype=torch.uint8)
    samples.read(range(len(samples)), source.numpy())
    if on_gpu:
        source = source.pin_memory()
    target = torch.zeros((batch_size, *samples.shape), dtype=torch.uint8, device=device)

    def from_shards(batches):
        for _ in read_ahead(samples, batches, device, THREADS):
            pass

    def from_memory(batches):
        for number in range(len(batches)):
            first = number * batch_size % (len(source) - batch_size + 1)
            target.copy_(source[first : first + batch_size], non_blocking=True)

    speeds = {from_shards: [], from_memory: []}
    for turn in range(1 + TURNS):
        random = np.random.default_rng(turn)
        batches = [random.permutation(len(samples))[:batch_size] for _ in range(READ_BATCHES)]
        for move, of_move in speeds.items():
            began = time.perf_counter()
            move(batches)
            if on_gpu:
                torch.cuda.synchronize()
            of_move.append(READ_BATCHES * target.nbytes / (time.perf_counter() - began))
    # The first turn warms up.
    return speeds[from_shards][1:], speeds[from_memory][1:]


def by_variant(manifest, folder, batch_size, steps, device):
    """GapNet's seconds a step in each round by variant, from a resident batch."""
    seconds = {name: [] for name in VARIANTS}
    train.read_ahead = resident_batch(manifest, folder, batch_size, device)
    for _ in range(ROUNDS):
        for name, changes in VARIANTS.items():
            settings = settings_of("gapnet", batch_size=batch_size, epochs=4, **changes)
            rows = repeated(manifest, batch_size * steps)
            with tempfile.TemporaryDirectory(dir=folder) as state:
                speeds = epochs("gapnet", settings, rows, folder, device, state)
            # The first warms up, and compiles.
            seconds[name].append(batch_size / statistics.median(speeds[1:]))
    train.read_ahead = read_ahead
    return seconds


def paper_epoch(name, manifest, folder, device, changes):
    """Seconds of the paper's epoch, from at least a minute of training out of shards."""
    settings = settings_of(name, **changes)
    manifest = repeated(manifest, 50 * settings.batch_size)
    with tempfile.TemporaryDirectory(dir=folder) as state:
        # The first epoch after each start warms up.
        speeds = epochs(name, replace(settings, epochs=2), manifest, folder, device, state)
        more = ceil(LEAST_SECONDS * speeds[-1] / len(manifest))
        longer = replace(settings, epochs=3 + more)
        speeds = epochs(name, longer, manifest, folder, device, state)[3:]
    return PAPER_EPOCH_VIEWS * statistics.mean(1 / speed for speed in speeds)


def bench(folder, views, device, models):
    """All figures, turn by turn: images/s, bytes/s, seconds a step, seconds an epoch."""
    on_gpu = device.type == "cuda"
    manifest, _ = write_shards(folder, views)
    manifest["inchikey"] = "compound"
    figures = {"device": device_name(device), "threads": torch.get_num_threads()}
    figures |= {"views": views, "torch": torch.__version__}
    batch, steps = (128, 50) if on_gpu else (8, 2)
    fed, resident = fed_and_resident(manifest, folder, batch, steps, device)
    figures |= {"batch": batch, "fed_per_second": fed, "resident_per_second": resident}
    from_shards, from_memory = reading(manifest, folder, 64, device)
    figures |= {"read_ahead_per_second": from_shards, "copy_per_second": from_memory}
    batch, steps = (128, 20) if on_gpu else (4, 2)
    figures["variant_batch"] = batch
    figures["seconds_a_step"] = by_variant(manifest, folder, batch, steps, device)
    if on_gpu:
        figures["epoch_seconds"] = {
            name: {
                variant: paper_epoch(name, manifest, folder, device, VARIANTS[variant])
                for variant in ("float32", "bfloat16, channels last")
            }
            for name in models
        }
    return figures


def ratio(values, references):
    """Median and range of the ratios of neighbours."""
    ratios = [one / other for one, other in zip(values, references, strict=True)]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def markdown(figures):
    """The figures as tables, the goals beside them."""
    fed, resident = figures["fed_per_second"], figures["resident_per_second"]
    from_shards, from_memory = figures["read_ahead_per_second"], figures["copy_per_second"]
    seconds = figures["seconds_a_step"]
    lines = [
        f"GapNet, batches of {figures['batch']}:",
        "",
        "| figure | measured | goal |",
        "| --- | ---: | ---: |",
        f"| fed from shards | {statistics.median(fed):.1f} images/s | |",
        f"| one resident batch | {statistics.median(resident):.1f} images/s | |",
        f"| fed / resident | {ratio(fed, resident)} | >= 0.95 |",
        f"| `read_ahead` alone | {statistics.median(from_shards) / 1e9:.1f} GB/s | |",
        f"| plain copy of resident batches | {statistics.median(from_memory) / 1e9:.1f} GB/s | |",
        f"| `read_ahead` / plain copy | {ratio(from_shards, from_memory)} | |",
        "",
        f"| GapNet, batches of {figures['variant_batch']} | a step | speed / float32 |",
        "| --- | ---: | ---: |",
    ]
    for name, of_variant in seconds.items():
        gain = ratio(seconds["float32"], of_variant)
        lines.append(f"| {name} | {1000 * statistics.median(of_variant):.0f} ms | {gain} |")
    if "epoch_seconds" in figures:
        lines += [
            "",
            f"| epoch of {PAPER_EPOCH_VIEWS:,} views | variant | measured | paper | paper / ours |",
            "| --- | --- | ---: | ---: | ---: |",
        ]
    for model, of_variant in figures.get("epoch_seconds", {}).items():
        paper = PAPER_SECONDS[model]
        for name, epoch in of_variant.items():
            lines.append(
                f"| {model} | {name} | {epoch:.0f} s | {paper:.0f} s | {paper / epoch:.1f} |"
            )
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--views", type=int, help="of 1.8 MB on disk [256; 1024 with a GPU]")
    parser.add_argument("--folder", type=Path, help="where the files go for the time being")
    parser.add_argument(
        "--models", nargs="*", default=list(PAPER_SECONDS), help="whose epochs to time on a GPU"
    )
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    options = parser.parse_args()
    (device,) = choose_devices("auto", 1)
    views = options.views or (1024 if device.type == "cuda" else 256)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        figures = bench(Path(folder), views, device, options.models)
    print(
        f"{figures['device']}, {figures['threads']} threads, PyTorch {figures['torch']};"
        f" {views} views of {SHAPE}; medians of {TURNS} turns\n"
    )
    print(markdown(figures))
    write_figures(figures, options.output)


if __name__ == "__main__":
    main()
