"""What a data set is made of, and where it came from."""
from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd


class DataError(Exception):
    """Data that the lesson needs is missing or broken; one sentence says what to do."""

    def _render_traceback_(self) -> list[str]:
        return [f"DataError: {self}"]


@dataclass(frozen=True)
class Source:
    """Where a data set came from. `str(source)` is one line for people; it holds no absolute path.

    `fingerprint` is the first 12 hexadecimal digits of the SHA-256 of the images and labels in use.
    """

    title: str
    is_real: bool = False
    where: str = ""
    note: str = ""
    fingerprint: str = ""
    citation: str = ""
    licence: str = ""

    def __str__(self) -> str:
        return f"{self.title} from {self.where}, fingerprint {self.fingerprint}. {self.note}".strip()


@dataclass(frozen=True, eq=False)
class Split:
    """One part of a data set: images uint8 (n, h, w[, 3]), labels int64 (n,), table with one row an image."""

    images: np.ndarray = field(repr=False)
    labels: np.ndarray = field(repr=False)
    table: pd.DataFrame = field(repr=False)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def lesions(self) -> np.ndarray:
        """The lesion that each image shows, str (n,). Raises DataError where it is not known."""
        if "lesion_id" not in self.table:
            raise DataError('These images carry no lesion_id: use load("dermamnist", metadata=True).')
        return self.table["lesion_id"].to_numpy(dtype=str)


@dataclass(frozen=True, eq=False)
class Images:
    """A labelled image set in its parts; a label is an index into `classes`. `val` is None where there is none."""

    name: str
    title: str
    classes: tuple[str, ...]
    source: Source
    train: Split = field(repr=False)
    val: Split | None = field(repr=False)
    test: Split = field(repr=False)


@dataclass(frozen=True)
class Series:
    """The files of one DICOM series, by name and so in no order of meaning, and where they came from."""

    paths: list[Path] = field(repr=False)
    source: Source


@dataclass(frozen=True, eq=False)
class Outlines:
    """Pictures uint8 (n, h, w) that several readers outlined, and a table with `patient_id`, `nodule` and `slice`.

    `masks` is bool (n, 4, h, w), an outline a plane, empty where there are fewer. Plane k holds the k-th outline
    of a nodule; it is not a fixed reader.
    """

    images: np.ndarray = field(repr=False)
    masks: np.ndarray = field(repr=False)
    table: pd.DataFrame = field(repr=False)
    source: Source

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True, eq=False)
class Folder:
    """Images from folders: uint8 (n, h, w[, 3]), labels int64 (n,), a table of file, split and class.

    `split` is "all" where the folder is not divided; `skipped` is {file: why it is not among the images}.
    """

    images: np.ndarray = field(repr=False)
    labels: np.ndarray = field(repr=False)
    classes: tuple[str, ...]
    table: pd.DataFrame = field(repr=False)
    skipped: dict[str, str]
    source: Source

    def __len__(self) -> int:
        return len(self.labels)

    def part(self, split: str) -> Split | None:
        """The images of one split, None where there are none."""
        rows = np.flatnonzero(self.table["split"] == split)
        table = self.table.iloc[rows].reset_index(drop=True)
        return Split(self.images[rows], self.labels[rows], table) if len(rows) else None
