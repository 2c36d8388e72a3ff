"""Finding images: real names and tables are read whole, every fault is one row of lost views."""

import json
import re
import zipfile
from collections import Counter

import fsspec
import pandas as pd
import pytest

from paintassay.core.errors import InputError
from paintassay.core.tables import conform
from paintassay.images.index import index_plate, list_plates
from paintassay.images.layouts import bray, planes, text_tables
from paintassay.images.storage import UnreachableError
from paintassay.images.tables import LOST_VIEWS, PLATE_INDEX
from paintassay.images.wells import site_number

CHANNELS = ["Mito", "ERSyto", "ERSytoBleed", "Ph_golgi", "Hoechst"]
WAVES = {"Hoechst": 1, "ERSyto": 2, "ERSytoBleed": 3, "Ph_golgi": 4, "Mito": 5}
GUID = "0de06b65-35a2-413d-a4b9-2941bd3d5245"


def index(*arguments, **options):
    """Index a plate; what comes back fits its schemas."""
    images, lost = index_plate(*arguments, **options)
    conform(images, PLATE_INDEX)
    conform(lost, LOST_VIEWS)
    return images, lost


def lines(table, *columns):
    values = table[list(columns)].astype("object")
    return [tuple(row) for row in values.where(values.notna(), None).to_numpy()]


def bray_names(plate="24279", wells=("a01", "p24"), sites=(1, 2)):
    """Member names of each channel's archive, of a plate without faults."""
    return {
        channel: [
            f"{plate}-{channel}/cdp2w3_{well}_s{site}_w{WAVES[channel]}{GUID}.tif"
            for well in wells
            for site in sites
        ]
        for channel in CHANNELS
    }


def write_bray(root, layout, names, plate="24279"):
    for channel, members in names.items():
        if layout == "bray_zip":
            with zipfile.ZipFile(root / f"{plate}-{channel}.zip", "w") as archive:
                archive.mkdir(f"{plate}-{channel}")
                for member in members:
                    archive.writestr(member, b"")
        else:
            for member in members:
                path = root / member
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(b"")


@pytest.mark.parametrize("remote", [False, True])
def test_folder_of_a_plate_holds_all_channels(tmp_path, remote, request):
    """As in the Cell Painting Gallery: the wavelength in its name says the channel of a file."""
    files = {name.split("/")[1] for members in bray_names().values() for name in members}
    odd = {f"cdp2w3_b02_s1_w6{GUID}.tif", "notes.txt", f"cdp2w3_z99_s1_w1{GUID}.tif"}
    for name in files | odd:
        path = tmp_path / "24279" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    root = tmp_path
    if remote:
        root = "s3://gallery/images"
        client = request.getfixturevalue("s3_bucket")
        for name in files | odd:
            client.put_object(Bucket="gallery", Key=f"images/24279/{name}", Body=b"x")
    assert list_plates("bray_gallery", root, CHANNELS) == ["24279"]
    images, lost = index("bray_gallery", root, "24279", ["Mito", "Hoechst"])
    mito, hoechst = f"_w5{GUID}.tif", f"_w1{GUID}.tif"
    views = [("A01", 1), ("A01", 2), ("P24", 1), ("P24", 2)]
    assert lines(images, "well", "site", "channel", "place", "member") == [
        (well, site, channel, f"{root}/24279/cdp2w3_{well.lower()}_s{site}{end}", None)
        for well, site in views
        for channel, end in (("Mito", mito), ("Hoechst", hoechst))
    ]
    assert sorted(lines(lost, "problem", "detail")) == [
        ("file name cannot be parsed", f"cdp2w3_z99_s1_w1{GUID}.tif"),
        ("not an image", "notes.txt"),
        ("wavelength differs from channel", f"cdp2w3_b02_s1_w6{GUID}.tif"),
    ]


