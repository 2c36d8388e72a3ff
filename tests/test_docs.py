"""What the documentation says of files and commands is so."""

import re
import runpy
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from conftest import ROOT
from test_environments import SCRIPT_NAMES

MAKE_OUTPUTS = runpy.run_path(str(ROOT / "docs" / "make_outputs.py"))


def test_page_of_outputs_is_that_of_the_schemas():
    assert (ROOT / "docs" / "outputs.md").read_text() == MAKE_OUTPUTS["render"]()


def test_outputs_of_the_demo_have_the_documented_columns(demo):
    tasks = list(pd.read_csv(demo / "labels" / "assays.csv")["TASK"])
    examples = {
        "plate": "DEMO1",
        "model": "gapnet",
        "method": "fnn",
        "split": "1",
        "replicate": "1",
    }
    for name, schema in MAKE_OUTPUTS["TABLES"].items():
        path = re.sub(r"<(\w+)>", lambda match: examples[match[1]], name)
        if schema.names[-1] == MAKE_OUTPUTS["TASK"]:
            field = schema.field(len(schema) - 1)
            schema = pa.schema([*list(schema)[:-1], *(field.with_name(task) for task in tasks)])
        if path.endswith(".csv"):
            assert list(pd.read_csv(demo / path, nrows=0).columns) == schema.names, path
        else:
            written = pq.read_schema(demo / path)
            assert written.names == schema.names, path
            for field in schema:
                assert written.field(field.name).type == field.type, path
                assert written.field(field.name).metadata[b"description"]


def test_every_output_is_documented(demo):
    text = (ROOT / "docs" / "outputs.md").read_text()
    folders = ("compounds", "chembl", "labels", "images", "dataset", "training", "predictions")
    folders += ("statistics", "report")
    files = {path.relative_to(demo) for name in folders for path in (demo / name).rglob("*.*")}
    for path in files:
        documented = re.sub(r"DEMO\d", "<plate>", str(path))
        documented = re.sub(r"(split|replicate)_\d", r"\1_<\1>", documented)
        documented = re.sub(r"^(training|predictions)/\w+/", r"\1/<model>/", documented)
        documented = re.sub(r"^statistics/methods/\w+/", "statistics/methods/<method>/", documented)
        # A figure's pictures are explained with the table they are drawn from.
        documented = re.sub(r"(/figures/\w+)\.(svg|png)$", r"\1.csv", documented)
        # The files of a training are explained by their names, under their folder.
        short = f"`{path.name}`" in text and f"`{Path(documented).parent}/`" in text
        folder = path.parent.name in ("pictures", "state", "tensorboard")
        assert f"`{documented}`" in text or short or folder, path


def test_picture_of_the_rules_has_them_all():
    """Those of the demo, that is: `make pictures` draws what it runs."""
    picture = (ROOT / "docs" / "pictures" / "rules.svg").read_text()
    drawn = set(re.findall(r"<title>(\w+)</title>", picture))
    # Other sources of data, and what is asked for by name.
    absent = {"fetch_activities", "join_activities", "check_shards"}
    absent |= {name for name in SCRIPT_NAMES if name.startswith("retrieve_")}
    assert set(SCRIPT_NAMES) - absent == drawn & set(SCRIPT_NAMES)


def test_links_between_pages_lead_somewhere():
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), ROOT / "config" / "README.md"]:
        for target in re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), (page.name, target)


def test_commands_of_the_readme_exist():
    readme, makefile = (ROOT / "README.md").read_text(), (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"\bmake (\w+)", readme)):
        assert re.search(rf"^{target}:", makefile, re.M), target


def test_no_target_stands_where_snakemake_expects_config_files():
    """`--configfile a.yaml labels` would read labels as a second configuration."""
    for page in [ROOT / "README.md", ROOT / "Snakefile", *ROOT.glob("*/*.md")]:
        assert not re.search(r"--configfile \S+ +\w+ *$", page.read_text(), re.M), page.name
