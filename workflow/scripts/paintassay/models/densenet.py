"""Build DenseNet-121, as MONAI has it."""

from monai.networks.nets.densenet import DenseNet121

from paintassay.models._registry import check_side

INPUT = "views"


def build(channels: int, tasks: int, height: int, width: int) -> DenseNet121:
    """DenseNet-121: every layer sees all the layers before it in its block.

    Huang et al. 2017, doi:10.1109/CVPR.2017.243: growth rate 32, four blocks of 6, 12, 24 and
    16 layers, batch normalisation. Weights are drawn anew (He et al. 2015); none are downloaded.

    Parameters
    ----------
    channels, tasks, height, width : int
        As in `build_model`.

    Returns
    -------
    torch.nn.Module
        (batch, channels, height, width) -> (batch, tasks).

    Raises
    ------
    InputError
        A side of the image is below 29 pixels.
    """
    check_side("densenet", height, width, 29)
    return DenseNet121(spatial_dims=2, in_channels=channels, out_channels=tasks)
