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
