"""CT of the clinic's patients, and two scans as two hospitals would hand them over.

Modelled: attenuation sampled at voxel centres, noise, a layer of fat under the skin, metal far above
every tissue (a volume with a pacemaker in it), and the filler that scanners write outside their round
field of view (slices with a filled rim). Not modelled: the beam's spectrum, reconstruction and its
artefacts, streaks around metal, the partial volume of a voxel (it has the value of its centre),
motion, contrast agents, the table.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from utils.clinic import dicomfile
from utils.clinic.patient import Patient, Term, draws, make_patient

FAT = -0.14  # what fat adds to soft tissue, relative to water: -100 HU
FILLER = -2048  # HU, outside the round field of view
STORED = -1024, 3071  # HU, the least and the most that a scanner stores


def attenuation(patient: Patient, axes: Sequence[np.ndarray],
                terms: list[Term] | None = None) -> np.ndarray:
    """Attenuation relative to water, float32 (x, y, z), on a grid of ascending coordinates in mm.

    `axes` are the three coordinate arrays; `terms` stand in for the patient's own.
    """
    total = np.zeros([len(a) for a in axes], np.float32)
    reach = np.sqrt(np.diagonal(patient.shape, axis1=1, axis2=2))
    inverse = np.linalg.inv(patient.shape).astype(np.float32)
    for term in patient.terms if terms is None else terms:
        inside = list(term.inside)
        low = (patient.centre[inside] - reach[inside]).max(0)
        high = (patient.centre[inside] + reach[inside]).min(0)
        ends = zip(axes, low, high, strict=True)
        block = tuple(slice(*np.searchsorted(a, [first, last])) for a, first, last in ends)
        if 0 in total[block].shape:
            continue
        grid = [a[part].astype(np.float32) for a, part in zip(axes, block, strict=True)]
        here = _holds(inverse, patient.centre, inside[0], grid)
        for k in inside[1:]:
            here &= _holds(inverse, patient.centre, k, grid)
        for k in term.outside:
            apart = abs(patient.centre[k] - (low + high) / 2)
            if (apart < reach[k] + (high - low) / 2).all():
                here &= ~_holds(inverse, patient.centre, k, grid)
        total[block] += np.float32(term.amount) * here
    return total


def _holds(inverse: np.ndarray, centre: np.ndarray, k: int, grid: list[np.ndarray]) -> np.ndarray:
    """Whether ellipsoid k holds the points of a grid, bool (x, y, z)."""
    (xx, xy, xz), (_, yy, yz), (*_, zz) = inverse[k]
    dx, dy, dz = np.ix_(*(g - np.float32(c) for g, c in zip(grid, centre[k], strict=True)))
    across = (xx * dx + 2 * xy * dy) * dx + yy * dy**2
    return across + (2 * (xz * dx + yz * dy) + zz * dz) * dz < 1


def ct(patient: Patient, spacing: Sequence[float] = (3.0, 3.0, 5.0),
       shape: Sequence[int] = (128, 128, 64), noise: float = 15.0,
       seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same patient in a scanner: HU int16 (x, y, z), affine (4, 4) to RAS mm, lesion mask bool.

    The first axis runs to the patient's left, the second to the back, the third to the head, as ITK
    writes NIfTI; `noise` is the standard deviation in HU.

    >>> hu, affine, lesions = ct(make_patient(2, "opacity"), (6, 6, 10), (64, 48, 32))
    >>> hu.shape, hu.dtype, bool(lesions.any())
    ((64, 48, 32), dtype('int16'), True)
    """
    axes = [(np.arange(n) - (n - 1) / 2) * s for n, s in zip(shape, spacing, strict=True)]
    values = 1000 * (attenuation(patient, axes) - 1)
    rng = draws(seed, 8)
    values += rng.standard_normal(values.shape, np.float32) * noise
    affine = np.diag([-spacing[0], -spacing[1], spacing[2], 1.0])
    affine[:3, 3] = [-axes[0][0], -axes[1][0], axes[2][0]]
    mask = attenuation(patient, axes, patient.lesion_terms()) > 0
    return np.clip(np.rint(values), *STORED).astype(np.int16), affine, mask


