"""A head in a T1-weighted MR scanner, written as a DICOM series with the usual traps.

Modelled: nested ellipsoids in the manner of Shepp and Logan, painted one over the other, with the order of
brightness of T1 (fat, white matter, grey matter, muscle, fluid, bone and air), a folded cortex, a smooth bias
field, Rician noise, and slices with gaps, stored in no order. Not modelled: the signal equation, partial volume,
motion, vessels, any disease. The values have no unit, as in any MR.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from utils.clinic import dicomfile
from utils.clinic.patient import rotation

TISSUES = ("air", "fat", "bone", "muscle", "fluid", "grey matter", "white matter")
SIGNAL = np.array([0, 1000, 60, 380, 170, 470, 720], np.float32)  # of each tissue
_PARTS = (  # tissue, centre, half-axes (mm), degrees about x; painted in this order
    ("fat", (0, 0, 0), (77, 97, 104), 0), ("muscle", (0, 10, -70), (58, 66, 66), 0),
    ("bone", (0, 0, 3), (72, 92, 98), 0), ("fluid", (0, 0, 4), (67, 87, 93), 0),
    ("grey matter", (0, -2, 10), (64, 83, 80), 0), ("white matter", (0, -2, 9), (55, 73, 69), 0),
    ("fluid", (0, -2, 62), (1.8, 80, 40), 0),  # between the hemispheres
    ("grey matter", (0, 45, -42), (47, 29, 24), 0), ("white matter", (0, 44, -41), (36, 19, 14), 0),  # cerebellum
    ("white matter", (0, 18, -40), (13, 14, 34), -15), ("white matter", (0, -4, 16), (20, 38, 6), 0),
    ("fluid", (-13, -6, 20), (7, 30, 10), 12), ("fluid", (13, -6, 20), (7, 30, 10), 12),  # ventricles
    ("fluid", (0, 2, 2), (2.2, 13, 11), 0), ("fluid", (0, 34, -36), (6, 6, 9), 0),
    ("grey matter", (-13, 3, 5), (9, 14, 9), 0), ("grey matter", (13, 3, 5), (9, 14, 9), 0),  # thalami
    ("grey matter", (-25, -12, 6), (7, 16, 10), 0), ("grey matter", (25, -12, 6), (7, 16, 10), 0),
    ("fat", (-32, -81, -30), (18, 14, 16), 0), ("fat", (32, -81, -30), (18, 14, 16), 0),  # orbits and eyes
    ("fluid", (-32, -84, -30), (12, 12, 12), 0), ("fluid", (32, -84, -30), (12, 12, 12), 0),
    ("air", (0, -72, -52), (15, 24, 17), 0), ("air", (0, -30, -85), (13, 12, 40), 0),
    ("air", (0, -88, 8), (20, 4, 9), 0),
)  # fmt: skip


def tissue(points: np.ndarray, seed: int = 0) -> np.ndarray:
    """Index into `TISSUES`, uint8 (...), at points (..., 3) in mm, axes left, back, up."""
    rng = np.random.Generator(np.random.PCG64([seed, 1]))
    points = np.asarray(points, np.float32) / np.exp(rng.normal(0, .03, 3)).astype(np.float32)
    waves = rng.normal(0, .30, (6, 3))
    folds = sum(np.sin(points @ w.astype(np.float32) + p) for w, p in zip(waves, rng.uniform(0, 6, 6), strict=True))
    found = np.zeros(points.shape[:-1], np.uint8)
    for name, centre, axes, tilt in _PARTS:
        away = ((points - np.float32(centre)) @ rotation(0, tilt).astype(np.float32)) / np.float32(axes)
        depth = (away**2).sum(-1)
        if name in ("grey matter", "white matter") and min(axes) > 50:
            depth += (.05 if name == "grey matter" else .15) * folds
        found[depth < 1] = TISSUES.index(name)
    return found


def bias(points: np.ndarray, seed: int = 0) -> np.ndarray:
    """The coil's smooth sensitivity, float32 (...), about 0.5 to 1.6, at points (..., 3) in mm."""
    rng = np.random.Generator(np.random.PCG64([seed, 2]))
    p = np.asarray(points, np.float32) / 100
    linear, square = rng.normal(0, .22, 3).astype(np.float32), rng.normal(-.1, .15, 3).astype(np.float32)
    return np.exp(p @ linear + (p**2) @ square)


