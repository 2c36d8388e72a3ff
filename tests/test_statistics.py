"""Tests and intervals against R, scipy and complete enumeration; levels held under the null."""

import json
import shutil
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from paintassay.metrics import measures
from paintassay.metrics.bootstrap import bootstrap_auc
from paintassay.metrics.measures import task_auc
from paintassay.metrics.paired import adjust_pvalues, summarise_aucs, wilcoxon_pairs
from paintassay.metrics.roc import compare_rocs, delong_test, venkatraman_test
from paintassay.plan.code_digest import code_digest
from paintassay.statistics.tests import roc_corners

# What R 4.2.2 and pROC 1.18.0 say; the versions are in the file, made by record_proc.R.
PROC = json.loads((Path(__file__).parent / "data" / "proc.json").read_text())
CASES = PROC["cases"].values()


def pair(samples, actives, seed, effect_a=1.0, effect_b=1.0, levels=0):
    """Labels and two scores that share half of their noise."""
    random = np.random.default_rng(seed)
    labels = np.where(np.arange(samples) < actives, 1, -1)
    random.shuffle(labels)
    common = random.normal(size=samples)
    scores = [
        effect * (labels > 0) + common + random.normal(size=samples)
        for effect in (effect_a, effect_b)
    ]
    return labels, *(np.round(score * levels) if levels else score for score in scores)


@pytest.mark.parametrize("case", CASES, ids=PROC["cases"])
def test_both_tests_equal_proc(case):
    scores = [case["labels"], case["scores_a"], case["scores_b"]]
    permutations = 20_000
    venkatraman = venkatraman_test(*scores, permutations, seed=1)
    assert venkatraman.statistic == case["venkatraman"]["statistic"]
    # Two Monte-Carlo estimates of one p-value: 4.1 standard errors are 0.001 over 25 cases.
    estimates = np.array([venkatraman.pvalue, case["venkatraman"]["pvalue"]])
    p = np.average(estimates, weights=[permutations, PROC["permutations"]])
    error = np.sqrt(p * (1 - p) * (1 / permutations + 1 / PROC["permutations"]))
    assert abs(np.diff(estimates)) <= 4.1 * error
    delong = delong_test(*scores)
    expected = case["delong"]["statistic"], case["delong"]["pvalue"], case["auc_a"] - case["auc_b"]
    assert delong == pytest.approx(expected, rel=1e-9, abs=1e-14)
    assert venkatraman.auc_difference == delong.auc_difference


def enumerate_venkatraman(active, rank_a, rank_b):
    """E and exact p-value by the definition: all exchanges, and all orders of equal ranks."""
    samples = range(len(active))

    def distance(order_a, order_b):
        errors = [
            [sum(active[i] for i in order[:k]) + sum(not active[i] for i in order[k:])]
            for order in (order_a, order_b)
            for k in range(1, len(active) + 1)
        ]
        return np.abs(np.subtract(*np.split(np.ravel(errors), 2))).sum()

    observed = distance(np.argsort(rank_a), np.argsort(rank_b))
    as_large = []
    for exchanged in product([0, 1], repeat=len(active)):
        ranks = np.where(exchanged, [rank_b, rank_a], [rank_a, rank_b])
        # Of each order, the pairs that hold the same rank may stand one way or the other.
        ways = []
        for rank in ranks:
            tied = [(i, j) for i, j in combinations(samples, 2) if rank[i] == rank[j]]
            ways.append([])
            for ahead in product([0, 1], repeat=len(tied)):
                place = rank.astype(float)
                for (i, j), first in zip(tied, ahead, strict=True):
                    place[j if first else i] -= 0.5
                ways[-1].append(np.argsort(place))
        as_large.append(np.mean([distance(*orders) >= observed for orders in product(*ways)]))
    return observed, np.mean(as_large)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32), samples=st.integers(3, 6))
