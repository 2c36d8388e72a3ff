"""Downloads of any published file, the table of sources, and the rules that read it."""

import hashlib
import json
import random
import re
import shutil
import sqlite3
import subprocess
import uuid
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import tifffile
from conftest import ROOT, WORKFLOW, snakemake
from download_stub import running_site

from paintassay.chembl import downloads
from paintassay.chembl.downloads import download, download_all, fetched, read_checksums
from paintassay.core.errors import InputError
from paintassay.images.layouts.bray import BRAY_WAVELENGTHS
from paintassay.plan.sources import COLUMNS, read_plates, read_sources

RESOURCES = ROOT / "workflow" / "resources"
# Larger than a chunk, so that halves are seen.
CONTENT = random.Random(0).randbytes(400_000)
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def site(monkeypatch):
    monkeypatch.setattr(downloads.time, "sleep", lambda seconds: None)
    with running_site() as server:
        server.files["/a.csv"] = CONTENT
        yield server


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("digest", [DIGEST, None])
def test_file_is_whole_alone_and_accounted_for(site, tmp_path, digest):
    path = tmp_path / "new" / "a.csv"
    url = f"{site.url}/a.csv"
    assert download(url, path, digest) == {"url": url, "sha256": DIGEST, "bytes": 400_000}
    assert path.read_bytes() == CONTENT
    assert names(path.parent) == ["a.csv"]


@pytest.mark.parametrize("digest", [DIGEST, None])
def test_interrupted_download_is_continued_by_the_next_call(site, tmp_path, digest):
    site.habits = ["drop", "busy"]
    with pytest.raises(InputError, match="gave up after 1 tries"):
        download(f"{site.url}/a.csv", tmp_path / "a.csv", digest, attempts=1)
    assert names(tmp_path) == ["a.csv.part", "a.csv.part.json"]
    have = (tmp_path / "a.csv.part").stat().st_size
    download(f"{site.url}/a.csv", tmp_path / "a.csv", digest)
    assert site.requests[2:] == [f"bytes={have}-"]
    assert (tmp_path / "a.csv").read_bytes() == CONTENT


def test_without_checksum_and_version_nothing_is_glued_together(site, tmp_path):
    """A file that changes between two tries, on a server that would not tell."""
    site.etags, site.habits = False, ["drop", "busy"]
    with pytest.raises(InputError, match="gave up"):
        download(f"{site.url}/a.csv", tmp_path / "a.csv", attempts=1)
    site.files["/a.csv"] = CONTENT[::-1]
    download(f"{site.url}/a.csv", tmp_path / "a.csv")
    assert site.requests == [None, None, None]
    assert (tmp_path / "a.csv").read_bytes() == CONTENT[::-1]


def test_part_of_another_address_is_not_continued(site, tmp_path):
    site.habits = ["drop", "busy"]
    with pytest.raises(InputError, match="gave up"):
        download(f"{site.url}/a.csv", tmp_path / "a.csv", attempts=1)
    site.files["/b.csv"] = CONTENT[::-1]
    download(f"{site.url}/b.csv", tmp_path / "a.csv")
    assert site.requests[2:] == [None]
    assert (tmp_path / "a.csv").read_bytes() == CONTENT[::-1]


def test_wrong_checksum_leaves_nothing(site, tmp_path):
    with pytest.raises(InputError, match=f"{DIGEST}, but {'0' * 64} is published"):
        download(f"{site.url}/a.csv", tmp_path / "a.csv", "0" * 64)
    assert names(tmp_path) == []


def test_file_that_is_always_cut_is_given_up_with_what_to_do(site, tmp_path):
    site.ranges, site.habits = False, ["drop"] * 9
    with pytest.raises(InputError, match=r"(?s)gave up after 3 tries.*Hint: run again.*by hand"):
        download(f"{site.url}/a.csv", tmp_path / "a.csv", attempts=3)
    assert not (tmp_path / "a.csv").exists()


def test_too_large_a_file_is_not_begun(site, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=399_999))
    with pytest.raises(InputError, match="0.0 GB are free, but 0.0 GB are needed"):
        download(f"{site.url}/a.csv", tmp_path / "a.csv")
    assert names(tmp_path) == ["a.csv.part.json"]


def test_web_page_instead_of_the_file_is_an_error(site, tmp_path):
    site.files["/login.html"] = b"<!DOCTYPE html>"
    with pytest.raises(InputError, match=r"(?s)the answer is a web page.*docs/data\.md"):
        download(f"{site.url}/login.html", tmp_path / "a.csv")
    assert not (tmp_path / "a.csv").exists()


def test_answer_without_a_size_is_an_error(site, tmp_path):
    site.habits = ["unsized"]
    with pytest.raises(InputError, match="does not tell the size"):
        download(f"{site.url}/a.csv", tmp_path / "a.csv")


def test_missing_file_is_not_asked_for_again(site, tmp_path):
    with pytest.raises(InputError, match=r"(?s)b\.csv: HTTP status 404.*Hint: fetch the file"):
        download(f"{site.url}/b.csv", tmp_path / "a.csv")


