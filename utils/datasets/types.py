"""What a data set is made of: its record, the place where it lies, and the objects that readers return."""
from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

PARTS = ("train", "val", "test")
ADVICE = "move it away, and the course fetches or makes another"


class DataError(Exception):
    """Data that the lesson needs is missing or broken; one sentence says what to do."""

    def _render_traceback_(self) -> list[str]:
        return [f"DataError: {self}"]


@dataclass(frozen=True)
class Source:
    """Where a data set came from. `str(source)` is one line for people; it holds no absolute path.

    `fingerprint` is the first 12 hexadecimal digits of the SHA-256 of the images and labels in use, `table` that of
    the table that was joined to them.
    """

    title: str
    is_real: bool = False
    where: str = ""
    note: str = ""
    fingerprint: str = ""
    citation: str = ""
    licence: str = ""
    table: str = ""

    def __str__(self) -> str:
        table = f", table {self.table}" if self.table else ""
        return f"{self.title} from {self.where}, fingerprint {self.fingerprint}{table}. {self.note}".strip()


@dataclass(frozen=True, repr=False)
class Card:
    """The record of a data set. Its `repr` is the record.

    `files` are names or patterns below a data folder, the first that is there wins; `url` and `md5` tell
    where the first can be fetched and what it must be; `writer` names what the clinic writes in its place
    ("": nothing). `reader(place, **options)` reads the files, whoever wrote them. `shape` is that of one
    image in pixels, `counts` the published numbers of images (train, val, test), films, cases or rows.
    """

    name: str
    title: str
    files: tuple[str, ...]
    reader: Callable[..., Any]
    citation: str
    licence: str
    url: str = ""
    md5: str = ""
    writer: str = ""
    classes: tuple[str, ...] = ()
    shape: tuple[int, ...] = ()
    counts: tuple[int, ...] = ()
    columns: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    advice: str = "data/README.md says how to get it"

    def __repr__(self) -> str:
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        values["reader"] = self.reader.__name__
        return "\n".join(f"{name:9}{value}" for name, value in values.items() if value)


@dataclass(frozen=True)
class Place:
    """Where a set lies: the files that were found, in the data folder `base`, and their names for people.

    `made` is the hash of the clinic's code where the clinic made the files, "" where they are real.
    """

    card: Card
    base: Path
    holder: str
    paths: list[Path]
    where: str
    note: str = ""
    made: str = ""

    @property
    def root(self) -> Path:
        """The folder that holds what was found, or that was found."""
        return self.paths[0] if self.paths[0].is_dir() else self.paths[0].parent

    def label(self, path: Path) -> str:
        """What to call a file or folder in a sentence."""
        inside = path.relative_to(self.base).as_posix()
        return self.holder if inside == "." else f"{inside} in {self.holder}"

    def source(self, *content: np.ndarray | bytes, note: str = "") -> Source:
        """The source of what was read here, with the fingerprint of its content."""
        card, note = self.card, f"{self.note} {note.strip()}".strip()
        rights = card.citation, card.licence
        if self.made:
            rights = f"made by this course, after {card.title}", "as the course"
        return Source(card.title, not self.made, self.where, note, fingerprint(*content), *rights)


def fingerprint(*content: np.ndarray | bytes) -> str:
    """The first 12 hexadecimal digits of the SHA-256 of arrays and bytes; no file format is in it."""
    sha = hashlib.sha256()
    for item in content:
        sha.update(item if isinstance(item, bytes) else np.ascontiguousarray(item).data)
    return sha.hexdigest()[:12]


def own_source(title: str, kind: str, mark: str, note: str = "") -> Source:
    """The source of a file or folder of the learner's own."""
    return Source(title, True, f"your own {kind}", note, mark, "not stated", "not stated")


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
        if (missing := int(self.table["lesion_id"].isna().sum())):
            raise DataError(f"{missing:,} images show an unknown lesion: leave them out, or number them one by one.")
        return self.table["lesion_id"].to_numpy(dtype=str)


@dataclass(frozen=True, eq=False)
class Images:
    """A labelled image set in its parts; a label is an index into `classes`. `val` may be None."""

    name: str
    title: str
    classes: tuple[str, ...]
    source: Source
    train: Split = field(repr=False)
    val: Split | None = field(repr=False)
    test: Split = field(repr=False)

    def with_table(self, table: pd.DataFrame) -> Images:
        """The same images with another table, its rows in the order train, val, test."""
        parts, first = {}, 0
        for part in PARTS:
            split = getattr(self, part)
            rows = table[first : first + len(split)].reset_index(drop=True)
            parts[part], first = replace(split, table=rows), first + len(split)
        mark = fingerprint(table.to_csv(index=False).encode())
        return replace(self, source=replace(self.source, table=mark), **parts)


@dataclass(frozen=True)
class Series:
    """The files of one DICOM series, by name and so in no order of meaning, and where they came from."""

    paths: list[Path] = field(repr=False)
    source: Source


@dataclass(frozen=True, eq=False)
class Scan:
    """A volume from a NIfTI file.

    `array` (i, j, k) as stored, and rescaled to float32 where the header says so; `spacing` in mm along its
    axes; `affine` 4×4 maps the index (i, j, k, 1) of a voxel's centre to mm in RAS, as NIfTI has it. DICOM's
    LPS is the same with the first two rows negated.
    """

    array: np.ndarray = field(repr=False)
    spacing: tuple[float, float, float]
    affine: np.ndarray
    source: Source


@dataclass(frozen=True, eq=False)
class Outlines:
    """Pictures uint8 (n, h, w) that several readers outlined; a table of `patient_id`, `nodule`, `slice`.

    `masks` is bool (n, 4, h, w), an outline a plane, empty where there are fewer. Plane k holds the k-th
    outline of a nodule; it is not a fixed reader.
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
        if not len(rows):
            return None
        return Split(self.images[rows], self.labels[rows], self.table.iloc[rows].reset_index(drop=True))
