"""The one door to the data: the same object whatever the source, and the source is always named.

`load(name)` looks in `COURSE_DATA` and in `data/`, then downloads what is public, then asks the virtual clinic
for synthetic data. `COURSE_OFFLINE=1` skips the download. Whatever is wrong with a file, a folder or a server is
said in one sentence (a `DataError`, or the source's note); no file of yours is ever changed or removed. What
there is to know about a set is its record: `datasets.CARDS["dermamnist"]`.
"""
from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from utils.datasets import places, read
from utils.datasets.cards import CARDS
from utils.datasets.challenges import Cases, Films
from utils.datasets.folders import class_folders as folder
from utils.datasets.places import CLINIC, OURS, YOURS
from utils.datasets.types import PARTS, Card, DataError, Folder, Images, Outlines, Place, Scan, Series, Source, Split
from utils.datasets.volumes import nifti

__all__ = [
    "CARDS", "CLINIC", "OURS", "PARTS", "YOURS", "Card", "Cases", "DataError", "Films", "Folder", "Images",
    "Outlines", "Place", "Scan", "Series", "Source", "Split", "covid19", "ct_slices", "ct_volume", "folder",
    "lidc", "load", "masks", "mr_series", "nifti", "pydicom_files", "rsna",
]  # fmt: skip
TABLES = ("dermamnist_split_info", "ham10000_metadata")


def load(
    name: str, *, metadata: bool = False, size: int | None = None, limit: int | None = None
) -> Any:
    """A data set of the course, from the first place that has it; `.source` says which.

    Args:
        name: a key of `datasets.CARDS`, such as "dermamnist", "pneumoniamnist" or "chest_xray", which give
            `Images` with uint8 pixels (n, h, w[, 3]) and int64 labels (n,) in train, val and test.
        metadata: True, for dermamnist: join each image with HAM10000's table (lesion, diagnosis and how it was
            made, age in years, sex, site of the body, source). Else `table` holds `split` and `index` only.
        size: for chest_xray, the side in pixels to which every film is resized; 224 if you do not say.
        limit: for rsna and covid19, the first films or cases only.

    Raises:
        DataError: a file is there but broken, COURSE_DATA is not a folder, no data set has this name, it has
            not this option, or it is not there and nobody can fetch or make it for you.

    >>> pile = load("dermamnist")
    >>> pile.train.images.shape[1:], pile.classes[4], pile.train.labels.dtype
    ((28, 28, 3), 'mel', dtype('int64'))
    >>> CARDS[pile.name].licence
    'CC BY-NC 4.0'
    >>> load("dermamnis")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    utils.datasets.types.DataError: No data set is called 'dermamnis': choose dermamnist, ...
    """
    if name not in CARDS:
        raise DataError(f"No data set is called {name!r}: choose {_listed(CARDS)}.")
    card, given = CARDS[name], {"metadata": metadata or None, "size": size, "limit": limit}
    options = {option: value for option, value in given.items() if value is not None}
    for option in options:
        if option not in card.options:
            raise DataError(f"{name} has no {option}: leave {option}= away.")
    options.pop("metadata", None)
    place = places.obtain(card)
    pile = card.reader(place, **options)
    return _with_metadata(pile, place) if metadata else pile


def _listed(names: Any) -> str:
    *most, last = names
    return f"{', '.join(most)} or {last}"


def _with_metadata(pile: Images, place: Place) -> Images:
    """The images with HAM10000's table; synthetic ones where the tables of the real ones do not fit."""
    try:
        return pile.with_table(_ham10000(pile, place))
    except DataError as reason:
        note = f"The real images are here but not used: {str(reason).rstrip('.')}."
    place = places.make(place.card, note)
    pile = place.card.reader(place)
    return pile.with_table(_ham10000(pile, place))


def _ham10000(pile: Images, place: Place) -> pd.DataFrame:
    """HAM10000's metadata for each image, in the order train, val, test. Raises DataError.

    Split table and images belong together, so the tables beside the images are tried first, and a table is
    accepted only if every image has its own row and all labels agree with `dx`.
    """
    parts = [pile.train, pile.val, pile.test]
    rows = pd.concat([part.table for part in parts], ignore_index=True)
    named = np.array(pile.classes)[np.concatenate([part.labels for part in parts])]
    cards = [CARDS[name] for name in TABLES]
    there = [places.found(card, place) or [places.obtain(card)] for card in cards]
    for pair in itertools.product(*there):
        split_info, metadata = (read.table(found) for found in pair)
        table = rows.merge(split_info, "left", on=["split", "index"]).merge(metadata, "left", on="image_id")
        whole = len(table) == len(rows) and table["image_id"].is_unique
        if whole and (table["dx"].to_numpy() == named).all():
            return table
    files = " and ".join(card.files[0] for card in cards)
    raise DataError(f"the diagnoses in {files} do not agree with their labels.")


