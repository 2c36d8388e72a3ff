"""Reading from files, archives and s3: what is there comes out, damage is named."""

import struct
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paintassay.core.errors import InputError
from paintassay.images import storage
from paintassay.images.storage import (
    UnreachableError,
    list_folder,
    member_names,
    opened_archives,
    read_bytes,
)

CONTENT = {f"p-DNA/{number}.tif": bytes([number]) * 5000 for number in range(40)}
CONTENT["p-DNA/noise.tif"] = bytes((i * i + i // 7) % 251 for i in range(70_000))


def pack(path, content, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return path


def patch_directory(path, member, field, value):
    """Change a field of a member's entry in the directory; offsets by PKWARE's APPNOTE 4.3.12."""
    offset, form = {"flags": (8, "<H"), "crc": (16, "<L"), "size": (24, "<L")}[field]
    data = bytearray(path.read_bytes())
    entry = data.rindex(b"PK\1\2", 0, data.rindex(member.encode()))
    struct.pack_into(form, data, entry + offset, value)
    path.write_bytes(data)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_members_and_files(tmp_path, method):
    archive = pack(tmp_path / "p-DNA.zip", CONTENT, method)
    assert member_names(archive) == list(CONTENT)
    assert read_bytes(archive, "p-DNA/7.tif") == CONTENT["p-DNA/7.tif"]
    for no_member in (None, float("nan")):
        assert read_bytes(str(archive), no_member) == archive.read_bytes()
    (tmp_path / "folder").mkdir()
    assert list_folder(tmp_path) == (["p-DNA.zip"], ["folder"])


def test_many_threads_read_one_archive(tmp_path):
    place = pack(tmp_path / "p-DNA.zip", CONTENT)
    names = list(CONTENT) * 20
    with opened_archives() as read, ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda name: read(place, name), names)) == [CONTENT[n] for n in names]
        # The archive stays open: it is read even when its name is gone.
        place.unlink()
        assert read(place, "p-DNA/3.tif") == CONTENT["p-DNA/3.tif"]


@given(st.dictionaries(st.text("abc/ä", min_size=1), st.binary(max_size=300), max_size=8))
def test_any_member_comes_back(tmp_path_factory, content):
    place = pack(tmp_path_factory.mktemp("zip") / "a.zip", content)
    with opened_archives() as read:
        for name, data in content.items():
            assert read(place, name) == data


def test_local_header_with_a_long_extra_field(tmp_path):
    place = tmp_path / "a.zip"
    info = zipfile.ZipInfo("x.tif")
    info.extra = struct.pack("<HH", 0x9999, 3000) + bytes(3000)
    with zipfile.ZipFile(place, "w") as archive:
        archive.writestr(info, b"pixels" * 100)
    assert read_bytes(place, "x.tif") == b"pixels" * 100


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("flags", 1, "is encrypted"),
        ("crc", 0, "checksum"),
        ("size", 4999, "inflates beyond its declared 4999 bytes"),
        ("size", 2**30, "has 1073741824 bytes"),
    ],
)
def test_false_entries_are_named_and_the_others_read(tmp_path, field, value, problem):
    place = pack(tmp_path / "p-DNA.zip", CONTENT)
    patch_directory(place, "p-DNA/7.tif", field, value)
    with opened_archives() as read:
        with pytest.raises(InputError, match=f"p-DNA.zip, member p-DNA/7.tif.*{problem}"):
            read(place, "p-DNA/7.tif")
        assert read(place, "p-DNA/8.tif") == CONTENT["p-DNA/8.tif"]


def test_flipped_byte(tmp_path):
    place = pack(tmp_path / "p-DNA.zip", CONTENT, zipfile.ZIP_STORED)
    data = bytearray(place.read_bytes())
    data[data.index(b"\x07" * 100)] ^= 1
    place.write_bytes(data)
    with pytest.raises(InputError, match="member p-DNA/7.tif: is damaged"):
        read_bytes(place, "p-DNA/7.tif")


