"""Predictions: of views, and averaged over wells, compounds and replicates, with their spread."""

from contextlib import closing
from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow as pa
import torch
from scipy.sparse import csr_array

from paintassay.batches import feed
from paintassay.devices import autocast, standardise
from paintassay.errors import InputError
from paintassay.prediction_tables import FILES, VIEW_KEYS, prediction_table

UNLABELLED = "unlabelled"
# Small enough for the processor's caches.
BLOCK_ROWS = 2**12


def predict(model, samples, device, batch_size, settings, rank=0, world=1):
    """Predict every view; the probabilities of the crops of a view are averaged.

    Memory is that of the result and of one batch, however many crops there are. In several
    processes each predicts its share, and all get the whole result.

    Parameters
    ----------
    model : torch.nn.Module
        Gives logits (batch, tasks) in evaluation mode; lies on `device`. Left in the mode it was
        in. In several processes the bare model, not its wrapper for training.
    samples : samples.Samples
        Each view has at least one.
    device : torch.device
    batch_size : int
    settings : training.Settings
        Its precision, channels_last and threads.
    rank, world : int
        Number of this process, from 0, and of all processes; with several, torch.distributed
        must have been started.

    Returns
    -------
    numpy.ndarray, float32, (len(samples.views), tasks)
        Probabilities (sigmoid of the logits).
    """
    pieces = max(-(-len(samples) // batch_size), 1)
    batches = np.array_split(np.arange(len(samples)), pieces)
    if pieces < world:
        # Too few to share: each process does them all.
        rank, world = 0, 1
    own = batches[rank::world]
    training = model.training
    # As wide as the model's output, once that is known.
    sums = np.empty((len(samples.views), 0), np.float32)
    model.eval()
    try:
        with closing(feed(samples, own, device, settings.threads)) as stream:
            for indices, batch in zip(own, stream, strict=True):
                scores = _probabilities(model, batch, device, settings)
                if not sums.size:
                    sums = np.zeros((len(samples.views), scores.shape[1]), np.float32)
                # The samples of a view lie side by side.
                views, firsts = np.unique(samples.view_of[indices], return_index=True)
                sums[views] += np.add.reduceat(scores, firsts, axis=0)
    finally:
        model.train(training)
    if world > 1:
        _add_over_processes(sums, device)
    counts = np.bincount(samples.view_of, minlength=len(sums)).astype(np.float32)
    sums /= counts[:, None]
    return sums


@torch.inference_mode()
def _probabilities(model, batch, device, settings):
    batch = standardise(batch)
    if settings.channels_last and batch.ndim == 4:
        batch = batch.contiguous(memory_format=torch.channels_last)
    with autocast(device, settings.precision):
        logits = model(batch)
    return torch.sigmoid(logits.float()).cpu().numpy()


def _add_over_processes(sums, device):
    """Add up the arrays of all processes in place, by pieces that need little device memory."""
    for piece in torch.from_numpy(sums).split(BLOCK_ROWS):
        on_device = piece.to(device)
        torch.distributed.all_reduce(on_device)
        piece.copy_(on_device)


def parts_of(manifest, split, parts):
    """Take the views of some parts of a split.

    Parameters
    ----------
    manifest : pandas.DataFrame
        As `dataset.dataset_schema`.
    split : int
        Number of the split, from 1.
    parts : collection of str
        Of train, validation, test and unlabelled; the last are all views without labels,
        controls too.

    Returns
    -------
    pandas.DataFrame
        Rows of the manifest in its order, numbered from 0, and their part in a column of that
        name.

    Raises
    ------
    InputError
        The manifest has no such split.
    """
    column = f"split_{split}"
    if column not in manifest:
        found = [name.removeprefix("split_") for name in manifest if name.startswith("split_")]
        raise InputError(
            "dataset/views.parquet",
            f"has no split {split}",
            f"its splits are {', '.join(found)}" if found else "make splits first",
        )
    part = manifest[column].where(manifest["labelled"], UNLABELLED)
    return manifest.assign(part=part)[part.isin(parts)].reset_index(drop=True)


def add_parts(views, manifest):
    """Add the part of each view's well.

    Parameters
    ----------
    views : pandas.DataFrame
        With plate and well, such as ``Samples.views``.
    manifest : pandas.DataFrame
        As `parts_of` gives it, with those wells.

    Returns
    -------
    pandas.DataFrame
        The rows of `views` in their order, with column part.
    """
    wells = manifest[["plate", "well", "part"]].drop_duplicates()
    return views.merge(wells, on=["plate", "well"], how="left", validate="many_to_one")


def average(views, scores, by):
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
        The columns `by`, then inchikey and part where `views` has them, then views (int64): how
        many there are. A row a group, sorted by `by`.
    mean : numpy.ndarray, float32, (groups, tasks)
    spread : numpy.ndarray, float32, (groups, tasks)
        Standard deviation (n - 1); NaN for a group of one view.

    Raises
    ------
    ValueError
        The views of a group differ in inchikey or part.
    """
    group_of = views.groupby(by, sort=True).ngroup().fillna(-1).to_numpy(np.int64)
    order = np.argsort(group_of, kind="stable")
    order = order[np.searchsorted(group_of[order], 0) :]
    starts = np.flatnonzero(np.diff(group_of[order], prepend=-1))
    sizes = np.diff(starts, append=len(order))
    firsts = order[starts]
    kept = [name for name in ("inchikey", "part") if name in views and name not in by]
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
        mean[block], spread[block] = _moments(scores[rows], sizes[block])
    return table, mean, spread


def _moments(scores, sizes):
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


def combine(replicates):
    """Average the predictions of all replicates over wells, compounds and replicates.

    Views without an InChIKey stand among the wells alone. A compound whose views lie in
    several parts, such as one that is also a control, has a row in each.

    Parameters
    ----------
    replicates : iterable of (pandas.DataFrame, numpy.ndarray, list of str)
        Views, scores and tasks of each replicate, the first first, as
        `prediction_tables.read_predictions` gives them; the views and tasks are the same in all.
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
    collected = {name: [] for name in FILES if name.startswith(("wells", "compounds"))}
    first, means = None, []
    # Neither enumerate nor zip: they hold on to the replicate before.
    for views, scores, tasks in replicates:
        number, views = len(means) + 1, views[names]
        first = first or (views, tasks)
        _check_replicate(number, views, tasks, *first)
        for name, by in (("wells", ["plate", "well"]), ("compounds", ["inchikey", "part"])):
            table, mean, spread = average(views, scores, by)
            table["replicate"] = number
            collected[name].append(prediction_table(name, table, mean, tasks))
            spread_name = f"{name}_spread"
            collected[spread_name].append(prediction_table(spread_name, table, spread, tasks))
        means.append(mean)
        del scores
    combined = {name: pa.concat_tables(each) for name, each in collected.items()}
    compounds = table.assign(replicates=len(means))
    sizes = np.full(len(compounds), len(means))
    # The replicates of a compound in consecutive rows.
    stacked = np.stack(means, axis=1).reshape(-1, len(tasks))
    mean, spread = _moments(stacked, sizes)
    mean, spread = mean.astype(np.float32), spread.astype(np.float32)
    combined["ensemble"] = prediction_table("ensemble", compounds, mean, tasks)
    combined["ensemble_spread"] = prediction_table("ensemble_spread", compounds, spread, tasks)
    return combined


def _check_replicate(number, views, tasks, first, first_tasks):
    differences = [_difference(tasks, first_tasks, "tasks")]
    if not views.equals(first):
        found, expected = [
            [" ".join("" if pd.isna(each) else str(each) for each in row) for row in table]
            for table in (views.itertuples(index=False), first.itertuples(index=False))
        ]
        differences.append(_difference(found, expected, "views"))
    if problems := list(filter(None, differences)):
        raise InputError(
            f"replicate {number}",
            f"compared with replicate 1, {', and '.join(problems)}",
            "predict with all replicates again, from the same data set",
        )


def _difference(found, expected, what):
    """Say which names are missing, which are new, or that their order is; empty if none is."""
    if list(found) == list(expected):
        return ""
    missing = pd.Index(expected).difference(found, sort=False)
    new = pd.Index(found).difference(expected, sort=False)
    said = []
    for names, verb in ((missing, "missing"), (new, "new")):
        if len(names):
            some = "; ".join(names[:3]) + ("; ..." if len(names) > 3 else "")
            said.append(f"{len(names)} {what} are {verb} ({some})")
    return " and ".join(said) or f"the {what} come in another order"


def check_fit(metadata, tasks, channels, shape, where):
    """Make sure that a model is used on what it was trained on.

    Parameters
    ----------
    metadata : dict
        What the weights file says: channels and tasks (lists of str), height and width (int).
    tasks : list of str
        Columns of the label matrix, in its order.
    channels : list of str
        Names of the channels, or of the features, in the order of the samples.
    shape : tuple of int
        Of a sample: (channels, height, width), or (features,).
    where : str or Path
        The weights file.

    Raises
    ------
    InputError
        Something differs; it says all that does.
    """
    what = "channels" if shape[1:] else "features"
    problems = [
        _difference(tasks, metadata["tasks"], "tasks"),
        _difference(channels, metadata["channels"], what),
    ]
    size, trained = tuple(shape[1:]), (metadata["height"], metadata["width"])
    if size and size != trained:
        problems.append(
            f"the samples have {size[1]} x {size[0]} pixels instead of {trained[1]} x {trained[0]}"
        )
    if problems := list(filter(None, problems)):
        raise InputError(
            where,
            f"compared with what the model was trained on, {', and '.join(problems)}",
            "use the label matrix and the images of its training, or train it again on these",
        )
