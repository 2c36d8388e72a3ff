"""Measure how well scores tell active from inactive, for all tasks at once."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt


def task_auc(labels: npt.ArrayLike, scores: npt.ArrayLike) -> np.ndarray:
    """Area under the ROC curve of each task, from ranks (Mann and Whitney 1947).

    That is the share of pairs of an active and an inactive sample in which the active one has
    the higher score; ties count half.

    Parameters
    ----------
    labels : array_like, (samples, tasks)
        +1 active, -1 inactive, 0 missing.
    scores : array_like of float, (samples, tasks)
        Higher for active; only their order matters. They may be infinite; those without a label
        are not looked at.

    Returns
    -------
    numpy.ndarray of float64, (tasks,)
        NaN for a task without both an active and an inactive sample.

    Raises
    ------
    ValueError
        The shapes differ or are not two-dimensional, a label is none of the three, or a score
        that has a label is NaN.
    """
    labels, scores = np.asarray(labels), np.asarray(scores)
    if labels.ndim != 2 or labels.shape != scores.shape:
        raise ValueError(f"scores {scores.shape} for labels {labels.shape}")
    if not ((labels == 0) | (labels == 1) | (labels == -1)).all():
        raise ValueError("a label is none of +1, -1 and 0 (missing)")
    tasks = labels.shape[1]
    # Most labels are missing, so only those that are there are sorted, of all tasks at once.
    task, sample = np.nonzero(labels.T)
    score, active = scores[sample, task], labels[sample, task] > 0
    if np.isnan(score).any():
        first_nan = np.flatnonzero(np.isnan(score))[0]
        raise ValueError(
            f"the score of sample {sample[first_nan]} in task {task[first_nan]} is NaN"
        )
    order = np.lexsort((score, task))
    score, active = score[order], active[order]
    starts = np.ones(len(order), bool)
    starts[1:] = (task[1:] != task[:-1]) | (score[1:] != score[:-1])
    first = np.flatnonzero(starts)
    last = np.append(first, len(order))[1:] - 1
    rank = ((first + last) / 2)[np.cumsum(starts) - 1]
    actives = np.bincount(task[active], minlength=tasks)
    labelled = np.bincount(task, minlength=tasks)
    # Ranks run on from task to task: those of earlier tasks, and of actives alone, are subtracted.
    lowest = actives * (np.cumsum(labelled) - labelled) + actives * (actives - 1) / 2
    sums = np.bincount(task[active], weights=rank[active], minlength=tasks)
    pairs = actives * (labelled - actives)
    with np.errstate(invalid="ignore"):
        return np.where(pairs > 0, (sums - lowest) / pairs, np.nan)


def count_labels(labels: npt.ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Number of active and of inactive samples of each task.

    Parameters
    ----------
    labels : array_like, (samples, tasks)
        +1 active, -1 inactive, 0 missing.

    Returns
    -------
    actives, inactives : ndarrays of int64, (tasks,)
    """
    labels = np.asarray(labels)
    return (labels > 0).sum(axis=0), (labels < 0).sum(axis=0)


def average_precision(labels: npt.ArrayLike, scores: npt.ArrayLike) -> np.ndarray:
    """Average precision of each task, as scikit-learn's ``average_precision_score``.

    That is the mean over the actives of the precision at their score, where all samples of equal
    score are taken at once; nothing is interpolated.

    Parameters
    ----------
    labels : array_like, (samples, tasks)
        +1 active, -1 inactive, 0 missing.
    scores : array_like of float, (samples, tasks)
        Higher for active; only their order matters.

    Returns
    -------
    ndarray of float64, (tasks,)
        NaN for a task without both an active and an inactive sample.

    Raises
    ------
    ValueError
        As `task_auc`.
    """
    labels, scores, evaluable = _check(labels, scores)
    ranking = _rank(labels, scores)
    precision = ranking.actives / ranking.samples
    sums = np.bincount(ranking.task[ranking.active], precision[ranking.active], labels.shape[1])
    return np.where(evaluable, sums / np.maximum(count_labels(labels)[0], 1), np.nan)


def f1_score(
    labels: npt.ArrayLike, scores: npt.ArrayLike, thresholds: npt.ArrayLike = 0.5
) -> np.ndarray:
    """F1 of each task: harmonic mean of precision and recall.

    Parameters
    ----------
    labels : array_like, (samples, tasks)
        +1 active, -1 inactive, 0 missing.
    scores : array_like of float, (samples, tasks)
    thresholds : float or array_like, (tasks,)
        A sample is predicted to be active if its score is at least this.

    Returns
    -------
    ndarray of float64, (tasks,)
        NaN for a task without both an active and an inactive sample, or whose threshold is NaN.

    Raises
    ------
    ValueError
        As `task_auc`.
    """
    counts = _count_predicted(labels, scores, thresholds)
    true, false = counts.true_positives, counts.false_positives
    f1 = 2 * true / np.maximum(counts.actives + true + false, 1)
    return np.where(counts.evaluable, f1, np.nan)


def balanced_accuracy(
    labels: npt.ArrayLike, scores: npt.ArrayLike, thresholds: npt.ArrayLike = 0.5
) -> np.ndarray:
    """Mean of the shares of actives and of inactives that are predicted right, of each task.

    Parameters and errors are those of `f1_score`.

    Returns
    -------
    ndarray of float64, (tasks,)
        NaN as in `f1_score`.
    """
    counts = _count_predicted(labels, scores, thresholds)
    sensitivity = counts.true_positives / np.maximum(counts.actives, 1)
    specificity = 1 - counts.false_positives / np.maximum(counts.inactives, 1)
    return np.where(counts.evaluable, (sensitivity + specificity) / 2, np.nan)