def test_venkatraman_equals_complete_enumeration(seed, samples):
    random = np.random.default_rng(seed)
    active = random.permutation(np.arange(samples) % 2 == 0)
    rank_a, rank_b = random.permutation(samples), random.permutation(samples)
    statistic, pvalue = enumerate_venkatraman(active, rank_a, rank_b)
    test = venkatraman_test(np.where(active, 1, -1), rank_a, rank_b, 40_000, seed)
    assert test.statistic == statistic
    # 5 standard errors: 1 in a million.
    assert abs(test.pvalue - pvalue) <= 5 * np.sqrt(pvalue * (1 - pvalue) / 40_000) + 1e-12


def test_pvalues_are_uniform_under_the_null():
    # Both scores come from one distribution. 300 data sets, so that a Kolmogorov-Smirnov distance
    # of 0.094 would be significant at 0.01; the steps of E's distribution are far below that.
    tests = [compare_rocs(*np.expand_dims(pair(50, 18, [7, n]), -1), 400, n) for n in range(300)]
    pvalues = pd.concat(tests)
    for column in ("venkatraman_pvalue", "venkatraman_valid_pvalue", "delong_pvalue"):
        assert stats.kstest(pvalues[column], "uniform").pvalue > 0.01
    # The valid p-values keep their level: at 0.05, 300 tests give more than 27 once in 1000.
    assert (pvalues["venkatraman_valid_pvalue"] <= 0.05).sum() <= stats.binom.ppf(0.999, 300, 0.05)


def test_pvalues_depend_on_nothing_but_the_order_of_scores_and_the_seed():
    labels, a, b = pair(40, 12, 1, effect_b=0.4)
    test = venkatraman_test(labels, a, b, 500, 3)
    assert test == venkatraman_test(labels, np.exp(a), b**3, 500, 3)
    assert test != venkatraman_test(labels, a, b, 500, 4)
    other = venkatraman_test(labels, b, a, 500, 3)
    assert other[:3] == test[:3]
    assert other.auc_difference == -test.auc_difference
    assert test.auc_difference == np.diff(task_auc(*two_columns(labels, b, a)))
    assert test.valid_pvalue == pytest.approx((500 * test.pvalue + 1) / 501)


def two_columns(labels, a, b):
    return np.column_stack([labels, labels]), np.column_stack([a, b])


def test_tasks_are_compared_alone():
    tasks = [pair(40, 12, seed, effect_b=0.3) for seed in range(4)]
    labels, a, b = (np.stack(columns, axis=1) for columns in zip(*tasks, strict=True))
    labels[5:, 2] = 0
    labels[labels[:, 3] > 0, 3] = 0
    table = compare_rocs(labels, a, b, 300, 9)
    for task in range(4):
        columns = labels[:, task], a[:, task], b[:, task]
        venkatraman = venkatraman_test(*columns, 300, [9, task])
        row = [venkatraman.auc_difference, *venkatraman[:3], *delong_test(*columns)[:2]]
        np.testing.assert_array_equal(table.loc[task], row)
    broken = np.where(np.arange(4) == 1, np.nan, b)
    with pytest.raises(ValueError, match="task 1"):
        compare_rocs(labels, a, broken, 300, 9)
    present = labels[:, 2] != 0
    columns = labels[present, 2], a[present, 2], b[present, 2]
    assert venkatraman_test(*columns, 300, [9, 2])[1] == table["venkatraman_pvalue"][2]


