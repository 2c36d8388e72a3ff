"""Example images of the page: which views, and their small pictures as text inside the page."""

import base64
import io

import numpy as np
import pandas as pd
from PIL import Image

from paintassay.pictures import channel_colours, composite, display_range, stains

EXAMPLES = 2
WIDTH = 240
# A picture has at most so many bytes: 209 assays with four each make 8 MB.
LIMIT_BYTES = 10_000
QUALITIES = range(88, 20, -6)


def pick_examples(scores, labels, number=EXAMPLES):
    """Compounds that a model tells apart best: hits and non-hits of each task.

    Parameters
    ----------
    scores : pandas.DataFrame of float
        Predictions of one run for the test part: a row a compound (index InChIKey), a column a
        task.
    labels : pandas.DataFrame of int
        +1 active, -1 inactive, 0 missing; rows and columns of at least these compounds and tasks.
    number : int
        At most so many of each.

    Returns
    -------
    pandas.DataFrame
        task, kind (hit: active, predicted highest; miss: inactive, predicted lowest), inchikey,
        score; by task, hits first, the most certain first. Equal scores go by InChIKey.
    """
    rows = []
    scores = scores.sort_index()
    for task in scores.columns:
        of_task = labels[task].reindex(scores.index)
        for kind, sign in (("hit", 1), ("miss", -1)):
            own = scores.loc[of_task == sign, task]
            for key in own.index[np.argsort(-sign * own.to_numpy(), kind="stable")[:number]]:
                rows.append((task, kind, key, float(own[key])))
    return pd.DataFrame(rows, columns=["task", "kind", "inchikey", "score"])


def first_views(manifest, inchikeys):
    """One view of each compound: the first by plate, well and site.

    Parameters
    ----------
    manifest : pandas.DataFrame
        As `dataset.dataset_schema`.
    inchikeys : collection of str
        Those without a labelled view are left out.

    Returns
    -------
    pandas.DataFrame
        Rows of the manifest, sorted by InChIKey.
    """
    own = manifest[manifest["labelled"] & manifest["inchikey"].isin(set(inchikeys))]
    own = own.sort_values(["plate", "well", "site"], kind="stable")
    return own.drop_duplicates("inchikey").sort_values("inchikey", ignore_index=True)


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
