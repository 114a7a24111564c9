"""The one door to the data: the same object whatever the source, and the source is always named.

`load(name)` looks in `COURSE_DATA` and in `data/`, then downloads what is public, then asks the virtual clinic
for synthetic data. `COURSE_OFFLINE=1` skips the download. Whatever is wrong with a file, a folder or a server is
said in one sentence (a `DataError`, or the source's note); no file of yours is ever changed or removed.
"""
from __future__ import annotations

import functools
import hashlib
import itertools
import os
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pandas as pd

from utils import archives, files, fingerprint
from utils.archives import Cases, Films
from utils.files import ADVICE, NotFetched
from utils.sources import DataError, Folder, Images, Outlines, Series, Source, Split

DATA = Path(__file__).resolve().parent.parent / "data"
UNKEPT = "It cannot be kept in data/ ({}), so every lesson makes it anew."
YOURS, OURS, CLINIC = "your COURSE_DATA folder", "the course's data folder", "the virtual clinic (synthetic)"
TABLES = {  # file name: (address, columns)
    "dermamnist_split_info.csv": (
        "https://raw.githubusercontent.com/kakumarabhishek/Corrected-Skin-Image-Datasets/"
        "d15d70dc445c7f5960d8376f89512ea9079c4222/DermaMNIST/DermaMNIST_Analysis/dermamnist_split_info.csv",
        ["split", "index", "image_id"]),
    "HAM10000_metadata.csv": (
        "https://dataverse.harvard.edu/api/access/datafile/4338392?format=original",
        ["lesion_id", "image_id", "dx", "dx_type", "age", "sex", "localization", "dataset"]),
}  # fmt: skip
MAKERS = {"dermamnist": "skin.generate", "pneumoniamnist": "standins.pneumonia_npz",
          "mr_t1_series": "mr.write_mr_series", "lidc_nodules": "standins.lidc_npz",
          "ct_slices": "ct.write_slices"}  # in utils.clinic
PARTS = ("train", "val", "test")
CARDS = {
    "dermamnist": Source("DermaMNIST", citation="Tschandl et al. 2018, doi:10.7910/DVN/DBW86T; Yang et al. 2023, "
                         "MedMNIST v2, Sci Data", licence="CC BY-NC 4.0"),
    "pneumoniamnist": Source("PneumoniaMNIST", citation="Kermany et al. 2018, doi:10.17632/rscbjbr9sj; "
                             "Yang et al. 2023, MedMNIST v2, Sci Data", licence="CC BY 4.0"),
    "chest_xray": Source("Children's chest X-rays", citation="Kermany et al. 2018, doi:10.17632/rscbjbr9sj",
                         licence="CC BY 4.0"),
    "mr_t1_series": Source("T1-weighted head MR", citation="datalad/example-dicom-structural",
                           licence="PDDL (public domain)"),
    "lidc_nodules": Source("LIDC-IDRI nodules", citation="Armato et al. 2011, doi:10.1118/1.3528204; "
                           "doi:10.7937/K9/TCIA.2015.LO9QL9SX", licence="CC BY 3.0"),
    "ct_volume": Source("CT volume", citation="test data of TotalSegmentator, Wasserthal et al. 2023, "
                        "doi:10.1148/ryai.230024", licence="Apache 2.0"),
    "ct_slices": Source("Chest CT slices", citation="test data of lungmask, Hofmanninger et al. 2020, "
                        "doi:10.1186/s41747-020-00173-2", licence="Apache 2.0"),
}  # fmt: skip
LAYOUT = {  # classes, shape of an image, published numbers of images in train, val and test
    "dermamnist": (("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc"), (28, 28, 3), (7007, 1003, 2005)),
    "pneumoniamnist": (("normal", "pneumonia"), (28, 28), (4708, 524, 624)),
}


