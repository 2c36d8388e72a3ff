"""Methods compared: the tables of the whole comparison."""

import pandas as pd

from paintassay import comparison_tables, methods, scores
from paintassay.comparison_problems import find_problems
from paintassay.method_tests import curve_table, interval_table, roc_table, wilcoxon_table
from paintassay.statistics import summarise_aucs


def compare(metrics, parts, labels, replicates, permutations, seed):
    """Make all tables that say which method is better, and where.

    Parameters
    ----------
    metrics : pandas.DataFrame
        As `comparison_tables.METRICS`, of all methods.
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
        As `comparison_tables.METRICS`.

    Returns
    -------
    pandas.DataFrame of int64
        Columns split and replicate, index method; without methods that have no AUC at all.
    """
    by_compound = metrics[metrics["level"] == "compounds"]
    means = by_compound.groupby(["method", *methods.RUN])["auc"].mean().dropna().reset_index()
    means = means.sort_values(["method", "auc", *methods.RUN])
    place = means.groupby("method").cumcount()
    runs = means.groupby("method")["auc"].transform("size")
    return means[place == (runs - 1) // 2].set_index("method")[methods.RUN]


def task_table(metrics, order, tasks, intervals):
    """Sum up the runs of each method, task by task.

    Parameters
    ----------
    metrics : pandas.DataFrame
        As `comparison_tables.METRICS`.
    order : list of str
        The methods, in the order of the table.
    tasks : list of str
        Columns of the label matrix, in its order.
    intervals : pandas.DataFrame
        method, task and the columns of `comparison_tables.TASKS` that say of the median run.

    Returns
    -------
    pandas.DataFrame
        As `comparison_tables.TASKS`: a row for every task of every method.
    """
    evaluable = metrics.dropna(subset="auc")
    wells, compounds = (
        evaluable[evaluable["level"] == level] for level in comparison_tables.LEVELS
    )
    by = ["method", "task"]
    index = pd.MultiIndex.from_product([order, tasks], names=by)
    table = wells.groupby(by)[["auc", "f1", "average_precision"]].mean().reindex(index)
    table["auc_sd"] = wells.groupby(by)["auc"].std()
    table["auc_compounds"] = compounds.groupby(by)["auc"].mean()
    # Both levels have the same labels; other tools may lack the wells.
    table["runs"] = compounds.groupby(by).size().reindex(index, fill_value=0)
    table = table.join(intervals.set_index(by)).reset_index()
    return table[comparison_tables.TASKS.names]


def summarise_methods(metrics, medians):
    """Sum up each method over its tasks: Table 1 of Hofmarcher et al. 2019.

    Metrics are averaged over the runs first, task by task, and then over the tasks.

    Parameters
    ----------
    metrics : pandas.DataFrame
        As `comparison_tables.METRICS`.
    medians : pandas.DataFrame
        As `median_runs`.

    Returns
    -------
    pandas.DataFrame
        As `comparison_tables.SUMMARY`, sorted by the mean AUC, best first: by well, or by compound
        if not all methods have wells.
    """
    rows = []
    measures = ["auc", "f1", "average_precision", "balanced_accuracy"]
    for method, own in metrics.groupby("method", sort=False):
        means = own.groupby(["level", "task"])[measures].mean()
        wells, compounds = (
            means[means.index.get_level_values("level") == level]
            for level in comparison_tables.LEVELS
        )
        summary, by_compound = (summarise_aucs(each["auc"]) for each in (wells, compounds))
        row = {
            "method": method,
            "runs": len(methods.runs_of(own)),
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
    return table[comparison_tables.SUMMARY.names]


def predictability_table(task_means, labels):
    """Set the AUC of each method and task beside the number and the classes of its labels.

    Parameters
    ----------
    task_means : pandas.DataFrame
        As `comparison_tables.TASKS`.
    labels : samples.Labels

    Returns
    -------
    pandas.DataFrame
        As `comparison_tables.PREDICTABILITY`.
    """
    actives, inactives = scores.count_labels(labels.values)
    counts = pd.DataFrame({"task": labels.tasks, "actives": actives, "inactives": inactives})
    counts["data_points"] = actives + inactives
    counts["active_share"] = actives / counts["data_points"]
    has_wells = task_means.groupby("method")["auc"].transform("count") > 0
    auc = task_means["auc"].where(has_wells, task_means["auc_compounds"])
    table = task_means[["method", "task"]].assign(auc=auc).merge(counts, on="task")
    return table[comparison_tables.PREDICTABILITY.names]
