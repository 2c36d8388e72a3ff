"""Is one method better than another? Tests over tasks and within tasks, intervals, corrections."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import rankdata, wilcoxon
from statsmodels.stats.multitest import multipletests

# An AUC is good to about 15 digits: smaller differences are rounding, and count as none.
DECIMALS = 12


class Wilcoxon(NamedTuple):
    """Result of `wilcoxon_pairs`: tables with the worse method in the row, the better above."""

    pvalue: pd.DataFrame
    pairs: pd.DataFrame
    effect_size: pd.DataFrame
    median_difference: pd.DataFrame


def wilcoxon_pairs(aucs):
    """Test for all ordered pairs of methods whether one has the higher AUCs, task by task.

    Paired, one-sided Wilcoxon test: Table 2 of Hofmarcher et al. 2019, by `scipy.stats.wilcoxon`
    as it comes: tasks without a difference are left out, exact for few tasks and else by the
    normal approximation without continuity correction. p-values are not corrected for the
    number of pairs.

    Parameters
    ----------
    aucs : pandas.DataFrame of float
        A row a task, a column a method; NaN where a task was not evaluable, which takes it out
        of the pairs with that method.

    Returns
    -------
    pvalue : pandas.DataFrame, (methods, methods)
        Of the test that the method of the column outperforms that of the row. 1 if no task
        differs, NaN without tasks and on the diagonal.
    pairs : pandas.DataFrame of int
        Tasks in which both methods have an AUC.
    effect_size : pandas.DataFrame
        Matched-pairs rank-biserial correlation (Kerby 2014): share of the rank sum in favour of
        the column less that in favour of the row; 0 if no task differs.
    median_difference : pandas.DataFrame
        Median over the tasks of AUC of the column less AUC of the row.
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


def adjust_pvalues(pvalues, method):
    """Correct p-values for their number.

    Parameters
    ----------
    pvalues : array_like of float
        Of any shape; NaN, a test that could not be done, is none of their number.
    method : {"holm", "fdr_bh"}
        Holm's family-wise error rate, or the false discovery rate of Benjamini and Hochberg.

    Returns
    -------
    ndarray of float64
        In the same places; NaN stays NaN.
    """
    adjusted = np.array(pvalues, np.float64)
    done = ~np.isnan(adjusted)
    if done.any():
        adjusted[done] = multipletests(adjusted[done], method=method)[1]
    return adjusted


def summarise_aucs(aucs):
    """What Table 1 of Hofmarcher et al. 2019 says of a method's AUCs.

    Parameters
    ----------
    aucs : array_like of float, (tasks,)
        NaN where a task is not evaluable; it is counted, and counts for nothing else.

    Returns
    -------
    dict
        ``mean``; ``sd``, with n - 1; ``above_0.9``, ``above_0.8``, ``above_0.7``, the number of
        tasks with a higher AUC than that; ``evaluable`` and ``not_evaluable`` tasks. The mean is
        NaN without evaluable tasks, the standard deviation with fewer than two.
    """
    aucs = pd.Series(np.asarray(aucs, np.float64))
    summary = {"mean": float(aucs.mean()), "sd": float(aucs.std())}
    summary |= {f"above_{limit}": int((aucs > limit).sum()) for limit in (0.9, 0.8, 0.7)}
    return summary | {"evaluable": int(aucs.count()), "not_evaluable": int(aucs.isna().sum())}
