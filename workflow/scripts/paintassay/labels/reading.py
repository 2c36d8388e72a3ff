"""Read the label matrix as arrays."""

from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from paintassay.core.errors import InputError
from paintassay.core.files import PathLike
from paintassay.core.tables import read_csv, read_parquet
from paintassay.labels.tables import ASSAYS, LABELS


class Labels(NamedTuple):
    """A label matrix with its names: `values` is int8 (compounds, tasks), 0 where missing."""

    inchikeys: pd.Index
    tasks: list[str]
    values: np.ndarray


def read_labels(label_matrix: PathLike, assays: PathLike) -> Labels:
    """Read the label matrix.

    Parameters
    ----------
    label_matrix : str or Path
        Parquet file of `labels.tables.LABELS`.
    assays : str or Path
        CSV file of `labels.tables.ASSAYS`, which lists the tasks in their order.

    Returns
    -------
    Labels
        InChIKeys sorted.

    Raises
    ------
    InputError
        A label is neither +1 nor -1, stands twice, or belongs to a task that is not listed, or a
        task is listed twice.
    """
    tasks = pd.Index(read_csv(assays, ASSAYS)["TASK"])
    if not tasks.is_unique:
        raise InputError(assays, f"task {tasks[tasks.duplicated()][0]} stands twice")
    # Labels that cannot be are told below, with their compound.
    schema = pa.schema([field.remove_metadata() for field in LABELS])
    rows = read_parquet(label_matrix, schema).to_pandas()
    column = tasks.get_indexer(rows["task"])
    hint = "the two files come from different runs; make both again"
    if (column < 0).any():
        unknown = rows["task"][column < 0].iloc[0]
        raise InputError(label_matrix, f"task {unknown} is not in {assays}", hint)
    if not (bad := rows[~rows["label"].isin([1, -1])]).empty:
        row = bad.iloc[0]
        problem = f"label {row['label']} of {row['inchikey']} in {row['task']}"
        raise InputError(label_matrix, f"{problem} is neither 1 nor -1")
    if not (repeated := rows[rows.duplicated(["inchikey", "task"])]).empty:
        row = repeated.iloc[0]
        raise InputError(label_matrix, f"{row['inchikey']} has two labels in {row['task']}")
    compound, inchikeys = pd.factorize(rows["inchikey"], sort=True)
    values = np.zeros((len(inchikeys), len(tasks)), np.int8)
    values[compound, column] = rows["label"]
    return Labels(pd.Index(inchikeys), list(tasks), values)


def labels_of(views: pd.DataFrame, labels: Labels) -> np.ndarray:
    """Look up the labels of the compounds that views show.

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
    # The index of a compound without labels is -1, the last row.
    no_labels = np.zeros((1, len(labels.tasks)), np.int8)
    compounds = labels.inchikeys.get_indexer(pd.Index(views["inchikey"]))
    return np.vstack([labels.values, no_labels])[compounds]
