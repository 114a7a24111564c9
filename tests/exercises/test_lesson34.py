"""What the checks of lesson 3.4 must say."""
import numpy as np
import pytest
from support import *  # noqa: F403 the five tests, which read the two tables below

from utils.exercises import lesson34

# {exercise: [(code that defines a wrong answer, words its message must hold), …]}
MISTAKES = {}
IOU = "def iou(a, b):\n    "
SIDES = "w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])\n    "
CUT = "w, h = max(0, w), max(0, h)\n    "
AREAS = "A, B = (a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1])\n    "
MISTAKES["iou"] = [
    (IOU + SIDES + AREAS + "return w * h / (A + B - w * h) if A + B > 0 and w * h > 0 else 0", "one by one"),
    (IOU + SIDES + "w = max(0, w)\n    " + AREAS + "return w * h / (A + B - w * h) if A + B else 0",
     "in one direction"),
    (IOU + SIDES + CUT + AREAS + "return w * h / (A + B) if A + B else 0", "counts the shared part twice"),
    (IOU + SIDES + CUT + AREAS + "return 2 * w * h / (A + B) if A + B else 0", "Dice"),
    (IOU + SIDES + CUT + "return w * h", "divide it by the area"),
    (IOU + SIDES + CUT + AREAS + "return w * h / min(A, B) if min(A, B) else 0", "the smaller box"),
    (IOU + SIDES + CUT + AREAS + "return w * h / (A + B - w * h)", "without area gives nan"),
    (IOU + "w = max(0, min(a[2], b[2]) - max(a[0], b[0]) + 1)\n    h = max(0, min(a[3], b[3]) - max(a[1], b[1]) + 1)\n"
     "    A = (a[2] - a[0] + 1) * (a[3] - a[1] + 1)\n    B = (b[2] - b[0] + 1) * (b[3] - b[1] + 1)\n"
     "    return w * h / (A + B - w * h)", "without + 1"),
    (IOU + "return 0.5", "you say 0.5"),
]
FILM = "def film_score(hits, truths, boxes):\n    if truths == 0 and boxes == 0:\n        return None\n    "
MISTAKES["film_score"] = [
    (FILM + "return (hits / (truths + boxes)).mean()", "counted twice"),
    (FILM + "return (2 * hits / (truths + boxes)).mean()", "Dice of a film"),
    (FILM + "return (hits / truths).mean() if truths else 0", "false boxes cost"),
    (FILM + "return (hits / boxes).mean() if boxes else 0", "missed truths cost"),
    (FILM + "return hits[0] / (truths + boxes - hits[0])", "average all eight"),
    (FILM + "return hits.mean() / (truths + boxes - hits.mean())", "the average of the hits"),
    ("def film_score(hits, truths, boxes):\n    if truths == 0 and boxes == 0:\n        return 0\n    "
     "return (hits / (truths + boxes - hits)).mean()", "so return None"),
    (FILM + "return hits", "return one number"),
]
FROC = "def sensitivity_at(scores, right, truths, films, rate):\n    best = 0.0\n    "
FROC += "for cut in np.unique(scores):\n        "
END = "\n            best = max(best, {})\n    return best"
MET = END.format("(chosen & right).sum() / truths")
FROM = "chosen = scores >= cut\n        "
MISTAKES["sensitivity_at"] = [
    (FROC + FROM + "if (chosen & ~right).sum() <= rate:" + MET, "false boxes a film"),
    (FROC + FROM + "if (chosen & ~right).sum() <= rate * films:" + END.format("(chosen & right).sum()"),
     "divide by truths"),
    (FROC + FROM + "if (chosen & ~right).sum() <= rate * films:" + END.format("(chosen & right).sum() / right.sum()"),
     "met in all"),
    (FROC + "chosen = scores > cut\n        if (chosen & ~right).sum() <= rate * films:" + MET, "included"),
    (FROC + FROM + "if (chosen & ~right).sum() < rate * films:" + MET, "equal to it is allowed"),
    ("def sensitivity_at(scores, right, truths, films, rate):\n    order = np.argsort(-scores, kind='stable')\n    "
     "false, met = np.cumsum(~right[order]), np.cumsum(right[order])\n    met = met[false <= rate * films]\n    "
     "return met[-1] / truths if len(met) else 0.0", "come together"),
]

# {exercise: code of a right answer that is not the published one}
UNUSUAL = {
    "iou": """def iou(a, b):
    a, b = np.asarray(a), np.asarray(b)
    if not (np.prod(a[2:] - a[:2]) and np.prod(b[2:] - b[:2])):
        return 0
    return float(ops.box_iou(torch.tensor(a)[None], torch.tensor(b)[None]))""",
    "film_score": """def film_score(hits, truths, boxes):
    if not truths + boxes:
        return
    total = 0
    for hit in hits:
        total += hit / (hit + (boxes - hit) + (truths - hit))
    return total / len(hits)""",
    "sensitivity_at": """def sensitivity_at(scores, right, truths, films, rate):
    met = false = 0
    best = 0
    for cut in sorted(set(scores), reverse=True):
        met += (right & (scores == cut)).sum()
        false += (~right & (scores == cut)).sum()
        if false > rate * films:
            break
        best = met / truths
    return best""",
}

BOXES = np.array([[10, 20, 5, 8], [3, 4, 30, 6.5]])
FIRST, SIZE = BOXES[:, :2], BOXES[:, 2:]


@pytest.mark.parametrize(
    ("check", "answer", "state", "words"),
    [
        ("corners", ..., "blank", "not attempted"),
        ("corners", np.c_[FIRST, FIRST + SIZE], "done", "two corners"),
        ("corners", np.c_[FIRST, FIRST + SIZE].tolist(), "done", "two corners"),
        ("corners", BOXES, "wrong", "as it was"),
        ("corners", np.c_[FIRST - SIZE / 2, FIRST + SIZE / 2], "wrong", "not the middle"),
        ("corners", np.c_[FIRST, FIRST + SIZE[:, ::-1]], "wrong", "height with y"),
        ("corners", FIRST + SIZE, "wrong", "one row of four"),
        ("four_films", ..., "blank", "not attempted"),
        ("four_films", 0.5, "done", "two rules"),
        ("four_films", 0.375, "wrong", "divide by three"),
        ("four_films", 0.75, "wrong", "stays in"),
        ("four_films", 0.625, "wrong", "neither right nor wrong"),
        ("four_films", 0.9, "wrong", "you say 0.9"),
    ],
)
def test_the_tasks(check, answer, state, words):
    verdict = getattr(lesson34, check)(answer, *((BOXES,) if check == "corners" else ()))
    assert verdict.state == state and words in verdict.message
