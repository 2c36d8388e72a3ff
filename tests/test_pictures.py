"""Pictures: what lies where, in which colour, and the same bytes each time."""

import numpy as np
import pandas as pd
import pytest
import tifffile

from paintassay.drawing.style import save_figure
from paintassay.images.composites import channel_colours, composite, display_range
from paintassay.images.heat_maps import plate_heat_maps
from paintassay.images.pictures import GAP, contact_sheet, montage, save_picture, site_montage
from paintassay.images.scaling import to_uint8
from paintassay.images.tiff_tags import scale
from paintassay.images.wells import well_names

CHANNELS = ["Mito", "ERSyto", "ERSytoBleed", "Ph_golgi", "Hoechst"]


@pytest.fixture(scope="module")
def view(shared_data):
    """The real view, scaled to 8 bits."""
    planes = [tifffile.imread(shared_data / "cloome_bray2017" / f"{name}.tif") for name in CHANNELS]
    return np.stack([np.minimum(p / np.sort(p.ravel())[-10] * 256, 255) for p in planes]).astype(
        np.uint8
    )


def noise(*shape):
    return np.random.default_rng(5).integers(0, 256, shape, np.uint8)


def test_colours_are_fixed_by_name_and_distinct():
    colours = channel_colours(CHANNELS)
    assert (channel_colours(CHANNELS[::-1]) == colours[::-1]).all()
    assert (channel_colours(["Mito", "ER", "RNA", "AGP", "DNA"]) == colours).all()
    many = channel_colours([*CHANNELS, "Dye", "Brightfield", "HighZBF"])
    assert len(np.unique(many, axis=0)) == 8
    assert (channel_colours(["OrigRNA", "Dye"]) == many[[2, 5]]).all()
    red, green, blue = colours[4].astype(int)
    assert blue > red + 100
    assert blue > green + 100


def test_composite_shows_each_stain_in_its_colour():
    pure = np.zeros((5, 40, 60), np.uint8)
    for channel in range(5):
        pure[channel, :, 10 * channel : 10 * channel + 10] = 200
    picture = composite(pure, CHANNELS)
    for channel, colour in enumerate(channel_colours(CHANNELS)):
        assert (picture[:, 10 * channel : 10 * channel + 10] == colour).all()
    assert (picture[:, 50:] == 0).all()
    both = np.full((2, 4, 4), 200, np.uint8)
    lone = np.array([[0, 200], [0, 200]])
    mixed = composite(both, ["Hoechst", "ERSyto"], lone)[0, 0] / 255
    blue, green = channel_colours(["Hoechst", "ERSyto"]) / 255
    assert mixed == pytest.approx(1 - (1 - blue) * (1 - green), abs=1 / 255)


def test_brightfield_is_not_laid_over_the_stains():
    view = noise(3, 8, 8)
    picture = composite(view, ["DNA", "OrigBrightfield", "ER"])
    assert (picture == composite(view[[0, 2]], ["DNA", "ER"])).all()
    assert (composite(view, ["DNA", "HighZBF", "ER"]) == picture).all()
    assert composite(view[:1], ["Brightfield"]).any()


def test_display_range_is_common_and_blank_views_do_not_shift_it(view):
    alone = display_range([view])
    expected = np.percentile(
        view.reshape(5, -1), [5, 99.7], axis=1, method="inverted_cdf"
    ).T  # fmt: skip
    assert (alone == expected).all()
    assert (display_range([view, np.zeros_like(view), view]) == alone).all()
    assert (display_range([np.zeros_like(view)]) == [0, 1]).all()


