"""Well profiles: morphological features that another program has measured, ready for a model."""

import io
import logging
import os
import re
import tarfile
import zlib
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from paintassay.core.errors import InputError
from paintassay.core.files import PathLike
from paintassay.core.keys import WELL
from paintassay.core.sizes import WorkSize
from paintassay.core.user_tables import opened_table
from paintassay.dataset.tables import PROFILE_PROBLEMS
from paintassay.images.wells import well_name

log = logging.getLogger(__name__)

# CellProfiler's compartments lead the names of features; pycytominer's prefix those of the rest.
COMPARTMENTS = ("Cells_", "Cytoplasm_", "Nuclei_")
METADATA = "Metadata_"
NUMBERS = ("TableNumber", "ImageNumber", "ObjectNumber")
# Words in the names of numbers that say what was done to a well or how much was counted there.
NO_FEATURE = re.compile(
    r"(^|_)(pert|dose|doses|conc|concentration|mmoles|umoles|micromoles|moles|molar|um|nm|count"
    r"|counts|plate|platemap|well|wells|barcode|batch|replicate|passage|timepoint|metadata"
    r"|image)(_|$)"
    r"|^(row|col|column|site|field|index|id|time|hours?|days?|unnamed.*|level_\d+)$"
)
WELLS_PER_BLOCK: WorkSize = 4096
# What GigaDB calls the profiles of a plate.
PROFILE_MEMBER = "mean_well_profiles.csv"
# A row of `PROFILE_PROBLEMS`: feature, problem, wells, outcome.
Problem = tuple[str | None, str, int, str]


def split_columns(
    schema: pa.Schema, metadata_columns: Collection[str] = ()
) -> tuple[list[str], list[str]]:
    """Tell the columns of a profile apart.

    Columns in `metadata_columns`, those that begin with Metadata_, and CellProfiler's numbers of
    images and objects are metadata. Of the others, those that begin with Cells_, Cytoplasm_ or
    Nuclei_ are features; where none does, all numeric ones are whose names do not speak of doses,
    counts, places or times (`NO_FEATURE`).

    Parameters
    ----------
    schema : pyarrow.Schema
    metadata_columns : collection of str

    Returns
    -------
    metadata, features : list of str
        In the order of the table.
    """
    rest = [
        field
        for field in schema
        if not (field.name.startswith(METADATA) or field.name in {*metadata_columns, *NUMBERS})
    ]
    features = [field.name for field in rest if field.name.startswith(COMPARTMENTS)]
    if not features:
        features = [
            field.name
            for field in rest
            if _is_number(field.type) and not NO_FEATURE.search(_words(field.name))
        ]
    chosen = set(features)
    return [name for name in schema.names if name not in chosen], features


