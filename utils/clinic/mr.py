"""A head in a T1-weighted MR scanner, written as a DICOM series with the usual traps.

Modelled: nested ellipsoids in the manner of Shepp and Logan, painted one over the other, with the order of
brightness of T1 (fat, white matter, grey matter, muscle, fluid, bone and air), a folded cortex, a smooth bias
field, Rician noise, and slices with gaps, stored in no order. Not modelled: the signal equation, partial volume,
motion, vessels, any disease. The values have no unit, as in any MR.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from utils.clinic import dicomfile
from utils.clinic.patient import draws, rotation, rows

TISSUES = ("air", "fat", "bone", "muscle", "fluid", "grey matter", "white matter")
SIGNAL = np.array([0, 1000, 60, 380, 170, 470, 720], np.float32)  # of each tissue
_LAYERS = rows("""tissue, centre x y z, half-axes x y z (mm), degrees about x; painted in this order
fat            0    0    0    77   97  104    0
muscle         0   10  -70    58   66   66    0
bone           0    0    3    72   92   98    0
fluid          0    0    4    67   87   93    0
grey matter    0   -2   10    64   83   80    0
white matter   0   -2    9    55   73   69    0
fluid          0   -2   62   1.8   80   40    0  # between the hemispheres
grey matter    0   45  -42    47   29   24    0  # cerebellum
white matter   0   44  -41    36   19   14    0
white matter   0   18  -40    13   14   34  -15  # brain stem
white matter   0   -4   16    20   38    6    0
fluid        -13   -6   20     7   30   10   12  # ventricles
fluid         13   -6   20     7   30   10   12
fluid          0    2    2   2.2   13   11    0
fluid          0   34  -36     6    6    9    0
grey matter  -13    3    5     9   14    9    0  # thalami
grey matter   13    3    5     9   14    9    0
grey matter  -25  -12    6     7   16   10    0
grey matter   25  -12    6     7   16   10    0
fat          -32  -81  -30    18   14   16    0  # orbits and eyes
fat           32  -81  -30    18   14   16    0
fluid        -32  -84  -30    12   12   12    0
fluid         32  -84  -30    12   12   12    0
air            0  -72  -52    15   24   17    0  # nose and throat
air            0  -30  -85    13   12   40    0
air            0  -88    8    20    4    9    0  # frontal sinus
""", 12)


def tissue(points: np.ndarray, seed: int = 0) -> np.ndarray:
    """Index into `TISSUES`, uint8 (...), at points (..., 3) in mm, axes left, back, up.

    >>> [TISSUES[k] for k in tissue(np.array([[0, 0, 0], [30, 10, 30], [0, 0, 200]]))]
    ['fluid', 'white matter', 'air']
    """
    rng = draws(seed, 1)
    points = np.asarray(points, np.float32) / np.exp(rng.normal(0, .03, 3)).astype(np.float32)
    waves, phases = rng.normal(0, .30, (6, 3)).astype(np.float32), rng.uniform(0, 6, 6)
    folds = sum(np.sin(points @ w + phase) for w, phase in zip(waves, phases, strict=True))
    found = np.zeros(points.shape[:-1], np.uint8)
    for name, part in _LAYERS:
        centre, axes, tilt = np.float32(part[:3]), np.float32(part[3:6]), part[6]
        away = ((points - centre) @ rotation(0, tilt).astype(np.float32)) / axes
        depth = (away**2).sum(-1)
        if "matter" in name and min(axes) > 50:  # the cortex is folded
            depth += (.05 if name == "grey matter" else .15) * folds
        found[depth < 1] = TISSUES.index(name)
    return found


def bias(points: np.ndarray, seed: int = 0) -> np.ndarray:
    """The coil's smooth sensitivity, float32 (...), about 0.5 to 1.6, at points (..., 3) in mm."""
    rng = draws(seed, 2)
    p = np.asarray(points, np.float32) / 100
    linear = rng.normal(0, .22, 3).astype(np.float32)
    square = rng.normal(-.1, .15, 3).astype(np.float32)
    return np.exp(p @ linear + (p**2) @ square)


