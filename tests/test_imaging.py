import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from paintassay.images.scaling import CLIP_PERCENT, correct_illumination, to_uint8
from paintassay.images.tiff import read_plane

CLIP_LEVELS = {
    "Mito": 2681,
    "ERSyto": 2753,
    "ERSytoBleed": 4095,
    "Ph_golgi": 4095,
    "Hoechst": 2527,
}


def published(pixels, clip_percent=CLIP_PERCENT):
    """The rule as the study words it, in float64, pixel by pixel."""
    n = int(np.around(pixels.size * clip_percent / 100))
    clip_level = np.sort(pixels, axis=None)[-n] if n else pixels.max()
    if clip_level == 0:
        return np.zeros(pixels.shape, np.uint8), 0
    scaled = pixels.astype(np.float64) * 256 / float(clip_level)
    scaled[scaled > 255] = 255
    return np.trunc(scaled).astype(np.uint8), int(clip_level)


def assert_as_published(pixels, clip_percent=CLIP_PERCENT):
    scaled, clip_level = to_uint8(pixels, clip_percent)
    expected, expected_clip_level = published(pixels, clip_percent)
    assert clip_level == expected_clip_level
    assert type(clip_level) is int
    assert scaled.dtype == np.uint8
    np.testing.assert_array_equal(scaled, expected)


def test_real_view(shared_data):
    folder = shared_data / "cloome_bray2017"
    assert set(json.loads((folder / "original_names.json").read_text())) == set(CLIP_LEVELS)
    for channel, expected in CLIP_LEVELS.items():
        pixels, _ = read_plane((folder / f"{channel}.tif").read_bytes())
        assert_as_published(pixels)
        assert to_uint8(pixels)[1] == expected


# 98, 196 and 49 * 2^k are among the clip levels where a rounded factor gives other grey levels.
@pytest.mark.parametrize(
    "clip_level", [1, 2, 98, 196, 255, 256, 257, 2681, 3136, 4095, 50176, 65535]
)
def test_every_value_of_16_bits(clip_level):
    values = np.arange(65536, dtype=np.uint16)
    # 65536 values: the n-th highest is the clip level where that many are kept above it.
    n = 65536 - clip_level
    assert_as_published(values.reshape(256, 256), n * 100 / 65536)
    assert to_uint8(values.reshape(256, 256), n * 100 / 65536)[1] == clip_level


@settings(max_examples=150, deadline=None)
@given(
    hnp.arrays(
        st.sampled_from([np.uint8, np.uint16]),
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=30),
    ),
    st.sampled_from([0.0, CLIP_PERCENT, 0.5, 12.5, 50.0]),
)
def test_any_plane_as_published(pixels, clip_percent):
    assert_as_published(pixels, clip_percent)


def test_how_many_pixels_are_cut():
    pixels = np.zeros((520, 696), np.uint16)
    pixels[0, :10] = np.arange(101, 111)
    assert to_uint8(pixels, 0.0028)[1] == 101  # the tenth highest
    pixels[0, 9] = 0
    scaled, clip_level = to_uint8(pixels, 0.0028)
    assert clip_level == 0  # nine bright pixels are cut off: blank
    assert not scaled.any()
    # Less than half a pixel of a small plane: the maximum itself.
    assert to_uint8(pixels[:10, :10], 0.0028)[1] == 109


def test_illumination_is_divided_out():
    pixels = np.array([[100, 200, 65535]], np.uint16)
    corrected = correct_illumination(pixels, np.array([[2.0, 0.8, 0.5]], np.float32))
    assert corrected.dtype == np.uint16
    assert corrected.tolist() == [[50, 250, 65535]]
    assert correct_illumination(pixels, np.float32([[3, 3, 1]])).tolist() == [[33, 67, 65535]]
