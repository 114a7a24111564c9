"""What the checks of lesson 4.3 must say."""
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from support import *  # noqa: F403 the five tests, which read the two tables below

from utils.exercises import lesson43

# {exercise: [(code that defines a wrong answer, words its message must hold), …]}
MISTAKES = {}
PARTS = "def decompose(accuracy_by_class, mix_a, mix_b):\n    here, there = accuracy_by_class\n    "
MISTAKES["decompose"] = [
    (PARTS + "return mix_b @ (there - here), (mix_b - mix_a) @ here", "wrong order"),
    (PARTS + "return (mix_a - mix_b) @ here, mix_b @ (here - there)", "signs"),
    (PARTS + "return (mix_b - mix_a) @ there, mix_a @ (there - here)", "accuracies first"),
    (PARTS + "return (mix_b - mix_a) @ here, mix_a @ (there - here)", "do not add up"),
    (PARTS + "return (mix_b - mix_a) @ there, mix_b @ (there - here)", "add up to more"),
    (PARTS + "return (mix_b - mix_a) @ (here + there) / 2, (mix_a + mix_b) / 2 @ (there - here)", "average both"),
    (PARTS + "return (mix_b - mix_a) @ here, (there - here).mean()", "one and the same"),
    (PARTS + "return mix_b @ there - mix_a @ here", "two numbers"),
    (PARTS + "return 0, 1", "by hand"),
]
RISK = "def risk_coverage(confidence, right):\n    "
ORDER = "order = np.argsort(-confidence, kind='stable')\n    "
MISTAKES["risk_coverage"] = [
    (RISK + ORDER + "return np.cumsum(right[order]) / np.arange(1, len(right) + 1)", "right answers"),
    (RISK + "order = np.argsort(confidence)\n    return np.cumsum(~right[order]) / np.arange(1, len(right) + 1)",
     "least sure"),
    (RISK + ORDER + "return np.cumsum(~right[order]) / len(right)", "1, 2, 3"),
    (RISK + ORDER + "return np.cumsum(~right[order])", "counts the mistakes"),
    (RISK + "order = np.argsort(confidence, kind='stable')[::-1]\n    "
     "return np.cumsum(~right[order]) / np.arange(1, len(right) + 1)", "keep their order"),
    (RISK + "return np.cumsum(~right) / np.arange(1, len(right) + 1)", "sort them"),
    (RISK + "return (~right).mean()", "one error rate"),
    (RISK + "return np.zeros(len(right)) + 0.5", "off by"),
]
ALARM = "def alarm(counts, n, p0):\n    from scipy import stats\n    "
MISTAKES["alarm"] = [
    (ALARM + "return stats.binom.sf(counts, n, p0) < 0.005", "sf(k - 1)"),
    (ALARM + "return stats.binom.pmf(counts, n, p0) < 0.005", "exactly"),
    (ALARM + "return stats.binom.sf(counts - 1, n, p0) < 0.05", "5 %"),
    (ALARM + "return (stats.binom.sf(counts - 1, n, p0) < 0.005) | (stats.binom.cdf(counts, n, p0) < 0.005)", "fewer"),
    (ALARM + "return counts > n * p0 + 3 * np.sqrt(n * p0 * (1 - p0))", "bell curve"),
    (ALARM + "return stats.binom.sf(counts - 1, n, p0) >= 0.005", "other way round"),
    (ALARM + "return stats.binom.sf(counts - 1, n, p0)", "True or False"),
    (ALARM + "return counts.max() > 5", "you return bool"),
    (ALARM + "return [True]", "one answer a week"),
    (ALARM + "return counts > 1000", "alarm begins at 5"),
    (ALARM + "return stats.binom.sf(counts - 1, n, p0) < 0.0055", "the limit is 0.005"),
]