def load(name: str, *, metadata: bool = False, size: int | None = None) -> Images:
    """A data set of the course, from the first place that has it; `.source` says which.

    Args:
        name: "dermamnist", "pneumoniamnist" or "chest_xray".
        metadata: for DermaMNIST, join each image with HAM10000's table (lesion, diagnosis and how it was made,
            age, sex, site of the body, source). Without it, `table` holds `split` and `index` only.
        size: for chest_xray, the side in pixels to which every film is resized; 224 if you do not say.

    Raises:
        DataError: a file is there but broken, COURSE_DATA is not a folder, no data set has this name, or
            chest_xray is not there (nobody can fetch it for you).
    """
    if name == "chest_xray":
        return _chest_xray(size or 224)
    if name not in LAYOUT:
        raise DataError(f"No data set is called {name!r}: choose dermamnist, pneumoniamnist or chest_xray.")
    if metadata and name != "dermamnist":
        raise DataError(f"{name} has no metadata: leave metadata=True away.")
    try:
        file, where = _obtain(f"{name}.npz")
    except NotFetched as reason:
        return _synthetic(name, metadata, f"{reason}.")
    arrays, note = _read_images(file, name)
    try:
        table = _ham10000(arrays, file.parent) if metadata else _rows(arrays)
    except (DataError, NotFetched) as reason:
        return _synthetic(name, metadata, f"The real images are here but not used: {str(reason).rstrip('.')}.")
    return _images(name, arrays, table, where, note)


def _images(name: str, arrays: dict[str, np.ndarray], table: pd.DataFrame, where: str, note: str) -> Images:
    parts, first = {}, 0
    for part in PARTS:
        images, labels = arrays[f"{part}_images"], arrays[f"{part}_labels"].reshape(-1).astype(np.int64)
        parts[part] = Split(images, labels, table[first : first + len(labels)].reset_index(drop=True))
        first += len(labels)
    source = _source(name, where, note, *(a for part in parts.values() for a in (part.images, part.labels)))
    return Images(name, source.title, LAYOUT[name][0], source, **parts)


def _source(name: str, where: str, note: str, *content: np.ndarray | bytes) -> Source:
    source = replace(CARDS[name], is_real=where != CLINIC, where=where, note=note, fingerprint=_fingerprint(*content))
    made = {"citation": f"made by this course, after {source.title}", "licence": "as the course"}
    return source if source.is_real else replace(source, **made)


def _fingerprint(*content: np.ndarray | bytes) -> str:
    sha = hashlib.sha256()
    for item in content:
        sha.update(item if isinstance(item, bytes) else np.ascontiguousarray(item).data)
    return sha.hexdigest()[:12]


def _rows(arrays: dict[str, np.ndarray]) -> pd.DataFrame:
    return pd.concat([pd.DataFrame({"split": part, "index": range(len(arrays[f"{part}_labels"]))}) for part in PARTS],
                     ignore_index=True)  # fmt: skip


# ---------------------------------------------------------------------------- files that are there


def _folders() -> dict[Path, str]:
    """The folders to search, in order, with their names for people."""
    given = os.environ.get("COURSE_DATA", "").strip()
    if not given:
        return {DATA: OURS}
    places = [base / os.path.expanduser(given) for base in (DATA.parent, Path.cwd())]  # as typed there, or here
    folder = next((place for place in places if place.is_dir() and os.access(place, os.R_OK | os.X_OK)), None)
    if folder is None:
        raise DataError(f"COURSE_DATA is {given!r}, which is no folder that can be read: correct it or unset it.")
    return {folder: YOURS, DATA: OURS}


def _present(name: str) -> Path | None:
    """The first file or folder of this name, broken or not."""
    return next((folder / name for folder in _folders() if os.path.lexists(folder / name)), None)


def _nowhere(name: str) -> str:
    return f"Neither COURSE_DATA nor data/ holds {name}" if len(_folders()) > 1 else f"data/ does not hold {name}"


