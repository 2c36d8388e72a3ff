"""Count what comes together of predictions, labels and splits."""

from collections.abc import Mapping

import pandas as pd

from paintassay.core.files import PathLike
from paintassay.core.keys import RUN
from paintassay.core.matching import ALL, ANY, STALE, Match, Side, check_kept, check_match
from paintassay.labels.reading import Labels
from paintassay.statistics.methods import Part, Predictions, Run


def count_predictions(
    where: PathLike, level: str, predictions: Predictions, labels: Labels, splits: pd.DataFrame
) -> list[Match]:
    """Count what the predictions of a method have in common with labels and splits.

    Parameters
    ----------
    where : str or Path
        The file of the predictions.
    level : {"wells", "compounds"}
    predictions : Predictions
        At that level.
    labels : Labels
    splits : pandas.DataFrame
        As `dataset.tables.SPLITS`.

    Returns
    -------
    list of Match

    Raises
    ------
    InputError
        No predicted compound has a label, or none of a test part is predicted as such.
    """
    keys = predictions.keys
    predicted = Side(f"predicted compounds (by {level})", keys["inchikey"])
    runs = keys[[*RUN, "inchikey"]][keys["part"] == "test"]
    parts = splits[(splits["part"] == "test") & splits["split"].isin(runs["split"])]
    return [
        check_kept(
            where,
            f"tasks of the label matrix that are predicted (by {level})",
            int(predictions.predicted.sum()),
            len(labels.tasks),
            "name the columns of the predictions as the column TASK of labels/assays.csv",
            warn_below=ANY,
        ),
        # A method may predict every compound of the screen.
        check_match(
            where,
            predicted,
            Side("compounds with labels", labels.inchikeys),
            "take the InChIKeys from labels/compounds.csv",
            warn_below=ANY,
        ),
        check_kept(
            where,
            f"predictions of a test part (by {level})",
            int((keys["part"] == "test").sum()),
            len(keys),
            "dataset/splits.parquet has the parts; other tools may name theirs in a column part",
            warn_below=ANY,
        ),
        # Compounds without views, or that a tool cannot read, are not predicted.
        check_match(
            where,
            Side("compounds of the test parts", parts[["split", "inchikey"]]),
            Side(f"predicted test compounds (by {level})", runs[["split", "inchikey"]]),
            "methods are compared on the test compounds that they share",
            required=False,
        ),
    ]


def count_measured(
    metrics: pd.DataFrame, test_parts: Mapping[str, Mapping[Run, Part]], labels: Labels
) -> list[Match]:
    """Count the methods, runs and tasks whose measures are there: all, or files are missing.

    Parameters
    ----------
    metrics : pandas.DataFrame
        As `statistics.tables.METRICS`, of all methods.
    test_parts : dict of str to dict
        As for `statistics.compare.compare`.
    labels : Labels

    Returns
    -------
    list of Match

    Raises
    ------
    InputError
        There are none.
    """
    runs = [(method, *run) for method, parts in test_parts.items() for run in parts]
    return [
        check_match(
            "statistics/methods",
            Side("runs of the methods", pd.DataFrame(runs, columns=["method", *RUN])),
            Side("runs that were measured", metrics[["method", *RUN]]),
            STALE,
            warn_below=ALL,
        ),
        check_match(
            "statistics/methods",
            Side("tasks that were measured", metrics["task"].unique()),
            Side("tasks of the label matrix", labels.tasks),
            STALE,
            warn_below=ALL,
        ),
    ]
