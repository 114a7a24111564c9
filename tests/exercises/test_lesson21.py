"""Lesson 2.1, What does a pixel measure?: what its checks must say."""
import numpy as np
import pytest
from support import *  # noqa: F403 the five tests, which read the two tables below

from utils.exercises import lesson21

# {exercise: [(code that defines a wrong answer, words its message must hold), …]}
MISTAKES = {}

_LOW = "def to_unit_range(hu, centre, width):\n    return "
MISTAKES["to_unit_range"] = [
    (_LOW + "(hu - (centre - width / 2)) / width", "below the window all is 0"),
    (_LOW + "np.clip((hu - (centre - width)) / (2 * width), 0, 1)", "twice too wide"),
    (_LOW + "np.clip((hu - centre) / width, 0, 1)", "begins at its centre"),
    (_LOW + "(hu - float(hu.min())) / (float(hu.max()) - float(hu.min()))", "ignore the window"),
    (_LOW + "np.round(255 * np.clip((hu - (centre - width / 2)) / width, 0, 1))", "0 to 255"),
    (_LOW + "1 - np.clip((hu - (centre - width / 2)) / width, 0, 1)", "other way round"),
]
_KEEP = "def keep_order(scan):\n    "
MISTAKES["keep_order"] = [
    (_KEEP + "return (scan - scan.min()) / np.ptp(scan)", "metal"),
    (_KEEP + "return (scan - scan.mean()) / scan.std()", "between 0 and 1"),
    (
        _KEEP + "low, high = np.percentile(scan, (1, 99))\n    return np.clip((scan - low) / (high - low), 0, 1)",
        "filled with −2048",
    ),
    (_KEEP + "return np.clip((scan + 160) / 400, 0, 1)", "-1000 and -980 HU get the same value"),
    (_KEEP + "return np.clip((1000 - scan) / 2000, 0, 1)", "denser must become larger"),
    (_KEEP + "return np.rint(255 * np.clip((scan + 1000) / 2000, 0, 1)) / 255", "you round"),
]
_SUV = (
    "def suv(activity, tags):\n    a, b = (tags[k] for k in ('RadiopharmaceuticalStartTime', 'SeriesTime'))\n"
    "    t = (datetime.strptime(b, '%H%M%S') - datetime.strptime(a, '%H%M%S')).total_seconds()\n"
    "    dose, half, weight = (tags[k] for k in ('RadionuclideTotalDose', 'RadionuclideHalfLife', 'PatientWeight'))\n"
    "    return activity * "
)
MISTAKES["suv"] = [
    (_SUV + "weight / (dose * 0.5 ** (t / half))", "in grams"),
    (_SUV + "1000 * weight / dose", "as it was injected"),
    (_SUV + "1000 * weight / (dose * 2 ** (t / half))", "wrong direction"),
    (_SUV + "1000 * weight / (dose * np.exp(-t / half))", "one half is left"),
    (_SUV + "1000 * weight / (dose * 0.5 ** ((int(b) - int(a)) / half))", "as if they were numbers"),
    (_SUV + "1000 * weight / (dose * 0.5 ** (t / half))", "ADMIN"),
    (
        _SUV.replace("    return", "    t = 0 if tags['DecayCorrection'] == 'ADMIN' else t\n    return")
        + "1000 * weight / (dose * 0.5 ** (t / half))",
        "with NONE",
    ),
    (
        _SUV.replace("    return", "    c = tags['DecayCorrection']\n    if c == 'NONE': raise ValueError\n"
                     "    t = 0 if c == 'ADMIN' else t\n    return")
        + "1000 * weight / (dose * 0.5 ** (t / half))",
        "with SOMETHING",
    ),
    (
        _SUV.replace("    return", "    t = {'ADMIN': 0, 'START': t}[tags['DecayCorrection']]\n    return")
        + "1000 * weight / (dose * 0.5 ** (t / half))",
        "you raise KeyError",
    ),
]  # fmt: skip

# {exercise: a correct answer that nobody would expect}
UNUSUAL = {}
UNUSUAL["to_unit_range"] = """
def to_unit_range(hu, centre, width):
    low, high = centre - 0.5 - (width - 1) / 2, centre - 0.5 + (width - 1) / 2  # DICOM's LINEAR
    return np.interp(hu, [low, high], [0, 1])
"""
UNUSUAL["keep_order"] = """
def keep_order(scan):
    return 0.5 + np.arctan(scan / 700.0) / np.pi
"""
UNUSUAL["suv"] = """
def suv(activity, tags):
    mode = ["START", "ADMIN"].index(tags["DecayCorrection"])
    seconds = lambda t: 3600 * int(t[:2]) + 60 * int(t[2:4]) + int(t[4:])
    waited = seconds(tags["SeriesTime"]) - seconds(tags["RadiopharmaceuticalStartTime"])
    left = np.exp(-np.log(2) * waited / tags["RadionuclideHalfLife"]) if mode == 0 else 1
    return (activity / (tags["RadionuclideTotalDose"] * left / (1000 * tags["PatientWeight"]))).tolist()
"""


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (..., "blank", "not attempted"),
        ((50, 100), "done", "blood"),
        ([80, 150.0], "done", "blood"),
        (np.array([55, 70]), "done", "blood"),
        ((60, 160), "done", "blood"),
        ((40, 400), "wrong", "only 13 lie between"),
        ((40, 80), "wrong", "clips blood"),
        ((75, 60), "wrong", "clips brain"),
        ((20, 90), "wrong", "lower and the upper edge"),
        ((50, -100), "wrong", "first the centre"),
        (50, "wrong", "two numbers"),
        ("ab", "wrong", "two numbers"),
        ((50, "wide"), "wrong", "two numbers"),
        ((1, 2, 3), "wrong", "two numbers"),
    ],
)
def test_the_task_of_the_window(answer, state, words):
    verdict = lesson21.blood_window(answer)
    assert verdict.state == state and words in verdict.message, verdict


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (..., "blank", "not attempted"),
        (16, "done", "sixteen"),
        (np.float64(2) ** 4, "done", "sixteen"),
        (4, "wrong", "one of the two"),
        (8, "wrong", "a quarter of the area"),
        (2, "wrong", "the root of the photons"),
        (1 / 16, "wrong", "would fall"),
        (32, "wrong", "You say 32"),
        ("16x", "wrong", "one number"),
    ],
)
def test_the_task_of_the_dose(answer, state, words):
    verdict = lesson21.dose_factor(answer)
    assert verdict.state == state and words in verdict.message, verdict


