"""Lesson 1.3, Is the test set really unseen?: what its checks must say."""
import numpy as np
import pandas as pd
import pytest
from support import *  # noqa: F403 the five tests, which read the two tables below

from utils.audit import audit_split
from utils.evaluation.metrics import Interval
from utils.exercises import lesson13

# {exercise: [(code that defines a wrong answer, words its message must hold), …]}
MISTAKES = {}

MISTAKES["leaked_images"] = [
    ("def leaked_images(train, test):\n    return np.isin(test, train).sum()", "one number"),
    (
        "def leaked_images(train, test):\n"
        "    left, right = pd.DataFrame({'lesion': test}), pd.DataFrame({'lesion': train})\n"
        "    return left.merge(right, on='lesion').notna().to_numpy()[:, 0]",
        "matching pairs",
    ),
    ("def leaked_images(train, test):\n    return np.isin(train, test)", "training images"),
    ("def leaked_images(train, test):\n    return ~np.isin(test, train)", "other way round"),
    ("def leaked_images(train, test):\n    return np.isin(np.unique(test), train)", "you count lesions"),
]
MISTAKES["grouped_split"] = [
    (
        "def grouped_split(groups, share, seed):\n    return np.random.default_rng(seed).random(len(groups)) < share",
        "both sides",
    ),
    (
        "def grouped_split(groups, share, seed):\n"
        "    names = np.random.default_rng().permutation(np.unique(groups))\n"
        "    return np.isin(groups, names[:round(share * len(names))])",
        "same seed",
    ),
    (
        "def grouped_split(groups, share, seed):\n"
        "    names = np.unique(groups)\n"
        "    return np.isin(groups, names[:round(share * len(names))])",
        "another seed",
    ),
    (
        "def grouped_split(groups, share, seed):\n"
        "    names = np.random.default_rng(seed).permutation(np.unique(groups))\n"
        "    return np.isin(groups, names[round(share * len(names)):])",
        "asked for",
    ),
    ("def grouped_split(groups, share, seed):\n    return np.arange(round(share * len(groups)))", "True or False"),
]
MISTAKES["crossings"] = [
    (
        "def crossings(train, test, columns):\n    return any(train[c].isin(test[c]).any() for c in columns)",
        "list of column",
    ),
    (
        "def crossings(train, test, columns):\n    return [c for c in columns if train[c].isin(test[c]).any()]",
        "missing values",
    ),
    (
        "def crossings(train, test, columns):\n"
        "    return [c for c in columns if (train[c].to_numpy()[:len(test)] == test[c].to_numpy()).any()]",
        "different rows",
    ),
    (
        "def crossings(train, test, columns):\n"
        "    return [c for c in columns if set(train[c].dropna()) & set(test[c].dropna())][:1]",
        "all three",
    ),
]

# {exercise: a correct answer that nobody would expect}
UNUSUAL = {}
UNUSUAL["leaked_images"] = """
def leaked_images(train_lesions, test_lesions):
    known = set(train_lesions)
    return [lesion in known for lesion in test_lesions]
"""
UNUSUAL["grouped_split"] = """
import random

def grouped_split(groups, share, seed):
    names = sorted(set(groups))
    random.Random(seed).shuffle(names)
    test = set()
    while sum(group in test for group in groups) < share * len(groups):
        test.add(names.pop())
    return pd.Series(groups).isin(test)
"""
UNUSUAL["crossings"] = """
def crossings(train, test, columns):
    return {c for c in columns if len(train[[c]].dropna().merge(test[[c]].dropna(), on=c))}
"""


CRUDE = -27 / 110


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (..., "blank", "not attempted"),
        ((CRUDE, 0), "done", "quarter"),
        ([-0.245, 0.0], "done", "quarter"),
        (np.array([-0.2455, 0]), "done", "quarter"),
        ((-0.25, 0), "done", "quarter"),
        ((-CRUDE, 0), "wrong", "other way round"),
        ((0, CRUDE), "wrong", "come first"),
        ((-24.5454545, 0), "wrong", "not per cent"),
        ((CRUDE, -27), "wrong", "not counts"),
        ((0, 0), "wrong", "do not average"),
        ((-27, 0), "wrong", "divide by 110"),
        (CRUDE, "wrong", "two numbers"),
        ((CRUDE,), "wrong", "you give 1"),
        (("a", 0), "wrong", "two numbers"),
        ((-0.3, 0), "wrong", "how many of the 110"),
        ((-0.245, 0, 0), "wrong", "within the easy ones"),
    ],
)
def test_the_task_of_gaps(answer, state, words):
    verdict = lesson13.gaps_by_hand(answer)
    assert verdict.state == state and words in verdict.message