def test_every_real_name_of_a_plate(shared_data, tmp_path):
    """The names as the IDR lists them: 384 wells, 6 sites, 5 channels, each with its own GUID."""
    text = (shared_data / "idr0016" / "24279.screen").read_text()
    names, expected, row, column = {}, {}, None, None
    for line in text.splitlines():
        key, _, value = line.partition(" = ")
        if key == "Row":
            row = int(value)
        elif key == "Column":
            column = int(value)
        elif key.startswith("Field_"):
            site = int(key.removeprefix("Field_")) + 1
            for part in re.search("<(.*)>", value)[1].split(","):
                channel, file = part.split("/")
                member = f"24279-{channel}/{file}.tif"
                names.setdefault(channel, []).append(member)
                expected["ABCDEFGHIJKLMNOP"[row] + f"{column + 1:02d}", site, channel] = member
    assert len(expected) == 11_520
    write_bray(tmp_path, "bray_zip", names)

    images, lost = index("bray_zip", tmp_path, "24279", CHANNELS)

    assert lost.empty
    members = images.set_index(["well", "site", "channel"])["member"].to_dict()
    assert members == expected
    assert list(images["channel"][:5]) == CHANNELS
    assert images.loc[0, "place"] == f"{tmp_path}/24279-Mito.zip"
    # The one view that also lies there as pixels has these names in its archives.
    original = json.loads((shared_data / "cloome_bray2017" / "original_names.json").read_text())
    assert {c: members["A01", 1, c] for c in CHANNELS} == original


