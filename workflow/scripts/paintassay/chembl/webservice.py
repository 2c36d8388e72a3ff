"""Fetch the tables that the SQLite dump gives from ChEMBL's web service, page by page.

The package chembl-webresource-client makes the requests. This module adds what it lacks to be
reliable: time-outs, retries of failures that may pass, pages of full size in a fixed order, and a
comparison of the rows that came with the number announced. Its module ``new_client`` is not used,
because importing it needs the network, nor is its cache, which knows nothing of releases.
"""

import logging
import random
import re
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
import requests
import urllib3
from chembl_webresource_client.query_set import Model
from chembl_webresource_client.settings import Settings
from chembl_webresource_client.url_query import UrlQuery

from paintassay.chembl.release import check_release
from paintassay.chembl.tables import ABOVE, ACTIVITIES, BELOW, MATCHES, MatchOn
from paintassay.core.errors import InputError
from paintassay.core.sizes import WorkSize
from paintassay.core.tables import conform, sorted_by, widened

log = logging.getLogger(__name__)
# The client logs every request with all its keys.
logging.getLogger("chembl_webresource_client").setLevel(logging.WARNING)

# Rows per page: the most that the service gives.
PAGE_ROWS: WorkSize = 1000
KEYS_PER_REQUEST: WorkSize = 200
# A well-studied molecule has thousands of activities.
MOLECULES_PER_REQUEST: WorkSize = 50
# Seconds before the second attempt; doubled each time up to the longest wait. The service may ask
# for more by Retry-After, up to an hour.
FIRST_WAIT = 2.0
LONGEST_WAIT = 60.0
LONGEST_RETRY_AFTER = 3600.0
# How often a query is repeated whose pages do not fit together.
PASSES = 3

_ANOTHER_SOURCE = "try again later, or use the SQLite dump (chembl.source: sqlite)"

# Our column: the service's field.
_ACTIVITY_FIELDS = {name: name for name in ACTIVITIES.names if name != "assay_id"}
_ACTIVITY_FIELDS["target_name"] = "target_pref_name"


class _Resource(NamedTuple):
    """A resource of the service: the name of its list in an answer, and fields of its rows."""

    collection: str
    identifier: str
    fields: list[str]


_RESOURCES = {
    "molecule": _Resource(
        "molecules",
        "molecule_chembl_id",
        ["molecule_chembl_id", "molecule_structures", "molecule_hierarchy"],
    ),
    "activity": _Resource("activities", "activity_id", list(_ACTIVITY_FIELDS.values())),
}

# A row of the service, and a function that fetches those of a resource that filters let through.
Row: TypeAlias = dict[str, Any]
FetchRows: TypeAlias = Callable[[str, Mapping[str, object]], list[Row]]
Answer = TypeVar("Answer")

# Activities with a pChEMBL value, a comment or a censored value, as three queries: the service
# knows no "or".
NEITHER = {"pchembl_value__isnull": True, "activity_comment__isnull": True}
_ACTIVITY_FILTERS: list[dict[str, object]] = [
    {"pchembl_value__isnull": False},
    {"pchembl_value__isnull": True, "activity_comment__isnull": False},
    {
        **NEITHER,
        "standard_value__isnull": False,
        "standard_relation__in": [*ABOVE, *BELOW],
    },
]

_INCHIKEY = "molecule_structures__standard_inchi_key"


def service_release(url: str, timeout_seconds: float = 60, attempts: int = 8) -> str:
    """Ask a ChEMBL web service for its release.

    Parameters
    ----------
    url : str
        Such as ``https://www.ebi.ac.uk/chembl/api/data``.
    timeout_seconds : float
        How long connecting, and then any silence, may last.
    attempts : int
        How often a request is tried.

    Returns
    -------
    str
        Such as "ChEMBL_37".

    Raises
    ------
    InputError
        The service cannot be reached or refuses the request.
    """
    url = url.rstrip("/")

    def request_release() -> str:
        # A proxy on the way must not answer with an old status.
        answer = session.get(
            f"{url}/status.json", headers={"Cache-Control": "no-cache"}, timeout=timeout_seconds
        )
        return str(answer.json()["chembl_db_version"])

    with open_session() as session:
        return _retry(request_release, url, attempts)


