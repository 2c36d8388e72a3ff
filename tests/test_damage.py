"""Damage to what one stage hands to another ends in the right result or in an error of the file.

The files are found from the workflow's own jobs: inputs that are outputs of another rule.
"""

import ast
import json
import os
import random
import shutil
import sqlite3
import time
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import DEMO, OWN_LIBRARY, SCRIPTS, _run, plan, snakemake
from snakemake.iocontainers import Namedlist

from paintassay.core import tables
from paintassay.core.checksums import compare_files, damaged_files, notes_folder, write_notes
from paintassay.core.errors import InputError
from paintassay.core.files import read_json
from paintassay.core.parquet import write_sealed
from paintassay.core.sqlite import immutable_uri
from paintassay.images.intact import check_some_views
from paintassay.labels.tables import ASSAYS, LABELS
from paintassay.plan.results import check_settings, lock_results, remember_settings
from paintassay.predictions.tables import prediction_table, read_predictions

LIBRARY = SCRIPTS / "paintassay"
SOURCES = [*sorted(LIBRARY.rglob("*.py")), *sorted(SCRIPTS.glob("*.py"))]
RESULTS = Path("results/demo")

# Parquet


def some_labels(rows=400):
    keys = [f"{number:014d}-UHFFFAOYSA-N" for number in range(rows)]
    return pd.DataFrame({"inchikey": keys, "task": "CHEMBL1_5.5", "label": [1, -1] * (rows // 2)})


def test_no_bit_of_a_table_flips_unseen(tmp_path):
    """Before there were checksums, 38 to 68 % of such tables were read as if they were whole."""
    path, seed = tmp_path / "labels.parquet", random.Random(1)
    tables.write_parquet(some_labels(), path, LABELS)
    content, table = path.read_bytes(), tables.read_parquet(path, LABELS)
    refused = 0
    for bit in seed.sample(range(8 * len(content)), 1500):
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        try:
            assert tables.read_parquet(path, LABELS).equals(table), bit
        except InputError as error:
            assert str(error).startswith(f"{path}: ") and "\n" not in error.problem
            refused += 1
    # What is read in spite of it is the mark of the checksum itself.
    assert refused > 1450


@pytest.mark.parametrize("kept", [0, 3, 200, -1, -8])
def test_cut_table_is_one_line_with_a_cure(kept, tmp_path):
    path = tmp_path / "labels.parquet"
    tables.write_parquet(some_labels(), path, LABELS)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(InputError, match="not a whole Parquet file|is damaged") as caught:
        tables.read_parquet(path, LABELS)
    assert caught.value.hint.startswith("delete it and run the same command again")


def test_table_is_the_same_each_time_and_other_programs_check_its_pages(tmp_path):
    paths = [tmp_path / "one.parquet", tmp_path / "two.parquet"]
    for path in paths:
        tables.write_parquet(some_labels(), path, LABELS)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    content = bytearray(paths[0].read_bytes())
    content[100] ^= 1
    paths[0].write_bytes(content)
    with pytest.raises(OSError, match="CRC checksum verification failed"):
        pq.read_table(paths[0], page_checksum_verification=True)


def calls_of(names):
    """Calls of functions with these names in the library and the scripts: (path, call)."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in names:
                yield path, node


def test_every_reader_of_parquet_compares_page_checksums():
    readers = {"pq.ParquetFile", "pq.read_table", "pd.read_parquet", "pyarrow.parquet.read_table"}
    calls = list(calls_of(readers))
    assert calls
    for path, call in calls:
        keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
        assert keywords.get("page_checksum_verification") == "True", f"{path}:{call.lineno}"


def test_every_writer_of_parquet_writes_checksums():
    writers = {"pq.write_table", "pq.ParquetWriter", "pyarrow.parquet.write_table"}
    for path, call in calls_of(writers):
        if "demo" in path.parts:
            # What stands for the files of other programs.
            continue
        keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
        assert keywords.get("write_page_checksum") == "True", f"{path}:{call.lineno}"


@pytest.mark.parametrize(
    ("label", "said"), [(0, "the value 0"), (3, "the value 3"), (None, "a missing value")]
)
def test_labels_that_cannot_be_are_refused(label, said, tmp_path):
    # As another program writes it.
    schema = pa.schema([field.with_nullable(True) for field in LABELS])
    table = pa.Table.from_pylist([{"inchikey": "a", "task": "t", "label": label}], schema)
    write_sealed(table, tmp_path / "labels.parquet")
    with pytest.raises(InputError, match=f"row 1 has {said} in column label, which cannot be"):
        tables.read_parquet(tmp_path / "labels.parquet", LABELS)


def test_a_probability_of_7e37_is_refused_and_one_of_rounding_is_not(tmp_path):
    keys = pd.DataFrame({"replicate": [1], "inchikey": "a", "part": "test", "views": 1})
    for score, is_possible in [(7.7e37, False), (-0.1, False), (np.float32(1) + 1e-7, True)]:
        scores = np.full((1, 1), score, np.float32)
        write_sealed(prediction_table("compounds", keys, scores, ["t"]), tmp_path / "c.parquet")
        if is_possible:
            read_predictions("compounds", tmp_path / "c.parquet")
        else:
            with pytest.raises(InputError, match="column t, which cannot be"):
                read_predictions("compounds", tmp_path / "c.parquet")


@pytest.mark.parametrize("text", ["", "TASK\n", "TASK,ACTIVES\na,b,c\n", "\xff"])
def test_damaged_csv_is_one_line(text, tmp_path):
    (tmp_path / "assays.csv").write_text(text, encoding="latin-1")
    with pytest.raises(InputError, match=r"assays\.csv: ") as caught:
        tables.read_csv(tmp_path / "assays.csv", ASSAYS)
    assert "\n" not in caught.value.problem


def test_damaged_json_is_one_line(tmp_path):
    (tmp_path / "summary.json").write_text('{"views": 1')
    with pytest.raises(InputError, match=r"summary\.json: is not a whole JSON file"):
        read_json(tmp_path / "summary.json")


# Checksums of files


def test_note_is_that_of_sha256sum_and_stays_right_where_the_results_move(tmp_path):
    (tmp_path / "here" / "labels").mkdir(parents=True)
    path = tmp_path / "here" / "labels" / "assays.csv"
    path.write_text("abc")
    write_notes(tmp_path / "here", [path])
    # FIPS 180-2, appendix B.1: the SHA-256 of "abc".
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    note = notes_folder(tmp_path / "here") / "labels" / "assays.csv"
    assert note.read_text() == f"{digest}  labels/assays.csv\n"
    moved = (tmp_path / "here").rename(tmp_path / "there")
    compare_files([moved / "labels" / "assays.csv"])
    (moved / "labels" / "assays.csv").write_text("abd")
    with pytest.raises(InputError, match=r"assays\.csv: its content is not what the job wrote"):
        compare_files([moved / "labels" / "assays.csv"])
    assert damaged_files(moved) == ([moved / "labels" / "assays.csv"], 1)


def test_files_of_a_folder_are_noted_one_by_one(tmp_path):
    (tmp_path / "screen" / "images").mkdir(parents=True)
    files = [tmp_path / "screen" / "images" / f"P{number}.zip" for number in (1, 2)]
    for path in files:
        path.write_bytes(path.name.encode())
    write_notes(tmp_path, [tmp_path / "screen" / "images"])
    files[0].write_bytes(b"another")
    compare_files([files[1]])
    for damaged in (files[0], tmp_path / "screen" / "images"):
        with pytest.raises(InputError, match=r"P1\.zip: its content"):
            compare_files([damaged])
    files[0].unlink()
    with pytest.raises(InputError, match=r"P1\.zip: .* is missing"):
        compare_files([tmp_path / "screen" / "images"])


@pytest.mark.parametrize("text", ["", "nonsense"])
def test_damaged_note_is_an_error_of_the_note(text, tmp_path):
    (tmp_path / "a.csv").write_text("a")
    write_notes(tmp_path, [tmp_path / "a.csv"])
    (notes_folder(tmp_path) / "a.csv").write_text(text)
    with pytest.raises(InputError, match="this note of a checksum is damaged"):
        compare_files([tmp_path / "a.csv"])


# Any damage to any file

KINDS = ["flip", "cut", "empty", "older copy"]


@pytest.fixture(scope="module")
def readings(project):
    """Of each rule and input of the demo a job and a file: by (rule, input)."""
    early = {"build_demo_library", "build_demo_screen", "list_plates"}
    late = {path.stem for path in SCRIPTS.glob("*.py")} - early
    absent = {"retrieve_chembl", "retrieve_table", "retrieve_plate_maps"}
    late -= absent | {"fetch_activities", "join_activities", "check_shards"}
    jobs = plan(project, DEMO, "all", "--forcerun", *sorted(late), root=project).jobs
    # Snakemake leaves out a job that was named if an ancient input of it is to be made, too.
    named = plan(project, DEMO, "all", "--forcerun", "read_profiles", root=project)
    jobs += named.of("read_profiles")
    jobs += plan(project, DEMO, "verify_shards", root=project).of("check_shards")
    plates = RESULTS / "images" / "plates.csv"
    jobs += plan(project, DEMO, plates, "--forceall", root=project).jobs
    jobs = [job for job in jobs if job["script"]]
    found = {}
    for job in jobs:
        for name, (first, last) in job["input"]["names"].items():
            paths = job["input"]["paths"][first : first + 1 if last is None else last]
            for path in paths[:1]:
                found.setdefault((job["rule"], name), (job, Path(path)))
    # All rules of the demo but that which reads nothing.
    assert {rule for rule, _ in found} == late | early - {"build_demo_library"} | {"check_shards"}
    return found


def damage(path, kind, seed):
    """Other content for a file: damaged, or that of an earlier run."""
    content = path.read_bytes()
    if kind == "empty":
        return b""
    if kind == "cut":
        return content[: seed.randrange(len(content))]
    if kind == "older copy":
        older = _older(path)
        if older is not None and older != content:
            return older
    place = seed.randrange(len(content))
    return content[:place] + bytes([content[place] ^ 1 << seed.randrange(8)]) + content[place + 1 :]


def _older(path):
    """A whole file of this kind with less in it."""
    if path.suffix == ".parquet":
        table = pq.read_table(path)
        other = path.with_name("other.parquet")
        write_sealed(table.slice(0, len(table) - 1), other)
        content = other.read_bytes()
        other.unlink()
        return content
    if path.suffix in (".csv", ".txt", ".jsonl", ".md", ".mtx"):
        return b"".join(path.read_bytes().splitlines(keepends=True)[:-1])
    if path.suffix == ".json":
        return json.dumps(json.loads(path.read_text()), indent=1).encode()
    return None


@contextmanager
def damaged(path, content):
    """A file with other content, dated as before."""
    kept = path.with_name(f"{path.name}.kept")
    # It may be linked to other results, so it is not written into.
    path.rename(kept)
    try:
        path.write_bytes(content)
        times = kept.stat()
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        yield
    finally:
        kept.replace(path)


def run_elsewhere(job, folder, out):
    """Run a job's script on the inputs of a project, with outputs in another folder."""

    def rebuilt(files, move):
        result = Namedlist()
        paths = files["paths"]
        result.extend(str(out / Path(path).relative_to(RESULTS)) for path in paths) if (
            move
        ) else result.extend(paths)
        result._take_names(files["names"].items())
        return result

    parts = {name: rebuilt(job[name], name != "input") for name in ("input", "output", "log")}
    params = Namedlist(fromdict=job["params"])
    _run(job["rule"], folder, job["wildcards"], 1, params=params, **parts)


def outcome(job, path, content, folder, out):
    """What a reading script makes of damage: "refused", "right", or a text that says what not."""
    shutil.rmtree(out, ignore_errors=True)
    with damaged(folder / path, content):
        try:
            run_elsewhere(job, folder, out)
        except SystemExit as end:
            first = str(end.code).splitlines()[0]
            # Of a shard, the view that is damaged may be named in a table below.
            is_named = str(path) in first or path.name in str(end.code)
            return "refused" if first.startswith("Error: ") and is_named else f"unnamed: {first}"
        except Exception as error:
            return f"raw: {error!r}"
    same = all(
        (out / Path(made).relative_to(RESULTS)).read_bytes() == (folder / made).read_bytes()
        for made in job["output"]["paths"]
        if (folder / made).is_file()
    )
    return "right" if same else "silent"


def fuzz(readings, project, tmp_path, tries, seed):
    """Damage files at random, each rule and input in turn; what came of it."""
    seed, outcomes = random.Random(seed), {}
    places = sorted(readings)
    for number in range(tries):
        key = places[number % len(places)]
        job, path = readings[key]
        if (project / path).is_dir():
            inside = sorted(file for file in (project / path).rglob("*") if file.is_file())
            path = seed.choice(inside).relative_to(project)
        kind = seed.choice(KINDS)
        content = damage(project / path, kind, seed)
        outcomes[number, *key, kind] = outcome(job, path, content, project, tmp_path / "out")
    return outcomes


def report(outcomes):
    counts = pd.Series(outcomes.values()).str.split(":").str[0].value_counts().to_dict()
    print(f"{len(outcomes)} tries of damage: {counts}")
    bad = {key: what for key, what in outcomes.items() if what not in ("refused", "right")}
    assert not bad, bad


def test_damage_between_stages_is_never_silent(readings, project, tmp_path):
    """Each rule and each input of it once; a minute."""
    report(fuzz(readings, project, tmp_path, len(readings), seed=1))


@pytest.mark.long
def test_damage_between_stages_is_never_silent_in_many_tries(readings, project, tmp_path):
    report(fuzz(readings, project, tmp_path, 20 * len(readings), seed=2))


def test_damaged_list_of_plates_stops_the_plan(project):
    path = RESULTS / "images" / "plates.csv"
    lines = (project / path).read_bytes().splitlines(keepends=True)
    with damaged(project / path, b"".join(lines[:-1])):
        run = snakemake(project, DEMO, "images", "--dry-run", root=project)
    assert run.returncode == 1
    assert "images/plates.csv: its content is not what the job wrote" in run.stderr


# Verification


def test_every_byte_is_read_each_time_somebody_asks(project):
    """The date of a damaged file stays, so nothing but its content tells."""
    shard = project / RESULTS / "images" / "shards" / "DEMO1.npy"
    for _ in range(2):
        run = snakemake(project, DEMO, "verify_shards", root=project)
        assert run.returncode == 0 and "check_shards" in run.stdout + run.stderr, run.stderr[-3000:]
    content = bytearray(shard.read_bytes())
    content[-1000] ^= 1
    with damaged(shard, content):
        run = snakemake(project, DEMO, "verify_shards", root=project)
    assert run.returncode == 1 and "DEMO1.npy" in run.stderr
    # Not only shards.
    funnel = project / RESULTS / "labels" / "pchembl_funnel.json"
    with damaged(funnel, funnel.read_bytes() + b" "):
        run = snakemake(project, DEMO, "verify", root=project)
    assert run.returncode == 1 and "labels/pchembl_funnel.json" in run.stderr
    assert snakemake(project, DEMO, "verify", root=project).returncode == 0


# One results folder, two working folders


@pytest.fixture
def two_folders(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "library.csv").write_text("compound_id,smiles\na,CCO\n")
    return tmp_path / "one", tmp_path / "two", {"results": str(tmp_path / "results")}


def test_another_folder_with_other_settings_is_refused(two_folders):
    one, two, config = two_folders
    config = config | {"compounds": OWN_LIBRARY, "labels": {"thresholds": [5.5]}}
    other = config | {"labels": {"thresholds": [6.5]}}
    target = f"{config['results']}/compounds/compounds.parquet"
    dry = snakemake(one, config, target, "--dry-run")
    assert dry.returncode == 0 and not Path(config["results"]).exists()
    assert snakemake(one, config, target).returncode == 0
    # With the same settings nothing is to be done; from a copy of the folder neither.
    same = snakemake(two, config, target)
    assert same.returncode == 0 and "Nothing to be done" in same.stdout + same.stderr
    for dry_run in ([], ["--dry-run"]):
        run = snakemake(two, other, target, *dry_run)
        assert run.returncode == 1
        [line] = [line for line in run.stderr.splitlines() if line.startswith("Error: ")]
        assert "labels.thresholds ([5.5] there, [6.5] here)" in line
        assert "Hint: " in run.stderr and "Traceback" not in run.stderr
    # The folder that made them may change its settings, and computes them elsewhere as it likes.
    assert snakemake(one, other, target).returncode == 0
    assert snakemake(two, config | {"training": {"device": "cpu"}}, target).returncode == 0
    # Another library under the same name.
    (two / "library.csv").write_text("compound_id,smiles\nb,CCC\n")
    before = Path(target).stat().st_mtime
    os.utime(two / "library.csv", (before - 10, before - 10))
    run = snakemake(two, config, target)
    assert run.returncode == 1 and "the content of library.csv" in run.stderr


def test_two_runs_do_not_share_a_results_folder(two_folders, monkeypatch):
    one, two, config = two_folders
    config = config | {"compounds": OWN_LIBRARY}
    monkeypatch.chdir(one)
    lock_results(config["results"])
    target = f"{config['results']}/compounds/compounds.parquet"
    run = snakemake(two, config, target)
    assert run.returncode == 1
    assert f"another run is at work on these results, in folder {one}" in run.stderr
    assert not Path(target).exists()
    assert snakemake(two, config, target, "--dry-run").returncode == 0


def test_lock_that_a_crashed_run_left_locks_nobody_out(two_folders):
    _, two, config = two_folders
    memory = Path(config["results"]) / ".paintassay"
    memory.mkdir(parents=True)
    (memory / "lock").write_text('{"folder": "/elsewhere", "process": 1}')
    target = f"{config['results']}/compounds/compounds.parquet"
    assert snakemake(two, config | {"compounds": OWN_LIBRARY}, target).returncode == 0


def test_settings_of_a_part_stay_noted_until_all_is_made(tmp_path):
    (tmp_path / "a.csv").write_text("a")
    write_notes(tmp_path, [tmp_path / "a.csv"])
    first, second = {"labels": {"minimum": 1}}, {"labels": {"minimum": 2}}
    remember_settings(tmp_path, first, [])
    remember_settings(tmp_path, second, [])
    for config in (first, second):
        with pytest.raises(InputError, match="labels.minimum"):
            check_settings(tmp_path, config, lambda path: False)
        check_settings(tmp_path, config, lambda path: True)
    remember_settings(tmp_path, second, [], complete=True)
    check_settings(tmp_path, second, lambda path: False)
    with pytest.raises(InputError, match=r"labels.minimum \(2 there, 1 here\)"):
        check_settings(tmp_path, first, lambda path: False)


def test_settings_hold_no_password(tmp_path):
    root = "https://user:secret@example.org/plates/{plate}?token=secret"
    remember_settings(tmp_path, {"images": {"root": root}}, [])
    text = (tmp_path / ".paintassay" / "settings.json").read_text()
    assert "secret" not in text and "https://example.org/plates/{plate}" in text


# SQLite


def database_with(path, mode):
    """A database of 1,000 nuclei of which the last 990 are still in a file beside it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute(f"PRAGMA journal_mode = {mode}")
        writer.execute("CREATE TABLE Nuclei (number INTEGER)")
        writer.executemany("INSERT INTO Nuclei VALUES (?)", [(n,) for n in range(10)])
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("PRAGMA cache_size = 1")
    writer.execute("PRAGMA wal_autocheckpoint = 0")
    writer.execute("BEGIN")
    writer.executemany("INSERT INTO Nuclei VALUES (?)", [(n,) for n in range(10, 100_000)])
    if mode == "WAL":
        writer.execute("COMMIT")
    return writer


@pytest.mark.parametrize(("mode", "beside"), [("WAL", "-wal"), ("DELETE", "-journal")])
def test_database_with_changes_beside_it_is_refused(mode, beside, tmp_path):
    path = tmp_path / "P1.sqlite"
    with closing(database_with(path, mode)):
        # As a program leaves them that was killed.
        for name in (path, Path(f"{path}{beside}")):
            shutil.copy(name, tmp_path / name.name.replace("P1", "P2"))
    copy = tmp_path / "P2.sqlite"
    with pytest.raises(InputError, match=rf"P2\.sqlite: .*P2\.sqlite{beside}") as caught:
        immutable_uri(copy)
    # The hint helps.
    statement = caught.value.hint.split("'")[1]
    with closing(sqlite3.connect(copy)) as database:
        database.execute(statement).fetchall()
    with closing(sqlite3.connect(immutable_uri(copy), uri=True)) as database:
        [(number,)] = database.execute("SELECT COUNT(*) FROM Nuclei")
    assert number == (100_000 if mode == "WAL" else 10)


def test_every_database_is_opened_by_one_function():
    opened = list(calls_of({"sqlite3.connect", "adbc_driver_sqlite.dbapi.connect"}))
    readers = [(path, call) for path, call in opened if "demo" not in path.parts]
    assert len(readers) >= 2
    for path, _ in readers:
        assert "immutable_uri(" in path.read_text(), path
    assert [path.name for path in SOURCES if "immutable=1" in path.read_text()] == ["sqlite.py"]


# Shards


def test_training_notices_shards_that_were_exchanged(demo, tmp_path):
    manifest = pd.read_parquet(demo / "dataset" / "views.parquet")
    names = sorted(manifest["shard"].unique())
    for name in names:
        shutil.copy(demo / "images" / "shards" / name, tmp_path)
    started = time.monotonic()
    assert check_some_views(manifest, tmp_path) >= 64
    assert time.monotonic() - started < 5
    # The same shape, so that nothing else tells.
    shutil.copy(tmp_path / names[0], tmp_path / "kept")
    shapes = {name: (tmp_path / name).stat().st_size for name in names}
    other = next((name for name in names[1:] if shapes[name] == shapes[names[0]]), None)
    if other is None:
        pixels = np.load(tmp_path / names[0], allow_pickle=False)
        np.save(tmp_path / names[0], np.roll(pixels, 1, axis=0))
    else:
        (tmp_path / other).replace(tmp_path / names[0])
        (tmp_path / "kept").replace(tmp_path / other)
    with pytest.raises(InputError, match=r"\.npy: view .* is not what the manifest says") as caught:
        check_some_views(manifest, tmp_path)
    assert "delete" in caught.value.hint


def test_whatever_a_script_reads_and_writes_is_handed_to_its_job():
    for path in sorted(SCRIPTS.glob("*.py")):
        [call] = [call for place, call in calls_of({"job"}) if place == path]
        assert len(call.args) == 3, path
