"""Reads the evidence that `make evidence` wrote beside a lesson: one CSV row a run, predictions as .npz.

In a copy of a lesson it reads the copy's own evidence where there is some, else the course's; it hands out no run
that was made with other settings or on other images than the copy's.
"""
from __future__ import annotations

import ast
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

EPISODES = Path(__file__).resolve().parent.parent / "episodes"
KEYS = ["variant", "seed", "source", "data", "device", "seconds", "code"]  # every file; the rest are metrics


class EvidenceError(Exception):
    """The evidence of a lesson is missing, or was made otherwise; says which command makes it."""

    def _render_traceback_(self) -> list[str]:
        return [f"EvidenceError: {self}"]


def path(lesson: str, suffix: str = "csv") -> Path:
    """Where the evidence of a lesson, or of a script beside it, stands.

    That is evidence/<lesson>.csv beside the notebook that is running, where `make evidence` has written one for a
    copy; else episodes/<episode>/evidence/<lesson>.<suffix>.

    Raises EvidenceError when no episode has such a lesson or script.
    """
    own = Path.cwd() / "evidence"
    if (own / f"{lesson}.csv").is_file():
        return own / f"{lesson}.{suffix}"
    folders = [file.parent / "evidence" for file in EPISODES.glob(f"*/{lesson}.ipynb")]
    folders += [file.parent for file in EPISODES.glob(f"*/evidence/{lesson}.py")]
    if not folders:
        raise EvidenceError(f"No lesson is called {lesson}; use a notebook's name from episodes/.")
    return folders[0] / f"{lesson}.{suffix}"


def read(file: Path) -> pd.DataFrame:
    """One evidence file, whole."""
    types = {"variant": str, "data": str, "code": str}
    return pd.read_csv(file, dtype=types, keep_default_na=False, na_values=[""], float_precision="round_trip")


def table(lesson: str, source: Any = None) -> pd.DataFrame:
    """All runs of a lesson's experiment, one row a run.

    Args:
        lesson: the notebook's name without its ending.
        source: a `datasets.Source`, or "real" or "synthetic"; keeps only runs on that kind of data. None keeps all.

    Returns:
        DataFrame with `KEYS` and the metrics.

    Raises:
        EvidenceError: there is no evidence, none for this kind of data, or the running notebook's experiment is
            not the one that made it.
    """
    file = path(lesson)
    _same_experiment(lesson, file)
    if not file.exists():
        raise EvidenceError(f"The evidence for {lesson} is missing: run `make evidence NB={lesson}`.")
    runs = read(file)
    if source is not None:
        runs = runs[runs["source"] == _kind(source)].reset_index(drop=True)
        if runs.empty:
            raise EvidenceError(f"{file.name} holds no run on {_kind(source)} data: run `make evidence NB={lesson}`.")
    return runs


def _asked(lesson: str) -> str:
    """What `make evidence` is told for the notebook that is running: a copy's path, or a lesson's name."""
    here, root = Path.cwd() / f"{lesson}.ipynb", EPISODES.parent
    return here.relative_to(root).as_posix() if here.is_relative_to(root / "work") else lesson


def predictions(
    lesson: str, source: Any = None, split: str = "val", ids: Any = None
) -> dict[str, np.ndarray]:
    """Per-image predictions kept by a lesson's experiment.

    Args:
        source: a `datasets.Source`, or "real" or "synthetic"; None for an experiment that loads no data set.
        ids: (images,) what names the images that the lesson would ask now, in order; predictions for others are
            refused. They are kept as the `REFERENCE` called "ids <split>". None takes predictions for any images.

    Returns:
        {variant: array (seeds, images, ...)} for one split and one kind of data, seeds in ascending order.

    Raises:
        EvidenceError: the lesson keeps no predictions for this split and kind of data, or for other images.
    """
    if ids is not None:
        stored, now = reference(lesson, source, f"ids {split}").astype(str), np.asarray(ids).astype(str)
        if not np.array_equal(stored, now):
            strange = int((~np.isin(now, stored)).sum())
            raise EvidenceError(
                f"The stored predictions of {lesson} are for {len(stored)} other images than your {len(now)} in "
                f"{split} ({strange} of yours were not asked): put the split and the order back, or make your own "
                f"runs with `make evidence NB={_asked(lesson)}`."
            )
    found = {}
    for key, array in _arrays(lesson, source).items():
        _, variant, name = key.split("|")
        if variant and name == split:
            found[variant] = array
    if not found:
        raise EvidenceError(f"{lesson} keeps no predictions for {split} on {_kind(source)} data.")
    return found


