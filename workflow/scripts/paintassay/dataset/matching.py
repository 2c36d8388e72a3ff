"""Count what comes together of views, wells, labels, cells and profiles."""

from collections.abc import Collection, Mapping

import pandas as pd

from paintassay.core.files import PathLike
from paintassay.core.keys import VIEW, WELL
from paintassay.core.matching import ALL, ANY, STALE, Match, Side, check_kept, check_match
from paintassay.images.matching import PLATES_CURE, count_plates, count_quality

CELLS_CURE = (
    "write plate, well and site in the table of cells as images/views.parquet has them, site "
    "numbers included"
)


def count_inputs(
    files: Mapping[str, PathLike],
    views: pd.DataFrame,
    quality: pd.DataFrame,
    wells: pd.DataFrame,
    compounds: pd.DataFrame,
    splits: pd.DataFrame,
    label_keys: Collection[str],
) -> list[Match]:
    """Count what the tables behind the data set have in common.

    Parameters
    ----------
    files : dict of str to path
        The files of the tables, by the names of the arguments; the labels are "labels".
    views, quality, wells, compounds, splits : pandas.DataFrame
        As `views_schema`, QUALITY and PLATED_WELLS of `images.tables`, `compounds.tables.COMPOUNDS`
        and `dataset.tables.SPLITS`.
    label_keys : collection of str
        InChIKeys of the compounds that have labels.

    Returns
    -------
    list of Match

    Raises
    ------
    InputError
        Two of them have nothing in common.
    """
    labelled = Side("compounds with labels", label_keys)
    return [
        count_plates(files["wells"], views["plate"].unique(), wells["plate"].unique()),
        check_match(
            files["wells"],
            Side("wells with views", views[WELL]),
            Side("wells of the plate maps", wells[WELL]),
            "name the wells in the table of wells as those of the images",
        ),
        count_quality(files["quality"], views, quality),
        check_match(
            files["labels"],
            labelled,
            Side("compounds of the library", compounds["inchikey"]),
            STALE,
            warn_below=ALL,
        ),
        check_match(
            files["splits"],
            labelled,
            Side("compounds of the splits", splits["inchikey"]),
            STALE,
            warn_below=ALL,
        ),
        # Most compounds in the wells have no label, and a screen may show few of the library.
        check_match(
            files["wells"],
            labelled,
            Side("compounds in the wells", wells["inchikey"]),
            "images/unmatched_compound_ids.csv and labels/dropped_compounds.csv in the results say "
            "where compounds were lost",
            warn_below=ANY,
        ),
    ]


def count_unflagged(
    where: PathLike, kept: pd.DataFrame, excluded: pd.DataFrame, flags: Collection[str]
) -> Match:
    """Count the views that flags leave.

    Parameters
    ----------
    where : str or Path
        The table of quality.
    kept, excluded : pandas.DataFrame
        As from `dataset.manifest.remove_flagged`.
    flags : collection of str
        The flags that exclude a view.

    Returns
    -------
    Match

    Raises
    ------
    InputError
        None is left.
    """
    return check_kept(
        where,
        "views that quality.exclude_flags leaves",
        len(kept),
        len(kept) + len(excluded),
        f"take flags out of quality.exclude_flags ({', '.join(flags) or 'none'}), or change "
        "quality.limits",
        example=", ".join(map(str, excluded.iloc[0][VIEW])) if len(excluded) else None,
    )


def count_labelled(where: PathLike, dataset: pd.DataFrame, label_keys: Collection[str]) -> Match:
    """Count the views of compounds with labels, and refuse a data set without any.

    Parameters
    ----------
    where : str or Path
        The table of wells.
    dataset : pandas.DataFrame
        As from `dataset.manifest.build_views`.
    label_keys : collection of str
        InChIKeys of the compounds that have labels.

    Returns
    -------
    Match

    Raises
    ------
    InputError
        There are none, so that there is nothing to train or to test with.
    """
    shown = dataset.loc[~dataset["labelled"], "inchikey"].dropna()
    return check_kept(
        where,
        "views of a compound with labels",
        int(dataset["labelled"].sum()),
        len(dataset),
        f"{PLATES_CURE}, and the compounds as the library has them",
        example=shown.iloc[0] if len(shown) else None,
        others=label_keys,
        # A quarter of the published views is labelled.
        warn_below=ANY,
    )


def count_parts(where: PathLike, parts: pd.DataFrame) -> list[Match]:
    """Count the compounds of each part of the splits that have views.

    Parameters
    ----------
    where : str or Path
        The table of splits.
    parts : pandas.DataFrame
        As `dataset.tables.PARTS`.

    Returns
    -------
    list of Match
        Nothing is a warning here: a training needs other parts than a prediction, and each refuses
        a part without views.
    """
    return [
        check_kept(
            f"{where}, split {row['split']}",
            f"compounds of the part {row['part']} that have views",
            int(row["compounds_with_views"]),
            int(row["compounds"]),
            "dataset/compounds_without_images.csv in the results has the reasons",
            warn_below=ANY,
            required=False,
        )
        for row in parts.to_dict("records")
    ]


def count_cells(
    where: PathLike, plate: str, cells: pd.DataFrame, lost: pd.DataFrame, views: pd.DataFrame
) -> list[Match]:
    """Count the cells of a plate that lie in its views, and the views with cells.

    Parameters
    ----------
    where : str or Path
        The table of cells.
    plate : str
    cells, lost : pandas.DataFrame
        As from `dataset.cells.read_cells`.
    views : pandas.DataFrame
        As `images.tables.views_schema`, of the plate.

    Returns
    -------
    list of Match

    Raises
    ------
    InputError
        No cell lies in a view, although the plate has some.
    """
    example = None
    if len(lost):
        row = lost.sort_values("cells", ascending=False).iloc[0]
        example = ", ".join("?" if pd.isna(value) else str(value) for value in row[VIEW])
    known = views[VIEW].astype("str").agg(", ".join, axis="columns") if len(views) else []
    return [
        check_kept(
            where,
            "cells that lie in a view",
            len(cells),
            len(cells) + int(lost["cells"].sum()),
            f"dataset/cells/{plate}.lost.csv has the reasons; {CELLS_CURE}",
            example=example,
            others=known,
            # A plate without a complete view has nothing that cells could lie in.
            required=len(views) > 0,
        ),
        check_match(
            where,
            Side("views", views[VIEW]),
            Side("views with cells", cells[VIEW]),
            CELLS_CURE,
            required=False,
        ),
    ]


def count_profiles(where: PathLike, profiles: pd.DataFrame, wells: pd.DataFrame) -> list[Match]:
    """Count the wells of the screen that have profiles.

    Parameters
    ----------
    where : str or Path
        The first table of profiles.
    profiles, wells : pandas.DataFrame
        plate and well of the profiles, and of the plate maps.

    Returns
    -------
    list of Match

    Raises
    ------
    InputError
        There are none.
    """
    return [
        check_match(
            where,
            Side("plates of the wells", wells["plate"].unique()),
            Side("plates of the profiles", profiles["plate"].unique()),
            "write the plates in the profiles as the table of wells has them",
            warn_below=ALL,
        ),
        check_match(
            where,
            Side("wells of the plate maps", wells[WELL]),
            Side("wells of the profiles", profiles[WELL]),
            "write plates and wells in the profiles as the table of wells has them",
        ),
    ]
