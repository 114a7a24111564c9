"""The one door to the data: the same object whatever the source, and the source is always named.

`load(name)` looks in `COURSE_DATA` and in `data/`, then downloads what is public, then asks the virtual clinic
for synthetic data. `COURSE_OFFLINE=1` skips the download. Whatever is wrong with a file, a folder or a server is
said in one sentence (`DataError`, or the source's note); no file that was there before is changed or removed.
"""
from __future__ import annotations

import ast
import functools
import hashlib
import io
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pandas as pd

DATA = Path(__file__).resolve().parent.parent / "data"
HAM10000_URL = "https://dataverse.harvard.edu/api/access/datafile/4338392?format=original"
SPLIT_URL = (
    "https://raw.githubusercontent.com/kakumarabhishek/Corrected-Skin-Image-Datasets/"
    "d15d70dc445c7f5960d8376f89512ea9079c4222/DermaMNIST/DermaMNIST_Analysis/dermamnist_split_info.csv"
)
CONNECT_S, READ_S, TOTAL_S = 5.0, 15.0, 300.0  # time-outs of a download: first answer, any silence, the whole
SPLITS = ("train", "val", "test")
TABLES = {  # file name: (address, columns, rows)
    "dermamnist_split_info.csv": (SPLIT_URL, ["split", "index", "image_id"], 10015),
    "HAM10000_metadata.csv": (
        HAM10000_URL,
        ["lesion_id", "image_id", "dx", "dx_type", "age", "sex", "localization", "dataset"],
        10015,
    ),
}
CLINIC = "the virtual clinic (synthetic)"


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
    is_real: bool
    where: str
    note: str
    fingerprint: str
    citation: str
    licence: str

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
        """The lesion each image shows, str (n,). Raises DataError where lesions are not known."""
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
class _Card:
    title: str
    classes: tuple[str, ...]
    shape: tuple[int, ...]
    citation: str
    licence: str


CARDS = {
    "dermamnist": _Card("DermaMNIST", ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc"), (28, 28, 3),
                        "Tschandl et al. 2018, doi:10.7910/DVN/DBW86T; Yang et al. 2023, MedMNIST v2, Sci Data",
                        "CC BY-NC 4.0"),
    "pneumoniamnist": _Card("PneumoniaMNIST", ("normal", "pneumonia"), (28, 28),
                            "Kermany et al. 2018; Yang et al. 2023, MedMNIST v2, Sci Data", "CC BY 4.0"),
}  # fmt: skip


def load(name: str, *, metadata: bool = False) -> Images:
    """A data set of the course, from the first place that has it; `.source` says which.

    Args:
        name: "dermamnist" or "pneumoniamnist".
        metadata: for DermaMNIST, join each image with HAM10000's table (lesion, diagnosis and how it was made,
            age, sex, site of the body, source). Without it `table` holds `split` and `index` only.

    Raises:
        DataError: a file is there but broken, COURSE_DATA is not a folder, or no data set has this name.
    """
    if name not in CARDS:
        raise DataError(f"No data set is called {name!r}: choose one of {', '.join(CARDS)}.")
    if metadata and name != "dermamnist":
        raise DataError(f"{name} has no metadata: leave metadata=True away.")
    file, where, note = _find(f"{name}.npz", functools.partial(_published, name))
    if file is None:
        return _synthetic(name, metadata, note)
    label = f"{file.name} in {where}" if "folder" in where else file.name
    arrays, note = _read_images(file, label, name)
    table = None
    if metadata:
        try:
            table = _ham10000(arrays, file.parent)
        except DataError as error:
            return _synthetic(name, metadata, f"The real images are here but cannot be used: {error}")
    return _images(name, arrays, table, where, note)


def _images(name: str, arrays: dict[str, np.ndarray], table: pd.DataFrame | None, where: str, note: str) -> Images:
    card, digest = CARDS[name], hashlib.sha256()
    sizes = [len(arrays[f"{split}_labels"]) for split in SPLITS]
    if table is None:
        table = pd.DataFrame({"split": np.repeat(SPLITS, sizes), "index": np.concatenate([*map(np.arange, sizes)])})
    parts = {}
    for split, end, size in zip(SPLITS, np.cumsum(sizes), sizes, strict=True):
        images, labels = arrays[f"{split}_images"], arrays[f"{split}_labels"].reshape(-1).astype(np.int64)
        digest.update(np.ascontiguousarray(images).tobytes() + labels.astype("<i8").tobytes())
        parts[split] = Split(images, labels, table[end - size : end].reset_index(drop=True))
    real = where != CLINIC
    citation = card.citation if real else f"made by this course's virtual clinic in the likeness of {card.title}"
    licence = card.licence if real else "as the course"
    source = Source(card.title, real, where, note, digest.hexdigest()[:12], citation, licence)
    return Images(name, card.title, card.classes, source, **parts)


# ---------------------------------------------------------------------------- files that are there


