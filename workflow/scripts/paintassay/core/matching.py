"""Count what joins and filters match: nothing is an error, few is a warning.

A script that joins or filters writes its counts into a file `.counts.json`, from which the page of
the report takes them.
"""

import difflib
import logging
import re
import sys
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple, TypeAlias

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from paintassay.core.errors import InputError
from paintassay.core.files import PathLike, read_json, write_json

log = logging.getLogger(__name__)

# One column of names, or a name in several columns, such as plate and well.
Names: TypeAlias = pd.DataFrame | pa.ChunkedArray | Iterable[object]

# Below which share a warning is given. Who loses more than half has most likely given something
# else than he meant. Joins that should be complete have the limit 1, those partial by nature 0.
HALF, ALL, ANY = 0.5, 1.0, 0.0
# The cure where both sides are results of this workflow.
STALE = "the files come from different runs; delete the older one, and run again"
# The nearest of so many names is looked for letter by letter; of more, by their beginnings.
MOST_COMPARED = 2000


class Side(NamedTuple):
    """One side of a join: what its names are, in words and in the plural, and the names."""

    what: str
    names: Names


@dataclass(frozen=True)
class Match:
    """What a join or a filter has matched.

    Attributes
    ----------
    what : str
        What was counted, such as "plates of the images among the plates of the wells".
    matched, total : int
        How many of how many.
    example : str or None
        A name that matches nothing.
    nearest : str or None
        The name of the other side that is most like it.
    warning : str or None
        The warning, if few match.
    """

    what: str
    matched: int
    total: int
    example: str | None = None
    nearest: str | None = None
    warning: str | None = None


def check_match(
    where: PathLike,
    left: Side,
    right: Side,
    cure: str,
    *,
    warn_below: float = HALF,
    required: bool = True,
) -> Match:
    """Count how many names of one side of a join are on the other side, too.

    Parameters
    ----------
    where : str or Path
        The file that an error names.
    left, right : Side
        Names of the left side are counted, each once. Both may have several columns, which are
        then compared together.
    cure : str
        What to do if they do not match. What the two names of the message show, such as lost
        leading zeros, is said before it.
    warn_below : float
        Share below which a warning is given: `HALF`, `ALL` or `ANY`.
    required : bool
        Whether it is an error if nothing matches; otherwise that is a warning.

    Returns
    -------
    Match

    Raises
    ------
    InputError
        Nothing matches.
    """
    names, others = _unique(left.names), _unique(right.names)
    found = names.isin(others)
    example = nearest = None
    if not found.all():
        example = _text(names[~found][0])
        nearest, cure = _compare(example, others, cure)
    what = f"{left.what} among the {right.what}"
    match = Match(what, int(found.sum()), len(names), example, nearest)
    return _judge(match, where, cure, warn_below, required)


def check_kept(
    where: PathLike,
    what: str,
    kept: int,
    total: int,
    cure: str,
    *,
    example: str | None = None,
    others: Names | None = None,
    warn_below: float = HALF,
    required: bool = True,
) -> Match:
    """Count what a filter, or a join that is more than an equality, has kept.

    Parameters
    ----------
    where : str or Path
        The file that an error names.
    what : str
        What was kept, in words and in the plural, such as "views without an excluded flag".
    kept, total : int
    cure : str
        What to do if too few are kept.
    example : str, optional
        One that was not kept.
    others : collection of str, optional
        What it was compared with.
    warn_below, required
        As for `check_match`.

    Returns
    -------
    Match

    Raises
    ------
    InputError
        Nothing is left.
    """
    nearest = None
    if example is not None and others is not None:
        nearest, cure = _compare(example, _unique(others), cure)
    match = Match(what, int(kept), int(total), example, nearest)
    return _judge(match, where, cure, warn_below, required)


def write_counts(matches: Iterable[Match], path: PathLike) -> None:
    """Write what the joins and filters of a script have matched, as JSON for the page."""
    write_json([asdict(match) for match in matches], path)


