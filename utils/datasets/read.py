"""One reader a format, for files of unknown origin: whoever wrote them, the same checks and the same sentences."""
from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
import pandas as pd

from utils.datasets import types
from utils.datasets.types import ADVICE, PARTS, DataError, Images, Place

MOST_BYTES = 2**31  # in memory, of one file or folder
NUMBERS = ("index", "age")  # columns of tables that are numbers, the others are text


# ---------------------------------------------------------------------------- bytes, arrays, tables


def read_bytes(file: Path, label: str) -> bytes:
    """The bytes of a file that `label` names for people. Raises DataError."""
    try:
        if file.exists() and not file.is_file():  # a folder, or a pipe that never ends
            raise DataError(f"{label} is not a file: {ADVICE}.")
        if file.stat().st_size > MOST_BYTES // 4:
            raise DataError(f"{label} is far larger than the version that the course reads: {ADVICE}.")
        return file.read_bytes()
    except OSError as error:
        raise DataError(f"{label} cannot be read ({error.strerror}): repair that, or {ADVICE}.") from None


def arrays(place: Place, *keys: str) -> dict[str, np.ndarray]:
    """All arrays of an .npz, which must hold `keys`. A pickle in it is never opened. Raises DataError."""
    label = place.label(place.paths[0])
    raw = read_bytes(place.paths[0], label)
    try:
        with np.load(io.BytesIO(raw), allow_pickle=False) as store:
            if sum(item.file_size for item in store.zip.infolist()) > MOST_BYTES:
                raise ValueError("a zip bomb")
            found = {key: store[key] for key in store.files}
    except Exception as error:  # damaged bytes make NumPy and zipfile raise nearly anything
        pickled = "pickle" in str(error)
        what = "holds pickled objects, which could run code" if pickled else "is not a whole .npz file"
        raise DataError(f"{label} {what}: {ADVICE}.") from None
    for key in keys:
        if key not in found:
            raise DataError(f"{label} lacks the array {key}: {ADVICE}.")
    return found


def read_table(file: Path, label: str, columns: list[str]) -> pd.DataFrame:
    """Columns of a comma- or tab-separated table, as text; empty cells are missing. Raises DataError."""
    text = read_bytes(file, label).decode("utf-8-sig", "replace")
    mark = "\t" if "\t" in text.split("\n", 1)[0] else ","
    try:
        rows = pd.read_csv(io.StringIO(text), sep=mark, dtype=str, keep_default_na=False, na_values=[""])
        return rows[columns]
    except Exception:  # of pandas: no table, or none with these columns
        raise DataError(f"{label} is not a table with the columns {', '.join(columns)}: {ADVICE}.") from None


def table(place: Place) -> pd.DataFrame:
    """The columns of the record, as text but for `NUMBERS`. Raises DataError."""
    file = place.paths[0]
    rows = read_table(file, place.label(file), list(place.card.columns))
    numbers = [column for column in NUMBERS if column in rows]
    return rows.assign(**{column: pd.to_numeric(rows[column], errors="coerce") for column in numbers})


def medmnist(place: Place) -> Images:
    """The images of an .npz file as MedMNIST lays it out: `{train,val,test}_{images,labels}`.

    Raises:
        DataError: not such a file; other shapes, types or labels than the record says.
    """
    file, card = place.paths[0], place.card
    found, parts = arrays(place, *(f"{part}_{what}" for part in PARTS for what in ("images", "labels"))), {}
    for part in PARTS:
        images, labels = found[f"{part}_images"], found[f"{part}_labels"]
        wrong = _wrong(part, images, labels, place)
        if wrong:
            which = f"{card.title} at {card.shape[0]} pixels"
            raise DataError(f"{place.label(file)} is not {which} ({wrong}): {ADVICE}.")
        rows = pd.DataFrame({"split": part, "index": range(len(labels))})
        parts[part] = types.Split(images, labels.reshape(-1).astype(np.int64), rows)
    counts, note = tuple(len(split) for split in parts.values()), ""
    if not place.made and counts != card.counts:
        note = f"It holds {counts} images, not the published {card.counts}: results will not compare."
    elif not place.made and hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest() != card.md5:
        note = "Its checksum is not the published one: results can be compared with published ones, not equated."
    content = [array for split in parts.values() for array in (split.images, split.labels)]
    source = place.source(*content, note=note)
    return Images(card.name, card.title, card.classes, source, **parts)


def _wrong(part: str, images: np.ndarray, labels: np.ndarray, place: Place) -> str:
    """What contradicts the record in one part, "" if nothing does."""
    shape, n_classes = place.card.shape, len(place.card.classes)
    if images.dtype != np.uint8 or images.shape[1:] != shape or not len(images):
        return f"{part}_images is {images.dtype} {images.shape}"
    if labels.dtype.kind not in "iu" or labels.shape not in ((len(images),), (len(images), 1)):
        return f"{part}_labels is {labels.dtype} {labels.shape}"
    if labels.min() < 0 or labels.max() >= n_classes:
        return f"{part}_labels runs from {labels.min()} to {labels.max()}"
    return ""


# ---------------------------------------------------------------------------- DICOM


def dicom_series(place: Place) -> types.Series:
    """The DICOM files that were found. Raises DataError where the folder holds none."""
    if place.paths[0].is_dir():
        label = place.label(place.paths[0])
        raise DataError(f"{label} holds no .dcm files: put them there, or {ADVICE}.")
    content = [read_bytes(path, path.name) for path in place.paths]
    return types.Series(place.paths, place.source(*content))
