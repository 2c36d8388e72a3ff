"""Find images through one table with the columns plate, well, site, channel, place and member."""

from collections.abc import Collection

from paintassay.core.files import PathLike
from paintassay.images.layouts.planes import LostPlane, Plane
from paintassay.images.layouts.text_tables import (
    check_columns,
    distinct_values,
    folder_of,
    parse_rows,
    row_of_value,
    rows_of_plate,
)
from paintassay.images.storage import join_place

TABLE_COLUMNS = ["plate", "well", "site", "channel", "place"]


def list_plates(root: PathLike) -> tuple[set[str], set[str]]:
    """List the plates and the channels of the table.

    Parameters
    ----------
    root
        As in `images.index.list_plates`.

    Returns
    -------
    plates, channels : set of str
    """
    check_columns(root, TABLE_COLUMNS)
    return distinct_values(root, "plate"), distinct_values(root, "channel")


def place_of_plate(root: PathLike, plate: str) -> str:
    """Say in which row of the table a plate stands first, for messages."""
    return f"{root}, row {row_of_value(root, 'plate', plate)}"


def find_planes(
    root: PathLike, plate: str, channels: Collection[str]
) -> tuple[list[Plane], list[LostPlane]]:
    """Find the planes of a plate.

    Parameters
    ----------
    root, plate, channels
        As in `images.index.index_plate`.

    Returns
    -------
    planes : list of Plane
    lost : list of LostPlane
    """
    has_members = "member" in check_columns(root, TABLE_COLUMNS)
    columns = [*TABLE_COLUMNS, "member"] if has_members else TABLE_COLUMNS
    cells = rows_of_plate(root, "plate", plate, columns)
    folder = folder_of(root)
    places = [join_place(folder, place) if place else None for place in cells["place"]]
    members = [name or None for name in cells["member"]] if has_members else [None] * len(cells)
    rows = zip(cells["well"], cells["site"], cells["channel"], places, members, strict=True)
    return parse_rows([row for row in rows if row[2] in channels])