def test_no_network_is_an_error_after_some_patience(monkeypatch, tmp_path):
    waits = []
    monkeypatch.setattr(downloads.time, "sleep", waits.append)
    with running_site() as server:
        url = f"{server.url}/a.csv"
    with pytest.raises(InputError, match=r"(?s)gave up after 3 tries.*refused.*Hint: "):
        download(url, tmp_path / "a.csv", attempts=3)
    assert waits == [2, 4]


def test_file_that_is_only_needed_for_a_while_goes_again(site, tmp_path):
    with fetched(f"{site.url}/a.csv", tmp_path / "a.csv") as path:
        assert path.read_bytes() == CONTENT
    assert names(tmp_path) == []
    with pytest.raises(ZeroDivisionError), fetched(f"{site.url}/a.csv", tmp_path / "a.csv"):
        _ = 1 / 0
    assert names(tmp_path) == []


def test_many_small_files_are_verified_and_fetched_once(site, tmp_path):
    site.files |= {"/maps/list.csv": b"list", "/maps/map/1.txt": b"one"}
    sums = {name: hashlib.sha256(site.files[f"/maps/{name}"]).hexdigest() for name in
            ("list.csv", "map/1.txt")}  # fmt: skip
    (tmp_path / "map").mkdir()
    (tmp_path / "map" / "1.txt").write_text("an older one")
    download_all(f"{site.url}/maps", sums, tmp_path)
    assert (tmp_path / "map" / "1.txt").read_text() == "one"
    assert len(site.requests) == 2
    download_all(f"{site.url}/maps", sums, tmp_path)
    assert len(site.requests) == 2
    site.files["/maps/list.csv"] = b"changed"
    (tmp_path / "list.csv").unlink()
    with pytest.raises(InputError, match=r"maps/list\.csv: SHA-256 is "):
        download_all(f"{site.url}/maps", sums, tmp_path)
    assert not (tmp_path / "list.csv").exists()


# The table of sources


def test_checksums_of_plate_maps_are_those_of_the_files(shared_data):
    folder = shared_data / "bray2015_platemaps" / "metadata" / "platemaps" / "CDRP"
    check = ["sha256sum", "--check", "--quiet", "--strict", RESOURCES / "plate_maps.sha256"]
    run = subprocess.run(check, cwd=folder, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout
    sums = read_checksums(RESOURCES / "plate_maps.sha256")
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert set(sums) == files
    size = sum((folder / name).stat().st_size for name in files)
    assert read_sources(RESOURCES / "data_sources.csv")["plate_maps"].bytes == size


def test_published_plates_are_those_with_images_and_a_map(shared_data):
    """Of the 406 plates with images one has no plate map."""
    plates = read_plates(RESOURCES / "published_plates.csv")
    assert plates == sorted(set(plates)) and len(plates) == 405
    curated = (shared_data / "bray2017_meta" / "image_curation_statistics.csv").read_text()
    with_images = {line.split(",")[0] for line in curated.splitlines()[1:]}
    assert with_images - set(plates) == {"25568"} and set(plates) < with_images
    maps = shared_data / "bray2015_platemaps/metadata/platemaps/CDRP/barcode_platemap.csv"
    mapped = [line.split(",")[1] for line in maps.read_text().splitlines()[1:]]
    assert plates == sorted(mapped)


def test_sources_name_their_rules_licence_and_basis():
    sources = read_sources(RESOURCES / "data_sources.csv")
    rules = {path.stem for path in (ROOT / "workflow" / "scripts").glob("*.py")}
    for name, source in sources.items():
        assert set(source.used_by.split()) <= rules, name
        assert source.basis and source.cite and source.size and source.checksum, name
        assert source.bytes or not source.used_by, name
        # What is not published is not made up.
        assert bool(source.sha256) == (name == "chembl"), name
        assert re.fullmatch(r"([0-9a-f]{64})?", source.sha256), name


def test_page_of_the_data_shows_every_source():
    page = (ROOT / "docs" / "data.md").read_text()
    for name, source in read_sources(RESOURCES / "data_sources.csv").items():
        size = f"{source.bytes:,} bytes; " if source.bytes else ""
        rows = [
            f"| `{name}` | {source.what} | {source.version} | {source.licence} |",
            f"- `{name}`: `{source.url}`. Size: {size}{source.size}. "
            f"Checksum: {source.checksum}. Known from: {source.basis}. "
            f"Cite: {source.cite}.",
        ]
        for row in rows:
            assert row in page, row


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a,1,x,,u,,1,s,,c,c,b", "line 2: needs a value"),
        ("a,1,x,,u,l,1", "line 2: needs a value"),
        ("a,1,x,,u,l,5 GB,s,,c,c,b", "line 2: bytes is no number: '5 GB'"),
        ("a,1,x,,u,l,,s,,c,c,b\na,1,x,,u,l,,s,,c,c,b", "line 3: names the source a again"),
    ],
)
def test_mistakes_in_the_table_are_named(tmp_path, line, message):
    (tmp_path / "s.csv").write_text(f"{','.join(COLUMNS)}\n{line}\n")
    with pytest.raises(InputError, match=re.escape(message)):
        read_sources(tmp_path / "s.csv")


