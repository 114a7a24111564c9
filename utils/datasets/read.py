"""One reader a format, for files of unknown origin: whoever wrote them, the same checks and the same sentences."""
from __future__ import annotations

import hashlib
import io
import os
import re
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from utils.datasets import types
from utils.datasets.places import Bar
from utils.datasets.types import ADVICE, PARTS, DataError, Folder, Images, Place, Scan, fingerprint

MOST_BYTES = 2**31  # in memory, of one file or folder
SINGULAR = 1e-9  # mm³: no voxel is as small, so an affine with such a determinant squeezes them flat
LONGEST_SIDE = 4096  # pixels that `size` may ask for
NUMBERS = ("index", "age")  # columns of tables that are numbers, the others are text
SPLITS = {"training": "train", "valid": "val", "validation": "val", "testing": "test"}
SPLITS |= {part: part for part in PARTS}  # names of folders, and the split they hold
JUNK = re.compile(r"\..*|__MACOSX|Thumbs\.db|desktop\.ini", re.IGNORECASE)


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


# ---------------------------------------------------------------------------- DICOM and NIfTI


def dicom_series(place: Place) -> types.Series:
    """The DICOM files that were found. Raises DataError where the folder holds none."""
    if place.paths[0].is_dir():
        label = place.label(place.paths[0])
        raise DataError(f"{label} holds no .dcm files: put them there, or {ADVICE}.")
    content = [read_bytes(path, path.name) for path in place.paths]
    return types.Series(place.paths, place.source(*content))


def volume(place: Place) -> Scan:
    """The NIfTI file at a place. Raises DataError, as `nifti` does."""
    scan = nifti(place.paths[0])
    return replace(scan, source=place.source(scan.array, scan.affine))


def nifti(path: str | Path) -> Scan:
    """Read one volume that says where it lies: a NIfTI file, .nii or .nii.gz.

    The affine is the file's sform, or its qform where there is no sform. A unit of length that is not stated
    is taken to be the millimetre.

    Raises:
        DataError: no such file, not a NIfTI file, a damaged one, not exactly three axes, no affine or a useless
            one, lengths in another unit than mm, or larger than the course reads.
    """
    import nibabel

    file, shown = Path(os.path.expanduser(path)), f"'{Path(path).name}'"
    if not file.is_file():
        raise DataError(f"There is no file {shown}: check the path, as seen from where this runs.")
    damaged = f"{shown} is not a whole NIfTI file: fetch or export it again."
    try:
        image = nibabel.load(file)
        header, affine, shape = image.header, np.array(image.affine, float), image.shape
        codes, length = (int(header["sform_code"]), int(header["qform_code"])), header.get_xyzt_units()[0]
    except Exception:  # of nibabel, gzip, zlib, or a format without these fields
        raise DataError(damaged) from None
    shape = shape[:3] if shape[3:] == (1,) * (len(shape) - 3) else shape
    if len(shape) != 3 or 0 in shape:
        raise DataError(f"{shown} holds an array of shape {shape}: give a file with one volume of three axes.")
    if codes == (0, 0):
        raise DataError(f"{shown} has no affine (sform_code and qform_code are both 0), so nobody knows its "
                        "side, place or direction: convert it anew from the DICOM files.")  # fmt: skip
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < SINGULAR:
        raise DataError(f"{shown} has an affine that cannot be inverted: convert it anew from the DICOM files.")
    if length not in ("mm", "unknown"):
        raise DataError(f"{shown} states its lengths in {length}, and the course reads mm: convert it anew.")
    if np.prod(shape, dtype=float) * max(header.get_data_dtype().itemsize, 4) > MOST_BYTES:
        raise DataError(f"{shown} is too large for the memory {shape}: resample it to larger voxels first.")
    try:
        array = np.asanyarray(image.dataobj).reshape(shape)
    except Exception:
        raise DataError(damaged) from None
    array = array.astype(np.float32) if array.dtype.kind == "f" else array
    spacing = tuple(map(float, np.linalg.norm(affine[:3, :3], axis=0)))
    return Scan(array, spacing, affine, _own(file.name, "file", fingerprint(array, affine)))


def _own(title: str, kind: str, mark: str, note: str = "") -> types.Source:
    return types.Source(title, True, f"your own {kind}", note, mark, "not stated", "not stated")


# ---------------------------------------------------------------------------- pictures in folders