def _obtain(name: str) -> tuple[Path, str]:
    """A public file and the name of the place it came from; downloaded if need be. Raises NotFetched."""
    file = _present(name)
    if file:
        return file, _folders()[file.parent]
    if os.environ.get("COURSE_OFFLINE", "").strip().lower() not in ("", "0", "no", "false"):
        raise NotFetched(f"{_nowhere(name)}, and COURSE_OFFLINE forbids the download")
    url, md5 = (TABLES[name][0], None) if name in TABLES else _published(name.removesuffix(".npz"))
    try:
        files.download(url, DATA / name, md5, _check_table if name in TABLES else None)
    except NotFetched as reason:
        raise NotFetched(f"{_nowhere(name)}, and {reason}") from None
    return DATA / name, f"downloaded from {urlsplit(url).hostname}"


@functools.cache
def _published(name: str) -> tuple[str, str]:
    """Address and MD5 of a MedMNIST file, as the medmnist package states them."""
    import runpy
    from importlib.util import find_spec

    package = find_spec("medmnist")
    if package is None:
        raise DataError("The medmnist package is not installed: run `pip install -r requirements.txt`.")
    with warnings.catch_warnings():  # info.py alone: importing the whole package would import torch
        warnings.simplefilter("ignore")
        info = runpy.run_path(str(Path(package.origin).with_name("info.py")))["INFO"][name]
    return info["url"], info["MD5"]


def _label(file: Path) -> str:
    return f"{file.name} in {_folders().get(file.parent, OURS)}"


def _read_npz(file: Path, *keys: str) -> tuple[dict[str, np.ndarray], bytes]:
    raw = files.read_bytes(file, _label(file))
    return files.read_npz(raw, _label(file), list(keys)), raw


def _read_images(file: Path, name: str) -> tuple[dict[str, np.ndarray], str]:
    """The arrays of a MedMNIST file, checked, and what there is to say about them."""
    classes, shape, published = LAYOUT[name]
    arrays, raw = _read_npz(file, *(f"{part}_{what}" for part in PARTS for what in ("images", "labels")))
    for part in PARTS:
        images, labels, wrong = arrays[f"{part}_images"], arrays[f"{part}_labels"], ""
        if images.dtype != np.uint8 or images.shape[1:] != shape or not len(images):
            wrong = f"{part}_images is {images.dtype} {images.shape}"
        elif labels.dtype.kind not in "iu" or labels.shape not in ((len(images),), (len(images), 1)):
            wrong = f"{part}_labels is {labels.dtype} {labels.shape}"
        elif labels.min() < 0 or labels.max() >= len(classes):
            wrong = f"{part}_labels runs from {labels.min()} to {labels.max()}"
        if wrong:
            raise DataError(f"{_label(file)} is not {CARDS[name].title} at 28 pixels ({wrong}): {ADVICE}.")
    counts = tuple(len(arrays[f"{part}_labels"]) for part in PARTS)
    if counts != published:
        return arrays, f"It holds {counts} images, not the published {published}: results will not compare."
    if hashlib.md5(raw, usedforsecurity=False).hexdigest() == _published(name)[1]:
        return arrays, ""
    return arrays, "Its checksum is not the published one: results can be compared with published ones, not equated."


def _read_table(file: Path) -> pd.DataFrame:
    return _typed(files.read_table(files.read_bytes(file, _label(file)), _label(file), TABLES[file.name][1]))


def _check_table(file: Path) -> None:
    if len(_read_table(file)) != sum(LAYOUT["dermamnist"][2]):
        raise DataError(f"{file.name} is not whole.")


def _typed(table: pd.DataFrame) -> pd.DataFrame:
    numbers = [column for column in ("index", "age") if column in table]
    return table.assign(**{column: pd.to_numeric(table[column], errors="coerce") for column in numbers})


