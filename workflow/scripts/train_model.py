"""Train one model on one split, and write its weights, model card, metrics and timing."""

from pathlib import Path

from paintassay.core.jobs import job
from paintassay.training.job import run

with job(snakemake.log[0]):
    files, params, output = snakemake.input, snakemake.params, snakemake.output
    settings, compute, wildcards = params.settings, params.compute, snakemake.wildcards
    folder = Path(output.weights).parent
    # What the card quotes.
    config = {name: value for name, value in settings.items() if name != "shards"}
    run(
        {
            **config,
            "model": wildcards.model,
            "split": int(wildcards.split),
            "replicate": int(wildcards.replicate),
            "settings": {
                **settings["settings"],
                "micro_batch": compute.micro_batch,
                "threads": snakemake.threads,
            },
            "device": compute.device,
            "devices": compute.devices,
            "views": files.views,
            "shards": settings["shards"],
            "labels": files.labels,
            "assays": files.assays,
            "cells": list(files.get("cells", [])),
            "features": files.get("features"),
            "feature_wells": files.get("feature_wells"),
            "feature_names": files.get("feature_names"),
            "weights": files.get("weights"),
            "output": dict(output.items()),
            # Undeclared, so that a failed job keeps them: another attempt goes on from there.
            "state_folder": folder / "state",
            "tensorboard": folder / "tensorboard",
            "code": {"train_model": params.code, wildcards.model: params.model_code},
            "config": config,
        }
    )
