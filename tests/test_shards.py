"""Shards come out the same whatever the order, whole or not at all, and no damage goes unseen."""

import errno
import hashlib
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paintassay.core.errors import InputError
from paintassay.images.shards import check_frames, new_shard, verify_manifest, verify_shard

SHAPE = (7, 3, 5, 4)
PIXELS = np.random.default_rng(1).integers(0, 256, SHAPE, dtype=np.uint8)
DIGESTS = [hashlib.sha256(view.tobytes()).hexdigest() for view in PIXELS]


@pytest.fixture(scope="module")
def shard(tmp_path_factory):
    path = tmp_path_factory.mktemp("shards") / "P1.npy"
    with new_shard(path, SHAPE) as write:
        assert [write(row, view) for row, view in enumerate(PIXELS)] == DIGESTS
    return path


def test_file_is_the_one_numpy_saves(shard, tmp_path):
    np.save(tmp_path / "numpy.npy", PIXELS)
    assert shard.read_bytes() == (tmp_path / "numpy.npy").read_bytes()
    assert list(shard.parent.iterdir()) == [shard]


def test_order_threads_and_memory_layout_do_not_matter(shard, tmp_path):
    path = tmp_path / "new folder" / "P1.npy"
    rows = np.random.default_rng(2).permutation(len(PIXELS))
    with new_shard(path, SHAPE) as write, ThreadPoolExecutor(4) as pool:
        digests = list(pool.map(lambda row: write(row, np.asfortranarray(PIXELS[row])), rows))
    assert digests == [DIGESTS[row] for row in rows]
    assert path.read_bytes() == shard.read_bytes()


@pytest.mark.parametrize("kept", [0, 1, 6])
def test_truncated_shard_is_that_of_the_kept_views(tmp_path, kept):
    # The number of digits of the plan differs from that of what is kept.
    with new_shard(tmp_path / "P1.npy", (2304, *SHAPE[1:])) as write:
        for row in reversed(range(kept)):
            write(row, PIXELS[row])
        write.truncate(kept)
    np.save(tmp_path / "numpy.npy", PIXELS[:kept])
    assert (tmp_path / "P1.npy").read_bytes() == (tmp_path / "numpy.npy").read_bytes()


def nothing_more(write):
    pass


def hole(write):
    write(2, PIXELS[2])
    write.truncate(2)


def row_beyond_truncation(write):
    write(1, PIXELS[1])
    write.truncate(1)


@pytest.mark.parametrize(
    ("misuse", "message"),
    [
        (nothing_more, "truncate to the written ones"),
        (hole, "truncate to the written ones"),
        (row_beyond_truncation, "truncate to the written ones"),
        (lambda write: write(0, PIXELS[0]), "row 0 is written twice"),
        (lambda write: write(7, PIXELS[0]), "row 7 of 7"),
        (lambda write: write(-1, PIXELS[0]), "row -1 of 7"),
        (lambda write: write(1, PIXELS[0].astype("uint16")), "uint16 .* instead of uint8"),
        (lambda write: write(1, PIXELS[0, :2]), r"\(2, 5, 4\) instead of uint8 \(3, 5, 4\)"),
    ],
)
def test_misuse_is_an_error_and_keeps_the_shard_that_was_there(tmp_path, misuse, message):
    path = tmp_path / "P1.npy"
    path.write_text("before")
    with pytest.raises(ValueError, match=message), new_shard(path, SHAPE) as write:
        write(0, PIXELS[0])
        misuse(write)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_full_disk_is_an_error_that_names_the_file(tmp_path):
    # A limit on the size of files stands for a disk that fills up.
    script = """
import resource, signal, sys, numpy as np
from paintassay.images.shards import new_shard
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2500, 2500))
try:
    with new_shard(sys.argv[1], (4, 1, 10, 100)) as write:
        for row in range(4):
            write(row, np.zeros((1, 10, 100), np.uint8))
            print(row)
except OSError as error:
    print(error.errno, error.filename)
"""
    run = run_python(script, tmp_path / "P1.npy")
    assert run.stdout.splitlines()[:2] == ["0", "1"]
    assert run.stdout.splitlines()[2].startswith(f"{errno.EFBIG} {tmp_path / '.P1.npy.'}")
    assert list(tmp_path.iterdir()) == []


def test_short_writes_are_continued(tmp_path, monkeypatch, shard):
    whole = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, offset: whole(fd, data[:7], offset))
    with new_shard(tmp_path / "P1.npy", SHAPE) as write:
        for row, view in enumerate(PIXELS):
            write(row, view)
    assert (tmp_path / "P1.npy").read_bytes() == shard.read_bytes()


def test_killed_writer_leaves_nothing_under_the_name(tmp_path):
    script = """
import os, signal, sys, numpy as np
from paintassay.images.shards import new_shard
with new_shard(sys.argv[1], (2, 1, 2, 2)) as write:
    write(0, np.ones((1, 2, 2), np.uint8))
    write(1, np.ones((1, 2, 2), np.uint8))
    os.kill(os.getpid(), signal.SIGKILL)
"""
    run = run_python(script, tmp_path / "P1.npy")
    assert run.returncode == -signal.SIGKILL
    assert not (tmp_path / "P1.npy").exists()
    assert [path for path in tmp_path.iterdir() if not path.name.startswith(".P1.npy.")] == []


