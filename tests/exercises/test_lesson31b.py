"""Lesson 3.1b, What does a network gain from a template that slides?: what its checks must say."""
import pandas as pd
import pytest
from support import *  # noqa: F403 the five tests, which read the two tables below

from utils.exercises import lesson31b

# {exercise: [(code that defines a wrong answer, words its message must hold), …]}
MISTAKES = {}


def _convolve(pad="film = np.pad(film, padding)", rows="(film.shape[0] - size) // stride + 1",
              columns="(film.shape[1] - size) // stride + 1", at="r * stride, c * stride",
              what="(film[y : y + size, x : x + size] * template).sum()", out="answers"):  # fmt: skip
    return (
        f"def convolve(film, template, stride, padding):\n    size = len(template)\n    {pad}\n"
        f"    rows, columns = {rows}, {columns}\n    answers = np.zeros((rows, columns))\n"
        "    for r in range(rows):\n        for c in range(columns):\n"
        f"            y, x = {at}\n            answers[r, c] = {what}\n    return {out}"
    )


MISTAKES["convolve"] = [
    (_convolve(pad="film = film + 0.0"), "no padding gives"),
    (_convolve(pad="film = np.pad(film, padding, mode='edge')"), "holds zeros"),
    (_convolve(at="r, c"), "begins at row r"),
    (_convolve(rows="film.shape[0] - size + 1", columns="film.shape[1] - size + 1", at="r, c"), "stride 1 gives"),
    (_convolve(what="(film[y : y + size, x : x + size] * template[::-1, ::-1]).sum()"), "half a turn"),
    (_convolve(what="(film[y : y + size, x : x + size] * template.T).sum()"), "transposed"),
    (_convolve(what="(film[y : y + size, x : x + size] * template).mean()"), "take the mean"),
    (_convolve(out="answers.T"), "wrong way round"),
    (_convolve(out="answers[:-1]"), "yours has"),
    (_convolve(out="answers + 1"), "off by up to"),
    (_convolve(pad="film -= 0; film *= 2"), "work on a copy"),
]
_LAYER = "def layer(rows, columns, channels, templates, size, stride, padding):\n"
_SIDES = "    sides = [(side + 2 * padding - size) // stride + 1 for side in (rows, columns)]\n"
_RIGHT = "    return (templates, *sides), "
MISTAKES["layer"] = [
    (_LAYER + _SIDES + _RIGHT + "templates * channels * size * size", "leave them out"),
    (_LAYER + _SIDES + _RIGHT + "templates * (size * size + 1)", "one channel"),
    (_LAYER + _SIDES + _RIGHT + "templates * channels * (size * size + 1)", "not one for each channel"),
    (_LAYER + _SIDES + _RIGHT + "templates * channels * size * size + 1", "one for all"),
    (_LAYER + _SIDES + _RIGHT + "channels * size * size + 1", "that is one template"),
    (_LAYER + _SIDES + _RIGHT + "templates * (channels * size + 1)", "size × size"),
    (_LAYER + _SIDES + _RIGHT + "templates * (channels * size**2 + 1) * sides[0] * sides[1]", "are shared"),
    (_LAYER + _SIDES + _RIGHT + "7 * templates", "weights, not"),
    (_LAYER + _SIDES + "    return (*sides, templates), 0", "in this order"),
    (_LAYER + _SIDES + "    return (channels, *sides), 0", "for each template"),
    (_LAYER + _SIDES + "    return tuple(sides), 0", "three numbers"),
    (_LAYER + _SIDES + "    return (templates, *sides)", "return two things"),
    (_LAYER + _SIDES + "    return (templates, sides[0] - 1, sides[1] - 1), 0", "place at the start"),
    (_LAYER + _SIDES.replace("2 * padding", "padding") + "    return (templates, *sides), 0", "twice the padding"),
    (_LAYER + _SIDES.replace("- size) // stride", "- size + stride - 1) // stride") + _RIGHT
     + "templates * (channels * size**2 + 1)", "round down"),
    (_LAYER + "    return (templates, rows, columns + 3), 0", "the shape is"),
]  # fmt: skip

# {exercise: a correct answer that nobody would expect}
UNUSUAL = {}
UNUSUAL["convolve"] = """
import torch

def convolve(film, template, stride, padding):
    film, template = torch.tensor(film)[None, None], torch.tensor(template)[None, None]
    return torch.nn.functional.conv2d(film, template, stride=stride, padding=padding)[0, 0]
"""
UNUSUAL["layer"] = """
import torch

def layer(rows, columns, channels, templates, size, stride, padding):
    conv = torch.nn.Conv2d(channels, templates, size, stride, padding)
    out = conv(torch.zeros(1, channels, rows, columns))
    return list(out.shape[1:]), conv.weight.numel() + conv.bias.numel()
"""

