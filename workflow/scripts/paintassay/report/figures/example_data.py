"""Choose the views of the figures of examples; each table is written beside its figure."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from paintassay.core.files import PathLike
from paintassay.images.intact import intact_views
from paintassay.images.shards import channel_names
from paintassay.images.views import Views
from paintassay.labels.reading import Labels
from paintassay.report.figures.comparison_data import ALPHA, assay_names, choose_pair, pair_tests
from paintassay.report.figures.tables import FIG2, FIG5, VIEW
from paintassay.statistics.methods import Predictions, part_of_run

# Figure 2 shows so many assays and compounds of a class, Figure 5 so many compounds of a class.
ASSAYS_SHOWN, OF_EACH_KIND, BEST = 3, 3, 4
# What the paper calls high predictive performance.
HIGH = 0.9
KINDS = {"hit": "active", "miss": "inactive"}
# Compounds of a class and task on the page.
EXAMPLES = 2


@dataclass(frozen=True)
class ChosenTask:
    """Two methods, and a row of `report.figures.comparison_data.pair_tests`, in its order."""

    first: str
    second: str
    task: str
    split: int
    replicate: int
    auc_first: float
    auc_second: float
    area_difference: float
    pvalue: float
    benjamini_hochberg: float


def fig2_data(
    tasks: pd.DataFrame, assays: pd.DataFrame, labels: pd.DataFrame, manifest: pd.DataFrame
) -> pd.DataFrame:
    """Choose well-predicted assays, and random compounds of both classes of each.

    The assays that the best method predicts with a mean AUC above 0.9 come first, ordered by the
    number of compounds in their smaller class, because few compounds can give any AUC by chance;
    the others follow, ordered by their AUC. An assay with several thresholds is shown with one of
    them. The same compounds are always drawn from the same ones.

    Parameters
    ----------
    tasks : pandas.DataFrame
        As `statistics.tables.TASKS`, best method first.
    assays : pandas.DataFrame
        As `labels.tables.ASSAYS`.
    labels : pandas.DataFrame
        As `labels.tables.LABELS`.
    manifest : pandas.DataFrame
        As `dataset.tables.dataset_schema`.

    Returns
    -------
    pandas.DataFrame
        As `report.figures.tables.FIG2`, a row a view; empty if there is no AUC or no view.
    """
    measured = tasks.dropna(subset="auc_compounds")
    # The first method is the best.
    shown = measured[measured["method"].isin(measured["method"].head(1))]
    shown = shown[["method", "task", "auc_compounds"]].rename(columns={"auc_compounds": "auc"})
    shown = shown.merge(assays, left_on="task", right_on="TASK")
    shown = shown.rename(columns={"ACTIVES": "actives", "INACTIVES": "inactives"})
    shown["high"] = shown["auc"] > HIGH
    smaller = shown[["actives", "inactives"]].min(axis=1)
    shown["order"] = smaller.where(shown["high"], shown["auc"])
    shown = shown.sort_values(["high", "order", "auc"], ascending=False, kind="stable")
    shown = shown.drop_duplicates("ASSAY_CHEMBL_ID").head(ASSAYS_SHOWN)
    shown = shown.assign(rank=range(len(shown))).join(assay_names(assays), on="task")
    imaged = manifest.loc[manifest["labelled"], "inchikey"]
    labels = labels[labels["task"].isin(shown["task"]) & labels["inchikey"].isin(imaged)]
    lots = [_digest(*row) for row in zip(labels["task"], labels["inchikey"], strict=True)]
    labels = labels.assign(lot=lots).sort_values("lot")
    labels = labels.groupby(["task", "label"]).head(OF_EACH_KIND)
    kind = labels["label"].map({1: "active", -1: "inactive"})
    table = labels.assign(kind=kind).merge(shown, on="task").sort_values(["rank", "kind", "lot"])
    return _with_views(table, manifest)[FIG2.names]


def _digest(*words: str) -> str:
    return hashlib.sha256(" ".join(words).encode()).hexdigest()


def _with_views(table: pd.DataFrame, manifest: pd.DataFrame) -> pd.DataFrame:
    views = first_views(manifest, table["inchikey"]).set_index("inchikey")
    names = [name for name, *_ in VIEW]
    return table.join(views[names], on="inchikey", how="inner").reset_index(drop=True)


def choose_task(roc_tests: pd.DataFrame, order: Sequence[str]) -> ChosenTask | None:
    """Choose the assay in which the first of two methods most clearly beats the second.

    Parameters
    ----------
    roc_tests : pandas.DataFrame
        As `statistics.tables.ROC_TESTS`.
    order : list of str
        The methods, best first.

    Returns
    -------
    ChosenTask or None
        The assay with the largest difference of those in which Venkatraman's test has p < 0.05; if
        there is none, that with the smallest p-value. None if the first is better in no assay.
    """
    pair = choose_pair(order)
    if len(pair) < 2:
        return None
    first, second = pair
    tests = pair_tests(roc_tests, first, second)
    better = tests[tests["area_difference"] > 0]
    if better.empty:
        return None
    significant = better[better["pvalue"] < ALPHA]
    if len(significant):
        rows = significant.sort_values("area_difference", ascending=False, kind="stable")
    else:
        better = better.sort_values("area_difference", ascending=False, kind="stable")
        rows = better.sort_values("pvalue", kind="stable")
    return ChosenTask(first, second, *rows.iloc[0].tolist())


def part_scores(predictions: Predictions, chosen: ChosenTask, labels: Labels) -> pd.Series:
    """Take the predictions for the test part of a run and a task.

    Parameters
    ----------
    predictions : Predictions
        By compound.
    chosen : ChosenTask
    labels : Labels

    Returns
    -------
    pandas.Series
        Index InChIKey.
    """
    part = part_of_run(predictions, (chosen.split, chosen.replicate), "test", labels)
    return pd.Series(part.scores[:, labels.tasks.index(chosen.task)], part.keys["inchikey"])


def fig5_data(
    chosen: ChosenTask,
    scores: Sequence[pd.Series],
    labels: pd.DataFrame,
    assays: pd.DataFrame,
    manifest: pd.DataFrame,
) -> pd.DataFrame:
    """Choose the active compounds predicted highest, and the inactive ones predicted lowest.

    Parameters
    ----------
    chosen : ChosenTask
    scores : list of pandas.Series
        Predictions of the first and of the second method for the test part of that run and
        task, index InChIKey.
    labels : pandas.DataFrame
        As `labels.tables.LABELS`.
    assays : pandas.DataFrame
        As `labels.tables.ASSAYS`.
    manifest : pandas.DataFrame
        As `dataset.tables.dataset_schema`.

    Returns
    -------
    pandas.DataFrame
        As `report.figures.tables.FIG5`, a row a view.
    """
    task = chosen.task
    imaged = labels[(labels["task"] == task) & labels["inchikey"].isin(manifest["inchikey"])]
    imaged = imaged.set_index("inchikey")[["label"]].rename(columns={"label": task})
    picked = pick_examples(scores[0].to_frame(task), imaged, BEST)
    table = picked.assign(
        kind=picked["kind"].map(KINDS),
        score_first=picked["score"],
        score_second=scores[1].reindex(picked["inchikey"]).to_numpy(),
        **{name: value for name, value in asdict(chosen).items() if name != "task"},
    ).join(assay_names(assays), on="task")
    return _with_views(table, manifest)[FIG5.names]


def views_of(data: pd.DataFrame, manifest: pd.DataFrame, folder: PathLike) -> Views:
    """Open the views of a table, row by row.

    Parameters
    ----------
    data : pandas.DataFrame
        With plate, well and site.
    manifest : pandas.DataFrame
        As `dataset.tables.dataset_schema`.
    folder : str or Path
        Where the shards are.

    Returns
    -------
    Views

    Raises
    ------
    InputError
        As `images.views.Views`: a shard is missing or damaged, for example.
    """
    place = ["plate", "well", "site"]
    return intact_views(data[place].merge(manifest, on=place, how="left"), folder)


def channels_data(manifest: pd.DataFrame) -> pd.DataFrame:
    """Choose a view to show channel by channel: of a negative control, if there is one.

    Parameters
    ----------
    manifest : pandas.DataFrame
        As `dataset.tables.dataset_schema`.

    Returns
    -------
    pandas.DataFrame
        As `report.figures.tables.VIEW_CHANNELS`, a row a channel; empty if there is no view.
    """
    controls = manifest[manifest["role"] == "negative_control"]
    shown = (controls if len(controls) else manifest).head(1)
    channels = pd.DataFrame({"channel": channel_names(manifest.columns)})
    return shown[[name for name, *_ in VIEW]].merge(channels, how="cross")


def pick_examples(
    scores: pd.DataFrame, labels: pd.DataFrame, number: int = EXAMPLES
) -> pd.DataFrame:
    """Pick the compounds that a model tells apart best: hits and misses of each task.

    Parameters
    ----------
    scores : pandas.DataFrame of float
        Predictions of one run for the test part: a row a compound (index InChIKey), a column a
        task.
    labels : pandas.DataFrame of int
        +1 active, -1 inactive, 0 missing; rows and columns of at least these compounds and tasks.
    number : int
        At most this many of each.

    Returns
    -------
    pandas.DataFrame
        task, kind (hit: active, predicted highest; miss: inactive, predicted lowest), inchikey,
        score; by task, hits first, the most certain first. Equal scores go by InChIKey.
    """
    rows = []
    scores = scores.sort_index()
    for task in scores.columns:
        of_task = labels[task].reindex(scores.index)
        for kind, sign in (("hit", 1), ("miss", -1)):
            of_kind = scores.loc[of_task == sign, task]
            best = np.argsort(-sign * of_kind.to_numpy(), kind="stable")[:number]
            rows += [(task, kind, key, float(score)) for key, score in of_kind.iloc[best].items()]
    return pd.DataFrame(rows, columns=["task", "kind", "inchikey", "score"])


def first_views(manifest: pd.DataFrame, inchikeys: Collection[str]) -> pd.DataFrame:
    """Select one view of each compound: the first by plate, well and site.

    Parameters
    ----------
    manifest : pandas.DataFrame
        As `dataset.tables.dataset_schema`.
    inchikeys : collection of str
        Compounds without a labelled view are left out.

    Returns
    -------
    pandas.DataFrame
        Rows of the manifest, sorted by InChIKey.
    """
    views = manifest[manifest["labelled"] & manifest["inchikey"].isin(set(inchikeys))]
    views = views.sort_values(["plate", "well", "site"], kind="stable")
    return views.drop_duplicates("inchikey").sort_values("inchikey", ignore_index=True)