def best_thresholds(labels: npt.ArrayLike, scores: npt.ArrayLike) -> np.ndarray:
    """Threshold of each task with the highest F1, to be found on validation data.

    Parameters
    ----------
    labels : array_like, (samples, tasks)
        +1 active, -1 inactive, 0 missing.
    scores : array_like of float, (samples, tasks)

    Returns
    -------
    ndarray of float64, (tasks,)
        For `f1_score`: the score of a sample; of equally good scores the highest. NaN for a task
        without both an active and an inactive sample.

    Raises
    ------
    ValueError
        As `task_auc`.
    """
    labels, scores, evaluable = _check(labels, scores)
    ranking = _rank(labels, scores)
    f1 = 2 * ranking.actives / (count_labels(labels)[0][ranking.task] + ranking.samples)
    # The best sample of each task comes first in this order, which keeps equal ones by falling
    # score.
    order = np.lexsort((-f1, ranking.task))
    labelled_tasks, first = np.unique(ranking.task, return_index=True)
    thresholds = np.full(labels.shape[1], np.nan)
    thresholds[labelled_tasks] = ranking.score[order[first]]
    return np.where(evaluable, thresholds, np.nan)


def enrichment_factor(labels: npt.ArrayLike, scores: npt.ArrayLike, fraction: float) -> np.ndarray:
    """How many times more frequent actives are among the top scores than among all, of each task.

    With n labelled samples, the top k = ceil(fraction * n) by score are taken, and the share of
    actives among them is divided by that among the n. Where more samples share the k-th score
    than can be taken, the result is the expectation over random choices among them.

    Parameters
    ----------
    labels : array_like, (samples, tasks)
        +1 active, -1 inactive, 0 missing.
    scores : array_like of float, (samples, tasks)
        Higher for active; only their order matters.
    fraction : float
        Above 0 and at most 1, such as 0.01.

    Returns
    -------
    ndarray of float64, (tasks,)
        At most n / max(k, actives). NaN for a task without both an active and an inactive sample.

    Raises
    ------
    ValueError
        As `task_auc`.
    """
    labels, scores, evaluable = _check(labels, scores)
    actives, inactives = count_labels(labels)
    samples = actives + inactives
    # 7 % of 100 is 7 and not, as the product says, a little more.
    top = np.ceil(np.round(fraction * samples, 9))
    ranking = _rank(labels, scores)
    # The first sample whose group of equal scores reaches the k-th rank is in the group there.
    reaching = np.flatnonzero(ranking.samples >= top[ranking.task])
    labelled_tasks, first = np.unique(ranking.task[reaching], return_index=True)
    last = reaching[first]
    samples_before, actives_before = ranking.samples_before[last], ranking.actives_before[last]
    share = (top[labelled_tasks] - samples_before) / (ranking.samples[last] - samples_before)
    expected = np.full(labels.shape[1], np.nan)
    expected[labelled_tasks] = actives_before + share * (ranking.actives[last] - actives_before)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(evaluable, expected / top * samples / actives, np.nan)


class _Counts(NamedTuple):
    """Samples of each task, and whether both classes are among them."""

    true_positives: np.ndarray
    false_positives: np.ndarray
    actives: np.ndarray
    inactives: np.ndarray
    evaluable: np.ndarray


class _Ranking(NamedTuple):
    """Labelled samples by task and falling score, with running counts of their task.

    `samples`, and the `actives` among them, have at least the same score; those `_before` have a
    higher one.
    """

    task: np.ndarray
    score: np.ndarray
    active: np.ndarray
    samples: np.ndarray
    actives: np.ndarray
    samples_before: np.ndarray
    actives_before: np.ndarray


def _check(
    labels: npt.ArrayLike, scores: npt.ArrayLike
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Both as arrays, and which tasks have both classes."""
    return np.asarray(labels), np.asarray(scores), np.isfinite(task_auc(labels, scores))


def _count_predicted(
    labels: npt.ArrayLike, scores: npt.ArrayLike, thresholds: npt.ArrayLike
) -> _Counts:
    labels, scores, evaluable = _check(labels, scores)
    positive = np.greater_equal(scores, thresholds)
    true_positives = (positive & (labels > 0)).sum(axis=0)
    false_positives = (positive & (labels < 0)).sum(axis=0)
    evaluable &= ~np.isnan(thresholds)
    return _Counts(true_positives, false_positives, *count_labels(labels), evaluable)


def _rank(labels: np.ndarray, scores: np.ndarray) -> _Ranking:
    task, sample = np.nonzero(labels.T)
    # From the highest on. Not by -score, which scores without a sign do not have.
    order = np.lexsort((scores[sample, task], -task))[::-1]
    task, sample = task[order], sample[order]
    score, active = scores[sample, task], labels[sample, task] > 0
    # Samples and actives before each position, counted through all tasks.
    samples_before = np.arange(len(task) + 1)
    actives_before = np.concatenate([[0], np.cumsum(active)])
    new_task = np.diff(task, prepend=-1) != 0
    new_score = new_task.copy()
    new_score[1:] |= score[1:] != score[:-1]
    starts = np.append(np.flatnonzero(new_score), len(task))
    group = np.cumsum(new_score) - 1
    task_start = np.flatnonzero(new_task)[np.cumsum(new_task) - 1]

    def count_in_task(counts: np.ndarray, ends: np.ndarray) -> np.ndarray:
        return counts[ends] - counts[task_start]

    return _Ranking(
        task=task,
        score=score,
        active=active,
        samples=count_in_task(samples_before, starts[group + 1]),
        actives=count_in_task(actives_before, starts[group + 1]),
        samples_before=count_in_task(samples_before, starts[group]),
        actives_before=count_in_task(actives_before, starts[group]),
    )
