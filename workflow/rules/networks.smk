# What the rules of networks share: their settings, and the files they read.

TRAINING = config["training"]
# What a block of a model may leave out.
MODELS = {
    name: {
        "micro_batch": None,
        "weights": None,
        "replace_outputs": False,
        "options": {},
        "share": 1.0,
        "crop_size": 96,
        **block,
    }
    for name, block in config["models"].items()
    if block.get("enabled", True)
}
# A model's own file is found by its name, which the digest of a script cannot follow.
MODEL_CODE = {name: code_digest(model_files()[name], SCRIPTS / "paintassay") for name in MODELS}
SHARDS = f"{RESULTS}/images/shards"
NETWORK = "{model}/split_{split}/replicate_{replicate}"
OWN_SETTINGS = ["learning_rate", "momentum", "weight_decay", "batch_size", "epochs", "share"]
SHARED_SETTINGS = ["gradient_norm", "seed", "precision", "channels_last", "compile"]


wildcard_constraints:
    model="[a-z][a-z0-9_]*",
    split=r"\d+",
    replicate=r"\d+",


def of_all_networks(patterns):
    """Files of every model, split and replicate."""
    return expand(
        patterns,
        model=MODELS,
        split=TRAINING["splits"],
        replicate=range(1, TRAINING["replicates"] + 1),
    )


def samples_of(wildcards):
    """Files that a model's samples come from, beside the views."""
    kind = model_input(model_files()[wildcards.model])
    needed = {"cells": "single_cells", "features": "profiles"}.get(kind)
    if needed is None:
        return {}
    if {"cells": CELL_TABLES, "features": PROFILE_TABLES}[kind] is None:
        raise WorkflowError(
            f"config: model {wildcards.model} reads {kind}, but {needed}.tables is null\n"
            f"Hint: name the tables, or set models.{wildcards.model}.enabled to false"
        )
    if kind == "cells":
        return {"cells": of_all_plates(rules.read_cells.output.cells)(wildcards)}
    features = rules.read_profiles.output
    return {
        "features": features.features,
        "feature_wells": features.wells,
        "feature_names": features.names,
    }


def sample_settings(wildcards):
    """How a model's samples are made; what others need is not there, so that it reruns nothing."""
    return {
        "cells": {"crop_size": MODELS[wildcards.model]["crop_size"]},
        "features": {"standardise": config["profiles"]["standardise"]},
    }.get(model_input(model_files()[wildcards.model]), {})


def start_weights(wildcards):
    return MODELS[wildcards.model]["weights"] or []


def training_settings(wildcards):
    own = MODELS[wildcards.model]
    return {
        **{name: own[name] for name in OWN_SETTINGS},
        **{name: TRAINING[name] for name in SHARED_SETTINGS},
    }


# Decide how a job computes and not what: another value reruns nothing.
GPUS = 0 if TRAINING["device"] == "cpu" else TRAINING["devices"]
