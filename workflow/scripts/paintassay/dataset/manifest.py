"""The data set: what each view shows, whether it has labels, and its part in each split."""

from collections.abc import Collection

import numpy as np
import pandas as pd

from paintassay.core.keys import PARTS, VIEW, WELL
from paintassay.core.tables import joined
from paintassay.images.roles import OTHER_DOSE

TREATMENT = "treatment"


def build_views(
    views: pd.DataFrame, wells: pd.DataFrame, splits: pd.DataFrame, label_keys: Collection[str]
) -> pd.DataFrame:
    """Say for each view what it shows, whether it has labels, and its part in each split.

    Only treatments count as labelled: a compound that also serves as a control stands on every
    plate and would outweigh all others.

    Parameters
    ----------
    views : pandas.DataFrame
        As `images.tables.views_schema`.
    wells : pandas.DataFrame
        plate, well, compound_id, role, inchikey (missing for controls) and, where known,
        dose; a row a well.
    splits : pandas.DataFrame
        As `dataset.tables.SPLITS`, with every compound that has labels.
    label_keys : collection of str
        InChIKeys of the compounds that have labels.

    Returns
    -------
    pandas.DataFrame
        As `dataset_schema`: every row of `views`, in its order. A view whose well is not in
        `wells` has no role; a view that is not labelled has no part.

    Raises
    ------
    ValueError
        A well stands twice in `wells`, or a compound with labels is not in the splits.
    """
    numbers = sorted(splits["split"].unique())
    part_of = splits.pivot(index="inchikey", columns="split", values="part")
    without_part = pd.Index(label_keys).difference(part_of.dropna().index)
    if len(without_part):
        raise ValueError(f"{without_part[0]} has labels but no part in each split")
    wells = wells.assign(dose=wells.get("dose", np.nan))
    wells = wells[[*WELL, "compound_id", "role", "dose", "inchikey"]]
    labelled = (wells["role"] == TREATMENT) & wells["inchikey"].isin(label_keys)
    wells = wells.assign(labelled=labelled)
    for number in numbers:
        wells[f"split_{number}"] = wells["inchikey"].map(part_of[number]).where(labelled)
    dataset = views.merge(wells, on=WELL, how="left", validate="many_to_one")
    dataset["labelled"] = dataset["labelled"].eq(True)
    return dataset


