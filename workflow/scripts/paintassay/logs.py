"""Logging of a job: progress and errors into the job's own log file and onto the screen."""

import logging
import sys
from contextlib import contextmanager
from pathlib import Path

from paintassay.errors import InputError
from paintassay.files import NO_MORE, refusal
from paintassay.orphans import alone


@contextmanager
def logged_to(path):
    """Log everything that happens inside to a file, errors with their traceback.

    An `InputError` is the user's to mend: its message goes to the screen alone, the traceback
    to the file. So is a disk that is full or read-only. Either way the process ends with exit
    status 1. While an earlier process of the same job is still at work, this waits.

    Parameters
    ----------
    path : str or Path
        The log file, started anew.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    to_file = logging.FileHandler(path, mode="w", encoding="utf-8")
    to_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    root.addHandler(to_file)
    logging.captureWarnings(True)
    try:
        with alone(path):
            yield
    except Exception as error:
        logging.exception("failed")
        if isinstance(error, OSError) and error.errno in NO_MORE:
            error = refusal(error, error.filename or "a result")
        if isinstance(error, InputError):
            # The traceback is for us; what the user needs comes last, where people look.
            logging.error("%s", error)
            sys.exit(f"Error: {error}")
        raise
    finally:
        root.removeHandler(to_file)
        to_file.close()
