"""Lesson 1.4, What did the model really learn?: what its checks must say."""
import numpy as np
import pytest
from support import *  # noqa: F403 the five tests, which read the two tables below

from utils.exercises import lesson14

# {exercise: [(code that defines a wrong answer, words its message must hold), …]}
MISTAKES = {}

_BALANCED = (
    "def balanced_rows(hospital, sick, seed):\n"
    "    rng, rows = np.random.default_rng(seed), []\n"
    "    for name in np.unique(hospital):\n"
    "        ill, well = (np.flatnonzero((hospital == name) & (sick == value)) for value in (True, False))\n"
)
_DRAW = "        rows += [*rng.choice(ill, n, {0}), *rng.choice(well, n, {0})]\n    return {1}"
_LEAST = "        n = min(len(ill), len(well))\n"
MISTAKES["balanced_rows"] = [
    (
        "def balanced_rows(hospital, sick, seed):\n    rng = np.random.default_rng(seed)\n"
        "    ill, well = np.flatnonzero(sick), np.flatnonzero(~sick)\n    n = min(len(ill), len(well))\n"
        "    return np.concatenate([rng.choice(ill, n, False), rng.choice(well, n, False)])",
        "over all hospitals",
    ),
    (_BALANCED + "        n = max(len(ill), len(well))\n" + _DRAW.format("True", "np.array(rows)"), "drawn twice"),
    (_BALANCED + "        n = 5\n" + _DRAW.format("False", "np.array(rows)"), "rarest group of all"),
    (_BALANCED + "        n = 3\n" + _DRAW.format("False", "np.array(rows)"), "are possible"),
    (_BALANCED + _LEAST + _DRAW.format("False", "np.isin(np.arange(len(sick)), rows)"), "row numbers"),
    (_BALANCED + _LEAST + "        rows += [*ill[:n], *well[:n]]\n    return np.array(rows)", "another seed"),
    (
        (_BALANCED + _LEAST + _DRAW.format("False", "np.array(rows)")).replace("default_rng(seed)", "default_rng()"),
        "generator from the seed",
    ),
]
_MASK = (
    "def mask_text(pictures, box):\n    top, left, bottom, right = box\n    masked = pictures.copy()\n"
    "    part = masked[:, top:bottom, left:right]\n    "
)
_MASK_MISTAKES = [
    (_MASK + "part[part == 255] = 0\n    return masked", "outline of the letters"),
    (_MASK + "part[:] = part.mean(axis=(1, 2), keepdims=True)\n    return masked", "depends on what it hides"),
    (_MASK.replace("pictures.copy()", "pictures") + "part[:] = 0\n    return masked", "work on a copy"),
    (
        _MASK.replace("top, left, bottom, right", "left, top, right, bottom") + "part[:] = 0\n    return masked",
        "rows first",
    ),
    (_MASK.replace("masked[:, ", "masked[") + "part[:] = 0\n    return masked", "the first axis counts"),
    (_MASK.replace("masked[:, ", "masked[0, ") + "part[:] = 0\n    return masked", "only the first picture"),
    (_MASK + "part[:] = np.random.randint(0, 255, part.shape)\n    return masked", "give your noise a seed"),
    (_MASK + "masked = masked.astype(float)\n    masked[:, top:bottom, left:right] = np.nan\n    return masked", "NaN"),
    (_MASK + "part[:] = 255 - part // 2\n    return masked", "differs with the name"),
    ("def mask_text(pictures, box):\n    return pictures[:, : box[0]]", "should keep it"),
]
_IGNORES = (
    "def ignores_marker(score, pictures, markers, tolerance):\n    before = score(pictures)\n"
    "    after = np.stack([score(np.maximum(pictures, marker)) for marker in markers])\n    return bool("
)
MISTAKES["ignores_marker"] = [
    (_IGNORES + "abs((after - before).mean(1)).max() <= tolerance)", "mean stays"),
    (_IGNORES + "(after - before).max() <= tolerance)", "say 'healthy'"),
    (_IGNORES + "abs(after[0] - before).max() <= tolerance)", "last of the names"),
    (_IGNORES + "abs(after - after[0]).max() <= tolerance)", "without a name"),
    (_IGNORES + "((after > 0) == (before > 0)).all())", "decision stays"),
    (_IGNORES + "np.median(abs(after - before), axis=1).max() <= tolerance)", "single film"),
    (_IGNORES + "(after == before).all())", "less than the tolerance"),
    (
        _IGNORES.replace("for marker in markers", "for marker in [np.maximum.reduce(markers)]")
        + "abs(after - before).max() <= tolerance)",
        "first of the names",
    ),
    (_IGNORES.replace("np.maximum(pictures, marker)", "pictures + marker") + "abs(after - before).max() <= tolerance)",
     "39 in uint8"),
]

