"""The views of the parts of a split."""

from collections.abc import Collection

import pandas as pd

from paintassay.core.errors import InputError
from paintassay.core.keys import UNLABELLED, WELL


def parts_of(manifest: pd.DataFrame, split: int, parts: Collection[str]) -> pd.DataFrame:
    """Take the views of some parts of a split.

    Parameters
    ----------
    manifest : pandas.DataFrame
        As `dataset.tables.dataset_schema`.
    split : int
        Number of the split, from 1.
    parts : collection of str
        Some of train, validation, test and unlabelled; unlabelled are all views without labels,
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
        names = manifest.columns
        numbers = [name.removeprefix("split_") for name in names if name.startswith("split_")]
        raise InputError(
            "dataset/views.parquet",
            f"has no split {split}",
            f"its splits are {', '.join(numbers)}" if numbers else "make splits first",
        )
    part = manifest[column].where(manifest["labelled"], UNLABELLED)
    return manifest.assign(part=part)[part.isin(parts)].reset_index(drop=True)


def add_parts(views: pd.DataFrame, manifest: pd.DataFrame) -> pd.DataFrame:
    """Add the part and the dose of each view's well.

    Parameters
    ----------
    views : pandas.DataFrame
        With plate and well, such as ``Samples.views``.
    manifest : pandas.DataFrame
        As `parts_of` gives it, with those wells.

    Returns
    -------
    pandas.DataFrame
        The rows of `views` in their order, with columns part and dose.
    """
    wells = manifest[[*WELL, "part", "dose"]].drop_duplicates()
    return views.merge(wells, on=WELL, how="left", validate="many_to_one")
