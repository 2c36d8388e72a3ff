"""Test over all tasks whether one method is better than another, and correct the p-values."""

from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import rankdata, wilcoxon
from statsmodels.stats.multitest import multipletests

# An AUC is exact to about 15 digits: smaller differences are due to rounding, and count as none.
DECIMALS = 12


class Wilcoxon(NamedTuple):
    """Result of `wilcoxon_pairs`: tables with the worse method in the row, the better above."""

    pvalue: pd.DataFrame
    pairs: pd.DataFrame
    effect_size: pd.DataFrame
    median_difference: pd.DataFrame


def wilcoxon_pairs(aucs: pd.DataFrame) -> Wilcoxon:
    """Test for all ordered pairs of methods whether one has the higher AUCs, task by task.

    Paired, one-sided Wilcoxon test (Table 2 of Hofmarcher et al. 2019) by `scipy.stats.wilcoxon`
    with its defaults: tasks without a difference are left out; it is exact for few tasks, and
    otherwise uses the normal approximation without continuity correction. p-values are not
    corrected for the number of pairs.

    Parameters
    ----------
    aucs : pandas.DataFrame of float
        One row per task, one column per method; NaN where a task was not evaluable, and then it
        is left out of the pairs with that method.

    Returns
    -------
    pvalue : pandas.DataFrame, (methods, methods)
        Of the test that the method of the column outperforms that of the row. 1 if no task
        differs, NaN without tasks and on the diagonal.
    pairs : pandas.DataFrame of int
        Tasks in which both methods have an AUC.
    effect_size : pandas.DataFrame
        Matched-pairs rank-biserial correlation (Kerby 2014): share of the rank sum in favour of
        the column minus that in favour of the row; 0 if no task differs.
    median_difference : pandas.DataFrame
        Median over the tasks of the AUC of the column minus that of the row.
    """
    methods = aucs.columns
    values = aucs.to_numpy(np.float64)
    shape = len(methods), len(methods)
    pvalue, effect_size, median = np.full((3, *shape), np.nan)
    pairs = np.zeros(shape, np.int64)
    for row, column in np.ndindex(shape):
        difference = np.round(values[:, column] - values[:, row], DECIMALS)
        difference = difference[~np.isnan(difference)]
        pairs[row, column] = len(difference)
        if row == column or not len(difference):
            continue
        median[row, column] = np.median(difference)
        differing = difference[difference != 0]
        if not len(differing):
            pvalue[row, column], effect_size[row, column] = 1, 0
            continue
        pvalue[row, column] = wilcoxon(difference, alternative="greater").pvalue
        ranks = rankdata(np.abs(differing))
        effect_size[row, column] = np.sign(differing) @ ranks / ranks.sum()
    tables = (pvalue, pairs, effect_size, median)
    return Wilcoxon(*(pd.DataFrame(table, methods, methods) for table in tables))


def adjust_pvalues(pvalues: npt.ArrayLike, method: Literal["holm", "fdr_bh"]) -> np.ndarray:
    """Correct p-values for their number.

    Parameters
    ----------
    pvalues : array_like of float
        Of any shape; NaN is a test that could not be done, and does not count.
    method : {"holm", "fdr_bh"}
        Holm's family-wise error rate, or the false discovery rate of Benjamini and Hochberg.

    Returns
    -------
    ndarray of float64
        In the same places; NaN stays NaN.
    """
    adjusted = np.array(pvalues, np.float64)
    tested = ~np.isnan(adjusted)
    if tested.any():
        adjusted[tested] = multipletests(adjusted[tested], method=method)[1]
    return adjusted


def summarise_aucs(aucs: npt.ArrayLike) -> dict[str, float]:
    """Summarise a method's AUCs as in Table 1 of Hofmarcher et al. 2019.

    Parameters
    ----------
    aucs : array_like of float, (tasks,)
        NaN where a task is not evaluable; such tasks are only counted.

    Returns
    -------
    dict
        ``mean``; ``sd``, with n - 1; ``above_0.9``, ``above_0.8``, ``above_0.7``, the number of
        tasks with a higher AUC than that; ``evaluable`` and ``not_evaluable`` tasks. The mean is
        NaN without evaluable tasks, the standard deviation with fewer than two.
    """
    values = pd.Series(np.asarray(aucs, np.float64))
    summary = {"mean": float(values.mean()), "sd": float(values.std())}
    summary |= {f"above_{limit}": int((values > limit).sum()) for limit in (0.9, 0.8, 0.7)}
    return summary | {"evaluable": int(values.count()), "not_evaluable": int(values.isna().sum())}
