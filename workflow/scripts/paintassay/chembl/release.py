"""The name of a ChEMBL release, written one way."""

import re

from paintassay.core.errors import InputError


def release_name(release):
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


def check_release(found, wanted, where):
    """Compare the release that a source reports with the one in the configuration.

    Parameters
    ----------
    found : str
        As the source writes it.
    wanted : int or str
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
        name = release_name(found)
    except ValueError:
        name = found
    if name != release_name(wanted):
        raise InputError(
            where,
            f"holds {name}, but the configuration asks for {release_name(wanted)}",
            "set chembl.release to the release you have, or point to another source",
        )
    return name
