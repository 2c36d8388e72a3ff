"""Planes with the same pixels under two names are listed, and nothing is lost."""

import numpy as np
import pandas as pd
import pytest
from test_convert import CHANNELS, CLIP, place_of, plate  # noqa: F401

from paintassay.core.tables import conform
from paintassay.images.convert import convert_plate
from paintassay.images.copies import find_copies
from paintassay.images.matching import count_copies
from paintassay.images.tables import COPIES


def copies_of(index, tmp_path):
    shard = tmp_path / "p1.npy"
    views, lost, quality = convert_plate(index, CHANNELS, CLIP, shard, 2, maximum_bits=12)
    assert lost.empty and len(views) == 12
    found = find_copies(quality, views, CHANNELS, shard)
    conform(found, COPIES)
    return found, quality


def test_planes_of_their_own_have_no_copies(plate, tmp_path, capsys):  # noqa: F811
    copies, quality = copies_of(plate, tmp_path)
    assert copies.empty
    count = count_copies("p1", quality, copies)
    assert (count.matched, count.total, count.warning) == (36, 36, None)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("source", "target"),
    [(("A01", 1, "Mito"), ("A01", 1, "Hoechst")), (("A01", 1, "Mito"), ("P24", 4, "Mito"))],
    ids=["two channels", "two wells"],
)
def test_a_file_copied_to_another_name_is_listed(plate, tmp_path, capsys, source, target):  # noqa: F811
    place_of(plate, *target).write_bytes(place_of(plate, *source).read_bytes())
    copies, quality = copies_of(plate, tmp_path)
    names = ["first_well", "first_site", "first_channel", "well", "site", "channel"]
    assert copies[names].to_numpy().tolist() == [[*source, *target]]
    count = count_copies("p1", quality, copies)
    assert (count.matched, count.total) == (35, 36)
    printed = capsys.readouterr().err
    assert "Warning: plate p1: only 35 of 36 planes with pixels of their own" in printed
    assert f"{target[0]} site {target[1]} {target[2]}, equal to A01 site 1 Mito" in printed


def test_three_alike_are_two_copies_of_the_first(plate, tmp_path):  # noqa: F811
    data = place_of(plate, "A01", 1, "Mito").read_bytes()
    for well in ("B02", "P24"):
        place_of(plate, well, 2, "ERSyto").write_bytes(data)
    copies, _ = copies_of(plate, tmp_path)
    assert copies["well"].tolist() == ["B02", "P24"]
    assert set(copies["first_well"]) == {"A01"}


def test_planes_with_equal_measures_are_compared_by_their_pixels(tmp_path):
    """Two mirror images have the same measures, and are no copies."""
    pixels = np.arange(12, dtype=np.uint8).reshape(1, 1, 3, 4)
    np.save(tmp_path / "s.npy", np.concatenate([pixels, pixels[..., ::-1]]))
    views = pd.DataFrame({"plate": "P", "well": ["A01", "A02"], "site": 1, "row": [0, 1]})
    measures = dict.fromkeys(("saturated", "focus_slope", "background", "mean", "contrast"), 1.0)
    quality = views[["plate", "well", "site"]].assign(channel="DNA", **measures)
    assert find_copies(quality, views, ["DNA"], tmp_path / "s.npy").empty
