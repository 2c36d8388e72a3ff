"""Make tables of the tests between methods and of the intervals of each method, by compound."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from paintassay.metrics import bootstrap, paired, roc
from paintassay.metrics.measures import task_auc
from paintassay.statistics.methods import Part, Run
from paintassay.statistics.tables import ROC_CURVES, ROC_TESTS, WILCOXON

INTERVALS = [
    "method",
    "task",
    "split",
    "replicate",
    "auc_run",
    "low",
    "high",
    "low_stratified",
    "high_stratified",
]
# More corners than these cannot be seen in a picture of a curve.
MOST_POINTS = 200


def wilcoxon_table(metrics: pd.DataFrame, order: Sequence[str]) -> pd.DataFrame:
    """Test all ordered pairs of methods over the tasks: Table 2 of Hofmarcher et al. 2019.

    A task's AUCs are averaged over the replicates, and then over the splits in which both methods
    have a run: the means of a pair rest on the same test parts.

    Parameters
    ----------
    metrics : pandas.DataFrame
        As `statistics.tables.METRICS`; the rows by compound are used.
    order : list of str
        Methods as in the summary.

    Returns
    -------
    pandas.DataFrame
        As `statistics.tables.WILCOXON`, in that order.
    """
    by_compound = metrics[metrics["level"] == "compounds"]
    aucs = by_compound.pivot_table("auc", ["task", "split"], "method", dropna=False)
    rows: list[dict[str, object]] = []
    for better, worse in itertools.permutations(order, 2):
        both = aucs[[better, worse]].dropna().groupby("task").mean()
        result = paired.wilcoxon_pairs(both)
        row = {name: table.loc[worse, better] for name, table in result._asdict().items()}
        rows.append({"better": better, "worse": worse, **row})
    table = pd.DataFrame(rows, columns=WILCOXON.names)
    table["holm"] = paired.adjust_pvalues(table["pvalue"], "holm")
    table["benjamini_hochberg"] = paired.adjust_pvalues(table["pvalue"], "fdr_bh")
    return table


def roc_table(
    test_parts: Mapping[str, Mapping[Run, Part]],
    order: Sequence[str],
    tasks: Sequence[str],
    permutations: int,
    seed: int,
) -> pd.DataFrame:
    """Test all pairs of methods task by task, in the first run that both have.

    Parameters
    ----------
    test_parts : dict of str to dict
        Of each method the test part of every run, by compound, as from `methods.parts_by_run`.
    order : list of str
        Methods as in the summary: the first of a pair stands first.
    tasks : list of str
        Columns of the label matrix, in its order.
    permutations, seed : int
        For `metrics.roc.venkatraman_test`.

    Returns
    -------
    pandas.DataFrame
        As `statistics.tables.ROC_TESTS`: every task of every pair that has a common run; NaN where
        the task is not evaluable, or only one of the two predicts it.
    """
    tables = []
    for first, second in itertools.combinations(order, 2):
        if not (common := sorted(test_parts[first].keys() & test_parts[second].keys())):
            continue
        split, replicate = run = common[0]
        labels, first_scores, second_scores = _shared_compounds(
            test_parts[first][run], test_parts[second][run]
        )
        table = roc.compare_rocs(labels, first_scores, second_scores, permutations, seed)
        valid = table["venkatraman_valid_pvalue"]
        table = table.rename(
            columns={
                "auc_difference": "area_difference",
                "venkatraman_statistic": "venkatraman",
                "venkatraman_pvalue": "pvalue",
                "venkatraman_valid_pvalue": "valid_pvalue",
                "delong_statistic": "delong_z",
            }
        ).assign(
            first=first,
            second=second,
            split=split,
            replicate=replicate,
            task=tasks,
            auc_first=task_auc(labels, first_scores),
            auc_second=task_auc(labels, second_scores),
            holm=paired.adjust_pvalues(valid, "holm"),
            benjamini_hochberg=paired.adjust_pvalues(valid, "fdr_bh"),
        )
        tables.append(table)
    return _concatenate(tables, ROC_TESTS.names)


def interval_table(
    test_parts: Mapping[str, Mapping[Run, Part]],
    medians: pd.DataFrame,
    tasks: Sequence[str],
    resamples: int,
    seed: int,
) -> pd.DataFrame:
    """Bootstrap intervals of the AUC in the run of median performance: Table S6 of the paper.

    Parameters
    ----------
    test_parts : dict of str to dict
        As in `roc_table`.
    medians : pandas.DataFrame
        As `statistics.compare.median_runs`.
    tasks : list of str
        Columns of the label matrix, in its order.
    resamples, seed : int
        For `metrics.bootstrap.bootstrap_auc`.

    Returns
    -------
    pandas.DataFrame
        `INTERVALS`, for `statistics.compare.task_table`; no rows for a method without a median run.
    """
    tables = []
    for method, split, replicate in medians.itertuples():
        part = test_parts[method][split, replicate]
        table = {
            "method": method,
            "task": tasks,
            "split": split,
            "replicate": replicate,
            "auc_run": task_auc(part.labels, part.scores),
        }
        for ending, stratified in (("", False), ("_stratified", True)):
            table[f"low{ending}"], table[f"high{ending}"] = bootstrap.bootstrap_auc(
                part.labels, part.scores, resamples, seed, stratified
            )
        tables.append(pd.DataFrame(table))
    return _concatenate(tables, INTERVALS)


def curve_table(
    test_parts: Mapping[str, Mapping[Run, Part]], medians: pd.DataFrame, tasks: Sequence[str]
) -> pd.DataFrame:
    """ROC curves of the run of median performance.

    Parameters
    ----------
    test_parts, medians, tasks
        As in `interval_table`.

    Returns
    -------
    pandas.DataFrame
        As `statistics.tables.ROC_CURVES`; evaluable tasks only.
    """
    tables = []
    for method, split, replicate in medians.itertuples():
        part = test_parts[method][split, replicate]
        for number in np.flatnonzero(np.isfinite(task_auc(part.labels, part.scores))).tolist():
            false, true = roc_corners(part.labels[:, number], part.scores[:, number])
            curve = {"false_positive_rate": false, "true_positive_rate": true}
            place = {"method": method, "split": split, "replicate": replicate}
            tables.append(pd.DataFrame(curve).assign(task=tasks[number], **place))
    return _concatenate(tables, ROC_CURVES.names)


def roc_corners(
    labels: npt.ArrayLike, scores: npt.ArrayLike, most: int = MOST_POINTS
) -> tuple[np.ndarray, np.ndarray]:
    """Corners of a ROC curve, from (0, 0) to (1, 1).

    Parameters
    ----------
    labels : array_like, (samples,)
        +1 active, -1 inactive, 0 missing (left out); both classes are there.
    scores : array_like of float, (samples,)
    most : int
        If the curve has more corners, this many are kept, evenly along the curve.

    Returns
    -------
    false_positive_rate, true_positive_rate : ndarrays of float64
        Equal scores give one step, which is slanted if both classes share one.
    """
    labels, scores = np.asarray(labels), np.asarray(scores)
    # Not by -score, which scores without a sign do not have.
    order = np.argsort(scores[labels != 0], kind="stable")[::-1]
    score, active = scores[labels != 0][order], labels[labels != 0][order] > 0
    last_of_score = np.append(score[1:] != score[:-1], True)
    true = np.append(0, np.cumsum(active)[last_of_score])
    false = np.append(0, np.cumsum(~active)[last_of_score])
    up, right = np.diff(true), np.diff(false)
    # Between two steps of one direction there is no corner.
    turns = up[1:] * right[:-1] != up[:-1] * right[1:]
    corners = np.flatnonzero(np.concatenate([[True], turns, [True]]))
    if len(corners) > most:
        corners = corners[np.linspace(0, len(corners) - 1, most).round().astype(int)]
    return false[corners] / false[-1], true[corners] / true[-1]


def _concatenate(tables: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    """One table below the other; there may be none."""
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)
    return table[columns]


def _shared_compounds(
    first_part: Part, second_part: Part
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels and both scores of the compounds, and the tasks, that both methods predict."""
    rows = pd.Index(first_part.keys["inchikey"]).get_indexer(second_part.keys["inchikey"])
    at_second = np.flatnonzero(rows >= 0)
    at_first = rows[at_second]
    labels = np.where(second_part.labels[at_second] == 0, 0, first_part.labels[at_first])
    return labels, first_part.scores[at_first], second_part.scores[at_second]
