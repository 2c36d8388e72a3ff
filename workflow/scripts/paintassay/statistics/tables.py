"""The columns of the tables of the comparison of methods, in the folder statistics.

A method is a model of this workflow or another tool. A run is one of its replicates on one split.
Measures are taken on the part test, by well, as in Hofmarcher et al. 2019, and by compound. Tests
are made by compound, because the wells of a compound are not independent samples. A value that
cannot be computed is missing: a task without both classes has no AUC.
"""

from dataclasses import dataclass

from paintassay.core.tables import Among, count, integer, real, share, table_schema, text

LEVELS = ("wells", "compounds")

_METHOD = ("method", text, "model or other tool")
_SPLIT = ("split", integer, "number of the split, from 1")
_REPLICATE = ("replicate", integer, "replicate of the method, from 1")
_TASK = ("task", text, "column of the label matrix")
_LEVEL = ("level", text, "wells or compounds: what is one sample", Among(LEVELS))
_HOLM = ("holm", real, "corrected by Holm", "optional", share)
_BENJAMINI = ("benjamini_hochberg", real, "corrected by Benjamini and Hochberg", "optional", share)

METRICS = table_schema(
    "How well each run predicts each task of the test part. Missing: not evaluable.",
    _METHOD,
    _SPLIT,
    _REPLICATE,
    _LEVEL,
    _TASK,
    ("actives", integer, "active samples", count),
    ("inactives", integer, "inactive samples", count),
    ("auc", real, "area under the ROC curve", "optional", share),
    ("average_precision", real, "average precision", "optional", share),
    ("f1", real, "F1 of the scores of at least 0.5", "optional", share),
    ("f1_best", real, "F1 of the scores of at least decision_threshold", "optional", share),
    ("decision_threshold", real, "score with the best F1 on the validation part", "optional"),
    (
        "balanced_accuracy",
        real,
        "balanced accuracy of the scores of at least 0.5",
        "optional",
        share,
    ),
    ("enrichment_1", real, "enrichment factor among the top 1 % of the samples", "optional"),
    ("enrichment_5", real, "enrichment factor among the top 5 % of the samples", "optional"),
)

TASKS = table_schema(
    "Each task of each method: means over runs, and intervals of the run of median performance.",
    _METHOD,
    _TASK,
    ("runs", integer, "runs in which the task is evaluable", count),
    ("auc", real, "mean AUC of these runs, by well", "optional", share),
    ("auc_sd", real, "their standard deviation (n - 1)", "optional"),
    ("f1", real, "mean F1 of these runs at 0.5, by well", "optional", share),
    ("average_precision", real, "mean average precision of these runs, by well", "optional", share),
    ("auc_compounds", real, "mean AUC of these runs, by compound", "optional", share),
    ("split", integer, "split of the method's median run", "optional"),
    ("replicate", integer, "replicate of the method's median run", "optional"),
    ("auc_run", real, "AUC of the median run, by compound", "optional", share),
    ("low", real, "its 95 % bootstrap interval: lower end", "optional", share),
    ("high", real, "upper end", "optional", share),
    ("low_stratified", real, "lower end, actives and inactives drawn apart", "optional", share),
    ("high_stratified", real, "upper end, actives and inactives drawn apart", "optional", share),
)

SUMMARY = table_schema(
    "Each method over its tasks (the paper's Table 1), best first: by auc_mean, or by "
    "auc_mean_compounds if a method has no wells. Means and standard deviations are those of the "
    "tasks' means over the runs; by well, where not said otherwise, and missing for another tool "
    "without wells.",
    _METHOD,
    ("runs", integer, "runs: replicates on splits", count),
    ("tasks", integer, "tasks that it predicts", count),
    ("evaluable", integer, "tasks that are evaluable in a run at least", count),
    ("auc_mean", real, "mean AUC", "optional", share),
    ("auc_sd", real, "standard deviation (n - 1) of the AUCs", "optional"),
    ("f1_mean", real, "mean F1 at 0.5", "optional", share),
    ("f1_sd", real, "standard deviation (n - 1) of F1", "optional"),
    ("above_0.9", integer, "tasks with an AUC above 0.9", "optional", count),
    ("above_0.8", integer, "tasks with an AUC above 0.8", "optional", count),
    ("above_0.7", integer, "tasks with an AUC above 0.7", "optional", count),
    ("auc_mean_compounds", real, "mean AUC, by compound", "optional", share),
    ("auc_sd_compounds", real, "standard deviation (n - 1) of the AUCs, by compound", "optional"),
    ("average_precision_mean", real, "mean average precision", "optional", share),
    ("balanced_accuracy_mean", real, "mean balanced accuracy at 0.5", "optional", share),
    ("median_split", integer, "split of the run of median performance", "optional"),
    ("median_replicate", integer, "its replicate", "optional"),
)