def _words(name: str) -> str:
    """The words of a name in small letters, with _ between them: CountCells is count_cells."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"[^a-z0-9]+", "_", apart.lower())


def _explain_left_out(
    schema: pa.Schema, metadata_columns: Collection[str], features: Collection[str]
) -> dict[str, str]:
    """Say of each column that is neither a feature nor metadata why it is none."""
    known, chosen = {*metadata_columns, *NUMBERS}, set(features)
    if any(name.startswith(COMPARTMENTS) for name in features):
        why = dict.fromkeys(schema.names, "of no compartment")
    else:
        why = {
            name: "named like metadata" if NO_FEATURE.search(_words(name)) else "no numbers"
            for name in schema.names
        }
    return {
        name: reason
        for name, reason in why.items()
        if not (name in known or name in chosen or name.startswith(METADATA))
    }


def read_profiles(
    paths: PathLike | Sequence[PathLike],
    plate_column: str = "Metadata_Plate",
    well_column: str = "Metadata_Well",
    metadata_columns: Collection[str] = (),
    max_missing: float = 0.05,
) -> tuple[pd.DataFrame, np.ndarray, list[str], pd.DataFrame]:
    """Read well profiles, one row a well, and mend or drop what a model cannot take.

    Values that are not finite as float32 count as missing. A feature is dropped if more than
    `max_missing` of the wells lack it, or if it is constant over all wells; other gaps are filled
    with the median over the plate, or over all wells if the whole plate lacks the feature. A well
    without a single value is dropped.

    Parameters
    ----------
    paths : str, Path or sequence of them
        Tables as `core.user_tables` reads them, such as one mean_well_profiles.csv of GigaDB a
        plate; or GigaDB's profiles.tar.gz, of which each mean_well_profiles.csv is read in place.
        Features that are not in each file are dropped.
    plate_column, well_column : str
    metadata_columns : collection of str
        Further columns that are not features, where their names do not say so.
    max_missing : float
        Share of wells, from 0 to 1.

    Returns
    -------
    metadata : pandas.DataFrame
        plate, well, and the metadata columns as texts; in the order of the files.
    features : ndarray of float32, shape (wells, features)
        In the units of the files; finite.
    names : list of str
        Names of the features, in the order of the first file.
    problems : pandas.DataFrame
        Columns of `PROFILE_PROBLEMS`, sorted by feature, those of wells first.

    Raises
    ------
    InputError
        A file cannot be read, lacks the plate or well, has a well twice or one that is none, or
        no feature remains.
    """
    files = [Path(path) for path in ([paths] if isinstance(paths, str | os.PathLike) else paths)]
    tables = []
    left_out: Counter[tuple[str, str]] = Counter()
    for where, source in _open_profiles(files):
        *table, reasons = _read_profile(where, source, plate_column, well_column, metadata_columns)
        tables.append(table)
        for reason in reasons.items():
            left_out[reason] += len(table[0])
        log.info("read %d wells of %s", len(tables[-1][0]), where)
    metadata = pd.concat([table[0] for table in tables], ignore_index=True)
    again = metadata.duplicated(WELL)
    if again.any():
        plate, well = metadata.loc[again, WELL].iloc[0]
        where = ", ".join(str(path) for path in files[:3]) + (", ..." if len(files) > 3 else "")
        raise InputError(where, f"well {well} of plate {plate} has several profiles")
    tables_with = pd.Series([name for table in tables for name in table[1].columns]).value_counts()
    names = [name for name in tables[0][1].columns if tables_with[name] == len(tables)]
    problems: list[Problem] = [
        (name, reason, wells, "dropped") for (name, reason), wells in left_out.items()
    ]
    for name in tables_with.index.difference(names):
        lacking = sum(len(table[0]) for table in tables if name not in table[1])
        problems.append((name, "not in every file", lacking, "dropped"))
    features = np.concatenate([table[1][names].to_numpy() for table in tables])
    del tables
    metadata, features = _drop_empty_wells(metadata, features, problems)
    features, names = _mend_features(features, names, metadata["plate"], max_missing, problems)
    if not names:
        raise InputError(files[0], "no feature with different values in the wells remains")
    table = pd.DataFrame(problems, columns=PROFILE_PROBLEMS.names)
    table = table.sort_values(["feature", "problem"], na_position="first", ignore_index=True)
    return metadata, features, names, table


def standardise_wells(features: np.ndarray) -> np.ndarray:
    """Standardise each well across its own features, as the published code does.

    Parameters
    ----------
    features : ndarray of float32, shape (wells, features)

    Returns
    -------
    ndarray of float32, shape (wells, features)
        (x - mean) / std of each row, std with n in the denominator; 0 where all are equal.
    """
    standardised = np.empty_like(features, dtype=np.float32)
    for start in range(0, len(features), WELLS_PER_BLOCK):
        # Features differ by orders of magnitude, which float32 sums would not survive.
        block = features[start : start + WELLS_PER_BLOCK].astype(np.float64)
        block -= block.mean(axis=1, keepdims=True)
        spread = block.std(axis=1, keepdims=True)
        standardised[start : start + WELLS_PER_BLOCK] = block / np.where(spread > 0, spread, 1)
    return standardised


def standardise_features(features: np.ndarray) -> np.ndarray:
    """Standardise each feature across all wells, so that units do not matter.

    Parameters
    ----------
    features : ndarray of float32, shape (wells, features)

    Returns
    -------
    ndarray of float32, shape (wells, features)
        (x - mean) / std of each column, std with n in the denominator; about 0 where all are equal.
    """
    mean = features.mean(axis=0, dtype=np.float64)
    spread = features.std(axis=0, dtype=np.float64)
    # Rounding can leave a spread where there is none.
    spread[(features == features[:1]).all(axis=0)] = 1
    standardised = np.empty_like(features, dtype=np.float32)
    for start in range(0, len(features), WELLS_PER_BLOCK):
        block = slice(start, start + WELLS_PER_BLOCK)
        standardised[block] = (features[block] - mean) / spread
    return standardised


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind)


def _open_profiles(paths: Sequence[Path]) -> Iterator[tuple[PathLike, Path | BinaryIO]]:
    """Each table of the paths: what to call it in messages, and what can be read."""
    for path in paths:
        if not path.name.endswith(".tar.gz"):
            yield path, path
            continue
        tables = 0
        try:
            with tarfile.open(path, "r|gz") as members:
                for member in members:
                    is_profile = member.name.endswith(f"/{PROFILE_MEMBER}")
                    file = members.extractfile(member) if is_profile else None
                    # A folder has no content.
                    if file is not None:
                        tables += 1
                        yield f"{path}, member {member.name}", io.BytesIO(file.read())
        except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
            raise InputError(path, f"cannot be read: {error}", "fetch the archive again") from error
        if not tables:
            raise InputError(path, f"holds no {PROFILE_MEMBER}")


def _read_profile(
    path: PathLike,
    source: Path | BinaryIO,
    plate_column: str,
    well_column: str,
    metadata_columns: Collection[str],
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, str]]:
    """Metadata of the wells, their features as float32, and why other columns are none."""
    metadata_columns = {plate_column, well_column, *metadata_columns}
    hint = "name the columns that hold the plate and the well"
    with opened_table(source, [plate_column, well_column], hint, path) as opened:
        # Identifiers such as 007 are no numbers.
        schema = pa.schema([(name, pa.float32()) for name in opened.names])
        table = opened.read(split_columns(schema, metadata_columns)[0])
    texts, names = split_columns(table.schema, metadata_columns)
    metadata = pd.DataFrame({name: _as_texts(table[name]) for name in texts})
    plates, wells = metadata[plate_column], metadata[well_column]
    names_of_wells = {well: well_name(well) for well in wells.dropna().unique()}
    for number, (plate, well) in enumerate(zip(plates, wells, strict=True), 1):
        if not plate or pd.isna(plate) or not names_of_wells.get(well):
            raise InputError(path, f"row {number} names no well: plate {plate!r}, well {well!r}")
    metadata.insert(0, "plate", plates)
    metadata.insert(1, "well", wells.map(names_of_wells).astype("str"))
    features = pd.DataFrame({name: _as_float32(table[name]) for name in names})
    return metadata, features, _explain_left_out(table.schema, metadata_columns, names)


def _as_texts(column: pa.ChunkedArray) -> pd.Series:
    return column.cast(pa.string()).to_pandas().astype("str").str.strip()


def _as_float32(column: pa.ChunkedArray) -> np.ndarray:
    """Values as float32; texts, gaps and what float32 cannot hold become NaN."""
    if _is_number(column.type):
        values = column.cast(pa.float64(), safe=False).to_numpy()
    else:
        values = pd.to_numeric(pc.cast(column, pa.string()).to_pandas(), errors="coerce")
    with np.errstate(over="ignore"):
        values = np.asarray(values, np.float64).astype(np.float32)
    return np.where(np.isfinite(values), values, np.float32(np.nan))


def _drop_empty_wells(
    metadata: pd.DataFrame, features: np.ndarray, problems: list[Problem]
) -> tuple[pd.DataFrame, np.ndarray]:
    empty = np.isnan(features).all(axis=1)
    if empty.any():
        problems.append((None, "well without any value", int(empty.sum()), "dropped"))
        metadata, features = metadata[~empty].reset_index(drop=True), features[~empty]
    return metadata, features


def _mend_features(
    features: np.ndarray,
    names: list[str],
    plates: pd.Series,
    max_missing: float,
    problems: list[Problem],
) -> tuple[np.ndarray, list[str]]:
    """Drop features that are missing too often or constant, and fill the other gaps."""
    missing = np.isnan(features).sum(axis=0)
    too_many = missing > max_missing * len(features)
    with np.errstate(invalid="ignore"):
        lowest = np.fmin.reduce(features, axis=0, initial=np.inf)
        highest = np.fmax.reduce(features, axis=0, initial=-np.inf)
    constant = ~too_many & (lowest >= highest)
    gaps = (missing > 0) & ~too_many & ~constant
    for kind, problem, outcome, wells in (
        (too_many, "not finite in too many wells", "dropped", missing),
        (constant, "constant", "dropped", np.full(len(names), len(features))),
        (gaps, "not finite", "filled", missing),
    ):
        for column in np.flatnonzero(kind):
            problems.append((names[column], problem, int(wells[column]), outcome))
    wells_of_plate = plates.groupby(plates).indices.values()
    for column in np.flatnonzero(gaps):
        values = features[:, column]
        overall = np.nanmedian(values)
        for wells in wells_of_plate:
            lacking = np.isnan(values[wells])
            if lacking.any():
                fill = overall if lacking.all() else np.nanmedian(values[wells])
                values[wells[lacking]] = fill
    kept = ~(too_many | constant)
    return features[:, kept], [name for name, keep in zip(names, kept, strict=True) if keep]
