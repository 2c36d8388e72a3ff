"""Read what is in each well, and join it with the compound library."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from paintassay.core.errors import InputError, separator_hint
from paintassay.core.files import PathLike
from paintassay.core.keys import WELL
from paintassay.images.tables import WELLS
from paintassay.images.wells import well_name

ROLES = ("treatment", "negative_control", "positive_control", "empty")
# A Broad sample is compound-salt-batch-check digit: BRD-K18250272-003-03-7.
BROAD_SAMPLE = re.compile(r"(BRD-[A-Z]\d{8})(?:-.*)?")


def read_plate_maps(barcode_table: PathLike, folder: PathLike) -> pd.DataFrame:
    """Read plate maps in the Broad Institute's layout.

    Parameters
    ----------
    barcode_table : str or Path
        `barcode_platemap.csv`: columns Assay_Plate_Barcode and Plate_Map_Name.
    folder : str or Path
        Plate maps, tab separated, named as in the table, with or without .txt: columns
        well_position, broad_sample and, where there is one, solvent.

    Returns
    -------
    pandas.DataFrame
        Columns of `images.tables.WELLS`, sorted. A well of nothing but solvent is a negative
        control, and the solvent is its compound.

    Raises
    ------
    InputError
        A table or map is missing or lacks a column, a plate has two maps, or a well two
        samples.
    """
    barcodes = _read_text(barcode_table, ["Assay_Plate_Barcode", "Plate_Map_Name"])
    barcodes = barcodes.drop_duplicates()
    plates = barcodes["Assay_Plate_Barcode"]
    for problem, bad_plates in (
        ("has two plate maps", plates[plates.duplicated()]),
        ("has no plate map", plates[barcodes["Plate_Map_Name"] == ""]),
    ):
        if len(bad_plates):
            raise InputError(barcode_table, f"plate {bad_plates.iloc[0]!r} {problem}")
    maps = {
        name: _read_plate_map(Path(folder), name, barcode_table)
        for name in barcodes["Plate_Map_Name"].unique()
    }
    wells = pd.concat(
        [
            maps[name].assign(plate=plate)
            for plate, name in zip(plates, barcodes["Plate_Map_Name"], strict=True)
        ]
    )
    return _sort_wells(wells)


def read_wells(path: PathLike, controls: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Read a table of wells.

    Parameters
    ----------
    path : str or Path
        CSV (also gzipped) or Parquet with the columns plate, well, compound_id and, if roles are
        known, role.
    controls : dict of str to str, optional
        Role of each control by its compound_id, where the table gives none; by default DMSO is a
        negative control. All other compounds are treatments.

    Returns
    -------
    pandas.DataFrame
        Columns of `images.tables.WELLS`, sorted.

    Raises
    ------
    InputError
        The table cannot be read, lacks a column, names an unknown role, or gives a well two
        compounds.
    """
    wells = _read_text(path, ["plate", "well", "compound_id"])
    controls = {"DMSO": "negative_control"} if controls is None else controls
    derived = wells["compound_id"].map(controls).fillna("treatment")
    roles = wells.get("role", derived)
    wells["role"] = roles.where(roles != "", derived)
    unknown = wells.index[~wells["role"].isin(ROLES)]
    if len(unknown):
        raise InputError(
            f"{path}, line {unknown[0] + 2}",
            f"unknown role {wells['role'][unknown[0]]!r}",
            f"known roles are {', '.join(ROLES)}",
        )
    if (wells["plate"] == "").any():
        raise InputError(f"{path}, line {(wells['plate'] == '').argmax() + 2}", "plate missing")
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


def _read_plate_map(folder: Path, name: str, barcode_table: PathLike) -> pd.DataFrame:
    paths = [path for path in (folder / name, folder / f"{name}.txt") if path.is_file()]
    if not paths:
        raise InputError(barcode_table, f"names plate map {name!r}, which is not in {folder}")
    table = _read_text(paths[0], ["well_position", "broad_sample"], separator="\t")
    sample = table["broad_sample"]
    solvent = table["solvent"] if "solvent" in table else pd.Series("", index=table.index)
    wells = pd.DataFrame({"well": table["well_position"]})
    wells["compound_id"] = sample.where(sample != "", solvent)
    wells["role"] = "treatment"
    wells.loc[(sample == "") | (sample == "DMSO"), "role"] = "negative_control"
    return _check_wells(wells, paths[0], ["well"])


def _check_wells(wells: pd.DataFrame, path: PathLike, keys: Sequence[str]) -> pd.DataFrame:
    """Normalise well names, mark empty wells, and let each well hold one compound."""
    names = wells["well"].map(well_name)
    if names.isna().any():
        row = names.isna().argmax()
        raise InputError(f"{path}, line {row + 2}", f"{wells['well'].iloc[row]!r} is not a well")
    wells = wells.assign(well=names)
    empty = wells["compound_id"] == ""
    wells.loc[empty, ["compound_id", "role"]] = [None, "empty"]
    # The same line twice, or with another concentration in the 15th digit, is harmless.
    wells = wells.drop_duplicates([*keys, "compound_id", "role"])
    repeated = wells.index[wells.duplicated(keys)]
    if len(repeated):
        raise InputError(
            f"{path}, line {repeated[0] + 2}",
            f"well {wells['well'][repeated[0]]} has a second compound or role",
            "keep one line for each well",
        )
    return wells


def _sort_wells(wells: pd.DataFrame) -> pd.DataFrame:
    return wells[WELLS.names].sort_values(WELL, ignore_index=True)


def _read_text(path: PathLike, columns: Sequence[str], separator: str = ",") -> pd.DataFrame:
    """Read a table, every cell as stripped text, that has at least these columns."""
    try:
        if str(path).endswith(".parquet"):
            table = pd.read_parquet(path, page_checksum_verification=True).astype("str")
        else:
            table = pd.read_csv(
                path, sep=separator, dtype="str", keep_default_na=False, encoding="utf-8-sig"
            )
    except (ValueError, OSError) as error:
        # The message of pandas names the line.
        raise InputError(path, f"cannot be read: {error}") from error
    absent = [name for name in columns if name not in table]
    if absent:
        raise InputError(
            path,
            f"has no column {absent[0]!r}; its columns are {', '.join(table.columns)}",
            separator_hint(list(table.columns)),
        )
    # A line with fewer cells than the header leaves the rest missing.
    return table.fillna("").apply(lambda column: column.str.strip())


def _extract_cores(ids: pd.Series) -> pd.Series:
    """Extract the compound of each Broad sample; missing for any other identifier."""
    return ids.astype("str").str.extract(f"^{BROAD_SAMPLE.pattern}$", expand=False)
