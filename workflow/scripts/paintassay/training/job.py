"""A training from its files to its files: one network, on one split, one replicate."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from paintassay.core.errors import InputError
from paintassay.core.files import sha256, write_text
from paintassay.core.tables import read_parquet, write_csv
from paintassay.dataset.parts import add_parts, parts_of
from paintassay.dataset.tables import CELLS, FEATURE_WELLS
from paintassay.images.shards import channel_names
from paintassay.labels.reading import labels_of, read_labels
from paintassay.models._registry import build_model, model_module
from paintassay.training.authors_weights import load_weights
from paintassay.training.card import model_card
from paintassay.training.gpus import choose_devices
from paintassay.training.launch import run_on_devices
from paintassay.training.samples import Samples, cell_samples, feature_samples, view_samples
from paintassay.training.tables import TIMING
from paintassay.training.train import Settings, train
from paintassay.training.weights import save_trained

PARTS = ("train", "validation")
# Settings that say how long, or in what pieces, and not to what end.
NOT_IN_FINGERPRINT = ("epochs", "micro_batch", "threads")


def run(job):
    """Train a network, and write its weights, card, metrics and timing.

    Parameters
    ----------
    job : dict
        Plain values that could be written as JSON:

        - model, options: name of the model, arguments of its ``build`` (dict)
        - settings: fields of `training.train.Settings` (dict); the seed is that of the study
        - split, replicate: from 1
        - device, devices: as for `training.gpus.choose_devices`
        - views, shards, labels, assays: paths of the data set (`dataset.tables.dataset_schema`),
          the
          folder of the shards, the label matrix (Parquet) and its columns (CSV)
        - cells, crop_size: list of paths, side in pixels; where samples are cells
        - features, feature_wells, feature_names, standardise: paths, and as for
          `training.samples.feature_samples`; where samples are features
        - weights, replace_outputs: path or None, bool; as for
          `training.authors_weights.load_weights`
        - output: paths (dict) of weights, card, metrics and timing
        - state_folder, tensorboard: folders; the latter may be None
        - code: digests of the code (dict)
        - config: to quote in the card (dict)

        With 0 epochs the weights are written as they are.

    Raises
    ------
    InputError
        Something in the files, the configuration or the devices will not do.
    SystemExit
        With status 143, after SIGTERM; the same job goes on where it stopped.
    """
    devices = choose_devices(job["device"], job["devices"])
    if len(devices) == 1:
        train_on(devices[0], 0, 1, job)
    else:
        run_on_devices(train_on, devices, job)


def train_on(device, rank, world, job):
    """Do one process's share of a job; the first process writes the results.

    Parameters
    ----------
    device : torch.device
    rank, world : int
        Number of this process, from 0, and of all processes.
    job : dict
        As for `run`.
    """
    settings = Settings(**job["settings"])
    seeds = np.random.SeedSequence([settings.seed, job["split"], job["replicate"]])
    settings = replace(
        settings,
        seed=int(seeds.generate_state(1)[0]),
        threads=max(settings.threads // world, 1),
    )
    torch.set_num_threads(settings.threads)
    if device.type == "cuda":
        # Else something would take memory of the first GPU, which may be another job's.
        torch.cuda.set_device(device)
    # Batches come in two sizes, so the fastest way for each is soon found.
    torch.backends.cudnn.benchmark = True

    labels = read_labels(job["labels"], job["assays"])
    rows = parts_of(pd.read_parquet(job["views"]), job["split"], PARTS)
    kind = model_module(job["model"]).INPUT
    samples, channels = read_samples(kind, rows, job)
    part_of = add_parts(samples.views, rows)["part"]
    parts, counts = {}, {}
    for part in PARTS:
        parts[part] = _take(samples, (part_of == part).to_numpy())
        counts[part] = _count(parts[part].views, labels)
        if not counts[part]["labels"]:
            raise InputError(
                job["views"],
                f"no {kind[:-1]} of the part {part} of split {job['split']} has a label",
                "the split is too small, or its labels come from another run",
            )

    size = samples.shape[1:] if len(samples.shape) == 3 else (None, None)
    torch.manual_seed(settings.seed)
    model = build_model(job["model"], len(channels), len(labels.tasks), *size, **job["options"])
    if job["weights"]:
        load_weights(model, job["weights"], job["replace_outputs"])
    facts = {
        "model": job["model"],
        "options": job["options"],
        "input": kind,
        "channels": channels,
        "tasks": labels.tasks,
        "height": size[0],
        "width": size[1],
        "crop_size": job["crop_size"] if kind == "cells" else None,
        "standardise": job["standardise"] if kind == "features" else None,
        "split": job["split"],
        "replicate": job["replicate"],
        "settings": {
            name: value for name, value in job["settings"].items() if name not in NOT_IN_FINGERPRINT
        },
        "weights": sha256(job["weights"]) if job["weights"] else None,
        "replace_outputs": job["replace_outputs"],
        "code": job["code"],
        "data": _data_digest(kind, rows, labels, job),
    }
    training, validation = parts.values()
    history = train(
        model,
        training,
        validation,
        labels_of(training.views, labels),
        labels_of(validation.views, labels),
        settings,
        device,
        job["state_folder"],
        hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest(),
        report=job["tensorboard"],
        rank=rank,
        world=world,
    )
    if rank == 0:
        _write(job, model, history, facts, counts)


def read_samples(kind, rows, files):
    """Read what a model is fed with.

    Parameters
    ----------
    kind : {"views", "cells", "features"}
    rows : pandas.DataFrame
        Of the data set, with its channels.
    files : dict
        Of those for `run`, the ones for this kind, and crop_size or standardise.

    Returns
    -------
    samples.Samples
    list of str
        Names of the channels, or of the features.
    """
    if rows.empty:
        raise InputError(files["views"], "has no views in these parts")
    if kind == "features":
        features = np.load(files["features"], allow_pickle=False)
        wells = read_parquet(files["feature_wells"], FEATURE_WELLS).to_pandas()
        names = Path(files["feature_names"]).read_text(encoding="utf-8").splitlines()
        return feature_samples(rows, features, wells, files["standardise"]), names
    if kind == "cells":
        tables = [read_parquet(path, CELLS).to_pandas() for path in files["cells"]]
        cells = pd.concat(tables, ignore_index=True)
        samples = cell_samples(rows, files["shards"], cells, files["crop_size"])
    else:
        samples = view_samples(rows, files["shards"])
    return samples, channel_names(rows.columns)


def _take(samples, kept):
    """The samples of some views: kept is bool, (views,)."""
    chosen = np.flatnonzero(kept[samples.view_of])
    number = np.cumsum(kept) - 1
    return Samples(
        samples.views[kept].reset_index(drop=True),
        number[samples.view_of[chosen]],
        samples.shape,
        samples.dtype,
        lambda indices, out: samples.read(chosen[indices], out),
    )


def _count(views, labels):
    compounds = views[["inchikey"]].drop_duplicates()
    return {
        "views": len(views),
        "compounds": len(compounds),
        "labels": int(np.count_nonzero(labels_of(compounds, labels))),
    }


def _data_digest(kind, rows, labels, files):
    """SHA-256 over all that the rows of the data set stand for."""
    columns = ["plate", "well", "site", "inchikey", "part", "sha256"]
    digest = hashlib.sha256(pd.util.hash_pandas_object(rows[columns], index=False).to_numpy().data)
    digest.update(labels_of(rows, labels))
    paths = {
        "views": [],
        "cells": files["cells"],
        "features": [files[name] for name in ("features", "feature_wells", "feature_names")],
    }
    for path in paths[kind]:
        digest.update(sha256(path).encode())
    return digest.hexdigest()


def _write(job, model, history, facts, counts):
    output, best = job["output"], history.best
    facts = facts | {"epoch": best["epoch"] if best else 0}
    save_trained(model, facts, output["weights"])
    rows = (json.dumps(row, allow_nan=False) + "\n" for row in history.epochs)
    write_text("".join(rows), output["metrics"])
    write_csv(history.timing, output["timing"], TIMING)
    parameters = sum(weight.numel() for weight in model.parameters())
    card = model_card(facts, history, counts, parameters, job["config"])
    write_text(card, output["card"])
