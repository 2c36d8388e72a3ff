"""The configuration: its schema, its defaults and its manual agree, and mistakes are named."""

import copy
import math
import re
import runpy

import pytest
import yaml
from conftest import ROOT, snakemake

from paintassay.core.errors import InputError
from paintassay.plan.config import check_config
from paintassay.plan.config_texts import check_config_arguments, check_config_files

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
        ("models.gapnet.epochs", 0, "models.gapnet.epochs: is 0 and models.gapnet.weights is null"),
        (
            "models.gapnet",
            MODEL | {"epochs": 0, "weights": "w.pth", "replace_outputs": True},
            "models.gapnet.replace_outputs: is true and models.gapnet.epochs is 0",
        ),
        (
            "models.gapnet.weights_tasks",
            ["CHEMBL1|comment"],
            "models.gapnet.weights_tasks: there are no weights that it could be about",
        ),
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
        ("compounds", None, "key compounds: the block is empty; give it keys, or leave it out"),
        ("models.gapnet", None, "key models.gapnet: the block is empty"),
        ("labels", "x.csv", "labels: 'x.csv' stands where a block of keys is needed; its keys are"),
        ("training.splits", None, "key training.splits: has no value"),
        ("plates.doses", None, "key plates.doses: has no value"),
        ("results", None, "key results: has no value"),
        ("results", ["a"], "key results: ['a'] is not of type 'string'"),
        ("results", 2024, "key results: 2024 is not a text for YAML; write it in quotes"),
        ("demo.plates", ["A1", 24277], "demo.plates.1: 24277 is not a text for YAML"),
        ("plates.controls", {False: "empty"}, "plates.controls.False: YAML reads this name as"),
        ("compounds.table", "library.txt", "compounds.table: 'library.txt' does not match"),
        ("splits.shares", [0.7, 0.3, 0.2], "splits.shares: [0.7, 0.3, 0.2] add up to 1.2, not to"),
        ("splits.shares", [0.33, 0.33, 0.33], "add up to 0.99, not to 1"),
        ("splits.shares", [0.7, math.nan, 0.2], "splits.shares.1: nan is not a finite number"),
        ("images.clip_percent", math.nan, "images.clip_percent: nan is not a finite number"),
        ("labels.pchembl_range", [4, ".inf"], "labels.pchembl_range.1: inf is not a finite"),
        ("quality.limits.blurred_z", -math.inf, "blurred_z: -inf is not a finite number"),
        ("models.gapnet.options", {"dropout": math.nan}, "options.dropout: nan is not a finite"),
        ("plates.doses", ["1", "1e999"], "plates.doses.1: inf is not a finite number"),
        ("results", "res{x}", "key results: 'res{x}' has {x}; this path may have no braces"),
        ("results", "res{", "key results: 'res{' has the character '{'"),
        ("results", "<logs>/x", "key results: '<logs>/x' has the character '<'"),
        ("results", "res ", "key results: 'res ' begins or ends with a blank"),
        ("results", "$HOME/res", "key results: '$HOME/res' has $HOME, which nothing replaces"),
        ("results", "s3://bucket/res", "'s3://bucket/res' is an address"),
        ("results", "~nobody-of-this-name/r", "begins with ~nobody-of-this-name, but there is no"),
        ("compounds.table", "lib{plate}.csv", "'lib{plate}.csv' has {plate}; this path may have"),
        ("comparison.predictions", {"a": "{a}.csv"}, "predictions.a: '{a}.csv' has {a}"),
        ("profiles.tables", "p/{Plate}.csv", "'p/{Plate}.csv' has {Plate}; did you mean {plate}?"),
        ("profiles.tables", "p/{well}.csv", "has {well}; only {plate} can be replaced"),
        ("profiles.tables", "p/{plate:d}.csv", "has a { too many; only {plate} can be replaced"),
        ("profiles.tables", "p/{}.csv", "has {}; only {plate} can be replaced"),
        ("single_cells.tables", "p/{plates}.csv", "has {plates}; did you mean {plate}?"),
        ("single_cells.tables", "https://host/plate.csv", "has no {plate}, in whose place each"),
        ("images.illumination", "{plate}.npy", "'{plate}.npy' has no {channel}"),
        ("images.illumination", "{plate}-{chanel}.npy", "has {chanel}; did you mean {channel}?"),
        (
            "plates",
            DEFAULT["plates"] | {"wells": "w.csv", "platemap_folder": "p", "barcode_platemap": "b"},
            "plates.wells and plates.barcode_platemap and plates.platemap_folder are two ways",
        ),
        (
            "chembl",
            DEFAULT["chembl"] | {"source": "webservice", "sqlite": "c.db"},
            "chembl.sqlite: names c.db, but chembl.source is webservice",
        ),
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


