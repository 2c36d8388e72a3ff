"""Costs of models: arithmetic counted by hand, times summarised by hand."""

import pandas as pd
import pytest
import torch
from torch import nn

from paintassay.core.tables import conform
from paintassay.models._registry import build_model
from paintassay.training.description import (
    TrainingCost,
    cost_table,
    count_macs,
    count_parameters,
)
from paintassay.training.tables import COSTS


def test_arithmetic_and_parameters_by_hand():
    model = nn.Sequential(
        nn.Conv2d(3, 8, 5, stride=2, padding=2),
        nn.Flatten(),
        nn.Linear(8 * 50, 7),
        # Refuses a single sample in training.
        nn.BatchNorm1d(7),
    )
    # 5 x 10 places of 8 filters over 3 channels of 5 x 5, then 400 inputs to 7 outputs.
    assert count_macs(model, (3, 10, 20)) == 50 * 8 * 3 * 25 + 400 * 7
    assert count_parameters(model) == (3 * 25 + 1) * 8 + 401 * 7 + 2 * 7
    model[0].requires_grad_(False)
    assert count_parameters(model) == 401 * 7 + 2 * 7


def test_counting_leaves_the_model_alone():
    model = build_model("milnet", tasks=3, height=150, width=150).train()
    model.features[0].eval()
    before = {name: (id(tensor), tensor.clone()) for name, tensor in model.named_parameters()}
    modes = [module.training for module in model.modules()]
    generator = torch.get_rng_state()
    # Not the size it was made for; so large that computing it would not go unnoticed.
    assert count_macs(model, (5, 20_000, 20_000)) > 1e12
    assert [module.training for module in model.modules()] == modes
    assert torch.equal(torch.get_rng_state(), generator)
    for name, tensor in model.named_parameters():
        assert id(tensor) == before[name][0]
        assert torch.equal(tensor, before[name][1])


def cost_of(model, training_seconds, samples=100, memory=None, device="cpu", first_epoch=1):
    epochs = len(training_seconds)
    timing = pd.DataFrame(
        {
            "epoch": range(first_epoch, first_epoch + epochs),
            "training_seconds": training_seconds,
            "validation_seconds": 5.0,
            "samples": samples,
            "peak_memory_mb": memory or [None] * epochs,
            "device": device,
        }
    )
    return TrainingCost(model, parameters=10, gmacs=0.5, timing=timing)


def test_costs_are_medians_without_the_first_epoch():
    costs = [
        cost_of("mcnn", [90.0, 2.0, 4.0], memory=[100.0, 300.0, 200.0], device="NVIDIA H100"),
        cost_of("fnn", [8.0], samples=16),
        cost_of("mcnn", [80.0, 10.0], samples=50, memory=[700.0, 10.0], device="NVIDIA A100"),
    ]
    table = cost_table(costs)
    assert table.to_dict("records")[0] == {
        "model": "mcnn",
        "parameters": 10,
        "gmacs": 0.5,
        # Of 2, 4 and 10 seconds; of 50, 25 and 5 samples a second.
        "seconds_per_epoch": 4.0,
        "samples_per_second": 25.0,
        "peak_memory_mb": 700.0,
        "device": "NVIDIA A100;NVIDIA H100",
    }
    written = conform(table, COSTS).to_pylist()
    assert [row["model"] for row in written] == ["mcnn", "fnn"]
    assert (written[1]["seconds_per_epoch"], written[1]["samples_per_second"]) == (8.0, 2.0)
    assert written[1]["peak_memory_mb"] is None


def test_a_model_that_was_not_trained_has_no_times():
    (row,) = conform(cost_table([cost_of("gapnet", [])]), COSTS).to_pylist()
    assert (row["model"], row["parameters"]) == ("gapnet", 10)
    measured = ("seconds_per_epoch", "samples_per_second", "peak_memory_mb", "device")
    assert [row[name] for name in measured] == [None] * 4
    assert list(cost_table([]).columns) == COSTS.names


@pytest.mark.parametrize("count", [1, 3])
def test_shared_weights_count_once(count):
    layer = nn.Linear(4, 4, bias=False)
    model = nn.Sequential(*[layer] * count)
    assert count_parameters(model) == 16
    assert count_macs(model, (4,)) == 16 * count
