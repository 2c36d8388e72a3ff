"""Read the roles and doses of wells from the columns of plate maps."""

import logging
import re
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from paintassay.core.errors import InputError
from paintassay.core.files import PathLike
from paintassay.core.user_tables import name_row

log = logging.getLogger(__name__)

ROLES = ("treatment", "negative_control", "positive_control", "empty")
# The role of wells that hold a treatment at a dose that plates.doses leaves out.
OTHER_DOSE = "other_dose"
CONTROLS = {"DMSO": "negative_control"}
# A control of which the column does not say the kind.
CONTROL = "control"
# Words of JUMP, LINCS and the Broad's plate maps, in small letters and with _ for blanks.
ROLE_WORDS = (
    ("positive_control", re.compile(r"pos(itive)?_?(con|control|ctrl)?(_.*)?|trt_poscon(_.*)?")),
    ("negative_control", re.compile(r"neg(ative)?_?(con|control|ctrl)?(_.*)?|ctl_.*|vehicle")),
    ("negative_control", re.compile(r"untreated|untrt|solvent")),
    ("treatment", re.compile(r"treatment|treated|trt(_.*)?")),
    ("empty", re.compile(r"empty")),
    (CONTROL, re.compile(r"control|ctl|ctrl")),
)
NOT_GIVEN = ("", "nan", "na", "n/a", "none", "null", "-666")


def _with_prefix(*names: str) -> tuple[str, ...]:
    return tuple(spelling for name in names for spelling in (name, f"Metadata_{name}"))


# Those that say most come first; pert_type comes after the names of controls.
ROLE_COLUMNS = _with_prefix("role", "control_type")
TYPE_COLUMNS = _with_prefix("pert_type")
DOSE_COLUMNS = _with_prefix(
    "dose", "mmoles_per_liter", "concentration", "concentration_um", "conc", "conc_um", "pert_dose"
)
OPTIONAL_COLUMNS = (*ROLE_COLUMNS, *TYPE_COLUMNS, *DOSE_COLUMNS)


def find_roles(
    table: pd.DataFrame,
    compounds: pd.Series,
    controls: Mapping[str, str] | None,
    path: PathLike,
    solvent_only: pd.Series | None = None,
) -> pd.Series:
    """Find the role of each well.

    The columns role and control_type decide, then the names of `controls`, then pert_type; all
    other wells hold treatments. An unknown word is an error, not a warning: whatever role it were
    given, a control among the treatments spoils the labels.

    Parameters
    ----------
    table : pandas.DataFrame
        Texts; perhaps with columns of `ROLE_COLUMNS` and `TYPE_COLUMNS`.
    compounds : pandas.Series of str
        What is in the wells, row for row.
    controls : dict of str to str or None
        Role of each control by its name, compared without regard to case and blanks; None for
        `CONTROLS`.
    path : str or Path
        The table, for messages.
    solvent_only : pandas.Series of bool, optional
        Wells that are negative controls as they hold nothing else.

    Returns
    -------
    pandas.Series of str
        Of `ROLES`.

    Raises
    ------
    InputError
        A word means no role, or a control is of unknown kind.
    """
    by_name = _fold_controls(CONTROLS if controls is None else controls)
    names = pd.Series(compounds.unique())
    named = compounds.map(dict(zip(names, names.map(_fold).map(by_name), strict=True)))
    if solvent_only is not None:
        named = named.mask(solvent_only, "negative_control")
    roles = pd.Series(None, table.index, dtype=object)
    for column in [name for name in ROLE_COLUMNS if name in table]:
        roles = roles.fillna(_translate(table[column], column, path))
    # A control of unknown kind is what its name says.
    unknown = roles == CONTROL
    roles = roles.mask(unknown).fillna(named)
    for column in [name for name in TYPE_COLUMNS if name in table]:
        types = _translate(table[column], column, path)
        unknown |= types == CONTROL
        roles = roles.fillna(types.mask(types == CONTROL))
    unresolved = roles.isna() & unknown
    if unresolved.any():
        row = int(unresolved.argmax())
        raise InputError(
            name_row(path, row),
            f"{compounds.iloc[row]!r} is a control, but of which kind?",
            "say it in plates.controls, or in a column role or control_type",
        )
    return roles.fillna("treatment").astype("str")


def find_dose_column(table: pd.DataFrame) -> str | None:
    """The first of `DOSE_COLUMNS` that a table has."""
    return next((name for name in DOSE_COLUMNS if name in table), None)


