"""Lesson 3.2, Which of your improvements were real?: its checks."""
import numpy as np
import torch

from utils import lesson
from utils.exercises.expect import expect_number, expect_type, number, refuse
from utils.lesson import Hint, exercise


@exercise("Exercise 1", "a log that cannot hide what changed",
          spoilt="your function changes the settings it is given: only read them")
def changed(answer):
    base = {"rate": 0.1, "network": len, "augment": None, "epochs": 12}
    cases = [(base, base | {"rate": 0.2}, ["rate"]), (base, base, []),
             (base, base | {"network": str, "epochs": 3}, ["epochs", "network"]),
             (base, base | {"loss": 1}, ["loss"]), (base | {"loss": 1}, base, ["loss"]),
             (base, base | {"loss": None}, ["loss"])]
    for before, after, truth in cases:
        got = answer(before, after)
        expect_type(got, list, "return a list of names, not {kind}")
        refuse(any(isinstance(name, tuple) for name in got), "return the names alone, without their values")
        for name in set(truth) - set(got):
            what = "and differs" if after.get(name) else "even when its value is None"
            refuse(name not in before, "a name that only the second setting has is new, {}", what)
            refuse(name not in after, "a name that only the first setting has was taken away: that "
                   "is a change, too")
        refuse(set(got) != set(truth), "{} changed, you say {}", truth, sorted(got))
        refuse(got != sorted(got), "sort the names, so that two logs can be compared")


@exercise("Exercise 2", "compared in pairs, and lesions stand or fall together")
def paired_gain(answer):
    rng = np.random.default_rng(3)
    sizes = rng.integers(1, 7, 150)
    large = sizes > 3  # these are mended, small ones spoilt: a gain by lesion is another than one by image
    mended = np.isin(np.arange(150), rng.choice(np.flatnonzero(large), 30, replace=False))
    spoilt = np.isin(np.arange(150), rng.choice(np.flatnonzero(~large), 15, replace=False))
    lesions = np.repeat([f"L{i:03d}" for i in rng.permutation(150)], sizes)
    easy, gained, lost = rng.random(len(lesions)) < 0.7, np.repeat(mended, sizes), np.repeat(spoilt, sizes)
    order = rng.permutation(len(lesions))
    before, after = (easy & ~gained | lost)[order], (easy & ~lost | gained)[order]
    lesions = lesions[order]
    try:
        got = answer(before, after, lesions, 2000, 0)
    except TypeError as error:
        refuse("boolean subtract" in str(error), "True − True is no number: make the hits numbers first, as with "
               "`.astype(float)`; the `^` that NumPy proposes forgets what got worse")
        raise
    try:
        gain, lower, upper = map(float, got)
    except (TypeError, ValueError):
        raise Hint("return three numbers: the gain and the two ends of its interval") from None
    truth = after.mean() - before.mean()
    expect_number(gain, truth, {
        "you subtract the wrong way round: a gain is after minus before": -truth,
        "you count each image whose answer changed, also where right became wrong: subtract numbers":
            (after != before).mean(),
        "that is the gain of the mean lesion; weigh each image alike": _by_lesion(before, after, lesions).mean(),
    }, "the gain is the difference of the two accuracies, {truth:.4f} here; you say {got:.4f}")
    refuse(lower == upper, "each of your redraws is the sample itself: draw with replacement")
    refuse(lower > upper, "the lower end comes before the upper one")
    found = np.array([lower, upper])
    right, others = _ends(before, after, lesions)
    spread = np.ptp(right) / 3.92
    off = {sentence: np.hypot(*(found - ends)) / spread for sentence, ends in others.items()}
    nearest, miss = min(off, key=off.get), np.hypot(*(found - right)) / spread
    refuse(off[nearest] < min(miss, 0.4), nearest)
    refuse(miss > 0.4, "2,000 draws of lesions give {:.3f} to {:.3f} or so, you give {:.3f} to {:.3f}", *right, *found)
    first, second = (answer(before, after, lesions, 200, 1) for _ in range(2))
    refuse(tuple(first) != tuple(second), "the same seed should give the same interval: make your "
           "generator from `seed`")
    once = answer(before, after, lesions, 1, 0)
    refuse(abs(float(once[2]) - float(once[1])) > 1e-9, "asked for one draw, you give an interval: redraw "
           "`draws` times")


