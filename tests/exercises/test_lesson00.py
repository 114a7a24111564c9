"""The checks of lesson 0.0: blank, typical mistakes, an unusual right answer, the solution that learners read."""
from __future__ import annotations

import re

import numpy as np
import pytest

from tools import notebook
from utils.exercises import lesson00 as check

CELLS = notebook.read(notebook.ROOT / "episodes/template.ipynb")["cells"]

# check: [(an answer, words of its verdict), …]; an answer that is right though unusual says what a right one says
ANSWERS = {
    "share_of_ones": [
        (..., "not attempted yet"),
        (lambda labels: (labels == 1).sum(), "divide by the number"),
        (lambda labels: labels.mean(), "compare with 1 first"),
        (lambda labels: (labels == 0).mean(), "you say"),
        (lambda labels: sum(label == 1 for label in labels) / len(labels), "a share"),
    ],
}


@pytest.mark.parametrize("name", ANSWERS)
def test_each_answer_has_its_own_verdict(name):
    verdicts = [str(getattr(check, name)(answer)) for answer, _ in ANSWERS[name]]
    assert len(set(verdicts)) == len(verdicts), "two answers share one message"
    for verdict, (_, words) in zip(verdicts, ANSWERS[name], strict=True):
        assert words in verdict


@pytest.mark.parametrize("name", ANSWERS)
def test_the_published_solution_passes(name):
    text = next(c["source"] for c in CELLS if f"def {name}" in c["source"] and "Solution" in c["source"])
    space = {"np": np}
    exec(re.search(r"Solution.*?```python\n(.*?)```", text, flags=re.DOTALL)[1], space)
    assert getattr(check, name)(space[name]).state == "done"


def test_every_exercise_has_answers_to_try():
    asked = {name for c in CELLS for name in re.findall(r"^check\.(\w+)\(", c["source"], flags=re.MULTILINE)}
    assert asked == ANSWERS.keys()
