"""The tables of predictions: their columns, and how they are made and read."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from paintassay.core import tables
from paintassay.core.files import PathLike
from paintassay.core.parquet import open_sealed
from paintassay.core.tables import Among, Between, count, integer, real, share, table_schema, text

_REPLICATE = ("replicate", integer, "replicate of the model, from 1")
_PLATE = ("plate", text, "plate barcode")
_WELL = ("well", text, "well, such as A01")
_KEY = ("inchikey", text, "standard InChIKey of the compound")
_PART = (
    "part",
    text,
    "train, validation, test or unlabelled, in the model's split",
    Among(("train", "validation", "test", "unlabelled")),
)
_DOSE = ("dose", real, "dose in the unit of the plate maps, where they say it", "optional")
_VIEWS = ("views", integer, "views that were averaged", count)
_REPLICATES = ("replicates", integer, "replicates that were averaged", count)
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

# What the columns of the tasks hold: their type, what they mean, "optional" where values can be
# missing, and their limits. In float64 a probability near 1 keeps the order that float32 would
# lose; a logit keeps it wherever it is.
Meaning: TypeAlias = tuple[pa.DataType | str | Between, ...]
PROBABILITY: Meaning = (pa.float64(), "probability that it is active", share)
LOGIT_MEANING = "logit of the probability that it is active, ln(p / (1 - p))"
LOGIT: Meaning = (pa.float64(), LOGIT_MEANING)
LOGIT_OF_VIEW: Meaning = (pa.float32(), LOGIT_MEANING)
SPREAD: Meaning = (
    pa.float32(),
    "standard deviation of that probability; missing where there is only one",
    "optional",
    share,
)

# What each file says, its first columns, and what its columns of tasks hold.
FILES: dict[str, tuple[str, list[tuple], Meaning]] = {
    "views": ("Predictions of each view by one replicate.", VIEW_KEYS, PROBABILITY),
    "views_logits": ("The same as logits, to rank by.", VIEW_KEYS, LOGIT_OF_VIEW),
    "wells": ("Mean prediction of the views of each well.", WELL_KEYS, PROBABILITY),
    "wells_logits": ("The same as logits, to rank by.", WELL_KEYS, LOGIT),
    "wells_spread": ("Spread over the views of each well.", WELL_KEYS, SPREAD),
    "compounds": ("Mean prediction of the views of each compound.", COMPOUND_KEYS, PROBABILITY),
    "compounds_logits": ("The same as logits, to rank by.", COMPOUND_KEYS, LOGIT),
    "compounds_spread": ("Spread over the views of each compound.", COMPOUND_KEYS, SPREAD),
    "ensemble": ("Mean of the replicates' compound means.", ENSEMBLE_KEYS, PROBABILITY),
    "ensemble_logits": ("The same as logits, to rank by.", ENSEMBLE_KEYS, LOGIT),
    "ensemble_spread": ("Spread of the replicates' compound means.", ENSEMBLE_KEYS, SPREAD),
}


def prediction_schema(
    description: str,
    keys: Sequence[tuple],
    tasks: Sequence[str],
    meaning: Meaning = PROBABILITY,
) -> pa.Schema:
    """Schema of a table with one column a task.

    Parameters
    ----------
    description : str
    keys : sequence of tuple
        The columns before those of the tasks, as for `core.tables.table_schema`.
    tasks : sequence of str
        Names of the tasks: the columns of the label matrix.
    meaning : tuple
        What the columns of the tasks hold: type, meaning, and "optional" where values can be
        missing.

    Returns
    -------
    pyarrow.Schema
    """
    columns = ((task, *meaning) for task in tasks)
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
    scores : numpy.ndarray of float, (len(keys), tasks)
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


def holds_logits(path: PathLike) -> bool:
    """Whether a file of `FILES` says of its last task that it is a logit."""
    field = pq.read_schema(path)[-1]
    return (field.metadata or {}).get(b"description") == LOGIT_MEANING.encode()


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
    scores : numpy.ndarray of the file's type, (rows, tasks)
        NaN where a value is missing.
    tasks : list of str

    Raises
    ------
    InputError
        The file is no such table, is damaged, or has a value that cannot be. A score that is not a
        number is none of these: a model that has diverged gives it.
    """
    _, columns, meaning = FILES[name]
    # By pieces, and not read ahead: else the file and two copies of it are in memory at once.
    with open_sealed(path) as file:
        table = tables.read_columns(file, path, table_schema("", *columns))
        tasks = [task for task in file.schema_arrow.names if task not in table.column_names]
        limits = prediction_schema("", [], tasks, (*meaning, "optional"))
        scores = np.empty((len(table), len(tasks)), limits.types[-1].to_pandas_dtype())
        first = 0
        for batch in file.iter_batches(columns=tasks):
            tables.check_values(pa.Table.from_batches([batch]), limits, path)
            block = scores[first : first + len(batch)]
            for column, values in enumerate(batch.columns):
                block[:, column] = values.to_numpy(zero_copy_only=False)
            first += len(batch)
    return table.to_pandas(integer_object_nulls=True), scores, tasks
