"""A study made up for tests of the page: labels, predictions, and all that is measured on them."""

from itertools import combinations

import numpy as np
import pandas as pd

from paintassay.drawing.style import METHOD_NAMES
from paintassay.images.wells import well_names
from paintassay.metrics.bootstrap import bootstrap_auc
from paintassay.metrics.measures import task_auc
from paintassay.metrics.paired import adjust_pvalues, wilcoxon_pairs
from paintassay.metrics.roc import compare_rocs
from paintassay.report.histories import Epoch, TrainingHistory
from paintassay.report.page.content import PageFacts
from paintassay.report.page.data import PageTables
from paintassay.statistics.tables import Problem

CHANNELS = ["Mito", "ERSyto", "ERSytoBleed", "Ph_golgi", "Hoechst"]
HOSTILE = "</script><img src=x onerror=\"document.title='hit'\"> & <b>bold</b> {{ 7 * 7 }}"
WHAT = ["inhibition of tubulin", "agonists of GPR35 in U2OS cells", "cytotoxicity in HepG2 cells"]

LONG_WHAT = (
    "inhibition of human recombinant acetylcholinesterase in HEK293 cells, as less hydrolysis of "
    "acetylthiocholine iodide after 15 minutes, by Ellman's method"
)
LONG_TARGETS = [
    "Acetylcholinesterase",
    "Solute carrier organic anion transporter family member 1B1",
]


def study(methods=("resnet", "gapnet", "fnn"), tasks=9, compounds=60, replicates=2, seed=7):
    """Tables and facts as `page_content` takes them, with a hostile first assay.

    The last task has no active compound in the test part; the last but one only one.
    """
    random = np.random.default_rng(seed)
    assays = _assays(tasks, random)
    labels = random.choice([1, -1, -1, 0], size=(compounds, tasks)).astype(np.int8)
    labels[:, -1] = -np.abs(labels[:, -1])
    if tasks > 1:
        labels[:, -2] = np.where(np.arange(compounds) == 3, 1, labels[:, -1])
    keys = [f"{_letters(number, 14)}-UHFFFAOYSA-N" for number in range(compounds)]
    ease = random.uniform(0.5, 4, tasks)
    common = random.normal(size=labels.shape)
    # The first method is the best, except in each second task, where it is the worst.
    skill = {method: max(1 - 0.4 * place, 0) for place, method in enumerate(methods)}
    turned = np.arange(tasks) % 2 == 1
    scores = {
        (method, replicate): _logistic(
            np.where(turned, 1 - skill[method], skill[method]) * ease * (labels > 0)
            + common
            + random.normal(size=labels.shape)
        )
        for method in methods
        for replicate in range(1, replicates + 1)
    }
    names = list(assays["TASK"])
    metrics = _metrics(labels, scores, names)
    per_task = _per_task(labels, scores, metrics, names)
    summary = _summary(per_task, metrics, methods)
    order = list(summary["method"])
    tables = {
        "assays": assays,
        "metrics": metrics,
        "tasks": per_task,
        "summary": summary,
        "wilcoxon": _wilcoxon(per_task, order),
        "roc_tests": _roc_tests(labels, scores, order, names),
        "roc_curves": _roc_curves(labels, scores, per_task),
        "excluded": _excluded(metrics),
        "conflicts": pd.DataFrame(
            {"inchikey": [keys[0]], "assay_chembl_id": [assays["ASSAY_CHEMBL_ID"][0]]}
        ),
        "lost_views": pd.DataFrame({"plate": ["P1", "P1"], "problem": ["channel missing"] * 2}),
        "quality": _quality(random),
        "parts": pd.DataFrame(
            {
                "split": 1,
                "part": ["train", "validation", "test"],
                "compounds": [210, 30, compounds],
                "compounds_with_views": [210, 30, compounds],
                "views": [1200, 170, 350],
            }
        ),
        "costs": _costs([method for method in methods if method in METHOD_NAMES]),
    }
    facts = {
        "labels": _label_summary(assays, compounds),
        "dataset": {"views": 2000, "views_labelled": 1720, "wells_with_views": 340,
                    "compounds_with_labels_and_views": 300, "views_excluded_by_flag": 0},
        "problems": [] if replicates > 1 else
            [Problem("spread over replicates", "each method has one replicate")],
        "trainings": [_training(method, replicate, random) for method, replicate in scores
                      if method in METHOD_NAMES],
        "demo": True,
        "config": {"results": "results", "note": HOSTILE},
        "checksums": {"statistics/metrics.parquet": "0" * 64},
        "software": {"python": "3.11.7"},
    }  # fmt: skip
    predictions = {
        key: pd.DataFrame(values, columns=names).assign(inchikey=keys, part="test")
        for key, values in scores.items()
    }
    return {
        "tables": PageTables(**tables),
        "facts": PageFacts(**facts),
        "labels": pd.DataFrame(labels, index=keys, columns=names),
        "predictions": predictions,
        "manifest": pd.DataFrame({"inchikey": keys}).assign(
            plate="P1", well=well_names(16, 24)[:compounds], site=1, shard="P1.npy",
            row=np.arange(compounds) % 24, labelled=True,
            **{f"clip_level_{name}": 1 for name in CHANNELS},
        ),
    }  # fmt: skip


