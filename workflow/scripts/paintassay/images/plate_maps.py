"""Read what is in each well, and join it with the compound library."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from paintassay.core.errors import InputError
from paintassay.core.files import PathLike
from paintassay.core.keys import WELL
from paintassay.core.user_tables import name_row, read_texts
from paintassay.images.roles import OPTIONAL_COLUMNS, find_dose_column, find_doses, find_roles
from paintassay.images.tables import WELLS
from paintassay.images.wells import well_name

# A Broad sample is compound-salt-batch-check digit: BRD-K18250272-003-03-7.
BROAD_SAMPLE = re.compile(r"(BRD-[A-Z]\d{8})(?:-.*)?")


def read_plate_maps(
    barcode_table: PathLike,
    folder: PathLike,
    controls: Mapping[str, str] | None = None,
    dose_column: str | None = None,
) -> pd.DataFrame:
    """Read plate maps in the Broad Institute's layout.

    Parameters
    ----------
    barcode_table : str or Path
        `barcode_platemap.csv`: columns Assay_Plate_Barcode and Plate_Map_Name.
    folder : str or Path
        Plate maps, named as in the table, with or without .txt: columns
        well_position, broad_sample and, where there are, solvent and columns of roles and doses.
    controls, dose_column
        As for `read_wells`.

    Returns
    -------
    pandas.DataFrame
        Columns of `images.tables.WELLS`, sorted. A well of nothing but solvent is a negative
        control, and the solvent is its compound, unless a column of roles says otherwise.

    Raises
    ------
    InputError
        A table or map is missing or lacks a column, a plate has two maps, a well two samples or
        doses, or a word means no role.
    """
    barcodes = read_texts(barcode_table, ["Assay_Plate_Barcode", "Plate_Map_Name"])
    barcodes = barcodes.drop_duplicates()
    plates = barcodes["Assay_Plate_Barcode"]
    for problem, bad_plates in (
        ("has two plate maps", plates[plates.duplicated()]),
        ("has no plate map", plates[barcodes["Plate_Map_Name"] == ""]),
    ):
        if len(bad_plates):
            raise InputError(barcode_table, f"plate {bad_plates.iloc[0]!r} {problem}")
    maps = {
        name: _read_plate_map(Path(folder), name, barcode_table, controls, dose_column)
        for name in barcodes["Plate_Map_Name"].unique()
    }
    dose_columns = {wells.attrs["dose_column"] for wells in maps.values()} - {None}
    if len(dose_columns) > 1:
        raise InputError(
            barcode_table,
            f"its plate maps have doses in different columns: {', '.join(sorted(dose_columns))}",
            "they can be of different units; name the one that all have in plates.dose_column",
        )
    wells = pd.concat(
        [
            maps[name].assign(plate=plate)
            for plate, name in zip(plates, barcodes["Plate_Map_Name"], strict=True)
        ]
    )
    return _sort_wells(wells)


def read_wells(
    path: PathLike, controls: Mapping[str, str] | None = None, dose_column: str | None = None
) -> pd.DataFrame:
    """Read a table of wells.

    Parameters
    ----------
    path : str or Path
        A table as `core.user_tables` reads it, with the columns plate, well, compound_id and, if
        they are known, of roles and doses, as `images.roles` names them.
    controls : dict of str to str, optional
        Role of each control by its compound_id, where the table gives none; by default DMSO is a
        negative control. All other compounds are treatments.
    dose_column : str, optional
        Column of the doses, if it has another name than those in `images.roles`.

    Returns
    -------
    pandas.DataFrame
        Columns of `images.tables.WELLS`, sorted.

    Raises
    ------
    InputError
        The table cannot be read, lacks a column, names an unknown role, or gives a well two
        compounds or doses.
    """
    required = ["plate", "well", "compound_id", *filter(None, [dose_column])]
    wells = read_texts(path, required, OPTIONAL_COLUMNS)
    wells["role"] = find_roles(wells, wells["compound_id"], controls, path)
    wells["dose"] = find_doses(wells, dose_column, path)
    if (wells["plate"] == "").any():
        raise InputError(name_row(path, int((wells["plate"] == "").argmax())), "plate missing")
    return _sort_wells(_check_wells(wells, path, WELL))


def join_compounds(wells: pd.DataFrame, library: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give each well the InChIKey of its compound.

    Identifiers are compared whole first. Where that fails, Broad samples are compared by their
    compound (BRD-K18250272 of BRD-K18250272-003-03-7), on either side.

    Parameters
    ----------
    wells : pandas.DataFrame
        Columns of `images.tables.WELLS`.
    library : pandas.DataFrame
        At least compound_id and inchikey of `compounds.tables.LIBRARY`.

    Returns
    -------
    wells : pandas.DataFrame
        The rows of `wells`, and inchikey; missing where the well is empty, a negative control, or
        its compound has no key.
    unmatched : pandas.DataFrame
        Columns compound_id, problem, wells (how many), plates (how many); most wells first.
    """
    library = library.dropna(subset="compound_id")
    known = library.dropna(subset="inchikey")
    key_of_id = known.drop_duplicates("compound_id").set_index("compound_id")["inchikey"]
    cores = _extract_cores(known["compound_id"])
    keys_of_core = known.groupby(cores)["inchikey"].agg(["first", "nunique"])
    key_of_core = keys_of_core["first"][keys_of_core["nunique"] == 1]

    with_compound = wells["role"].isin(["treatment", "positive_control"])
    ids = wells["compound_id"].where(with_compound)
    unique = pd.Series(ids.dropna().unique(), dtype="str")
    unique_cores = _extract_cores(unique)
    keys = unique.map(key_of_id)
    for fallback in (key_of_id, key_of_core):
        keys = keys.fillna(unique_cores.map(fallback))
    key_of = pd.Series(keys.array, index=unique.array, dtype="str")
    joined = wells.assign(inchikey=ids.map(key_of).astype("str"))

    without_key = wells[with_compound & joined["inchikey"].isna()]
    unmatched = (
        without_key.groupby("compound_id")
        .agg(wells=("well", "size"), plates=("plate", "nunique"))
        .reset_index()
    )
    cores = _extract_cores(unmatched["compound_id"])
    listed = unmatched["compound_id"].isin(library["compound_id"]) | cores.isin(
        _extract_cores(library["compound_id"]).dropna()
    )
    several = cores.isin(keys_of_core.index[keys_of_core["nunique"] > 1])
    unmatched["problem"] = "not in the library"
    unmatched.loc[listed, "problem"] = "no InChIKey in the library"
    unmatched.loc[several, "problem"] = "several InChIKeys in the library"
    unmatched = unmatched.sort_values(
        ["wells", "compound_id"], ascending=[False, True], ignore_index=True
    )
    return joined, unmatched[["compound_id", "problem", "wells", "plates"]]


