"""Figures of the comparison: what is drawn is what the tables say, at any size of a study."""

import re
import warnings

import matplotlib
import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from matplotlib.colors import to_hex
from matplotlib.text import Text
from scipy.stats import spearmanr

from paintassay.core.tables import conform
from paintassay.drawing.print import fitted, text_width, wrapped
from paintassay.drawing.style import METHOD_COLOURS, STYLE, save_figure
from paintassay.report.figures import comparison_data
from paintassay.report.figures import tables as figure_tables
from paintassay.report.figures.comparison import draw_distribution, draw_fig4, draw_s1
from paintassay.report.figures.panels import draw_s2, draw_s3, draw_s6, draw_training_curves
from paintassay.report.histories import Epoch, TrainingHistory

ROC = ["first", "second", "split", "replicate", "task", "auc_first", "auc_second",
       "area_difference", "pvalue", "benjamini_hochberg"]  # fmt: skip
# GapNet stands second in this table, for FNN is the better one here.
TESTS = pd.DataFrame(
    [
        ("fnn", "gapnet", 1, 1, "t1", 0.60, 0.90, -0.30, 0.001, 0.004),
        ("fnn", "gapnet", 1, 1, "t2", 0.80, 0.60, 0.20, 0.020, 0.060),
        ("fnn", "gapnet", 1, 1, "t3", 0.50, 0.95, -0.45, 0.050, 0.100),
        ("fnn", "gapnet", 1, 1, "t4", 0.70, 0.70, 0.00, 0.010, 0.040),
        ("fnn", "gapnet", 1, 1, "t5", 0.55, 0.65, -0.10, np.nan, np.nan),
        ("fnn", "gapnet", 1, 1, "t6", np.nan, 0.50, np.nan, np.nan, np.nan),
        ("fnn", "resnet", 1, 1, "t1", 0.60, 0.10, 0.50, 0.001, 0.001),
    ],
    columns=ROC,
)
# A name that matplotlib would take for mathematics, and one that does not fit into a line.
NAMES = ["cost in $ and $ of \\frac", *["inhibition of a very long enzyme " * 4] * 300]


def make_assays(tasks):
    return pd.DataFrame(
        {
            "TASK": tasks,
            "ASSAY_CHEMBL_ID": [f"CHEMBL{1000 + place}" for place in range(len(tasks))],
            "KIND": ["pchembl" if place % 2 else "comment" for place in range(len(tasks))],
            "THRESHOLD": 6.5,
            "DESCRIPTION": NAMES[: len(tasks)],
            "TARGET_NAME": None,
            "ACTIVES": 10 + np.arange(len(tasks)),
            "INACTIVES": 30,
        }
    )


def make_tasks(methods, tasks, seed=1):
    """Tasks as in `comparison_tables`, with AUCs drawn at random."""
    random = np.random.default_rng(seed)
    table = pd.DataFrame(
        [(method, task) for method in methods for task in tasks], columns=["method", "task"]
    )
    table["auc"] = random.beta(4, 1.5, len(table))
    table["auc_compounds"] = table["auc"] ** 0.9
    table["auc_run"] = random.beta(4, 1.5, len(table))
    for end, sign in (("low", -1), ("high", 1)):
        shift = sign * random.uniform(0, 0.2, len(table))
        table[end] = np.clip(table["auc_run"] + shift, 0, 1)
        table[f"{end}_stratified"] = table[end]
    return table.assign(split=1, replicate=2)


