# Training: one job trains one model on one split, once a replicate. What the models cost and which
# layers they have comes from their weights.
#
# in:  {results}/dataset/, {results}/images/shards/, {results}/labels/, models.<name>.weights
# out: {results}/training/, {results}/statistics/figures/s5.csv

# For the scheduler; what the job itself does with them is in its params.
GPUS = 0 if TRAINING["device"] == "cpu" else TRAINING["devices"]


wildcard_constraints:
    model="[a-z][a-z0-9_]*",
    split=r"\d+",
    replicate=r"\d+",


rule train_model:
    """Train one model on one split, once."""
    input:
        unpack(samples_of),
        # The manifest has a checksum of each view, so the shards need not be named, one by one.
        views=rules.build_dataset.output.views,
        labels=rules.build_label_matrix.output.labels,
        assays=rules.build_label_matrix.output.assays,
        weights=lambda wildcards: MODELS[wildcards.model]["weights"] or [],
    output:
        weights=f"<results>/training/{RUN}/weights.safetensors",
        card=f"<results>/training/{RUN}/model_card.md",
        metrics=f"<results>/training/{RUN}/metrics.jsonl",
        timing=f"<results>/training/{RUN}/timing.csv",
    log:
        f"<logs>/train_model/{RUN}.log",
    benchmark:
        f"<benchmarks>/train_model/{RUN}.tsv"
    conda:
        "../../envs/training.yaml"
    threads: TRAINING["threads"]
    resources:
        # Batches read ahead and libraries for a GPU, or the layers' values of a batch on the CPU;
        # labels, wells and places of cells. The shards stay on disk.
        mem_mb=memory(16000, views=20, cells=20, features=3),
        # No longer at another attempt, which goes on where the last one was stopped; many sites
        # allow no more.
        runtime=2880,
        gpu=GPUS,
    params:
        settings=settings_of_training,
        compute=lambda wildcards: not_compared(
            device=TRAINING["device"],
            devices=TRAINING["devices"],
            micro_batch=MODELS[wildcards.model]["micro_batch"],
        ),
        model_code=lambda wildcards: MODEL_CODE[wildcards.model],
        code=code("train_model"),
    script:
        "../scripts/train_model.py"


rule measure_costs:
    """Measure what each model costs: parameters, arithmetic, time and memory."""
    input:
        weights=of_all_runs(rules.train_model.output.weights),
        timing=of_all_runs(rules.train_model.output.timing),
    output:
        costs=report(
            "<results>/training/costs.csv",
            caption="../report/costs.rst",
            category="Training",
            labels={"figure": "Table 3: costs", "format": "CSV"},
        ),
    log:
        "<logs>/measure_costs.log",
    benchmark:
        "<benchmarks>/measure_costs.tsv"
    conda:
        "../../envs/training.yaml"
    resources:
        mem_mb=memory(3000),
        runtime=minutes(10),
    params:
        model_code=MODEL_CODE,
        code=code("measure_costs"),
    script:
        "../scripts/measure_costs.py"


rule describe_models:
    """List the layers of each model."""
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
            "<results>/statistics/figures/s5.csv",
            caption="../report/s5.rst",
            category="Training",
            labels={"figure": "Fig. S5: layers of the networks", "format": "CSV"},
        ),
    log:
        "<logs>/describe_models.log",
    benchmark:
        "<benchmarks>/describe_models.tsv"
    conda:
        "../../envs/training.yaml"
    resources:
        mem_mb=memory(3000),
        runtime=minutes(10),
    params:
        model_code=MODEL_CODE,
        code=code("describe_models"),
    script:
        "../scripts/describe_models.py"


rule models:
    """The trained models, and what they cost."""
    input:
        of_all_runs(rules.train_model.output.weights),
        rules.measure_costs.output,
    localrule: True
