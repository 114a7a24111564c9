"""Reads the evidence that `make evidence` wrote beside a lesson: one CSV row a run, predictions as .npz."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

EPISODES = Path(__file__).resolve().parent.parent / "episodes"
KEYS = ["variant", "seed", "source", "data", "device", "seconds", "code"]  # every file; the rest are metrics


class EvidenceError(Exception):
    """The evidence of a lesson is missing; says which command makes it."""

    def _render_traceback_(self) -> list[str]:
        return [f"EvidenceError: {self}"]


def path(lesson: str, suffix: str = "csv") -> Path:
    """Where the evidence of a lesson, or of a script beside it, stands: episodes/<episode>/evidence/<lesson>.<suffix>.

    Raises EvidenceError when no episode has such a lesson or script.
    """
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
        DataFrame with `variant, seed, source, data, device, seconds, code` and the metrics.

    Raises:
        EvidenceError: there is no evidence, or none for this kind of data.
    """
    file = path(lesson)
    if not file.exists():
        raise EvidenceError(f"The evidence for {lesson} is missing: run `make evidence NB={lesson}`.")
    runs = read(file)
    if source is not None:
        runs = runs[runs["source"] == _kind(source)].reset_index(drop=True)
        if runs.empty:
            raise EvidenceError(f"{file.name} holds no run on {_kind(source)} data: run `make evidence NB={lesson}`.")
    return runs


def predictions(lesson: str, source: Any = None, split: str = "val") -> dict[str, np.ndarray]:
    """Per-image predictions kept by a lesson's experiment.

    Args:
        source: a `datasets.Source`, or "real" or "synthetic"; None for an experiment that loads no data set.

    Returns:
        {variant: array (seeds, images, ...)} for one split and one kind of data, seeds in ascending order.

    Raises:
        EvidenceError: the lesson keeps no predictions for this split and kind of data.
    """
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