def test_degenerate_tasks_have_a_defined_result():
    labels, a, b = pair(20, 6, 1)
    assert venkatraman_test(labels, a, a, 100, 1) == (0, 1, 1, 0)
    assert delong_test(labels, a, a) == (0, 1, 0)
    constant = np.full(20, 0.5)
    assert venkatraman_test(labels, constant, constant, 100, 1) == (0, 1, 1, 0)
    assert delong_test(labels, constant, constant) == (0, 1, 0)
    # Perfect against perfectly wrong: no variance, but a difference.
    assert delong_test(labels, labels, -labels) == (np.inf, 0, 1)
    for missing in (0, 1, -1):
        one_class = np.where(labels == missing, 0, np.abs(labels) * (missing or 1))
        one_class = one_class if missing else np.zeros(20)
        assert np.isnan(venkatraman_test(one_class, a, b, 100, 1)).all()
        assert np.isnan(delong_test(one_class, a, b)).all()
        assert np.isnan(bootstrap_auc(one_class[:, None], a[:, None], 100, 1)).all()
    one_active = np.where(np.cumsum(labels > 0) * (labels > 0) > 1, 0, labels)
    assert 0 < venkatraman_test(one_active, a, b, 100, 1).pvalue <= 1
    statistic, pvalue, difference = delong_test(one_active, a, b)
    assert np.isnan([statistic, pvalue]).all()
    assert np.isnan(delong_test(one_active, a, a)[:2]).all()
    assert difference == venkatraman_test(one_active, a, b, 100, 1).auc_difference
    assert np.isnan(bootstrap_auc(one_active[:, None], a[:, None], 100, 1)).all()
    a[3], labels[3] = np.nan, 0
    assert np.isfinite(venkatraman_test(labels, a, b, 100, 1)).all()
    labels[3] = 1
    for test in (
        lambda: venkatraman_test(labels, a, b, 100, 1),
        lambda: delong_test(labels, b, a),
        lambda: bootstrap_auc(labels[:, None], a[:, None], 100, 1),
    ):
        with pytest.raises(ValueError, match="NaN"):
            test()


def area(high, low):
    """AUC by comparing all pairs; along the last axis."""
    wins = np.sign(high[..., :, None] - low[..., None, :])
    return (wins.mean(axis=(-2, -1)) + 1) / 2


def scipy_interval(labels, scores, replicates, stratified):
    """scipy's percentile interval and the standard errors of its ends."""

    def plain(labels, scores):
        one, other = labels > 0, labels < 0
        return area(scores[one], scores[other])

    if stratified:
        data, statistic = (scores[labels > 0], scores[labels < 0]), lambda x, y, axis: area(x, y)
    else:
        data, statistic = (labels, scores), plain
    result = stats.bootstrap(
        data,
        statistic,
        method="percentile",
        paired=not stratified,
        vectorized=stratified,
        n_resamples=replicates,
        batch=500,
        rng=5,
    )
    return np.array(result.confidence_interval), result.bootstrap_distribution


@pytest.mark.parametrize("stratified", [False, True])
@pytest.mark.parametrize("levels", [0, 2])
def test_intervals_agree_with_scipy(stratified, levels):
    labels, scores, _ = pair(80, 30, 3, levels=levels)
    expected, distribution = scipy_interval(labels, scores, 6000, stratified)
    interval = bootstrap_auc(labels[:, None], scores[:, None], 60_000, 1, stratified)
    # A quantile's own 99.99 % interval, from the order of scipy's replicates.
    for quantile, end in zip((0.025, 0.975), np.ravel(interval), strict=True):
        reach = 3.9 * np.sqrt(0.025 * 0.975 / 6000)
        low, high = np.quantile(distribution, [quantile - reach, quantile + reach])
        assert low <= end <= high
    assert np.ravel(interval) == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("stratified", [False, True])
def test_intervals_equal_complete_enumeration(stratified, sign):
    # Scores whose interval is not the same for the two ways to draw.
    high, low = sign * np.array([3.0, 1.0]), sign * np.array([0.0, 2.0, 0.0])
    if stratified:
        draws = product(product(high, repeat=2), product(low, repeat=3))
        areas = [area(np.array(one), np.array(other)) for one, other in draws]
    else:
        scores, active = np.append(high, low), np.arange(5) < 2
        draws = np.array(list(product(range(5), repeat=5)))
        draws = draws[active[draws].any(axis=1) & ~active[draws].all(axis=1)]
        areas = [area(scores[draw][active[draw]], scores[draw][~active[draw]]) for draw in draws]
    labels, scores = np.array([[1, 1, -1, -1, -1]]).T, np.append(high, low)[:, None]
    interval = bootstrap_auc(labels, scores, 50_000, 1, stratified)
    # Few values are possible, and neither quantile lies on the edge of one.
    assert np.ravel(interval) == pytest.approx(np.quantile(areas, [0.025, 0.975]), abs=1e-12)