def test_a_key_with_a_dot_is_told_how_blocks_are_written():
    with pytest.raises(InputError, match=re.escape("write compounds: {table: ...}")):
        check_config(DEFAULT | {"compounds.table": "x.csv"}, SCHEMA)


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("models.gapnet.learning_rate", "1e-2", 0.01),
        ("models.gapnet.micro_batch", "4", 4),
        ("models.gapnet.micro_batch", "null", None),
        ("models.gapnet.epochs", "1e2", 100),
        ("models.fnn.enabled", "false", False),
        ("models.fnn.options", {"dropout": "0.5", "units": "64"}, {"dropout": 0.5, "units": 64}),
        ("labels.min_actives", "3", 3),
        ("labels.thresholds", ["5.5", "+6"], [5.5, 6]),
        ("labels.exclude_potential_duplicates", "yes", True),
        ("plates.doses", ["1e-1", "10"], [0.1, 10]),
        ("plates.doses", "highest", "highest"),
        ("plates.wells", "null", None),
        ("images.check_tags", "false", False),
        ("images.check_tags", "off", "off"),
        ("training.splits", ["1", "3"], [1, 3]),
        ("training.replicates", 2.0, 2),
        ("chembl.release", "37", "37"),
        ("compounds.id_column", "1e-2", "1e-2"),
    ],
)
def test_texts_become_the_values_they_stand_for(key, text, value):
    """As YAML reads 1e-2, and Snakemake all that stands in a block on the command line."""
    config = copy.deepcopy(DEFAULT)
    *path, last = key.split(".")
    place = config
    for name in path:
        place = place[name]
    place[last] = text
    check_config(config, SCHEMA)
    assert (place[last], type(place[last])) == (value, type(value))


def paths_of(schema, key=""):
    """Keys of the schema that say that they are paths."""
    if "x-path" in schema:
        yield key
    for name, part in schema.get("properties", {}).items():
        yield from paths_of(part, f"{key}.{name}".strip("."))
    if isinstance(part := schema.get("additionalProperties"), dict):
        part = SCHEMA["$defs"]["model"] if "$ref" in part else part
        yield from paths_of(part, f"{key}.fnn" if key == "models" else f"{key}.x")


PATHS = list(paths_of(SCHEMA))


def test_every_key_that_is_a_path_says_so():
    files = re.compile(r"(root|sqlite|tables?|folder|wells|platemap|weights|results|illumination)$")
    keys = [key for key in keys_of_schema(SCHEMA) if files.search(key)]
    assert len(keys) >= 11
    assert {*keys, "models.fnn.weights", "comparison.predictions.x"} <= {*PATHS}


@pytest.mark.parametrize("key", PATHS)
def test_any_path_may_begin_with_the_home_folder_and_has_no_wildcard(key, monkeypatch):
    monkeypatch.setenv("HOME", "/home/ann")
    ending = "{plate}-{channel}.npy" if key.endswith("illumination") else "{plate}.csv"
    ending = ending if "tables" in key or key.endswith("npy") or "illum" in key else "a.csv"
    *path, last = key.split(".")
    for text, message in ((f"~/{ending}", None), (f"d{{x}}/{ending}", "has {x}")):
        config = copy.deepcopy(DEFAULT)
        config["images"]["layout"] = "load_data"
        config["images"]["root"] = "images"
        if key == "plates.platemap_folder":
            config["plates"]["barcode_platemap"] = "b.csv"
        elif key == "plates.barcode_platemap":
            config["plates"]["platemap_folder"] = "p"
        place = config
        for name in path:
            place = place[name]
        place[last] = text
        if message:
            with pytest.raises(InputError, match=re.escape(f"key {key}: '{text}' {message}")):
                check_config(config, SCHEMA)
        else:
            check_config(config, SCHEMA)
            assert place[last] == f"/home/ann/{ending}"


