# Labels: pChEMBL values against thresholds (part one), the majority of activity comments (part
# two), both side by side as the label matrix, and the account of how it came about.
#
# in:  {results}/compounds/compounds.parquet, {results}/chembl/
# out: {results}/labels/

LABELS = config["labels"]


rule average_pchembl:
    input:
        matches=f"{RESULTS}/chembl/matches.parquet",
        activities=f"{RESULTS}/chembl/activities.parquet",
    output:
        means=f"{RESULTS}/labels/pchembl_means.parquet",
        funnel=f"{RESULTS}/labels/pchembl_funnel.json",
    log:
        f"{RESULTS}/logs/average_pchembl.log",
    benchmark:
        f"{RESULTS}/benchmarks/average_pchembl.tsv"
    conda:
        "../../envs/labels.yaml"
    resources:
        mem_mb=memory(1000, matches=20, activities=20),
        runtime=minutes(30),
    params:
        standard_types=LABELS["standard_types"],
        pchembl_range=LABELS["pchembl_range"],
        exclude_potential_duplicates=LABELS["exclude_potential_duplicates"],
        code=code("average_pchembl"),
    script:
        "../scripts/average_pchembl.py"


rule binarise_pchembl:
    input:
        means=rules.average_pchembl.output.means,
    output:
        labels=f"{RESULTS}/labels/pchembl_labels.parquet",
    log:
        f"{RESULTS}/logs/binarise_pchembl.log",
    benchmark:
        f"{RESULTS}/benchmarks/binarise_pchembl.tsv"
    conda:
        "../../envs/labels.yaml"
    resources:
        mem_mb=memory(1000, means=20),
        runtime=minutes(10),
    params:
        thresholds=LABELS["thresholds"],
        code=code("binarise_pchembl"),
    script:
        "../scripts/binarise_pchembl.py"


rule vote_comments:
    input:
        matches=f"{RESULTS}/chembl/matches.parquet",
        activities=f"{RESULTS}/chembl/activities.parquet",
        comment_table=LABELS["comment_table"] or RESOURCES / "activity_comments.csv",
    output:
        labels=f"{RESULTS}/labels/comment_labels.parquet",
        ties=f"{RESULTS}/labels/comment_ties.csv",
        unknown=f"{RESULTS}/labels/unknown_comments.csv",
        funnel=f"{RESULTS}/labels/comment_funnel.json",
    log:
        f"{RESULTS}/logs/vote_comments.log",
    benchmark:
        f"{RESULTS}/benchmarks/vote_comments.tsv"
    conda:
        "../../envs/labels.yaml"
    resources:
        mem_mb=memory(1000, matches=20, activities=20),
        runtime=minutes(30),
    params:
        exclude_potential_duplicates=LABELS["exclude_potential_duplicates"],
        code=code("vote_comments"),
    script:
        "../scripts/vote_comments.py"


rule build_label_matrix:
    input:
        compounds=rules.build_compounds.output.compounds,
        matches=f"{RESULTS}/chembl/matches.parquet",
        activities=f"{RESULTS}/chembl/activities.parquet",
        pchembl_labels=rules.binarise_pchembl.output.labels,
        comment_labels=rules.vote_comments.output.labels,
    output:
        matrix=f"{RESULTS}/labels/label_matrix.mtx",
        compounds=f"{RESULTS}/labels/compounds.csv",
        assays=f"{RESULTS}/labels/assays.csv",
        labels=f"{RESULTS}/labels/label_matrix.parquet",
        dropped_assays=f"{RESULTS}/labels/dropped_assays.csv",
        dropped_compounds=f"{RESULTS}/labels/dropped_compounds.csv",
        conflicts=f"{RESULTS}/labels/conflicts.csv",
    log:
        f"{RESULTS}/logs/build_label_matrix.log",
    benchmark:
        f"{RESULTS}/benchmarks/build_label_matrix.tsv"
    conda:
        "../../envs/labels.yaml"
    resources:
        mem_mb=memory(1000, activities=30, pchembl_labels=30, comment_labels=30),
        runtime=minutes(30),
    params:
        min_actives=LABELS["min_actives"],
        min_inactives=LABELS["min_inactives"],
        min_labels_per_compound=LABELS["min_labels_per_compound"],
        code=code("build_label_matrix"),
    script:
        "../scripts/build_label_matrix.py"


rule summarise_labels:
    input:
        **dict(rules.build_label_matrix.output.items()),
        library_account=rules.build_compounds.output.account,
        source=f"{RESULTS}/chembl/source.json",
        matches=f"{RESULTS}/chembl/matches.parquet",
        activities=f"{RESULTS}/chembl/activities.parquet",
        pchembl_funnel=rules.average_pchembl.output.funnel,
        pchembl_labels=rules.binarise_pchembl.output.labels,
        comment_funnel=rules.vote_comments.output.funnel,
        comment_labels=rules.vote_comments.output.labels,
        ties=rules.vote_comments.output.ties,
        unknown=rules.vote_comments.output.unknown,
    output:
        **{
            f"figure_{kind}": report(
                f"{RESULTS}/labels/data_points_per_assay.{kind}",
                caption="../report/data_points_per_assay.rst",
                category="Labels",
                labels={"figure": "Fig. S4: data points of each assay", "format": kind.upper()},
            )
            for kind in ("svg", "png")
        },
        summary=f"{RESULTS}/labels/summary.json",
        page=f"{RESULTS}/labels/summary.md",
    log:
        f"{RESULTS}/logs/summarise_labels.log",
    benchmark:
        f"{RESULTS}/benchmarks/summarise_labels.tsv"
    conda:
        "../../envs/labels.yaml"
    resources:
        mem_mb=memory(1000, activities=30, pchembl_labels=30, comment_labels=30),
        runtime=minutes(10),
    params:
        config={key: config[key] for key in ("compounds", "chembl", "labels")},
        code=code("summarise_labels"),
    script:
        "../scripts/summarise_labels.py"


rule labels:
    input:
        rules.build_label_matrix.output,
        rules.summarise_labels.output,
    localrule: True
