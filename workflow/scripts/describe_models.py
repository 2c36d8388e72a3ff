"""Describe the models layer by layer."""

import pandas as pd

from paintassay.core.jobs import job
from paintassay.core.tables import write_csv
from paintassay.training.description import layer_table
from paintassay.training.tables import ARCHITECTURES
from paintassay.training.weights import load_trained

with job(snakemake.log[0], snakemake.input, snakemake.output):
    tables = [pd.DataFrame(columns=ARCHITECTURES.names)]
    for weights in snakemake.input.weights:
        model, trained = load_trained(weights)
        table = layer_table(model, trained.sample_shape)
        tables.append(table.assign(model=trained.model)[ARCHITECTURES.names])
    write_csv(pd.concat(tables), snakemake.output.layers, ARCHITECTURES)
