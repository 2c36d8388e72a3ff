"""The ChEMBL web service, against a local stub with every fault the real one is known for."""

import json
import random
import re
import socket
import sqlite3
import urllib.request
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from chembl_stub import ChemblStub, Fault

from paintassay.chembl import dump_counts, webservice, webservice_counts
from paintassay.chembl.dump import extract_activities
from paintassay.chembl.near_matches import unmatched_compounds
from paintassay.chembl.webservice import fetch_compounds, join_chunks, service_release
from paintassay.core.errors import InputError
from paintassay.demo.chembl_database import create_database

SCHEMA = Path(__file__).parents[1] / "workflow" / "resources" / "chembl_schema.sql"

MODES = ["inchikey", "first_block", "parent"]
ANSWER_FAULTS = ["429", "500", "502", "html200", "json200", "hang", "cut", "redirect"]
PAGE_FAULTS = ["repeat", "short", "total"]


def key(letter, stereo="UHFFFAOYSA", charge="N"):
    return f"{letter * 14}-{stereo}-{charge}"


A, A_LEFT, A_RIGHT = key("A"), key("A", "LEFTHANDSA"), key("A", "RIGHTHANSA")

# molregno: InChIKey or None without structure, parent's molregno, "none" without hierarchy.
MOLECULES = {
    1: (A, 1),
    2: (A_LEFT, 2),
    3: (key("C"), 1),
    4: (None, 1),
    5: (key("E"), "none"),
    6: (key("F"), 7),
    7: (key("G"), "none"),
    8: (key("H"), 8),
    9: (key("I"), None),
    10: (key("A", charge="M"), 2),
}

COMPOUNDS = pd.DataFrame(
    [
        (A, None),
        (A_RIGHT, None),
        (key("C"), A),
        (key("E"), None),
        (key("F"), key("G")),
        (key("I"), None),
        (key("Y"), key("C")),
        (key("Z"), None),
    ],
    columns=["inchikey", "parent_inchikey"],
).assign(first_block=lambda table: table["inchikey"].str[:14])


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """A ChEMBL in which everything optional is missing somewhere."""
    draw = random.Random(0)
    molregnos = sorted(MOLECULES)
    hierarchy = {number: parent for number, (_, parent) in MOLECULES.items() if parent != "none"}
    structures = {number: inchikey for number, (inchikey, _) in MOLECULES.items() if inchikey}
    activities = [
        {
            "activity_id": 1000 - number,
            "assay_id": draw.choice([11, 12]),
            "doc_id": draw.choice([21, None]),
            "record_id": number,
            "molregno": draw.choice(molregnos),
            "standard_relation": draw.choice(["=", "<", None]),
            "standard_value": draw.choice([0.0, 2500.0, 1.7e-5, None]),
            "standard_units": draw.choice(["nM", "", None]),
            "standard_type": draw.choice(["IC50", None]),
            "activity_comment": draw.choice(["Active", "nicht aktiv ≥ 1 µM", "", None, None]),
            "data_validity_comment": draw.choice(["Outside typical range", None]),
            "potential_duplicate": draw.choice([0, 1, None]),
            "pchembl_value": draw.choice([5.6, 7.25, 10.0, None, None]),
            "type": "IC50",
        }
        for number in range(150)
    ]
    tables = {
        "version": pd.DataFrame({"name": ["Gene Ontology", "ChEMBL_37"]}),
        "molecule_dictionary": pd.DataFrame(
            {"molregno": molregnos, "chembl_id": [f"CHEMBL{number}" for number in molregnos]}
        ),
        "compound_structures": pd.DataFrame(
            {"molregno": structures.keys(), "standard_inchi_key": structures.values()}
        ),
        "molecule_hierarchy": pd.DataFrame(
            {
                "molregno": hierarchy.keys(),
                "parent_molregno": pd.array([*hierarchy.values()], "Int64"),
            }
        ),
        "assays": pd.DataFrame(
            {
                "assay_id": [11, 12],
                "doc_id": [21, 21],
                "chembl_id": ["CHEMBL911", "CHEMBL912"],
                "description": ["Inhibition of heparanase", None],
                "assay_type": ["B", "F"],
                "tid": pd.array([31, None], "Int64"),
            }
        ),
        "target_dictionary": pd.DataFrame(
            {
                "tid": [31],
                "chembl_id": ["CHEMBL3921"],
                "pref_name": ["Heparanase"],
                "organism": ["Homo sapiens"],
            }
        ),
        "docs": pd.DataFrame({"doc_id": [21], "chembl_id": ["CHEMBL1146658"]}),
        "activities": pd.DataFrame(activities).astype({"doc_id": "Int64"}),
    }
    path = tmp_path_factory.mktemp("chembl") / "chembl_37.db"
    create_database(path, SCHEMA.read_text(), tables)
    return path


