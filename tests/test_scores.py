"""Measures besides the AUC against scikit-learn task by task, and against their definitions."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics

from paintassay.metrics.measures import (
    average_precision,
    balanced_accuracy,
    best_thresholds,
    count_labels,
    enrichment_factor,
    f1_score,
)


@st.composite
def cases(draw, samples=30, levels=6):
    """Labels of three tasks and scores with ties; some tasks lack a class or all labels."""
    shape = draw(st.integers(1, samples)), 3
    labels = draw(arrays(np.int8, shape, elements=st.sampled_from([-1, 0, 1])))
    numbers = draw(arrays(np.int8, shape, elements=st.integers(0, levels)))
    return labels, numbers / np.float32(levels)


def by_task(function, labels, scores):
    """`function` of 0/1 labels and scores of each task, NaN where a class is missing."""
    results = []
    for label, score in zip(labels.T, scores.T, strict=True):
        both = {-1, 1} <= set(label.tolist())
        results.append(function(label[label != 0] > 0, score[label != 0]) if both else np.nan)
    return results


@settings(max_examples=150, deadline=None)
@given(case=cases(), thresholds=arrays(float, 3, elements=st.sampled_from([0, 1 / 3, 0.5, 0.9, 2])))
def test_measures_equal_scikit_learn(case, thresholds):
    labels, scores = case
    expected = by_task(metrics.average_precision_score, labels, scores)
    np.testing.assert_allclose(average_precision(labels, scores), expected, rtol=1e-12)
    above = scores >= thresholds
    expected = by_task(metrics.f1_score, labels, above)
    np.testing.assert_allclose(f1_score(labels, scores, thresholds), expected, rtol=1e-12)
    expected = by_task(metrics.balanced_accuracy_score, labels, above)
    np.testing.assert_allclose(balanced_accuracy(labels, scores, thresholds), expected, rtol=1e-12)
    np.testing.assert_array_equal(
        f1_score(labels, scores), f1_score(labels, scores, np.full(3, 0.5))
    )


@settings(max_examples=150, deadline=None)
@given(case=cases())
def test_best_thresholds_are_the_highest_of_those_with_the_best_f1(case):
    def best(label, score):
        candidates = sorted(set(score.tolist()), reverse=True)
        return max(candidates, key=lambda threshold: metrics.f1_score(label, score >= threshold))

    labels, scores = case
    thresholds = best_thresholds(labels, scores)
    np.testing.assert_array_equal(thresholds, by_task(best, labels, scores))
    reached = by_task(
        lambda label, score: metrics.f1_score(label, score >= best(label, score)), labels, scores
    )
    np.testing.assert_allclose(f1_score(labels, scores, thresholds), reached, rtol=1e-12)


def test_of_equally_good_thresholds_the_highest_is_taken():
    # F1 is 2/3 with the first sample alone and with the first four.
    labels, scores = np.array([[1, -1, -1, 1, -1]]).T, np.array([[0.9, 0.8, 0.7, 0.6, 0.1]]).T
    assert best_thresholds(labels, scores).tolist() == [0.9]


@settings(max_examples=60, deadline=None)
@given(case=cases(samples=6, levels=3), fraction=st.sampled_from([0.01, 0.2, 0.5, 0.75, 1.0]))
def test_enrichment_is_the_mean_over_all_orders_of_equal_scores(case, fraction):
    def enrichment(label, score):
        top = int(np.ceil(fraction * len(label)))
        orders = np.array(list(permutations(range(len(label)))))
        falling = orders[(np.diff(score[orders], axis=1) <= 0).all(axis=1)]
        return label[falling[:, :top]].mean() / label.mean()

    labels, scores = case
    np.testing.assert_allclose(
        enrichment_factor(labels, scores, fraction),
        by_task(enrichment, labels, scores),
        rtol=1e-12,
    )


@pytest.mark.parametrize(
    ("samples", "fraction", "top"), [(300, 0.01, 3), (301, 0.01, 4), (100, 0.07, 7), (53, 0.05, 3)]
)
def test_enrichment_takes_whole_samples(samples, fraction, top):
    # The actives are exactly the best five scores, so the top is pure.
    scores = np.arange(samples, dtype=float)[:, None]
    labels = np.where(scores >= samples - 5, 1, -1)
    expected = min(top, 5) / top * samples / 5
    assert enrichment_factor(labels, scores, fraction) == pytest.approx([expected], rel=1e-12)


def test_labels_are_counted_and_missing_ones_are_not():
    labels = np.array([[1, 0, -1], [1, 0, -1], [-1, 0, 0]])
    actives, inactives = count_labels(labels)
    assert actives.tolist() == [2, 0, 0]
    assert inactives.tolist() == [1, 0, 2]


MEASURES = [
    average_precision,
    f1_score,
    balanced_accuracy,
    best_thresholds,
    lambda labels, scores: enrichment_factor(labels, scores, 0.05),
]


@pytest.mark.parametrize("measure", MEASURES)
def test_tasks_without_both_classes_are_nan_and_nan_scores_are_an_error(measure):
    labels = np.array([[1, 1, -1, 0], [-1, 1, -1, 0]])
    scores = np.array([[0.9, 0.9, 0.9, np.nan], [0.1, 0.1, 0.1, 0.1]])
    np.testing.assert_array_equal(np.isnan(measure(labels, scores)), [False, True, True, True])
    assert measure(np.zeros((0, 2)), np.zeros((0, 2))).tolist() == pytest.approx(
        [np.nan] * 2, nan_ok=True
    )
    scores[1, 0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        measure(labels, scores)


def test_a_task_without_a_threshold_has_no_f1():
    labels, scores = np.array([[1, 1], [-1, -1]]), np.array([[0.9, 0.9], [0.1, 0.1]])
    np.testing.assert_array_equal(f1_score(labels, scores, [0.5, np.nan]), [1, np.nan])
    np.testing.assert_array_equal(balanced_accuracy(labels, scores, [0.5, np.nan]), [1, np.nan])
