"""Write the sentences of the page, which say no more than the numbers show."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from paintassay.report.page.rows import AssayRow, MethodRow, PairRow, TaskResult, WilcoxonTest

# The paper marks p-values below this in its Table 2; it names none for single assays.
ALPHA_TASKS, ALPHA_ROC = 0.01, 0.05
WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
DASH, TIMES = "\N{EN DASH}", "\N{MULTIPLICATION SIGN}"
DIGITS = str.maketrans("-0123456789", "\N{SUPERSCRIPT MINUS}⁰¹²³⁴⁵⁶⁷⁸⁹")


class BestAuc(NamedTuple):
    """The highest mean AUC, with a label that says whose it is and how it was measured."""

    label: str
    value: float | None


def count(number: int, one: str, many: str | None = None) -> str:
    """Write a number of things: "one run", "seven runs", "1,200 runs"."""
    return f"{in_words(number)} {one if number == 1 else many or one + 's'}"


def in_words(number: int) -> str:
    """Write a small whole number as a word."""
    return WORDS[number] if 0 <= number < len(WORDS) else f"{number:,}"


def format_p(value: float | None) -> str:
    """Write a p-value: 0.34, 0.012, 3.2e-8 with a raised exponent; a dash where there is none."""
    if value is None:
        return DASH
    if value == 0:
        return "0"
    if value < 0.001:
        digits, exponent = f"{value:.1e}".split("e")
        return f"{digits} {TIMES} 10{str(int(exponent)).translate(DIGITS)}"
    return f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


def format_number(value: float | None, decimals: int = 3) -> str:
    """Write a number with this many decimals and a true minus; a dash where there is none."""
    if value is None:
        return DASH
    return f"{value:,.{decimals}f}".replace("-", "\N{MINUS SIGN}")


def first_sentence(methods: int, trained: int, assays: int, source: str) -> str:
    """Say what was done.

    Parameters
    ----------
    methods, trained, assays : int
        Numbers of methods, of those of them that were trained here, and of columns of the label
        matrix.
    source : str
        Where the labels come from.

    Returns
    -------
    str
    """
    subjects = []
    if trained:
        networks = count(trained, "network")
        subjects.append(
            f"{networks} trained on images of stained cells or on features measured on them"
        )
    if others := methods - trained:
        subjects.append(count(others, "other method" if trained else "method"))
    verb = "predicts" if methods == 1 else "predict"
    columns = count(assays, "assay column")
    rest = "It is measured" if methods == 1 else "They are compared"
    sentence = f"{', and '.join(subjects)} {verb} {columns} of {source}."
    return f"{sentence[:1].upper()}{sentence[1:]} {rest} on compounds held out for testing."


def level_of(methods: Sequence[MethodRow]) -> str:
    """Level at which all methods are measured: wells as published, or else compounds."""
    return "wells" if all(row.auc_mean is not None for row in methods) else "compounds"


def best_method(methods: Sequence[MethodRow]) -> MethodRow | None:
    """The method with the highest mean AUC at the level that all have; None without any AUC."""
    level = level_of(methods)
    means = [(mean, row) for row in methods if (mean := _mean_auc(row, level)) is not None]
    return max(means, key=lambda pair: pair[0])[1] if means else None


def best_auc(methods: Sequence[MethodRow]) -> BestAuc:
    """The highest mean AUC."""
    best, level = best_method(methods), level_of(methods)
    if best is None:
        return BestAuc("mean AUC", None)
    what = "mean AUC of" if len(methods) == 1 else "highest mean AUC:"
    return BestAuc(f"{what} {best.name}, by {level[:-1]}", _mean_auc(best, level))


def findings(
    methods: Sequence[MethodRow],
    pairs: Sequence[PairRow],
    wilcoxon: Sequence[Sequence[WilcoxonTest | None]],
    assays: Sequence[AssayRow],
    pair: Sequence[int],
) -> list[str]:
    """Say in a few sentences what the comparison showed.

    Parameters
    ----------
    methods, pairs, wilcoxon, assays : list
        From `report.page.data.list_methods`, `list_pairs`, `wilcoxon_matrix`, `list_assays`.
    pair : list of int
        The two methods that are compared assay by assay.

    Returns
    -------
    list of str
    """
    best = best_method(methods)
    if best is None:
        return ["No task of any method could be evaluated, so that there is nothing to compare."]
    place = methods.index(best)
    sentences = [_best_sentence(best, methods)]
    if len(methods) > 1:
        sentences.append(_wilcoxon_sentences(best, wilcoxon, place))
    for row in pairs:
        if [row.first, row.second] == sorted(pair) and row.compared:
            sentences.append(_pair_sentences(row, methods))
    results = [result for assay in assays if (result := assay.results[place])]
    return sentences + _uncertainty_sentences(best, results)


def _mean_auc(row: MethodRow, level: str) -> float | None:
    return row.auc_mean if level == "wells" else row.auc_mean_compounds


def _best_sentence(best: MethodRow, methods: Sequence[MethodRow]) -> str:
    level = level_of(methods)
    mean = _mean_auc(best, level)
    deviation = best.auc_sd if level == "wells" else best.auc_sd_compounds
    spread = "" if deviation is None else f" ± {deviation:.3f}"
    verb = "reaches a mean AUC of" if len(methods) == 1 else "has the highest mean AUC:"
    sentence = (
        f"{best.name} {verb} {mean:.3f}{spread} by {level[:-1]} (mean and standard deviation "
        f"over the {best.evaluable} of {best.tasks} tasks that could be evaluated)."
    )
    if best.above_0_9 is None:
        return sentence
    return (
        f"{sentence} By well, its AUC is above 0.9 in {best.above_0_9} of them, above 0.8 in "
        f"{best.above_0_8} and above 0.7 in {best.above_0_7}."
    )


def _wilcoxon_sentences(
    best: MethodRow, wilcoxon: Sequence[Sequence[WilcoxonTest | None]], place: int
) -> str:
    tests = [test for row in wilcoxon if (test := row[place]) and test.pvalue is not None]
    if not tests:
        return "No two methods could be compared by the Wilcoxon test."
    plain = sum(_is_below(test.pvalue, ALPHA_TASKS) for test in tests)
    holm = sum(_is_below(test.holm, ALPHA_TASKS) for test in tests)
    ordered = sum(cell is not None for row in wilcoxon for cell in row)
    how = "paired one-sided Wilcoxon test over the tasks, by compound, uncorrected as in the paper"
    others = f"the {count(len(tests), 'other method')}" if len(tests) > 1 else "the other method"
    if not plain:
        no_better = "is not significantly better than" + (" any of" if len(tests) > 1 else "")
        return (
            f"{best.name} {no_better} {others} (p < {ALPHA_TASKS}, {how}): the order of the "
            f"methods is no proof."
        )
    which = others if plain == len(tests) else f"{in_words(plain)} of {others}"
    remaining = in_words(holm) if holm else "none"
    return (
        f"It outperforms {which} with p < {ALPHA_TASKS} ({how}). With Holm's correction for all "
        f"{ordered} ordered pairs, {remaining} {'remains' if holm <= 1 else 'remain'}."
    )


def _pair_sentences(pair: PairRow, methods: Sequence[MethodRow]) -> str:
    first, second = methods[pair.first].name, methods[pair.second].name
    compared = count(pair.compared, "task")
    sentence = f"{first} and {second} can both be measured in {compared}"
    if pair.correlation is not None:
        correlation = format_number(pair.correlation, 2)
        sentence += f"; their AUCs are correlated with r = {correlation}"
    differing = _count_differing(pair, "pvalue")
    if not sum(differing):
        return (
            f"{sentence}. In none do the ROC curves differ significantly (Venkatraman's "
            f"test, p < {ALPHA_ROC}, uncorrected)."
        )
    corrected = _count_differing(pair, "benjamini_hochberg")
    after = f"{corrected[0]} and {corrected[1]}" if sum(corrected) else "none"
    return (
        f"{sentence}. The ROC curves differ significantly in favour of {first} in "
        f"{differing[0]} and in favour of {second} in {differing[1]} (Venkatraman's test, "
        f"p < {ALPHA_ROC}, uncorrected as in the paper); corrected by Benjamini and Hochberg, "
        f"in {after}."
    )


def _count_differing(pair: PairRow, correction: str) -> tuple[int, int]:
    """Tasks in which the ROC curves differ: in favour of the first method, and of the second."""
    differing = [
        (test.auc_first, test.auc_second)
        for test in pair.rows
        if test and _is_below(getattr(test, correction), ALPHA_ROC)
    ]
    return sum(one > other for one, other in differing), sum(
        one < other for one, other in differing
    )


def _is_below(pvalue: float | None, limit: float) -> bool:
    return pvalue is not None and pvalue < limit


def _uncertainty_sentences(best: MethodRow, results: Sequence[TaskResult]) -> list[str]:
    """Say how little a single AUC shows, with few test compounds and a wide interval."""
    counts = [result.test for result in results if result.test and min(result.test)]
    intervals = [
        (result.low, result.high)
        for result in results
        if result.low is not None and result.high is not None
    ]
    if not counts or not intervals:
        return []
    actives, inactives = np.median(counts, axis=0)
    sentence = (
        f"A single task rests, in the median, on {actives:g} active and {inactives:g} inactive "
        f"compounds of the test part: the 95 % intervals of {best.name} "
    )
    points = sum(low == high for low, high in intervals)
    widths = [high - low for low, high in intervals if low < high]
    parts = []
    if widths:
        parts.append(f"are {np.median(widths):.2f} wide in the median")
    if points:
        parts.append(
            f"shrink to a point in {count(points, 'task')} where its AUC is 0 or 1, which is "
            f"a limit of the bootstrap and no certainty"
        )
    return [f"{sentence}{', and '.join(parts)} (percentile bootstrap of one run, by compound)."]
