# What the rules read: where the data lie, those of the configuration and the published ones where it
# names none; and what each model is trained with.

from paintassay.core.checksums import compare_files
from paintassay.models._registry import model_files, model_input
from paintassay.plan.sources import read_plates, read_sources

SOURCES = read_sources(RESOURCES / "data_sources.csv")


def megabytes(name):
    """Size of a source in MB, rounded up."""
    return -(-SOURCES[name].bytes // 10**6)


def origin_line(name, size):
    """What a job fetches, the licence and its MB, for the job's log."""
    source = SOURCES[name]
    return f"{source.what}; {source.version}; {source.licence}; {size} MB"


# Images without a root are the published ones, whose plates are known; so are their tables.
PUBLISHED = config["images"]["root"] is None
PUBLISHED_PLATES = read_plates(RESOURCES / "published_plates.csv")
IMAGES = config["images"] | ({"root": SOURCES["images"].url} if PUBLISHED else {})
# What the enabled models read: views, cells, features.
READ = {
    model_input(model_files()[name])
    for name, block in config["models"].items()
    if block.get("enabled", True)
}
CELL_TABLES = config["single_cells"]["tables"]
if CELL_TABLES is None and PUBLISHED and "cells" in READ:
    CELL_TABLES = SOURCES["single_cells"].url
PROFILE_TABLES = config["profiles"]["tables"]
if PROFILE_TABLES is None and PUBLISHED and "features" in READ:
    PROFILE_TABLES = f"{RESULTS}/sources/profiles.tar.gz"


def of_all_plates(pattern):
    """Files of every plate, as an input function: plates of one's own are known once listed."""

    def files(wildcards):
        if PUBLISHED:
            return expand(pattern, plate=PUBLISHED_PLATES)
        force_unfinished()
        table = checkpoints.list_plates.get().output.plates
        try:
            compare_files([table])
            plates = read_plates(table)
        except InputError as error:
            sys.exit(f"Error: {error}")
        return expand(pattern, plate=plates)

    return files


def per_plate(name):
    """Megabytes of a published source that one plate has, to the next hundred."""
    return -(-megabytes(name) // len(PUBLISHED_PLATES) // 100) * 100


def local_or_nothing(place):
    """A path as an input; a URL is no file that could be looked at, and null is nothing."""
    return [] if place is None or "://" in place else place


def cells_url(wildcards):
    """The address of a plate's single cells, or None if they lie on this machine."""
    return None if local_or_nothing(CELL_TABLES) else CELL_TABLES.format(plate=wildcards.plate)


def plate_files(wildcards):
    """What lies on this machine of a plate in Bray's layout, so that a new archive is noticed."""
    guard_results()
    ending = {"bray_zip": ".zip", "bray_folder": ""}.get(IMAGES["layout"])
    if ending is None or "://" in IMAGES["root"]:
        return local_or_nothing(IMAGES["root"])
    paths = [f"{IMAGES['root']}/{wildcards.plate}-{each}{ending}" for each in IMAGES["channels"]]
    return [path for path in paths if Path(path).exists()]


TRAINING = config["training"]
# What a block of a model may leave out.
MODELS = {
    name: {
        "micro_batch": None,
        "weights": None,
        "weights_channels": None,
        "weights_tasks": None,
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
RUN = "{model}/split_{split}/replicate_{replicate}"
OWN_SETTINGS = ["learning_rate", "momentum", "weight_decay", "batch_size", "epochs", "share"]
SHARED_SETTINGS = ["gradient_norm", "seed", "precision", "channels_last", "compile"]


def of_all_runs(patterns):
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
    block = {"cells": "single_cells", "features": "profiles"}.get(kind)
    if block is None:
        return {}
    if {"cells": CELL_TABLES, "features": PROFILE_TABLES}[kind] is None:
        raise WorkflowError(
            f"config: model {wildcards.model} reads {kind}, but {block}.tables is null\n"
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


def settings_of_training(wildcards):
    """All that decides what a training becomes, beside its inputs and code."""
    block = MODELS[wildcards.model]
    return {
        "settings": {
            **{name: block[name] for name in OWN_SETTINGS},
            **{name: TRAINING[name] for name in SHARED_SETTINGS},
        },
        "options": block["options"],
        **sample_settings(wildcards),
        **{name: block[name] for name in ("replace_outputs", "weights_channels", "weights_tasks")},
        "shards": SHARDS,
    }
