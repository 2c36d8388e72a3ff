"""Which views the figures of examples show, as tables; each is written beside its figure."""

import hashlib

import numpy as np
import pandas as pd

from paintassay.images.shards import channel_names
from paintassay.images.views import Views
from paintassay.report.figures.comparison_data import ALPHA, assay_names, choose_pair, pair_tests
from paintassay.report.figures.tables import FIG2, FIG5, VIEW
from paintassay.statistics.methods import part_of_run

ASSAYS_SHOWN, OF_EACH_KIND, BEST = 3, 3, 4
# What the paper calls high predictive performance.
HIGH = 0.9
KINDS = {"hit": "active", "miss": "inactive"}


def fig2_data(tasks, assays, labels, manifest):
    """Choose well-predicted assays, and at random compounds of either class of each.

    Of the assays that the best method predicts with a mean AUC above 0.9 those with the most
    compounds in their smaller class are taken, for of a few compounds any AUC may come about; then
    those with the highest AUCs. Of an assay with several thresholds only one is. The same
    compounds are always drawn from the same ones.

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
    known = tasks.dropna(subset="auc_compounds")
    own = known[known["method"] == known["method"].iloc[0]] if len(known) else known
    own = own[["method", "task", "auc_compounds"]].rename(columns={"auc_compounds": "auc"})
    own = own.merge(assays, left_on="task", right_on="TASK")
    own = own.assign(actives=own["ACTIVES"], inactives=own["INACTIVES"], high=own["auc"] > HIGH)
    smaller = own[["actives", "inactives"]].min(axis=1)
    own["order"] = smaller.where(own["high"], own["auc"])
    own = own.sort_values(["high", "order", "auc"], ascending=False, kind="stable")
    own = own.drop_duplicates("ASSAY_CHEMBL_ID").head(ASSAYS_SHOWN)
    seen = manifest.loc[manifest["labelled"], "inchikey"]
    labels = labels[labels["task"].isin(own["task"]) & labels["inchikey"].isin(seen)]
    drawn = [_digest(*row) for row in zip(labels["task"], labels["inchikey"], strict=True)]
    labels = labels.assign(drawn=drawn).sort_values("drawn")
    labels = labels.groupby(["task", "label"]).head(OF_EACH_KIND)
    kind = labels["label"].map({1: "active", -1: "inactive"})
    own = own.assign(rank=range(len(own))).join(assay_names(assays), on="task")
    table = labels.assign(kind=kind).merge(own, on="task")
    table = table.sort_values(["rank", "kind", "drawn"])
    return _with_views(table, manifest)[FIG2.names]


def _digest(*words):
    return hashlib.sha256(" ".join(words).encode()).hexdigest()


def _with_views(table, manifest):
    views = first_views(manifest, table["inchikey"]).set_index("inchikey")
    names = [name for name, *_ in VIEW]
    return table.join(views[names], on="inchikey", how="inner").reset_index(drop=True)


def choose_task(roc_tests, order):
    """Choose the assay in which the first of two methods most clearly beats the second.

    Parameters
    ----------
    roc_tests : pandas.DataFrame
        As `statistics.tables.ROC_TESTS`.
    order : list of str
        The methods, best first.

    Returns
    -------
    dict or None
        first, second, and the columns of `report.figures.comparison_data.pair_tests`: of the assays
        in which Venkatraman's test has p < 0.05 the one with the largest difference, or else of all
        the one with the smallest p-value. None if the first is better in none.
    """
    pair = choose_pair(order)
    if len(pair) < 2:
        return None
    tests = pair_tests(roc_tests, *pair)
    better = tests[tests["area_difference"] > 0]
    if better.empty:
        return None
    significant = better[better["pvalue"] < ALPHA]
    if len(significant):
        rows = significant.sort_values("area_difference", ascending=False, kind="stable")
    else:
        better = better.sort_values("area_difference", ascending=False, kind="stable")
        rows = better.sort_values("pvalue", kind="stable")
    return {"first": pair[0], "second": pair[1], **rows.iloc[0].to_dict()}


def part_scores(predictions, chosen, labels):
    """Take the predictions for the test part of a run and a task.

    Parameters
    ----------
    predictions : methods.Predictions
        By compound.
    chosen : dict
        With split, replicate and task, as from `choose_task`.
    labels : samples.Labels

    Returns
    -------
    pandas.Series
        Index InChIKey.
    """
    run = chosen["split"], chosen["replicate"]
    part = part_of_run(predictions, run, "test", labels)
    return pd.Series(part.scores[:, labels.tasks.index(chosen["task"])], part.keys["inchikey"])


def fig5_data(chosen, scores, labels, assays, manifest):
    """Choose the active compounds predicted highest, and the inactive ones predicted lowest.

    Parameters
    ----------
    chosen : dict
        From `choose_task`.
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
    task = chosen["task"]
    own = labels[(labels["task"] == task) & labels["inchikey"].isin(manifest["inchikey"])]
    own = own.set_index("inchikey")[["label"]].rename(columns={"label": task})
    picked = pick_examples(scores[0].to_frame(task), own, BEST)
    table = picked.assign(
        kind=picked["kind"].map(KINDS),
        score_first=picked["score"],
        score_second=scores[1].reindex(picked["inchikey"]).to_numpy(),
        **{name: value for name, value in chosen.items() if name != "task"},
    ).join(assay_names(assays), on="task")
    return _with_views(table, manifest)[FIG5.names]


def views_of(data, manifest, folder):
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
    views.Views

    Raises
    ------
    InputError
        As `images.views.Views`: a shard is missing or damaged, for example.
    """
    place = ["plate", "well", "site"]
    return Views(data[place].merge(manifest, on=place, how="left"), folder)


def channels_data(manifest):
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


EXAMPLES = 2


def pick_examples(scores, labels, number=EXAMPLES):
    """Compounds that a model tells apart best: hits and non-hits of each task.

    Parameters
    ----------
    scores : pandas.DataFrame of float
        Predictions of one run for the test part: a row a compound (index InChIKey), a column a
        task.
    labels : pandas.DataFrame of int
        +1 active, -1 inactive, 0 missing; rows and columns of at least these compounds and tasks.
    number : int
        At most so many of each.

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
            own = scores.loc[of_task == sign, task]
            for key in own.index[np.argsort(-sign * own.to_numpy(), kind="stable")[:number]]:
                rows.append((task, kind, key, float(own[key])))
    return pd.DataFrame(rows, columns=["task", "kind", "inchikey", "score"])


def first_views(manifest, inchikeys):
    """One view of each compound: the first by plate, well and site.

    Parameters
    ----------
    manifest : pandas.DataFrame
        As `dataset.tables.dataset_schema`.
    inchikeys : collection of str
        Those without a labelled view are left out.

    Returns
    -------
    pandas.DataFrame
        Rows of the manifest, sorted by InChIKey.
    """
    own = manifest[manifest["labelled"] & manifest["inchikey"].isin(set(inchikeys))]
    own = own.sort_values(["plate", "well", "site"], kind="stable")
    return own.drop_duplicates("inchikey").sort_values("inchikey", ignore_index=True)