def run_python(script, *arguments):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_two_writers_of_one_shard_do_not_disturb_each_other(tmp_path):
    path = tmp_path / "P1.npy"
    with new_shard(path, SHAPE) as one, new_shard(path, SHAPE) as other:
        for row in range(len(PIXELS)):
            one(row, PIXELS[row])
            other(row, 255 - PIXELS[row])
    # The one that was entered first ends last.
    assert np.array_equal(np.load(path), PIXELS)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_any_changed_byte_is_found(shard, data):
    whole = shard.read_bytes()
    place = data.draw(st.integers(0, len(whole) - 1))
    change = data.draw(st.integers(1, 255))
    damaged = shard.with_name("damaged.npy")
    damaged.write_bytes(
        whole[:place] + bytes([whole[place] ^ change]) + whole[place + 1 :],
    )
    rows = list(data.draw(st.permutations(range(len(PIXELS)))))
    digests = [DIGESTS[row] for row in rows]
    if place < len(whole) - PIXELS.size:
        with pytest.raises(InputError):
            verify_shard(damaged, rows, digests)
    else:
        row = (place - (len(whole) - PIXELS.size)) // PIXELS[0].size
        assert verify_shard(damaged, rows, digests, threads=2) == [row]


@pytest.mark.parametrize("change", [1, 2, 32])
def test_any_changed_byte_of_the_header_is_found(shard, change):
    whole = shard.read_bytes()
    damaged = shard.with_name("damaged.npy")
    for place in range(len(whole) - PIXELS.size):
        damaged.write_bytes(whole[:place] + bytes([whole[place] ^ change]) + whole[place + 1 :])
        with pytest.raises(InputError):
            verify_shard(damaged, range(7), DIGESTS)


def test_whole_shard_is_found_whole(shard):
    assert verify_shard(shard, range(7), DIGESTS) == []
    assert verify_shard(shard, [5, 2], [DIGESTS[5], DIGESTS[2]], threads=2) == []


@pytest.mark.parametrize("length", [0, 100, 128, -1, +1])
def test_wrong_length_is_an_error(shard, length):
    whole = shard.read_bytes()
    cut = shard.with_name("cut.npy")
    cut.write_bytes(whole + b"\0" if length == 1 else whole[:length])
    with pytest.raises(InputError, match="is not a shard|bytes instead of the"):
        verify_shard(cut, range(7), DIGESTS)


@pytest.mark.parametrize(
    "array", [PIXELS.astype("int8"), PIXELS[0], np.asfortranarray(PIXELS), PIXELS.astype("uint16")]
)
def test_other_arrays_are_no_shards(tmp_path, array):
    np.save(tmp_path / "other.npy", array)
    with pytest.raises(InputError, match="is not a shard"):
        verify_shard(tmp_path / "other.npy", [0], DIGESTS[:1])


def test_manifest_is_verified_view_by_view(tmp_path, monkeypatch):
    views = []
    for plate in ["P1", "P2", "P3", "P4", "P5"]:
        with new_shard(tmp_path / f"{plate}.npy", SHAPE) as write:
            for row, view in enumerate(PIXELS):
                place = {"plate": plate, "well": f"A{row + 1:02}", "site": 1}
                shard = {"shard": f"{plate}.npy", "row": row, "sha256": write(row, view)}
                views.append(place | shard)
    manifest = pd.DataFrame(views)[::-1]
    for channel in ["Mito", "ERSyto", "Hoechst"]:
        manifest[f"clip_level_{channel}"] = 4095
    assert verify_manifest(manifest, tmp_path, threads=2).empty

    (tmp_path / "P2.npy").unlink()
    np.save(tmp_path / "P3.npy", PIXELS.reshape(7, 5, 3, 4))
    damaged = bytearray((tmp_path / "P4.npy").read_bytes())
    damaged[-1] ^= 1
    (tmp_path / "P4.npy").write_bytes(damaged)
    read = os.pread

    def failing_read(file, size, offset):
        if Path(f"/proc/self/fd/{file}").readlink().name == "P5.npy" and offset == 128:
            raise OSError(errno.EIO, "Input/output error")
        return read(file, size, offset)

    monkeypatch.setattr(os, "pread", failing_read)
    problems = verify_manifest(manifest, tmp_path)
    assert list(problems.columns) == ["plate", "well", "site", "shard", "row", "problem"]
    rows = problems.groupby(["plate", "problem"])["row"].agg(list).to_dict()
    assert rows == {
        ("P2", "the shard is missing"): [6, 5, 4, 3, 2, 1, 0],
        ("P3", "has 5 channels instead of 3"): [6, 5, 4, 3, 2, 1, 0],
        ("P4", "the pixels cannot be read or do not fit the checksum"): [6],
        ("P5", "the pixels cannot be read or do not fit the checksum"): [0],
    }


def test_plates_of_different_size_are_an_error_that_names_the_files(tmp_path):
    index = pd.DataFrame(
        {
            "plate": ["a", "b", "c"],
            "place": ["a/1.tif", "b.zip", "c/1.tif"],
            "member": [None, "b/1.tif", None],
        }
    )
    paths = [tmp_path / f"{plate}.npy" for plate in "abc"]
    for path, width in zip(paths, (6, 7, 6), strict=True):
        np.save(path, np.zeros((1, 2, 4, width), np.uint8))
    empty = tmp_path / "empty.npy"
    np.save(empty, np.zeros((0, 2, 0, 0), np.uint8))
    check_frames([empty], index)
    check_frames([empty, paths[0], paths[2]], index)
    with pytest.raises(InputError, match="6 x 4 in a/1.tif and 7 x 4 in b/1.tif"):
        check_frames(paths, index)
