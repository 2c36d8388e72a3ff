"""Build the page of the report: one HTML file with everything in it."""

import json
from pathlib import Path

import pandas as pd
import yaml

from paintassay import comparison_tables, image_tables, page, page_images, tables
from paintassay.files import read_json, sha256, write_text
from paintassay.logs import logged_to
from paintassay.prediction_tables import read_predictions
from paintassay.provenance import software_versions
from paintassay.views import Views


def read_training(metrics, card, timing):
    """History of a training from its three files; its name stands in their folders."""
    model, split, replicate = Path(metrics).parts[-4:-1]
    text = Path(card).read_text(encoding="utf-8")
    seconds = pd.read_csv(timing)[["training_seconds", "validation_seconds"]]
    return {
        "method": model,
        "split": int(split.removeprefix("split_")),
        "replicate": int(replicate.removeprefix("replicate_")),
        "epochs": [json.loads(line) for line in Path(metrics).read_text().splitlines()],
        "best_epoch": yaml.safe_load(text.split("---\n")[1])["paintassay"]["best_epoch"],
        "seconds": float(seconds.to_numpy().sum()) if len(seconds) else None,
    }


def read_scores(summary, paths):
    """Test predictions of the best of our models, from its median run: (facts, scores)."""
    of_split = {Path(path).parts[-3:-1]: path for path in paths}
    for method in summary.dropna(subset="median_split").itertuples():
        split, replicate = int(method.median_split), int(method.median_replicate)
        path = of_split.get((method.method, f"split_{split}"))
        if path is not None:
            keys, scores, names = read_predictions("compounds", path)
            own = ((keys["replicate"] == replicate) & (keys["part"] == "test")).to_numpy()
            index = pd.Index(keys.loc[own, "inchikey"])
            facts = {"method": method.method, "split": split, "replicate": replicate}
            return facts, pd.DataFrame(scores[own], index=index, columns=names)
    return None, None


def draw_examples(files, params, summary):
    """Example images of every task, and one view channel by channel."""
    manifest = pd.read_parquet(files.views)
    if manifest.empty:
        return None
    controls = manifest[manifest["role"] == "negative_control"]
    shown = (controls if len(controls) else manifest).iloc[:1]
    one = Views(shown, params.shards)
    view = shown.iloc[0]
    drawn = {
        "by_task": {},
        "pictures": [],
        "panels": page_images.channel_panels(one[0], one.channels),
        "view": f"plate {view['plate']}, well {view['well']}, site {view['site']}"
        + (f", {view['compound_id']}" if isinstance(view["compound_id"], str) else ""),
    }
    run, scores = read_scores(summary, files.predictions)
    if run is None:
        return drawn
    labels = tables.read_parquet(files.labels, tables.LABELS).to_pandas()
    labels = labels.pivot(index="inchikey", columns="column", values="label").fillna(0)
    picked = page_images.pick_examples(scores, labels)
    rows = page_images.first_views(manifest, picked["inchikey"])
    if len(rows):
        views = Views(rows, params.shards)
        drawn["pictures"] = page_images.small_pictures(views, views.channels)
        drawn["by_task"] = page_images.examples_by_task(picked, rows, drawn["pictures"])
    return drawn | run


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
    content = page.page_content(read, facts, draw_examples(files, params, read["summary"]))
    template = Path(files.template).parent
    write_text(page.render_page(content, template), snakemake.output.page)
