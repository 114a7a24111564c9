"""Pictures in folders, a folder a class, as people keep them: what is met is read, or named with the reason.

Nothing is taken for what it is not: splits and classes are told by the names of folders and said in the note; masks,
thumbnails and other files stay aside; a layout that can be read in two ways is refused.
"""
from __future__ import annotations

import os
import re
import unicodedata
import warnings
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from utils.datasets import read
from utils.datasets.places import Bar
from utils.datasets.types import PARTS, DataError, Folder, Images, Place, fingerprint, own_source

LONGEST_SIDE = 4096  # pixels that `size` may ask for
DARK_BITS = 13  # pictures of 16 bits that use fewer are named: scanners store 10 to 12
JUNK = re.compile(r"\..*|__MACOSX|Thumbs\.db|desktop\.ini|@eaDir|\$RECYCLE\.BIN|System Volume Information", re.I)
SPLITS = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "dev": "val",
          "test": "test", "testing": "test"}  # fmt: skip
FILLERS = {"set", "data", "dataset", "images", "imgs", "split", "folder"}  # in the names of splits
MASK = r"masks?|segs?|segmentations?|labels?|annotations?|gt|ground[ _-]?truth"
MASK_FOLDER, MASK_FILE = re.compile(MASK, re.I), re.compile(rf"(.+?)[ _.-]+({MASK})([ _-]?\d+)?", re.I)
FORMATS = ["PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP", "PPM", "JPEG2000"]  # none starts another program
OTHERS = {
    r"\.(nii|nii\.gz|mha|mhd|nrrd)$": "a volume: datasets.nifti reads NIfTI",
    r"\.(dcm|dicom|ima)$": "DICOM: dicom.headers reads it",
    r"\.(zip|tar|tgz|gz|rar|7z)$": "an archive: unpack it",
}


@dataclass
class _Met:
    """What was met on the way: the pictures to read, what stays aside and why, and what there is to say."""

    files: list[tuple[str, str, str]] = field(default_factory=list)  # path below the root, split, class
    skipped: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


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


def class_folders(path: str | Path, *, size: int | None = None, mode: str = "L", opener: Any = None) -> Folder:
    """Read a folder of images with a folder for each class, whole or inside train, val and test.

    Hidden files are ignored; every other file is in the table, or in `.skipped` with the reason; `.source.note` says
    what was taken for splits, what stayed aside, and what became of values (16 bits, transparency). Links are followed.

    Args:
        path: the folder.
        size: resize each image to size × size pixels (the aspect ratio is not kept); needed if sizes differ.
        mode: "L" for grey or "RGB" for colour. Images of 16 bits keep their upper 8.
        opener: what opens a file in place of `picture` below, as for DICOM (lesson 4.7); its ValueError is the reason.

    Raises:
        DataError: no such folder, no class folders, one class only, no images, different sizes, too many pixels, or a
            layout that can be read in two ways.
    """
    root, shown = Path(os.path.expanduser(path)), f"'{_plain(str(path))}'"
    if not root.is_dir():
        missing = f"There is no folder {shown}: check the path, as seen from where this runs."
        raise DataError(f"{shown} is a file: unzip it and give the folder." if root.exists() else missing)
    sized = size is None or (isinstance(size, int) and 1 <= size <= LONGEST_SIDE)
    if mode not in ("L", "RGB") or not sized:
        raise DataError(
            f'mode is "L" or "RGB", and size is None or a whole number of pixels from 1 to {LONGEST_SIDE}.'
        )
    met = _Met()
    try:
        _look(root, shown, met)
    except OSError as error:
        raise DataError(f"{shown} cannot be read ({error.strerror}): check its permissions.") from None
    images, rows = _pictures(root, shown, met, size, mode, opener or picture)
    table = pd.DataFrame(rows, columns=["file", "split", "class"], dtype=str)
    names, labels = np.unique(table["class"].to_numpy(dtype=str), return_inverse=True)
    classes, labels = tuple(map(str, names)), labels.astype(np.int64)
    if not classes:
        raise DataError(f"No file in the class folders of {shown} is an image: PNG and JPEG files are read.")
    if len(classes) == 1:
        raise DataError(f"{shown} has images of one class only ({classes[0]}): give the folder that holds a "
                        "folder for each class, or holds train and test.")  # fmt: skip
    _check_classes(table, classes, met)
    source = own_source(_plain(root.resolve().name), "folder", fingerprint(images, labels), " ".join(met.notes))
    return Folder(images, labels, classes, table, met.skipped, source)