def test_montage_of_the_real_view(view):
    picture = montage(view, CHANNELS, title="plate 24279, well A01, site 1")
    pixels = np.asarray(picture)
    assert pixels.shape[1] == 3 * 696 + 4 * GAP
    # The last panel is the composite, untouched but for the scale bar.
    colour = composite(view, CHANNELS)
    bottom, right = pixels.shape[0] - GAP, pixels.shape[1] - GAP
    panel = pixels[bottom - 520 : bottom, right - 696 : right]
    assert (panel[:400] == colour[:400]).all()
    # 50 micrometres at 0.656 micrometres a pixel.
    changed = (panel != colour).any(axis=2)
    white = (panel == 255).all(axis=2) & changed
    assert max(white.sum(axis=1)) == pytest.approx(50 / 0.656 - 2, abs=2)
    # The panel before it is Hoechst in grey: rank for rank the pixels of the view.
    left = right - 2 * 696 - GAP
    grey = pixels[bottom - 520 : bottom, left : left + 696]
    assert (grey == grey[..., :1]).all()
    low, high = display_range([view])[4]
    stretched = np.clip((view[4] - low) / (high - low), 0, 1) * 255
    assert np.abs(grey[..., 0] - stretched).max() <= 0.51
    # Names stand above the panels, in both rows.
    for top in (bottom - 2 * 520 - 30, bottom - 520 - 20):
        assert (pixels[top : top + 12, GAP : GAP + 200] > 150).any()


def test_montage_of_a_small_view_fits():
    view = noise(2, 32, 48) // 2
    pixels = np.asarray(montage(view, ["DNA", "Dye"], scale_bar_um=50))
    assert pixels.shape[1] == 3 * 9 * 48 + 4 * GAP
    # Fifty micrometres are too long, and so are 25: nine pixels of the picture are 0.656.
    white = (pixels[:, -9 * 48 - GAP :] == 255).all(axis=2).sum(axis=1)
    assert white.max() == pytest.approx(12.5 / 0.656 * 9 - 2, abs=2)
    # Nothing of the names or the bar runs over the margin.
    assert (pixels[:, -GAP:] == pixels[-1, -1]).all()


def test_site_montage_is_the_papers():
    views = noise(6, 5, 520, 696)
    pixels = site_montage(views)
    assert pixels.shape == (5, 1040, 2076)
    assert pixels.dtype == np.uint8
    assert (pixels[3, 520:, 692:1384] == views[4, 3, :, 4:]).all()
    assert (pixels[:, :520, 1384:] == views[2, :, :, 4:]).all()
    assert (site_montage(list(views[:2]), (1, 2), 0)[:, :, 696:] == views[1]).all()
    with pytest.raises(ValueError, match="reshape"):
        site_montage(views[:5])


def test_contact_sheet(view):
    views = [view, np.zeros_like(view), view[:, ::-1]]
    names = ["A01 DMSO", "A02 a compound whose name is much too long for its cell", "B01"]
    pixels = np.asarray(contact_sheet(views, names, CHANNELS, columns=2, title="plate 24279"))
    assert pixels.shape[1] == 2 * 232 + 3 * GAP
    cell = round(520 * 232 / 696)
    first = pixels[2 * 22 + 2 * GAP + 22 :][:cell, GAP : GAP + 232]
    shrunk = composite(view[:, ::-1], CHANNELS)[:519].reshape(173, 3, 232, 3, 3).mean(axis=(1, 3))
    last = pixels[-GAP - cell : -GAP, GAP : GAP + 232]
    assert np.abs(last[:120] - shrunk[:120]).mean() < 4
    assert np.abs(first[::-1][:120].astype(int) - last[:120]).mean() < 4
    blank = pixels[2 * 22 + 2 * GAP + 22 :][:cell, 2 * GAP + 232 : -GAP]
    assert (blank == 0).all()
    assert (pixels[:, -GAP:] == pixels[-1, -1]).all()
    with pytest.raises(ValueError, match="zip"):
        contact_sheet(views, names[:2], CHANNELS)


def heat_map_data():
    rows = [
        {"plate": "P1", "well": well, "channel": channel, "mean": float(place), "flagged": 0.5}
        for place, well in enumerate(well_names(16, 24))
        for channel in ("Hoechst", "Mito")
    ]
    summary = pd.DataFrame(rows)
    return pd.concat([summary.query("well != 'C05'"), summary.assign(plate="P2", mean=-1.0)])


