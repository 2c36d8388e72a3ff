"""Build SC-CNN: GapNet for small squares around single cells."""

from paintassay.models._registry import check_side
from paintassay.models.gapnet import GapNet

INPUT = "cells"


def build(
    channels: int,
    tasks: int,
    height: int,
    width: int,
    units: int = 1024,
    dropout: float = 0.0,
) -> GapNet:
    """GapNet without dilation, for crops of 96 x 96 pixels.

    Hofmarcher et al. 2019, doi:10.1021/acs.jcim.8b00670, Methods: a wide receptive field does
    harm on such small images. As in the authors' code, the pooling of block 2 has no padding
    either: without it the multiply-accumulates are those published, with it 10 % more. The blocks
    end with (32, 24, 24), (64, 6, 6), (128, 3, 3) and (256, 3, 3).

    Parameters
    ----------
    channels, tasks, units, dropout
        As in `gapnet.GapNet`.
    height, width : int
        Size of a crop in pixels.

    Raises
    ------
    InputError
        A side of the crop is below 27 pixels.
    """
    check_side("sccnn", height, width, 27)
    return GapNet(channels, tasks, units, dropout, dilations=(1, 1, 1), pool_padding=0)
