"""Lesson 2.2, Where is a pixel?: what its checks must say."""
from types import SimpleNamespace

import numpy as np
import pytest
from support import *  # noqa: F403 the five tests, which read the two tables below

from utils.exercises import lesson22

# {exercise: [(code that defines a wrong answer, words its message must hold), …]}
MISTAKES = {}

MISTAKES["volume_ml"] = [
    ("def volume_ml(mask, spacing):\n    return np.count_nonzero(mask)", "number of voxels"),
    ("def volume_ml(mask, spacing):\n    return np.count_nonzero(mask) * np.prod(spacing)", "in mm³"),
    ("def volume_ml(mask, spacing):\n    return np.count_nonzero(mask) * np.prod(spacing) / 10", "not 10"),
    ("def volume_ml(mask, spacing):\n    return mask.sum() * np.prod(spacing) / 1000", "add up the values"),
    ("def volume_ml(mask, spacing):\n    return (mask == 1).sum() * np.prod(spacing) / 1000", "only the ones"),
    ("def volume_ml(mask, spacing):\n    return np.count_nonzero(mask) * spacing[0] * spacing[1] / 1000", "an area"),
    ("def volume_ml(mask, spacing):\n    return np.count_nonzero(mask) * spacing[0] ** 3 / 1000", "for a cube"),
    ("def volume_ml(mask, spacing):\n    return np.count_nonzero(mask) * sum(spacing) / 1000", "you add the spacings"),
]


def _affine(first=1, second=0, steps="count - 1", order=(0, 1, 2), flip="F @ A"):
    """Code for nifti_affine with one thing different."""
    return (
        "def nifti_affine(first, last, count, orientation, pixel_spacing):\n"
        "    row, column = np.reshape(orientation, (2, 3))\n"
        f"    parts = [row * pixel_spacing[{first}], column * pixel_spacing[{second}],\n"
        f"             (np.array(last) - np.array(first)) / ({steps})]\n"
        "    A, F = np.eye(4), np.diag([-1, -1, 1, 1])\n"
        f"    A[:3] = np.stack([parts[{order[0]}], parts[{order[1]}], parts[{order[2]}], first], axis=1)\n"
        f"    return {flip}"
    )


MISTAKES["nifti_affine"] = [
    (_affine(flip="A"), "still LPS"),
    (_affine(flip="np.hstack([(F @ A)[:, :3], A[:, 3:]])"), "origin is still LPS"),
    (_affine(flip="A @ F"), "negate two columns"),
    (_affine(first=0, second=1), "distance between rows"),
    (_affine(order=(1, 0, 2)), "first column"),
    (_affine(steps="count"), "n − 1 steps"),
    (_affine(order=(2, 1, 0)), "follow the indices"),
    (_affine(flip="(F @ A)[:3, :3]"), "4 rows and 4 columns"),
    (_affine(flip="(F @ A).T"), "its last row"),
    (_affine().replace("(np.array(last) - np.array(first)) / (count - 1)",
                       "np.cross(row, column) * np.linalg.norm(np.subtract(last, first)) / (count - 1)"),
     "against the arrows' cross product"),
]  # fmt: skip
MISTAKES["resample_labels"] = [
    (
        "def resample_labels(labels, affine, new_affine, new_shape):\n"
        "    to_old = np.linalg.inv(affine) @ new_affine\n"
        "    return ndimage.affine_transform(labels, to_old, output_shape=new_shape, order=1)",
        "do not mix",
    ),
    (
        "def resample_labels(labels, affine, new_affine, new_shape):\n"
        "    to_old = np.linalg.inv(affine) @ new_affine\n"
        "    return ndimage.affine_transform(labels.astype(float), to_old, output_shape=new_shape, order=0)",
        "data type",
    ),
    (
        "def resample_labels(labels, affine, new_affine, new_shape):\n"
        "    to_old = np.linalg.inv(new_affine) @ affine\n"
        "    return ndimage.affine_transform(labels, to_old, output_shape=new_shape, order=0)",
        "nearest neighbour: new index",
    ),
    (
        "def resample_labels(labels, affine, new_affine, new_shape):\n"
        "    to_old = np.linalg.inv(affine) @ new_affine\n"
        "    return ndimage.affine_transform(labels, to_old, output_shape=new_shape, order=0, cval=7)",
        "nobody drew",
    ),
    (
        "def resample_labels(labels, affine, new_affine, new_shape):\n"
        "    to_old = np.linalg.inv(affine) @ new_affine\n"
        "    return ndimage.affine_transform(labels, to_old, order=0)",
        "the new grid has shape",
    ),
]

