"""Build MIL-Net: multiple instance learning, with an image as a bag of places."""

import torch
from torch import nn

from paintassay.models._registry import check_side

INPUT = "views"
STEEPNESS = 10
# Arguments of a logarithm are cut off here: below, its gradient 1 / x would leave float32's range.
SMALLEST = 1e-30


class MILNet(nn.Module):
    """Fully convolutional network whose places vote on each task by a noisy-AND.

    Kraus, Ba and Frey 2016, doi:10.1093/bioinformatics/btw252, as Hofmarcher et al. 2019
    adapted it: a = 10, a learned threshold for each task, and a linear layer behind. For
    520 x 696 pixels there are 13 x 18 places.

    In training mode `forward` returns two logits, and both get the loss: that of the linear
    layer, and that of the pooled probability. The authors' code treats the pooled probability
    as a logit; here it is treated as a probability.

    Parameters
    ----------
    channels : int
        Channels of an image.
    tasks : int
        Outputs.
    """

    def __init__(self, channels: int, tasks: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.AvgPool2d(3, stride=2),
            *_convolution(channels, 32, 3),
            *_convolution(32, 64, 3),
            *_pool(),
            *_convolution(64, 64, 5),
            *_pool(),
            *_convolution(64, 128, 3),
            *_pool(),
            *_convolution(128, 128, 3),
            *_pool(),
            *_convolution(128, 1000, 1),
            nn.Dropout(0.5),
            nn.Conv2d(1000, tasks, 1),
        )
        self.thresholds = nn.Parameter(torch.full((tasks,), 0.1))
        self.classifier = nn.Linear(tasks, tasks)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.xavier_normal_(module.weight)
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]  # they have a bias

    def forward(self, x: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
        """Logits (batch, tasks) of images (batch, channels, height, width); two in training."""
        pooled = noisy_and(self.features(x), self.thresholds)
        final = self.classifier(torch.sigmoid(pooled))
        return (final, pooled) if self.training else final


def noisy_and(
    logits: torch.Tensor, thresholds: torch.Tensor, steepness: float = STEEPNESS
) -> torch.Tensor:
    """Pool the places of an image into one logit for each task.

    With the mean probability m over the places, threshold b, steepness a and the logistic
    function s, the pooled probability is (Kraus et al. 2016)

        p = (s(a (m - b)) - s(-a b)) / (s(a (1 - b)) - s(-a b)).

    As s(x) - s(y) = sinh((x - y) / 2) / (2 cosh(x / 2) cosh(y / 2)), its logit is

        log sinh(a m / 2) - log sinh(a (1 - m) / 2) + log cosh(a (1 - b) / 2) - log cosh(a b / 2),

    which loses no digits and keeps its gradient where p is nearly 0 or 1, or b is far from both.

    Parameters
    ----------
    logits : torch.Tensor, (batch, tasks, height, width)
    thresholds : torch.Tensor, (tasks,)
    steepness : float

    Returns
    -------
    torch.Tensor, float32, (batch, tasks)
        Logit of the pooled probability, always finite.
    """
    logits, half = logits.float(), steepness / 2
    # 1 - m is a mean of its own, because near 1 a difference would have no digits left.
    mean, rest = torch.sigmoid(logits).mean((2, 3)), torch.sigmoid(-logits).mean((2, 3))
    odds = _log_sinh(half * mean) - _log_sinh(half * rest)
    return odds + _log_cosh(half * (1 - thresholds)) - _log_cosh(half * thresholds)


def build(channels: int, tasks: int, height: int, width: int) -> MILNet:
    """MIL-Net; its arguments are those of `MILNet`.

    Raises
    ------
    InputError
        A side of the image is below 135 pixels, and no place would be left.
    """
    check_side("milnet", height, width, 135)
    return MILNet(channels, tasks)


def _convolution(inputs: int, outputs: int, size: int) -> tuple[nn.Conv2d, nn.ReLU]:
    return nn.Conv2d(inputs, outputs, size), nn.ReLU(inplace=True)


def _pool() -> tuple[nn.MaxPool2d, nn.Dropout]:
    return nn.MaxPool2d(3, stride=2), nn.Dropout(0.2)


def _log_sinh(x: torch.Tensor) -> torch.Tensor:
    """Logarithm of 2 sinh(x), for x >= 0."""
    x = x.clamp_min(SMALLEST)
    return x + torch.log(-torch.expm1(-2 * x))


def _log_cosh(x: torch.Tensor) -> torch.Tensor:
    """Logarithm of 2 cosh(x)."""
    return torch.logaddexp(x, -x)