def fetch_compounds(
    compounds: pd.DataFrame,
    match_on: MatchOn,
    release: int | str,
    url: str,
    timeout_seconds: float = 60,
    attempts: int = 8,
) -> tuple[pa.Table, pa.Table]:
    """Fetch the ChEMBL molecules that match compounds of the library, and their activities.

    Parameters
    ----------
    compounds : pandas.DataFrame
        One row per compound: inchikey, first_block, parent_inchikey (may be missing).
    match_on : {"inchikey", "first_block", "parent"}
        The molecules of a compound are those with its InChIKey, those whose InChIKey begins with
        its first block, or all of the same ChEMBL parent as the molecules with its InChIKey or
        that of its parent.
    release : int or str
        The ChEMBL release that the service must hold, before and afterwards.
    url, timeout_seconds, attempts
        As for `service_release`.

    Returns
    -------
    matches : pyarrow.Table
        `chembl.tables.MATCHES`, sorted by InChIKey and molecule.
    activities : pyarrow.Table
        `chembl.tables.ACTIVITIES` of all matched molecules, sorted by activity.

    Raises
    ------
    InputError
        The service cannot be reached, refuses a request, holds another release or changes it
        during the extraction, or its pages do not fit together.
    """
    url = url.rstrip("/")
    before = check_release(service_release(url, timeout_seconds, attempts), release, url)
    with open_session() as session:
        fetch = partial(fetch_rows, session, url, timeout_seconds, attempts)
        pairs = PAIRINGS[match_on](fetch, compounds)
        matches = [
            {
                "inchikey": inchikey,
                "molecule_chembl_id": molecule["molecule_chembl_id"],
                "molecule_inchikey": _inchikey(molecule),
                "matched_by": "inchikey" if _inchikey(molecule) == inchikey else match_on,
            }
            for inchikey, molecule in pairs
        ]
        molecule_ids = {match["molecule_chembl_id"] for match in matches}
        activities = _fetch_activities(fetch, molecule_ids)
    after = service_release(url, timeout_seconds, attempts)
    if after != before:
        raise InputError(
            url,
            f"the release changed during the extraction, from {before} to {after}",
            f"run again with chembl.release: {after}, or use the SQLite dump of {before}",
        )
    return join_chunks([conform(matches, MATCHES)], [conform(activities, ACTIVITIES)])


def join_chunks(
    matches_list: Sequence[pa.Table], activities_list: Sequence[pa.Table]
) -> tuple[pa.Table, pa.Table]:
    """Concatenate what `fetch_compounds` gave for the chunks of a library.

    A molecule may match compounds of several chunks; its activities are kept once.

    Parameters
    ----------
    matches_list, activities_list : list of pyarrow.Table
        `chembl.tables.MATCHES` and `chembl.tables.ACTIVITIES`, one for each chunk.

    Returns
    -------
    matches, activities : pyarrow.Table
        Sorted as by `fetch_compounds`.
    """
    matches = pa.concat_tables([MATCHES.empty_table(), *map(widened, matches_list)])
    activities = pa.concat_tables([ACTIVITIES.empty_table(), *map(widened, activities_list)])
    _, firsts = np.unique(activities["activity_id"].to_numpy(), return_index=True)
    return sorted_by(matches, "inchikey", "molecule_chembl_id"), activities.take(firsts)


def _pair_by_inchikey(fetch_rows: FetchRows, compounds: pd.DataFrame) -> list[tuple[str, Row]]:
    """Pair InChIKeys of the library with the molecules that have them."""
    molecules = _fetch_molecules(fetch_rows, f"{_INCHIKEY}__in", compounds["inchikey"])
    molecules_of_key = _group_rows(molecules, _inchikey)
    return [
        (key, molecule)
        for key in compounds["inchikey"]
        for molecule in molecules_of_key.get(key, [])
    ]


def _pair_by_first_block(fetch_rows: FetchRows, compounds: pd.DataFrame) -> list[tuple[str, Row]]:
    """Pair InChIKeys of the library with the molecules of the same skeleton."""
    molecules_of_block, blocks = {}, sorted(set(compounds["first_block"]))
    for number, block in enumerate(blocks, start=1):
        molecules_of_block[block] = fetch_rows(
            "molecule", {f"{_INCHIKEY}__startswith": f"{block}-"}
        )
        log.info("molecules: %d of %d first blocks", number, len(blocks))
    keys_and_blocks = zip(compounds["inchikey"], compounds["first_block"], strict=True)
    return [
        (key, molecule) for key, block in keys_and_blocks for molecule in molecules_of_block[block]
    ]