def test_intervals_cover_the_true_area():
    # 800 data sets, actives normal and one higher than inactives, variance 2. With 60 samples
    # the percentile interval covers a little less than it says, 0.94 in 8000 data sets.
    # The range is that of 800 binomial draws at 0.93 and at 0.95, 0.001 on either side.
    tasks = [pair(60, 20, [11, n])[:2] for n in range(800)]
    labels, scores = (np.stack(columns, axis=1) for columns in zip(*tasks, strict=True))
    true = stats.norm.cdf(1 / np.sqrt(2 + 2))
    for stratified in (False, True):
        low, high = bootstrap_auc(labels, scores, 400, 1, stratified)
        covered = ((low <= true) & (true <= high)).sum()
        assert stats.binom.ppf(0.001, 800, 0.93) <= covered <= stats.binom.ppf(0.999, 800, 0.95)


def test_intervals_are_those_of_the_task_and_the_same_draws_for_every_method():
    labels, a, b = pair(40, 12, 1)
    labels = np.column_stack([labels, labels, np.where(np.arange(40) < 30, labels, 0)])
    scores = np.column_stack([a, b, a])
    low, high = bootstrap_auc(labels, scores, 300, 8)
    assert (low < task_auc(labels, scores)).all()
    assert (task_auc(labels, scores) < high).all()
    alone = bootstrap_auc(labels[:, :1], scores[:, :1], 300, 8)
    assert (alone[0][0], alone[1][0]) == (low[0], high[0])
    twice = np.array(bootstrap_auc(labels[:, [0, 0]], scores[:, [0, 0]], 300, 8))
    assert (twice[:, 0] != twice[:, 1]).any()
    again = bootstrap_auc(labels, np.exp(scores), 300, 8)
    np.testing.assert_array_equal(again, (low, high))
    turned = bootstrap_auc(labels, -scores, 300, 8)
    np.testing.assert_allclose(turned, (1 - high, 1 - low), rtol=1e-12)
    assert (np.array(bootstrap_auc(labels, scores, 300, 9)) != (low, high)).any()
    perfect = bootstrap_auc(labels, labels, 300, 8)
    np.testing.assert_array_equal(perfect, np.ones((2, 3)))


@pytest.mark.parametrize("tasks", [12, 209])
def test_wilcoxon_table_equals_scipy_cell_by_cell(tasks):
    random = np.random.default_rng(4)
    aucs = random.normal(0.7, 0.15, (tasks, 1)) + random.normal(0, 0.02, (tasks, 4))
    aucs[:, 1] += 0.03
    aucs[random.random(aucs.shape) < 0.1] = np.nan
    aucs[:3, 2] = aucs[:3, 3]
    aucs = pd.DataFrame(aucs, columns=["ResNet", "GapNet", "M-CNN", "FNN"])
    table = wilcoxon_pairs(aucs)
    for worse, better in product(aucs, repeat=2):
        cell = {name: value.loc[worse, better] for name, value in table._asdict().items()}
        both = aucs[[better]].assign(worse=aucs[worse]).dropna()
        assert cell["pairs"] == len(both)
        if worse == better:
            assert np.isnan([cell["pvalue"], cell["effect_size"], cell["median_difference"]]).all()
            continue
        x, y = both[better].to_numpy(), both["worse"].to_numpy()
        expected = stats.wilcoxon(x, y, alternative="greater")
        assert cell["pvalue"] == pytest.approx(expected.pvalue, rel=1e-12)
        differing = (x != y).sum()
        share = expected.statistic / (differing * (differing + 1) / 2)
        assert cell["effect_size"] == pytest.approx(2 * share - 1, rel=1e-9)
        assert cell["median_difference"] == pytest.approx(np.median(x - y), abs=1e-12)
    assert table.pvalue.loc["FNN", "GapNet"] < 0.05 < table.pvalue.loc["GapNet", "FNN"]


def test_wilcoxon_of_methods_without_a_difference():
    a = np.array([0.7, 0.8, np.nan])
    aucs = pd.DataFrame({"a": a, "same": a, "rounded": a + 1e-16, "none": [np.nan, np.nan, 0.5]})
    table = wilcoxon_pairs(aucs)
    assert table.pvalue.loc["a", ["same", "rounded"]].tolist() == [1, 1]
    assert table.effect_size.loc["a", ["same", "rounded"]].tolist() == [0, 0]
    assert table.median_difference.loc["a", "same"] == 0
    assert np.isnan(table.pvalue.loc["a", "none"])
    assert table.pairs.loc["a"].tolist() == [2, 2, 2, 0]


