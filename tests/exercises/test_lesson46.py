"""What the checks of lesson 4.6 must say."""
import numpy as np
import pytest
from support import *  # noqa: F403 the five tests, which read the two tables below

from utils.exercises import lesson46

# {exercise: [(code that defines a wrong answer, words its message must hold), …]}
MISTAKES = {}
LIMITS = "def limits(n, p0, rate):\n    from scipy import stats\n    k = np.arange(n + 1)\n    "
LOW, HIGH = "low = stats.binom.cdf(k, n, p0) < rate / 2\n    ", "high = stats.binom.sf(k - 1, n, p0) < rate / 2\n    "
QUIET = "quiet = k[~low & ~high]\n    return quiet[0], quiet[-1]"
MISTAKES["limits"] = [
    (LIMITS + (LOW + HIGH + QUIET).replace("rate / 2", "rate"), "half of the rate"),
    (LIMITS + LOW + HIGH.replace("k - 1", "k") + QUIET, "sf(k - 1)"),
    (LIMITS + LOW.replace("cdf(k", "cdf(k - 1") + HIGH + QUIET, "cdf(k)"),
    (LIMITS + "low = k < 0\n    " + HIGH + QUIET, "upper limit alone"),
    (LIMITS + LOW + "high = k < 0\n    " + QUIET, "lower limit alone"),
    (LIMITS + LOW + HIGH + QUIET.replace("quiet[0], quiet[-1]", "quiet[-1], quiet[0]"), "smallest comes first"),
    (LIMITS + LOW + HIGH + QUIET + " + 1", "see where yours do"),
    (LIMITS + LOW + HIGH + QUIET.replace("quiet[0], quiet[-1]", "quiet[0] - 1, quiet[-1] + 1"), "counts that ring"),
    (LIMITS + LOW + HIGH + QUIET.replace("quiet[0], quiet[-1]", "quiet[0] / n, quiet[-1] / n"), "counts, not shares"),
    (LIMITS + "wide = stats.norm.isf(rate / 2) * np.sqrt(n * p0 * (1 - p0))\n    "
     "low = high = abs(k - n * p0) > wide\n    " + QUIET, "bell curve"),
    (LIMITS + LOW + HIGH + "return k[~low & ~high]", "two counts"),
    (LIMITS + LOW + HIGH + "return k[~low & ~high].max()", "two counts"),
]
DECIDE = "def decide(results, needed):\n    from utils.evaluation import metrics\n    "
ENDS = "ends = [(0, 1) if of == 0 else metrics.wilson(right, of)[1:] for right, of in results]\n    "
BELOW = "if any(high < share for (_, high), share in zip(ends, needed)):\n        return 'stop'\n    "
ABOVE = "return 'go on' if all(low >= share for (low, _), share in zip(ends, needed)) else 'wait'"
MISTAKES["decide"] = [
    (DECIDE + "rates = [right / of if of else .75 for right, of in results]\n    "
     "return 'go on' if all(r >= s for r, s in zip(rates, needed)) else 'stop'", "may lie below"),
    (DECIDE + ENDS + ABOVE, "enough to stop"),
    (DECIDE + ENDS.replace("(0, 1)", "(1, 1)") + BELOW + ABOVE, "nothing is known"),
    (DECIDE + ENDS.replace("(0, 1)", "(0, 0)") + BELOW + ABOVE, "nothing is known"),
    (DECIDE + ENDS + BELOW + "return 'wait'", "go on"),
    (DECIDE + ENDS + BELOW.replace("_, high", "high, _") + ABOVE, "may lie below"),
    (DECIDE + ENDS + BELOW.replace("high <", "high <=") + ABOVE.replace(">=", ">"), "just what is needed"),
    (DECIDE + ENDS + BELOW.replace("ends, needed", "ends[1:], needed[1:]") + ABOVE, "look at all"),
    (DECIDE + ENDS + BELOW + "return 'yes'", "none of"),
    (DECIDE + ENDS + "return True", "not bool"),
]
EXPECTED = "def expected(own, machine, sick, q):\n    "
CHANCE = "chance = np.where(own, 1.0, np.where(machine, q, 0.0))\n    "
BOTH = "return chance[sick].mean(), 1 - chance[~sick].mean()"
MISTAKES["expected"] = [
    (EXPECTED + CHANCE + "return 1 - chance[~sick].mean(), chance[sick].mean()", "sensitivity comes first"),
    (EXPECTED + CHANCE + "return chance[sick].mean(), chance[~sick].mean()", "one minus it"),
    (EXPECTED + "chance = q * machine + (1 - q) * own\n    " + BOTH, "the yes stays"),
    (EXPECTED + "chance = own + q * machine\n    " + BOTH, "not 1 + q"),
    (EXPECTED + "chance = own | machine\n    " + BOTH, "not in full"),
    (EXPECTED + "chance = own\n    " + BOTH, "reader alone"),
    (EXPECTED + CHANCE.replace("q,", "1 - q,") + BOTH, "not to resist"),
    (EXPECTED + CHANCE + "return (chance * sick).mean(), ((1 - chance) * ~sick).mean()", "not by all"),
    (EXPECTED + CHANCE + "return chance.mean()", "two numbers"),
    (EXPECTED + "return 0.5, 0.5", "no dice"),
]