def _ham10000(arrays: dict[str, np.ndarray], folder: Path) -> pd.DataFrame:
    """HAM10000's metadata for each image, in the order train, val, test. Raises DataError, NotFetched.

    Split table and images belong together, so the tables beside the images are tried first, and a table is
    accepted only if every image has its own row and all labels agree with `dx`.
    """
    places, rows = dict.fromkeys([folder, *_folders()]), _rows(arrays)
    there = [[p / name for p in places if os.path.lexists(p / name)] or [_obtain(name)[0]] for name in TABLES]
    labels = np.concatenate([arrays[f"{part}_labels"].reshape(-1) for part in PARTS])
    for pair in itertools.product(*there):
        split_info, metadata = map(_read_table, pair)
        table = rows.merge(split_info, "left", on=["split", "index"]).merge(metadata, "left", on="image_id")
        whole = len(table) == len(rows) and table["image_id"].is_unique
        if whole and (table["dx"].to_numpy() == np.array(LAYOUT["dermamnist"][0])[labels]).all():
            return table
    raise DataError(f"the diagnoses in {' and '.join(TABLES)} do not agree with their labels.")


# ---------------------------------------------------------------------------- the virtual clinic


def _made_path(name: str, suffix: str = "") -> Path:
    """In data/synthetic, under a name that changes with the code that makes it (comments apart)."""
    code = fingerprint.code_of([f"from utils.clinic import ct, mr, skin, standins\n{MAKERS[name]}"])[1]
    return DATA / "synthetic" / fingerprint.digest(f"{sorted(code.items())}") / f"{name}{suffix}"


def _made(name: str, key: str = "train_images") -> tuple[dict[str, np.ndarray], str]:
    """What the clinic makes in place of a data set, kept in data/synthetic, and what there is to say about that."""
    file = _made_path(name, ".npz")
    try:
        return _read_npz(file, key)[0], ""
    except DataError:  # not there yet, or damaged: it is the course's own, so it may be made again
        pass
    if name == "dermamnist":
        from utils.clinic.skin import generate
    elif name == "lidc_nodules":
        from utils.clinic.standins import lidc_npz as generate
    else:
        from utils.clinic.standins import pneumonia_npz as generate
    made = dict(files.watch(generate, f"making synthetic {CARDS[name].title}"))
    if "table" in made:
        made["table"] = np.frombuffer(made["table"].to_csv(index=False).encode(), np.uint8)
    try:
        files.keep(file, lambda part: np.savez(part, **made), overwrite=True)
    except OSError as error:
        return made, UNKEPT.format(error.strerror)
    return made, ""


def _synthetic(name: str, metadata: bool, note: str) -> Images:
    arrays, kept = _made(name)
    table = _rows(arrays)
    if metadata:
        columns = dict.fromkeys(column for _, columns in TABLES.values() for column in columns)
        table = _typed(files.read_table(arrays["table"].tobytes(), "the clinic's table", list(columns)))
    return _images(name, arrays, table, CLINIC, f"{note} {kept}".strip())


def masks(pile: Images) -> dict[str, np.ndarray]:
    """Lesion masks of DermaMNIST loaded with metadata=True: {part: uint8 (n, 28, 28)}, row for row.

    A value is 255 times the share of the pixel that lies inside the lesion.

    Raises:
        DataError: the images carry no image_id, or they are real and the file of masks is not there.
    """
    name, parts = "ham10000_lesion_masks_28.npz", [pile.train, pile.val, pile.test]
    if any(part is None or "image_id" not in part.table for part in parts):
        raise DataError('Masks need to know the images: use load("dermamnist", metadata=True).')
    ids = np.concatenate([part.table["image_id"].to_numpy(dtype=str) for part in parts])
    if pile.source.is_real:
        file = _present(name)
        if file is None:
            raise DataError(f"{_nowhere(name)}: data/README.md says how to make it.")
        store = _read_npz(file, "masks", "image_id")[0]
        rows = pd.Index(store["image_id"]).get_indexer(ids) if store["image_id"].ndim == 1 else np.array([-1])
        if rows.min() < 0 or store["masks"].shape != (len(store["image_id"]), 28, 28):
            raise DataError(f"{_label(file)} does not fit these images: data/README.md says how to make it.")
        found = store["masks"][rows]
    else:
        found = _made("dermamnist")[0]["masks"]
    return dict(zip(PARTS, np.split(found, np.cumsum([len(part) for part in parts[:2]])), strict=True))


