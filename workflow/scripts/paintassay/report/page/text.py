"""What the page says in words: only what the numbers carry."""

import numpy as np

# The paper marks p-values below this in its Table 2; it names none for single assays.
ALPHA_TASKS, ALPHA_ROC = 0.01, 0.05
WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
DASH, TIMES = "\N{EN DASH}", "\N{MULTIPLICATION SIGN}"
DIGITS = str.maketrans("-0123456789", "\N{SUPERSCRIPT MINUS}⁰¹²³⁴⁵⁶⁷⁸⁹")


def count(number, one, many=None):
    """Write a number of things: "one run", "seven runs", "1,200 runs"."""
    return f"{in_words(number)} {one if number == 1 else many or one + 's'}"


def in_words(number):
    """Write a small whole number as a word."""
    return WORDS[number] if 0 <= number < len(WORDS) else f"{number:,}"


def format_p(value):
    """Write a p-value: 0.34, 0.012, 3.2e-8 with a raised exponent; a dash where there is none."""
    if value is None:
        return DASH
    if value == 0:
        return "0"
    if value < 0.001:
        digits, exponent = f"{value:.1e}".split("e")
        return f"{digits} {TIMES} 10{str(int(exponent)).translate(DIGITS)}"
    return f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


def format_number(value, decimals=3):
    """Write a number with so many decimals and a true minus; a dash where there is none."""
    if value is None:
        return DASH
    return f"{value:,.{decimals}f}".replace("-", "\N{MINUS SIGN}")


def first_sentence(methods, trained, assays, source):
    """Say what was done.

    Parameters
    ----------
    methods, trained, assays : int
        How many methods there are, how many of them were trained here, and columns of the label
        matrix.
    source : str
        Where the labels come from.

    Returns
    -------
    str
    """
    who = []
    if trained:
        kind = count(trained, "network")
        who.append(f"{kind} trained on images of stained cells or on features measured on them")
    if others := methods - trained:
        who.append(count(others, "other method" if trained else "method"))
    does = "predicts" if methods == 1 else "predict"
    what = count(assays, "assay column")
    rest = "It is measured" if methods == 1 else "They are compared"
    sentence = f"{', and '.join(who)} {does} {what} of {source}."
    return f"{sentence[:1].upper()}{sentence[1:]} {rest} on compounds held out for testing."


def level_of(methods):
    """Level at which all methods are measured: wells as published, or else compounds."""
    return "wells" if all(each["auc_mean"] is not None for each in methods) else "compounds"


def best_method(methods):
    """The method of the highest mean AUC at the level that all have; None without any AUC."""
    name = _mean_column(methods)
    measured = [each for each in methods if each[name] is not None]
    return max(measured, key=lambda each: each[name], default=None)


def best_auc(methods):
    """The highest mean AUC, with a label that says whose and how."""
    best, level = best_method(methods), level_of(methods)
    if best is None:
        return {"label": "mean AUC", "value": None}
    what = "mean AUC of" if len(methods) == 1 else "highest mean AUC:"
    return {
        "label": f"{what} {best['name']}, by {level[:-1]}",
        "value": best[_mean_column(methods)],
    }


