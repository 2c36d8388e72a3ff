"""Count what comes together of predictions, labels and splits."""

import pandas as pd

from paintassay.core.files import PathLike
from paintassay.core.keys import RUN
from paintassay.core.matching import ANY, Match, Side, check_kept, check_match
from paintassay.labels.reading import Labels
from paintassay.statistics.methods import Predictions


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
        # Compounds without views, or that a tool cannot read, are not predicted.
        check_match(
            where,
            Side("compounds of the test parts", parts[["split", "inchikey"]]),
            Side(f"predicted test compounds (by {level})", runs[["split", "inchikey"]]),
            "dataset/splits.parquet has the parts; another tool must predict the test compounds of "
            "the same splits, or name its own in the column part",
            required=False,
        ),
    ]
