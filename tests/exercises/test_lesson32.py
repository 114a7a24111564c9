"""Lesson 3.2, Which of your improvements were real?: what its checks must say."""
import functools

import pytest
from support import *  # noqa: F403 the five tests, which read the two tables below

from utils import augment, models, training
from utils.exercises import lesson32

# {exercise: [(code that defines a wrong answer, words its message must hold), …]}
MISTAKES = {}

MISTAKES["changed"] = [
    (
        "def changed(before, after):\n    return sorted(k for k in before if before[k] != after.get(k))",
        "only the second setting has is new",
    ),
    (
        "def changed(before, after):\n    return sorted(k for k in after if k not in before or before[k] != after[k])",
        "taken away",
    ),
    (
        "def changed(before, after):\n"
        "    return sorted(k for k in {*before, *after} if before.get(k) != after.get(k))",
        "even when its value is None",
    ),
    ("def changed(before, after):\n    return {k for k in before if before[k] != after[k]}", "a list of names"),
    (
        "def changed(before, after):\n    return sorted(set(before.items()) - set(after.items()), key=str)",
        "without their values",
    ),
    (
        "def changed(before, after):\n    a = object()\n"
        "    return sorted((k for k in {*before, *after} if before.get(k, a) != after.get(k, a)), reverse=True)",
        "sort the names",
    ),
    ("def changed(before, after):\n    before.clear()\n    return []", "only read them"),
]
_GAIN = (
    "def paired_gain(hits_before, hits_after, lesions, draws, seed):\n"
    "    rng, gain = np.random.default_rng(seed), hits_after.astype(float) - hits_before\n"
)
_WEIGHTS = (
    "    number = np.unique(lesions, return_inverse=True)[1]\n    n = number.max() + 1\n"
    "    w = rng.multinomial(n, np.full(n, 1 / n), size=draws)[:, number]\n"
)
_DRAWN = "    drawn = w @ gain / w.sum(1)\n"
_ENDS = "    return gain.mean(), *np.percentile(drawn, [2.5, 97.5])"
MISTAKES["paired_gain"] = [
    (_GAIN.replace("after.astype(float) - hits_before", "before.astype(float) - hits_after") + _WEIGHTS
     + _DRAWN + _ENDS, "wrong way round"),
    (_GAIN + "    drawn = gain[rng.integers(len(gain), size=(draws, len(gain)))].mean(1)\n" + _ENDS, "redrawn images"),
    (_GAIN + _WEIGHTS + "    v = rng.multinomial(n, np.full(n, 1 / n), size=draws)[:, number]\n"
     "    drawn = v @ hits_after / v.sum(1) - w @ hits_before / w.sum(1)\n" + _ENDS, "luck cancels"),
    (_GAIN + "    return gain.mean()", "three numbers"),
    (_GAIN + _WEIGHTS + _DRAWN + "    return gain.mean(), drawn.max(), drawn.min()", "comes before"),
    (_GAIN + _WEIGHTS + _DRAWN + "    return gain.mean(), drawn.min(), drawn.max()", "lowest and the highest"),
    (_GAIN + _WEIGHTS + _DRAWN + "    return gain.mean(), drawn.min(), drawn.max() + 0.05", "2,000 draws"),
    (_GAIN + _WEIGHTS + _DRAWN + "    return gain.mean(), *np.percentile(drawn, [5, 95])", "yours are 5 and 95"),
    (_GAIN + _WEIGHTS + _DRAWN + "    return gain.mean(), *np.percentile(drawn, [0.025, 0.975])", "in hundredths"),
    (_GAIN + _WEIGHTS + "    w = w > 0\n" + _DRAWN + _ENDS, "drawn twice counts twice"),
    (_GAIN + _WEIGHTS + "    size = np.bincount(number)\n    each = np.bincount(number, gain) / size\n"
     "    first = np.unique(number, return_index=True)[1]\n    drawn = w[:, first] @ each / n\n" + _ENDS,
     "that of the mean lesion"),
    (_GAIN + _WEIGHTS + "    gain = np.bincount(number, gain) / np.bincount(number)\n"
     "    return gain.mean(), 0, 1", "gain of the mean lesion"),
    (_GAIN + "    names = np.unique(lesions)\n    drawn = [gain[np.isin(lesions, rng.permutation(names))].mean() "
     "for _ in range(draws)]\n" + _ENDS, "with replacement"),
    ((_GAIN + _WEIGHTS).replace("size=draws", "size=1000") + _DRAWN + _ENDS, "`draws` times"),
    (_GAIN + _WEIGHTS + "    gain = hits_after ^ hits_before\n" + _DRAWN + _ENDS, "right became wrong"),
    (_GAIN.replace("hits_after.astype(float) - hits_before", "hits_after - hits_before") + _ENDS,
     "make the hits numbers first"),
    ((_GAIN + _WEIGHTS).replace("default_rng(seed)", "default_rng()") + _DRAWN + _ENDS, "same seed"),
    (_GAIN + "    return hits_after.sum(), 0, 1", "difference of the two accuracies"),
]  # fmt: skip
_COST = "def cost(labels, answers):\n    wrong, sick = labels != answers, labels == 4\n    return "
MISTAKES["cost"] = [
    (_COST + "np.where(wrong & sick, 10, wrong).mean()", "the mean cost"),
    (_COST + "wrong.sum() + 9 * (wrong & (answers == 4)).sum()", "when a melanoma is missed"),
    (_COST + "wrong.sum() + 10 * (wrong & sick).sum()", "charge 11"),
    (_COST + "10 * (wrong & sick).sum()", "cost 1 each"),
    (_COST + "np.where(sick, 10, wrong).sum()", "costs nothing"),
    (_COST + "np.where(wrong & sick, 10, wrong)", "one number"),
    (_COST + "wrong.sum()", "other mistakes cost"),
]

