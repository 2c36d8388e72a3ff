"""Every reader of the tables that users bring: the same forms, the same errors.

The readers are found in the library's sources. One that `READERS` lacks fails the first test.
"""

import ast
import csv
import gzip
import io
import logging
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import ROOT

from paintassay.compounds.library import read_library
from paintassay.core import user_tables, user_text
from paintassay.core.errors import InputError
from paintassay.core.user_tables import opened_table, read_texts
from paintassay.dataset.cells import read_cells
from paintassay.dataset.profiles import read_profiles
from paintassay.images.index import index_plate, list_plates
from paintassay.images.plate_maps import read_plate_maps, read_wells
from paintassay.labels.activities import read_comment_table
from paintassay.statistics.tools import read_tool

SCRIPTS = ROOT / "workflow" / "scripts"
# What reads a table, whatever the module is called by.
DIRECT = {
    *("read_csv", "read_table", "read_fwf", "read_excel", "read_pandas", "ParquetFile"),
    *("open_csv", "DictReader", "Sniffer", "loadtxt", "genfromtxt"),
}
# Where they may be: in the one reader, in the reader of the workflow's own tables and predictions,
# in what plans and so may load neither pandas nor pyarrow, and in the demo, which made its tables.
OWN = (
    "core/user_tables.py",
    "core/tables.py",
    "core/parquet.py",
    "predictions/tables.py",
    "plan/",
    "build_demo_",
)


class Reader(NamedTuple):
    header: list[str]
    rows: list[list[str]]
    # What gives something that can be compared.
    read: object


def read_bound(path, function, *arguments):
    result = function(path, *arguments)
    return [table.fillna("-").to_numpy().tolist() for table in result if hasattr(table, "fillna")]


def tool_scores(path):
    splits = pd.DataFrame({"split": 1, "inchikey": ["A", "B"], "part": "test"})
    predictions = read_tool(path, ["T|é", "U"], splits, ["A", "B"])["compounds"]
    return [predictions.keys.to_numpy().tolist(), predictions.scores.tolist()]


def profiles(path):
    metadata, features, names, _ = read_profiles(path)
    return [metadata.to_numpy().tolist(), features.tolist(), names]


def cells(path):
    views = pd.DataFrame({"plate": ["é"], "well": ["A01"], "site": [1]})
    found, lost = read_cells(path, views, (100, 100))
    return [found.astype(str).to_numpy().tolist(), lost.astype(str).to_numpy().tolist()]


def barcodes(path):
    for name in ("one", "é"):
        path.with_name(name).write_text("well_position\tbroad_sample\nA01\tx\n")
    return read_plate_maps(path, path.parent).astype(str).to_numpy().tolist()


def plate_map(path):
    table = path.with_name("barcodes.csv")
    table.write_text(f"Assay_Plate_Barcode,Plate_Map_Name\nP,{path.name}\n")
    return read_plate_maps(table, path.parent).astype(str).to_numpy().tolist()


def planes(layout):
    return lambda path: read_bound(path, lambda root: index_plate(layout, root, "é", ["DNA"]))