def bags(count: int, severity: float = 0.4, seed: int = 0,
         progress: Callable[[Iterable], Iterable] | None = None
         ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Chests as bags of 16 slices, half of them with pneumonia, a quarter with something else, a quarter well.

    Voxels are 5 × 5 × 18 mm. At the severity given, pneumonia is in some of the slices only.

    Returns:
        HU int16 (count, slices, rows, columns); which slices show more than 5 voxels of pneumonia, bool
        (count, slices); and which chests have such a slice, bool (count,).
    """
    values, guilty = np.empty((count, 16, 64, 80), np.int16), np.empty((count, 16), bool)
    for k in (progress or iter)(range(count)):
        number = 700_000 + seed * 10_000 + k
        patient = make_patient(number, ("normal", "other", "opacity", "opacity")[k % 4], severity=severity)
        hu, _, mask = ct(patient, (5.0, 5.0, 18.0), (80, 64, 16), seed=number)
        values[k], guilty[k] = hu.transpose(2, 1, 0), mask.sum((0, 1)) > 5
    return values, guilty, guilty.any(1)


def fatten(patient: Patient, layer: float = 16.0) -> Patient:
    """Turn the outermost `layer` mm of the torso, the first ellipsoid, into fat, in place."""
    axes = np.sqrt(np.diagonal(patient.shape[0]))
    inner = patient.add(patient.centre[0], axes - layer)
    patient.fill(FAT, (0,), outside=inner)
    return patient


def volume(seed: int = 0, spacing: float = 3.0,
           shape: Sequence[int] = (140, 101, 96)) -> tuple[np.ndarray, np.ndarray]:
    """A chest with a pacemaker under the left collar bone: HU int16 (x, y, z), affine to RAS mm."""
    patient = fatten(make_patient(seed, "normal", age=60, sex="M"))
    patient.fill(6.0, patient.add((82, -70, 88), (22, 6, 20)))
    return ct(patient, (spacing,) * 3, shape, seed=seed)[:2]


def write_slices(folder: str | Path, progress: Callable[[Iterable], Iterable] | None = None,
                 seed: int = 0, size: int = 256, side: float = 384.0, count: int = 2) -> list[Path]:
    """Write chest slices, 1 mm apart, as DICOM files with hardly a header; returns their paths.

    Stored values are HU, signed. Outside the circle that fits into the picture they are `FILLER`, and
    no PixelPaddingValue says so. `side` is that of the picture in mm. `progress` may wrap the slices.
    Never overwrites: FileExistsError.
    """
    folder, spacing = Path(folder), side / size
    folder.mkdir(parents=True, exist_ok=True)
    patient = fatten(make_patient(seed + 1, "normal", age=55, sex="F"), 12.0)
    values = ct(patient, (spacing, spacing, 1.0), (size, size, count), seed=seed)[0]
    row, column = np.indices((size, size)) - (size - 1) / 2
    outside, corner, paths = np.hypot(row, column) > size / 2, -(size - 1) / 2 * spacing, []
    for k in (progress or iter)(range(count)):
        pixels = np.where(outside, FILLER, values[:, :, k].T).astype(np.int16, order="C")
        ds = dicomfile.dataset(pixels.view(np.uint16), dicomfile.CT, ("ct", seed), 1, k, {
            "Modality": "CT", "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
            "PixelRepresentation": 1, "RescaleSlope": 1, "RescaleIntercept": 0,
            "SliceThickness": 1, "PixelSpacing": [f"{spacing:.6g}"] * 2,
            "PatientName": "", "PatientID": "", "InstanceNumber": k + 1,
            "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
            "ImagePositionPatient": [corner, corner, k - (count - 1) / 2]})
        paths.append(folder / f"chest_slice_{k}.dcm")
        ds.save_as(paths[-1], enforce_file_format=True, overwrite=False)
    return paths
