"""Build GapNet: it averages every level of abstraction, whatever the size of the image."""

import torch
from torch import nn

from paintassay.models._registry import check_side

INPUT = "views"


class GapNet(nn.Module):
    """Convolutional network whose classifier sees the global average of each of four blocks.

    Hofmarcher et al. 2019, doi:10.1021/acs.jcim.8b00670, Fig. 3. SELU throughout (Klambauer et
    al. 2017). The names of the parameters are those of the published weights. For 5 channels of
    520 x 696 pixels the blocks end with (32, 130, 174), (64, 33, 44), (128, 16, 22) and
    (256, 16, 22); the classifier sees 480 averages.

    Parameters
    ----------
    channels : int
        Channels of an image.
    tasks : int
        Outputs.
    units : int
        Width of the two hidden layers of the classifier.
    dropout : float
        Share that alpha dropout removes behind each of them.
    dilations : tuple of int
        Those of the three convolutions of block 4.
    pool_padding : int
        That of the pooling of block 2.
    """

    def __init__(
        self,
        channels: int,
        tasks: int,
        units: int,
        dropout: float,
        dilations: tuple[int, int, int] = (2, 2, 4),
        pool_padding: int = 1,
    ) -> None:
        super().__init__()
        self.block1 = nn.Sequential(*_convolution(channels, 32, stride=2), nn.MaxPool2d(2))
        self.block2 = nn.Sequential(
            *_convolution(32, 64, stride=2),
            *_convolution(64, 64),
            *_convolution(64, 64),
            nn.MaxPool2d(2, padding=pool_padding),
        )
        self.block3 = nn.Sequential(
            *_convolution(64, 128),
            *_convolution(128, 128),
            *_convolution(128, 128),
            nn.MaxPool2d(2),
        )
        self.block4 = nn.Sequential(
            *_convolution(128, 256, dilation=dilations[0]),
            *_convolution(256, 256, dilation=dilations[1]),
            *_convolution(256, 256, dilation=dilations[2]),
        )
        self.classifier = nn.Sequential(
            nn.Linear(32 + 64 + 128 + 256, units),
            nn.SELU(inplace=True),
            nn.AlphaDropout(dropout),
            nn.Linear(units, units),
            nn.SELU(inplace=True),
            nn.AlphaDropout(dropout),
            nn.Linear(units, tasks),
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                fan_in = module.weight[0].numel()
                nn.init.normal_(module.weight, std=fan_in**-0.5)
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]  # they have a bias

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits (batch, tasks) of images (batch, channels, height, width)."""
        averages = []
        for block in (self.block1, self.block2, self.block3, self.block4):
            x = block(x)
            averages.append(x.mean((2, 3)))
        return self.classifier(torch.cat(averages, dim=1))


def build(
    channels: int,
    tasks: int,
    height: int,
    width: int,
    units: int = 1024,
    dropout: float = 0.0,
) -> GapNet:
    """GapNet as published; its arguments are those of `GapNet`.

    Raises
    ------
    InputError
        A side of the image is below 11 pixels.
    """
    check_side("gapnet", height, width, 11)
    return GapNet(channels, tasks, units, dropout)


def _convolution(
    inputs: int, outputs: int, stride: int = 1, dilation: int = 1
) -> tuple[nn.Conv2d, nn.SELU]:
    convolution = nn.Conv2d(inputs, outputs, 3, stride, padding=dilation, dilation=dilation)
    return convolution, nn.SELU(inplace=True)
