"""The card of a trained model: what it is, for people and, in its head, for programs."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import yaml

from paintassay.core.versions import software_versions
from paintassay.training.state import History
from paintassay.training.weights import TrainedModel

PACKAGES = ("monai", "numpy", "safetensors", "torch")
KINDS = {
    "views": "one field of view, uint8, {channels} channels of {width} x {height} pixels",
    "cells": "a square around one cell, uint8, {channels} channels of {width} x {height} pixels",
    "features": "the {channels} features of a well, float32",
}
STANDARDISED = {
    "wells": "each well across its own features",
    "features": "each feature across all wells",
}


class PartCounts(NamedTuple):
    """How much a part of a split has to train on.

    `one_class` has the tasks that lack a class of compounds, by what they lack, such as "no active
    compound".
    """

    views: int
    compounds: int
    labels: int
    one_class: Mapping[str, Sequence[str]] = MappingProxyType({})


def model_card(
    trained: TrainedModel,
    history: History,
    counts: Mapping[str, PartCounts],
    parameters: int,
    config: Mapping[str, object],
    notes: Sequence[str] = (),
) -> str:
    """Write the card of a trained model. The same arguments give the same text.

    Parameters
    ----------
    trained : TrainedModel
    history : History
    counts : dict of str to PartCounts
        Of the parts train and validation.
    parameters : int
        How many the model has.
    config : dict
        Quoted at the end.
    notes : sequence of str
        Sentences about the weights that it started from.

    Returns
    -------
    str
        Markdown with a head in YAML, by Hugging Face's convention; what is ours stands in it
        under ``paintassay``.
    """
    best = history.best
    name = f"{trained.model}, split {trained.split}, replicate {trained.replicate}"
    images = trained.input != "features"
    entry: dict[str, object] = {
        "model": trained.model,
        "split": trained.split,
        "replicate": trained.replicate,
        "parameters": parameters,
        "tasks": len(trained.tasks),
        "best_epoch": best["epoch"] if best else None,
        "validation_auc": best["validation_auc"] if best else None,
        "evaluable_tasks": best["evaluable_tasks"] if best else None,
        "started_from": trained.weights,
        # Of the part train.
        "one_class_tasks": {
            task: lacking for lacking, tasks in counts["train"].one_class.items() for task in tasks
        },
        "data": trained.data,
        "code": dict(trained.code),
        "versions": software_versions(*PACKAGES),
    }
    head: dict[str, object] = {
        "library_name": "pytorch",
        "pipeline_tag": "image-classification" if images else "tabular-classification",
        "tags": ["cell-painting", "bioactivity", "multi-label", trained.model],
        "metrics": ["roc_auc"],
        "paintassay": entry,
    }
    if best and best["validation_auc"] is not None:
        metric = {"type": "roc_auc", "name": "mean AUC", "value": best["validation_auc"]}
        result = {
            "task": {"type": head["pipeline_tag"]},
            "dataset": {"type": "cell-painting", "name": f"split {trained.split}, validation"},
            "metrics": [metric],
        }
        head["model-index"] = [{"name": name, "results": [result]}]
    return f"""---
{_yaml(head)}---

# {name}

A network that predicts in which assays a compound is active, from cells that were treated with it
and stained (Cell Painting), after Hofmarcher et al. 2019, https://doi.org/10.1021/acs.jcim.8b00670.

- parameters: {parameters:,}
- outputs: {len(trained.tasks)}, one for each column of the label matrix, in the order that the
  weights file names them; the logistic function of an output is the probability of being active

## Input

{_describe_input(trained)}

## Training data

{_describe_data(counts)}
A label is that of a compound in a column; missing ones did not count. {_describe_start(trained)}
{_describe_lists(counts["train"], notes)}
## Result

{_describe_result(history)}

## Limits

The predictions are probabilities learned from what laboratories reported to ChEMBL on the
compounds of this screen: they are not calibrated, and say least about compounds, cells, stains and
microscopes unlike those of the training.

## Configuration

```yaml
{_yaml(config)}```
"""


def _describe_input(trained: TrainedModel) -> str:
    sample = KINDS[trained.input].format(
        channels=len(trained.channels), width=trained.width, height=trained.height
    )
    if trained.standardise:
        order = "as the weights file names them"
        scale = STANDARDISED[trained.standardise]
    else:
        order = ", ".join(trained.channels)
        scale = "(x - mean) / (std + 1e-7) for each sample and channel, std with n - 1"
    return f"- a sample: {sample}\n- their order: {order}\n- standardised: {scale}"


def _describe_data(counts: Mapping[str, PartCounts]) -> str:
    rows = [
        f"| {part} | {count.views:,} | {count.compounds:,} | {count.labels:,} |"
        for part, count in counts.items()
    ]
    head = "| part | views | compounds | labels |\n| --- | --- | --- | --- |\n"
    return head + "\n".join(rows) + "\n"


def _describe_start(trained: TrainedModel) -> str:
    if trained.weights is None:
        return "It started from random weights."
    return f"It started from the weights with the SHA-256 {trained.weights}."


def _describe_lists(counts: PartCounts, notes: Sequence[str]) -> str:
    """What was special about the weights, and tasks that cannot be learned; may be empty."""
    lines = [
        f"- With {lacking} in the part train, so that what is predicted for them means nothing: "
        f"{', '.join(tasks)}."
        for lacking, tasks in counts.one_class.items()
    ]
    lines = [*(f"- {note}" for note in notes), *lines]
    return "".join(f"\n{line}" for line in lines) + ("\n" if lines else "")


def _describe_result(history: History) -> str:
    best = history.best
    if best is None:
        return "It was not trained here: the weights are those it started from."
    criterion = {
        "validation_auc": "highest mean AUC on the validation wells",
        "validation_loss": "lowest loss on the validation views, as no task had both classes",
    }[history.chosen_by]
    auc = best["validation_auc"]
    return (
        f"Of {len(history.epochs)} epochs, number {best['epoch']} was kept: the {criterion}.\n\n"
        "| training loss | validation loss | validation AUC | tasks evaluated |\n"
        "| --- | --- | --- | --- |\n"
        f"| {best['training_loss']:.4f} | {best['validation_loss']:.4f} | "
        f"{'' if auc is None else f'{auc:.4f}'} | {best['evaluable_tasks']} |"
    )


def _yaml(data: Mapping[str, object]) -> str:
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True)