IMAGES = ["plate", "well", "site", "channel", "place"]
LOAD_DATA = ["Metadata_Plate", "Metadata_Well", "Metadata_Site", "URL_OrigDNA"]
CELLS = ["Metadata_Plate", "Metadata_Well", "Metadata_Site", "ObjectNumber"]
CENTRES = ["Nuclei_Location_Center_X", "Nuclei_Location_Center_Y"]
# By the name of the public function; what follows a blank tells further kinds of tables apart.
READERS = {
    "read_library": Reader(
        ["id", "note", "smiles"],
        [["X1", "one, two; three", "CCO"], ["é", "", "CCN"]],
        lambda path: read_library(path, "id", "smiles", None).fillna("-").to_numpy().tolist(),
    ),
    "read_wells": Reader(
        ["plate", "well", "compound_id", "role"],
        [["007", "A01", "é, 2; x", ""], ["007", "A02", "y", "positive_control"]],
        lambda path: read_wells(path).astype(str).to_numpy().tolist(),
    ),
    "read_plate_maps barcodes": Reader(
        ["Assay_Plate_Barcode", "Plate_Map_Name"], [["007", "one"], ["008", "é"]], barcodes
    ),
    "read_plate_maps map": Reader(
        ["well_position", "broad_sample", "solvent"],
        [["A01", "é", ""], ["A02", "y", ""]],
        plate_map,
    ),
    "read_comment_table": Reader(
        ["comment", "label"], [["é; so, so", "active"], ["no", "inactive"]], read_comment_table
    ),
    "list_plates table": Reader(
        IMAGES,
        [["é", "A01", "1", "DNA", "x.tif"], ["7", "A01", "1", "DNA", "y.tif"]],
        lambda path: list_plates("table", path, ["DNA"]),
    ),
    "list_plates load_data": Reader(
        LOAD_DATA,
        [["é", "A01", "1", "s3://x.tif"], ["7", "A01", "1", "s3://y.tif"]],
        lambda path: list_plates("load_data", path, ["DNA"]),
    ),
    "index_plate table": Reader(
        IMAGES,
        [["é", "A01", "1", "DNA", "/a, b; c.tif"], ["é", "A02", "1", "DNA", "/y.tif"]],
        planes("table"),
    ),
    "index_plate load_data": Reader(
        LOAD_DATA,
        [["é", "A01", "1", "s3://x.tif"], ["é", "A02", "1", "s3://y"]],
        planes("load_data"),
    ),
    "read_profiles": Reader(
        ["Metadata_Plate", "Metadata_Well", "Cells_é", "Nuclei_B"],
        [["007", "A01", "1.5", "2"], ["007", "A02", "3", "4"]],
        profiles,
    ),
    "read_cells": Reader(
        [*CELLS, *CENTRES],
        [["é", "A1", "1", "1", "2.5", "3"], ["é", "A1", "1", "2", "4", "5"]],
        cells,
    ),
    "read_tool": Reader(
        ["inchikey", "T|é", "U"], [["A", "0.5", "0.25"], ["B", "1", "0"]], tool_scores
    ),
}


def called(node):
    """The names of the functions that a piece of source calls."""
    functions = [call.func for call in ast.walk(node) if isinstance(call, ast.Call)]
    return {getattr(function, "attr", getattr(function, "id", None)) for function in functions}


def test_no_reader_of_users_tables_is_untested():
    """Functions that reach the one reader, and that no other of them calls."""
    calls = {}
    for path in sorted((SCRIPTS / "paintassay").rglob("*.py")):
        if path.name in ("user_tables.py", "user_text.py"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                calls.setdefault(node.name, set()).update(called(node) - {node.name})
    reaching = {"opened_table", "read_texts"}
    while more := {name for name in calls if calls[name] & reaching} - reaching:
        reaching |= more
    readers = {name for name in reaching & set(calls) if not name.startswith("_")}
    used = set().union(*(calls[name] for name in reaching & set(calls)))
    assert {name.split()[0] for name in READERS} == readers - used


def test_no_table_is_read_past_the_one_reader():
    found = {}
    for path in sorted(SCRIPTS.rglob("*.py")):
        name = str(path.relative_to(SCRIPTS)).removeprefix("paintassay/")
        source = ast.parse(path.read_text())
        own = {
            alias.name
            for node in ast.walk(source)
            if isinstance(node, ast.ImportFrom) and node.module == "paintassay.core.tables"
            for alias in node.names
        }
        direct = {
            ast.unparse(call.func)
            for call in ast.walk(source)
            if isinstance(call, ast.Call)
            and ast.unparse(call.func).rpartition(".")[2] in DIRECT - own
            and not ast.unparse(call.func).startswith("tables.")
        } | {
            ast.unparse(node)
            for node in ast.walk(source)
            if isinstance(node, ast.Attribute) and ast.unparse(node) == "csv.reader"
        }
        if direct:
            found[name] = direct
    assert len(found) >= 3
    assert {name: uses for name, uses in found.items() if not name.startswith(OWN)} == {}


def text_of(reader, separator=",", end="\n"):
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=separator, lineterminator=end)
    writer.writerow(reader.header)
    writer.writerows(reader.rows)
    return text.getvalue()


def compress(data):
    return pa.compress(data, "zstd", asbytes=True)


