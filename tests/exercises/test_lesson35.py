"""What the checks of lesson 3.5 must say."""
import numpy as np
import pytest
from support import *  # noqa: F403 the five tests, which read the two tables below

from utils.exercises import lesson35

# {exercise: [(code that defines a wrong answer, words its message must hold), …]}
MISTAKES = {}
ML = "def millilitres(mask, affine):\n    "
MISTAKES["millilitres"] = [
    (ML + "return mask.sum() * np.linalg.det(affine[:3, :3]) / 1000", "mirrored"),
    (ML + "return mask.sum() * abs(np.linalg.det(affine[:3, :3]))", "cubic millimetres"),
    (ML + "return mask.sum() * abs(np.prod(np.diag(affine)[:3])) / 1000", "lies straight"),
    (ML + "return mask.sum() * np.prod(np.linalg.norm(affine[:3, :3], axis=0)) / 1000", "no box"),
    (ML + "return mask.sum() * np.prod(np.linalg.norm(affine[:3, :3], axis=1)) / 1000", "lengths of the rows"),
    (ML + "return mask.size * abs(np.linalg.det(affine[:3, :3])) / 1000", "every voxel"),
    (ML + "return mask.sum()", "voxels"),
    (ML + "return max(1, mask.sum()) * abs(np.linalg.det(affine[:3, :3])) / 1000", "empty mask"),
    (ML + "return (mask == True).sum() * abs(np.linalg.det(affine)) / 1000 * (1 + (mask.dtype != bool))", "0 and 1"),
    (ML + "affine[:3, 3] = 0\n    return mask.sum() * abs(np.linalg.det(affine)) / 1000", "changes what it is given"),
    (ML + "return 3.0", "you give 3"),
]
DICE = "def dice(a, b):\n    "
MISTAKES["dice"] = [
    (DICE + "return (a & b).sum() / (a | b).sum()", "over the union"),
    (DICE + "return (a & b).sum() / (a.sum() + b.sum())", "the 2 is missing"),
    (DICE + "return (a == b).mean()", "equal voxels"),
    (DICE + "return (a & b).sum() / max(a.sum(), 1)", "first mask that is met"),
    (DICE + "return (a & b).sum() / max(b.sum(), 1)", "second mask that is met"),
    (DICE + "with np.errstate(all='ignore'):\n        return 2 * (a & b).sum() / (a.sum() + b.sum())", "0/0"),
    (DICE + "return 2 * (a & b).sum() / max(1, a.sum() + b.sum())", "not 0"),
    (DICE + "return 2 * (a & b).sum() / (a.sum() + b.sum()) if a.any() or b.any() else 0.5", "you return 0.5"),
    (DICE + "return 0.123", "you give 0.123"),
    (DICE + "return a & b", "one number"),
]
CROP = "def jittered_crop(image, mask, centre, size, reach, rng):\n    "
STEP = "step = rng.integers(-reach, reach + 1, 2)\n    "
PLACE = "row, column = np.clip(np.array(centre) - size // 2 + step, 0, np.array(image.shape) - size)\n    "
CUT = "return image[row:row + size, column:column + size], mask[row:row + size, column:column + size]"
MISTAKES["jittered_crop"] = [
    (CROP + "step = np.zeros(2, int)\n    " + PLACE + CUT, "always lies in the same place"),
    (CROP + STEP.replace("rng", "np.random").replace("integers", "randint") + PLACE + CUT, "the rng you are given"),
    (CROP + "step = rng.integers(-reach, reach, 2)\n    " + PLACE + CUT, "add 1"),
    (CROP + "step = rng.integers(0, reach + 1, 2)\n    " + PLACE + CUT, "one way only"),
    (CROP + "step = rng.integers(-reach, reach + 1)\n    " + PLACE + CUT, "by the same step"),
    (CROP + STEP.replace("reach", "9") + PLACE + CUT, "reach is 5"),
    (CROP + STEP.replace("reach", "3") + PLACE + CUT, "is asked for"),
    (CROP + STEP + "row, column = np.array(centre) - size // 2 + step\n    " + CUT, "move the window inward"),
    (CROP + STEP + PLACE + "other = rng.integers(20)\n    "
     "return image[row:row + size, column:column + size], mask[other:other + size, column:column + size]",
     "draw once, cut both"),
    (CROP + STEP + PLACE + CUT.replace("column + size], mask", "column + size][::-1], mask"), "as it is"),
    (CROP + STEP + PLACE + CUT.partition(",")[0].replace("column:", "column:") + ", column:column + size]",
     "you return ndarray"),
    (CROP + STEP + PLACE + CUT + ", 1", "return two crops"),
]  # fmt: skip

# {exercise: code of a right answer that is not the published one}
UNUSUAL = {
    "millilitres": ML + """i, j, k = np.asarray(affine)[:3, :3].T
    return int(np.count_nonzero(mask)) * abs(np.dot(np.cross(i, j), k)) * 1e-3""",
    "dice": DICE + """if not a.any() and not b.any():
        return True
    first, second = set(np.flatnonzero(a)), set(np.flatnonzero(b))
    return 2 * len(first & second) / (len(first) + len(second))""",
    "jittered_crop": CROP + """found = []
    for middle, length in zip(centre, image.shape):
        start = middle + int(rng.permutation(np.arange(-reach, reach + 1))[0]) - size // 2
        found.append(min(max(start, 0), length - size) + np.arange(size))
    return [image[np.ix_(*found)], mask[np.ix_(*found)]]""",
}

MASK = np.zeros((4, 5, 6), bool)
MASK[1:3, 2, :4] = True  # 8 voxels
SPACING = (3.0, 3.0, 5.0)


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (..., "blank", "not attempted"),
        (8 * 45 / 1000, "done", "millilitres"),
        (np.float32(0.36), "done", "millilitres"),
        (360.0, "wrong", "cubic millimetres"),
        (8, "wrong", "3 × 3 × 5 mm"),
        (120 * 45 / 1000, "wrong", "the whole scan"),
        (3.6, "wrong", "10 × 10 × 10"),
        (8 * 11 / 1000, "wrong", "their product"),
        (8 * 9 / 1000, "wrong", "an area"),
        (MASK, "wrong", "one number"),
        (0.5, "wrong", "you give 0.5"),
    ],
)
def test_the_first_task(answer, state, words):
    verdict = lesson35.volume(answer, MASK, SPACING)
    assert verdict.state == state and words in verdict.message


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (..., "blank", "not attempted"),
        (20, "done", "people who have nothing"),
        (20.0, "done", "people who have nothing"),
        (26, "wrong", "counts the healthy"),
        (6, "wrong", "left out"),
        (14, "wrong", "how many stay"),
        (3, "wrong", "you give 3"),
        ("twenty", "wrong", "one number"),
    ],
)
def test_the_second_task(answer, state, words):
    verdict = lesson35.counted(answer, 20, 6)
    assert verdict.state == state and words in verdict.message