CHANGE = {
    "all images": Interval(-0.021, -0.03, -0.01),
    "with siblings": Interval(-0.05, -0.06, -0.04),
    "without siblings": Interval(-0.004, -0.01, 0.01),
}


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (..., "blank", "not attempted"),
        (0.046, "done", "where it cannot"),
        (np.float64(0.0460001), "done", "where it cannot"),
        (-0.046, "wrong", "above 0"),
        (0.05, "wrong", "control group"),
        (-0.05, "wrong", "control group"),
        (0.029, "wrong", "all images"),
        (0.054, "wrong", "take it off"),
        (CHANGE["with siblings"], "wrong", ".value"),
        (0.2, "wrong", "are what you need"),
    ],
)
def test_the_task_of_worth(answer, state, words):
    verdict = lesson13.leak_worth(answer, CHANGE)
    assert verdict.state == state and words in verdict.message


FACES = pd.DataFrame({
    "localization": ["face"] * 30 + ["back"] * 90,
    "lesion_id": [f"l{row // 2}" for row in range(120)],
    "image_id": [f"i{row}" for row in range(120)],
    "dx": (["nv", "mel", "bkl"] * 10) + ["nv", "nv", "mel", "bkl", "nv", "nv"] * 15,
})  # fmt: skip
SIDE = np.where(FACES["localization"] == "face", "test", "train")


@pytest.mark.parametrize(
    ("split", "more", "state", "words"),
    [
        (SIDE, {"groups": FACES["lesion_id"], "labels": FACES["dx"]}, "done", "another mixture"),
        (
            SIDE.tolist(),
            {"labels": FACES["dx"].to_numpy(), "groups": FACES["lesion_id"].tolist(), "sources": FACES["dx"]},
            "done",
            "another mixture",
        ),
        (SIDE, {"labels": FACES["dx"]}, "wrong", "whose images"),
        (SIDE, {"groups": FACES["lesion_id"]}, "wrong", "what they show"),
        (SIDE, {"groups": FACES["image_id"], "labels": FACES["dx"]}, "wrong", "group by lesion_id"),
        (np.where(SIDE == "test", "train", "test"), {"groups": FACES["lesion_id"]}, "wrong", "should be the test set"),
        (FACES["localization"], {"groups": FACES["lesion_id"]}, "wrong", "should be the test set"),
    ],
)  # fmt: skip
def test_the_task_of_the_audit(split, more, state, words):
    verdict = lesson13.face_audit(audit_split(split, **more), FACES)
    assert verdict.state == state and words in verdict.message


def test_the_task_of_the_audit_wants_the_report():
    assert lesson13.face_audit(..., FACES).state == "blank"
    assert "audit_split returns" in lesson13.face_audit(audit_split(SIDE).problems, FACES).message


@pytest.mark.parametrize(
    ("coarse", "fine", "by", "words"),
    [
        ("A", "BD", "C", "glues people"),
        ("a", ["d", "B"], "c", "glues people"),
        (["A"], "B and D".replace("and", ""), ("C",), "glues people"),
        ("AC", "BD", "C", "C: hospital and card"),
        ("", "BD", "C", "A: card number 7"),
        ("A", "B", "C", "D: one examination"),
        ("A", "D", "C", "B: whoever"),
        ("A", "BD", "A", "A: card number 7"),
        ("A", "BD", "B", "B: whoever"),
    ],
)
def test_the_task_of_identifiers(coarse, fine, by, words):
    verdict = lesson13.identifiers({"too coarse": coarse, "too fine": fine, "group by": by})
    assert words in verdict.message and verdict.state == ("done" if words == "glues people" else "wrong")


def test_the_task_of_identifiers_wants_all_three():
    assert lesson13.identifiers(...).state == "blank"
    assert "dictionary" in lesson13.identifiers("A").message
    assert "group by" in lesson13.identifiers({"too coarse": "A", "too fine": "BD"}).message
