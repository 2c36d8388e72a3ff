"""Splits of compounds: no group in two parts, sizes near their targets, the same every time."""

from collections import Counter, defaultdict

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paintassay.core import tables
from paintassay.core.errors import InputError
from paintassay.dataset.splits import _fill_empty, check_splits, make_splits, scaffolds
from paintassay.dataset.tables import SPLITS

TARGETS = {"train": 0.7, "validation": 0.1, "test": 0.2}
# Phenylalanine: both enantiomers and one without SMILES; benzene, toluene; hexane; cyclohexane.
MOLECULES = {
    "COLNVLDHVKWLRT-MRVPVSSYSA-N": "N[C@H](Cc1ccccc1)C(=O)O",
    "COLNVLDHVKWLRT-QMMMGPOBSA-N": "N[C@@H](Cc1ccccc1)C(=O)O",
    "COLNVLDHVKWLRT-UHFFFAOYSA-N": None,
    "UHOVQNZJYSORNB-UHFFFAOYSA-N": "c1ccccc1",
    "VLKZOEOYAKHREP-UHFFFAOYSA-N": "CCCCCC",
    "XDTMQSROBMDMFD-UHFFFAOYSA-N": "C1CCCCC1",
    "YXFVVABEGXRONW-UHFFFAOYSA-N": "Cc1ccccc1",
    "ZZZZZZZZZZZZZZ-UHFFFAOYSA-N": None,
}


def compounds_in_blocks(sizes):
    """Compounds whose first blocks occur as often as `sizes` says."""
    keys = [
        f"{''.join(chr(65 + int(digit)) for digit in f'{block:014d}')}-{n:08d}SA-N"
        for block, size in enumerate(sizes)
        for n in range(size)
    ]
    return pd.DataFrame({"inchikey": keys, "smiles": None})


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.one_of(st.integers(1, 3), st.integers(1, 200)), min_size=4, max_size=60),
    seed=st.integers(0, 2**32),
    shuffle=st.randoms(use_true_random=False),
)
def test_groups_stay_together_and_parts_keep_their_size(sizes, seed, shuffle):
    compounds = compounds_in_blocks(sizes)
    order = list(range(len(compounds)))
    shuffle.shuffle(order)
    splits = make_splits(compounds, "first_block", seed=seed)
    pd.testing.assert_frame_equal(
        splits, make_splits(compounds.iloc[order], "first_block", seed=seed)
    )
    for split in (1, 2, 3):
        rows = splits[splits["split"] == split]
        assert sorted(rows["inchikey"]) == sorted(compounds["inchikey"])
        parts_of_block = defaultdict(set)
        for key, part in zip(rows["inchikey"], rows["part"], strict=True):
            parts_of_block[key[:14]].add(part)
        assert all(len(parts) == 1 for parts in parts_of_block.values())
        found = Counter(rows["part"])
        assert set(found) == set(TARGETS)
        for part, share in TARGETS.items():
            assert abs(found[part] - share * sum(sizes)) <= max(sizes) + 1e-9


def test_the_smallest_groups_of_the_fullest_part_fill_the_empty_ones():
    part_of, sizes = np.array([0, 0, 0, 2, 2]), np.array([9, 4, 6, 1, 1])
    _fill_empty(1, part_of, lacking=np.array([-4.3, 2.1, 2.2]), sizes=sizes)
    assert part_of.tolist() == [0, 1, 0, 2, 2]


@settings(max_examples=20, deadline=None)
@given(sizes=st.lists(st.integers(1, 50), min_size=3, max_size=3), seed=st.integers(0, 100))
def test_three_groups_fill_three_parts(sizes, seed):
    splits = make_splits(compounds_in_blocks(sizes), "first_block", seed=seed)
    assert (splits.groupby("split")["part"].nunique() == 3).all()


def test_a_large_group_has_its_chance_of_every_part_with_room():
    compounds = compounds_in_blocks([15, *[1] * 85])
    splits = make_splits(compounds, "first_block", count=200, seed=0)
    counts = Counter(splits.loc[splits["inchikey"] == splits["inchikey"].min(), "part"])
    assert set(counts) == {"train", "test"}
    # In proportion to the room: 20 of 90; six standard deviations either way.
    assert 10 < counts["test"] < 80
    assert (splits.groupby(["split", "part"]).size().unstack() == [20, 70, 10]).all(axis=None)


