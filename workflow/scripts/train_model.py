"""Train one model on one split, and write its weights, model card, metrics and timing."""

from pathlib import Path

from paintassay.core.jobs import job
from paintassay.training.job import run

with job(snakemake.log[0]):
    files, params, resources = snakemake.input, snakemake.params, snakemake.resources
    output, wildcards = snakemake.output, snakemake.wildcards
    folder = Path(output.weights).parent
    config = {
        "settings": params.settings,
        "options": params.options,
        **params.samples,
        "replace_outputs": params.replace_outputs,
    }
    run(
        {
            **config,
            "model": wildcards.model,
            "split": int(wildcards.split),
            "replicate": int(wildcards.replicate),
            "settings": {
                **params.settings,
                "micro_batch": resources.micro_batch or None,
                "threads": snakemake.threads,
            },
            "device": resources.device,
            "devices": resources.devices,
            "views": files.views,
            "shards": params.shards,
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
