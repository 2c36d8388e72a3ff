"""The description of the networks: all layers, in their order, with all parameters."""

import pytest
import torch
from torch import nn

from paintassay.core.tables import conform
from paintassay.models._registry import build_model
from paintassay.training.description import layer_table
from paintassay.training.tables import ARCHITECTURES


# Parameters: Hofmarcher et al. 2019, Table 3.
@pytest.mark.parametrize(("name", "parameters"), [("gapnet", 3_694_545), ("milnet", 726_180)])
def test_layers_have_all_parameters_of_the_paper(name, parameters):
    model = build_model(name)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    table = layer_table(model, (5, 520, 696))
    conform(table.assign(model=name), ARCHITECTURES)
    assert table["parameters"].sum() == parameters
    assert table["output"].iloc[-1] == "209"
    after = model.state_dict()
    assert all(torch.equal(value, after[key]) for key, value in before.items())
    assert not any(module._forward_hooks for module in model.modules())


def test_blocks_of_gapnet_are_those_of_the_paper():
    table = layer_table(build_model("gapnet"), (5, 520, 696)).set_index("layer")
    # Hofmarcher et al. 2019, Figure 3: filters of the blocks, dilations of the last.
    convolutions = table[table["kind"] == "Conv2d"]
    filters = [int(output.split()[0]) for output in convolutions["output"]]
    assert filters == [32, 64, 64, 64, 128, 128, 128, 256, 256, 256]
    assert "dilation=(4, 4)" in table["settings"]["block4.4"]
    assert table["output"]["block1.0"] == "32 x 260 x 348"
    assert "in_features=480" in table["settings"]["classifier.0"]


def test_a_layer_that_is_used_twice_counts_once():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 4)
            self.scale = nn.Parameter(torch.ones(3))

        def forward(self, x):
            return self.layer(self.layer(x)) * self.scale[0]

    table = layer_table(Twice(), (4,))
    assert list(table["layer"]) == ["layer", "layer", "(the network)"]
    assert list(table["parameters"]) == [20, 0, 3]
