"""What the page of the report takes from files other than tables: trainings and example images."""

import json
from pathlib import Path

import pandas as pd
import yaml

from paintassay import page_images
from paintassay.prediction_tables import read_predictions
from paintassay.tables import LABELS, read_parquet
from paintassay.views import Views


def read_training(metrics, card, timing):
    """Read the history of a training; its model, split and replicate stand in the folders.

    Parameters
    ----------
    metrics, card, timing : str or Path
        metrics.jsonl, model_card.md and timing.csv, as training writes them.

    Returns
    -------
    dict
        method, split, replicate, epochs (rows of the metrics), best_epoch, seconds (of all epochs;
        None if it was not trained).
    """
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


def _read_scores(summary, paths):
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


def draw_examples(views, shards, labels, predictions, summary):
    """Draw example images of every task, and one view channel by channel.

    Parameters
    ----------
    views : str or Path
        The data set, Parquet.
    shards : str or Path
        Folder of the shards.
    labels : str or Path
        The label matrix, Parquet.
    predictions : list of str or Path
        compounds.parquet of each model and split.
    summary : pandas.DataFrame
        As `comparison_tables.SUMMARY`.

    Returns
    -------
    dict or None
        As `page.page_content` takes it; None without any view.
    """
    manifest = pd.read_parquet(views)
    if manifest.empty:
        return None
    controls = manifest[manifest["role"] == "negative_control"]
    shown = (controls if len(controls) else manifest).iloc[:1]
    one = Views(shown, shards)
    view = shown.iloc[0]
    drawn = {
        "by_task": {},
        "pictures": [],
        "panels": page_images.channel_panels(one[0], one.channels),
        "view": f"plate {view['plate']}, well {view['well']}, site {view['site']}"
        + (f", {view['compound_id']}" if isinstance(view["compound_id"], str) else ""),
    }
    run, scores = _read_scores(summary, predictions)
    if run is None:
        return drawn
    cells = read_parquet(labels, LABELS).to_pandas()
    matrix = cells.pivot(index="inchikey", columns="column", values="label").fillna(0)
    picked = page_images.pick_examples(scores, matrix)
    rows = page_images.first_views(manifest, picked["inchikey"])
    if len(rows):
        chosen = Views(rows, shards)
        drawn["pictures"] = page_images.small_pictures(chosen, chosen.channels)
        drawn["by_task"] = page_images.examples_by_task(picked, rows, drawn["pictures"])
    return drawn | run