def _read_plate_map(
    folder: Path,
    name: str,
    barcode_table: PathLike,
    controls: Mapping[str, str] | None,
    dose_column: str | None,
) -> pd.DataFrame:
    paths = [path for path in (folder / name, folder / f"{name}.txt") if path.is_file()]
    if not paths:
        raise InputError(barcode_table, f"names plate map {name!r}, which is not in {folder}")
    required = ["well_position", "broad_sample", *filter(None, [dose_column])]
    table = read_texts(paths[0], required, ["solvent", *OPTIONAL_COLUMNS])
    sample = table["broad_sample"]
    solvent = table["solvent"] if "solvent" in table else pd.Series("", index=table.index)
    wells = pd.DataFrame({"well": table["well_position"]})
    wells["compound_id"] = sample.where(sample != "", solvent)
    solvent_only = (sample == "") & (solvent != "")
    wells["role"] = find_roles(table, wells["compound_id"], controls, paths[0], solvent_only)
    wells["dose"] = find_doses(table, dose_column, paths[0])
    wells = _check_wells(wells, paths[0], ["well"])
    wells.attrs["dose_column"] = dose_column or find_dose_column(table)
    return wells


def _check_wells(wells: pd.DataFrame, path: PathLike, keys: Sequence[str]) -> pd.DataFrame:
    """Normalise well names, mark empty wells, and let each well hold one compound."""
    names = wells["well"].map(well_name)
    if names.isna().any():
        row = int(names.isna().argmax())
        raise InputError(name_row(path, row), f"{wells['well'].iloc[row]!r} is not a well")
    wells = wells.assign(well=names)
    without_compound = wells["compound_id"] == ""
    wells.loc[without_compound & (wells["role"] == "treatment"), "role"] = "empty"
    wells.loc[without_compound, "compound_id"] = None
    # The same line twice is harmless.
    wells = wells.drop_duplicates([*keys, "compound_id", "role", "dose"])
    repeated = wells.index[wells.duplicated(keys)]
    if len(repeated):
        raise InputError(
            name_row(path, repeated[0]),
            f"well {wells['well'][repeated[0]]} has a second compound, role or dose",
            "keep one line for each well",
        )
    return wells


def _sort_wells(wells: pd.DataFrame) -> pd.DataFrame:
    return wells[WELLS.names].sort_values(WELL, ignore_index=True)


def _extract_cores(ids: pd.Series) -> pd.Series:
    """Extract the compound of each Broad sample; missing for any other identifier."""
    return ids.astype("str").str.extract(f"^{BROAD_SAMPLE.pattern}$", expand=False)
