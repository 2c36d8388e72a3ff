"""Turn the tables of the comparison into the rows of the page."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from paintassay.drawing.style import method_colours, method_names
from paintassay.report.figures.comparison_data import choose_pair
from paintassay.report.histories import TrainingHistory
from paintassay.report.page.rows import (
    AssayRow,
    Costs,
    MethodRow,
    PairRow,
    RocTest,
    TaskExamples,
    TaskResult,
    TrainingRow,
    WilcoxonTest,
)
from paintassay.statistics.tables import LEVELS, SUMMARY, TASKS


@dataclass(frozen=True)
class PageTables:
    """The tables that the page is made from, as their schemas; there may be no costs."""

    assays: pd.DataFrame
    conflicts: pd.DataFrame
    lost_views: pd.DataFrame
    quality: pd.DataFrame
    parts: pd.DataFrame
    metrics: pd.DataFrame
    tasks: pd.DataFrame
    summary: pd.DataFrame
    wilcoxon: pd.DataFrame
    roc_tests: pd.DataFrame
    roc_curves: pd.DataFrame
    excluded: pd.DataFrame
    costs: pd.DataFrame | None


def list_methods(summary: pd.DataFrame, costs: pd.DataFrame | None = None) -> list[MethodRow]:
    """List the methods in the order of the summary.

    Parameters
    ----------
    summary : pandas.DataFrame
        As `statistics.tables.SUMMARY`.
    costs : pandas.DataFrame, optional
        As `training.tables.COSTS`.

    Returns
    -------
    list of MethodRow
    """
    keys = list(summary["method"])
    names, colours = method_names(keys), method_colours(keys)
    costs_of = {} if costs is None else {row["model"]: Costs(**row) for row in _records(costs)}
    return [
        MethodRow(
            # Columns such as above_0.9 could not be names in Python.
            **{column.replace(".", "_"): value for column, value in row.items()},
            name=names[key],
            colour=colours[key],
            costs=costs_of.get(key),
        )
        for key, row in zip(keys, _records(summary, SUMMARY), strict=True)
    ]


def list_assays(
    tables: PageTables, methods: Sequence[MethodRow], examples: Mapping[str, TaskExamples]
) -> list[AssayRow]:
    """List the tasks in the order of the label matrix.

    Parameters
    ----------
    tables : PageTables
    methods : list of MethodRow
        From `list_methods`.
    examples : dict of str to TaskExamples
        By task, as from `report.page.images.examples_by_task`.

    Returns
    -------
    list of AssayRow
    """
    keys = [method.method for method in methods]
    results = {(row["method"], row["task"]): row for row in _records(tables.tasks, TASKS)}
    in_median_run = _measured_in_median_run(tables.metrics, methods)
    curves = {
        key: _flat_curve(curve) for key, curve in tables.roc_curves.groupby(["method", "task"])
    }
    notes = _notes(tables.excluded, methods)
    conflicts = tables.conflicts["assay_chembl_id"].value_counts()
    assays = []
    for row in _records(tables.assays):
        task, chembl_id = row["TASK"], row["ASSAY_CHEMBL_ID"]
        notes_of_task = list(notes.get(task, []))
        if contradicting := int(conflicts.get(chembl_id, 0)):
            notes_of_task.append(
                f"Compounds whose pChEMBL value and activity comment contradict each other: "
                f"{contradicting} (both labels stay, in columns of their own)."
            )
        assays.append(
            AssayRow(
                task=task,
                id=chembl_id,
                title=row["DESCRIPTION"] or row["TARGET_NAME"] or chembl_id,
                description=row["DESCRIPTION"],
                target=row["TARGET_NAME"],
                organism=row["TARGET_ORGANISM"],
                type=row["ASSAY_TYPE"],
                kind=_kind(row["KIND"], row["THRESHOLD"]),
                actives=row["ACTIVES"],
                inactives=row["INACTIVES"],
                results=[
                    _result(results.get((key, task)), in_median_run.get((key, task)))
                    for key in keys
                ],
                curves=[curves.get((key, task)) for key in keys],
                notes=notes_of_task,
                examples=examples.get(task),
            )
        )
    return assays


def _kind(kind: str, threshold: float) -> str:
    return "activity comments" if kind == "comment" else f"pChEMBL ≥ {threshold:g}"


def _measured_in_median_run(
    metrics: pd.DataFrame, methods: Sequence[MethodRow]
) -> dict[tuple[str, str], dict[str, Any]]:
    """What was measured by compound in each method's median run, by method and task."""
    by_compound = metrics[metrics["level"] == "compounds"]
    median_runs = {row.method: (row.median_split, row.median_replicate) for row in methods}
    runs = zip(by_compound["split"], by_compound["replicate"], strict=True)
    is_median = [
        median_runs.get(method) == run
        for method, run in zip(by_compound["method"], runs, strict=True)
    ]
    columns = ["method", "task", "actives", "inactives", "enrichment_5"]
    rows = _records(by_compound.loc[np.array(is_median, bool), columns])
    return {(row["method"], row["task"]): row for row in rows}


