"""The comparison from files to tables, against scikit-learn, scipy and counting by hand."""

import json
import re
import runpy
from itertools import permutations, product
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from scipy import stats
from sklearn import metrics as reference

from paintassay.compounds.tables import COMPOUNDS as COMPOUNDS_TABLE
from paintassay.core import tables
from paintassay.core.errors import InputError
from paintassay.core.tables import read_csv, read_parquet, write_csv, write_parquet
from paintassay.dataset import tables as image_tables
from paintassay.labels.reading import Labels, read_labels
from paintassay.labels.tables import ASSAYS, LABELS
from paintassay.metrics.bootstrap import bootstrap_auc
from paintassay.metrics.roc import compare_rocs
from paintassay.predictions.tables import prediction_table
from paintassay.statistics import tables as comparison_tables
from paintassay.statistics.compare import compare, median_runs, summarise_methods, task_table
from paintassay.statistics.methods import Part, Predictions, parts_by_run
from paintassay.statistics.scoring import score_runs
from paintassay.statistics.tests import INTERVALS, roc_corners, roc_table, wilcoxon_table

TASKS = [f"CHEMBL{number}|comment" for number in range(1, 9)]
COMPOUNDS = 60
MODELS, SPLITS, REPLICATES = ["poor", "good"], [1, 2], [1, 2]
PERMUTATIONS, RESAMPLES, SEED = 200, 200, 7
SKILL = {"poor": 0.3, "good": 1.5, "tool": 0.8}


class Snakemake(SimpleNamespace):
    """What a script finds as `snakemake`, and its members; by name or by key."""

    def __getitem__(self, key):
        return getattr(self, key)

    def __iter__(self):
        for paths in vars(self).values():
            yield from paths if isinstance(paths, list) else [paths]


def run_script(name, **members):
    made = {key: Snakemake(**value) for key, value in members.items()}
    snakemake = SimpleNamespace(**made, log=[str(members["output"]["metrics"]) + ".log"])
    script = ROOT / "workflow" / "scripts" / f"{name}.py"
    runpy.run_path(str(script), init_globals={"snakemake": snakemake})


def write_labels(folder, random):
    """Labels of which the last task has no active compound in the test part of split 1."""
    keys = [f"KEY{number:03}" for number in range(COMPOUNDS)]
    parts = np.array(["train", "validation", "test"]).repeat([6, 24, 30])
    splits = pd.concat(
        pd.DataFrame({"split": split, "inchikey": keys, "part": random.permutation(parts)})
        for split in SPLITS
    ).assign(group="")
    values = random.choice([-1, 0, 1], size=(COMPOUNDS, len(TASKS)), p=[0.4, 0.3, 0.3])
    test = splits[(splits["split"] == 1) & (splits["part"] == "test")]["inchikey"]
    values[np.isin(keys, test), -1] = -1
    row, column = np.nonzero(values)
    labels = {"inchikey": np.array(keys)[row], "task": np.array(TASKS)[column]}
    assays = pd.DataFrame(dict.fromkeys(ASSAYS.names), index=range(len(TASKS)))
    assays = assays.assign(TASK=TASKS, ASSAY_CHEMBL_ID="", KIND="comment", ACTIVES=1, INACTIVES=1)
    library = pd.DataFrame(dict.fromkeys(COMPOUNDS_TABLE.names), index=range(COMPOUNDS))
    library = library.assign(inchikey=keys, first_block="")
    for name in ("compound_ids", "library_rows"):
        library[name] = [[]] * COMPOUNDS
    files = {name: folder / f"{name}.parquet" for name in ("labels", "splits", "library")}
    files["assays"] = folder / "assays.csv"
    write_parquet(pd.DataFrame(labels).assign(label=values[row, column]), files["labels"], LABELS)
    write_parquet(splits, files["splits"], image_tables.SPLITS)
    write_parquet(library, files["library"], COMPOUNDS_TABLE)
    write_csv(assays, files["assays"], ASSAYS)
    return files, splits, pd.DataFrame(values, keys, TASKS)


