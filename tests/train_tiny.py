"""A training that takes a second, and can be run in processes of its own that come to harm."""

import hashlib
import json
import os
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import torch

# What the first optimiser imports: done once by the server, and not by each of its processes.
import torch._dynamo
from torch import distributed, nn

from paintassay.training import state as training_state
from paintassay.training import train
from paintassay.training.samples import LabelledSamples, Samples
from paintassay.training.settings import Settings

CPU = torch.device("cpu")
SHAPE = (2, 32, 32)
SETTINGS = {
    "learning_rate": 0.01,
    "momentum": 0.9,
    "weight_decay": 1e-4,
    "batch_size": 8,
    "epochs": 3,
    "seed": 7,
}
STEPS = 4  # an epoch


def samples_of(pixels, sites=2):
    """Samples of an array, several sites a well and each well its compound."""
    numbers = np.arange(len(pixels))
    views = pd.DataFrame(
        {
            "plate": "P1",
            "well": [f"W{number // sites}" for number in numbers],
            "site": pd.array(numbers % sites + 1, dtype="Int64"),
            "inchikey": [f"KEY{number // sites}" for number in numbers],
        }
    )

    def read(indices, out):
        out[...] = pixels[indices]

    return Samples(views, numbers, pixels.shape[1:], pixels.dtype, read)


def stripes(count, seed, tasks=3, sites=2):
    """Noise with stripes along rows or columns, which is the label of the first task.

    Of the others, the second is the first turned round, and the third has no signal; a third of
    the labels is missing.
    """
    random = np.random.default_rng(seed)
    wells = -(-count // sites)
    labels = random.permutation(np.resize([1, -1], wells)).repeat(sites)[:count]
    pixels = random.integers(0, 60, (count, *SHAPE))
    on = np.arange(32) % 4 < 2
    pixels[labels > 0] += 60 * on[:, None]
    pixels[labels < 0] += 60 * on[None, :]
    noise = random.choice([1, -1], wells).repeat(sites)[:count]
    labels = np.stack([labels, -labels, noise], axis=1)[:, :tasks]
    labels *= (random.random((wells, tasks)) > 1 / 3).repeat(sites, axis=0)[:count]
    return LabelledSamples(samples_of(pixels.astype(np.uint8), sites), labels.astype(np.int8))


class Small(nn.Sequential):
    """A model with everything that a state must hold, or without what depends on the division."""

    def __init__(self, plain=False):
        torch.manual_seed(0)
        layers = [nn.Conv2d(2, 8, 5, stride=2), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten()]
        layers += [nn.Dropout(0.2), nn.Linear(8 * 14 * 14, 3)]
        kept = (nn.Conv2d, nn.ReLU, nn.Flatten, nn.Linear)
        super().__init__(*(layer for layer in layers if not plain or isinstance(layer, kept)))
        self.built_as = {"name": "small"}


def train_tiny(folder, model=None, fingerprint="f", report=None, rank=0, world=1, **settings):
    """Train a model (by default a `Small` one) on 29 views; gives it and its history."""
    model = model or Small()
    history = train.train(
        model,
        stripes(29, seed=1),
        stripes(16, seed=2),
        Settings(**SETTINGS | settings),
        train.Process(CPU, folder / "state", fingerprint, report, rank, world),
    )
    return model, history


def digest(model):
    weights = hashlib.sha256()
    for value in model.state_dict().values():
        weights.update(value.cpu().contiguous().numpy())
    return weights.hexdigest()


def work(folder, harm=None, number=0, rank=0, world=1, often=False, plain=False, **arguments):
    """Train in this process, and write down what came out.

    `harm` at the `number`-th time: "step": killed after a step; "save": killed in the middle of
    saving; "terminate": SIGTERM during a step. `often`: save the state after each step.
    """
    torch.set_num_threads(1)
    counts = {"step": 0, "save": 0}
    step, save = train.step, torch.save

    def counted_step(*arguments):
        counts["step"] += 1
        if harm == "terminate" and counts["step"] == number:
            os.kill(os.getpid(), signal.SIGTERM)
        result = step(*arguments)
        if harm == "step" and counts["step"] == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    def counted_save(state, path):
        counts["save"] += 1
        save(state, path)
        if harm == "save" and counts["save"] == number:
            os.truncate(path, 1000)
            os.kill(os.getpid(), signal.SIGKILL)

    train.step = counted_step
    training_state.torch.save = counted_save
    if often:
        train.CHECK_SECONDS = train.SAVE_SECONDS = 0
    if world > 1:
        distributed.init_process_group(
            "gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=world
        )
    model, history = train_tiny(folder, Small(plain), rank=rank, world=world, **arguments)
    result = {
        "weights": digest(model),
        "history": history.epochs,
        "best": history.best,
        "steps": counts["step"],
    }
    Path(folder, f"result{rank}.json").write_text(json.dumps(result))
    torch.save(model.state_dict(), folder / f"weights{rank}.pt")
