"""What is in each well: plate maps, tables of wells, and their join with the compound library."""

import re
from pathlib import Path

import pandas as pd

from paintassay.core.errors import InputError, separator_hint
from paintassay.images.tables import WELLS
from paintassay.images.wells import well_name

ROLES = ("treatment", "negative_control", "positive_control", "empty")
# A Broad sample is compound-salt-batch-check digit: BRD-K18250272-003-03-7.
BROAD_SAMPLE = re.compile(r"(BRD-[A-Z]\d{8})(?:-.*)?")


def read_plate_maps(barcode_table, folder):
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
    for problem, wrong in (
        ("has two plate maps", plates[plates.duplicated()]),
        ("has no plate map", plates[barcodes["Plate_Map_Name"] == ""]),
    ):
        if len(wrong):
            raise InputError(barcode_table, f"plate {wrong.iloc[0]!r} {problem}")
    maps = {
        name: _read_plate_map(Path(folder), name, barcode_table)
        for name in barcodes["Plate_Map_Name"].unique()
    }
    wells = pd.concat(
        [
            maps[row.Plate_Map_Name].assign(plate=row.Assay_Plate_Barcode)
            for row in barcodes.itertuples()
        ]
    )
    return _sorted_wells(wells)


def _read_plate_map(folder, name, barcode_table):
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
    return _checked_wells(wells, paths[0], ["well"])


def read_wells(path, controls=None):
    """Read a table of wells.

    Parameters
    ----------
    path : str or Path
        CSV (also gzipped) or Parquet with the columns plate, well, compound_id and, if roles are
        known, role.
    controls : dict of str to str, optional
        Role of each control by its compound_id, where the table gives none; DMSO is a
        negative control unless said otherwise. All other compounds are treatments.

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
    given = wells.get("role", derived)
    wells["role"] = given.where(given != "", derived)
    wrong = wells.index[~wells["role"].isin(ROLES)]
    if len(wrong):
        raise InputError(
            f"{path}, line {wrong[0] + 2}",
            f"unknown role {wells['role'][wrong[0]]!r}",
            f"known roles are {', '.join(ROLES)}",
        )
    if (wells["plate"] == "").any():
        raise InputError(f"{path}, line {(wells['plate'] == '').idxmax() + 2}", "plate missing")
    return _sorted_wells(_checked_wells(wells, path, ["plate", "well"]))


def _checked_wells(wells, path, keys):
    """Normalise well names, mark empty wells, and let each well hold one compound."""
    names = wells["well"].map(well_name)
    if names.isna().any():
        line = names.isna().idxmax()
        raise InputError(f"{path}, line {line + 2}", f"{wells['well'][line]!r} is not a well")
    wells = wells.assign(well=names)
    empty = wells["compound_id"] == ""
    wells.loc[empty, ["compound_id", "role"]] = [None, "empty"]
    # The same line twice, or with another concentration in the 15th digit, is harmless.
    wells = wells.drop_duplicates([*keys, "compound_id", "role"])
    twice = wells.index[wells.duplicated(keys)]
    if len(twice):
        raise InputError(
            f"{path}, line {twice[0] + 2}",
            f"well {wells['well'][twice[0]]} has a second compound or role",
            "keep one line for each well",
        )
    return wells


def _sorted_wells(wells):
    return wells[WELLS.names].sort_values(["plate", "well"], ignore_index=True)


def _read_text(path, columns, separator=","):
    """Read a table, every cell as stripped text, that has at least these columns."""
    try:
        if str(path).endswith(".parquet"):
            table = pd.read_parquet(path).astype("str")
        else:
            table = pd.read_csv(
                path, sep=separator, dtype="str", keep_default_na=False, encoding="utf-8-sig"
            )
    except (ValueError, OSError) as error:
        # pandas' own message names the line.
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


def join_compounds(wells, library):
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
        As given, and inchikey; missing where the well is empty, a negative control, or its
        compound has no key.
    unmatched : pandas.DataFrame
        Columns compound_id, problem, wells (how many), plates (how many); most wells first.
    """
    library = library.dropna(subset="compound_id")
    known = library.dropna(subset="inchikey")
    key_of_id = known.drop_duplicates("compound_id").set_index("compound_id")["inchikey"]
    cores = _cores(known["compound_id"])
    keys_of_core = known.groupby(cores)["inchikey"].agg(["first", "nunique"])
    key_of_core = keys_of_core["first"][keys_of_core["nunique"] == 1]

    with_compound = wells["role"].isin(["treatment", "positive_control"])
    ids = wells["compound_id"].where(with_compound)
    unique = pd.Series(ids.dropna().unique(), dtype="str")
    unique_cores = _cores(unique)
    keys = unique.map(key_of_id)
    for fallback in (key_of_id, key_of_core):
        keys = keys.fillna(unique_cores.map(fallback))
    key_of = pd.Series(keys.array, index=unique.array, dtype="str")
    joined = wells.assign(inchikey=ids.map(key_of).astype("str"))

    missed = wells[with_compound & joined["inchikey"].isna()]
    unmatched = (
        missed.groupby("compound_id")
        .agg(wells=("well", "size"), plates=("plate", "nunique"))
        .reset_index()
    )
    cores = _cores(unmatched["compound_id"])
    listed = unmatched["compound_id"].isin(library["compound_id"]) | cores.isin(
        _cores(library["compound_id"]).dropna()
    )
    several = cores.isin(keys_of_core.index[keys_of_core["nunique"] > 1])
    unmatched["problem"] = "not in the library"
    unmatched.loc[listed, "problem"] = "no InChIKey in the library"
    unmatched.loc[several, "problem"] = "several InChIKeys in the library"
    unmatched = unmatched.sort_values(
        ["wells", "compound_id"], ascending=[False, True], ignore_index=True
    )
    return joined, unmatched[["compound_id", "problem", "wells", "plates"]]


def _cores(ids):
    """Compound of each Broad sample; missing for any other identifier."""
    return ids.astype("str").str.extract(f"^{BROAD_SAMPLE.pattern}$", expand=False)
