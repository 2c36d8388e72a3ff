"""Predictions averaged over wells, compounds and replicates, with their spread."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy.sparse import csr_array

from paintassay.core.errors import InputError
from paintassay.core.keys import WELL
from paintassay.core.sizes import WorkSize
from paintassay.predictions.tables import FILES, VIEW_KEYS, prediction_table

# Small enough for the processor's caches.
BLOCK_ROWS: WorkSize = 2**12


def average(
    views: pd.DataFrame, scores: np.ndarray, by: list[str]
) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Average over the views of each group, and measure how far they agree.

    The spread is the confidence measure that Hofmarcher et al. 2019 propose (Discussion).

    Parameters
    ----------
    views : pandas.DataFrame
        With the columns `by`; a row whose value is missing in one of them is left out.
    scores : numpy.ndarray, (len(views), tasks)
    by : list of str
        Columns that name a group, such as plate and well.

    Returns
    -------
    table : pandas.DataFrame
        The columns `by`, then inchikey, part and dose where `views` has them, then views (int64):
        how many there are. A row a group, sorted by `by`.
    mean : numpy.ndarray, float32, (groups, tasks)
    spread : numpy.ndarray, float32, (groups, tasks)
        Standard deviation (n - 1); NaN for a group of one view.

    Raises
    ------
    ValueError
        The views of a group differ in inchikey, part or dose.
    """
    group_of = views.groupby(by, sort=True).ngroup().fillna(-1).to_numpy(np.int64)
    order = np.argsort(group_of, kind="stable")
    order = order[np.searchsorted(group_of[order], 0) :]
    starts = np.flatnonzero(np.diff(group_of[order], prepend=-1))
    sizes = np.diff(starts, append=len(order))
    firsts = order[starts]
    kept = [name for name in ("inchikey", "part", "dose") if name in views and name not in by]
    table = views.iloc[firsts][[*by, *kept]].reset_index(drop=True)
    for name in kept:
        codes = views[name].factorize()[0]
        differs = codes[order] != np.repeat(codes[firsts], sizes)
        if differs.any():
            row = views.iloc[order[differs.argmax()]]
            group = ", ".join(str(row[column]) for column in by)
            raise ValueError(f"the views of {group} differ in {name}")
    table["views"] = sizes.astype(np.int64)
    mean = np.empty((len(sizes), scores.shape[1]), np.float32)
    spread = np.empty_like(mean)
    # In blocks of whole groups, so that the float64 copies stay small.
    edges = np.unique(np.searchsorted(starts, np.arange(0, len(order) + BLOCK_ROWS, BLOCK_ROWS)))
    for first, last in pairwise(edges):
        block = slice(first, last)
        rows = order[starts[first] : starts[last - 1] + sizes[last - 1]]
        mean[block], spread[block] = _mean_and_spread(scores[rows], sizes[block])
    return table, mean, spread


def combine(
    replicates: Iterable[tuple[pd.DataFrame, np.ndarray, list[str]]],
) -> dict[str, pa.Table]:
    """Average the predictions of all replicates over wells, compounds and replicates.

    Views without an InChIKey stand among the wells alone. A compound whose views lie in
    several parts, such as one that is also a control, has a row in each.

    Parameters
    ----------
    replicates : iterable of (pandas.DataFrame, numpy.ndarray, list of str)
        Views, scores and tasks of each replicate, replicate 1 first, as
        `predictions.tables.read_predictions` gives them; the views and tasks are the same in all.
        Only one is held at a time, if the iterable makes each when it is asked for.

    Returns
    -------
    dict of str to pyarrow.Table
        wells, wells_spread, compounds, compounds_spread, ensemble and ensemble_spread, with the
        schemas of `FILES`, sorted by their first columns.

    Raises
    ------
    InputError
        The replicates differ in their views or tasks.
    """
    names = [column[0] for column in VIEW_KEYS]
    collected: dict[str, list[pa.Table]] = {
        name: [] for name in FILES if name.startswith(("wells", "compounds"))
    }
    first: tuple[pd.DataFrame, list[str]] | None = None
    means: list[np.ndarray] = []
    # Neither enumerate nor zip: they hold on to the replicate before.
    for views, scores, tasks in replicates:
        number, views = len(means) + 1, views[names]
        first = first or (views, tasks)
        _check_replicate(number, views, tasks, *first)
        for name, by in (("wells", WELL), ("compounds", ["inchikey", "part"])):
            # A compound can have several doses, a well one.
            rows = views if name == "wells" else views.drop(columns="dose")
            table, mean, spread = average(rows, scores, by)
            table["replicate"] = number
            collected[name].append(prediction_table(name, table, mean, tasks))
            spread_name = f"{name}_spread"
            collected[spread_name].append(prediction_table(spread_name, table, spread, tasks))
        means.append(mean)
        del scores
    combined = {name: pa.concat_tables(parts) for name, parts in collected.items()}
    compounds = table.assign(replicates=len(means))
    sizes = np.full(len(compounds), len(means))
    # The replicates of a compound in consecutive rows.
    stacked = np.stack(means, axis=1).reshape(-1, len(tasks))
    mean, spread = _mean_and_spread(stacked, sizes)
    mean, spread = mean.astype(np.float32), spread.astype(np.float32)
    combined["ensemble"] = prediction_table("ensemble", compounds, mean, tasks)
    combined["ensemble_spread"] = prediction_table("ensemble_spread", compounds, spread, tasks)
    return combined


def describe_difference(names: Sequence[str], expected: Sequence[str], what: str) -> str:
    """Say which names are missing or new, or that their order is another; empty if all is equal."""
    names, expected = list(names), list(expected)
    if names == expected:
        return ""
    missing = pd.Index(expected).difference(names, sort=False)
    new = pd.Index(names).difference(expected, sort=False)
    phrases = []
    for differing, adjective in ((missing, "missing"), (new, "new")):
        if len(differing):
            some = "; ".join(differing[:3]) + ("; ..." if len(differing) > 3 else "")
            phrases.append(f"{len(differing)} {what} are {adjective} ({some})")
    return " and ".join(phrases) or f"the {what} come in another order"


def _mean_and_spread(scores: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation (n - 1) of consecutive groups of rows."""
    scores = scores.astype(np.float64)
    # A product with this adds up each group, several times faster than numpy's reduceat.
    rows, ends = np.arange(len(scores)), sizes.cumsum()
    add = csr_array((np.ones(len(rows)), rows, np.append(0, ends)), (len(sizes), len(rows)))
    mean = add @ scores / sizes[:, None]
    # The deviations themselves: squares of the scores would cancel where they are alike.
    scores -= np.repeat(mean, sizes, axis=0)
    scores *= scores
    others = np.where(sizes > 1, sizes - 1, np.nan)
    return mean, np.sqrt(add @ scores / others[:, None])


def _check_replicate(
    number: int,
    views: pd.DataFrame,
    tasks: Sequence[str],
    first_views: pd.DataFrame,
    first_tasks: Sequence[str],
) -> None:
    differences = [describe_difference(tasks, first_tasks, "tasks")]
    if not views.equals(first_views):
        texts, expected = [
            [" ".join("" if pd.isna(value) else str(value) for value in row) for row in table]
            for table in (views.itertuples(index=False), first_views.itertuples(index=False))
        ]
        differences.append(describe_difference(texts, expected, "views"))
    if problems := list(filter(None, differences)):
        raise InputError(
            f"replicate {number}",
            f"compared with replicate 1, {', and '.join(problems)}",
            "predict with all replicates again, from the same data set",
        )
