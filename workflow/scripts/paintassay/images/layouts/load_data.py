"""Find images through CellProfiler's load_data tables, as in the Cell Painting Gallery."""

from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import unquote

from paintassay.core.files import PathLike
from paintassay.core.user_tables import ENDINGS
from paintassay.images.layouts.planes import LostPlane, Plane
from paintassay.images.layouts.text_tables import (
    check_columns,
    distinct_values,
    folder_of,
    parse_rows,
    row_of_value,
    rows_of_plate,
)
from paintassay.images.storage import is_folder, join_place, list_folder

LOAD_DATA = {"plate": "Metadata_Plate", "well": "Metadata_Well", "site": "Metadata_Site"}

Row = tuple[str, str, str, str | None, None]


def list_plates(root: PathLike, channels: Sequence[str]) -> tuple[set[str], set[str]]:
    """List the plates, and those of the channels that any table has.

    Parameters
    ----------
    root, channels
        As in `images.index.list_plates`.

    Returns
    -------
    plates, channels : set of str
    """
    plates: set[str] = set()
    present: set[str] = set()
    for table in _list_tables(root):
        present |= set(_columns_of_channels(table, channels))
        plates |= distinct_values(table, LOAD_DATA["plate"])
    return plates, present


def place_of_plate(root: PathLike, plate: str) -> str:
    """Say in which row of which table a plate stands first, for messages."""
    for table in _list_tables(root):
        if row := row_of_value(table, LOAD_DATA["plate"], plate):
            return f"{table}, row {row}"
    return str(root)


def find_planes(
    root: PathLike, plate: str, channels: Sequence[str], path_prefix: Mapping[str, str]
) -> tuple[list[Plane], list[LostPlane]]:
    """Find the planes of a plate.

    Parameters
    ----------
    root, plate, channels, path_prefix
        As in `images.index.index_plate`.

    Returns
    -------
    planes : list of Plane
    lost : list of LostPlane
    """
    tables = _list_tables(root)
    # In the gallery the folder of a table has the plate's name; then the others need no look.
    tables_of_plate = [table for table in tables if f"/{plate}/" in table.removeprefix(str(root))]
    rows = _read_rows(tables_of_plate, plate, channels, path_prefix)
    if not rows:
        others = [table for table in tables if table not in tables_of_plate]
        rows = _read_rows(others, plate, channels, path_prefix)
    return parse_rows(rows)


def _list_tables(root: PathLike) -> list[str]:
    """List all load_data tables at or below a place."""
    if not is_folder(root):
        return [str(root)]
    files, folders = list_folder(root)
    tables = [
        join_place(root, name)
        for name in files
        if "load_data" in name and name.lower().endswith(ENDINGS)
    ]
    for folder in folders:
        tables += _list_tables(join_place(root, folder))
    return tables


def _columns_of_channels(table: str, channels: Sequence[str]) -> dict[str, list[str]]:
    """Find, for each channel that the table has, its columns of URL or of folder and file name."""
    names = check_columns(table, LOAD_DATA.values())
    columns = {}
    for channel in channels:
        url, folder, file = (f"{kind}_Orig{channel}" for kind in ("URL", "PathName", "FileName"))
        if url in names:
            columns[channel] = [url]
        elif folder in names and file in names:
            columns[channel] = [folder, file]
    return columns


def _read_rows(
    tables: Iterable[str], plate: str, channels: Sequence[str], path_prefix: Mapping[str, str]
) -> list[Row]:
    rows: list[Row] = []
    for table in tables:
        columns = _columns_of_channels(table, channels)
        names = [*LOAD_DATA.values(), *(name for pair in columns.values() for name in pair)]
        cells = rows_of_plate(table, LOAD_DATA["plate"], plate, names)
        for channel, names_of_channel in columns.items():
            places = [
                _find_place(table, parts, path_prefix)
                for parts in zip(*(cells[name] for name in names_of_channel), strict=True)
            ]
            rows += zip(
                cells[LOAD_DATA["well"]],
                cells[LOAD_DATA["site"]],
                [channel] * len(cells),
                places,
                [None] * len(cells),
                strict=True,
            )
    return rows


def _find_place(table: str, parts: Sequence[str], path_prefix: Mapping[str, str]) -> str | None:
    """Find where an image is: `parts` is (URL,) or (folder, file name); None for an empty cell."""
    if not parts[-1]:
        return None
    place = join_place(parts[0], parts[1]) if len(parts) == 2 else parts[0]
    if place.startswith("file:"):
        # CellProfiler writes file:/a%20b as well as file:///a%20b.
        place = unquote("/" + place.removeprefix("file:").lstrip("/"))
    # A table made on Windows writes both kinds of slash.
    place = place.replace("\\", "/")
    path_prefix = {old.replace("\\", "/"): new for old, new in path_prefix.items()}
    matching = [
        old
        for old in path_prefix
        if place == old or place.startswith(old if old.endswith("/") else f"{old}/")
    ]
    if matching:
        old = max(matching, key=len)
        return join_place(path_prefix[old], place.removeprefix(old).lstrip("/"))
    return join_place(folder_of(table), place)