def lidc() -> Outlines:
    """Lung nodules on CT, one slice each, with the outlines of up to four readers, from LIDC-IDRI or the clinic.

    Read from `lidc_nodules.npz`, or from folders `LIDC-IDRI-NNNN/nodule-K/{images,mask-0..3}/slice-J.png` that lie
    in COURSE_DATA or data/ or one folder deeper. Crops are scaled from their own minimum to their own maximum, so
    they hold no Hounsfield units.

    Raises:
        DataError: the file or the folders are there but broken.
    """
    name, note, where, keys = "lidc_nodules", "", CLINIC, ("images", "reader_masks", "patient_id", "nodule", "slice")
    for folder, title in _folders().items():
        roots = [root for root in (folder, *sorted(folder.glob("*"))) if any(root.glob("LIDC-IDRI-[0-9]*/nodule-*"))]
        if os.path.lexists(folder / f"{name}.npz"):
            where, label = title, f"{name}.npz in {title}"
            arrays = _read_npz(folder / f"{name}.npz", *keys)[0]
        elif roots:
            where, label = title, title if roots[0] == folder else f"{roots[0].name} in {title}"
            arrays = files.read_outline_folders(roots[0], label)
        if where != CLINIC:
            break
    else:
        arrays, kept = _made(name, "reader_masks")
        note, label = f"{_nowhere(name + '.npz')}; data/README.md says how to get the real ones. {kept}".strip(), CLINIC
    images, packed, *names = (arrays[key] for key in keys)
    whole = images.dtype == packed.dtype == np.uint8 and images.ndim == 3 and images.shape == packed.shape
    whole = whole and len(images) and all(c.shape == (len(images),) and c.dtype.kind == "U" for c in names)
    if not whole or packed.max() > 15 or not packed.any((1, 2)).all():
        raise DataError(f"{label} does not hold nodules with one to four outlines each, as data/README.md lays them "
                        f"out: {ADVICE}.")  # fmt: skip
    masks = np.stack([packed & 1 << k for k in range(4)], 1).astype(bool)
    return Outlines(images, masks, pd.DataFrame(dict(zip(keys[2:], names, strict=True))),
                    _source(name, where, note, images, packed, "\n".join(names[0]).encode()))


# ---------------------------------------------------------------------------- folders of files


def pydicom_files() -> list[Path]:
    """The DICOM files that pydicom brings along, by name; nothing is downloaded."""
    import pydicom

    return sorted((Path(pydicom.__file__).parent / "data" / "test_files").glob("*.dcm"), key=lambda path: path.name)


def mr_series() -> Series:
    """A T1-weighted head MR as DICOM files: the folder `mr_t1_series` if it is there, else a synthetic head.

    Raises:
        DataError: the folder is there but holds no .dcm files.
    """
    name, note = "mr_t1_series", ""
    folder = _present(name)
    where = _folders()[folder.parent] if folder else CLINIC
    if folder is None:
        folder, kept = _made_folder(name, _write_mr_series)
        note = f"{_nowhere(name)}; data/README.md says how to get the real one. {kept}".strip()
    paths = sorted(folder.glob("*.dcm"), key=lambda path: path.name)
    if not paths:
        raise DataError(f"{_label(folder)} holds no .dcm files: put them there, or {ADVICE}.")
    return Series(paths, _source(name, where, note, *(files.read_bytes(path, path.name) for path in paths)))


def _made_folder(name: str, write: Callable[[Path], None]) -> tuple[Path, str]:
    """A folder that the clinic writes, kept in data/synthetic, and what there is to say about that."""
    return _kept_folder(_made_path(name), write)