# {exercise: a correct answer that nobody would expect}
UNUSUAL = {}
UNUSUAL["balanced_rows"] = """
import pandas as pd

def balanced_rows(hospital, sick, seed):
    table = pd.DataFrame({"hospital": hospital, "sick": sick})
    least = table.groupby("hospital")["sick"].transform(lambda part: min(part.sum(), (~part).sum()))
    table = table.assign(least=least).sample(frac=1, random_state=seed)
    return table.index[table.groupby(["hospital", "sick"]).cumcount() < table["least"]]
"""
UNUSUAL["ignores_marker"] = """
def ignores_marker(score, pictures, markers, tolerance):
    for picture in pictures:
        for marker in markers:
            marked = np.where(marker == 255, 255, picture)
            if abs(score(marked[None]) - score(picture[None]))[0] > tolerance:
                return False
    return np.bool_(True)
"""


def _mask(code):
    space = {"np": np}
    exec(code, space)
    return lesson14.mask_text(space["mask_text"])


@pytest.mark.parametrize(("code", "words"), _MASK_MISTAKES)
def test_the_task_of_the_mask(code, words):
    verdict = _mask(code)
    assert verdict.state == "wrong" and words in verdict.message


@pytest.mark.parametrize(
    "fill",
    [
        "77",
        "np.median(np.delete(pictures, np.s_[top:bottom], 1), axis=(1, 2), keepdims=True)",  # of the rest of the film
        "pictures[:, top - 1 : top, left:right] if top else 0",  # the row above, again and again
        "np.random.default_rng(0).integers(0, 255, (bottom - top, right - left))",
    ],
)
def test_whatever_does_not_depend_on_the_name_may_fill_the_box(fill):
    assert _mask(_MASK + f"part[:] = {fill}\n    return masked").state == "done"


def test_a_mask_without_a_loop_or_a_slice():
    code = """
def mask_text(pictures, box):
    rows, columns = np.indices(pictures.shape[1:])
    inside = (rows >= box[0]) & (rows < box[2]) & (columns >= box[1]) & (columns < box[3])
    return np.where(inside, 77, pictures)
"""
    assert _mask(code).state == "done"


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (..., "blank", "not attempted"),
        ((6 / 9, 2 / 4), "done", "coin"),
        (np.array([0.667, 0.5]), "done", "coin"),
        ([0.67, 0.5], "done", "coin"),
        ([0.66, 0.5], "done", "coin"),
        ((6, 2), "wrong", "divide the pairs"),
        ((66.67, 50), "wrong", "not per cent"),
        ((0.5, 6 / 9), "wrong", "come first"),
        ((3 / 9, 0.5), "wrong", "scores higher"),
        ((0.5, 0.5), "wrong", "other hospital"),
        ((6 / 9, 2 / 9), "wrong", "four from one"),
        (0.667, "wrong", "two numbers"),
        ((0.667, 0.5, 0.5), "wrong", "you give 3"),
        (("a", "b"), "wrong", "two numbers"),
        ((0.8, 0.1), "wrong", "make the list"),
    ],
)
def test_the_task_of_pairs(answer, state, words):
    verdict = lesson14.by_hand(answer)
    assert verdict.state == state and words in verdict.message


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (..., "blank", "not attempted"),
        (["Manufacturer", "DetectorType"], "done", "patient's own"),
        ({"DetectorType", "Manufacturer"}, "done", "patient's own"),
        (np.array(["DetectorType", "Manufacturer"]), "done", "patient's own"),
        (["Manufacturer"], "wrong", "DetectorType"),
        (["age"], "wrong", "other way round"),
        (["age", "Manufacturer", "DetectorType"], "wrong", "age differs"),
        ("Manufacturer", "wrong", "a list"),
        (["Maker"], "wrong", "none of the three"),
        ([], "wrong", "how many values"),
        (2, "wrong", "a list of names"),
    ],
)
def test_the_task_of_the_header(answer, state, words):
    verdict = lesson14.site_facts(answer)
    assert verdict.state == state and words in verdict.message


LOST = {"mix": np.array([0.3, 0.5, 0.2]), "source": np.array([0.1, -0.1, 0.05])}
LOST["whole loss"] = LOST["mix"] + LOST["source"]


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (..., "blank", "not attempted"),
        (LOST["mix"].mean() / LOST["whole loss"].mean(), "done", "comes back"),
        (1 - LOST["source"].sum() / LOST["whole loss"].sum(), "done", "comes back"),
        (np.float32(0.952), "done", "comes back"),
        ((LOST["mix"] / LOST["whole loss"]).mean(), "wrong", "single seeds"),
        (LOST["source"].mean() / LOST["whole loss"].mean(), "wrong", "share of the source"),
        (LOST["mix"].mean(), "wrong", "loss to the mix itself"),
        (LOST["whole loss"].mean() / LOST["mix"].mean(), "wrong", "not the whole loss by the mix"),
        (LOST["mix"].mean() / LOST["source"].mean(), "wrong", "source's part"),
        (95.24, "wrong", "per cent"),
        (0.75, "wrong", "one of them"),
        (LOST["mix"], "wrong", "one number"),
        (0.6, "wrong", "something else"),
    ],
)
def test_the_task_of_the_loss(answer, state, words):
    verdict = lesson14.mix_share(answer, LOST)
    assert verdict.state == state and words in verdict.message
