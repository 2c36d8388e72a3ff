"""What the documentation says of files and commands is so."""

import re
import runpy

import pandas as pd
import pyarrow.parquet as pq
from conftest import ROOT

MAKE_OUTPUTS = runpy.run_path(str(ROOT / "docs" / "make_outputs.py"))


def test_page_of_outputs_is_that_of_the_schemas():
    assert (ROOT / "docs" / "outputs.md").read_text() == MAKE_OUTPUTS["render"]()


def test_outputs_of_the_demo_have_the_documented_columns(demo):
    for name, schema in MAKE_OUTPUTS["TABLES"].items():
        path = name.replace("<plate>", "DEMO1")
        if path.endswith(".csv"):
            assert list(pd.read_csv(demo / path, nrows=0).columns) == schema.names, path
        else:
            found = pq.read_schema(demo / path)
            assert found.names == schema.names, path
            for field in schema:
                assert found.field(field.name).type == field.type, path
                assert found.field(field.name).metadata[b"description"]


def test_every_output_is_documented(demo):
    text = (ROOT / "docs" / "outputs.md").read_text()
    folders = ("compounds", "chembl", "labels", "images", "dataset")
    files = {path.relative_to(demo) for name in folders for path in (demo / name).rglob("*.*")}
    for path in files:
        documented = str(path).replace("DEMO1", "<plate>").replace("DEMO2", "<plate>")
        assert f"`{documented}`" in text or path.parent.name == "pictures", path


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
