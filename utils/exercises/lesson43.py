"""Lesson 4.3, Out of the sandbox: its checks."""
import numpy as np
from scipy import special, stats

from utils.exercises.expect import expect_array, expect_number, expect_shape, expect_type, refuse
from utils.lesson import exercise


@exercise("Task 1", "that many parents per hundred are frightened for nothing")
def false_alarms(answer, right, of):
    """The answer comes with the healthy children called healthy, and all healthy ones."""
    expect_number(
        answer, 100 * (of - right) / of,
        {
            "that is the specificity in percent; the question is who is called sick": 100 * right / of,
            "that is a share; give it per hundred": (of - right) / of,
            "that counts the children of this test; give it per hundred": float(of - right),
        },
        "you give {got:.4g}; take 100 times the healthy ones called sick, divided by all healthy ones",
    )  # fmt: skip


@exercise("Task 2", "high where no class speaks up")
def energies(answer, scores):
    """The answer comes with the scores (images, classes) before the softmax."""
    scores = np.asarray(scores, float)
    total = special.logsumexp(scores, axis=1)
    got = expect_shape(answer, (len(scores),), "one number an image, {shape}; you give {got}: sum along axis 1")
    expect_array(
        got, -total,
        {
            "the sign is the other way round: strange images must get the high numbers": total,
            "take the logarithm of the sum": (np.exp(scores).sum(1), -np.exp(scores).sum(1)),
            "that is the highest score alone; the energy sums over all classes": (-scores.max(1), scores.max(1)),
            "a mean is not a sum": -np.log(np.exp(scores).mean(1)),
            "the scores come as they are, before the softmax": -special.logsumexp(special.softmax(scores, 1), axis=1),
        },
        "your energies are off by up to {off:.3g}",
    )  # fmt: skip


@exercise("Exercise 1", "the two parts add up to the whole fall")
def decompose(answer):
    rng = np.random.default_rng(0)
    for classes in (2, 4, 7):
        accuracy = rng.uniform(size=(2, classes))
        a, b = rng.dirichlet(np.ones(classes), 2)
        got = expect_shape(answer(accuracy, a, b), (2,), "return two numbers, mix and rest; you return {got}")
        (here, there), step = accuracy, b - a
        change = there - here
        truth, late, mixed = (step @ here, b @ change), (step @ there, a @ change), (step @ here, a @ change)
        mistakes = {
            "the right two numbers in the wrong order: the mix comes first": truth[::-1],
            "the signs are the other way round: b minus a, so a fall is negative": (-truth[0], -truth[1]),
            "you change the accuracies first; here the mix goes first": late,
            "your parts do not add up to the fall: once the mix is b's, weigh the rest with b's": mixed,
            "your parts add up to more than the fall: change the mix at a's accuracies": (late[0], truth[1]),
            "you average both orders, which is fair; here the mix goes first": np.add(truth, late) / 2,
            "the rest is weighed by the mix of b, not by one and the same for each class": (truth[0], change.mean()),
        }
        expect_array(got, truth, {say: np.array(wrong) for say, wrong in mistakes.items()},
                     "your parts are {got}; check them on two classes by hand")  # fmt: skip


@exercise("Task 3", "a door whose price you know on both sides")
def declined(answer, at_bars, at_next):
    """The answer comes with the strangeness of the films that set the bar, and of the next hospital's."""
    at_bars, at_next = np.asarray(at_bars), np.asarray(at_next)
    bar = np.quantile(at_bars, 0.97)
    share = float((at_next > bar).mean())
    expect_number(
        answer, share,
        {
            "that is the bar; ask next which share of Lakeside's films lies above it": float(bar),
            "that is the share let in; those above the bar are declined": 1 - share,
            "that counts the films; give their share": float((at_next > bar).sum()),
            "give a share from 0 to 1, not per hundred": 100 * share,
            "97 % of the home films must stay below the bar, not 3 %": float(
                (at_next > np.quantile(at_bars, 0.03)).mean()),
            "the bar comes from home's films, not from Lakeside's own": float(
                (at_next > np.quantile(at_next, 0.97)).mean()),
            "that is the share of home's films; the question is Lakeside's": float((at_bars > bar).mean()),
        },
        "you give {got:.4g}; compare each of at_next with the 0.97 quantile of at_bars, and take the mean",
    )  # fmt: skip