# {exercise: code of a right answer that is not the published one}
UNUSUAL = {
    "decompose": PARTS + """mix = rest = 0
    for k in range(len(mix_a)):
        mix += (mix_b[k] - mix_a[k]) * accuracy_by_class[0, k]
    rest = np.dot(mix_b, there) - np.dot(mix_a, here) - mix
    return [mix, rest]""",
    "risk_coverage": RISK + """pairs = sorted(zip(confidence, right), key=lambda pair: -pair[0])
    return [sum(not ok for _, ok in pairs[:k]) / k for k in range(1, len(pairs) + 1)]""",
    "alarm": """def alarm(counts, n, p0):
    from math import comb
    chance = [comb(n, k) * p0**k * (1 - p0)**(n - k) for k in range(n + 1)]
    return [sum(chance[count:]) < 0.005 for count in counts]""",
}


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (..., "blank", "not attempted"),
        (100 * 100 / 234, "done", "frightened"),
        (100 * 134 / 234, "wrong", "specificity"),
        (100 / 234, "wrong", "share"),
        (100, "wrong", "per hundred"),
        ("many", "wrong", "one number"),
        (3.0, "wrong", "you give 3"),
    ],
)
def test_the_first_task(answer, state, words):
    verdict = lesson43.false_alarms(answer, 134, 234)
    assert verdict.state == state and words in verdict.message


@pytest.mark.parametrize("limit", [0.0045, 0.0049, 0.0051, 0.0055])
def test_alarm_tells_its_limit_from_others_close_to_it(limit):
    assert lesson43.alarm(lambda k, n, p: stats.binom.sf(np.asarray(k) - 1, n, p) < limit).state == "wrong"


def test_alarm_takes_a_column_of_pandas():
    def answer(counts, n, p0):
        return pd.Series(stats.binom.sf(np.asarray(counts) - 1, n, p0) < 0.005)

    assert lesson43.alarm(answer).state == "done"


AT_BARS, AT_NEXT = np.arange(200) / 100, np.arange(50) / 20
LOW, BAR, OWN = *np.quantile(AT_BARS, [0.03, 0.97]), np.quantile(AT_NEXT, 0.97)


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (..., "blank", "not attempted"),
        ((AT_NEXT > BAR).mean(), "done", "a door"),
        (BAR, "wrong", "that is the bar"),
        ((AT_NEXT <= BAR).mean(), "wrong", "let in"),
        ((AT_NEXT > BAR).sum(), "wrong", "counts"),
        (100 * (AT_NEXT > BAR).mean(), "wrong", "per hundred"),
        ((AT_NEXT > LOW).mean(), "wrong", "not 3 %"),
        ((AT_NEXT > OWN).mean(), "wrong", "Lakeside's own"),
        ((AT_BARS > BAR).mean(), "wrong", "share of home"),
        (AT_NEXT > 1, "wrong", "one number"),
        (0.5, "wrong", "0.97 quantile"),
    ],
)
def test_the_third_task(answer, state, words):
    verdict = lesson43.declined(answer, AT_BARS, AT_NEXT)
    assert verdict.state == state and words in verdict.message


SCORES = np.random.default_rng(0).normal(size=(6, 4)) * 3
SUM = np.exp(SCORES).sum(1)


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (..., "blank", "not attempted"),
        (-np.log(SUM), "done", "no class speaks up"),
        (list(-np.log(SUM)), "done", "no class speaks up"),
        (np.log(SUM), "wrong", "sign"),
        (SUM, "wrong", "logarithm"),
        (-SCORES.max(1), "wrong", "highest score alone"),
        (-np.log(SUM / 4), "wrong", "mean"),
        (-np.log(np.exp(np.exp(SCORES) / SUM[:, None]).sum(1)), "wrong", "before the softmax"),
        (-np.log(SUM).sum(), "wrong", "one number an image"),
        (np.zeros(6), "wrong", "off by"),
    ],
)
def test_the_second_task(answer, state, words):
    verdict = lesson43.energies(answer, SCORES)
    assert verdict.state == state and words in verdict.message
