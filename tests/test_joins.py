"""Joins of all scripts: names of one side are changed, and no script may take that for a success.

The scripts, their tables and the columns that they have in common come from a run of the whole
workflow on a small screen, so that a new join is tested without a word here.
"""

import json
import re
from collections import defaultdict
from pathlib import Path

import conftest
import pandas as pd
import pytest
from conftest import run_jobs
from small_screen import CONFIG, write_screen

# What figures show, and the page; what they lose was counted where it was joined.
DRAWN = {"draw_plate", "draw_comparison", "draw_examples", "build_report", "summarise_labels"}


@pytest.fixture(scope="module")
def screen(tmp_path_factory):
    """The folder of a finished screen, and the jobs that made it."""
    folder = write_screen(tmp_path_factory.mktemp("screen"))
    jobs = []
    run = conftest._run

    def keep(name, folder, wildcards, threads, **job):
        jobs.append((name, wildcards, job))
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
        schema = conftest_schema(path)
        table.to_parquet(path, index=False, schema=schema)
    else:
        table.to_csv(path, index=False)


def conftest_schema(path):
    import pyarrow.parquet as pq

    return pq.read_schema(path).remove_metadata()


def plain(column):
    """One name for the spellings of a column: Metadata_Plate, plate; INCHIKEY, inchikey."""
    return column.lower().removeprefix("metadata_")


def renamed(values):
    """Other names of the same kind."""
    if pd.api.types.is_numeric_dtype(values):
        return values + 50
    texts = values.astype("object")
    if texts.dropna().astype(str).str.fullmatch(r"[A-P]\d\d").all():
        # Eight rows further down.
        return texts.map(lambda text: chr(ord(text[0]) + 8) + text[1:], na_action="ignore")
    return texts.map(lambda text: f"x{text}", na_action="ignore")


KEYS = {
    "plate", "well", "site", "inchikey", "compound_id", "molecule_chembl_id", "assay_chembl_id",
    "task", "split", "method",
}  # fmt: skip


def cases(jobs, folder):
    """Each (job, input, column) whose column stands in another input of the job as well."""
    seen = set()
    for name, wildcards, job in jobs:
        if name in seen or name in DRAWN:
            continue
        seen.add(name)
        columns = defaultdict(dict)
        for key, files in job["input"].items():
            paths = [Path(path) for path in ([files] if isinstance(files, str) else files)]
            tables = [read(folder / path) for path in paths if (folder / path).is_file()]
            if not tables or any(table is None for table in tables):
                continue
            if sum(map(len, tables)):
                for column in tables[0].columns:
                    if plain(column) in KEYS:
                        columns[plain(column)][key] = column, paths
        for inputs in columns.values():
            if len(inputs) > 1:
                for key, (column, paths) in inputs.items():
                    yield name, wildcards, job, key, column, paths


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


def test_no_script_takes_other_names_for_a_success(screen, capsys):
    folder, jobs = screen
    silent, tried = [], 0
    for name, wildcards, job, key, column, paths in cases(jobs, folder):
        before = content(folder, job["output"])
        kept = {path: (folder / path).read_bytes() for path in [*paths, *job["output"]]}
        for path in paths:
            table = read(folder / path)
            write(table.assign(**{column: renamed(table[column])}), folder / path)
        tried += 1
        try:
            conftest._run(name, folder, wildcards, 1, **job)
            after = content(folder, job["output"])
            if after != before:
                silent.append(
                    (name, key, column, "warned" if "Warning" in capsys.readouterr().err else "")
                )
        except SystemExit as end:
            assert str(end).startswith("Error: "), (name, key, column)
        except Exception as error:
            silent.append((name, key, column, repr(error)[:200]))
        for path, data in kept.items():
            (folder / path).write_bytes(data)
    for row in silent:
        print(row)
    print(tried)
    assert not silent
