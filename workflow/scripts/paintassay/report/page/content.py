"""The page of the report: one HTML file that needs no other file and no network."""

import base64
import hashlib
import json
from pathlib import Path

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from paintassay.core.versions import __version__
from paintassay.report.page.data import (
    count_excluded,
    default_pair,
    funnel_rows,
    list_assays,
    list_methods,
    list_pairs,
    list_trainings,
    summarise_quality,
    wilcoxon_matrix,
)
from paintassay.report.page.text import (
    DASH,
    best_auc,
    count,
    findings,
    first_sentence,
    format_number,
    format_p,
    level_of,
)

TEMPLATE, STYLE, PROGRAM = "index.html.j2", "page.css", "page.js"
# Escaped, no text of the data can end the element it stands in.
ESCAPED = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}


def page_content(tables, facts, examples=None):
    """Put together all that the page shows.

    Parameters
    ----------
    tables : dict of str to pandas.DataFrame
        assays, conflicts (`tables`); lost_views, quality (`image_tables`); parts
        (`dataset.tables.PARTS`); metrics, tasks, summary, wilcoxon, roc_tests, roc_curves and
        excluded (`comparison_tables`); costs (`training.tables.COSTS`), or None.
    facts : dict
        labels (labels/summary.json), dataset (dataset/summary.json), problems
        (statistics/problems.json), trainings (as for `report.page.data.list_trainings`), config
        (dict), checksums and software (dict of str to str), demo (bool: the data are made up).
    examples : dict, optional
        method, split, replicate: whose predictions they are; by_task and pictures, as
        `report.page.images.examples_by_task` and `small_pictures` give them; panels, as
        `channel_panels`; view (str), what the panels show.

    Returns
    -------
    dict
        For `render_page`.
    """
    methods = list_methods(tables["summary"], tables["costs"])
    assays = list_assays(tables, methods)
    pairs = list_pairs(tables["roc_tests"], methods, [each["task"] for each in assays])
    wilcoxon = wilcoxon_matrix(tables["wilcoxon"], methods)
    pair = default_pair(methods)
    labels, parts = facts["labels"], tables["parts"]
    comparison = facts["config"].get("comparison", {})
    used = set(tables["metrics"]["split"].tolist())
    trainings = list_trainings(facts["trainings"], methods)
    examples = examples or {"by_task": {}, "pictures": [], "panels": [], "view": ""}
    for assay in assays:
        assay["examples"] = examples["by_task"].get(assay["task"])
    return {
        "methods": methods,
        "assays": assays,
        "pairs": pairs,
        "pair": pair,
        "wilcoxon": wilcoxon,
        "trainings": trainings,
        "examples": examples,
        "lead": first_sentence(
            len(methods),
            len({training["method"] for training in trainings}),
            len(assays),
            "a made-up ChEMBL" if facts["demo"] else labels["chembl"]["release"].replace("_", " "),
        ),
        "best": best_auc(methods),
        "level": level_of(methods),
        "findings": findings(methods, pairs, wilcoxon, assays, pair),
        "matrix": labels["matrix"],
        "funnel": funnel_rows(labels["funnel"]),
        "losses": labels["losses"],
        "library": labels["library"],
        "source": labels["chembl"],
        "dataset": facts["dataset"],
        "parts": parts[parts["split"].isin(used)].to_dict("records"),
        "parts_unused": sorted(set(parts["split"].tolist()) - used),
        "quality": summarise_quality(tables["quality"]),
        "lost": tables["lost_views"]["problem"].value_counts().sort_index().to_dict(),
        "excluded": count_excluded(tables["excluded"]),
        "problems": facts["problems"],
        "permutations": comparison.get("permutations"),
        "replicates": comparison.get("replicates"),
        "config": yaml.safe_dump(facts["config"], sort_keys=False, allow_unicode=True),
        "checksums": labels["checksums"] | facts["checksums"],
        "software": labels["software"] | facts["software"],
        "demo": facts["demo"],
        "version": __version__,
    }


def render_page(content, folder):
    """Render the page. The same content gives the same bytes.

    Parameters
    ----------
    content : dict
        From `page_content`.
    folder : str or Path
        With the template, the style and the program of the page.

    Returns
    -------
    str
        HTML. Its policy for content lets the browser load nothing, and run nothing but the
        program, whatever stands in the data.
    """
    folder = Path(folder)
    style, program = ((folder / name).read_text(encoding="utf-8") for name in (STYLE, PROGRAM))
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "p": format_p,
        "fixed": format_number,
        "whole": _whole,
        "name": _breakable,
    }
    environment.globals |= {"count": count}
    drawn = {
        "methods": [
            {name: each[name] for name in ("method", "name", "colour")}
            for each in content["methods"]
        ],
        **{name: content[name] for name in ("assays", "pairs", "pair", "trainings")},
        "examplesOf": _whose(content),
        "demo": content["demo"],
        "replicates": content["replicates"],
    }
    digest = base64.b64encode(hashlib.sha256(program.encode()).digest()).decode("ascii")
    html = environment.get_template(TEMPLATE).render(
        content,
        # Our own files, and JSON that is escaped.
        style=Markup(style),  # noqa: S704
        program=Markup(program),  # noqa: S704
        program_digest=digest,
        drawn=embedded_json(drawn),
        pictures=embedded_json(content["examples"]["pictures"]),
    )
    # Macros leave blank lines behind.
    return html.lstrip() + "\n"


def embedded_json(data):
    """Write data as JSON that can stand within an HTML element, whatever texts it has."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for sign, escaped in ESCAPED.items():
        text = text.replace(sign, escaped)
    return Markup(text)  # noqa: S704


def _whole(value):
    return DASH if value is None else f"{value:,.0f}"


def _breakable(name):
    """Let a long name break after its underscores, and nowhere else."""
    pieces = escape(name).replace("_", "_\0").split("\0")
    return Markup("<wbr>").join(Markup('<span class="piece">{}</span>').format(p) for p in pieces)


def _whose(content):
    examples = content["examples"]
    names = {each["method"]: each["name"] for each in content["methods"]}
    if not examples["by_task"]:
        return None
    return (
        f"{names[examples['method']]}, split {examples['split']}, replicate {examples['replicate']}"
    )