def draw_scores(random, method, labels):
    """Scores with ties, as a DataFrame a compound and task."""
    scores = 1 / (1 + np.exp(-SKILL[method] * labels - random.normal(size=labels.shape)))
    return scores.round(2).astype("float32")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Two models and a tool: their scores as drawn, and all files of the stage."""
    folder = tmp_path_factory.mktemp("study")
    random = np.random.default_rng(11)
    files, splits, labels = write_labels(folder, random)
    drawn, places = {}, {}
    for model, split in product(MODELS, SPLITS):
        own = splits[(splits["split"] == split) & (splits["part"] != "train")]
        rows = {"wells": [], "compounds": []}
        for replicate in REPLICATES:
            wells = pd.concat(
                draw_scores(random, model, labels.loc[own["inchikey"]]) for _ in range(2)
            )
            compounds = wells.groupby(level=0).mean().loc[::-1]
            drawn[model, split, replicate, "wells"] = wells
            drawn[model, split, replicate, "compounds"] = compounds
            for level, scores in (("wells", wells), ("compounds", compounds)):
                part = own.set_index("inchikey")["part"].loc[scores.index].to_numpy()
                well = [f"W{number}" for number in range(len(scores))]
                keys = {"replicate": replicate, "plate": "P", "well": well, "part": part}
                rows[level].append(
                    (pd.DataFrame(keys).assign(inchikey=scores.index, views=1), scores)
                )
        for level, pieces in rows.items():
            keys = pd.concat([piece[0] for piece in pieces], ignore_index=True)
            scores = np.vstack([piece[1].to_numpy() for piece in pieces])
            table = prediction_table(level, keys, scores, TASKS)
            places[model, split, level] = folder / f"{model}.{split}.{level}.parquet"
            write_parquet(table, places[model, split, level], table.schema)
    # The tool: test part of split 1 only, all tasks but the first, in any order of rows.
    test = splits[(splits["split"] == 1) & (splits["part"] == "test")]["inchikey"]
    scores = draw_scores(random, "tool", labels.loc[random.permutation(test)])
    drawn["tool", 1, 1, "compounds"] = scores
    places["tool"] = folder / "tool.csv"
    scores[TASKS[1:]].rename_axis("inchikey").reset_index().to_csv(places["tool"], index=False)

    out = folder / "statistics"
    inputs = {name: str(path) for name, path in files.items()}
    for method in SKILL:
        if method == "tool":
            own = {"predictions": str(places["tool"])}
        else:
            own = {
                level: [str(places[method, split, level]) for split in SPLITS]
                for level in comparison_tables.LEVELS
            }
        run_script(
            "score_predictions",
            input={**inputs, **own},
            output={
                "metrics": out / f"{method}.parquet",
                "excluded": out / f"{method}.csv",
                "counts": out / f"{method}.counts.json",
            },
            params={"settings": {"tool": method == "tool", "splits": SPLITS}},
            wildcards={"method": method},
        )
    names = [*MODELS, "tool"]
    outputs = {name.partition(".")[0]: out / name for name in comparison_tables.FILES}
    run_script(
        "compare_methods",
        input={
            **inputs,
            "metrics": [out / f"{name}.parquet" for name in names],
            "excluded": [out / f"{name}.csv" for name in names],
            "compounds": [
                places[model, split, "compounds"] for model in MODELS for split in SPLITS
            ],
            "predictions": [places["tool"]],
        },
        output={**outputs, "problems": out / "problems.json"},
        params={
            "settings": {
                "models": MODELS,
                "tools": ["tool"],
                "splits": SPLITS,
                "resamples": RESAMPLES,
                "permutations": PERMUTATIONS,
                "seed": SEED,
            }
        },
    )
    found = {
        name.partition(".")[0]: read_csv(out / name, schema)
        if name.endswith(".csv")
        else read_parquet(out / name, schema).to_pandas()
        for name, schema in comparison_tables.FILES.items()
    }
    problems = json.loads((out / "problems.json").read_text())
    return SimpleNamespace(
        files=files, splits=splits, labels=labels, drawn=drawn, found=found, problems=problems,
        folder=out,
    )  # fmt: skip


def best_threshold(label, score):
    """Highest of the scores with the best F1."""
    candidates = sorted(set(score.tolist()), reverse=True)
    f1 = [reference.f1_score(label, score >= each) for each in candidates]
    return candidates[int(np.argmax(np.round(f1, 12)))]


def enrichment(label, score, fraction):
    """Expected share of actives among the top, over the random orders of equal scores."""
    top = int(np.ceil(round(fraction * len(label), 9)))
    limit = np.sort(score)[-top]
    sure, tied = label[score > limit], label[score == limit]
    found = sure.sum() + (top - len(sure)) * tied.mean()
    return found / top / label.mean()


def expected_metrics(study, method, split, replicate, level, task):
    """One row by scikit-learn; None where a class is missing."""
    scores = study.drawn[method, split, replicate, level][task]
    parts = study.splits[study.splits["split"] == split].set_index("inchikey")["part"]
    cases = {}
    for part in ("validation", "test"):
        own = scores[parts.loc[scores.index].to_numpy() == part]
        label = study.labels[task].loc[own.index].to_numpy()
        cases[part] = label[label != 0] > 0, own.to_numpy(np.float32)[label != 0]
    label, score = cases["test"]
    counts = {"actives": label.sum(), "inactives": (~label).sum()}
    if len(set(label)) < 2:
        return counts
    threshold = np.nan
    if len(set(cases["validation"][0])) == 2:
        threshold = best_threshold(*cases["validation"])
    return counts | {
        "auc": reference.roc_auc_score(label, score),
        "average_precision": reference.average_precision_score(label, score),
        "f1": reference.f1_score(label, score >= 0.5),
        "f1_best": np.nan if np.isnan(threshold) else reference.f1_score(label, score >= threshold),
        "decision_threshold": threshold,
        "balanced_accuracy": reference.balanced_accuracy_score(label, score >= 0.5),
        "enrichment_1": enrichment(label, score, 0.01),
        "enrichment_5": enrichment(label, score, 0.05),
    }


def test_metrics_from_files_are_those_of_scikit_learn(study):
    found = study.found["metrics"].set_index(["method", "split", "replicate", "level", "task"])
    levels = comparison_tables.LEVELS
    rows = [(*each,) for each in product(MODELS, SPLITS, REPLICATES, levels, TASKS)]
    rows += [("tool", 1, 1, "compounds", task) for task in TASKS[1:]]
    assert sorted(found.index) == sorted(rows)
    for row in rows:
        expected = expected_metrics(study, *row)
        for name, value in found.loc[row].items():
            if name == "decision_threshold" and "auc" not in expected:
                continue
            assert value == pytest.approx(expected.get(name, np.nan), rel=1e-9, nan_ok=True), (
                row,
                name,
            )


def test_what_is_not_evaluable_is_listed_and_never_scored(study):
    found, excluded = study.found["metrics"], study.found["excluded"]
    split_1 = (found["split"] == 1) & (found["task"] == TASKS[-1])
    assert found[split_1]["auc"].isna().all() and found[~split_1]["auc"].notna().all()
    reasons = excluded.groupby(["method", "split", "task"])["reason"].unique()
    for method in SKILL:
        [reason] = reasons.loc[method, 1, TASKS[-1]]
        assert reason == "the test part has no active sample"
    assert reasons.loc["tool", 1, TASKS[0]].tolist() == ["not predicted"]
    no_threshold = "no threshold for f1_best: the validation part is not predicted"
    assert reasons.loc["tool", 1, TASKS[1]].tolist() == [no_threshold]
    # All else is there.
    assert len(excluded) == 2 * 2 * 2 + len(TASKS)
    assert found[found["method"] == "tool"]["f1_best"].isna().all()


def test_tests_of_curves_are_by_compound_in_the_first_common_run(study):
    found = study.found["roc_tests"]
    order = study.found["summary"]["method"].to_list()
    pairs = [(a, b) for number, a in enumerate(order) for b in order[number + 1 :]]
    assert list(found[["first", "second"]].drop_duplicates().itertuples(index=False, name=None)) \
        == pairs  # fmt: skip
    parts = study.splits[study.splits["split"] == 1].set_index("inchikey")["part"]
    # By InChIKey: ties are broken by order of appearance.
    test = sorted(parts.index[parts == "test"])
    for (first, second), own in found.groupby(["first", "second"]):
        assert set(own["split"]) == set(own["replicate"]) == {1} and own["task"].tolist() == TASKS
        labels = study.labels.loc[test].to_numpy(copy=True)
        if "tool" in (first, second):
            labels[:, 0] = 0
        scores = [
            study.drawn[name, 1, 1, "compounds"].loc[test].to_numpy() for name in (first, second)
        ]
        expected = compare_rocs(labels, *scores, PERMUTATIONS, SEED)
        for name, other in {
            "area_difference": "auc_difference",
            "venkatraman": "venkatraman_statistic",
            "pvalue": "venkatraman_pvalue",
            "valid_pvalue": "venkatraman_valid_pvalue",
            "delong_z": "delong_statistic",
            "delong_pvalue": "delong_pvalue",
        }.items():
            np.testing.assert_allclose(own[name], expected[other], rtol=1e-9, err_msg=name)
        difference = own["auc_first"] - own["auc_second"]
        np.testing.assert_allclose(own["area_difference"], difference, atol=1e-12)
        valid = own["valid_pvalue"].dropna()
        expected = stats.false_discovery_control(valid, method="bh")
        np.testing.assert_allclose(own["benjamini_hochberg"].dropna(), expected)
        ranked = valid.sort_values()
        holm = (ranked * np.arange(len(ranked), 0, -1)).cummax().clip(upper=1)
        np.testing.assert_allclose(own["holm"].dropna(), holm.loc[valid.index])


def test_intervals_and_curves_are_those_of_the_median_run(study):
    found, summary = study.found["tasks"], study.found["summary"].set_index("method")
    metrics = study.found["metrics"].set_index(["method", "split", "replicate", "level", "task"])
    for method, own in found.groupby("method"):
        split, replicate = summary.loc[method, ["median_split", "median_replicate"]]
        assert set(own["split"]) == {split} and set(own["replicate"]) == {replicate}
        assert own["task"].tolist() == TASKS
        run = metrics.sort_index().loc[method, split, replicate, "compounds"]["auc"]
        np.testing.assert_array_equal(own.set_index("task")["auc_run"].loc[run.index], run)
        scores = study.drawn[method, split, replicate, "compounds"].sort_index()
        parts = study.splits[study.splits["split"] == split].set_index("inchikey")["part"]
        scores = scores[parts.loc[scores.index] == "test"]
        labels = study.labels.loc[scores.index].to_numpy(copy=True)
        if method == "tool":
            labels[:, 0] = 0
        for ending, stratified in (("", False), ("_stratified", True)):
            low, high = bootstrap_auc(labels, scores, RESAMPLES, SEED, stratified)
            np.testing.assert_array_equal(own[f"low{ending}"], low)
            np.testing.assert_array_equal(own[f"high{ending}"], high)
        curves = study.found["roc_curves"]
        for task, curve in curves[curves["method"] == method].groupby("task"):
            area = np.trapezoid(curve["true_positive_rate"], curve["false_positive_rate"])
            assert area == pytest.approx(run[task])
        assert set(curves[curves["method"] == method]["task"]) == set(run.dropna().index)


def test_data_points_stand_beside_the_auc(study):
    found = study.found["predictability"].set_index(["task", "method"])
    tasks = study.found["tasks"].set_index(["task", "method"])
    for task in TASKS:
        counts = study.labels[task].value_counts()
        row = found.loc[task, "good"]
        assert (row["actives"], row["inactives"]) == (counts[1], counts[-1])
        assert row["data_points"] == counts[1] + counts[-1]
        assert row["active_share"] == counts[1] / row["data_points"]
        assert row["auc"] == tasks.loc[(task, "good"), "auc"]
    tool = found.xs("tool", level="method")["auc"]
    pd.testing.assert_series_equal(
        tool, tasks.xs("tool", level="method")["auc_compounds"], check_names=False
    )


def test_what_could_not_be_done_is_said(study):
    assert [(each["what"], each["why"]) for each in study.problems] == [
        ("spread of AUCs over splits", "there is one only of tool"),
        ("spread of AUCs over replicates", "there is one only of tool"),
        ("measures of tool by well", "its predictions are by compound"),
        ("measures of tool for 1 of 8 tasks", "it does not predict them"),
        (
            "F1 of tool at the best threshold",
            "in no task does it predict both classes of the validation part",
        ),
        *(
            (
                f"comparison of {model} and tool on all splits",
                "they have different ones; those that both have are compared",
            )
            for model in MODELS
        ),
    ]


def test_files_are_the_same_bytes_again(study):
    before = {path.name: path.read_bytes() for path in study.folder.glob("*.parquet")}
    labels = read_labels(study.files["labels"], study.files["assays"])
    parts = {}
    for method in SKILL:
        parts[method] = {}
        for (name, *run, level), scores in study.drawn.items():
            if name != method or level != "compounds":
                continue
            own = study.splits[study.splits["split"] == run[0]].set_index("inchikey")["part"]
            keys = pd.DataFrame({"split": run[0], "replicate": run[1], "inchikey": scores.index})
            keys["part"] = own.loc[scores.index].to_numpy()
            predicted = np.array([method != "tool" or task != TASKS[0] for task in TASKS])
            predictions = Predictions(keys, scores.to_numpy(), predicted)
            parts[method].update(parts_by_run(predictions, labels))
    again, _ = compare(study.found["metrics"], parts, labels, RESAMPLES, PERMUTATIONS, SEED)
    for name in ("tasks", "roc_tests", "roc_curves"):
        path = study.folder / f"{name}.again.parquet"
        write_parquet(again[name], path, comparison_tables.FILES[f"{name}.parquet"])
        assert path.read_bytes() == before[f"{name}.parquet"]


# Tables 1 and 2, from AUCs made up


def made_up(aucs, level="compounds"):
    """Metrics with the AUCs (method, split, replicate, task); F1 is half, precision a third."""
    rows = [
        {"method": method, "split": split, "replicate": replicate, "task": task, "auc": auc}
        for (method, split, replicate), of_tasks in aucs.items()
        for task, auc in zip(TASKS, of_tasks, strict=False)
    ]
    table = pd.DataFrame(rows).assign(level=level, actives=1, inactives=1, decision_threshold=0.5)
    shares = {"f1": 2, "average_precision": 3, "balanced_accuracy": 4}
    return table.assign(**{name: table["auc"] / share for name, share in shares.items()}).assign(
        f1_best=0.5, enrichment_1=1.0, enrichment_5=1.0
    )


def draw_aucs(seed=5):
    """Three methods, two splits, three replicates; some tasks not evaluable in a split or any."""
    random = np.random.default_rng(seed)
    aucs = {
        (method, split, replicate): random.uniform(low, 1, len(TASKS))
        for method, low in {"c": 0.4, "a": 0.8, "b": 0.6}.items()
        for split in (1, 2)
        for replicate in (1, 2, 3)
    }
    for (_, split, _), of_tasks in aucs.items():
        of_tasks[0] = np.nan
        of_tasks[1] = np.nan if split == 2 else of_tasks[1]
    return aucs


def test_every_cell_of_table_1():
    wells, compounds = draw_aucs(), draw_aucs(6)
    metrics = pd.concat([made_up(wells, "wells"), made_up(compounds)])
    medians = median_runs(metrics)
    found = summarise_methods(metrics, medians).set_index("method")
    assert found.index.tolist() == ["a", "b", "c"]
    for method in "abc":
        means = np.array(
            [
                [np.nanmean([of_tasks[task] for run, of_tasks in aucs.items() if run[0] == method])
                 for task in range(1, len(TASKS))]
                for aucs in (wells, compounds)
            ]
        )  # fmt: skip
        by_well, by_compound = means
        expected = {
            "runs": 6,
            "tasks": 8,
            "evaluable": 7,
            "auc_mean": by_well.mean(),
            "auc_sd": by_well.std(ddof=1),
            "f1_mean": by_well.mean() / 2,
            "f1_sd": by_well.std(ddof=1) / 2,
            "above_0.9": (by_well > 0.9).sum(),
            "above_0.8": (by_well > 0.8).sum(),
            "above_0.7": (by_well > 0.7).sum(),
            "auc_mean_compounds": by_compound.mean(),
            "auc_sd_compounds": by_compound.std(ddof=1),
            "average_precision_mean": by_well.mean() / 3,
            "balanced_accuracy_mean": by_well.mean() / 4,
        }
        performance = sorted(
            (np.nanmean(of_tasks), *run[1:]) for run, of_tasks in compounds.items()
            if run[0] == method
        )  # fmt: skip
        expected["median_split"], expected["median_replicate"] = performance[2][1:]
        assert found.loc[method].to_dict() == pytest.approx(expected)
    tasks = task_table(metrics, ["a", "b", "c"], TASKS, pd.DataFrame(columns=INTERVALS))
    row = tasks.set_index(["method", "task"]).loc[("b", TASKS[1])]
    of_split_1 = [wells["b", 1, replicate][1] for replicate in (1, 2, 3)]
    assert (row["runs"], row["auc"]) == (3, pytest.approx(np.mean(of_split_1)))
    assert row["auc_sd"] == pytest.approx(np.std(of_split_1, ddof=1))
    assert (tasks["runs"] == 0).sum() == tasks["auc"].isna().sum() == 3


def test_order_is_by_compound_if_a_method_has_no_wells():
    metrics = pd.concat(
        [
            made_up({("a", 1, 1): [0.9] * 8, ("b", 1, 1): [0.8] * 8}, "wells"),
            made_up({("a", 1, 1): [0.7] * 8, ("b", 1, 1): [0.6] * 8, ("t", 1, 1): [0.65] * 8}),
        ]
    )
    found = summarise_methods(metrics, median_runs(metrics)).set_index("method")
    assert found.index.tolist() == ["a", "t", "b"]
    missing = found.columns[found.loc["t"].isna()]
    assert set(missing) == {
        *("auc_mean", "auc_sd", "f1_mean", "f1_sd", "above_0.9", "above_0.8", "above_0.7"),
        *("average_precision_mean", "balanced_accuracy_mean"),
    }


def test_every_cell_of_table_2():
    aucs = draw_aucs()
    # A tool that has split 1 only, and lacks a task there.
    aucs["t", 1, 1] = np.append(np.random.default_rng(1).random(7), np.nan)
    found = wilcoxon_table(made_up(aucs), ["a", "t", "b", "c"])
    assert list(found[["better", "worse"]].itertuples(index=False, name=None)) == list(
        permutations("atbc", 2)
    )
    for row in found.itertuples():
        pair = row.better, row.worse
        splits = (1,) if "t" in pair else (1, 2)
        means = []
        for method in pair:
            by_split = [
                np.mean(
                    [aucs[method, split, n] for n in (1, 2, 3) if (method, split, n) in aucs], 0
                )
                for split in splits
            ]
            # Each is evaluable in one split at least, but for the first.
            means.append(pd.DataFrame(by_split).mean()[1:].to_numpy())
        difference = means[0] - means[1]
        difference = difference[~np.isnan(difference)]
        assert row.pairs == len(difference) == (6 if "t" in pair else 7)
        expected = stats.wilcoxon(difference, alternative="greater").pvalue
        assert row.pvalue == pytest.approx(expected)
        assert row.median_difference == pytest.approx(np.median(difference))
        ranks = stats.rankdata(np.abs(difference))
        assert row.effect_size == pytest.approx(np.sign(difference) @ ranks / ranks.sum())
    expected = stats.false_discovery_control(found["pvalue"], method="bh")
    np.testing.assert_allclose(found["benjamini_hochberg"], expected)
    ranked = found["pvalue"].sort_values()
    holm = (ranked * np.arange(len(ranked), 0, -1)).cummax().clip(upper=1)
    np.testing.assert_allclose(found["holm"], holm.sort_index())


def test_median_run_is_the_lower_of_two_and_the_first_of_equal_ones():
    aucs = {("odd", 1, n): [auc] for n, auc in enumerate([0.9, 0.5, 0.7], 1)}
    aucs |= {("even", 1, n): [auc] for n, auc in enumerate([0.9, 0.5, 0.7, 0.6], 1)}
    aucs |= {("equal", split, n): [0.7] for split in (2, 1) for n in (2, 1)}
    aucs |= {("gap", 1, n): [auc] for n, auc in enumerate([np.nan, 0.5, 0.7, 0.6], 1)}
    aucs |= {("none", 1, 1): [np.nan]}
    found = median_runs(made_up(aucs))
    assert dict(zip(found.index, found.itertuples(index=False, name=None), strict=True)) == {
        "odd": (1, 3), "even": (1, 4), "equal": (1, 2), "gap": (1, 4),
    }  # fmt: skip


# Odd cases


def predictions_of(scores, split=1, replicate=1, part="test", keys=None):
    keys = keys or [f"K{number:02}" for number in range(len(scores))]
    table = pd.DataFrame({"split": split, "replicate": replicate, "inchikey": keys, "part": part})
    return Predictions(table, scores.astype(np.float32), np.ones(scores.shape[1], bool))


def labels_for(values):
    index = pd.Index([f"K{number:02}" for number in range(len(values))])
    return Labels(index, TASKS[: values.shape[1]], values.astype(np.int8))


def compare_few(runs, labels):
    """Compare methods given as {name: list of Predictions}."""
    metrics, parts = [], {}
    for name, each in runs.items():
        parts[name] = {}
        for predictions in each:
            metrics.append(score_runs(name, "compounds", predictions, labels)[0])
            parts[name].update(parts_by_run(predictions, labels))
    found, problems = compare(pd.concat(metrics), parts, labels, 100, 100, 1)
    for name, table in found.items():
        tables.conform(table, getattr(comparison_tables, name.upper()))
    return found, {problem.what: problem.why for problem in problems}


def test_one_method_is_measured_and_not_compared():
    random = np.random.default_rng(1)
    labels = labels_for(random.choice([-1, 1], (30, 3)))
    found, problems = compare_few({"only": [predictions_of(random.random((30, 3)))]}, labels)
    assert problems["comparison of methods"] == "there is one method only, only"
    assert problems["spread of AUCs over replicates"] == "there is one only of only"
    assert len(found["wilcoxon"]) == len(found["roc_tests"]) == 0
    assert len(found["summary"]) == 1 and found["tasks"]["low"].notna().all()


def test_nothing_evaluable_is_no_crash():
    labels = labels_for(np.ones((5, 2)))
    scores = np.full((5, 2), 0.5)
    found, problems = compare_few(
        {"a": [predictions_of(scores)], "b": [predictions_of(scores)]}, labels
    )
    assert problems["AUC of 2 of 2 tasks"].startswith("no run of any method has both classes")
    assert found["summary"]["evaluable"].tolist() == [0, 0]
    assert found["summary"]["auc_mean_compounds"].isna().all()
    assert found["wilcoxon"]["pairs"].tolist() == [0, 0]
    assert found["tasks"]["auc_run"].isna().all() and len(found["roc_curves"]) == 0


def test_methods_without_a_common_run_or_with_other_compounds():
    random = np.random.default_rng(2)
    labels = labels_for(random.choice([-1, 1], (30, 2)))
    scores = random.random((30, 2))
    found, problems = compare_few(
        {
            "a": [predictions_of(scores)],
            "b": [predictions_of(scores, split=2)],
            "c": [predictions_of(scores[5:], keys=[f"K{number:02}" for number in range(5, 30)])],
        },
        labels,
    )
    assert problems["tests of the ROC curves of a and b"].startswith("there is no split and rep")
    assert "comparison of a and b on all splits" in problems
    assert problems["comparison of a and c on all compounds"].startswith("up to 5 compounds")
    pairs = set(map(frozenset, found["roc_tests"][["first", "second"]].to_numpy()))
    assert pairs == {frozenset("ac")}
    # On the same compounds these two are the same.
    assert found["roc_tests"]["area_difference"].tolist() == [0, 0]
    assert found["roc_tests"]["valid_pvalue"].tolist() == [1, 1]
    assert (found["wilcoxon"]["pairs"] == 0).sum() == 4


def test_a_run_without_a_test_part_is_an_error():
    labels = labels_for(np.array([[1], [-1]]))
    predictions = predictions_of(np.array([[0.5], [0.5]]), part="validation")
    with pytest.raises(InputError, match="predictions of x: split 1, replicate 1 has none of the"):
        score_runs("x", "compounds", predictions, labels)


@pytest.mark.parametrize("levels", [3, 20, 10**6])
def test_corners_hold_the_whole_curve(levels):
    random = np.random.default_rng(levels)
    labels = random.choice([-1, 0, 1], 150)
    scores = (labels + random.normal(size=150) * 2).round(2) // (8 / levels)
    false, true = roc_corners(labels, scores, most=10**6)
    whole = reference.roc_curve(labels[labels != 0], scores[labels != 0], drop_intermediate=False)
    assert set(zip(false, true, strict=True)) <= set(zip(*whole[:2], strict=True))
    assert np.trapezoid(true, false) == pytest.approx(np.trapezoid(whole[1], whole[0]), abs=1e-12)
    slopes = np.arctan2(np.diff(true), np.diff(false))
    assert (np.diff(slopes) != 0).all()
    few = roc_corners(labels, scores, most=5)
    assert len(few[0]) <= 5
    assert (few[0][[0, -1]].tolist(), few[1][[0, -1]].tolist()) == ([0, 1], [0, 1])
    assert (np.diff(few[0]) >= 0).all() and (np.diff(few[1]) >= 0).all()


def test_pairs_keep_their_pvalues_when_another_method_comes():
    random = np.random.default_rng(3)
    labels = random.choice([-1, 1], (40, 2)).astype(np.int8)
    keys = pd.DataFrame({"inchikey": [f"K{number:02}" for number in range(40)]})
    parts = {
        name: {(1, 1): Part(keys, labels, random.random((40, 2)).astype(np.float32))}
        for name in "abc"
    }
    three = roc_table(parts, list("abc"), TASKS[:2], 100, 1)
    two = roc_table(parts, list("ac"), TASKS[:2], 100, 1)
    own = three[(three["first"] == "a") & (three["second"] == "c")].reset_index(drop=True)
    pd.testing.assert_frame_equal(own, two)


def test_examples_of_the_manual_run(capsys):
    text = (ROOT / "docs" / "predictions.md").read_text()
    examples = re.findall(r"```python\n(.*?)```", text, re.S)
    assert len(examples) == 2
    for example in examples:
        exec(example, {})
    said = capsys.readouterr().out
    assert float(re.search(r"good outperforms poor: p = (\S+)", said)[1]) < 0.01
    assert re.search(r"\b\d+ of 12 tasks differ", said)
    assert said.index("good  ") < said.index("poor  ")
