"""Make the tables that the figures of the comparison show; each is written beside its figure."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from paintassay.core.keys import RUN
from paintassay.report.figures.tables import DISTRIBUTION, FIG4, RELATION, S1, S6, TRAINING_CURVES
from paintassay.report.histories import TrainingHistory

ALPHA = 0.05
# The paper's Figure 4 compares these two.
FIRST_PAIR = ("gapnet", "fnn")
BASELINE = "fnn"
# Assays that are named below Figure 4.
NAMED = 6
MEASURES = {
    "average_precision": "average precision",
    "balanced_accuracy": "balanced accuracy at 0.5",
    "f1": "F1 at 0.5",
    "f1_best": "F1 at the tuned threshold",
    "enrichment_1": "enrichment factor, top 1 %",
    "enrichment_5": "enrichment factor, top 5 %",
}


def assay_names(assays: pd.DataFrame) -> pd.DataFrame:
    """Say what each task is.

    Parameters
    ----------
    assays : pandas.DataFrame
        As `labels.tables.ASSAYS`.

    Returns
    -------
    pandas.DataFrame
        assay (what was measured) and source (ChEMBL assay, and threshold or comments), index task.
    """
    threshold = assays["THRESHOLD"].map("pChEMBL ≥ {:g}".format)
    kind = threshold.where(assays["KIND"] == "pchembl", "comments")
    assay = assays["DESCRIPTION"].fillna(assays["TARGET_NAME"]).fillna(assays["ASSAY_CHEMBL_ID"])
    names = pd.DataFrame({"assay": assay, "source": assays["ASSAY_CHEMBL_ID"] + ", " + kind})
    return names.set_index(pd.Index(assays["TASK"], name="task"))


def choose_pair(order: Sequence[str]) -> tuple[str, ...]:
    """Choose the two methods to compare: GapNet and FNN as in the paper, or else the best two.

    Parameters
    ----------
    order : list of str
        The methods, best first.

    Returns
    -------
    tuple of str
        Shorter if there are fewer than two methods.
    """
    return FIRST_PAIR if set(FIRST_PAIR) <= set(order) else tuple(order[:2])


def pair_tests(roc_tests: pd.DataFrame, first: str, second: str) -> pd.DataFrame:
    """Select the tests of two methods, whichever of them comes first in the table.

    Parameters
    ----------
    roc_tests : pandas.DataFrame
        As `statistics.tables.ROC_TESTS`.
    first, second : str

    Returns
    -------
    pandas.DataFrame
        task, split, replicate, auc_first, auc_second, area_difference, pvalue and
        benjamini_hochberg; the tasks in which both have an AUC.
    """
    straight, turned = (
        roc_tests[(roc_tests["first"] == one) & (roc_tests["second"] == other)]
        for one, other in ((first, second), (second, first))
    )
    turned = turned.rename(columns={"auc_first": "auc_second", "auc_second": "auc_first"})
    turned = turned.assign(area_difference=-turned["area_difference"])
    columns = ["task", "split", "replicate", "auc_first", "auc_second", "area_difference"]
    table = (straight if len(straight) else turned)[[*columns, "pvalue", "benjamini_hochberg"]]
    return table.dropna(subset=["auc_first", "auc_second"]).reset_index(drop=True)


def fig4_data(roc_tests: pd.DataFrame, order: Sequence[str], assays: pd.DataFrame) -> pd.DataFrame:
    """Compare two methods assay by assay (Hofmarcher et al. 2019, Figure 4).

    Parameters
    ----------
    roc_tests : pandas.DataFrame
        As `statistics.tables.ROC_TESTS`.
    order : list of str
        The methods, best first.
    assays : pandas.DataFrame
        As `labels.tables.ASSAYS`.

    Returns
    -------
    pandas.DataFrame
        As `report.figures.tables.FIG4`, empty without two methods. Of the assays whose difference
        is significant without correction, the `NAMED` with the largest differences have numbers.
    """
    pair = choose_pair(order)
    if len(pair) < 2:
        return pd.DataFrame(columns=FIG4.names)
    table = pair_tests(roc_tests, *pair)
    table = table.join(assay_names(assays), on="task").assign(first=pair[0], second=pair[1])
    direction = np.sign(table["area_difference"]).map({1: "first", -1: "second", 0: "equal"})
    # A comparison with NaN is false.
    significant = table["pvalue"] < ALPHA
    table["outcome"] = direction.where(significant, "none")
    table["corrected"] = table["benjamini_hochberg"] < ALPHA
    size = table["area_difference"].abs()
    ordered = size[table["outcome"].isin(["first", "second"])].sort_values(kind="stable")
    named = table.loc[ordered.index[::-1][:NAMED]].sort_values("area_difference", kind="stable")
    table["number"] = pd.Series(range(len(named), 0, -1), index=named.index, dtype="Int64")
    return table[FIG4.names]


def common_level(tasks: pd.DataFrame) -> str:
    """Wells, as published, or compounds if a method has AUCs by compound only."""
    measured = tasks.groupby("method")[["auc", "auc_compounds"]].count()
    lacks_wells = (measured["auc"] == 0) & (measured["auc_compounds"] > 0)
    return "compounds" if lacks_wells.any() else "wells"


def distribution_data(tasks: pd.DataFrame) -> pd.DataFrame:
    """Take the AUCs of all tasks, at a level that all methods have.

    Parameters
    ----------
    tasks : pandas.DataFrame
        As `statistics.tables.TASKS`.

    Returns
    -------
    pandas.DataFrame
        As `report.figures.tables.DISTRIBUTION`.
    """
    level = common_level(tasks)
    auc = tasks["auc" if level == "wells" else "auc_compounds"]
    return tasks[["method", "task"]].assign(level=level, auc=auc)[DISTRIBUTION.names]


def s1_data(metrics: pd.DataFrame, tasks: pd.DataFrame) -> pd.DataFrame:
    """Take further measures of all tasks, at a level that all methods have.

    Parameters
    ----------
    metrics, tasks : pandas.DataFrame
        As `statistics.tables.METRICS` and `statistics.tables.TASKS`.

    Returns
    -------
    pandas.DataFrame
        As `report.figures.tables.S1`, methods in the order of `tasks`.
    """
    level = common_level(tasks)
    at_level = metrics[metrics["level"] == level]
    means = at_level.groupby(["method", "task"])[list(MEASURES)].mean()
    means = means.reindex(pd.MultiIndex.from_frame(tasks[["method", "task"]]))
    long = means.reset_index().melt(["method", "task"], var_name="measure").dropna()
    return long.assign(level=level)[S1.names].reset_index(drop=True)


def relation_data(predictability: pd.DataFrame, tasks: pd.DataFrame) -> pd.DataFrame:
    """Set the AUC of each task beside its data points and classes.

    Parameters
    ----------
    predictability, tasks : pandas.DataFrame
        As `statistics.tables.PREDICTABILITY` and `statistics.tables.TASKS`.

    Returns
    -------
    pandas.DataFrame
        As `report.figures.tables.RELATION`.
    """
    by_well = tasks.groupby("method")["auc"].count() > 0
    level = predictability["method"].map(by_well).map({True: "wells", False: "compounds"})
    inactives = predictability["inactives"].where(predictability["inactives"] > 0)
    ratio = predictability["actives"] / inactives
    return predictability.assign(level=level, class_ratio=ratio)[RELATION.names]


def s6_data(tasks: pd.DataFrame) -> pd.DataFrame:
    """Take the bootstrap intervals of the best method and of FNN.

    Parameters
    ----------
    tasks : pandas.DataFrame
        As `statistics.tables.TASKS`, best method first.

    Returns
    -------
    pandas.DataFrame
        As `report.figures.tables.S6`: the best method with an AUC, and FNN or else the next best;
        the tasks in which one of them has an AUC, sorted by the AUC of the best method.
    """
    measured = tasks.drop(columns="auc").rename(columns={"auc_run": "auc"}).dropna(subset="auc")
    order = list(measured["method"].unique())
    second = BASELINE if BASELINE in order[1:] else None
    shown = [*order[:1], *([second] if second else order[1:2])]
    measured = measured[measured["method"].isin(shown)]
    areas = measured.pivot(index="task", columns="method", values="auc").reindex(columns=shown)
    areas = areas.sort_values(shown, ascending=False, kind="stable") if shown else areas
    place = pd.Series(range(1, len(areas) + 1), index=areas.index, dtype="int64")
    table = measured.assign(
        place=measured["task"].map(place), rank=measured["method"].map(shown.index)
    )
    return table.sort_values(["rank", "place"])[S6.names].reset_index(drop=True)


def training_data(histories: Iterable[TrainingHistory], order: Sequence[str]) -> pd.DataFrame:
    """Put the epochs of all trainings into one table.

    Parameters
    ----------
    histories : list of TrainingHistory
    order : list of str
        The methods, best first.

    Returns
    -------
    pandas.DataFrame
        As `report.figures.tables.TRAINING_CURVES`.
    """
    losses = ["training_loss", "validation_loss", "validation_auc"]
    training = ["method", *RUN]
    rows = [
        (
            history.method, history.split, history.replicate, epoch.epoch,
            epoch.training_loss, epoch.validation_loss, epoch.validation_auc,
        )
        for history in sorted(histories, key=lambda history: order.index(history.method))
        for epoch in history.epochs
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=[*training, "epoch", *losses])
    table[losses] = table[losses].astype(np.float64)
    # As the training chose it: the first of equals, by the loss where no task had both classes.
    evaluable = table.groupby(training)["validation_auc"].transform("count") > 0
    quality = table["validation_auc"].fillna(-np.inf).where(evaluable, -table["validation_loss"])
    best = quality == quality.groupby([table[name] for name in training]).transform("max")
    table["kept"] = best & ~table[best].duplicated(training).reindex(table.index, fill_value=True)
    return table[TRAINING_CURVES.names]
