"""Write the name of a ChEMBL release in one way, and compare releases."""

import re

from paintassay.core.errors import InputError
from paintassay.core.files import PathLike


def release_name(release: int | str) -> str:
    """Write a release as ChEMBL's own `version` table does.

    Parameters
    ----------
    release : int or str
        Such as 37, "37", "24_1", "24.1", "chembl_37" or "ChEMBL_37".

    Returns
    -------
    str
        Such as "ChEMBL_37".

    Raises
    ------
    ValueError
        It is none of these forms.
    """
    match = re.fullmatch(r"(?:chembl[_ ]?)?0*(\d+)(?:[._](\d+))?", str(release).strip(), re.I)
    if not match:
        raise ValueError(f"{release!r} is not a ChEMBL release")
    major, minor = match.groups()
    return f"ChEMBL_{int(major):02d}" + (f"_{minor}" if minor else "")


def check_release(reported: str, configured: int | str, where: PathLike) -> str:
    """Compare the release that a source reports with the one in the configuration.

    Parameters
    ----------
    reported : str
        As the source writes it.
    configured : int or str
        The configuration's ``chembl.release``.
    where : str
        The source, for the message.

    Returns
    -------
    str
        The release, as `release_name` writes it.

    Raises
    ------
    InputError
        They differ.
    """
    try:
        name = release_name(reported)
    except ValueError:
        name = reported
    if name != release_name(configured):
        raise InputError(
            where,
            f"holds {name}, but the configuration asks for {release_name(configured)}",
            "set chembl.release to the release you have, or point to another source",
        )
    return name
