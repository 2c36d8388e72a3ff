"""Test whether one of two ROC curves on the same samples is better, in two ways."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import ndtr

from paintassay.metrics.measures import task_auc

# Permutations are drawn in pieces of so many values, which fit into a processor's cache. With
# pieces of another size other permutations are drawn.
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


def venkatraman_test(
    labels: npt.ArrayLike,
    scores_a: npt.ArrayLike,
    scores_b: npt.ArrayLike,
    permutations: int,
    seed: int | Sequence[int],
) -> Venkatraman:
    """Test whether two paired ROC curves are the same at every operating point, two-sided.

    Venkatraman and Begg, Biometrika 1996, doi:10.1093/biomet/83.4.835, in every detail as pROC's
    ``roc.test(method = "venkatraman", paired = TRUE)``. Samples are ranked by each score, ties
    in order of appearance. With k samples called inactive, a curve makes e(k) errors; the
    statistic E is the sum over k of |e_a(k) - e_b(k)|. Under the null hypothesis a sample's two
    ranks can change places: in each permutation every sample does so with probability 1/2, and
    two samples that then hold the same rank are put in order by chance.

    Rows must not be sorted by label: with many ties, their order would then be a score itself.

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
        AUC of a minus that of b: the direction of the difference.

    All are NaN unless there is both an active and an inactive sample.

    Raises
    ------
    ValueError
        The shapes differ, a label is none of the three, or a score that has a label is NaN.
    """
    auc_difference, active, labelled_a, labelled_b = _select_labelled(labels, scores_a, scores_b)
    if np.isnan(auc_difference):
        return Venkatraman(np.nan, np.nan, np.nan, np.nan)
    order_a = np.argsort(labelled_a, kind="stable")
    order_b = np.argsort(labelled_b, kind="stable")
    observed = _sum_error_differences(active[order_a], active[order_b])
    rank_a, rank_b = (np.argsort(order).astype(np.int32) for order in (order_a, order_b))
    random = np.random.default_rng(seed)
    piece = max(PIECE // len(active), 1)
    as_large = 0
    for start in range(0, permutations, piece):
        count = min(piece, permutations - start)
        permuted = _sum_error_differences(*_exchange_ranks(active, rank_a, rank_b, count, random))
        as_large += int((permuted >= observed).sum())
    return Venkatraman(
        float(observed),
        as_large / permutations,
        (as_large + 1) / (permutations + 1),
        auc_difference,
    )


def delong_test(labels: npt.ArrayLike, scores_a: npt.ArrayLike, scores_b: npt.ArrayLike) -> DeLong:
    """Test whether two paired ROC curves have the same area, two-sided.

    DeLong, DeLong and Clarke-Pearson, Biometrics 1988, doi:10.2307/2531595; ties count half. The
    normal approximation needs about ten samples of each class.

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
        AUC of a minus that of b.

    Statistic and p-value are NaN with fewer than two samples of a class, because their variance
    is then unknown; the difference is NaN if a class is missing.

    Raises
    ------
    ValueError
        As `venkatraman_test`.
    """
    auc_difference, active, labelled_a, labelled_b = _select_labelled(labels, scores_a, scores_b)
    actives, inactives = int(active.sum()), int((~active).sum())
    if min(actives, inactives) < 2:
        return DeLong(np.nan, np.nan, auc_difference)
    actives_a, inactives_a = _count_pairs_won(active, labelled_a)
    actives_b, inactives_b = _count_pairs_won(active, labelled_b)
    # Numbers of pairs won are whole, so that equal ones leave a variance of exactly 0.
    active_differences, inactive_differences = actives_a - actives_b, inactives_a - inactives_b
    deviation = np.sqrt(
        actives * np.var(active_differences, ddof=1)
        + inactives * np.var(inactive_differences, ddof=1)
    )
    difference = active_differences.sum()
    with np.errstate(divide="ignore"):
        statistic = float(difference / deviation) if difference else 0.0
    return DeLong(statistic, float(2 * ndtr(-abs(statistic))), auc_difference)


def compare_rocs(
    labels: npt.ArrayLike,
    scores_a: npt.ArrayLike,
    scores_b: npt.ArrayLike,
    permutations: int,
    seed: int,
) -> pd.DataFrame:
    """Do both tests for every task.

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
        One row per task: auc_difference (a minus b), venkatraman_statistic, venkatraman_pvalue,
        venkatraman_valid_pvalue, delong_statistic, delong_pvalue.

    Raises
    ------
    ValueError
        As `venkatraman_test`.
    """
    # An error in the scores is raised here, with the number of the task.
    for scores in (scores_a, scores_b):
        task_auc(labels, scores)
    rows = []
    columns = map(np.transpose, (labels, scores_a, scores_b))
    for task, (labels_of_task, a, b) in enumerate(zip(*columns, strict=True)):
        venkatraman = venkatraman_test(labels_of_task, a, b, permutations, [seed, task])
        delong = delong_test(labels_of_task, a, b)
        rows.append((venkatraman.auc_difference, *venkatraman[:3], *delong[:2]))
    names = ["statistic", "pvalue", "valid_pvalue"]
    names = [f"venkatraman_{name}" for name in names] + [f"delong_{name}" for name in names[:2]]
    return pd.DataFrame(rows, columns=["auc_difference", *names])


def _select_labelled(
    labels: npt.ArrayLike, scores_a: npt.ArrayLike, scores_b: npt.ArrayLike
) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
    """Difference of the AUCs; and the labelled samples: whether active, and both scores."""
    # Each by itself: in one array they would have one type, in which scores could become equal.
    labels, scores_a, scores_b = map(np.asarray, (labels, scores_a, scores_b))
    auc_a, auc_b = (
        task_auc(labels[:, None], scores[:, None])[0] for scores in (scores_a, scores_b)
    )
    labelled = labels != 0
    return float(auc_a - auc_b), labels[labelled] > 0, scores_a[labelled], scores_b[labelled]


def _count_pairs_won(active: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Twice the number of right pairs of each active sample, and of each inactive one.

    In them the sample of the other class is below an active sample, or above an inactive one;
    pairs of equal scores count half.
    """
    actives, inactives = scores[active], scores[~active]
    high, low = np.sort(actives), np.sort(inactives)
    below = low.searchsorted(actives, "left") + low.searchsorted(actives, "right")
    not_above = high.searchsorted(inactives, "left") + high.searchsorted(inactives, "right")
    return below.astype(np.float64), (2 * len(high) - not_above).astype(np.float64)


