"""The page of the report: one HTML file that needs no other file and no network."""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from paintassay.core.files import PathLike
from paintassay.core.matching import Match
from paintassay.core.versions import __version__
from paintassay.report.histories import TrainingHistory
from paintassay.report.page.data import (
    PageTables,
    default_pair,
    list_assays,
    list_methods,
    list_pairs,
    list_trainings,
    wilcoxon_matrix,
)
from paintassay.report.page.losses import (
    ExcludedCount,
    FunnelStep,
    QualitySummary,
    count_excluded,
    funnel_rows,
    summarise_quality,
)
from paintassay.report.page.rows import (
    AssayRow,
    MethodRow,
    PageExamples,
    PairRow,
    SplitPart,
    TrainingRow,
    WilcoxonTest,
)
from paintassay.report.page.text import (
    DASH,
    BestAuc,
    best_auc,
    count,
    findings,
    first_sentence,
    format_number,
    format_p,
    level_of,
)
from paintassay.statistics.tables import Problem

TEMPLATE, STYLE, PROGRAM = "index.html.j2", "page.css", "page.js"
# Escaped, no text of the data can end the element it stands in.
ESCAPED = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}


@dataclass(frozen=True)
class PageFacts:
    """What the page says beside its tables.

    Attributes
    ----------
    labels, dataset : dict
        labels/summary.json and dataset/summary.json.
    problems : list of Problem
        statistics/problems.json.
    matches : list of Match
        What every join and filter has matched: the files `.counts.json`.
    trainings : list of TrainingHistory
    config : dict
    checksums, software : dict of str to str
        SHA-256 of files, and versions of packages.
    demo : bool
        Whether the data are made up.
    """

    labels: Mapping[str, Any]
    dataset: Mapping[str, Any]
    problems: Sequence[Problem]
    trainings: Sequence[TrainingHistory]
    config: Mapping[str, Any]
    checksums: Mapping[str, str]
    software: Mapping[str, str]
    demo: bool
    matches: Sequence[Match] = ()


@dataclass(frozen=True)
class PageContent:
    """All that the page shows, by the names that its template uses."""

    methods: list[MethodRow]
    assays: list[AssayRow]
    pairs: list[PairRow]
    pair: list[int]
    wilcoxon: list[list[WilcoxonTest | None]]
    trainings: list[TrainingRow]
    examples: PageExamples
    lead: str
    best: BestAuc
    level: str
    findings: list[str]
    matrix: Mapping[str, Any]
    funnel: list[FunnelStep]
    losses: Mapping[str, Any]
    library: Mapping[str, Any]
    source: Mapping[str, Any]
    dataset: Mapping[str, Any]
    parts: list[SplitPart]
    parts_unused: list[int]
    quality: QualitySummary
    lost: Mapping[str, int]
    excluded: list[ExcludedCount]
    problems: Sequence[Problem]
    matches: Sequence[Match]
    permutations: int | None
    resamples: int | None
    config: str
    checksums: Mapping[str, str]
    software: Mapping[str, str]
    demo: bool
    version: str


def page_content(
    tables: PageTables, facts: PageFacts, examples: PageExamples | None = None
) -> PageContent:
    """Collect all that the page shows.

    Parameters
    ----------
    tables : PageTables
    facts : PageFacts
    examples : PageExamples, optional
        As from `report.page.images.example_pictures`; none by default.

    Returns
    -------
    PageContent
    """
    examples = examples or PageExamples()
    methods = list_methods(tables.summary, tables.costs)
    assays = list_assays(tables, methods, examples.by_task)
    pairs = list_pairs(tables.roc_tests, methods, [assay.task for assay in assays])
    wilcoxon = wilcoxon_matrix(tables.wilcoxon, methods)
    pair = default_pair(methods)
    trainings = list_trainings(facts.trainings, methods)
    labels, parts = facts.labels, tables.parts
    comparison = facts.config.get("comparison", {})
    used_splits = set(tables.metrics["split"].tolist())
    used_parts = parts[parts["split"].isin(used_splits)]
    lost_views = tables.lost_views["problem"].value_counts().sort_index()
    return PageContent(
        methods=methods,
        assays=assays,
        pairs=pairs,
        pair=pair,
        wilcoxon=wilcoxon,
        trainings=trainings,
        examples=examples,
        lead=first_sentence(
            len(methods),
            len({training.method for training in trainings}),
            len(assays),
            "a made-up ChEMBL" if facts.demo else labels["chembl"]["release"].replace("_", " "),
        ),
        best=best_auc(methods),
        level=level_of(methods),
        findings=findings(methods, pairs, wilcoxon, assays, pair),
        matrix=labels["matrix"],
        funnel=funnel_rows(labels["funnel"]),
        losses=labels["losses"],
        library=labels["library"],
        source=labels["chembl"],
        dataset=facts.dataset,
        parts=[SplitPart(*row) for row in used_parts.itertuples(index=False)],
        parts_unused=sorted(set(parts["split"].tolist()) - used_splits),
        quality=summarise_quality(tables.quality),
        lost={str(problem): number for problem, number in lost_views.items()},
        excluded=count_excluded(tables.excluded),
        problems=[*facts.problems, *one_class_problems(facts.trainings)],
        matches=facts.matches,
        permutations=comparison.get("permutations"),
        resamples=comparison.get("resamples"),
        config=yaml.safe_dump(facts.config, sort_keys=False, allow_unicode=True),
        checksums=labels["checksums"] | facts.checksums,
        software=labels["software"] | facts.software,
        demo=facts.demo,
        version=__version__,
    )


