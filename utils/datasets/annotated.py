"""Sets whose images come with more than a class: nodules with outlines, cells with their person, tumours with a box.

Each is read as the course packed it, or as it was published, which is packed in the same way.
"""
from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from utils.datasets import folders, read
from utils.datasets.places import Bar
from utils.datasets.types import ADVICE, DataError, Folder, Outlines, Place

# ---------------------------------------------------------------------------- NLM's malaria cells

CELL = 32  # pixels of a packed cell's side
MOST_CELLS = {"Uninfected": 60, "Parasitized": 30}  # of one person, drawn from the published 27,558
CELL_NAME = re.compile(r"((C\d+).*)_cell_\d+\.png")  # C100P61ThinF_IMG_20150918_144104_cell_163.png
CELLS = ("images", "infected", "patient", "field", "name")


def malaria_cells(place: Place) -> Folder:
    """Red blood cells uint8 (n, 32, 32, 3), labels 0 uninfected and 1 infected; `patient` and `field` in the table.

    From `CELLS` in an .npz, or from the published folder cell_images/{Parasitized,Uninfected}: of each person at most
    `MOST_CELLS`, drawn with seed 0, each padded to a square with black and averaged down to 32 × 32.

    Raises:
        DataError: neither; arrays that do not fit each other; a name that does not say whose cell it is.
    """
    file = place.paths[0]
    store = _packed_cells(place) if file.is_dir() else read.arrays(place, *CELLS)
    images, infected, *names = (store[key] for key in CELLS)
    whole = images.shape == (len(infected), CELL, CELL, 3) and images.dtype == np.uint8 and infected.dtype == bool
    if not whole or any(column.shape != infected.shape for column in names):
        raise DataError(f"{place.label(file)} does not hold cells of {CELL} × {CELL} pixels in colour with whether "
                        f"each is infected and whose it is: {ADVICE}.")  # fmt: skip
    patient, found_in, name = (column.astype(str) for column in names)
    classes = np.where(infected, "infected", "uninfected")
    table = pd.DataFrame({"file": name, "split": "all", "class": classes, "patient": patient, "field": found_in})
    source = place.source(images, infected, "\n".join(patient).encode())
    return Folder(images, infected.astype(np.int64), ("uninfected", "infected"), table, {}, source)