def make_study(methods, number, seed=2):
    """Data of all figures by name, of a made-up study."""
    tasks = [f"CHEMBL{1000 + place}|comment" for place in range(number)]
    random = np.random.default_rng(seed)
    means = make_tasks(methods, tasks)
    counts = pd.DataFrame(
        {
            "task": tasks,
            "actives": random.integers(10, 2000, number),
            "inactives": random.integers(10, 4000, number),
        }
    )
    predictability = means[["method", "task", "auc"]].merge(counts, on="task")
    predictability["data_points"] = predictability["actives"] + predictability["inactives"]
    metrics = means[["method", "task"]].assign(level="wells")
    for measure in comparison_data.MEASURES:
        metrics[measure] = random.uniform(0, 1, len(metrics))
    first, second = comparison_data.choose_pair(methods) if len(methods) > 1 else ("a", "b")
    tests = pd.DataFrame(
        {
            "first": first,
            "second": second,
            "split": 1,
            "replicate": 1,
            "task": tasks,
            "auc_first": random.beta(5, 2, number),
            "auc_second": random.beta(4, 2, number),
            "pvalue": random.uniform(0, 0.3, number),
        }
    )
    tests["area_difference"] = tests["auc_first"] - tests["auc_second"]
    tests["benjamini_hochberg"] = 2 * tests["pvalue"]
    histories = [
        TrainingHistory(
            method,
            1,
            replicate,
            [
                Epoch(epoch, 1 / epoch, 1 / epoch + 0.1, float(random.uniform(0.4, 0.9)), number)
                for epoch in range(1, 21)
            ],
        )
        for method in methods
        for replicate in (1, 2)
    ]
    return {
        "fig4": comparison_data.fig4_data(tests, methods, make_assays(tasks)),
        "auc_distribution": comparison_data.distribution_data(means),
        "s1": comparison_data.s1_data(metrics, means),
        "s2": comparison_data.relation_data(predictability, means),
        "s3": comparison_data.relation_data(predictability, means),
        "s6": comparison_data.s6_data(means),
        "training_curves": comparison_data.training_data(histories, methods),
    }


DRAW = {
    "fig4": draw_fig4,
    "auc_distribution": draw_distribution,
    "s1": draw_s1,
    "s2": draw_s2,
    "s3": draw_s3,
    "s6": draw_s6,
    "training_curves": draw_training_curves,
}
METHODS = ["resnet", "densenet", "gapnet", "milnet", "my_own-forest", "mcnn", "sccnn", "fnn"]


def offsets(figure, gid):
    """Places of the dots of a scatter plot."""
    for axes in figure.axes:
        for dots in axes.collections:
            if dots.get_gid() == gid:
                return np.asarray(dots.get_offsets())
    raise KeyError(gid)


def texts(figure):
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def svg(figure, folder):
    save_figure(figure, folder / "figure.svg")
    return (folder / "figure.svg").read_text(encoding="utf-8")


def fig4():
    return comparison_data.fig4_data(
        TESTS, ["fnn", "resnet", "gapnet"], make_assays([f"t{place}" for place in range(1, 7)])
    )


def test_fig4_turns_the_pair_and_names_what_differs():
    data = fig4()
    conform(data, figure_tables.FIG4)
    assert list(data["task"]) == ["t1", "t2", "t3", "t4", "t5"]
    assert set(data["first"]) == {"gapnet"}
    assert list(data["auc_first"]) == [0.9, 0.6, 0.95, 0.7, 0.65]
    # 0.05 itself is not below 0.05; no p-value is no significance.
    assert list(data["outcome"]) == ["first", "second", "none", "equal", "none"]
    assert list(data["corrected"]) == [True, False, False, True, False]
    assert data["number"].fillna(0).tolist() == [1, 2, 0, 0, 0]
    assert data["source"][0] == "CHEMBL1000, comments"
    assert data["source"][1] == "CHEMBL1001, pChEMBL ≥ 6.5"


def test_fig4_numbers_the_largest_significant_differences():
    data = make_study(METHODS, 209)["fig4"]
    size = (data["auc_first"] - data["auc_second"]).abs()[data["pvalue"] < 0.05]
    named = data.dropna(subset="number").sort_values("number")
    assert set(named.index) == set(size.nlargest(6).index)
    assert list(named["number"]) == [1, 2, 3, 4, 5, 6]
    assert (named["auc_first"] - named["auc_second"]).is_monotonic_decreasing


def test_fig4_numbers_lie_apart_though_their_dots_do_not():
    data = fig4().iloc[[0] * 6].reset_index(drop=True)
    data["auc_first"] += np.linspace(0, 0.01, 6)
    check_texts(draw_fig4(data.assign(number=range(1, 7))))


def test_fig4_shows_each_assay_in_the_colour_of_the_better_method():
    data = fig4()
    figure = draw_fig4(data)
    assert offsets(figure, "outcome-first").tolist() == [[0.9, 0.6]]
    assert offsets(figure, "outcome-second").tolist() == [[0.6, 0.8]]
    assert offsets(figure, "outcome-equal").tolist() == [[0.7, 0.7]]
    assert offsets(figure, "outcome-none").tolist() == [[0.95, 0.5], [0.65, 0.55]]
    assert offsets(figure, "corrected").tolist() == [[0.9, 0.6], [0.7, 0.7]]
    dots = {each.get_gid(): each for each in figure.axes[0].collections}
    for kind, method in (("first", "gapnet"), ("second", "fnn")):
        colour = to_hex(dots[f"outcome-{kind}"].get_facecolor()[0]).upper()
        assert colour == METHOD_COLOURS[method]
    said = texts(figure)
    assert {"GapNet better: 1", "FNN better: 1", "no significant difference: 2"} <= set(said)
    r = np.corrcoef(data["auc_first"], data["auc_second"])[0, 1]
    assert f"Pearson r = \N{MINUS SIGN}{-r:.2f}, 5 assays" in said


