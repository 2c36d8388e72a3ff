"""Example images of the page, and the histories of the trainings, from their files."""

import base64
import io
import json
from pathlib import Path

import pandas as pd
import yaml
from PIL import Image

from paintassay.core.tables import read_parquet
from paintassay.images.pictures import channel_colours, composite, display_range, stains
from paintassay.images.views import Views
from paintassay.labels.tables import LABELS
from paintassay.predictions.tables import read_predictions
from paintassay.report.figures.example_data import first_views, pick_examples

WIDTH = 240
# A picture has at most so many bytes: 209 assays with four each make 8 MB.
LIMIT_BYTES = 10_000
QUALITIES = range(88, 20, -6)


def encode(pixels, width=WIDTH, limit=LIMIT_BYTES):
    """Make a small JPEG picture, and write it as a data URL.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (H, W, 3)
    width : int
        Made smaller to this width, never larger.
    limit : int
        Bytes; the quality is lowered until the picture fits or can be no worse.

    Returns
    -------
    dict
        src (str), width, height (pixels).
    """
    picture = Image.fromarray(pixels)
    if picture.width > width:
        height = round(picture.height * width / picture.width)
        picture = picture.resize((width, height), Image.Resampling.BOX)
    for quality in QUALITIES:
        file = io.BytesIO()
        picture.save(file, format="JPEG", quality=quality, optimize=True)
        if file.tell() <= limit:
            break
    text = base64.b64encode(file.getvalue()).decode("ascii")
    return {
        "src": f"data:image/jpeg;base64,{text}",
        "width": picture.width,
        "height": picture.height,
    }


def small_pictures(views, channels):
    """Composites of views in brightness common to all, so that they compare.

    Parameters
    ----------
    views : sequence of ndarray of uint8, shape (C, H, W)
        At least one; gone through twice, one view at a time.
    channels : list of str

    Returns
    -------
    list of dict
        As from `encode`.
    """
    display = display_range(views)
    return [encode(composite(view, channels, display)) for view in views]


def channel_panels(view, channels):
    """A view as composite, and channel by channel in the channels' colours.

    Parameters
    ----------
    view : ndarray of uint8, shape (C, H, W)
    channels : list of str

    Returns
    -------
    list of dict
        As from `encode`, and name; colour, ``#RRGGBB``, None of the composite.
    """
    display = display_range([view])
    colours = ["#" + bytes(colour).hex().upper() for colour in channel_colours(channels)]
    panels = [encode(composite(view, channels, display), 2 * WIDTH, 4 * LIMIT_BYTES)]
    panels[0] |= {"name": "all channels", "colour": None}
    for place in stains(channels):
        own = slice(place, place + 1)
        alone = encode(composite(view[own], channels[own], display[own]))
        panels.append(alone | {"name": channels[place], "colour": colours[place]})
    return panels


def examples_by_task(examples, views, pictures):
    """Put the examples together with the pictures of their views.

    Parameters
    ----------
    examples : pandas.DataFrame
        From `pick_examples`.
    views : pandas.DataFrame
        From `first_views`.
    pictures : list of dict
        Of those views, from `small_pictures`.

    Returns
    -------
    dict of str to dict
        Of each task: hits and misses, lists of dict with picture (its place), inchikey, plate,
        well, site and score.
    """
    places = {row.inchikey: place for place, row in enumerate(views.itertuples())}
    by_task = {}
    for row in examples.itertuples():
        if row.inchikey not in places:
            continue
        place = places[row.inchikey]
        view = views.iloc[place]
        own = by_task.setdefault(row.task, {"hits": [], "misses": []})
        own["hits" if row.kind == "hit" else "misses"].append(
            {
                "picture": place,
                "inchikey": row.inchikey,
                "plate": str(view["plate"]),
                "well": str(view["well"]),
                "site": int(view["site"]),
                "score": round(row.score, 3),
            }
        )
    return by_task


def read_history(metrics, card, timing):
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
        As `statistics.tables.SUMMARY`.

    Returns
    -------
    dict or None
        As `report.page.content.page_content` takes it; None without any view.
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
        "panels": channel_panels(one[0], one.channels),
        "view": f"plate {view['plate']}, well {view['well']}, site {view['site']}"
        + (f", {view['compound_id']}" if isinstance(view["compound_id"], str) else ""),
    }
    run, scores = _read_scores(summary, predictions)
    if run is None:
        return drawn
    cells = read_parquet(labels, LABELS).to_pandas()
    matrix = cells.pivot(index="inchikey", columns="task", values="label").fillna(0)
    picked = pick_examples(scores, matrix)
    rows = first_views(manifest, picked["inchikey"])
    if len(rows):
        chosen = Views(rows, shards)
        drawn["pictures"] = small_pictures(chosen, chosen.channels)
        drawn["by_task"] = examples_by_task(picked, rows, drawn["pictures"])
    return drawn | run