def test_what_lies_at_a_path_must_be_what_is_needed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.csv", "a.npy", "a.db", "maps"):
        (tmp_path / name).mkdir()
    (tmp_path / "file").touch()
    cases = {
        "compounds.table": ("a.csv", "is a folder; name the file"),
        "chembl.sqlite": ("a.db", "is a folder; name the file"),
        "labels.comment_table": ("a.csv", "is a folder; name the file"),
        "plates.wells": ("a.csv", "is a folder; name the file"),
        "models.gapnet.weights": ("maps", "is a folder; name the file"),
        "comparison.predictions.mine": ("a.csv", "is a folder; name the file"),
        "profiles.tables": ("a.csv", "is a folder; name the file"),
        "plates.platemap_folder": ("file", "cannot be a folder: file is a file"),
        "results": ("file/new", "cannot be a folder: file is a file"),
    }
    for key, (value, message) in cases.items():
        config = copy.deepcopy(DEFAULT)
        *path, last = key.split(".")
        place = config
        for name in path:
            place = place[name]
        place[last] = value
        with pytest.raises(InputError, match=re.escape(f"key {key}: '{value}' {message}")):
            check_config(config, SCHEMA)
    for layout, root, message in (("table", "maps", "a folder"), ("bray_zip", "file", "a file")):
        config = copy.deepcopy(DEFAULT)
        config["images"] |= {"layout": layout, "root": root}
        with pytest.raises(InputError, match=f"key images.root: '{root}' is {message}"):
            check_config(config, SCHEMA)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("results: a\nresults: b\n", "key results stands twice, in line 1 and in line 2"),
        ("a:\n  b:\n  - c: 1\n    'c': 2\n", "key a.b.0.c stands twice, in line 3 and in line 4"),
        ('{\n\t"a": {"b": 1,\n\t"b": 1}}', "key a.b stands twice, in line 2 and in line 3"),
        ("a: &x {b: 1}\nc: *x\na: 2\n", "key a stands twice, in line 1 and in line 3"),
    ],
)
def test_a_key_that_stands_twice_is_an_error(tmp_path, text, problem):
    (tmp_path / "my.yaml").write_text(text)
    with pytest.raises(InputError, match=re.escape(f"{tmp_path / 'my.yaml'}: {problem}")):
        check_config_files([ROOT / "config" / "config.yaml", tmp_path / "my.yaml"])


def test_no_key_of_the_files_here_stands_twice(tmp_path):
    (tmp_path / "aliases.yaml").write_text("a: &x {b: 1}\nc: *x\nd: {<<: *x, b: 2}\n")
    check_config_files([*(ROOT / "config").glob("*.yaml"), tmp_path / "aliases.yaml"])
    check_config_arguments(["results=a", 'labels={"min_actives": 3}', 'labels={"censored": "use"}'])


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["results=a", "results=b"], "key results is given twice, as a and as b"),
        (['labels={"a": 1, "a": 2}'], "key labels.a stands twice"),
    ],
)
def test_what_is_given_twice_on_the_command_line_is_an_error(arguments, problem):
    with pytest.raises(InputError, match=f"--config: {problem}"):
        check_config_arguments(arguments)


def test_rules_get_the_values_and_not_the_texts(tmp_path, monkeypatch):
    """Through Snakemake, which merges files and command line before it reads the rules."""
    (tmp_path / "library.csv").touch()
    (tmp_path / "chembl.db").touch()
    config = {
        "compounds": {"table": "~/library.csv"},
        "chembl": {"sqlite": "chembl.db"},
        "models": {"gapnet": {"learning_rate": "1e-2"}},
    }
    given = ["--config", 'labels={"min_actives": 3, "thresholds": [6]}', "--dry-run"]
    monkeypatch.setenv("HOME", str(tmp_path))
    run = snakemake(tmp_path, config, "labels", *given)
    assert run.returncode == 0, run.stderr[-3000:]
    [matrix], [binary] = run.of("build_label_matrix"), run.of("binarise_pchembl")
    assert matrix["params"]["settings"]["min_actives"] == 3
    assert binary["params"]["settings"]["thresholds"] == [6]


def test_a_key_that_stands_twice_is_found_at_the_door(tmp_path):
    run = snakemake(tmp_path, {}, "labels", "--dry-run", "--config", "results=a", "results=b")
    assert run.returncode == 1
    assert "--config: key results is given twice, as a and as b" in run.stdout + run.stderr
    (tmp_path / "other.yaml").write_text("labels: {min_actives: 1, min_actives: 2}")
    run = snakemake(tmp_path, {}, "labels", "--dry-run", "--configfile", tmp_path / "other.yaml")
    assert run.returncode == 1
    said = run.stdout + run.stderr
    assert f"{tmp_path / 'other.yaml'}: key labels.min_actives stands twice, in line 1" in said
