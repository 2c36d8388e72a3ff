"""The card of a trained network: what it is, for people and, in its head, for programs."""

import yaml

from paintassay.core.versions import software_versions

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


def model_card(facts, history, counts, parameters, config):
    """Write the card of a trained network. The same arguments give the same text.

    Parameters
    ----------
    facts : dict
        As in the weights file: `training.weights.NEEDED`, and split, replicate, settings, weights
        (SHA-256 of those it started from, or None), code (dict of digests), data (digest).
    history : training_state.History
    counts : dict of str to dict
        Of the parts train and validation: views, compounds and labels.
    parameters : int
        How many the network has.
    config : dict
        Quoted at the end.

    Returns
    -------
    str
        Markdown with a head in YAML, by Hugging Face's convention; what is ours stands in it
        under ``paintassay``.
    """
    best = history.best
    name = f"{facts['model']}, split {facts['split']}, replicate {facts['replicate']}"
    images = facts["input"] != "features"
    own = {
        "model": facts["model"],
        "split": facts["split"],
        "replicate": facts["replicate"],
        "parameters": parameters,
        "tasks": len(facts["tasks"]),
        "best_epoch": best["epoch"] if best else None,
        "validation_auc": best["validation_auc"] if best else None,
        "evaluable_tasks": best["evaluable_tasks"] if best else None,
        "started_from": facts["weights"],
        "data": facts["data"],
        "code": facts["code"],
        "versions": software_versions(*PACKAGES),
    }
    head = {
        "library_name": "pytorch",
        "pipeline_tag": "image-classification" if images else "tabular-classification",
        "tags": ["cell-painting", "bioactivity", "multi-label", facts["model"]],
        "metrics": ["roc_auc"],
        "paintassay": own,
    }
    if best and best["validation_auc"] is not None:
        metric = {"type": "roc_auc", "name": "mean AUC", "value": best["validation_auc"]}
        result = {
            "task": {"type": head["pipeline_tag"]},
            "dataset": {"type": "cell-painting", "name": f"split {facts['split']}, validation"},
            "metrics": [metric],
        }
        head["model-index"] = [{"name": name, "results": [result]}]
    return f"""---
{_yaml(head)}---

# {name}

A network that predicts in which assays a compound is active, from cells that were treated with it
and stained (Cell Painting), after Hofmarcher et al. 2019, https://doi.org/10.1021/acs.jcim.8b00670.

- parameters: {parameters:,}
- outputs: {len(facts["tasks"])}, one for each column of the label matrix, in the order that the
  weights file names them; the logistic function of an output is the probability of being active

## Input

{_input(facts)}

## Training data

{_data(counts)}
A label is that of a compound in a column; missing ones did not count. {_start(facts)}

## Result

{_result(history)}

## Limits

The predictions are probabilities learned from what laboratories reported to ChEMBL on the
compounds of this screen: they are not calibrated, and say least about compounds, cells, stains and
microscopes unlike those of the training.

## Configuration

```yaml
{_yaml(config)}```
"""


def _input(facts):
    sizes = facts | {"channels": len(facts["channels"])}
    sample = KINDS[facts["input"]].format(**sizes)
    if facts["input"] == "features":
        order = "as the weights file names them"
        scale = STANDARDISED[facts["standardise"]]
    else:
        order = ", ".join(facts["channels"])
        scale = "(x - mean) / (std + 1e-7) for each sample and channel, std with n - 1"
    return f"- a sample: {sample}\n- their order: {order}\n- standardised: {scale}"


def _data(counts):
    rows = [
        f"| {part} | {count['views']:,} | {count['compounds']:,} | {count['labels']:,} |"
        for part, count in counts.items()
    ]
    what = "| part | views | compounds | labels |\n| --- | --- | --- | --- |\n"
    return what + "\n".join(rows) + "\n"


def _start(facts):
    if facts["weights"] is None:
        return "It started from random weights."
    return f"It started from the weights with the SHA-256 {facts['weights']}."


def _result(history):
    best = history.best
    if best is None:
        return "It was not trained here: the weights are those it started from."
    how = {
        "validation_auc": "highest mean AUC on the validation wells",
        "validation_loss": "lowest loss on the validation views, as no task had both classes",
    }[history.chosen_by]
    auc = best["validation_auc"]
    return (
        f"Of {len(history.epochs)} epochs, number {best['epoch']} was kept: the {how}.\n\n"
        "| training loss | validation loss | validation AUC | tasks evaluated |\n"
        "| --- | --- | --- | --- |\n"
        f"| {best['training_loss']:.4f} | {best['validation_loss']:.4f} | "
        f"{'' if auc is None else f'{auc:.4f}'} | {best['evaluable_tasks']} |"
    )


def _yaml(data):
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True)
