"""Lesson 3.4, Where is the pneumonia: its checks."""
import numpy as np

from utils.exercises.expect import expect_array, expect_number, expect_shape, refuse
from utils.lesson import exercise


@exercise("Task", "two corners, as torchvision wants them")
def corners(answer, boxes):
    """The answer comes with boxes (n, 4) as x, y, width, height."""
    boxes = np.asarray(boxes, float)
    got = expect_shape(answer, boxes.shape, "return one row of four a box, {shape}; yours is {got}")
    first, size = boxes[:, :2], boxes[:, 2:]
    expect_array(
        got, np.c_[first, first + size],
        {
            "that is x, y, width, height as it was; add the size to the first corner": boxes,
            "the first corner is missing: x and y come first, then both with the size added": np.c_[size, first + size],
            "x and y are the upper left corner, not the middle: add the whole size to it": (
                np.c_[first - size / 2, first + size / 2]),
            "the order is x0, y0, x1, y1": np.c_[boxes[:, 0], boxes[:, 0] + boxes[:, 2], boxes[:, 1],
                                                 boxes[:, 1] + boxes[:, 3]],
            "width goes with x and height with y": np.c_[first, first + size[:, ::-1]],
        },
        "a corner is off by up to {off:.3g}",
    )  # fmt: skip


def _iou(a, b, closed=0.0):
    sides = [max(0.0, min(a[k + 2], b[k + 2]) - max(a[k], b[k]) + closed) for k in (0, 1)]
    areas = [(box[2] - box[0] + closed) * (box[3] - box[1] + closed) for box in (a, b)]
    both = sides[0] * sides[1]
    either = sum(areas) - both
    return both, areas, (both / either if either > 0 else 0.0)


@exercise("Exercise 1", "apart, touching, one in the other, without area: all as they should be")
def iou(answer):
    pairs = [
        ((0, 0, 10, 10), (6, 0, 11, 9)), ((0, 0, 10, 10), (2, 3, 6, 8)), ((3, 4, 8, 9), (3, 4, 8, 9)),
        ((0, 0, 4, 4), (4, 0, 8, 4)), ((0, 0, 2, 2), (5, 6, 8, 9)), ((1, 1, 1, 5), (1, 1, 1, 5)),
        ((2.5, 1, 7, 6.5), (4, 0, 9.5, 5)), ((0, 0, 4, 4), (1, 6, 5, 9)), ((0, 0, 4, 4), (6, 1, 9, 5)),
        ((2, 2, 2, 6), (0, 0, 8, 8)),
    ]  # fmt: skip
    for a, b in pairs:
        both, areas, truth = _iou(a, b)
        wide = min(a[2], b[2]) - max(a[0], b[0])
        high = min(a[3], b[3]) - max(a[1], b[1])
        with np.errstate(all="ignore"):
            got = answer(np.array(a, float), np.array(b, float))
        empty = not any(areas)
        refuse(empty and np.isnan(np.asarray(got, float)).any(), "a box without area gives nan: it overlaps nothing, "
               "so return 0")  # fmt: skip
        apart = wide < 0 and high < 0
        expect_number(
            got, truth,
            {
                "boxes that are apart in one direction get a negative area: cut width and height at 0 one by one": (
                    wide * high / (sum(areas) - wide * high) if wide * high < 0 else np.nan),
                "boxes that are apart in both directions get a positive area: cut width and height at 0 one by one": (
                    wide * high / (sum(areas) - wide * high) if apart else np.nan),
                "you divide by the sum of both areas, which counts the shared part twice: subtract it once": (
                    both / sum(areas) if sum(areas) else np.nan),
                "that is the Dice of two boxes; IoU divides by the area that either covers": (
                    2 * both / sum(areas) if sum(areas) else np.nan),
                "that is the shared area; divide it by the area that either covers": both,
                "you divide by the smaller box: a small box inside a large one would be perfect": (
                    both / min(areas) if min(areas) else np.nan),
                "corners are places, not pixels: a side is x1 - x0, without + 1": _iou(a, b, 1.0)[2],
                "the answer reads corners as x, y, width, height": _iou(
                    (*a[:2], a[0] + a[2], a[1] + a[3]), (*b[:2], b[0] + b[2], b[1] + b[3]))[2],
            },
            "of {a} and {b} you say {got:.4g}; it is {truth:.4g}", a=a, b=b,
        )  # fmt: skip


@exercise("Task", "two rules in one number: what is left out, and what counts 0")
def four_films(answer):
    expect_number(
        answer, 0.5,
        {
            "C is left out, so divide by three": 1.5 / 4,
            "D counts 0 and stays in: a box was drawn on a healthy film": 1.5 / 2,
            "of B, one truth is met and one missed: 1 / (1 + 0 + 1)": (2 / 3, 1 / 3),
            "C is neither right nor wrong, it is left out": 2.5 / 4,
            "that is the sum; the mean is asked for": 1.5,
        },
        "you say {got:g}; A 1, B 1/2, C left out, D 0",
    )  # fmt: skip


