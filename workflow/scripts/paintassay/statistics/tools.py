"""Read the predictions of other tools, and check them."""

import difflib
from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from paintassay.core.errors import InputError
from paintassay.core.files import PathLike
from paintassay.core.keys import PARTS, RUN, UNLABELLED, WELL
from paintassay.core.tables import integer, text, widened
from paintassay.core.user_tables import opened_table
from paintassay.predictions.average import average
from paintassay.statistics.methods import Predictions, arrange
from paintassay.statistics.tables import Problem

KNOWN_PARTS = (*PARTS, UNLABELLED)
# Columns beside those of the tasks.
KEYS = {
    "plate": text,
    "well": text,
    "inchikey": text,
    "part": text,
    "split": integer,
    "replicate": integer,
}
# As exact as any tool writes them: in float32 the probabilities near 1 would be equal.
SCORE = pa.float64()
FORMAT = "docs/predictions.md describes the format"


def read_tool(
    path: PathLike, tasks: Sequence[str], splits: pd.DataFrame, compounds: Collection[str]
) -> dict[str, Predictions]:
    """Read another tool's predictions.

    Parameters
    ----------
    path : str or Path
        A table as `core.user_tables` reads it, with inchikey; plate and well, if the predictions
        are by well; optionally part, split and replicate; and a column of scores in [0, 1] for
        each task that is predicted.
    tasks : list of str
        Columns of the label matrix, in its order.
    splits : pandas.DataFrame
        As `dataset.tables.SPLITS`; gives the part where the file does not.
    compounds : collection of str
        InChIKeys of the library.

    Returns
    -------
    dict of str to Predictions
        "compounds"; also "wells" if the file is by well: then the compounds are the wells' means.

    Raises
    ------
    InputError
        Something in the file is wrong; the error names row (from 1, the header not counted),
        column and value.
    """
    table, predicted_tasks = _read_table(path, tasks)
    keys = _check_keys(path, table.drop_columns(predicted_tasks).to_pandas(), splits, compounds)
    scores = np.empty((len(table), len(predicted_tasks)))
    for number, task in enumerate(predicted_tasks):
        values = table[task].to_numpy()
        if len(wrong := np.flatnonzero(~((values >= 0) & (values <= 1)))):
            what = "is no number" if np.isnan(values[wrong[0]]) else "lies outside [0, 1]"
            hint = f"ranks can be divided by the number of samples; {FORMAT}"
            raise _wrong_cell(path, wrong[0], task, values[wrong[0]], what, hint)
        scores[:, number] = values
    scores, predicted = arrange(scores, predicted_tasks, tasks)
    predictions = Predictions(keys, scores, predicted)
    if "well" not in keys:
        return {"compounds": predictions}
    by = [*RUN, "inchikey", "part"]
    # The rows that it averages are wells here.
    compound_keys, means, _ = average(keys, scores, by)
    return {"wells": predictions, "compounds": Predictions(compound_keys[by], means, predicted)}


def find_other_parts(tool: str, keys: pd.DataFrame, splits: pd.DataFrame) -> list[Problem]:
    """Say how many compounds a tool has in another part than the workflow's own split.

    Parameters
    ----------
    tool : str
    keys : pandas.DataFrame
        As in `statistics.methods.Predictions`.
    splits : pandas.DataFrame
        As `dataset.tables.SPLITS`.

    Returns
    -------
    list of Problem
        None, or one.
    """
    parts = keys[["split", "inchikey", "part"]].drop_duplicates()
    both = parts.merge(splits, on=["split", "inchikey"], suffixes=("", "_of_split"))
    if not (differing := int((both["part"] != both["part_of_split"]).sum())):
        return []
    why = f"its file has {differing} of {len(both)} in other parts than the workflow's splits"
    return [Problem(f"comparison of {tool} on all compounds", why)]


