import io
import struct

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from paintassay.core.errors import InputError
from paintassay.images import tiff
from paintassay.images.tiff import read_plane

RAMP = np.arange(30 * 20, dtype=np.uint16).reshape(30, 20) * 100


def encoded(pixels, **options):
    """A TIFF file's bytes; plain unless `options` (of tifffile) say otherwise."""
    file = io.BytesIO()
    options = {"metadata": None, "photometric": "minisblack", "rowsperstrip": 7} | options
    tifffile.imwrite(file, pixels, **options)
    return file.getvalue()


def problem(data):
    with pytest.raises(InputError) as caught:
        read_plane(data)
    return caught.value.problem.partition(": ")[0]


def test_real_planes_as_tifffile_reads_them(shared_data, monkeypatch):
    bray = sorted(shared_data.glob("cloome_bray2017/*.tif"))
    bbbc = sorted(shared_data.glob("bbbc022_nfme/*.tif"))
    jump = sorted(shared_data.glob("jump_pe2loaddata/Version1/images/*.tiff"))
    assert [len(paths) for paths in (bray, bbbc, jump)] == [5, 7, 6]
    for path in jump:
        assert read_plane(path.read_bytes())[1] == {}
    for path in bray + bbbc + jump:
        pixels, _ = read_plane(path.read_bytes())
        expected = tifffile.imread(path)
        assert pixels.dtype == expected.dtype
        np.testing.assert_array_equal(pixels, expected)
    # Both ways of reading find the same tags; the first alone must do for the microscope's files.
    monkeypatch.setattr(tiff, "_read_any", None)
    tags = {path: read_plane(path.read_bytes())[1] for path in bray + bbbc}
    monkeypatch.undo()
    monkeypatch.setattr(tiff, "_read_plain", lambda data: None)
    assert tags == {path: read_plane(path.read_bytes())[1] for path in bray + bbbc}
    assert all(tags[path] == {"well": "A01", "site": 1, "plate": "24279"} for path in bray)
    for path in bbbc:
        _, well, site, _ = path.name.split("_")
        assert (tags[path]["well"], f"s{tags[path]['site']}") == (well, site)
    assert tags[bbbc[0]]["plate"] == "20585"


