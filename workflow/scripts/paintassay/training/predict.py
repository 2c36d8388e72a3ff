"""Predictions of a trained model for every view."""

from collections.abc import Sequence
from contextlib import closing

import numpy as np
import torch

from paintassay.core.errors import InputError
from paintassay.core.files import PathLike
from paintassay.predictions.average import describe_difference, log_odds
from paintassay.training.batches import read_ahead
from paintassay.training.gpus import autocast
from paintassay.training.outputs import check_outputs, keep_outputs_in_float32
from paintassay.training.samples import Samples
from paintassay.training.settings import Settings
from paintassay.training.standardise import prepare_samples
from paintassay.training.weights import TrainedModel

# Rows at a time whose logits are taken, and that the processes add up. With three processes or more
# the last bits may depend on it, so it is no `WorkSize`.
ROWS_PER_SUM = 2**12


def predict(
    model: torch.nn.Module,
    samples: Samples,
    device: torch.device,
    batch_size: int,
    settings: Settings,
    rank: int = 0,
    world: int = 1,
) -> np.ndarray:
    """Predict every view; the probabilities of the crops of a view are averaged.

    Memory is five times that of the result, and that of one batch, however many crops there are. In
    several processes each predicts its share, and all get the whole result.

    Parameters
    ----------
    model : torch.nn.Module
        Gives logits (batch, tasks) in evaluation mode; lies on `device`. Left in the mode it was
        in. In several processes the bare model, not its wrapper for training.
    samples : Samples
        Each view has at least one.
    device : torch.device
    batch_size : int
    settings : Settings
        Its precision, channels_last and threads.
    rank, world : int
        Number of this process, from 0, and of all processes; with several, torch.distributed
        must have been started.

    Returns
    -------
    numpy.ndarray, float32, (len(samples.views), tasks)
        Logits: where a view is one sample, those of the model; else of the mean probability.

    Raises
    ------
    InputError
        The outputs of the model are not float32.
    """
    pieces = max(-(-len(samples) // batch_size), 1)
    batches = np.array_split(np.arange(len(samples)), pieces)
    if pieces < world:
        # Too few to share: each process does them all.
        rank, world = 0, 1
    share = batches[rank::world]
    training = model.training
    # Of the probabilities and of those of the opposite, both with all their digits. As wide as the
    # model's output, once that is known.
    sums = np.empty((2, len(samples.views), 0))
    if settings.precision == "bfloat16":
        keep_outputs_in_float32(model)
    model.eval()
    try:
        with closing(read_ahead(samples, share, device, settings.threads)) as stream:
            for indices, batch in zip(share, stream, strict=True):
                scores = _probabilities(model, batch, device, settings)
                if not sums.size:
                    sums = np.zeros((2, len(samples.views), scores.shape[-1]))
                # The samples of a view lie side by side.
                views, firsts = np.unique(samples.view_of[indices], return_index=True)
                sums[:, views] += np.add.reduceat(scores, firsts, axis=1)
    finally:
        model.train(training)
    if world > 1:
        for part in sums:
            _add_over_processes(part, device)
    logits = np.empty(sums.shape[1:], np.float32)
    # By pieces, because the logarithms are copies.
    for first in range(0, len(logits), ROWS_PER_SUM):
        rows = slice(first, first + ROWS_PER_SUM)
        logits[rows] = log_odds(sums[0, rows], sums[1, rows])
    return logits


@torch.inference_mode()
def _probabilities(
    model: torch.nn.Module, batch: torch.Tensor, device: torch.device, settings: Settings
) -> np.ndarray:
    """Probabilities and those of the opposite: float64, (2, samples, tasks)."""
    pixels = prepare_samples(batch, settings)
    with autocast(device, settings.precision):
        outputs = model(pixels)
    [logits] = check_outputs(outputs, getattr(model, "built_as", {}).get("name", "<name>"))
    # On the CPU, because not all devices have float64.
    logits = logits.cpu().double()
    return torch.stack([torch.sigmoid(logits), torch.sigmoid(-logits)]).numpy()


def _add_over_processes(sums: np.ndarray, device: torch.device) -> None:
    """Add up the arrays of all processes in place, by pieces that need little device memory."""
    for piece in torch.from_numpy(sums).split(ROWS_PER_SUM):
        on_device = piece.to(device)
        torch.distributed.all_reduce(on_device)
        piece.copy_(on_device)


def check_fit(
    trained: TrainedModel,
    tasks: Sequence[str],
    channels: Sequence[str],
    shape: Sequence[int],
    where: PathLike,
) -> None:
    """Make sure that a model is used on what it was trained on.

    Parameters
    ----------
    trained : TrainedModel
    tasks : sequence of str
        Columns of the label matrix, in its order.
    channels : sequence of str
        Names of the channels, or of the features, in the order of the samples.
    shape : tuple of int
        Of a sample: (channels, height, width), or (features,).
    where : str or Path
        The weights file.

    Raises
    ------
    InputError
        Something differs; it says all that does.
    """
    kind = "channels" if shape[1:] else "features"
    problems = [
        describe_difference(tasks, trained.tasks, "tasks"),
        describe_difference(channels, trained.channels, kind),
    ]
    if shape[1:] and tuple(shape[1:]) != (trained.height, trained.width):
        problems.append(
            f"the samples have {shape[2]} x {shape[1]} pixels "
            f"instead of {trained.width} x {trained.height}"
        )
    if problems := list(filter(None, problems)):
        raise InputError(
            where,
            f"compared with what the model was trained on, {', and '.join(problems)}",
            "use the label matrix and the images of its training, or train it again on these",
        )
