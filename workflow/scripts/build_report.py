"""Build the page of the report: one HTML file with everything in it."""

from pathlib import Path

import pandas as pd

from paintassay.core import tables
from paintassay.core.files import read_json, sha256, write_text
from paintassay.core.jobs import job
from paintassay.core.versions import software_versions
from paintassay.images.tables import LOST_VIEWS, QUALITY
from paintassay.labels.tables import ASSAYS, CONFLICTS
from paintassay.report.page.content import page_content, render_page
from paintassay.report.page.images import draw_examples, read_history
from paintassay.statistics.tables import (
    EXCLUDED,
    METRICS,
    ROC_CURVES,
    ROC_TESTS,
    SUMMARY,
    TASKS,
    WILCOXON,
)

with job(snakemake.log[0]):
    files, settings = snakemake.input, snakemake.params.settings
    read = {
        name: tables.read_parquet(files[name], schema).to_pandas()
        if files[name].endswith(".parquet")
        else tables.read_csv(files[name], schema)
        for name, schema in {
            "assays": ASSAYS,
            "conflicts": CONFLICTS,
            "lost_views": LOST_VIEWS,
            "quality": QUALITY,
            "metrics": METRICS,
            "tasks": TASKS,
            "summary": SUMMARY,
            "wilcoxon": WILCOXON,
            "roc_tests": ROC_TESTS,
            "roc_curves": ROC_CURVES,
            "excluded": EXCLUDED,
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
            read_history(*each)
            for each in zip(files.histories, files.cards, files.timing, strict=True)
        ],
        "config": settings["config"],
        "checksums": {"/".join(Path(files[n]).parts[-2:]): sha256(files[n]) for n in hashed},
        "software": software_versions("jinja2", "pandas", "pyarrow", "numpy", "pillow"),
        "demo": settings["demo"],
    }
    examples = draw_examples(
        files.views, settings["shards"], files.labels, files.predictions, read["summary"]
    )
    content = page_content(read, facts, examples)
    write_text(render_page(content, snakemake.params.own.page), snakemake.output.page)
