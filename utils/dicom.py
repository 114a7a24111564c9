"""DICOM files: headers to a table, stored values to a picture, a series to a volume, identity out.

Built on pydicom. "PS3.n" is part n of the DICOM standard. Coordinates are the patient's, in millimetres, in
DICOM's own convention LPS: x grows to the patient's left, y to the back (posterior), z to the head (superior).
"""
from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.uid import UID, UID_dictionary

from utils.dicom_files import DicomError, attempt, decode, decoder, name_of, one_sentence, plain, read
from utils.dicom_identity import Pseudonymiser, audit_identity, deidentify

__all__ = ["DEFAULT_TAGS", "DicomError", "Pseudonymiser", "Volume", "audit_identity", "decoder", "decoders",
           "deidentify", "display", "headers", "is_padding", "physical_values", "read", "series_to_volume",
           "sort_slices", "stored_values", "unit", "window"]  # fmt: skip

DIRECTORY = "1.2.840.10008.1.3.10"
DEFAULT_TAGS = {  # column of the table: DICOM keyword
    "modality": "Modality", "rows": "Rows", "columns": "Columns", "frames": "NumberOfFrames",
    "bits": "BitsStored", "signed": "PixelRepresentation", "samples": "SamplesPerPixel",
    "photometric": "PhotometricInterpretation", "spacing": "PixelSpacing", "thickness": "SliceThickness",
    "position": "ImagePositionPatient", "orientation": "ImageOrientationPatient", "instance": "InstanceNumber",
    "slope": "RescaleSlope", "intercept": "RescaleIntercept", "window_centre": "WindowCenter",
    "window_width": "WindowWidth", "padding": "PixelPaddingValue", "burned_in": "BurnedInAnnotation",
    "manufacturer": "Manufacturer", "description": "SeriesDescription", "patient": "PatientID",
    "study_uid": "StudyInstanceUID", "series_uid": "SeriesInstanceUID", "instance_uid": "SOPInstanceUID",
}  # fmt: skip


# ---------------------------------------------------------------------------- headers


def headers(
    folder_or_paths: str | os.PathLike | Iterable[str | os.PathLike],
    tags: Mapping[str, str] | Iterable[str] = DEFAULT_TAGS,
    progress: bool = False,
) -> pd.DataFrame:
    """One row a file, whatever the file holds; pixels are not read.

    Args:
        folder_or_paths: a folder (searched to the bottom, links to folders not followed), a file, or paths.
        tags: {column: DICOM keyword}, or keywords.
        progress: show a progress bar.

    Returns:
        DataFrame: `name` (relative), `readable`, `reason` (one sentence; for a readable file what is wrong
        with it, else ""), `syntax` and `decoder` (what decodes its pixels here), then one column a
        tag. Several values are a tuple; missing or undecodable ones are NA.

    Raises:
        DicomError: the folder does not exist or holds no file, or a keyword is not a DICOM keyword.
    """
    tags = dict(tags) if isinstance(tags, Mapping) else {tag: tag for tag in tags}
    if unknown := [keyword for keyword in tags.values() if tag_for_keyword(keyword) is None]:
        raise DicomError(f"{unknown[0]} is not a DICOM keyword; PatientID and PixelSpacing are.")
    found = _files(folder_or_paths).items()
    if progress:
        import sys

        from tqdm import tqdm

        found = tqdm(found, "headers", file=sys.stdout, unit="file")
    return pd.DataFrame([{"name": name, **_row(path, tags)} for name, path in found]).convert_dtypes()


def _files(where: Any) -> dict[str, Path]:
    """{relative name: path} of a folder, a file or a list of paths."""
    if not isinstance(where, str | os.PathLike):
        paths = [Path(path) for path in where]
        base = os.path.commonpath([path.parent.absolute() for path in paths]) if paths else ""
        found = {os.path.relpath(path.absolute(), base): path for path in paths}
    elif Path(where).is_dir():
        walk = (Path(folder, file) for folder, _, files in os.walk(where) for file in files)
        found = {path.relative_to(where).as_posix(): path for path in sorted(walk)}
    else:
        found = {Path(where).name: Path(where)}
        if not Path(where).exists():
            raise DicomError(f"There is no folder or file {where}: check the path.")
    if not found:
        raise DicomError("There is no file to read: the folder or the list of paths is empty.")
    return found


