"""A learner changes an experiment in a copy: stored runs of other settings or images are refused, own ones are read."""
from __future__ import annotations

import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from utils import evidence

CELLS = [  # (tags, code) of a lesson
    (["evidence"], "EPOCHS, WIDTH = 12, {8: 1}\npile = datasets.load('dice')"),
    (["evidence"], "def network(width=8):\n    return width"),
    (["evidence"], "def experiment(variant, seed):\n    return {'score': EPOCHS}"),
    ([], "best = 3"),
    ([], "for width in range(3):\n    best = width"),
]
ROW = "variant,seed,source,data,device,seconds,code,score\nplain,0,real,abc,cpu,1.0,abc-def,{}\n"


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A lesson with evidence, a copy of it in whose folder the kernel runs, and that kernel's history."""
    lesson, copy = tmp_path / "episodes" / "episode01_x", tmp_path / "work" / "episode01_x"
    (lesson / "evidence").mkdir(parents=True)
    copy.mkdir(parents=True)
    cells = [{"cell_type": "code", "metadata": {"tags": t}, "source": s.splitlines(True)} for t, s in CELLS]
    (lesson / "dice.ipynb").write_text(json.dumps({"cells": cells}), encoding="utf-8")
    (lesson / "evidence" / "dice.csv").write_text(ROW.format(0.5))
    np.savez(lesson / "evidence" / "dice.npz", **{"real|plain|val": [[1, 2]], "real||ids val": ["a", "b"]})
    monkeypatch.setattr(evidence, "EPISODES", tmp_path / "episodes")
    monkeypatch.chdir(copy)
    kernel = SimpleNamespace(user_ns={"In": [""]})
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: kernel))
    return SimpleNamespace(lesson=lesson, copy=copy, cells=cells, history=kernel.user_ns["In"])


def run(course, *more):
    course.history += [code for _, code in CELLS] + list(more)


def test_the_lesson_as_it_is_reads_its_runs(course):
    run(course)
    assert evidence.table("dice", "real")["score"].tolist() == [0.5]


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ("EPOCHS, WIDTH = 3, {8: 1}", "EPOCHS and another WIDTH"),
        ("EPOCHS = 3", "EPOCHS"),
        ("EPOCHS += 1", "EPOCHS"),
        ("EPOCHS: int = 13", "EPOCHS"),
        ("WIDTH[8] = 2", "WIDTH"),
        ("for wide in (1, 2):\n    WIDTH[wide] = 2", "WIDTH"),
        ("def network(width=64):\n    return width", "network"),
        ("pile = datasets.load('coins')", "pile"),
    ],
)
def test_runs_of_another_experiment_are_refused_by_the_name_that_differs(course, change, name):
    run(course, change)
    with pytest.raises(evidence.EvidenceError, match=f"another {name} than yours.* NB=work/episode01_x/dice.ipynb"):
        evidence.table("dice", "real")
    course.history += [code for _, code in CELLS]
    assert len(evidence.table("dice", "real")) == 1, "put back, and run"


HARMLESS = ["# 3", "best = 7", "x = 1", "%time", "!!", "def mine():\n    EPOCHS = 3", "print("]


@pytest.mark.parametrize("harmless", HARMLESS)
def test_what_does_not_touch_the_experiment_is_no_change(course, harmless):
    run(course, harmless)
    assert len(evidence.table("dice", "real")) == 1


def test_another_lesson_that_reads_these_runs_is_not_compared(course):
    course.history += [CELLS[0][1], "EPOCHS = 5", "def experiment(): ..."]
    assert len(evidence.table("dice", "real")) == 1


def test_outside_a_kernel_nothing_is_compared(course, monkeypatch):
    run(course, "EPOCHS = 3")
    monkeypatch.delitem(sys.modules, "IPython")
    assert len(evidence.table("dice", "real")) == 1


def test_a_copy_reads_its_own_runs_and_compares_with_the_cells_that_made_them(course):
    own = course.copy / "evidence"
    own.mkdir()
    (own / "dice.csv").write_text(ROW.format(0.9))
    course.cells[0]["source"] = ["EPOCHS = 3"]
    (own / "dice.json").write_text(json.dumps({"cells": course.cells}), encoding="utf-8")
    run(course, "EPOCHS = 3")
    assert evidence.table("dice", "real")["score"].tolist() == [0.9]
    course.history.append("EPOCHS = 4")
    with pytest.raises(evidence.EvidenceError, match="another EPOCHS"):
        evidence.table("dice", "real")


@pytest.mark.parametrize("ids", [["b", "a"], ["a"], ["a", "c"], np.arange(2), []])
def test_predictions_for_other_images_are_refused(course, ids):
    assert evidence.predictions("dice", "real", ids=["a", "b"])["plain"].tolist() == [[1, 2]]
    with pytest.raises(evidence.EvidenceError, match="for 2 other images than your"):
        evidence.predictions("dice", "real", ids=ids)