def scan(points: np.ndarray, seed: int = 0, noise: float = 18.0, draw: int = 0) -> np.ndarray:
    """Magnitude, float32 (...): signal × bias with Rician noise, standard deviation `noise` in each channel.

    Another `draw` is another draw of the noise in the same head.
    """
    rng = np.random.Generator(np.random.PCG64([seed, 3, draw]))
    signal = SIGNAL[tissue(points, seed)] * bias(points, seed)
    real, imaginary = rng.standard_normal((2, *signal.shape), np.float32) * noise
    return np.hypot(signal + real, imaginary)


def write_mr_series(folder: str | Path, seed: int = 0, slices: int = 40, shape: Sequence[int] = (176, 144),
                    spacing: Sequence[float] = (1.25, 1.3, 4.0)) -> list[Path]:
    """Write an oblique axial T1 series of `slices` DICOM files; returns their paths in slice order, feet first.

    `shape` is rows, columns; `spacing` the distance of rows, of columns and of slices in mm. SliceThickness is
    less than that distance (there are gaps), InstanceNumber follows the interleaved acquisition, and file names
    follow nothing. Raises FileExistsError rather than overwrite a file.
    """
    folder, rng = Path(folder), np.random.Generator(np.random.PCG64([seed, 4]))
    folder.mkdir(parents=True, exist_ok=True)
    turn = rotation(0, -17) @ rotation(2, 4) @ rotation(1, 2)
    along_row, along_column, normal = turn.T
    rows, columns = shape
    k = np.arange(slices) - (slices - 1) / 2
    corner = (k[:, None] * spacing[2] * normal - (rows - 1) / 2 * spacing[0] * along_column
              - (columns - 1) / 2 * spacing[1] * along_row)  # fmt: skip
    grid = (np.arange(rows)[:, None, None] * spacing[0] * along_column
            + np.arange(columns)[:, None] * spacing[1] * along_row)  # fmt: skip
    number = np.argsort(np.r_[0:slices:2, 1:slices:2]) + 1  # even slices are acquired first
    names, paths = rng.choice(16**4, slices, replace=False), []
    tags = {
        "Modality": "MR", "ImageType": ["ORIGINAL", "PRIMARY", "M", "ND"], "Manufacturer": "ACME",
        "ManufacturerModelName": "Magnetron 3", "InstitutionName": "Springfield General", "MagneticFieldStrength": 3,
        "PatientName": dicomfile.person(seed + 207, "F"), "PatientID": f"SG-{48213 + seed}", "PatientSex": "F",
        "PatientBirthDate": "19710314", "PatientAge": "053Y", "PatientWeight": 68,
        "StudyDate": "20240611", "SeriesDate": "20240611", "AcquisitionDate": "20240611", "ContentDate": "20240611",
        "StudyTime": "101500", "SeriesTime": "102143", "StudyDescription": "Head", "SeriesDescription": "t1 oblique",
        "BodyPartExamined": "HEAD", "PatientPosition": "HFS", "SeriesNumber": 3, "AcquisitionNumber": 1,
        "ScanningSequence": "GR", "SequenceVariant": "SP", "ScanOptions": "", "MRAcquisitionType": "2D",
        "RepetitionTime": 250, "EchoTime": 2.5, "EchoTrainLength": 1, "FlipAngle": 70,
        "SliceThickness": f"{.8 * spacing[2]:g}", "FrameOfReferenceUID": dicomfile.uid("head", seed, "frame"),
        "PositionReferenceIndicator": "", "PixelSpacing": list(spacing[:2]), "BitsStored": 12,
        "ImageOrientationPatient": [f"{v:.10g}" for v in (*along_row, *along_column)],
        "WindowCenter": 450, "WindowWidth": 900,
    }  # fmt: skip
    for index in range(slices):
        pixels = np.rint(np.clip(scan(corner[index] + grid, seed, draw=index), 0, 4095)).astype(np.uint16)
        ds = dicomfile.dataset(pixels, dicomfile.MR, ("head", seed), 3, index, tags | {
            "InstanceNumber": int(number[index]), "ImagePositionPatient": [f"{v:.10g}" for v in corner[index]],
            "AcquisitionTime": f"1021{43 + number[index] // 4:02d}"})  # fmt: skip
        path = folder / f"MR{names[index]:04X}.dcm"
        ds.save_as(path, enforce_file_format=True, overwrite=False)
        paths.append(path)
    return paths
