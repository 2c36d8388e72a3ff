"""Train one model on one split once, from its input files to its output files."""

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd
import torch

from paintassay.core.errors import InputError
from paintassay.core.files import PathLike, sha256, write_text
from paintassay.core.tables import read_csv, write_csv
from paintassay.dataset.parts import add_parts, parts_of, read_dataset
from paintassay.labels.reading import Labels, labels_of, read_labels
from paintassay.labels.tables import ASSAYS
from paintassay.metrics.measures import count_labels
from paintassay.models._registry import build_model
from paintassay.training.card import PartCounts, model_card
from paintassay.training.description import count_parameters
from paintassay.training.gpus import choose_devices, set_precision
from paintassay.training.initial_weights import InitialWeights, load_initial_weights
from paintassay.training.launch import run_on_devices
from paintassay.training.samples import LabelledSamples, Samples, SampleSource, read_samples
from paintassay.training.settings import Settings
from paintassay.training.state import History
from paintassay.training.tables import TIMING
from paintassay.training.train import Process, train
from paintassay.training.weights import TrainedModel, save_trained

log = logging.getLogger(__name__)

TRAINED_PARTS = ("train", "validation")
# How many tasks a line of the log names.
NAMED_TASKS = 5
# Settings that say how long, or in what pieces, and not to what end.
NOT_IN_FINGERPRINT = ("epochs", "micro_batch", "threads")


@dataclass(frozen=True)
class OutputFiles:
    """Where the results of a training go."""

    weights: PathLike
    card: PathLike
    metrics: PathLike
    timing: PathLike


@dataclass(frozen=True)
class TrainingJob:
    """What a training does, with which files.

    Attributes
    ----------
    model : str
        Name of the model.
    options : dict
        Arguments of its ``build``.
    settings : Settings
        The seed is that of the study.
    split, replicate : int
        From 1.
    source : SampleSource
    labels, assays : str or Path
        The label matrix (Parquet) and its columns (CSV).
    weights : str or Path, optional
        Start from these. With 0 epochs they are written as they are.
    replace_outputs : bool
        As for `training.initial_weights.InitialWeights`.
    device : str
    devices : int
        As for `training.gpus.choose_devices`.
    output : OutputFiles
    state_folder : str or Path
        The training goes on from what is there.
    tensorboard : str or Path, optional
        Folder for its curves.
    code : dict of str to str
        Digests of the code.
    config : dict
        To quote in the card.
    weights_channels, weights_tasks : sequence of str, optional
        What the weights take and give, as for `training.initial_weights.InitialWeights`.
    """

    model: str
    options: Mapping[str, float]
    settings: Settings
    split: int
    replicate: int
    source: SampleSource
    labels: PathLike
    assays: PathLike
    weights: PathLike | None
    replace_outputs: bool
    device: str
    devices: int
    output: OutputFiles
    state_folder: PathLike
    tensorboard: PathLike | None
    code: Mapping[str, str]
    config: Mapping[str, object]
    weights_channels: Sequence[str] | None = None
    weights_tasks: Sequence[str] | None = None


def run_training(job: TrainingJob) -> None:
    """Train a model, and write its weights, card, metrics and timing.

    Parameters
    ----------
    job : TrainingJob

    Raises
    ------
    InputError
        Something in the files, the configuration or the devices will not do.
    SystemExit
        With status 143, after SIGTERM; the same job goes on where it stopped.
    """
    devices = choose_devices(job.device, job.devices)
    if len(devices) == 1:
        train_on(devices[0], 0, 1, job)
    else:
        run_on_devices(train_on, devices, job)