# {exercise: a correct answer that nobody would expect}
UNUSUAL = {}
UNUSUAL["volume_ml"] = """
def volume_ml(mask, spacing):
    edges = np.diag(spacing) / 10  # cm
    return sum(1 for voxel in mask.flat if voxel) * abs(np.linalg.det(edges))
"""
UNUSUAL["nifti_affine"] = """
def nifti_affine(first, last, count, orientation, pixel_spacing):
    def place(column, row, part):  # in RAS
        lps = [first[i] + column * orientation[i] * pixel_spacing[1]
               + row * orientation[3 + i] * pixel_spacing[0] + part * (last[i] - first[i]) / (count - 1)
               for i in range(3)]
        return np.array([-lps[0], -lps[1], lps[2]])
    zero = place(0, 0, 0)
    columns = [place(*step) - zero for step in np.eye(3)]
    return [[*(column[i] for column in columns), zero[i]] for i in range(3)] + [[0, 0, 0, 1]]
"""
UNUSUAL["resample_labels"] = """
def resample_labels(labels, affine, new_affine, new_shape):
    grid = np.stack([*np.indices(new_shape), np.ones(new_shape)])
    index = np.rint(np.einsum("ij,jxyz->ixyz", np.linalg.solve(affine, new_affine), grid))[:3].astype(int)
    size = np.reshape(labels.shape, (3, 1, 1, 1))
    inside = ((index >= 0) & (index < size)).all(axis=0)
    return np.where(inside, labels[tuple(np.clip(index, 0, size - 1))], labels.dtype.type(0))
"""


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (..., "blank", "not attempted"),
        (4 / 0.9, "done", "as high as"),
        (np.float32(40) / 9, "done", "as high as"),
        (4.44, "done", "as high as"),
        (4.4, "done", "as high as"),
        (4.5, "wrong", "you say 4.5"),
        (0.9 / 4, "wrong", "other way round"),
        (4 / 0.6, "wrong", "0.6 mm is not in this picture"),
        (1.5, "wrong", "axial"),
        (1, "wrong", "a square"),
        (4, "wrong", "4 mm high"),
        ((4, 0.9), "wrong", "one number"),
        ("equal", "wrong", "one number"),
    ],
)
def test_the_task_of_the_aspect(answer, state, words):
    verdict = lesson22.aspect(answer)
    assert verdict.state == state and words in verdict.message, verdict


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (..., "blank", "not attempted"),
        (np.sqrt(12) / 2.355 / 0.8, "done", "one resolution"),
        (1.84, "done", "one resolution"),
        (np.sqrt((4 / 2.3548) ** 2 - (2 / 2.3548) ** 2) / 0.8, "done", "one resolution"),
        (2 / 2.355 / 0.8, "wrong", "their squares do"),
        (4 / 2.355 / 0.8, "wrong", "already"),
        (12**0.5 / 2.355, "wrong", "in voxels of"),
        (12**0.5 / 0.8, "wrong", "divide by 2.355"),
        (12**0.5, "wrong", "FWHM in mm"),
        (12**0.5 / 2.355 * 0.8, "wrong", "divide by the spacing"),
        (12**0.5 * 2.355 / 0.8, "wrong", "to a standard deviation, divide"),
        (12 / 2.355 / 0.8, "wrong", "take the root"),
        (7, "wrong", "not 7"),
        ([1.84, 1.84], "wrong", "one number"),
    ],
)
def test_the_task_of_the_resolution(answer, state, words):
    verdict = lesson22.sigma(answer)
    assert verdict.state == state and words in verdict.message, verdict


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (..., "blank", "not attempted"),
        ("ACEF", "done", "four with a place"),
        ("f, e, c, a", "done", "four with a place"),
        (["A", "C", "E", "F"], "done", "four with a place"),
        ("CEF", "wrong", "overlap"),
        ("ABCEF", "wrong", "missing"),
        ("AEF", "wrong", "names and numbers"),
        ("ACDEF", "wrong", "share no origin"),
        ("ACF", "wrong", "contradict"),
        ("ACE", "wrong", "one code"),
        ("ACEFG", "wrong", "all slices at one place"),
        ("", "wrong", "4 to look at"),
        ("ACEH", "wrong", "from A to G"),
        (4, "wrong", "letters as one text"),
    ],
)
def test_the_task_of_refusing(answer, state, words):
    verdict = lesson22.reliable(answer)
    assert verdict.state == state and words in verdict.message, verdict


STACK = SimpleNamespace(array=np.zeros((56, 2, 2)), spacing=(5 * np.cos(np.radians(15)), 2, 2), tilt=15.0)
LENGTH, LEAN = 55 * STACK.spacing[0], np.radians(15)


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (..., "blank", "not attempted"),
        (LENGTH * np.tan(LEAN), "done", "every slice looks fine"),
        (55 * 5 * np.sin(LEAN), "done", "every slice looks fine"),  # along the table: the sine is right
        (56 / 55 * LENGTH * np.tan(LEAN), "wrong", "n − 1 steps"),
        (LENGTH * np.sin(LEAN), "wrong", "tangent, not sine"),
        (LENGTH * np.tan(15), "wrong", "radians"),
        (LENGTH / 55 * np.tan(LEAN), "wrong", "one slice to the next"),
        (LENGTH, "wrong", "across its slices"),
        (55 * 5, "wrong", "along the table"),
        (3, "wrong", "you say 3.0 mm"),
        ("far", "wrong", "one number"),
    ],
)
def test_the_task_of_the_leaning_stack(answer, state, words):
    verdict = lesson22.astray(answer, STACK)
    assert verdict.state == state and words in verdict.message, verdict
