# Labels: pChEMBL values against thresholds (part one), the majority of activity comments (part
# two), both side by side as the label matrix, and the account of how it came about.
#
# in:  {results}/compounds/compounds.parquet, {results}/chembl/
# out: {results}/labels/

LABELS = config["labels"]


rule average_pchembl:
    """Average the pChEMBL values of each compound in each assay."""
    input:
        matches="<results>/chembl/matches.parquet",
        activities="<results>/chembl/activities.parquet",
    output:
        means="<results>/labels/pchembl_means.parquet",
        bounds="<results>/labels/pchembl_bounds.parquet",
        censored="<results>/labels/censored_values.csv",
        funnel="<results>/labels/pchembl_funnel.json",
        counts="<results>/labels/average_pchembl.counts.json",
    log:
        "<logs>/average_pchembl.log",
    benchmark:
        "<benchmarks>/average_pchembl.tsv"
    conda:
        "../../envs/labels.yaml"
    resources:
        mem_mb=memory(1000, matches=20, activities=20),
        runtime=minutes(30),
    params:
        settings={
            "standard_types": LABELS["standard_types"],
            "pchembl_range": LABELS["pchembl_range"],
            "exclude_potential_duplicates": LABELS["exclude_potential_duplicates"],
        },
        code=code("average_pchembl"),
    script:
        "../scripts/average_pchembl.py"


rule binarise_pchembl:
    """Label each compound in each assay at each pChEMBL threshold."""
    input:
        means=rules.average_pchembl.output.means,
        bounds=rules.average_pchembl.output.bounds,
    output:
        labels="<results>/labels/pchembl_labels.parquet",
        discordant="<results>/labels/discordant.csv",
    log:
        "<logs>/binarise_pchembl.log",
    benchmark:
        "<benchmarks>/binarise_pchembl.tsv"
    conda:
        "../../envs/labels.yaml"
    resources:
        mem_mb=memory(1000, means=20, bounds=20),
        runtime=minutes(10),
    params:
        settings={
            "thresholds": LABELS["thresholds"],
            "censored": LABELS["censored"],
        },
        code=code("binarise_pchembl"),
    script:
        "../scripts/binarise_pchembl.py"


rule vote_comments:
    """Label each compound in each assay by the majority of its activity comments."""
    input:
        matches="<results>/chembl/matches.parquet",
        activities="<results>/chembl/activities.parquet",
        comment_table=LABELS["comment_table"] or [],
    output:
        labels="<results>/labels/comment_labels.parquet",
        ties="<results>/labels/comment_ties.csv",
        unknown="<results>/labels/unknown_comments.csv",
        doubted="<results>/labels/doubted_comments.csv",
        funnel="<results>/labels/comment_funnel.json",
        counts="<results>/labels/vote_comments.counts.json",
    log:
        "<logs>/vote_comments.log",
    benchmark:
        "<benchmarks>/vote_comments.tsv"
    conda:
        "../../envs/labels.yaml"
    resources:
        mem_mb=memory(1000, matches=20, activities=20),
        runtime=minutes(30),
    params:
        settings={
            "exclude_potential_duplicates": LABELS["exclude_potential_duplicates"],
            "exclude_doubted_comments": LABELS["exclude_doubted_comments"],
        },
        own=not_compared(comment_table=RESOURCES / "activity_comments.csv"),
        code=code("vote_comments", RESOURCES / "activity_comments.csv"),
    script:
        "../scripts/vote_comments.py"


rule build_label_matrix:
    """Put the labels together as a matrix, and keep the tasks with enough actives and inactives."""
    input:
        compounds=rules.build_compounds.output.compounds,
        matches="<results>/chembl/matches.parquet",
        activities="<results>/chembl/activities.parquet",
        pchembl_labels=rules.binarise_pchembl.output.labels,
        comment_labels=rules.vote_comments.output.labels,
        near_matches="<results>/chembl/near_matches.csv",
    output:
        matrix="<results>/labels/label_matrix.mtx",
        compounds="<results>/labels/compounds.csv",
        assays="<results>/labels/assays.csv",
        labels="<results>/labels/label_matrix.parquet",
        dropped_assays="<results>/labels/dropped_assays.csv",
        dropped_compounds="<results>/labels/dropped_compounds.csv",
        conflicts="<results>/labels/conflicts.csv",
        counts="<results>/labels/build_label_matrix.counts.json",
    log:
        "<logs>/build_label_matrix.log",
    benchmark:
        "<benchmarks>/build_label_matrix.tsv"
    conda:
        "../../envs/labels.yaml"
    resources:
        mem_mb=memory(1000, activities=30, pchembl_labels=30, comment_labels=30),
        runtime=minutes(30),
    params:
        settings={
            "min_actives": LABELS["min_actives"],
            "min_inactives": LABELS["min_inactives"],
            "min_labels_per_compound": LABELS["min_labels_per_compound"],
        },
        code=code("build_label_matrix"),
    script:
        "../scripts/build_label_matrix.py"


rule summarise_labels:
    """Say how the label matrix came about."""
    input:
        **dict(rules.build_label_matrix.output.items()),
        library_summary=rules.build_compounds.output.summary,
        source="<results>/chembl/source.json",
        matches="<results>/chembl/matches.parquet",
        activities="<results>/chembl/activities.parquet",
        pchembl_funnel=rules.average_pchembl.output.funnel,
        pchembl_labels=rules.binarise_pchembl.output.labels,
        comment_funnel=rules.vote_comments.output.funnel,
        comment_labels=rules.vote_comments.output.labels,
        ties=rules.vote_comments.output.ties,
        unknown=rules.vote_comments.output.unknown,
        doubted=rules.vote_comments.output.doubted,
        censored=rules.average_pchembl.output.censored,
        means=rules.average_pchembl.output.means,
        bounds=rules.average_pchembl.output.bounds,
        discordant=rules.binarise_pchembl.output.discordant,
        left_out="<results>/chembl/left_out.csv",
        near_matches="<results>/chembl/near_matches.csv",
    output:
        **{
            f"figure_{kind}": report(
                f"<results>/labels/data_points_per_assay.{kind}",
                caption="../report/data_points_per_assay.rst",
                category="Labels",
                labels={"figure": "Fig. S4: data points of each assay", "format": kind.upper()},
            )
            for kind in ("svg", "png")
        },
        summary="<results>/labels/summary.json",
        page="<results>/labels/summary.md",
    log:
        "<logs>/summarise_labels.log",
    benchmark:
        "<benchmarks>/summarise_labels.tsv"
    conda:
        "../../envs/labels.yaml"
    resources:
        mem_mb=memory(1000, activities=30, pchembl_labels=30, comment_labels=30),
        runtime=minutes(10),
    params:
        settings={
            "config": {key: mask_all(config[key]) for key in ("compounds", "chembl", "labels")},
        },
        code=code("summarise_labels"),
    script:
        "../scripts/summarise_labels.py"


rule labels:
    """The label matrix and its summary."""
    input:
        rules.build_label_matrix.output,
        rules.summarise_labels.output,
    localrule: True
