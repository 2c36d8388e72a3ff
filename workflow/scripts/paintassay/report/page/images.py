"""Choose the example images of the page, and make small pictures of them."""

import base64
import io
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from PIL import Image

from paintassay.core.files import PathLike
from paintassay.core.tables import read_parquet
from paintassay.dataset.parts import read_dataset
from paintassay.images.composites import (
    channel_colours,
    clip_levels_of,
    composite,
    display_range,
    stains,
    view_range,
)
from paintassay.images.intact import intact_views
from paintassay.images.views import Views
from paintassay.labels.tables import LABELS
from paintassay.predictions.tables import read_predictions
from paintassay.report.figures.example_data import first_views, pick_examples
from paintassay.report.page.rows import ExampleView, PageExamples, Panel, Picture, TaskExamples

WIDTH = 240
# Most bytes of a picture: 209 assays with four pictures each make 8 MB.
LIMIT_BYTES = 10_000
QUALITIES = range(88, 20, -6)


def encode(pixels: np.ndarray, width: int = WIDTH, limit: int = LIMIT_BYTES) -> Picture:
    """Make a small JPEG picture, and write it as a data URL.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (H, W, 3)
    width : int
        A wider picture is reduced to this width; none is enlarged.
    limit : int
        Bytes; the quality is lowered until the picture fits or the lowest one is reached.

    Returns
    -------
    Picture
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
    return Picture(f"data:image/jpeg;base64,{text}", picture.width, picture.height)


def small_pictures(views: Views | Sequence[np.ndarray], channels: Sequence[str]) -> list[Picture]:
    """Make composites of views in one brightness, so that they can be compared.

    Parameters
    ----------
    views : sequence of ndarray of uint8, shape (C, H, W)
        At least one; they are read twice, one view at a time.
    channels : list of str

    Returns
    -------
    list of Picture
    """
    display = display_range(views)
    levels = clip_levels_of(views)
    return [
        encode(composite(views[place], channels, view_range(display, levels[place])))
        for place in range(len(views))
    ]


def channel_panels(view: np.ndarray, channels: Sequence[str]) -> list[Panel]:
    """A view as composite, and channel by channel in the channels' colours.

    Parameters
    ----------
    view : ndarray of uint8, shape (C, H, W)
    channels : list of str

    Returns
    -------
    list of Panel
    """
    display = display_range([view])
    colours = ["#" + bytes(colour).hex().upper() for colour in channel_colours(channels)]
    picture = encode(composite(view, channels, display), 2 * WIDTH, 4 * LIMIT_BYTES)
    panels = [Panel(picture, "all channels", None)]
    for place in stains(channels):
        channel = slice(place, place + 1)
        picture = encode(composite(view[channel], channels[channel], display[channel]))
        panels.append(Panel(picture, channels[place], colours[place]))
    return panels


def examples_by_task(examples: pd.DataFrame, views: pd.DataFrame) -> dict[str, TaskExamples]:
    """Sort the examples by task and class, each with the place of its picture.

    Parameters
    ----------
    examples : pandas.DataFrame
        From `pick_examples`.
    views : pandas.DataFrame
        From `first_views`; pictures are made of them in this order.

    Returns
    -------
    dict of str to TaskExamples
    """
    places = {inchikey: place for place, inchikey in enumerate(views["inchikey"])}
    by_task: dict[str, TaskExamples] = {}
    for row in examples.to_dict("records"):
        if row["inchikey"] not in places:
            continue
        place = places[row["inchikey"]]
        view = views.iloc[place]
        of_task = by_task.setdefault(row["task"], TaskExamples())
        (of_task.hits if row["kind"] == "hit" else of_task.misses).append(
            ExampleView(
                picture=place,
                inchikey=row["inchikey"],
                plate=str(view["plate"]),
                well=str(view["well"]),
                site=int(view["site"]),
                score=round(row["score"], 3),
            )
        )
    return by_task


def example_pictures(
    views: PathLike,
    shards: PathLike,
    labels: PathLike,
    predictions: Iterable[PathLike],
    summary: pd.DataFrame,
) -> PageExamples:
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
    PageExamples
        Nothing without any view, and no examples of tasks if the summary has no model.
    """
    manifest = read_dataset(views)
    if manifest.empty:
        return PageExamples()
    controls = manifest[manifest["role"] == "negative_control"]
    shown = (controls if len(controls) else manifest).iloc[:1]
    shown_views = intact_views(shown, shards)
    view = shown.iloc[0]
    name = f"plate {view['plate']}, well {view['well']}, site {view['site']}"
    if isinstance(view["compound_id"], str):
        name += f", {view['compound_id']}"
    examples = PageExamples(panels=channel_panels(shown_views[0], shown_views.channels), view=name)
    run = _read_scores(summary, predictions)
    if run is None:
        return examples
    label_table = read_parquet(labels, LABELS).to_pandas()
    matrix = label_table.pivot(index="inchikey", columns="task", values="label").fillna(0)
    picked = pick_examples(run.scores, matrix)
    rows = first_views(manifest, picked["inchikey"])
    if rows.empty:
        return examples
    picked_views = intact_views(rows, shards)
    return replace(
        examples,
        method=run.method,
        split=run.split,
        replicate=run.replicate,
        by_task=examples_by_task(picked, rows),
        pictures=small_pictures(picked_views, picked_views.channels),
    )


class _ScoredRun(NamedTuple):
    """Predictions of a run for its test part: a row a compound, a column a task."""

    method: str
    split: int
    replicate: int
    scores: pd.DataFrame


def _read_scores(summary: pd.DataFrame, paths: Iterable[PathLike]) -> _ScoredRun | None:
    """Read the median run of the best model; None if the summary has other tools only."""
    path_of = {Path(path).parts[-3:-1]: path for path in paths}
    for row in summary.dropna(subset="median_split").to_dict("records"):
        method, split = row["method"], int(row["median_split"])
        replicate = int(row["median_replicate"])
        path = path_of.get((method, f"split_{split}"))
        if path is not None:
            keys, scores, tasks = read_predictions("compounds", path)
            is_test = ((keys["replicate"] == replicate) & (keys["part"] == "test")).to_numpy()
            index = pd.Index(keys.loc[is_test, "inchikey"])
            table = pd.DataFrame(scores[is_test], index=index, columns=tasks)
            return _ScoredRun(method, split, replicate, table)
    return None
