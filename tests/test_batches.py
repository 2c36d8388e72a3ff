"""Every sample once an epoch, and every batch on the device as it was read."""

import threading
import time

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from test_samples import make_cells
from test_views import make_screen

from paintassay.dataset.profiles import standardise_wells
from paintassay.training.batches import epoch_batches, read_ahead
from paintassay.training.samples import Samples, cell_samples, feature_samples, view_samples

COUNTS, SIZES, SEEDS = st.integers(0, 300), st.integers(1, 40), st.integers(0, 2**32)


@given(COUNTS, SIZES, SEEDS, st.integers(0, 99), st.just(1.0) | st.floats(0.001, 1))
def test_batches_deal_distinct_samples_evenly(count, batch_size, seed, epoch, share):
    batches = epoch_batches(count, batch_size, seed, epoch, share)
    taken = max(round(share * count), 1) if count else 0
    samples = np.concatenate([np.zeros(0, np.int64), *batches])
    assert samples.dtype == np.int64
    assert len(samples) == len(set(samples)) == taken and set(samples) <= set(range(count))
    sizes = [len(batch) for batch in batches]
    assert len(batches) == -(-taken // batch_size)
    assert max(sizes, default=0) <= batch_size
    assert max(sizes, default=0) - min(sizes, default=0) <= 1
    again = epoch_batches(count, batch_size, seed, epoch, share)
    assert all(np.array_equal(batch, same) for batch, same in zip(batches, again, strict=True))


@pytest.mark.parametrize("share", [1.0, 0.2])
def test_each_epoch_and_seed_has_its_own_order(share):
    orders = {
        tuple(np.concatenate(epoch_batches(1000, 32, seed, epoch, share)))
        for seed in range(5)
        for epoch in range(5)
    }
    assert len(orders) == 25


def test_every_sample_has_the_same_chance():
    # 2,000 epochs take a fifth of 50 samples: each 400 times, give or take 5 sigma of 18.
    drawn = [epoch_batches(50, 5, 1, epoch, 0.2) for epoch in range(2000)]
    times = np.bincount(np.concatenate([np.concatenate(batches) for batches in drawn]))
    assert len(times) == 50 and (abs(times - 400) < 90).all()
    firsts = np.bincount([batches[0][0] for batches in drawn], minlength=50)
    assert (firsts > 0).all()


@pytest.mark.parametrize("share", [0, -0.1, 1.1, float("nan")])
def test_no_such_share(share):
    with pytest.raises(ValueError, match="a share of"):
        epoch_batches(10, 2, 0, 0, share)


def made_up(read, count=100):
    """Samples of four numbers."""
    views = pd.DataFrame(index=range(count))
    return Samples(views, np.arange(count), (4,), np.dtype(np.float32), read)


def numbers(indices, out):
    out[...] = np.asarray(indices)[:, None]


def readers():
    return [thread for thread in threading.enumerate() if thread.name.startswith("read_ahead")]


BATCHES = [np.arange(start, start + 7) % 100 for start in range(0, 84, 7)]


@pytest.mark.parametrize(("threads", "depth"), [(1, 1), (1, 3), (2, 3), (4, 2), (8, 20)])
def test_slow_consumer_sees_every_batch_whole_in_few_buffers(threads, depth):
    started, buffers = [], set()

    def watched(indices, out):
        started.append(indices)
        buffers.add(out.ctypes.data)
        numbers(indices, out)

    got = 0
    for batch in read_ahead(made_up(watched), BATCHES, "cpu", threads, depth):
        ahead = min(got + depth, len(BATCHES))
        give_up = time.monotonic() + 10
        while len(started) < ahead and time.monotonic() < give_up:
            time.sleep(0.001)
        # All that may be read while this batch is in use has been, and it is still whole.
        time.sleep(0.003)
        assert len(started) == ahead
        assert batch.shape == (7, 4) and (batch == torch.tensor(BATCHES[got])[:, None]).all()
        got += 1
    assert got == len(BATCHES) and len(buffers) <= depth and not readers()


def test_order_is_kept_when_a_later_batch_is_read_first():
    second_is_read = threading.Event()

    def second_first(indices, out):
        if indices[0] == BATCHES[0][0]:
            assert second_is_read.wait(10)
        numbers(indices, out)
        if indices[0] == BATCHES[1][0]:
            second_is_read.set()

    got = [batch[0, 0].item() for batch in read_ahead(made_up(second_first), BATCHES, "cpu")]
    assert got == [batch[0] for batch in BATCHES]


def test_error_of_a_reader_reaches_the_consumer_in_its_place():
    def fails(indices, out):
        if indices[0] == BATCHES[2][0]:
            raise OSError("the disk is gone")
        numbers(indices, out)

    batches = read_ahead(made_up(fails), BATCHES, "cpu")
    assert [next(batches)[0, 0].item() for _ in range(2)] == [0, 7]
    with pytest.raises(OSError, match="the disk is gone"):
        next(batches)
    assert not readers()


def test_leaving_early_stops_the_threads_and_reads_no_more():
    started, left = [], threading.Event()

    def waits_after_the_first(indices, out):
        started.append(indices)
        numbers(indices, out)
        assert len(started) == 1 or left.wait(10)

    batches = read_ahead(made_up(waits_after_the_first), BATCHES, "cpu", threads=1, depth=4)
    next(batches)
    assert readers()
    # Sets off the reader while the main thread waits for it.
    threading.Timer(0.1, left.set).start()
    batches.close()
    assert not readers() and len(started) <= 2
    for _ in read_ahead(made_up(numbers), BATCHES, "cpu"):
        break
    assert not readers()


def test_empty_batches_and_no_batches():
    empty = np.zeros(0, np.int64)
    sizes = [
        len(batch) for batch in read_ahead(made_up(numbers), [BATCHES[0], empty, [1, 2]], "cpu")
    ]
    assert sizes == [7, 0, 2]
    (nothing,) = read_ahead(made_up(numbers), [empty], "cpu")
    assert nothing.shape == (0, 4) and nothing.dtype == torch.float32
    assert list(read_ahead(made_up(numbers), [], "cpu")) == []
    with pytest.raises(ValueError, match="a depth of 0"):
        next(read_ahead(made_up(numbers), BATCHES, "cpu", depth=0))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_buffers_wait_for_their_copy_to_the_device():
    got = []
    for batch in read_ahead(made_up(numbers), BATCHES, "cuda", threads=4, depth=2):
        # Holds the stream up, so that copies start long after they were asked for.
        torch.cuda._sleep(20_000_000)
        got.append(batch)
    assert all(batch.is_cuda for batch in got)
    for batch, expected in zip(got, BATCHES, strict=True):
        assert (batch.cpu() == torch.tensor(expected)[:, None]).all()


@pytest.mark.parametrize("kind", ["views", "cells", "features"])
def test_reading_ahead_of_real_samples(tmp_path, kind):
    manifest, pixels = make_screen(tmp_path, ["P1", "P2"], wells=("A01", "B02", "C03"))
    manifest = manifest.assign(inchikey=None)
    if kind == "views":
        samples, expected = view_samples(manifest, tmp_path), pixels
    elif kind == "cells":
        cells = make_cells(manifest, np.arange(18), 4, 3)
        samples, expected = cell_samples(manifest, tmp_path, cells, 4), pixels[:, :, 1:5, 2:6]
    else:
        wells = manifest[["plate", "well"]].drop_duplicates()
        features = np.random.default_rng(1).normal(size=(6, 5)).astype("float32")
        samples, expected = feature_samples(manifest, features, wells), standardise_wells(features)
    batches = [batch for epoch in range(20) for batch in epoch_batches(len(samples), 4, 1, epoch)]
    for indices, batch in zip(batches, read_ahead(samples, batches, "cpu"), strict=True):
        assert batch.dtype == (torch.float32 if kind == "features" else torch.uint8)
        assert np.array_equal(batch.numpy(), expected[indices])
