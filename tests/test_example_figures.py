"""Figures of examples: which compounds are shown, and that their pixels are."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from PIL import Image

from paintassay.core.errors import InputError
from paintassay.core.tables import conform
from paintassay.drawing.style import save_figure
from paintassay.images.composites import composite, display_range
from paintassay.images.shards import new_shard
from paintassay.labels.reading import Labels
from paintassay.report.figures import example_data, examples
from paintassay.report.figures import tables as figure_tables
from paintassay.statistics.methods import Predictions

CHANNELS = ["Mito", "ERSyto", "Hoechst"]
HEIGHT, WIDTH = 26, 34
KEYS = [f"{letter * 14}-UHFFFAOYSA-N" for letter in "ABCDEFGHIJKL"]
TASKS = ["CHEMBL1|pchembl>=5.5", "CHEMBL1|pchembl>=6.5", "CHEMBL2|comment", "CHEMBL3|comment"]
ASSAYS = pd.DataFrame(
    {
        "TASK": TASKS,
        "ASSAY_CHEMBL_ID": ["CHEMBL1", "CHEMBL1", "CHEMBL2", "CHEMBL3"],
        "KIND": ["pchembl", "pchembl", "comment", "comment"],
        "THRESHOLD": [5.5, 6.5, np.nan, np.nan],
        "DESCRIPTION": ["inhibition of $x$", "inhibition of $x$", None, "cytotoxicity"],
        "TARGET_NAME": ["tubulin", "tubulin", "hERG", None],
        "ACTIVES": [20, 15, 30, 12],
        "INACTIVES": [30, 40, 30, 90],
    }
)
MEASURED = pd.DataFrame(
    {
        "method": ["gapnet"] * 4 + ["fnn"] * 4,
        "task": TASKS * 2,
        "auc_compounds": [0.92, 0.99, 0.6, 0.91, *[1.0] * 4],
    }
)
TESTS = pd.DataFrame(
    {
        "first": "gapnet", "second": "fnn", "split": 2, "replicate": 1, "task": TASKS,
        "auc_first": [0.9, 0.8, 0.6, 0.7], "auc_second": [0.4, 0.5, 0.9, 0.5],
        "area_difference": [0.5, 0.3, -0.3, 0.2], "pvalue": [0.3, 0.04, 0.001, 0.01],
        "benjamini_hochberg": 0.5,
    }
)  # fmt: skip


def make_manifest():
    """Two sites of one well a compound, and a negative control in the last well."""
    rows = [
        {"plate": "P1", "well": f"A{place + 1:02d}", "site": site, "inchikey": key}
        for place, key in enumerate([*KEYS, None])
        for site in (2, 1)
    ]
    manifest = pd.DataFrame(rows).assign(shard="P1.npy", row=range(len(rows)))
    known = manifest["inchikey"].notna()
    return manifest.assign(
        compound_id=("BRD-" + manifest["inchikey"].str[:1]).where(known, "DMSO"),
        role=known.map({True: "treatment", False: "negative_control"}),
        labelled=known,
        **{f"clip_level_{channel}": 4095 for channel in CHANNELS},
    )


def make_labels():
    """The first five compounds are active in every task, the others inactive."""
    rows = [
        {"inchikey": key, "task": task, "label": 1 if place < 5 else -1}
        for place, key in enumerate(KEYS)
        for task in TASKS
    ]
    return pd.DataFrame(rows)


def make_pixels(views, seed=1):
    shape = (views, len(CHANNELS), HEIGHT, WIDTH)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def pictures(figure):
    return [axes.images[0].get_array() for axes in figure.axes]


def texts(figure):
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def printed(picture, wide, high):
    size = [round(side / 25.4 * 300) for side in (wide, high)]
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))


def test_fig2_shows_assays_that_are_well_predicted_on_many_compounds():
    data = example_data.fig2_data(MEASURED, ASSAYS, make_labels(), make_manifest())
    conform(data, figure_tables.FIG2)
    # Above 0.9 the smaller class counts (20, 15 and 12), below it the AUC; one column of an assay.
    assert list(data["task"].unique()) == [TASKS[0], TASKS[3], TASKS[2]]
    assert set(data["method"]) == {"gapnet"}
    assert list(data["kind"]) == (["active"] * 3 + ["inactive"] * 3) * 3
    actives = data[data["kind"] == "active"]
    assert set(actives["inchikey"]) <= set(KEYS[:5])
    assert set(data.loc[data["kind"] == "inactive", "inchikey"]) <= set(KEYS[5:])
    assert set(data["site"]) == {1}
    assert data["assay"].tolist()[::6] == ["inhibition of $x$", "cytotoxicity", "hERG"]
    # Not the same compounds in every assay, and not those with the first names.
    assert actives.groupby("task")["inchikey"].agg(frozenset).nunique() > 1


def test_fig2_draws_the_same_compounds_whatever_the_order_of_the_tables():
    labels, manifest = make_labels(), make_manifest()
    data = example_data.fig2_data(MEASURED, ASSAYS, labels, manifest)
    mixed = example_data.fig2_data(
        MEASURED, ASSAYS, labels.sample(frac=1, random_state=3),
        manifest.sample(frac=1, random_state=4),
    )  # fmt: skip
    pd.testing.assert_frame_equal(data, mixed)


def test_fig2_shows_the_pixels_of_its_views_in_one_brightness():
    data = example_data.fig2_data(MEASURED, ASSAYS, make_labels(), make_manifest())
    views = make_pixels(len(data))
    figure = examples.draw_fig2(data, views, CHANNELS, 1.0)
    assert figure.get_size_inches()[0] * 25.4 == pytest.approx(178)
    tiles = pictures(figure)
    assert len(tiles) == len(data) == 18
    wide = (178 - 2 * 4 - 5 - 4 * 1.5) / 6
    display = display_range(views)
    for tile, view in zip(tiles, views, strict=True):
        expected = printed(composite(view, CHANNELS, display), wide, wide * HEIGHT / WIDTH)
        assert np.array_equal(tile, expected)
    # Actives at the left, inactives at the right, assays from above.
    corners = np.array([axes.get_position().p0 for axes in figure.axes]).reshape(3, 6, 2)
    assert (np.diff(corners[:, :, 0], axis=1) > 0).all()
    assert (np.diff(corners[:, 0, 1]) < 0).all()
    said = texts(figure)
    assert {"inhibition of $x$ (CHEMBL1, pChEMBL ≥ 5.5)", "hERG (CHEMBL2, comments)"} <= set(said)
    assert {"mean AUC of GapNet 0.92", "active (20 compounds)", "inactive (90 compounds)"} <= set(
        said
    )
    assert set(data["compound_id"]) <= set(said)


def test_the_scale_bar_has_its_length():
    data = example_data.channels_data(make_manifest())
    views = make_pixels(1)
    for size, told in ((10.0, 50), (1.0, 6.25)):
        figure = examples.draw_view_channels(data, views, CHANNELS, size)
        bar = figure.artists[-1]
        tile = figure.axes[-1].get_position()
        pixels = bar.get_width() / tile.width * WIDTH
        assert pixels * size == pytest.approx(told)
        assert f"scale bar: {told:g} µm" in texts(figure)


def test_fig5_chooses_the_clearest_advantage():
    chosen = example_data.choose_task(TESTS, ["fnn", "gapnet"])
    # Significant and the largest difference; the better method stands first.
    assert (chosen.first, chosen.second, chosen.task) == ("gapnet", "fnn", TASKS[1])
    none = TESTS.assign(pvalue=[0.3, 0.2, 0.01, 0.6])
    assert example_data.choose_task(none, ["fnn", "gapnet"]).task == TASKS[1]
    worse = TESTS.assign(area_difference=-0.1)
    assert example_data.choose_task(worse, ["fnn", "gapnet"]) is None
    assert example_data.choose_task(TESTS, ["gapnet"]) is None
    # The table may have the two in the other order.
    turned = TESTS.rename(columns={"auc_first": "auc_second", "auc_second": "auc_first"})
    turned = turned.assign(first="fnn", second="gapnet", area_difference=-TESTS["area_difference"])
    other = example_data.choose_task(turned, ["fnn", "gapnet"])
    assert (other.task, other.auc_first) == (TASKS[1], 0.8)


def test_fig5_shows_what_the_first_method_is_right_about():
    matrix = make_labels().pivot(index="inchikey", columns="task", values="label")[TASKS]
    labels = Labels(matrix.index, TASKS, matrix.to_numpy(np.int8))
    scores = np.tile(np.linspace(0.95, 0.05, len(KEYS), dtype=np.float32)[:, None], (1, 4))
    # Compounds of other parts and runs are passed over, however high their scores.
    keys = pd.DataFrame(
        {
            "split": [2] * 11 + [1],
            "replicate": [1] * 11 + [1],
            "inchikey": KEYS,
            "part": ["validation", *["test"] * 11],
        }
    )
    predictions = Predictions(keys, scores, np.ones(4, bool))
    chosen = example_data.choose_task(TESTS, ["fnn", "gapnet"])
    first = example_data.part_scores(predictions, chosen, labels)
    assert list(first.index) == KEYS[1:11]
    second = (1 - first).drop(KEYS[1])
    data = example_data.fig5_data(chosen, [first, second], make_labels(), ASSAYS, make_manifest())
    conform(data, figure_tables.FIG5)
    assert list(data["inchikey"]) == [*KEYS[1:5], *KEYS[10:6:-1]]
    assert list(data["kind"]) == ["active"] * 4 + ["inactive"] * 4
    assert data["score_first"].to_numpy() == pytest.approx(first[data["inchikey"]].to_numpy())
    figure = examples.draw_fig5(data, make_pixels(len(data)), CHANNELS, 1.0)
    assert len(pictures(figure)) == 8
    said = texts(figure)
    assert "AUC of GapNet 0.80, FNN 0.50; p = 0.040" in said
    assert f"GapNet {first[KEYS[1]]:.2f}" in said
    assert f"GapNet {first[KEYS[2]]:.2f}, FNN {second[KEYS[2]]:.2f}" in said


def test_one_view_channel_by_channel():
    data = example_data.channels_data(make_manifest())
    conform(data, figure_tables.VIEW_CHANNELS)
    assert list(data["channel"]) == CHANNELS
    assert set(data["well"]) == {"A13"}
    views = make_pixels(1)
    figure = examples.draw_view_channels(data, views, CHANNELS, 1.0)
    tiles = pictures(figure)
    assert len(tiles) == 4
    wide = (178 - 2 * 4 - 2 * 1.5) / 3
    size = wide, wide * HEIGHT / WIDTH
    assert np.array_equal(tiles[3], printed(composite(views[0], CHANNELS), *size))
    for tile, plane, (low, high) in zip(tiles, views[0], display_range(views), strict=False):
        grey = np.rint(255 * np.clip((plane - low) / (high - low), 0, 1)).astype(np.uint8)
        assert np.array_equal(tile, printed(grey[:, :, None].repeat(3, 2), *size))
    without = make_manifest().query("role == 'treatment'")
    assert set(example_data.channels_data(without)["well"]) == {"A01"}


def test_views_are_read_from_the_shards(tmp_path):
    manifest, pixels = make_manifest(), make_pixels(26)
    with new_shard(tmp_path / "P1.npy", pixels.shape) as write:
        manifest["sha256"] = [write(row, view) for row, view in enumerate(pixels)]
    data = example_data.fig2_data(MEASURED, ASSAYS, make_labels(), manifest)
    views = example_data.views_of(data, manifest, tmp_path)
    assert views.channels == CHANNELS
    for row, view in zip(data.itertuples(), views, strict=True):
        assert np.array_equal(view, pixels[2 * KEYS.index(row.inchikey) + 1])
    with pytest.raises(InputError, match="missing"):
        example_data.views_of(data, manifest, tmp_path / "elsewhere")


def test_without_auc_or_view_there_is_nothing_to_show():
    manifest = make_manifest()
    unknown = MEASURED.assign(auc_compounds=np.nan)
    for tasks, views in ((unknown, manifest), (MEASURED, manifest[:0])):
        data = example_data.fig2_data(tasks, ASSAYS, make_labels(), views)
        assert conform(data, figure_tables.FIG2).num_rows == 0
    assert example_data.channels_data(manifest[:0]).empty
    conform(example_data.channels_data(manifest[:0]), figure_tables.VIEW_CHANNELS)
    chosen = example_data.choose_task(TESTS, ["fnn", "gapnet"])
    scores = [pd.Series([0.5, 0.6], KEYS[4:6])] * 2
    data = example_data.fig5_data(chosen, scores, make_labels(), ASSAYS, manifest[:0])
    assert conform(data, figure_tables.FIG5).num_rows == 0


def test_one_compound_of_one_class_is_drawn(tmp_path):
    labels = make_labels().query("inchikey == @KEYS[0]")
    data = example_data.fig2_data(MEASURED, ASSAYS, labels, make_manifest())
    assert set(data["kind"]) == {"active"}
    views, again = make_pixels(len(data)), []
    for _ in range(2):
        figure = examples.draw_fig2(data, views, CHANNELS, 0.656)
        save_figure(figure, tmp_path / "fig2.svg")
        again.append((tmp_path / "fig2.svg").read_bytes())
    assert again[0] == again[1]
    assert b"<text" in again[0]
