"""Lesson 1.1, What is in the pile?: what its checks must say."""
import numpy as np
import pandas as pd
import pytest
from support import *  # noqa: F403 the five tests, which read the two tables below

from utils.exercises import lesson11

# {exercise: [(code that defines a wrong answer, words its message must hold), …]}
MISTAKES = {}

_RATIO = "def imbalance_ratio(labels):\n    n = np.unique(labels, return_counts=True)[1]\n    return "
MISTAKES["imbalance_ratio"] = [
    (_RATIO + "n.min() / n.max()", "turn it round"),
    ("def imbalance_ratio(labels):\n    n = np.bincount(labels)\n    return n.max() / n.min()", "do not occur"),
    (_RATIO + "n.max() / n.mean()", "average one"),
    (_RATIO + "n.max() // n.min()", "fraction"),
    (_RATIO + "n.max() / len(labels)", "share of the largest"),
    (_RATIO + "n.max() - n.min()", "should give"),
    (
        "def imbalance_ratio(labels):\n    from collections import Counter\n    n = Counter(labels.tolist())\n"
        "    return max(n) / min(n)",
        "divide their counts",
    ),
]
MISTAKES["find_copies"] = [
    (
        "def find_copies(images):\n    n = range(len(images))\n"
        "    return [(i, j) for i in n for j in n if (images[i] == images[j]).all()]",
        "no copy of itself",
    ),
    (
        "def find_copies(images):\n    n = range(len(images))\n"
        "    return [(i, j) for i in n for j in n if i != j and (images[i] == images[j]).all()]",
        "smaller number first",
    ),
    (
        "def find_copies(images):\n    n, means = len(images), images.reshape(len(images), -1).mean(axis=1)\n"
        "    return [(i, j) for i in range(n) for j in range(i + 1, n) if means[i] == means[j]]",
        "different places",
    ),
    (
        "def find_copies(images):\n    n = len(images)\n"
        "    return [(i, j) for i in range(n) for j in range(i + 1, n) if np.allclose(images[i], images[j], atol=2)]",
        "differ in their last pixel",
    ),
    (
        "def find_copies(images):\n    seen, pairs = {}, []\n    for j, image in enumerate(images):\n"
        "        i = seen.setdefault(image.tobytes(), j)\n        if i != j:\n            pairs.append((i, j))\n"
        "    return pairs",
        "three pairs",
    ),
    ("def find_copies(images):\n    return len(images) - len(np.unique(images, axis=0))", "list of pairs"),
    (
        "def find_copies(images):\n"
        "    return [(i, i + 1) for i in range(len(images) - 1) if (images[i] == images[i + 1]).all()]",
        "need not be neighbours",
    ),
]
MISTAKES["colour_baseline"] = [
    (
        "def colour_baseline(train_images, train_labels, new_images):\n"
        "    names, counts = np.unique(train_labels, return_counts=True)\n"
        "    return np.full(len(new_images), names[counts.argmax()])",
        "most frequent class",
    ),
    (
        "def colour_baseline(train_images, train_labels, new_images):\n"
        "    colour = train_images.mean(axis=(1, 2))\n"
        "    centres = np.array([colour[train_labels == name].mean(axis=0) for name in np.unique(train_labels)])\n"
        "    gap = new_images.mean(axis=(1, 2))[:, None] - centres\n"
        "    return np.linalg.norm(gap, axis=2).argmin(axis=1)",
        "not its position",
    ),
    (
        "def colour_baseline(train_images, train_labels, new_images):\n"
        "    return np.random.default_rng(0).choice(np.unique(train_labels), len(new_images))",
        "use red, green and blue",
    ),
    (
        "def colour_baseline(train_images, train_labels, new_images):\n"
        "    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01))\n"
        "    model.fit(train_images.mean(axis=(1, 2)), train_labels)\n"
        "    return model.predict(new_images.mean(axis=(1, 2)))",
        "rare classes are lost",
    ),
    (
        "def colour_baseline(train_images, train_labels, new_images):\n"
        "    return KNeighborsClassifier(5).fit(train_images.mean(axis=(1, 2, 3))[:, None], train_labels)"
        ".predict(new_images.mean(axis=(1, 2, 3))[:, None])",
        "red, green and blue apart",
    ),
    (
        "def colour_baseline(train_images, train_labels, new_images):\n    return train_labels",
        "one label for each",
    ),
]

