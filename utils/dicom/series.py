"""A series to a volume: slices by position, spacing from positions, an affine in LPS; or why not."""
from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from utils.dicom.read import DicomError, NotDicomError, attempt, find_files, name_of, read, values_of
from utils.dicom.values import GROUPS, frame_item, header_value, is_spacing, physical_values, unit

ROUNDING = 0.005  # mm: what writing a position to a hundredth of a millimetre may change
SAME_PLACE, SAME_SHARE = 1e-3, 0.01  # slices closer than this many mm, or share of a gap, are doubled
DECIMALS = 4  # of PixelSpacing in mm that count: a tenth of a micrometre is rounding
TILT = 1e-3  # between direction cosines, about 0.06 degrees: more than rounding, less than another orientation
SKEW = 2e-3  # of lengths and products of direction cosines that are rounded to three decimals: at most 1.8e-3
DIRECTORY = "1.2.840.10008.1.3.10"  # SOP class of a DICOMDIR
ALIKE = {  # what must be one in a volume: how it is called
    "SeriesInstanceUID": "series", "PatientID": "patients (PatientID)",
    "StudyInstanceUID": "studies", "FrameOfReferenceUID": "frames of reference", "Modality": "modalities",
    "PhotometricInterpretation": "photometric interpretations",
}  # fmt: skip
SAID = ("AcquisitionNumber", "EchoTime", "TemporalPositionIdentifier", "ConvolutionKernel", "ImageType")


@dataclass(frozen=True)
class Volume:
    """A stack of parallel slices in physical values.

    `array` (slices, rows, columns) float32; `spacing` in mm between slices, rows and columns;
    `affine` 4×4 maps the index (slice, row, column, 1) to (x, y, z, 1) in mm, LPS, of the voxel's
    centre; `unit` of the values. `tilt`: degrees between the line of the slices and their normal, as
    under a tilted CT gantry: then `affine` has no right angles, and its first column is longer than
    `spacing[0]`, which is measured along the normal. `note`: what else a reader should know.
    """

    array: np.ndarray
    spacing: tuple[float, float, float]
    affine: np.ndarray
    unit: str
    tilt: float = 0.0
    note: str = ""


