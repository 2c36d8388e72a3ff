"""Compare methods: make the tables of tasks, methods and predictability, and list the problems."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import pandas as pd

from paintassay.core.keys import RUN
from paintassay.labels.reading import Labels
from paintassay.metrics import measures
from paintassay.metrics.paired import summarise_aucs
from paintassay.statistics.methods import Part, Run, runs_of
from paintassay.statistics.tables import LEVELS, PREDICTABILITY, SUMMARY, TASKS, Problem
from paintassay.statistics.tests import curve_table, interval_table, roc_table, wilcoxon_table


def compare(
    metrics: pd.DataFrame,
    test_parts: Mapping[str, Mapping[Run, Part]],
    labels: Labels,
    resamples: int,
    permutations: int,
    seed: int,
) -> tuple[dict[str, pd.DataFrame], list[Problem]]:
    """Make all tables that say which method is better, and where.

    Parameters
    ----------
    metrics : pandas.DataFrame
        As `statistics.tables.METRICS`, of all methods.
    test_parts : dict of str to dict
        Of each method the test part of every run, by compound, as from `methods.parts_by_run`.
    labels : Labels
    resamples : int
        Of the bootstrap.
    permutations : int
        Of Venkatraman's test.
    seed : int

    Returns
    -------
    tables : dict of str to pandas.DataFrame
        tasks, summary, wilcoxon, roc_tests, roc_curves and predictability, as the schemas of
        those names in `statistics.tables`.
    problems : list of Problem
    """
    tasks = labels.tasks
    medians = median_runs(metrics)
    summary = summarise_methods(metrics, medians)
    order = summary["method"].to_list()
    intervals = interval_table(test_parts, medians, tasks, resamples, seed)
    task_means = task_table(metrics, order, tasks, intervals)
    tables = {
        "tasks": task_means,
        "summary": summary,
        "wilcoxon": wilcoxon_table(metrics, order),
        "roc_tests": roc_table(test_parts, order, tasks, permutations, seed),
        "roc_curves": curve_table(test_parts, medians, tasks),
        "predictability": predictability_table(task_means, labels),
    }
    return tables, find_problems(metrics, test_parts, tasks)


def median_runs(metrics: pd.DataFrame) -> pd.DataFrame:
    """Choose the run of median performance of each method, for results that show one run only.

    Runs are ordered by their mean AUC over the evaluable tasks, by compound, which every method
    has. If their number is even, the lower one of the two in the middle is taken; of equal runs,
    the one with the lower numbers comes first. Hofmarcher et al. 2019 do so for their Table S6.

    Parameters
    ----------
    metrics : pandas.DataFrame
        As `statistics.tables.METRICS`.

    Returns
    -------
    pandas.DataFrame of int64
        Columns split and replicate, index method; without methods that have no AUC at all.
    """
    by_compound = metrics[metrics["level"] == "compounds"]
    means = by_compound.groupby(["method", *RUN])["auc"].mean().dropna().reset_index()
    means = means.sort_values(["method", "auc", *RUN])
    rank = means.groupby("method").cumcount()
    runs = means.groupby("method")["auc"].transform("size")
    return means[rank == (runs - 1) // 2].set_index("method")[RUN]


def task_table(
    metrics: pd.DataFrame, order: Sequence[str], tasks: Sequence[str], intervals: pd.DataFrame
) -> pd.DataFrame:
    """Sum up the runs of each method, task by task.

    Parameters
    ----------
    metrics : pandas.DataFrame
        As `statistics.tables.METRICS`.
    order : list of str
        The methods, in the order of the table.
    tasks : list of str
        Columns of the label matrix, in its order.
    intervals : pandas.DataFrame
        method, task and the columns of `statistics.tables.TASKS` about the median run.

    Returns
    -------
    pandas.DataFrame
        As `statistics.tables.TASKS`: a row for every task of every method.
    """
    evaluable = metrics.dropna(subset="auc")
    wells, compounds = (evaluable[evaluable["level"] == level] for level in LEVELS)
    by = ["method", "task"]
    index = pd.MultiIndex.from_product([order, tasks], names=by)
    table = wells.groupby(by)[["auc", "f1", "average_precision"]].mean().reindex(index)
    table["auc_sd"] = wells.groupby(by)["auc"].std()
    table["auc_compounds"] = compounds.groupby(by)["auc"].mean()
    # Counted by compound: both levels have the same labels, but other tools may have no wells.
    table["runs"] = compounds.groupby(by).size().reindex(index, fill_value=0)
    table = table.join(intervals.set_index(by)).reset_index()
    return table[TASKS.names]


def summarise_methods(metrics: pd.DataFrame, medians: pd.DataFrame) -> pd.DataFrame:
    """Sum up each method over its tasks: Table 1 of Hofmarcher et al. 2019.

    Metrics are averaged over the runs first, task by task, and then over the tasks.

    Parameters
    ----------
    metrics : pandas.DataFrame
        As `statistics.tables.METRICS`.
    medians : pandas.DataFrame
        As `median_runs`.

    Returns
    -------
    pandas.DataFrame
        As `statistics.tables.SUMMARY`, sorted by the mean AUC, best first: by well, or by compound
        if not all methods have wells.
    """
    rows = []
    columns = ["auc", "f1", "average_precision", "balanced_accuracy"]
    for method, metrics_of_method in metrics.groupby("method", sort=False):
        means = metrics_of_method.groupby(["level", "task"])[columns].mean()
        wells, compounds = (
            means[means.index.get_level_values("level") == level] for level in LEVELS
        )
        by_well, by_compound = summarise_aucs(wells["auc"]), summarise_aucs(compounds["auc"])
        row = {
            "method": method,
            "runs": len(runs_of(metrics_of_method)),
            "tasks": metrics_of_method["task"].nunique(),
            "evaluable": by_compound["evaluable"],
            "auc_mean": by_well["mean"],
            "auc_sd": by_well["sd"],
            "f1_mean": wells["f1"].mean(),
            "f1_sd": wells["f1"].std(),
            "auc_mean_compounds": by_compound["mean"],
            "auc_sd_compounds": by_compound["sd"],
            "average_precision_mean": wells["average_precision"].mean(),
            "balanced_accuracy_mean": wells["balanced_accuracy"].mean(),
        }
        above = {name: count for name, count in by_well.items() if name.startswith("above")}
        rows.append(row | (above if len(wells) else dict.fromkeys(above)))
    table = pd.DataFrame(rows).set_index("method")
    table[["median_split", "median_replicate"]] = medians.reindex(table.index).astype("Int64")
    by = "auc_mean_compounds" if table["auc_mean"].isna().any() else "auc_mean"
    table = table.sort_values(by, ascending=False, kind="stable").reset_index()
    return table[SUMMARY.names]


def predictability_table(task_means: pd.DataFrame, labels: Labels) -> pd.DataFrame:
    """Join the AUC of each method and task with the number and the classes of its labels.

    Parameters
    ----------
    task_means : pandas.DataFrame
        As `statistics.tables.TASKS`.
    labels : Labels

    Returns
    -------
    pandas.DataFrame
        As `statistics.tables.PREDICTABILITY`.
    """
    actives, inactives = measures.count_labels(labels.values)
    counts = pd.DataFrame({"task": labels.tasks, "actives": actives, "inactives": inactives})
    counts["data_points"] = actives + inactives
    counts["active_share"] = actives / counts["data_points"]
    has_wells = task_means.groupby("method")["auc"].transform("count") > 0
    auc = task_means["auc"].where(has_wells, task_means["auc_compounds"])
    table = task_means[["method", "task"]].assign(auc=auc).merge(counts, on="task")
    return table[PREDICTABILITY.names]


def find_problems(
    metrics: pd.DataFrame, test_parts: Mapping[str, Mapping[Run, Part]], tasks: Sequence[str]
) -> list[Problem]:
    """List what could not be done, or only in part.

    Parameters
    ----------
    metrics : pandas.DataFrame
        As `statistics.tables.METRICS`.
    test_parts : dict of str to dict
        As in `compare`.
    tasks : list of str
        Columns of the label matrix.

    Returns
    -------
    list of Problem
    """
    problems = []
    methods = list(test_parts)
    if len(methods) == 1:
        problems.append(Problem("comparison of methods", f"there is one method only, {methods[0]}"))
    for place, kind in enumerate(("splits", "replicates")):
        if single := [
            method for method in methods if len({run[place] for run in test_parts[method]}) == 1
        ]:
            why = f"there is one only of {', '.join(single)}"
            problems.append(Problem(f"spread of AUCs over {kind}", why))
    for method in methods:
        problems += _problems_of_method(method, metrics[metrics["method"] == method], tasks)
    evaluable = set(metrics.dropna(subset="auc")["task"])
    if never := [task for task in tasks if task not in evaluable]:
        why = f"no run of any method has both classes in the test part: {', '.join(never)}"
        problems.append(Problem(f"AUC of {len(never)} of {len(tasks)} tasks", why))
    for first, second in combinations(methods, 2):
        problems += _problems_of_pair(first, second, test_parts[first], test_parts[second])
    return problems


def _problems_of_method(method: str, metrics: pd.DataFrame, tasks: Sequence[str]) -> list[Problem]:
    problems = []
    if "wells" not in set(metrics["level"]):
        problems.append(Problem(f"measures of {method} by well", "its predictions are by compound"))
    if missing_tasks := len(tasks) - metrics["task"].nunique():
        what = f"measures of {method} for {missing_tasks} of {len(tasks)} tasks"
        problems.append(Problem(what, "it does not predict them"))
    if metrics["decision_threshold"].isna().all():
        why = "in no task does it predict both classes of the validation part"
        problems.append(Problem(f"F1 of {method} at the best threshold", why))
    return problems


def _problems_of_pair(
    first: str,
    second: str,
    first_parts: Mapping[Run, Part],
    second_parts: Mapping[Run, Part],
) -> list[Problem]:
    problems = []
    common = first_parts.keys() & second_parts.keys()
    if not common:
        why = "there is no split and replicate that both have"
        problems.append(Problem(f"tests of the ROC curves of {first} and {second}", why))
    if {split for split, _ in first_parts} != {split for split, _ in second_parts}:
        what = f"comparison of {first} and {second} on all splits"
        why = "they have different ones; those that both have are compared"
        problems.append(Problem(what, why))
    unshared = [
        len(set(first_parts[run].keys["inchikey"]) ^ set(second_parts[run].keys["inchikey"]))
        for run in common
    ]
    if any(unshared):
        what = f"comparison of {first} and {second} on all compounds"
        why = f"up to {max(unshared)} compounds of a test part are predicted by one of them only"
        problems.append(Problem(what, why))
    return problems
