"""Two archives as their challenges hand them out: RSNA's chest films with boxes, COVID-19-20's CT with lesion masks.

Reads and checks what lies in a folder. Where that folder is, `datasets.py` knows; `datasets.rsna()` and
`datasets.covid19()` are the doors. What contradicts itself is refused, and what is missing is left out and named.
"""
from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from utils import files
from utils.files import ADVICE
from utils.sources import DataError, Source

CARDS = {
    "rsna": Source("RSNA pneumonia", citation="Shih et al. 2019, doi:10.1148/ryai.2019180041",
                   licence="the rules of the challenge"),
    "covid19": Source("COVID-19-20", citation="Roth et al. 2022, doi:10.1016/j.media.2022.102605",
                      licence="see the challenge's page"),
}  # fmt: skip
PLACES = {  # folders to look into, and the file that shows that it is the right one
    "rsna": (("rsna", "rsna-pneumonia-detection-challenge"), "stage_2_train_labels.csv"),
    "covid19": (("covid19", "covid19/Train", "COVID-19-20_v2/Train"), "*_ct.nii.gz"),
}
WRITERS = {"rsna": "write_rsna", "covid19": "write_covid"}  # in utils.clinic.standins
PUBLISHED = {"rsna": 26_684, "covid19": 199}  # films; cases
FILMS, LABELS, CLASSES = "stage_2_train_images", "stage_2_train_labels.csv", "stage_2_detailed_class_info.csv"
MAPPING = "pneumonia-challenge-dataset-mappings_2018.json"
BOX, OPACITY = ["x", "y", "width", "height"], "Lung Opacity"


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
        from utils import dicom

        if film not in self._paths:
            raise DataError(f"There is no film {film!r} here: take one from the column film of .films.")
        file = self.root / self._paths[film]
        try:
            data = dicom.read(file)
            pixels, named = dicom.stored_values(data), str(data.get("PatientID") or film)
            inverted, bits = data.get("PhotometricInterpretation") == "MONOCHROME1", int(data.BitsStored)
        except dicom.DicomError as error:
            raise DataError(f"{str(error).rstrip('.')}; {ADVICE}.") from None
        if pixels.ndim != 2 or pixels.dtype.kind != "u":
            raise DataError(f"{file.name} is not one grey picture of unsigned values ({pixels.dtype} {pixels.shape}).")
        if named != film:
            raise DataError(f"{file.name} says in its header that it is the film {named}: {ADVICE}.")
        boxes, (rows, columns) = self._boxes.get(film, np.empty((0, 4))), pixels.shape
        if (boxes[:, :2] + boxes[:, 2:] > [columns + 1, rows + 1]).any():
            raise DataError(f"A box of the film {film} reaches out of its picture of {columns} × {rows} pixels: films "
                            f"that were resized need resized boxes; {ADVICE}.")  # fmt: skip
        return (pixels.dtype.type((1 << bits) - 1) - pixels if inverted else pixels), boxes


@dataclass(frozen=True, eq=False)
class Cases:
    """CT volumes and lesion masks in the layout of the COVID-19-20 challenge.

    `cases` has one row a case: `case`, `ct` and `mask`, files relative to `root`; `mask` is None where there is
    none. `skipped` is {file: why it is not in the table}.
    """

    cases: pd.DataFrame = field(repr=False)
    skipped: dict[str, str] = field(repr=False)
    root: Path = field(repr=False)
    source: Source
    opener: Callable[[Path], Any] = field(repr=False)  # datasets.nifti

    def __len__(self) -> int:
        return len(self.cases)

    def read(self, case: str) -> tuple[Any, np.ndarray | None]:
        """The CT as a `datasets.Scan` and its mask uint8 of the same shape, 0 and 1; None where it has no mask.

        Raises:
            DataError: no such case; a file that `datasets.nifti` refuses; a mask of another shape, in another place,
                or with other values than 0 and 1.
        """
        rows = self.cases[self.cases["case"] == case]
        if len(rows) != 1:
            raise DataError(f"There is no case {case!r} here: take one from the column case of .cases.")
        row = rows.iloc[0]
        scan = replace(self.opener(self.root / row["ct"]), source=self.source)
        if row["mask"] is None:
            return scan, None
        mask = self.opener(self.root / row["mask"])
        if mask.array.shape != scan.array.shape:
            raise DataError(f"{row['mask']} has the shape {mask.array.shape} and its CT {scan.array.shape}: {ADVICE}.")
        corners = np.stack(np.meshgrid(*([0, n - 1] for n in scan.array.shape), [1], indexing="ij"), -1).reshape(-1, 4)
        apart = np.linalg.norm(corners @ (scan.affine - mask.affine).T, axis=1).max()
        if apart > min(scan.spacing) / 10:
            raise DataError(f"{row['mask']} lies up to {apart:.1f} mm from where its CT lies: their affines differ, so "
                            "make both anew from one source.")  # fmt: skip
        if not np.isin(mask.array, (0, 1)).all():
            raise DataError(f"{row['mask']} holds values other than 0 and 1, so it is not a lesion mask: {ADVICE}.")
        return scan, mask.array.astype(np.uint8)


