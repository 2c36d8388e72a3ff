"""Count what comes together of plates, wells, compounds and views."""

from collections.abc import Collection

import pandas as pd

from paintassay.core.errors import InputError
from paintassay.core.files import PathLike
from paintassay.core.keys import VIEW, WELL
from paintassay.core.matching import ALL, ANY, HALF, STALE, Match, Side, check_kept, check_match
from paintassay.images.index import usual_loss

PLATES_CURE = "write the plates in the table of wells exactly as images/plates.csv has them"
INDEX_CURE = (
    "images/lost_views.csv in the results has the reasons; does images.root point at the folder "
    "that the layout describes, and not at one above it, and has each plate a barcode of its own?"
)


def count_plates(
    where: PathLike, plates: Collection[str], plates_of_wells: Collection[str]
) -> Match:
    """Count the plates with images of which it is known what is in their wells.

    Parameters
    ----------
    where : str or Path
        The table of wells.
    plates, plates_of_wells : collection of str
        Names of the plates of the images, and of those of the wells.

    Returns
    -------
    Match

    Raises
    ------
    InputError
        There are none.
    """
    return check_match(
        where,
        Side("plates with images", plates),
        Side("plates of the wells", plates_of_wells),
        PLATES_CURE,
        warn_below=ALL,
    )


def count_compounds(
    where: PathLike, wells: pd.DataFrame, unmatched: pd.DataFrame, library_ids: pd.Series
) -> list[Match]:
    """Count the compounds in the wells that have an InChIKey from the library.

    Parameters
    ----------
    where : str or Path
        The table of wells.
    wells, unmatched : pandas.DataFrame
        As from `images.plate_maps.join_compounds`.
    library_ids : pandas.Series of str
        The identifiers of the library.

    Returns
    -------
    list of Match

    Raises
    ------
    InputError
        No well holds a compound, or no compound has a key.
    """
    treated = wells[wells["role"].isin(["treatment", "positive_control"])]
    compounds = treated["compound_id"].nunique()
    return [
        check_kept(
            where,
            "wells with a compound",
            len(treated),
            len(wells),
            "all wells are empty or controls; look at the columns compound_id and role, and at "
            "plates.controls",
            warn_below=ANY,
        ),
        check_kept(
            where,
            "compounds of the wells among those of the library with an InChIKey",
            compounds - len(unmatched),
            compounds,
            "images/unmatched_compound_ids.csv in the results lists them; compounds.id_column must "
            "hold the identifiers that the wells use",
            example=unmatched["compound_id"].iloc[0] if len(unmatched) else None,
            others=library_ids,
            warn_below=HALF,
        ),
    ]


def count_doses(where: PathLike, wells: pd.DataFrame, treatments: int) -> Match:
    """Count the wells of treatments that hold one of the chosen doses.

    Parameters
    ----------
    where : str or Path
        The table of wells.
    wells : pandas.DataFrame
        As from `images.roles.choose_doses`.
    treatments : int
        How many wells were treatments before.

    Returns
    -------
    Match

    Raises
    ------
    InputError
        There are none.
    """
    return check_kept(
        where,
        "wells of treatments at a dose that plates.doses chooses",
        int((wells["role"] == "treatment").sum()),
        treatments,
        "plates.doses chooses none of them",
        # One of many doses is a usual choice, and a plate may have positive controls alone.
        warn_below=ANY,
        required=treatments > 0,
    )


def count_index(where: PathLike, plate: str, index: pd.DataFrame, lost: pd.DataFrame) -> Match:
    """Count the images of a plate that belong to a complete view.

    One plate without a complete view costs no other; a screen without any is an error where the
    plates come together.

    Parameters
    ----------
    where : str or Path
        The root of the images.
    plate : str
    index, lost : pandas.DataFrame
        As from `images.index.index_plate`.

    Returns
    -------
    Match
    """
    return check_kept(
        f"{where}, plate {plate}",
        "images that belong to a complete view",
        len(index),
        len(index) + len(lost) or 1,
        INDEX_CURE,
        example=usual_loss(lost),
        required=False,
    )


