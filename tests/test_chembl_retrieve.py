"""The retrieval of a ChEMBL dump, against a web server with every bad habit there is."""

import hashlib
import io
import random
import shutil
import sqlite3
import tarfile
from types import SimpleNamespace

import pytest
from download_stub import running_site

from paintassay.chembl import downloads
from paintassay.chembl import retrieve as chembl_retrieve
from paintassay.core.errors import InputError

FOLDER, NAME = "/chembl_24_1", "chembl_24_1_sqlite.tar.gz"


def tar_gz(members):
    """An archive with the given (name, content) members."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """An SQLite file too random to be compressed away, and so large that halves are chunks."""
    path = tmp_path_factory.mktemp("dump") / "any.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE version (name TEXT, noise BLOB)")
        noise = random.Random(0).randbytes(600_000)
        connection.execute("INSERT INTO version VALUES ('ChEMBL_24.1', ?)", (noise,))
    connection.close()
    return path.read_bytes()


@pytest.fixture
def site(database, monkeypatch):
    """A running server with one sound release; waits between tries are skipped."""
    monkeypatch.setattr(downloads.time, "sleep", lambda seconds: None)
    with running_site() as server:
        content = tar_gz([("chembl_24_1/README", b"read me"), ("chembl_24_1/c.db", database)])
        publish(server, content)
        yield server


def publish(server, archive, line="{sha256}  ./{name}\n"):
    """Put an archive and its line of checksums.txt on the server."""
    digest = hashlib.sha256(archive).hexdigest()
    other = f"{'0' * 64}  chembl_24_1_mysql.tar.gz\n"
    server.files[f"{FOLDER}/{NAME}"] = server.changed = archive
    text = other + line.format(sha256=digest, name=NAME)
    server.files[f"{FOLDER}/checksums.txt"] = text.encode()
    return digest


def retrieve(site, path, **options):
    return chembl_retrieve.retrieve_dump(f"{site.url}{FOLDER}/{NAME}", path, **options)


def names(folder):
    return sorted(file.name for file in folder.iterdir())


def test_dump_is_verified_unpacked_and_alone(site, tmp_path, database):
    path = tmp_path / "new" / "chembl.db"
    archive = site.changed
    assert retrieve(site, path) == {
        "url": f"{site.url}{FOLDER}/{NAME}",
        "sha256": hashlib.sha256(archive).hexdigest(),
        "bytes": len(archive),
    }
    assert path.read_bytes() == database
    assert names(path.parent) == ["chembl.db"]


def test_dropped_connections_are_continued_where_they_broke(site, tmp_path, database):
    site.habits = ["drop", "busy", "short", "drop"]
    retrieve(site, tmp_path / "c.db", attempts=2)
    starts = [int(span[6:-1]) for span in site.requests[1:]]
    assert site.requests[0] is None and len(starts) == 4
    assert 0 < starts[0] == starts[1] < starts[2] < starts[3]
    assert (tmp_path / "c.db").read_bytes() == database


def test_killed_job_is_continued_by_the_next(site, tmp_path, database, monkeypatch):
    # The first try gets half, the second nothing.
    site.habits = ["drop", "busy"]
    with pytest.raises(InputError, match="gave up after 1 tries"):
        retrieve(site, tmp_path / "c.db", attempts=1)
    assert names(tmp_path) == ["c.db.tar.gz.part", "c.db.tar.gz.part.json"]
    have = (tmp_path / "c.db.tar.gz.part").stat().st_size

    def killed(*paths):
        raise KeyboardInterrupt

    # Once more, after the last byte and before unpacking.
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(chembl_retrieve, "_unpack", killed)
        retrieve(site, tmp_path / "c.db")
    assert site.requests[2:] == [f"bytes={have}-"]
    retrieve(site, tmp_path / "c.db")
    assert len(site.requests) == 3
    assert (tmp_path / "c.db").read_bytes() == database


def test_server_that_ignores_range_starts_from_zero_but_not_for_ever(site, tmp_path, database):
    site.ranges, site.habits = False, ["drop", "drop"]
    retrieve(site, tmp_path / "c.db")
    assert (tmp_path / "c.db").read_bytes() == database
    site.habits = ["drop"] * 100
    with pytest.raises(InputError, match="gave up after 3 tries"):
        retrieve(site, tmp_path / "d.db", attempts=3)
    assert len(site.habits) == 96


def test_changed_file_is_not_glued_to_the_old_one(site, tmp_path, database):
    sound = site.changed
    site.files[f"{FOLDER}/{NAME}"] = bytes(len(sound))
    site.habits = ["drop", "change"]
    retrieve(site, tmp_path / "c.db")
    assert (tmp_path / "c.db").read_bytes() == database


@pytest.mark.parametrize("same_digest", [True, False])
def test_part_of_something_else_is_thrown_away(site, tmp_path, database, same_digest):
    digest = hashlib.sha256(site.changed).hexdigest() if same_digest else "f" * 64
    (tmp_path / "c.db.tar.gz.part").write_bytes(bytes(len(site.changed) + 1))
    (tmp_path / "c.db.tar.gz.part.json").write_text(
        f'{{"url": "{site.url}{FOLDER}/{NAME}", "sha256": "{digest}", '
        '"validator": null, "bytes": null}'
    )
    retrieve(site, tmp_path / "c.db")
    # A part that is too long is refused with status 416; one of another archive is not offered.
    assert site.requests == ([f"bytes={len(site.changed) + 1}-", None] if same_digest else [None])
    assert (tmp_path / "c.db").read_bytes() == database


def test_wrong_checksum_deletes_the_archive(site, tmp_path):
    site.files[f"{FOLDER}/{NAME}"] = b"x" + site.changed[1:]
    digest = hashlib.sha256(b"x" + site.changed[1:]).hexdigest()
    published = hashlib.sha256(site.changed).hexdigest()
    with pytest.raises(InputError, match=f"(?s){digest}.*{published}"):
        retrieve(site, tmp_path / "c.db")
    assert names(tmp_path) == []


@pytest.mark.parametrize("line", [None, "", "{sha256}  old_{name}\n", "d41d8cd98f00  {name}\n"])
def test_without_a_checksum_nothing_is_downloaded(site, tmp_path, line):
    if line is None:
        del site.files[f"{FOLDER}/checksums.txt"]
    else:
        publish(site, site.changed, line)
    with pytest.raises(InputError, match=r"(?s)checksums.txt.*chembl\.sqlite"):
        retrieve(site, tmp_path / "c.db")
    assert site.requests == [] and names(tmp_path) == []


def test_missing_archive_is_not_asked_for_again(site, tmp_path):
    del site.files[f"{FOLDER}/{NAME}"]
    with pytest.raises(InputError, match="404"):
        retrieve(site, tmp_path / "c.db")


def test_full_disk_is_noticed_before_the_download(site, tmp_path, monkeypatch):
    monkeypatch.setattr(chembl_retrieve, "UNPACKED_RATIO", 10_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=3e9))
    with pytest.raises(InputError, match=r"3\.0 GB are free, but 6\.\d GB are needed"):
        retrieve(site, tmp_path / "c.db")
    assert not (tmp_path / "c.db.tar.gz.part").exists()


def test_names_in_the_archive_are_not_used_as_paths(site, tmp_path, database):
    publish(site, tar_gz([("../../evil.db", database)]), "{sha256} *{name}\n")
    path = tmp_path / "a" / "b" / "c.db"
    retrieve(site, path)
    assert path.read_bytes() == database
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == ["c.db"]


@pytest.mark.parametrize(
    "members, message",
    [
        ([("chembl/README", b"x")], "found: none"),
        ([("a.db", b"SQLite format 3\x00"), ("b.db", b"x")], "found: a.db, b.db"),
        ([("a.db", b"not a database")], "not an SQLite 3 file"),
    ],
)
def test_archive_must_hold_one_database(site, tmp_path, members, message):
    publish(site, tar_gz(members))
    (tmp_path / "c.db").write_text("the old one")
    with pytest.raises(InputError, match=message):
        retrieve(site, tmp_path / "c.db")
    assert (tmp_path / "c.db").read_text() == "the old one"
