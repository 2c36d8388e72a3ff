"""Two ROC curves on the same samples: is one better? By permutation, and by DeLong's variance."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import ndtr

from paintassay.metrics.measures import task_auc

# Permutations are worked on in pieces of so many values, which fit into a processor's cache.
PIECE = 1 << 16


class Venkatraman(NamedTuple):
    """Result of `venkatraman_test`."""

    statistic: float
    pvalue: float
    valid_pvalue: float
    auc_difference: float


class DeLong(NamedTuple):
    """Result of `delong_test`."""

    statistic: float
    pvalue: float
    auc_difference: float


def venkatraman_test(labels, scores_a, scores_b, permutations, seed):
    """Test whether two paired ROC curves are the same at every operating point, two-sided.

    Venkatraman and Begg, Biometrika 1996, doi:10.1093/biomet/83.4.835, in every detail as pROC's
    ``roc.test(method = "venkatraman", paired = TRUE)``. Samples are ranked by each score, ties
    in order of appearance. With k samples called inactive, a curve makes e(k) errors; the
    statistic E is the sum over k of |e_a(k) - e_b(k)|. Under the null hypothesis a sample's two
    ranks can change places: in each permutation every sample does so with probability 1/2, and
    two samples that then hold the same rank are put in order by chance.

    Rows must not be sorted by label: with many ties, order of appearance would then be a score.

    Parameters
    ----------
    labels : array_like, (samples,)
        +1 active, -1 inactive, 0 missing (left out).
    scores_a, scores_b : array_like of float, (samples,)
        Higher for active; only their order matters.
    permutations : int
        1 or more.
    seed : int or sequence of int
        With the same seed, the p-values do not change when the two scores change places.

    Returns
    -------
    statistic : float
        E; 0 if both scores rank the samples alike, and then the p-values are 1.
    pvalue : float
        Share of the permutations with a statistic of at least E, as pROC. It can be 0.
    valid_pvalue : float
        The same with the observed order counted as one more permutation, which keeps the level
        and is never 0 (Phipson and Smyth 2010, doi:10.2202/1544-6115.1585): the one to correct
        for multiple testing.
    auc_difference : float
        AUC of a less that of b: the direction of the difference.

    All are NaN unless there are an active and an inactive sample.

    Raises
    ------
    ValueError
        The shapes differ, a label is none of the three, or a score that has a label is NaN.
    """
    auc_difference, active, scores_a, scores_b = _pair(labels, scores_a, scores_b)
    if np.isnan(auc_difference):
        return Venkatraman(np.nan, np.nan, np.nan, np.nan)
    order_a = np.argsort(scores_a, kind="stable")
    order_b = np.argsort(scores_b, kind="stable")
    observed = _error_distance(active[order_a], active[order_b])
    rank_a, rank_b = (np.argsort(order).astype(np.int32) for order in (order_a, order_b))
    random = np.random.default_rng(seed)
    piece = max(PIECE // len(active), 1)
    as_large = 0
    for start in range(0, permutations, piece):
        count = min(piece, permutations - start)
        permuted = _error_distance(*_exchange_ranks(active, rank_a, rank_b, count, random))
        as_large += int((permuted >= observed).sum())
    return Venkatraman(
        float(observed),
        as_large / permutations,
        (as_large + 1) / (permutations + 1),
        auc_difference,
    )


def delong_test(labels, scores_a, scores_b):
    """Test whether two paired ROC curves have the same area, two-sided.

    DeLong, DeLong and Clarke-Pearson, Biometrics 1988, doi:10.2307/2531595; ties count half. The
    normal approximation wants some ten samples of each class.

    Parameters
    ----------
    labels : array_like, (samples,)
        +1 active, -1 inactive, 0 missing (left out).
    scores_a, scores_b : array_like of float, (samples,)
        Higher for active; only their order matters.

    Returns
    -------
    statistic : float
        z, positive where a has the larger area. With variance 0 it is infinite, or 0 if the
        areas are equal, as in pROC.
    pvalue : float
    auc_difference : float
        AUC of a less that of b.

    Statistic and p-value are NaN with fewer than two samples of a class, for their variance is
    not known then; the difference is NaN if a class is missing.

    Raises
    ------
    ValueError
        As `venkatraman_test`.
    """
    auc_difference, active, scores_a, scores_b = _pair(labels, scores_a, scores_b)
    actives, inactives = int(active.sum()), int((~active).sum())
    if min(actives, inactives) < 2:
        return DeLong(np.nan, np.nan, auc_difference)
    of_a, of_b = _placements(active, scores_a), _placements(active, scores_b)
    # Numbers of pairs won are whole, so that equal ones leave a variance of exactly 0.
    for_actives, for_inactives = of_a[0] - of_b[0], of_a[1] - of_b[1]
    deviation = np.sqrt(
        actives * np.var(for_actives, ddof=1) + inactives * np.var(for_inactives, ddof=1)
    )
    difference = for_actives.sum()
    with np.errstate(divide="ignore"):
        statistic = float(difference / deviation) if difference else 0.0
    return DeLong(statistic, float(2 * ndtr(-abs(statistic))), auc_difference)


def compare_rocs(labels, scores_a, scores_b, permutations, seed):
    """Both tests for every task.

    Parameters
    ----------
    labels, scores_a, scores_b : array_like, (samples, tasks)
        As `venkatraman_test`.
    permutations : int
    seed : int
        A task's permutations depend on it and on the task's column alone.

    Returns
    -------
    pandas.DataFrame
        A row a task: auc_difference (a less b), venkatraman_statistic, venkatraman_pvalue,
        venkatraman_valid_pvalue, delong_statistic, delong_pvalue.

    Raises
    ------
    ValueError
        As `venkatraman_test`.
    """
    # Errors in the scores are told here, with the number of the task.
    for scores in (scores_a, scores_b):
        task_auc(labels, scores)
    rows = []
    columns = map(np.transpose, (labels, scores_a, scores_b))
    for task, (active, first, second) in enumerate(zip(*columns, strict=True)):
        permuted = venkatraman_test(active, first, second, permutations, [seed, task])
        analytic = delong_test(active, first, second)
        rows.append((permuted.auc_difference, *permuted[:3], *analytic[:2]))
    names = ["statistic", "pvalue", "valid_pvalue"]
    names = [f"venkatraman_{name}" for name in names] + [f"delong_{name}" for name in names[:2]]
    return pd.DataFrame(rows, columns=["auc_difference", *names])


def _pair(labels, scores_a, scores_b):
    """Difference of the areas; and the labelled samples: active or not, and both scores."""
    labels = np.asarray(labels)
    scores = np.column_stack([scores_a, scores_b])
    areas = task_auc(np.column_stack([labels, labels]), scores)
    present = labels != 0
    return float(areas[0] - areas[1]), labels[present] > 0, *scores[present].T


def _placements(active, scores):
    """How each sample stands among those of the other class, as twice a whole number.

    For each active sample twice the number of inactive ones below it, and for each inactive
    sample twice the number of active ones above it; equal scores count half of that.
    """
    high, low = np.sort(scores[active]), np.sort(scores[~active])
    below = sum(np.searchsorted(low, scores[active], side) for side in ("left", "right"))
    not_above = sum(np.searchsorted(high, scores[~active], side) for side in ("left", "right"))
    return below.astype(np.float64), (2 * len(high) - not_above).astype(np.float64)


def _error_distance(active_a, active_b):
    """E from the classes (..., samples) in the order of the ranks of either score."""
    # Each active sample among the k lowest is an error more, each inactive one an error less.
    gained = np.subtract(active_a, active_b, dtype=np.int8)
    return 2 * np.abs(np.cumsum(gained, axis=-1, dtype=np.int32)).sum(axis=-1)


def _exchange_ranks(active, rank_a, rank_b, count, random):
    """Classes in the order of either score after `count` random exchanges of the two ranks."""
    exchanged, ahead = _coins(random, (count, len(active))), _coins(random, (count, len(active)))
    # Where two samples come to hold one rank, one of them was exchanged and the other was not. A
    # rank is doubly held in one of the two orders at most, so that a coin a rank will do.
    kept_a = 4 * rank_a + 2 * ahead[:, rank_a]
    kept_b = 4 * rank_b + 2 * ahead[:, rank_b]
    order_a = np.where(exchanged, 4 * rank_b + 1, kept_a)
    order_b = np.where(exchanged, 4 * rank_a + 1, kept_b)
    # Whole numbers with the class as their last bit are sorted much faster than an index.
    return (np.sort(2 * order + active, axis=1).astype(np.int8) & 1 for order in (order_a, order_b))


def _coins(random, shape):
    """Fair coins, 0 or 1, bit by bit from the generator."""
    count = int(np.prod(shape))
    octets = np.frombuffer(random.bytes(-(-count // 8)), np.uint8)
    return np.unpackbits(octets, count=count).reshape(shape)