def _result(
    means: Mapping[str, Any] | None, median_run: Mapping[str, Any] | None
) -> TaskResult | None:
    if means is None:
        return None
    of_all_runs = ("runs", "auc", "auc_sd", "f1", "average_precision", "auc_compounds")
    of_median_run = ("auc_run", "low", "high")
    return TaskResult(
        **{name: means[name] for name in (*of_all_runs, *of_median_run)},
        enrichment_5=median_run["enrichment_5"] if median_run else None,
        test=(median_run["actives"], median_run["inactives"]) if median_run else None,
    )


def _flat_curve(curve: pd.DataFrame) -> list[int]:
    """Points as false and true positives in thousandths, one after the other."""
    points = curve[["false_positive_rate", "true_positive_rate"]].to_numpy()
    return np.rint(1000 * points).astype(int).ravel().tolist()


def _notes(excluded: pd.DataFrame, methods: Sequence[MethodRow]) -> dict[str, list[str]]:
    """Say for each task what could not be measured, in one sentence for each reason."""
    names = {method.method: method.name for method in methods}
    notes: dict[str, list[str]] = {}
    for (task, problem), rows in excluded.groupby(["task", "reason"]):
        reason = str(problem)
        concerned = [names[key] for key in names if (rows["method"] == key).any()]
        who = "all methods" if len(concerned) == len(names) > 1 else ", ".join(concerned)
        runs = len(rows[["method", "split", "replicate"]].drop_duplicates())
        levels = [f"by {level[:-1]}" for level in LEVELS if (rows["level"] == level).any()]
        notes.setdefault(str(task), []).append(
            f"{reason[:1].upper()}{reason[1:]} ({' and '.join(levels)}; "
            f"{'one run' if runs == 1 else f'{runs:,} runs'} of {who})."
        )
    return notes


def list_pairs(
    roc_tests: pd.DataFrame, methods: Sequence[MethodRow], tasks: list[str]
) -> list[PairRow]:
    """List the tests of ROC curves, pair by pair of methods.

    Parameters
    ----------
    roc_tests : pandas.DataFrame
        As `statistics.tables.ROC_TESTS`.
    methods : list of MethodRow
        From `list_methods`.
    tasks : list of str
        Columns of the label matrix.

    Returns
    -------
    list of PairRow
    """
    place = {method.method: number for number, method in enumerate(methods)}
    pairs = []
    for (first, second), rows in roc_tests.groupby(["first", "second"], sort=False):
        rows = rows.set_index("task").reindex(tasks)
        both = rows.dropna(subset=["auc_first", "auc_second"])
        areas = both[["auc_first", "auc_second"]].to_numpy(np.float64)
        has_correlation = len(areas) > 2 and np.ptp(areas, axis=0).min() > 0
        values = rows[list(RocTest._fields)].to_numpy(np.float64)
        pairs.append(
            PairRow(
                first=place[str(first)],
                second=place[str(second)],
                split=int(rows["split"].dropna().iloc[0]),
                replicate=int(rows["replicate"].dropna().iloc[0]),
                compared=len(both),
                correlation=(
                    round(float(np.corrcoef(areas.T)[0, 1]), 3) if has_correlation else None
                ),
                rows=[
                    RocTest._make(map(short, row)) if task in both.index else None
                    for task, row in zip(tasks, values, strict=True)
                ],
            )
        )
    return sorted(pairs, key=lambda pair: (pair.first, pair.second))


