"""The files of the models, read without PyTorch: planning a workflow must not need it."""

import ast
from pathlib import Path

from paintassay.errors import InputError

INPUTS = ("views", "cells", "features")


def model_files():
    """Files of the models by name, sorted: every module of `paintassay.models` is one.

    Returns
    -------
    dict of str to Path
    """
    folder = Path(__file__).parent / "models"
    return {path.stem: path for path in sorted(folder.glob("[a-z]*.py"))}


def model_input(path):
    """Read from a model's file what its samples are.

    Parameters
    ----------
    path : Path

    Returns
    -------
    str
        Its constant INPUT: views, cells or features.

    Raises
    ------
    InputError
        The file does not say.
    """
    for node in ast.parse(path.read_text(encoding="utf-8"), filename=str(path)).body:
        match node:
            case ast.Assign([ast.Name("INPUT")], ast.Constant(value)) if value in INPUTS:
                return value
    raise InputError(path, "does not say what its samples are", f"INPUT = one of {INPUTS}")
