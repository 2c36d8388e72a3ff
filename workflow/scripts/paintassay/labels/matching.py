"""Count what comes together of labels, compounds and assays."""

from collections.abc import Mapping

import pandas as pd
import pyarrow as pa

from paintassay.core.files import PathLike
from paintassay.core.matching import ALL, STALE, Match, Side, check_match


def count_parts(
    parts: Mapping[PathLike, pd.DataFrame], library_keys: pd.Series, assays: pa.ChunkedArray
) -> list[Match]:
    """Count the labelled compounds that the library has, and the assays that ChEMBL describes.

    Parameters
    ----------
    parts : dict of path to pandas.DataFrame
        Labels of each kind by their file: inchikey and assay_chembl_id. One kind may be missing.
    library_keys : pandas.Series of str
        InChIKeys of the library.
    assays : pyarrow.ChunkedArray of str
        Assays of the activities.

    Returns
    -------
    list of Match

    Raises
    ------
    InputError
        There are none.
    """
    counts = []
    for path, labels in parts.items():
        if labels.empty:
            continue
        for left, right in (
            (
                Side("compounds with a label", labels["inchikey"]),
                Side("compounds of the library", library_keys),
            ),
            (
                Side("assays with a label", labels["assay_chembl_id"]),
                Side("assays of the activities", assays),
            ),
        ):
            counts.append(check_match(path, left, right, STALE, warn_below=ALL))
    return counts
