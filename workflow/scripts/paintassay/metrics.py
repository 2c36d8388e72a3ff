"""How well scores separate active from inactive compounds."""

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
