"""The networks are those of the study: counted, compared with plain formulas, and trainable."""

import math
import socket

import numpy as np
import pytest
import torch
from torch.nn import functional

from paintassay.core.errors import InputError
from paintassay.models._registry import build_model, model_module, model_names
from paintassay.models.milnet import noisy_and
from paintassay.training.description import count_macs, count_parameters

# Parameters and GMACs at 5 channels, 520 x 696 pixels, 209 tasks. The first five: Hofmarcher et
# al. 2019, Table 3. The others: counted by hand from the authors' configurations, for crops of
# 96 x 96 and for 1,783 features.
TABLE_3 = {
    "gapnet": (3_694_545, 1.72),
    "milnet": (726_180, 4.46),
    "mcnn": (11_230_929, 7.55),
    "densenet": (7_174_353, 21.19),
    "resnet": (42_934_673, 58.48),
    "sccnn": (3_694_545, 0.04486),
    "fnn": (12_474_577, 0.01247),
}
OF_VIEWS = [name for name in TABLE_3 if name not in ("sccnn", "fnn")]


def sample_shape(name, size=(520, 696)):
    return {"sccnn": (5, 96, 96), "fnn": (1783,)}.get(name, (5, *size))


def make(name, size=(520, 696), device="cpu", seed=1, **options):
    shape = sample_shape(name, size)
    place = {} if name == "fnn" else {"height": shape[1], "width": shape[2]}
    torch.manual_seed(seed)
    with torch.device(device):
        return build_model(name, channels=shape[0], **place, **options)


def random_images(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(7))


def test_every_file_is_a_model():
    assert model_names() == sorted(TABLE_3)
    kinds = {name: model_module(name).INPUT for name in TABLE_3}
    assert kinds == dict.fromkeys(OF_VIEWS, "views") | {"sccnn": "cells", "fnn": "features"}


@pytest.mark.parametrize("name", TABLE_3)
def test_parameters_and_arithmetic_of_the_paper(name):
    model = make(name, device="meta")
    parameters, gmacs = TABLE_3[name]
    assert count_parameters(model) == parameters
    assert count_macs(model, sample_shape(name)) / 1e9 == pytest.approx(gmacs, rel=0.02)


@pytest.mark.parametrize("size", [(520, 696), (1080, 1080)])
@pytest.mark.parametrize("name", OF_VIEWS)
def test_logits_of_large_images(name, size):
    model = make(name, size, device="meta").eval()
    assert model(torch.empty(2, 5, *size, device="meta")).shape == (2, 209)


@pytest.mark.parametrize("name", TABLE_3)
def test_a_step_reaches_every_weight_and_evaluation_is_repeatable(name, monkeypatch):
    def refuse(*_):
        raise AssertionError("weights are drawn, not downloaded")

    monkeypatch.setattr(socket, "socket", refuse)
    size = (138, 184)
    model = make(name, size, tasks=7)
    images = random_images(2, *sample_shape(name, size))
    outputs = model.train()(images)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    assert [output.shape for output in outputs] == [(2, 7)] * (2 if name == "milnet" else 1)
    sum(output.square().sum() for output in outputs).backward()
    for parameter, weight in model.named_parameters():
        assert torch.isfinite(weight.grad).all(), parameter
        assert weight.grad.any(), parameter
    model.eval()
    with torch.inference_mode():
        logits = model(images)
        assert logits.dtype == torch.float32
        assert torch.equal(logits, model(images))
        # Each sample by itself: no statistics of the batch, no dropout.
        torch.testing.assert_close(logits[1:2], model(images[1:2]), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["gapnet", "milnet", "mcnn", "fnn", "sccnn"])
def test_first_weights_follow_the_seed(name):
    size = (138, 184)
    first, second = make(name, size).state_dict(), make(name, size).state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)
    other = make(name, size, seed=2).state_dict()
    assert not any(torch.equal(other[key], first[key]) for key in other if key.endswith("weight"))


