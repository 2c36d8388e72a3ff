"""The comparison of methods: tables of tasks, methods and predictability, and what to beware of."""

from itertools import combinations

import pandas as pd

from paintassay.core.keys import RUN
from paintassay.metrics import measures
from paintassay.metrics.paired import summarise_aucs
from paintassay.statistics.methods import runs_of
from paintassay.statistics.tables import LEVELS, PREDICTABILITY, SUMMARY, TASKS
from paintassay.statistics.tests import curve_table, interval_table, roc_table, wilcoxon_table


def compare(metrics, parts, labels, replicates, permutations, seed):
    """Make all tables that say which method is better, and where.

    Parameters
    ----------
    metrics : pandas.DataFrame
        As `statistics.tables.METRICS`, of all methods.
    parts : dict of str to dict
        Of each method {(split, replicate): methods.Part}: the test part by compound.
    labels : samples.Labels
    replicates : int
        Of the bootstrap.
    permutations : int
        Of Venkatraman's test.
    seed : int

    Returns
    -------
    tables : dict of str to pandas.DataFrame
        tasks, summary, wilcoxon, roc_tests, roc_curves and predictability, as the schemas of
        those names in `comparison_tables`.
    problems : list of dict
        What could not be done, and why.
    """
    tasks = labels.tasks
    medians = median_runs(metrics)
    summary = summarise_methods(metrics, medians)
    order = summary["method"].to_list()
    intervals = interval_table(parts, medians, tasks, replicates, seed)
    task_means = task_table(metrics, order, tasks, intervals)
    tables = {
        "tasks": task_means,
        "summary": summary,
        "wilcoxon": wilcoxon_table(metrics, order),
        "roc_tests": roc_table(parts, order, tasks, permutations, seed),
        "roc_curves": curve_table(parts, medians, tasks),
        "predictability": predictability_table(task_means, labels),
    }
    return tables, find_problems(metrics, parts, tasks)


def median_runs(metrics):
    """Choose the run of median performance of each method, for what is shown of one run only.

    Runs are ordered by their mean AUC over the evaluable tasks, by compound, which every method
    has; of an even number the lower one of the two in the middle is taken, and of equal ones the
    one with the lower numbers. Hofmarcher et al. 2019 do so for their Table S6.

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
    place = means.groupby("method").cumcount()
    runs = means.groupby("method")["auc"].transform("size")
    return means[place == (runs - 1) // 2].set_index("method")[RUN]


def task_table(metrics, order, tasks, intervals):
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
        method, task and the columns of `statistics.tables.TASKS` that say of the median run.

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
    # Both levels have the same labels; other tools may lack the wells.
    table["runs"] = compounds.groupby(by).size().reindex(index, fill_value=0)
    table = table.join(intervals.set_index(by)).reset_index()
    return table[TASKS.names]


def summarise_methods(metrics, medians):
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
    for method, own in metrics.groupby("method", sort=False):
        means = own.groupby(["level", "task"])[columns].mean()
        wells, compounds = (
            means[means.index.get_level_values("level") == level] for level in LEVELS
        )
        summary, by_compound = (summarise_aucs(each["auc"]) for each in (wells, compounds))
        row = {
            "method": method,
            "runs": len(runs_of(own)),
            "tasks": own["task"].nunique(),
            "evaluable": by_compound["evaluable"],
            "auc_mean": summary["mean"],
            "auc_sd": summary["sd"],
            "f1_mean": wells["f1"].mean(),
            "f1_sd": wells["f1"].std(),
            "auc_mean_compounds": by_compound["mean"],
            "auc_sd_compounds": by_compound["sd"],
            "average_precision_mean": wells["average_precision"].mean(),
            "balanced_accuracy_mean": wells["balanced_accuracy"].mean(),
        }
        above = {name: count for name, count in summary.items() if name.startswith("above")}
        rows.append(row | (above if len(wells) else dict.fromkeys(above)))
    table = pd.DataFrame(rows).set_index("method")
    table[["median_split", "median_replicate"]] = medians.reindex(table.index).astype("Int64")
    by = "auc_mean_compounds" if table["auc_mean"].isna().any() else "auc_mean"
    table = table.sort_values(by, ascending=False, kind="stable").reset_index()
    return table[SUMMARY.names]


def predictability_table(task_means, labels):
    """Set the AUC of each method and task beside the number and the classes of its labels.

    Parameters
    ----------
    task_means : pandas.DataFrame
        As `statistics.tables.TASKS`.
    labels : samples.Labels

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


def find_problems(metrics, parts, tasks):
    """Say what could not be done, or only in part.

    Parameters
    ----------
    metrics : pandas.DataFrame
        As `statistics.tables.METRICS`.
    parts : dict of str to dict
        As in `statistics.tests.roc_table`.
    tasks : list of str
        Columns of the label matrix.

    Returns
    -------
    list of dict
        what: the thing that is missing; why.
    """
    problems = []
    names = list(parts)
    if len(names) == 1:
        problems.append(("comparison of methods", f"there is one method only, {names[0]}"))
    for number, what in enumerate(("splits", "replicates")):
        if few := [name for name in names if len({run[number] for run in parts[name]}) == 1]:
            why = f"there is one only of {', '.join(few)}"
            problems.append((f"spread of AUCs over {what}", why))
    for name in names:
        problems += _problems_of_method(name, metrics[metrics["method"] == name], tasks)
    evaluable = set(metrics.dropna(subset="auc")["task"])
    if never := [task for task in tasks if task not in evaluable]:
        why = f"no run of any method has both classes in the test part: {', '.join(never)}"
        problems.append((f"AUC of {len(never)} of {len(tasks)} tasks", why))
    for pair in combinations(names, 2):
        problems += _problems_of_pair(*pair, *(parts[name] for name in pair))
    return [{"what": what, "why": why} for what, why in problems]


def _problems_of_method(name, metrics, tasks):
    problems = []
    if "wells" not in set(metrics["level"]):
        problems.append((f"measures of {name} by well", "its predictions are by compound"))
    if without := len(tasks) - metrics["task"].nunique():
        what = f"measures of {name} for {without} of {len(tasks)} tasks"
        problems.append((what, "it does not predict them"))
    if metrics["decision_threshold"].isna().all():
        why = "in no task does it predict both classes of the validation part"
        problems.append((f"F1 of {name} at the best threshold", why))
    return problems


def _problems_of_pair(first, second, first_parts, second_parts):
    problems = []
    common = first_parts.keys() & second_parts.keys()
    if not common:
        why = "there is no split and replicate that both have"
        problems.append((f"tests of the ROC curves of {first} and {second}", why))
    if {split for split, _ in first_parts} != {split for split, _ in second_parts}:
        what = f"comparison of {first} and {second} on all splits"
        problems.append((what, "they have different ones; those that both have are compared"))
    alone = [
        len(set(first_parts[run].keys["inchikey"]) ^ set(second_parts[run].keys["inchikey"]))
        for run in common
    ]
    if any(alone):
        what = f"comparison of {first} and {second} on all compounds"
        why = f"up to {max(alone)} compounds of a test part are predicted by one of them only"
        problems.append((what, why))
    return problems