def train_on(device: torch.device, rank: int, world: int, job: TrainingJob) -> None:
    """Do one process's share of a job; the first process writes the results.

    Parameters
    ----------
    device : torch.device
    rank, world : int
        Number of this process, from 0, and of all processes.
    job : TrainingJob
    """
    settings = _settings_of_process(job, world)
    torch.set_num_threads(settings.threads)
    if device.type == "cuda":
        # Else something would take memory of the first GPU, which may be another job's.
        torch.cuda.set_device(device)
    set_precision(settings.precision)
    # Batches come in two sizes, so the fastest way for each is soon found.
    torch.backends.cudnn.benchmark = True

    labels = read_labels(job.labels, job.assays)
    rows = parts_of(read_dataset(job.source.views), job.split, TRAINED_PARTS)
    samples, channels = read_samples(rows, job.source)
    parts = {part: _select_part(samples, rows, labels, part) for part in TRAINED_PARTS}
    counts = {
        part: _count_part(job, part, labelled, labels.tasks) for part, labelled in parts.items()
    }

    torch.manual_seed(settings.seed)
    height, width = samples.shape[1:] or (None, None)
    model = build_model(job.model, len(channels), len(labels.tasks), height, width, **job.options)
    data = _digest_data(rows, labels, job.source)
    trained = _describe_model(job, channels, labels.tasks, height, width, data)
    notes = _load_weights(job, model, trained)
    if rank == 0:
        _warn(counts["train"], len(labels.tasks), job.split, notes)
    fingerprint = _compute_fingerprint(trained, job)
    process = Process(device, job.state_folder, fingerprint, job.tensorboard, rank, world)
    history = train(model, parts["train"], parts["validation"], settings, process)
    if rank == 0:
        _write_results(job, model, trained, history, counts, notes)


def _load_weights(job: TrainingJob, model: torch.nn.Module, trained: TrainedModel) -> list[str]:
    """Start from the weights of a file, if there is one; what to know about them, in sentences."""
    if not job.weights:
        if not job.settings.epochs:
            raise InputError(
                f"models.{job.model}.epochs",
                "is 0 and there are no weights: the predictions would be random",
                f"name a file in models.{job.model}.weights, or train for some epochs",
            )
        return []
    given = InitialWeights(
        job.weights, job.weights_channels, job.weights_tasks, job.replace_outputs
    )
    assays = read_csv(job.assays, ASSAYS)
    return load_initial_weights(model, trained, given, assays, job.settings.epochs)


def _warn(counts: PartCounts, tasks: int, split: int, notes: Sequence[str]) -> None:
    """Say in the log what the card says, too."""
    for note in notes:
        log.warning("%s", note)
    for lacking, names in counts.one_class.items():
        more = f" and {len(names) - NAMED_TASKS} more" if len(names) > NAMED_TASKS else ""
        log.warning(
            "%d of %d tasks have %s in the training part of split %d, so that what is predicted "
            "for them means nothing: %s%s",
            len(names), tasks, lacking, split, ", ".join(names[:NAMED_TASKS]), more,
        )  # fmt: skip


