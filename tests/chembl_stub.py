"""A local stand-in for the ChEMBL web service that serves an SQLite database, faults included.

It speaks the part of the service's grammar that matters here: ``/status.json``,
``/molecule.json`` and ``/activity.json`` with filters, ``only``, ``order_by``, ``limit`` and
``offset``. Run it as ``python tests/chembl_stub.py DATABASE`` to point a workflow at it.
"""

import argparse
import json
import sqlite3
import threading
from contextlib import closing, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit

DEFAULT_ROWS = 20

HTML = (
    b"<!doctype html><html><head><title>EMBL-EBI</title></head><body><h1>Sorry</h1></body></html>"
)

# Faults of an answer as a whole, and those inside a page of rows.
_ANSWER_FAULTS = {"400", "429", "500", "502", "html200", "json200", "hang", "cut", "redirect"}
_PAGE_FAULTS = {"repeat", "short", "total"}

_COMPARISONS = {"exact": "=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


@dataclass
class Fault:
    """Something that goes wrong a number of times.

    Parameters
    ----------
    name : str
        ``400``, ``500`` and ``502`` (HTML), ``429`` (HTML, Retry-After: 1), ``html200``,
        ``json200`` (an error message with status 200), ``hang`` (no answer until the stub stops),
        ``cut`` (half of the body), ``redirect`` (to the same place), ``repeat`` (a page's first row
        is the last of the page before), ``short`` (a page lacks its last row), ``total`` (a page
        announces one row more), or ``new_release`` (from the second status on, for good).
    times : int
        How often.
    resource : {"status", "molecule", "activity"}, optional
        Only in answers for this.
    after : int
        How many requests that it fits go well before.
    """

    name: str
    times: int = 1
    resource: str | None = None
    after: int = 0

    def __post_init__(self):
        if self.name not in _ANSWER_FAULTS | _PAGE_FAULTS | {"new_release"}:
            raise ValueError(f"no fault {self.name}")


@dataclass
class Request:
    """A request as it came: its parameters by name, those that came several times as lists."""

    method: str
    resource: str
    parameters: dict
    headers: dict
    fault: str | None = None


def _numeric(value, form="{}"):
    return None if value is None else form.format(value)


# Fields of each resource: the SQL behind it, and what is made of its value for JSON.
_FIELDS = {
    "molecule": {
        "molecule_chembl_id": ("m.chembl_id", None),
        "pref_name": ("m.pref_name", None),
        "molecule_structures__standard_inchi_key": ("cs.standard_inchi_key", None),
        "molecule_structures__canonical_smiles": ("cs.canonical_smiles", None),
        "molecule_hierarchy__molecule_chembl_id": ("hm.chembl_id", None),
        "molecule_hierarchy__parent_chembl_id": ("hp.chembl_id", None),
    },
    "activity": {
        "activity_id": ("a.activity_id", None),
        "assay_chembl_id": ("s.chembl_id", None),
        "assay_description": ("s.description", None),
        "assay_type": ("s.assay_type", None),
        "target_chembl_id": ("t.chembl_id", None),
        "target_pref_name": ("t.pref_name", None),
        "target_organism": ("t.organism", None),
        "molecule_chembl_id": ("m.chembl_id", None),
        "type": ("a.type", None),
        "standard_type": ("a.standard_type", None),
        "relation": ("a.relation", None),
        "standard_relation": ("a.standard_relation", None),
        "value": ("a.value", _numeric),
        "standard_value": ("a.standard_value", _numeric),
        "units": ("a.units", None),
        "standard_units": ("a.standard_units", None),
        "pchembl_value": ("a.pchembl_value", lambda value: _numeric(value, "{:.2f}")),
        "activity_comment": ("a.activity_comment", None),
        "data_validity_comment": ("a.data_validity_comment", None),
        "potential_duplicate": ("a.potential_duplicate", None),
        "document_chembl_id": ("d.chembl_id", None),
    },
}

_FROM = {
    "molecule": """
        molecule_dictionary m
        LEFT JOIN compound_structures cs ON cs.molregno = m.molregno
        LEFT JOIN molecule_hierarchy h ON h.molregno = m.molregno
        LEFT JOIN molecule_dictionary hm ON hm.molregno = h.molregno
        LEFT JOIN molecule_dictionary hp ON hp.molregno = h.parent_molregno
    """,
    "activity": """
        activities a
        LEFT JOIN assays s ON s.assay_id = a.assay_id
        LEFT JOIN target_dictionary t ON t.tid = s.tid
        LEFT JOIN molecule_dictionary m ON m.molregno = a.molregno
        LEFT JOIN docs d ON d.doc_id = a.doc_id
    """,
}

_COLLECTIONS = {"molecule": "molecules", "activity": "activities"}


class BadRequestError(Exception):
    """The request is not in the service's grammar."""


class ChemblStub:
    """The running stub, a context manager.

    Parameters
    ----------
    database : str or Path
        An SQLite file with ChEMBL's tables.
    faults : iterable of Fault or str
        What goes wrong; a text is a fault that happens once. Of several that fit a request the
        first that is not used up happens.
    page_limit : int
        Most rows a page, whatever is asked for.
    port : int
        0 takes a free one.

    Attributes
    ----------
    url : str
        To be used as the service's.
    requests : list of Request
        All that came, in order.
    """

    def __init__(self, database, faults=(), page_limit=1000, port=0):
        self.database, self.page_limit = str(database), page_limit
        self.faults = [Fault(fault) if isinstance(fault, str) else fault for fault in faults]
        self.requests = []
        self.lock, self.closing = threading.Lock(), threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", port), _Handler)
        self.server.stub = self
        self.url = f"http://127.0.0.1:{self.server.server_port}/chembl/api/data"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.closing.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def take_fault(self, request, names):
        """Use up a fault among `names` that is due for a request; its name, or None."""
        with self.lock:
            for fault in self.faults:
                fits = fault.resource in (None, request.resource)
                if fault.name not in names or not fits or not fault.times:
                    continue
                if fault.after:
                    fault.after -= 1
                else:
                    fault.times -= 1
                    request.fault = fault.name
                    return fault.name
        return None

    def status(self):
        """The answer to ``/status.json``."""
        with closing(sqlite3.connect(self.database)) as connection:
            select = "SELECT name FROM version WHERE name LIKE 'ChEMBL%'"
            (release,) = connection.execute(select).fetchone()
        asked = sum(request.resource == "status" for request in self.requests)
        moves = [fault.after for fault in self.faults if fault.name == "new_release"]
        if moves and asked > 1 + min(moves):
            release = f"ChEMBL_{int(release.split('_')[1]) + 1}"
        return {"chembl_db_version": release, "status": "UP"}

    def page(self, request):
        """The answer to a query for molecules or activities."""
        parameters = dict(request.parameters)
        limit = min(int(parameters.pop("limit", DEFAULT_ROWS)) or 1000, self.page_limit)
        offset = int(parameters.pop("offset", 0))
        only = _listed(parameters.pop("only", []))
        order = [
            _expression(request.resource, name) for name in _listed(parameters.pop("order_by", []))
        ]
        conditions, values = _where(request.resource, parameters)
        fields = _FIELDS[request.resource]
        columns = ", ".join(f'{sql} AS "{name}"' for name, (sql, _) in fields.items())
        source = f"FROM {_FROM[request.resource]} WHERE {conditions}"
        # Whatever the order asked for leaves open is decided anew for each page.
        ordered = f"SELECT {columns} {source} ORDER BY {', '.join([*order, 'random()'])}"
        with closing(sqlite3.connect(self.database)) as connection:
            (total,) = connection.execute(f"SELECT count(*) {source}", values).fetchone()
            connection.row_factory = sqlite3.Row
            # One row more before the page, for the fault that repeats it.
            window = [limit + 1, offset - 1] if offset else [limit, 0]
            rows = connection.execute(f"{ordered} LIMIT ? OFFSET ?", [*values, *window]).fetchall()
        before, rows = (rows[:1], rows[1:]) if offset else ([], rows)
        if rows:
            fault = self.take_fault(request, _PAGE_FAULTS if before else {"short", "total"})
            rows = before + rows[1:] if fault == "repeat" else rows
            rows = rows[:-1] if fault == "short" else rows
            total += fault == "total"
        path = f"/chembl/api/data/{request.resource}.json?limit={limit}&offset="
        return {
            _COLLECTIONS[request.resource]: [_row(request.resource, row, only) for row in rows],
            "page_meta": {
                "limit": limit,
                "next": f"{path}{offset + limit}" if offset + limit < total else None,
                "offset": offset,
                "previous": f"{path}{max(offset - limit, 0)}" if offset else None,
                "total_count": total,
            },
        }


def _listed(value):
    """The values of a parameter, given as a list, several times, or separated by commas."""
    return value if isinstance(value, list) else value.split(",")


def _expression(resource, name):
    # The service passes over filters that it does not know; here a slip should show.
    if name not in _FIELDS[resource]:
        raise BadRequestError(f"no field {name}")
    return _FIELDS[resource][name][0]


def _where(resource, parameters):
    """Turn filters such as ``pchembl_value__gte`` into SQL with its values."""
    conditions, values = ["1"], []
    for name, value in parameters.items():
        field, _, kind = name.rpartition("__")
        if name in _FIELDS[resource]:
            field, kind = name, "exact"
        sql = _expression(resource, field)
        if kind == "in":
            listed = _listed(value)
            conditions.append(f"{sql} IN ({', '.join('?' * len(listed))})")
            values += listed
        elif kind == "isnull":
            missing = value in (True, "true", "True")
            conditions.append(f"{sql} IS {'' if missing else 'NOT'} NULL")
        elif kind == "startswith":
            conditions.append(f"substr({sql}, 1, length(?)) = ?")
            values += [value, value]
        elif kind in _COMPARISONS:
            conditions.append(f"{sql} {_COMPARISONS[kind]} ?")
            values.append(value)
        else:
            raise BadRequestError(f"no filter {name}")
    return " AND ".join(conditions), values


def _row(resource, row, only):
    """Make a row for JSON: nested where the service nests, with the fields asked for."""
    made = {}
    for name, (_, form) in _FIELDS[resource].items():
        value = form(row[name]) if form else row[name]
        outer, _, inner = name.partition("__")
        # As in the service: a field comes if its name is part of one that is asked for.
        if only and not any(outer in asked for asked in only):
            continue
        if inner:
            made.setdefault(outer, {})[inner] = value
        else:
            made[outer] = value
    for outer, value in made.items():
        if isinstance(value, dict) and not any(value.values()):
            made[outer] = None
    return made


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        pairs = parse_qsl(urlsplit(self.path).query)
        self.answer(_by_name(pairs))

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("X-HTTP-Method-Override") != "GET":
            return self.send(405, b"method not allowed")
        self.answer(_by_name(json.loads(body)))

    def answer(self, parameters):
        stub = self.server.stub
        resource = urlsplit(self.path).path.removeprefix("/chembl/api/data/").removesuffix(".json")
        request = Request(self.command, resource, parameters, dict(self.headers))
        with stub.lock:
            stub.requests.append(request)
        if resource != "status" and resource not in _FIELDS:
            return self.send(404, HTML)
        fault = stub.take_fault(request, _ANSWER_FAULTS)
        if fault == "hang":
            stub.closing.wait()
            return
        if fault == "429":
            return self.send(429, HTML, {"Retry-After": "1"})
        if fault == "redirect":
            return self.send(302, HTML, {"Location": self.path})
        if fault in ("400", "500", "502"):
            return self.send(int(fault), HTML)
        if fault == "html200":
            return self.send(200, HTML)
        if fault == "json200":
            return self.send(200, b'{"error_message": "internal server error"}')
        try:
            content = stub.status() if resource == "status" else stub.page(request)
        except BadRequestError as error:
            return self.send(400, json.dumps({"error_message": str(error)}).encode())
        self.send(200, json.dumps(content).encode(), half=fault == "cut")

    def send(self, status, body, headers=None, half=False):
        kind = "text/html" if body is HTML else "application/json"
        self.send_response(status)
        for name, value in {"Content-Type": kind, **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if half else body)

    def log_message(self, *_):
        pass


def _by_name(pairs):
    """Collect pairs of name and value; a name that comes several times has a list."""
    values = {}
    for name, value in pairs:
        values.setdefault(name, []).append(unquote(value) if isinstance(value, str) else value)
    return {name: listed if len(listed) > 1 else listed[0] for name, listed in values.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("database")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--fault", action="append", default=[], metavar="NAME:COUNT")
    arguments = parser.parse_args()
    faults = []
    for text in arguments.fault:
        name, _, times = text.partition(":")
        faults.append(Fault(name, int(times or 1)))
    with ChemblStub(arguments.database, faults, port=arguments.port) as stub:
        print(stub.url, flush=True)
        with suppress(KeyboardInterrupt):
            stub.thread.join()


if __name__ == "__main__":
    main()
