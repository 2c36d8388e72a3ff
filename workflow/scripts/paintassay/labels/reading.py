"""The label matrix as arrays."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from paintassay.core.errors import InputError
from paintassay.core.tables import read_csv, read_parquet
from paintassay.labels.tables import ASSAYS, LABELS


class Labels(NamedTuple):
    """A label matrix with its names: `values` is int8 (compounds, tasks), 0 where missing."""

    inchikeys: pd.Index
    tasks: list
    values: np.ndarray


def read_labels(label_matrix, assays):
    """Read the label matrix.

    Parameters
    ----------
    label_matrix : str or Path
        Parquet file of `labels.tables.LABELS`.
    assays : str or Path
        CSV file of `labels.tables.ASSAYS`; its columns are the tasks, in its order.

    Returns
    -------
    Labels
        InChIKeys sorted.

    Raises
    ------
    InputError
        A label is neither +1 nor -1, stands twice, or in a column that is not among the assays,
        or two assays have one name.
    """
    tasks = pd.Index(read_csv(assays, ASSAYS)["TASK"])
    if not tasks.is_unique:
        raise InputError(assays, f"column {tasks[tasks.duplicated()][0]} stands twice")
    cells = read_parquet(label_matrix, LABELS).to_pandas()
    column = tasks.get_indexer(cells["task"])
    hint = "the two files come from different runs; make both again"
    if (column < 0).any():
        unknown = cells["task"][column < 0].iloc[0]
        raise InputError(label_matrix, f"column {unknown} is not in {assays}", hint)
    if not (bad := cells[~cells["label"].isin([1, -1])]).empty:
        cell = bad.iloc[0]
        problem = f"label {cell['label']} of {cell['inchikey']} in {cell['task']}"
        raise InputError(label_matrix, f"{problem} is neither 1 nor -1")
    if not (again := cells[cells.duplicated(["inchikey", "task"])]).empty:
        cell = again.iloc[0]
        raise InputError(label_matrix, f"{cell['inchikey']} has two labels in {cell['task']}")
    row, inchikeys = pd.factorize(cells["inchikey"], sort=True)
    values = np.zeros((len(inchikeys), len(tasks)), np.int8)
    values[row, column] = cells["label"]
    return Labels(pd.Index(inchikeys), list(tasks), values)


def labels_of(views, labels):
    """Labels of the compounds that views show.

    Parameters
    ----------
    views : pandas.DataFrame
        With inchikey, which may be missing.
    labels : Labels

    Returns
    -------
    numpy.ndarray of int8, (len(views), tasks)
        +1 active, -1 inactive, 0 missing; all 0 for a view without an InChIKey or a label.
    """
    # What is not found is row -1, the last.
    none = np.zeros((1, len(labels.tasks)), np.int8)
    return np.vstack([labels.values, none])[labels.inchikeys.get_indexer(views["inchikey"])]
