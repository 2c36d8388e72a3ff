"""ChEMBL's web service: the tables that the SQLite dump gives, fetched page by page.

The package chembl-webresource-client does the talking; what it lacks to be depended on is here:
time-outs, retries of whatever may pass, pages of full size in a fixed order, and a count of what
came against what was announced. Its module ``new_client`` is left alone, because importing that
needs the network, and so is its cache, which knows nothing of releases.
"""

import logging
import random
import re
import time
from functools import partial

import numpy as np
import pyarrow as pa
import requests
import urllib3
from chembl_webresource_client.query_set import Model
from chembl_webresource_client.settings import Settings
from chembl_webresource_client.url_query import UrlQuery

from paintassay.chembl.release import check_release
from paintassay.chembl.tables import ACTIVITIES, MATCHES
from paintassay.core.errors import InputError
from paintassay.core.tables import conform, sorted_by

log = logging.getLogger(__name__)
# It logs every request with all its keys.
logging.getLogger("chembl_webresource_client").setLevel(logging.WARNING)

# Rows a page: the most that the service gives.
PAGE_ROWS = 1000
KEYS_PER_REQUEST = 200
# A well-studied molecule has thousands of activities.
MOLECULES_PER_REQUEST = 50
# Seconds before the second attempt; doubled each time up to the longest wait. A Retry-After of
# the service may ask for more, and is believed up to an hour.
FIRST_WAIT = 2.0
LONGEST_WAIT = 60.0
LONGEST_RETRY_AFTER = 3600.0
# How often a query is asked whose pages do not fit together.
PASSES = 3

_ANOTHER_SOURCE = "try again later, or use the SQLite dump (chembl.source: sqlite)"

# Our column: the service's field.
_ACTIVITY_FIELDS = {name: name for name in ACTIVITIES.names if name != "assay_id"}
_ACTIVITY_FIELDS["target_name"] = "target_pref_name"

# Resource: name of its list in an answer, field that identifies a row, fields wanted.
_RESOURCES = {
    "molecule": (
        "molecules",
        "molecule_chembl_id",
        ["molecule_chembl_id", "molecule_structures", "molecule_hierarchy"],
    ),
    "activity": ("activities", "activity_id", list(_ACTIVITY_FIELDS.values())),
}

# Activities with a pChEMBL value or a comment, as two queries: the service knows no "or".
_WANTED_ACTIVITIES = [
    {"pchembl_value__isnull": False},
    {"pchembl_value__isnull": True, "activity_comment__isnull": False},
]

_INCHIKEY = "molecule_structures__standard_inchi_key"


def service_release(url, timeout_seconds=60, attempts=8):
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

    def ask():
        # A proxy on the way must not answer with an old status.
        answer = session.get(
            f"{url}/status.json", headers={"Cache-Control": "no-cache"}, timeout=timeout_seconds
        )
        return str(answer.json()["chembl_db_version"])

    with _session() as session:
        return _persist(ask, url, attempts)


def fetch_compounds(compounds, match_on, release, url, timeout_seconds=60, attempts=8):
    """Fetch the ChEMBL molecules that match compounds of the library, and their activities.

    Parameters
    ----------
    compounds : pandas.DataFrame
        One row a compound: ``inchikey``, ``first_block`` and ``parent_inchikey`` (may be missing).
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
        meanwhile, or its pages do not fit together.
    """
    url = url.rstrip("/")
    before = check_release(service_release(url, timeout_seconds, attempts), release, url)
    with _session() as session:
        fetch = partial(_fetch, session, url, timeout_seconds, attempts)
        pairs = _PAIRS[match_on](fetch, compounds)
        matches = [
            {
                "inchikey": inchikey,
                "molecule_chembl_id": molecule["molecule_chembl_id"],
                "molecule_inchikey": _inchikey(molecule),
                "matched_by": "inchikey" if _inchikey(molecule) == inchikey else match_on,
            }
            for inchikey, molecule in pairs
        ]
        activities = _activities(fetch, {match["molecule_chembl_id"] for match in matches})
    after = service_release(url, timeout_seconds, attempts)
    if after != before:
        raise InputError(
            url,
            f"the release changed during the extraction, from {before} to {after}",
            f"run again with chembl.release: {after}, or use the SQLite dump of {before}",
        )
    return join_chunks([conform(matches, MATCHES)], [conform(activities, ACTIVITIES)])


