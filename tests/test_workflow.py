"""The workflow as users run it: the demo, both sources of ChEMBL, and bad input."""

import copy
import json
import os
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from chembl_stub import ChemblStub, Fault
from conftest import DEMO, OWN_LIBRARY, ROOT, make_chembl, run_labels, snakemake


def test_demo_gives_a_label_matrix_with_its_account(demo):
    summary = json.loads((demo / "labels" / "summary.json").read_text())
    matrix = summary["matrix"]
    assert matrix["columns"] == 16
    assert matrix["compounds"] == 97
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
    assert len(problems) == rows["rows of the library"] - rows["with an InChIKey"] == 6

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
    for fact in ("97 compounds x 16 columns", "ChEMBL_37", "inconclusive", "fewer than 10 actives"):
        assert fact in page
    for name in ("data_points_per_assay.svg", "data_points_per_assay.png"):
        assert (demo / "labels" / name).stat().st_size > 10_000


def test_every_job_leaves_a_log_and_a_benchmark(demo):
    ran = {path.stem for path in (demo / "benchmarks").iterdir()}
    assert {path.stem for path in (demo / "logs").iterdir()} == ran
    # The demo takes neither the web service nor a download; verification is asked for by name.
    absent = {"retrieve_chembl", "retrieve_table", "retrieve_plate_maps"}
    absent |= {"fetch_activities", "join_activities", "check_shards"}
    assert ran | absent == {path.stem for path in (ROOT / "workflow" / "scripts").glob("*.py")}


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


@pytest.mark.parametrize("match_on", ["inchikey", "first_block", "parent"])
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
        ({}, r"none of 3 columns has enough labels"),
    ],
)
def test_bad_input_is_one_clear_error_and_nothing_half_written(bad_input, config, message):
    results = bad_input / "results"
    shutil.rmtree(results, ignore_errors=True)
    whole = {"compounds": OWN_LIBRARY, "chembl": {"sqlite": "chembl.db"}}
    for block, keys in config.items():
        whole[block] = whole.get(block, {}) | keys
    run = snakemake(bad_input, whole, "labels")
    assert run.returncode != 0
    assert re.search(message, run.stderr), run.stderr[-3000:]
    if (results / "logs").is_dir():
        # Said once on the screen, apart from the log that Snakemake shows, and with a hint.
        assert len(re.findall(f"^Error: .*{message}", run.stderr, re.M)) == 1
        assert "Hint: " in run.stderr
        logs = "".join(path.read_text() for path in (results / "logs").iterdir())
        assert "Traceback" in logs
    assert not [path for path in results.rglob("*") if path.suffix == ".part"]
    assert not (results / "labels" / "label_matrix.mtx").exists()


# Plans


def test_dump_is_downloaded_only_if_none_is_given(bad_input):
    config = {"compounds": OWN_LIBRARY, "chembl": {"release": "ChEMBL_36"}}
    rules = {"retrieve_chembl", "extract_activities"}
    assert rules <= planned(bad_input, config, ROOT, "labels")
    config["chembl"]["sqlite"] = "chembl.db"
    assert "retrieve_chembl" not in planned(bad_input, config, ROOT, "labels")


def test_web_service_is_asked_in_chunks(bad_input):
    config = {"compounds": OWN_LIBRARY, "chembl": {"source": "webservice"}}
    run = snakemake(bad_input, config, "labels", "--dry-run")
    assert re.search(r"^fetch_activities +64$", run.stdout + run.stderr, re.M)
    assert "extract_activities" not in run.stdout + run.stderr


# Reruns


def planned(folder, config=DEMO, root=None, target="all"):
    """Names of the rules that a dry run would run."""
    run = snakemake(folder, config, target, "--dry-run", root=root or folder)
    assert run.returncode == 0, run.stderr[-3000:]
    table = re.search(r"^job +count\n-+ +-+\n(.*?)\n\n", run.stderr + run.stdout, re.M | re.S)
    targets = {"all", "labels", "models", "predictions", "statistics", "figures", "report", "total"}
    return {line.split()[0] for line in table[1].splitlines()} - targets if table else set()


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


def test_nothing_is_to_be_done_twice(project):
    assert planned(project) == set()


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
        ("training.devices", 2, {"build_report", "build_crate"}),
        ("predictions.parts", ["test"], {"predict_views", *AFTER_PREDICTION}),
        ("models.gapnet.learning_rate", 0.1, AFTER_TRAINING),
        ("models.gapnet.micro_batch", 4, {"build_report", "build_crate"}),
        ("comparison.seed", 1, AFTER_COMPARISON),
        ("models.resnet.enabled", False, {"measure_costs", "describe_models", *AFTER_COMPARISON}),
    ],
)
def test_changed_keys_rerun_what_depends_on_them(project, key, value, rules):
    config = copy.deepcopy(DEMO)
    *blocks, name = key.split(".")
    place = config
    for block in blocks:
        place = place.setdefault(block, {})
    place[name] = value
    assert planned(project, config) == rules


