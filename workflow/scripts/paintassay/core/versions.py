"""Tell the versions of the software that computes a result."""

import platform
from importlib.metadata import version

__version__ = "0.1.0"


def software_versions(*packages: str) -> dict[str, str]:
    """Versions of Python and of installed packages, by name.

    Parameters
    ----------
    *packages : str
        Names as on the Python Package Index.

    Returns
    -------
    dict of str to str
    """
    return {"python": platform.python_version()} | {name: version(name) for name in packages}