@exercise("Exercise 2", "a film's score, and None where RSNA leaves it out")
def film_score(answer):
    cases = [([1, 1, 1, 1, 1, 0, 0, 0], 1, 1), ([2, 2, 1, 1, 1, 1, 0, 0], 2, 3), ([1, 1, 0, 0, 0, 0, 0, 0], 2, 1),
             ([0] * 8, 0, 2), ([0] * 8, 1, 0), ([3, 3, 3, 2, 2, 1, 1, 1], 4, 3)]  # fmt: skip
    for hits, truths, boxes in cases:
        array = np.array(hits)
        got = answer(array, truths, boxes)
        with np.errstate(all="ignore"):
            expect_number(
                got, (array / (truths + boxes - array)).mean(),
                {
                    "hits are counted twice below the line: TP + FP + FN is truths + boxes - hits": (
                        (array / (truths + boxes)).mean()),
                    "that is the Dice of a film: RSNA divides by TP + FP + FN": (2 * array / (truths + boxes)).mean(),
                    "that is the share of truths met; false boxes cost, too": (array / truths).mean(),
                    "that is the share of boxes that hit; missed truths cost, too": (array / boxes).mean(),
                    "that is the score at the first threshold alone; average all eight": (
                        array[0] / (truths + boxes - array[0])),
                    "average the eight scores; you divide the average of the hits": (
                        array.mean() / (truths + boxes - array.mean())),
                },
                "with {truths} truths, {boxes} boxes and hits {hits} you say {got:.3f}; it is {truth:.3f}",
                truths=truths, boxes=boxes, hits=hits,
            )  # fmt: skip
    left_out = []
    try:
        left_out.append(answer(np.zeros(8, int), 0, 0))
    except Exception as returned:  # the protocol raises where nothing comes back, which is what is asked for here
        if "returns nothing" not in str(returned):
            raise
        left_out.append(None)
    refuse(left_out[0] is not None, "no truth and no box: RSNA leaves the film out, so return None, not {}",
           left_out[0])  # fmt: skip


def _froc(scores, right, truths, films, rate):
    best = 0.0
    for cut in np.unique(scores):
        chosen = scores >= cut
        if (chosen & ~right).sum() <= rate * films:
            best = max(best, (chosen & right).sum() / truths)
    return best


@exercise("Exercise 3", "free-response ROC, ties and all")
def sensitivity_at(answer):
    scores = np.array([0.95, 0.9, 0.8, 0.8, 0.7, 0.6, 0.6])
    right = np.array([False, True, False, True, True, True, False])
    expect_number(
        answer(scores, right, 5, 4, 10.0), 0.8,
        {
            "draw boxes *from* a score on, that score included": 0.6,
            "that is how many are met; divide by truths": 4.0,
            "divide by how many truths there are, not by how many are met in all": 1.0,
        },
        "where every false box is allowed you say {got:.3f}; it is {truth:.3f}",
    )  # fmt: skip
    expect_number(
        answer(scores, right, 5, 4, 0.5), 0.6,
        {
            "at most the rate is allowed, so equal to it is allowed, too": 0.2,
            "boxes of the same score come together: a cut-off cannot pass between them": 0.8,
            "rate is false boxes a film: allow rate * films of them": 0.0,
            "that is how many are met; divide by truths": 3.0,
            "divide by how many truths there are, not by how many are met in all": 0.75,
        },
        "of seven boxes on four films you say {got:.3f}; it is {truth:.3f}",
    )  # fmt: skip
    rng = np.random.default_rng(2)
    for n, films, truths, rate in ((60, 40, 30, 0.25), (80, 20, 50, 1.0), (30, 50, 20, 0.02), (40, 30, 35, 0.5)):
        scores = np.round(rng.random(n), 1)  # many ties
        right = rng.random(n) < 0.25 + 0.5 * scores
        right &= np.cumsum(right) <= truths
        absolute = _froc(scores, right, truths, 1, rate)
        below = [(((scores >= c) & right).sum() / truths) for c in np.unique(scores)
                 if ((scores >= c) & ~right).sum() < rate * films]  # fmt: skip
        expect_number(
            answer(scores, right, truths, films, rate), _froc(scores, right, truths, films, rate),
            {
                "rate is false boxes a film: allow rate * films of them": absolute,
                "divide by how many truths there are, not by how many are met in all": (
                    _froc(scores, right, max(1, right.sum()), films, rate)),
                "that is how many are met; divide by truths": _froc(scores, right, 1, films, rate),
                "at most the rate is allowed, so equal to it is allowed, too": max(below, default=0.0),
            },
            "with {n} boxes on {films} films and a rate of {rate} you say {got:.3f}; it is {truth:.3f}",
            n=n, films=films, rate=rate,
        )  # fmt: skip
    none = answer(np.array([0.9]), np.array([False]), 5, 10, 0.0)
    refuse(none != 0, "where the highest box is false and none is allowed, nothing is met: 0, not {}", none)
