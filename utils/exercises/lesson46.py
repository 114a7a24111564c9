"""Lesson 4.6, Born to deploy: its checks."""
import numpy as np
from scipy import stats

from utils.evaluation import metrics
from utils.exercises.expect import expect_array, expect_number, expect_shape, expect_type, refuse
from utils.lesson import exercise

ROWS = ("dates", "agreement", "level of split", "training", "intervals")


@exercise("Task 1", "the worst film is as close as that")
def gap(answer, many, ours):
    """The answer comes with what the file and what PyTorch say."""
    off = np.asarray(many) - np.asarray(ours)
    expect_number(
        answer, np.abs(off).max(),
        {
            "the mean hides the worst film: take the largest": (np.abs(off).mean(), off.mean()),
            "take absolute values first: the file may also be lower": off.max(),
            "that is the lowest difference; take absolute values, then the largest": off.min(),
        },
        "you give {got:.3g}; take the largest of the absolute values of many - ours",
    )  # fmt: skip


@exercise("Task 2", "a random split is of something: films, or patients")
def missing(answer):
    expect_type(answer, str, "give one of the five words in quotes, not {kind}")
    word = " ".join(answer.split()).strip("'\"“”").casefold()
    refuse(word not in ROWS, "“{}” is none of the five: copy one of {}", answer, ", ".join(ROWS))
    there = {
        "dates": "the years of the films are there, in brackets",
        "agreement": "that of the two radiologists is there: their kappa",
        "training": "network, initial weights, epochs and the code's address are there",
        "intervals": "an interval is there; ask what was redrawn for it",
    }
    refuse(word in there, "{}", there.get(word))


@exercise("Task 3", "about one silent trial in thirteen rings for nothing")
def any_false(answer):
    expect_number(
        answer, 1 - 0.995**16,
        {
            "that is one chart for eight weeks; there are two": 1 - 0.995**8,
            "a sum of chances counts a trial that rings twice as two; take 1 minus the chance of no ring": 0.08,
            "that is the chance that none rings; ask for one or more": 0.995**16,
            "two charts, one week; there are eight weeks": 1 - 0.995**2,
            "that is the chance in one week of one chart": 0.005,
            "the chance that all ring is not that one does": 0.005**16,
            "give a share from 0 to 1, not per hundred": 100 * (1 - 0.995**16),
        },
        "you give {got:.4g}; one minus the chance that all sixteen counts stay quiet",
    )  # fmt: skip


@exercise("Exercise 1", "two limits, and a false-alarm rate that you can state")
def limits(answer):
    settings = (60, 0.3, 0.005), (60, 0.03, 0.005), (12, 0.5, 0.05), (30, 0.9, 0.01), (200, 0.25, 0.002)
    found = []
    for setting in settings:
        sentence = "return two counts, the smallest and the largest that stay quiet, {shape}; you return {got}"
        found.append(expect_shape(answer(*setting), (2,), sentence))

    def all_settings(rule):
        return np.array([quiet[[0, -1]] if len(quiet) else [-1, -1] for quiet in (
            np.arange(n + 1)[~rule(np.arange(n + 1), n, p, rate)] for n, p, rate in settings)])  # fmt: skip

    def rule(share=0.5, lower=0, upper=1, low=True, high=True):
        def rings(k, n, p, rate):
            below = stats.binom.cdf(k - lower, n, p) < rate * share
            above = stats.binom.sf(k - upper, n, p) < rate * share
            return (below & low) | (above & high)
        return rings

    def bell(k, n, p, rate):
        width = stats.norm.isf(rate / 2) * np.sqrt(n * p * (1 - p))
        return np.abs(k - n * p) > width

    truth = all_settings(rule())
    swapped = truth[:, ::-1]
    outside = truth + [-1, 1]
    expect_array(
        np.array(found), truth,
        {
            "each limit gets half of the rate: rate / 2": all_settings(rule(share=1)),
            "sf(k) is the chance of more than k; of k or more it is sf(k - 1)": all_settings(rule(upper=0)),
            "low: a count of k or fewer, so cdf(k), not cdf(k - 1)": all_settings(rule(lower=1)),
            "that is the upper limit alone; too few must ring, too": all_settings(rule(low=False)),
            "that is the lower limit alone; too many must ring, too": all_settings(rule(high=False)),
            "the smallest comes first": swapped,
            "those are the first counts that ring; return the last that stay quiet": outside,
            "a bell curve is too kind to small counts: use the binomial distribution": all_settings(bell),
            "give counts, not shares": truth / np.array([[n] for n, *_ in settings]),
            "binom.interval guards the middle with another rule; count tails of k or fewer, k or more": np.array(
                [stats.binom.interval(1 - rate, n, p) for n, p, rate in settings]),
        },
        "of 60 films at 0.3 and a rate of 0.005 the counts {} to {} stay quiet; see where yours do".format(
            *truth[0].astype(int)),
    )  # fmt: skip


