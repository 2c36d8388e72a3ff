"""Measures of how well scores tell active from inactive, for all tasks at once."""

import numpy as np


def task_auc(labels, scores):
    """Area under the ROC curve of each task, from ranks (Mann and Whitney 1947).

    That is the share of pairs of an active and an inactive sample in which the active one has
    the higher score; ties count half.

    Parameters
    ----------
    labels : array_like, (samples, tasks)
        +1 active, -1 inactive, 0 missing.
    scores : array_like of float, (samples, tasks)
        Higher for active; only their order matters. Infinite ones have their place; those
        without a label are not looked at.

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
    # Most labels are missing, so only those present are sorted, of all tasks at once.
    task, sample = np.nonzero(labels.T)
    score, active = scores[sample, task], labels[sample, task] > 0
    if np.isnan(score).any():
        at = np.flatnonzero(np.isnan(score))[0]
        raise ValueError(f"the score of sample {sample[at]} in task {task[at]} is NaN")
    order = np.lexsort((score, task))
    score, active = score[order], active[order]
    starts = np.ones(len(order), bool)
    starts[1:] = (task[1:] != task[:-1]) | (score[1:] != score[:-1])
    first = np.flatnonzero(starts)
    last = np.append(first, len(order))[1:] - 1
    rank = ((first + last) / 2)[np.cumsum(starts) - 1]
    actives = np.bincount(task[active], minlength=tasks)
    labelled = np.bincount(task, minlength=tasks)
    # Ranks run on from task to task: those of earlier tasks, and of actives alone, come off.
    lowest = actives * (np.cumsum(labelled) - labelled) + actives * (actives - 1) / 2
    sums = np.bincount(task[active], weights=rank[active], minlength=tasks)
    pairs = actives * (labelled - actives)
    with np.errstate(invalid="ignore"):
        return np.where(pairs > 0, (sums - lowest) / pairs, np.nan)


def count_labels(labels):
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


def average_precision(labels, scores):
    """Average precision of each task, as scikit-learn's ``average_precision_score``.

    That is the mean over the actives of the precision at their score, all samples of equal score
    being found at once; nothing is interpolated.

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
    ranked = _rank(labels, scores)
    precision = ranked["found"] / ranked["taken"]
    task, active = ranked["task"], ranked["active"]
    sums = np.bincount(task[active], precision[active], labels.shape[1])
    return np.where(evaluable, sums / np.maximum(count_labels(labels)[0], 1), np.nan)


def f1_score(labels, scores, thresholds=0.5):
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
    right, wrong, actives, _, evaluable = _count_predicted(labels, scores, thresholds)
    return np.where(evaluable, 2 * right / np.maximum(actives + right + wrong, 1), np.nan)


def balanced_accuracy(labels, scores, thresholds=0.5):
    """Mean of the shares of actives and of inactives that are predicted right, of each task.

    Parameters and errors are those of `f1_score`.

    Returns
    -------
    ndarray of float64, (tasks,)
        NaN as in `f1_score`.
    """
    right, wrong, actives, inactives, evaluable = _count_predicted(labels, scores, thresholds)
    sensitivity = right / np.maximum(actives, 1)
    specificity = 1 - wrong / np.maximum(inactives, 1)
    return np.where(evaluable, (sensitivity + specificity) / 2, np.nan)


def best_thresholds(labels, scores):
    """Threshold of each task with the highest F1, to be found on validation data.

    Parameters
    ----------
    labels : array_like, (samples, tasks)
        +1 active, -1 inactive, 0 missing.
    scores : array_like of float, (samples, tasks)

    Returns
    -------
    ndarray of float64, (tasks,)
        For `f1_score`: the score of a sample, the highest of those that are equally good. NaN
        for a task without both an active and an inactive sample.

    Raises
    ------
    ValueError
        As `task_auc`.
    """
    labels, scores, evaluable = _check(labels, scores)
    ranked = _rank(labels, scores)
    task = ranked["task"]
    f1 = 2 * ranked["found"] / (count_labels(labels)[0][task] + ranked["taken"])
    # Of each task the first in this order, in which the sort before left scores descending.
    best = np.lexsort((-f1, task))
    present, first = np.unique(task, return_index=True)
    thresholds = np.full(labels.shape[1], np.nan)
    thresholds[present] = ranked["score"][best[first]]
    return np.where(evaluable, thresholds, np.nan)


def enrichment_factor(labels, scores, fraction):
    """How many times more often actives stand among the top scores than among all, of each task.

    With n labelled samples, the top k = ceil(fraction * n) by score are taken, and the share of
    actives among them is divided by that among the n. Where the k-th score is shared by more
    samples than can be taken, the expectation over random choices among these counts.

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
    wanted = np.ceil(np.round(fraction * samples, 9))
    ranked = _rank(labels, scores)
    task = ranked["task"]
    # The first sample whose group of equal scores reaches the k-th place lies in the group there.
    reached = np.flatnonzero(ranked["taken"] >= wanted[task])
    present, first = np.unique(task[reached], return_index=True)
    at = reached[first]
    taken, found = ranked["taken_before"][at], ranked["found_before"][at]
    share = (wanted[present] - taken) / (ranked["taken"][at] - taken)
    expected = np.full(labels.shape[1], np.nan)
    expected[present] = found + share * (ranked["found"][at] - found)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(evaluable, expected / wanted * samples / actives, np.nan)


def _check(labels, scores):
    """Both as arrays, and which tasks have both classes."""
    return np.asarray(labels), np.asarray(scores), np.isfinite(task_auc(labels, scores))


def _count_predicted(labels, scores, thresholds):
    """Actives and inactives predicted to be active, actives, inactives, evaluable; by task."""
    labels, scores, evaluable = _check(labels, scores)
    predicted = scores >= thresholds
    right = (predicted & (labels > 0)).sum(axis=0)
    wrong = (predicted & (labels < 0)).sum(axis=0)
    return right, wrong, *count_labels(labels), evaluable & ~np.isnan(thresholds)


def _rank(labels, scores):
    """Labelled samples by task and falling score, with running counts of their task.

    `taken` and `found` are the samples, and the actives among them, with at least the same
    score; `taken_before` and `found_before` are those with a higher one.
    """
    task, sample = np.nonzero(labels.T)
    order = np.lexsort((-scores[sample, task], task))
    task, sample = task[order], sample[order]
    score, active = scores[sample, task], labels[sample, task] > 0
    # Samples and actives before each place, counted through all tasks.
    before = np.arange(len(task) + 1)
    actives_before = np.concatenate([[0], np.cumsum(active)])
    new_task = np.diff(task, prepend=-1) != 0
    new_score = new_task.copy()
    new_score[1:] |= score[1:] != score[:-1]
    starts = np.append(np.flatnonzero(new_score), len(task))
    group = np.cumsum(new_score) - 1
    task_start = np.flatnonzero(new_task)[np.cumsum(new_task) - 1]

    def since(places, counts):
        return counts[places] - counts[task_start]

    return {
        "task": task,
        "score": score,
        "active": active,
        "taken": since(starts[group + 1], before),
        "found": since(starts[group + 1], actives_before),
        "taken_before": since(starts[group], before),
        "found_before": since(starts[group], actives_before),
    }