def split_folders(place: Place, size: int | None = None) -> Images:
    """Images in `{train,val,test}/class/`, grey, each resized to size × size pixels (224 if not said).

    Raises:
        DataError: as `class_folders`, or there are none in train or in test.
    """
    root = place.paths[0]
    found = class_folders(root, size=size or place.card.shape[0])
    parts = {part: found.part(part) for part in PARTS}
    if parts["train"] is None or parts["test"] is None:
        raise DataError(f"{place.label(root)} lacks images in train or in test: unzip it again.")
    source = place.source(found.images, found.labels, note=found.source.note)
    return Images(place.card.name, source.title, found.classes, source, **parts)


def class_folders(path: str | Path, *, size: int | None = None, mode: str = "L") -> Folder:
    """Read a folder of images with a folder for each class, whole or inside train, val and test.

    Args:
        path: the folder. Hidden files are ignored, and files that are no images are listed in `.skipped`.
        size: resize each image to size × size pixels (the aspect ratio is not kept); needed if sizes differ.
        mode: "L" for grey or "RGB" for colour. 16-bit images keep their upper 8 bits.

    Raises:
        DataError: no such folder, no class folders, one class only, no images, different sizes, too many pixels.
    """
    root, shown = Path(os.path.expanduser(path)), f"'{path}'"
    if not root.is_dir():
        missing = f"There is no folder {shown}: check the path, as seen from where this runs."
        raise DataError(f"{shown} is a file: unzip it and give the folder." if root.exists() else missing)
    sized = size is None or (isinstance(size, int) and 1 <= size <= LONGEST_SIDE)
    if mode not in ("L", "RGB") or not sized:
        raise DataError(
            f'mode is "L" or "RGB", and size is None or a whole number of pixels from 1 to {LONGEST_SIDE}.'
        )
    try:
        files = _files_by_class(root, shown)
    except OSError as error:
        raise DataError(f"{shown} cannot be read ({error.strerror}): check its permissions.") from None
    images, rows, skipped, deep = _pictures(root, shown, files, size, mode)
    table = pd.DataFrame(rows, columns=["file", "split", "class"], dtype=str)
    names, labels = np.unique(table["class"].to_numpy(dtype=str), return_inverse=True)
    classes, labels = tuple(map(str, names)), labels.astype(np.int64)
    if not classes:
        raise DataError(f"No file in the class folders of {shown} is an image: PNG and JPEG files are read.")
    if len(classes) == 1:
        raise DataError(f"{shown} has images of one class only ({classes[0]}): give the folder that holds a "
                        "folder for each class, or holds train and test.")  # fmt: skip
    note = f"{deep:,} images of 16 bits were cut to 8." if deep else ""
    note += f" {len(skipped):,} files are no images and were skipped." if skipped else ""
    source = _own(root.resolve().name, "folder", fingerprint(images, labels), note.strip())
    return Folder(images, labels, classes, table, skipped, source)


def _pictures(
    root: Path, shown: str, files: list[tuple[str, str, str]], size: int | None, mode: str
) -> tuple[np.ndarray, list[tuple[str, str, str]], dict[str, str], int]:
    """The images uint8 (n, h, w[, 3]), their rows of `files`, {file: why it was skipped}, how many had 16 bits."""
    images, rows, skipped, deep = np.empty(0, np.uint8), [], {}, 0
    for name, split, label in Bar(files, desc="reading images"):
        try:
            picture, is_deep = _picture(root / name, size, mode)
        except Exception as error:  # Pillow raises nearly anything on damaged files
            unknown = "cannot identify" in str(error)
            skipped[name] = "not an image" if unknown else f"damaged or unusual ({error})"
            continue
        if not rows:
            if picture.nbytes * len(files) > MOST_BYTES:
                raise DataError(f"{shown} holds {len(files):,} images, too large for the memory: give a smaller size=.")
            images = np.empty((len(files), *picture.shape), np.uint8)
        if picture.shape != images.shape[1:]:
            raise DataError(f"Images in {shown} differ in size ({rows[0][0]}, {name}): choose one, as in size=224.")
        images[len(rows)] = picture
        deep += is_deep
        rows.append((name, split, label))
    return images[: len(rows)], rows, skipped, deep


def _subfolders(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.is_dir() and not JUNK.fullmatch(p.name))


