"""The data set of views: joins against plain Python, nothing lost, and its summary."""

import random
import time
from collections import Counter, defaultdict

import numpy as np
import pandas as pd
import pytest

from paintassay.core import tables
from paintassay.dataset.manifest import build_views, remove_flagged, summarise_dataset
from paintassay.dataset.splits import make_splits
from paintassay.dataset.tables import (
    COMPOUNDS_WITHOUT_IMAGES,
    IMAGES_WITHOUT_LABELS,
    PARTS,
    dataset_schema,
)
from paintassay.images.tables import views_schema

CHANNELS = ["Mito", "Hoechst"]
ROLES = ["treatment"] * 6 + ["negative_control", "positive_control", "empty"]


def manifest(views):
    """Views (plate, well, site) with the columns of a manifest."""
    table = pd.DataFrame(views, columns=["plate", "well", "site"])
    return table.assign(
        shard="p.npy", row=range(len(table)), clip_level_Mito=9, clip_level_Hoechst=9, sha256="0"
    )


def key_of(number):
    return f"{number:014d}-UHFFFAOYSA-N"


@pytest.fixture(scope="module")
def screen():
    """A random screen: wells with several roles, some compounds without key, well or view."""
    chance = random.Random(1)
    wells = []
    for plate in ("10", "11", "12"):
        for number in range(60):
            role = chance.choice(ROLES)
            compound = chance.randrange(40)
            known = role in ("treatment", "positive_control") and compound < 35
            wells.append(
                (
                    plate,
                    f"A{number + 1:02d}",
                    f"c{compound}" if role != "empty" else None,
                    role,
                    key_of(compound) if known else None,
                )
            )
    names = ["plate", "well", "compound_id", "role", "inchikey"]
    wells = pd.DataFrame(wells, columns=names)
    places = [*wells[["plate", "well"]].itertuples(index=False, name=None), ("13", "A01")]
    views = [
        (plate, well, site)
        for plate, well in places
        for site in range(1, 7)
        if chance.random() < 0.4
    ]
    chance.shuffle(views)
    label_keys = [key_of(number) for number in [*range(20), 50, 51]]
    everyone = [key_of(number) for number in [*range(35), 50, 51]]
    compounds = pd.DataFrame({"inchikey": everyone, "smiles": None})
    compounds["compound_ids"] = [[f"c{int(key[:14])}", "twin"] for key in everyone]
    splits = make_splits(compounds[compounds["inchikey"].isin(label_keys)], "inchikey", seed=3)
    return manifest(views), wells, splits, label_keys, compounds


def test_every_view_gets_what_a_look_up_by_hand_gives(screen):
    views, wells, splits, label_keys, _ = screen
    found = build_views(views, wells, splits, label_keys)
    pd.testing.assert_frame_equal(found[views.columns], views)
    table = tables.conform(found, dataset_schema(views_schema(CHANNELS), 3))
    assert table.schema.metadata[b"channels"] == b"Mito,Hoechst"
    by_well = {(row.plate, row.well): row for row in wells.itertuples()}
    part_of = {(row.inchikey, row.split): row.part for row in splits.itertuples()}
    assert {row["role"] for row in table.to_pylist()} == {*ROLES, None}
    for row in table.to_pylist():
        well = by_well.get((row["plate"], row["well"]))
        for name in ("compound_id", "role", "inchikey"):
            value = getattr(well, name, None)
            assert row[name] == (None if pd.isna(value) else value)
        labelled = row["role"] == "treatment" and row["inchikey"] in label_keys
        assert row["labelled"] is labelled
        for split in (1, 2, 3):
            assert row[f"split_{split}"] == (part_of[row["inchikey"], split] if labelled else None)


