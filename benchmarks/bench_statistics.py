"""How fast tests and intervals are at the size of the study, against scikit-learn and pROC.

    python benchmarks/bench_statistics.py

Labels and scores are drawn at random: 7 methods, 209 tasks, 2,115 test compounds in five wells
each, 0.87 % of the labels active and 1.64 % inactive, as in Hofmarcher et al. 2019. The files of
one model on one split, three replicates, are read and measured; the study has 21 of these, which
count into the time of the stage. The references do the same work on a few of the tasks, by turns
with ours. pROC is left out where Rscript does not find it; the time that R needs to start is not
counted. Needs scikit-learn.
"""

import argparse
import json
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import combinations
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow/scripts"))

import numpy as np
import pandas as pd
from reporting import figure_table, write_figures
from sklearn.metrics import roc_auc_score

from paintassay.core.tables import write_parquet
from paintassay.labels.reading import Labels
from paintassay.metrics.bootstrap import bootstrap_auc
from paintassay.metrics.measures import task_auc
from paintassay.metrics.paired import adjust_pvalues, wilcoxon_pairs
from paintassay.metrics.roc import compare_rocs
from paintassay.predictions.tables import prediction_table
from paintassay.statistics.methods import read_model
from paintassay.statistics.scoring import score_runs

METHODS = ("resnet", "densenet", "gapnet", "milnet", "mcnn", "sccnn", "fnn")
TASKS, COMPOUNDS = 209, 2115
ACTIVE, INACTIVE = 0.0087, 0.0164
REPLICATES, PERMUTATIONS = 1000, 2000
TURNS, FEW_TASKS = 3, 4
SPLITS, NETWORKS, WELLS = 3, 3, 5

PROC = """
library(pROC)
tasks <- split(read.csv(commandArgs(TRUE)[1]), ~ task)
seconds <- system.time(for (task in tasks) {
  curve <- function(scores) {
    roc(task$label, scores, levels = c(-1, 1), direction = "<", quiet = TRUE)
  }
  roc.test(curve(task$a), curve(task$b), method = "venkatraman", paired = TRUE,
           boot.n = as.integer(commandArgs(TRUE)[2]), progress = "none")
})[["elapsed"]]
cat(seconds, as.character(packageVersion("pROC")))
"""


def make_study(seed=1):
    """Labels of the test compounds, and scores of each method."""
    random = np.random.default_rng(seed)
    drawn = random.random((COMPOUNDS, TASKS))
    labels = np.where(drawn < ACTIVE, 1, np.where(drawn > 1 - INACTIVE, -1, 0)).astype(np.int8)
    signal = labels * random.gamma(1, 0.6, TASKS) + random.normal(size=labels.shape)
    scores = {}
    for number, method in enumerate(METHODS):
        noise = random.normal(size=labels.shape) * (0.6 + 0.1 * number)
        scores[method] = (1 / (1 + np.exp(-signal - noise))).astype(np.float32)
    return labels, scores


