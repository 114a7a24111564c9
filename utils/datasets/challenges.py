"""Two archives as their challenges hand them out: RSNA's films with boxes, COVID-19-20's CT with lesion masks.

What contradicts itself is refused, and what is missing is left out and named.
"""
from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from utils.datasets import read
from utils.datasets.types import ADVICE, DataError, Place, Scan, Source
from utils.datasets.volumes import nifti

FILMS, LABELS = "stage_2_train_images", "stage_2_train_labels.csv"
CLASSES, MAPPING = "stage_2_detailed_class_info.csv", "pneumonia-challenge-dataset-mappings_2018.json"
BOX, OPACITY = ["x", "y", "width", "height"], "Lung Opacity"
ROUNDING = 1  # pixel by which a box may reach out of its picture
DECATHLON = ("imagesTr", "labelsTr")
LOOKED_INTO = 8  # files of the clinic's, for the fingerprint
APART = 0.1  # of the smallest spacing, that a mask may lie beside its CT: far below a voxel


@dataclass(frozen=True, eq=False)
class Films:
    """Chest films and boxes in the layout of RSNA's pneumonia challenge.

    `films` has one row a film: `film` (RSNA's patientId, which is a film and not a person), `path` (relative to
    `root`), `target` (1 where there are boxes), `class`, `n_boxes`, and `patient` where the published mapping is
    there. `boxes` has one row a box: `film, x, y, width, height` in pixels, x and y of the upper left corner.
    `skipped` is {film: why it is not in the table}.
    """

    films: pd.DataFrame = field(repr=False)
    boxes: pd.DataFrame = field(repr=False)
    skipped: dict[str, str] = field(repr=False)
    root: Path = field(repr=False)
    source: Source

    def __len__(self) -> int:
        return len(self.films)

    @cached_property
    def _paths(self) -> dict[str, str]:
        return dict(zip(self.films["film"], self.films["path"], strict=True))

    @cached_property
    def _boxes(self) -> dict[str, np.ndarray]:
        return {film: rows[BOX].to_numpy(float) for film, rows in self.boxes.groupby("film")}

    def read(self, film: str) -> tuple[np.ndarray, np.ndarray]:
        """Stored values of a film, unsigned (rows, columns), dense is bright, and its boxes float (n, 4): `BOX`.

        Raises:
            DataError: no such film; not a whole DICOM file of one grey picture; the header names another film;
                a box reaches out of the picture by more than a pixel.
        """
        pixels, _, boxes = self._read(film)
        return pixels, boxes

    def resized(self, side: int = 128) -> tuple[np.ndarray, list[np.ndarray]]:
        """All films in the order of the table, averaged to `side` × `side` pixels, and the boxes resized with them.

        Stored values are scaled so that the brightest that a film's bits can hold is 255. A film that is not square
        is squeezed.

        Returns:
            uint8 (films, side, side), and a list of float (n, 4) boxes, `BOX` in pixels of the small film.

        Raises:
            DataError: what `read` refuses; side is no whole number from 1.
        """
        import torch
        from tqdm import tqdm

        if not isinstance(side, int) or side < 1:
            raise DataError("side is a whole number of pixels from 1.")
        pictures, all_boxes = np.empty((len(self), side, side), np.uint8), []
        bar = tqdm(self.films["film"], desc="films", delay=3, leave=False, file=sys.stdout)
        for picture, film in zip(pictures, bar, strict=True):
            pixels, brightest, boxes = self._read(film)
            scaled = torch.from_numpy(pixels.astype(np.float32) * (255 / brightest))
            picture[:] = torch.nn.functional.adaptive_avg_pool2d(scaled[None], side)[0].round().numpy()
            rows, columns = pixels.shape
            all_boxes.append(boxes * side / [columns, rows, columns, rows])
        return pictures, all_boxes

    def _read(self, film: str) -> tuple[np.ndarray, int, np.ndarray]:
        """A film as `read` gives it, and the brightest value that its bits can hold."""
        from utils import dicom

        if film not in self._paths:
            raise DataError(f"There is no film {film!r} here: take one from the column film of .films.")
        file = self.root / self._paths[film]
        try:
            data = dicom.read(file)
            pixels, named = dicom.stored_values(data), str(data.get("PatientID") or film)
            inverted = data.get("PhotometricInterpretation") == "MONOCHROME1"
            brightest = (1 << int(data.BitsStored)) - 1
        except dicom.DicomError as error:
            raise DataError(f"{str(error).rstrip('.')}; {ADVICE}.") from None
        if pixels.ndim != 2 or pixels.dtype.kind != "u":
            found = f"{pixels.dtype} {pixels.shape}"
            raise DataError(f"{file.name} is not one grey picture of unsigned values ({found}).")
        if named != film:
            raise DataError(f"{file.name} says in its header that it is the film {named}: {ADVICE}.")
        boxes, (rows, columns) = self._boxes.get(film, np.empty((0, 4))), pixels.shape
        if (boxes[:, :2] + boxes[:, 2:] > [columns + ROUNDING, rows + ROUNDING]).any():
            raise DataError(f"A box of the film {film} reaches out of its picture of {columns} × {rows} "
                            f"pixels: films that were resized need resized boxes; {ADVICE}.")  # fmt: skip
        return (pixels.dtype.type(brightest) - pixels if inverted else pixels), brightest, boxes


