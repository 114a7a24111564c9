"""What the checks of lesson 4.1 must say."""
import pytest
from scipy import stats
from support import *  # noqa: F403 the five tests, which read the two tables below

from utils.exercises import lesson41

# {exercise: [(code that defines a wrong answer, words its message must hold), …]}
MISTAKES = {}
W = "def wilson(k, n):\n    z, p = 1.96, k / n\n    "
MIDDLE = "middle = (k + z**2 / 2) / (n + z**2)\n    half = z / (n + z**2) * (k * (n - k) / n + z**2 / 4) ** 0.5\n    "
MISTAKES["wilson"] = [
    (W + "e = z * (p * (1 - p) / n) ** 0.5\n    return p - e, p + e", "standard error at k/n; take it at p"),
    (W + MIDDLE + "return middle + half, middle - half", "high end comes second"),
    (W + MIDDLE + "return p - half, p + half", "middle is not k/n"),
    (W + MIDDLE + "return middle, half", "two ends"),
    (W + MIDDLE + "return half", "two numbers"),
    (W + MIDDLE + "return p, middle - half, middle + half", "you return 3"),
    (W + MIDDLE + "return 100 * (middle - half), 100 * (middle + half)", "per cent"),
    (W + MIDDLE + "e = z * (middle * (1 - middle) / (n + z**2)) ** 0.5\n    return middle - e, middle + e",
     "from the equation"),
    (W + "z = 1\n    " + MIDDLE + "return middle - half, middle + half", "leave out z"),
    (W + "z = 1.645\n    " + MIDDLE + "return middle - half, middle + half", "90 %"),
    (W + "return tuple(proportion_confint(k, n, method='beta'))", "Clopper and Pearson"),
    (W + "return 0, 1", "is right"),
]  # fmt: skip
N = "def cases_needed(recall, half):\n    "
HALF = "np.ptp(proportion_confint(recall * n, n, method='wilson')) / 2"
MISTAKES["cases_needed"] = [
    (N + "return np.ceil(1.96**2 * recall * (1 - recall) / half**2)", "for an interval that is too narrow"),
    (N + "return 1.96**2 * recall * (1 - recall) / half**2", "whole numbers"),
    (N + f"n = 1\n    while 2 * {HALF} > half:\n        n += 1\n    return n", "half the width is what"),
    (N + f"n = 1\n    while {HALF} > half:\n        n += 1\n    return n - 1", "one fewer"),
    (N + f"n = 1\n    while {HALF} > half:\n        n += 1\n    return n + 1", "one more"),
    (N + f"n = 1\n    while {HALF} > 2 * half:\n        n += 1\n    return n", "twice what is allowed"),
    (N + "return np.ceil(1.96 * (recall * (1 - recall)) ** 0.5 / half)", "you square nothing"),
    (N + "return [1, 2]", "one whole number"),
    (N + "return 1000", "are needed"),
]
P = "def paired_p(hits_a, hits_b):\n    "
TOSS = "a, b = int((hits_a & ~hits_b).sum()), int((~hits_a & hits_b).sum())\n    n = len(hits_a)\n    "
TABLE = "[[hits_a.sum(), n - hits_a.sum()], [hits_b.sum(), n - hits_b.sum()]]"
MISTAKES["paired_p"] = [
    (P + TOSS + f"return stats.fisher_exact({TABLE}).pvalue", "different cases"),
    (P + TOSS + "return stats.binomtest(a, n).pvalue", "no tosses"),
    (P + TOSS + "return stats.binomtest(max(a, b), max(a + b, 1), alternative='greater').pvalue", "one side only"),
    (P + TOSS + "return stats.chi2.sf((a - b) ** 2 / (a + b), 1)", "chi square"),
    (P + TOSS + "return stats.binom.pmf(a, a + b, 0.5)", "exactly this split"),
    (P + TOSS + "return a / (a + b)", "share of the tosses"),
    (P + TOSS + "return 2 * stats.binom.cdf(max(a, b), a + b, 0.5)", "from 0 to 1"),
    (P + TOSS + "return stats.binomtest(a, a + b).pvalue if a + b else 0.0", "nothing to toss"),
    (P + TOSS + "return stats.binomtest(a, a + b)", "one number"),
    (P + TOSS + "return 0.5", "is right"),
]

