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
    # tifffile reads the same calibration: 0.645 um (real files of MetaMorph).
    expected = {"well": "A01", "site": 1, "plate": "24279", "pixel_size_um": 0.645}
    assert all(tags[path] == expected for path in bray)
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


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_where_white_is_0_values_are_turned_round(dtype):
    """TIFF 6.0, section 8: with WhiteIsZero, 2 ** BitsPerSample - 1 is imaged as black."""
    pixels = np.arange(200, dtype=dtype).reshape(10, 20)
    highest = np.iinfo(dtype).max
    turned = read_plane(encoded(pixels, photometric="miniswhite"))[0]
    assert turned.dtype == dtype
    np.testing.assert_array_equal(turned, highest - pixels)
    tiled = encoded(pixels, photometric="miniswhite", tile=(16, 16), compression="lzw")
    np.testing.assert_array_equal(read_plane(tiled)[0], highest - pixels)


def test_white_is_0_at_the_bit_depth_that_the_file_tells():
    description = '<OME><Pixels SignificantBits="12" SizeX="20"/></OME>'
    data = encoded(np.minimum(RAMP, 4095), photometric="miniswhite", description=description)
    np.testing.assert_array_equal(read_plane(data)[0], 4095 - np.minimum(RAMP, 4095))


def ome(size, unit=None, bits=None):
    units = f' PhysicalSizeXUnit="{unit}"' if unit else ""
    depth = f' SignificantBits="{bits}"' if bits else ""
    return f'<OME><Image><Pixels{depth} PhysicalSizeX="{size}"{units}/></Image></OME>'


METAMORPH_XML = (
    '<MetaData><prop id="spatial-calibration-state" type="bool" value="on"/>'
    '<prop id="spatial-calibration-x" type="float" value="1.2976"/>'
    '<prop id="spatial-calibration-units" type="string" value="um"/></MetaData>'
)


@pytest.mark.parametrize(
    ("options", "size"),
    [
        # TIFF 6.0: pixels per ResolutionUnit, in centimetres or inches.
        ({"resolution": (32000, 32000), "resolutionunit": "CENTIMETER"}, 0.3125),
        ({"resolution": (25400 / 0.656, 9), "resolutionunit": "INCH"}, 0.656),
        # A printer's, a screen's, a sensor's; without a unit; without a value.
        ({"resolution": (300, 300), "resolutionunit": "INCH"}, None),
        ({"resolution": (10000 / 6.45, 1), "resolutionunit": "CENTIMETER"}, None),
        ({"resolution": (32000, 32000), "resolutionunit": "NONE"}, None),
        ({"resolution": ((0, 1), (0, 1)), "resolutionunit": "CENTIMETER"}, None),
        # OME 2016-06: micrometres unless another unit is named.
        ({"description": ome(0.65)}, 0.65),
        ({"description": ome(325, "nm")}, 0.325),
        ({"description": ome(0.65, "&#181;m")}, 0.65),
        ({"description": ome(1, "pixel")}, None),
        ({"description": ome(0)}, None),
        # The more particular counts.
        (
            {"description": ome(0.5), "resolution": (32000, 1), "resolutionunit": "CENTIMETER"},
            0.5,
        ),
        # ImageJ: pixels per unit, which its description names.
        ({"description": "ImageJ=1.54f\nunit=micron\n", "resolution": (3.2, 3.2)}, 0.3125),
        ({"description": "ImageJ=1.54f\nunit=\\u00B5m\n", "resolution": (3.2, 3.2)}, 0.3125),
        ({"description": "ImageJ=1.54f\n", "resolution": (3.2, 3.2)}, None),
        # MetaMorph of ImageXpress since 2012.
        ({"description": METAMORPH_XML}, 1.2976),
    ],
)
@pytest.mark.parametrize("layout", [{}, {"compression": "lzw"}, {"byteorder": ">"}])
def test_pixel_size_that_the_file_tells(options, size, layout):
    tags = read_plane(encoded(RAMP, **options, **layout))[1]
    assert tags.get("pixel_size_um") == pytest.approx(size)


