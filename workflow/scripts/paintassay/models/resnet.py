"""Build ResNet-101: MONAI's, with the head of the published network."""

import torch
from monai.networks.nets.resnet import ResNet, resnet101
from torch import nn
from torch.nn import functional

INPUT = "views"


class WindowedAverage(nn.Module):
    """Average every window of a map, and then all windows.

    A place near the centre lies in more windows than one near the border, and so it counts for
    more. Where a map is smaller than the window, the window is as large as the map, and the
    average is the plain one.

    Parameters
    ----------
    window : int
        Side of a window in places. With 1 the average is the plain one.
    """

    def __init__(self, window: int) -> None:
        super().__init__()
        self.window = window

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, channels, height, width) -> (batch, channels, 1, 1)."""
        height, width = x.shape[2:]
        window = min(self.window, height), min(self.window, width)
        return functional.avg_pool2d(x, window, stride=1).mean((2, 3), keepdim=True)

    def extra_repr(self) -> str:
        """What PyTorch shows of the layer."""
        return f"window={self.window}"


def build(channels: int, tasks: int, height: int, width: int, window: int = 7) -> ResNet:
    """ResNet-101: each block of three convolutions learns what to add to its input.

    He et al. 2016, doi:10.1109/CVPR.2016.90: first convolution 7 x 7 with stride 2, four stages
    of 3, 4, 23 and 3 bottlenecks, batch normalisation. MONAI's defaults are for volumes and
    differ in the first convolution and in the bias of the shortcuts. Its head takes the plain
    mean of the last map; that of Hofmarcher et al. 2019 takes the mean of all windows of 7 x 7
    places, which gives another 8 to 14 % on views of 520 x 696 pixels. Weights are drawn anew (He
    et al. 2015); none are downloaded.

    Parameters
    ----------
    channels, tasks : int
        As in `build_model`.
    height, width : int
        Any. With a side of 192 pixels or less the windows are as large as the last map; the
        published network does not take such images.
    window : int
        As in `WindowedAverage`.

    Returns
    -------
    torch.nn.Module
        (batch, channels, height, width) -> (batch, tasks).
    """
    model = resnet101(
        spatial_dims=2,
        n_input_channels=channels,
        num_classes=tasks,
        conv1_t_size=7,
        conv1_t_stride=2,
        bias_downsample=False,
    )
    # It has no parameters, so that the names of the weights stay those of MONAI.
    model.avgpool = WindowedAverage(window)  # type: ignore[assignment]  # of a few named types
    return model