def test_the_pair_is_that_of_the_paper_or_else_the_best_two():
    assert comparison_data.choose_pair(["resnet", "fnn", "gapnet"]) == ("gapnet", "fnn")
    assert comparison_data.choose_pair(["resnet", "fnn", "mcnn"]) == ("resnet", "fnn")
    assert comparison_data.choose_pair(["resnet"]) == ("resnet",)


def test_distribution_is_at_a_level_that_all_methods_have():
    tasks = make_tasks(["gapnet", "forest"], ["t1", "t2", "t3"])
    data = comparison_data.distribution_data(tasks)
    assert set(data["level"]) == {"wells"}
    tasks.loc[tasks["method"] == "forest", "auc"] = np.nan
    data = comparison_data.distribution_data(tasks)
    conform(data, figure_tables.DISTRIBUTION)
    assert set(data["level"]) == {"compounds"}
    assert list(data["auc"]) == list(tasks["auc_compounds"])
    # A method that could not be evaluated at all tells nothing about the level.
    tasks.loc[tasks["method"] == "forest", "auc_compounds"] = np.nan
    data = comparison_data.distribution_data(tasks)
    assert set(data["level"]) == {"wells"}
    assert "no AUC" in texts(draw_distribution(data))


def test_distribution_shows_every_auc_and_no_dot_hides_another():
    data = make_study(METHODS, 209)["auc_distribution"]
    figure = draw_distribution(data)
    wide = 84 - 8
    low = figure.axes[0].get_xlim()[0]
    for method, own in data.groupby("method"):
        dots = offsets(figure, f"auc-{method}")
        assert dots[:, 0].tolist() == sorted(own["auc"])
        places = np.column_stack([dots[:, 0] / (1 - low) * wide, dots[:, 1]])
        apart = np.abs(places[:, None] - places).max(axis=2) + 9 * np.eye(len(places))
        assert apart.min() > 0.35
        mean = f"{own['auc'].mean():.3f} ± {own['auc'].std():.3f} (209)"
        assert mean in texts(figure)


def test_further_measures_are_means_over_the_runs():
    tasks = make_tasks(["fnn", "gapnet"], ["t1"])
    metrics = pd.DataFrame(
        {"method": ["gapnet", "gapnet", "gapnet", "fnn"], "task": "t1",
         "level": ["wells", "wells", "compounds", "wells"]}
    )  # fmt: skip
    for measure in comparison_data.MEASURES:
        metrics[measure] = [0.2, 0.4, 0.9, np.nan]
    data = comparison_data.s1_data(metrics, tasks)
    conform(data, figure_tables.S1)
    assert list(data["measure"]) == list(comparison_data.MEASURES)
    assert data["value"].to_numpy() == pytest.approx(0.3)
    assert set(data["method"]) == {"gapnet"}


def test_relation_of_auc_and_labels():
    study = make_study(["gapnet", "fnn"], 60)["s2"]
    conform(study, figure_tables.RELATION)
    figure = draw_s2(study)
    own = study[study["method"] == "fnn"]
    assert offsets(figure, "auc-fnn").tolist() == own[["data_points", "auc"]].to_numpy().tolist()
    rho = spearmanr(own["data_points"], own["auc"]).statistic
    assert f"\N{GREEK SMALL LETTER RHO} = {rho:.2f}".replace("-", "\N{MINUS SIGN}") in texts(figure)
    assert offsets(draw_s3(study), "auc-fnn")[:, 0].tolist() == list(own["class_ratio"])
    tasks = make_tasks(["forest"], ["t1", "t2"]).assign(auc=np.nan)
    labels = pd.DataFrame({"task": ["t1", "t2"], "method": "forest", "auc": 0.7,
                           "actives": [5, 3], "inactives": [10, 0],
                           "data_points": [15, 3]})  # fmt: skip
    data = comparison_data.relation_data(labels, tasks)
    assert data["class_ratio"].fillna(-1).tolist() == [0.5, -1]
    assert "by compound" in texts(draw_s3(data))