def join_chunks(matches_list, activities_list):
    """Join what `fetch_compounds` gave for the chunks of a library.

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
    matches = pa.concat_tables([MATCHES.empty_table(), *matches_list])
    activities = pa.concat_tables([ACTIVITIES.empty_table(), *activities_list])
    _, firsts = np.unique(activities["activity_id"].to_numpy(), return_index=True)
    return sorted_by(matches, "inchikey", "molecule_chembl_id"), activities.take(firsts)


def _pairs_by_inchikey(fetch, compounds):
    """Pair InChIKeys of the library with molecules that have them."""
    by_key = _grouped(_molecules(fetch, f"{_INCHIKEY}__in", compounds["inchikey"]), _inchikey)
    return [(key, molecule) for key in compounds["inchikey"] for molecule in by_key.get(key, [])]


def _pairs_by_first_block(fetch, compounds):
    """Pair InChIKeys of the library with molecules of the same skeleton."""
    by_block, blocks = {}, sorted(set(compounds["first_block"]))
    for done, block in enumerate(blocks, start=1):
        by_block[block] = fetch("molecule", {f"{_INCHIKEY}__startswith": f"{block}-"})
        log.info("molecules: %d of %d first blocks", done, len(blocks))
    keys_and_blocks = zip(compounds["inchikey"], compounds["first_block"], strict=True)
    return [(key, molecule) for key, block in keys_and_blocks for molecule in by_block[block]]


def _pairs_by_parent(fetch, compounds):
    """Pair InChIKeys of the library with all forms of the molecules with that or its parent's."""
    keys = set(compounds["inchikey"]) | set(compounds["parent_inchikey"].dropna())
    found = _molecules(fetch, f"{_INCHIKEY}__in", keys)
    by_key = _grouped(found, _inchikey)
    parents = {
        key: {
            _parent(molecule) for known in {key, parent_key} for molecule in by_key.get(known, [])
        }
        for key, parent_key in zip(compounds["inchikey"], compounds["parent_inchikey"], strict=True)
    }
    wanted = set().union(*parents.values())
    found += _molecules(fetch, "molecule_hierarchy__parent_chembl_id__in", wanted)
    # A molecule without a hierarchy is its own parent, which the filter above does not know.
    wanted -= {molecule["molecule_chembl_id"] for molecule in found}
    found += _molecules(fetch, "molecule_chembl_id__in", wanted)
    forms = {molecule["molecule_chembl_id"]: molecule for molecule in found}
    by_parent = _grouped(forms.values(), _parent)
    return [
        (key, molecule)
        for key, its_parents in parents.items()
        for parent in its_parents
        for molecule in by_parent.get(parent, [])
    ]


_PAIRS = {
    "inchikey": _pairs_by_inchikey,
    "first_block": _pairs_by_first_block,
    "parent": _pairs_by_parent,
}


def _inchikey(molecule):
    """Standard InChIKey of a molecule, None if it has no structure."""
    return (molecule["molecule_structures"] or {}).get("standard_inchi_key")


def _parent(molecule):
    """ChEMBL id of a molecule's parent; without one it is its own."""
    parent = (molecule["molecule_hierarchy"] or {}).get("parent_chembl_id")
    return parent or molecule["molecule_chembl_id"]


def _grouped(molecules, by):
    """Group molecules by a function of them into a dict of lists."""
    groups = {}
    for molecule in molecules:
        groups.setdefault(by(molecule), []).append(molecule)
    return groups


def _molecules(fetch, name, values):
    """Fetch the molecules that a filter by a list lets through, a batch of values at a time."""
    molecules, values = [], sorted(values)
    for start in range(0, len(values), KEYS_PER_REQUEST):
        batch = values[start : start + KEYS_PER_REQUEST]
        molecules += fetch("molecule", {name: batch})
        log.info("molecules: %d of %d keys", start + len(batch), len(values))
    return molecules


def _activities(fetch, molecules):
    """Fetch the wanted activities of molecules, as rows of `chembl.tables.ACTIVITIES`."""
    activities, molecules = [], sorted(molecules)
    for start in range(0, len(molecules), MOLECULES_PER_REQUEST):
        batch = molecules[start : start + MOLECULES_PER_REQUEST]
        for condition in _WANTED_ACTIVITIES:
            rows = fetch("activity", {"molecule_chembl_id__in": batch, **condition})
            activities += [_activity(row) for row in rows]
        done = start + len(batch)
        log.info("activities: %d of %d molecules, %d so far", done, len(molecules), len(activities))
    return activities


def _activity(row):
    """Turn a row of the service, with numbers as texts, into one of `chembl.tables.ACTIVITIES`."""
    activity = {name: row[field] for name, field in _ACTIVITY_FIELDS.items()}
    activity = {name: None if value == "" else value for name, value in activity.items()}
    for name in ("standard_value", "pchembl_value"):
        if activity[name] is not None:
            activity[name] = float(activity[name])
    activity["potential_duplicate"] = int(activity["potential_duplicate"] or 0) == 1
    return {**activity, "assay_id": None}