@dataclass(frozen=True)
class Place:
    """Where an archive lies: its folder, the place's name for people, and what to call the folder in a sentence.

    `made` is the hash of the code that wrote it, "" for a real one.
    """

    name: str
    root: Path
    where: str
    label: str
    note: str = ""
    made: str = ""

    def source(self, note: str, whole: bool, paths: list[str], *tables: pd.DataFrame) -> Source:
        """The card of what was read. To hash gigabytes takes too long, and how well files are compressed differs
        between machines: the fingerprint is of the tables and, if real, the sizes of the files, else the maker."""
        sizes = self.made or " ".join(str((self.root / path).stat().st_size) for path in paths)
        sha = hashlib.sha256("".join([*(table.to_csv(index=False) for table in tables), sizes]).encode())
        if whole and not self.made and len(tables[0]) != PUBLISHED[self.name]:
            note += (f" It holds {len(tables[0]):,}, not the published {PUBLISHED[self.name]:,}: results will not "
                     "compare.")  # fmt: skip
        card = replace(CARDS[self.name], is_real=not self.made, where=self.where, fingerprint=sha.hexdigest()[:12],
                       note=f"{self.note} {note.strip()}".strip())  # fmt: skip
        made_by = {"citation": f"made by this course, after {card.title}", "licence": "as the course"}
        return replace(card, **made_by) if self.made else card


def read_rsna(place: Place, limit: int | None = None) -> Films:
    """The films of a folder in RSNA's layout; `limit` keeps the first ones only, in the order of their names.

    Raises:
        DataError: a table is missing, damaged or contradicts itself or the other one, or there is no film.
    """
    _check_limit(limit)
    root, label = place.root, place.label
    rows, repeated = _labels(root, label)
    one = _one_each(rows[["film", "target"]], LABELS, label)
    classes = _one_each(_table(root, CLASSES, ["patientId", "class"], label), CLASSES, label)
    films = one.merge(classes, "left", on="film", validate="one_to_one")
    if films["class"].isna().any():
        raise DataError(f"{CLASSES} in {label} has no class for {_names(films.loc[films['class'].isna(), 'film'])}, "
                        f"which {LABELS} knows: {ADVICE}.")  # fmt: skip
    wrong = films.loc[(films["class"] == OPACITY) != (films["target"] == 1), "film"]
    if len(wrong):
        raise DataError(f"{LABELS} and {CLASSES} in {label} contradict each other on {_names(wrong)}: {ADVICE}.")
    paths = {path.stem: f"{FILMS}/{path.name}" for path in (root / FILMS).glob("*.dcm") if path.name[0] != "."}
    skipped = dict.fromkeys(sorted(set(films["film"]) - set(paths)), "its file is missing")
    note = _sentence(skipped, "film", "a row but no file") + repeated
    unknown = dict.fromkeys(sorted(set(paths) - set(films["film"])), f"no row in {LABELS}")
    note += _sentence(unknown, "film", "a file but no row")
    films = films[films["film"].isin(paths)].sort_values("film", ignore_index=True)
    if films.empty:
        raise DataError(f"{label} holds no film that {LABELS} knows: put the folder {FILMS} there, or {ADVICE}.")
    films.insert(1, "path", films["film"].map(paths))
    note += _few(len(films), limit, "films")
    films = films.head(limit) if limit else films
    boxes = rows.loc[(rows["target"] == 1) & rows["film"].isin(films["film"]), ["film", *BOX]]
    boxes = boxes.sort_values("film", kind="stable", ignore_index=True)
    films = films.assign(n_boxes=films["film"].map(boxes["film"].value_counts()).fillna(0).astype(int))
    people = _people(root, label)
    if people is None:
        note += f" Without {MAPPING} nobody knows which films show one person."
    else:
        films = films.merge(people, "left", on="film", validate="one_to_one")
        if films["patient"].isna().any():
            raise DataError(f"{MAPPING} in {label} does not know {_names(films.loc[films['patient'].isna(), 'film'])}: "
                            "fetch it again, or move it away and do without patients.")  # fmt: skip
    source = place.source(note, limit is None, list(films["path"]), films, boxes)
    return Films(films, boxes, skipped | unknown, root, source)