@pytest.mark.parametrize("seed", range(5))
def test_a_huge_group_goes_to_train_and_the_rest_still_fits(seed):
    sizes = [300, *[1] * 700]
    splits = make_splits(compounds_in_blocks(sizes), "first_block", seed=seed)
    counts = splits.groupby(["split", "part"]).size()
    for split in (1, 2, 3):
        assert {part: counts[split, part] / 1000 for part in TARGETS} == pytest.approx(
            TARGETS, abs=0.0015
        )
    assert set(splits.loc[splits["group"] == splits["group"].min(), "part"]) == {"train"}


def test_splits_differ_by_number_and_by_seed_and_not_by_how_many_there_are():
    compounds = compounds_in_blocks([1] * 200)
    three = make_splits(compounds, "inchikey", seed=1)
    parts = [tuple(rows["part"]) for _, rows in three.groupby("split")]
    assert len(set(parts)) == 3
    assert tuple(make_splits(compounds, "inchikey", count=1, seed=1)["part"]) == parts[0]
    assert tuple(make_splits(compounds, "inchikey", count=1, seed=2)["part"]) != parts[0]
    # Whether a compound is in the test part of one split says nothing about another.
    in_test = [np.array(part) == "test" for part in parts]
    assert 0 < (in_test[0] & in_test[1]).sum() < 20
    # Each compound has its chance: no part is a block of the sorted compounds.
    assert 60 < np.flatnonzero(in_test[0]).mean() < 140


def test_scaffold_keeps_stereoisomers_and_decorated_rings_together():
    keys = pd.Series(list(MOLECULES))
    found = dict(zip(keys, scaffolds(keys, pd.Series(MOLECULES.values())), strict=True))
    benzene, cyclohexane = "c1ccccc1", "C1CCCCC1"
    assert list(found.values()) == [
        *[benzene] * 4,
        "VLKZOEOYAKHREP",
        cyclohexane,
        benzene,
        "ZZZZZZZZZZZZZZ",
    ]


def test_real_stereoisomers_leak_by_key_and_not_by_first_block_or_scaffold(shared_data):
    library = pd.read_csv(shared_data / "derived" / "broad_core_smiles_inchikey_hti.csv")
    library = library.dropna(subset="inchikey").drop_duplicates("inchikey")
    library = library[library["hti_row"].notna()].iloc[:3000]
    straddling = {}
    for group_by in ("inchikey", "first_block", "scaffold"):
        splits = make_splits(library, group_by, seed=7)
        tables.conform(splits, SPLITS)
        shares = splits["part"].value_counts(normalize=True)
        assert shares.to_dict() == pytest.approx(TARGETS, abs=0.002)
        blocks = splits.assign(block=splits["inchikey"].str[:14])
        parts = blocks.groupby(["split", "block"])["part"].nunique()
        straddling[group_by] = int((parts > 1).sum())
    assert straddling["inchikey"] > 10
    assert straddling["first_block"] == straddling["scaffold"] == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.assign(part=t["part"].where(t.index != 0, "test")), "several parts"),
        (lambda t: t.assign(part=t["part"].where(t.index != 0, "holdout")), "no such part"),
        (lambda t: pd.concat([t, t.tail(1)]), "twice"),
        (lambda t: t.iloc[1:], "same compounds"),
        (lambda t: t.assign(part="train"), "empty"),
    ],
)
def test_a_leak_is_refused(change, message):
    rows = [
        (split, f"{block}{n}", block, part)
        for split in (1, 2)
        for block, part in zip("ABC", TARGETS, strict=True)
        for n in (1, 2)
    ]
    splits = pd.DataFrame(rows, columns=SPLITS.names)
    check_splits(splits)
    with pytest.raises(ValueError, match=message):
        check_splits(change(splits))


def test_too_few_groups_are_an_input_error():
    with pytest.raises(InputError, match="2 groups by first_block"):
        make_splits(compounds_in_blocks([5, 5]), "first_block", seed=0)
