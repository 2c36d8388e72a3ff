"""Predictions of a trained model for every view."""

from contextlib import closing

import numpy as np
import torch

from paintassay.core.errors import InputError
from paintassay.predictions.average import BLOCK_ROWS, describe_difference
from paintassay.training.batches import feed
from paintassay.training.gpus import autocast
from paintassay.training.standardise import standardise_pixels


def predict(model, samples, device, batch_size, settings, rank=0, world=1):
    """Predict every view; the probabilities of the crops of a view are averaged.

    Memory is that of the result and of one batch, however many crops there are. In several
    processes each predicts its share, and all get the whole result.

    Parameters
    ----------
    model : torch.nn.Module
        Gives logits (batch, tasks) in evaluation mode; lies on `device`. Left in the mode it was
        in. In several processes the bare model, not its wrapper for training.
    samples : samples.Samples
        Each view has at least one.
    device : torch.device
    batch_size : int
    settings : training.Settings
        Its precision, channels_last and threads.
    rank, world : int
        Number of this process, from 0, and of all processes; with several, torch.distributed
        must have been started.

    Returns
    -------
    numpy.ndarray, float32, (len(samples.views), tasks)
        Probabilities (sigmoid of the logits).
    """
    pieces = max(-(-len(samples) // batch_size), 1)
    batches = np.array_split(np.arange(len(samples)), pieces)
    if pieces < world:
        # Too few to share: each process does them all.
        rank, world = 0, 1
    own = batches[rank::world]
    training = model.training
    # As wide as the model's output, once that is known.
    sums = np.empty((len(samples.views), 0), np.float32)
    model.eval()
    try:
        with closing(feed(samples, own, device, settings.threads)) as stream:
            for indices, batch in zip(own, stream, strict=True):
                scores = _probabilities(model, batch, device, settings)
                if not sums.size:
                    sums = np.zeros((len(samples.views), scores.shape[1]), np.float32)
                # The samples of a view lie side by side.
                views, firsts = np.unique(samples.view_of[indices], return_index=True)
                sums[views] += np.add.reduceat(scores, firsts, axis=0)
    finally:
        model.train(training)
    if world > 1:
        _add_over_processes(sums, device)
    counts = np.bincount(samples.view_of, minlength=len(sums)).astype(np.float32)
    sums /= counts[:, None]
    return sums


@torch.inference_mode()
def _probabilities(model, batch, device, settings):
    batch = standardise_pixels(batch)
    if settings.channels_last and batch.ndim == 4:
        batch = batch.contiguous(memory_format=torch.channels_last)
    with autocast(device, settings.precision):
        logits = model(batch)
    return torch.sigmoid(logits.float()).cpu().numpy()


def _add_over_processes(sums, device):
    """Add up the arrays of all processes in place, by pieces that need little device memory."""
    for piece in torch.from_numpy(sums).split(BLOCK_ROWS):
        on_device = piece.to(device)
        torch.distributed.all_reduce(on_device)
        piece.copy_(on_device)


def check_fit(metadata, tasks, channels, shape, where):
    """Make sure that a model is used on what it was trained on.

    Parameters
    ----------
    metadata : dict
        What the weights file says: channels and tasks (lists of str), height and width (int).
    tasks : list of str
        Columns of the label matrix, in its order.
    channels : list of str
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
    what = "channels" if shape[1:] else "features"
    problems = [
        describe_difference(tasks, metadata["tasks"], "tasks"),
        describe_difference(channels, metadata["channels"], what),
    ]
    size, trained = tuple(shape[1:]), (metadata["height"], metadata["width"])
    if size and size != trained:
        problems.append(
            f"the samples have {size[1]} x {size[0]} pixels instead of {trained[1]} x {trained[0]}"
        )
    if problems := list(filter(None, problems)):
        raise InputError(
            where,
            f"compared with what the model was trained on, {', and '.join(problems)}",
            "use the label matrix and the images of its training, or train it again on these",
        )