@pytest.mark.parametrize(
    ("name", "variance", "kurtosis"),
    [
        # Kurtosis of the normal distribution 3, of the uniform 1.8.
        ("gapnet", lambda inputs, outputs: 1 / inputs, 3),
        ("sccnn", lambda inputs, outputs: 1 / inputs, 3),
        ("milnet", lambda inputs, outputs: 2 / (inputs + outputs), 3),
        ("mcnn", lambda inputs, outputs: 2 / (inputs + outputs), 1.8),
        ("fnn", lambda inputs, outputs: 2 / (inputs + outputs), 3),
    ],
)
def test_first_weights_have_the_papers_distribution(name, variance, kurtosis):
    options = {"units": 512} if name == "fnn" else {}
    for parameter, weight in make(name, (256, 256), **options).named_parameters():
        values = weight.detach().double().numpy()
        if parameter.endswith("bias"):
            assert not values.any(), parameter
        elif parameter == "thresholds":
            assert np.allclose(values, 0.1)
        else:
            places = math.prod(values.shape[2:])
            expected = variance(values.shape[1] * places, values.shape[0] * places)
            # Five standard errors of each estimate; the fourth power has a variance of 96 / n.
            error = 5 / math.sqrt(values.size)
            assert abs(values.mean()) < error * math.sqrt(expected), parameter
            assert values.var() == pytest.approx(expected, rel=error * math.sqrt(2)), parameter
            estimate = (values**4).mean() / values.var() ** 2
            assert estimate == pytest.approx(kurtosis, abs=error * math.sqrt(96)), parameter


def randomised_state(model):
    """State dictionary of a model after biases and thresholds have left zero, too."""
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.05 * torch.randn_like(weight))
    return model.eval().state_dict()


def gapnet_by_formula(state, x, dilations, padding):
    """Logits of GapNet after Figure 3 of Hofmarcher et al. 2019, from the weights' names."""

    def convolve(x, name, stride=1, dilation=1):
        weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
        return functional.selu(functional.conv2d(x, weight, bias, stride, dilation, dilation))

    one = functional.max_pool2d(convolve(x, "block1.0", stride=2), 2, 2)
    x = convolve(convolve(convolve(one, "block2.0", stride=2), "block2.2"), "block2.4")
    two = functional.max_pool2d(x, 2, 2, padding)
    x = convolve(convolve(convolve(two, "block3.0"), "block3.2"), "block3.4")
    three = functional.max_pool2d(x, 2, 2)
    four = three
    for name, dilation in zip(("block4.0", "block4.2", "block4.4"), dilations, strict=True):
        four = convolve(four, name, dilation=dilation)
    x = torch.cat([block.flatten(2).mean(2) for block in (one, two, three, four)], 1)
    assert x.shape[1] == 480
    for layer in (0, 3, 6):
        x = x @ state[f"classifier.{layer}.weight"].T + state[f"classifier.{layer}.bias"]
        x = functional.selu(x) if layer < 6 else x
    return x


@pytest.mark.parametrize(
    ("name", "size", "dilations", "padding"),
    [
        ("gapnet", (138, 184), (2, 2, 4), 1),
        ("gapnet", (101, 67), (2, 2, 4), 1),
        ("sccnn", (96, 96), (1, 1, 1), 0),
    ],
)
def test_gapnet_is_the_published_formula(name, size, dilations, padding):
    # Alpha dropout does nothing in evaluation.
    model = make(name, size, tasks=11, units=96, dropout=0.3)
    state = randomised_state(model)
    layers = [*(f"block{block}.{layer}" for block in (2, 3, 4) for layer in (0, 2, 4))]
    layers = ["block1.0", *layers, "classifier.0", "classifier.3", "classifier.6"]
    assert list(state) == [f"{layer}.{kind}" for layer in layers for kind in ("weight", "bias")]
    images = random_images(2, 5, *size)
    with torch.inference_mode():
        expected = gapnet_by_formula(state, images, dilations, padding)
        torch.testing.assert_close(model(images), expected)


def noisy_and_by_formula(probabilities, thresholds, a=10.0):
    """Pooled probability as Kraus et al. 2016 write it, in float64 and over axis 2."""

    def logistic(x):
        return 1 / (1 + np.exp(-np.float64(x)))

    mean, b = probabilities.astype(np.float64).mean(axis=2), thresholds.astype(np.float64)
    low = logistic(-a * b)
    return (logistic(a * (mean - b)) - low) / (logistic(a * (1 - b)) - low)


