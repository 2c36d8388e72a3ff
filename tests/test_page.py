"""The page of the report: its numbers, its words, its images, and that no text can break it."""

import base64
import hashlib
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st
from page_demo import CHANNELS, HOSTILE, shard, study
from PIL import Image

from paintassay.core.matching import Match
from paintassay.drawing.style import METHOD_COLOURS, method_colours, method_names
from paintassay.report.figures.example_data import first_views, pick_examples
from paintassay.report.page import content as page
from paintassay.report.page import data as page_data
from paintassay.report.page import losses as page_losses
from paintassay.report.page import text as page_text
from paintassay.report.page.images import (
    LIMIT_BYTES,
    channel_panels,
    encode,
    examples_by_task,
    small_pictures,
)
from paintassay.report.page.rows import (
    AssayRow,
    MethodRow,
    PageExamples,
    PairRow,
    RocTest,
    TaskResult,
    WilcoxonTest,
)
from paintassay.report.page.text import DASH, TIMES

FOLDER = ROOT / "workflow" / "report" / "page"


class Page(HTMLParser):
    """Elements, and the cells of each table by its id."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.tables, self.scripts, self.text = [], {}, [], []
        self._table = None
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.elements.append((tag, attributes))
        if tag == "table":
            self._table = self.tables.setdefault(attributes.get("id", len(self.tables)), [])
        if tag == "tr":
            self._table.append([])
        if tag in ("td", "th"):
            self._table[-1].append({"data": attributes, "text": ""})
        if tag == "script":
            self.scripts.append([attributes, ""])

    def handle_data(self, data):
        if self.cdata_elem == "script":
            self.scripts[-1][1] += data
            return
        self.text.append(data)
        if self._table and self._table[-1]:
            self._table[-1][-1]["text"] += data.strip("\n")

    def handle_endtag(self, tag):
        if tag == "table":
            self._table = None

    def script(self, name):
        return next(text for attributes, text in self.scripts if attributes.get("id") == name)


def make_examples(made, number=24):
    """What the script draws, from a shard that is made up."""
    pixels = shard(views=number)
    scores = made["predictions"]["resnet", 1].set_index("inchikey").drop(columns="part")
    picked = pick_examples(scores, made["labels"])
    rows = first_views(made["manifest"], picked["inchikey"])
    return PageExamples(
        method="resnet",
        split=1,
        replicate=1,
        by_task=examples_by_task(picked, rows),
        pictures=small_pictures([pixels[row] for row in rows["row"]], CHANNELS),
        panels=channel_panels(pixels[0], CHANNELS),
        view=f"plate P1, well A01, site 1, {HOSTILE}",
    )


def render(made, examples=None):
    return page.render_page(page.page_content(made["tables"], made["facts"], examples), FOLDER)


@pytest.fixture(scope="module")
def made():
    return study()


@pytest.fixture(scope="module")
def html(made):
    return render(made, make_examples(made))


def test_no_text_of_the_data_becomes_markup_or_program(html, made):
    parsed = Page(html)
    scripts = [attributes for attributes, _ in parsed.scripts]
    assert scripts == [
        {"type": "application/json", "id": "drawn"},
        {"type": "application/json", "id": "pictures"},
        {},
    ]
    allowed = {"img": r"data:image/jpeg;base64,[\w+/=]+", "link": "data:,"}
    for tag, attributes in parsed.elements:
        assert not any(name.startswith("on") for name in attributes), (tag, attributes)
        for name in ("src", "href"):
            if tag in allowed and name in attributes:
                assert re.fullmatch(allowed[tag], attributes[name])
        if tag == "a":
            assert re.match(r"#|https://doi\.org/", attributes["href"])
    # It is shown as it stands, once a place, and by no template evaluated.
    assert HOSTILE in "".join(parsed.text)
    drawn = json.loads(parsed.script("drawn"))
    assert drawn["assays"][0]["title"] == made["tables"].assays["DESCRIPTION"][0] == HOSTILE
    assert "49" not in drawn["assays"][0]["title"]


def test_policy_lets_the_browser_run_the_program_alone(html):
    parsed = Page(html)
    policy = next(
        attributes["content"]
        for tag, attributes in parsed.elements
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    )
    program = parsed.scripts[-1][1]
    assert program == (FOLDER / "page.js").read_text()
    digest = base64.b64encode(hashlib.sha256(program.encode()).digest()).decode()
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == f"'sha256-{digest}'"
    assert rules["img-src"] == "data:"


@settings(max_examples=50)
@given(st.recursive(st.text() | st.none() | st.integers(), st.lists))
def test_embedded_json_is_the_same_data_and_ends_no_element(data):
    text = page.embedded_json(data)
    assert not set("<>&") & set(text)
    assert json.loads(text) == data


def test_tables_say_what_the_statistics_say(html, made):
    tables = Page(html).tables
    summary = made["tables"].summary
    head, *rows = tables["table-1"]
    assert [row[0]["text"] for row in rows] == list(method_names(summary["method"]).values())
    column = [cell["text"] for cell in head].index("mean AUC")
    for row, (_, expected) in zip(rows, summary.iterrows(), strict=True):
        mean, deviation = row[column]["text"].split(" ± ")
        assert (float(mean), float(deviation)) == (
            round(expected["auc_mean"], 3),
            round(expected["auc_sd"], 3),
        )
        assert row[2]["text"] == f"{expected['evaluable']} of {expected['tasks']}"
    tests = made["tables"].wilcoxon.set_index(["worse", "better"])
    keys = list(summary["method"])
    _, *rows = tables["table-2"]
    for worse, row in zip(keys, rows, strict=True):
        for better, cell in zip(keys, row[1:], strict=True):
            if worse == better:
                continue
            expected = tests.loc[(worse, better)]
            for name in ("pvalue", "holm", "benjamini_hochberg", "effect_size"):
                shown = float(cell["data"][f"data-{name}"])
                assert shown == pytest.approx(expected[name], rel=1e-3, abs=1e-4)
            assert ("significant" in cell["data"]["class"]) == (expected["pvalue"] < 0.01)
    of_task = made["tables"].tasks.set_index(["task", "method"])
    _, *rows = tables["table-assays"]
    for task, row in zip(made["tables"].assays["TASK"], rows, strict=True):
        for method, cell in zip(keys, row[5:], strict=True):
            auc = of_task.loc[(task, method), "auc"]
            assert cell["text"] == (DASH if np.isnan(auc) else f"{auc:.2f}")
    _, *rows = tables["table-3"]
    assert [row[1]["text"].replace(",", "") for row in rows] == [
        str(made["tables"].costs.set_index("model").loc[key, "parameters"]) for key in keys
    ]


def test_drawn_data_are_those_of_the_tables(html, made):
    drawn = json.loads(Page(html).script("drawn"))
    tables, keys = made["tables"], list(made["tables"].summary["method"])
    assert [each["colour"] for each in drawn["methods"]] == [METHOD_COLOURS[key] for key in keys]
    assert [keys[place] for place in drawn["pair"]] == ["gapnet", "fnn"]
    tests = tables.roc_tests.set_index(["first", "second", "task"]).sort_index()
    names = ["auc_first", "auc_second", "pvalue", "benjamini_hochberg", "holm"]
    for pair in drawn["pairs"]:
        first, second = keys[pair["first"]], keys[pair["second"]]
        aucs = tests.loc[(first, second)].dropna(subset="auc_first")
        expected = np.corrcoef(aucs["auc_first"], aucs["auc_second"])[0, 1]
        assert pair["correlation"] == pytest.approx(expected, abs=5e-4)
        assert pair["compared"] == len(aucs) == sum(row is not None for row in pair["rows"])
        for assay, row in zip(drawn["assays"], pair["rows"], strict=True):
            if row:
                test = tests.loc[(first, second, assay["task"]), names]
                assert row[:5] == pytest.approx(list(test), rel=1e-3, abs=1e-4)
    assay = drawn["assays"][2]
    curve = tables.roc_curves.query("task == @assay['task'] and method == @keys[0]")
    points = np.reshape(assay["curves"][0], (-1, 2)) / 1000
    assert points == pytest.approx(curve.iloc[:, :2].to_numpy(), abs=5e-4)
    own = tables.tasks.query("task == @assay['task'] and method == @keys[0]").iloc[0]
    for name in ("auc_run", "low", "high"):
        assert assay["results"][0][name] == pytest.approx(own[name], rel=1e-3)
    counts = (made["labels"][assay["task"]].to_numpy()[:, None] == [1, -1]).sum(axis=0)
    assert assay["results"][0]["test"] == counts.tolist()
    # The last task has no active compound in the test part: it is told, and never 0.5.
    last = drawn["assays"][-1]
    assert all(result["auc"] is None and result["low"] is None for result in last["results"])
    assert last["curves"] == [None] * 3
    assert "no active sample in the test part (by well and by compound; 6 runs of all methods)" in (
        last["notes"][0][:1].lower() + last["notes"][0][1:]
    )


def test_page_is_the_same_each_time_and_has_no_date(made, html):
    again = study()
    assert render(again, make_examples(again)) == html
    assert not re.search(
        r"\b(19|20)\d\d-\d\d-\d\d|\d\d:\d\d:\d\d", re.sub('base64,[^"]*', "", html)
    )


@pytest.mark.parametrize(
    ("arguments", "without"),
    [
        ({"methods": ["fnn"], "replicates": 1}, ()),
        ({"methods": ["my_tool", "gapnet"], "tasks": 1}, ("costs",)),
        ({"methods": ["my_tool"], "tasks": 2}, ("costs", "trainings")),
    ],
)
def test_page_says_what_it_has_not(arguments, without):
    made = study(**arguments)
    if "costs" in without:
        made["tables"] = replace(made["tables"], costs=None)
    html = render(made)
    text = " ".join("".join(Page(html).text).split())
    assert not re.search(r"\b(nan|NaN|inf|<NA>|undefined)\b", text)
    one = len(arguments["methods"]) == 1
    assert ("There is one method only" in text) == one
    assert ("needed to compare assay by assay" in text) == one
    assert ("No costs were measured" in text) == ("costs" in without)
    assert ("Nothing was trained here" in text) == ("trainings" in without)
    assert ("spread over replicates: each method has one replicate" in text) == (
        arguments.get("replicates") == 1
    )
    assert "One field of view" not in text
    assert ("trained on images" in text) == ("trainings" not in without)


def test_a_tool_without_wells_is_ranked_and_told_by_compound():
    made = study(methods=("gapnet", "my_tool"))
    wells = ["auc_mean", "auc_sd", "f1_mean", "f1_sd", "above_0.9", "above_0.8", "above_0.7"]
    summary = made["tables"].summary.astype(dict.fromkeys(wells, "float64"))
    summary.loc[summary["method"] == "my_tool", [*wells, "auc_mean_compounds"]] = [*[None] * 7, 0.9]
    made["tables"] = replace(made["tables"], summary=summary)
    content = page.page_content(made["tables"], made["facts"])
    assert content.best == ("highest mean AUC: my_tool, by compound", 0.9)
    assert content.findings[0].startswith("my_tool has the highest mean AUC: 0.900")
    assert "above 0.9" not in content.findings[0]
    assert "by compound where a method has no wells" in render(made)


# Words


def make_row(kind, **values):
    """A row of the page that has these values, and None in all its other fields."""
    return kind(**(dict.fromkeys(kind.__annotations__) | values))


def made_method(name, mean):
    return make_row(
        MethodRow, name=name, auc_mean=mean, auc_sd=0.1, evaluable=7, tasks=9, above_0_9=1,
        above_0_8=2, above_0_7=3, auc_mean_compounds=mean, auc_sd_compounds=0.1,
    )  # fmt: skip


def made_tests(pvalues):
    return [
        [
            None if row == column else make_row(WilcoxonTest, pvalue=p, holm=min(1, 6 * p))
            for column, p in pvalues
        ]
        for row in range(len(pvalues))
    ]


def test_findings_claim_no_more_than_the_tests():
    methods = [made_method("A", 0.8), made_method("B", 0.79), made_method("C", 0.7)]
    nothing = page_text.findings(
        methods, [], made_tests([(0, 0.2), (1, 0.3), (2, 0.9)]), [], [0, 1]
    )
    assert "A has the highest mean AUC: 0.800 ± 0.100 by well" in nothing[0]
    assert "7 of 9 tasks that could be evaluated" in nothing[0]
    assert "not significantly better than any of the two other methods" in nothing[1]
    some = page_text.findings(methods, [], made_tests([(0, 0.005), (1, 1), (2, 1)]), [], [0, 1])
    assert "outperforms the two other methods with p < 0.01" in some[1]
    assert "for all 6 ordered pairs, none remains" in some[1]
    values = [[0.9, 0.6, 0.01, 0.04, 0.04], [0.6, 0.9, 0.03, 0.2, 0.3], [0.5, 0.6, 0.5, 0.6, 1]]
    rows = [*(RocTest(*row, valid_pvalue=None, delong_pvalue=None) for row in values), None]
    pair = make_row(PairRow, first=0, second=1, compared=3, correlation=-0.5, rows=rows)
    tests = made_tests([(0, 1), (1, 1), (2, 1)])
    paired = page_text.findings(methods, [pair], tests, [], [1, 0])
    assert "correlated with r = \N{MINUS SIGN}0.50" in paired[2]
    assert "in favour of A in 1 and in favour of B in 1 " in paired[2]
    assert paired[2].endswith("corrected by Benjamini and Hochberg, in 1 and 0.")
    result = make_row(TaskResult, low=1.0, high=1.0, test=(3, 7))
    certain = [make_row(AssayRow, results=[result, None, None])]
    assert (
        "shrink to a point in one task"
        in page_text.findings(methods, [], tests, certain, [0, 1])[-1]
    )
    unmeasured = [made_method("A", None)]
    assert "nothing to compare" in page_text.findings(unmeasured, [], [[None]], [], [0])[0]


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, DASH), (0, "0"), (1, "1.00"), (0.345, "0.34"), (0.0123, "0.012"), (0.001, "0.001"),
     (3.21e-8, f"3.2 {TIMES} 10⁻⁸"), (9.99e-11, f"1.0 {TIMES} 10⁻¹⁰")],
)  # fmt: skip
def test_p_values_are_written_for_people(value, text):
    assert page_text.format_p(value) == text


# Losses


def test_quality_is_counted_by_channel_and_plate():
    quality = pd.DataFrame(
        [
            ("P1", "A01", 1, "Mito", "blurred;dim"),
            ("P1", "A01", 1, "Hoechst", ""),
            ("P2", "A01", 1, "Mito", ""),
            ("P2", "A01", 1, "Hoechst", None),
            ("P3", "A01", 1, "Mito", "dim"),
            ("P3", "A01", 1, "Hoechst", "dim"),
        ],
        columns=["plate", "well", "site", "channel", "flags"],
    ).assign(focus_slope=[-2.0, -1, -4, -1, -3, -1], saturated=0.0, background=1.0, mean=2.0)
    summary = page_losses.summarise_quality(quality)
    assert summary.flags == ["blurred", "dim"]
    mito, hoechst = summary.channels
    assert (mito.planes, mito.flagged, mito.focus_slope) == (3, 2, -3.0)
    assert (mito.counts["blurred"], mito.counts["dim"], hoechst.counts["dim"]) == (1, 2, 1)
    assert (summary.plates, summary.plates_flagged) == (3, 2)
    assert summary.worst_plates[0] == page_losses.PlateQuality("P3", 2, 2)


def test_funnel_counts_losses_within_a_unit():
    steps = [
        ("all", 10, "rows"),
        ("keyed", 8, "rows"),
        ("keys", 7, "compounds"),
        ("in", 4, "compounds"),
    ]
    funnel = page_losses.funnel_rows(
        [{"step": step, "count": count, "unit": unit} for step, count, unit in steps]
    )
    assert [step.lost for step in funnel] == [None, 2, None, 3]
    assert [step.share for step in funnel] == [1, 0.8, 0.7, 0.4]


# Images


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from([1, -1, 0])), max_size=9))
def test_examples_are_the_clearest_of_each_class(compounds):
    keys = [f"K{number}" for number in range(len(compounds))]
    scores = pd.DataFrame({"t": [score / 4 for score, _ in compounds]}, index=keys)[::-1]
    labels = pd.DataFrame({"t": [label for _, label in compounds]}, index=keys)
    picked = pick_examples(scores, labels)
    ranked = sorted(zip(compounds, keys, strict=True), key=lambda each: (-each[0][0], each[1]))
    expected = [key for (_, label), key in ranked if label == 1][:2]
    assert list(picked.loc[picked["kind"] == "hit", "inchikey"]) == expected
    ranked = sorted(zip(compounds, keys, strict=True), key=lambda each: (each[0][0], each[1]))
    expected = [key for (_, label), key in ranked if label == -1][:2]
    assert list(picked.loc[picked["kind"] == "miss", "inchikey"]) == expected


def test_a_compound_is_shown_by_its_first_labelled_view(made):
    manifest = made["manifest"]
    key = manifest["inchikey"][5]
    more = manifest[manifest["inchikey"] == key].assign(well="A00", labelled=False, row=99)
    later = manifest[manifest["inchikey"] == key].assign(site=2, row=98)
    rows = first_views(pd.concat([later, more, manifest]), [key, "UNKNOWN"])
    assert rows["row"].tolist() == [5]


def test_pictures_are_small_and_never_enlarged():
    noise = np.random.default_rng(1).integers(0, 256, (520, 696, 3), np.uint8)
    large = encode(noise)
    content = base64.b64decode(large.src.split(",")[1])
    picture = Image.open(io.BytesIO(content))
    assert picture.format == "JPEG"
    assert picture.size == (large.width, large.height) == (240, 179)
    assert len(content) <= LIMIT_BYTES
    small = encode(np.full((20, 30, 3), (200, 10, 10), np.uint8))
    assert (small.width, small.height) == (30, 20)
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(small.src.split(",")[1]))))
    assert np.abs(pixels.astype(int) - (200, 10, 10)).max() < 8


def test_panels_show_the_stains_and_not_the_brightfield():
    view = shard(views=1)[0]
    panels = channel_panels(np.concatenate([view, view[:1]]), [*CHANNELS, "HighZBF"])
    assert [panel.name for panel in panels] == ["all channels", *CHANNELS]
    nuclei = Image.open(io.BytesIO(base64.b64decode(panels[-1].picture.src.split(",")[1])))
    red, _, blue = np.asarray(nuclei).reshape(-1, 3).mean(axis=0)
    assert blue > 1.5 * red


# Style


def luminance(code):
    channels = np.array([int(code[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_colours_of_methods_are_fixed_distinct_and_visible_on_light_and_dark():
    style = (FOLDER / "page.css").read_text()
    papers = re.findall(r"--paper: (#\w{6})", style)
    assert len(set(papers)) == 2
    for colour in METHOD_COLOURS.values():
        assert min(contrast(colour, paper) for paper in papers) >= 2.9
    others = [f"tool_{number}" for number in range(12)]
    colours = method_colours([*METHOD_COLOURS, *others])
    assert len(set(colours.values())) == 19
    assert method_colours([*others[::-1], "fnn"]) == {
        key: colours[key] for key in [*others[::-1], "fnn"]
    }
    assert method_names(["sccnn", "tool"]) == {"sccnn": "SC-CNN", "tool": "tool"}


def test_default_pair_is_the_papers_or_the_best_two():
    def pair(*keys):
        return page_data.default_pair([make_row(MethodRow, method=key) for key in keys])

    assert pair("resnet", "fnn", "gapnet") == [2, 1]
    assert pair("resnet", "gapnet", "mine") == [0, 1]
    assert pair("fnn") == [0]


def test_page_shows_what_was_joined_and_warns_of_few():
    made = study()
    few = "wells.csv: only 1 of 2 plates of the images among those of the wells; missing is 'P2'"
    matches = [
        Match("plates of the images among those of the wells", 1, 2, "P2", HOSTILE, few),
        Match("compounds of the library among those of ChEMBL", 11_585, 30_616),
    ]
    facts = replace(made["facts"], matches=matches)
    html = page.render_page(page.page_content(made["tables"], facts), FOLDER)
    text = " ".join("".join(Page(html).text).split())
    assert "1 of 2 plates of the images among those of the wells" in text
    assert few in text and "11,585" in text and "30,616" in text
    assert HOSTILE not in html
    # Without a warning there is no notice, but all counts are still there.
    facts = replace(made["facts"], matches=matches[1:])
    html = page.render_page(page.page_content(made["tables"], facts), FOLDER)
    assert "11,585" in html and "Much was lost" not in html
