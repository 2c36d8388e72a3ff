"""What a comparison could not do, in words."""

from itertools import combinations


def find_problems(metrics, parts, tasks):
    """Say what could not be done, or only in part.

    Parameters
    ----------
    metrics : pandas.DataFrame
        As `comparison_tables.METRICS`.
    parts : dict of str to dict
        As in `method_tests.roc_table`.
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
    if metrics["threshold"].isna().all():
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
