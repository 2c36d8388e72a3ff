"""The workflow as users run it: the demo, both sources of ChEMBL, and bad input."""

import copy
import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from types import SimpleNamespace

import pandas as pd
import pytest
import yaml
from chembl_stub import ChemblStub, Fault
from conftest import (
    DEMO,
    OWN_LIBRARY,
    ROOT,
    SCRIPTS,
    copy_workflow,
    make_chembl,
    plan,
    run_labels,
    snakemake,
)


def test_demo_gives_a_label_matrix_and_says_what_was_lost(demo):
    summary = json.loads((demo / "labels" / "summary.json").read_text())
    matrix = summary["matrix"]
    assert matrix["columns"] == 16
    assert matrix["compounds"] == 96
    cells = matrix["compounds"] * matrix["columns"]
    assert matrix["percent_active"] == round(100 * matrix["actives"] / cells, 4)
    assert sum(block["labels"] for block in matrix["blocks"]) == matrix["labels"]

    # The funnel narrows, and what is lost on the way stands in the tables.
    counts = [step["count"] for step in summary["funnel"] if step["unit"] == "compounds"]
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] == matrix["compounds"]
    lost = pd.read_csv(demo / "labels" / "dropped_compounds.csv")
    assert (
        len(lost) == counts[0] - counts[-1] == sum(summary["losses"]["dropped_compounds"].values())
    )
    dropped = pd.read_csv(demo / "labels" / "dropped_assays.csv")
    before = sum(part["columns"] for part in summary["parts"])
    assert len(dropped) == before - matrix["columns"]
    assert (dropped[["actives", "inactives"]].min(axis=1) < 10).all()
    problems = pd.read_csv(demo / "compounds" / "problems.csv")
    rows = {step["step"]: step["count"] for step in summary["funnel"]}
    dropped = problems[problems["outcome"] == "dropped"]
    assert len(dropped) == rows["rows of the library"] - rows["with an InChIKey"] == 6

    losses = summary["losses"]
    assert losses["conflicts"] == {
        "active by pChEMBL value, inactive by comment": 3,
        "inactive by pChEMBL value, active by comment": 2,
    }
    assert losses["tied_votes"] == len(pd.read_csv(demo / "labels" / "comment_ties.csv")) > 0
    unknown = pd.read_csv(demo / "labels" / "unknown_comments.csv")
    assert set(unknown["comment"]) == {"inconclusive", "not determined", "12.5", "see paper"}
    assert summary["chembl"]["release"] == "ChEMBL_37"
    page = (demo / "labels" / "summary.md").read_text()
    for fact in ("96 compounds x 16 columns", "ChEMBL_37", "inconclusive", "fewer than 10 actives"):
        assert fact in page
    for name in ("data_points_per_assay.svg", "data_points_per_assay.png"):
        assert (demo / "labels" / name).stat().st_size > 10_000


def test_every_job_leaves_a_log_and_a_benchmark(demo):
    ran = {path.stem for path in (demo / "benchmarks").iterdir()}
    assert {path.stem for path in (demo / "logs").iterdir()} == ran
    # The demo takes neither the web service nor a download; verification is asked for by name.
    absent = {"retrieve_chembl", "retrieve_table", "retrieve_plate_maps"}
    absent |= {"fetch_activities", "join_activities", "check_shards"}
    assert ran | absent == {path.stem for path in SCRIPTS.glob("*.py")}


# Two sources, one matrix

MATRIX_FILES = ["label_matrix.mtx", "label_matrix.parquet", "compounds.csv"]
FAULTS = [
    Fault("502", 1, "status"),
    Fault("hang", 1, "molecule"),
    Fault("429", 1, "molecule", after=1),
    Fault("500", 1, "activity"),
    Fault("html200", 1, "activity", after=1),
    Fault("cut", 1, "activity", after=2),
    Fault("repeat", 1, "activity", after=4),
    Fault("short", 1, "activity", after=6),
]


@pytest.fixture(scope="module")
def two_sources(demo, tmp_path_factory):
    """The demo's library and dump, as if they were a user's own."""
    folder = tmp_path_factory.mktemp("two_sources")
    for name in ("library.csv", "chembl.db"):
        shutil.copy(demo / "screen" / name, folder / name)
    return folder


def own_config(results, **chembl):
    return {
        "results": results,
        "compounds": OWN_LIBRARY,
        "chembl": {"release": 37, **chembl},
    }


def webservice(stub, **keys):
    service = {"url": stub.url, "chunks": 3, "timeout_seconds": 1, "attempts": 6, **keys}
    return {"source": "webservice", "webservice": service}