def test_intervals_are_sorted_by_the_best_method():
    tasks = make_tasks(["resnet", "gapnet", "fnn"], ["t1", "t2", "t3", "t4"])
    tasks["auc_run"] = [0.6, 0.9, np.nan, 0.7, *[0.5] * 4, 0.8, 0.4, 0.6, np.nan]
    tasks.loc[8, ["low", "high"]] = np.nan
    data = comparison_data.s6_data(tasks)
    conform(data, figure_tables.S6)
    assert list(data["method"]) == ["resnet"] * 3 + ["fnn"] * 3
    assert list(data["task"]) == ["t2", "t4", "t1", "t2", "t1", "t3"]
    assert list(data["place"]) == [1, 2, 3, 1, 3, 4]
    figure = draw_s6(data)
    lines = figure.axes[1].collections[0].get_segments()
    fnn = tasks[tasks["method"] == "fnn"].set_index("task").loc[["t2", "t3"]]
    assert [line[:, 0].tolist() for line in lines] == [[1, 1], [4, 4]]
    ends = np.array([line[:, 1] for line in lines])
    assert ends == pytest.approx(fnn[["low", "high"]].to_numpy())
    hollow = [line for line in figure.axes[1].lines if line.get_markerfacecolor() == "white"]
    assert hollow[0].get_xydata().tolist() == [[3, 0.8]]
    assert "intervals of 2 of 3 assays" in " ".join(texts(figure))
    # Without FNN, or where it is the best, the next best stands beside the best.
    two = comparison_data.s6_data(make_tasks(["fnn", "mcnn", "gapnet"], ["t1"]))
    assert list(two["method"]) == ["fnn", "mcnn"]


def test_the_kept_epoch_is_the_first_of_the_best():
    def training(method, losses, areas):
        epochs = [
            Epoch(place, 1.0, loss, auc, evaluable_tasks=7)
            for place, (loss, auc) in enumerate(zip(losses, areas, strict=True), start=1)
        ]
        return TrainingHistory(method, 1, 1, epochs)

    histories = [
        training("fnn", [0.1, 0.5, 0.3], [0.6, 0.8, 0.8]),
        # Without any AUC the loss decides.
        training("gapnet", [0.4, 0.2, 0.2], [None] * 3),
        training("mcnn", [], []),
    ]
    data = comparison_data.training_data(histories, ["gapnet", "mcnn", "fnn"])
    conform(data, figure_tables.TRAINING_CURVES)
    assert list(data["method"]) == ["gapnet"] * 3 + ["fnn"] * 3
    assert data.loc[data["kept"], "epoch"].tolist() == [2, 2]
    figure = draw_training_curves(data)
    upper, lower = figure.axes[2:4]
    assert upper.lines[0].get_ydata().tolist() == [1, 1, 1]
    assert upper.lines[1].get_ydata().tolist() == [0.1, 0.5, 0.3]
    assert lower.lines[0].get_ydata().tolist() == [0.6, 0.8, 0.8]
    assert lower.lines[1].get_xydata().tolist() == [[2, 0.8]]


@pytest.mark.parametrize("name", DRAW)
def test_at_the_size_of_the_published_study_all_texts_have_their_place(name):
    data = make_study(METHODS, 209)[name]
    figure = DRAW[name](data)
    check_texts(figure)
    width = figure.get_size_inches()[0] * 25.4
    assert width == pytest.approx(84 if name in ("fig4", "auc_distribution") else 178)


