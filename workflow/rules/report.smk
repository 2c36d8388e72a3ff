# The report: the page that says what was found, how, and what is missing; the figures for print, each as
# SVG and PNG with its data as CSV; and the description of the results as an RO-Crate, the form that
# archives take.
#
# in:  {results}/statistics/, {results}/predictions/, {results}/training/, {results}/labels/,
#      {results}/images/, {results}/dataset/, {results}/compounds/compounds.parquet
# out: {results}/report/index.html, {results}/statistics/figures/, {results}/ro-crate-metadata.json

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
                f"<results>/statistics/figures/{name}.{kind}",
                caption=f"../report/{name}.rst",
                category=category,
                labels={"figure": title, "format": kind.upper()},
            )
            for kind in ("svg", "png")
        },
        f"{name}_csv": f"<results>/statistics/figures/{name}.csv",
    }
    for name, (category, title) in TITLES.items()
}


rule draw_comparison:
    """Draw the figures that compare the methods."""
    input:
        tasks=rules.compare_methods.output.tasks,
        metrics=rules.compare_methods.output.metrics,
        roc_tests=rules.compare_methods.output.roc_tests,
        predictability=rules.compare_methods.output.predictability,
        summary=rules.compare_methods.output.summary,
        assays=rules.build_label_matrix.output.assays,
        histories=of_all_runs(rules.train_model.output.metrics),
    output:
        **FIGURE_FILES["fig4"],
        **FIGURE_FILES["auc_distribution"],
        **FIGURE_FILES["s1"],
        **FIGURE_FILES["s2"],
        **FIGURE_FILES["s3"],
        **FIGURE_FILES["s6"],
        **FIGURE_FILES["training_curves"],
    log:
        "<logs>/draw_comparison.log",
    benchmark:
        "<benchmarks>/draw_comparison.tsv"
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
    """Draw the figures with images of cells."""
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
        # It tells what the image files say of the size of a pixel.
        image_views=rules.collect_views.output.views,
    output:
        **FIGURE_FILES["fig2"],
        **FIGURE_FILES["fig5"],
        **FIGURE_FILES["view_channels"],
    log:
        "<logs>/draw_examples.log",
    benchmark:
        "<benchmarks>/draw_examples.tsv"
    conda:
        "../../envs/report.yaml"
    resources:
        mem_mb=memory(1500, compounds=8, predictions=20, views=20),
        runtime=minutes(10),
    params:
        settings={
            "models": list(MODELS),
            "tools": list(TOOLS),
            "splits": TRAINING["splits"],
            "shards": SHARDS,
            "pixel_size_um": IMAGES["pixel_size_um"],
            "check_tags": IMAGES["check_tags"] or "off",
        },
        code=code("draw_examples"),
    script:
        "../scripts/draw_examples.py"


rule figures:
    """The figures of the paper and some more, with the data behind each."""
    input:
        rules.draw_comparison.output,
        rules.draw_examples.output,
        rules.describe_models.output,
    localrule: True


rule build_report:
    """Build the page: one HTML file with everything in it."""
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
        histories=of_all_runs(rules.train_model.output.metrics),
        cards=of_all_runs(rules.train_model.output.card),
        timing=of_all_runs(rules.train_model.output.timing),
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
        counts=[
            rules.build_compounds.output.counts,
            "<results>/chembl/activities.counts.json",
            rules.average_pchembl.output.counts,
            rules.vote_comments.output.counts,
            rules.build_label_matrix.output.counts,
            rules.read_wells.output.counts,
            rules.collect_views.output.counts,
            rules.make_splits.output.counts,
            rules.build_dataset.output.counts,
            *([rules.read_profiles.output.counts] if PROFILE_TABLES else []),
            *expand(rules.score_predictions.output.counts, method=METHODS),
        ],
        cell_counts=of_all_plates(rules.read_cells.output.counts) if CELL_TABLES else [],
    output:
        page="<results>/report/index.html",
    log:
        "<logs>/build_report.log",
    benchmark:
        "<benchmarks>/build_report.tsv"
    conda:
        "../../envs/report.yaml"
    resources:
        mem_mb=memory(2000, views=20, quality=10, predictions=8),
        runtime=minutes(30),
    params:
        settings={
            "config": mask_all(config),
            "shards": SHARDS,
            # The page says so where the data are made up.
            "demo": config["chembl"]["sqlite"] == f"{RESULTS}/screen/chembl.db",
        },
        own=not_compared(page=PAGE),
        code=code("build_report", *sorted(PAGE.iterdir())),
    script:
        "../scripts/build_report.py"


rule report:
    """The page of the report."""
    input:
        rules.build_report.output,
    localrule: True


rule build_crate:
    """Describe the results as an RO-Crate."""
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
            *of_all_runs([rules.train_model.output.weights, rules.train_model.output.card]),
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
        crate="<results>/ro-crate-metadata.json",
    log:
        "<logs>/build_crate.log",
    benchmark:
        "<benchmarks>/build_crate.tsv"
    conda:
        "../../envs/report.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        settings={
            "images": mask_all(IMAGES["root"]),
        },
        code=code("build_crate"),
    script:
        "../scripts/build_crate.py"