def _packed_cells(place: Place) -> dict[str, np.ndarray]:
    from PIL import Image

    root, label = place.paths[0], place.label(place.paths[0])
    rows = []
    for kind in MOST_CELLS:
        for file in sorted(root.glob(f"{kind}/*.png")):
            if not (said := CELL_NAME.fullmatch(file.name)):
                raise DataError(f"{kind}/{file.name} in {label} does not say whose cell it is: {ADVICE}.")
            rows.append((kind, said[2], said[1], file))
    cells = pd.DataFrame(rows, columns=["kind", "patient", "field", "file"])
    if set(cells["kind"]) != set(MOST_CELLS):
        raise DataError(f"{label} lacks cells in {' or '.join(MOST_CELLS)}: unzip cell_images.zip there again.")
    mixed, counts = cells.sample(frac=1, random_state=0), cells["kind"].map(MOST_CELLS)
    cells = cells[mixed.groupby(["kind", "patient"]).cumcount().sort_index() < counts].sort_values("file")
    images = np.zeros((len(cells), CELL, CELL, 3), np.uint8)
    for k, file in enumerate(Bar(cells["file"], desc="reading cells")):
        try:
            with Image.open(file) as opened:
                cell = opened.convert("RGB")
        except Exception:  # Pillow raises nearly anything on damaged files
            raise DataError(f"{file.name} in {label} is not a whole picture: {ADVICE}.") from None
        square = Image.new("RGB", (max(cell.size),) * 2)
        square.paste(cell, [(side - own) // 2 for side, own in zip(square.size, cell.size, strict=True)])
        images[k] = np.asarray(square.resize((CELL, CELL), Image.Resampling.BOX))
    names = [path.name for path in cells["file"]]
    text = (cells["patient"].to_numpy(str), cells["field"].to_numpy(str), np.array(names))
    return dict(zip(CELLS, (images, (cells["kind"] == "Parasitized").to_numpy(), *text), strict=True))


# ---------------------------------------------------------------------------- Cheng's brain tumours

SLICE = 128  # pixels of a packed slice's side
TUMOURS = ("meningioma", "glioma", "pituitary")  # the published labels 1, 2, 3
CORNERS = ["x_min", "y_min", "x_max", "y_max"]


@dataclass(frozen=True, eq=False)
class Tumours(Folder):
    """Slices as in a `Folder`, one tumour each.

    `boxes` float (n, 4) are `CORNERS` in pixels, `masks` bool (n, h, w) what was outlined. The table has the
    published `number` of each slice, and its `patient` where that is known: neighbouring numbers are neighbouring
    slices of one person.
    """

    boxes: np.ndarray = field(repr=False)
    masks: np.ndarray = field(repr=False)


def brain_tumours(place: Place) -> Tumours:
    """Slices of contrast-enhanced T1 uint8 (n, 128, 128) through a meningioma, glioma or pituitary tumour.

    From a folder a class with boxes.csv and tumour_masks_128.npz beside them, or from the published .mat files, which
    name the patient, too; those are averaged down from 512 × 512 (where they are smaller, enlarged), each from 0 to
    its own maximum.

    Raises:
        DataError: neither; a damaged file; tables and pictures that do not belong together; h5py is not installed.
    """
    root, label = place.root, place.label(place.root)
    if place.paths[0].suffix == ".mat":
        images, masks, table = _published_slices(place)
        boxes = np.stack([_around(mask) for mask in masks])
    else:
        images, masks, table, boxes = _packed_slices(root, label)
    classes = tuple(sorted(TUMOURS))
    labels = np.array([classes.index(name) for name in table["class"]], np.int64)
    source = place.source(images, labels, np.packbits(masks))
    return Tumours(images, labels, classes, table, {}, source, boxes, masks)


def _packed_slices(root: Path, label: str) -> tuple[np.ndarray, np.ndarray, pd.DataFrame, np.ndarray]:
    found = folders.class_folders(root)
    table = found.table.assign(number=[int(Path(file).stem) for file in found.table["file"]])
    rows = read.read_table(root / "boxes.csv", f"boxes.csv in {label}", ["number", "class", *CORNERS])
    rows = rows.astype({"number": int, **dict.fromkeys(CORNERS, float)})
    joined = table.merge(rows, "left", on=["number", "class"])
    try:
        with np.load(root / "tumour_masks_128.npz", allow_pickle=False) as store:
            masks, numbers = np.unpackbits(store["masks"], axis=-1).astype(bool), store["number"]
    except Exception:  # of numpy, zipfile, or no such file
        raise DataError(f"tumour_masks_128.npz in {label} is missing or damaged: {ADVICE}.") from None
    places = pd.Index(numbers).get_indexer(table["number"])
    sound = len(joined) == len(table) and joined[CORNERS].notna().all(axis=None) and places.min() >= 0
    if not sound or masks.shape[1:] != found.images.shape[1:] or set(found.classes) != set(TUMOURS):
        raise DataError(f"Pictures, boxes.csv and tumour_masks_128.npz in {label} do not belong together: {ADVICE}.")
    order = np.argsort(table["number"], kind="stable").to_numpy()
    boxes = joined[CORNERS].to_numpy()[order] * found.images.shape[1]
    return found.images[order], masks[places][order], table.iloc[order].reset_index(drop=True), boxes


def _published_slices(place: Place) -> tuple[np.ndarray, np.ndarray, pd.DataFrame]:
    try:
        import h5py
    except ImportError:
        raise DataError("The published .mat files need one more package: pip install h5py") from None
    from PIL import Image

    files = sorted(place.paths, key=lambda path: int(re.sub(r"\D", "", path.stem) or 0))
    images, masks, rows = [], [], []
    for file in Bar(files, desc="reading slices"):
        try:
            with h5py.File(file) as opened:
                data = opened["cjdata"]
                picture, mask = (np.asarray(data[key], np.float32).T for key in ("image", "tumorMask"))
                label, person = int(data["label"][0, 0]), "".join(map(chr, np.ravel(data["PID"])))
            kind = TUMOURS[label - 1]
        except Exception:  # of h5py: no such file, another layout
            raise DataError(f"{place.label(file)} is not a slice as published: {ADVICE}.") from None
        size, box = (SLICE, SLICE), Image.Resampling.BOX
        picture = np.asarray(Image.fromarray(picture).resize(size, box))
        images.append(np.rint(255 * picture / max(picture.max(), 1)).astype(np.uint8))
        masks.append(np.asarray(Image.fromarray(mask).resize(size, box)) >= 0.5)
        rows.append((file.name, "all", kind, int(re.sub(r"\D", "", file.stem) or 0), person))
    table = pd.DataFrame(rows, columns=["file", "split", "class", "number", "patient"])
    return np.stack(images), np.stack(masks), table


def _around(mask: np.ndarray) -> np.ndarray:
    """The box of a mask: `CORNERS`; zeros where it is empty."""
    if not mask.any():
        return np.zeros(4)
    (left, right), (top, bottom) = (np.flatnonzero(mask.any(axis))[[0, -1]] for axis in (0, 1))
    return np.array([left, top, right + 1, bottom + 1], float)


# ---------------------------------------------------------------------------- outlines


OUTLINED = ("images", "reader_masks", "patient_id", "nodule", "slice")


def outlines(place: Place) -> Outlines:
    """LIDC-IDRI's nodules: an .npz with `OUTLINED`, outline k in bit k, or folders as `_outline_folders` has it.

    Raises:
        DataError: neither; a damaged picture; sizes that differ; a nodule without an outline.
    """
    file = place.paths[0]
    if file.name.startswith("nodule-"):  # LIDC-IDRI-NNNN/nodule-K
        label = place.label(file.parents[1])
        found = _outline_folders(file.parents[1], label)
    else:
        label, found = place.label(file), read.arrays(place, *OUTLINED)
    images, packed, *names = (found[key] for key in OUTLINED)
    whole = images.dtype == packed.dtype == np.uint8 and images.ndim == 3 and images.shape == packed.shape
    named = all(column.shape == (len(images),) and column.dtype.kind == "U" for column in names)
    if not (whole and len(images) and named) or packed.max() > 15 or not packed.any((1, 2)).all():
        raise DataError(f"{label} does not hold nodules with one to four outlines each, as data/README.md lays "
                        f"them out: {ADVICE}.")  # fmt: skip
    masks = np.stack([packed & 1 << k for k in range(4)], 1).astype(bool)
    source = place.source(images, packed, "\n".join(names[0]).encode())
    return Outlines(images, masks, pd.DataFrame(dict(zip(OUTLINED[2:], names, strict=True))), source)


def _outline_folders(root: Path, label: str) -> dict[str, np.ndarray]:
    """Nodules from folders `LIDC-IDRI-NNNN/nodule-K/{images,mask-0,…,mask-3}/slice-J.png`, as `OUTLINED`.

    Of each nodule the slice is kept on which two or more outlines share the largest area (any outline, if none
    do). A mask that is not there is an empty one, and a nodule that nobody outlined is left out.
    """
    rows = []
    patients = sorted(root.glob("LIDC-IDRI-[0-9]*"))
    nodules = [n for patient in patients for n in sorted(patient.glob("nodule-[0-9]*"), key=_number)]
    for nodule in Bar(nodules, desc="reading outlines"):
        best, kept = (0, 0), None
        for file in sorted((nodule / "images").glob("*.png"), key=_number):
            masks = _masks(nodule, file.name, root, label)
            votes = sum(mask.astype(np.uint8) for mask in masks.values()) if masks else np.zeros(1)
            area = int((votes > 1).sum()), int((votes > 0).sum())
            if area > best:
                packed = sum(mask.astype(np.uint8) << k for k, mask in masks.items())
                best, kept = area, (file, packed)
        if kept:
            file, packed = kept
            rows.append((_grey(file, root, label), packed, nodule.parent.name, nodule.name, file.name))
    if not rows:
        raise DataError(f"{label} holds no outlined nodule: it needs "
                        "LIDC-IDRI-0001/nodule-0/images/slice-0.png and so on, with mask-0 to mask-3 beside "
                        "images.")  # fmt: skip
    if len({array.shape for row in rows for array in row[:2]}) > 1:
        raise DataError(f"The pictures in {label} differ in size: all should be crops of one size, with their masks.")
    return dict(zip(OUTLINED, map(np.stack, zip(*rows, strict=True)), strict=True))


def _masks(nodule: Path, name: str, root: Path, label: str) -> dict[int, np.ndarray]:
    """{outline k: its mask of one slice, bool (h, w)}, of those that are there."""
    files = {k: nodule / f"mask-{k}" / name for k in range(4)}
    masks = {k: _two_values(file, root, label) for k, file in files.items() if file.exists()}
    if len({mask.shape for mask in masks.values()}) > 1:
        inside = nodule.relative_to(root).as_posix()
        raise DataError(f"The masks of {inside} in {label} differ in size: {ADVICE}.")
    return masks


def _number(path: Path) -> tuple[int, str]:
    return int((re.findall(r"\d+", path.stem) or ["0"])[-1]), path.name


def _two_values(file: Path, root: Path, label: str) -> np.ndarray:
    """A mask bool (h, w): where the picture has the larger of its two values, or is not black."""
    grey = _grey(file, root, label)
    values = np.unique(grey)
    if len(values) > 2:
        name = file.relative_to(root).as_posix()
        raise DataError(f"{name} in {label} has {len(values)} grey values, and a mask has two: was it saved as JPEG, "
                        f"or resized? {ADVICE[0].upper()}{ADVICE[1:]}.")  # fmt: skip
    return grey > (values[0] if len(values) == 2 else 0)


def _grey(file: Path, root: Path, label: str) -> np.ndarray:
    try:
        return folders.picture(file, None, "L")[0]
    except Exception:  # Pillow raises nearly anything on damaged files
        name = file.relative_to(root).as_posix()
        raise DataError(f"{name} in {label} is not a whole picture: {ADVICE}.") from None
