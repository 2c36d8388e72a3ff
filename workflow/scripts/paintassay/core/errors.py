"""The one error that users are meant to read."""


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

    def __init__(self, where, problem, hint=None):
        self.where, self.problem, self.hint = str(where), problem, hint
        message = f"{where}: {problem}"
        super().__init__(f"{message}\nHint: {hint}" if hint else message)

    def __reduce__(self):
        # Lets the error travel back whole from a worker process.
        return type(self), (self.where, self.problem, self.hint)


def separator_hint(columns):
    """What to do about a header that has one column only because its separator is another.

    Parameters
    ----------
    columns : list of str
        The columns as they were read, with commas as separators.

    Returns
    -------
    str or None
        None if the header looks right.
    """
    for mark, name in ((";", "semicolons"), ("\t", "tabs")):
        if len(columns) == 1 and mark in columns[0]:
            return f"its columns are separated by {name}; save it with commas"
    return None
