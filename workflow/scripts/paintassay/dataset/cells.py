"""Read the centres of single cells from what CellProfiler and related programs write."""

import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd

from paintassay.core.errors import InputError
from paintassay.core.files import PathLike
from paintassay.core.keys import VIEW
from paintassay.core.sizes import WorkSize
from paintassay.core.sqlite import immutable_uri
from paintassay.core.user_tables import opened_table
from paintassay.dataset.tables import CELLS, LOST_CELLS
from paintassay.images.wells import site_number, well_name

ROWS_PER_BATCH: WorkSize = 500_000

# The names under which CellProfiler, cytominer-database, CytoTable and pycytominer write a column.
IMAGE_COLUMNS = {
    "plate": ("Metadata_Plate", "Image_Metadata_Plate", "Image_Metadata_PlateID"),
    "well": ("Metadata_Well", "Image_Metadata_Well", "Image_Metadata_CPD_WELL_POSITION"),
    "site": ("Metadata_Site", "Image_Metadata_Site"),
}
KEY_COLUMNS = {
    "table": ("TableNumber", "Metadata_TableNumber", "Image_TableNumber"),
    "image": ("ImageNumber", "Metadata_ImageNumber"),
}
CELL_COLUMNS = {
    "cell": (
        "ObjectNumber",
        "Nuclei_ObjectNumber",
        "Metadata_ObjectNumber",
        "Nuclei_Number_Object_Number",
        "Number_Object_Number",
    ),
    "x": (
        "Nuclei_Location_Center_X",
        "Location_Center_X",
        "Metadata_Nuclei_Location_Center_X",
    ),
    "y": (
        "Nuclei_Location_Center_Y",
        "Location_Center_Y",
        "Metadata_Nuclei_Location_Center_Y",
    ),
}
# cytominer-database and pycytominer fix the names; `SELECT *` on the small table of images leaves
# the choice among its many columns to pandas.
IMAGE_QUERY = "SELECT * FROM Image"
NUCLEI_QUERY = """
    SELECT TableNumber, ImageNumber, ObjectNumber,
        Nuclei_Location_Center_X, Nuclei_Location_Center_Y
    FROM Nuclei"""
FILE_NAME = re.compile(r"(Image_)?(FileName|URL)_(?!Illum)")


