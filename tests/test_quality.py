"""Quality measures against CellProfiler's own code and plain numpy; flags; what is missing."""

import itertools

import numpy as np
import pandas as pd
import pytest
import tifffile
from scipy import stats
from scipy.ndimage import gaussian_filter

from paintassay.core.errors import InputError
from paintassay.core.tables import conform
from paintassay.images.channels import is_transmitted_light
from paintassay.images.matching import count_alike
from paintassay.images.quality import (
    LIMITS,
    compare_plates,
    flag,
    measure_plane,
    missing,
    summarise_plate,
)
from paintassay.images.tables import LOST_VIEWS, PLATE_QUALITY, QUALITY
from paintassay.images.wells import plate_format, well_names, well_positions

# From centrosome.radial_power_spectrum (CellProfiler's own package) on the same files.
CELLPROFILER = {
    "Mito": -2.0777742075980923,
    "ERSyto": -2.362778385689772,
    "ERSytoBleed": -2.185530334894448,
    "Ph_golgi": -1.7593949619017666,
    "Hoechst": -2.0252718547504713,
}


def plain_measures(pixels, maximum):
    """The definitions, by the full Fourier transform and numpy's percentiles."""
    height, width = pixels.shape
    down = np.minimum(np.arange(height), np.arange(height)[::-1])
    across = np.minimum(np.arange(width), np.arange(width)[::-1])
    ring = np.floor(np.sqrt(down[:, None] ** 2 + across[None] ** 2)).astype(int) + 1
    power = np.abs(np.fft.fft2(pixels - pixels.mean())) ** 2
    radii = np.arange(2, min(height, width) // 8)
    sums = [power[ring == radius].sum() for radius in radii]
    p1, p5, p99 = np.percentile(pixels, [1, 5, 99])
    return {
        "saturated": (pixels >= maximum).mean(),
        "focus_slope": np.polyfit(np.log(radii), np.log(sums), 1)[0],
        "background": p5,
        "mean": pixels.mean(),
        "contrast": (p99 - p1) / (p99 + p1),
    }


def real_plane(shared_data, channel):
    return tifffile.imread(shared_data / "cloome_bray2017" / f"{channel}.tif")


@pytest.mark.parametrize("channel", CELLPROFILER)
def test_focus_slope_is_cellprofilers(shared_data, channel):
    pixels = real_plane(shared_data, channel)
    assert measure_plane(pixels, 4095)["focus_slope"] == pytest.approx(
        CELLPROFILER[channel], abs=1e-6
    )


@pytest.mark.parametrize("name", ["cloome_bray2017/Ph_golgi.tif", "bbbc022_nfme/*E08*.tif"])
def test_measures_of_real_planes(shared_data, name):
    (path,) = shared_data.glob(name)
    pixels = tifffile.imread(path)
    assert measure_plane(pixels, 4095) == pytest.approx(plain_measures(pixels, 4095), rel=1e-6)


@pytest.mark.parametrize("shape", [(33, 35), (64, 101), (101, 64), (128, 128)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_measures_of_noise(shape, dtype):
    maximum = np.iinfo(dtype).max
    pixels = np.random.default_rng(1).integers(0, maximum, shape, dtype, endpoint=True)
    assert measure_plane(pixels, maximum) == pytest.approx(plain_measures(pixels, maximum), 1e-5)


def test_blur_steepens_the_slope(shared_data):
    pixels = real_plane(shared_data, "Ph_golgi")
    blurred = [np.rint(gaussian_filter(pixels.astype(float), s)) for s in (0.01, 1, 2, 3, 5)]
    slopes = [measure_plane(plane.astype(np.uint16), 4095)["focus_slope"] for plane in blurred]
    assert (np.diff(slopes) < -0.1).all()


def test_exposure_saturates_but_leaves_the_focus(shared_data):
    pixels = real_plane(shared_data, "Hoechst").astype(np.int64)
    shares = [
        measure_plane(np.minimum(pixels * factor, 4095).astype(np.uint16), 4095)["saturated"]
        for factor in (1, 4, 16)
    ]
    assert shares[0] == 0
    assert 0.01 < shares[1] < shares[2]
    half = measure_plane((pixels * 2).astype(np.uint16), 8190)["focus_slope"]
    assert half == pytest.approx(CELLPROFILER["Hoechst"], abs=1e-6)


@pytest.mark.parametrize("value", [0, 7, 4095])
@pytest.mark.parametrize("shape", [(520, 696), (5, 3)])
def test_constant_planes(value, shape):
    assert measure_plane(np.full(shape, value, np.uint16), 4095) == {
        "saturated": float(value == 4095),
        "focus_slope": 0.0,
        "background": value,
        "mean": value,
        "contrast": 0.0,
    }


def test_plane_without_low_frequencies():
    board = np.indices((64, 64)).sum(axis=0) % 2 * 4095
    assert measure_plane(board.astype(np.uint16), 4095)["focus_slope"] == 0


def sound_plate():
    """Quality of 40 wells, one site and two channels, with the spread of real planes."""
    random = np.random.default_rng(3)
    rows = pd.DataFrame(
        itertools.product(["P1"], well_names(5, 8), [1], ["Hoechst", "Mito"]),
        columns=["plate", "well", "site", "channel"],
    )
    level = np.where(rows["channel"] == "Mito", -2.1, -1.7)
    return rows.assign(
        saturated=0.001,
        focus_slope=level + random.normal(0, 0.1, len(rows)),
        background=150 + random.normal(0, 5, len(rows)),
        mean=250 + random.normal(0, 20, len(rows)),
        contrast=0.7,
    )


def flagged(quality, limits=LIMITS):
    flags = flag(quality, limits).query("flags != ''")
    return dict(zip(flags["well"] + " " + flags["channel"], flags["flags"], strict=True))


def test_flags():
    quality = sound_plate()
    assert flagged(quality) == {}
    quality.loc[0, "contrast"] = 0.1
    # What is blank is neither blurred nor a measure for others.
    quality.loc[0, ["focus_slope", "mean"]] = -99
    quality.loc[2, "saturated"] = 0.02
    quality.loc[4, ["focus_slope", "saturated"]] = [-2.6, 0.02]
    # The level of the other channel is sharp there and blurred here.
    quality.loc[5, "focus_slope"] = -2.9
    quality.loc[6, "mean"] = 100
    quality.loc[8, "background"] = 220
    assert flagged(quality) == {
        "A01 Hoechst": "blank",
        "A02 Hoechst": "saturated",
        "A03 Hoechst": "saturated;blurred",
        "A03 Mito": "blurred",
        "A04 Hoechst": "dim",
        "A05 Hoechst": "bright",
    }
    assert flagged(quality.iloc[:20]) == {
        "A01 Hoechst": "blank",
        "A02 Hoechst": "saturated",
        "A03 Hoechst": "saturated",
    }
    assert flagged(quality, LIMITS | {"blurred_z": 1e9})["A03 Hoechst"] == "saturated"
    assert conform(flag(quality), QUALITY).num_rows == len(quality)


def test_flags_where_the_plate_is_a_poor_measure():
    mostly_blank = sound_plate()
    blank = mostly_blank["well"].str[0].isin(["A", "B", "C"])
    mostly_blank.loc[blank, ["contrast", "focus_slope"]] = [0.1, 1.0]
    mostly_blank.loc[78, "focus_slope"] = -2.6
    assert set(flag(mostly_blank)["flags"][blank]) == {"blank"}
    assert flagged(mostly_blank[~blank]) == {"E08 Hoechst": "blurred"}
    assert set(flag(mostly_blank)["flags"][~blank]) == {"", "blurred"}
    # More than half of the planes are alike: their spread says nothing of the others.
    alike = sound_plate().assign(mean=200.0)
    alike.loc[0, "mean"] = 199.0
    assert flagged(alike) == {}


def test_real_planes_and_their_damage(shared_data):
    rows = []
    for well, change in {
        "A01": lambda pixels: pixels,
        "A02": lambda pixels: np.random.default_rng(2).normal(150, 6, pixels.shape),
        "A03": lambda pixels: np.minimum(pixels.astype(int) * 6, 4095),
    }.items():
        for channel in CELLPROFILER:
            pixels = change(real_plane(shared_data, channel)).astype(np.uint16)
            key = {"plate": "24279", "well": well, "site": 1, "channel": channel}
            rows.append(key | measure_plane(pixels, 4095))
    flags = flag(pd.DataFrame(rows)).groupby("well")["flags"].unique()
    assert list(flags["A01"]) == [""]
    assert list(flags["A02"]) == ["blank"]
    assert list(flags["A03"]) == ["saturated"]


def test_summary():
    quality = flag(sound_plate())
    second = quality.assign(site=2, mean=quality["mean"] + 2, flags="blurred")
    summary = summarise_plate(pd.concat([quality, second]))
    assert list(summary["well"][:4]) == ["A01", "A01", "A02", "A02"]
    assert set(summary["sites"]) == {2}
    assert set(summary["flagged"]) == {0.5}
    assert summary["mean"].to_numpy() == pytest.approx(quality["mean"].to_numpy() + 1)


def test_wells_and_formats():
    rows, columns = well_positions(["A01", "P24", "AA01", "AF48"])
    assert rows.tolist() == [0, 15, 26, 31]
    assert columns.tolist() == [0, 23, 0, 47]
    assert plate_format(["A01", "H12"]) == (8, 12)
    assert plate_format(["B02", "A13"]) == (16, 24)
    assert plate_format(["AA01"]) == (32, 48)
    names = well_names(32, 48)
    assert (names[0], names[48], names[-1], len(set(names))) == ("A01", "B01", "AF48", 1536)
    assert plate_format(names) == (32, 48)
    for wrong in ("a01", "A1", "BA01", "A00", "A49", "AG01", ""):
        with pytest.raises(InputError, match=f"well {wrong}"):
            plate_format(["A01", wrong])


def test_missing():
    channels = ["Mito", "Hoechst"]
    rows = itertools.product(["P1", "P2"], well_names(16, 24), [1, 2], channels)
    index = pd.DataFrame(rows, columns=["plate", "well", "site", "channel"])
    views = index[["plate", "well", "site"]].drop_duplicates()
    assert missing(index, views, channels).empty
    at = index.set_index(["plate", "well", "site", "channel"]).sort_index()
    at = at.drop(("P1", "B03"))
    at = at.drop(("P1", "C04", 2))
    at = at.drop(("P2", "C04", 1, "Mito"))
    # A channel that nobody asked for does not stand for one that is lacking.
    more = pd.DataFrame({"plate": ["P1", "P2"], "well": ["B03", "C04"], "site": 1})
    index_left = pd.concat([at.reset_index(), more.assign(channel="Brightfield")])
    views = views.query("not (plate == 'P2' and well == 'P24' and site == 1)")
    lost = missing(index_left, views, channels)
    assert lost[["plate", "well", "site", "channel", "problem"]].astype(object).where(
        lost.notna(), None
    ).values.tolist() == [
        ["P1", "B03", None, None, "no image of this well"],
        ["P1", "C04", 2, None, "no image of this site"],
        ["P2", "C04", 1, "Mito", "no image of this channel"],
        ["P2", "P24", 1, None, "not in the shards"],
    ]
    assert conform(lost, LOST_VIEWS).num_rows == 4
    assert lost["site"].dtype == "Int64"
    # A channel that no plate has is missing at each site, though never seen.
    assert len(missing(index, views, [*channels, "ERSyto"])) == 2 * 384 * 2


@pytest.mark.parametrize("channel", ["Brightfield", "OrigBrightfield", "HighZBF", "Phase", "DIC"])
def test_transmitted_light_is_not_blank(channel, shared_data):
    """JUMP's brightfield has a contrast of 0.04 to 0.11; a stained plane has 0.48 and more."""
    path = shared_data / "jump_pe2loaddata/Version1/images/r01c01f01p01-ch6sk1fk1fl1.tiff"
    measures = measure_plane(tifffile.imread(path), 65535)
    quality = sound_plate()
    quality["channel"] = quality["channel"].replace("Mito", channel)
    of_light = quality["channel"] == channel
    quality.loc[of_light, "contrast"] = 0.07
    assert flagged(quality) == {}
    # It is compared with its plate like any other.
    quality.loc[quality.index[of_light][3], "mean"] = 20.0
    assert list(flagged(quality).values()) == ["dim"]
    row = sound_plate().iloc[:1].assign(channel=channel, contrast=measures["contrast"])
    assert flagged(row) == {}
    assert list(flagged(sound_plate().iloc[:1].assign(contrast=0.07)).values()) == ["blank"]


def test_names_of_transmitted_light():
    light = "Brightfield HighZBF LowZBF BF OrigBrightfield bright_field TL Phase DIC Transmitted"
    stains = "DNA ER RNA AGP Mito Hoechst ERSyto Ph_golgi DAPI Actin Dictyo TLR4 BFP"
    assert all(map(is_transmitted_light, light.split()))
    assert not any(map(is_transmitted_light, stains.split()))


def test_a_plate_that_is_wrong_as_a_whole_stands_out():
    plates = [sound_plate().assign(plate=f"P{number}") for number in range(6)]
    for number, plate in enumerate(plates):
        plate["mean"] *= 1 + 0.02 * number
    table = compare_plates(pd.concat(plates))
    assert not table["unusual"].any()
    assert conform(table, PLATE_QUALITY).num_rows == 6 * 2 * 5
    # Half the light on one plate: within it no plane differs from the others.
    plates[2].loc[plates[2]["channel"] == "Mito", "mean"] *= 0.5
    quality = pd.concat(plates, ignore_index=True)
    assert set(flag(quality)["flags"]) == {""}
    compared = compare_plates(quality)
    unusual = compared.query("unusual")
    # The page has this warning.
    match = count_alike(compared, unusual)
    assert (match.matched, match.total, match.example) == (5, 6, "P2")
    assert "only 5 of 6 plates that are like the others" in match.warning
    assert count_alike(compared, unusual.iloc[:0]).warning is None
    assert unusual[["plate", "channel", "measure"]].values.tolist() == [["P2", "Mito", "mean"]]
    medians = [plate.query("channel == 'Mito'")["mean"].median() for plate in plates]
    rest = np.delete(medians, 2)
    spread = max(stats.median_abs_deviation(rest, scale="normal"), 0.05 * np.median(rest))
    expected = (medians[2] - np.median(rest)) / spread
    assert unusual["z"].item() == pytest.approx(expected, rel=1e-3)
    # Plates that are all the same, and too few of them.
    same = pd.concat([sound_plate().assign(plate=name) for name in "abcd"])
    assert not compare_plates(same)["unusual"].any()
    assert compare_plates(same[same["plate"] < "c"])["z"].isna().all()
    assert compare_plates(same.iloc[:0]).empty