@pytest.mark.parametrize(
    "match_on",
    [
        "inchikey",
        *(pytest.param(name, marks=pytest.mark.long) for name in ("first_block", "parent")),
    ],
)
def test_dump_and_web_service_give_the_same_bytes(two_sources, match_on):
    dump = run_labels(
        two_sources, own_config(f"dump_{match_on}", sqlite="chembl.db", match_on=match_on)
    )
    faults = FAULTS if match_on == "inchikey" else []
    with ChemblStub(two_sources / "chembl.db", faults, page_limit=100) as stub:
        web = run_labels(
            two_sources, own_config(f"web_{match_on}", **webservice(stub), match_on=match_on)
        )
        assert {fault.name for fault in faults} <= {r.fault for r in stub.requests if r.fault}
    for name in MATRIX_FILES:
        assert (dump / name).read_bytes() == (web / name).read_bytes(), name
    # The service does not know the integer number of an assay; all else is the same.
    ours, theirs = (pd.read_csv(folder / "assays.csv") for folder in (dump, web))
    assert theirs["ASSAY_ID"].isna().all()
    pd.testing.assert_frame_equal(ours.iloc[:, 1:], theirs.iloc[:, 1:])


def test_release_that_changes_midway_is_an_error_that_costs_one_chunk(two_sources):
    with ChemblStub(two_sources / "chembl.db", [Fault("new_release", after=2)]) as stub:
        config = own_config("moving", **webservice(stub))
        run = snakemake(two_sources, config, "labels", "--keep-going", "--cores", "1")
    assert run.returncode != 0
    assert re.search(r"release .*changed .*ChEMBL_37 to ChEMBL_38", run.stderr)
    chunks = two_sources / "moving" / "chembl" / "chunks"
    assert len(list(chunks.glob("*.activities.parquet"))) == 1
    assert not (two_sources / "moving" / "labels").exists()


def test_no_network_is_said_in_one_line(two_sources):
    with ChemblStub(two_sources / "chembl.db") as stub:
        pass
    config = own_config("offline", **webservice(stub, attempts=1))
    run = snakemake(two_sources, config, "labels")
    assert run.returncode != 0
    assert re.search(r"Error: http://127\.0\.0\.1.*cannot be reached", run.stderr)
    assert "Hint: " in run.stderr
    assert not list((two_sources / "offline" / "chembl").rglob("*.parquet*"))


# Bad input


@pytest.fixture(scope="module")
def bad_input(tmp_path_factory):
    """A folder with a good library and a good dump, to be spoilt one at a time."""
    folder = tmp_path_factory.mktemp("bad_input")
    pd.DataFrame({"compound_id": ["a"], "smiles": ["CC(=O)Oc1ccccc1C(O)=O"]}).to_csv(
        folder / "library.csv", index=False
    )
    rows = {"inchikey": ["BSYNRYMUTXBXSQ-UHFFFAOYSA-N"], "assay_id": [1], "pchembl_value": [6.0]}
    make_chembl(folder / "chembl.db", pd.DataFrame(rows).assign(standard_type="IC50"), release=37)
    (folder / "no_smiles.csv").write_text("compound_id,structure\na,CCO\n")
    (folder / "empty.csv").write_text("compound_id,smiles\n")
    (folder / "text.db").write_text("no database " * 100)
    dump = (folder / "chembl.db").read_bytes()
    (folder / "short.db").write_bytes(dump[: len(dump) // 2])
    return folder


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"labels": {"treshold": [5]}}, r"unknown key labels\.treshold \(did you mean labels\.thr"),
        ({"labels": {"thresholds": [5.5, 12]}}, r"labels\.thresholds: 12 lies outside"),
        ({"compounds": {"table": "no_smiles.csv"}}, r"no_smiles\.csv: has no column 'smiles'"),
        ({"compounds": {"table": "empty.csv"}}, r"empty\.csv: has a header but no rows"),
        ({"compounds": {"table": "absent.csv"}}, r"absent\.csv"),
        ({"chembl": {"sqlite": "text.db"}}, r"text\.db: is not a SQLite database"),
        ({"chembl": {"sqlite": "short.db"}}, r"short\.db: is cut short"),
        ({"chembl": {"release": 36}}, r"chembl\.db: holds ChEMBL_37, but .* asks for ChEMBL_36"),
        ({}, r"none of 3 tasks has enough labels"),
    ],
)
def test_bad_input_is_one_clear_error_and_nothing_half_written(bad_input, config, message):
    results = bad_input / "results"
    shutil.rmtree(results, ignore_errors=True)
    whole = {"compounds": OWN_LIBRARY, "chembl": {"sqlite": "chembl.db"}}
    for block, keys in config.items():
        whole[block] = whole.get(block, {}) | keys
    planned = snakemake(bad_input, whole, "labels", "--dry-run")
    if planned.returncode:
        said = planned.stdout + planned.stderr
        assert re.search(message, said), said[-3000:]
        assert not results.exists()
    else:
        with pytest.raises(SystemExit, match=rf"^Error: .*{message}(.*\n)+Hint: "):
            run_labels(bad_input, whole)
        logs = "".join(path.read_text() for path in (results / "logs").iterdir())
        assert logs.count("Traceback") == 1
    assert not [path for path in results.rglob("*") if path.suffix == ".part"]
    assert not (results / "labels" / "label_matrix.mtx").exists()