def test_heat_maps_lie_like_the_plate():
    figure = plate_heat_maps(heat_map_data(), "P1", ["mean", "flagged"])
    titles = [axis.get_title() for axis in figure.axes]
    assert titles[:3] == ["Hoechst: mean (grey level)", "Mito: mean (grey level)",
                          "Hoechst: flagged sites (share)"]  # fmt: skip
    values = figure.axes[0].images[0].get_array()
    assert np.ma.getmaskarray(values).nonzero() == (2, 4)
    assert values[0, 23] == 23
    assert values[15, 0] == 15 * 24
    assert figure.axes[2].images[0].get_clim() == (0, 1)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()][::15] == ["A", "P"]


def test_pictures_are_the_same_bytes_each_time(view, tmp_path):
    for name in ("one", "two"):
        save_picture(montage(view[:, ::4, ::4], CHANNELS, title="µ"), tmp_path / f"{name}.png")
        figure = plate_heat_maps(heat_map_data(), "P1", ["mean"])
        save_figure(figure, tmp_path / f"{name}_heat.png")
    for kind in (".png", "_heat.png"):
        assert (tmp_path / f"one{kind}").read_bytes() == (tmp_path / f"two{kind}").read_bytes()


class ScaledViews(list):
    """Views as arrays, with the values of the camera that became 256."""

    def __init__(self, raw):
        scaled = [[to_uint8(plane) for plane in view] for view in raw]
        super().__init__(np.stack([pixels for pixels, _ in view]) for view in scaled)
        self.clip_levels = np.array([[level for _, level in view] for view in scaled])


def test_a_dim_plate_looks_dim_beside_a_bright_one():
    """The same cells in a quarter of the light are a quarter as bright, not as bright."""
    rng = np.random.default_rng(3)
    light = rng.gamma(2, 400, (1, 60, 80)).clip(100, 4000)
    bright, dim = light.astype(np.uint16), (light / 4).astype(np.uint16)
    views = ScaledViews([bright, dim, bright])
    # Scaled to 8 bits, each by its own clip level, they do not differ.
    assert abs(views[0].astype(int) - views[1]).max() <= 2
    sheet = np.asarray(contact_sheet(views, ["a", "b", "c"], ["DNA"], columns=3, cell_width=80))
    cells = [sheet[-68:-8, 8 + 88 * place : 88 + 88 * place, 2].mean() for place in range(3)]
    assert cells[1] < 0.35 * cells[0]
    assert cells[0] == pytest.approx(cells[2], rel=0.2)
    # On sheets of their own, too, if both are drawn in the range of the screen.
    display = display_range(views)
    # A grey level of the brightest view is 16 of the camera's.
    assert display[0] == pytest.approx(np.quantile(bright, [0.05, 0.997]), abs=16)
    sheets = [
        np.asarray(contact_sheet(ScaledViews([raw]), ["a"], ["DNA"], 1, 80, None, display=display))
        for raw in (bright, dim)
    ]
    lit = [sheet[-68:-30, 8:88, 2].mean() for sheet in sheets]
    assert lit[1] < 0.35 * lit[0]


def test_a_blank_view_is_black_beside_others():
    raw = np.full((1, 40, 50), 500, np.uint16)
    raw[:, :20] = 100
    views = ScaledViews([raw, np.zeros_like(raw), raw])
    sheet = np.asarray(contact_sheet(views, ["a", "b", "c"], ["DNA"], 3, 50, None))
    assert sheet[-48:-8, 66:116].max() == 0


def test_no_scale_bar_where_files_and_configuration_disagree(view):
    known = np.asarray(montage(view, CHANNELS, 0.656)).astype(int)
    unknown = np.asarray(montage(view, CHANNELS, None)).astype(int)
    assert (known != unknown).any()
    assert scale(0.656, [0.645], "warn") == 0.656
    assert scale(0.656, [0.645, 0.3125], "warn") is None
    assert scale(0.656, [0.3125], "off") == 0.656
    assert scale(0.656, [], "strict") == 0.656
