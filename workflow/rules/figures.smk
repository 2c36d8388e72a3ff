# Figures for print: the comparison of the methods, training curves and example images, each as SVG
# and PNG with its data as CSV; and the layers of every network.
#
# in:  {results}/statistics/, {results}/predictions/, {results}/models/, {results}/labels/,
#      {results}/dataset/, {results}/compounds/compounds.parquet, {results}/images/shards/
# out: {results}/statistics/figures/

FIGURES = f"{RESULTS}/statistics/figures"


# Part of the report, and title in it.
TITLES = {
    "fig2": ("Examples", "Fig. 2: active and inactive compounds"),
    "fig4": ("Comparison", "Fig. 4: two methods, assay by assay"),
    "fig5": ("Examples", "Fig. 5: what one method alone predicts"),
    "auc_distribution": ("Comparison", "AUCs of each method"),
    "s1": ("Comparison", "Fig. S1: further measures"),
    "s2": ("Comparison", "Fig. S2: AUC and number of labels"),
    "s3": ("Comparison", "Fig. S3: AUC and classes"),
    "s6": ("Comparison", "Table S6: bootstrap intervals"),
    "training_curves": ("Training", "Training curves"),
    "view_channels": ("Examples", "One view, channel by channel"),
}
FIGURE_FILES = {
    name: {
        **{
            f"{name}_{kind}": report(
                f"{FIGURES}/{name}.{kind}",
                caption=f"../report/{name}.rst",
                category=category,
                labels={"figure": title, "format": kind.upper()},
            )
            for kind in ("svg", "png")
        },
        f"{name}_csv": f"{FIGURES}/{name}.csv",
    }
    for name, (category, title) in TITLES.items()
}


rule draw_comparison:
    input:
        tasks=rules.compare_methods.output.tasks,
        metrics=rules.compare_methods.output.metrics,
        roc_tests=rules.compare_methods.output.roc_tests,
        predictability=rules.compare_methods.output.predictability,
        summary=rules.compare_methods.output.summary,
        assays=rules.build_label_matrix.output.assays,
        histories=of_all_networks(rules.train_model.output.metrics),
    output:
        **FIGURE_FILES["fig4"],
        **FIGURE_FILES["auc_distribution"],
        **FIGURE_FILES["s1"],
        **FIGURE_FILES["s2"],
        **FIGURE_FILES["s3"],
        **FIGURE_FILES["s6"],
        **FIGURE_FILES["training_curves"],
    log:
        f"{RESULTS}/logs/draw_comparison.log",
    benchmark:
        f"{RESULTS}/benchmarks/draw_comparison.tsv"
    conda:
        "../../envs/report.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=minutes(10),
    params:
        code=code("draw_comparison"),
    script:
        "../scripts/draw_comparison.py"


rule draw_examples:
    input:
        tasks=rules.compare_methods.output.tasks,
        roc_tests=rules.compare_methods.output.roc_tests,
        summary=rules.compare_methods.output.summary,
        compounds=expand(
            rules.average_predictions.output.compounds, model=MODELS, split=TRAINING["splits"]
        ),
        predictions=list(TOOLS.values()),
        labels=rules.build_label_matrix.output.labels,
        assays=rules.build_label_matrix.output.assays,
        library=rules.build_compounds.output.compounds,
        splits=rules.make_splits.output.splits,
        # The manifest has a checksum of each view, so the shards need not be named, one by one.
        views=rules.build_dataset.output.views,
    output:
        **FIGURE_FILES["fig2"],
        **FIGURE_FILES["fig5"],
        **FIGURE_FILES["view_channels"],
    log:
        f"{RESULTS}/logs/draw_examples.log",
    benchmark:
        f"{RESULTS}/benchmarks/draw_examples.tsv"
    conda:
        "../../envs/report.yaml"
    resources:
        mem_mb=memory(1500, compounds=8, predictions=20, views=20),
        runtime=minutes(10),
    params:
        models=list(MODELS),
        tools=list(TOOLS),
        splits=TRAINING["splits"],
        shards=SHARDS,
        pixel_size_um=IMAGES["pixel_size_um"],
        code=code("draw_examples"),
    script:
        "../scripts/draw_examples.py"


rule describe_models:
    input:
        # Splits and replicates of a model have the same layers.
        weights=expand(
            rules.train_model.output.weights,
            model=MODELS,
            split=TRAINING["splits"][:1],
            replicate=1,
        ),
    output:
        layers=report(
            f"{FIGURES}/s5.csv",
            caption="../report/s5.rst",
            category="Training",
            labels={"figure": "Fig. S5: layers of the networks", "format": "CSV"},
        ),
    log:
        f"{RESULTS}/logs/describe_models.log",
    benchmark:
        f"{RESULTS}/benchmarks/describe_models.tsv"
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=memory(3000),
        runtime=minutes(10),
    params:
        model_code=MODEL_CODE,
        code=code("describe_models"),
    script:
        "../scripts/describe_models.py"


rule figures:
    input:
        rules.draw_comparison.output,
        rules.draw_examples.output,
        rules.describe_models.output,
    localrule: True
