# What made the results. Each run leaves its record, provenance.json, whether it succeeded or not;
# page, tables and networks are described together as an RO-Crate, the form that archives take.
#
# in:  {results}/report/, labels/, dataset/, models/, predictions/, statistics/
# out: {results}/ro-crate-metadata.json, {results}/provenance.json


rule build_crate:
    input:
        # The first is the one to open.
        files=[
            rules.build_report.output.page,
            *[
                rules.build_label_matrix.output[name]
                for name in ["matrix", "labels", "compounds", "assays"]
            ],
            rules.summarise_labels.output.page,
            rules.make_splits.output.splits,
            rules.build_dataset.output.views,
            *of_all_networks([rules.train_model.output.weights, rules.train_model.output.card]),
            *expand(
                rules.average_predictions.output.ensemble, model=MODELS, split=TRAINING["splits"]
            ),
            *[
                rules.compare_methods.output[name]
                for name in ["tasks", "summary", "wilcoxon", "roc_tests"]
            ],
        ],
        label_summary=rules.summarise_labels.output.summary,
    output:
        crate=f"{RESULTS}/ro-crate-metadata.json",
    log:
        f"{RESULTS}/logs/build_crate.log",
    benchmark:
        f"{RESULTS}/benchmarks/build_crate.tsv"
    conda:
        "../../envs/report.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        images=IMAGES["root"],
        code=code("build_crate"),
    script:
        "../scripts/build_crate.py"


onsuccess:
    record_run("success")


onerror:
    record_run("failure")