def _files_by_class(root: Path, shown: str) -> list[tuple[str, str, str]]:
    """(file relative to root, split, class) of each file in a class folder, in the order of their names."""
    tops = _subfolders(root)
    parts = [(SPLITS[p.name.lower()], p) for p in tops if p.name.lower() in SPLITS and _subfolders(p)]
    divided = len(parts) == len(tops) or "train" in dict(parts)  # else a class may be called "test"
    found = []
    for split, part in parts if divided else [("all", root)]:
        for label in _subfolders(part):
            for folder, inner, names in os.walk(label):
                inner[:] = sorted(name for name in inner if not JUNK.fullmatch(name))
                for name in sorted(names):
                    if not JUNK.fullmatch(name):
                        found.append(((Path(folder) / name).relative_to(root).as_posix(), split, label.name))
    if not found:
        loose = any(p.is_file() and not JUNK.fullmatch(p.name) for p in root.iterdir())
        what = "holds files but no class folders" if loose else "is empty" if not tops else "holds only empty folders"
        raise DataError(f"{shown} {what}: put the images of each class in a folder named after it.")
    return found


def _picture(file: Path, size: int | None, mode: str) -> tuple[np.ndarray, bool]:
    """Pixels uint8 (h, w[, 3]) the right way up, and whether they had 16 bits."""
    from PIL import Image, ImageOps

    if not file.is_file():
        raise ValueError("not a regular file")
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(file) as image:
            if size:
                image.draft(mode, (size, size))  # lets JPEG decode at a lower resolution, no lower than this
            deep = image.mode.startswith("I")
            if deep:
                values = np.asarray(image)
                if values.min() < 0 or values.max() > 65535:
                    raise ValueError("more than 16 bits")
                image = Image.fromarray((values // 256).astype(np.uint8))
            elif image.mode == "F":
                raise ValueError("floating-point pixels")
            image = ImageOps.exif_transpose(image).convert(mode)
            if size:
                image = image.resize((size, size), Image.Resampling.BILINEAR)
            return np.asarray(image), deep


# ---------------------------------------------------------------------------- outlines


OUTLINED = ("images", "reader_masks", "patient_id", "nodule", "slice")


def outlines(place: Place) -> types.Outlines:
    """LIDC-IDRI's nodules: an .npz with `OUTLINED`, outline k in bit k, or folders as `_outline_folders` has it.

    Raises:
        DataError: neither; a damaged picture; sizes that differ; a nodule without an outline.
    """
    file = place.paths[0]
    if file.name.startswith("nodule-"):  # LIDC-IDRI-NNNN/nodule-K
        label = place.label(file.parents[1])
        found = _outline_folders(file.parents[1], label)
    else:
        label, found = place.label(file), arrays(place, *OUTLINED)
    images, packed, *names = (found[key] for key in OUTLINED)
    whole = images.dtype == packed.dtype == np.uint8 and images.ndim == 3 and images.shape == packed.shape
    named = all(column.shape == (len(images),) and column.dtype.kind == "U" for column in names)
    if not (whole and len(images) and named) or packed.max() > 15 or not packed.any((1, 2)).all():
        raise DataError(f"{label} does not hold nodules with one to four outlines each, as data/README.md lays "
                        f"them out: {ADVICE}.")  # fmt: skip
    masks = np.stack([packed & 1 << k for k in range(4)], 1).astype(bool)
    source = place.source(images, packed, "\n".join(names[0]).encode())
    return types.Outlines(images, masks, pd.DataFrame(dict(zip(OUTLINED[2:], names, strict=True))), source)


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
    masks = {k: _grey(file, root, label) > 0 for k, file in files.items() if file.exists()}
    if len({mask.shape for mask in masks.values()}) > 1:
        inside = nodule.relative_to(root).as_posix()
        raise DataError(f"The masks of {inside} in {label} differ in size: {ADVICE}.")
    return masks


def _number(path: Path) -> tuple[int, str]:
    return int((re.findall(r"\d+", path.stem) or ["0"])[-1]), path.name


def _grey(file: Path, root: Path, label: str) -> np.ndarray:
    try:
        return _picture(file, None, "L")[0]
    except Exception:  # Pillow raises nearly anything on damaged files
        name = file.relative_to(root).as_posix()
        raise DataError(f"{name} in {label} is not a whole picture: {ADVICE}.") from None
