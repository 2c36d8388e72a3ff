"""Bring the predictions of all methods into one form, and take the parts of their runs."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from paintassay.core.errors import InputError
from paintassay.core.files import PathLike
from paintassay.core.keys import RUN, WELL
from paintassay.labels.reading import Labels, labels_of
from paintassay.predictions.tables import holds_logits, read_predictions

# Split and replicate.
Run = tuple[int, int]


class Predictions(NamedTuple):
    """Scores of a method, by well or by compound, in one run or several.

    Attributes
    ----------
    keys : pandas.DataFrame
        split, replicate, inchikey (may be missing) and part of each row, and by well plate and
        well; index from 0.
    scores : numpy.ndarray of float, (rows, tasks)
        In the order of the label matrix; NaN where a task is not predicted.
    predicted : numpy.ndarray of bool, (tasks,)
        Which tasks are.
    """

    keys: pd.DataFrame
    scores: np.ndarray
    predicted: np.ndarray


class Part(NamedTuple):
    """One part of a run, sorted by InChIKey; `labels` is 0 also where a task is not predicted."""

    keys: pd.DataFrame
    labels: np.ndarray
    scores: np.ndarray


def read_model(level: str, path: PathLike, split: int, tasks: Sequence[str]) -> Predictions:
    """Read the predictions of a model of this workflow.

    Parameters
    ----------
    level : {"wells", "compounds"}
    path : str or Path
        That file of `predictions.tables.FILES`, or the one of its logits.
    split : int
        Number of its split.
    tasks : list of str
        Columns of the label matrix, in its order.

    Returns
    -------
    Predictions

    Raises
    ------
    InputError
        The file is no such table, has a task that the label matrix does not have, or a score that
        is not a number.
    """
    name = f"{level}_logits" if holds_logits(path) else level
    keys, scores, predicted_tasks = read_predictions(name, path)
    if unknown := set(predicted_tasks) - set(tasks):
        raise InputError(
            path,
            f"task {min(unknown)} is not in the label matrix",
            "the labels have changed since; train and predict again",
        )
    if np.isnan(scores).any():
        row, column = np.argwhere(np.isnan(scores))[0]
        raise InputError(
            path,
            f"the score of {keys['inchikey'][row]} in {predicted_tasks[column]} is not a number",
            "the model has diverged; train it with a lower learning rate",
        )
    names = [*RUN, *(WELL if level == "wells" else []), "inchikey", "part"]
    return Predictions(keys.assign(split=split)[names], *arrange(scores, predicted_tasks, tasks))


def runs_of(keys: pd.DataFrame) -> list[Run]:
    """Distinct runs of the rows, sorted."""
    return sorted(set(zip(keys["split"].tolist(), keys["replicate"].tolist(), strict=True)))


def part_of_run(predictions: Predictions, run: Run, part: str, labels: Labels) -> Part:
    """Take one part of one run, with its labels.

    Parameters
    ----------
    predictions : Predictions
    run : tuple of int
        Split and replicate.
    part : str
        train, validation, test or unlabelled.
    labels : Labels

    Returns
    -------
    Part
        Sorted by InChIKey, so that compounds that two methods share are in the same order.
    """
    keys = predictions.keys
    in_part = (keys["split"] == run[0]) & (keys["replicate"] == run[1]) & (keys["part"] == part)
    order = ["inchikey", *(name for name in WELL if name in keys)]
    keys = keys[in_part].sort_values(order, kind="stable")
    values = labels_of(keys, labels)
    values[:, ~predictions.predicted] = 0
    return Part(keys.reset_index(drop=True), values, predictions.scores[keys.index])


def parts_by_run(predictions: Predictions, labels: Labels) -> dict[Run, Part]:
    """Take the test part of every run.

    Parameters
    ----------
    predictions : Predictions
    labels : Labels

    Returns
    -------
    dict of tuple of int to Part
        By split and replicate.
    """
    runs = runs_of(predictions.keys)
    return {run: part_of_run(predictions, run, "test", labels) for run in runs}


def arrange(
    scores: np.ndarray, predicted_tasks: Sequence[str], tasks: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Bring scores into the order of the label matrix.

    Parameters
    ----------
    scores : numpy.ndarray of float, (rows, len(predicted_tasks))
    predicted_tasks : list of str
        The tasks that they are for.
    tasks : list of str
        All, in the order of the label matrix.

    Returns
    -------
    scores : numpy.ndarray of the same type, (rows, len(tasks))
        NaN where a task is not predicted.
    predicted : numpy.ndarray of bool, (len(tasks),)
        Which tasks are predicted.
    """
    predicted = np.isin(tasks, predicted_tasks)
    if predicted_tasks == tasks:
        return scores, predicted
    arranged = np.full((len(scores), len(tasks)), np.nan, scores.dtype)
    arranged[:, pd.Index(tasks).get_indexer(pd.Index(predicted_tasks))] = scores
    return arranged, predicted
