"""Make errors that users can read: where, what is wrong, and what to do about it."""

import errno
import os

from paintassay.core.secrets import mask

PathLike = str | os.PathLike[str]

_AGAIN = "then run the same command again: it goes on where it stopped"
# Why nothing can be written, and what to do about it.
REFUSALS = {
    errno.ENOSPC: ("the disk is full", f"make room, {_AGAIN}"),
    errno.EDQUOT: ("your quota of this disk is used up", f"make room, {_AGAIN}"),
    errno.EROFS: ("the file system is read-only", f"make it writable, {_AGAIN}"),
    errno.EACCES: ("permission denied", f"make the folder yours to write, {_AGAIN}"),
    errno.EPERM: ("permission denied", f"make the folder yours to write, {_AGAIN}"),
}
# Those of them that writing alone can raise.
NO_MORE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


class InputError(ValueError):
    """Something given to the program cannot be used.

    Parameters
    ----------
    where : str
        The file, and where it helps the line, column or key.
    problem : str
        What is wrong, with the offending value.
    hint : str, optional
        What to do about it.
    """

    def __init__(self, where: PathLike, problem: str, hint: str | None = None) -> None:
        self.where, self.problem = mask(str(where)), mask(problem)
        self.hint = None if hint is None else mask(hint)
        message = f"{self.where}: {self.problem}"
        super().__init__(f"{message}\nHint: {self.hint}" if hint else message)

    def __reduce__(self) -> tuple[type["InputError"], tuple[str, str, str | None]]:
        # So that the error comes back from a worker process with all its parts.
        return type(self), (self.where, self.problem, self.hint)


def refusal(error: Exception | None, path: PathLike) -> InputError | None:
    """Explain to people why a file cannot be written.

    Parameters
    ----------
    error : Exception or None
    path : str or Path
        The file.

    Returns
    -------
    InputError or None
        None if the error is of another kind.
    """
    if isinstance(error, OSError) and error.errno in REFUSALS:
        problem, hint = REFUSALS[error.errno]
        return InputError(path, f"cannot be written: {problem}", hint)
    return None
