"""The tables of predictions: their columns, and how they are made and read."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from paintassay.core import tables
from paintassay.core.files import PathLike
from paintassay.core.tables import integer, real, table_schema, text

_REPLICATE = ("replicate", integer, "replicate of the model, from 1")
_PLATE = ("plate", text, "plate barcode")
_WELL = ("well", text, "well, such as A01")
_KEY = ("inchikey", text, "standard InChIKey of the compound")
_PART = ("part", text, "train, validation, test or unlabelled, in the model's split")
_DOSE = ("dose", real, "dose in the unit of the plate maps, where they say it", "optional")
_VIEWS = ("views", integer, "views that were averaged")
_REPLICATES = ("replicates", integer, "replicates that were averaged")
VIEW_KEYS = [
    _PLATE,
    _WELL,
    ("site", integer, "field of view within the well; missing where a well is one", "optional"),
    (*_KEY, "optional"),
    _PART,
    _DOSE,
]
WELL_KEYS = [_REPLICATE, _PLATE, _WELL, (*_KEY, "optional"), _PART, _VIEWS, _DOSE]
COMPOUND_KEYS = [_REPLICATE, _KEY, _PART, _VIEWS]
ENSEMBLE_KEYS = [_KEY, _PART, _REPLICATES]

PROBABILITY = ("probability that it is active",)
SPREAD = ("standard deviation of that probability; missing where there is only one", "optional")

# What each file says, its first columns, and what its columns of tasks hold.
FILES: dict[str, tuple[str, list[tuple], tuple[str, ...]]] = {
    "views": ("Predictions of each view by one replicate.", VIEW_KEYS, PROBABILITY),
    "wells": ("Mean prediction of the views of each well.", WELL_KEYS, PROBABILITY),
    "wells_spread": ("Spread over the views of each well.", WELL_KEYS, SPREAD),
    "compounds": ("Mean prediction of the views of each compound.", COMPOUND_KEYS, PROBABILITY),
    "compounds_spread": ("Spread over the views of each compound.", COMPOUND_KEYS, SPREAD),
    "ensemble": ("Mean of the replicates' compound means.", ENSEMBLE_KEYS, PROBABILITY),
    "ensemble_spread": ("Spread of the replicates' compound means.", ENSEMBLE_KEYS, SPREAD),
}


def prediction_schema(
    description: str,
    keys: Sequence[tuple],
    tasks: Sequence[str],
    meaning: tuple[str, ...] = PROBABILITY,
) -> pa.Schema:
    """Schema of a table with one float32 column a task.

    Parameters
    ----------
    description : str
    keys : sequence of tuple
        The columns before those of the tasks, as for `core.tables.table_schema`.
    tasks : sequence of str
        Names of the tasks: the columns of the label matrix.
    meaning : tuple of str
        What the columns of the tasks mean, and "optional" where values can be missing.

    Returns
    -------
    pyarrow.Schema
    """
    columns = ((task, pa.float32(), *meaning) for task in tasks)
    return table_schema(description, *keys, *columns)


def prediction_table(
    name: str, keys: pd.DataFrame, scores: np.ndarray, tasks: Sequence[str]
) -> pa.Table:
    """Make one of the tables of `FILES`.

    Parameters
    ----------
    name : str
        Its name in `FILES`.
    keys : pandas.DataFrame
        At least its first columns; of those that can be missing, what there is.
    scores : numpy.ndarray, float32, (len(keys), tasks)
    tasks : sequence of str

    Returns
    -------
    pyarrow.Table
        As `prediction_schema`; in a spread, NaN has become missing.
    """
    description, columns, meaning = FILES[name]
    names = [column[0] for column in columns]
    table = pa.Table.from_pandas(
        keys.reindex(columns=names), schema=table_schema("", *columns), preserve_index=False
    )
    # Column by column, without pandas: it would first put the tasks together into one block.
    arrays = (pa.array(column, from_pandas=meaning is SPREAD) for column in scores.T)
    table = pa.Table.from_arrays([*table.columns, *arrays], names=[*names, *tasks])
    return tables.conform(table, prediction_schema(description, columns, tasks, meaning))


def read_predictions(name: str, path: PathLike) -> tuple[pd.DataFrame, np.ndarray, list[str]]:
    """Read one of the files of `FILES`, the reverse of `prediction_table`.

    Parameters
    ----------
    name : str
        Its name in `FILES`.
    path : str or Path

    Returns
    -------
    keys : pandas.DataFrame
        The first columns.
    scores : numpy.ndarray, float32, (rows, tasks)
        NaN where a value is missing.
    tasks : list of str

    Raises
    ------
    InputError
        The file is no such table.
    """
    table = tables.read_parquet(path, table_schema("", *FILES[name][1]))
    # By pieces, and not read ahead: else the file and two copies of it are in memory at once.
    with pq.ParquetFile(path, pre_buffer=False) as file:
        tasks = [task for task in file.schema_arrow.names if task not in table.column_names]
        scores = np.empty((len(table), len(tasks)), np.float32)
        first = 0
        for batch in file.iter_batches(columns=tasks):
            block = scores[first : first + len(batch)]
            for column, values in enumerate(batch.columns):
                block[:, column] = values.to_numpy(zero_copy_only=False)
            first += len(batch)
    return table.to_pandas(integer_object_nulls=True), scores, tasks