@exercise("Exercise 2", "the fewer it answers, the surer it is of what it answers")
def risk_coverage(answer):
    rng = np.random.default_rng(1)
    for n in (1, 6, 50):
        confidence, right = rng.permutation(n) / n, rng.random(n) < 0.7
        if n > 6:
            confidence = np.round(confidence, 1)  # ties
        order = np.argsort(-confidence, kind="stable")
        wrong, asked = np.cumsum(~right[order]), np.arange(1, n + 1)
        got = expect_shape(answer(confidence, right), (n,), "return one error rate for each number of answers, "
                           "{shape}; you return {got}")  # fmt: skip
        rising, tied = np.argsort(confidence, kind="stable"), np.argsort(confidence, kind="stable")[::-1]
        expect_array(
            got, wrong / asked,
            {
                "that is the share of right answers; the risk is the share of wrong ones": 1 - wrong / asked,
                "you begin with the least sure; begin with the surest": np.cumsum(~right[rising]) / asked,
                "divide by the cases that were answered, 1, 2, 3, …, not by all": wrong / n,
                "that counts the mistakes; divide by the cases that were answered": wrong.astype(float),
                "equal confidences must keep their order: sort minus the confidence, with kind='stable'": (
                    np.cumsum(~right[tied]) / asked),
                "you take the cases as they come; sort them by confidence": np.cumsum(~right) / asked,
            },
            "your error rates are off by up to {off:.3g}",
        )  # fmt: skip


@exercise("Exercise 3", "a silent week stays silent, but for the rate that you chose")
def alarm(answer):
    settings, found, share = ((30, 0.03), (200, 0.05), (12, 0.5), (30, 0.2), (60, 0.1)), [], 0.005
    settings += (12, 0.03), (28, 0.2), (70, 0.03), (102, 0.05)  # tails of .0048 to .0052 tell 0.005 from its like
    for n, p0 in settings:
        got = answer(np.arange(n + 1), n, p0)
        if np.ndim(got) == 0:
            expect_type(got, (np.ndarray, list, tuple), "return True or False for each week; you return {kind}")
        got = expect_shape(got, (n + 1,), "one answer a week, {shape}; you return {got}")
        refuse(not np.isin(got, (0, 1)).all(), "return True or False for each week, not numbers: compare with 0.005")
        found.append(got.astype(int))

    def all_weeks(rule):
        return np.concatenate([rule(np.arange(n + 1), n, p0) for n, p0 in settings]).astype(int)

    def chance(k, n, p):
        return stats.binom.sf(k - 1, n, p)

    expect_array(
        np.concatenate(found), all_weeks(lambda k, n, p: chance(k, n, p) < share),
        {
            "sf(k) is the chance of more than k; of k or more it is sf(k - 1)": (
                all_weeks(lambda k, n, p: stats.binom.sf(k, n, p) < share)),
            "that is the chance of exactly this count; ask for this or more": (
                all_weeks(lambda k, n, p: stats.binom.pmf(k, n, p) < share)),
            "you use 5 %: with that, one week in twenty may alarm though nothing changed": (
                all_weeks(lambda k, n, p: chance(k, n, p) < 0.05)),
            "you also sound the alarm where fewer than usual are flagged; here only more count": (
                all_weeks(lambda k, n, p: (chance(k, n, p) < share) | (stats.binom.cdf(k, n, p) < share))),
            "mean plus three standard deviations is for a bell curve; small counts have a longer tail": (
                all_weeks(lambda k, n, p: k > n * p + 3 * np.sqrt(n * p * (1 - p)))),
            "the limit is 0.005; yours is a little higher or lower": (
                all_weeks(lambda k, n, p: chance(k, n, p) < 0.0049),
                all_weeks(lambda k, n, p: chance(k, n, p) < 0.0051)),
            "the answers are the other way round": all_weeks(lambda k, n, p: chance(k, n, p) >= share),
        },
        "of 30 images with p0 = 0.03 the alarm begins at 5; see where yours does",
    )  # fmt: skip
    got = np.asarray(answer(np.array([9, 0, 4]), 30, 0.03))
    refuse(got.tolist() != [True, False, False], "weeks come in any order: judge each by its own count")
