"""Two CT scans as two hospitals would hand them over: a volume with a pacemaker in it, and slices with a filled rim.

The patients are those of `utils.clinic.patient`, with a layer of fat under the skin. Modelled besides what
`chest.ct` models: metal far above every tissue, and the filler that scanners write outside their round field of
view. Not modelled: streaks around metal, contrast agents, the table.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from utils.clinic import chest, dicomfile
from utils.clinic.patient import Patient, Term, make_patient

FAT = -0.14  # what fat adds to soft tissue, relative to water: -100 HU
CT = "1.2.840.10008.5.1.4.1.1.2"
FILLER = -2048  # HU, outside the round field of view


def fatten(patient: Patient, layer: float = 16.0) -> Patient:
    """Turn the outermost `layer` mm of the torso, the patient's first ellipsoid, into fat, in place."""
    inner = patient.add(patient.centre[0], np.sqrt(np.diagonal(patient.shape[0])) - layer)[0]
    patient.terms.append(Term(FAT, (0,), (inner,)))
    return patient


def volume(seed: int = 0, spacing: float = 3.0, shape: Sequence[int] = (140, 101, 96)) -> tuple[np.ndarray, np.ndarray]:
    """A chest with a pacemaker under the left collar bone: HU int16 (x, y, z), affine (4, 4) to RAS mm."""
    patient = fatten(make_patient(seed, "normal", age=60, sex="M"))
    metal = patient.add((82, -70, 88), (22, 6, 20))[0]
    patient.terms.append(Term(6.0, (metal,)))
    return chest.ct(patient, (spacing,) * 3, shape, seed=seed)[:2]


def write_slices(folder: str | Path, seed: int = 0, size: int = 256, side: float = 384.0, count: int = 2) -> list[Path]:
    """Write neighbouring chest slices, 1 mm apart, as DICOM files with hardly a header; returns their paths.

    Stored values are HU, signed. Outside the circle that fits into the picture they are `FILLER`, and no
    PixelPaddingValue says so. Never overwrites: FileExistsError.
    """
    folder, spacing = Path(folder), side / size
    folder.mkdir(parents=True, exist_ok=True)
    patient = fatten(make_patient(seed + 1, "normal", age=55, sex="F"), 12.0)
    values = chest.ct(patient, (spacing, spacing, 1.0), (size, size, count), seed=seed)[0]
    row, column = np.indices((size, size)) - (size - 1) / 2
    outside, corner, paths = np.hypot(row, column) > size / 2, -(size - 1) / 2 * spacing, []
    for k in range(count):
        pixels = np.ascontiguousarray(np.where(outside, FILLER, values[:, :, k].T).astype(np.int16))
        ds = dicomfile.dataset(pixels.view(np.uint16), CT, ("ct", seed), 1, k, {
            "Modality": "CT", "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"], "PixelRepresentation": 1,
            "RescaleSlope": 1, "RescaleIntercept": 0, "SliceThickness": 1, "PixelSpacing": [f"{spacing:.6g}"] * 2,
            "ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "PatientName": "", "PatientID": "", "InstanceNumber": k + 1,
            "ImagePositionPatient": [corner, corner, k - (count - 1) / 2]})  # fmt: skip
        paths.append(folder / f"chest_slice_{k}.dcm")
        ds.save_as(paths[-1], enforce_file_format=True, overwrite=False)
    return paths
