# Statistics: how well every method predicts every task, and which method is better. A method is
# a model of this workflow, or another tool whose predictions the configuration names.
#
# in:  {results}/predictions/, {results}/labels/, {results}/dataset/splits.parquet,
#      {results}/compounds/compounds.parquet, comparison.predictions
# out: {results}/statistics/

COMPARISON = config["comparison"]
TOOLS = COMPARISON["predictions"]
# A tool has one file; a model has its wells and its compounds on each split.
METHODS = {
    model: {
        level: expand(
            # Scores are ranked as logits, which do not tie where probabilities are rounded to 1.
            rules.average_predictions.output[f"{level}_logits"],
            model=model,
            split=TRAINING["splits"],
        )
        for level in ["wells", "compounds"]
    }
    for model in MODELS
} | {tool: {"predictions": path} for tool, path in TOOLS.items()}


wildcard_constraints:
    method="[A-Za-z][A-Za-z0-9_-]*",


rule score_predictions:
    """Measure how well a method predicts each task, in each of its runs."""
    input:
        unpack(lambda wildcards: METHODS[wildcards.method]),
        labels=rules.build_label_matrix.output.labels,
        assays=rules.build_label_matrix.output.assays,
        library=rules.build_compounds.output.compounds,
        splits=rules.make_splits.output.splits,
    output:
        metrics="<results>/statistics/methods/{method}/metrics.parquet",
        excluded="<results>/statistics/methods/{method}/excluded.csv",
        counts="<results>/statistics/methods/{method}/score_predictions.counts.json",
    log:
        "<logs>/score_predictions/{method}.log",
    benchmark:
        "<benchmarks>/score_predictions/{method}.tsv"
    conda:
        "../../envs/statistics.yaml"
    resources:
        mem_mb=memory(1000, wells=8, compounds=8, predictions=20),
        runtime=minutes(30),
    params:
        settings=lambda wildcards: {
            "tool": wildcards.method in TOOLS,
            "splits": TRAINING["splits"],
        },
        code=code("score_predictions"),
    script:
        "../scripts/score_predictions.py"


rule compare_methods:
    """Compare the methods with the study's tests and intervals."""
    input:
        metrics=expand(rules.score_predictions.output.metrics, method=METHODS),
        excluded=expand(rules.score_predictions.output.excluded, method=METHODS),
        compounds=[path for model in MODELS for path in METHODS[model]["compounds"]],
        predictions=list(TOOLS.values()),
        labels=rules.build_label_matrix.output.labels,
        assays=rules.build_label_matrix.output.assays,
        library=rules.build_compounds.output.compounds,
        splits=rules.make_splits.output.splits,
    output:
        metrics="<results>/statistics/metrics.parquet",
        tasks="<results>/statistics/tasks.parquet",
        summary=report(
            "<results>/statistics/summary.csv",
            caption="../report/summary.rst",
            category="Comparison",
            labels={"figure": "Table 1: methods", "format": "CSV"},
        ),
        wilcoxon=report(
            "<results>/statistics/wilcoxon.csv",
            caption="../report/wilcoxon.rst",
            category="Comparison",
            labels={"figure": "Table 2: Wilcoxon's test", "format": "CSV"},
        ),
        roc_tests="<results>/statistics/roc_tests.parquet",
        roc_curves="<results>/statistics/roc_curves.parquet",
        predictability="<results>/statistics/predictability.csv",
        excluded="<results>/statistics/excluded.csv",
        problems="<results>/statistics/problems.json",
    log:
        "<logs>/compare_methods.log",
    benchmark:
        "<benchmarks>/compare_methods.tsv"
    conda:
        "../../envs/statistics.yaml"
    resources:
        mem_mb=memory(1500, compounds=8, predictions=20),
        runtime=minutes(60),
    params:
        settings={
            "models": list(MODELS),
            "tools": list(TOOLS),
            "splits": TRAINING["splits"],
            "resamples": COMPARISON["resamples"],
            "permutations": COMPARISON["permutations"],
            "seed": COMPARISON["seed"],
        },
        code=code("compare_methods"),
    script:
        "../scripts/compare_methods.py"


rule statistics:
    """Every method scored and compared."""
    input:
        rules.measure_costs.output if MODELS else [],
        rules.compare_methods.output,
    localrule: True