def test_error_of_a_job_stands_once_on_the_screen(bad_input):
    """Apart from the log that Snakemake shows, and with a hint."""
    shutil.rmtree(bad_input / "results", ignore_errors=True)
    config = {"compounds": OWN_LIBRARY | {"table": "empty.csv"}, "chembl": {"sqlite": "chembl.db"}}
    run = snakemake(bad_input, config, "labels")
    assert run.returncode == 1
    message = r"empty\.csv: has a header but no rows"
    assert len(re.findall(f"^Error: .*{message}", run.stderr, re.M)) == 1
    assert "Hint: " in run.stderr
    # The profile has Snakemake show the log.
    assert "Traceback" in run.stderr


# Plans


def test_dump_is_downloaded_only_if_none_is_given(bad_input):
    config = {"results": "new", "compounds": OWN_LIBRARY, "chembl": {"release": "ChEMBL_36"}}
    retrieval = {"retrieve_chembl", "extract_activities"}
    assert retrieval <= plan(bad_input, config, "labels").scripted()
    config["chembl"]["sqlite"] = "chembl.db"
    assert "retrieve_chembl" not in plan(bad_input, config, "labels").scripted()


def test_web_service_is_asked_in_chunks(bad_input):
    config = {"results": "new", "compounds": OWN_LIBRARY, "chembl": {"source": "webservice"}}
    jobs = plan(bad_input, config, "labels").count()
    assert jobs["fetch_activities"] == 64
    assert "extract_activities" not in jobs


def test_either_snakefile_is_the_same_workflow(tmp_path):
    """That in the folder of the project, and that which a module or a catalogue names."""
    plans = [
        plan(tmp_path, DEMO, "--snakefile", ROOT / snakefile)
        for snakefile in ("Snakefile", "workflow/Snakefile")
    ]
    jobs, same = (
        sorted((job["rule"], *job["output"]["paths"]) for job in planned.jobs) for planned in plans
    )
    assert len(jobs) > 60
    assert jobs == same


