"""Lesson 2.4, What do the experts say?: what its checks must say."""
from types import SimpleNamespace

import numpy as np
import pytest
from support import *  # noqa: F403 the five tests, which read the two tables below

from utils.exercises import lesson24

# {exercise: [(code that defines a wrong answer, words its message must hold), …]}
MISTAKES = {}

KAPPA = (
    "def kappa_by_hand(first, second):\n    observed = (first == second).mean()\n"
    "    names = np.union1d(first, second)\n"
    "    a, b = (np.array([(r == n).mean() for n in names]) for r in (first, second))\n"
)
MISTAKES["kappa_by_hand"] = [
    (KAPPA + "    return observed", "observed agreement"),
    (KAPPA + "    return observed - (a * b).sum()", "left to gain"),
    (KAPPA + "    return (observed - 0.5) / 0.5", "one in the number"),
    (KAPPA + "    e = (((a + b) / 2)**2).sum()\n    return (observed - e) / (1 - e)", "Scott's pi"),
    (KAPPA + "    e = (a * b)[-1]\n    return (observed - e) / (1 - e)", "sum over the labels"),
    (KAPPA + "    e = (a * b).sum()\n    return (observed - e) / (1 - e) if e < 1 else 1", "np.nan"),
    (
        "def kappa_by_hand(first, second):\n    table = pd.crosstab(first, second).to_numpy() / len(first)\n"
        "    o, e = np.trace(table), (table.sum(0)[:len(table)] * table.sum(1)[:table.shape[1]]).sum()\n"
        "    return (o - e) / (1 - e)",
        "not square",
    ),
    (
        "def kappa_by_hand(first, second):\n    o, a, b = (first == second).mean(), np.mean(first), np.mean(second)\n"
        "    e = a * b + (1 - a) * (1 - b)\n    return (o - e) / (1 - e) if e < 1 else np.nan",
        "labels may be texts",
    ),
]
MISTAKES["dice_by_rule"] = [
    ("def dice_by_rule(a, b, both_empty):\n    return 2 * (a & b).sum() / (a.sum() + b.sum())", "0/0"),
    ("def dice_by_rule(a, b, both_empty):\n    return (a & b).sum() / (a | b).sum()", "intersection over union"),
    ("def dice_by_rule(a, b, both_empty):\n    return (a & b).sum() / (a.sum() + b.sum())", "forget the 2"),
    ("def dice_by_rule(a, b, both_empty):\n    return 2 * (a * b).sum() / (a + b).sum()", "means or"),
    ("def dice_by_rule(a, b, both_empty):\n    return (2 * (a & b).sum() + 1) / (a.sum() + b.sum() + 1)", "hidden one"),
    (
        "def dice_by_rule(a, b, both_empty):\n"
        "    return 2 * (a & b).sum() / (a.sum() + b.sum()) if a.any() and b.any() else both_empty",
        "against an empty one",
    ),
    (
        "def dice_by_rule(a, b, both_empty):\n    return 2 * (a & b).sum() / max(a.sum() + b.sum(), 1)",
        "two empty masks should give",
    ),
]
MISTAKES["soft_consensus"] = [
    ("def soft_consensus(outlines, asked):\n    return outlines[asked].mean(axis=0) >= 0.5", "that is a vote"),
    ("def soft_consensus(outlines, asked):\n    return outlines[asked].sum(axis=0)", "you count the readers"),
    ("def soft_consensus(outlines, asked):\n    return outlines.mean(axis=0)", "was not asked"),
    (
        "def soft_consensus(outlines, asked):\n"
        "    return outlines[asked & outlines.any(axis=(1, 2))].mean(axis=0)",
        "drew nothing",
    ),
    ("def soft_consensus(outlines, asked):\n    return outlines[asked].mean()", "one number a pixel"),
]

# {exercise: a correct answer that nobody would expect}
UNUSUAL = {}
UNUSUAL["kappa_by_hand"] = """
from sklearn.metrics import cohen_kappa_score

def kappa_by_hand(first, second):
    return cohen_kappa_score(first, second) if len(np.union1d(first, second)) > 1 else float("nan")
"""
UNUSUAL["dice_by_rule"] = """
def dice_by_rule(first, second, both_empty):
    a, b = ({*zip(*np.nonzero(mask))} for mask in (first, second))
    try:
        return 1 - len(a ^ b) / (len(a) + len(b))
    except ZeroDivisionError:
        return both_empty
"""
UNUSUAL["soft_consensus"] = """
def soft_consensus(outlines, asked):
    return np.average(outlines, axis=0, weights=asked)
"""


MASK = np.zeros((40, 50), bool)
MASK[5:25, 10:40] = True  # 600 pixels
MEASURES = SimpleNamespace(PixelSpacing=[0.810547, 0.810547], SpacingBetweenSlices=1.0)
ML = 600 * 0.810547**2 / 1000


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (..., "blank", "not attempted"),
        (ML, "done", "their area"),
        (round(ML, 3), "done", "their area"),
        (np.float32(ML), "done", "their area"),
        (600, "wrong", "number of pixels"),
        (1000 * ML, "wrong", "cubic millimetres"),
        (600 * 0.810547 / 1000, "wrong", "one side only"),
        (2000 * 0.810547**2 / 1000, "wrong", "whole picture"),
        (10 * ML, "wrong", "not ten"),
        (1.0, "wrong", "both sides"),
        (MASK, "wrong", "one number"),
    ],
)
def test_the_task_of_the_liver(answer, state, words):
    verdict = lesson24.liver(answer, MASK, MEASURES)
    assert verdict.state == state and words in verdict.message, verdict


ROWS = dict.fromkeys(
    [f"{who} with {whom}" for who, whom in [
        ("reader", "each other reader"), ("model", "each reader"), ("reader", "the vote of the other three"),
        ("model", "the vote of three"), ("reader", "the vote of all four"), ("model", "the vote of all four"),
    ]], 0.8,
)  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (..., "blank", "not attempted"),
        ("reader with the vote of the other three", "done", "neither took part"),
        ("reader with each other reader", "wrong", "one person"),
        ("reader with the vote of all four", "wrong", "themselves"),
        ("model with the vote of three", "wrong", "row of the model"),
        ("the readers", "wrong", "no row"),
        (3, "wrong", "no row"),
    ],
)
def test_the_task_of_the_partner(answer, state, words):
    verdict = lesson24.partner(answer, ROWS)
    assert verdict.state == state and words in verdict.message, verdict


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (..., "blank", "not attempted"),
        (95 / 590, "done", "never was one"),
        (0.16, "done", "never was one"),
        (0.95, "wrong", "accuracy"),
        (0.5, "wrong", "one in twenty"),
        (0.0095, "wrong", "share of all films"),
        (0.059, "wrong", "ask how many of them"),
        (16.1, "wrong", "a share, please"),
        (1, "wrong", "against the truth"),
        (95 / 495, "wrong", "kept their yes"),
        (0.3, "wrong", "10,000 films"),
        ("half", "wrong", "one number"),
    ],
)
def test_the_task_of_the_rare(answer, state, words):
    verdict = lesson24.seems_to_find(answer)
    assert verdict.state == state and words in verdict.message, verdict
