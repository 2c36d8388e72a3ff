"""How well the runs of a method predict each task."""

import numpy as np
import pandas as pd

from paintassay.core.errors import InputError
from paintassay.metrics import measures
from paintassay.metrics.measures import task_auc
from paintassay.statistics import methods
from paintassay.statistics.tables import EXCLUDED, METRICS


def measure_tasks(labels, predicted, thresholds):
    """All measures of each task.

    Parameters
    ----------
    labels : array_like, (samples, tasks)
        +1 active, -1 inactive, 0 missing.
    predicted : array_like of float, (samples, tasks)
        Scores in [0, 1], higher for active.
    thresholds : array_like of float, (tasks,)
        For f1_best, found on other samples by `metrics.measures.best_thresholds`; NaN for none.

    Returns
    -------
    pandas.DataFrame
        A row a task: the columns of `statistics.tables.METRICS` from actives on; NaN for a task
        without both classes.

    Raises
    ------
    ValueError
        As `task_auc`.
    """
    actives, inactives = measures.count_labels(labels)
    return pd.DataFrame(
        {
            "actives": actives,
            "inactives": inactives,
            "auc": task_auc(labels, predicted),
            "average_precision": measures.average_precision(labels, predicted),
            "f1": measures.f1_score(labels, predicted),
            "f1_best": measures.f1_score(labels, predicted, thresholds),
            "decision_threshold": thresholds,
            "balanced_accuracy": measures.balanced_accuracy(labels, predicted),
            "enrichment_1": measures.enrichment_factor(labels, predicted, 0.01),
            "enrichment_5": measures.enrichment_factor(labels, predicted, 0.05),
        }
    )


def score_runs(method, level, predictions, labels):
    """Measure every run of a method on the test part.

    Parameters
    ----------
    method : str
    level : {"wells", "compounds"}
    predictions : methods.Predictions
        At that level.
    labels : samples.Labels

    Returns
    -------
    metrics : pandas.DataFrame
        Columns of `statistics.tables.METRICS`; a row a run and task that the method predicts.
    excluded : pandas.DataFrame
        Columns of `statistics.tables.EXCLUDED`.

    Raises
    ------
    InputError
        A run has nothing in the test part.
    """
    metrics, excluded = [], []
    tasks = np.array(labels.tasks, dtype=object)
    for run in methods.runs_of(predictions.keys):
        test, validation = (
            methods.part_of_run(predictions, run, part, labels) for part in ("test", "validation")
        )
        if test.keys.empty:
            raise InputError(
                f"predictions of {method}",
                f"split {run[0]}, replicate {run[1]} has none of the test part",
                "predict it; for models of the workflow add test to predictions.parts",
            )
        thresholds = measures.best_thresholds(validation.labels, validation.scores)
        measured = measure_tasks(test.labels, test.scores, thresholds)
        reasons = _reasons(measured, predictions.predicted, validation)
        place = {"method": method, "split": run[0], "replicate": run[1], "level": level}
        listed = reasons.notna()
        metrics.append(measured.assign(task=tasks, **place)[predictions.predicted])
        excluded.append(pd.DataFrame({**place, "task": tasks, "reason": reasons})[listed])
    return tuple(
        pd.concat(rows, ignore_index=True)[schema.names]
        for rows, schema in (
            (metrics, METRICS),
            (excluded, EXCLUDED),
        )
    )


def _reasons(measured, predicted, validation):
    """Why a task is not evaluable, or has no threshold; missing where neither is so."""
    found = measures.count_labels(validation.labels)
    absent = _absent_classes(measured["actives"], measured["inactives"])
    unlearnt = _absent_classes(*(pd.Series(count) for count in found))
    threshold = "no threshold for f1_best: the validation part has " + unlearnt
    if validation.keys.empty:
        threshold[:] = "no threshold for f1_best: the validation part is not predicted"
    reasons = ("the test part has " + absent).fillna(threshold)
    return reasons.where(predicted, "not predicted")


def _absent_classes(actives, inactives):
    """What a task lacks, in words; missing where it lacks nothing."""
    words = pd.Series(None, actives.index, dtype="object")
    words[actives == 0] = "no active sample"
    words[inactives == 0] = "no inactive sample"
    words[(actives == 0) & (inactives == 0)] = "no labelled sample"
    return words