def findings(methods, pairs, wilcoxon, assays, pair):
    """What was found, in a few sentences.

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
    said = [_best(best, methods)]
    if len(methods) > 1:
        said.append(_outperforms(best, wilcoxon, place))
    found = [each for each in pairs if [each["first"], each["second"]] == sorted(pair)]
    if found and found[0]["compared"]:
        said.append(_by_assay(found[0], methods))
    said += _uncertain(best, [each["results"][place] for each in assays if each["results"][place]])
    return said


def _mean_column(methods):
    return "auc_mean" if level_of(methods) == "wells" else "auc_mean_compounds"


def _best(best, methods):
    level = level_of(methods)
    mean = best[_mean_column(methods)]
    deviation = best["auc_sd" if level == "wells" else "auc_sd_compounds"]
    spread = "" if deviation is None else f" ± {deviation:.3f}"
    verb = "reaches a mean AUC of" if len(methods) == 1 else "has the highest mean AUC:"
    sentence = (
        f"{best['name']} {verb} {mean:.3f}{spread} by {level[:-1]} (mean and standard deviation "
        f"over the {best['evaluable']} of {best['tasks']} tasks that could be evaluated)."
    )
    if best["above_0.9"] is None:
        return sentence
    return (
        f"{sentence} By well, its AUC is above 0.9 in {best['above_0.9']} of them, above 0.8 in "
        f"{best['above_0.8']} and above 0.7 in {best['above_0.7']}."
    )


def _outperforms(best, wilcoxon, place):
    tests = [row[place] for row in wilcoxon if row[place] and row[place]["pvalue"] is not None]
    if not tests:
        return "No two methods could be compared by the Wilcoxon test."
    plain = sum(test["pvalue"] < ALPHA_TASKS for test in tests)
    holm = sum(test["holm"] is not None and test["holm"] < ALPHA_TASKS for test in tests)
    ordered = sum(cell is not None for row in wilcoxon for cell in row)
    how = "paired one-sided Wilcoxon test over the tasks, by compound, uncorrected as in the paper"
    others = f"the {count(len(tests), 'other method')}" if len(tests) > 1 else "the other method"
    if not plain:
        no_better = "is not significantly better than" + (" any of" if len(tests) > 1 else "")
        return (
            f"{best['name']} {no_better} {others} (p < {ALPHA_TASKS}, {how}): the order of the "
            f"methods is no proof."
        )
    which = others if plain == len(tests) else f"{in_words(plain)} of {others}"
    left = in_words(holm) if holm else "none"
    return (
        f"It outperforms {which} with p < {ALPHA_TASKS} ({how}). With Holm's correction for all "
        f"{ordered} ordered pairs, {left} {'remains' if holm <= 1 else 'remain'}."
    )


def _by_assay(pair, methods):
    first, second = methods[pair["first"]]["name"], methods[pair["second"]]["name"]
    compared = count(pair["compared"], "task")
    sentence = f"{first} and {second} can both be measured in {compared}"
    if pair["correlation"] is not None:
        correlation = format_number(pair["correlation"], 2)
        sentence += f"; their AUCs are correlated with r = {correlation}"
    differing = _differing(pair, column=2)
    if not sum(differing):
        return (
            f"{sentence}. In none do the ROC curves differ significantly (Venkatraman's "
            f"test, p < {ALPHA_ROC}, uncorrected)."
        )
    corrected = _differing(pair, column=3)
    after = f"{corrected[0]} and {corrected[1]}" if sum(corrected) else "none"
    return (
        f"{sentence}. The ROC curves differ significantly in favour of {first} in "
        f"{differing[0]} and in favour of {second} in {differing[1]} (Venkatraman's test, "
        f"p < {ALPHA_ROC}, uncorrected as in the paper); corrected by Benjamini and Hochberg, "
        f"in {after}."
    )


def _differing(pair, column):
    """Tasks whose p-value in a column of `report.page.data.list_pairs` is small, by direction."""
    marked = [row for row in pair["rows"] if row and row[column] is not None]
    marked = [row for row in marked if row[column] < ALPHA_ROC]
    return sum(row[0] > row[1] for row in marked), sum(row[0] < row[1] for row in marked)


def _uncertain(best, results):
    """How little a single AUC says, for few test compounds and by its interval."""
    counts = np.array([each["test"] for each in results if each["test"] and min(each["test"])])
    known = [each for each in results if each["low"] is not None]
    if not len(counts) or not known:
        return []
    actives, inactives = np.median(counts, axis=0)
    sentence = (
        f"A single task rests, in the median, on {actives:g} active and {inactives:g} inactive "
        f"compounds of the test part: the 95 % intervals of {best['name']} "
    )
    points = sum(each["low"] == each["high"] for each in known)
    wide = [each["high"] - each["low"] for each in known if each["low"] < each["high"]]
    parts = []
    if wide:
        parts.append(f"are {np.median(wide):.2f} wide in the median")
    if points:
        parts.append(
            f"shrink to a point in {count(points, 'task')} where its AUC is 0 or 1, which is "
            f"a limit of the bootstrap and no certainty"
        )
    return [f"{sentence}{', and '.join(parts)} (percentile bootstrap of one run, by compound)."]