# ---------------------------------------------------------------------------- which files


def _plain(text: str) -> str:
    """A name that can be printed and written, with replaced letters where its bytes are no text."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _split_of(name: str) -> str | None:
    """The split that a folder's name means, such as "test" for "Testing Data"; None if it means none."""
    words = [word for word in re.split(r"[\W_]+", name.casefold()) if word and word not in FILLERS]
    joined = re.fullmatch(r"(train|val|test)(set|data)", words[0]) if len(words) == 1 else None
    return joined[1] if joined else SPLITS.get(words[0]) if len(words) == 1 else None


def _inside(folder: Path) -> tuple[list[Path], list[Path]]:
    """The folders and the files in a folder, by name, without junk."""
    every = sorted(p for p in folder.iterdir() if not JUNK.fullmatch(p.name))
    return [p for p in every if p.is_dir()], [p for p in every if not p.is_dir()]


def _look(root: Path, shown: str, met: _Met) -> None:
    """Find splits, classes and files. Raises DataError where the layout is not what it seems, or OSError."""
    tops, loose = _inside(root)
    met.skipped |= {_plain(file.name): "stands beside the folders" for file in loose}
    parts = {top: split for top in tops if (split := _split_of(top.name))}
    divided = bool(parts) and (len(parts) == len(tops) or "train" in parts.values())
    if divided and not any(_inside(part)[0] for part in parts):
        raise DataError(f"{shown} holds {' and '.join(p.name for p in parts)} without a folder for each class in "
                        "them: put the images of each class in a folder named after it.")  # fmt: skip
    if divided:
        said = ", ".join(f"{_plain(part.name)} as {split}" for part, split in parts.items())
        if any(part.name.casefold() not in SPLITS for part in parts):
            met.notes.append(f"Taken for splits: {said}.")
        for top in [top for top in tops if top not in parts]:
            met.skipped[_plain(top.name)] = "stands beside the splits"
            met.notes.append(f"The folder {_plain(top.name)} beside the splits was left aside.")
    else:
        _refuse_twins_of_folders(tops, shown)
    for split, part in [(split, part) for part, split in parts.items()] if divided else [("all", root)]:
        labels, beside = _inside(part)
        if divided:
            met.skipped |= {_plain(f"{part.name}/{file.name}"): "stands beside the class folders" for file in beside}
        for label in labels:
            if MASK_FOLDER.fullmatch(label.name):
                met.skipped[_plain(label.relative_to(root).as_posix())] = "a folder of masks"
                continue
            before = len(met.files)
            _walk(root, label, split, met)
            if len(met.files) == before:
                met.notes.append(f"The folder {_plain(label.relative_to(root).as_posix())} holds no images.")
    masks = sum("mask" in reason for reason in met.skipped.values())
    if masks:
        met.notes.append(f"{_some(masks, 'file or folder', 'files or folders')} of masks stayed aside.")
    if not met.files:
        if masks:
            raise DataError(f"{shown} holds masks and no images of classes: give the folder of the images.")
        what = "holds files but no class folders" if loose and not tops else "holds only empty folders" if tops else ""
        raise DataError(f"{shown} {what or 'is empty'}: put the images of each class in a folder named after it.")


