"""Predictions to compare, in one form; and those of this workflow's models in it."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from paintassay.core.errors import InputError
from paintassay.core.keys import RUN, WELL
from paintassay.labels.reading import labels_of
from paintassay.predictions.tables import read_predictions


class Predictions(NamedTuple):
    """Scores of a method, by well or by compound, in one run or several.

    Attributes
    ----------
    keys : pandas.DataFrame
        split, replicate, inchikey (may be missing) and part of each row, and by well plate and
        well; index from 0.
    scores : numpy.ndarray of float32, (rows, tasks)
        In the order of the label matrix; NaN where a task is not predicted.
    predicted : numpy.ndarray of bool, (tasks,)
        Which tasks are.
    """

    keys: pd.DataFrame
    scores: np.ndarray
    predicted: np.ndarray


class Part(NamedTuple):
    """One part of a run, sorted by InChIKey: `labels` is 0 where a task is not predicted, too."""

    keys: pd.DataFrame
    labels: np.ndarray
    scores: np.ndarray


def read_model(level, path, split, tasks):
    """Read the predictions of a model of this workflow.

    Parameters
    ----------
    level : {"wells", "compounds"}
    path : str or Path
        That file of `predictions.tables.FILES`.
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
    keys, scores, found = read_predictions(level, path)
    if unknown := set(found) - set(tasks):
        raise InputError(
            path,
            f"task {min(unknown)} is not in the label matrix",
            "the labels have changed since; train and predict again",
        )
    if np.isnan(scores).any():
        row, column = np.argwhere(np.isnan(scores))[0]
        raise InputError(
            path,
            f"the score of {keys['inchikey'][row]} in {found[column]} is not a number",
            "the network has diverged; train it with a lower learning rate",
        )
    names = [*RUN, *(WELL if level == "wells" else []), "inchikey", "part"]
    return Predictions(keys.assign(split=split)[names], *arrange(scores, found, tasks))


def runs_of(keys):
    """Distinct (split, replicate) of the rows, sorted, as tuples of int."""
    return sorted(set(zip(keys["split"].tolist(), keys["replicate"].tolist(), strict=True)))


def part_of_run(predictions, run, part, labels):
    """Take one part of one run, with its labels.

    Parameters
    ----------
    predictions : Predictions
    run : tuple of int
        split and replicate.
    part : str
        train, validation, test or unlabelled.
    labels : samples.Labels

    Returns
    -------
    Part
        The same compounds in the same order for every method, as far as both have them.
    """
    keys = predictions.keys
    chosen = (keys["split"] == run[0]) & (keys["replicate"] == run[1]) & (keys["part"] == part)
    order = ["inchikey", *(name for name in WELL if name in keys)]
    keys = keys[chosen].sort_values(order, kind="stable")
    values = labels_of(keys, labels)
    values[:, ~predictions.predicted] = 0
    return Part(keys.reset_index(drop=True), values, predictions.scores[keys.index])


def parts_by_run(predictions, labels):
    """Take the test part of every run.

    Parameters
    ----------
    predictions : Predictions
    labels : samples.Labels

    Returns
    -------
    dict of tuple of int to Part
        By split and replicate.
    """
    runs = runs_of(predictions.keys)
    return {run: part_of_run(predictions, run, "test", labels) for run in runs}


def arrange(scores, found, tasks):
    """Bring scores into the order of the label matrix.

    Parameters
    ----------
    scores : numpy.ndarray of float32, (rows, len(found))
    found : list of str
        The tasks that are there.
    tasks : list of str
        All, in the order of the label matrix.

    Returns
    -------
    scores : numpy.ndarray of float32, (rows, len(tasks))
        NaN where a task is not there.
    predicted : numpy.ndarray of bool, (len(tasks),)
        Which are.
    """
    predicted = np.isin(tasks, found)
    if found == tasks:
        return scores, predicted
    arranged = np.full((len(scores), len(tasks)), np.nan, np.float32)
    arranged[:, pd.Index(tasks).get_indexer(found)] = scores
    return arranged, predicted