def check_texts(figure):
    """No text is cut off, nor lies over another, nor is smaller than 7 points."""
    with matplotlib.rc_context(STYLE):
        figure.draw_without_rendering()
    shown = [text for text in figure.findobj(Text) if text.get_text()]
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in axis.get_major_ticks():
                # matplotlib makes ticks beyond the ends, and does not draw them.
                if not low - 1e-6 <= tick.get_loc() <= high + 1e-6 or not tick.label1.get_visible():
                    shown = [text for text in shown if text is not tick.label1]
    areas = [axes.bbox for axes in figure.axes]
    for axes in figure.axes:
        # Numbers beside a panel do not lie over its neighbour.
        ticks = [text for text in axes.get_yticklabels() if text in shown and text.get_text()]
        assert not any(text.get_window_extent().overlaps(area) for text in ticks for area in areas)
    boxes = np.array([text.get_window_extent().extents for text in shown])
    out = (boxes[:, :2] < -0.5).any(axis=1) | (boxes[:, 2:] > figure.bbox.max + 0.5).any(axis=1)
    assert not out.any(), [shown[place].get_text() for place in np.flatnonzero(out)]
    left, bottom, right, top = boxes.T
    over = (left[:, None] < right - 0.5) & (left < right[:, None] - 0.5)
    # Line boxes have room for accents above and tails below that few texts use.
    over &= (bottom[:, None] + 2 < top - 2) & (bottom + 2 < top[:, None] - 2)
    pairs = np.argwhere(np.triu(over, 1))
    assert not len(pairs), [(shown[a].get_text(), shown[b].get_text()) for a, b in pairs]
    assert min(text.get_fontsize() for text in shown) >= 7


def test_the_same_data_give_the_same_file(tmp_path):
    study = make_study(["gapnet", "fnn"], 12)
    for name, draw in DRAW.items():
        first, again = (svg(draw(study[name]), tmp_path) for _ in range(2))
        assert first == again, name
        # Text stays text, to be found and edited.
        assert "<text" in first
        assert "<dc:date>" not in first
    files = []
    for _ in range(2):
        save_figure(draw_fig4(study["fig4"]), tmp_path / "figure.png")
        files.append((tmp_path / "figure.png").read_bytes())
    assert files[0] == files[1]


def test_names_are_not_taken_for_mathematics(tmp_path):
    data = fig4()
    text = svg(draw_fig4(data), tmp_path)
    assert ">cost in $ and $ of \\frac (CHEMBL1000, comments)</text>" in text


@pytest.mark.parametrize(("methods", "number"), [(["gapnet"], 3), (["gapnet", "fnn"], 1)])
def test_small_studies_are_drawn_or_told_in_words(methods, number, tmp_path):
    study = make_study(methods, number)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name, draw in DRAW.items():
            figure = draw(study[name])
            save_figure(figure, tmp_path / f"{name}.svg")
            assert figure.axes or name == "fig4"
    if len(methods) == 1:
        assert "There are no two methods" in texts(draw_fig4(study["fig4"]))[0]


def test_a_study_without_any_auc_is_told_in_words():
    tasks = make_tasks(["gapnet", "fnn"], ["t1", "t2"])
    names = ["auc", "auc_compounds", "auc_run", "low", "high"]
    tasks[names] = np.nan
    empty = TESTS.assign(auc_first=np.nan)
    labels = tasks[["method", "task", "auc"]].assign(actives=10, inactives=9, data_points=19)
    metrics = tasks[["method", "task"]].assign(
        level="wells", **dict.fromkeys(comparison_data.MEASURES, np.nan)
    )
    relation = comparison_data.relation_data(labels, tasks)
    study = {
        "fig4": comparison_data.fig4_data(empty, ["gapnet", "fnn"], make_assays(["t1", "t2"])),
        "auc_distribution": comparison_data.distribution_data(tasks),
        "s1": comparison_data.s1_data(metrics, tasks),
        "s2": relation,
        "s3": relation,
        "s6": comparison_data.s6_data(tasks),
        "training_curves": comparison_data.training_data([], ["gapnet", "fnn"]),
    }
    for name, data in study.items():
        conform(data, figure_tables.FILES[f"{name}.csv"])
        said = " ".join(texts(DRAW[name](data)))
        assert re.match(r"(There are no|No task of any method|No network)", said), name


def test_every_figure_has_its_caption():
    captions = ROOT / "workflow" / "report"
    names = {name.removesuffix(".csv") for name in figure_tables.FILES}
    assert {path.stem for path in captions.glob("*.rst")} >= names
    # Snakemake renders captions with Jinja.
    assert not any("{" in path.read_text(encoding="utf-8") for path in captions.glob("*.rst"))


def test_texts_are_cut_to_their_width():
    assert fitted("short", 50) == "short"
    cut = fitted("a long name of an assay that does not fit", 30)
    assert cut.endswith("…")
    assert text_width(cut) <= 30 < text_width(f"{cut[:-1]}wide…")
    lines = wrapped("one two three four five six seven eight nine ten", 20, lines=2)
    assert len(lines) == 2
    assert all(text_width(line) <= 20 for line in lines)
    assert lines[1].endswith("…")
