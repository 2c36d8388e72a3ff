"""Measure what each model costs: parameters, arithmetic, and the time and memory it took."""

import pandas as pd

from paintassay.costs import COSTS, cost_table, count_macs, count_parameters
from paintassay.logs import logged_to
from paintassay.tables import write_csv
from paintassay.trained import load_trained, sample_shape

with logged_to(snakemake.log[0]):
    jobs = []
    for weights, timing in zip(snakemake.input.weights, snakemake.input.timing, strict=True):
        model, facts = load_trained(weights)
        jobs.append(
            {
                "model": facts["model"],
                "parameters": count_parameters(model),
                "gmacs": count_macs(model, sample_shape(facts)) / 1e9,
                "timing": pd.read_csv(timing),
            }
        )
    write_csv(cost_table(jobs), snakemake.output.costs, COSTS)
