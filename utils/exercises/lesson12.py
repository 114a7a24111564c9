"""Lesson 1.2, What is in a file?: its checks."""
import numpy as np
import pandas as pd

from utils.exercises.expect import NEW_ARRAY, expect_array, expect_shape, refuse
from utils.lesson import exercise


@exercise(
    "Exercise 1", "stored numbers become Hounsfield units, and what was never measured is no number",
    spoilt=NEW_ARRAY,
)
def to_hu(answer):
    rng = np.random.default_rng(0)
    cases = [("int16", 1, -1024, None), ("int16", 0.5, -10.0, None), ("uint16", 1, -1024, None),
             ("int16", 2.0, -1000.0, -2000)]
    for dtype, slope, intercept, padding in cases:
        stored = rng.integers(0, 900, (6, 8)).astype(dtype)
        if padding is not None:
            stored[0, :3] = padding
        header = {"slope": slope, "intercept": intercept, "padding": padding}
        got = expect_shape(answer(stored, header), stored.shape,
                           "the picture has shape {shape}, your answer {got}").astype(float)
        refuse(dtype == "uint16" and (got > 60_000).any(), "unsigned 16-bit numbers cannot go "
               "below zero and wrap round: turn them into floats first")
        measured = stored != padding
        refuse(np.isnan(got[measured]).any(), "you turn measured values into NaN: only the padding is none")
        value = stored[measured].astype(float)
        expect_array(got[measured], value * slope + intercept, {
            "these are still the stored values: use slope and intercept": value,
            "with a slope of {slope} you only add the intercept: multiply first": value + intercept,
            "you add the intercept before you multiply: slope times stored value, then the intercept":
                (value + intercept) * slope,
        }, "for slope {slope} and intercept {intercept} you are off by up to {off:g} HU", **header)
        refuse(not np.isnan(got[~measured]).all(), "padding ({}) was never measured: make it NaN, "
               "before or after the rescale", padding)


HEADER = 1e-4  # mm, by which positions in headers are rounded


@exercise("Exercise 2", "position along the slice normal gives the order, in any orientation")
def in_order(answer):
    rng = np.random.default_rng(2)
    directions = {
        "axial": [[1, 0, 0], [0, 1, 0]],
        "sagittal": [[0, 1, 0], [0, 0, -1]],
        "tilted": [[0.98, 0.0, -0.199], [0.05, 0.96, 0.27]],
    }
    for title, axes in directions.items():
        axes = axes / np.linalg.norm(axes, axis=1, keepdims=True)
        count = 24
        steps = np.arange(count) * 2.5 - 30
        across = rng.normal(0, HEADER, (count, 2)) @ axes  # headers are rounded, within the slices as well
        places = np.array([30.0, -90.0, 12.0]) + np.outer(steps, np.cross(*axes)) + across
        truth = [f"{code:06x}.dcm" for code in rng.permutation(16**6 - 1)[:count]]
        table = pd.DataFrame({
            "name": truth,
            "instance": rng.permutation(count) + 1,
            "position": [tuple(map(float, place)) for place in places],
            "orientation": [tuple(map(float, axes.ravel()))] * count,
        })
        got = answer(table.sample(frac=1, random_state=1).reset_index(drop=True))
        listed = isinstance(got, list) or (not isinstance(got, str) and np.ndim(got) == 1)
        got = list(got) if listed else []
        refuse(not listed or not all(isinstance(name, str) for name in got), "return the file "
               "names in order, as a list, not their row numbers or the whole table")
        refuse(sorted(got) != sorted(truth), "the series has {} files; your answer does not hold "
               "each of them once", count)
        if got not in (truth, truth[::-1]):
            _wrong_order(title, got, table, places)


def _wrong_order(title, got, table, places):
    either = (got, got[::-1])
    refuse(list(table.sort_values("instance")["name"]) in either, "InstanceNumber is what the "
           "scanner made of it, in the order it liked; use the positions")
    refuse(got == sorted(got), "a file name says nothing about where a slice lies; use the positions")
    by_axis = [list(table["name"][np.argsort(along, kind="stable")]) for along in places.T]
    refuse(title != "axial" or any(names in either for names in by_axis), "right for axial slices, "
           "wrong for {} ones: project the position on the normal of the slices, which is the "
           "cross product of the two directions in `orientation`", title)
    refuse(True, "neighbours in your list are not neighbours in the body: sort by position along "
           "the slice normal")


@exercise("Exercise 3", "a blanked box holds one value, whichever value that is; the other one still names somebody")
def still_named(answer):
    rng = np.random.default_rng(3)
    top, left, bottom, right = box = (2, 20, 8, 44)
    for trial in range(6):
        pictures = [rng.integers(200, 4000, (32, 48)).astype(np.uint16) for _ in range(5)]
        boxes = [picture[top:bottom, left:right] for picture in pictures]
        guilty = (trial * 2 + 1) % 5
        for i, inside in enumerate(boxes):
            inside[:] = (0, 4095, 0, 700, 4095)[(i + trial) % 5]
        letters = rng.random((bottom - top - 2, right - left - 4)) < 0.1
        dark = boxes[guilty][0, 0] < 2000
        boxes[guilty][1:-1, 2:-2][letters] = 4095 if dark else 0
        got = np.asarray(answer(pictures, box))
        refuse(got.size != 1 or got.ndim > 1 or got.dtype.kind not in "iu", "return the number of "
               "the picture, counted from 0, not a list of answers and not the picture")
        got = int(got.ravel()[0])
        if got == guilty:
            continue
        inside = boxes[got % 5]
        refuse(inside.min() == inside.max() > 0, "picture {} has one value, {}, in the whole box: "
               "blank need not mean 0, and where high values are dark it never does", got,
               inside.max())
        refuse(True, "you say picture {}, but its box is blank: look only inside the box, and at "
               "whether it varies", got)