def test_runs_from_any_folder(tmp_path):
    """The command itself, with the profile that lies beside the Snakefile."""
    (tmp_path / "my_config.yaml").write_text(yaml.safe_dump(DEMO, sort_keys=False))
    command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile"]
    command += ["--configfile", "my_config.yaml", "--cores", "2", "--dry-run"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "profiles/default" in run.stderr
    assert re.search(r"^train_model +\d+$", run.stdout, re.M)
    assert not (tmp_path / "results").exists()


# Reruns


def planned(project, config=DEMO):
    """Names of the rules with a script that would run in a project."""
    return plan(project, config, "all", root=project).scripted()


# What quotes the whole configuration.
PAGES = {"build_report", "build_crate"}
AFTER_COMPARISON = {
    "compare_methods",
    "draw_comparison",
    "draw_examples",
    "build_report",
    "build_crate",
}
AFTER_PREDICTION = {"average_predictions", "score_predictions", *AFTER_COMPARISON}
AFTER_TRAINING = {
    "train_model", "predict_views", "measure_costs", "describe_models", *AFTER_PREDICTION,
}  # fmt: skip
AFTER_DATASET = {"build_dataset", *AFTER_TRAINING}
AFTER_MATRIX = {"build_label_matrix", "summarise_labels", "make_splits", *AFTER_DATASET}
AFTER_PART_ONE = {"binarise_pchembl", *AFTER_MATRIX}
AFTER_PART_TWO = {"vote_comments", *AFTER_MATRIX}
AFTER_CONVERSION = {
    "convert_plate", "collect_views", "draw_plate", "read_cells", *AFTER_DATASET,
}  # fmt: skip
LABEL_RULES = {"average_pchembl", *AFTER_PART_ONE, *AFTER_PART_TWO}


def changed(config, key, value):
    """A configuration with another value of a key, such as labels.thresholds."""
    config = copy.deepcopy(config)
    *blocks, name = key.split(".")
    place = config
    for block in blocks:
        place = place.setdefault(block, {})
    place[name] = value
    return config


def test_nothing_is_to_be_done_twice(project):
    assert planned(project) == set()


def test_results_stay_finished_for_another_clone(project, tmp_path):
    """Clones in places that are no neighbours of the first, by their own path and by a link."""
    clone = tmp_path / "one" / "two" / "clone"
    copy_workflow(clone)
    link = tmp_path / "link"
    link.symlink_to(clone)
    for root in (clone, link):
        assert plan(project, DEMO, "all", root=root).scripted() == set()


def test_results_stay_finished_when_the_project_moves(project, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(project)
    assert planned(link) == set()
    moved = tmp_path / "elsewhere" / "moved"
    moved.parent.mkdir()
    project.rename(moved)
    try:
        assert planned(moved) == set()
    finally:
        moved.rename(project)


@pytest.mark.parametrize(
    ("key", "value", "rules"),
    [
        ("labels.thresholds", [6.0], AFTER_PART_ONE),
        ("labels.min_actives", 5, AFTER_MATRIX),
        ("labels.standard_types", ["Ki"], {"average_pchembl", *AFTER_PART_ONE}),
        ("labels.exclude_potential_duplicates", True, LABEL_RULES),
        ("chembl.match_on", "parent", {"extract_activities", *LABEL_RULES}),
        ("splits.seed", 1, {"make_splits", *AFTER_DATASET}),
        ("images.clip_percent", 0.1, AFTER_CONVERSION),
        ("quality.exclude_flags", ["blurred"], AFTER_DATASET),
        ("profiles.max_missing", 0.5, {"read_profiles", *AFTER_TRAINING}),
        ("training.seed", 1, AFTER_TRAINING),
        ("predictions.parts", ["test"], {"predict_views", *AFTER_PREDICTION}),
        ("models.gapnet.learning_rate", 0.1, AFTER_TRAINING),
        ("comparison.seed", 1, AFTER_COMPARISON),
        ("models.resnet.enabled", False, {"measure_costs", "describe_models", *AFTER_COMPARISON}),
        # How a job computes, and not what: only the pages that quote the configuration.
        ("training.device", "auto", PAGES),
        ("training.devices", 2, PAGES),
        ("models.gapnet.micro_batch", 4, PAGES),
        ("chembl.webservice.timeout_seconds", 7, {"summarise_labels", *PAGES}),
    ],
)
def test_changed_keys_rerun_what_depends_on_them(project, key, value, rules):
    assert planned(project, changed(DEMO, key, value)) == rules


def test_how_a_job_computes_is_not_compared(tmp_path):
    """Such values reach the jobs, in params of a type that Snakemake does not compare."""
    service = changed(changed(DEMO, "chembl.source", "webservice"), "chembl.sqlite", None)
    other = service
    for key, value in [
        ("chembl.webservice.timeout_seconds", 7),
        ("chembl.webservice.attempts", 7),
        ("training.device", "cuda"),
        ("training.devices", 2),
        ("models.gapnet.micro_batch", 1),
    ]:
        other = changed(other, key, value)
    first, second = (plan(tmp_path, config) for config in (service, other))
    for rule, names in [
        ("fetch_activities", {"timeout_seconds", "attempts"}),
        ("train_model", {"device", "devices", "micro_batch"}),
        ("predict_views", {"device", "batch_size"}),
    ]:
        before, after = (
            next(
                job["params"]
                for job in planned.of(rule)
                if job["wildcards"].get("model", "gapnet") == "gapnet"
            )
            for planned in (first, second)
        )
        differing = {name for name in before if before[name] != after[name]}
        assert {type(after[name]) for name in differing} == {SimpleNamespace}
        told = [(vars(before[name]), vars(after[name])) for name in differing]
        assert {key for old, new in told for key in old if old[key] != new[key]} == names


def test_changed_plate_reruns_its_own_jobs_and_what_rests_on_all_plates(project):
    archive = project / "results" / "demo" / "screen" / "images" / "DEMO2-Mito.zip"
    content, times = archive.read_bytes(), archive.stat()
    try:
        archive.write_bytes(content + b" ")
        reruns = plan(project, DEMO, "all", root=project)
    finally:
        archive.write_bytes(content)
        os.utime(archive, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert reruns.scripted() == {"index_plate", *AFTER_CONVERSION}
    for rule in ("index_plate", "convert_plate", "read_cells"):
        assert [job["wildcards"] for job in reruns.of(rule)] == [{"plate": "DEMO2"}], rule
    # The contact sheets of all plates share their brightness.
    assert len(reruns.of("draw_plate")) == 2
    assert planned(project) == set()


def test_touched_code_reruns_nothing(project):
    for path in (project / "workflow" / "scripts").rglob("*.py"):
        path.touch()
    assert planned(project) == set()


@contextmanager
def edited(project, *edits):
    """The project with pieces of its modules replaced: (module, old, new)."""
    texts = {}
    try:
        for module, old, new in edits:
            path = project / "workflow" / "scripts" / "paintassay" / f"{module}.py"
            text = path.read_text()
            texts.setdefault(path, text)
            assert old in text, (module, old)
            path.write_text(text.replace(old, new))
        yield
    finally:
        for path, text in texts.items():
            path.write_text(text)


def test_edited_model_retrains_those_that_are_made_of_it(project):
    """SC-CNN is GapNet without dilation; the others have nothing to do with it."""
    with edited(project, ("models/gapnet", "nn.SELU", "nn.ELU")):
        reruns = plan(project, DEMO, "all", root=project)
    trained = [job["wildcards"]["model"] for job in reruns.of("train_model")]
    assert sorted(trained) == ["gapnet"] * 2 + ["sccnn"] * 2


FIGURE_RULES = {"summarise_labels", "draw_plate", "draw_comparison", "draw_examples", *PAGES}


@pytest.mark.parametrize(
    ("module", "old", "new", "rules"),
    [
        ("labels/activities", "pc.greater_equal(means", "pc.greater(means", AFTER_PART_ONE),
        ("labels/activities", "comment.casefold()", "comment.lower()", AFTER_PART_TWO),
        ("labels/activities", '_mean"], 6)', '_mean"], 5)', {"average_pchembl", *AFTER_PART_ONE}),
        ("labels/matrix", "KINDS = [", "KINDS = 1 * [", AFTER_MATRIX),
        ("drawing/style", '"font.size": 9', '"font.size": 10', FIGURE_RULES),
        ("images/scaling", "CLIP_PERCENT = 0.0028", "CLIP_PERCENT = 0.003", AFTER_CONVERSION),
        ("training/loss", "softplus(-", "softplus(+", AFTER_TRAINING),
        ("training/description", "// 2", "// 1", {"measure_costs", *PAGES}),
        ("predictions/average", "sizes > 1", "sizes > 2", AFTER_TRAINING),
    ],
)
def test_edited_functions_rerun_the_rules_that_reach_them(project, module, old, new, rules):
    with edited(project, (module, old, new)):
        assert planned(project) == rules


def test_edits_that_change_no_result_rerun_nothing(project):
    with edited(
        project,
        # Docstring, comment, log line, message and hint of an error.
        ("labels/activities", '"""Label each mean', '"""Name each mean'),
        ("training/loss", "    losses =", "    # A comment.\n    losses ="),
        ("labels/activities", '"%d activities %s"', '"%d activities: %s"'),
        ("labels/matrix", "enough labels; the best", "enough labels. The best"),
        ("labels/matrix", "or bring more compounds", "or add compounds"),
        # No rule of the demo reaches these.
        ("images/npz", "def export_views(", "def export_views_("),
        ("chembl/webservice", "LONGEST_WAIT = 60.0", "LONGEST_WAIT = 50.0"),
    ):
        assert planned(project) == set()


@pytest.mark.parametrize(
    ("module", "name", "rules"),
    [
        ("chembl/dump", "ROWS_PER_SLICE", {"extract_activities", *LABEL_RULES}),
        ("chembl/webservice", "PAGE_ROWS", set()),
        (
            "compounds/library",
            "MOLECULES_PER_BATCH",
            {"build_compounds", "extract_activities", "read_wells", "draw_plate", *LABEL_RULES},
        ),
        ("predictions/average", "BLOCK_ROWS", AFTER_TRAINING),
    ],
)
def test_size_of_a_piece_counts_unless_it_is_marked_as_one(project, module, name, rules):
    text = (SCRIPTS / "paintassay" / f"{module}.py").read_text()
    [(line, marked)] = re.findall(rf"^({name}(: WorkSize)? = ).*$", text, re.M)
    with edited(project, (module, line, f"{line}1 + ")):
        assert planned(project) == (set() if marked else rules)