def _refuse_twins_of_folders(tops: list[Path], shown: str) -> None:
    """Refuse folders that hold the same two or more class folders each: splits, sites or folds, not classes."""
    held = [frozenset(p.name for p in _inside(top)[0] if not MASK_FOLDER.fullmatch(p.name)) for top in tops]
    if len(tops) > 1 and len(set(held)) == 1 and len(held[0]) > 1:
        names, classes = (", ".join(map(_plain, sorted(some)[:3])) for some in ([top.name for top in tops], held[0]))
        raise DataError(f"{shown} looks divided into {names}, each with {classes}: call them train, val and test, or "
                        "give one of them.")  # fmt: skip


def _walk(root: Path, label: Path, split: str, met: _Met) -> None:
    """All files below a class folder, links followed, none twice."""

    def closed(error: OSError) -> None:
        name = Path(error.filename).relative_to(root).as_posix()
        met.skipped[_plain(name)] = f"cannot be opened ({error.strerror})"

    entered = {root.resolve()}
    for folder, inner, names in os.walk(label, onerror=closed, followlinks=True):
        here = Path(folder)
        entered.add(here.resolve())
        kept = []
        for name in sorted(inner):
            short = _plain((here / name).relative_to(root).as_posix())
            if JUNK.fullmatch(name):
                continue
            if MASK_FOLDER.fullmatch(name):
                met.skipped[short] = "a folder of masks"
            elif (here / name).resolve() in entered:
                met.skipped[short] = "a link to a folder that was read already"
            else:
                kept.append(name)
        inner[:] = kept
        stems = {Path(name).stem.casefold() for name in names}
        for name in sorted(names):
            file = here / name
            short, mask = _plain(file.relative_to(root).as_posix()), MASK_FILE.fullmatch(Path(name).stem)
            if JUNK.fullmatch(name):
                continue
            if not file.exists():
                met.skipped[short] = "a link that leads nowhere"
            elif mask and mask[1].casefold() in stems:
                met.skipped[short] = "a mask, by its name"
            else:
                met.files.append((file.relative_to(root).as_posix(), split, label.name))


def _check_classes(table: pd.DataFrame, classes: tuple[str, ...], met: _Met) -> None:
    """Refuse class names that look alike; say which class is missing from a split."""
    alike = defaultdict(list)
    for name in classes:
        alike[" ".join(unicodedata.normalize("NFKC", name).casefold().split())].append(name)
    for names in alike.values():
        if len(names) > 1:
            raise DataError(f"Two folders of classes differ in case, blanks or accents only "
                            f"({', '.join(map(repr, names))}): call them alike.")  # fmt: skip
    held = table.groupby("class")["split"].unique()
    splits = table["split"].unique()
    for name, where in held.items():
        if len(where) < len(splits):
            met.notes.append(f"Class {name} is in {' and '.join(where)} only.")


# ---------------------------------------------------------------------------- their pixels


def picture(file: Path, size: int | None, mode: str) -> tuple[np.ndarray, set[str]]:
    """Pixels (h, w[, 3]) the right way up: uint8, or uint16 where the file has more than 8 bits; and what is odd.

    Odd are "several" (only the first picture is read) and "transparent" (on black). Raises whatever Pillow raises,
    and ValueError.
    """
    from PIL import Image, ImageOps

    if not file.is_file():
        raise ValueError("not a regular file")
    Image.init()
    odd = set()
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(file, formats=FORMATS) as image:
            if size:
                image.draft(mode, (size, size))  # lets JPEG decode at a lower resolution, no lower than this
            if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":
                odd.add("several")
            if image.mode == "F":
                raise ValueError("floating-point pixels")
            deep = image.mode.startswith("I")
            image = ImageOps.exif_transpose(image)
            if deep:
                values = np.asarray(image)
                if values.min() < 0 or values.max() > 65535:
                    raise ValueError("more than 16 bits")
                image = Image.fromarray(values.astype(np.float32))
            elif "A" in image.getbands() or "transparency" in image.info:
                image = image.convert("RGBA")
                if image.getextrema()[3][0] < 255:
                    odd.add("transparent")
                image = Image.alpha_composite(Image.new("RGBA", image.size, "black"), image)
            if not deep:
                image = image.convert(mode)
            if size:
                image = image.resize((size, size), Image.Resampling.BILINEAR)
            pixels = np.asarray(image)
    if deep:
        pixels = np.rint(pixels).astype(np.uint16)
        pixels = np.stack([pixels] * 3, -1) if mode == "RGB" else pixels
    return pixels, odd