def _row(path: Path, tags: Mapping[str, str]) -> dict[str, Any]:
    try:
        data = read(path, pixels=False)
    except DicomError as error:
        return {"readable": False, "reason": str(error), "syntax": None, "decoder": None, **dict.fromkeys(tags)}
    trouble, values = [], {}
    for column, keyword in tags.items():
        try:
            values[column] = plain(data, keyword)
        except Exception:
            values[column] = None
            trouble.append(f"{keyword} cannot be decoded")
    syntax = attempt(lambda: UID(str(data.file_meta.TransferSyntaxUID)))
    if attempt(lambda: data.file_meta.MediaStorageSOPClassUID) == DIRECTORY:
        trouble.append("it is a DICOMDIR, an index of other files")
    elif 0 < data.bytes_left < (expected := _native_bytes(data, syntax)):
        trouble.append(f"pixel data are cut off ({data.bytes_left:,} of {expected:,} bytes)")
    if any(e.is_raw and e.value and len(e.value) < e.length < 0xFFFFFFFF for e in data._dict.values()):
        trouble.append("the file ends inside an element")
    return {"readable": True, "reason": "; ".join(trouble), "syntax": syntax and syntax.name,
            "decoder": syntax and decoder(syntax), **values}  # fmt: skip


def _native_bytes(data: Dataset, syntax: UID | None) -> int:
    """Bytes that uncompressed pixels need; 0 where that cannot be said from the header."""
    keywords = ("Rows", "Columns", "SamplesPerPixel", "BitsAllocated", "NumberOfFrames", "PhotometricInterpretation")
    *size, frames, kind = (attempt(lambda k=k: plain(data, k)) for k in keywords)
    if attempt(lambda: syntax.is_encapsulated, True) or not all(type(n) is int for n in size):
        return 0
    whole = math.prod(size) * max(frames or 1, 1) // 8
    return whole * 2 // 3 if kind == "YBR_FULL_422" else whole


def decoders() -> pd.DataFrame:
    """Every transfer syntax of the standard: `syntax`, `uid`, `compressed`, `works` here, `decoder`."""
    rows = []
    for uid, (name, kind, *_) in UID_dictionary.items():
        if kind == "Transfer Syntax":
            by = decoder(uid)
            rows.append({"syntax": name, "uid": uid, "compressed": UID(uid).is_encapsulated,
                         "works": not by.startswith(("missing", "none")), "decoder": by})  # fmt: skip
    return pd.DataFrame(rows)


# ---------------------------------------------------------------------------- stored → physical → displayed


@one_sentence
def stored_values(data: Dataset, frame: int | None = None) -> np.ndarray:
    """The numbers in the file, decompressed, with the right sign; nothing rescaled, no colour converted.

    Returns:
        ([frames,] rows, columns[, samples]); one frame, counted from 0, if `frame` is given.

    Raises:
        DicomError: no pixels, damaged pixels, or no decoder for the transfer syntax (named).
    """
    return decode(data, frame, rgb=False)[0]


@one_sentence
def physical_values(data: Dataset, frame: int | None = None) -> np.ndarray:
    """Stored values through the modality LUT, or slope and intercept (PS3.3 C.11.1); RT dose through its scaling.

    Returns:
        Floats, ([frames,] rows, columns), in `unit(data)`. In multi-frame files each frame has its own rescale.

    Raises:
        DicomError: as in `stored_values`, or the image is in colour: colours measure nothing.
    """
    if data.get("SamplesPerPixel", 1) != 1 or data.get("PhotometricInterpretation") == "PALETTE COLOR":
        raise DicomError(f"{name_of(data)} is a colour image and holds no physical values; use display().")
    stored = stored_values(data, frame)
    if stored.ndim == 3:
        return np.stack([_to_physical(data, one, i) for i, one in enumerate(stored)])
    return _to_physical(data, stored, frame or 0)


def _to_physical(data: Dataset, stored: np.ndarray, frame: int) -> np.ndarray:
    item = _frame_item(data, "PixelValueTransformationSequence", frame)
    if item.get("ModalityLUTSequence"):
        return _look_up(stored, item.ModalityLUTSequence[0], data)[0].astype(float)
    slope, intercept = (item.get(name) for name in ("RescaleSlope", "RescaleIntercept"))
    slope = data.get("DoseGridScaling") if slope in (None, "") else slope
    return stored * (1.0 if slope in (None, "") else float(slope)) + float(intercept or 0)


@one_sentence
def unit(data: Dataset) -> str:
    """Unit of the physical values, "" where the file gives none (as in most MR)."""
    item = _frame_item(data, "PixelValueTransformationSequence", 0)
    named = item.get("RescaleType") or data.get("Units") or ""
    if named in ("", "US", "NONE"):  # US stands for "unspecified"
        dose = str(data.get("DoseUnits", "")).title() if "DoseGridScaling" in data else ""
        return "HU" if data.get("Modality") == "CT" and "RescaleSlope" in item else dose
    return str(named)


def _frame_item(data: Dataset, keyword: str, frame: int) -> Dataset:
    """Where a macro's attributes stand: the frame's functional group, the shared one, or the top level."""
    for groups, index in (("PerFrameFunctionalGroupsSequence", frame), ("SharedFunctionalGroupsSequence", 0)):
        sequence = data.get(groups)
        if sequence and index < len(sequence) and sequence[index].get(keyword):
            return sequence[index][keyword].value[0]
    return data