def test_corrections_equal_r():
    # p.adjust of R 4.2.2; the test that could not be done is not one of the number.
    pvalues = np.array([[0.01, 0.02, 0.03, np.nan], [0.04, 0.005, 0.9, 0.02]])
    holm = [[0.06, 0.1, 0.1, np.nan], [0.1, 0.035, 0.9, 0.1]]
    hochberg = [[0.035, 0.035, 0.042, np.nan], [0.14 / 3, 0.035, 0.9, 0.035]]
    np.testing.assert_allclose(adjust_pvalues(pvalues, "holm"), holm, rtol=1e-12)
    np.testing.assert_allclose(adjust_pvalues(pvalues, "fdr_bh"), hochberg, rtol=1e-12)
    assert np.isnan(adjust_pvalues([np.nan], "holm")).all()


def test_summary_counts_tasks_above_the_limits_and_those_that_cannot_be_judged():
    assert summarise_aucs([0.95, 0.9, 0.85, 0.8, np.nan, 0.4]) == {
        "mean": pytest.approx(0.78),
        "sd": pytest.approx(0.21965882636488805),
        "above_0.9": 1,
        "above_0.8": 3,
        "above_0.7": 4,
        "evaluable": 5,
        "not_evaluable": 1,
    }
    assert np.isnan(summarise_aucs([np.nan])["mean"])


@pytest.mark.parametrize("module", ["roc", "bootstrap", "measures"])
def test_a_change_behind_a_public_name_changes_the_digest_of_scripts(module, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from paintassay.metrics.bootstrap import bootstrap_auc\n"
        "from paintassay.metrics.roc import compare_rocs\n"
        "bootstrap_auc(1, 2, 3, 4)\ncompare_rocs(1, 2, 3, 4, 5)\n"
    )
    packages = [tmp_path / name / "paintassay" for name in ("before", "after")]
    for package in packages:
        shutil.copytree(Path(measures.__file__).parents[1], package)
    changed = packages[1] / "metrics" / f"{module}.py"
    changed.write_text(changed.read_text().replace("np.", "numpy."))
    assert code_digest(script, packages[0]) != code_digest(script, packages[1])


IN_ORDER = np.arange(20) // 2
SCORES_OF_ALL_TYPES = {
    "uint8": IN_ORDER.astype(np.uint8),
    "float16": IN_ORDER.astype(np.float16),
    "bool": IN_ORDER > 4,
    # Neighbours near 1, which are all equal in float32.
    "float64": 1 - (20 - IN_ORDER) * 2.0**-52,
    # Neighbours that are all equal in float64.
    "int64": 2**60 + IN_ORDER,
    "longdouble": np.longdouble(1) + IN_ORDER * np.longdouble(2) ** -60,
}


@pytest.mark.parametrize("kind", SCORES_OF_ALL_TYPES)
def test_scores_are_ranked_as_they_are(kind):
    """Whatever depends on the order alone is that of the ranks."""
    random = np.random.default_rng(4)
    labels, order = random.choice([-1, 1], 20).astype(np.int8), random.permutation(20)
    scores, other = SCORES_OF_ALL_TYPES[kind][order], random.random(20)
    ranks = np.unique(scores, return_inverse=True)[1].astype(np.float64)
    assert len(np.unique(ranks)) == (2 if kind == "bool" else 10)

    def results(values):
        column, truth = values[:, None], labels[:, None]
        return [
            task_auc(truth, column),
            measures.average_precision(truth, column),
            measures.enrichment_factor(truth, column, 0.2),
            bootstrap_auc(truth, column, 100, 1),
            venkatraman_test(labels, values, other, 100, 1),
            venkatraman_test(labels, other, values, 100, 1),
            delong_test(labels, values, other),
            roc_corners(labels, values),
        ]

    for found, expected in zip(results(scores), results(ranks), strict=True):
        np.testing.assert_array_equal(found, expected)
