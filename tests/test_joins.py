"""Joins and filters: nothing joined or nothing left is an error, few is a warning.

The first test changes the names of one side of every join of every script. The scripts, their
tables and the columns that they share come from a run of the whole workflow on a small screen, so
that a new join is tested without a word here.
"""

import json
import re
import shutil
from collections import defaultdict
from types import SimpleNamespace

import conftest
import pandas as pd
import pyarrow.parquet as pq
import pytest
from conftest import run_jobs, run_script
from small_screen import CHANNELS, CONFIG, KEYS, PLATES, SITES, WELLS, write_screen

from paintassay.core import tables
from paintassay.core.matching import explain_difference, nearest_name, read_counts
from paintassay.images.quality import LIMITS
from paintassay.images.tables import LOST_VIEWS
from paintassay.images.tables import PLATES as PLATES_SCHEMA

# They draw or count what other scripts have joined, and print what they lack.
DRAWN = {"draw_plate", "draw_comparison", "draw_examples", "build_report", "summarise_labels"}
# Columns that name things; of other columns values are compared with nothing.
NAMES = {
    "plate", "well", "site", "inchikey", "compound_id", "molecule_chembl_id", "assay_chembl_id",
    "task", "split", "method",
}  # fmt: skip


@pytest.fixture(scope="module")
def screen(tmp_path_factory):
    """The folder of a finished screen, and its jobs by the names of their rules."""
    folder = write_screen(tmp_path_factory.mktemp("screen"))
    jobs = {}
    run = conftest._run

    def keep(name, folder, wildcards, threads, **job):
        jobs.setdefault(name, []).append((wildcards, job))
        run(name, folder, wildcards, threads, **job)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conftest, "_run", keep)
        run_jobs(folder, CONFIG, "report", "dataset")
    return folder, jobs


def read(path):
    """A table, or None if the file is none."""
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    if path.suffix == ".csv":
        return pd.read_csv(path, dtype={"plate": str})
    return None


def write(table, path):
    if path.suffix == ".parquet":
        schema = pq.read_schema(path).remove_metadata()
        table.to_parquet(path, index=False, schema=schema)
    else:
        table.to_csv(path, index=False)


class Rerun:
    """Another run of a script whose inputs have changed; afterwards all is as it was."""

    def __init__(self, screen, name, number=0):
        self.folder, jobs = screen
        self.name = name
        self.wildcards, self.job = jobs[name][number]

    def __enter__(self):
        files = [*self.job["input"], *self.job["output"]]
        files = [self.folder / path for path in files if (self.folder / path).is_file()]
        self.kept = {path: path.read_bytes() for path in files}
        return self

    def __exit__(self, *error):
        for path, data in self.kept.items():
            path.write_bytes(data)

    def change(self, key, **columns):
        """Change columns of an input: values, or functions of the column."""
        files = self.job["input"][key]
        for path in [files] if isinstance(files, str) else files:
            table = read(self.folder / path)
            for name, value in columns.items():
                table[name] = value(table[name]) if callable(value) else value
            write(table, self.folder / path)

    def run(self, **settings):
        # What is changed here is changed on purpose: no checksum may blame it before the join.
        shutil.rmtree(self.folder / "results" / ".paintassay", ignore_errors=True)
        job = dict(self.job)
        if settings:
            params = dict(job["params"].items())
            params["settings"] = params["settings"] | settings
            job["params"] = conftest.Namedlist(fromdict=params)
        conftest._run(self.name, self.folder, self.wildcards, 1, **job)
        return self

    def fail(self, **settings):
        """The error that it ends with."""
        with pytest.raises(SystemExit) as end:
            self.run(**settings)
        assert str(end.value).startswith("Error: ")
        return str(end.value)

    def counts(self):
        """What it has counted: matched and total by what it is."""
        rows = json.loads((self.folder / self.job["output"]["counts"]).read_text())
        return {row["what"]: (row["matched"], row["total"]) for row in rows}


# All joins