def read_counts(paths: Iterable[PathLike]) -> list[Match]:
    """Read what `write_counts` wrote, of several files.

    Counts of the same join, such as those of each plate, are added up; their first warning stays.

    Returns
    -------
    list of Match
        In the order of the files.
    """
    joined: dict[str, Match] = {}
    for path in paths:
        for row in read_json(path):
            match = Match(**row)
            before = joined.get(match.what, Match(match.what, 0, 0))
            told = before if before.warning or not match.warning else match
            if before.example is None and not told.warning:
                told = match
            joined[match.what] = Match(
                match.what,
                before.matched + match.matched,
                before.total + match.total,
                told.example,
                told.nearest,
                told.warning,
            )
    return list(joined.values())


def nearest_name(name: str, others: Sequence[str]) -> str | None:
    """Find the name that is most like another; None if there is none."""
    if not others:
        return None
    if len(others) > MOST_COMPARED:
        # Neighbours in their order begin alike.
        ordered = sorted(others)
        place = bisect_left(ordered, name)
        others = ordered[max(0, place - 1) : place + 1]
    # What people would take for the same comes before what has more letters in common.
    others = [other for other in others if explain_difference(name, other)] or others
    return difflib.get_close_matches(name, others, n=1, cutoff=0)[0]


def explain_difference(name: str, other: str | None) -> str | None:
    """Say how two names differ that people would take for the same.

    Parameters
    ----------
    name : str
    other : str or None

    Returns
    -------
    str or None
        None if they do not look like the same.
    """
    if not name or not other or name == other:
        return None
    pair = f"{name!r} and {other!r}"
    short, long = sorted((name, other), key=len)
    if name.casefold() == other.casefold():
        return f"{pair} differ in capitals"
    if "".join(name.split()) == "".join(other.split()):
        return f"{pair} differ in blanks"
    if re.sub(r"\.0+$", "", name) == re.sub(r"\.0+$", "", other):
        return f"{pair}: a program has written a name as a number with decimals; keep it as text"
    if name.isdecimal() and other.isdecimal() and name.lstrip("0") == other.lstrip("0"):
        return f"{pair}: a program has dropped leading zeros; keep the names as text"
    if re.sub(r"[\W_]", "", name).casefold() == re.sub(r"[\W_]", "", other).casefold():
        return f"{pair} differ in punctuation"
    if short in long:
        return f"{short!r} is a part of {long!r}; write one of them on both sides"
    return None


def _compare(example: str, others: pd.Index, cure: str) -> tuple[str | None, str]:
    """The nearest of the other names, and the cure with what the two names show before it."""
    nearest = nearest_name(example, [_text(name) for name in others])
    difference = explain_difference(example, nearest)
    return nearest, f"{difference}; {cure}" if difference else cure


def _judge(match: Match, where: PathLike, cure: str, warn_below: float, required: bool) -> Match:
    """Raise if nothing matches; warn if few do."""
    share = match.matched / match.total if match.total else 0.0
    log.info("%d of %d %s", match.matched, match.total, match.what)
    if (match.matched and share >= warn_below) or not (match.total or required):
        return match
    some = f"only {match.matched}" if match.matched else "none"
    problem = f"{some} of {match.total} {match.what}"
    if match.example is not None:
        problem += f"; missing is {match.example!r}"
    if match.nearest is not None:
        problem += f", the nearest is {match.nearest!r}"
    if not match.matched and required:
        raise InputError(where, problem, cure)
    warning = f"{where}: {problem}. {cure[:1].upper()}{cure[1:]}"
    log.warning(warning)
    # The log is a file, which nobody reads who is not told to.
    print(f"Warning: {warning}", file=sys.stderr, flush=True)
    return Match(match.what, match.matched, match.total, match.example, match.nearest, warning)


def _unique(names: Names) -> pd.Index:
    """Distinct names, without missing ones; a name in several columns is a tuple."""
    if isinstance(names, pa.ChunkedArray):
        # There may be millions of rows with few different names.
        names = pc.unique(names).to_pandas()
    if isinstance(names, pd.DataFrame):
        rows = names.dropna().drop_duplicates()
        if rows.shape[1] > 1:
            # As texts: categories or integers of different sizes would compare as different.
            return pd.MultiIndex.from_frame(rows.astype("str"))
        names = rows.iloc[:, 0]
    return pd.Index(pd.Series(names, dtype=object).dropna().astype("str").unique())


def _text(name: object) -> str:
    return ", ".join(map(str, name)) if isinstance(name, tuple) else str(name)
