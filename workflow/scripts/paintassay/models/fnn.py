"""Build the FNN, a fully connected network on features computed beforehand."""

from torch import nn

INPUT = "features"


def build(
    channels: int,
    tasks: int,
    height: int,
    width: int,
    units: int = 2048,
    input_dropout: float = 0.1,
    dropout: float = 0.5,
) -> nn.Sequential:
    """Three hidden layers of rectified linear units with dropout.

    The baseline of Hofmarcher et al. 2019, doi:10.1021/acs.jcim.8b00670, after the deep networks
    on image features of Simm et al. 2018, doi:10.1016/j.chembiol.2018.01.015. Weights by Glorot
    and Bengio 2010 (normal), biases 0.

    Parameters
    ----------
    channels : int
        Features of a sample.
    tasks : int
        Outputs.
    height, width
        Without effect: features have no place in an image.
    units : int
        Width of a hidden layer.
    input_dropout, dropout : float
        Share removed from the features, and behind each hidden layer.

    Returns
    -------
    torch.nn.Module
        (batch, channels) -> (batch, tasks).
    """
    layers: list[nn.Module] = [nn.Dropout(input_dropout)]
    for inputs in (channels, units, units):
        layers += [nn.Linear(inputs, units), nn.ReLU(inplace=True), nn.Dropout(dropout)]
    layers.append(nn.Linear(units, tasks))
    for layer in layers:
        if isinstance(layer, nn.Linear):
            nn.init.xavier_normal_(layer.weight)
            nn.init.zeros_(layer.bias)
    return nn.Sequential(*layers)