@pytest.mark.parametrize("layout", ["bray_zip", "bray_folder"])
def test_plates_of_bray(tmp_path, layout):
    write_bray(tmp_path, layout, bray_names())
    write_bray(tmp_path, layout, bray_names("plate-2"), "plate-2")
    (tmp_path / "README.txt").write_text("")
    assert list_plates(layout, tmp_path, CHANNELS) == ["24279", "plate-2"]
    images, lost = index(layout, tmp_path, "plate-2", CHANNELS)
    assert (len(images), len(lost)) == (20, 0)
    with pytest.raises(InputError, match="has no channel 'mito'"):
        list_plates(layout, tmp_path, ["mito"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no plates found"):
        list_plates(layout, tmp_path / "empty", CHANNELS)


def test_members_that_are_no_views(tmp_path):
    """Each is listed once, and the plate's true images stay."""
    names = bray_names()
    folder = "24279-Mito"
    extra = {
        f"{folder}/Thumbs.db": planes.NOT_AN_IMAGE,
        f"{folder}/._cdp2w3_a01_s1_w5.tif": planes.NOT_AN_IMAGE,
        f"__MACOSX/{folder}/cdp2w3_b01_s1_w5.tif": planes.NOT_AN_IMAGE,
        "../cdp2w3_b01_s1_w5.tif": planes.OUTSIDE_FOLDER,
        f"{folder}/../{folder}/cdp2w3_b01_s1_w5.tif": planes.OUTSIDE_FOLDER,
        f"/{folder}/cdp2w3_b01_s1_w5.tif": planes.OUTSIDE_FOLDER,
        "cdp2w3_b01_s1_w5.tif": planes.OUTSIDE_FOLDER,
        "24280-Mito/cdp2w3_b01_s1_w5.tif": planes.OUTSIDE_FOLDER,
        f"{folder}/deeper/cdp2w3_b01_s1_w5.tif": planes.OUTSIDE_FOLDER,
        f"{folder}/cdp2w3_q01_s1_w5.tif": planes.NAME_NOT_PARSED,
        f"{folder}/cdp2w3_b25_s1_w5.tif": planes.NAME_NOT_PARSED,
        f"{folder}/cdp2w3_b01_s1_w5_thumb{GUID}.tif": planes.NAME_NOT_PARSED,
        f"{folder}/cdp2w3_b01_s1_w5{GUID[:-1]}.tif": planes.NAME_NOT_PARSED,
    }
    names["Mito"] += extra
    write_bray(tmp_path, "bray_zip", names)
    images, lost = index("bray_zip", tmp_path, "24279", CHANNELS)
    assert dict(lines(lost, "detail", "problem")) == extra
    assert len(lost) == len(extra)
    assert set(lost["place"]) == {f"{tmp_path}/24279-Mito.zip"}
    assert len(images) == 4 * 5


def test_views_that_lack_a_channel(tmp_path):
    names = bray_names(wells=("a01", "b02", "c03"))
    names["Mito"].remove(f"24279-Mito/cdp2w3_a01_s1_w5{GUID}.tif")
    # A second file for the same plane: nobody can tell which is right.
    names["Hoechst"].append("24279-Hoechst/other-prefix_b02_s2_w1.tiff")
    # The file of another channel.
    names["ERSyto"].remove(f"24279-ERSyto/cdp2w3_c03_s1_w2{GUID}.tif")
    names["ERSyto"].append(f"24279-ERSyto/cdp2w3_c03_s1_w3{GUID}.tif")
    write_bray(tmp_path, "bray_zip", names)
    images, lost = index("bray_zip", tmp_path, "24279", CHANNELS)
    assert sorted(lines(lost, "well", "site", "channel", "problem")) == [
        ("A01", 1, "Mito", planes.CHANNEL_MISSING),
        ("B02", 2, "Hoechst", planes.DUPLICATE),
        ("C03", 1, "ERSyto", planes.WRONG_WAVELENGTH),
    ]
    views = images.groupby(["well", "site"])["channel"].agg(list)
    assert list(views.index) == [("A01", 2), ("B02", 1), ("C03", 2)]
    assert all(channels == CHANNELS for channels in views)


def test_one_name_twice_in_an_archive(tmp_path):
    names = bray_names()
    names["Mito"].append(names["Mito"][0])
    with pytest.warns(UserWarning, match="Duplicate name"):
        write_bray(tmp_path, "bray_zip", names)
    _, lost = index("bray_zip", tmp_path, "24279", CHANNELS)
    assert lines(lost, "well", "site", "problem") == [("A01", 1, planes.DUPLICATE)]


@pytest.mark.parametrize("layout", ["bray_zip", "bray_folder"])
def test_channel_missing_on_the_whole_plate(tmp_path, layout):
    names = bray_names()
    del names["Mito"]
    write_bray(tmp_path, layout, names)
    images, lost = index(layout, tmp_path, "24279", CHANNELS)
    assert images.empty
    assert lines(lost, "channel", "problem") == [("Mito", planes.CHANNEL_MISSING)]
    assert lost["well"].isna().all()
    # Who asks for the other four gets them.
    images, lost = index(layout, tmp_path, "24279", CHANNELS[1:])
    assert (len(images), len(lost)) == (16, 0)
    with pytest.raises(InputError, match="no plate has the channel 'Mito'"):
        list_plates(layout, tmp_path, CHANNELS)


def test_archive_cut_off(tmp_path):
    write_bray(tmp_path, "bray_zip", bray_names())
    path = tmp_path / "24279-Mito.zip"
    path.write_bytes(path.read_bytes()[:-30])
    images, lost = index("bray_zip", tmp_path, "24279", CHANNELS)
    assert images.empty
    assert lines(lost, "channel", "problem", "place") == [
        ("Mito", planes.ARCHIVE_DAMAGED, str(path))
    ]


def test_archive_that_cannot_be_reached_is_not_lost(tmp_path, monkeypatch):
    """A broken connection must fail the job, or good views are lost for good."""
    write_bray(tmp_path, "bray_zip", bray_names())

    def unreachable(place):
        raise UnreachableError(place, "cannot be read")

    monkeypatch.setattr(bray, "member_names", unreachable)
    with pytest.raises(UnreachableError):
        index_plate("bray_zip", tmp_path, "24279", CHANNELS)


GALLERY = "/home/ubuntu/bucket/"
MEASUREMENT = (
    "cpg0016-jump/source_4/images/2021_04_26_Batch1/images/"
    "BR00117035__2021-05-02T16_02_51-Measurement1/Images"
)


def test_load_data_of_the_gallery(shared_data):
    table = shared_data / "dcp_loaddata" / "load_data.csv"
    channels = ["DNA", "Mito", "AGP"]
    assert list_plates("load_data", table, channels) == ["BR00117035"]
    prefix = {"/home/ubuntu": "/wrong", GALLERY: "s3://cellpainting-gallery", "/home": "/wrong"}
    images, lost = index("load_data", table, "BR00117035", channels, path_prefix=prefix)
    assert lost.empty
    assert len(images) == 216 * 3
    assert images.groupby("well")["site"].agg(list).map(tuple).nunique() == 1
    assert lines(images, "well", "site", "channel", "place")[:2] == [
        # Hard-wired from the table's first row: ch5 is DNA, ch1 is Mito.
        (
            "A01",
            1,
            channel,
            f"s3://cellpainting-gallery/{MEASUREMENT}/r01c01f01p01-ch{number}sk1fk1fl1.tiff",
        )
        for channel, number in (("DNA", 5), ("Mito", 1))
    ]
    with pytest.raises(InputError, match="no plate has the channel 'Hoechst'"):
        list_plates("load_data", table, ["DNA", "Hoechst"])


def test_load_data_finds_real_files(shared_data):
    folder = shared_data / "jump_pe2loaddata" / "Version1"
    channels = ["RNA", "ER", "AGP", "Mito", "DNA", "Brightfield"]
    assert list_plates("load_data", folder, channels) == ["BR00121482"]
    prefix = {"tests/data/Version1": str(folder)}
    images, lost = index("load_data", folder, "BR00121482", channels, path_prefix=prefix)
    assert lost.empty
    assert set(images["place"]) == {str(path) for path in (folder / "images").iterdir()}


def test_load_data_parquet(shared_data):
    folder = shared_data / "pycytominer_celllocations"
    images, lost = index("load_data", folder, "BR00126114", ["DNA", "ER"])
    assert lost.empty
    assert len(images) == 4
    assert (
        images["place"].str.match(r"s3://cellpainting-gallery/cpg0016-jump/.*/Images/r\d+c").all()
    )


def load_data(**columns):
    rows = {"Metadata_Plate": "P", "Metadata_Well": "A1", "Metadata_Site": "1"} | columns
    return pd.DataFrame(rows)


def test_load_data_oddities(tmp_path):
    table = tmp_path / "load_data.csv"
    load_data(
        Metadata_Well=["A1", "r02c03", "AF48", "A49", "B1", "C1", "D1", "D1"],
        Metadata_Site=["01", "2", "3", "1", "x", "1", "1", "1"],
        PathName_OrigDNA=["images/", "/data2/x", "/data/x", *["/data"] * 5],
        FileName_OrigDNA=["1.tif", "2.tif", "3.tif", "4.tif", "5.tif", "", "6.tif", "7.tif"],
        URL_OrigER=["file:/a%20b/1.tif", "https://host/2.tif", "C:\\d\\3.tif", *["s3://b/c"] * 5],
    ).to_csv(table, index=False, encoding="utf-8-sig")
    prefix = {"/data": "/mnt", "C:\\d": "s3://e"}
    images, lost = index("load_data", table, "P", ["DNA", "ER"], path_prefix=prefix)
    assert lines(images, "well", "site", "place") == [
        ("A01", 1, f"{tmp_path}/images/1.tif"),
        ("A01", 1, "/a b/1.tif"),
        ("B03", 2, "/data2/x/2.tif"),
        ("B03", 2, "https://host/2.tif"),
        ("AF48", 3, "/mnt/x/3.tif"),
        ("AF48", 3, "s3://e/3.tif"),
    ]
    problems = lines(lost[lost["channel"] == "DNA"], "well", "problem", "detail")
    assert Counter(problem for _, problem, _ in problems) == {
        planes.WRONG_WELL: 1,
        planes.WRONG_SITE: 1,
        planes.CHANNEL_MISSING: 1,
        planes.DUPLICATE: 1,
    }
    assert ("D01", planes.DUPLICATE, "/mnt/6.tif, /mnt/7.tif") in problems


def test_load_data_of_many_plates(tmp_path, monkeypatch):
    """One table a plate in a folder of its name: the others are not read for it."""
    for plate in ("P1", "P2"):
        for name in ("load_data.csv.gz", "load_data_with_illum.parquet"):
            path = tmp_path / "batch" / plate / name
            path.parent.mkdir(parents=True, exist_ok=True)
            table = load_data(
                Metadata_Plate=plate, Metadata_Site=[1.0, 2.0], URL_OrigDNA=["s3://b/1", "s3://b/2"]
            )
            table.to_parquet(path) if name.endswith("t") else table.to_csv(path)
    (tmp_path / "batch" / "notes.csv").write_text("nothing,of,interest\n")
    assert list_plates("load_data", tmp_path, ["DNA"]) == ["P1", "P2"]
    read = []
    original = text_tables.opened_file
    monkeypatch.setattr(text_tables, "opened_file", lambda p: read.append(p) or original(p))
    images, lost = index("load_data", tmp_path, "P2", ["DNA"])
    assert lost.empty
    assert lines(images, "site", "place") == [(1, "s3://b/1"), (2, "s3://b/2")]
    assert all("/P2/" in place for place in read)


def test_one_table_for_all(tmp_path):
    table = tmp_path / "images.csv"
    table.write_text(
        "plate,well,site,channel,place,member\n"
        "P1,a1,1,DNA,1.zip,1.tif\nP1,a1,1,ER,/abs/2.tif,\nP1,a1,1,Bright,3.tif,\n"
        "P1,a2,1,DNA,s3://b/4.tif,\n"
        "001,a1,1,DNA,5.tif,\n001,a1,1,ER,6.tif,\n"
    )
    assert list_plates("table", table, ["DNA", "ER"]) == ["001", "P1"]
    images, lost = index("table", table, "P1", ["ER", "DNA"])
    assert lines(images, "plate", "well", "channel", "place", "member") == [
        ("P1", "A01", "ER", "/abs/2.tif", None),
        ("P1", "A01", "DNA", f"{tmp_path}/1.zip", "1.tif"),
    ]
    assert lines(lost, "well", "site", "channel", "problem") == [
        ("A02", 1, "ER", planes.CHANNEL_MISSING)
    ]
    images, _ = index("table", table, "001", ["ER", "DNA"])
    assert set(images["plate"]) == {"001"}


@pytest.mark.parametrize("layout", ["bray_zip", "bray_folder", "load_data"])
def test_remote_places(tmp_path, layout):
    """Any file system of fsspec will do; the one in memory stands for s3."""
    channels = CHANNELS
    if layout == "load_data":
        channels = ["DNA", "ER"]
        rows = load_data(
            Metadata_Plate=["24279"], FileName_OrigDNA="1.tif", FileName_OrigER="2.tif"
        )
        rows["PathName_OrigDNA"] = rows["PathName_OrigER"] = "images"
        (tmp_path / "batch").mkdir()
        rows.to_csv(tmp_path / "batch" / "load_data.csv")
        rows.to_parquet(tmp_path / "batch" / "load_data.parquet")
    else:
        write_bray(tmp_path, layout, bray_names())
    memory = fsspec.filesystem("memory")
    memory.put(f"{tmp_path}/", "/screen", recursive=True)
    try:
        root = "memory://screen"
        assert list_plates(layout, root, channels) == ["24279"]
        images, lost = index(layout, root, "24279", channels)
        assert lost.empty
        assert len(images) == (2 if layout == "load_data" else 20)
        # Relative names in a table are relative to it.
        inside = "batch/images/" if layout == "load_data" else "24279-"
        assert images["place"].str.startswith(f"{root}/{inside}").all()
    finally:
        memory.rm("/screen", recursive=True)


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("t.csv", b"", ": is empty"),
        ("t.csv", b"plate,well,site,channel\n", ": has no column 'place'"),
        ("t.csv", b"plate,well,site,channel,place\nP,A1\n", ", line 2: has 2 fields, but"),
        ("t.csv", b"plate,well,site,channel,place\nP,A1,1,DNA,\x81.tif\n", ": cannot be read as"),
        ("t.csv.gz", b"plate,well", ": cannot be read as a table"),
        ("t.parquet", b"plate,well", ": cannot be read as a table"),
        ("missing.csv", None, ": does not exist"),
    ],
)
def test_tables_that_cannot_be_read(tmp_path, name, content, problem):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=f"{name}{problem}"):
        list_plates("table", tmp_path / name, ["DNA"])


