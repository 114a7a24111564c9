"""What to know about a pile of images before the first network, and whether a test set is really unseen.

`check_data` refuses what does not fit, `data_report` describes a pile, `audit_split` looks for what crosses its splits.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd


class DataProblem(ValueError):
    """Images, labels or a table that do not fit together; one sentence says what to do."""

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]


# ---------------------------------------------------------------------------- what came in


def check_data(
    images: Any,
    labels: Any = None,
    *,
    classes: int | Sequence[str] | Mapping | None = None,
    what: str = "images",
    channels: str = "last",
    every_class: bool = False,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Images and labels as arrays that fit together; else one sentence that says what to mend.

    Args:
        images: numbers, all finite: (n, rows, columns) in grey, or (n, rows, columns, 1, 3 or 4). An array, a
            list of arrays of one size, or a tensor.
        labels: n whole numbers from 0, as (n,) or (n, 1); booleans count as 0 and 1.
        classes: how many there are, or their names; no label may lie beyond.
        what: how the sentence calls the images, say "validation images".
        channels: "last" as above; "first" for (n, channels, rows, columns), as networks want them.
        every_class: each of `classes` must have an image.

    Returns:
        The images, unchanged, and the labels as int64 (n,), None where none were given. Go on with these.

    Raises:
        DataProblem: a sentence for the learner.

    >>> check_data(np.zeros((2, 28, 28)), [[0], [1]], classes=["normal", "pneumonia"])[1]
    array([0, 1])
    >>> check_data(np.zeros((2, 28, 28)), [0.0, np.nan])
    Traceback (most recent call last):
    utils.audit.DataProblem: 1 of 2 labels of the images missing: leave such images out.
    """
    images = _pixels(images, what, channels)
    if images.dtype.kind == "f":
        with np.errstate(invalid="ignore", over="ignore"):
            total = images.sum(dtype=np.float64)  # one number to look at, no second pile in memory
        if not np.isfinite(total) and not np.isfinite(images).all():
            raise DataProblem(f"Some pixels of the {what} are NaN or infinite: replace them, "
                              "or leave those images out.")  # fmt: skip
    if labels is None:
        return images, None
    labels = _whole_numbers(_one_each(labels, len(images), what), f"labels of the {what}")
    if classes is not None:
        names = _names(classes)
        _within(labels, names, f"Labels of the {what}")
        counts = np.bincount(labels, minlength=len(names))
        absent = [name for name, count in zip(names, counts, strict=True) if not count]
        if every_class and absent:
            raise DataProblem(f"None of the {what} shows {', '.join(absent)}: "
                              "add some, or name fewer classes.")  # fmt: skip
    return images, labels


def _pixels(images: Any, what: str, channels: str = "last") -> np.ndarray:
    """The images as one array of numbers with rows and columns."""
    try:
        images = _array(images)
    except (ValueError, TypeError):
        sentence = f"The {what} are not all of one size: bring them to one size first."
        raise DataProblem(sentence) from None
    if images.dtype.kind in "US":
        raise DataProblem(f"The {what} are text, not an array of numbers: read the files first.")
    if images.dtype.kind not in "uifb":
        raise DataProblem(f"The {what} do not form one array of numbers: bring them to one size, "
                          "and make one array of them.")  # fmt: skip
    shape = images.shape
    if shape[:1] == (0,):
        raise DataProblem(f"There are no {what}: their array has the shape {shape}.")
    wanted = {"first": "(n, channels, rows, columns)",
              "last": "(n, rows, columns) or (n, rows, columns, 1, 3 or 4 channels)"}  # fmt: skip
    fits = len(shape) == 4 and (channels == "first" or shape[3] in (1, 3, 4))
    fits = fits or len(shape) == 3 and channels == "last"
    if not fits or 0 in shape:
        moved = len(shape) == 4 and channels == "last" and shape[1] in (1, 3, 4)
        advice = ": np.moveaxis(images, 1, -1) moves channels to the end" * moved
        sentence = f"The {what} have the shape {shape}, which is not {wanted[channels]}{advice}."
        raise DataProblem(sentence)
    return images


def _array(values: Any) -> np.ndarray:
    """An array of anything, tensors on any device included."""
    return np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)


def _one_each(labels: Any, n: int, what: str) -> np.ndarray:
    """The labels as (n,), from (n,) or (n, 1)."""
    try:
        labels = _array(labels)
    except ValueError:
        sentence = f"The labels of the {what} are lists of several lengths: give one label an image."
        raise DataProblem(sentence) from None
    if labels.shape == (n, 1):
        labels = labels[:, 0]
    if labels.shape != (n,):
        one_hot = ": labels.argmax(axis=1) makes one of a one-hot row"
        advice = one_hot if labels.ndim == 2 and len(labels) == n else ""
        raise DataProblem(f"Each image needs one label: {n} {what} came with labels "
                          f"of the shape {labels.shape}{advice}.")  # fmt: skip
    return labels


def _whole_numbers(labels: np.ndarray, what: str) -> np.ndarray:
    """Labels (n,) as int64 from 0."""
    missing = int(pd.isna(labels).sum())
    if missing:
        raise DataProblem(f"{missing:,} of {len(labels):,} {what} missing: leave such images out.")
    if labels.dtype.kind == "O":
        labels = np.asarray(labels.tolist())
    if labels.dtype.kind == "f":
        odd = labels[labels != np.floor(labels)]
        advice = f"{odd[0]:g} is no class" if len(odd) else "labels.astype(int) makes them so"
        raise DataProblem(f"The {what} are {labels.dtype}, not whole numbers: {advice}.")
    if labels.dtype.kind not in "uib":
        raise DataProblem(f"The {what} are no whole numbers: "
                          "np.unique(labels, return_inverse=True)[1] numbers names.")  # fmt: skip
    labels = labels.astype(np.int64)
    if labels.min() < 0:
        raise DataProblem(f"Some {what} are negative: number the classes 0, 1, 2, … "
                          "and leave unlabelled images out.")  # fmt: skip
    return labels


def _within(labels: np.ndarray, names: list[str], what: str) -> None:
    if labels.max() >= len(names):
        raise DataProblem(f"{what} run from {labels.min()} to {labels.max()}, but there are "
                          f"{len(names)} classes, counted from 0: name them all.")  # fmt: skip


def _names(classes: Any) -> list[str]:
    """Class names from a number, a list or a dictionary such as MedMNIST's {"0": "normal", …}."""
    if isinstance(classes, int | np.integer):
        return [str(number) for number in range(classes)]
    return [str(name) for name in (classes.values() if isinstance(classes, Mapping) else classes)]