FORMS = {
    "table.csv": lambda reader: text_of(reader, end="\r\n").encode(),
    "semicolons.csv": lambda reader: text_of(reader, ";").encode(),
    "tabs.txt": lambda reader: text_of(reader, "\t").encode(),
    "TABS.TSV": lambda reader: text_of(reader, "\t").encode(),
    "marked.csv": lambda reader: text_of(reader).encode("utf-8-sig"),
    "windows.csv": lambda reader: text_of(reader, end="\r\n").encode("cp1252"),
    "old_mac.csv": lambda reader: text_of(reader, end="\r").encode(),
    "little.txt": lambda reader: text_of(reader, "\t").encode("utf-16"),
    "big.csv": lambda reader: ("\ufeff" + text_of(reader)).encode("utf-16-be"),
    "quoted.csv": lambda reader: (
        pd.DataFrame(reader.rows, columns=reader.header)
        .to_csv(index=False, quoting=csv.QUOTE_ALL)
        .encode()
    ),
    "blanks.csv": lambda reader: text_of(
        reader._replace(header=[f" {name} " for name in reader.header])
    ).encode(),
    "empty_lines.csv": lambda reader: f"\n{text_of(reader)}\n\n".encode(),
    "no_last_end.csv": lambda reader: text_of(reader).rstrip("\n").encode(),
    "row_names.csv": lambda reader: (
        pd.DataFrame(reader.rows, columns=reader.header).to_csv().encode()
    ),
    **{
        f"packed{ending}{packed}": lambda reader, pack=pack, ending=ending: pack(
            text_of(reader, "," if ending == ".csv" else "\t").encode()
        )
        for ending in (".csv", ".tsv", ".txt")
        for packed, pack in ((".gz", gzip.compress), (".zst", compress))
    },
}


def write_parquet(reader, path, kind):
    columns = zip(*reader.rows, strict=True)
    arrays = [pa.array(values).cast(kind) for values in columns]
    pq.write_table(pa.Table.from_arrays(arrays, reader.header), path)


@pytest.fixture(params=READERS)
def reader(request):
    return READERS[request.param]


def test_a_table_reads_the_same_in_every_form(reader, tmp_path):
    folders = iter(range(100))

    def place(name):
        folder = tmp_path / str(next(folders))
        folder.mkdir()
        return folder / name

    plain = place("table.csv")
    plain.write_text(text_of(reader))
    expected = reader.read(plain)
    for name, form in FORMS.items():
        path = place(name)
        path.write_bytes(form(reader))
        assert reader.read(path) == expected, name
    for kind in (pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())):
        path = place("table.parquet")
        write_parquet(reader, path, kind)
        assert reader.read(path) == expected, kind


def spoil(reader, line):
    """The table with a quoted line break and an empty line before the line that is spoilt."""
    lines = text_of(reader).splitlines()
    return "\n".join([*lines[:2], "", line(lines[2])]) + "\n"