def write_table(tmp_path, *rows):
    path = tmp_path / "images.csv"
    lines_of_table = ["plate,well,site,channel,place,member", *rows]
    path.write_text("\n".join(lines_of_table) + "\n")
    return path


@pytest.mark.parametrize(
    ("first", "second", "planes_named"),
    [
        ("A1,1,DNA,1.tif,", "A1,1,ER,1.tif,", ["A01, site 1, DNA", "A01, site 1, ER"]),
        ("A1,1,DNA,1.tif,", "A2,1,DNA,./x/../1.tif,", ["A01, site 1, DNA", "A02, site 1, DNA"]),
        ("A1,1,DNA,1.zip,a.tif", "A1,2,DNA,1.zip,a.tif", ["site 1, DNA", "site 2, DNA"]),
    ],
)
def test_a_place_used_twice_is_an_error_that_names_both(tmp_path, first, second, planes_named):
    wells = {row.split(",")[0]: row.split(",")[1] for row in (first, second)}
    channels = {row.split(",")[2] for row in (first, second)}
    rows = [f"P,{first}", f"P,{second}"]
    if len(channels) == 1 and len(wells) == 1:
        rows.append("P,A3,1,DNA,1.zip,b.tif")
    table = write_table(tmp_path, *rows)
    with pytest.raises(InputError, match="is used twice") as error:
        index("table", table, "P", sorted(channels))
    for name in planes_named:
        assert name in error.value.problem


def test_members_of_an_archive_are_places_of_their_own(tmp_path):
    table = write_table(tmp_path, "P,A1,1,DNA,1.zip,a.tif", "P,A2,1,DNA,1.zip,b.tif")
    images, lost = index("table", table, "P", ["DNA"])
    assert (len(images), len(lost)) == (2, 0)


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", 0), ("1", 1), ("01", 1), ("3.0", 3), ("s1", 1), ("S02", 2), ("f03", 3), ("site 4", 4),
     ("fld 1", 1), ("x", None), ("1.5", None), ("-1", None), ("", None), ("s", None)],
)  # fmt: skip
def test_numbers_of_sites(text, number):
    assert site_number(text) == number
