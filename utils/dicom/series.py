"""A series to a volume: slices by position, spacing from positions, an affine in LPS; or why not."""
from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset

from utils.dicom.read import DicomError, attempt, find_files, name_of, read
from utils.dicom.values import physical_values, unit

ROUNDING = 0.005  # mm: what writing a position to a hundredth of a millimetre may change
SAME_PLACE, SAME_SHARE = 1e-3, 0.01  # slices closer than this many mm, or share of a gap, are doubled
DECIMALS = 4  # of PixelSpacing in mm that count: a tenth of a micrometre is rounding
TILT = 1e-3  # between direction cosines, about 0.06 degrees: more than rounding, less than another orientation


@dataclass(frozen=True)
class Volume:
    """A stack of parallel slices in physical values.

    `array` (slices, rows, columns) float32; `spacing` in mm between slices, rows and columns;
    `affine` 4×4 maps the index (slice, row, column, 1) to (x, y, z, 1) in mm, LPS, of the voxel's
    centre; `unit` of the values.
    """

    array: np.ndarray
    spacing: tuple[float, float, float]
    affine: np.ndarray
    unit: str


def _geometry(data: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Position (3,) and the two direction cosines (2, 3): along a row, then down a column."""
    keywords = ("ImagePositionPatient", "ImageOrientationPatient")
    position, axes = (attempt(lambda k=k: np.array(data[k].value, float)) for k in keywords)
    if position is None or axes is None or position.shape != (3,) or axes.shape != (6,):
        raise DicomError(f"{name_of(data)} says no position and orientation, so its place in the body is unknown.")
    return position, axes.reshape(2, 3)


def sort_slices(datasets: Iterable[Dataset], *, orientation_tolerance: float = TILT) -> list[Dataset]:
    """Slices in the order of their position along the slice normal (row × column direction):
    https://dicom.nema.org/medical/dicom/current/output/chtml/part03/sect_C.7.6.2.html#sect_C.7.6.2.1.1

    Args:
        orientation_tolerance: by how much any direction cosine may differ from the first slice's.

    Raises:
        DicomError: a slice has no position, or not all slices have the same orientation.
    """
    slices = list(datasets)
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

    Raises:
        DicomError: two series, mixed sizes, spacings, units or orientations, a missing or doubled
            slice, a multi-frame or colour file, no position, one slice only.

    Example:
        >>> from pydicom.data import DATA_ROOT  # a CT of five tiny slices, 2.5 mm apart
        >>> volume = series_to_volume(f"{DATA_ROOT}/test_files/dicomdirtests/98892001/CT5N")
        >>> volume.array.shape, volume.spacing, volume.unit
        ((5, 16, 16), (2.5, 0.488281, 0.488281), 'HU')
    """
    slices = sort_slices(_read_alike(paths), orientation_tolerance=orientation_tolerance)
    places, axes = zip(*map(_geometry, slices), strict=True)
    positions, (along_row, down_column) = np.array(places), axes[0]  # (slices, 3), (3,), (3,)
    gaps = np.diff(positions @ np.cross(along_row, down_column))  # (slices - 1,)
    gap = _check_gaps(slices, gaps, gap_tolerance)
    spacing = [float(mm) for mm in slices[0].PixelSpacing]  # between rows, between columns
    affine = np.eye(4)
    affine[:3, 0] = (positions[-1] - positions[0]) / len(gaps)
    affine[:3, 1], affine[:3, 2] = down_column * spacing[0], along_row * spacing[1]
    affine[:3, 3] = positions[0]
    straight = positions[0] + np.arange(len(slices))[:, None] * affine[:3, 0]
    if np.abs(positions - straight).max() > line_tolerance * gap + 2 * ROUNDING:
        raise DicomError("The slices do not lie on one straight line, so no single affine describes them.")
    array = np.stack([physical_values(data) for data in slices]).astype(np.float32)
    return Volume(array, (float(gaps.mean()), *spacing), affine, unit(slices[0]))


def _read_alike(paths: str | os.PathLike | Iterable[str | os.PathLike]) -> list[Dataset]:
    """The slices of one series, refused where they are not alike."""
    files = find_files(paths).values()
    if isinstance(paths, str | os.PathLike):  # in a folder, what is no DICOM file (a licence) does not matter
        files = [p for p in files if p.suffix == ".dcm" or attempt(lambda p=p: read(p, pixels=False))]
    slices = [read(path) for path in files]
    for text, key in (
        ("series; give the files of one", lambda d: d.get("SeriesInstanceUID")),
        ("image sizes", lambda d: (d.get("Rows"), d.get("Columns"))),
        ("pixel spacings", lambda d: tuple(np.round(np.atleast_1d(np.array(d.get("PixelSpacing"), float)), DECIMALS))),
        ("units", unit),
    ):
        if (n := len({key(data) for data in slices})) > 1:
            raise DicomError(f"These files hold {n} different {text}, so they are not one volume.")
    for data in slices:
        if int(data.get("NumberOfFrames") or 1) > 1:
            raise DicomError(f"{name_of(data)} holds several frames; only series of one frame a file can be stacked.")
    if len(slices) < 2 or "PixelSpacing" not in slices[0]:
        raise DicomError("A volume needs at least two slices that give their PixelSpacing; these files do not.")
    return slices


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