@pytest.fixture(autouse=True)
def waits(monkeypatch):
    """Waits are noted, not waited; batches are small enough for there to be several."""
    waited = []
    monkeypatch.setattr(webservice.time, "sleep", waited.append)
    monkeypatch.setattr(webservice, "KEYS_PER_REQUEST", 5)
    monkeypatch.setattr(webservice, "MOLECULES_PER_REQUEST", 3)
    return waited


def expected(database, match_on):
    """What the SQLite dump gives, less the number that the service does not know."""
    matches, activities = extract_activities(database, COMPOUNDS, match_on, 37)
    place = activities.schema.get_field_index("assay_id")
    nothing = pa.nulls(len(activities), pa.int64())
    return matches, activities.set_column(place, activities.schema.field(place), nothing)


def check_same(tables, expected_tables):
    for table, expected_table in zip(tables, expected_tables, strict=True):
        assert table.schema.equals(expected_table.schema, check_metadata=True)
        assert table.to_pylist() == expected_table.to_pylist()
        assert len(table)


def fetch(stub, match_on="inchikey", compounds=COMPOUNDS, release=37, **options):
    return fetch_compounds(compounds, match_on, release, stub.url, **options)


@pytest.mark.parametrize("match_on", MODES)
@pytest.mark.parametrize("page_limit", [3, 1000])
def test_same_tables_as_from_the_dump(database, match_on, page_limit):
    with ChemblStub(database, page_limit=page_limit) as stub:
        tables = fetch(stub, match_on)
    check_same(tables, expected(database, match_on))
    for name in tables[1].column_names:
        null_count = tables[1][name].null_count
        assert null_count < len(tables[1]) or name == "assay_id"


def test_parents_are_matched_with_all_their_forms(database):
    with ChemblStub(database) as stub:
        matches, _ = fetch(stub, "parent")
    assert [tuple(row.values()) for row in matches.to_pylist()] == [
        (A, "CHEMBL1", A, "inchikey"),
        (A, "CHEMBL3", key("C"), "parent"),
        (A, "CHEMBL4", None, "parent"),
        (key("C"), "CHEMBL1", A, "parent"),
        (key("C"), "CHEMBL3", key("C"), "inchikey"),
        (key("C"), "CHEMBL4", None, "parent"),
        (key("E"), "CHEMBL5", key("E"), "inchikey"),
        (key("F"), "CHEMBL6", key("F"), "inchikey"),
        (key("F"), "CHEMBL7", key("G"), "parent"),
        (key("I"), "CHEMBL9", key("I"), "inchikey"),
        (key("Y"), "CHEMBL1", A, "parent"),
        (key("Y"), "CHEMBL3", key("C"), "parent"),
        (key("Y"), "CHEMBL4", None, "parent"),
    ]


def test_parent_outside_the_library_and_the_hierarchy_is_matched(database):
    compounds = COMPOUNDS[COMPOUNDS["inchikey"] == key("F")].assign(parent_inchikey=None)
    with ChemblStub(database) as stub:
        matches = fetch(stub, "parent", compounds)[0]
    assert matches["molecule_chembl_id"].to_pylist() == ["CHEMBL6", "CHEMBL7"]
    assert matches.equals(extract_activities(database, compounds, "parent", 37)[0])


@pytest.mark.parametrize("after", [0, 1])
@pytest.mark.parametrize("resource", ["status", "molecule", "activity"])
@pytest.mark.parametrize("name", ANSWER_FAULTS)
def test_failed_answers_change_nothing(database, name, resource, after):
    times = 1 if name == "hang" or resource == "status" else 2
    with ChemblStub(database, [Fault(name, times, resource, after)], page_limit=3) as stub:
        tables = fetch(stub, "parent", timeout_seconds=0.2 if name == "hang" else 10)
    assert [request.fault for request in stub.requests].count(name) == times
    check_same(tables, expected(database, "parent"))


@pytest.mark.parametrize("resource", ["molecule", "activity"])
@pytest.mark.parametrize("name", PAGE_FAULTS)
def test_wrong_pages_change_nothing(database, name, resource):
    with ChemblStub(database, [Fault(name, 2, resource)], page_limit=3) as stub:
        tables = fetch(stub)
    assert [request.fault for request in stub.requests].count(name) == 2
    check_same(tables, expected(database, "inchikey"))