# {exercise: code of a right answer that is not the published one}
UNUSUAL = {
    "limits": """def limits(n, p0, rate):
    from math import comb
    chance = [comb(n, k) * p0**k * (1 - p0)**(n - k) for k in range(n + 1)]
    low = high = None
    for k in range(n + 1):
        if sum(chance[: k + 1]) >= rate / 2 and sum(chance[k:]) >= rate / 2:
            low, high = (k if low is None else low), k
    return [low, high]""",
    "decide": DECIDE + """said = set()
    for (right, of), share in zip(results, needed):
        if of == 0:
            said.add('wait')
        else:
            found = metrics.wilson(right, of)
            said.add('stop' if found.high < share else 'go on' if found.low >= share else 'wait')
    return 'stop' if 'stop' in said else 'wait' if 'wait' in said else 'go on'""",
    "expected": EXPECTED + """alone = machine & ~own
    return [own[sick].mean() + q * alone[sick].mean(), (~own[~sick]).mean() - q * alone[~sick].mean()]""",
}

OURS = np.array([[0.2, 0.8], [0.6, 0.4]])
MANY = OURS + [[1e-7, -1e-7], [-3e-7, 2e-7]]


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (..., "blank", "not attempted"),
        (np.abs(MANY - OURS).max(), "done", "worst"),
        (np.abs(MANY - OURS).mean(), "wrong", "hides"),
        ((MANY - OURS).max(), "wrong", "absolute"),
        ((MANY - OURS).min(), "wrong", "lowest"),
        (0.1, "wrong", "you give 0.1"),
        (0, "wrong", "you give 0"),
        (MANY - OURS, "wrong", "one number"),
    ],
)
def test_the_first_task(answer, state, words):
    verdict = lesson46.gap(answer, MANY, OURS)
    assert verdict.state == state and words in verdict.message


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (..., "blank", "not attempted"),
        ("level of split", "done", "patients"),
        (" Level of  Split ", "done", "patients"),
        ("agreement", "wrong", "kappa"),
        ("dates", "wrong", "years"),
        ("intervals", "wrong", "redrawn"),
        ("training", "wrong", "epochs"),
        ("split", "wrong", "none of the five"),
        (3, "wrong", "not int"),
    ],
)
def test_the_second_task(answer, state, words):
    verdict = lesson46.missing(answer)
    assert verdict.state == state and words in verdict.message


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (..., "blank", "not attempted"),
        (1 - 0.995**16, "done", "thirteen"),
        (0.08, "wrong", "sum of chances"),
        (1 - 0.995**8, "wrong", "two"),
        (0.995**16, "wrong", "none rings"),
        (100 * (1 - 0.995**16), "wrong", "per hundred"),
        (0.5, "wrong", "you give 0.5"),
    ],
)
def test_the_third_task(answer, state, words):
    verdict = lesson46.any_false(answer)
    assert verdict.state == state and words in verdict.message