@dataclass(frozen=True, eq=False)
class Cases:
    """Volumes and masks in the layout of COVID-19-20 (CT and lesions) or of the Medical Segmentation Decathlon.

    `cases` has one row a case: `case`, `ct` (MR in task 4) and `mask`, files relative to `root`; `mask` is None where
    there is none. `skipped` is {file: why it is not in the table}. A mask holds indices of `classes`.
    """

    cases: pd.DataFrame = field(repr=False)
    skipped: dict[str, str] = field(repr=False)
    root: Path = field(repr=False)
    source: Source
    classes: tuple[str, ...] = ("background", "lesion")

    def __len__(self) -> int:
        return len(self.cases)

    def read(self, case: str) -> tuple[Scan, np.ndarray | None]:
        """The volume (CT in HU) as a `Scan`, its mask uint8 of the same shape; None where it has no mask.

        Raises:
            DataError: no such case; a file that `datasets.nifti` refuses; a mask of another shape, in another
                place, or with values that are no index of `classes`.
        """
        rows = self.cases[self.cases["case"] == case]
        if len(rows) != 1:
            raise DataError(f"There is no case {case!r} here: take one from the column case of .cases.")
        row = rows.iloc[0]
        scan = replace(nifti(self.root / row["ct"]), source=self.source)
        if row["mask"] is None:
            return scan, None
        mask = nifti(self.root / row["mask"])
        shapes = mask.array.shape, scan.array.shape
        if shapes[0] != shapes[1]:
            raise DataError(f"{row['mask']} has the shape {shapes[0]} and its CT {shapes[1]}: {ADVICE}.")
        ends = [[0, n - 1] for n in scan.array.shape]
        corners = np.stack(np.meshgrid(*ends, [1], indexing="ij"), -1).reshape(-1, 4)
        apart = np.linalg.norm(corners @ (scan.affine - mask.affine).T, axis=1).max()
        if apart > APART * min(scan.spacing):
            raise DataError(f"{row['mask']} lies up to {apart:.1f} mm from where its CT lies: their affines "
                            "differ, so make both anew from one source.")  # fmt: skip
        if not np.isin(mask.array, range(len(self.classes))).all():
            said = "0 and 1, so it is not a lesion mask" if len(self.classes) == 2 else f"0 to {len(self.classes) - 1}"
            raise DataError(f"{row['mask']} holds values other than {said}: {ADVICE}.")
        return scan, mask.array.astype(np.uint8)