WILCOXON = table_schema(
    "Does one method have the higher AUCs? Paired, one-sided Wilcoxon test over the tasks' mean "
    "AUCs by compound, for all ordered pairs of methods (the paper's Table 2). Corrected for the "
    "number of rows.",
    ("better", text, "the method that outperforms, by the alternative hypothesis"),
    ("worse", text, "the method that is outperformed"),
    ("pairs", integer, "tasks in which both have an AUC", count),
    ("pvalue", real, "p-value, uncorrected as in the paper", "optional", share),
    _HOLM,
    _BENJAMINI,
    ("effect_size", real, "rank-biserial correlation: 1 if better is so in each task", "optional"),
    ("median_difference", real, "median over the tasks of the AUC of better less that of worse",
        "optional"),
)  # fmt: skip

ROC_TESTS = table_schema(
    "Do the ROC curves of two methods differ in a task? By compound, on the compounds of the test "
    "part that both predict, in the first run that both have (the paper's Figure 4). Corrected for "
    "the number of tasks of the pair.",
    ("first", text, "method"),
    ("second", text, "method, lower in the summary"),
    _SPLIT,
    _REPLICATE,
    _TASK,
    ("auc_first", real, "AUC of the first method", "optional", share),
    ("auc_second", real, "AUC of the second method", "optional", share),
    ("area_difference", real, "AUC of the first less that of the second", "optional"),
    ("venkatraman", real, "statistic of Venkatraman's permutation test", "optional"),
    ("pvalue", real, "its p-value, uncorrected as in the paper; two-sided", "optional", share),
    (
        "valid_pvalue",
        real,
        "with the observed order as one more permutation: never 0",
        "optional",
        share,
    ),
    ("holm", real, "valid_pvalue corrected by Holm", "optional", share),
    (
        "benjamini_hochberg",
        real,
        "valid_pvalue corrected by Benjamini and Hochberg",
        "optional",
        share,
    ),
    ("delong_z", real, "z of DeLong's test of the areas", "optional"),
    ("delong_pvalue", real, "its p-value, uncorrected; two-sided", "optional", share),
)

ROC_CURVES = table_schema(
    "ROC curves of each method's run of median performance, by compound: their corners, at most "
    "200 a curve, from (0, 0) to (1, 1).",
    _METHOD,
    _SPLIT,
    _REPLICATE,
    _TASK,
    ("false_positive_rate", real, "share of the inactive compounds above a score", share),
    ("true_positive_rate", real, "share of the active compounds above it", share),
)

PREDICTABILITY = table_schema(
    "AUC against the number and the classes of a task's labels (the paper's Figures S2 and S3).",
    _TASK,
    ("data_points", integer, "labelled compounds of the whole label matrix", count),
    ("actives", integer, "active ones", count),
    ("inactives", integer, "inactive ones", count),
    ("active_share", real, "actives divided by data_points", share),
    _METHOD,
    (
        "auc",
        real,
        "mean AUC by well; by compound for another tool without wells",
        "optional",
        share,
    ),
)

EXCLUDED = table_schema(
    "What could not be measured in a run, task by task.",
    _METHOD,
    _SPLIT,
    _REPLICATE,
    _LEVEL,
    _TASK,
    ("reason", text, "why"),
)


@dataclass(frozen=True)
class Problem:
    """An item of problems.json: what could not be done, or only in part, and why."""

    what: str
    why: str


FILES = {
    "metrics.parquet": METRICS,
    "tasks.parquet": TASKS,
    "summary.csv": SUMMARY,
    "wilcoxon.csv": WILCOXON,
    "roc_tests.parquet": ROC_TESTS,
    "roc_curves.parquet": ROC_CURVES,
    "predictability.csv": PREDICTABILITY,
    "excluded.csv": EXCLUDED,
}
