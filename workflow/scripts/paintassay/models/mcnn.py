"""Build M-CNN: it looks at one image at seven scales side by side."""

import torch
from torch import nn

from paintassay.models._registry import check_side

INPUT = "views"
FILTERS = (16, 16, 16, 32, 32, 32, 64)
COARSEST = 2 ** (len(FILTERS) - 1)


class MCNN(nn.Module):
    """Three convolutions at each of the scales 1, 2, 4, ..., 64, joined at the coarsest.

    Godinez et al. 2017, doi:10.1093/bioinformatics/btx069, as Hofmarcher et al. 2019 adapted
    it. For 520 x 696 pixels each scale ends with 8 x 10 places, together 208 channels.

    Parameters
    ----------
    channels : int
        Channels of an image.
    tasks : int
        Outputs.
    height, width : int
        Size of an image in pixels, which sets the width of the classifier.
    """

    def __init__(self, channels: int, tasks: int, height: int, width: int) -> None:
        super().__init__()
        self.scales = nn.ModuleList(
            nn.Sequential(
                nn.MaxPool2d(2**power),
                *_convolution(channels, filters),
                *_convolution(filters, filters),
                *_convolution(filters, filters),
                nn.MaxPool2d(COARSEST // 2**power),
            )
            for power, filters in enumerate(FILTERS)
        )
        self.combine = nn.Sequential(
            nn.Conv2d(sum(FILTERS), 1024, 1), nn.ReLU(inplace=True), nn.MaxPool2d(2)
        )
        places = (height // COARSEST // 2) * (width // COARSEST // 2)
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(1024 * places, 512),
            nn.ReLU(inplace=True),
            nn.Linear(512, tasks),
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]  # they have a bias

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits (batch, tasks) of images (batch, channels, height, width)."""
        joined = torch.cat([scale(x) for scale in self.scales], dim=1)
        return self.classifier(self.combine(joined))


def build(channels: int, tasks: int, height: int, width: int) -> MCNN:
    """M-CNN; its arguments are those of `MCNN`.

    Raises
    ------
    InputError
        A side of the image is below 128 pixels, and nothing would be left at the coarsest scale.
    """
    check_side("mcnn", height, width, 2 * COARSEST)
    return MCNN(channels, tasks, height, width)


def _convolution(inputs: int, outputs: int) -> tuple[nn.Conv2d, nn.ReLU]:
    return nn.Conv2d(inputs, outputs, 5, padding=2), nn.ReLU(inplace=True)