def plain(column):
    """One name for the spellings of a column: Metadata_Plate, plate; INCHIKEY, inchikey."""
    return column.lower().removeprefix("metadata_")


def renamed(values):
    """Other names of the same kind."""
    if pd.api.types.is_numeric_dtype(values):
        return values + 50
    texts = values.astype("object")
    if texts.dropna().astype(str).str.fullmatch(r"[A-H]\d\d").all():
        # Eight rows further down.
        return texts.map(lambda text: chr(ord(text[0]) + 8) + text[1:], na_action="ignore")
    return texts.map(lambda text: f"x{text}", na_action="ignore")


def shared_columns(folder, job):
    """Inputs of a job with a column of names that another input has as well: (input, column)."""
    columns = defaultdict(dict)
    for key, files in job["input"].items():
        paths = [folder / path for path in ([files] if isinstance(files, str) else files)]
        found = [read(path) for path in paths if path.is_file()]
        # An empty table has no names, and what is no table has no columns.
        if not found or any(table is None for table in found) or not sum(map(len, found)):
            continue
        for column in found[0].columns:
            if plain(column) in NAMES:
                columns[plain(column)][key] = column
    return [pair for inputs in columns.values() if len(inputs) > 1 for pair in inputs.items()]


def joins(screen):
    """Every (script, input, column) of the workflow."""
    folder, jobs = screen
    return [
        (name, *pair)
        for name, runs in jobs.items()
        if name not in DRAWN
        for pair in shared_columns(folder, runs[0][1])
    ]


def content(folder, paths):
    """Rows and gaps of the tables among some files, and the numbers in their JSON."""
    found = {}
    for path in map(str, paths):
        table = read(folder / path)
        if table is not None:
            found[path] = len(table), table.isna().sum().to_dict()
        elif path.endswith(".json"):
            text = re.sub(r'"[^"]*"', "", json.dumps(json.loads((folder / path).read_text())))
            found[path] = re.findall(r"\b\d+\b", text)
    return found


def test_no_script_takes_other_names_for_a_success(screen):
    """A script ends in an error that users can read, or does not compare these names at all."""
    folder, _ = screen
    silent, refused = [], set()
    for name, key, column in joins(screen):
        with Rerun(screen, name) as script:
            before = content(folder, script.job["output"])
            script.change(key, **{column: renamed})
            try:
                script.run()
            except SystemExit as end:
                assert str(end).startswith("Error: "), (name, key, column)
                assert "checksum" not in str(end)
                refused.add(name)
            else:
                if content(folder, script.job["output"]) != before:
                    silent.append((name, key, column))
    assert silent == []
    assert refused >= {
        "average_pchembl", "vote_comments", "build_label_matrix", "make_splits", "read_wells",
        "collect_views", "build_dataset", "read_cells", "read_profiles", "score_predictions",
        "compare_methods",
    }  # fmt: skip


def test_every_script_that_joins_has_its_counts_on_the_page(screen):
    folder, jobs = screen
    written = {
        path
        for runs in jobs.values()
        for _, job in runs
        for path in job["output"]
        if path.endswith(".counts.json")
    }
    [(_, page)] = jobs["build_report"]
    # Those of the plates are added up before.
    [(_, collection)] = jobs["collect_views"]
    assert written <= {*page["input"], *collection["input"]}
    for name in {name for name, _, _ in joins(screen)} - {"compare_methods"}:
        assert jobs[name][0][1]["output"].get("counts"), name
    html = (folder / page["output"][0]).read_text()
    for match in read_counts(folder / path for path in page["input"]["counts"]):
        assert match.what in html


def test_whole_screen_loses_nothing(screen):
    """The numbers of the small screen, as its tables were written."""
    compounds, views = len(KEYS), len(PLATES) * (len(WELLS) + 1) * len(SITES)
    with Rerun(screen, "build_dataset") as dataset:
        counts = dataset.counts()
    assert counts["views of a compound with labels"] == (compounds * len(SITES), views)
    assert counts["compounds with labels among the compounds in the wells"] == (12, 12)
    assert counts["plates with images among the plates of the wells"] == (2, 2)
    with Rerun(screen, "collect_views") as collection:
        counts = collection.counts()
    assert counts["images that belong to a complete view"] == (2 * views, 2 * views)
    assert counts["planes with pixels of their own"] == (2 * views, 2 * views)
    assert counts["plates of the screen among the plates with views"] == (2, 2)
    with Rerun(screen, "read_cells") as cells:
        assert cells.counts()["cells that lie in a view"] == (views, views)


