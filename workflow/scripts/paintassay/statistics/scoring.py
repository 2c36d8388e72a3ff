"""Measure how well the runs of a method predict each task."""

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit

from paintassay.core.errors import InputError
from paintassay.labels.reading import Labels
from paintassay.metrics import measures
from paintassay.metrics.measures import task_auc
from paintassay.statistics import methods
from paintassay.statistics.tables import EXCLUDED, METRICS


def measure_tasks(
    labels: npt.ArrayLike, scores: npt.ArrayLike, thresholds: npt.ArrayLike, middle: float = 0.5
) -> pd.DataFrame:
    """All measures of each task.

    Parameters
    ----------
    labels : array_like, (samples, tasks)
        +1 active, -1 inactive, 0 missing.
    scores : array_like of float, (samples, tasks)
        Higher for active: in [0, 1], or logits.
    thresholds : array_like of float, (tasks,)
        For f1_best, found on other samples by `metrics.measures.best_thresholds`; NaN for none.
    middle : float
        Score from which on f1 and balanced_accuracy call a sample active: 0 for logits.

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
            "auc": task_auc(labels, scores),
            "average_precision": measures.average_precision(labels, scores),
            "f1": measures.f1_score(labels, scores, middle),
            "f1_best": measures.f1_score(labels, scores, thresholds),
            "decision_threshold": thresholds,
            "balanced_accuracy": measures.balanced_accuracy(labels, scores, middle),
            "enrichment_1": measures.enrichment_factor(labels, scores, 0.01),
            "enrichment_5": measures.enrichment_factor(labels, scores, 0.05),
        }
    )


def score_runs(
    method: str,
    level: str,
    predictions: methods.Predictions,
    labels: Labels,
    logits: bool = False,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Measure every run of a method on the test part.

    Parameters
    ----------
    method : str
    level : {"wells", "compounds"}
    predictions : methods.Predictions
        At that level.
    labels : Labels
    logits : bool
        Whether the scores are logits, and not in [0, 1].

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
        test_part, validation_part = (
            methods.part_of_run(predictions, run, part, labels) for part in ("test", "validation")
        )
        if test_part.keys.empty:
            raise InputError(
                f"predictions of {method}",
                f"split {run[0]}, replicate {run[1]} has none of the test part",
                "predict it; for models of the workflow add test to predictions.parts",
            )
        thresholds = measures.best_thresholds(validation_part.labels, validation_part.scores)
        middle = 0.0 if logits else 0.5
        measured = measure_tasks(test_part.labels, test_part.scores, thresholds, middle)
        if logits:
            measured["decision_threshold"] = expit(thresholds)
        reasons = _reasons(measured, predictions.predicted, validation_part)
        place: dict[str, str | int] = {
            "method": method,
            "split": run[0],
            "replicate": run[1],
            "level": level,
        }
        listed = reasons.notna()
        metrics.append(measured.assign(task=tasks, **place)[predictions.predicted])
        excluded.append(pd.DataFrame({**place, "task": tasks, "reason": reasons})[listed])
    return (
        pd.concat(metrics, ignore_index=True)[METRICS.names],
        pd.concat(excluded, ignore_index=True)[EXCLUDED.names],
    )


def _reasons(
    measured: pd.DataFrame, predicted: np.ndarray, validation_part: methods.Part
) -> pd.Series:
    """Why a task is not evaluable or has no threshold; missing where it is and has one."""
    counts = measures.count_labels(validation_part.labels)
    absent_in_test = _absent_classes(measured["actives"], measured["inactives"])
    absent_in_validation = _absent_classes(*(pd.Series(count) for count in counts))
    no_threshold = "no threshold for f1_best: the validation part has " + absent_in_validation
    if validation_part.keys.empty:
        no_threshold[:] = "no threshold for f1_best: the validation part is not predicted"
    reasons = ("the test part has " + absent_in_test).fillna(no_threshold)
    return reasons.where(predicted, "not predicted")


def _absent_classes(actives: pd.Series, inactives: pd.Series) -> pd.Series:
    """What a task lacks, in words; missing where it lacks nothing."""
    words = pd.Series(None, actives.index, dtype="object")
    words[actives == 0] = "no active sample"
    words[inactives == 0] = "no inactive sample"
    words[(actives == 0) & (inactives == 0)] = "no labelled sample"
    return words