def default_pair(methods: Sequence[MethodRow]) -> list[int]:
    """Places of the two methods that are compared at first: the paper's, or the best two."""
    keys = [method.method for method in methods]
    return [keys.index(key) for key in choose_pair(keys)]


def wilcoxon_matrix(
    wilcoxon: pd.DataFrame, methods: Sequence[MethodRow]
) -> list[list[WilcoxonTest | None]]:
    """Arrange the Wilcoxon tests as a matrix: the row is outperformed by the column.

    Parameters
    ----------
    wilcoxon : pandas.DataFrame
        As `statistics.tables.WILCOXON`.
    methods : list of MethodRow
        From `list_methods`.

    Returns
    -------
    list of list of (WilcoxonTest or None)
    """
    tests = [WilcoxonTest(**row) for row in _records(wilcoxon)]
    cells = {(test.worse, test.better): test for test in tests}
    keys = [method.method for method in methods]
    return [[cells.get((worse, better)) for better in keys] for worse in keys]


def list_trainings(
    histories: Iterable[TrainingHistory], methods: Sequence[MethodRow]
) -> list[TrainingRow]:
    """List the trainings with their curves, in the order of the methods.

    Parameters
    ----------
    histories : list of TrainingHistory
    methods : list of MethodRow
        From `list_methods`.

    Returns
    -------
    list of TrainingRow
    """
    place = {method.method: number for number, method in enumerate(methods)}
    rows = [
        TrainingRow(
            method=place[history.method],
            split=history.split,
            replicate=history.replicate,
            best=history.best_epoch,
            seconds=history.seconds,
            epochs=[epoch.epoch for epoch in history.epochs],
            training_loss=[short(epoch.training_loss) for epoch in history.epochs],
            validation_loss=[short(epoch.validation_loss) for epoch in history.epochs],
            validation_auc=[short(epoch.validation_auc) for epoch in history.epochs],
            tasks=[epoch.evaluable_tasks for epoch in history.epochs],
        )
        for history in histories
        if history.method in place
    ]
    return sorted(rows, key=lambda row: (row.method, row.split, row.replicate))


def short(value: float | None) -> float | None:
    """Round to four significant digits, or four decimals, whichever says more; None for NaN."""
    if value is None or np.isnan(value):
        return None
    value = float(value)
    return float(f"{value:.4g}") if abs(value) < 1 else round(value, 4)


def _records(table: pd.DataFrame, schema: pa.Schema | None = None) -> Iterator[dict[str, Any]]:
    """Rows with plain values, None where one is missing."""
    integers = {field.name for field in schema or [] if pa.types.is_integer(field.type)}
    columns = {
        name: [_plain(value, name in integers) for value in table[name]] for name in table.columns
    }
    for row in zip(*columns.values(), strict=True):
        yield dict(zip(columns, row, strict=True))


def _plain(value: Any, is_integer: bool) -> int | float | str | None:
    if value is None or value is pd.NA or value != value:
        return None
    if isinstance(value, (float, np.floating)):
        # pandas makes whole numbers with missing ones among them into fractions.
        return int(value) if is_integer else short(float(value))
    return int(value) if isinstance(value, (int, np.integer)) else str(value)