def test_changed_plate_reruns_its_own_jobs_and_what_rests_on_all_plates(project):
    archive = project / "results" / "demo" / "screen" / "images" / "DEMO2-Mito.zip"
    content, times = archive.read_bytes(), archive.stat()
    try:
        archive.write_bytes(content + b" ")
        run = snakemake(project, DEMO, "all", "--dry-run", root=project)
        rules = planned(project)
    finally:
        archive.write_bytes(content)
        os.utime(archive, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert rules == {"index_plate", *AFTER_CONVERSION}
    for rule in ("index_plate", "convert_plate", "draw_plate", "read_cells"):
        plates = re.findall(rf"^rule {rule}:.*?wildcards: plate=(\w+)", run.stdout, re.M | re.S)
        assert plates == ["DEMO2"], rule
    assert planned(project) == set()


def test_edited_model_retrains_those_that_are_made_of_it(project):
    """SC-CNN is GapNet without dilation; the others have nothing to do with it."""
    path = project / "workflow" / "scripts" / "paintassay" / "models" / "gapnet.py"
    text = path.read_text()
    assert text.count("nn.SELU") >= 1
    try:
        path.write_text(text.replace("nn.SELU", "nn.ELU"))
        run = snakemake(project, DEMO, "all", "--dry-run", root=project)
    finally:
        path.write_text(text)
    trained = re.findall(r"^rule train_model:.*?wildcards: model=(\w+)", run.stdout, re.M | re.S)
    assert sorted(trained) == ["gapnet"] * 2 + ["sccnn"] * 2


def test_touched_code_reruns_nothing(project):
    for path in (project / "workflow" / "scripts").rglob("*.py"):
        path.touch()
    assert planned(project) == set()


@pytest.mark.parametrize(
    ("module", "old", "new", "rules"),
    [
        ("labels", "pc.greater_equal(means", "pc.greater(means", AFTER_PART_ONE),
        ("labels", '"""Label each mean', '"""Name each mean', set()),
        ("labels", "comment.casefold()", "comment.lower()", AFTER_PART_TWO),
        ("labels", '_mean"], 6)', '_mean"], 5)', {"average_pchembl", *AFTER_PART_ONE}),
        ("label_matrix", "KINDS = [", "KINDS = 1 * [", AFTER_MATRIX),
        ("figures", '"font.size": 9', '"font.size": 10',
            {"summarise_labels", "draw_plate", "draw_comparison", "draw_examples",
             "build_report", "build_crate"}),
        ("imaging", "CLIP_PERCENT = 0.0028", "CLIP_PERCENT = 0.003", AFTER_CONVERSION),
        ("export_npz", "def export_views(", "def export_views_(", set()),
        ("chembl_sqlite", "ROWS_PER_SLICE = 200_000", "ROWS_PER_SLICE = 100_000",
            {"extract_activities", *LABEL_RULES}),
        ("losses", "softplus(-", "softplus(+", AFTER_TRAINING),
        ("costs", "// 2", "// 1", {"measure_costs", "build_report", "build_crate"}),
        ("predictions", "others = np.where(sizes > 1", "others = np.where(sizes > 2",
            AFTER_TRAINING),
        ("chembl_webservice", "PAGE_ROWS = 1000", "PAGE_ROWS = 999", set()),
        ("compounds", "MOLECULES_PER_TASK = 500", "MOLECULES_PER_TASK = 400",
            {"build_compounds", "extract_activities", "read_wells", "draw_plate", *LABEL_RULES}),
    ],
)  # fmt: skip
def test_edited_functions_rerun_the_rules_that_reach_them(project, module, old, new, rules):
    path = project / "workflow" / "scripts" / "paintassay" / f"{module}.py"
    text = path.read_text()
    assert text.count(old) >= 1
    try:
        path.write_text(text.replace(old, new))
        assert planned(project) == rules
    finally:
        path.write_text(text)


def test_runs_from_any_folder(project, tmp_path):
    run = snakemake(tmp_path, DEMO, "--dry-run", root=project)
    assert run.returncode == 0
    assert "profiles/default" in run.stderr
    assert Path(tmp_path / "results").exists() is False
