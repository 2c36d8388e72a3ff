"""Measure what each model costs: parameters, arithmetic, and the time and memory it took."""

import pandas as pd

from paintassay.core.jobs import job
from paintassay.core.tables import write_csv
from paintassay.training.description import cost_table, count_macs, count_parameters
from paintassay.training.tables import COSTS
from paintassay.training.weights import load_trained, sample_shape

with job(snakemake.log[0]):
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