def test_summary_against_counts_by_hand(screen):
    views, wells, splits, label_keys, compounds = screen
    found = build_views(views, wells, splits, label_keys)
    counts, no_images, no_labels, parts = summarise_dataset(
        found, wells, compounds, splits, label_keys
    )
    for table, schema in (
        (no_images, COMPOUNDS_WITHOUT_IMAGES),
        (no_labels, IMAGES_WITHOUT_LABELS),
        (parts, PARTS),
    ):
        tables.conform(table, schema)
    role_of = {
        (row.plate, row.well): (row.role, row.compound_id, row.inchikey)
        for row in wells.itertuples()
    }
    views_of, wells_of, roles = Counter(), defaultdict(set), Counter()
    for plate, well in zip(views["plate"], views["well"], strict=True):
        role, compound, key = role_of.get((plate, well), (None, None, None))
        roles[role] += 1
        if role == "treatment":
            key = None if pd.isna(key) else key
            views_of[compound, key] += 1
            wells_of[compound, key].add((plate, well))
    keys_seen = {key for _, key in views_of if key}
    assert counts["views"] == len(views) == sum(roles.values())
    assert counts["views_not_on_plate_map"] == roles[None] > 0
    assert counts["views_of_treatments"] == roles["treatment"]
    assert (
        counts["views_of_controls_or_empty_wells"] == len(views) - roles["treatment"] - roles[None]
    )
    assert counts["views_labelled"] == sum(
        n for (_, key), n in views_of.items() if key in label_keys
    )
    assert counts["views_without_inchikey"] == sum(
        n for (_, key), n in views_of.items() if key is None
    )
    assert counts["compounds_with_views"] == len(keys_seen)
    assert counts["compounds_with_labels_and_views"] == len(keys_seen & set(label_keys))
    assert set(no_images["inchikey"]) == set(label_keys) - keys_seen
    assert {
        (row.compound_id, None if pd.isna(row.inchikey) else row.inchikey): (row.wells, row.views)
        for row in no_labels.itertuples()
    } == {
        pair: (len(wells_of[pair]), n) for pair, n in views_of.items() if pair[1] not in label_keys
    }
    for row in parts.itertuples():
        members = splits[(splits["split"] == row.split) & (splits["part"] == row.part)]["inchikey"]
        assert row.compounds == len(members)
        assert row.compounds_with_views == len(set(members) & keys_seen)
        assert row.views == sum(n for (_, key), n in views_of.items() if key in set(members))
    assert list(parts["part"]) == ["train", "validation", "test"] * 3


def test_reasons_for_compounds_without_images(screen):
    _, _, _, _, compounds = screen
    names = ["plate", "well", "compound_id", "role", "inchikey"]
    rows = [
        ("1", "A01", "c1", "treatment", key_of(1)),
        ("1", "A02", "c2", "positive_control", key_of(2)),
        ("1", "A03", "c3", "treatment", key_of(3)),
    ]
    wells = pd.DataFrame(rows, columns=names)
    keys = [key_of(number) for number in (1, 2, 3, 50)]
    splits = make_splits(pd.DataFrame({"inchikey": keys}), "inchikey", seed=0)
    views = build_views(manifest([("1", "A02", 1), ("1", "A03", 1)]), wells, splits, keys)
    assert list(views["labelled"]) == [False, True]
    _, no_images, _, _ = summarise_dataset(views, wells, compounds, splits, keys)
    assert no_images.values.tolist() == [
        [key_of(1), "c1;twin", 1, "no view of its wells"],
        [key_of(2), "c2;twin", 0, "only as a control"],
        [key_of(50), "c50;twin", 0, "in no well of the plate maps"],
    ]


def test_doses_reach_the_views_and_the_account(screen):
    _, _, _, _, compounds = screen
    names = ["plate", "well", "compound_id", "role", "inchikey", "dose"]
    rows = [
        ("1", "A01", "c1", "treatment", key_of(1), 1.0),
        ("1", "A02", "c1", "treatment", key_of(1), 10.0),
        ("1", "A03", "c3", "treatment", key_of(3), 10.0),
        ("1", "A04", "c3", "other_dose", key_of(3), 1.0),
        ("1", "A05", "c4", "treatment", key_of(4), None),
    ]
    wells = pd.DataFrame(rows, columns=names)
    keys = [key_of(number) for number in (1, 3, 4)]
    splits = make_splits(pd.DataFrame({"inchikey": keys}), "inchikey", seed=0)
    views = manifest([("1", f"A0{well}", 1) for well in range(1, 6)])
    found = build_views(views, wells, splits, keys)
    tables.conform(found, dataset_schema(views_schema(CHANNELS), 3))
    assert found["dose"].fillna(-1).tolist() == [1, 10, 10, 1, -1]
    assert found["labelled"].tolist() == [True, True, True, False, True]
    counts, *_ = summarise_dataset(found, wells, compounds, splits, keys)
    assert counts["compounds_with_several_doses"] == 1
    assert counts["views_of_other_doses"] == 1
    assert counts["views_of_controls_or_empty_wells"] == 0
    assert counts["views_of_treatments"] == 4