@pytest.mark.parametrize("share", [0, 0.3, 0.9, 0.9999])
def test_archive_cut_off(tmp_path, share):
    whole = pack(tmp_path / "whole.zip", CONTENT).read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InputError, match="cut.zip: is no complete zip archive"):
        read_bytes(tmp_path / "cut.zip", "p-DNA/7.tif")


def test_missing_things(tmp_path):
    place = pack(tmp_path / "p-DNA.zip", CONTENT)
    with pytest.raises(InputError, match="member p-DNA/x.tif: is not in the archive"):
        read_bytes(place, "p-DNA/x.tif")
    for look in (read_bytes, member_names, list_folder):
        with pytest.raises(InputError, match="nothing: does not exist"):
            look(tmp_path / "nothing")
    with pytest.raises(InputError, match="p-DNA.zip: does not exist or is not of the right kind"):
        list_folder(place)
    with pytest.raises(InputError, match="does not exist or is not of the right kind"):
        read_bytes(tmp_path)


def test_s3(tmp_path, s3_bucket):
    archive = pack(tmp_path / "p-DNA.zip", CONTENT)
    for name, data in {
        "p-DNA.zip": archive.read_bytes(),
        "p-DNA/1.tif": b"1",
        "empty": b"",
    }.items():
        s3_bucket.put_object(Bucket="gallery", Key=f"plates/{name}", Body=data, ACL="public-read")
    place = "s3://gallery/plates/p-DNA.zip"
    assert list_folder("s3://gallery/plates/") == (["empty", "p-DNA.zip"], ["p-DNA"])
    s3_bucket.put_object(Bucket="gallery", Key="plates/later", Body=b"", ACL="public-read")
    assert "later" in list_folder("s3://gallery/plates")[0]
    assert member_names(place) == list(CONTENT)
    assert read_bytes("s3://gallery/plates/p-DNA/1.tif") == b"1"
    assert read_bytes("s3://gallery/plates/empty") == b""
    with opened_archives() as read, ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda n: read(place, n), CONTENT)) == list(CONTENT.values())
    with pytest.raises(InputError, match="plates/x.zip: does not exist") as error:
        read_bytes("s3://gallery/plates/x.zip", "a")
    assert not isinstance(error.value, UnreachableError)


def test_s3_archive_is_read_by_ranges(tmp_path, s3_bucket, monkeypatch):
    noise = CONTENT["p-DNA/noise.tif"] * 100
    archive = pack(tmp_path / "big.zip", {f"{i}": noise for i in range(3)}, zipfile.ZIP_STORED)
    s3_bucket.put_object(
        Bucket="gallery", Key="big.zip", Body=archive.read_bytes(), ACL="public-read"
    )
    fetched = []
    # fsspec gives the same object for the same options.
    system, _ = storage._file_system("s3://gallery/big.zip")
    original = system.cat_file

    def count(path, **options):
        fetched.append(len(data := original(path, **options)))
        return data

    monkeypatch.setattr(system, "cat_file", count)
    assert read_bytes("s3://gallery/big.zip", "1") == noise
    assert len(fetched) == 1
    assert fetched[0] < 1.01 * len(noise)


def test_s3_not_reachable(monkeypatch):
    s3fs = pytest.importorskip("s3fs")
    monkeypatch.setattr(s3fs.S3FileSystem, "retries", 1)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(UnreachableError, match="s3://gallery/x.tif: cannot be read"):
        read_bytes("s3://gallery/x.tif")
    with pytest.raises(UnreachableError):
        list_folder("s3://gallery/plates")


def test_no_permission_is_not_bad_data(tmp_path, monkeypatch):
    place = pack(tmp_path / "p-DNA.zip", CONTENT)

    def refuse(*arguments):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.pread", refuse)
    with pytest.raises(UnreachableError, match="p-DNA.zip: cannot be read: PermissionError"):
        read_bytes(place, "p-DNA/7.tif")


def test_archives_are_closed(tmp_path):
    place = pack(tmp_path / "p-DNA.zip", CONTENT)
    with opened_archives() as read:
        read(place, "p-DNA/7.tif")
    with pytest.raises(ValueError, match="closed file"):
        read(place, "p-DNA/7.tif")