def test_plain_planes_need_no_tifffile(monkeypatch):
    files = [encoded(RAMP), encoded((RAMP // 256).astype(np.uint8)), encoded(RAMP[:1, :1])]
    files.append(encoded(RAMP, description="B7 : Site 12\r\nPlate ID:x-9\r\n"))
    monkeypatch.setattr(tiff, "_read_any", None)
    for data, expected in zip(files, [RAMP, RAMP // 256, RAMP[:1, :1], RAMP], strict=True):
        np.testing.assert_array_equal(read_plane(data)[0], expected)
    assert read_plane(files[-1])[1] == {"well": "B07", "site": 12, "plate": "x-9"}


@pytest.mark.parametrize(
    "options",
    [
        {"byteorder": ">"},
        {"compression": "lzw"},
        {"compression": "zlib", "predictor": True},
        {"compression": "packbits"},
        {"tile": (16, 16)},
        {"bigtiff": True},
        {"metadata": {}},
        {"photometric": "miniswhite"},
    ],
)
def test_other_encodings(options):
    pixels, tags = read_plane(encoded(RAMP, description="AB03 : Site 1", **options))
    assert pixels.dtype == np.uint16
    np.testing.assert_array_equal(pixels, RAMP)
    if "metadata" not in options:
        assert tags == {"well": "AB03", "site": 1}


def patched(data, tag, values=(), code=None, count=None):
    """The file with other values of a tag of numbers, or another code or count."""
    data = bytearray(data)
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        entry = file.pages[0].tags[tag]
    form = {3: "H", 4: "I", 5: "I"}[entry.dtype]
    struct.pack_into(f"<{len(values)}{form}", data, entry.valueoffset, *values)
    struct.pack_into("<H", data, entry.offset, code or entry.code)
    struct.pack_into("<I", data, entry.offset + 4, count or entry.count)
    return bytes(data)


def test_strips_that_do_not_lie_in_one_piece():
    data = encoded(RAMP)
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        starts, lengths = file.pages[0].dataoffsets, file.pages[0].databytecounts
    # The first strip moves behind the others.
    first = slice(starts[0], starts[0] + lengths[0])
    moved = data[: first.start] + bytes(lengths[0]) + data[first.stop :] + data[first]
    moved = patched(moved, "StripOffsets", [len(data), *starts[1:]]) + bytes(sum(lengths))
    np.testing.assert_array_equal(read_plane(moved)[0], RAMP)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_tags_are_heeded_whatever_the_strips_look_like():
    data = encoded(RAMP)
    backwards = read_plane(patched(data, "ResolutionUnit", [2], code=266))[0]
    # Each byte's bits run the other way: 100 is 0b01100100.
    assert backwards[0, 1] == 0b00100110
    # MetaMorph's stacks have one directory for all planes; its tag 33629 counts them.
    stack = patched(patched(data, "XResolution", code=33628), "YResolution", code=33629, count=3)
    assert problem(stack + bytes(3 * len(data))) == "several planes"
    assert problem(patched(data, "Compression", [8])) == "damaged TIFF"
    assert problem(patched(data, "StripByteCounts", [280, 0])) == "damaged TIFF"


def test_bad_files_are_told_apart():
    plain, lzw = encoded(RAMP), encoded(RAMP, compression="lzw")
    assert problem(b"") == "empty file"
    assert problem(b"<html>busy</html>") == "not a TIFF"
    assert problem(encoded(np.zeros((9, 9, 3), np.uint8), photometric="rgb")) == (
        "several samples per pixel"
    )
    assert problem(encoded(np.zeros((3, 9, 9), np.uint16))) == "several planes"
    for kind in (np.float32, np.uint32, np.int16, np.uint64, np.bool_):
        assert problem(encoded(np.zeros((9, 9), kind))) == "not 8 or 16 bit unsigned"
    stack = io.BytesIO()
    tifffile.imwrite(stack, np.zeros((3, 9, 9), np.uint16), imagej=True)
    assert problem(stack.getvalue()) == "several planes"
    colours = np.zeros((3, 256), np.uint16)
    palette = encoded(np.zeros((9, 9), np.uint8), photometric="palette", colormap=colours)
    assert problem(palette) == "not 8 or 16 bit unsigned"
    # tifffile writes the directory first: half of the file is half of the pixels.
    assert problem(plain[: len(plain) // 2]) == "truncated TIFF"
    assert problem(lzw[: len(lzw) - 10]) == "truncated TIFF"
    assert problem(plain[:60]) == "truncated TIFF"
    assert problem(plain[:5]) == "truncated TIFF"
    with tifffile.TiffFile(io.BytesIO(lzw)) as file:
        start = file.pages[0].dataoffsets[1]
    damaged = lzw[:start] + b"\xff" * 40 + lzw[start + 40 :]
    assert problem(damaged) == "damaged TIFF"


def test_real_file_cut_anywhere(shared_data):
    data = (shared_data / "cloome_bray2017" / "Mito.tif").read_bytes()
    # Its directory lies at the end.
    for length in (4, 8, 100_000, 724_000, len(data) - 246, len(data) - 100, len(data) - 1):
        assert problem(data[:length]) == "truncated TIFF"


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_damaged_bytes_never_raise_anything_else(data):
    options = data.draw(st.sampled_from([{}, {"compression": "lzw"}, {"byteorder": ">"}]))
    file = bytearray(encoded(RAMP[:8, :8], **options))
    places = st.integers(0, min(len(file) - 1, 330))
    for _ in range(data.draw(st.integers(1, 4))):
        file[data.draw(places)] = data.draw(st.integers(0, 255))
    try:
        pixels, _ = read_plane(bytes(file))
    except InputError:
        return
    assert pixels.dtype in (np.uint8, np.uint16)
    assert pixels.ndim == 2
