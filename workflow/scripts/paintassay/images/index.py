"""Find the images of a plate: which file, or member of an archive, is which well and channel.

Each layout has one adapter. All end in `_complete_views`, so that a view is in the index with
all its channels or not at all, and what it lacks is on record. A plate at a time: nothing here
grows with the size of the screen but the list of its plates.
"""

import csv
import gzip
import io
import re
import zlib
from contextlib import contextmanager
from urllib.parse import unquote

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from paintassay.core.errors import InputError, separator_hint
from paintassay.images.storage import (
    UnreachableError,
    is_folder,
    join_place,
    list_folder,
    member_names,
    opened_file,
)
from paintassay.images.tables import LOST_VIEWS, PLATE_INDEX
from paintassay.images.wells import well_name

LAYOUTS = ("bray_zip", "bray_folder", "bray_gallery", "load_data", "table")

# The problems of `LOST_VIEWS` that this module writes.
CHANNEL_MISSING = "channel missing"
DUPLICATE = "several files for one plane"
ARCHIVE_DAMAGED = "archive cannot be read"
NOT_AN_IMAGE = "not an image"
OUTSIDE_FOLDER = "outside the expected folder"
NAME_NOT_PARSED = "file name cannot be parsed"
WRONG_WAVELENGTH = "wavelength differs from channel"
WRONG_WELL = "not a well"
WRONG_SITE = "not a site"

# Bray et al. 2017: the microscope's wavelength number in every file name.
BRAY_WAVELENGTHS = {"Hoechst": 1, "ERSyto": 2, "ERSytoBleed": 3, "Ph_golgi": 4, "Mito": 5}
# A GUID may follow the wavelength without a gap and begin with a digit; its length is fixed.
BRAY_NAME = re.compile(
    r".+_([a-p](?:0[1-9]|1\d|2[0-4]))_s([1-9]\d*)_w(\d)"
    r"(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})?\.tiff?",
    re.IGNORECASE,
)

LOAD_DATA = {"plate": "Metadata_Plate", "well": "Metadata_Well", "site": "Metadata_Site"}
TABLE_COLUMNS = ["plate", "well", "site", "channel", "place"]
TABLE_ENDINGS = (".csv", ".csv.gz", ".parquet")
TABLE_FAULTS = (
    pa.ArrowException,
    UnicodeDecodeError,
    csv.Error,
    gzip.BadGzipFile,
    zlib.error,
    EOFError,
)
BYTES_PER_BLOCK = 16 * 2**20


def list_plates(layout, root, channels):
    """Names of the plates, without a look at their images.

    Parameters
    ----------
    layout : str
        bray_zip: archives `<plate>-<channel>.zip` (Bray et al. 2017, GigaDB 100351);
        bray_folder: the same, unpacked, folders `<plate>-<channel>`;
        bray_gallery: the same files in one folder `<plate>` (Cell Painting Gallery cpg0012);
        load_data: CellProfiler's load_data tables, as in the Cell Painting Gallery;
        table: a table with the columns plate, well, site, channel, place and perhaps member.
    root : str or Path
        Folder of the archives or folders; one load_data table or a folder of them, at any
        depth; the table. Tables are CSV (also gzipped) or Parquet. May be a URL.
    channels : list of str
        For load_data: what follows FileName_Orig or URL_Orig.

    Returns
    -------
    list of str
        Sorted.

    Raises
    ------
    InputError
        No plates are there, a column is missing, or a channel occurs on no plate.
    """
    if layout.startswith("bray_"):
        plates, found = _bray_plates(layout, root, channels)
    elif layout == "load_data":
        plates, found = set(), set()
        for table in _load_data_tables(root):
            found |= set(_load_data_columns(table, channels))
            plates |= _distinct(table, LOAD_DATA["plate"])
    elif layout == "table":
        _check_columns(root, TABLE_COLUMNS)
        plates, found = _distinct(root, "plate"), _distinct(root, "channel")
    else:
        raise ValueError(f"unknown layout {layout!r}")
    if not plates:
        raise InputError(root, f"no plates found (layout {layout})", "check layout and path")
    absent = [channel for channel in channels if channel not in found]
    if absent:
        raise InputError(
            root,
            f"no plate has the channel {absent[0]!r}",
            "write the channels as the files do, capitals included",
        )
    return sorted(plates)