def test_pixel_size_as_ome_and_imagej_files_of_tifffile_have_it():
    file = io.BytesIO()
    metadata = {"axes": "YX", "PhysicalSizeX": 0.65, "PhysicalSizeXUnit": "µm"}
    tifffile.imwrite(file, RAMP, ome=True, metadata=metadata)
    assert read_plane(file.getvalue())[1]["pixel_size_um"] == 0.65
    file = io.BytesIO()
    tifffile.imwrite(file, RAMP, imagej=True, resolution=(3.2, 3.2), metadata={"unit": "um"})
    assert read_plane(file.getvalue())[1]["pixel_size_um"] == pytest.approx(0.3125)


@pytest.mark.parametrize(
    ("options", "bits"),
    [
        ({"description": ome(0.65, bits=12)}, 12),
        ({"extratags": [(281, 3, 1, 4095, True)]}, 12),
        ({"extratags": [(281, 3, 1, 65535, True)]}, 16),
        # The highest value of the image, as PerkinElmer writes it, is no bit depth.
        ({"extratags": [(281, 3, 1, 3942, True)]}, None),
    ],
)
@pytest.mark.parametrize("layout", [{}, {"compression": "lzw"}])
def test_bit_depth_that_the_file_tells(options, bits, layout):
    assert read_plane(encoded(RAMP, **options, **layout))[1].get("bits") == bits


@pytest.fixture
def no_decoding(monkeypatch):
    """A plane that is to be decoded fails the test."""

    def asarray(self, *args, **options):
        raise AssertionError("was decoded")

    monkeypatch.setattr(tifffile.TiffPage, "asarray", asarray)


def test_more_than_the_frame_is_refused_before_it_is_decoded(no_decoding):
    # A tile of 8192 x 8192 for 30 x 20 pixels would take 128 MB, in a file of some hundred bytes.
    small = encoded(RAMP, tile=(16, 16), compression="zlib")
    huge = patched(patched(small, "TileWidth", [8192]), "TileLength", [8192])
    # tifffile counts fewer tiles then.
    assert len(huge) < 2000
    assert problem(huge) == "damaged TIFF"
    more_strips = patched(encoded(RAMP, compression="zlib"), "ImageLength", [9])
    assert problem(more_strips) == "damaged TIFF"
    # Whole planes of another size than the plate's are not decoded either.
    blank = encoded(np.zeros((3000, 3000), np.uint16), compression="zlib")
    with pytest.raises(InputError, match="other frame size: 3000 x 3000 instead of 20 x 30"):
        read_plane(blank, (30, 20))
    with pytest.raises(InputError, match="other frame size"):
        read_plane(encoded(RAMP), (20, 30))


@pytest.mark.parametrize("kind", ["jpeg", "jpeg2000"])
def test_pictures_within_a_tiff_are_no_larger_than_it(kind, no_decoding):
    """Their decoders obey the picture's own header."""
    pixels = np.zeros((64, 64), np.uint8)
    data = encoded(pixels, compression=kind, rowsperstrip=64)
    with pytest.raises(AssertionError, match="was decoded"):
        tiff._check_decoded_size and tifffile.TiffFile(io.BytesIO(data)).pages.first.asarray()
    small = patched(patched(data, "ImageLength", [8]), "RowsPerStrip", [8])
    assert problem(small) == "damaged TIFF"


def test_pictures_within_a_tiff_are_read():
    pixels = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)
    data = encoded(pixels, compression="jpeg2000", rowsperstrip=64)
    np.testing.assert_array_equal(read_plane(data)[0], pixels)
    assert read_plane(encoded(pixels.astype(np.uint8), compression="jpeg"))[0].shape == (64, 64)
    assert problem(encoded(pixels, compression="jpegxl")) == "damaged TIFF"


def test_other_kinds_of_files_are_named():
    png, jpeg = b"\x89PNG\r\n\x1a\n" + bytes(40), b"\xff\xd8\xff\xe0" + bytes(40)
    for data, kind in [(png, "a PNG"), (jpeg, "a JPEG"), (b" <html>busy", "a page or XML text")]:
        with pytest.raises(InputError, match=f"not a TIFF: {kind}"):
            read_plane(data)
