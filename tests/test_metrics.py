"""AUC is the share of pairs in the right order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from paintassay.metrics.measures import task_auc


def share_of_pairs(labels, scores):
    """Count the pairs of each task, one by one."""
    shares = []
    for label, score in zip(labels.T, scores.T, strict=True):
        active, inactive = score[label == 1], score[label == -1]
        wins = [(a > b) + (a == b) / 2 for a in active for b in inactive]
        shares.append(sum(wins) / len(wins) if wins else np.nan)
    return np.array(shares)


@st.composite
def labels_and_scores(draw):
    shape = draw(hnp.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=9))
    labels = draw(hnp.arrays(np.int8, shape, elements=st.sampled_from([-1, 0, 1])))
    # Few different scores, so that many are tied, also from task to task.
    few = st.sampled_from([0.0, -0.0, 0.25, 1e-9, 1.0, np.inf, -np.inf])
    scores = draw(hnp.arrays(np.float32, shape, elements=few | st.floats(0, 1, width=32)))
    return labels, np.where(labels == 0, np.float32(np.nan), scores)


@given(labels_and_scores())
@settings(deadline=None, max_examples=300)
def test_equals_the_share_of_pairs(case):
    labels, scores = case
    aucs = task_auc(labels, scores)
    assert aucs.dtype == np.float64 and aucs.shape == (labels.shape[1],)
    assert np.allclose(aucs, share_of_pairs(labels, scores), rtol=1e-12, atol=0, equal_nan=True)
    assert np.array_equal(aucs, task_auc(labels.astype(float), scores), equal_nan=True)


def test_a_worked_example():
    # Two actives at 0.8 and 0.4, two inactives at 0.4 and 0.1: 3.5 of 4 pairs.
    labels = [[1, 1, -1], [1, 0, -1], [-1, 0, 0], [-1, 0, 0]]
    scores = [[0.8, 0, 0], [0.4, 0, 0], [0.4, 0, 0], [0.1, 0, 0]]
    assert np.array_equal(task_auc(labels, scores), [0.875, np.nan, np.nan], equal_nan=True)


def test_perfect_and_inverted_and_constant_scores_are_exact():
    labels = np.where(np.arange(1001) % 3 == 0, 1, -1)[:, None]
    assert task_auc(labels, labels) == 1
    assert task_auc(labels, -labels) == 0
    assert task_auc(labels, np.zeros(labels.shape)) == 0.5


@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        ([[1], [-1]], [[1.0, 2.0]], r"scores \(1, 2\) for labels \(2, 1\)"),
        ([1, -1], [1.0, 2.0], r"scores \(2,\) for labels \(2,\)"),
        ([[2], [-1]], [[1.0], [2.0]], "a label is none of"),
        ([[np.nan], [-1]], [[1.0], [2.0]], "a label is none of"),
        ([[0, 0], [0, -1]], [[np.nan, 0], [0, np.nan]], "sample 1 in task 1 is NaN"),
    ],
)
def test_what_has_no_auc_is_refused(labels, scores, message):
    with pytest.raises(ValueError, match=message):
        task_auc(labels, scores)