def index_plate(layout, root, plate, channels, path_prefix=None):
    """Find every image of one plate.

    Parameters
    ----------
    layout, root, channels
        As in `list_plates`.
    plate : str
    path_prefix : dict of str to str, optional
        For load_data: replaces beginnings of paths, which are those of another machine; whole
        folder names, the longest match counts. What is not replaced is relative to its table.

    Returns
    -------
    index : pandas.DataFrame
        Columns of `images.tables.PLATE_INDEX`: the views that have all channels, sorted by
        well, site and channel in the order given.
    lost : pandas.DataFrame
        Columns of `images.tables.LOST_VIEWS`: a row for each file that cannot be used, for each
        channel a view lacks, and one for a channel that the whole plate lacks.

    Raises
    ------
    InputError
        A folder or table is missing or damaged.
    UnreachableError
        A place could not be read at all.
    """
    if layout in ("bray_zip", "bray_folder"):
        planes, lost = _bray_planes(layout, root, plate, channels)
    elif layout == "bray_gallery":
        planes, lost = _gallery_planes(root, plate)
    elif layout == "load_data":
        planes, lost = _load_data_planes(root, plate, channels, path_prefix or {})
    elif layout == "table":
        planes, lost = _table_planes(root, plate, channels)
    else:
        raise ValueError(f"unknown layout {layout!r}")
    return _complete_views(planes, lost, plate, channels)


def _bray_plates(layout, root, channels):
    unknown = [channel for channel in channels if channel not in BRAY_WAVELENGTHS]
    if unknown:
        raise InputError(
            root,
            f"layout {layout} has no channel {unknown[0]!r}",
            f"its channels are {', '.join(BRAY_WAVELENGTHS)}",
        )
    files, folders = list_folder(root)
    if layout == "bray_gallery":
        # Which channels are there is known only from the files of each plate.
        return set(folders), set(channels)
    if layout == "bray_zip":
        names = [name.removesuffix(".zip") for name in files if name.endswith(".zip")]
    else:
        names = folders
    pairs = [name.rpartition("-") for name in names]
    pairs = [(plate, channel) for plate, _, channel in pairs if plate and channel in channels]
    return {plate for plate, _ in pairs}, {channel for _, channel in pairs}


def _bray_planes(layout, root, plate, channels):
    files, folders = list_folder(root)
    planes, lost = [], []
    for channel in channels:
        folder = f"{plate}-{channel}"
        names = []
        if layout == "bray_zip" and f"{folder}.zip" in files:
            place = join_place(root, f"{folder}.zip")
            try:
                names = [(name, place, name) for name in member_names(place)]
            except InputError as error:
                if isinstance(error, UnreachableError):
                    raise
                lost.append((None, None, channel, place, ARCHIVE_DAMAGED, error.problem))
        elif layout == "bray_folder" and folder in folders:
            place = join_place(root, folder)
            inside, below = list_folder(place)
            names = [(f"{folder}/{name}", join_place(place, name), None) for name in inside]
            names += [(f"{folder}/{name}/", join_place(place, name), None) for name in below]
        for name, place, member in names:
            well, site, wavelength, problem = _parse_bray_name(name, folder)
            if problem is None and wavelength != BRAY_WAVELENGTHS[channel]:
                problem = WRONG_WAVELENGTH
            if problem:
                lost.append((well, site, channel, place, problem, name))
            else:
                planes.append((well, site, channel, place, member))
    return planes, lost


def _gallery_planes(root, plate):
    place = join_place(root, plate)
    names, folders = list_folder(place)
    channel_of = {number: channel for channel, number in BRAY_WAVELENGTHS.items()}
    planes, lost = [], []
    for name in [*names, *(f"{folder}/" for folder in folders)]:
        well, site, wavelength, problem = _parse_bray_name(f"{plate}/{name}", plate)
        channel = channel_of.get(wavelength)
        if problem is None and channel is None:
            problem = WRONG_WAVELENGTH
        if problem:
            lost.append((well, site, channel, join_place(place, name), problem, name))
        else:
            planes.append((well, site, channel, join_place(place, name), None))
    return planes, lost


