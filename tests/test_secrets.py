"""Passwords and tokens in addresses reach no file."""

import logging
from types import SimpleNamespace

import pandas as pd
import pyarrow as pa
import pytest
import tifffile
from conftest import run_script

from paintassay.core import jobs
from paintassay.core.errors import InputError
from paintassay.core.files import read_json, write_json, write_text
from paintassay.core.secrets import MASK, mask, mask_all
from paintassay.core.tables import (
    conform,
    read_parquet,
    table_schema,
    text,
    write_csv,
    write_parquet,
)
from paintassay.images.tables import LOST_VIEWS, PLATE_INDEX

SECRET = "hunter2"
ADDRESSES = [
    f"https://me:{SECRET}@host/images",
    f"https://{SECRET}@host/images",
    f"ftp://me:{SECRET}@host:21/a@b.tif",
    f"s3://AKIA123:{SECRET}@bucket/plate",
    # No client would take this, but its error names it.
    f"https://me:pa/{SECRET}#1@host/images",
    f"https://host/a.tif?token={SECRET}",
    f"https://host/a.tif?sv=2022&se=2030&sig={SECRET}%2B&sp=r",
    f"https://host/a.tif?X-Amz-Credential={SECRET}&X-Amz-Date=1&X-Amz-Signature={SECRET}",
    f"https://host/a.tif?AWSAccessKeyId={SECRET}&Expires=3&Signature={SECRET}",
    f"https://host/a.tif?X-Goog-Signature={SECRET}",
    f"https://host/a.tif?api_key={SECRET}",
    f"https://host/a.tif#access_token={SECRET}",
    f"https://host/a.tif?a=1&amp;password={SECRET}",
    f"simplecache::https://me:{SECRET}@host/images",
    # As requests and urllib3 write it.
    f"HTTPConnectionPool(host='h', port=80): url: /images/a.tif?token={SECRET} (Caused by ...)",
]
HARMLESS = [
    "https://host:8443/images/a@b.tif?site=1&well=A01",
    "s3://cellpainting-gallery/cpg0012/images@2/a.tif",
    "data:image/jpeg;base64,aGVsbG8ga2V5IHRva2Vuc2ln==",
    "const key = row.token; if (a && b) key=3",
    "/data/plate=1/key=3/a.tif",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_secrets_are_masked_wherever_an_address_is_written(address, tmp_path):
    for words in (address, f"cannot open '{address}', says the server"):
        assert SECRET not in mask(words)
        assert MASK in mask(words)
        assert mask(mask(words)) == mask(words)
    error = InputError(address, f"no answer from {address}", f"look at {address}")
    assert SECRET not in f"{error} {error.where} {error.problem} {error.hint}"

    config = {"images": {"root": address, "path_prefix": {"/a": address}}, "list": [address]}
    write_json({"config": config, "quoted": f'"{address}"'}, tmp_path / "a.json")
    assert read_json(tmp_path / "a.json")["config"] == mask_all(config)
    write_text(f"<a href='{address}'>", tmp_path / "a.html")
    schema = table_schema("A table.", ("place", text, "where it is", "optional"))
    rows = [{"place": address}, {"place": None}, {"place": "a.tif"}]
    write_csv(rows, tmp_path / "a.csv", schema)
    write_parquet(rows, tmp_path / "a.parquet", schema)
    assert read_parquet(tmp_path / "a.parquet", schema)["place"].to_pylist()[1:] == [None, "a.tif"]
    with pytest.raises(SystemExit) as end, jobs.job(tmp_path / "a.log"):
        logging.getLogger("library").warning("GET %s", address)
        try:
            raise OSError(f"no answer from {address}")
        except OSError as cause:
            raise InputError("images", "cannot be read") from cause
    assert SECRET not in str(end.value)
    assert "no answer" in (tmp_path / "a.log").read_text()
    assert len(list(tmp_path.iterdir())) == 5
    for path in tmp_path.iterdir():
        assert SECRET.encode() not in path.read_bytes(), path


@pytest.mark.parametrize("words", HARMLESS)
def test_what_is_no_secret_stays(words):
    assert mask(words) == words


def test_tables_without_secrets_are_as_they_were():
    table = pa.table({"place": ["https://host/a.tif", None], "smiles": ["C=C", "CC"]})
    place, smiles = ("place", text, "where", "optional"), ("smiles", text, "what")
    schema = table_schema("A table.", place, smiles)
    assert conform(table, schema).to_pydict() == table.to_pydict()


def test_a_plate_is_read_from_addresses_with_tokens(tmp_path):
    """The jobs read with the token; no file that they write has it."""
    images, results = tmp_path / "images", tmp_path / "results"
    images.mkdir()
    results.mkdir()
    rows = []
    for channel in ("DNA", "Mito"):
        # The token is part of the place; this file system takes it for a part of the name.
        name = f"A01_{channel}.tif?sig={SECRET}"
        tifffile.imwrite(images / "plane.tif", [[1, 2], [3, 4]] * 20, dtype="uint16")
        (images / "plane.tif").rename(images / name)
        rows.append(("P1", "A01", "1", channel, f"file://{images}/{name}"))
    columns = ["plate", "well", "site", "channel", "place"]
    table = tmp_path / "table.csv"
    pd.DataFrame(rows, columns=columns).to_csv(table, index=False)
    address = SimpleNamespace(layout="table", root=str(table), path_prefix={})
    settings = {"layout": "table", "root": "", "path_prefix": {}, "channels": ["DNA", "Mito"]}
    run_script(
        "index_plate",
        results,
        output={
            "index": "P1.parquet",
            "lost": "P1.index_lost.csv",
            "counts": "P1.index_counts.json",
        },
        params={"settings": settings, "address": address},
        wildcards={"plate": "P1"},
        log="index.log",
    )
    index = read_parquet(results / "P1.parquet", PLATE_INDEX).to_pandas()
    assert index["place"].str.endswith(f"?sig={MASK}").all()
    convert = {
        "input": {
            "index": "P1.parquet",
            "index_lost": "P1.index_lost.csv",
            "wells": [],
            "labels": [],
        },
        "output": {
            "shard": "P1.npy",
            "views": "P1.views.parquet",
            "lost": "P1.lost.csv",
            "quality": "P1.quality.parquet",
            "copies": "P1.copies.csv",
            "counts": "P1.counts.json",
        },
        "params": {
            "settings": {
                "channels": ["DNA", "Mito"],
                "bits": 16,
                "clip_percent": 0.1,
                "illumination": None,
                "check_tags": "off",
                "max_lost": 0.1,
                "pixel_size_um": 0.656,
            },
            "address": address,
        },
        "wildcards": {"plate": "P1"},
        "log": "convert.log",
    }
    run_script("convert_plate", results, **convert)
    assert len(pd.read_parquet(results / "P1.views.parquet")) == 1
    assert pd.read_csv(results / "P1.lost.csv").columns.tolist() == LOST_VIEWS.names
    # A view whose image is gone is on record, and the job fails with its place.
    next(iter(images.glob("A01_Mito*"))).unlink()
    with pytest.raises(SystemExit) as end:
        run_script("convert_plate", results, **convert)
    assert "A01_Mito.tif" in str(end.value)
    assert SECRET not in str(end.value)
    for path in results.iterdir():
        assert SECRET.encode() not in path.read_bytes(), path
