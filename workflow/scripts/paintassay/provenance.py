"""What produced a result: the versions of what computed it."""

import platform
from importlib.metadata import version


def software_versions(*packages):
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
