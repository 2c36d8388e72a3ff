"""Build ResNet-101, as MONAI has it."""

from monai.networks.nets.resnet import ResNet, resnet101

INPUT = "views"


def build(channels: int, tasks: int, height: int, width: int) -> ResNet:
    """ResNet-101: each block of three convolutions learns what to add to its input.

    He et al. 2016, doi:10.1109/CVPR.2016.90: first convolution 7 x 7 with stride 2, four stages
    of 3, 4, 23 and 3 bottlenecks, batch normalisation. MONAI's defaults are for volumes and
    differ in the first convolution and in the bias of the shortcuts. Weights are drawn anew
    (He et al. 2015); none are downloaded.

    Parameters
    ----------
    channels, tasks : int
        As in `build_model`.
    height, width : int
        Any.

    Returns
    -------
    torch.nn.Module
        (batch, channels, height, width) -> (batch, tasks).
    """
    return resnet101(
        spatial_dims=2,
        n_input_channels=channels,
        num_classes=tasks,
        conv1_t_size=7,
        conv1_t_stride=2,
        bias_downsample=False,
    )