def _parse_bray_name(name, folder):
    """(well, site, wavelength, problem) of `<folder>/<prefix>_<well>_s<site>_w<n><guid>.tif`."""
    parts = name.split("/")
    # macOS and Windows leave their own files among the images.
    hidden = parts[0] == "__MACOSX" or parts[-1].startswith(".")
    if hidden or not parts[-1].lower().endswith((".tif", ".tiff")):
        return None, None, None, NOT_AN_IMAGE
    if parts[:-1] != [folder]:
        return None, None, None, OUTSIDE_FOLDER
    match = BRAY_NAME.fullmatch(parts[-1])
    if not match:
        return None, None, None, NAME_NOT_PARSED
    return match[1].upper(), int(match[2]), int(match[3]), None


def _load_data_tables(root):
    """All load_data tables at or below a place."""
    if not is_folder(root):
        return [str(root)]
    files, folders = list_folder(root)
    tables = [
        join_place(root, name)
        for name in files
        if "load_data" in name and name.endswith(TABLE_ENDINGS)
    ]
    for folder in folders:
        tables += _load_data_tables(join_place(root, folder))
    return tables


def _load_data_columns(table, channels):
    """For each channel that the table has: its columns of URL, folder and file name."""
    names = _check_columns(table, LOAD_DATA.values())
    columns = {}
    for channel in channels:
        url, folder, file = (f"{kind}_Orig{channel}" for kind in ("URL", "PathName", "FileName"))
        if url in names:
            columns[channel] = [url]
        elif folder in names and file in names:
            columns[channel] = [folder, file]
    return columns


def _load_data_planes(root, plate, channels, path_prefix):
    tables = _load_data_tables(root)
    # In the gallery the folder of a table has the plate's name; then the others need no look.
    own = [table for table in tables if f"/{plate}/" in table.removeprefix(str(root))]
    rows = _load_data_rows(own, plate, channels, path_prefix)
    if not rows:
        others = [table for table in tables if table not in own]
        rows = _load_data_rows(others, plate, channels, path_prefix)
    return _parsed_rows(rows)


def _load_data_rows(tables, plate, channels, path_prefix):
    rows = []
    for table in tables:
        columns = _load_data_columns(table, channels)
        wanted = [*LOAD_DATA.values(), *(name for names in columns.values() for name in names)]
        found = _rows_of_plate(table, LOAD_DATA["plate"], plate, wanted)
        for channel, names in columns.items():
            places = [
                _load_data_place(table, parts, path_prefix)
                for parts in zip(*(found[name] for name in names), strict=True)
            ]
            rows += zip(
                found[LOAD_DATA["well"]],
                found[LOAD_DATA["site"]],
                [channel] * len(found),
                places,
                [None] * len(found),
                strict=True,
            )
    return rows


def _load_data_place(table, parts, path_prefix):
    """Where an image is: `parts` is (URL,) or (folder, file name); None if not given."""
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
    return join_place(_folder_of(table), place)


def _table_planes(root, plate, channels):
    names = _check_columns(root, TABLE_COLUMNS)
    member = ["member"] if "member" in names else []
    found = _rows_of_plate(root, "plate", plate, [*TABLE_COLUMNS, *member])
    folder = _folder_of(root)
    places = [join_place(folder, place) if place else None for place in found["place"]]
    members = [name or None for name in found["member"]] if member else [None] * len(found)
    rows = zip(found["well"], found["site"], found["channel"], places, members, strict=True)
    return _parsed_rows([row for row in rows if row[2] in channels])


def _parsed_rows(rows):
    """Planes and problems of rows (well, site, channel, place, member) in a table's own words."""
    planes = {}
    lost: list[tuple] = []
    for well, site, channel, place, member in rows:
        name = well_name(well)
        number = re.fullmatch(r"0*([1-9]\d*)(?:\.0*)?", site)
        if name is None:
            lost.append((None, None, channel, place, WRONG_WELL, well))
        elif number is None:
            lost.append((name, None, channel, place, WRONG_SITE, site))
        elif place is None:
            detail = "the table names no file"
            lost.append((name, int(number[1]), channel, None, CHANNEL_MISSING, detail))
        else:
            # The same image named twice, as by load_data.csv and load_data_with_illum.csv, is one.
            planes[name, int(number[1]), channel, place, member] = None
    return list(planes), lost


