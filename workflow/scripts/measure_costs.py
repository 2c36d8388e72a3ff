"""Measure what each model costs: parameters, arithmetic, and the time and memory it took."""

from paintassay.core.jobs import job
from paintassay.core.tables import read_csv, write_csv
from paintassay.training.description import (
    TrainingCost,
    cost_table,
    count_macs,
    count_parameters,
)
from paintassay.training.tables import COSTS, TIMING
from paintassay.training.weights import load_trained

with job(snakemake.log[0], snakemake.input, snakemake.output):
    trainings = []
    for weights, timing in zip(snakemake.input.weights, snakemake.input.timing, strict=True):
        model, trained = load_trained(weights)
        trainings.append(
            TrainingCost(
                model=trained.model,
                parameters=count_parameters(model),
                gmacs=count_macs(model, trained.sample_shape) / 1e9,
                timing=read_csv(timing, TIMING),
            )
        )
    write_csv(cost_table(trainings), snakemake.output.costs, COSTS)