def _by_lesion(before, after, groups):
    """The gain of each lesion."""
    number = np.unique(groups, return_inverse=True)[1]
    return np.bincount(number, after.astype(float) - before) / np.bincount(number)


def _ends(before, after, lesions, draws=10_000):
    """The two ends by lesions, and {sentence: the ends that this mistake gives}."""
    rng, change = np.random.default_rng(11), after.astype(float) - before

    def drawn(groups, *values):  # (draws,) weighted means of each, with their own or the same draw
        number = np.unique(groups, return_inverse=True)[1]
        sums = [np.bincount(number, value) for value in values]
        weights = rng.multinomial(len(sums[0]), np.full(len(sums[0]), 1 / len(sums[0])), size=draws)
        return weights, np.bincount(number), sums

    weights, sizes, (gains,) = drawn(lesions, change)
    usual = weights @ gains / (weights @ sizes)
    seen = weights > 0
    again = rng.permutation(weights)
    single, ones, (each,) = drawn(np.arange(len(change)), change)
    befores, afters = (np.bincount(np.unique(lesions, return_inverse=True)[1], hit) for hit in (before, after))
    apart = again @ afters / (again @ sizes) - weights @ befores / (weights @ sizes)
    middle = [2.5, 97.5]
    return np.percentile(usual, middle), {
        "your interval is that of redrawn images: draw lesions, and take all images of a drawn lesion":
            np.percentile(single @ each / (single @ ones), middle),
        "you redraw lesions for each network apart: use the same draw for both, so that luck cancels":
            np.percentile(apart, middle),
        "a lesion that is drawn twice counts twice; `np.isin` and sets forget that":
            np.percentile(seen @ gains / (seen @ sizes), middle),
        "the middle 95 % lie between percentiles 2.5 and 97.5; yours are 5 and 95": np.percentile(usual, [5, 95]),
        "np.percentile counts in hundredths: 2.5 and 97.5, not 0.025 and 0.975": np.percentile(usual, [0.025, 0.975]),
        "your interval is that of the mean lesion: redraw lesions, and weigh images alike":
            np.percentile(weights @ (gains / sizes) / len(sizes), middle),
        "those are the lowest and the highest redraw: take the middle 95 %": np.percentile(usual, [0.05, 99.95]),
    }


