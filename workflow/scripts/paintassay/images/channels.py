"""Tell stains from transmitted light, by the names of channels."""

import re

# Brightfield, HighZBF and LowZBF as JUMP has them; phase contrast and differential interference
# contrast; names of CellProfiler begin with Orig.
TRANSMITTED_LIGHT = re.compile(
    r"bright.?field|transmitted|transmission|phase|(?<![a-z])dic(?![a-z])|(?<![a-z])(bf|tl)(?![a-z])"
    r"|^origbf",
    re.IGNORECASE,
)


def is_transmitted_light(channel: str) -> bool:
    """Tell whether a channel is transmitted light, such as brightfield, and no fluorescence.

    Parameters
    ----------
    channel : str
        Its name, such as Brightfield or LowZBF.

    Returns
    -------
    bool
    """
    return bool(TRANSMITTED_LIGHT.search(channel)) or channel.endswith("BF")