@pytest.mark.parametrize("name", PAGE_FAULTS)
def test_pages_that_never_fit_are_an_error(database, name):
    with ChemblStub(database, [Fault(name, 10_000, "activity")], page_limit=3) as stub:
        with pytest.raises(
            InputError, match=r"activity: \d+ different rows came of [\d or]+ announced"
        ):
            fetch(stub)


def test_waits_grow_and_keep_to_retry_after(database, waits, monkeypatch):
    with ChemblStub(database, [Fault("502", 7, "status")]) as stub:
        assert service_release(stub.url) == "ChEMBL_37"
    for number, wait in enumerate(waits):
        longest = min(2.0 * 2**number, 60)
        assert longest / 2 <= wait <= longest
    waits.clear()
    monkeypatch.setattr(webservice, "FIRST_WAIT", 0)
    with ChemblStub(database, [Fault("429", 2, "status")]) as stub:
        service_release(stub.url)
    assert waits == [1, 1]


@pytest.mark.parametrize(
    "name, problem",
    [
        ("502", "HTTP status 502"),
        ("html200", "the answer is not JSON"),
        ("redirect", "redirected to /chembl/api/data/activity.json"),
    ],
)
def test_attempts_are_counted_and_then_it_is_over(database, waits, name, problem):
    with ChemblStub(database, [Fault(name, 100, "activity")]) as stub:
        with pytest.raises(InputError) as caught:
            fetch(stub, attempts=3)
    assert [request.resource for request in stub.requests].count("activity") == 3
    assert len(waits) == 2
    for words in (
        stub.url,
        "cannot be reached",
        f"{problem}",
        "chembl.source: sqlite",
    ):
        assert words in str(caught.value)


def test_refused_request_is_not_repeated(database):
    with ChemblStub(database, [Fault("400", 100, "activity")]) as stub:
        with pytest.raises(InputError, match=r"HTTP status 400: EMBL-EBI Sorry\n"):
            fetch(stub)
    assert [request.resource for request in stub.requests].count("activity") == 1


def test_wrong_release_is_an_error_before_anything_is_fetched(database):
    with ChemblStub(database) as stub:
        with pytest.raises(InputError, match="holds ChEMBL_37, but .* asks for ChEMBL_36"):
            fetch(stub, release=36)
    assert [request.resource for request in stub.requests] == ["status"]


def test_release_that_changes_meanwhile_is_an_error(database):
    with ChemblStub(database, ["new_release"]) as stub:
        with pytest.raises(InputError, match="(?s)changed .* ChEMBL_37 to ChEMBL_38.*run again"):
            fetch(stub)


def test_no_network_is_said_plainly(monkeypatch):
    def unresolved(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unresolved)
    url = "https://chembl.invalid/api"
    with pytest.raises(InputError) as caught:
        service_release(url, attempts=2)
    for words in (url, "cannot be reached", "Name or service not known", "chembl.source: sqlite"):
        assert words in str(caught.value)


def test_closed_port_is_said_plainly(database):
    with ChemblStub(database) as stub:
        pass
    with pytest.raises(InputError, match="(?s)127.0.0.1.*cannot be reached.*refused"):
        service_release(stub.url, attempts=2)


