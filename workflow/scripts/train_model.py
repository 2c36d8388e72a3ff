"""Train one model on one split, and write its weights, model card, metrics and timing."""

from pathlib import Path

from paintassay.core.jobs import job
from paintassay.training.job import OutputFiles, TrainingJob, run_training
from paintassay.training.samples import CellFiles, FeatureFiles, SampleSource
from paintassay.training.settings import Settings

with job(snakemake.log[0], snakemake.input, snakemake.output):
    files, params, output = snakemake.input, snakemake.params, snakemake.output
    settings, compute, wildcards = params.settings, params.compute, snakemake.wildcards
    cells, features = None, None
    if files.get("cells"):
        cells = CellFiles(list(files.cells), settings["crop_size"])
    if files.get("features"):
        features = FeatureFiles(
            files.features, files.feature_wells, files.feature_names, settings["standardise"]
        )
    folder = Path(output.weights).parent
    run_training(
        TrainingJob(
            model=wildcards.model,
            options=settings["options"],
            settings=Settings(
                **settings["settings"],
                micro_batch=compute.micro_batch,
                threads=snakemake.threads,
            ),
            split=int(wildcards.split),
            replicate=int(wildcards.replicate),
            source=SampleSource(files.views, settings["shards"], cells, features),
            labels=files.labels,
            assays=files.assays,
            weights=files.get("weights") or None,
            replace_outputs=settings["replace_outputs"],
            device=compute.device,
            devices=compute.devices,
            output=OutputFiles(output.weights, output.card, output.metrics, output.timing),
            # Undeclared, so that a failed job keeps them: another attempt goes on from there.
            state_folder=folder / "state",
            tensorboard=folder / "tensorboard",
            code={"train_model": params.code, wildcards.model: params.model_code},
            # What the card quotes.
            config={name: value for name, value in settings.items() if name != "shards"},
            weights_channels=settings["weights_channels"],
            weights_tasks=settings["weights_tasks"],
        )
    )
