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
    """Where a lesson's evidence stands: episodes/<episode>/evidence/<lesson>.<suffix>.

    Raises EvidenceError when no episode has such a lesson.
    """
    found = list(EPISODES.glob(f"*/{lesson}.ipynb"))
    if not found:
        raise EvidenceError(f"No lesson is called {lesson}; use a notebook's name from episodes/.")
    return found[0].parent / "evidence" / f"{lesson}.{suffix}"


def read(file: Path) -> pd.DataFrame:
    """One evidence file, whole."""
    return pd.read_csv(file, dtype={"data": str, "code": str}, keep_default_na=False, na_values=[""])


def table(lesson: str, source: Any = None) -> pd.DataFrame:
    """All runs of a lesson's experiment, one row a run.

    Args:
        lesson: the notebook's name without its ending.
        source: a `datasets.Source`; keeps only runs on that kind of data (real or synthetic).

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
        kind = "real" if source.is_real else "synthetic"
        runs = runs[runs["source"] == kind].reset_index(drop=True)
        if runs.empty:
            raise EvidenceError(f"{file.name} holds no run on {kind} data: run `make evidence NB={lesson}`.")
    return runs


def predictions(lesson: str, source: Any, split: str = "val") -> dict[str, np.ndarray]:
    """Per-image predictions kept by a lesson's experiment.

    Returns:
        {variant: array (seeds, images, ...)} for one split and one kind of data, seeds in ascending order.

    Raises:
        EvidenceError: the lesson keeps no predictions for this split and kind of data.
    """
    file = path(lesson, "npz")
    kind = "real" if source.is_real else "synthetic"
    if not file.exists():
        raise EvidenceError(f"{lesson} keeps no predictions: run `make evidence NB={lesson}`.")
    with np.load(file, allow_pickle=False) as store:
        found = {k.split("|")[1]: store[k] for k in store.files if k.split("|")[::2] == [kind, split]}
    if not found:
        raise EvidenceError(f"{file.name} holds no predictions for {split} on {kind} data.")
    return found