def remove_flagged(
    views: pd.DataFrame, quality: pd.DataFrame, exclude_flags: Collection[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Leave out the views that carry one of these flags in any channel.

    Parameters
    ----------
    views : pandas.DataFrame
        With plate, well, site.
    quality : pandas.DataFrame
        As `images.tables.QUALITY`.
    exclude_flags : collection of str
        Names of flags; empty to keep every view.

    Returns
    -------
    kept, excluded : pandas.DataFrame
        The rows of `views`, in their order.
    """
    # There are few different combinations of flags, and one row a view and channel.
    combinations = quality["flags"].fillna("").unique()
    refused = [flags for flags in combinations if set(flags.split(";")) & set(exclude_flags)]
    bad = quality.loc[quality["flags"].isin(refused), VIEW].drop_duplicates()
    marked = views[VIEW].merge(bad, on=VIEW, how="left", indicator=True)
    excluded = (marked["_merge"] == "both").to_numpy()
    return views[~excluded], views[excluded]


def summarise_dataset(
    views: pd.DataFrame,
    wells: pd.DataFrame,
    compounds: pd.DataFrame,
    splits: pd.DataFrame,
    label_keys: Collection[str],
) -> tuple[dict[str, int], pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Count what the data set holds, and list what does not come together.

    Parameters
    ----------
    views : pandas.DataFrame
        As from `build_views`.
    wells : pandas.DataFrame
        As for `build_views`.
    compounds : pandas.DataFrame
        inchikey, compound_ids (list of str), as `compounds.tables.COMPOUNDS`.
    splits : pandas.DataFrame
        As `dataset.tables.SPLITS`.
    label_keys : collection of str
        InChIKeys of the compounds that have labels.

    Returns
    -------
    counts : dict of str to int
        Views, wells and compounds, from all to those with labels.
    compounds_without_images : pandas.DataFrame
        As `COMPOUNDS_WITHOUT_IMAGES`, sorted by InChIKey.
    images_without_labels : pandas.DataFrame
        As `IMAGES_WITHOUT_LABELS`, sorted by identifier.
    parts : pandas.DataFrame
        As `PARTS`, by split, then train, validation, test.
    """
    treated = views[views["role"] == TREATMENT]
    shown = treated["inchikey"].dropna().unique()
    without_labels = _list_without_labels(treated[~treated["labelled"]])
    without_images = _list_without_images(
        pd.Index(label_keys).difference(pd.Index(shown)), wells, compounds
    )
    labelled = views[views["labelled"]]
    other_dose = int((views["role"] == OTHER_DOSE).sum())
    doses = treated.groupby("inchikey")["dose"].nunique()
    counts = {
        "views": len(views),
        "views_not_on_plate_map": int(views["role"].isna().sum()),
        "views_of_controls_or_empty_wells": int(views["role"].notna().sum())
        - len(treated)
        - other_dose,
        "views_of_other_doses": other_dose,
        "views_of_treatments": len(treated),
        "views_without_inchikey": int(treated["inchikey"].isna().sum()),
        "views_labelled": len(labelled),
        "wells": len(wells),
        "wells_with_views": len(views[WELL].drop_duplicates()),
        "wells_labelled": len(labelled[WELL].drop_duplicates()),
        "compounds_with_labels": len(label_keys),
        "compounds_with_views": len(shown),
        "compounds_with_several_doses": int((doses > 1).sum()),
        "compounds_with_labels_and_views": len(label_keys) - len(without_images),
        "compounds_with_labels_without_views": len(without_images),
        "compounds_with_views_without_labels": without_labels["inchikey"].nunique(),
    }
    return counts, without_images, without_labels, _count_parts(views, splits)


def _list_without_images(
    keys: pd.Index, wells: pd.DataFrame, compounds: pd.DataFrame
) -> pd.DataFrame:
    wells = wells[wells["inchikey"].isin(keys)]
    treated = wells[wells["role"] == TREATMENT]
    table = pd.DataFrame({"inchikey": pd.Series(sorted(keys), dtype="str")})
    ids = compounds.set_index("inchikey")["compound_ids"].reindex(table["inchikey"])
    table["compound_ids"] = joined(value if np.ndim(value) else [] for value in ids)
    of_key = treated["inchikey"].value_counts()
    table["wells"] = table["inchikey"].map(of_key).fillna(0).astype("int64")
    table["reason"] = np.select(
        [table["wells"] > 0, table["inchikey"].isin(wells["inchikey"])],
        ["no view of its wells", "only as a control"],
        "in no well of the plate maps",
    )
    return table


def _list_without_labels(views: pd.DataFrame) -> pd.DataFrame:
    keys = ["compound_id", "inchikey"]
    by_well = views.groupby([*keys, *WELL], dropna=False).size()
    table = by_well.groupby(keys, dropna=False).agg(wells="size", views="sum").reset_index()
    table["reason"] = np.where(table["inchikey"].isna(), "no InChIKey", "no label")
    return table


def _count_parts(views: pd.DataFrame, splits: pd.DataFrame) -> pd.DataFrame:
    views_of = views.loc[views["labelled"], "inchikey"].value_counts()
    rows = splits.assign(views=splits["inchikey"].map(views_of).fillna(0).astype("int64"))
    table = rows.groupby(["split", "part"], sort=False).agg(
        compounds=("inchikey", "size"),
        compounds_with_views=("views", np.count_nonzero),
        views=("views", "sum"),
    )
    numbers = sorted(splits["split"].unique())
    order = pd.MultiIndex.from_product([numbers, list(PARTS)], names=["split", "part"])
    return table.reindex(order).reset_index()
