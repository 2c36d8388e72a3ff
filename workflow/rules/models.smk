# Networks: one job trains one model on one split, once a replicate; its predictions of views, and
# their averages over wells, compounds and replicates.
#
# in:  {results}/dataset/, {results}/images/shards/, {results}/labels/, models.<name>.weights
# out: {results}/models/, {results}/predictions/


rule train_model:
    input:
        unpack(samples_of),
        # The manifest has a checksum of each view, so the shards need not be named, one by one.
        views=rules.build_dataset.output.views,
        labels=rules.build_label_matrix.output.labels,
        assays=rules.build_label_matrix.output.assays,
        weights=start_weights,
    output:
        weights=f"{RESULTS}/models/{NETWORK}/weights.safetensors",
        card=f"{RESULTS}/models/{NETWORK}/model_card.md",
        metrics=f"{RESULTS}/models/{NETWORK}/metrics.jsonl",
        timing=f"{RESULTS}/models/{NETWORK}/timing.csv",
    log:
        f"{RESULTS}/logs/train_model/{NETWORK}.log",
    benchmark:
        f"{RESULTS}/benchmarks/train_model/{NETWORK}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: TRAINING["threads"]
    resources:
        # Batches read ahead and libraries for a GPU, or the layers' values of a batch on the CPU;
        # labels, wells and places of cells. The shards stay on disk.
        mem_mb=memory(16000, views=20, cells=20, features=3),
        # No longer at another attempt, which goes on where the last one was stopped; many sites
        # allow no more.
        runtime=2880,
        gpu=GPUS,
        device=TRAINING["device"],
        devices=TRAINING["devices"],
        micro_batch=lambda wildcards: MODELS[wildcards.model]["micro_batch"] or 0,
    params:
        settings=training_settings,
        shards=SHARDS,
        samples=sample_settings,
        options=lambda wildcards: MODELS[wildcards.model]["options"],
        replace_outputs=lambda wildcards: MODELS[wildcards.model]["replace_outputs"],
        model_code=lambda wildcards: MODEL_CODE[wildcards.model],
        code=code("train_model"),
    script:
        "../scripts/train_model.py"


rule predict_views:
    input:
        unpack(samples_of),
        weights=rules.train_model.output.weights,
        views=rules.build_dataset.output.views,
        assays=rules.build_label_matrix.output.assays,
    output:
        views=f"{RESULTS}/predictions/{NETWORK}/views.parquet",
    log:
        f"{RESULTS}/logs/predict_views/{NETWORK}.log",
    benchmark:
        f"{RESULTS}/benchmarks/predict_views/{NETWORK}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: TRAINING["threads"]
    resources:
        # Without gradients half of what training needs, and one number a view and assay.
        mem_mb=memory(8000, views=20, cells=20, features=3),
        runtime=minutes(480),
        gpu=1 if GPUS else 0,
        device=TRAINING["device"],
        batch_size=lambda wildcards: MODELS[wildcards.model]["micro_batch"]
        or MODELS[wildcards.model]["batch_size"],
    params:
        parts=config["predictions"]["parts"],
        shards=SHARDS,
        model_code=lambda wildcards: MODEL_CODE[wildcards.model],
        code=code("predict_views"),
    script:
        "../scripts/predict_views.py"


rule average_predictions:
    input:
        replicates=expand(
            rules.predict_views.output.views,
            replicate=range(1, TRAINING["replicates"] + 1),
            allow_missing=True,
        ),
    output:
        **{
            name: f"{RESULTS}/predictions/{{model}}/split_{{split}}/{name}.parquet"
            for level in ["wells", "compounds", "ensemble"]
            for name in [level, f"{level}_spread"]
        },
    log:
        f"{RESULTS}/logs/average_predictions/{{model}}/split_{{split}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/average_predictions/{{model}}/split_{{split}}.tsv"
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=memory(2000, replicates=8),
        runtime=minutes(60),
    params:
        code=code("average_predictions"),
    script:
        "../scripts/average_predictions.py"


rule measure_costs:
    input:
        weights=of_all_networks(rules.train_model.output.weights),
        timing=of_all_networks(rules.train_model.output.timing),
    output:
        costs=report(
            f"{RESULTS}/models/costs.csv",
            caption="../report/costs.rst",
            category="Training",
            labels={"figure": "Table 3: costs", "format": "CSV"},
        ),
    log:
        f"{RESULTS}/logs/measure_costs.log",
    benchmark:
        f"{RESULTS}/benchmarks/measure_costs.tsv"
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=memory(3000),
        runtime=minutes(10),
    params:
        model_code=MODEL_CODE,
        code=code("measure_costs"),
    script:
        "../scripts/measure_costs.py"


rule models:
    input:
        of_all_networks(rules.train_model.output.weights),
        rules.measure_costs.output,
    localrule: True


rule predictions:
    input:
        rules.models.input,
        of_all_networks(rules.average_predictions.output),
    localrule: True
