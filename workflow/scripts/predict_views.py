"""Predict every task for the views of the chosen parts, with one trained model."""

import numpy as np
import torch
from scipy.special import expit

from paintassay.core.jobs import job
from paintassay.core.tables import read_csv, write_parquet
from paintassay.dataset.parts import add_parts, parts_of, read_dataset
from paintassay.labels.tables import ASSAYS
from paintassay.predictions.tables import prediction_table
from paintassay.training.gpus import choose_devices, set_precision
from paintassay.training.predict import check_fit, predict
from paintassay.training.samples import CellFiles, FeatureFiles, SampleSource, read_samples
from paintassay.training.settings import Settings
from paintassay.training.weights import load_trained

with job(snakemake.log[0], snakemake.input, snakemake.output):
    files, params = snakemake.input, snakemake.params
    settings, compute = params.settings, params.compute
    torch.set_num_threads(snakemake.threads)
    [device] = choose_devices(compute.device, 1)
    model, trained = load_trained(files.weights)
    cells, features = None, None
    if files.get("cells"):
        cells = CellFiles(list(files.cells), trained.crop_size)
    if files.get("features"):
        features = FeatureFiles(
            files.features, files.feature_wells, files.feature_names, trained.standardise
        )
    source = SampleSource(files.views, settings["shards"], cells, features)
    rows = parts_of(read_dataset(files.views), int(snakemake.wildcards.split), settings["parts"])
    samples, channels = read_samples(rows, source)
    tasks = read_csv(files.assays, ASSAYS)["TASK"].to_list()
    check_fit(trained, tasks, channels, samples.shape, files.weights)

    # As it was trained, but for what only training needs.
    as_trained = Settings(**trained.settings, epochs=0, threads=snakemake.threads)
    set_precision(as_trained.precision)
    logits = predict(model.to(device), samples, device, compute.batch_size, as_trained)
    views = add_parts(samples.views, rows)
    table = prediction_table("views_logits", views, logits, tasks)
    write_parquet(table, snakemake.output.views_logits, table.schema)
    probabilities = expit(logits.astype(np.float64))
    table = prediction_table("views", views, probabilities, tasks)
    write_parquet(table, snakemake.output.views, table.schema)
