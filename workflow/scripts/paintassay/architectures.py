"""The architectures' own description: layer by layer, as a network runs through them."""

import copy

import pandas as pd
import torch

from paintassay.tables import integer, table_schema, text

ARCHITECTURES = table_schema(
    "Figure S5: the layers of each network, in the order in which they compute. Sums, "
    "concatenations and averages between layers are no rows.",
    ("model", text, "name of the model"),
    ("layer", text, "where the layer stands in the network"),
    ("kind", text, "its class in PyTorch"),
    ("settings", text, "what it was made with"),
    ("output", text, "shape of what it gives for one sample"),
    ("parameters", integer, "its parameters; 0 where it is used again"),
)


def layer_table(model, shape):
    """List the layers of a network.

    Parameters
    ----------
    model : torch.nn.Module
        Stays as it is; nothing is computed or allocated.
    shape : tuple of int
        Of one sample.

    Returns
    -------
    pandas.DataFrame
        Columns of `ARCHITECTURES` but model; a row for each time that a module without parts of
        its own, or with parameters of its own, is used in evaluation.
    """
    tensors = [*model.parameters(), *model.buffers()]
    # A copy with the shapes and none of the values.
    empty = copy.deepcopy(model, {id(tensor): tensor.to("meta") for tensor in tensors}).eval()
    rows, counted = [], set()

    def note(name, module, output):
        own = [weight for weight in module.parameters(recurse=False) if id(weight) not in counted]
        counted.update(map(id, own))
        shapes = [output] if torch.is_tensor(output) else output
        rows.append(
            {
                "layer": name or "(the network)",
                "kind": type(module).__name__,
                "settings": module.extra_repr(),
                "output": "; ".join(" x ".join(map(str, each.shape[1:])) for each in shapes),
                "parameters": sum(weight.numel() for weight in own),
            }
        )

    for name, module in empty.named_modules():
        if not list(module.children()) or list(module.parameters(recurse=False)):
            module.register_forward_hook(
                lambda module, _, output, name=name: note(name, module, output)
            )
    with torch.no_grad():
        empty(torch.empty(1, *shape, device="meta"))
    return pd.DataFrame(rows, columns=ARCHITECTURES.names[1:])