def _geometry(data: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Position (3,) and the two direction cosines (2, 3): along a row, then down a column."""
    keywords = ("ImagePositionPatient", "ImageOrientationPatient")
    place = [attempt(lambda k=k: np.array(values_of(frame_item(data, GROUPS[k])[k]), float)) for k in keywords]
    for keyword, values, n in zip(keywords, place, (3, 6), strict=True):
        if values is None or values.shape != (n,) or not np.isfinite(values).all():
            raise DicomError(f"{name_of(data)} says no position and orientation, so its place in the body is unknown: "
                             f"its {keyword} is not {n} numbers.")  # fmt: skip
    position, axes = place[0], place[1].reshape(2, 3)
    if np.abs(axes @ axes.T - np.eye(2)).max() > SKEW:
        raise DicomError(f"The ImageOrientationPatient of {name_of(data)} is not two directions of length 1 at a "
                         "right angle, so its place in the body is unknown.")  # fmt: skip
    return position, axes


def sort_slices(datasets: Iterable[Dataset], *, orientation_tolerance: float = TILT) -> list[Dataset]:
    """Slices in the order of their position along the slice normal (row × column direction):
    https://dicom.nema.org/medical/dicom/current/output/chtml/part03/sect_C.7.6.2.html#sect_C.7.6.2.1.1

    Args:
        orientation_tolerance: by how much any direction cosine may differ from the first slice's.

    Raises:
        DicomError: a slice has no position, or not all slices have the same orientation.
    """
    slices = list(datasets)
    if not all(isinstance(data, Dataset) for data in slices):
        raise DicomError("sort_slices() takes data sets, as dicom.read() gives them.")
    places = [_geometry(data) for data in slices]
    for data, (_, axes) in zip(slices, places, strict=True):
        if np.abs(axes - places[0][1]).max() > orientation_tolerance:
            raise DicomError(f"{name_of(data)} is oriented otherwise than {name_of(slices[0])}: sort them separately.")
    depth = [float(position @ np.cross(*axes)) for position, axes in places]
    return [slices[i] for i in np.argsort(depth, kind="stable")]


def series_to_volume(
    paths: str | os.PathLike | Iterable[str | os.PathLike],
    *,
    orientation_tolerance: float = TILT,
    gap_tolerance: float = 0.02,
    line_tolerance: float = 0.05,
) -> Volume:
    """Read one series and stack its slices by position; SliceThickness does not count (PS3.3 C.7.6.2.1).

    A slice missing at either end leaves no trace in the positions and cannot be noticed.

    Args:
        paths: the files of one series in any order, or a folder that holds one series.
        orientation_tolerance: see `sort_slices`.
        gap_tolerance: by which share of the median gap a gap may differ from it, besides rounding;
            a missing slice makes 100 %.
        line_tolerance: by which share of a gap a slice may lie beside the affine's place for it.

    In a folder, files that are not DICOM, and an index (DICOMDIR), are left aside and named in `note`, as are
    a tilt, several acquisitions or echoes, and a SpacingBetweenSlices that positions contradict.

    Raises:
        DicomError: two series, patients or frames of reference, mixed sizes, spacings, units or
            orientations, a missing, doubled or damaged slice, a multi-frame or colour file, no position
            or pixel spacing, directions that are none, one slice only.

    Example:
        >>> from pydicom.data import DATA_ROOT  # a CT of five tiny slices, 2.5 mm apart
        >>> volume = series_to_volume(f"{DATA_ROOT}/test_files/dicomdirtests/98892001/CT5N")
        >>> volume.array.shape, volume.spacing, volume.unit
        ((5, 16, 16), (2.5, 0.488281, 0.488281), 'HU')
    """
    unsorted, aside = _read(paths)
    spacing = _check_alike(unsorted)
    slices = sort_slices(unsorted, orientation_tolerance=orientation_tolerance)
    places, axes = zip(*map(_geometry, slices), strict=True)
    positions, (along_row, down_column) = np.array(places), axes[0]  # (slices, 3), (3,), (3,)
    normal = np.cross(along_row, down_column)
    gaps = np.diff(positions @ normal)  # (slices - 1,)
    gap = _check_gaps(slices, gaps, gap_tolerance)
    affine = np.eye(4)
    affine[:3, 0] = (positions[-1] - positions[0]) / len(gaps)
    affine[:3, 1], affine[:3, 2] = down_column * spacing[0], along_row * spacing[1]
    affine[:3, 3] = positions[0]
    straight = positions[0] + np.arange(len(slices))[:, None] * affine[:3, 0]
    if np.abs(positions - straight).max() > line_tolerance * gap + 2 * ROUNDING:
        raise DicomError("The slices do not lie on one straight line, so no single affine describes them.")
    array = np.stack([physical_values(data) for data in slices]).astype(np.float32)
    aslant = float(np.linalg.norm(affine[:3, 0] - normal * (affine[:3, 0] @ normal)))  # mm from slice to slice
    tilt = float(np.arctan2(aslant, gap))
    tilt = np.degrees(tilt) if tilt > TILT and aslant * len(gaps) > 2 * ROUNDING else 0.0
    notes = [f"left aside: {', '.join(aside[:3])}{f' and {len(aside) - 3} more' * (len(aside) > 3)}"] if aside else []
    notes += [f"the slices are stacked {tilt:.1f} degrees aslant (a tilted gantry?)"] if tilt else []
    differ = {key: len({str(_said(data, key)) for data in slices}) for key in SAID}
    notes += [f"{key} differs ({n} values)" for key, n in differ.items() if n > 1]
    if _said(slices[0], "SeriesInstanceUID") is None:
        notes.append("without SeriesInstanceUID, nothing says that the slices belong together")
    said = _said(slices[0], "SpacingBetweenSlices")
    if isinstance(said, int | float) and abs(said - gap) > gap_tolerance * gap + ROUNDING:
        notes.append(f"SpacingBetweenSlices says {said:g} mm, positions say {gap:.3f} mm and are taken")
    if blank := int(np.isnan(array).sum()):
        notes.append(f"{blank:,} voxels have no value (NaN)")
    return Volume(array, (float(gaps.mean()), *spacing), affine, unit(slices[0]), float(tilt), "; ".join(notes))


def _said(data: Dataset, keyword: str) -> Any:
    return attempt(lambda: header_value(data, keyword), "unreadable")


def _read(paths: str | os.PathLike | Iterable[str | os.PathLike]) -> tuple[list[Dataset], list[str]]:
    """Slices, and what was left aside: in a folder, whatever does not even begin like DICOM."""
    slices, aside = [], []
    for name, path in find_files(paths).items():
        try:
            data = read(path)
        except DicomError as error:
            foreign = path.suffix.lower() != ".dcm" and (isinstance(error, NotDicomError) or path.name.startswith("."))
            if not foreign or not isinstance(paths, str | os.PathLike):
                raise
            aside.append(name)
            continue
        if attempt(lambda data=data: data.file_meta.MediaStorageSOPClassUID) == DIRECTORY:
            aside.append(name)
        else:
            slices.append(data)
    return slices, aside


def _check_alike(slices: list[Dataset]) -> tuple[float, float]:
    """The pixel spacing of slices that are of one volume; DicomError says why they are not."""
    for data in slices:
        if _said(data, "Rows") is None:
            raise DicomError(f"{name_of(data)} holds no picture, so it is no slice: take it out.")
        if _said(data, "NumberOfFrames") not in (None, 1):
            raise DicomError(f"{name_of(data)} holds several frames; only series of one frame a file can be stacked.")
    if len(slices) < 2:
        raise DicomError(f"A volume needs at least two slices of one series, and here are {len(slices)}.")
    said = [_said(data, "PixelSpacing") for data in slices]
    keys = [(text, [_said(data, key) for data in slices]) for key, text in ALIKE.items()]
    keys += [("image sizes", [(_said(data, "Rows"), _said(data, "Columns")) for data in slices])]
    for text, found in keys:
        _check_one(text, found)
    for data, pair in zip(slices, said, strict=True):
        if not is_spacing(pair):
            said_here = pair or "nothing"
            raise DicomError(f"{name_of(data)} gives no two PixelSpacings in mm (it says {said_here}), so the "
                             "size of its pixels is unknown.")  # fmt: skip
    _check_one("pixel spacings", [tuple(np.round(np.array(pair, float), DECIMALS)) for pair in said])
    _check_one("units", [unit(data) for data in slices])
    return float(said[0][0]), float(said[0][1])


def _check_one(text: str, found: list) -> None:
    if (n := len(set(map(str, found)))) > 1:  # as text, for NaN is no two
        raise DicomError(f"These files hold {n} different {text}, so they are not one volume: give the files of one.")


def _check_gaps(slices: list[Dataset], gaps: np.ndarray, tolerance: float) -> float:
    """The median gap in mm, if no slice is doubled or missing."""
    gap = float(np.median(gaps))
    for i, this in enumerate(gaps):
        pair = f"{name_of(slices[i])} and {name_of(slices[i + 1])}"
        if this < max(SAME_SHARE * gap, SAME_PLACE):
            raise DicomError(f"{pair} are at the same position: keep one of them (or one acquisition).")
        if abs(this - gap) > tolerance * gap + ROUNDING:
            raise DicomError(f"The gap between {pair} is {this:.3f} mm, elsewhere {gap:.3f} mm: a slice is missing.")
    return gap
