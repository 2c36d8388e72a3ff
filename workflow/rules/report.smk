# The page of the report: what was found, how, and what is missing, in one HTML file to read.
#
# in:  {results}/labels/, {results}/images/, {results}/dataset/, {results}/models/,
#      {results}/predictions/, {results}/statistics/
# out: {results}/report/index.html

PAGE = Path(os.path.relpath(ROOT / "workflow" / "report" / "page"))


rule build_report:
    input:
        assays=rules.build_label_matrix.output.assays,
        labels=rules.build_label_matrix.output.labels,
        conflicts=rules.build_label_matrix.output.conflicts,
        label_summary=rules.summarise_labels.output.summary,
        lost_views=rules.collect_views.output.lost,
        quality=rules.collect_views.output.quality,
        # The manifest has a checksum of each view, so the shards need not be named, one by one.
        views=rules.build_dataset.output.views,
        parts=rules.build_dataset.output.parts,
        dataset_summary=rules.build_dataset.output.summary,
        costs=rules.measure_costs.output.costs if MODELS else [],
        histories=of_all_networks(rules.train_model.output.metrics),
        cards=of_all_networks(rules.train_model.output.card),
        timing=of_all_networks(rules.train_model.output.timing),
        predictions=expand(
            rules.average_predictions.output.compounds, model=MODELS, split=TRAINING["splits"]
        ),
        metrics=rules.compare_methods.output.metrics,
        tasks=rules.compare_methods.output.tasks,
        summary=rules.compare_methods.output.summary,
        wilcoxon=rules.compare_methods.output.wilcoxon,
        roc_tests=rules.compare_methods.output.roc_tests,
        roc_curves=rules.compare_methods.output.roc_curves,
        excluded=rules.compare_methods.output.excluded,
        problems=rules.compare_methods.output.problems,
        template=PAGE / "index.html.j2",
        style=PAGE / "page.css",
        program=PAGE / "page.js",
    output:
        page=f"{RESULTS}/report/index.html",
    log:
        f"{RESULTS}/logs/build_report.log",
    benchmark:
        f"{RESULTS}/benchmarks/build_report.tsv"
    conda:
        "../../envs/report.yaml"
    resources:
        mem_mb=memory(2000, views=20, quality=10, predictions=8),
        runtime=minutes(30),
    params:
        config=config,
        shards=SHARDS,
        # The page says so where the data are made up.
        demo=config["chembl"]["sqlite"] == f"{RESULTS}/screen/chembl.db",
        code=code("build_report"),
    script:
        "../scripts/build_report.py"


rule report:
    input:
        rules.build_report.output,
    localrule: True