@exercise("Exercise 2", "an interval decides, and “wait” is an answer")
def decide(answer):
    cases = {
        ((43, 54), (124, 126)): ([0.7, 0.8], "the first may lie below what is needed: wait"),
        ((53, 54), (124, 126)): ([0.7, 0.8], "both intervals lie above: go on"),
        ((53, 54), (40, 126)): ([0.7, 0.8], "one interval wholly below is enough to stop"),
        ((20, 54), (124, 126)): ([0.7, 0.8], "stop for the first one, too: look at all of the list"),
        ((20, 54), (0, 0)): ([0.7, 0.8], "stop, though nothing is known of the second"),
        ((45, 54), (40, 126)): ([0.7, 0.8], "the second lies wholly below: stop beats wait"),
        ((0, 0), (124, 126)): ([0.7, 0.8], "of = 0: nothing is known, so wait"),
        ((33, 54), (124, 126)): ([0.7, 0.8], "the estimate is below, its interval is not wholly: wait"),
        ((95, 100),): ([0.8], "a list of one is a list: go on"),
        ((90, 100), (90, 100), (90, 100)): ([0.8, 0.8, 0.95], "all of the list, three here: wait"),
    }  # fmt: skip
    for results, (needed, why) in cases.items():
        got = answer([*results], list(needed))
        expect_type(got, str, "return one of “go on”, “stop” and “wait”, not {kind}")
        refuse(got not in ("go on", "stop", "wait"), "“{}” is none of “go on”, “stop” and “wait”", got)
        refuse(got != _verdict(results, needed), "of {} with {} needed you say “{}”; {}", [*results], needed, got, why)
    low, high = metrics.wilson(45, 54)[1:]
    for needed, said in ((low, "go on"), (high, "wait")):
        refuse(answer([(45, 54)], [needed]) != said, "an end that is just what is needed is not below it")


def _verdict(results, needed):
    ends = [(0, 1) if of == 0 else metrics.wilson(right, of)[1:] for right, of in results]
    if any(high < share for (_, high), share in zip(ends, needed, strict=True)):
        return "stop"
    return "go on" if all(low >= share for (low, _), share in zip(ends, needed, strict=True)) else "wait"


@exercise("Exercise 3", "a straight line from the reader alone to either of the two")
def expected(answer):
    rng = np.random.default_rng(0)
    found, tables = [], {}
    for n, q in ((40, 0.5), (60, 0.0), (60, 1.0), (90, 0.3)):
        sick = np.arange(n) % 3 == 0
        own, machine = (rng.random(n) < np.where(sick, *rates) for rates in ((0.7, 0.2), (0.8, 0.3)))
        got = answer(own, machine, sick, q)
        found.append(expect_shape(got, (2,), "return two numbers, sensitivity and specificity; you return {got}"))

        def both(chance, sick=sick):
            return chance[sick].mean(), 1 - chance[~sick].mean()

        alone = machine & ~own
        right = both(np.where(own, 1.0, alone * q))
        for say, wrong in {
            "truth": right,
            "the right two numbers in the wrong order: sensitivity comes first": right[::-1],
            "that is the false-positive rate; specificity is one minus it": (right[0], 1 - right[1]),
            "where the reader said yes the yes stays, whatever the machine says": both(q * machine + (1 - q) * own),
            "where both say yes the chance is 1, not 1 + q": both(own + q * machine),
            "the machine's yes counts with q, not in full": both((own | machine).astype(float)),
            "that is the reader alone": both(own.astype(float)),
            "q is the chance to give in, not to resist": both(np.where(own, 1.0, alone * (1 - q))),
            "divide by the sick for the one and by the healthy for the other, not by all": (
                (np.where(own, 1.0, alone * q) * sick).mean(), ((1 - np.where(own, 1.0, alone * q)) * ~sick).mean()),
        }.items():  # fmt: skip
            tables.setdefault(say, []).append(wrong)
    truth = np.array(tables.pop("truth"))
    expect_array(np.array(found), truth, {say: np.array(wrong) for say, wrong in tables.items()},
                 "your shares are off by up to {off:.3g}; no dice: the chance of a yes is 1, q or 0")  # fmt: skip