# Plates, wells and compounds


@pytest.mark.parametrize(
    ("of_images", "of_wells", "cure"),
    [
        ("DEMO1", "DEMO1__2020-11-03T00_58_31-Measurement1", "'DEMO1' is a part of"),
        ("24277", "24277.0", "as a number with decimals"),
        ("024277", "24277", "dropped leading zeros"),
        ("Demo1", "DEMO1", "differ in capitals"),
        ("DEMO-1", "DEMO_1", "differ in punctuation"),
        ("DEMO 1", "DEMO1", "differ in blanks"),
    ],
)
def test_plates_of_other_names_end_before_any_image_is_read(screen, of_images, of_wells, cure):
    """The names are those of public reports: of a microscope, a spreadsheet and a float column."""
    with Rerun(screen, "read_wells") as script:
        folder, path = script.folder, script.job["input"]["plates"]
        tables.write_csv(pd.DataFrame({"plate": [of_images]}), folder / path, PLATES_SCHEMA)
        script.change("wells", plate=of_wells)
        script.change("wells", well=[f"A{number:02d}" for number in range(1, 15)])
        error = script.fail()
    assert f"missing is {of_images!r}, the nearest is {of_wells!r}" in error
    assert cure in error


def test_one_plate_of_two_is_a_warning_on_the_terminal_and_in_the_counts(screen, capsys):
    with Rerun(screen, "read_wells") as script:
        script.change("wells", plate=lambda plates: plates.replace("P2", "P2_repeat"))
        script.run()
        [row, *_] = json.loads((script.folder / script.job["output"]["counts"]).read_text())
    printed = capsys.readouterr().err
    assert "Warning: wells.csv: only 1 of 2 plates with images" in printed
    assert (row["example"], row["nearest"]) == ("P2", "P2_repeat")
    assert row["warning"] in printed


def test_compounds_that_the_library_does_not_know(screen, capsys):
    with Rerun(screen, "read_wells") as script:
        script.change("wells", compound_id=lambda ids: ids.where(ids == "DMSO", "other-" + ids))
        error = script.fail()
        assert "none of 12 compounds of the wells" in error and "'c1" in error
        assert "compounds.id_column" in error
    with Rerun(screen, "read_wells") as script:
        few = [f"other-{number}" for number in range(7)]
        script.change("wells", compound_id=lambda ids: few + ids.tolist()[7:])
        script.run()
    assert "only 5 of 12 compounds of the wells" in capsys.readouterr().err


def test_compounds_that_chembl_does_not_know(screen):
    with Rerun(screen, "extract_activities") as script:
        script.change("compounds", inchikey=lambda keys: [key[::-1] for key in keys])
        error = script.fail()
    assert "none of 12 compounds of the library among the compounds that ChEMBL knows" in error
    assert "chembl.match_on" in error


# Flags, cells and predictions


def test_flags_that_remove_every_view(screen, capsys):
    flags = {"exclude_flags": ["blurred"]}
    with Rerun(screen, "build_dataset") as script:
        script.change("quality", flags="blurred")
        error = script.fail(**flags)
        assert "none of 28 views that quality.exclude_flags leaves" in error
        assert "take flags out of quality.exclude_flags (blurred)" in error
    with Rerun(screen, "build_dataset") as script:
        # 20 of the 28 views, each with two planes.
        script.change("quality", flags=["blurred"] * 40 + [""] * 16)
        script.run(**flags)
        assert script.counts()["views that quality.exclude_flags leaves"] == (8, 28)
    assert "only 8 of 28 views that quality.exclude_flags leaves" in capsys.readouterr().err


