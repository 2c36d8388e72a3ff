"""What the page shows, as plain values out of the tables."""

import numpy as np
import pandas as pd
import pyarrow as pa

from paintassay.drawing.style import method_colours, method_names
from paintassay.images.quality import FLAGS
from paintassay.report.figures.comparison_data import choose_pair
from paintassay.statistics.tables import LEVELS, SUMMARY, TASKS

CORRECTIONS = ("pvalue", "benjamini_hochberg", "holm")


def list_methods(summary, costs=None):
    """Methods in the order of the summary, with name, colour and costs.

    Parameters
    ----------
    summary : pandas.DataFrame
        As `statistics.tables.SUMMARY`.
    costs : pandas.DataFrame, optional
        As `training.tables.COSTS`.

    Returns
    -------
    list of dict
        The columns of the summary, None where a value is missing; name, colour; costs, a dict or
        None.
    """
    keys = list(summary["method"])
    names, colours = method_names(keys), method_colours(keys)
    of_model = {} if costs is None else {row["model"]: row for row in _records(costs)}
    return [
        row | {"name": names[key], "colour": colours[key], "costs": of_model.get(key)}
        for key, row in zip(keys, _records(summary, SUMMARY), strict=True)
    ]


def list_assays(tables, methods):
    """Each column of the label matrix, with all that was measured on it.

    Parameters
    ----------
    tables : dict of str to pandas.DataFrame
        assays (`labels.tables.ASSAYS`), conflicts (`labels.tables.CONFLICTS`); metrics, tasks,
        roc_curves and excluded (`comparison_tables`).
    methods : list of dict
        From `list_methods`.

    Returns
    -------
    list of dict
        In the order of the matrix: task, id, title, description, target, organism, type, kind,
        actives, inactives; results and curves, one a method or None; notes, list of str.
    """
    keys = [method["method"] for method in methods]
    results = {(row["method"], row["task"]): row for row in _records(tables["tasks"], TASKS)}
    median = _median_run(tables["metrics"], methods)
    curves = {
        key: _flat_curve(curve) for key, curve in tables["roc_curves"].groupby(["method", "task"])
    }
    notes = _notes(tables["excluded"], methods)
    conflicts = tables["conflicts"]["assay_chembl_id"].value_counts()
    assays = []
    for row in _records(tables["assays"]):
        task, chembl_id = row["TASK"], row["ASSAY_CHEMBL_ID"]
        own_notes = list(notes.get(task, []))
        if contradicting := int(conflicts.get(chembl_id, 0)):
            own_notes.append(
                f"Compounds whose pChEMBL value and activity comment contradict each other: "
                f"{contradicting} (both labels stay, in columns of their own)."
            )
        assays.append(
            {
                "task": task,
                "id": chembl_id,
                "title": row["DESCRIPTION"] or row["TARGET_NAME"] or chembl_id,
                "description": row["DESCRIPTION"],
                "target": row["TARGET_NAME"],
                "organism": row["TARGET_ORGANISM"],
                "type": row["ASSAY_TYPE"],
                "kind": _kind(row["KIND"], row["THRESHOLD"]),
                "actives": row["ACTIVES"],
                "inactives": row["INACTIVES"],
                "results": [
                    _result(results.get((key, task)), median.get((key, task))) for key in keys
                ],
                "curves": [curves.get((key, task)) for key in keys],
                "notes": own_notes,
            }
        )
    return assays


def _kind(kind, threshold):
    return "activity comments" if kind == "comment" else f"pChEMBL ≥ {threshold:g}"


def _median_run(metrics, methods):
    """What was measured by compound in each method's median run, by method and task."""
    of_compounds = metrics[metrics["level"] == "compounds"]
    median = {each["method"]: (each["median_split"], each["median_replicate"]) for each in methods}
    runs = zip(of_compounds["split"], of_compounds["replicate"], strict=True)
    own = [
        median.get(method) == run for method, run in zip(of_compounds["method"], runs, strict=True)
    ]
    columns = ["method", "task", "actives", "inactives", "enrichment_5"]
    own = of_compounds.loc[np.array(own, bool), columns]
    return {(row["method"], row["task"]): row for row in _records(own)}