FAULTS = {
    "one field more": (
        lambda r: spoil(r, lambda line: f"x,{line}"),
        r", line 4: has \d+ fields",
    ),
    "a comma at the end": (
        lambda r: spoil(r, lambda line: f"{line},"),
        r", line 4: has \d+ fields",
    ),
    "all with one more": (
        lambda r: text_of(r._replace(rows=[[*row, ""] for row in r.rows])),
        r", line 2: has \d+ fields, but the header has \d+\nHint: fields are separated by commas",
    ),
    "one field less": (lambda r: spoil(r, lambda line: line.rpartition(",")[0]), r", line 4: has "),
    "an open quote": (lambda r: spoil(r, lambda line: f'"{line}'), r", line 4: cannot be read as"),
    "a quote amid": (
        lambda r: spoil(r, lambda line: f'"{line}\n{line}"'),
        r", line 4: (has 1 field,|cannot be read as a table: ',' expected after '\"')",
    ),
    "no rows": (lambda r: text_of(r._replace(rows=[])), ": has a header but no rows\nHint"),
    "empty": (lambda r: "", ": is empty"),
    "nothing but lines": (lambda r: "\n\n", ": is empty"),
    "no header": (
        lambda r: text_of(r).partition("\n")[2],
        ": has no column|: has the column .* twice|: column 'A' is neither a task",
    ),
    "unnamed columns": (lambda r: "," * (len(r.header) - 1) + "\n", ": has no column names"),
    "a column twice": (
        lambda r: text_of(r._replace(header=[*r.header[:-1], f"{r.header[0]} "])),
        ": has the column '.*' twice",
    ),
    "a zero byte": (lambda r: f"{text_of(r)}\0", ": is no text: it holds a zero byte"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_malformed_table_is_one_error_with_its_line(reader, fault, tmp_path):
    spoilt, message = FAULTS[fault]
    path = tmp_path / "table.csv"
    path.write_text(spoilt(reader))
    with pytest.raises(InputError, match=f"table.csv({message})") as error:
        reader.read(path)
    assert error.value.hint


@pytest.mark.parametrize("name", ["t.csv.gz", "t.tsv.zst", "t.parquet", "t.csv"])
def test_a_damaged_file_is_one_error(reader, name, tmp_path):
    path = tmp_path / name
    if name == "t.parquet":
        write_parquet(reader, path, pa.string())
    elif name == "t.csv":
        # Not a letter of Windows-1252, and no UTF-8 either.
        path.write_bytes(text_of(reader).encode() + b"\x81\xe9")
    else:
        pack = gzip.compress if name.endswith(".gz") else compress
        path.write_bytes(pack(text_of(reader, "\t").encode()))
    data = path.read_bytes()
    path.write_bytes(data if name == "t.csv" else data[:-6])
    with pytest.raises(InputError, match=rf"{name}: cannot be read as a table.*\nHint: tables are"):
        reader.read(path)


def test_lines_are_counted_through_quoted_line_breaks(tmp_path):
    path = tmp_path / "wells.csv"
    path.write_text('plate,note,well,compound_id\n\n1,"two\nlines",A1,x\n1,,I99,y\n')
    with pytest.raises(InputError, match="wells.csv, line 5: 'I99' is not a well"):
        read_wells(path)
    table = read_texts(path, ["note"])
    assert table["note"].tolist() == ["two\nlines", ""]


def test_a_quotation_mark_within_a_field_is_text(tmp_path):
    path = tmp_path / "inches.csv"
    path.write_text('a,b\n1,5" disc\n2,6\n')
    assert read_texts(path, ["b"])["b"].tolist() == ['5" disc', "6"]


def test_the_log_says_what_was_found(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    path = tmp_path / "t.csv"
    path.write_bytes("a;b\né;1\n".encode("cp1252"))
    read_texts(path, ["a"])
    assert f"{path}: separated by semicolons" in caplog.text
    assert f"{path}: is not UTF-8 (invalid continuation byte); read as Windows-1252" in caplog.text
    caplog.clear()
    path.write_bytes("a,b\né,1\n".encode("utf-16"))
    assert read_texts(path, ["a"])["a"].tolist() == ["é"]
    assert f"{path}: encoded in UTF-16" in caplog.text


def test_two_encodings_in_one_file_are_refused(tmp_path, monkeypatch):
    """What has been handed on as UTF-8 cannot become Windows-1252 later."""
    monkeypatch.setattr(user_text, "BYTES_PER_PIECE", 8)
    path = tmp_path / "t.csv"
    path.write_bytes("a,b\né,1\n".encode() + b"xxxxxxxxxx,2\n\xe9,3\n")
    with pytest.raises(InputError, match="cannot be read as a table"):
        read_texts(path, ["a"])
    path.write_bytes(b"a,b\nabcdefgh,1\nxxxxxxxxxx,2\n\xe9,3\n")
    assert read_texts(path, ["a"])["a"].tolist() == ["abcdefgh", "xxxxxxxxxx", "é"]


def test_a_long_table_is_never_whole_in_memory(tmp_path, monkeypatch):
    """A file that is read once from the front, of which only pieces are asked for."""
    monkeypatch.setattr(user_tables, "BYTES_PER_BLOCK", 4096)
    monkeypatch.setattr(user_text, "BYTES_PER_PIECE", 4096)
    text = "plate,place\n" + "".join(f"{n % 7},x{n}.tif\n" for n in range(20_000))

    class Counted(io.BytesIO):
        largest = 0

        def read(self, size=-1):
            data = super().read(size)
            self.largest = max(self.largest, len(data))
            return data

    file = Counted(text.encode())
    with opened_table(file, ["plate"], where="t.csv") as table:
        sizes = [batch.num_rows for batch in table.batches(["plate"])]
    assert sum(sizes) == 20_000
    assert max(sizes) < 1000
    assert file.largest <= 4096


def test_numbers_of_parquet_become_text_as_people_write_them(tmp_path):
    path = tmp_path / "t.parquet"
    pd.DataFrame({"plate": [24277.0, np.nan], "well": ["A01", None]}).to_parquet(path)
    assert read_texts(path, ["plate", "well"]).to_numpy().tolist() == [["24277", "A01"], ["", ""]]


def test_a_url_may_have_a_query():
    packed = io.BytesIO(gzip.compress(b"a,b\n1,2\n"))
    with opened_table(packed, where="https://example.org/t.csv.gz?version=1.zst") as table:
        assert table.read().to_pylist() == [{"a": "1", "b": "2"}]


def test_endings_of_the_documentation():
    assert set(user_tables.ENDINGS) == {
        *(f"{kind}{packed}" for kind in (".csv", ".tsv", ".txt") for packed in ("", ".gz", ".zst")),
        ".parquet",
    }
    assert all(Path(f"x{ending}").suffix for ending in user_tables.ENDINGS)