def _pair_by_parent(fetch_rows: FetchRows, compounds: pd.DataFrame) -> list[tuple[str, Row]]:
    """Pair InChIKeys of the library with all forms of the molecules with that or its parent's."""
    keys = set(compounds["inchikey"]) | set(compounds["parent_inchikey"].dropna())
    molecules = _fetch_molecules(fetch_rows, f"{_INCHIKEY}__in", keys)
    molecules_of_key = _group_rows(molecules, _inchikey)
    parents_of_key = {
        key: {
            _parent_id(molecule)
            for either_key in {key, parent_key}
            for molecule in molecules_of_key.get(either_key, [])
        }
        for key, parent_key in zip(compounds["inchikey"], compounds["parent_inchikey"], strict=True)
    }
    all_parents = set().union(*parents_of_key.values())
    parent_filter = "molecule_hierarchy__parent_chembl_id__in"
    molecules += _fetch_molecules(fetch_rows, parent_filter, all_parents)
    # A molecule without a hierarchy is its own parent, and the filter above does not find it.
    all_parents -= {molecule["molecule_chembl_id"] for molecule in molecules}
    molecules += _fetch_molecules(fetch_rows, "molecule_chembl_id__in", all_parents)
    forms = {molecule["molecule_chembl_id"]: molecule for molecule in molecules}
    molecules_of_parent = _group_rows(forms.values(), _parent_id)
    return [
        (key, molecule)
        for key, parents in parents_of_key.items()
        for parent in parents
        for molecule in molecules_of_parent.get(parent, [])
    ]


PAIRINGS = {
    "inchikey": _pair_by_inchikey,
    "first_block": _pair_by_first_block,
    "parent": _pair_by_parent,
}


def _inchikey(molecule: Row) -> str | None:
    """Standard InChIKey of a molecule, None if it has no structure."""
    return (molecule["molecule_structures"] or {}).get("standard_inchi_key")


def _parent_id(molecule: Row) -> str:
    """ChEMBL id of a molecule's parent; a molecule without one is its own."""
    parent = (molecule["molecule_hierarchy"] or {}).get("parent_chembl_id")
    return parent or molecule["molecule_chembl_id"]


def _group_rows(
    rows: Iterable[Row], key_of: Callable[[Row], str | None]
) -> dict[str | None, list[Row]]:
    groups: dict[str | None, list[Row]] = {}
    for row in rows:
        groups.setdefault(key_of(row), []).append(row)
    return groups


def _fetch_molecules(fetch_rows: FetchRows, filter_name: str, values: Iterable[str]) -> list[Row]:
    """Fetch the molecules that a filter by a list lets through, a batch of values at a time."""
    molecules, values = [], sorted(values)
    for start in range(0, len(values), KEYS_PER_REQUEST):
        batch = values[start : start + KEYS_PER_REQUEST]
        molecules += fetch_rows("molecule", {filter_name: batch})
        log.info("molecules: %d of %d keys", start + len(batch), len(values))
    return molecules


def _fetch_activities(fetch_rows: FetchRows, molecule_ids: Collection[str]) -> list[Row]:
    """Fetch activities of molecules, as rows of `chembl.tables.ACTIVITIES`."""
    activities, molecule_ids = [], sorted(molecule_ids)
    for start in range(0, len(molecule_ids), MOLECULES_PER_REQUEST):
        batch = molecule_ids[start : start + MOLECULES_PER_REQUEST]
        for activity_filter in _ACTIVITY_FILTERS:
            rows = fetch_rows("activity", {"molecule_chembl_id__in": batch, **activity_filter})
            activities += map(_convert_activity, rows)
        log.info(
            "activities: %d of %d molecules, %d so far",
            start + len(batch),
            len(molecule_ids),
            len(activities),
        )
    return activities


def _convert_activity(row: Row) -> Row:
    """Turn a row of the service, with numbers as texts, into one of `chembl.tables.ACTIVITIES`."""
    activity = {name: row[field] for name, field in _ACTIVITY_FIELDS.items()}
    activity = {name: None if value == "" else value for name, value in activity.items()}
    for name in ("standard_value", "pchembl_value"):
        if activity[name] is not None:
            activity[name] = float(activity[name])
    activity["potential_duplicate"] = int(activity["potential_duplicate"] or 0) == 1
    return {**activity, "assay_id": None}