def _result(row, median):
    if row is None:
        return None
    kept = ("runs", "auc", "auc_sd", "f1", "average_precision", "auc_compounds")
    of_run = ("auc_run", "low", "high")
    return {name: row[name] for name in (*kept, *of_run)} | {
        "enrichment_5": median and median["enrichment_5"],
        "test": median and [median["actives"], median["inactives"]],
    }


def _flat_curve(curve):
    """Points as false and true positives in thousandths, one after the other."""
    points = curve[["false_positive_rate", "true_positive_rate"]].to_numpy()
    return np.rint(1000 * points).astype(int).ravel().tolist()


def _notes(excluded, methods):
    """Say for each task, in a sentence a reason, what could not be measured."""
    names = {method["method"]: method["name"] for method in methods}
    notes = {}
    for (task, reason), rows in excluded.groupby(["task", "reason"]):
        concerned = [names[key] for key in names if (rows["method"] == key).any()]
        who = "all methods" if len(concerned) == len(names) > 1 else ", ".join(concerned)
        runs = len(rows[["method", "split", "replicate"]].drop_duplicates())
        levels = [f"by {level[:-1]}" for level in LEVELS
                  if (rows["level"] == level).any()]  # fmt: skip
        notes.setdefault(task, []).append(
            f"{reason[:1].upper()}{reason[1:]} ({' and '.join(levels)}; "
            f"{'one run' if runs == 1 else f'{runs:,} runs'} of {who})."
        )
    return notes


def list_pairs(roc_tests, methods, tasks):
    """The tests of ROC curves, pair by pair of methods.

    Parameters
    ----------
    roc_tests : pandas.DataFrame
        As `statistics.tables.ROC_TESTS`.
    methods : list of dict
        From `list_methods`.
    tasks : list of str
        Columns of the label matrix.

    Returns
    -------
    list of dict
        first, second (places among the methods), split, replicate; correlation (Pearson's, of
        the AUCs) and compared, the number of tasks; rows, one a task or None: both AUCs, p-value,
        corrected by Benjamini and Hochberg, by Holm, valid and DeLong's p-value.
    """
    place = {method["method"]: number for number, method in enumerate(methods)}
    columns = ["auc_first", "auc_second", *CORRECTIONS, "valid_pvalue", "delong_pvalue"]
    pairs = []
    for (first, second), rows in roc_tests.groupby(["first", "second"], sort=False):
        rows = rows.set_index("task").reindex(tasks)
        both = rows.dropna(subset=["auc_first", "auc_second"])
        areas = both[["auc_first", "auc_second"]].to_numpy(np.float64)
        told = len(areas) > 2 and np.ptp(areas, axis=0).min() > 0
        pairs.append(
            {
                "first": place[first],
                "second": place[second],
                "split": int(rows["split"].dropna().iloc[0]),
                "replicate": int(rows["replicate"].dropna().iloc[0]),
                "compared": len(both),
                "correlation": round(float(np.corrcoef(areas.T)[0, 1]), 3) if told else None,
                "rows": [
                    [short(value) for value in row] if task in both.index else None
                    for task, row in zip(tasks, rows[columns].to_numpy(np.float64), strict=True)
                ],
            }
        )
    return sorted(pairs, key=lambda pair: (pair["first"], pair["second"]))


def default_pair(methods):
    """Places of the two methods that are compared at first: the paper's, or the best two."""
    keys = [method["method"] for method in methods]
    return [keys.index(key) for key in choose_pair(keys)]


def wilcoxon_matrix(wilcoxon, methods):
    """The Wilcoxon tests as a matrix: the row is outperformed by the column.

    Parameters
    ----------
    wilcoxon : pandas.DataFrame
        As `statistics.tables.WILCOXON`.
    methods : list of dict
        From `list_methods`.

    Returns
    -------
    list of list of (dict or None)
    """
    cells = {(row["worse"], row["better"]): row for row in _records(wilcoxon)}
    keys = [method["method"] for method in methods]
    return [[cells.get((worse, better)) for better in keys] for worse in keys]


