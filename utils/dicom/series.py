"""A series to a volume: slices sorted by position, spacing from positions, an affine in LPS; or a reason why not."""
from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset

from utils.dicom.files import DicomError, attempt, find_files, name_of, read
from utils.dicom.values import physical_values, unit


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
    files = find_files(paths).values()
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