def write_files(folder, labels, scores):
    """Predictions of one model on one split: half as many compounds to validate as to test."""
    keys = np.array([f"KEY{number:05}" for number in range(COMPOUNDS)])
    compounds = np.concatenate([np.arange(COMPOUNDS), np.arange(COMPOUNDS // 2)])
    part = np.where(np.arange(len(compounds)) < COMPOUNDS, "test", "validation")
    for level, copies in (("wells", WELLS), ("compounds", 1)):
        rows = np.tile(np.repeat(np.arange(len(compounds)), copies), NETWORKS)
        number = np.arange(len(rows))
        table = pd.DataFrame(
            {
                "replicate": 1 + number * NETWORKS // len(rows),
                "plate": (number // 384).astype(str),
                "well": (number % 384).astype(str),
                "inchikey": keys[compounds[rows]],
                "part": part[rows],
                "views": 6,
            }
        )
        tasks = [f"task {task}" for task in range(TASKS)]
        written = prediction_table(level, table, scores[compounds[rows]], tasks)
        write_parquet(written, folder / f"{level}.parquet", written.schema)
    return Labels(pd.Index(keys), tasks, labels)


def run_stage():
    """All that is said of a split, on one core: seconds of each part, and peak memory in bytes."""
    labels, scores = make_study()
    clock, seconds = time.perf_counter(), {}

    def took(part):
        nonlocal clock
        seconds[part], clock = time.perf_counter() - clock, time.perf_counter()

    with tempfile.TemporaryDirectory() as folder:
        named = write_files(Path(folder), labels, scores["gapnet"])
        clock = time.perf_counter()
        for level in ("wells", "compounds"):
            predictions = read_model(level, Path(folder) / f"{level}.parquet", 1, named.tasks)
            score_runs("gapnet", level, predictions, named)
        took("file")
    aucs = pd.DataFrame({method: task_auc(labels, each) for method, each in scores.items()})
    clock = time.perf_counter()
    wilcoxon_pairs(aucs)
    took("wilcoxon")
    for each in scores.values():
        for stratified in (False, True):
            bootstrap_auc(labels, each, REPLICATES, seed=1, stratified=stratified)
    took("bootstrap")
    for first, second in combinations(METHODS, 2):
        table = compare_rocs(labels, scores[first], scores[second], PERMUTATIONS, seed=1)
        adjust_pvalues(table["venkatraman_valid_pvalue"], "holm")
        adjust_pvalues(table["venkatraman_valid_pvalue"], "fdr_bh")
    took("curves")
    # Linux counts in KiB.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"seconds": seconds, "peak": peak}


def timed(function, *arguments):
    began = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - began


def bootstrap_by_loop(labels, scores):
    """The plain way: draw, leave out what has one class, call scikit-learn."""
    random = np.random.default_rng(1)
    intervals = []
    for label, score in zip(labels.T, scores.T, strict=True):
        label, score = label[label != 0], score[label != 0]
        areas = []
        for _ in range(REPLICATES):
            drawn = random.integers(len(label), size=len(label))
            if len(set(label[drawn])) == 2:
                areas.append(roc_auc_score(label[drawn], score[drawn]))
        intervals.append(np.percentile(areas, [2.5, 97.5]))
    return np.array(intervals).T


def venkatraman_by_proc(path):
    """Seconds that pROC takes, and its version."""
    command = ["Rscript", "-e", PROC, str(path), str(PERMUTATIONS)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, version = run.stdout.split()
    return float(seconds), version


def has_proc():
    if not shutil.which("Rscript"):
        return False
    command = ["Rscript", "-e", "packageVersion('pROC')"]
    return not subprocess.run(command, capture_output=True, check=False).returncode


def bench():
    # In a process of its own, for its memory, and before this one has grown.
    command = [sys.executable, __file__, "--stage"]
    stage = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    figures = {f"{part}_seconds": value for part, value in stage["seconds"].items()}
    figures |= {"stage_seconds": sum(stage["seconds"].values()), "stage_peak": stage["peak"] / 1e9}
    files = SPLITS * len(METHODS)
    figures["stage_seconds"] += (files - 1) * figures["file_seconds"]
    labels, scores = make_study()
    few = labels[:, :FEW_TASKS]
    first, second = scores["gapnet"][:, :FEW_TASKS], scores["fnn"][:, :FEW_TASKS]
    sample, task = np.nonzero(few)
    columns = {"task": task} | {
        name: values[sample, task] for name, values in [("label", few), ("a", first), ("b", second)]
    }
    with_proc = has_proc()
    intervals, curves = [], []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tasks.csv"
        pd.DataFrame(columns).to_csv(path, index=False)
        for _ in range(TURNS):
            ours = timed(bootstrap_auc, few, first, REPLICATES, 1)
            intervals.append(timed(bootstrap_by_loop, few, first) / ours)
            if with_proc:
                ours = timed(compare_rocs, few, first, second, PERMUTATIONS, 1)
                seconds, figures["proc_version"] = venkatraman_by_proc(path)
                curves.append(seconds / ours)
    figures["bootstrap_to_loop"] = statistics.median(intervals)
    if with_proc:
        figures["curves_to_proc"] = statistics.median(curves)
    return figures


def markdown(figures):
    """The figures as a table, the goals beside them."""
    pairs = len(METHODS) * (len(METHODS) - 1) // 2
    lines = [
        ("loop over scikit-learn / ours, bootstrap", "{bootstrap_to_loop:.0f}", ">= 100"),
        ("pROC / ours, both tests of two curves", "{curves_to_proc:.0f}", ">= 50"),
        (f"bootstrap, both kinds, {len(METHODS)} methods", "{bootstrap_seconds:.1f} s", ""),
        (f"tests of two curves, {pairs} pairs of methods", "{curves_seconds:.1f} s", ""),
        ("Wilcoxon, all pairs", "{wilcoxon_seconds:.2f} s", ""),
        ("reading and measuring one model on one split", "{file_seconds:.1f} s", ""),
        ("the whole stage, one core", "{stage_seconds:.0f} s", "< 180 s"),
        ("its peak memory", "{stage_peak:.2f} GB", "< 2 GB"),
    ]
    if "curves_to_proc" not in figures:
        lines[1] = (lines[1][0], "not measured: no Rscript with pROC", lines[1][2])
    return figure_table(lines, figures)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    parser.add_argument("--stage", action="store_true", help="only the stage; prints JSON")
    options = parser.parse_args()
    if options.stage:
        print(json.dumps(run_stage()))
        return
    figures = bench()
    figures |= {"python": platform.python_version(), "numpy": np.__version__}
    print(
        f"{len(METHODS)} methods, {TASKS} tasks, {COMPOUNDS} compounds; {REPLICATES} replicates,"
        f" {PERMUTATIONS} permutations; ratios on {FEW_TASKS} tasks, medians of {TURNS} turns;"
        f" Python {figures['python']}, numpy {figures['numpy']},"
        f" pROC {figures.get('proc_version', 'not found')}\n"
    )
    print(markdown(figures))
    write_figures(figures, options.output)


if __name__ == "__main__":
    main()
