"""The networks compute what the published ones do: the same outputs from the same weights."""

import numpy as np
import pandas as pd
import pytest
import torch

from paintassay.models._registry import build_model

VIEW = (1, 5, 520, 696)
# Shapes of the inputs, and how far outputs may be off, relative to the largest: rounding in sums
# of another order. A head that took the plain mean would be off by 0.08 in ResNet-101.
SHAPES = {
    "gapnet": VIEW,
    "milnet": VIEW,
    "mcnn": VIEW,
    "densenet": VIEW,
    "resnet": VIEW,
    "sccnn": (2, 5, 96, 96),
    "fnn": (2, 1783),
}
TOLERANCE = 1e-5


def draw(kind, shape, generator):
    """A tensor as shared/data/README.md says, so that anyone has the same weights."""
    z = generator.standard_normal(shape)
    match kind:
        case "weight":
            value = z * np.sqrt(1 / np.prod(shape[1:]))
        case "variance":
            value = 0.5 + generator.random(shape)
        case "threshold":
            value = 0.1 + 0.02 * z
        case "scale":
            value = 1 + 0.1 * z
        case "offset":
            value = 0.1 * z
    return torch.from_numpy(value.astype(np.float32))


@pytest.fixture(scope="module")
def published(shared_data):
    """Floating-point tensors of the published networks, and their outputs."""
    folder = shared_data / "published_networks"
    # A row of a pandas table has an attribute index of its own.
    tensors = pd.read_csv(folder / "tensors.csv").rename(columns={"index": "number"})
    shapes = tensors["shape"].astype("str").str.split("x")
    tensors["shape"] = shapes.map(lambda sides: tuple(map(int, sides)))
    with np.load(folder / "forward.npz", allow_pickle=False) as outputs:
        return tensors, dict(outputs)


def rebuild(name, tensors, **options):
    """A model with the published weights, which are told apart by their order and shapes."""
    shape = SHAPES[name]
    size = shape[2:] or (None, None)
    # Without values at first: to draw and forget them would take most of the time.
    with torch.device("meta"):
        model = build_model(name, shape[1], 209, *size, **options).eval()
    state = {
        key: torch.zeros_like(value, device="cpu") for key, value in model.state_dict().items()
    }
    floating = [key for key, value in state.items() if value.is_floating_point()]
    of_network = tensors[tensors["network"] == name]
    for key, row in zip(floating, of_network.itertuples(), strict=True):
        assert state[key].shape == row.shape, (key, row.published_name)
        generator = np.random.default_rng([2019, row.number])
        state[key] = draw(row.kind, row.shape, generator)
    model.load_state_dict(state, assign=True)
    return model


def outputs_of(model, name):
    samples = np.random.default_rng(7).standard_normal(SHAPES[name]).astype(np.float32)
    with torch.inference_mode():
        return model(torch.from_numpy(samples)).numpy()


# Golden: ml-jku/hti-cnn at 82d6f6b, run with PyTorch 2.13 on a CPU.
@pytest.mark.parametrize("name", SHAPES)
def test_outputs_are_the_published_ones(published, name):
    tensors, outputs = published
    found, expected = outputs_of(rebuild(name, tensors), name), outputs[name]
    assert found.shape == expected.shape
    off = np.abs(found - expected).max() / np.abs(expected).max()
    assert off < TOLERANCE, f"{name} is off by {off:.2g}"


def test_all_published_networks_are_compared(published):
    tensors, outputs = published
    assert set(tensors["network"]) == set(outputs) == set(SHAPES)
