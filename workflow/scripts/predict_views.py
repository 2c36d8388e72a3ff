"""Predict every assay for the views of the chosen parts, with one trained network."""

import pandas as pd
import torch

from paintassay.core.jobs import job
from paintassay.core.tables import read_csv, write_parquet
from paintassay.dataset.parts import add_parts, parts_of
from paintassay.labels.tables import ASSAYS
from paintassay.predictions.tables import prediction_table
from paintassay.training.gpus import choose_devices
from paintassay.training.job import read_samples
from paintassay.training.predict import check_fit, predict
from paintassay.training.train import Settings
from paintassay.training.weights import load_trained

with job(snakemake.log[0]):
    files, settings, compute = (
        snakemake.input,
        snakemake.params.settings,
        snakemake.params.compute,
    )
    torch.set_num_threads(snakemake.threads)
    [device] = choose_devices(compute.device, 1)
    model, facts = load_trained(files.weights)
    rows = parts_of(pd.read_parquet(files.views), int(snakemake.wildcards.split), settings["parts"])
    names = ["views", "cells", "features", "feature_wells", "feature_names"]
    places = {name: files.get(name) for name in names} | {"shards": settings["shards"]}
    samples, channels = read_samples(facts["input"], rows, {**facts, **places})
    tasks = read_csv(files.assays, ASSAYS)["TASK"].to_list()
    check_fit(facts, tasks, channels, samples.shape, files.weights)

    # As it was trained, but for what only training needs.
    settings = Settings(**facts["settings"] | {"epochs": 0, "threads": snakemake.threads})
    scores = predict(model.to(device), samples, device, compute.batch_size, settings)
    views = add_parts(samples.views, rows)
    table = prediction_table("views", views, scores, tasks)
    write_parquet(table, snakemake.output.views, table.schema)
