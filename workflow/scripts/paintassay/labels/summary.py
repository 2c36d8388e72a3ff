"""Summarise the label matrix: what went in, what came out, what was lost and why."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from paintassay.core.versions import __version__
from paintassay.labels.matrix import count_labels

MOST_FREQUENT = 20


def summarise_matrix(
    labels: pd.DataFrame, assays: pd.DataFrame, compounds: pd.DataFrame
) -> dict[str, Any]:
    """Measure the size and sparsity of the label matrix, in all and by block of columns.

    Parameters
    ----------
    labels, assays, compounds : pandas.DataFrame
        As `labels.tables.LABELS`, `labels.tables.ASSAYS`, `labels.tables.MATRIX_COMPOUNDS`.

    Returns
    -------
    dict
        compounds, columns, actives, inactives; percent_active, percent_inactive and
        percent_missing of all cells; blocks, a list of the same for each kind and threshold.
    """
    blocks = []
    for (kind, threshold), block in assays.groupby(["KIND", "THRESHOLD"], dropna=False, sort=False):
        of_block = labels[labels["task"].isin(block["TASK"])]
        sizes = _measure_sparsity(of_block, of_block["inchikey"].nunique(), len(block))
        name = kind if kind == "comment" else f"{kind}>={threshold:g}"
        blocks.append({"block": name, **sizes})
    return {**_measure_sparsity(labels, len(compounds), len(assays)), "blocks": blocks}


def build_funnel(
    library: Mapping[str, Any],
    matches: pd.DataFrame,
    activities: pd.DataFrame,
    labelled_compounds: Collection[str],
    matrix: Mapping[str, Any],
) -> list[dict[str, str | int]]:
    """Count compounds from the library to the label matrix, step by step.

    Parameters
    ----------
    library : dict
        As from `compounds.library.count_library`.
    matches : pandas.DataFrame
        As `chembl.tables.MATCHES`.
    activities : pandas.DataFrame
        Column molecule_chembl_id.
    labelled_compounds : set of str
        InChIKeys with a label in any task, before the filter.
    matrix : dict
        As from `summarise_matrix`.

    Returns
    -------
    list of dict
        step, count, unit.
    """
    active_molecules = matches["molecule_chembl_id"].isin(activities["molecule_chembl_id"])
    steps = [
        ("rows of the library", library["rows"], "rows"),
        ("with an InChIKey", library["rows_with_key"], "rows"),
        ("distinct InChIKeys", library["compounds"], "compounds"),
        ("found in ChEMBL", matches["inchikey"].nunique(), "compounds"),
        (
            "with an activity that has a pChEMBL value, a comment or a censored value",
            matches["inchikey"][active_molecules].nunique(),
            "compounds",
        ),
        ("with a label in any assay", len(labelled_compounds), "compounds"),
        ("in the label matrix", matrix["compounds"], "compounds"),
    ]
    return [{"step": step, "count": int(count), "unit": unit} for step, count, unit in steps]


def summarise_losses(
    dropped_assays: pd.DataFrame,
    dropped_compounds: pd.DataFrame,
    conflicts: pd.DataFrame,
    ties: pd.DataFrame,
    unknown: pd.DataFrame,
) -> dict[str, Any]:
    """Count what did not make it into the label matrix, by reason.

    Parameters
    ----------
    dropped_assays, dropped_compounds, conflicts, ties, unknown : pandas.DataFrame
        As DROPPED_ASSAYS, DROPPED_COMPOUNDS, CONFLICTS, COMMENT_TIES and UNKNOWN_COMMENTS of
        `labels.tables`.

    Returns
    -------
    dict
    """
    reasons = dropped_assays["reason"].str.replace(r"\d+ of (\d+)", r"fewer than \1", regex=True)
    reasons = reasons.str.removeprefix("only ")
    contradictions = conflicts["pchembl_label"].map(
        {1: "active by pChEMBL value, inactive by comment",
         -1: "inactive by pChEMBL value, active by comment"}
    )  # fmt: skip
    return {
        "dropped_columns": _count_reasons(reasons),
        "dropped_compounds": _count_reasons(dropped_compounds["reason"]),
        "conflicts": _count_reasons(contradictions),
        "tied_votes": len(ties),
        "unknown_comments": {
            "comments": len(unknown),
            "activities": int(unknown["activities"].sum()),
            "most_frequent": unknown.head(MOST_FREQUENT).to_dict("records"),
        },
    }


def summarise_doubts(
    censored: pd.DataFrame,
    bounds: pd.DataFrame,
    means: pd.DataFrame,
    left_out: pd.DataFrame,
    discordant: pd.DataFrame,
    doubted: pd.DataFrame,
) -> dict[str, Any]:
    """Count what was measured but gives no label, or gives one against a doubt.

    Parameters
    ----------
    censored, bounds, means, discordant, doubted : pandas.DataFrame
        As CENSORED_VALUES, PCHEMBL_BOUNDS, PCHEMBL_MEANS, DISCORDANT and DOUBTED_COMMENTS of
        `labels.tables`; of bounds and means the cells alone.
    left_out : pandas.DataFrame
        As `chembl.tables.LEFT_OUT`.

    Returns
    -------
    dict
        censored, left_out, discordant, doubted_comments.
    """
    cell = ["inchikey", "assay_chembl_id"]
    with_mean = bounds[cell].merge(means[cell], on=cell)
    reasons = discordant["reason"].str.split(";").explode()
    return {
        "censored": {
            "activities": int(censored["activities"].sum()),
            "usable": int(censored["usable"].sum()),
            "cells": len(bounds),
            "cells_without_mean": len(bounds) - len(with_mean),
            "most_frequent": _most_frequent(censored),
        },
        "left_out": {
            "activities": int(left_out["activities"].sum()),
            "most_frequent": _most_frequent(left_out),
        },
        "discordant": {"cells": len(discordant), "reasons": _count_reasons(reasons)},
        "doubted_comments": {
            "activities": int(doubted["activities"].sum()),
            "most_frequent": _most_frequent(doubted),
        },
    }


def count_by_kind(
    pchembl_labels: pd.DataFrame, comment_labels: pd.DataFrame
) -> list[dict[str, str | int]]:
    """Count the labels of each kind before the filter.

    Parameters
    ----------
    pchembl_labels, comment_labels : pandas.DataFrame
        As `labels.tables.PCHEMBL_LABELS` and `labels.tables.COMMENT_LABELS`.

    Returns
    -------
    list of dict
        part (kind and threshold), columns, actives, inactives; a row a threshold, and one for
        the comments.
    """
    blocks = [
        (f"pchembl>={threshold:g}", labels)
        for threshold, labels in pchembl_labels.groupby("threshold")
    ]
    rows: list[dict[str, str | int]] = []
    for name, labels in [*blocks, ("comment", comment_labels)]:
        counts = count_labels(labels.rename(columns={"assay_chembl_id": "task"}))
        totals = counts.sum()
        rows.append(
            {
                "part": name,
                "columns": len(counts),
                "actives": int(totals["actives"]),
                "inactives": int(totals["inactives"]),
            }
        )
    return rows


def render_summary(summary: Mapping[str, Any], figure: str) -> str:
    """Write the summary for people, as Markdown.

    Parameters
    ----------
    summary : dict
        As the script `summarise_labels` makes it.
    figure : str
        File name of the figure, beside the page.

    Returns
    -------
    str
    """
    matrix, losses, source = summary["matrix"], summary["losses"], summary["chembl"]
    unknown, library = losses["unknown_comments"], summary["library"]
    sections = [
        "# The label matrix",
        f"**{matrix['compounds']:,} compounds x {matrix['columns']:,} columns** with "
        f"{matrix['labels']:,} labels from {source['release']}: "
        f"{matrix['percent_active']:.2f} % active, {matrix['percent_inactive']:.2f} % inactive, "
        f"{matrix['percent_missing']:.2f} % missing.",
        _markdown_table(
            ["columns", "number", "compounds", "active", "inactive", "missing"],
            [
                [
                    block["block"],
                    block["columns"],
                    block["compounds"],
                    block["actives"],
                    block["inactives"],
                    f"{block['percent_missing']:.2f} %",
                ]
                for block in matrix["blocks"]
            ],
        ),
        f"![Data points per assay]({figure})",
        "*Left: how many compounds have a label in a column. Right: its active and inactive "
        "compounds, with the minima of the filter.*",
        "## From the library to the matrix",
        _markdown_table(
            ["step", "count", ""],
            [[step["step"], step["count"], step["unit"]] for step in summary["funnel"]],
        ),
        "### Problems in the library",
        _markdown_table(
            ["problem", "outcome", "rows"],
            [[row["problem"], row["outcome"], row["rows"]] for row in library["problems"]],
        ),
        "Each row stands in `compounds/problems.csv`; InChIKeys that several rows share, in "
        "`compounds/duplicates.csv`.",
        "### Compounds left out",
        _count_table("reason", losses["dropped_compounds"]),
        "Each stands in `dropped_compounds.csv`."
        + (f" Near misses: {summary['near_matches']}." if summary["near_matches"] else ""),
        "## From activities to labels",
        "### Part one: pChEMBL values",
        _funnel_table(summary["pchembl_funnel"]),
        *_doubt_sections(summary),
        "### Part two: activity comments",
        _funnel_table(summary["comment_funnel"]),
        f"{losses['tied_votes']:,} compounds and assays have as many active as inactive comments "
        "and get no label (`comment_ties.csv`).",
        f"{unknown['comments']:,} comments on {unknown['activities']:,} activities are not in the "
        "comment table and give no label (`unknown_comments.csv`). The most frequent:",
        _markdown_table(
            ["comment", "activities"],
            [[f"`{row['comment']}`", row["activities"]] for row in unknown["most_frequent"]],
        ),
        "### Labels before the filter",
        _markdown_table(
            ["columns", "number", "active", "inactive"],
            [
                [row["part"], row["columns"], row["actives"], row["inactives"]]
                for row in summary["parts"]
            ],
        ),
        "### Columns left out",
        _count_table("reason", losses["dropped_columns"]),
        "Each stands in `dropped_assays.csv`.",
        "### Contradictions between the parts",
        _count_table("contradiction", losses["conflicts"]),
        "Both labels stay, in columns of their own. Each stands in `conflicts.csv`.",
        "## Where it comes from",
        _markdown_table(["", ""], _provenance_rows(summary)),
        "## Configuration",
        "```json\n" + json.dumps(summary["config"], indent=2, ensure_ascii=False) + "\n```",
    ]
    return "\n\n".join(sections) + "\n"


def _doubt_sections(summary: Mapping[str, Any]) -> list[str]:
    """What was measured but gives no label, or gives one against a doubt."""
    censored, left_out = summary["censored"], summary["left_out"]
    discordant, doubted = summary["discordant"], summary["doubted_comments"]
    config = summary["config"]["labels"]
    fate = {"ignore": "give no label", "use": "give labels where they decide"}
    vote = "do not vote" if config["exclude_doubted_comments"] else "vote all the same"
    return [
        f"{censored['activities']:,} activities have a value that is only known to be larger or "
        f"smaller (`censored_values.csv`). {censored['usable']:,} of them could label "
        f"{censored['cells']:,} compounds and assays, {censored['cells_without_mean']:,} of which "
        f"have no pChEMBL value. With `labels.censored: {config['censored']}` they "
        f"{fate[config['censored']]}.",
        _kind_table(censored["most_frequent"]),
        f"{left_out['activities']:,} activities have neither a pChEMBL value nor a comment nor a "
        "censored value, and were not extracted (`chembl/left_out.csv`). The most frequent:",
        _kind_table(left_out["most_frequent"]),
        f"Measurements of {discordant['cells']:,} compounds and assays disagree "
        "(`discordant.csv`):",
        _count_table("how", discordant["reasons"]),
        f"{doubted['activities']:,} activities have a comment that means active or inactive, and "
        f"a doubt by ChEMBL (`doubted_comments.csv`). They {vote} "
        "(`labels.exclude_doubted_comments`).",
    ]


def _kind_table(rows: Iterable[Mapping[str, Any]]) -> str:
    names = ["standard_type", "standard_relation", "standard_units"]
    return _markdown_table(
        ["type", "relation", "unit", "activities"],
        [[*(f"`{row[name]}`" if row[name] else "" for name in names), row["activities"]]
         for row in rows],
    )  # fmt: skip


def _measure_sparsity(labels: pd.DataFrame, compounds: int, columns: int) -> dict[str, int | float]:
    actives, inactives = int((labels["label"] > 0).sum()), int((labels["label"] < 0).sum())
    cells = compounds * columns
    return {
        "compounds": compounds,
        "columns": columns,
        "labels": actives + inactives,
        "actives": actives,
        "inactives": inactives,
        "percent_active": round(100 * actives / cells, 4),
        "percent_inactive": round(100 * inactives / cells, 4),
        "percent_missing": round(100 * (cells - actives - inactives) / cells, 4),
    }


def _most_frequent(table: pd.DataFrame) -> list[dict[str, Any]]:
    rows = table.head(MOST_FREQUENT).astype(object)
    records = rows.where(rows.notna(), None).to_dict("records")
    return [{str(name): value for name, value in record.items()} for record in records]


def _count_reasons(reasons: pd.Series) -> dict[str, int]:
    counts = reasons.value_counts().sort_index()
    return {str(reason): int(count) for reason, count in counts.items()}


def _markdown_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    if not rows:
        return "None."
    rule = ["---" if index == 0 else "---:" for index in range(len(header))]
    lines = [header, rule, *rows]
    return "\n".join("| " + " | ".join(map(_markdown_cell, line)) + " |" for line in lines)


def _markdown_cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value).replace("|", r"\|")


def _count_table(name: str, counts: Mapping[str, int]) -> str:
    return _markdown_table([name, "number"], list(counts.items()))


def _funnel_table(funnel: Iterable[Mapping[str, Any]]) -> str:
    return _markdown_table(
        ["step", "activities"], [[step["step"], step["activities"]] for step in funnel]
    )


def _provenance_rows(summary: Mapping[str, Any]) -> list[list[str]]:
    source, library = summary["chembl"], summary["library"]
    place = source["dump"] if source["source"] == "sqlite" else source["url"]
    rows = [
        ["library", f"`{library['table']}`"],
        ["its SHA-256", f"`{library['sha256']}`"],
        ["ChEMBL", f"{source['release']}, {source['source']}, `{place}`"],
        *[[f"SHA-256 of {name}", f"`{digest}`"] for name, digest in summary["checksums"].items()],
        ["paintassay", __version__],
    ]
    software: dict[str, str] = {}
    for stage in (library, source, summary):
        software |= stage["software"]
    return rows + [[name, version] for name, version in sorted(software.items())]