def _fetch(session, url, timeout_seconds, attempts, resource, filters):
    """Fetch all rows of a query, each once, in the order of their identifiers.

    The service repeats a row, and so loses another, when its data or their order shift between
    two pages. It is therefore asked in a fixed order, and again if the rows do not add up.

    Returns
    -------
    list of dict
        The fields of `_RESOURCES`.

    Raises
    ------
    InputError
        The service cannot be reached or refuses the query, or the rows never add up.
    """
    collection, identifier, fields = _RESOURCES[resource]
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

    def page(offset):
        # After a failed request the client would give out the page before as if it were this one.
        query.current_chunk = None
        query.set_limits(offset, None)
        rows = query.get_page()
        kept = [{field: row[field] for field in fields} for row in rows]
        return kept, int(query.api_total_count)

    for _ in range(PASSES):
        by_identifier, totals, received = {}, set(), 0
        while True:
            rows, total = _persist(partial(page, received), url, attempts)
            by_identifier.update((row[identifier], row) for row in rows)
            totals.add(total)
            received += len(rows)
            if not rows or received >= total:
                break
        if totals == {len(by_identifier)}:
            return list(by_identifier.values())
        announced = " or ".join(map(str, sorted(totals)))
        problem = f"{resource}: {len(by_identifier)} different rows came of {announced} announced"
        log.warning("%s: %s", url, problem)
    raise InputError(url, f"{problem}, {PASSES} times over", _ANOTHER_SOURCE)


def _session():
    """Open a session that takes every answer but success for an error.

    It does not retry by itself: that would stop at the headers, and multiply with the attempts
    for what goes wrong behind them. `_persist` retries both.
    """
    session = requests.Session()
    session.headers.update({"X-HTTP-Method-Override": "GET", "Content-Type": "application/json"})
    session.hooks["response"].append(_refuse_failure)
    return session


def _refuse_failure(response, **_):
    """Raise for redirects and errors, the latter once the body is there for the message."""
    if response.is_redirect:
        # requests would follow with the body left out: a query for everything there is.
        raise requests.TooManyRedirects(f"redirected to {response.headers['Location']}")
    if not response.ok:
        _ = response.content
        response.raise_for_status()


def _persist(ask, url, attempts):
    """Call `ask` until it gives a usable answer, with growing waits in between.

    Raises
    ------
    InputError
        The service refuses the request, or all attempts are used.
    """
    last: Exception | None = None
    for attempt in range(1, attempts + 1):
        least_wait = 0
        try:
            return ask()
        except requests.HTTPError as error:
            status = error.response.status_code  # type: ignore[union-attr]
            if status != 429 and status < 500:
                raise InputError(
                    url,
                    f"refuses a request, HTTP status {status}: {_plain_text(error.response)}",
                    "check chembl.webservice.url, or use the SQLite dump (chembl.source: sqlite)",
                ) from error
            problem, last = f"HTTP status {status}", error
            least_wait = _retry_after(error.response)
        # An answer may also be JSON, but not what was asked for.
        except (requests.RequestException, KeyError, TypeError, ValueError) as unusable:
            problem, last = _reason(unusable), unusable
        if attempt < attempts:
            # Spread out, so that jobs which failed together do not come back together.
            wait = min(FIRST_WAIT * 2 ** (attempt - 1), LONGEST_WAIT) * random.uniform(0.5, 1)
            wait = max(wait, least_wait)
            trial = f"attempt {attempt} of {attempts}"
            log.warning("%s: %s; %s failed, waiting %.1f s", url, problem, trial, wait)
            time.sleep(wait)
    raise InputError(
        url,
        f"the ChEMBL web service cannot be reached; attempt {attempts} of {attempts}: {problem}",
        _ANOTHER_SOURCE,
    ) from last


def _retry_after(response):
    """Seconds that an answer asks us to wait, 0 if it does not say."""
    try:
        seconds = urllib3.Retry().parse_retry_after(response.headers.get("Retry-After", "0"))
    except urllib3.exceptions.InvalidHeader:
        return 0
    return min(seconds, LONGEST_RETRY_AFTER)


def _reason(error):
    """What went wrong, without the layers of wrapping that requests puts around it."""
    if isinstance(error, requests.exceptions.JSONDecodeError):
        return f"the answer is not JSON ({error})"
    inner = error.args[0] if error.args else error
    return f"{type(error).__name__}: {getattr(inner, 'reason', inner)}"


def _plain_text(response):
    """The first 200 characters of an answer, without HTML tags."""
    return " ".join(re.sub(r"<[^>]*>", " ", response.text).split())[:200]
