"""Lesson 4.1, Is version 7 really better: its checks."""
import numpy as np
from scipy import stats

from utils.exercises.expect import expect_array, expect_number, expect_type, number, refuse
from utils.lesson import exercise

FITS = {"skin": "B", "film": "E", "volume": "D"}
WHY_NOT = {
    ("skin", "A"): "skin: two images in three are moles, so accuracy is mostly about moles",
    ("film", "F"): "film: nearly all pixels are empty, so marking nothing is right about nearly all of them",
    ("film", "B"): "film: it may hold several opacities or none; count each one found, and each false mark",
    ("volume", "C"): "volume: Dice asks where; you are asked how much",
}


@exercise("Task: metrics", "three problems, three fingerprints; none of them is served by accuracy")
def fits(answer):
    expect_type(answer, dict, 'give a dictionary such as {{"skin": "A", "film": "B", "volume": "C"}}, not {kind}')
    missing = [problem for problem in FITS if problem not in answer]
    refuse(missing, "name a letter for {} as well", " and ".join(missing))
    for problem, right in FITS.items():
        given = str(answer[problem]).strip().upper()
        refuse(given not in tuple("ABCDEF"), "{}: give one letter from A to F, not {!r}", problem, answer[problem])
        words = f"{problem}: go through the six questions again; {given} answers another of them"
        refuse(given != right, WHY_NOT.get((problem, given), words))


def _wilson(k, n, z=1.96):
    middle, half = (k + z * z / 2) / (n + z * z), z / (n + z * z) * (k * (n - k) / n + z * z / 4) ** 0.5
    return np.array([middle - half, middle + half])


@exercise("Exercise 1", "it stays within 0 and 1, and is never without width")
def wilson(answer):
    for k, n in ((3, 7), (49, 223), (21, 23), (23, 23), (0, 10), (1, 1)):
        got = answer(k, n)
        expect_type(got, (tuple, list, np.ndarray), "return two numbers, (low, high); you return one {kind}")
        got = np.asarray(got, float).ravel()
        refuse(got.size != 2, "return two numbers, (low, high); you return {}", got.size)
        share, z = k / n, 1.96
        wald = z * (share * (1 - share) / n) ** 0.5
        middle, half = _wilson(k, n).mean(), np.ptp(_wilson(k, n)) / 2
        shrunk = (k + z * z / 2) / (n + z * z)
        coull = z * (shrunk * (1 - shrunk) / (n + z * z)) ** 0.5
        exact = stats.binomtest(k, n).proportion_ci()
        sides, of = np.array([-1, 1]), f" (asked for {k} of {n})"
        expect_array(got, _wilson(k, n), {
            f"you take the standard error at k/n; take it at p, as the equation says, and solve for p{of}": (
                share + sides * wald),
            f"the high end comes second{of}": _wilson(k, n)[::-1],
            f"the half width is right, but its middle is not k/n{of}": share + sides * half,
            f"that is the middle and the half width; return the two ends{of}": np.array([middle, half]),
            f"the middle is right; its half width comes from the equation, not from the error at the middle{of}": (
                shrunk + sides * coull),
            f"you leave out z: the ends are 1.96 standard errors away, not one{of}": _wilson(k, n, 1),
            f"z = 1.645 makes a 90 % interval; take 1.96{of}": _wilson(k, n, 1.645),
            f"that is Clopper and Pearson's interval; Wilson's solves the equation above{of}": np.array(exact),
            f"return shares from 0 to 1, not per cent{of}": 100 * _wilson(k, n),
        }, "you give {got} where {truth} is right" + of, rtol=1e-3, atol=1e-4)  # fmt: skip


def _half(n, share, z=1.959964):
    return z / (n + z * z) * (n * share * (1 - share) + z * z / 4) ** 0.5


def _fewest(share, half, start=1):
    return next(n for n in range(start, 100_000) if _half(n, share) <= half)


@exercise("Exercise 2", "so many of the ill, before anybody is scanned")
def cases_needed(answer):
    for recall, half in ((0.9, 0.05), (0.5, 0.05), (0.8, 0.1), (0.95, 0.03), (1.0, 0.05), (0.5, 0.45)):
        got = number(answer(recall, half), "return one whole number, not {kind}")
        refuse(not np.isfinite(got) or got != round(got), "cases come in whole numbers; you give {:.2f}", got)
        needed, asked = _fewest(recall, half), f" (asked for a recall of {recall}, {half} to each side)"
        plain = 1.96**2 * recall * (1 - recall) / half**2
        expect_number(got, needed, {
            "one fewer than needed: with so many it is still a little too wide" + asked: needed - 1,
            "one more than needed: look for the first that is narrow enough" + asked: needed + 1,
            "half the width is what must be small enough; you ask it of the whole width" + asked: (
                _fewest(recall, half / 2)),
            "that is z² p (1 − p) / half², for an interval that is too narrow near 1; search with Wilson's" + asked: (
                round(plain), np.ceil(plain), np.floor(plain)),
            "you square nothing: four times the cases halve the width" + asked: (
                np.ceil(1.96 * (recall * (1 - recall)) ** 0.5 / half)),
            "with so many half the width is still twice what is allowed" + asked: _fewest(recall, 2 * half),
        }, "you give {got:.0f} where {truth} are needed" + asked)  # fmt: skip