# {exercise: a correct answer that nobody would expect}
UNUSUAL = {}
UNUSUAL["imbalance_ratio"] = """
from collections import Counter
from fractions import Fraction

def imbalance_ratio(labels):
    ranked = Counter(labels.tolist()).most_common()
    return Fraction(ranked[0][1], ranked[-1][1])
"""
UNUSUAL["find_copies"] = """
def find_copies(images):
    flat = [tuple(image.ravel().tolist()) for image in images]
    return {(i, j) for j in range(len(flat)) for i in range(j) if flat[i] == flat[j]}
"""
UNUSUAL["colour_baseline"] = """
def colour_baseline(train_images, train_labels, new_images):
    before, after = train_images.mean(axis=(1, 2)), new_images.mean(axis=(1, 2))
    near = [np.argsort(((before - colour) ** 2).sum(axis=1))[:5] for colour in after]
    return [max(set(train_labels[i].tolist()), key=train_labels[i].tolist().count) for i in near]
"""


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (..., "blank", "not attempted"),
        ("CE", "done", "rare stays"),
        ("c and e", "done", "rare stays"),
        (["E", "C"], "done", "rare stays"),
        ("ACE", "wrong", "dark is a finding"),
        ("BCE", "wrong", "hair"),
        ("CDE", "wrong", "rare is not broken"),
        ("CEF", "wrong", "1.4"),
        ("C", "wrong", "another organ"),
        ("E", "wrong", "nothing at all"),
        ("CX", "wrong", "from A to F"),
        ("", "wrong", "from A to F"),
        (3, "wrong", "one int"),
    ],
)
def test_the_task_of_the_odd_ones(answer, state, words):
    verdict = lesson11.take_out(answer)
    assert verdict.state == state and words in verdict.message, verdict


MADE = pd.DataFrame(
    {"histo": [30, 80, 9, 20], "confocal": [0, 10, 0, 0], "consensus": [0, 5, 12, 4], "follow_up": [0, 0, 0, 90]},
    index=["mel", "bkl", "df", "nv"],
)


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (..., "blank", "not attempted"),
        (["mel"], "done", "cut out"),
        ("mel", "done", "cut out"),
        (MADE.index[MADE["histo"] == MADE.sum(axis=1)], "done", "cut out"),
        (MADE[MADE["histo"] == MADE.sum(axis=1)], "done", "cut out"),
        (pd.Series(["mel"]), "done", "cut out"),
        (MADE["histo"][MADE["histo"] == MADE.sum(axis=1)], "done", "cut out"),
        (MADE["histo"] == MADE.sum(axis=1), "wrong", "use them as an index"),
        (["mel", "bkl"], "wrong", "most frequent"),
        (["mel", "nv"], "wrong", "only 20 have histology"),
        ("df", "wrong", "only 9 have"),
        ([], "wrong", "you miss 1 of 1"),
        (["mel", "melanoma"], "wrong", "'melanoma' is not"),
        (3, "wrong", "not one int"),
    ],
)
def test_the_task_of_histology(answer, state, words):
    verdict = lesson11.all_by_histology(answer, MADE)
    assert verdict.state == state and words in verdict.message, verdict


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (..., "blank", "not attempted"),
        (86, "done", "wrong about a wrong one"),
        (0.86, "done", "wrong about a wrong one"),
        (85.5, "wrong", "the two then agree"),
        (0.85, "wrong", "agree by chance"),
        (90, "wrong", "not the truth"),
        (95, "wrong", "the model is not"),
        (50, "wrong", "add two cases"),
        ("many", "wrong", "one number"),
    ],
)
def test_the_task_of_wrong_labels(answer, state, words):
    verdict = lesson11.agrees(answer)
    assert verdict.state == state and words in verdict.message, verdict


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (..., "blank", "not attempted"),
        (1.96**2 * 0.25 / 0.05**2, "done", "quarter"),
        (385, "done", "quarter"),
        (np.int64(381), "done", "quarter"),
        (1.96**2 / 0.05**2, "wrong", "left out p (1 − p)"),
        (1.96**2 * 0.25 / 0.10**2, "wrong", "for ±.10"),
        (1.645**2 * 0.25 / 0.05**2, "wrong", "90 %"),
        (0.25 / 0.05**2, "wrong", "z = 1"),
        (1.96 * 0.5 / 0.05, "wrong", "square it"),
        (1.96 * 0.25 / 0.05**2, "wrong", "square 1.96"),
        (1.96**2 * 0.5 / 0.05**2, "wrong", "not a half"),
        (1000, "wrong", "solve for n"),
        ([385, 1], "wrong", "one number"),
    ],
)
def test_the_task_of_how_many(answer, state, words):
    verdict = lesson11.enough(answer)
    assert verdict.state == state and words in verdict.message, verdict


