"""Percentile bootstrap intervals of the AUC, for all tasks."""

import numpy as np

from paintassay.metrics.measures import task_auc

QUANTILES = 0.025, 0.975
# Replicates are worked on in pieces of so many values, which fit into a processor's cache.
PIECE = 1 << 16


def bootstrap_auc(labels, scores, replicates, seed, stratified=False):
    """95 % percentile bootstrap interval of each task's AUC (Efron and Tibshirani 1993, ch. 13).

    In each replicate as many labelled samples as the task has are drawn with replacement. Those
    without both classes have no AUC and are left out. Stratified, actives and inactives are
    drawn apart, each as many as there are.

    Parameters
    ----------
    labels : array_like, (samples, tasks)
        +1 active, -1 inactive, 0 missing.
    scores : array_like of float, (samples, tasks)
        Higher for active; only their order matters.
    replicates : int
    seed : int
        What is drawn for a task depends on it and on the task's column alone, and with the same
        labels is the same samples for every method.
    stratified : bool

    Returns
    -------
    low, high : ndarrays of float64, (tasks,)
        2.5 % and 97.5 % quantile, interpolated linearly. NaN for a task with fewer than two
        samples of a class: drawn again and again, one sample says nothing of its class. If an
        AUC is 0 or 1, so are both ends.

    Raises
    ------
    ValueError
        As `task_auc`.
    """
    labels, scores = np.asarray(labels), np.asarray(scores)
    task_auc(labels, scores)
    intervals = np.full((2, labels.shape[1]), np.nan)
    for task in range(labels.shape[1]):
        high = scores[labels[:, task] > 0, task]
        low = scores[labels[:, task] < 0, task]
        if min(len(high), len(low)) > 1:
            random = np.random.default_rng([seed, task])
            areas = _replicate(high, low, replicates, random, stratified)
            intervals[:, task] = np.nanquantile(areas, QUANTILES)
    return tuple(intervals)


def _replicate(high, low, replicates, random, stratified):
    """AUC of each replicate from the scores of the actives and of the inactives."""
    # What is drawn must not depend on the scores, so samples stay in their order until then.
    order = np.argsort(low)
    left, right = (np.searchsorted(low[order], high, side) for side in ("left", "right"))
    areas = []
    actives, samples = len(high), len(high) + len(low)
    piece = max(PIECE // samples, 1)
    for start in range(0, replicates, piece):
        count = min(piece, replicates - start)
        if stratified:
            times = np.concatenate(
                [_draw(actives, count, random), _draw(samples - actives, count, random)]
            )
        else:
            times = _draw(samples, count, random)
        # Inactive samples drawn below the first, the second, ... of the sorted scores.
        below = np.zeros((samples - actives + 1, count), np.int64)
        np.cumsum(times[actives:][order], axis=0, out=below[1:])
        won = np.einsum("ij,ij->j", times[:actives], below[left] + below[right])
        pairs = 2 * times[:actives].sum(axis=0) * below[-1]
        with np.errstate(invalid="ignore"):
            areas.append(won / pairs)
    return np.concatenate(areas)


def _draw(samples, count, random):
    """How often each sample is drawn in each of `count` replicates: (samples, count)."""
    drawn = random.integers(samples, size=(samples, count)) * count + np.arange(count)
    return np.bincount(drawn.ravel(), minlength=drawn.size).reshape(drawn.shape)
