"""Compute percentile bootstrap intervals of the AUC, for all tasks."""

import numpy as np
import numpy.typing as npt

from paintassay.metrics.measures import task_auc

QUANTILES = 0.025, 0.975
# Resamples are drawn in pieces of so many values, which fit into a processor's cache. With pieces
# of another size other samples are drawn.
PIECE = 1 << 16


def bootstrap_auc(
    labels: npt.ArrayLike,
    scores: npt.ArrayLike,
    replicates: int,
    seed: int,
    stratified: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """95 % percentile bootstrap interval of each task's AUC (Efron and Tibshirani 1993, ch. 13).

    For each resample, as many labelled samples as the task has are drawn with replacement.
    Resamples without both classes have no AUC and are left out. If stratified, actives and
    inactives are drawn separately, as many of each as there are.

    Parameters
    ----------
    labels : array_like, (samples, tasks)
        +1 active, -1 inactive, 0 missing.
    scores : array_like of float, (samples, tasks)
        Higher for active; only their order matters.
    replicates : int
        Number of resamples.
    seed : int
        The samples drawn for a task depend on it and on the task's column alone. With the same
        labels they are the same for every method.
    stratified : bool

    Returns
    -------
    low, high : ndarrays of float64, (tasks,)
        2.5 % and 97.5 % quantile, interpolated linearly. NaN for a task with fewer than two
        samples of a class: one sample, drawn again and again, tells nothing about its class. If
        an AUC is 0 or 1, both ends are, too.

    Raises
    ------
    ValueError
        As `task_auc`.
    """
    labels, scores = np.asarray(labels), np.asarray(scores)
    task_auc(labels, scores)
    intervals = np.full((2, labels.shape[1]), np.nan)
    for task in range(labels.shape[1]):
        active_scores = scores[labels[:, task] > 0, task]
        inactive_scores = scores[labels[:, task] < 0, task]
        if min(len(active_scores), len(inactive_scores)) > 1:
            random = np.random.default_rng([seed, task])
            aucs = _resample_aucs(active_scores, inactive_scores, replicates, random, stratified)
            intervals[:, task] = np.nanquantile(aucs, QUANTILES)
    low, high = intervals
    return low, high


def _resample_aucs(
    active_scores: np.ndarray,
    inactive_scores: np.ndarray,
    resamples: int,
    random: np.random.Generator,
    stratified: bool,
) -> np.ndarray:
    """AUC of each resample, from the scores of the actives and of the inactives."""
    # The draws must not depend on the scores, so samples are put in order only after them.
    order = np.argsort(inactive_scores)
    sorted_inactives = inactive_scores[order]
    left = np.searchsorted(sorted_inactives, active_scores, "left")
    right = np.searchsorted(sorted_inactives, active_scores, "right")
    aucs = []
    actives, samples = len(active_scores), len(active_scores) + len(inactive_scores)
    piece = max(PIECE // samples, 1)
    for start in range(0, resamples, piece):
        count = min(piece, resamples - start)
        if stratified:
            times = np.concatenate(
                [
                    _count_draws(actives, count, random),
                    _count_draws(samples - actives, count, random),
                ]
            )
        else:
            times = _count_draws(samples, count, random)
        # Inactive samples drawn below the first, the second, ... of the sorted scores.
        below = np.zeros((samples - actives + 1, count), np.int64)
        np.cumsum(times[actives:][order], axis=0, out=below[1:])
        won = np.einsum("ij,ij->j", times[:actives], below[left] + below[right])
        pairs = 2 * times[:actives].sum(axis=0) * below[-1]
        with np.errstate(invalid="ignore"):
            aucs.append(won / pairs)
    return np.concatenate(aucs)


def _count_draws(samples: int, count: int, random: np.random.Generator) -> np.ndarray:
    """How often each sample is drawn for each of `count` resamples: (samples, count)."""
    draws = random.integers(samples, size=(samples, count)) * count + np.arange(count)
    return np.bincount(draws.ravel(), minlength=draws.size).reshape(draws.shape)