def test_noisy_and_is_the_published_formula():
    logits = 2 * random_images(4, 6, 3, 5) + torch.linspace(-4, 4, 6)[:, None, None]
    thresholds = torch.tensor([-0.5, 0.0, 0.1, 0.3, 0.9, 1.4])
    probabilities = 1 / (1 + np.exp(-logits.double().numpy())).reshape(4, 6, 15)
    expected = noisy_and_by_formula(probabilities, thresholds.numpy())
    pooled = noisy_and(logits, thresholds)
    np.testing.assert_allclose(torch.sigmoid(pooled).numpy(), expected, rtol=1e-5)
    np.testing.assert_allclose(pooled.numpy(), np.log(expected / (1 - expected)), atol=2e-5)


@pytest.mark.parametrize("level", [-60.0, -20.0, 20.0, 60.0])
@pytest.mark.parametrize("threshold", [-30.0, 0.1, 30.0])
def test_noisy_and_stays_finite_and_trainable(level, threshold):
    # Where the formula as written gives 0 / 0, or a probability of exactly 0 or 1.
    logits = torch.full((1, 1, 2, 2), level, requires_grad=True)
    thresholds = torch.tensor([threshold], requires_grad=True)
    pooled = noisy_and(logits, thresholds)
    pooled.sum().backward()
    assert torch.isfinite(pooled).all()
    # All places together move the pooled logit about as far as they move themselves.
    assert logits.grad.sum() == pytest.approx(1, rel=0.01)
    assert torch.isfinite(thresholds.grad).all()
    far = noisy_and(torch.tensor([-1e4, 1e4]).reshape(1, 2, 1, 1), thresholds.detach().repeat(2))
    assert torch.isfinite(far).all()