def _kept_folder(folder: Path, write: Callable[[Path], None]) -> tuple[Path, str]:
    try:
        if not folder.is_dir():
            files.keep(folder, write)
    except OSError as error:
        if not folder.is_dir():  # else another process was quicker
            folder = Path(tempfile.mkdtemp()) / folder.name
            write(folder)
            return folder, UNKEPT.format(error.strerror)
    return folder, ""


def _write_mr_series(folder: Path) -> None:
    from utils.clinic import mr

    folder.mkdir()
    files.watch(lambda: mr.write_mr_series(folder), "making a synthetic MR series")


def _write_ct_slices(folder: Path) -> None:
    from utils.clinic import ct

    ct.write_slices(folder)


def ct_slices() -> Series:
    """Chest CT slices as DICOM files: `ct/chest_slice_*.dcm` if they are there, else two of a synthetic patient."""
    places = {folder: sorted(folder.glob("ct/chest_slice_*.dcm")) for folder in _folders()}
    where, note = next((title for folder, title in _folders().items() if places[folder]), CLINIC), ""
    paths = next((found for found in places.values() if found), [])
    if not paths:
        folder, kept = _made_folder("ct_slices", _write_ct_slices)
        paths = sorted(folder.glob("*.dcm"))
        note = f"{_nowhere('ct/chest_slice_0.dcm')}; data/README.md says how to get the real ones. {kept}".strip()
    return Series(paths, _source("ct_slices", where, note, *(files.read_bytes(path, path.name) for path in paths)))


def ct_volume() -> Scan:
    """A CT in Hounsfield units with metal in it: `ct/body_3mm.nii.gz` if it is there, else a synthetic chest.

    Raises:
        DataError: the file is there but broken.
    """
    name = "ct/body_3mm.nii.gz"
    file = _present(name)
    if file is not None:
        scan = nifti(file)
        return replace(scan, source=_source("ct_volume", _folders()[file.parent.parent], "", scan.array, scan.affine))
    from utils.clinic import ct

    array, affine = ct.volume()
    note = f"{_nowhere(name)}; data/README.md says how to get the real one."
    spacing = tuple(map(float, np.linalg.norm(affine[:3, :3], axis=0)))
    return Scan(array, spacing, affine, _source("ct_volume", CLINIC, note, array, affine))


@dataclass(frozen=True, eq=False)
class Scan:
    """A volume from a NIfTI file.

    `array` (i, j, k) as stored, and rescaled to float32 where the header says so; `spacing` in mm along its axes;
    `affine` 4×4 maps the index (i, j, k, 1) of a voxel's centre to mm in RAS, as NIfTI has it. DICOM's LPS is
    the same with the first two rows negated.
    """

    array: np.ndarray = field(repr=False)
    spacing: tuple[float, float, float]
    affine: np.ndarray
    source: Source