def find_doses(table: pd.DataFrame, dose_column: str | None, path: PathLike) -> pd.Series:
    """Find the dose of each well.

    Parameters
    ----------
    table : pandas.DataFrame
        Texts; with `dose_column`, or perhaps with columns of `DOSE_COLUMNS`.
    dose_column : str or None
        None for the first of `DOSE_COLUMNS` that is there.
    path : str or Path
        The table, for messages.

    Returns
    -------
    pandas.Series of float
        In the unit of the table, to six digits: plate maps differ in the fifteenth. NaN where it
        is not known.

    Raises
    ------
    InputError
        A value of `dose_column` is no number.
    """
    column = dose_column or find_dose_column(table)
    if column is None:
        return pd.Series(np.nan, table.index)
    values = table[column]
    numbers = pd.to_numeric(values, errors="coerce")
    wrong = numbers.isna() & ~values.str.lower().isin(NOT_GIVEN)
    if wrong.any():
        row = int(wrong.argmax())
        problem = f"{column} {values.iloc[row]!r} is no number"
        if dose_column:
            raise InputError(name_row(path, row), problem, "write doses as numbers of one unit")
        log.warning("%s: %s; %d doses are not known", path, problem, wrong.sum())
    numbers = numbers.where(np.isfinite(numbers) & (numbers >= 0))
    rounded = {dose: float(f"{dose:.6g}") for dose in numbers.dropna().unique()}
    return numbers.map(rounded).astype("float64")


def choose_doses(wells: pd.DataFrame, doses: str | Sequence[float]) -> pd.DataFrame:
    """Give the wells of treatments at other doses than the chosen ones a role of their own.

    Parameters
    ----------
    wells : pandas.DataFrame
        compound_id, role, dose and inchikey, as `images.tables.PLATED_WELLS`.
    doses : str or sequence of float
        "all"; "highest", the highest of each compound; or the lowest and highest, both included.

    Returns
    -------
    pandas.DataFrame
        The rows of `wells`; some treatments have become `OTHER_DOSE`.

    Raises
    ------
    InputError
        A treatment has no dose, or none is left.
    """
    if doses == "all":
        return wells
    treated = wells["role"] == "treatment"
    without = wells[treated & wells["dose"].isna()]
    if len(without):
        plate, well = without[["plate", "well"]].iloc[0]
        raise InputError(
            "key plates.doses",
            f"{len(without)} wells of treatments have no dose, such as {well} of plate {plate}",
            "name their column in plates.dose_column, or set plates.doses to all",
        )
    if doses == "highest":
        compounds = wells["inchikey"].fillna(wells["compound_id"])
        highest = wells["dose"].where(treated).groupby(compounds).transform("max")
        chosen = wells["dose"] == highest
    else:
        chosen = wells["dose"].between(float(doses[0]), float(doses[1]))
    if not (treated & chosen).any():
        lowest, highest = wells.loc[treated, "dose"].agg(["min", "max"])
        problem = f"{doses}: no treatment has such a dose; they have {lowest:g} to {highest:g}"
        raise InputError("key plates.doses", problem, "doses are in the unit of the plate maps")
    log.info("%d wells hold other doses than %s", (treated & ~chosen).sum(), doses)
    return wells.assign(role=wells["role"].mask(treated & ~chosen, OTHER_DOSE))


def _fold(name: str) -> str:
    """A name without regard to case and blanks."""
    return "".join(name.casefold().split())


def _fold_controls(controls: Mapping[str, str]) -> dict[str, str]:
    folded: dict[str, str] = {}
    for name, role in controls.items():
        if folded.setdefault(_fold(name), role) != role:
            raise InputError(
                f"key plates.controls.{name}",
                "has two roles",
                "names are compared without regard to case and blanks; keep one",
            )
    return folded


def _translate(words: pd.Series, column: str, path: PathLike) -> pd.Series:
    """The role that each word of a column means; missing where it is empty."""
    role_of: dict[str, str | None] = {}
    for word in words.unique():
        folded = re.sub(r"[\s_-]+", "_", word.strip().lower())
        role_of[word] = None
        if folded in NOT_GIVEN:
            continue
        role_of[word] = next((role for role, known in ROLE_WORDS if known.fullmatch(folded)), None)
        if role_of[word] is None:
            row = int((words == word).argmax())
            raise InputError(
                name_row(path, row),
                f"unknown {column} {word!r}",
                f"known roles are {', '.join(ROLES)}, and the words of public plate maps "
                "(trt, poscon, negcon, empty, ctl_vehicle, ...)",
            )
    return words.map(role_of).astype(object)