def _look_up(values: np.ndarray, item: Dataset, data: Dataset) -> tuple[np.ndarray, int]:
    """Values through a lookup table item (PS3.3 C.11.1.1), and its bits; below and above it the end entries hold."""
    entries, first, bits = (int(v) for v in item.LUTDescriptor)
    entries, table = entries or 1 << 16, item.LUTData
    if isinstance(table, bytes):
        order = "<" if attempt(lambda: data.file_meta.TransferSyntaxUID.is_little_endian, True) else ">"
        table = np.frombuffer(table, np.uint8 if len(table) < 2 * entries else f"{order}u2")
    index = np.clip(np.rint(values).astype(np.int64) - first, 0, min(entries, len(table)) - 1)
    return np.asarray(table)[index], bits


def is_padding(data: Dataset, stored: np.ndarray) -> np.ndarray:
    """Which stored values are padding, not measured (PS3.3 C.7.5.1.1.2): a boolean array of the same shape."""
    value = data.get("PixelPaddingValue")
    if value is None or stored.dtype.kind not in "iu":
        return np.zeros(stored.shape, bool)
    ends = [int(value), int(data.get("PixelPaddingRangeLimit", value))]
    low, high = sorted(int(np.array(v).astype(stored.dtype)) for v in ends)  # written with the wrong sign by some
    return (stored >= low) & (stored <= high)


def window(values: np.ndarray, centre: float, width: float, function: str = "LINEAR") -> np.ndarray:
    """Physical values to 0…1 (PS3.3 C.11.2.1.2 and C.11.2.1.3): below the window 0, above it 1."""
    if function == "SIGMOID":
        return 1 / (1 + np.exp(np.clip(-4 * (values - centre) / width, -60, 60)))
    if function == "LINEAR":  # the standard's default: a window of width w has w - 1 steps
        centre, width = centre - 0.5, width - 1
    if width <= 0:
        return (values > centre).astype(float)
    return np.clip((values - centre) / width + 0.5, 0, 1)


@one_sentence
def display(
    data: Dataset,
    window: tuple[float, float] | None = None,
    frame: int | None = None,
    eight_bit: bool = False,
) -> np.ndarray:
    """The picture as it is meant to be seen: rescaled, windowed, MONOCHROME1 turned round, colours as RGB.

    Args:
        window: (centre, width) in physical units; else the file's own VOI LUT or first window, else the range
            of the values that are not padding.
        eight_bit: uint8 0…255 in place of floats 0…1.

    Returns:
        ([frames,] rows, columns) in grey, where padding is black, or ([frames,] rows, columns, 3) in colour.
    """
    kind = data.get("PhotometricInterpretation", "MONOCHROME2")
    if kind == "PALETTE COLOR" or data.get("SamplesPerPixel", 1) == 3:
        picture, meta = decode(data, frame, rgb=True)
        picture = picture / (2.0 ** int(meta["bits_stored"]) - 1)
    else:
        stored = stored_values(data, frame)
        frames = list(stored) if stored.ndim == 3 else [stored]
        first = 0 if frame is None else frame
        shown = [_display_one(data, one, window, first + i) for i, one in enumerate(frames)]
        picture = np.stack(shown) if stored.ndim == 3 else shown[0]
    return np.rint(picture * 255).astype(np.uint8) if eight_bit else picture


def _display_one(data: Dataset, stored: np.ndarray, chosen: tuple | None, frame: int) -> np.ndarray:
    values, padding = _to_physical(data, stored, frame), is_padding(data, stored)
    item = _frame_item(data, "FrameVOILUTSequence", frame)
    centre, width = (np.atleast_1d(item.get(k) or [])[:1] for k in ("WindowCenter", "WindowWidth"))
    if chosen:
        grey = window(values, *chosen)
    elif item.get("VOILUTSequence"):
        grey, bits = _look_up(values, item.VOILUTSequence[0], data)
        grey = grey / (2.0**bits - 1)
    elif centre.size and width.size:
        grey = window(values, float(centre[0]), float(width[0]), item.get("VOILUTFunction", "LINEAR"))
    else:
        seen = values[~padding] if (~padding).any() else values
        low, high = float(seen.min()), float(seen.max())
        grey = np.clip((values - low) / ((high - low) or 1.0), 0, 1)
    grey = 1 - grey if data.get("PhotometricInterpretation") == "MONOCHROME1" else grey
    return np.where(padding, 0.0, grey)


# ---------------------------------------------------------------------------- a series → a volume