def _source(place: Place, note: str, whole: bool, paths: list[str], *tables: pd.DataFrame) -> Source:
    """The source of an archive. To hash gigabytes takes too long: the fingerprint is of the tables and, if real, the
    sizes of the files. The clinic's are compressed otherwise on other machines: of those, the means of a few."""
    published = place.card.counts[0]
    if whole and not place.made and len(tables[0]) != published:
        note += f" It holds {len(tables[0]):,}, not the published {published:,}: results will not compare."
    files = [place.root / path for path in paths]
    few = files[:: max(1, len(files) // LOOKED_INTO)]
    sizes = [f"{_mean(file):.1f}" for file in few] if place.made else [str(file.stat().st_size) for file in files]
    content = "".join([*(table.to_csv(index=False) for table in tables), " ".join(sizes)])
    return place.source(content.encode(), note=note)


def _mean(file: Path) -> float:
    """The mean of what a file stores: of a film its stored values, of a volume what is in it."""
    from utils import dicom

    return float((dicom.stored_values(dicom.read(file)) if file.suffix == ".dcm" else nifti(file).array).mean())


# ---------------------------------------------------------------------------- RSNA


def rsna(place: Place, limit: int | None = None) -> Films:
    """The films of a folder in RSNA's layout; `limit` keeps the first ones only, in the order of their names.

    Raises:
        DataError: a table is missing, damaged or contradicts itself or the other one, or there is no film.
    """
    _check_limit(limit)
    root, label = place.root, place.label(place.root)
    rows, repeated = _labels(root, label)
    films = _targets_and_classes(root, label, rows)
    files = [file for file in (root / FILMS).glob("*.dcm") if file.name[0] != "."]
    paths = {file.stem: f"{FILMS}/{file.name}" for file in files}
    skipped = dict.fromkeys(sorted(set(films["film"]) - set(paths)), "its file is missing")
    unknown = dict.fromkeys(sorted(set(paths) - set(films["film"])), f"no row in {LABELS}")
    note = _sentence(skipped, "film", "a row but no file") + repeated
    note += _sentence(unknown, "film", "a file but no row")
    films = films[films["film"].isin(paths)].sort_values("film", ignore_index=True)
    if films.empty:
        raise DataError(f"{label} holds no film that {LABELS} knows: put the folder {FILMS} there, or {ADVICE}.")
    films.insert(1, "path", films["film"].map(paths))
    note += _few(len(films), limit, "films")
    films = films.head(limit) if limit else films
    boxes = rows.loc[(rows["target"] == 1) & rows["film"].isin(films["film"]), ["film", *BOX]]
    boxes = boxes.sort_values("film", kind="stable", ignore_index=True)
    counts = films["film"].map(boxes["film"].value_counts())
    films = films.assign(n_boxes=counts.fillna(0).astype(int))
    people = _people(root, label)
    if people is None:
        note += f" Without {MAPPING} nobody knows which films show one person."
    else:
        films = films.merge(people, "left", on="film", validate="one_to_one")
        nobody = films.loc[films["patient"].isna(), "film"]
        if len(nobody):
            raise DataError(f"{MAPPING} in {label} does not know {_names(nobody)}: fetch it again, or move it "
                            "away and do without patients.")  # fmt: skip
    source = _source(place, note, limit is None, list(films["path"]), films, boxes)
    return Films(films, boxes, skipped | unknown, root, source)


def _labels(root: Path, label: str) -> tuple[pd.DataFrame, str]:
    """Film, box and target of each row, checked, repeated rows dropped; and what there is to say about that."""
    text = _table(root, LABELS, ["patientId", *BOX, "Target"], label)
    numbers = {column: pd.to_numeric(text[column], errors="coerce") for column in [*BOX, "Target"]}
    rows = text.assign(**numbers)
    boxes, empty = rows[BOX].to_numpy(float), text[BOX].isna().all(axis=1).to_numpy()
    with np.errstate(invalid="ignore"):
        inside = (boxes[:, :2] >= 0).all(1) & (boxes[:, 2:] > 0).all(1)
    sound = np.isfinite(boxes).all(1) & inside
    wrong = ~np.where(rows["Target"] == 1, sound, (rows["Target"] == 0) & empty)
    if wrong.any():
        raise DataError(f"{LABELS} in {label} is wrong about {_names(rows.loc[wrong, 'film'])}, for Target 1 "
                        f"needs a box inside the picture and Target 0 needs none: {ADVICE}.")  # fmt: skip
    rows = rows.rename(columns={"Target": "target"}).astype({"target": int})
    kept = rows.drop_duplicates(ignore_index=True)
    more = len(rows) - len(kept)
    return kept, f" {_count(more, 'row')} of {LABELS} stood there twice and counted once." if more else ""


def _targets_and_classes(root: Path, label: str, rows: pd.DataFrame) -> pd.DataFrame:
    """One row a film: `film`, `target`, `class`; refused where the two tables contradict each other."""
    one = _one_each(rows[["film", "target"]], LABELS, label)
    classes = _one_each(_table(root, CLASSES, ["patientId", "class"], label), CLASSES, label)
    films = one.merge(classes, "left", on="film", validate="one_to_one")
    bare = films.loc[films["class"].isna(), "film"]
    if len(bare):
        raise DataError(f"{CLASSES} in {label} has no class for {_names(bare)}, which {LABELS} knows: {ADVICE}.")
    wrong = films.loc[(films["class"] == OPACITY) != (films["target"] == 1), "film"]
    if len(wrong):
        raise DataError(f"{LABELS} and {CLASSES} in {label} contradict each other on {_names(wrong)}: {ADVICE}.")
    return films


def _table(root: Path, name: str, columns: list[str], label: str) -> pd.DataFrame:
    """A table as text, its patientId called `film`, because that is what it is."""
    if not (root / name).is_file():
        raise DataError(f"{label} lacks {name}: unzip the whole archive there, or {ADVICE}.")
    shown = f"{name} in {label}"
    rows = read.read_table(root / name, shown, columns)
    if rows["patientId"].isna().any():
        raise DataError(f"{shown} has rows without a patientId: {ADVICE}.")
    return rows.rename(columns={"patientId": "film"})


def _one_each(rows: pd.DataFrame, name: str, label: str) -> pd.DataFrame:
    """One row a film from a table that has one a box; refused where the rows of a film disagree."""
    rows = rows.drop_duplicates(ignore_index=True)
    twice = rows.loc[rows["film"].duplicated(), "film"].unique()
    if len(twice):
        raise DataError(f"{name} in {label} contradicts itself on {_names(twice)}: {ADVICE}.")
    return rows


def _people(root: Path, label: str) -> pd.DataFrame | None:
    """Film and patient (NIH's number, as text) from RSNA's mapping of films to NIH's; None where it is missing."""
    if not (root / MAPPING).is_file():
        return None
    raw = read.read_bytes(root / MAPPING, f"{MAPPING} in {label}")
    try:
        pairs = [(str(entry["subset_img_id"]), str(entry["img_id"]).split("_")[0]) for entry in json.loads(raw)]
    except Exception:  # damaged JSON, or JSON of something else
        raise DataError(f"{MAPPING} in {label} is not RSNA's mapping of films to patients: fetch it again, or "
                        "move it away and do without patients.") from None  # fmt: skip
    return _one_each(pd.DataFrame(pairs, columns=["film", "patient"], dtype=str), MAPPING, label)


# ---------------------------------------------------------------------------- COVID-19-20


def covid19(place: Place, limit: int | None = None) -> Cases:
    """The cases of a folder in COVID-19-20's layout; `limit` keeps the first ones, in the order of their names.

    Raises:
        DataError: there is no CT.
    """
    _check_limit(limit)
    root, label = place.root, place.label(place.root)
    found, masks = _by_case(root, "ct"), _by_case(root, "seg")
    if not found:
        raise DataError(f"{label} holds no file that ends in _ct.nii.gz: unzip the challenge there, or {ADVICE}.")
    cases = pd.DataFrame({"case": list(found), "ct": list(found.values())})
    cases["mask"] = pd.Series([masks.get(name) for name in found], dtype=object)
    skipped = {file: "its CT is missing" for name, file in masks.items() if name not in found}
    note = _sentence(skipped, "mask", "no CT") + _few(len(cases), limit, "cases")
    cases = cases.head(limit) if limit else cases
    bare = cases.loc[cases["mask"].isna(), "case"]
    note += f" {_count(len(bare), 'case')} came without a mask ({_names(bare)})." if len(bare) else ""
    source = _source(place, note, limit is None, [*cases["ct"], *cases["mask"].dropna()], cases)
    return Cases(cases, skipped, root, source)


def decathlon(place: Place, limit: int | None = None) -> Cases:
    """The cases of a task of the Medical Segmentation Decathlon: imagesTr/NAME.nii.gz with labelsTr/NAME.nii.gz.

    Raises:
        DataError: there is no volume with labels.
    """
    _check_limit(limit)
    root = place.root
    names = {part: {f.name for f in root.glob(f"{part}/*.nii.gz") if f.name[0] != "."} for part in DECATHLON}
    both = sorted(set.intersection(*names.values()))
    if not both:
        raise DataError(f"{place.label(root)} holds no {' with '.join(DECATHLON)}: unpack the archive again.")
    rows = [(name.removesuffix(".nii.gz"), *(f"{part}/{name}" for part in DECATHLON)) for name in both]
    alone = {part: dict.fromkeys((f"{part}/{n}" for n in sorted(names[part] - set(both))), why)
             for part, why in zip(DECATHLON, ("its labels are missing", "its volume is missing"), strict=True)}
    note = "".join(_sentence(files, "file", next(iter(files.values()), "")) for files in alone.values())
    cases = pd.DataFrame(rows, columns=["case", "ct", "mask"]).astype({"mask": object})
    note += _few(len(cases), limit, "cases")
    cases = cases.head(limit) if limit else cases
    source = _source(place, note, limit is None, [*cases["ct"], *cases["mask"]], cases)
    return Cases(cases, alone["imagesTr"] | alone["labelsTr"], root, source, place.card.classes)


def _by_case(root: Path, kind: str) -> dict[str, str]:
    """{case: file}, by name."""
    names = sorted(path.name for path in root.glob(f"*_{kind}.nii.gz") if path.name[0] != ".")
    return {name.removesuffix(f"_{kind}.nii.gz"): name for name in names}


def _check_limit(limit: int | None) -> None:
    if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 1):
        raise DataError("limit is None or a whole number from 1.")


def _few(there: int, limit: int | None, what: str) -> str:
    return f" These are the first {limit:,} of {there:,} {what}." if limit and limit < there else ""


def _names(names: Any) -> str:
    names = list(map(str, names))
    return ", ".join(names[:3]) + (f" and {len(names) - 3:,} more" if len(names) > 3 else "")


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}" + ("" if n == 1 else "s")


def _sentence(skipped: dict[str, str], what: str, why: str) -> str:
    if not skipped:
        return ""
    verb = "is" if len(skipped) == 1 else "are"
    return f" {_count(len(skipped), what)} with {why} {verb} left out ({_names(skipped)})."