RUNS = pd.DataFrame(
    [["a", 0, 0.9, 0.7], ["a", 1, 0.8, 0.7], ["b", 0, 0.9, 0.9], ["b", 1, 0.9, 0.8]],
    columns=["variant", "seed", "middle", "aside"],
)
BY = RUNS.groupby("variant")
RIGHT = {"A": "twice", "B": "rate", "C": "start"}
TASKS = [
    ("place", (..., ...), "blank", "not attempted"),
    ("place", (1, 6), "done", "move on"),
    ("place", (1.0, "6"), "done", "move on"),
    ("place", (-1, 6), "wrong", "other way round"),
    ("place", (0, 6), "wrong", "upper left"),
    ("place", (11, 6), "wrong", "further to the right"),
    ("place", (9, 6), "wrong", "all nine"),
    ("place", (5, 6), "wrong", "you give 5"),
    ("place", (1, 20), "wrong", "does not fit"),
    ("place", (1, 9), "wrong", "weights"),
    ("place", (1, 5), "wrong", "multiply"),
    ("place", ("one", 6), "wrong", "one number"),
    ("sides", (14, 6), "done", "rounded down"),
    ("sides", (15, 6), "wrong", "first: 13.5"),
    ("sides", (13, 6), "wrong", "first: add 1"),
    ("sides", (14, 7), "wrong", "a padding that is not there"),
    ("sides", (14, 6.5), "wrong", "second: 5.5"),
    ("sides", ((14, 14), (6, 6)), "wrong", "as many rows as columns"),
    ("sides", (14, (6, 6)), "wrong", "as many rows as columns"),
    ("sides", (14, 5), "wrong", "second: add 1"),
    ("sides", (28, 6), "wrong", "stride"),
    ("sides", (14, 100), "wrong", "you give 100"),
    ("shared", (0.6,), "done", "its say"),
    ("shared", (0.2,), "wrong", "pixels out"),
    ("shared", (1.4,), "wrong", "negative"),
    ("shared", (0.9,), "wrong", "alone"),
    ("shared", (1.2,), "wrong", "multiply sums"),
    ("shared", (7,), "wrong", "you give 7"),
    ("lost", (..., RUNS), "blank", "not attempted"),
    ("lost", ((RUNS["middle"] - RUNS["aside"]).groupby(RUNS["variant"]).mean(), RUNS), "done", "the mean of five"),
    ("lost", ({"b": 0.05, "a": 0.15}, RUNS), "done", "the mean of five"),
    ("lost", (RUNS["middle"] - RUNS["aside"], RUNS), "wrong", "for each run"),
    ("lost", (BY["aside"].mean() - BY["middle"].mean(), RUNS), "wrong", "other way round"),
    ("lost", (BY["aside"].mean(), RUNS), "wrong", "what is left"),
    ("lost", (BY["middle"].mean(), RUNS), "wrong", "in the middle"),
    ("lost", ({"a": 0.2, "b": 0.0}, RUNS), "wrong", "one seed's"),
    ("lost", ({"a": 0.3, "b": 0.1}, RUNS), "wrong", "add the five"),
    ("lost", ({"a": 0.15}, RUNS), "wrong", "missing for b"),
    ("lost", (0.1, RUNS), "wrong", "not float"),
    ("faults", (RIGHT,), "done", "one minute"),
    ("faults", ({"A": " Twice", "B": "RATE", "C": "start"},), "done", "one minute"),
    ("faults", (...,), "blank", "not attempted"),
    ("faults", ({"A": "twice"},), "wrong", "B and C"),
    ("faults", (RIGHT | {"B": "start"},), "wrong", "B: its steps"),
    ("faults", (RIGHT | {"C": "twice"},), "wrong", "C: its loss"),
    ("faults", (RIGHT | {"A": "rate"},), "wrong", "A: it begins"),
    ("faults", (RIGHT | {"A": "softmax"},), "wrong", "not 'softmax'"),
    ("faults", ("ABC",), "wrong", "dictionary"),
]


@pytest.mark.parametrize(("task", "answer", "state", "words"), TASKS)
def test_the_tasks(task, answer, state, words):
    verdict = getattr(lesson31b, task)(*answer)
    assert verdict.state == state and words in verdict.message, verdict