def _reason(error: Exception, name: str) -> str:
    """Why a file is not among the images: one clause, without a path."""
    from PIL import Image, UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):
        known = [what for pattern, what in OTHERS.items() if re.search(pattern, name, re.I)]
        return known[0] if known else "not an image"
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return "too many pixels"
    if isinstance(error, PermissionError):
        return "cannot be opened (no permission)"
    text = str(error)
    if "truncated" in text or "cut" in text or isinstance(error, EOFError):
        return "cut off or damaged"
    return text if isinstance(error, ValueError) and "/" not in text and text else "damaged"


def _pictures(
    root: Path, shown: str, met: _Met, size: int | None, mode: str, opener: Any
) -> tuple[np.ndarray, list[tuple[str, str, str]]]:
    """The images uint8 (n, h, w[, 3]) and their rows of the table; what is skipped or odd goes into `met`."""
    images, rows, deep, odd = np.empty(0, np.uint8), [], [], Counter()
    stems = Counter(str(Path(name).with_suffix("")) for name, _, _ in met.files)
    for name, split, label in Bar(met.files, desc="reading images"):
        short = _plain(name)
        try:
            pixels, strange = opener(root / name, size, mode)
        except Exception as error:  # Pillow raises nearly anything on damaged files
            met.skipped[short] = _reason(error, name)
            continue
        levels = len(np.unique(pixels[::7, ::7])) > 2 or len(np.unique(pixels)) > 2
        if stems[str(Path(name).with_suffix(""))] > 1 and not levels:
            met.skipped[short] = "a mask: two values, and a picture of the same name"
            continue
        if not rows:
            if pixels.size * len(met.files) > read.MOST_BYTES:
                raise DataError(f"{shown} holds {len(met.files):,} images, too large for the memory: "
                                "give a smaller size=.")  # fmt: skip
            images = np.empty((len(met.files), *pixels.shape), np.uint8)
        if pixels.shape != images.shape[1:]:
            raise DataError(f"Images in {shown} differ in size ({rows[0][0]}, {short}): choose one, as in size=224.")
        if pixels.dtype == np.uint16:
            deep.append(int(pixels.max()))
            pixels = pixels >> 8
        images[len(rows)] = pixels
        odd.update(strange)
        odd["flat"] += pixels.min() == pixels.max()
        rows.append((short, split, _plain(label)))
    if deep:
        top = max(deep)
        dark = f", so {top.bit_length()} bits are in use and the pictures are dark" if top < 2**DARK_BITS else ""
        met.notes.append(f"{_some(len(deep), 'image')} of 16 bits were cut to 8 "
                         f"(the brightest pixel is {top:,}{dark}).")  # fmt: skip
    said = {"several": "held several pictures; the first of each was read", "transparent": "have transparent parts, "
            "which are black here", "flat": "are of one single value"}  # fmt: skip
    met.notes += [f"{_some(odd[what], 'file')} {words}." for what, words in said.items() if odd[what]]
    kinds = Counter("not images" if reason == "not an image" else "unreadable" if "mask" not in reason else "masks"
                    for reason in met.skipped.values())  # fmt: skip
    kinds.pop("masks", None)
    if total := sum(kinds.values()):
        met.notes.append(f"{_some(total, 'file')} stayed aside; .skipped says why.")
    return images[: len(rows)], rows


def _some(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