def _read_table(path: PathLike, tasks: Sequence[str]) -> tuple[pa.Table, list[str]]:
    """The file as an Arrow table with the right types, and the tasks that it has."""
    with opened_table(path, hint=FORMAT) as opened:
        table = widened(opened.read([name for name in opened.names if KEYS.get(name) == text]))
    names = table.column_names
    for name in names:
        if name not in KEYS and name not in tasks:
            near = difflib.get_close_matches(name, [*KEYS, *tasks], n=1, cutoff=0)
            problem = f"column {name!r} is neither a task nor one of {', '.join(KEYS)}"
            raise InputError(path, problem, f"did you mean {near[0]}? Tasks are as in assays.csv")
    absent = [name for name in ("inchikey", *WELL) if name not in names]
    if "inchikey" in absent or len(absent) == 1:
        problem = f"has no column {absent[0]}"
        raise InputError(path, problem, "predictions by well need plate, well and inchikey")
    predicted_tasks = [name for name in names if name in tasks]
    if not predicted_tasks:
        raise InputError(path, "has no column of a task", f"tasks are named as {tasks[0]}")
    for number, name in enumerate(names):
        column = _cast(path, name, table[name], KEYS.get(name, SCORE))
        table = table.set_column(number, name, column)
    return table, predicted_tasks


def _cast(path: PathLike, name: str, column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    missing = pc.equal(column, "") if column.type == text else column.is_null()
    row = missing.index(True).as_py()
    if row >= 0:
        raise InputError(_cell_name(path, row, name), "is missing", FORMAT)
    try:
        return column.cast(kind)
    except pa.lib.ArrowException as error:
        what = f"is no {'whole number' if kind == integer else 'number'}"
        for row, value in enumerate(column):
            try:
                value.cast(kind)
            except pa.lib.ArrowException:
                raise _wrong_cell(path, row, name, value.as_py(), what, FORMAT) from error
        raise


def _check_keys(
    path: PathLike, keys: pd.DataFrame, splits: pd.DataFrame, compounds: Collection[str]
) -> pd.DataFrame:
    """Check the keys, and add split, replicate and part where they are missing."""
    keys = keys.assign(**{name: 1 for name in RUN if name not in keys})
    numbers = sorted(splits["split"].unique().tolist())
    parts = keys.get("part", pd.Series("test", keys.index))
    checks = [
        (~keys["split"].isin(numbers), "split", f"is no split; there are {numbers}", FORMAT),
        (keys["replicate"] < 1, "replicate", "is below 1", "replicates are counted from 1"),
        (~parts.isin(KNOWN_PARTS), "part", f"is none of {', '.join(KNOWN_PARTS)}", FORMAT),
        (
            ~keys["inchikey"].isin(compounds),
            "inchikey",
            "is no compound of the library",
            "compounds/compounds.parquet lists them; leave all others out",
        ),
    ]
    for wrong, column, what, hint in checks:
        if wrong.any():
            row = int(wrong.argmax())
            raise _wrong_cell(path, row, column, keys[column].iloc[row], what, hint)
    sample = [*RUN, *([*WELL] if "well" in keys else ["inchikey"])]
    if (repeated := keys.duplicated(sample)).any():
        row = int(repeated.argmax())
        first = int((keys[sample] == keys[sample].iloc[row]).all(axis=1).argmax())
        value = ", ".join(f"{name} {keys[name].iloc[row]}" for name in sample)
        raise InputError(
            _cell_name(path, row, sample[-1]),
            f"is the same sample as row {first + 1} ({value})",
            "give different models and splits different numbers in replicate and split",
        )
    if "part" not in keys:
        parts_of_splits = splits[["split", "inchikey", "part"]]
        keys = keys.merge(
            parts_of_splits, on=["split", "inchikey"], how="left", validate="many_to_one"
        )
        keys["part"] = keys["part"].fillna("unlabelled")
    names = [*RUN, *(WELL if "well" in keys else []), "inchikey", "part"]
    return keys[names]


def _cell_name(path: PathLike, row: int, column: str) -> str:
    return f"{path}, row {row + 1}, column {column}"


def _wrong_cell(
    path: PathLike, row: int, column: str, value: object, what: str, hint: str
) -> InputError:
    return InputError(_cell_name(path, row, column), f"{value!s} {what}", hint)