def reference(lesson: str, source: Any, name: str) -> np.ndarray:
    """What an experiment keeps once for each kind of data, such as the ids or labels of its images.

    Args:
        source: as in `predictions`.

    Raises:
        EvidenceError: the lesson keeps nothing of this name for this kind of data.
    """
    arrays, key = _arrays(lesson, source), f"{_kind(source)}||{name}"
    if key not in arrays:
        raise EvidenceError(f"{lesson} keeps no {name} for {_kind(source)} data: run `make evidence NB={lesson}`.")
    return arrays[key]


def _kind(source: Any) -> str:
    """The word for a kind of data; what loads no data set is kept as synthetic. Raises EvidenceError."""
    if source is None:
        return "synthetic"
    if not isinstance(source, str):
        return "real" if source.is_real else "synthetic"
    if source not in ("real", "synthetic"):
        raise EvidenceError(f"There is no {source!r} data: say \"real\" or \"synthetic\", or hand over a source.")
    return source


def _arrays(lesson: str, source: Any) -> dict[str, np.ndarray]:
    """What the .npz holds for one kind of data: {"kind|variant|split": array, "kind||name": array}."""
    file = path(lesson, "npz")
    if not file.exists():
        raise EvidenceError(f"{lesson} keeps no predictions: run `make evidence NB={lesson}`.")
    with np.load(file, allow_pickle=False) as store:
        return {key: store[key] for key in store.files if key.startswith(f"{_kind(source)}|")}


# ------------------------------------------------- is the experiment in this kernel the one that made the evidence?


SURELY = 3  # cells of a lesson, as they are, in a kernel's history: then it is this lesson that is running


def _same_experiment(lesson: str, file: Path) -> None:
    """Raises EvidenceError where a cell that this kernel has run gives a name of the experiment another meaning.

    What made the evidence are the cells tagged `evidence` of the lesson, or of the copy as `make evidence` met it.
    """
    own = file.parent == Path.cwd() / "evidence"
    made_by = file.with_suffix(".json") if own else file.parents[1] / f"{lesson}.ipynb"
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if shell is None or not made_by.is_file():
        return
    history = shell.user_ns.get("In", [])
    parts: dict[bool, list[str]] = {True: [], False: []}  # the code of cells with the tag, and without
    for cell in json.loads(made_by.read_text(encoding="utf-8"))["cells"]:
        marks = cell["metadata"].get("tags", [])
        if cell["cell_type"] == "code" and "colab" not in marks:
            parts["evidence" in marks].append("".join(cell["source"]))
    if len({*parts[True], *parts[False]}.intersection(history)) < SURELY:
        return
    stored, elsewhere = _meanings(parts[True]), _meanings(parts[False])
    now = {name: meanings[-1] for name, meanings in _meanings(history).items()}
    asked = [name for name in now if name in stored and name not in elsewhere]
    if changed := [name for name in asked if now[name] not in stored[name]]:
        raise EvidenceError(
            f"The stored runs of {lesson} were made with another {' and another '.join(changed)} than yours: put it "
            f"back and run its cell, or save, and make your own runs with `make evidence NB={_asked(lesson)}`."
        )


def _meanings(cells: list[str]) -> dict[str, list[str]]:
    """The syntax of each function, class and value that cells define, in order, by its name; code that Python
    cannot read defines nothing."""
    found: dict[str, list[str]] = {}
    for cell in cells:
        try:
            statements = ast.parse(cell).body
        except SyntaxError:
            continue
        for statement in statements:
            for name in _names(statement):
                found.setdefault(name, []).append(ast.dump(statement))
    return found


def _names(statement: ast.stmt) -> list[str]:
    """What a statement defines or changes by an assignment, also in its loops: `f` of def f, `a` of a["b"] = 1."""
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return [statement.name]
    found, assignments = [], (ast.Assign, ast.AugAssign, ast.AnnAssign)
    for node in filter(lambda node: isinstance(node, assignments), ast.walk(statement)):
        targets = list(node.targets if isinstance(node, ast.Assign) else [node.target])
        for target in targets:
            match target:
                case ast.Name():
                    found.append(target.id)
                case ast.Tuple() | ast.List():
                    targets += target.elts
                case _:  # a["b"], a.b, *a
                    targets.append(target.value)
    return found
