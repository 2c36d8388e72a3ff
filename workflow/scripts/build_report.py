"""Build the page of the report: one HTML file with everything in it."""

from pathlib import Path

import pandas as pd

from paintassay import comparison_tables, image_tables, page, tables
from paintassay.files import read_json, sha256, write_text
from paintassay.logs import logged_to
from paintassay.page_sources import draw_examples, read_training
from paintassay.provenance import software_versions

with logged_to(snakemake.log[0]):
    files, params = snakemake.input, snakemake.params
    read = {
        name: tables.read_parquet(files[name], schema).to_pandas()
        if files[name].endswith(".parquet")
        else tables.read_csv(files[name], schema)
        for name, schema in {
            "assays": tables.ASSAYS,
            "conflicts": tables.CONFLICTS,
            "lost_views": image_tables.LOST_VIEWS,
            "quality": image_tables.QUALITY,
            "metrics": comparison_tables.METRICS,
            "tasks": comparison_tables.TASKS,
            "summary": comparison_tables.SUMMARY,
            "wilcoxon": comparison_tables.WILCOXON,
            "roc_tests": comparison_tables.ROC_TESTS,
            "roc_curves": comparison_tables.ROC_CURVES,
            "excluded": comparison_tables.EXCLUDED,
        }.items()
    }
    # Their schemas stand in modules that need more than this job has.
    read["parts"] = pd.read_csv(files.parts)
    read["costs"] = pd.read_csv(files.costs) if files.get("costs") else None
    hashed = ("views", "metrics", "tasks", "wilcoxon", "roc_tests", "roc_curves")
    facts = {
        "labels": read_json(files.label_summary),
        "dataset": read_json(files.dataset_summary),
        "problems": read_json(files.problems),
        "trainings": [
            read_training(*each)
            for each in zip(files.histories, files.cards, files.timing, strict=True)
        ],
        "config": params.config,
        "checksums": {"/".join(Path(files[n]).parts[-2:]): sha256(files[n]) for n in hashed},
        "software": software_versions("jinja2", "pandas", "pyarrow", "numpy", "pillow"),
        "demo": params.demo,
    }
    examples = draw_examples(
        files.views, params.shards, files.labels, files.predictions, read["summary"]
    )
    content = page.page_content(read, facts, examples)
    template = Path(files.template).parent
    write_text(page.render_page(content, template), snakemake.output.page)
