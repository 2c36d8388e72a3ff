# Predictions: of every view of the chosen parts by each trained model, and their averages over wells,
# compounds and replicates. A prediction needs PyTorch, an average does not.
#
# in:  {results}/training/, {results}/dataset/, {results}/images/shards/, {results}/labels/assays.csv
# out: {results}/predictions/


rule predict_views:
    """Predict every task for the views of the chosen parts with one trained model."""
    input:
        unpack(samples_of),
        weights=rules.train_model.output.weights,
        views=rules.build_dataset.output.views,
        assays=rules.build_label_matrix.output.assays,
    output:
        views=f"<results>/predictions/{RUN}/views.parquet",
        views_logits=f"<results>/predictions/{RUN}/views_logits.parquet",
    log:
        f"<logs>/predict_views/{RUN}.log",
    benchmark:
        f"<benchmarks>/predict_views/{RUN}.tsv"
    conda:
        "../../envs/training.yaml"
    threads: TRAINING["threads"]
    resources:
        # Without gradients half of what training needs, and a few numbers a view and assay.
        mem_mb=memory(8000, views=20, cells=20, features=3),
        runtime=minutes(480),
        gpu=1 if GPUS else 0,
    params:
        settings={
            "parts": config["predictions"]["parts"],
            "shards": SHARDS,
        },
        compute=lambda wildcards: not_compared(
            device=TRAINING["device"],
            batch_size=MODELS[wildcards.model]["micro_batch"]
            or MODELS[wildcards.model]["batch_size"],
        ),
        model_code=lambda wildcards: MODEL_CODE[wildcards.model],
        code=code("predict_views"),
    script:
        "../scripts/predict_views.py"


rule average_predictions:
    """Average a model's predictions over wells, compounds and replicates."""
    input:
        replicates=expand(
            rules.predict_views.output.views_logits,
            replicate=range(1, TRAINING["replicates"] + 1),
            allow_missing=True,
        ),
    output:
        **{
            name: f"<results>/predictions/{{model}}/split_{{split}}/{name}.parquet"
            for level in ["wells", "compounds", "ensemble"]
            for name in [level, f"{level}_logits", f"{level}_spread"]
        },
    log:
        "<logs>/average_predictions/{model}/split_{split}.log",
    benchmark:
        "<benchmarks>/average_predictions/{model}/split_{split}.tsv"
    conda:
        "../../envs/predictions.yaml"
    resources:
        # Probabilities, logits and spreads of wells and compounds, most of them in float64.
        mem_mb=memory(2000, replicates=16),
        runtime=minutes(60),
    params:
        code=code("average_predictions"),
    script:
        "../scripts/average_predictions.py"


rule predictions:
    """The predictions of every trained model."""
    input:
        rules.models.input,
        of_all_runs(rules.average_predictions.output),
    localrule: True
