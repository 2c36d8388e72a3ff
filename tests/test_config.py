"""The configuration: its schema, its defaults and its manual agree, and mistakes are named."""

import copy
import re
import runpy

import pytest
import yaml
from conftest import ROOT

from paintassay.core.errors import InputError
from paintassay.plan.config import check_config

SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
MAKE_CONFIG = runpy.run_path(str(ROOT / "docs" / "make_config.py"))
DEFAULT = yaml.safe_load((ROOT / "config/config.yaml").read_text())
MODEL = DEFAULT["models"]["gapnet"]


def keys_of(tree, schema, prefix=""):
    for name, value in tree.items():
        yield prefix + name
        # Where the schema lists no keys, they are the user's own.
        if isinstance(value, dict) and "properties" in schema["properties"][name]:
            yield from keys_of(value, schema["properties"][name], f"{prefix}{name}.")


def keys_of_schema(schema, prefix=""):
    for name, value in schema["properties"].items():
        yield prefix + name
        if "properties" in value:
            assert value["additionalProperties"] is False, name
            yield from keys_of_schema(value, f"{prefix}{name}.")


def test_schema_and_defaults_name_the_same_keys():
    assert set(keys_of(DEFAULT, SCHEMA)) == set(keys_of_schema(SCHEMA))


def test_manual_is_that_of_the_schema():
    """Every key has its row, with meaning and reason; the generator would stop without."""
    manual = (ROOT / "config" / "README.md").read_text()
    assert manual == MAKE_CONFIG["render"]()
    keys = set(keys_of_schema(SCHEMA))
    leaves = {key for key in keys if not any(other.startswith(f"{key}.") for other in keys)}
    leaves -= {"models"}
    leaves |= {f"models.<name>.{name}" for name in SCHEMA["$defs"]["model"]["properties"]}
    assert set(re.findall(r"^\| `([\w.<>]+)` \|", manual, re.M)) == leaves
    cells = re.findall(r"^\| `[\w.<>]+` \| .*? \| (.*) \| (.*) \|$", manual, re.M)
    assert len(cells) == len(leaves)
    assert all(text.endswith(".") for row in cells for text in row)


def test_defaults_are_the_paper():
    check_config(DEFAULT, SCHEMA)
    labels = DEFAULT["labels"]
    assert labels["standard_types"] == "paper"
    assert labels["thresholds"] == [5.5, 6.5, 7.5]
    assert labels["pchembl_range"] == [4, 10]
    assert (labels["min_actives"], labels["min_inactives"]) == (10, 10)
    assert DEFAULT["chembl"]["match_on"] == "inchikey"
    assert DEFAULT["training"]["replicates"] == DEFAULT["splits"]["count"] == 3
    paper = {  # Methods: learning rate, momentum, weight decay, batch size
        "gapnet": (0.01, 0.9, 0.0001, 128),
        "milnet": (0.01, 0.9, 0.0001, 64),
        "mcnn": (0.001, 0.9, 0.0005, 100),
        "densenet": (0.01, 0.9, 0.0001, 12),
        "resnet": (0.001, 0.9, 0.0001, 24),
        "sccnn": (0.01, 0.2, 0.0001, 2048),
        "fnn": (0.01, 0.9, 0.0001, 256),
    }
    names = ["learning_rate", "momentum", "weight_decay", "batch_size"]
    models = DEFAULT["models"]
    assert {name: tuple(block[key] for key in names) for name, block in models.items()} == paper
    assert {block["epochs"] for block in models.values()} == {100}
    assert models["sccnn"]["share"] == 0.2
    assert DEFAULT["comparison"]["predictions"] == {}
    assert DEFAULT["comparison"]["resamples"] == 1000


@pytest.mark.parametrize("release", [37, "37", "24_1", "ChEMBL_37"])
def test_releases_may_be_written_in_any_usual_way(release):
    config = copy.deepcopy(DEFAULT)
    config["chembl"]["release"] = release
    check_config(config, SCHEMA)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("result", "x", "unknown key result (did you mean results?)"),
        ("labels.treshold", [5], "unknown key labels.treshold (did you mean labels.thresholds?)"),
        ("chembl.zzz", 1, "unknown key chembl.zzz (known here: source, sqlite, release"),
        ("labels.thresholds", [5.5, 11], "labels.thresholds: 11 lies outside labels.pchembl_range"),
        ("labels.thresholds", [], "labels.thresholds: [] should be non-empty"),
        ("labels.thresholds", ["a"], "labels.thresholds.0: 'a' is not of type 'number'"),
        ("labels.pchembl_range", [10, 4], "labels.pchembl_range: 10 is not below 4"),
        ("plates.doses", [10, 1], "key plates.doses: 10 is above 1"),
        ("plates.doses", "lowest", "plates.doses: 'lowest' is not valid"),
        ("labels.min_actives", "ten", "labels.min_actives: 'ten' is not of type 'integer'"),
        ("labels.standard_types", "papr", "labels.standard_types: 'papr' is not valid"),
        ("chembl.source", "postgres", "chembl.source: 'postgres' is not one of ['sqlite'"),
        ("chembl.release", "latest", "chembl.release: 'latest' does not match"),
        ("compounds.smiles_column", None, "both null; one of them must name a column"),
        (
            "plates.platemap_folder",
            "maps",
            "barcode_platemap and plates.platemap_folder go together",
        ),
        (
            "images.layout",
            "bray_zip",
            "images.root: is null, the published images, but images.layo",
        ),
        ("training.splits", [1, 4], "training.splits: there is no split 4; splits.count is 3"),
        ("models.gapnt", {}, "key models.gapnt.learning_rate is missing"),
        ("models.gapnt", MODEL, "models.gapnt: there is no such model (did you mean gapnet?)"),
        ("models.gapnet.epoch", 5, "unknown key models.gapnet.epoch (did you mean models.gapnet.e"),
        ("models.GapNet", MODEL, "'GapNet' does not match"),
        ("training.device", "tpu", "training.device: 'tpu' is not one of ['auto'"),
        (
            "comparison.predictions",
            {"gapnet": "a.csv"},
            "predictions.gapnet: a model has that name",
        ),
        (
            "comparison.predictions",
            {"a b": "a.csv"},
            "comparison.predictions: 'a b' does not match",
        ),
        ("comparison.predictions", {"mine": "a.txt"}, "predictions.mine: 'a.txt' does not match"),
        (
            "comparison.permutation",
            9,
            "unknown key comparison.permutation (did you mean comparison.",
        ),
        ("comparison.resamples", 10, "comparison.resamples: 10 is less than the minimum of 100"),
        ("compounds", None, "compounds: None is not of type 'object'"),
    ],
)
def test_mistakes_are_named(key, value, message):
    config = copy.deepcopy(DEFAULT)
    *path, last = key.split(".")
    place = config
    for name in path:
        place = place[name]
    place[last] = value
    with pytest.raises(InputError, match=re.escape(message)):
        check_config(config, SCHEMA)


def test_every_mistake_is_named_at_once():
    config = copy.deepcopy(DEFAULT) | {"colour": "red"}
    del config["labels"]["thresholds"]
    with pytest.raises(InputError, match=r"unknown key colour .*labels.thresholds is missing"):
        check_config(config, SCHEMA)