def _settings_of_process(job: TrainingJob, world: int) -> Settings:
    """The seed of this split and replicate, and this process's share of the threads."""
    seeds = np.random.SeedSequence([job.settings.seed, job.split, job.replicate])
    return replace(
        job.settings,
        seed=int(seeds.generate_state(1)[0]),
        threads=max(job.settings.threads // world, 1),
    )


def _select_part(
    samples: Samples, rows: pd.DataFrame, labels: Labels, part: str
) -> LabelledSamples:
    """The samples of a part of the split, and the labels of their views."""
    kept = (add_parts(samples.views, rows)["part"] == part).to_numpy()
    chosen = np.flatnonzero(kept[samples.view_of])
    number = np.cumsum(kept) - 1
    views = samples.views[kept].reset_index(drop=True)
    of_part = Samples(
        views,
        number[samples.view_of[chosen]],
        samples.shape,
        samples.dtype,
        lambda indices, out: samples.read(chosen[indices], out),
    )
    return LabelledSamples(of_part, labels_of(views, labels))


def _count_part(
    job: TrainingJob, part: str, labelled: LabelledSamples, tasks: Sequence[str]
) -> PartCounts:
    """Count what a part has to train on; it is an error if that is nothing."""
    views = labelled.samples.views
    # A label is that of a compound, however many views show it.
    first = ~views["inchikey"].duplicated().to_numpy()
    of_compounds = labelled.labels[first]
    counts = PartCounts(
        views=len(views),
        compounds=len(of_compounds),
        labels=int(np.count_nonzero(of_compounds)),
        one_class=_find_one_class(of_compounds, tasks),
    )
    if not counts.labels:
        raise InputError(
            job.source.views,
            f"no {job.source.kind[:-1]} of the part {part} of split {job.split} has a label",
            "the split is too small, or its labels come from another run",
        )
    return counts


def _find_one_class(labels: np.ndarray, tasks: Sequence[str]) -> dict[str, list[str]]:
    """Tasks without both classes, by what they lack."""
    actives, inactives = count_labels(labels)
    lacking = {
        "no active compound": (actives == 0) & (inactives > 0),
        "no inactive compound": (actives > 0) & (inactives == 0),
        "no labelled compound": (actives == 0) & (inactives == 0),
    }
    return {
        what: [tasks[number] for number in np.flatnonzero(lack).tolist()]
        for what, lack in lacking.items()
        if lack.any()
    }


def _describe_model(
    job: TrainingJob,
    channels: Sequence[str],
    tasks: Sequence[str],
    height: int | None,
    width: int | None,
    data: str,
) -> TrainedModel:
    settings = asdict(job.settings)
    for name in NOT_IN_FINGERPRINT:
        del settings[name]
    return TrainedModel(
        model=job.model,
        options=job.options,
        input=job.source.kind,
        channels=channels,
        tasks=tasks,
        height=height,
        width=width,
        crop_size=job.source.cells.crop_size if job.source.cells else None,
        standardise=job.source.features.standardise if job.source.features else None,
        split=job.split,
        replicate=job.replicate,
        settings=settings,
        weights=sha256(job.weights) if job.weights else None,
        replace_outputs=job.replace_outputs,
        code=job.code,
        data=data,
    )


def _digest_data(rows: pd.DataFrame, labels: Labels, source: SampleSource) -> str:
    """SHA-256 over all that the rows of the data set stand for."""
    columns = ["plate", "well", "site", "inchikey", "part", "sha256"]
    digest = hashlib.sha256(pd.util.hash_pandas_object(rows[columns], index=False).to_numpy().data)
    digest.update(labels_of(rows, labels).data)
    paths = list(source.cells.tables) if source.cells else []
    if source.features:
        paths = [source.features.matrix, source.features.wells, source.features.names]
    for path in paths:
        digest.update(sha256(path).encode())
    return digest.hexdigest()


def _compute_fingerprint(trained: TrainedModel, job: TrainingJob) -> str:
    """SHA-256 of all that decides the result but the number of epochs."""
    metadata = asdict(trained)
    # What comes of the training.
    del metadata["epoch"]
    metadata["weights_order"] = [job.weights_channels, job.weights_tasks]
    return hashlib.sha256(json.dumps(metadata, sort_keys=True).encode()).hexdigest()


def _write_results(
    job: TrainingJob,
    model: torch.nn.Module,
    trained: TrainedModel,
    history: History,
    counts: Mapping[str, PartCounts],
    notes: Sequence[str],
) -> None:
    if history.best:
        trained = replace(trained, epoch=history.best["epoch"])
    save_trained(model, trained, job.output.weights)
    rows = (json.dumps(row, allow_nan=False) + "\n" for row in history.epochs)
    write_text("".join(rows), job.output.metrics)
    write_csv([dict(row) for row in history.timing], job.output.timing, TIMING)
    card = model_card(trained, history, counts, count_parameters(model), job.config, notes)
    write_text(card, job.output.card)