def nifti(path: str | Path) -> Scan:
    """Read one volume that says where it lies: a NIfTI file, .nii or .nii.gz.

    The affine is the file's sform, or its qform where there is no sform. A unit of length that is not stated is
    taken to be the millimetre.

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
        raise DataError(f"{shown} has no affine (sform_code and qform_code are both 0), so nobody knows its side, "
                        "place or direction: convert it anew from the DICOM files.")  # fmt: skip
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        raise DataError(f"{shown} has an affine that cannot be inverted: convert it anew from the DICOM files.")
    if length not in ("mm", "unknown"):
        raise DataError(f"{shown} states its lengths in {length}, and the course reads mm: convert it anew.")
    if np.prod(shape, dtype=float) * max(header.get_data_dtype().itemsize, 4) > files.MOST_BYTES:
        raise DataError(f"{shown} is too large for the memory {shape}: resample it to larger voxels first.")
    try:
        array = np.asanyarray(image.dataobj).reshape(shape)
    except Exception:
        raise DataError(damaged) from None
    array = array.astype(np.float32) if array.dtype.kind == "f" else array
    source = Source(file.name, True, "your own file", "", _fingerprint(array, affine), "not stated", "not stated")
    return Scan(array, tuple(map(float, np.linalg.norm(affine[:3, :3], axis=0))), affine, source)


def folder(path: str | Path, *, size: int | None = None, mode: str = "L") -> Folder:
    """Read a folder of images with a folder for each class, whole or inside train, val and test.

    Args:
        path: the folder. Hidden files are ignored, and files that are no images are listed in `.skipped`.
        size: resize each image to size × size pixels (the aspect ratio is not kept); needed if sizes differ.
        mode: "L" for grey or "RGB" for colour. 16-bit images keep their upper 8 bits.

    Raises:
        DataError: no such folder, no class folders, one class only, no images, different sizes, too many pixels.
    """
    images, labels, classes, table, skipped, note = files.read_class_folders(path, size, mode)
    title, mark = Path(os.path.expanduser(path)).resolve().name, _fingerprint(images, labels)
    source = Source(title, True, "your own folder", note, mark, "not stated", "not stated")
    return Folder(images, labels, classes, table, skipped, source)


def _chest_xray(size: int) -> Images:
    root = _present("chest_xray")
    if root is None:
        raise DataError(f"{_nowhere('chest_xray')}: get it from Mendeley Data or Kaggle (data/README.md says how), "
                        "unzip it there, and run this again.")  # fmt: skip
    found = folder(root, size=size)
    parts = {part: found.part(part) for part in PARTS}
    if parts["train"] is None or parts["test"] is None:
        raise DataError(f"{_label(root)} lacks images in train or in test: unzip it again.")
    source = _source("chest_xray", _folders()[root.parent], found.source.note, found.images, found.labels)
    return Images("chest_xray", source.title, found.classes, source, **parts)


# ---------------------------------------------------------------------------- archives that need an account


def rsna(limit: int | None = None) -> Films:
    """Chest films with boxes in the layout of RSNA's pneumonia challenge: the real ones, or else synthetic ones.

    Args:
        limit: the first films only, in the order of their names, which are random; a person's other films may
            then be missing.

    Raises:
        DataError: the archive is there, but a table is missing, damaged or contradicts itself, or no film is there.
    """
    return archives.read_rsna(_archive("rsna"), limit)


def covid19(limit: int | None = None) -> Cases:
    """Chest CT with lesion masks in the layout of the COVID-19-20 challenge: the real ones, or else synthetic ones.

    Args:
        limit: the first cases only, in the order of their names.

    Raises:
        DataError: the archive is there but holds no CT.
    """
    return archives.read_covid19(_archive("covid19"), nifti, limit)


def _archive(name: str) -> archives.Place:
    """Where an archive lies; the clinic writes one if nobody has it."""
    places, sign = archives.PLACES[name]
    for folder, title in _folders().items():
        there = [place for place in places if os.path.lexists(folder / place)]
        if there:
            place = next((place for place in there if any((folder / place).glob(sign))), there[0])
            return archives.Place(name, folder / place, title, f"{place} in {title}")
    code = fingerprint.code_of([f"from utils.clinic import standins\nstandins.{archives.WRITERS[name]}"])[1]
    made = fingerprint.digest(f"{sorted(code.items())}")
    folder, kept = _kept_folder(DATA / "synthetic" / made / name, functools.partial(_write_archive, name))
    root = folder / "Train" if name == "covid19" else folder
    note = f"{_nowhere(places[0])}; data/README.md says how to get the real ones. {kept}".strip()
    return archives.Place(name, root, CLINIC, f"{name} in data/synthetic", note, made)


def _write_archive(name: str, folder: Path) -> None:
    from utils.clinic import standins

    write = getattr(standins, archives.WRITERS[name])
    files.watch(lambda: write(folder), f"making synthetic {archives.CARDS[name].title}")