def choose_wanted(
    where: PathLike,
    plate: str,
    index: pd.DataFrame,
    wells: pd.DataFrame,
    label_keys: Collection[str],
) -> tuple[pd.DataFrame, Match]:
    """Choose the planes of wells with a labelled compound, and of controls.

    Parameters
    ----------
    where : str or Path
        The table of wells.
    plate : str
    index : pandas.DataFrame
        As `images.tables.PLATE_INDEX`, of that plate.
    wells : pandas.DataFrame
        As `images.tables.PLATED_WELLS`.
    label_keys : collection of str
        InChIKeys with a label.

    Returns
    -------
    index : pandas.DataFrame
        The rows that are wanted.
    count : Match
        A plate may have none.
    """
    of_plate = wells[wells["plate"] == plate]
    wanted = of_plate["inchikey"].isin(label_keys) | (of_plate["role"] != "treatment")
    kept = index.merge(of_plate.loc[wanted, WELL], on=WELL)
    unwanted = index[~index["well"].isin(of_plate["well"])]
    count = check_kept(
        f"{where}, plate {plate}",
        "planes that images.wanted: labelled takes",
        len(kept),
        len(index),
        f"{PLATES_CURE}; or set images.wanted to all",
        example=f"{plate}, {unwanted['well'].iloc[0]}" if len(unwanted) else None,
        others=of_plate["plate"] + ", " + of_plate["well"] if len(of_plate) else wells["plate"],
        # A third of the published screen is labelled.
        warn_below=ANY,
        required=False,
    )
    return kept, count


def count_copies(plate: str, quality: pd.DataFrame, copies: pd.DataFrame) -> Match:
    """Count the planes of a plate with pixels of their own.

    Parameters
    ----------
    plate : str
    quality, copies : pandas.DataFrame
        As `images.tables.QUALITY` and `images.tables.COPIES`, of that plate.

    Returns
    -------
    Match
    """
    example = None
    if len(copies):
        row = copies.iloc[0]
        example = (
            f"{row['well']} site {row['site']} {row['channel']}, equal to {row['first_well']} "
            f"site {row['first_site']} {row['first_channel']}"
        )
    return check_kept(
        f"plate {plate}",
        "planes with pixels of their own",
        len(quality) - len(copies),
        len(quality),
        "images/copies.csv in the results lists the others; were files copied or named twice?",
        example=example,
        warn_below=ALL,
        required=False,
    )


def require_views(
    where: PathLike, index: pd.DataFrame, views: pd.DataFrame, lost: pd.DataFrame
) -> Match:
    """Count the views of the index that are in the shards, and refuse a screen without any.

    Parameters
    ----------
    where : str or Path
        The root of the images.
    index, views, lost : pandas.DataFrame
        As `images.tables.PLATE_INDEX`, `views_schema` and LOST_VIEWS, of all plates.

    Returns
    -------
    Match

    Raises
    ------
    InputError
        There are none.
    """
    if index.empty:
        raise InputError(
            where, f"no plate has a complete view; most often: {usual_loss(lost)}", INDEX_CURE
        )
    indexed = index[VIEW].drop_duplicates()
    return check_kept(
        where,
        "views of the index that are in the shards",
        len(views),
        len(indexed),
        f"{PLATES_CURE}; or set images.wanted to all",
        example=usual_loss(lost),
        # Each plate has its limit, and images.wanted leaves views out on purpose.
        warn_below=ANY,
    )


def count_plates_with_views(where: PathLike, plates: Collection[str], views: pd.DataFrame) -> Match:
    """Count the plates of the screen that have views; a plate without any may be on purpose.

    Parameters
    ----------
    where : str or Path
        The root of the images.
    plates : collection of str
    views : pandas.DataFrame
        As `images.tables.views_schema`, of all plates.

    Returns
    -------
    Match
    """
    return check_match(
        where,
        Side("plates of the screen", plates),
        Side("plates with views", views["plate"].unique()),
        INDEX_CURE,
        warn_below=ALL,
    )


def count_indexed(where: PathLike, views: pd.DataFrame, index: pd.DataFrame) -> Match:
    """Count the views in the shards that the index has: all, or the files are of two runs."""
    return check_match(
        where,
        Side("views in the shards", views[VIEW]),
        Side("views of the index", index[VIEW]),
        STALE,
        warn_below=ALL,
    )


def count_quality(where: PathLike, views: pd.DataFrame, quality: pd.DataFrame) -> Match:
    """Count the views whose quality was measured: all, or the files are of two runs."""
    return check_match(
        where,
        Side("views in the shards", views[VIEW]),
        Side("views with measures of quality", quality[VIEW]),
        STALE,
        warn_below=ALL,
    )


def count_alike(plate_quality: pd.DataFrame, unusual: pd.DataFrame) -> Match:
    """Count the plates that do not differ as a whole from the others; one that does is a warning.

    Parameters
    ----------
    plate_quality : pandas.DataFrame
        As from `images.quality.compare_plates`.
    unusual : pandas.DataFrame
        Its unusual rows.

    Returns
    -------
    Match
    """
    total = plate_quality["plate"].nunique()
    return check_kept(
        "images/plate_quality.csv",
        "plates that are like the others as a whole",
        total - unusual["plate"].nunique(),
        total,
        "look at their contact sheets before you use them",
        example=None if unusual.empty else str(unusual["plate"].iloc[0]),
        warn_below=ALL,
        required=False,
    )