RIGHT = {"lines": "A", "calcium": "B", "liver": "D"}


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (..., "blank", "not attempted"),
        (RIGHT, "done", "three questions"),
        ({"liver": " d", "calcium": "b", "lines": "a", "more": 1}, "done", "three questions"),
        (RIGHT | {"lines": "B"}, "wrong", "blur what is finer"),
        (RIGHT | {"lines": "C"}, "wrong", "blur what is finer"),
        (RIGHT | {"lines": "D"}, "wrong", "blur what is finer"),
        (RIGHT | {"lines": "E"}, "wrong", "10 mm average"),
        (RIGHT | {"calcium": "E"}, "wrong", "small calcium"),
        (RIGHT | {"calcium": "A"}, "wrong", "overshoot"),
        (RIGHT | {"calcium": "C"}, "wrong", "as bright as calcium"),
        (RIGHT | {"liver": "C"}, "wrong", "arterial"),
        (RIGHT | {"liver": "E"}, "wrong", "10 mm"),
        (RIGHT | {"liver": "F"}, "wrong", "from A to E"),
        ({"lines": "A"}, "wrong", "calcium and liver"),
        ("ABD", "wrong", "dictionary"),
    ],
)
def test_the_task_of_the_series(answer, state, words):
    verdict = lesson21.series_for(answer)
    assert verdict.state == state and words in verdict.message, verdict


WIDE = np.random.default_rng(0).gamma(2, 10, (12, 11, 10))
HEAD = np.zeros(WIDE.shape, bool)
HEAD[3:9, 3:9, 3:9] = True
WIDE[HEAD] += np.random.default_rng(1).normal(300, 50, HEAD.sum())
MEAN, SPREAD = WIDE[HEAD].mean(), WIDE[HEAD].std()


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (..., "blank", "not attempted"),
        ((WIDE - MEAN) / SPREAD, "done", "the air has no say"),
        (((WIDE - MEAN) / WIDE[HEAD].std(ddof=1)).tolist(), "done", "the air has no say"),
        ((WIDE - WIDE.mean()) / WIDE.std(), "wrong", "whole scan: take them from"),
        ((WIDE - MEAN) / WIDE.std(), "wrong", "deviation is the whole scan"),
        ((WIDE - WIDE.mean()) / SPREAD, "wrong", "mean is the whole scan"),
        (WIDE - MEAN, "wrong", "forget to divide"),
        (WIDE / SPREAD, "wrong", "forget to subtract"),
        ((WIDE - MEAN) / SPREAD**2, "wrong", "variance"),
        (np.where(HEAD, (WIDE - MEAN) / SPREAD, 0), "wrong", "do not blank it"),
        ((WIDE[HEAD] - MEAN) / SPREAD, "wrong", "each voxel of wide"),
        (WIDE, "wrong", "should be 0"),
        (WIDE.astype(str), "wrong", "give numbers"),
        (3, "wrong", "each voxel"),
    ],
)
def test_the_task_of_the_scale(answer, state, words):
    verdict = lesson21.scaled(answer, WIDE, HEAD)
    assert verdict.state == state and words in verdict.message, verdict


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (..., "blank", "not attempted"),
        ((4000, 100), "done", "T2-weighted"),
        ([9000, 80.0], "done", "T2-weighted"),
        (np.array([3000, 120]), "done", "T2-weighted"),
        ((500, 10), "wrong", "little has faded"),
        ((4000, 10), "wrong", "little has faded"),
        ((500, 100), "wrong", "a longer TR"),
        ((100, 4000), "wrong", "before the next pulse"),
        ((9000, 2000), "wrong", "noise would bury"),
        ((4000, 0), "wrong", "larger than 0"),
        (4000, "wrong", "two numbers"),
        ({"TR": 4000, "TE": 100}, "wrong", "two numbers"),
    ],
)
def test_the_task_of_the_weighting(answer, state, words):
    verdict = lesson21.t2_weighted(answer)
    assert verdict.state == state and words in verdict.message, verdict
