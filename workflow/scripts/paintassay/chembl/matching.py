"""Count which compounds of the library ChEMBL knows."""

import pandas as pd
import pyarrow as pa

from paintassay.core.files import PathLike
from paintassay.core.matching import ANY, Match, Side, check_match


def count_matches(
    where: PathLike, compounds: pd.Series, matches: pa.Table, activities: pa.Table, near: str
) -> list[Match]:
    """Count the compounds that match ChEMBL, and the matched molecules with an activity.

    Most compounds of a library are not in ChEMBL, and most molecules of ChEMBL have no activity
    of the kinds that give labels; so only nothing is remarkable.

    Parameters
    ----------
    where : str or Path
        The dump, or the address of the web service.
    compounds : pandas.Series of str
        InChIKeys of the library.
    matches, activities : pyarrow.Table
        As `chembl.tables.MATCHES` and `chembl.tables.ACTIVITIES`.
    near : str
        How many would match by another rule, as `chembl.near_matches.describe_near_matches` says.

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
            Side("compounds of the library", compounds),
            Side("compounds that ChEMBL knows", matches["inchikey"]),
            "look at a few keys in compounds/compounds.parquet; if they lack stereo or are salts, "
            f"set chembl.match_on to first_block or parent ({near})",
            warn_below=ANY,
        ),
        check_match(
            where,
            Side("matched molecules", matches["molecule_chembl_id"]),
            Side("molecules with an activity", activities["molecule_chembl_id"]),
            "none of these compounds has a pChEMBL value or an activity comment in ChEMBL; bring "
            "more compounds",
            warn_below=ANY,
        ),
    ]