LABELS = np.repeat(np.arange(7), [3, 5, 11, 1, 11, 67, 2])


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (..., "blank", "not attempted"),
        ((0.67, 1 / 7, 0), "done", "no accuracy shows it"),
        ([0.67, 0.14, 0.0], "done", "no accuracy shows it"),
        (np.array([0.67, 0.143, 0]), "done", "no accuracy shows it"),
        ({"accuracy": 0.67, "balanced accuracy": 1 / 7, "melanoma recall": 0}, "done", "no accuracy shows it"),
        (pd.Series([0.67, 1 / 7, 0], index=["a", "b", "c"]), "done", "no accuracy shows it"),
        (0.67, "wrong", "you give 1"),
        ((0.67, 1 / 7), "wrong", "you give 2"),
        ((67, 14, 0), "wrong", "per cent"),
        ((1 / 7, 1 / 7, 0), "wrong", "count the images"),
        ((0.33, 1 / 7, 0), "wrong", "gets wrong"),
        ((0.8, 1 / 7, 0), "wrong", "you give 0.8"),
        ((0.67, 0.67, 0), "wrong", "that is the accuracy"),
        ((0.67, 0, 0), "wrong", "its recall is 1"),
        ((0.67, 0.5, 0), "wrong", "two classes"),
        ((0.67, 0.3, 0), "wrong", "a mean of 7 recalls"),
        ((0.67, 1 / 7, 1 / 7), "wrong", "melanoma's own"),
        ((0.67, 1 / 7, 0.11), "wrong", "never says melanoma"),
        ((0.67, 1 / 7, "none"), "wrong", "one of yours is str"),
        ("0.67", "wrong", "three numbers"),
    ],
)
def test_the_task_of_the_constant(answer, state, words):
    verdict = lesson11.constant(answer, LABELS)
    assert verdict.state == state and words in verdict.message, verdict


GROUPS = pd.DataFrame(
    {"from": [0.40, 0.30, 0.20, 0.44], "to": [0.48, 0.45, 0.60, 0.70], "half width": [0.04, 0.075, 0.20, 0.13]},
    index=["sex: male", "sex: female", "site: ear", "site: lower extremity"],
)


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (..., "blank", "not attempted"),
        (["site: lower extremity", "site: ear"], "done", "can live with"),
        (GROUPS.index[GROUPS["half width"] > 0.1], "done", "can live with"),
        (GROUPS[GROUPS["half width"] > 0.1], "done", "can live with"),
        (GROUPS["half width"][GROUPS["half width"] > 0.1], "done", "can live with"),
        (GROUPS["half width"] > 0.1, "wrong", "use them as an index"),
        (GROUPS.index[GROUPS["half width"] < 0.1], "wrong", "turn the comparison"),
        (["site: ear", "site: lower extremity", "sex: female"], "wrong", "half the width"),
        (["site: ear", "site: lower extremity", "sex: male"], "wrong", "narrow enough"),
        (["site: ear"], "wrong", "missing in your list"),
        ("site: ear", "wrong", "missing in your list"),
        (["ear"], "wrong", "'ear' is not"),
        (0.1, "wrong", "not one float"),
    ],
)
def test_the_task_of_wide_groups(answer, state, words):
    verdict = lesson11.too_wide(answer, GROUPS)
    assert verdict.state == state and words in verdict.message, verdict