@exercise("Exercise 3", "a missed melanoma and a missed mole no longer weigh the same")
def cost(answer):
    rng = np.random.default_rng(4)
    for n in (40, 300):
        labels, answers = rng.integers(0, 7, n), rng.integers(0, 7, n)
        answers[: n // 2] = labels[: n // 2]
        wrong, sick = labels != answers, labels == 4
        errors, missed = wrong.sum(), (wrong & sick).sum()
        truth = errors + 9 * missed
        got = number(answer(labels, answers), "return one number, the sum over all images")
        expect_number(got, truth, {
            "that is the mean cost: return the sum": truth / n,
            "you charge 10 when something else is called melanoma; charge it when a melanoma is missed":
                errors + 9 * (wrong & (answers == 4)).sum(),
            "a missed melanoma costs 10 in all, and you charge 11: it is among the mistakes already":
                errors + 10 * missed,
            "other mistakes cost 1 each": 10 * missed,
            "a melanoma that was found costs nothing": truth + 10 * (~wrong & sick).sum(),
        }, "{missed} missed melanomas and {others} other mistakes cost {truth}; you say {got:g}",
           missed=missed, others=errors - missed)


@exercise("Task: remedies", "four logs read; each needs something else")
def remedies(answer):
    expect_type(answer, dict, 'give a dictionary such as {{"A": 1, "B": 1, "C": 1, "D": 1}}, not {kind}')
    given = {str(log).strip().upper(): str(remedy).strip() for log, remedy in answer.items()}
    missing = [log for log in REMEDIES if log not in given]
    refuse(missing, "name a number for {} as well", " and ".join(missing))
    for log, (right, seen) in REMEDIES.items():
        refuse(given[log] not in tuple("1234"), "{}: give one number from 1 to 4, not {!r}", log, given[log])
        refuse(given[log] != right, "{}: {}", log, seen)


REMEDIES = {
    "A": ("3", "training falls to nearly nothing while validation turns and rises: it memorises"),
    "B": ("2", "it stays at ln 7 = 1.95, what guessing costs: nothing is learnt at all"),
    "C": ("4", "it jumps about and ends above ln 7, worse than guessing: each step overshoots"),
    "D": ("1", "both curves fall together and have not stopped: there is room to learn more"),
}

ENTRIES = ("network", "optimiser", "schedule", "augment", "loss", "batch_size", "epochs")
GIVES = {
    "network": "makes a network, called without anything",
    "optimiser": "makes an optimiser, given the network, such as functools.partial(training.adamw, rate=1e-3)",
    "schedule": "makes a schedule, given optimiser and steps, or None", "loss": "gives one number, given scores and "
    "labels", "augment": "changes pictures and classes, or None",
}  # fmt: skip


@exercise("Task: your version", "one change, and it has a name: it is trained in the next cell")
def my_change(answer, version):
    expect_type(answer, dict, 'give a dictionary such as {{"batch_size": 32}}, not {kind}')
    refuse(not answer, 'the dictionary is empty: name one entry, such as {{"batch_size": 32}}')
    strange = [name for name in answer if name not in ENTRIES]
    refuse(strange, "training knows no entry {!r}: take one of {}", *strange[:1], ", ".join(ENTRIES))
    refuse(len(answer) > 1, "you change {} at once; if the score moves, which of them did it? Change one",
           " and ".join(answer))  # fmt: skip
    (name, value), = answer.items()
    before = {"batch_size": 128, "epochs": 12, **version}[name]
    if name in ("batch_size", "epochs"):
        most = 1024 if name == "batch_size" else 60
        whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
        refuse(not whole or not 1 <= value <= most, "{} is a whole number from 1 to {}, not {!r}", name, most, value)
    else:
        fit = callable(value) or value is None and name in ("schedule", "augment")
        refuse(not fit, "{} is something that {}; yours is {!r}", name, GIVES[name], value)
        made = getattr(value, "parameters", None) if name == "network" else None
        refuse(made and not isinstance(value, type), "network is what makes a network, so that each seed gets a "
               "new one: put `lambda:` before yours")
        refuse(name == "augment" and value and not _gives_both(value), "augment gets pictures *and* classes, and "
               "returns both: `lambda pictures, classes: (augment.turned_and_shifted(pictures), classes)`")
    refuse(value is before or name in ("batch_size", "epochs") and value == before,
           "{} is what version 7 has already", name)


def _gives_both(augment):
    """Whether two pictures and their classes come back from an augment as two things."""
    pictures = torch.zeros(2, 3, 28, 28, device=lesson.device())
    try:
        with torch.random.fork_rng(devices=[]):
            both = augment(pictures, torch.tensor([0, 1], device=pictures.device))
    except TypeError:  # it wants fewer, or more
        return False
    return isinstance(both, (tuple, list)) and len(both) == 2 and all(len(part) == 2 for part in both)


MAY_SAY = "ACF"
NOT_SO = {
    "B": "B: the share of right alarms depends on how common melanoma is, and this collection is no clinic",
    "D": "D: a setting chosen by its test score makes the test set a validation set",
    "E": "E: ten results were named; nobody has read them all",
}
SO = {
    "A": "A says on what, that it leaks, against whom and how it was compared: it may stand",
    "C": "C is what the control measured: it may stand, and it should",
    "F": "F says at which operating point, and the price of another: it may stand",
}


@exercise("Task: report", "what was measured, on what, and nothing beyond it")
def may_say(answer):
    expect_type(answer, (str, list, tuple, set), 'give the letters, such as "AB", not one {kind}')
    letters = set("".join(map(str, answer)).upper().replace("AND", "")) - set(" ,;.·\n\"'")
    strange = sorted(letters - set("ABCDEF"))
    refuse(strange or not letters, "give letters from A to F")
    for letter in sorted(letters - set(MAY_SAY)):
        refuse(True, NOT_SO[letter])
    for letter in MAY_SAY:
        refuse(letter not in letters, SO[letter])
