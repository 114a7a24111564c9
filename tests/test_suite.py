"""The suite itself: long files first, two processes of one thread each, slow lessons named, a choice on real data."""
from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tools import notebook

ROOT = notebook.ROOT


def module(file):
    """A file that lies in no package, as a module."""
    specification = importlib.util.spec_from_file_location(file.stem, file)
    loaded = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(loaded)
    return loaded


suite, ci = module(ROOT / "tests" / "conftest.py"), module(ROOT / ".ci" / "choose.py")


def lesson(path, seconds=None, code="x = 1", **stamp):
    """A notebook of one cell with a stamp."""
    content = {
        "cells": [{"cell_type": "code", "id": "one", "metadata": {}, "execution_count": None, "outputs": [],
                   "source": code}],
        "metadata": {"course": {"seconds": seconds, **stamp}} if seconds else {},
        "nbformat": 4,
        "nbformat_minor": 5,
    }  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


# ------------------------------------------------------------ order, marks, slow lessons


def test_a_lesson_that_takes_three_times_its_stamp_is_named(tmp_path):
    for name, seconds in (("a", 10), ("b", 10), ("c", None)):
        lesson(tmp_path / f"{name}.ipynb", seconds)
    (tmp_path / "d.ipynb").write_text("<<<<<<< damaged")
    cells = {"a.ipynb::Cell 0": 20, "a.ipynb::Cell 1": 12, "b.ipynb::Cell 0": 29, "c.ipynb::Cell 0": 900,
             "d.ipynb::Cell 0": 900, "tests/test_x.py::test_y": 900}  # fmt: skip
    reports = [SimpleNamespace(nodeid=name, duration=took) for name, took in cells.items()]
    lines = suite.slow_lessons(reports, tmp_path)
    assert len(lines) == 1 and "a.ipynb took 32 s, 3.2 times the 10 s" in lines[0]