def _labels(root: Path, label: str) -> tuple[pd.DataFrame, str]:
    """Film, box and target of each row, checked, repeated rows dropped; and what there is to say about that."""
    text = _table(root, LABELS, ["patientId", *BOX, "Target"], label)
    rows = text.assign(**{c: pd.to_numeric(text[c], errors="coerce") for c in [*BOX, "Target"]})
    boxes = rows[BOX].to_numpy(float)
    empty = text[BOX].isna().all(axis=1).to_numpy()
    with np.errstate(invalid="ignore"):
        sound = np.isfinite(boxes).all(1) & (boxes[:, :2] >= 0).all(1) & (boxes[:, 2:] > 0).all(1)
    wrong = ~np.where(rows["Target"] == 1, sound, (rows["Target"] == 0) & empty)
    if wrong.any():
        raise DataError(f"{LABELS} in {label} is wrong about {_names(rows.loc[wrong, 'film'])}, for Target 1 needs a "
                        f"box inside the picture and Target 0 needs none: {ADVICE}.")  # fmt: skip
    rows = rows.rename(columns={"Target": "target"}).astype({"target": int})
    kept = rows.drop_duplicates(ignore_index=True)
    more = len(rows) - len(kept)
    return kept, f" {_count(more, 'row')} of {LABELS} stood there twice and counted once." if more else ""


def _table(root: Path, name: str, columns: list[str], label: str) -> pd.DataFrame:
    """A table as text, its patientId called `film`, because that is what it is."""
    if not (root / name).is_file():
        raise DataError(f"{label} lacks {name}: unzip the whole archive there, or {ADVICE}.")
    shown = f"{name} in {label}"
    rows = files.read_table(files.read_bytes(root / name, shown), shown, columns)
    if rows["patientId"].isna().any():
        raise DataError(f"{shown} has rows without a patientId: {ADVICE}.")
    return rows.rename(columns={"patientId": "film"})


def _one_each(rows: pd.DataFrame, name: str, label: str) -> pd.DataFrame:
    """One row a film from a table that has one a box; refused where the rows of a film disagree."""
    rows = rows.drop_duplicates(ignore_index=True)
    if rows["film"].duplicated().any():
        twice = rows.loc[rows["film"].duplicated(), "film"].unique()
        raise DataError(f"{name} in {label} contradicts itself on {_names(twice)}: {ADVICE}.")
    return rows


def _people(root: Path, label: str) -> pd.DataFrame | None:
    """Film and patient (NIH's number, as text) from RSNA's mapping of films to NIH's; None where it is missing."""
    if not (root / MAPPING).is_file():
        return None
    try:
        entries = json.loads(files.read_bytes(root / MAPPING, f"{MAPPING} in {label}"))
        pairs = [(str(entry["subset_img_id"]), str(entry["img_id"]).split("_")[0]) for entry in entries]
    except DataError:
        raise
    except Exception:  # damaged JSON, or JSON of something else
        raise DataError(f"{MAPPING} in {label} is not RSNA's mapping of films to patients: fetch it again, or move it "
                        "away and do without patients.") from None  # fmt: skip
    return _one_each(pd.DataFrame(pairs, columns=["film", "patient"], dtype=str), MAPPING, label)


def read_covid19(place: Place, opener: Callable[[Path], Any], limit: int | None = None) -> Cases:
    """The cases of a folder in COVID-19-20's layout; `limit` keeps the first ones only, in the order of their names.

    Raises:
        DataError: there is no CT.
    """
    _check_limit(limit)
    root, label = place.root, place.label
    found = {kind: {path.name.removesuffix(f"_{kind}.nii.gz"): path.name for path in root.glob(f"*_{kind}.nii.gz")
                    if path.name[0] != "."} for kind in ("ct", "seg")}  # fmt: skip
    if not found["ct"]:
        raise DataError(f"{label} holds no file that ends in _ct.nii.gz: unzip the challenge there, or {ADVICE}.")
    names = sorted(found["ct"])
    cases = pd.DataFrame({"case": names, "ct": [found["ct"][name] for name in names]})
    cases["mask"] = pd.Series([found["seg"].get(name) for name in names], dtype=object)
    skipped = {found["seg"][name]: "its CT is missing" for name in sorted(set(found["seg"]) - set(names))}
    note = _sentence(skipped, "mask", "no CT") + _few(len(cases), limit, "cases")
    cases = cases.head(limit) if limit else cases
    bare = cases.loc[cases["mask"].isna(), "case"]
    note += f" {_count(len(bare), 'case')} came without a mask ({_names(bare)})." if len(bare) else ""
    source = place.source(note, limit is None, [*cases["ct"], *cases["mask"].dropna()], cases)
    return Cases(cases, skipped, root, source, opener)


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
    n = len(skipped)
    return f" {_count(n, what)} with {why} {'is' if n == 1 else 'are'} left out ({_names(skipped)})." if n else ""