def test_milnet_is_the_published_formula():
    model = make("milnet", (150, 139), tasks=4)
    state = randomised_state(model)
    weights = [weight for name, weight in state.items() if name.startswith("features")]
    x = images = random_images(2, 5, 150, 139)
    x = functional.avg_pool2d(x, 3, 2)
    for layer, (weight, bias) in enumerate(zip(weights[::2], weights[1::2], strict=True)):
        x = functional.conv2d(x, weight, bias)
        # The last one votes; pooling follows convolutions 2 to 5.
        x = functional.relu(x) if layer < 6 else x
        x = functional.max_pool2d(x, 3, 2) if 1 <= layer <= 4 else x
    assert layer == 6
    probabilities = torch.sigmoid(x).flatten(2).numpy()
    pooled = noisy_and_by_formula(probabilities, state["thresholds"].numpy())
    weight, bias = state["classifier.weight"].double(), state["classifier.bias"].double()
    expected = torch.from_numpy(pooled) @ weight.T + bias
    with torch.inference_mode():
        torch.testing.assert_close(model(images).double(), expected, rtol=1e-4, atol=1e-5)
        model.training = True
        final, logit = model(images)
        torch.testing.assert_close(final.double(), expected, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(torch.sigmoid(logit).numpy(), pooled, rtol=1e-4)


def test_mcnn_is_the_published_formula():
    model = make("mcnn", (200, 138), tasks=4)
    weights = iter(randomised_state(model).values())
    images = random_images(2, 5, 200, 138)
    joined = []
    for scale in (1, 2, 4, 8, 16, 32, 64):
        x = functional.max_pool2d(images, scale)
        for _ in range(3):
            x = functional.relu(functional.conv2d(x, next(weights), next(weights), padding=2))
        joined.append(functional.max_pool2d(x, 64 // scale))
    assert [x.shape[1] for x in joined] == [16, 16, 16, 32, 32, 32, 64]
    x = functional.relu(functional.conv2d(torch.cat(joined, 1), next(weights), next(weights)))
    x = functional.max_pool2d(x, 2).flatten(1)
    x = functional.relu(x @ next(weights).T + next(weights))
    with torch.inference_mode():
        expected = x @ next(weights).T + next(weights)
        torch.testing.assert_close(model(images), expected, rtol=1e-4, atol=1e-4)


def test_resnet_averages_windows_of_its_last_map():
    random = np.random.default_rng(3)
    average = make("resnet", device="meta").avgpool
    for height, width in [(17, 22), (7, 9), (7, 7), (5, 6), (3, 12)]:
        maps = random.normal(size=(2, 3, height, width))
        high, wide = min(7, height), min(7, width)
        windows = [
            maps[:, :, top : top + high, left : left + wide].mean((2, 3))
            for top in range(height - high + 1)
            for left in range(width - wide + 1)
        ]
        found = average(torch.from_numpy(maps))
        assert found.shape == (2, 3, 1, 1)
        np.testing.assert_allclose(found[:, :, 0, 0], np.mean(windows, axis=0), atol=1e-12)
    # MONAI's plain mean, for those who want it.
    maps = torch.from_numpy(random.normal(size=(1, 2, 17, 22)))
    plain = make("resnet", device="meta", window=1).avgpool(maps)
    np.testing.assert_allclose(plain[:, :, 0, 0], maps.mean((2, 3)), atol=1e-12)


def test_fnn_is_three_rectified_layers_with_dropout():
    model = make("fnn", tasks=4, units=64)
    weights = iter(randomised_state(model).values())
    x = features = random_images(3, 1783)
    for _ in range(3):
        x = functional.relu(x @ next(weights).T + next(weights))
    torch.testing.assert_close(model(features), x @ next(weights).T + next(weights))
    shares = [layer.p for layer in model if isinstance(layer, torch.nn.Dropout)]
    assert shares == [0.1, 0.5, 0.5, 0.5]


def test_options_reach_the_layers():
    model = make("gapnet", units=64, dropout=0.25)
    assert model.classifier[3].weight.shape == (64, 64)
    assert [model.classifier[place].p for place in (2, 5)] == [0.25, 0.25]
    shares = [layer.p for layer in make("milnet").modules() if isinstance(layer, torch.nn.Dropout)]
    assert shares == [0.2, 0.2, 0.2, 0.2, 0.5]
    assert build_model("fnn", 8, 3, None, None).built_as["tasks"] == 3


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("gapnett", {}, "models.gapnett: there is no such model\nHint: did you mean gapnet?"),
        ("__init__", {}, "no such model\nHint: the models are densenet, fnn"),
        ("gapnet", {"width": 10}, "models.gapnet: images of 520 x 10 pixels are too small"),
        ("gapnet", {"channels": 0}, "models.gapnet: channels is 0, not a number above 0"),
        ("fnn", {"tasks": 2.5}, "models.fnn: tasks is 2.5, not"),
        ("mcnn", {"height": None}, "models.mcnn: height is None, not"),
        ("gapnet", {"units": True}, "models.gapnet.options: units is True, not a whole number"),
        ("gapnet", {"dropout": "0.5"}, "models.gapnet.options: dropout is '0.5', not a number"),
        ("fnn", {"dropout": 1.5}, "models.fnn.options: dropout probability .* 1.5"),
        ("gapnet", {"width_": 9}, "no option width_\nHint: it takes units, dropout"),
        ("resnet", {"depth": 50}, "models.resnet.options: .* depth\nHint: it takes window"),
        ("densenet", {"depth": 50}, "models.densenet.options: .* depth\nHint: it takes none"),
    ],
)
def test_what_cannot_be_built_is_explained(name, arguments, message):
    with pytest.raises(InputError, match=message):
        build_model(name, **arguments)


@pytest.mark.parametrize(
    ("name", "least"),
    [("gapnet", 11), ("sccnn", 27), ("milnet", 135), ("mcnn", 128), ("densenet", 29)],
)
def test_the_smallest_image_is_the_smallest(name, least):
    with torch.device("meta"):
        model = build_model(name, height=least, width=least).eval()
    assert model(torch.empty(1, 5, least, least, device="meta")).shape == (1, 209)
    with pytest.raises(RuntimeError, match="[Oo]utput size is too small"):
        model(torch.empty(1, 5, least, least - 1, device="meta"))
    with pytest.raises(InputError, match=f"must be {least} pixels or more"):
        build_model(name, height=least - 1, width=least)