def test_flags_remove_views_only_when_asked_and_only_whole_names_count():
    views = manifest([("1", "A01", 1), ("1", "A01", 2), ("1", "A02", 1), ("1", "A03", 1)])
    rows = [
        ("1", "A01", 1, "Mito", ""),
        ("1", "A01", 1, "Hoechst", "dim;blurred"),
        ("1", "A01", 2, "Mito", "blurred_a_little"),
        ("1", "A02", 1, "Mito", "saturated"),
        ("1", "A02", 1, "Hoechst", "saturated"),
    ]
    quality = pd.DataFrame(rows, columns=["plate", "well", "site", "channel", "flags"])
    assert len(remove_flagged(views, quality, [])[0]) == 4
    kept, excluded = remove_flagged(views, quality, ["blurred", "saturated"])
    assert list(kept["row"]) == [1, 3]
    assert list(excluded["row"]) == [0, 2]


def test_a_well_twice_and_a_label_without_a_part_are_refused(screen):
    views, wells, splits, label_keys, _ = screen
    with pytest.raises(ValueError, match="merge"):
        build_views(views, pd.concat([wells, wells.head(1)]), splits, label_keys)
    with pytest.raises(ValueError, match="no part in each split"):
        build_views(views, wells, splits, [*label_keys, key_of(99)])


def test_empty_inputs_give_empty_tables(screen):
    views, wells, splits, label_keys, compounds = screen
    found = build_views(views.head(0), wells, splits, label_keys)
    tables.conform(found, dataset_schema(views_schema(CHANNELS), 3))
    counts, no_images, no_labels, parts = summarise_dataset(
        found, wells, compounds, splits, label_keys
    )
    assert counts["compounds_with_labels_without_views"] == len(no_images) == len(label_keys)
    assert len(no_labels) == 0
    assert parts["views"].sum() == 0


def test_the_study_s_size_takes_seconds():
    plates, wells_a_plate, sites = 406, 384, 6
    wells = pd.DataFrame(
        {
            "plate": np.repeat(np.arange(24000, 24000 + plates).astype(str), wells_a_plate),
            "well": np.tile(
                [f"{r}{c:02d}" for r in "ABCDEFGHIJKLMNOP" for c in range(1, 25)], plates
            ),
            "role": "treatment",
        }
    )
    number = np.arange(len(wells)) % 30000
    wells["compound_id"] = pd.Series(number).astype("str")
    wells["inchikey"] = wells["compound_id"].str.zfill(14) + "-UHFFFAOYSA-N"
    places = np.repeat(np.arange(len(wells)), sites)
    views = wells[["plate", "well"]].iloc[places].reset_index(drop=True)
    views = views.assign(
        site=np.tile(np.arange(1, sites + 1), len(wells)), shard="p.npy", row=0, sha256="0"
    )
    compounds = wells[["inchikey"]].drop_duplicates().assign(smiles=None, compound_ids=None)
    splits = make_splits(compounds.head(10_000), "inchikey", seed=1)
    start = time.perf_counter()
    found = build_views(views, wells, splits, splits["inchikey"].unique())
    counts, *_ = summarise_dataset(found, wells, compounds, splits, splits["inchikey"].unique())
    assert time.perf_counter() - start < 20
    assert len(found) == 935_424
    assert counts["views_labelled"] == (number < 10_000).sum() * sites
