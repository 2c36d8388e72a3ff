"""Build the page of the report: one HTML file with everything in it."""

from pathlib import Path

from paintassay.core import tables
from paintassay.core.files import read_json, sha256, write_text
from paintassay.core.jobs import job
from paintassay.core.matching import read_counts
from paintassay.core.versions import software_versions
from paintassay.dataset.tables import PARTS
from paintassay.images.tables import LOST_VIEWS, QUALITY
from paintassay.labels.tables import ASSAYS, CONFLICTS
from paintassay.report.histories import read_history
from paintassay.report.page.content import PageFacts, page_content, render_page
from paintassay.report.page.data import PageTables
from paintassay.report.page.images import example_pictures
from paintassay.statistics.tables import (
    EXCLUDED,
    METRICS,
    ROC_CURVES,
    ROC_TESTS,
    SUMMARY,
    TASKS,
    WILCOXON,
    Problem,
)
from paintassay.training.tables import COSTS

with job(snakemake.log[0], snakemake.input, snakemake.output):
    files, settings = snakemake.input, snakemake.params.settings
    page_tables = PageTables(
        assays=tables.read_csv(files.assays, ASSAYS),
        conflicts=tables.read_csv(files.conflicts, CONFLICTS),
        lost_views=tables.read_csv(files.lost_views, LOST_VIEWS),
        quality=tables.read_parquet(files.quality, QUALITY).to_pandas(),
        parts=tables.read_csv(files.parts, PARTS),
        metrics=tables.read_parquet(files.metrics, METRICS).to_pandas(),
        tasks=tables.read_parquet(files.tasks, TASKS).to_pandas(),
        summary=tables.read_csv(files.summary, SUMMARY),
        wilcoxon=tables.read_csv(files.wilcoxon, WILCOXON),
        roc_tests=tables.read_parquet(files.roc_tests, ROC_TESTS).to_pandas(),
        roc_curves=tables.read_parquet(files.roc_curves, ROC_CURVES).to_pandas(),
        excluded=tables.read_csv(files.excluded, EXCLUDED),
        costs=tables.read_csv(files.costs, COSTS) if files.get("costs") else None,
    )
    hashed = ("views", "metrics", "tasks", "wilcoxon", "roc_tests", "roc_curves")
    facts = PageFacts(
        labels=read_json(files.label_summary),
        dataset=read_json(files.dataset_summary),
        matches=read_counts([*files.counts, *files.get("cell_counts", [])]),
        problems=[Problem(**problem) for problem in read_json(files.problems)],
        trainings=[
            read_history(*training)
            for training in zip(files.histories, files.cards, files.timing, strict=True)
        ],
        config=settings["config"],
        checksums={"/".join(Path(files[name]).parts[-2:]): sha256(files[name]) for name in hashed},
        software=software_versions("jinja2", "pandas", "pyarrow", "numpy", "pillow"),
        demo=settings["demo"],
    )
    examples = example_pictures(
        files.views, settings["shards"], files.labels, files.predictions, page_tables.summary
    )
    content = page_content(page_tables, facts, examples)
    write_text(render_page(content, snakemake.params.own.page), snakemake.output.page)