def test_cells_of_which_few_or_none_lie_in_a_view(screen, capsys):
    with Rerun(screen, "read_cells") as script:
        script.change("tables", Metadata_Site=lambda sites: sites + 10)
        error = script.fail()
        assert "none of 28 cells that lie in a view" in error
        assert "site numbers included" in error
    with Rerun(screen, "read_cells") as script:
        script.change("tables", Metadata_Well=lambda wells: ["H01"] * 20 + wells.tolist()[20:])
        script.run()
        assert script.counts()["cells that lie in a view"] == (8, 28)
    assert "only 8 of 28 cells that lie in a view" in capsys.readouterr().err


def test_predictions_of_other_compounds(screen):
    with Rerun(screen, "score_predictions") as script:
        # One that the library knows, and that is in no test part.
        splits = pd.read_parquet(script.folder / script.job["input"]["splits"])
        train = splits.loc[splits["part"] == "train", "inchikey"].iloc[0]
        forest = pd.read_csv(script.folder / "forest.csv")
        forest[forest["inchikey"] == train].to_csv(script.folder / "forest.csv", index=False)
        error = script.fail()
    assert "none of 1 predictions of a test part" in error


# The index


def write_plate(folder, names):
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_bytes(b"")


def indexed(folder, plate, settings):
    """Run the three scripts from index to collection; the message of the last."""
    settings = {"path_prefix": {}, "channels": CHANNELS, **settings}
    output = {"index": "i.parquet", "lost": "il.csv", "counts": "ic.json"}
    common = {"wildcards": {"plate": plate}, "log": "l.log"}
    address = SimpleNamespace(
        **{name: settings[name] for name in ("layout", "root", "path_prefix")}
    )
    params = {"settings": settings, "address": address}
    run_script("index_plate", folder, output=output, params=params, **common)
    converted = {
        "shard": f"{plate}.npy", "views": "v.parquet", "lost": "l.csv", "quality": "q.parquet",
        "copies": "c.csv", "counts": "c.json",
    }  # fmt: skip
    convert = {
        "channels": settings["channels"], "bits": 16, "clip_percent": 0.1, "illumination": None,
        "check_tags": "off", "max_lost": 0.1, "pixel_size_um": 0.656,
    }  # fmt: skip
    files = {"index": "i.parquet", "index_lost": "il.csv", "wells": [], "labels": []}
    run_script(
        "convert_plate",
        folder,
        input=files,
        output=converted,
        params={"settings": convert, "address": address},
        **common,
    )
    inputs = {"index": ["i.parquet"], "index_lost": ["il.csv"], "index_counts": ["ic.json"]}
    inputs |= {name: [converted[name]] for name in ("views", "lost", "quality", "copies", "counts")}
    collected = {name: f"all.{name}" for name in ("lost", "missing", "copies")}
    collected |= {name: f"all.{name}" for name in ("plate_quality", "brightness")}
    collected |= {"views": "av.parquet", "quality": "aq.parquet", "counts": "a.json"}
    settings = {"channels": settings["channels"], "limits": LIMITS, "root": settings["root"]}
    with pytest.raises(SystemExit) as end:
        run_script(
            "collect_views", folder, input=inputs | {"shards": [converted["shard"]]},
            output=collected, params={"settings": settings}, log="l.log",
        )  # fmt: skip
    return str(end.value)


def test_root_one_level_too_high(tmp_path, capsys):
    write_plate(tmp_path / "images/batch/P1", ["x_a01_s1_w1.tif", "x_a01_s1_w5.tif"])
    settings = {"layout": "bray_gallery", "root": "images", "channels": ["Hoechst", "Mito"]}
    error = indexed(tmp_path, "batch", settings)
    assert "images: no plate has a complete view" in error
    # The folder of the true plate stands where images should.
    assert "P1" in error and "not at one above it" in error
    assert "Warning: images, plate batch: none of" in capsys.readouterr().err