def masks(pile: Images) -> dict[str, np.ndarray]:
    """Lesion masks of DermaMNIST loaded with metadata=True: {part: uint8 (n, 28, 28)}, row for row.

    A value is 255 times the share of the pixel that lies inside the lesion.

    Raises:
        DataError: the images carry no image_id, or they are real and the file of masks is not there.

    >>> masks(load("dermamnist"))
    Traceback (most recent call last):
    utils.datasets.types.DataError: Masks need to know the images: use load("dermamnist", metadata=True).
    """
    parts = [pile.train, pile.val, pile.test]
    if any(part is None or "image_id" not in part.table for part in parts):
        raise DataError('Masks need to know the images: use load("dermamnist", metadata=True).')
    card = CARDS["ham10000_lesion_masks"]
    made = not pile.source.is_real
    place = places.make(replace(card, writer=pile.name), "") if made else places.obtain(card)
    store = read.arrays(place, "masks", "image_id")
    names, pictures = store["image_id"], store["masks"]
    ids = np.concatenate([part.table["image_id"].to_numpy(dtype=str) for part in parts])
    rows = pd.Index(names).get_indexer(ids) if names.ndim == 1 else np.array([-1])
    if rows.min() < 0 or pictures.shape != (len(names), *card.shape):
        label = place.label(place.paths[0])
        raise DataError(f"{label} does not fit these images: {card.advice}.")
    ends = np.cumsum([len(part) for part in parts[:2]])
    return dict(zip(PARTS, np.split(pictures[rows], ends), strict=True))


def lidc() -> Outlines:
    """Lung nodules on CT, one slice each, with the outlines of up to four readers, from LIDC-IDRI or the clinic.

    Read from `lidc_nodules.npz`, or from folders `LIDC-IDRI-NNNN/nodule-K/{images,mask-0..3}/slice-J.png` that
    lie in COURSE_DATA or data/ or one folder deeper. Images uint8 and masks bool, 128 × 128 pixels. Crops are
    scaled from their own minimum to their own maximum, so they hold no Hounsfield units.

    Raises:
        DataError: the file or the folders are there but broken.

    >>> nodules = lidc()  # doctest: +SKIP
    >>> nodules.masks.shape[1:]  # doctest: +SKIP
    (4, 128, 128)
    """
    return load("lidc_nodules")


def mr_series() -> Series:
    """A T1-weighted head MR as DICOM files: the folder `mr_t1_series` if it is there, else a synthetic head.

    Raises:
        DataError: the folder is there but holds no .dcm files.

    >>> {path.suffix for path in mr_series().paths}
    {'.dcm'}
    """
    return load("mr_t1_series")


def ct_slices() -> Series:
    """Chest CT slices as DICOM files: `ct/chest_slice_*.dcm` if they are there, else two of a synthetic patient.

    >>> ct_slices().paths[0].name
    'chest_slice_0.dcm'
    """
    return load("ct_slices")


def ct_volume() -> Scan:
    """A CT in Hounsfield units with metal in it: `ct/body_3mm.nii.gz` if it is there, else a synthetic chest.

    Raises:
        DataError: the file is there but broken.

    >>> scan = ct_volume()
    >>> scan.array.ndim, scan.affine.shape
    (3, (4, 4))
    """
    return load("ct_volume")


def rsna(limit: int | None = None) -> Films:
    """Chest films with boxes in the layout of RSNA's pneumonia challenge: the real ones, or else synthetic ones.

    Args:
        limit: the first films only, in the order of their names, which are random; a person's other films may
            then be missing.

    Raises:
        DataError: the archive is there, but a table is missing, damaged or contradicts itself, or no film is there.

    >>> pixels, boxes = rsna().read(rsna().films["film"][0])  # doctest: +SKIP
    """
    return load("rsna", limit=limit)


def covid19(limit: int | None = None) -> Cases:
    """Chest CT with lesion masks in the layout of the COVID-19-20 challenge: the real ones, or else synthetic ones.

    Args:
        limit: the first cases only, in the order of their names.

    Raises:
        DataError: the archive is there but holds no CT.

    >>> scan, mask = covid19().read("volume-covid19-A-0001")  # doctest: +SKIP
    """
    return load("covid19", limit=limit)


def pydicom_files() -> list[Path]:
    """The DICOM files that pydicom brings along, by name; nothing is downloaded.

    >>> [path.name for path in pydicom_files() if path.name.startswith("CT")]
    ['CT_small.dcm']
    """
    import pydicom

    folder = Path(pydicom.__file__).parent / "data" / "test_files"
    return sorted(folder.glob("*.dcm"), key=lambda path: path.name)