# The rules, in a copy of the project whose sources lie on the stub


@pytest.fixture
def stub_project(site, tmp_path):
    project = tmp_path / "project"
    project.mkdir()
    for name in WORKFLOW:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, project / name)
    table = project / "workflow" / "resources" / "data_sources.csv"
    text = table.read_text()
    for name, path in (("library", "/library.csv"), ("plate_maps", "/maps")):
        url = read_sources(table)[name].url
        text = text.replace(url + ",", f"{site.url}{path},", 1)
    table.write_text(text)
    return project


def test_library_is_fetched_with_its_origin_and_nothing_else(site, stub_project, tmp_path):
    site.files["/library.csv"] = b"BROAD_ID,CPD_SMILES\nBRD-A00000001-001-01-1,CCO\n"
    target = "results/compounds/compounds.parquet"
    run = snakemake(tmp_path, {}, target, root=stub_project)
    assert run.returncode == 0, run.stderr[-3000:]
    assert len(site.requests) == 1
    # The plan and the log tell what comes, of which size and licence.
    plan = re.search(r"resources: .*download_mb=5, .*", run.stderr)[0]
    assert "download_mb=5" in plan and "disk_mb=5" in plan
    log = tmp_path / "results/logs/retrieve_table/chemical_annotations.csv.log"
    assert re.search(r"INFO compounds of .*; GigaDB 100351; CC0 1\.0; 5 MB; http", log.read_text())
    origin = json.loads((tmp_path / "results/sources/chemical_annotations.csv.json").read_text())
    assert origin["sha256"] == hashlib.sha256(site.files["/library.csv"]).hexdigest()
    assert names(tmp_path / "results" / "sources") == [
        "chemical_annotations.csv",
        "chemical_annotations.csv.json",
    ]


def test_single_cells_of_a_plate_are_fetched_read_and_deleted(site, tmp_path):
    """From files in the gallery's layout to centres; the database is there only meanwhile."""
    (tmp_path / "plates" / "P1").mkdir(parents=True)
    pixels = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)
    for number in BRAY_WAVELENGTHS.values():
        name = f"cdp2bioactives_a01_s1_w{number}{uuid.UUID(int=number)}.tif"
        tifffile.imwrite(tmp_path / "plates" / "P1" / name, pixels)
    with sqlite3.connect(tmp_path / "cells.sqlite") as database:
        database.execute(
            "CREATE TABLE Image AS SELECT 1 TableNumber, 7 ImageNumber, 'P1' Image_Metadata_Plate,"
            " 'a01' Image_Metadata_Well, 1 Image_Metadata_Site"
        )
        database.execute(
            "CREATE TABLE Nuclei AS SELECT 1 TableNumber, 7 ImageNumber, 3 ObjectNumber,"
            " 20.5 Nuclei_Location_Center_X, 30.25 Nuclei_Location_Center_Y"
        )
    database.close()
    site.files["/P1/P1.sqlite"] = (tmp_path / "cells.sqlite").read_bytes()
    config = {
        "images": {"layout": "bray_gallery", "root": "plates"},
        "single_cells": {"tables": f"{site.url}/{{plate}}/{{plate}}.sqlite"},
    }
    run = snakemake(tmp_path, config, "results/dataset/cells/P1.parquet")
    assert run.returncode == 0, run.stderr[-3000:]
    cells = pd.read_parquet(tmp_path / "results/dataset/cells/P1.parquet")
    assert cells.astype("object").to_numpy().tolist() == [["P1", "A01", 1, 3, 20.5, 30.25]]
    kept = ["P1.counts.json", "P1.lost.csv", "P1.parquet"]
    assert names(tmp_path / "results/dataset/cells") == kept


def test_plate_maps_are_fetched_as_one_job(site, stub_project, tmp_path):
    files = {"barcode_platemap.csv": b"Plate_Map_Name,Assay_Plate_Barcode\nM,1\n"}
    files |= {f"platemap/{name}.txt": name.encode() for name in "MN"}
    site.files |= {f"/maps/{name}": content for name, content in files.items()}
    sums = "".join(f"{hashlib.sha256(text).hexdigest()}  {name}\n" for name, text in files.items())
    (stub_project / "workflow/resources/plate_maps.sha256").write_text(sums)
    sources = tmp_path / "results" / "sources"
    site.files["/maps/platemap/N.txt"] = b"not N"
    run = snakemake(tmp_path, {}, "--retries", "0", "results/sources/platemap", root=stub_project)
    assert run.returncode != 0
    assert re.search(r"^Error: .*platemap/N\.txt: SHA-256 is ", run.stderr, re.M)
    site.files["/maps/platemap/N.txt"] = b"N"
    asked = len(site.requests)
    run = snakemake(tmp_path, {}, "results/sources/platemap", root=stub_project)
    assert run.returncode == 0, run.stderr[-3000:]
    # What was sound is not asked for again.
    assert len(site.requests) == asked + 1
    assert names(sources) == ["barcode_platemap.csv", "platemap"]
    assert sorted(path.name for path in sources.glob("platemap/[!.]*")) == ["M.txt", "N.txt"]
