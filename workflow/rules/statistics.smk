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
            rules.average_predictions.output[level], model=model, split=TRAINING["splits"]
        )
        for level in ["wells", "compounds"]
    }
    for model in MODELS
} | {tool: {"predictions": path} for tool, path in TOOLS.items()}


wildcard_constraints:
    method="[A-Za-z][A-Za-z0-9_-]*",


rule score_predictions:
    input:
        unpack(lambda wildcards: METHODS[wildcards.method]),
        labels=rules.build_label_matrix.output.labels,
        assays=rules.build_label_matrix.output.assays,
        library=rules.build_compounds.output.compounds,
        splits=rules.make_splits.output.splits,
    output:
        metrics=f"{RESULTS}/statistics/methods/{{method}}/metrics.parquet",
        excluded=f"{RESULTS}/statistics/methods/{{method}}/excluded.csv",
    log:
        f"{RESULTS}/logs/score_predictions/{{method}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/score_predictions/{{method}}.tsv"
    conda:
        "../../envs/stats.yaml"
    resources:
        mem_mb=memory(1000, wells=8, compounds=8, predictions=20),
        runtime=minutes(30),
    params:
        tool=lambda wildcards: wildcards.method in TOOLS,
        splits=TRAINING["splits"],
        code=code("score_predictions"),
    script:
        "../scripts/score_predictions.py"


rule compare_methods:
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
        metrics=f"{RESULTS}/statistics/metrics.parquet",
        tasks=f"{RESULTS}/statistics/tasks.parquet",
        summary=report(
            f"{RESULTS}/statistics/summary.csv",
            caption="../report/summary.rst",
            category="Comparison",
            labels={"figure": "Table 1: methods", "format": "CSV"},
        ),
        wilcoxon=report(
            f"{RESULTS}/statistics/wilcoxon.csv",
            caption="../report/wilcoxon.rst",
            category="Comparison",
            labels={"figure": "Table 2: Wilcoxon's test", "format": "CSV"},
        ),
        roc_tests=f"{RESULTS}/statistics/roc_tests.parquet",
        roc_curves=f"{RESULTS}/statistics/roc_curves.parquet",
        predictability=f"{RESULTS}/statistics/predictability.csv",
        excluded=f"{RESULTS}/statistics/excluded.csv",
        problems=f"{RESULTS}/statistics/problems.json",
    log:
        f"{RESULTS}/logs/compare_methods.log",
    benchmark:
        f"{RESULTS}/benchmarks/compare_methods.tsv"
    conda:
        "../../envs/stats.yaml"
    resources:
        mem_mb=memory(1500, compounds=8, predictions=20),
        runtime=minutes(60),
    params:
        models=list(MODELS),
        tools=list(TOOLS),
        splits=TRAINING["splits"],
        replicates=COMPARISON["replicates"],
        permutations=COMPARISON["permutations"],
        seed=COMPARISON["seed"],
        code=code("compare_methods"),
    script:
        "../scripts/compare_methods.py"


rule statistics:
    input:
        rules.measure_costs.output if MODELS else [],
        rules.compare_methods.output,
    localrule: True