def _folder_of(place):
    head, slash, _ = str(place).rpartition("/")
    return head + slash or "."


def _complete_views(planes, lost, plate, channels):
    """Keep the views that have each channel once; put the others on record.

    `planes`: (well, site, channel, place, member); `lost`: (well, site, channel, place,
    problem, detail).
    """
    views, lost = {}, list(lost)
    for well, site, channel, place, member in planes:
        views.setdefault((well, site), {}).setdefault(channel, []).append((place, member))
    seen = {channel for view in views.values() for channel in view}
    known = {row[:3] for row in lost}
    damaged = {row[2] for row in lost if row[4] == ARCHIVE_DAMAGED}
    for channel in channels:
        if channel not in seen and channel not in damaged:
            lost.append((None, None, channel, None, CHANNEL_MISSING, "on the whole plate"))
    complete = []
    # Wells AA01 come after Z01.
    for well, site in sorted(views, key=lambda key: (len(key[0]), *key)):
        view = views[well, site]
        for channel in channels:
            files = view.get(channel, [])
            if len(files) > 1:
                names = ", ".join(member or place for place, member in files)
                lost.append((well, site, channel, files[0][0], DUPLICATE, names))
            elif not files and channel in seen and (well, site, channel) not in known:
                lost.append((well, site, channel, None, CHANNEL_MISSING, None))
        if all(len(view.get(channel, [])) == 1 for channel in channels):
            complete += [(plate, well, site, channel, *view[channel][0]) for channel in channels]
    index = pd.DataFrame(complete, columns=PLATE_INDEX.names)
    lost = pd.DataFrame([(plate, *row) for row in lost], columns=LOST_VIEWS.names)
    return index.astype({"site": "int64"}), lost.astype({"site": "Int64"})


def _check_columns(place, columns):
    """Column names of a table that must have these."""
    with opened_file(place) as file, _table_errors(place):
        names = _column_names(place, file)
    absent = [name for name in columns if name not in names]
    if absent:
        raise InputError(
            place,
            f"has no column {absent[0]!r}; its columns are {', '.join(names)}",
            separator_hint(names),
        )
    return names


def _distinct(place, column):
    """The values of a column, as text."""
    values = set()
    for batch in _text_batches(place, [column]):
        values |= set(pc.unique(batch.column(0)).to_pylist())
    return values - {""}


def _rows_of_plate(place, plate_column, plate, columns):
    """The rows of one plate of a table that may hold the whole screen."""
    wanted = list(dict.fromkeys([plate_column, *columns]))
    batches = [
        batch.filter(pc.equal(batch.column(0), plate)) for batch in _text_batches(place, wanted)
    ]
    rows = pa.Table.from_batches(batches, pa.schema([(name, pa.string()) for name in wanted]))
    return rows.to_pandas()


def _text_batches(place, columns):
    """A table's columns in pieces, every cell as text, an empty one as ''."""
    with opened_file(place) as file, _table_errors(place):
        if str(place).endswith(".parquet"):
            table = pq.ParquetFile(file)
            batches = table.iter_batches(columns=columns)
        else:
            batches = pa.csv.open_csv(
                _unzipped(place, file),
                read_options=pa.csv.ReadOptions(block_size=BYTES_PER_BLOCK),
                convert_options=pa.csv.ConvertOptions(
                    include_columns=columns, column_types=dict.fromkeys(columns, pa.string())
                ),
            )
        for batch in batches:
            # Whole numbers stay whole: 1.0 of a column with gaps is written 1.
            arrays = [pc.fill_null(batch.column(name).cast(pa.string()), "") for name in columns]
            yield pa.RecordBatch.from_arrays(arrays, columns)


def _column_names(place, file):
    if str(place).endswith(".parquet"):
        return pq.read_schema(file).names
    text = io.TextIOWrapper(_unzipped(place, file), "utf-8-sig", newline="")
    return next(csv.reader(text), [])


def _unzipped(place, file):
    return gzip.GzipFile(fileobj=file) if str(place).endswith(".gz") else file


@contextmanager
def _table_errors(place):
    try:
        yield
    except TABLE_FAULTS as error:
        raise InputError(place, f"cannot be read as a table: {error}") from error