@pytest.mark.skipif(not shutil.which("make"), reason="make is not here")
def test_the_suite_takes_two_processes_of_one_thread_and_long_lessons_first(tmp_path):
    """With the very options of `make test`, on a copy of the hooks: a long lesson, a short one, and a test."""
    (tmp_path / "tests").mkdir()
    for name in ("conftest.py", "sanitize.cfg"):
        shutil.copy(ROOT / "tests" / name, tmp_path / "tests" / name)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "tests" / "test_small.py").write_text("def test_a():\n    pass\n")
    code = "import os, pathlib\npathlib.Path('seen').write_text(os.environ['OMP_NUM_THREADS'])"
    lesson(tmp_path / "episodes/a/01_short.ipynb", 5, "print(1)")
    lesson(tmp_path / "episodes/a/02_long.ipynb", 500, code)
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "TESTS"))}
    dry = subprocess.run(["make", "-n", "test", "ARGS=-v", f"BIN={Path(sys.executable).parent}", "READY=LICENSE"],
                         cwd=ROOT, capture_output=True, text=True, check=True, env=outside)  # fmt: skip
    command = dry.stdout.splitlines()[-1]
    assert "tests episodes -n 2 --dist loadfile" in command
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_XDIST")}
    result = subprocess.run(command, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    assert (tmp_path / "episodes/a/seen").read_text() == "1"
    assert result.stdout.strip().splitlines()[-1].startswith("3 passed") or "3 passed" in result.stdout
    collect = [sys.executable, "-m", "pytest", "tests", "episodes", "--collect-only", "-m", "real"]
    order = subprocess.run(collect, cwd=tmp_path, env=environment, capture_output=True, text=True).stdout
    assert order.index("02_long") < order.index("01_short") and "test_small" not in order


def test_what_needs_real_data_is_marked():
    files = [f"tests/{name}" for name in ("test_suite.py", "test_datasets.py", *suite.ON_REAL_DATA)]
    files = [name for name in files if (ROOT / name).exists()]
    command = [sys.executable, "-m", "pytest", "--collect-only", "-m", "real", *files]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout
    assert "test_a_random_row_can_be_made_again" in found and "test_the_real_set" in found
    assert "test_suite" not in found


# ------------------------------------------------------------ .ci/choose.py


@pytest.fixture
def history(tmp_path):
    """A repository of six lessons and three commits; the last two commits change the second and add a seventh."""

    def git(*arguments):
        command = ["git", "-C", str(tmp_path), "-c", "user.name=x", "-c", "user.email=x@example.org", *arguments]
        subprocess.run(command, check=True, capture_output=True)

    names = [f"episodes/episode01_x/0{number}_x.ipynb" for number in range(1, 8)]
    git("init", "-q")
    for name in names[:6]:
        lesson(tmp_path / name, 5, code={"one": "a"})
    git("add", "-A")
    git("commit", "-qm", "one")
    lesson(tmp_path / names[1], 5, outputs="b")
    git("commit", "-qam", "two")
    lesson(tmp_path / names[6], 5)
    git("add", "-A")
    git("commit", "-qm", "three")
    return tmp_path, names, git


def test_lessons_with_another_stamp_and_a_third_of_the_others_are_run(history):
    root, names, git = history
    why = ci.chosen(root, "HEAD~2")
    assert list(why) == names
    assert "stamp is not the one" in why[names[1]] and "stamp" in why[names[6]]
    assert {name for name in names if "turn" in why[name]} == {names[0], names[3]}, "three commits: 0, 3, 6, …"
    git("commit", "-q", "--allow-empty", "-m", "four")
    why = ci.chosen(root, "HEAD~3")
    assert {name for name in names if "turn" in why[name]} == {names[4]}, "four commits: 1, 4, … and 1 runs anyway"


def test_after_three_commits_every_lesson_has_had_its_turn(history):
    root, names, git = history
    seen = set()
    for _ in range(ci.THIRDS):
        git("commit", "-q", "--allow-empty", "-m", "again")
        seen |= {name for name, why in ci.chosen(root, "HEAD").items() if why}
    assert seen == set(names)


def test_where_the_base_is_missing_all_are_run_and_it_says_so(history, tmp_path_factory):
    root, names, _ = history
    for base in ("HEAD~20", "no-such-branch"):
        why = ci.chosen(root, base)
        assert list(why) == names and all("not in this clone" in reason for reason in why.values())
    shallow = tmp_path_factory.mktemp("shallow") / "clone"
    subprocess.run(["git", "clone", "-q", "--depth", "1", f"file://{root}", str(shallow)], check=True)
    assert all("not in this clone" in reason for reason in ci.chosen(shallow, "HEAD~2").values())
    nowhere = tmp_path_factory.mktemp("archive")
    lesson(nowhere / names[0], 5)
    assert list(ci.chosen(nowhere, "HEAD~2")) == names[:1]


def test_a_lesson_without_a_stamp_is_run(history):
    root, names, _ = history
    lesson(root / names[2])
    (root / names[4]).write_text("<<<<<<< damaged")
    why = ci.chosen(root, "HEAD~2")
    assert "stamp" in why[names[2]] and "stamp" in why[names[4]]


def test_what_is_chosen_and_why_is_printed():
    done = subprocess.run([sys.executable, ROOT / ".ci" / "choose.py"], capture_output=True, text=True, check=True,
                          env={**os.environ, "CI_BASE": "HEAD"}, encoding="utf-8")  # fmt: skip
    paths = done.stdout.split()
    assert paths and all((ROOT / path).is_file() for path in paths)
    assert done.stderr.count("real data: ") == len(notebook.all_notebooks())


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not here")
def test_ci_is_a_shell_script_whose_last_word_is_pytests():
    text = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    subprocess.run(["bash", "-n", ROOT / ".ci" / "run"], check=True)
    lines = [line for line in text.splitlines() if line.strip() not in ("", "fi")]
    assert "make test" in lines[-1]
    assert "env -u COURSE_DATA COURSE_OFFLINE=1 make test\n" in text