# {exercise: code of a right answer that is not the published one}
UNUSUAL = {
    "wilson": "def wilson(k, n):\n    z = 1.959964\n    roots = np.roots([1 + z * z / n, -(2 * k + z * z) / n, "
    "(k / n) ** 2])\n    return np.sort(roots.real)",
    "cases_needed": N + """low, high = 0, 100_000
    while high - low > 1:
        n = (low + high) // 2
        a, b = proportion_confint(recall * n, n, method="wilson")
        low, high = (n, high) if (b - a) / 2 > half else (low, n)
    return float(high)""",
    "paired_p": P + """from statsmodels.stats.contingency_tables import mcnemar
    table = pd.crosstab(pd.Categorical(hits_a, [True, False]), pd.Categorical(hits_b, [True, False]), dropna=False)
    return mcnemar(table.to_numpy(), exact=True).pvalue""",
}  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (..., "blank", "not attempted"),
        ({"skin": "B", "film": "E", "volume": "D"}, "done", "fingerprints"),
        ({"film": "e", "volume": "d ", "skin": "b"}, "done", "fingerprints"),
        ({"skin": "A", "film": "E", "volume": "D"}, "wrong", "mostly about moles"),
        ({"skin": "B", "film": "F", "volume": "D"}, "wrong", "nearly all pixels are empty"),
        ({"skin": "B", "film": "B", "volume": "D"}, "wrong", "each false mark"),
        ({"skin": "B", "film": "E", "volume": "C"}, "wrong", "Dice asks where"),
        ({"skin": "B", "film": "A", "volume": "D"}, "wrong", "film: go through the six"),
        ({"skin": "B", "film": "E"}, "wrong", "a letter for volume"),
        ({"skin": "B", "film": "E", "volume": "…"}, "wrong", "from A to F"),
        ("BED", "wrong", "give a dictionary"),
    ],
)
def test_the_task_of_metrics(answer, state, words):
    verdict = lesson41.fits(answer)
    assert verdict.state == state and words in verdict.message


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (..., "blank", "not attempted"),
        ("ADE", "done", "few cases near 1"),
        (["e", "a", "d"], "done", "few cases near 1"),
        ("a, d, e", "done", "few cases near 1"),
        ("DE", "wrong", "15 are few"),
        ("AE", "wrong", "not 20 patients"),
        ("AD", "wrong", "from 1 to 1"),
        ("ABDE", "wrong", "B keeps its word"),
        ("ACDE", "wrong", "C keeps its word"),
        ("", "wrong", "from A to E"),
        ("AFE", "wrong", "from A to E"),
        (3, "wrong", "one int"),
    ],
)
def test_the_task_of_narrow_intervals(answer, state, words):
    verdict = lesson41.too_narrow(answer)
    assert verdict.state == state and words in verdict.message


S, F = 0.43, 0.05


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (..., "blank", "not attempted"),
        (S * 0.01 / (S * 0.01 + F * 0.99), "done", "most alarms"),
        (1 / (1 + 99 * F / S), "done", "most alarms"),
        (S / (S + F), "wrong", "leaves the prevalence out"),
        (S * 0.01, "wrong", "divide by all alarms"),
        (S * 0.01 + F * 0.99, "wrong", "which share of these"),
        (F * 0.99 / (S * 0.01 + F * 0.99), "wrong", "share of wrong alarms"),
        (S * 0.01 / (S * 0.01 + F), "wrong", "weigh their false alarms"),
        (S * 0.01 / (F * 0.99), "wrong", "per wrong one"),
        (S, "wrong", "of the alarms"),
        (S * 0.99 / (S * 0.99 + F * 0.01), "wrong", "one in a hundred is ill"),
        (100 * S * 0.01 / (S * 0.01 + F * 0.99), "wrong", "per cent"),
        (0.9, "wrong", "you give 0.900"),
        ("a few", "wrong", "one number|fit"),
    ],
)
def test_the_task_of_alarms(answer, state, words):
    verdict = lesson41.right_alarms(answer, S, F)
    assert verdict.state == state and any(word in verdict.message for word in words.split("|"))


@pytest.mark.parametrize(
    ("p", "words"),
    [
        (lambda a, b: stats.ttest_ind(a.astype(float), b.astype(float)).pvalue, "different cases"),
        (lambda a, b: stats.binomtest(int(a.sum()), int(a.sum() + b.sum())).pvalue, "different cases"),
        (lambda a, b: stats.binomtest(int((b & ~a).sum()), len(a)).pvalue, "no tosses"),
        (lambda a, b: stats.binom.cdf((a & ~b).sum(), (a ^ b).sum(), 0.5), "one side only"),
        (lambda a, b: stats.chi2.sf((abs(a.sum() - b.sum()) - 1) ** 2 / max((a ^ b).sum(), 1), 1), "chi square"),
    ],
)
def test_more_ways_to_a_wrong_p(p, words):
    assert words in lesson41.paired_p(p).message