def fetch_rows(
    session: requests.Session,
    url: str,
    timeout_seconds: float,
    attempts: int,
    resource: str,
    filters: Mapping[str, object],
    only_fields: Sequence[str] | None = None,
) -> list[Row]:
    """Fetch all rows of a query, each once, in the order of their identifiers.

    The service repeats a row, and so loses another, when its data or their order shift between
    two pages. The order is therefore fixed, and the query is repeated if the rows do not add up.

    Returns
    -------
    list of dict
        The fields of `_RESOURCES`, or only those asked for, among them the identifier.

    Raises
    ------
    InputError
        The service cannot be reached or refuses the query, or the rows never add up.
    """
    collection, identifier, all_fields = _RESOURCES[resource]
    fields = only_fields or all_fields
    # Else the client opens a cache file in the home folder, valid for a day whatever the release.
    Settings.Instance().CACHING = False
    query = UrlQuery(Model(resource, collection))
    query.session = session
    query.base_url = f"{url}/{resource}"
    query.timeout = timeout_seconds
    query.limit = PAGE_ROWS
    query.add_filters(**filters)
    query.set_ordering(identifier)
    query.set_only(*fields)

    def request_page(offset: int) -> tuple[list[Row], int]:
        # After a failed request the client would return the previous page as if it were this one.
        query.current_chunk = None
        query.set_limits(offset, None)
        rows = [{field: row[field] for field in fields} for row in query.get_page()]
        return rows, int(query.api_total_count)

    for _ in range(PASSES):
        row_of_id, totals, received = {}, set(), 0
        while True:
            rows, total = _retry(partial(request_page, received), url, attempts)
            row_of_id.update((row[identifier], row) for row in rows)
            totals.add(total)
            received += len(rows)
            if not rows or received >= total:
                break
        if totals == {len(row_of_id)}:
            return list(row_of_id.values())
        announced = " or ".join(map(str, sorted(totals)))
        problem = f"{resource}: {len(row_of_id)} different rows came of {announced} announced"
        log.warning("%s: %s", url, problem)
    raise InputError(url, f"{problem}, {PASSES} times over", _ANOTHER_SOURCE)


def open_session() -> requests.Session:
    """Open a session that treats every answer but success as an error.

    It does not retry by itself: that would cover failures up to the headers only, and multiply
    with the attempts for later ones. `_retry` covers both.
    """
    session = requests.Session()
    session.headers.update({"X-HTTP-Method-Override": "GET", "Content-Type": "application/json"})
    session.hooks["response"].append(_refuse_failure)
    return session


def _refuse_failure(response: requests.Response, **options: object) -> None:
    """Raise for redirects and errors; for errors once the body is there, for the message."""
    if response.is_redirect:
        # requests would follow it without the body, which is a query for everything there is.
        raise requests.TooManyRedirects(f"redirected to {response.headers['Location']}")
    if not response.ok:
        _ = response.content
        response.raise_for_status()


def _retry(request: Callable[[], Answer], url: str, attempts: int) -> Answer:
    """Repeat `request` until it gives a usable answer, with growing waits in between.

    Raises
    ------
    InputError
        The service refuses the request, or all attempts are used.
    """
    last_error: Exception | None = None
    for attempt in range(1, attempts + 1):
        requested_wait = 0.0
        try:
            return request()
        except requests.HTTPError as error:
            # Every HTTPError of `_refuse_failure` has its response.
            response: requests.Response = error.response  # type: ignore[assignment]
            status = response.status_code
            if status != 429 and status < 500:
                raise InputError(
                    url,
                    f"refuses a request, HTTP status {status}: {_plain_text(response)}",
                    "check chembl.webservice.url, or use the SQLite dump (chembl.source: sqlite)",
                ) from error
            problem, last_error = f"HTTP status {status}", error
            requested_wait = _requested_wait(response)
        # An answer may also be JSON, but not with what was asked for.
        except (requests.RequestException, KeyError, TypeError, ValueError) as error:
            problem, last_error = _describe_error(error), error
        if attempt < attempts:
            # At random, so that jobs which failed together do not come back together.
            wait = min(FIRST_WAIT * 2 ** (attempt - 1), LONGEST_WAIT) * random.uniform(0.5, 1)
            wait = max(wait, requested_wait)
            count = f"attempt {attempt} of {attempts}"
            log.warning("%s: %s; %s failed, waiting %.1f s", url, problem, count, wait)
            time.sleep(wait)
    raise InputError(
        url,
        f"the ChEMBL web service cannot be reached; attempt {attempts} of {attempts}: {problem}",
        _ANOTHER_SOURCE,
    ) from last_error


def _requested_wait(response: requests.Response) -> float:
    """Seconds that the service asks us to wait, 0 if it does not say."""
    try:
        seconds = urllib3.Retry().parse_retry_after(response.headers.get("Retry-After", "0"))
    except urllib3.exceptions.InvalidHeader:
        return 0
    return min(seconds, LONGEST_RETRY_AFTER)


def _describe_error(error: Exception) -> str:
    """What went wrong, without the layers that requests wraps around it."""
    if isinstance(error, requests.exceptions.JSONDecodeError):
        return f"the answer is not JSON ({error})"
    cause = error.args[0] if error.args else error
    return f"{type(error).__name__}: {getattr(cause, 'reason', cause)}"


def _plain_text(response: requests.Response) -> str:
    """The first 200 characters of an answer, without HTML tags."""
    return " ".join(re.sub(r"<[^>]*>", " ", response.text).split())[:200]