def large(made):
    """The study with words as long and numbers as large as those of real screens."""
    assays, quality, facts = made["tables"].assays, made["tables"].quality, made["facts"]
    assays["TARGET_NAME"] = [LONG_TARGETS[number % 2] for number in range(len(assays))]
    assays.loc[2:, "DESCRIPTION"] = [
        f"{LONG_WHAT}, {number}" if number % 5 == 0 else text
        for number, text in enumerate(assays["DESCRIPTION"][2:])
    ]
    assays["INACTIVES"] += 10_000
    quality.loc[:4, "flags"] = ["blank", "saturated", "blurred;dim", "bright", ""]
    facts.dataset.update(views_labelled=284_035, compounds_with_labels_and_views=10_574)
    for step in facts.labels["funnel"]:
        step["count"] *= 1000
    facts.software["snakemake-executor-plugin-slurm"] = "2.0.3"
    return made


def shard(height=104, width=139, views=24, seed=3):
    """Views with blobs for cells, uint8 (views, channels, height, width)."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    pixels = random.integers(8, 20, (views, len(CHANNELS), height, width)).astype(np.float64)
    for view in pixels:
        for cell_y, cell_x in random.uniform([0, 0], [height, width], (random.integers(6, 22), 2)):
            for channel, size in enumerate([11, 10, 6, 12, 5]):
                shift = random.normal(0, 2, 2)
                distance = np.hypot(y - cell_y - shift[0], (x - cell_x - shift[1]) * 0.8)
                view[channel] += random.uniform(60, 170) * np.exp(-((distance / size) ** 4))
    return np.clip(pixels, 0, 255).astype(np.uint8)


def _logistic(values):
    return 1 / (1 + np.exp(-values + 0.5))


def _letters(number, length):
    letters = ""
    for _ in range(length):
        number, rest = divmod(number * 7 + 3, 26)
        letters += chr(ord("A") + rest)
    return letters


def _assays(tasks, random):
    kinds = np.where(np.arange(tasks) % 3 == 1, "pchembl", "comment")
    ids = [f"CHEMBL{9000000 + number}" for number in range(tasks)]
    return pd.DataFrame(
        {
            "ASSAY_ID": range(tasks),
            "ASSAY_CHEMBL_ID": ids,
            "KIND": kinds,
            "THRESHOLD": np.where(kinds == "pchembl", 5.5, np.nan),
            "ACTIVES": random.integers(10, 200, tasks),
            "INACTIVES": random.integers(10, 900, tasks),
            "TASK": [
                f"{name}|{'pchembl>=5.5' if kind == 'pchembl' else 'comment'}"
                for name, kind in zip(ids, kinds, strict=True)
            ],
            "ASSAY_TYPE": "F",
            "TARGET_CHEMBL_ID": "CHEMBL1",
            "TARGET_NAME": [f"Target {number % 4}" for number in range(tasks)],
            "TARGET_ORGANISM": "Homo sapiens",
            "DESCRIPTION": [
                HOSTILE if number == 0 else None if number == 1 else f"{WHAT[number % 3]}, {number}"
                for number in range(tasks)
            ],
        }
    )


def _metrics(labels, scores, names):
    rows = []
    for (method, replicate), values in scores.items():
        for level, noise in (("wells", 0.01), ("compounds", 0)):
            auc = task_auc(labels, values)
            rows.append(
                pd.DataFrame(
                    {
                        "method": method, "split": 1, "replicate": replicate, "level": level,
                        "task": names, "actives": (labels > 0).sum(axis=0),
                        "inactives": (labels < 0).sum(axis=0), "auc": np.clip(auc - noise, 0, 1),
                        "average_precision": auc * 0.8, "f1": auc * 0.6, "f1_best": auc * 0.7,
                        "decision_threshold": 0.4, "balanced_accuracy": 0.5 + auc / 4,
                        "enrichment_1": 2.0, "enrichment_5": 1.5,
                    }
                )
            )  # fmt: skip
    return pd.concat(rows, ignore_index=True)


def _per_task(labels, scores, metrics, names):
    rows = []
    for method in dict.fromkeys(method for method, _ in scores):
        own = metrics[metrics["method"] == method]
        low, high = bootstrap_auc(labels, scores[method, 1], 100, seed=1)
        by_level = {level: of.groupby("task", sort=False) for level, of in own.groupby("level")}
        wells, compounds = by_level["wells"], by_level["compounds"]
        rows.append(
            pd.DataFrame(
                {
                    "runs": wells["auc"].count(), "auc": wells["auc"].mean(),
                    "auc_sd": wells["auc"].std(), "f1": wells["f1"].mean(),
                    "average_precision": wells["average_precision"].mean(),
                    "auc_compounds": compounds["auc"].mean(),
                }
            )
            .reindex(names)
            .rename_axis("task")
            .reset_index()
            .assign(
                method=method, split=1, replicate=1, auc_run=task_auc(labels, scores[method, 1]),
                low=low, high=high, low_stratified=low, high_stratified=high,
            )
        )  # fmt: skip
    return pd.concat(rows, ignore_index=True)


def _summary(tasks, metrics, methods):
    rows = []
    for method in methods:
        own = tasks[tasks["method"] == method]
        rows.append(
            {
                "method": method,
                "runs": metrics.loc[metrics["method"] == method, "replicate"].nunique(),
                "tasks": len(own), "evaluable": own["auc"].count(),
                "auc_mean": own["auc"].mean(), "auc_sd": own["auc"].std(),
                "f1_mean": own["f1"].mean(), "f1_sd": own["f1"].std(),
                **{f"above_{limit}": (own["auc"] > limit).sum() for limit in (0.9, 0.8, 0.7)},
                "auc_mean_compounds": own["auc_compounds"].mean(),
                "auc_sd_compounds": own["auc_compounds"].std(),
                "average_precision_mean": own["average_precision"].mean(),
                "balanced_accuracy_mean": 0.6, "median_split": 1, "median_replicate": 1,
            }
        )  # fmt: skip
    return pd.DataFrame(rows).sort_values("auc_mean", ascending=False, ignore_index=True)


def _wilcoxon(tasks, order):
    table = tasks.pivot(index="task", columns="method", values="auc_compounds")[order]
    tests = wilcoxon_pairs(table)
    rows = [
        (better, worse, *(each.loc[worse, better] for each in tests))
        for better in order
        for worse in order
        if better != worse
    ]
    columns = ["better", "worse", "pvalue", "pairs", "effect_size", "median_difference"]
    result = pd.DataFrame(rows, columns=columns)
    for name, method in (("holm", "holm"), ("benjamini_hochberg", "fdr_bh")):
        result[name] = adjust_pvalues(result["pvalue"], method)
    return result


def _roc_tests(labels, scores, order, names):
    tests = [
        compare_rocs(labels, scores[first, 1], scores[second, 1], permutations=99, seed=1).assign(
            first=first, second=second, split=1, replicate=1, task=names,
            auc_first=task_auc(labels, scores[first, 1]),
            auc_second=task_auc(labels, scores[second, 1]),
        )
        for first, second in combinations(order, 2)
    ]  # fmt: skip
    columns = ["first", "second", "split", "replicate", "task", "auc_first", "auc_second"]
    if not tests:
        return pd.DataFrame(columns=[*columns, "area_difference", "pvalue", "valid_pvalue", "holm",
                                     "benjamini_hochberg", "delong_pvalue"])  # fmt: skip
    for table in tests:
        for name, method in (("holm", "holm"), ("benjamini_hochberg", "fdr_bh")):
            table[name] = adjust_pvalues(table["venkatraman_valid_pvalue"], method)
    return pd.concat(tests, ignore_index=True).rename(
        columns={
            "auc_difference": "area_difference",
            "venkatraman_pvalue": "pvalue",
            "venkatraman_valid_pvalue": "valid_pvalue",
        }
    )


def _roc_curves(labels, scores, tasks):
    columns = ["false_positive_rate", "true_positive_rate", "method", "split", "replicate", "task"]
    rows = [pd.DataFrame(columns=columns)]
    for row in tasks.dropna(subset="auc_run").itertuples():
        place = list(tasks["task"].unique()).index(row.task)
        label, score = labels[:, place], scores[row.method, 1][:, place]
        order = np.argsort(-score[label != 0])
        active = label[label != 0][order] > 0
        rows.append(
            pd.DataFrame(
                {
                    "false_positive_rate": np.append(0, np.cumsum(~active) / (~active).sum()),
                    "true_positive_rate": np.append(0, np.cumsum(active) / active.sum()),
                }
            ).assign(method=row.method, split=1, replicate=1, task=row.task)
        )
    # An empty table alone has no types of its own; beside others it would spoil theirs.
    return pd.concat(rows[1:] or rows, ignore_index=True)


def _excluded(metrics):
    missing = metrics[metrics["auc"].isna()]
    columns = ["method", "split", "replicate", "level", "task"]
    return missing[columns].assign(reason="no active sample in the test part")


def _quality(random):
    rows = pd.MultiIndex.from_product(
        [["P1", "P2"], ["A01", "A02", "B01"], [1, 2], CHANNELS],
        names=["plate", "well", "site", "channel"],
    ).to_frame(index=False)
    count = len(rows)
    flags = np.where(np.arange(count) == 7, "blurred;dim", "")
    return rows.assign(
        saturated=random.uniform(0, 0.002, count), focus_slope=random.uniform(-2.4, -1.8, count),
        background=random.uniform(200, 300, count), mean=random.uniform(250, 400, count),
        contrast=random.uniform(0.3, 0.5, count), flags=flags,
    )  # fmt: skip


def _costs(methods):
    return pd.DataFrame(
        [
            {
                "model": method, "parameters": 3_694_545 + 1000 * place, "gmacs": 1.72 + place,
                "seconds_per_epoch": 662.0 * (place + 1), "samples_per_second": 300.0 / (place + 1),
                "peak_memory_mb": 1200.0, "device": "NVIDIA H100",
            }
            for place, method in enumerate(methods)
        ]
    )  # fmt: skip


def _training(method, replicate, random):
    epochs = np.arange(1, 31)
    noise = random.normal(0, 0.012, (2, len(epochs)))
    auc = 0.72 - 0.22 * np.exp(-epochs / 6) + noise[0]
    rows = [
        Epoch(
            epoch=int(epoch),
            training_loss=float(0.7 * np.exp(-epoch / 14) + 0.08),
            validation_loss=float(0.5 + 0.2 * np.exp(-epoch / 5) + 0.003 * epoch + wobble),
            validation_auc=float(value),
            evaluable_tasks=7,
        )
        for epoch, value, wobble in zip(epochs, auc, noise[1], strict=True)
    ]
    best_epoch = int(epochs[auc.argmax()])
    return TrainingHistory(method, 1, replicate, rows, best_epoch, seconds=1234.0)


def _label_summary(assays, compounds):
    steps = [
        ("rows of the library", 400, "rows"), ("with an InChIKey", 390, "rows"),
        ("distinct InChIKeys", 380, "compounds"), ("found in ChEMBL", 330, "compounds"),
        ("with an activity that has a pChEMBL value or a comment", 320, "compounds"),
        ("with a label in any assay", 310, "compounds"), ("in the label matrix", 300, "compounds"),
    ]  # fmt: skip
    return {
        "matrix": {
            "compounds": 300, "columns": len(assays), "labels": 3000, "actives": 900,
            "inactives": 2100, "percent_active": 10.0, "percent_inactive": 23.0,
            "percent_missing": 67.0, "blocks": [],
        },
        "funnel": [{"step": step, "count": count, "unit": unit} for step, count, unit in steps],
        "losses": {
            "dropped_columns": {"fewer than 10 actives": 4},
            "dropped_compounds": {"no ChEMBL molecule matches": 50, "no label": 30},
            "conflicts": {"active by pChEMBL value, inactive by comment": 1}, "tied_votes": 3,
            "unknown_comments": {"comments": 2, "activities": 9, "most_frequent": []},
        },
        "library": {"table": "library.csv", "sha256": "1" * 64, "problems": [
            {"problem": "SMILES cannot be parsed", "outcome": "dropped", "rows": 10}]},
        "chembl": {"source": "sqlite", "release": "ChEMBL_37", "dump": "chembl.db"},
        "checksums": {"assays.csv": "2" * 64}, "software": {"pandas": "3.1.1"},
    }  # fmt: skip