NARROW = {
    "A": "A is too narrow: 15 are few, .96 is near 1, and DeLong's error is then too small",
    "D": "D is too narrow: 20 images of a patient are not 20 patients; patients must be redrawn",
    "E": "E is too narrow: each redraw of 24 hits finds 24, so it runs from 1 to 1",
}
WIDE_ENOUGH = {
    "B": "B keeps its word: hundreds of each, one image a patient, and an area far from 1",
    "C": "C keeps its word: Newcombe's is made for few cases and an area near 1",
}


@exercise("Task: too narrow", "few cases near 1, images taken for patients, and redraws that do not differ")
def too_narrow(answer):
    expect_type(answer, (str, list, tuple, set), 'give the letters, such as "AB"; you give one {kind}')
    given = {letter for part in answer for letter in str(part).upper() if letter.isalpha()}
    refuse(not given or given - set("ABCDE"), "give letters from A to E; you give {!r}", answer)
    for letter, why in WIDE_ENOUGH.items():
        refuse(letter in given, why)
    for letter, why in NARROW.items():
        refuse(letter not in given, why)


def _split(only_a, only_b, both, neither):
    a = np.repeat([True, False, True, False], [only_a, only_b, both, neither])
    b = np.repeat([False, True, True, False], [only_a, only_b, both, neither])
    order = np.random.default_rng(only_a).permutation(len(a))
    return a[order], b[order]


@exercise("Exercise 3", "only the cases on which they disagree can tell them apart")
def paired_p(answer):
    for counts in ((12, 3, 40, 9), (3, 12, 40, 9), (5, 5, 6, 2), (0, 7, 20, 1), (60, 38, 300, 90), (0, 0, 9, 4)):
        only_a, only_b, both, neither = counts
        a, b = _split(*counts)
        n, toss = len(a), only_a + only_b
        asked = f" (asked with {only_a} cases right only in a, {only_b} only in b)"
        got = number(answer(a, b), "return one number, the p-value, not {kind}")
        truth = stats.binomtest(only_a, toss).pvalue if toss else 1.0
        refuse(not toss and got != 1, "where the two never disagree there is nothing to toss: p is 1; you give {:.3g}",
               got)  # fmt: skip
        if not toss:
            continue
        table = [[a.sum(), n - a.sum()], [b.sum(), n - b.sum()]]
        low, high = (stats.binomtest(only_a, toss, alternative=side).pvalue for side in ("less", "greater"))
        squares = (only_a - only_b) ** 2 / toss, max(abs(only_a - only_b) - 1, 0) ** 2 / toss
        unpaired = stats.fisher_exact(table).pvalue, *(
            stats.chi2_contingency(table, correction=c).pvalue for c in (True, False)
        ), stats.ttest_ind(a.astype(float), b.astype(float)).pvalue
        cases = stats.binomtest(only_a, n).pvalue, stats.binomtest(only_b, n).pvalue
        rights = stats.binomtest(int(a.sum()), int(a.sum() + b.sum())).pvalue
        refuse(not 0 <= got <= 1 + 1e-9, "a p-value lies from 0 to 1; you give {:.3g}", got)
        expect_number(got, truth, {
            "that test takes the two for different cases: they are the same, so compare them case by case" + asked: (
                *unpaired, rights),
            "cases on which the two agree are no tosses: divide among those where just one is right" + asked: cases,
            "that counts one side only: a split as uneven the other way round counts, too" + asked: (low, high),
            "that is the approximation by chi square; use the exact binomial test" + asked: tuple(
                stats.chi2.sf(square, 1) for square in squares),
            "that is the chance of exactly this split; add those that are less likely still" + asked: (
                stats.binom.pmf(only_a, toss, 0.5)),
            "that is a share of the tosses; the p-value says how likely so uneven a split is" + asked: (
                only_a / toss, only_b / toss),
        }, "you give {got:.4f} where {truth:.4f} is right" + asked)  # fmt: skip


@exercise("Task: right alarms", "most alarms would be false, and the network is the same")
def right_alarms(answer, sensitivity, false_alarms):
    """The answer comes with version 7's two rates."""
    at = 0.01
    found, wrong = sensitivity * at, false_alarms * (1 - at)
    expect_number(answer, found / (found + wrong), {
        "that leaves the prevalence out: weigh the ill with .01 and the others with .99": (
            sensitivity / (sensitivity + false_alarms)),
        "that is how often there is a right alarm among all lesions; divide by all alarms": found,
        "that is how often there is an alarm; which share of these is right?": found + wrong,
        "that is the share of wrong alarms; the right ones are asked for": wrong / (found + wrong),
        "the others are 99 in a hundred: weigh their false alarms with .99": found / (found + false_alarms),
        "that is right alarms per wrong one; divide by all alarms": found / wrong,
        "that is the sensitivity: of the melanomas, how many are found. Asked is: of the alarms": sensitivity,
        "you weigh the ill with .99; one in a hundred is ill": (
            sensitivity * (1 - at) / (sensitivity * (1 - at) + false_alarms * at)),
        "a share from 0 to 1, not per cent": 100 * found / (found + wrong),
    }, "you give {got:.3f}; divide right alarms, sensitivity times .01, by all alarms")  # fmt: skip
