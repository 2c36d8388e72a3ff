"""Check names that become parts of paths, where they are read."""

import re

from paintassay.core.errors import InputError

# What a path or Snakemake would take for something else: folders, wildcards, path variables.
FORBIDDEN = re.compile(r"[/\\{}<>\x00-\x1f\x7f]")
# Bytes; endings follow, and a file's name may have 255.
LONGEST = 200


def check_name(name: str, what: str, where: str) -> None:
    """Refuse a name that cannot be a part of a path.

    Parameters
    ----------
    name : str
    what : str
        What it names, such as "plate".
    where : str
        The file, and the line or row, where the name stands.

    Raises
    ------
    InputError
    """
    if problem := name_problem(name):
        hint = f"files are named after each {what}: give it another name, in all of your tables"
        if "/" in name:
            hint = (
                f"files are named after each {what}; if this is a batch and a plate, join them by "
                f"an underscore ({name.replace('/', '_')}), in all of your tables"
            )
        raise InputError(where, f"{what} {name!r} {problem}", hint)


def name_problem(name: str) -> str | None:
    """Say why a name cannot be a part of a path; None if it can."""
    if not name.strip():
        return "is empty"
    if sign := FORBIDDEN.search(name):
        return f"has the character {sign[0]!r}, which no file name may have here"
    if name in (".", ".."):
        return "is the name of a folder"
    if name != name.strip():
        return "begins or ends with a blank"
    if len(name.encode()) > LONGEST:
        return f"has {len(name.encode())} bytes, more than {LONGEST}"
    return None