def scan(points: np.ndarray, seed: int = 0, noise: float = 18.0, draw: int = 0) -> np.ndarray:
    """Magnitude, float32 (...): signal × bias with Rician noise, standard deviation `noise` in each channel.

    Another `draw` is another draw of the noise in the same head.
    """
    rng = draws(seed, 3, draw)
    signal = SIGNAL[tissue(points, seed)] * bias(points, seed)
    real, imaginary = rng.standard_normal((2, *signal.shape), np.float32) * noise
    return np.hypot(signal + real, imaginary)


_HEADER = {
    "Modality": "MR", "ImageType": ["ORIGINAL", "PRIMARY", "M", "ND"], "Manufacturer": "ACME",
    "ManufacturerModelName": "Magnetron 3", "InstitutionName": "Springfield General",
    "MagneticFieldStrength": 3, "PatientSex": "F", "PatientBirthDate": "19710314",
    "PatientAge": "053Y", "PatientWeight": 68, "StudyDate": "20240611", "SeriesDate": "20240611",
    "AcquisitionDate": "20240611", "ContentDate": "20240611", "StudyTime": "101500",
    "SeriesTime": "102143", "StudyDescription": "Head", "SeriesDescription": "t1 oblique",
    "BodyPartExamined": "HEAD", "PatientPosition": "HFS", "SeriesNumber": 3, "AcquisitionNumber": 1,
    "ScanningSequence": "GR", "SequenceVariant": "SP", "ScanOptions": "", "MRAcquisitionType": "2D",
    "RepetitionTime": 250, "EchoTime": 2.5, "EchoTrainLength": 1, "FlipAngle": 70,
    "PositionReferenceIndicator": "", "BitsStored": 12, "WindowCenter": 450, "WindowWidth": 900,
}


def write_mr_series(folder: str | Path, progress: Callable[[Iterable], Iterable] | None = None,
                    seed: int = 0, slices: int = 40, shape: Sequence[int] = (176, 144),
                    spacing: Sequence[float] = (1.25, 1.3, 4.0)) -> list[Path]:
    """Write an oblique axial T1 series of `slices` DICOM files; returns their paths, feet first.

    `shape` is rows, columns; `spacing` the distance of rows, of columns and of slices in mm.
    SliceThickness is less than that distance (there are gaps), InstanceNumber follows the interleaved
    acquisition, and file names follow nothing. `progress` may wrap the slices. Raises FileExistsError
    rather than overwrite a file.
    """
    folder, rng = Path(folder), draws(seed, 4)
    folder.mkdir(parents=True, exist_ok=True)
    along_row, along_column, normal = (rotation(0, -17) @ rotation(2, 4) @ rotation(1, 2)).T
    rows, columns = shape
    k = np.arange(slices) - (slices - 1) / 2
    corner = k[:, None] * spacing[2] * normal  # (slices, 3), of each slice's first pixel
    corner = corner - (rows - 1) / 2 * spacing[0] * along_column
    corner = corner - (columns - 1) / 2 * spacing[1] * along_row
    grid = np.arange(rows)[:, None, None] * spacing[0] * along_column
    grid = grid + np.arange(columns)[:, None] * spacing[1] * along_row  # (rows, columns, 3)
    number = np.argsort(np.r_[0:slices:2, 1:slices:2]) + 1  # even slices are acquired first
    names, paths = rng.choice(16**4, slices, replace=False), []
    tags = _HEADER | {
        "PatientName": dicomfile.person(seed + 207, "F"), "PatientID": f"SG-{48213 + seed}",
        "SliceThickness": f"{.8 * spacing[2]:g}", "PixelSpacing": list(spacing[:2]),
        "FrameOfReferenceUID": dicomfile.uid("head", seed, "frame"),
        "ImageOrientationPatient": [f"{v:.10g}" for v in (*along_row, *along_column)]}
    for index in (progress or iter)(range(slices)):
        values = np.clip(scan(corner[index] + grid, seed, draw=index), 0, 4095)
        pixels = np.rint(values).astype(np.uint16)
        ds = dicomfile.dataset(pixels, dicomfile.MR, ("head", seed), 3, index, tags | {
            "InstanceNumber": int(number[index]),
            "ImagePositionPatient": [f"{v:.10g}" for v in corner[index]],
            "AcquisitionTime": f"1021{43 + number[index] // 4:02d}"})
        paths.append(folder / f"MR{names[index]:04X}.dcm")
        ds.save_as(paths[-1], enforce_file_format=True, overwrite=False)
    return paths