# {exercise: a correct answer that nobody would expect}
UNUSUAL = {}
UNUSUAL["changed"] = """
def changed(before, after):
    names = [*before] + [name for name in after if name not in before]
    both = lambda name: name in before and name in after and before[name] == after[name]
    names = [name for name in names if not both(name)]
    names.sort()
    return names
"""
UNUSUAL["paired_gain"] = """
def paired_gain(hits_before, hits_after, lesions, draws, seed):
    rng, names = np.random.default_rng(seed), sorted(set(lesions.tolist()))
    rows = {name: np.flatnonzero(lesions == name) for name in names}
    gains = []
    for _ in range(draws):
        drawn = np.concatenate([rows[names[i]] for i in rng.integers(len(names), size=len(names))])
        gains.append(hits_after[drawn].mean() - hits_before[drawn].mean())
    return [hits_after.mean() - hits_before.mean(), np.quantile(gains, 0.025), np.quantile(gains, 0.975)]
"""
UNUSUAL["cost"] = """
def cost(labels, answers):
    prices = np.ones((7, 7)) - np.eye(7)
    prices[4] *= 10
    return prices[labels, answers].sum()
"""


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (..., "blank", "not attempted"),
        ({"A": 3, "B": 2, "C": 4, "D": 1}, "done", "something else"),
        ({"d": "1", "c": "4", "b": "2", "a": " 3"}, "done", "something else"),
        ({"A": 1, "B": 2, "C": 4, "D": 1}, "wrong", "it memorises"),
        ({"A": 3, "B": 4, "C": 4, "D": 1}, "wrong", "nothing is learnt"),
        ({"A": 3, "B": 2, "C": 2, "D": 1}, "wrong", "overshoots"),
        ({"A": 3, "B": 2, "C": 4, "D": 3}, "wrong", "room to learn"),
        ({"A": 3, "B": 2}, "wrong", "for C and D"),
        ({"A": 3, "B": 2, "C": 7, "D": 1}, "wrong", "from 1 to 4"),
        ([3, 2, 4, 1], "wrong", "give a dictionary"),
    ],
)
def test_the_task_of_remedies(answer, state, words):
    verdict = lesson32.remedies(answer)
    assert verdict.state == state and words in verdict.message


NETWORK = functools.partial(models.ResidualNetwork, 7, stem=2)
VERSION = {"network": NETWORK, "optimiser": training.adamw, "schedule": training.one_cycle, "augment": max, "loss": min}


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (..., "blank", "not attempted"),
        ({"batch_size": 32}, "done", "it has a name"),
        ({"schedule": None}, "done", "it has a name"),
        ({"optimiser": functools.partial(training.adamw, rate=1e-3)}, "done", "it has a name"),
        ({"network": lambda: None}, "done", "it has a name"),
        ({"network": models.ResidualNetwork}, "done", "it has a name"),
        ({"augment": None}, "done", "it has a name"),
        ({"augment": lambda x, y: (augment.turned_and_shifted(x), y)}, "done", "it has a name"),
        ({"augment": lambda x, y: [x.flip(3), y]}, "done", "it has a name"),
        ({"augment": augment.Mixup(7)}, "done", "it has a name"),
        ({"augment": augment.turned_and_shifted}, "wrong", "returns both"),
        ({"augment": lambda x, y: augment.turned_and_shifted(x)}, "wrong", "returns both"),
        ({}, "wrong", "is empty"),
        ({"rate": 1e-3}, "wrong", "no entry 'rate'"),
        ({"batch_size": 32, "epochs": 24}, "wrong", "which of them did it"),
        ({"batch_size": 128}, "wrong", "has already"),
        ({"epochs": 12}, "wrong", "has already"),
        ({"schedule": training.one_cycle}, "wrong", "has already"),
        ({"batch_size": 0}, "wrong", "from 1 to 1024"),
        ({"epochs": 2.5}, "wrong", "whole number from 1 to 60"),
        ({"optimiser": 1e-3}, "wrong", "such as functools.partial"),
        ({"loss": None}, "wrong", "given scores and labels"),
        ({"network": models.ResidualNetwork(7, stem=2)}, "wrong", "put `lambda:`"),
        ("batch_size=32", "wrong", "give a dictionary"),
    ],
)
def test_the_task_of_your_version(answer, state, words):
    verdict = lesson32.my_change(answer, VERSION)
    assert verdict.state == state and words in verdict.message


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (..., "blank", "not attempted"),
        ("ACF", "done", "nothing beyond"),
        (["f", "a", "c"], "done", "nothing beyond"),
        ("A, C and F", "done", "nothing beyond"),
        ("ABCF", "wrong", "no clinic"),
        ("ACDF", "wrong", "a validation set"),
        ("ACEF", "wrong", "read them all"),
        ("CF", "wrong", "how it was compared"),
        ("AF", "wrong", "the control measured"),
        ("AC", "wrong", "operating point"),
        ("AG", "wrong", "from A to F"),
        ("", "wrong", "from A to F"),
        (3, "wrong", "not one int"),
    ],
)
def test_the_task_of_the_report(answer, state, words):
    verdict = lesson32.may_say(answer)
    assert verdict.state == state and words in verdict.message