@dataclass(frozen=True)
class Volume:
    """A stack of parallel slices in physical values.

    `array` (slices, rows, columns) float32; `spacing` in mm between slices, rows and columns; `affine` 4×4 maps
    the index (slice, row, column, 1) to (x, y, z, 1) in mm, LPS, of the voxel's centre; `unit` of the values.
    """

    array: np.ndarray
    spacing: tuple[float, float, float]
    affine: np.ndarray
    unit: str


def _geometry(data: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Position (3,) and the two direction cosines (2, 3): along a row, then down a column."""
    position, axes = (attempt(lambda k=k: np.array(data[k].value, float)) for k in
                      ("ImagePositionPatient", "ImageOrientationPatient"))  # fmt: skip
    if position is None or axes is None or position.shape != (3,) or axes.shape != (6,):
        raise DicomError(f"{name_of(data)} says no position and orientation, so its place in the body is unknown.")
    return position, axes.reshape(2, 3)


def sort_slices(datasets: Iterable[Dataset]) -> list[Dataset]:
    """Slices in the order of their position along the slice normal (row × column direction, PS3.3 C.7.6.2.1.1).

    Raises:
        DicomError: a slice has no position, or not all slices have the same orientation.
    """
    slices = list(datasets)
    places = [_geometry(data) for data in slices]
    for data, (_, axes) in zip(slices, places, strict=True):
        if np.abs(axes - places[0][1]).max() > 1e-3:
            raise DicomError(f"{name_of(data)} is oriented otherwise than {name_of(slices[0])}: sort them separately.")
    depth = [float(position @ np.cross(*axes)) for position, axes in places]
    return [slices[i] for i in np.argsort(depth, kind="stable")]


def series_to_volume(paths: str | os.PathLike | Iterable[str | os.PathLike]) -> Volume:
    """Read one series and stack its slices by position; spacing comes from positions, not from SliceThickness.

    A slice missing at either end leaves no trace in the positions and cannot be noticed.

    Args:
        paths: the files of one series in any order, or a folder that holds one series.

    Raises:
        DicomError: two series, mixed sizes, spacings, units or orientations, a missing or doubled slice,
            a multi-frame or colour file, no position, one slice only.
    """
    files = _files(paths).values()
    if isinstance(paths, str | os.PathLike):  # in a folder, files that are no DICOM files (a licence) do not matter
        files = [path for path in files if path.suffix == ".dcm" or attempt(lambda p=path: read(p, pixels=False))]
    slices = [read(path) for path in files]
    for text, key in (
        ("series; give the files of one", lambda d: d.get("SeriesInstanceUID")),
        ("image sizes", lambda d: (d.get("Rows"), d.get("Columns"))),
        ("pixel spacings", lambda d: tuple(np.round(np.atleast_1d(np.array(d.get("PixelSpacing"), float)), 4))),
        ("units", unit),
    ):
        if (n := len({key(data) for data in slices})) > 1:
            raise DicomError(f"These files hold {n} different {text}, so they are not one volume.")
    for data in slices:
        if int(data.get("NumberOfFrames") or 1) > 1:
            raise DicomError(f"{name_of(data)} holds several frames; only series of one frame a file can be stacked.")
    if len(slices) < 2 or "PixelSpacing" not in slices[0]:
        raise DicomError("A volume needs at least two slices that give their PixelSpacing; these files do not.")
    slices = sort_slices(slices)
    positions, axes = zip(*map(_geometry, slices), strict=True)
    positions, (along_row, down_column) = np.array(positions), axes[0]
    gaps = np.diff(positions @ np.cross(along_row, down_column))
    gap = float(np.median(gaps))
    for i, this in enumerate(gaps):
        pair = f"{name_of(slices[i])} and {name_of(slices[i + 1])}"
        if this < max(0.01 * gap, 1e-3):
            raise DicomError(f"{pair} are at the same position: keep one of them (or one acquisition).")
        if abs(this - gap) > 0.02 * gap + 0.005:
            raise DicomError(f"The gap between {pair} is {this:.3f} mm, elsewhere {gap:.3f} mm: a slice is missing.")
    affine, rows_columns = np.eye(4), [float(v) for v in slices[0].PixelSpacing]
    affine[:3, 0] = (positions[-1] - positions[0]) / len(gaps)
    affine[:3, 1], affine[:3, 2] = down_column * rows_columns[0], along_row * rows_columns[1]
    affine[:3, 3] = positions[0]
    if np.abs(positions - (positions[0] + np.arange(len(slices))[:, None] * affine[:3, 0])).max() > 0.05 * gap + 0.01:
        raise DicomError("The slices do not lie on one straight line, so no single affine describes them.")
    array = np.stack([physical_values(data) for data in slices]).astype(np.float32)
    return Volume(array, (float(gaps.mean()), *rows_columns), affine, unit(slices[0]))
