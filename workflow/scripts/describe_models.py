"""Describe the models layer by layer."""

import pandas as pd

from paintassay.architectures import ARCHITECTURES, layer_table
from paintassay.logs import logged_to
from paintassay.tables import write_csv
from paintassay.trained import load_trained, sample_shape

with logged_to(snakemake.log[0]):
    tables = [pd.DataFrame(columns=ARCHITECTURES.names)]
    for weights in snakemake.input.weights:
        model, facts = load_trained(weights)
        table = layer_table(model, sample_shape(facts))
        tables.append(table.assign(model=facts["model"])[ARCHITECTURES.names])
    write_csv(pd.concat(tables), snakemake.output.layers, ARCHITECTURES)