@pytest.mark.parametrize("match_on", MODES)
def test_requests_are_few_and_in_order(database, match_on):
    with ChemblStub(database) as stub:
        matches, _ = fetch(stub, match_on)
    counts = {
        name: [request.resource for request in stub.requests].count(name)
        for name in ("status", "molecule", "activity")
    }
    molecules = len(set(matches["molecule_chembl_id"].to_pylist()))
    # Library keys and those of parents (9, by 5), then parents (5, by 5) and no hierarchy (1).
    asked = {"inchikey": 2, "first_block": 7, "parent": 2 + 1}
    assert counts == {
        "status": 2,
        "molecule": asked[match_on],
        "activity": 3 * -(-molecules // 3),
    }
    for request in stub.requests:
        if request.resource == "status":
            continue
        identifier = {"molecule": "molecule_chembl_id", "activity": "activity_id"}
        assert request.method == "POST"
        assert request.headers["X-HTTP-Method-Override"] == "GET"
        assert request.parameters["order_by"] == identifier[request.resource]
        assert request.parameters["limit"] == 1000


def test_nothing_is_kept_in_the_home_folder(database, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with ChemblStub(database) as stub:
        fetch(stub)
        before = len(stub.requests)
        fetch(stub)
    assert len(stub.requests) == 2 * before
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("match_on", MODES)
def test_joined_chunks_are_as_one(database, match_on):
    with ChemblStub(database) as stub:
        # Interleaved, so that one molecule is matched from both and nothing comes in order.
        chunks = [fetch(stub, match_on, COMPOUNDS.iloc[start::2]) for start in (1, 0)]
    check_same(join_chunks(*zip(*chunks, strict=True)), expected(database, match_on))


def test_library_without_matches_gives_empty_tables(database):
    with ChemblStub(database) as stub:
        for match_on in MODES:
            tables = fetch(stub, match_on, COMPOUNDS[COMPOUNDS["inchikey"] == key("Z")])
            assert [len(table) for table in tables] == [0, 0]


def test_job_is_seen_to_live(database, caplog):
    caplog.set_level("INFO")
    with ChemblStub(database, [Fault("500", 1, "activity")]) as stub:
        fetch(stub)
    text = "\n".join(record.getMessage() for record in caplog.records)
    assert re.search(r"molecules: 5 of 8 keys\n.*molecules: 8 of 8 keys", text)
    assert re.search(r"HTTP status 500; attempt 1 of 8 failed, waiting [\d.]+ s", text)
    assert re.search(r"activities: 3 of 5 molecules, \d+ so far", text)
    # The client would log each request's keys.
    assert A not in text


def test_stub_answers_like_the_service(database):
    def get(query):
        with urllib.request.urlopen(f"{stub.url}/activity.json?{query}") as answer:
            return json.load(answer)

    with ChemblStub(database) as stub:
        assert len(get("")["activities"]) == 20
        orders = {tuple(row["activity_id"] for row in get("")["activities"]) for _ in range(5)}
        assert len(orders) > 1
        assert get("")["page_meta"]["total_count"] == 150
        strong = get(
            "pchembl_value__gt=5.6&pchembl_value__lte=7.25&only=standard_type,pchembl_value"
        )
        assert {row["pchembl_value"] for row in strong["activities"]} == {"7.25"}
        # "type" is part of "standard_type", and "value" of "pchembl_value".
        fields = {"type", "standard_type", "value", "pchembl_value"}
        assert set(strong["activities"][0]) == fields
        last = get("order_by=activity_id&limit=50&offset=140")
        assert [row["activity_id"] for row in last["activities"]] == list(range(991, 1001))
        assert last["page_meta"]["next"] is None
        row = get("only=standard_value&standard_value__gte=2500&limit=1")["activities"][0]
        assert row["standard_value"] == "2500.0"


@pytest.mark.parametrize("match_on", MODES)
def test_counts_are_those_of_the_dump(database, match_on):
    """What is left out, and what other rules would match, in two chunks of the library."""
    compounds = COMPOUNDS.assign(smiles=[None, *["CC(=O)C"] * (len(COMPOUNDS) - 1)])

    def tautomer_keys(smiles):
        return [[key("H"), key("X")] for _ in smiles]

    matches, activities = extract_activities(database, compounds, match_on, 37)
    left_out = dump_counts.count_left_out(database, matches)
    with sqlite3.connect(database) as connection:
        names = set(matches["molecule_chembl_id"].to_pylist())
        ids = [name.removeprefix("CHEMBL") for name in names]
        (number,) = connection.execute(
            f"SELECT count(*) FROM activities WHERE molregno IN ({', '.join(ids)})"
        ).fetchone()
    assert len(activities) + sum(left_out["activities"].to_pylist()) == number
    unmatched = unmatched_compounds(compounds, matches.to_pandas())
    near = dump_counts.count_near_matches(database, unmatched, match_on, tautomer_keys)
    with ChemblStub(database) as stub:
        parts = []
        for chunk in (compounds.iloc[:3], compounds.iloc[3:]):
            found, _ = fetch_compounds(chunk, match_on, 37, stub.url)
            part = unmatched_compounds(chunk, found.to_pandas())
            parts.append(
                (
                    webservice_counts.count_left_out(found, stub.url),
                    webservice_counts.count_near_matches(part, match_on, tautomer_keys, stub.url),
                )
            )
    kinds, nears = zip(*parts, strict=True)
    in_order = [(name, "ascending") for name in left_out.column_names]
    joined = webservice_counts.join_left_out(list(kinds))
    assert joined.sort_by(in_order).to_pylist() == left_out.sort_by(in_order).to_pylist()
    assert webservice_counts.join_near_matches(list(nears)).to_pylist() == near.to_pylist()
    if match_on == "inchikey":
        # A_RIGHT by its block; Y, whose parent is C, by it; both by a tautomer, as made up here.
        assert near.to_pylist() == [
            {"match_on": "first_block", "unmatched": 3, "looked_up": 3, "would_match": 1},
            {"match_on": "parent", "unmatched": 3, "looked_up": 3, "would_match": 1},
            {"match_on": "tautomer", "unmatched": 3, "looked_up": 3, "would_match": 3},
        ]