def one_class_problems(trainings: Iterable[TrainingHistory]) -> list[Problem]:
    """Say of which tasks the trainings saw one class only; once for all models on a split.

    Parameters
    ----------
    trainings : list of TrainingHistory

    Returns
    -------
    list of Problem
    """
    models: dict[tuple[int, str, str], list[str]] = {}
    for training in trainings:
        for lacking in sorted(set(training.one_class.values())):
            tasks = [task for task, what in training.one_class.items() if what == lacking]
            names = models.setdefault((training.split, lacking, ", ".join(tasks)), [])
            if training.method not in names:
                names.append(training.method)
    return [
        Problem(
            f"predictions of {', '.join(names)} on split {split} for some tasks",
            f"the training part has {lacking} of {tasks}, so that they mean nothing",
        )
        for (split, lacking, tasks), names in models.items()
    ]


def render_page(content: PageContent, folder: PathLike) -> str:
    """Render the page. The same content gives the same bytes.

    Parameters
    ----------
    content : PageContent
    folder : str or Path
        With the template, the style and the program of the page.

    Returns
    -------
    str
        HTML. Its content security policy lets the browser load nothing, and run nothing but the
        program, whatever the data contain.
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
        "whole": _format_whole,
        "name": _breakable,
    }
    environment.globals |= {"count": count}
    drawn = {
        "methods": [
            {"method": row.method, "name": row.name, "colour": row.colour}
            for row in content.methods
        ],
        "assays": content.assays,
        "pairs": content.pairs,
        "pair": content.pair,
        "trainings": content.trainings,
        "examplesOf": _run_of_examples(content),
        "demo": content.demo,
        "resamples": content.resamples,
    }
    digest = base64.b64encode(hashlib.sha256(program.encode()).digest()).decode("ascii")
    html = environment.get_template(TEMPLATE).render(
        vars(content),
        # Our own files, and JSON that is escaped.
        style=Markup(style),  # noqa: S704
        program=Markup(program),  # noqa: S704
        program_digest=digest,
        drawn=embedded_json(drawn),
        pictures=embedded_json(content.examples.pictures),
    )
    # Macros leave blank lines behind.
    return html.lstrip() + "\n"


def embedded_json(data: object) -> Markup:
    """Write data as JSON that can stand within an HTML element, whatever texts they contain.

    Dataclasses become objects with the names of their fields.
    """
    text = json.dumps(
        data, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=asdict
    )
    for sign, escaped in ESCAPED.items():
        text = text.replace(sign, escaped)
    return Markup(text)  # noqa: S704


def _format_whole(value: float | None) -> str:
    return DASH if value is None else f"{value:,.0f}"


def _breakable(name: str) -> Markup:
    """Let a long name break after its underscores, and nowhere else."""
    pieces = escape(name).replace("_", "_\0").split("\0")
    return Markup("<wbr>").join(
        Markup('<span class="piece">{}</span>').format(piece) for piece in pieces
    )


def _run_of_examples(content: PageContent) -> str | None:
    examples = content.examples
    if examples.method is None:
        return None
    names = {row.method: row.name for row in content.methods}
    name = names[examples.method]
    return f"{name}, split {examples.split}, replicate {examples.replicate}"