def _folders() -> Iterator[tuple[Path, str]]:
    """The folders to search, with the names they have for people."""
    given = os.environ.get("COURSE_DATA", "").strip()
    if given:
        folder = Path(given).expanduser()
        if not folder.is_absolute():  # notebooks run in their own folder; people type it in the course's folder
            folder = next((base / folder for base in (DATA.parent, Path.cwd()) if (base / folder).is_dir()), folder)
        if not folder.is_dir():
            raise DataError(f"COURSE_DATA is set to {given!r}, which is not a folder: correct it or unset it.")
        yield folder, "your COURSE_DATA folder"
    yield DATA, "the course's data folder"


def _find(name: str, public: Callable[[], tuple[str, str]]) -> tuple[Path | None, str, str]:
    """(file, where, ""), downloaded if need be; or (None, "", one sentence that says why not)."""
    for folder, where in _folders():
        if os.path.lexists(folder / name):
            return folder / name, where, ""
    searched = "your COURSE_DATA folder and data/ hold" if os.environ.get("COURSE_DATA") else "data/ holds"
    try:
        url, md5 = public()
        _download(url, DATA / name, md5)
    except DataError as error:
        return None, "", f"{searched[0].upper()}{searched[1:]} no {name}, and {error}"
    return DATA / name, f"downloaded from {urlsplit(url).hostname}", ""


def _read_npz(file: Path, label: str) -> tuple[dict[str, np.ndarray], bytes]:
    """All arrays of an .npz, and the file's bytes. Never unpickles; anything unreadable is a DataError."""
    advice = "move it away, and the course fetches or makes another"
    if file.is_dir() or (file.exists() and not file.is_file()):
        raise DataError(f"{label} is not a file: {advice}.")
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise DataError(f"{label} cannot be read ({error.strerror}): check its permissions or {advice}.") from None
    try:
        with np.load(io.BytesIO(raw), allow_pickle=False) as store:
            return {key: store[key] for key in store.files}, raw
    except Exception:  # damaged bytes make NumPy and zipfile raise nearly anything
        raise DataError(f"{label} is not a whole .npz file: {advice}.") from None


def _read_images(file: Path, label: str, name: str) -> tuple[dict[str, np.ndarray], str]:
    arrays, raw = _read_npz(file, label)
    note = ""
    if hashlib.md5(raw, usedforsecurity=False).hexdigest() != _published(name)[1]:
        note = "Its checksum is not the published one, so results are comparable with published ones, not identical."
    return arrays, note


# ---------------------------------------------------------------------------- HAM10000's table


def _read_table(raw: bytes, name: str) -> pd.DataFrame:
    columns, rows = TABLES[name][1:]
    try:
        text = raw.decode("utf-8-sig")
        table = pd.read_csv(io.StringIO(text), sep="\t" if "\t" in text[:200] else ",", dtype=str,
                            keep_default_na=False, na_values=[""])  # fmt: skip
    except Exception:
        raise DataError(f"{name} is not a table.") from None
    missing = [column for column in columns if column not in table]
    if missing:
        raise DataError(f"{name} lacks the column {missing[0]}.")
    for number in {"index", "age"} & set(table):
        table[number] = pd.to_numeric(table[number], errors="coerce")
    return table[columns]


def _ham10000(arrays: dict[str, np.ndarray], folder: Path) -> pd.DataFrame:
    """HAM10000's metadata for each image, in the order train, val, test; every label must agree with `dx`."""
    tables = {}
    for name, (url, _, _) in TABLES.items():
        places = [folder, *(place for place, _ in _folders())]
        file = next((place / name for place in places if (place / name).is_file()), DATA / name)
        if not file.exists():
            _download(url, file, None)
        tables[name] = _read_table(file.read_bytes(), name)
    split_info, metadata = tables.values()
    sizes = [len(arrays[f"{split}_labels"]) for split in SPLITS]
    rows = pd.DataFrame({"split": np.repeat(SPLITS, sizes), "index": np.concatenate([*map(np.arange, sizes)])})
    table = rows.merge(split_info, "left", on=["split", "index"]).merge(metadata, "left", on="image_id")
    labels = np.concatenate([arrays[f"{split}_labels"].reshape(-1) for split in SPLITS])
    wrong = len(table) - len(rows) or (table["dx"] != np.array(CARDS["dermamnist"].classes)[labels]).sum()
    if wrong:
        raise DataError(f"the two tables do not belong to them ({wrong:,} of {len(rows):,} labels differ).")
    return table


# ---------------------------------------------------------------------------- download


@functools.cache
def _published(name: str) -> tuple[str, str]:
    """Address and MD5 of a MedMNIST file, as the medmnist package states them."""
    import importlib.util

    package = importlib.util.find_spec("medmnist")  # its info.py alone: the package would import torch
    if package is None:
        raise DataError("the medmnist package, which knows the address, is not installed.")
    text = (Path(package.submodule_search_locations[0]) / "info.py").read_text(encoding="utf-8")
    info = next(ast.literal_eval(node.value) for node in ast.parse(text).body
                if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "INFO")  # fmt: skip
    return info[name]["url"], info[name]["MD5"]


def _download(url: str, target: Path, md5: str | None) -> None:
    raise DataError("COURSE_OFFLINE forbids the download.")


# ---------------------------------------------------------------------------- the virtual clinic


def _synthetic(name: str, metadata: bool, note: str) -> Images:
    from utils.clinic import skin

    made = skin.generate()
    return _images(name, made, made["table"] if metadata else None, CLINIC, note)