def read_cells(
    source: PathLike,
    views: pd.DataFrame,
    frame: tuple[int, int],
    images: PathLike | None = None,
    plate: str | None = None,
    name_pattern: str | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read the centres of single cells that lie in the views of a manifest.

    The source is read in batches, of which only the good centres are kept, 32 bytes each.

    Parameters
    ----------
    source : str or Path
        What CellProfiler found: a SQLite database with the tables Image and Nuclei (.sqlite, .db),
        Nuclei.csv with its `images`, or a CSV or Parquet table that has plate, well and site
        beside the centres.
    views : pandas.DataFrame
        plate, well, site of the views in the shards, each once.
    frame : tuple of int
        Height and width of the views in pixels.
    images : str or Path, optional
        CellProfiler's Image.csv, where the source names its images by number only.
    plate : str, optional
        The plate, where nothing in the files names it.
    name_pattern : str, optional
        Regular expression with the named groups well, site and, where it can, plate. It is
        searched for in the images' file names for what no column says.

    Returns
    -------
    cells : pandas.DataFrame
        As `dataset.tables.CELLS`, sorted by plate, well, site and cell; plate and well are
        categorical, to be small. Cells without numbers are counted from 1 as they come.
    lost : pandas.DataFrame
        As `LOST_CELLS`, sorted.

    Raises
    ------
    InputError
        A file cannot be read, lacks a column, or has two images of one number.
    """
    known = views[VIEW].sort_values(VIEW, ignore_index=True)
    known = known.astype({"site": "Int64"}).assign(view=range(len(known)))
    kept, lost = [], []
    for batch in _read_source(Path(source), images, plate, name_pattern):
        placed = batch.merge(known, on=VIEW, how="left", validate="many_to_one")
        problem = _find_problems(placed, frame)
        lost.append(_count_lost(placed, problem))
        good = placed.loc[problem == "", placed.columns.difference(VIEW)]
        kept.append(good.astype(dict.fromkeys(good.columns.difference(["x", "y"]), "int64")))
    cells = pd.concat(kept, ignore_index=True).sort_values("view", kind="stable")
    if "cell" not in cells:
        cells["cell"] = cells.groupby("view").cumcount() + 1
    cells = cells.sort_values(["view", "cell"], kind="stable", ignore_index=True)
    repeated = cells.duplicated(["view", "cell"])
    again = cells[repeated].merge(known, on="view")
    lost.append(_count_lost(again, np.full(len(again), "cell number twice in its view")))
    cells = cells[~repeated]
    places = known.astype({"plate": "category", "well": "category", "site": "int64"})
    places = places.iloc[cells["view"]].reset_index(drop=True)
    cells = pd.concat([places, cells[["cell", "x", "y"]].reset_index(drop=True)], axis="columns")
    return cells[CELLS.names], _join_counts(lost)


def _find_problems(cells: pd.DataFrame, frame: tuple[int, int]) -> np.ndarray:
    """What is wrong with each cell, or an empty text."""
    height, width = frame
    x, y = cells["x"], cells["y"]
    number = cells.get("cell", pd.Series(0, index=cells.index))
    return np.select(
        [
            cells[VIEW].isna().any(axis="columns"),
            cells["view"].isna(),
            ~(np.isfinite(x) & np.isfinite(y)),
            (x < 0) | (x >= width) | (y < 0) | (y >= height),
            number.isna(),
        ],
        [
            "image without plate, well or site",
            "view not in the shards",
            "centre not finite",
            "centre outside the frame",
            "cell without number",
        ],
        "",
    )


def _count_lost(cells: pd.DataFrame, problem: np.ndarray) -> pd.DataFrame:
    """Lost cells of a batch as `LOST_CELLS`."""
    bad = cells[problem != ""].assign(problem=problem[problem != ""])
    if "cell" not in bad:
        bad["cell"] = np.nan
    bad["detail"] = None
    first = bad.drop_duplicates([*VIEW, "problem"]).index
    bad.loc[first, "detail"] = [
        f"{'a cell' if np.isnan(cell) else f'cell {cell:.0f}'} at x {x:g}, y {y:g}"
        for cell, x, y in bad.loc[first, ["cell", "x", "y"]].astype("float64").to_numpy()
    ]
    return _join_counts([bad.assign(cells=1)])


def _join_counts(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    keys = [*VIEW, "problem"]
    rows = pd.concat([table[LOST_CELLS.names] for table in tables], ignore_index=True)
    counts = rows.groupby(keys, dropna=False).agg(
        cells=("cells", "sum"), detail=("detail", "first")
    )
    return counts.reset_index()[LOST_CELLS.names]


def _read_source(
    source: Path, images: PathLike | None, plate: str | None, name_pattern: str | None
) -> Iterator[pd.DataFrame]:
    """Data frames of plate, well, site, cell, x, y; what a source does not say is missing."""
    try:
        if source.suffix in (".sqlite", ".sqlite3", ".db"):
            batches = _read_sqlite(source, plate, name_pattern)
        else:
            batches = _read_files(source, images, plate, name_pattern)
        for batch in batches:
            numbers = batch.columns.intersection(["cell", "x", "y"])
            for name in numbers:
                batch[name] = pd.to_numeric(batch[name], errors="coerce").astype("float64")
            yield batch[[*VIEW, *numbers]]
    except (sqlite3.Error, OSError) as error:
        raise InputError(source, f"cannot be read: {error}") from error


def _read_sqlite(path: Path, plate: str | None, name_pattern: str | None) -> Iterator[pd.DataFrame]:
    with closing(sqlite3.connect(immutable_uri(path), uri=True)) as database:
        images = pd.concat(_fetch_rows(database.execute(IMAGE_QUERY)), ignore_index=True)
        images = _identify_images(images, plate, name_pattern, f"{path}, table Image")
        for batch in _fetch_rows(database.execute(NUCLEI_QUERY)):
            yield _place_cells(batch, images, f"{path}, table Nuclei")


def _fetch_rows(cursor: sqlite3.Cursor) -> Iterator[pd.DataFrame]:
    """Batches of rows, at least one, as the objects that SQLite holds: integers stay exact."""
    names = [column[0] for column in cursor.description]
    rows = cursor.fetchmany(ROWS_PER_BATCH)
    yield pd.DataFrame(rows, columns=names, dtype=object)
    while rows := cursor.fetchmany(ROWS_PER_BATCH):
        yield pd.DataFrame(rows, columns=names, dtype=object)


def _read_files(
    source: Path, images: PathLike | None, plate: str | None, name_pattern: str | None
) -> Iterator[pd.DataFrame]:
    table = None
    if images is not None:
        rows = pd.concat(_read_table(Path(images)), ignore_index=True)
        table = _identify_images(rows, plate, name_pattern, images)
    for batch in _read_table(source):
        if table is not None:
            yield _place_cells(batch, table, source)
        else:
            centres = _choose_columns(batch, CELL_COLUMNS, source, optional=["cell"])
            yield pd.concat(
                [_identify_views(batch, plate, name_pattern, source), centres], axis="columns"
            )


def _read_table(path: Path) -> Iterator[pd.DataFrame]:
    """The columns that matter of a table in batches, those of a CSV as texts.

    As texts, one bad cell spoils no column and long integers stay exact.
    """
    with opened_table(path) as table:
        for batch in table.batches([name for name in table.names if _matters(name)]):
            # Objects where integers are missing: floats would round the others.
            yield batch.to_pandas(integer_object_nulls=True)


def _matters(name: str) -> bool:
    columns = {**IMAGE_COLUMNS, **KEY_COLUMNS, **CELL_COLUMNS}
    return any(name in names for names in columns.values()) or bool(FILE_NAME.match(name))


def _choose_columns(
    table: pd.DataFrame,
    columns: Mapping[str, Sequence[str]],
    where: PathLike,
    optional: Sequence[str] = (),
) -> pd.DataFrame:
    """Choose for each of our names the first of its spellings that the table has."""
    chosen = {}
    for name, spellings in columns.items():
        present = [spelling for spelling in spellings if spelling in table]
        if present:
            chosen[name] = table[present[0]]
        elif name not in optional:
            raise InputError(where, f"has no column {' or '.join(spellings)}")
    return pd.DataFrame(chosen)


def _identify_images(
    table: pd.DataFrame, plate: str | None, name_pattern: str | None, where: PathLike
) -> pd.DataFrame:
    """Keys and views of CellProfiler's images."""
    keys = _read_keys(table, where)
    if keys.duplicated().any():
        number = keys.loc[keys.duplicated(), "image"].iloc[0]
        raise InputError(where, f"has two images of number {number}")
    return pd.concat([keys, _identify_views(table, plate, name_pattern, where)], axis="columns")


def _place_cells(batch: pd.DataFrame, images: pd.DataFrame, where: PathLike) -> pd.DataFrame:
    """Give each cell the view of its image."""
    keys = _read_keys(batch, where)
    views = keys.merge(images, on=list(keys.columns.intersection(images.columns)), how="left")
    centres = _choose_columns(batch, CELL_COLUMNS, where, optional=["cell"])
    return pd.concat([views[VIEW], centres], axis="columns")


def _read_keys(table: pd.DataFrame, where: PathLike) -> pd.DataFrame:
    """Table and image numbers as texts: table numbers are hashes that no float can hold."""
    keys = _choose_columns(table, KEY_COLUMNS, where, optional=["table"])
    for name, values in keys.items():
        if pd.api.types.is_float_dtype(values) and (values.abs() > 2**53).any():
            raise InputError(where, f"{name} numbers were rounded when the file was written")
        keys[name] = _as_texts(values)
    return keys


def _as_texts(values: pd.Series) -> pd.Series:
    """Numbers and texts as texts; what is missing stays so."""
    return values.astype("str").str.strip().str.removesuffix(".0")


def _identify_views(
    table: pd.DataFrame, plate: str | None, name_pattern: str | None, where: PathLike
) -> pd.DataFrame:
    """Plate, well and site of each row, from columns or else from file names."""
    views = _choose_columns(table, IMAGE_COLUMNS, where, optional=VIEW).reindex(index=table.index)
    if name_pattern is not None:
        for column in [name for name in table.columns if FILE_NAME.match(name)]:
            groups = table[column].astype("str").str.extract(name_pattern)
            for name in groups.columns.intersection(VIEW):
                views[name] = views[name].fillna(groups[name]) if name in views else groups[name]
    if "plate" not in views and plate is not None:
        views["plate"] = plate
    for name in VIEW:
        if name not in views:
            raise InputError(
                where,
                f"has no column {' or '.join(IMAGE_COLUMNS[name])}",
                "give a name pattern for the file names, or the table of images beside it",
            )
    spelled = _as_texts(views["well"])
    wells = spelled.map({name: well_name(name) for name in spelled.dropna().unique()})
    numbered = _as_texts(views["site"])
    sites = numbered.map({name: site_number(name) for name in numbered.dropna().unique()})
    sites = sites.astype("Int64")
    return pd.DataFrame(
        {"plate": _as_texts(views["plate"]), "well": wells.astype("str"), "site": sites}
    )