def test_one_barcode_in_two_batches(tmp_path):
    for batch in ("B1", "B2"):
        (tmp_path / batch / "P1").mkdir(parents=True)
        pd.DataFrame(
            {"Metadata_Plate": "P1", "Metadata_Well": WELLS, "Metadata_Site": 1}
            | {f"URL_Orig{channel}": [f"/data/{batch}/{well}_{channel}" for well in WELLS]
               for channel in CHANNELS}
        ).to_csv(tmp_path / batch / "P1" / "load_data.csv", index=False)  # fmt: skip
    error = indexed(tmp_path, "P1", {"layout": "load_data", "root": "."})
    assert "no plate has a complete view; most often: several files for one plane" in error
    assert "/data/B1/A01_DNA, /data/B2/A01_DNA" in error
    assert "a barcode of its own" in error


@pytest.mark.parametrize("write_site", ["s{}", "{}", "S{:02d}", "{}.0", "f{:02d}", "site {}"])
def test_sites_from_0_and_with_letters_are_the_same_in_images_and_cells(screen, write_site):
    """As microscopes and spreadsheets number them: s1, f01, 1.0, and from 0."""
    spelled = {site: write_site.format(site - 1) for site in SITES}
    with Rerun(screen, "index_plate") as index:
        images = pd.read_csv(index.folder / "images.csv")
        images.assign(site=images["site"].map(spelled)).to_csv(
            index.folder / "images.csv", index=False
        )
        try:
            index.run()
        finally:
            images.to_csv(index.folder / "images.csv", index=False)
        found = pd.read_parquet(index.folder / index.job["output"]["index"])
        assert sorted(found["site"].unique()) == [0, 1]
        assert len(found) == len(images) / 2
        assert tables.read_csv(index.folder / index.job["output"]["lost"], LOST_VIEWS).empty
    with Rerun(screen, "read_cells") as cells:
        cells.change("views", site=lambda sites: sites - 1)
        cells.change("tables", Metadata_Site=lambda sites: sites.map(spelled))
        cells.run()
        assert cells.counts()["cells that lie in a view"] == (28, 28)


def test_max_lost_counts_what_the_index_loses(screen):
    """Of 14 views two lack a channel: 14 %, more than the 10 % that are allowed."""
    with Rerun(screen, "convert_plate") as script:
        index = script.job["input"]["index"]
        table = pd.read_parquet(script.folder / index)
        plate = table["plate"].iloc[0]
        write(table.iloc[4:], script.folder / index)
        rows = [(plate, "A01", site, "DNA", None, "channel missing", None) for site in SITES]
        lost = pd.DataFrame(rows, columns=LOST_VIEWS.names)
        lost.to_csv(script.folder / script.job["input"]["index_lost"], index=False)
        error = script.fail()
        assert f"plate {plate}: the index lacks 2 of 14 views, more than 10%" in error
        assert "channel missing" in error and "images.max_lost" in error
        script.run(max_lost=0.2)
        assert len(pd.read_parquet(script.folder / script.job["output"]["views"])) == 12


# Words


def test_nearest_names_and_differences():
    assert nearest_name("P1", []) is None
    assert nearest_name("24277", ["24270", "24277.0", "P1"]) == "24277.0"
    many = [f"N{number:05}" for number in range(10_000)]
    assert nearest_name("N00500x", many) in ("N00500", "N00501")
    assert explain_difference("aspirin", "caffeine") is None
    assert explain_difference("P1", "P1") is None


def test_counts_of_plates_are_added_up_and_their_first_warning_stays(tmp_path):
    for number, (matched, warning) in enumerate([(5, None), (1, "few of P2"), (0, "none of P3")]):
        row = {"what": "views", "matched": matched, "total": 5, "example": f"e{number}"}
        path = tmp_path / f"{number}.counts.json"
        path.write_text(json.dumps([row | {"nearest": None, "warning": warning}]))
    [match] = read_counts(sorted(tmp_path.iterdir()))
    assert (match.matched, match.total, match.warning) == (6, 15, "few of P2")
    assert match.example == "e1"