def list_trainings(trainings, methods):
    """Trainings with their curves as plain lists, in the order of the methods.

    Parameters
    ----------
    trainings : list of dict
        method, split, replicate, epochs (rows of metrics.jsonl), best_epoch (or None), seconds
        (of all epochs, or None).
    methods : list of dict

    Returns
    -------
    list of dict
    """
    place = {method["method"]: number for number, method in enumerate(methods)}
    rows = [
        {
            "method": place[each["method"]],
            "split": each["split"],
            "replicate": each["replicate"],
            "best": each["best_epoch"],
            "seconds": each["seconds"],
            "epochs": [row["epoch"] for row in each["epochs"]],
            **{
                name: [short(row[name]) for row in each["epochs"]]
                for name in ("training_loss", "validation_loss", "validation_auc")
            },
            "tasks": [row["evaluable_tasks"] for row in each["epochs"]],
        }
        for each in trainings
        if each["method"] in place
    ]
    return sorted(rows, key=lambda row: (row["method"], row["split"], row["replicate"]))


def short(value):
    """Round to four significant digits, or four decimals, whichever says more; None for NaN."""
    if value is None or np.isnan(value):
        return None
    value = float(value)
    return float(f"{value:.4g}") if abs(value) < 1 else round(value, 4)


def _records(table, schema=None):
    """Rows as dicts of plain values, None where one is missing."""
    whole = {field.name for field in schema or [] if pa.types.is_integer(field.type)}
    columns = {
        name: [_plain(value, name in whole) for value in table[name]] for name in table.columns
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _plain(value, whole=False):
    if value is None or value is pd.NA or value != value:
        return None
    if isinstance(value, (float, np.floating)):
        # pandas makes whole numbers with missing ones among them into fractions.
        return int(value) if whole else short(value)
    return int(value) if isinstance(value, (int, np.integer)) else str(value)


# Plates that are named in the account of quality.
WORST_PLATES = 10


def summarise_quality(quality):
    """Planes and flags by channel, and the plates with most flags.

    Parameters
    ----------
    quality : pandas.DataFrame
        As `images.tables.QUALITY`.

    Returns
    -------
    dict
        flags, those that occur; channels, list of dict: channel, planes, flagged, counts (by
        flag), and medians of focus_slope, saturated, background and mean; plates (their number)
        and worst_plates: plate, planes, flagged.
    """
    # There are few different combinations of flags, and millions of planes.
    codes, combinations = quality["flags"].fillna("").factorize()
    marks = {
        flag: np.array([flag in names.split(";") for names in combinations], bool)[codes]
        for flag in FLAGS
    }
    marked = quality.assign(flagged=np.any(list(marks.values()), axis=0), **marks)
    channels = []
    for channel, planes in marked.groupby("channel", sort=False):
        medians = planes[["focus_slope", "saturated", "background", "mean"]].median()
        channels.append(
            {
                "channel": channel,
                "planes": len(planes),
                "flagged": int(planes["flagged"].sum()),
                "counts": {flag: int(planes[flag].sum()) for flag in FLAGS},
                **{name: short(value) for name, value in medians.items()},
            }
        )
    plates = marked.groupby("plate")["flagged"].agg(["size", "sum"]).reset_index()
    worst = plates[plates["sum"] > 0].sort_values(["sum", "plate"], ascending=[False, True])
    return {
        "flags": [flag for flag in FLAGS if marked[flag].any()],
        "channels": channels,
        "plates": len(plates),
        "plates_flagged": len(worst),
        "worst_plates": [
            {"plate": plate, "planes": planes, "flagged": flagged}
            for plate, planes, flagged in worst.head(WORST_PLATES).itertuples(index=False)
        ],
    }


def funnel_rows(steps):
    """Steps from the library to the label matrix, with what each lost of its own unit.

    Parameters
    ----------
    steps : list of dict
        step, count, unit; as from `labels.summary.build_funnel`.

    Returns
    -------
    list of dict
        Those, and share (of the largest count) and lost (None where the unit changes).
    """
    largest = max([step["count"] for step in steps], default=0) or 1
    rows = []
    before: dict | None = None
    for step in steps:
        lost = None
        if before is not None and before["unit"] == step["unit"]:
            lost = before["count"] - step["count"]
        rows.append(step | {"share": step["count"] / largest, "lost": lost})
        before = step
    return rows


def count_excluded(excluded):
    """Reasons why tasks could not be measured: reason, level, tasks, runs and measurements."""
    rows = []
    for (reason, level), group in excluded.groupby(["reason", "level"]):
        runs = group[["method", "split", "replicate"]].drop_duplicates()
        rows.append(
            {
                "reason": reason,
                "level": level,
                "tasks": group["task"].nunique(),
                "runs": len(runs),
                "measurements": len(group),
            }
        )
    return rows