def _sum_error_differences(active_a: np.ndarray, active_b: np.ndarray) -> np.ndarray:
    """E from the classes (..., samples) in the order of the ranks by either score."""
    # Each active sample among the k lowest is one more error, each inactive one is one less.
    more_errors = np.subtract(active_a, active_b, dtype=np.int8)
    return 2 * np.abs(np.cumsum(more_errors, axis=-1, dtype=np.int32)).sum(axis=-1)


def _exchange_ranks(
    active: np.ndarray,
    rank_a: np.ndarray,
    rank_b: np.ndarray,
    count: int,
    random: np.random.Generator,
) -> Iterator[np.ndarray]:
    """Classes in the order of either score after `count` random exchanges of the two ranks."""
    shape = count, len(active)
    exchanged, ahead = _draw_coins(random, shape), _draw_coins(random, shape)
    # Where two samples come to have the same rank, one of them was exchanged and the other was
    # not. This happens to a rank in one of the two orders at most, so one coin per rank is enough.
    kept_a = 4 * rank_a + 2 * ahead[:, rank_a]
    kept_b = 4 * rank_b + 2 * ahead[:, rank_b]
    order_a = np.where(exchanged, 4 * rank_b + 1, kept_a)
    order_b = np.where(exchanged, 4 * rank_a + 1, kept_b)
    # Sorting whole numbers with the class as their last bit is much faster than sorting an index.
    return (np.sort(2 * order + active, axis=1).astype(np.int8) & 1 for order in (order_a, order_b))


def _draw_coins(random: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Fair coins, 0 or 1, bit by bit from the generator."""
    count = int(np.prod(shape))
    octets = np.frombuffer(random.bytes(-(-count // 8)), np.uint8)
    return np.unpackbits(octets, count=count).reshape(shape)
