"""The clinic's archives, file for file in the layout of two public sets that need an account.

Modelled: the RSNA pneumonia challenge (Shih et al. 2019, doi:10.1148/ryai.2019180041): its folders, CSV files and
the tags of its DICOM files, in which `patientId` names one film, and the published mapping to NIH numbers, which
names the patient; COVID-19-20 (Roth et al. 2022, doi:10.1016/j.media.2022.102605): pairs of NIfTI files. Patients
come several times, also well, and from three hospitals that see the same mix. Not modelled: the sets' size, their
1024 × 1024 and 512 × 512 pixels, their spacing, the link of AP films to sicker people, and errors of the labels.
"""

import json
import sys
import uuid
from pathlib import Path

import numpy as np
import pandas as pd

from utils.clinic import chest, dicomfile
from utils.clinic.patient import make_patient

SITES = (
    chest.Site("Springfield General", marker=""),
    chest.Site("Mercy", marker="", photons=25_000, blur=1.2, window=(.02, .97), gamma=.9),
    chest.Site("Lakeside", marker="", photons=60_000, side=400.0, gamma=1.1),
)
CLASSES = {"normal": "Normal", "other": "No Lung Opacity / Not Normal", "opacity": "Lung Opacity"}


def write_rsna(folder: str | Path, patients: int = 300, seed: int = 0, size: int = 256,
               mix: tuple[float, float, float] = (.35, .30, .35), progress: bool = True) -> pd.DataFrame:
    """Write an archive in the layout of RSNA's training set; returns the truth, one row a film.

    `mix` is the share of patients who come for nothing, for something else, and for pneumonia. A patient has one
    to three films, and who has pneumonia may have a film from before it. Beside RSNA's own files lies
    `clinic_truth.csv` (patientId, patient, site, finding, seed): `film_of(row, size)` makes the film and its
    lesion mask again. Raises FileExistsError rather than overwrite.
    """
    folder, rng = Path(folder), np.random.Generator(np.random.PCG64([seed, 11]))
    films = folder / "stage_2_train_images"
    films.mkdir(parents=True, exist_ok=True)
    truth, labels = _visits(rng, patients, seed, mix), []
    for row in _watch(list(truth.itertuples(index=False)), "films", progress):
        film, person = film_of(row, size), make_patient(row.seed, row.finding)
        ds = dicomfile.dataset((film.image >> 4).astype(np.uint8), dicomfile.SECONDARY_CAPTURE, row.patientId, 1, 1, {
            "StudyDate": "19010101", "StudyTime": "000000.00", "Modality": "CR", "ConversionType": "WSD",
            "SeriesDescription": f"view: {film.view}", "PatientName": row.patientId, "PatientID": row.patientId,
            "PatientBirthDate": "", "PatientSex": person.sex, "PatientAge": str(person.age), "SeriesNumber": 1,
            "InstanceNumber": 1, "BodyPartExamined": "CHEST", "ViewPosition": film.view, "PatientOrientation": "",
            "PixelSpacing": [f"{film.spacing:.6g}"] * 2}, jpeg=True)  # fmt: skip
        ds.save_as(films / f"{row.patientId}.dcm", enforce_file_format=True, overwrite=False)
        boxes = film.boxes.tolist() or [[np.nan] * 4]
        labels += [(row.patientId, *box, int(len(film.boxes) > 0), CLASSES[row.finding]) for box in boxes]
    table = pd.DataFrame(labels, columns=["patientId", "x", "y", "width", "height", "Target", "class"])
    _keep(folder / "stage_2_train_labels.csv", table.drop(columns="class").to_csv(index=False))
    _keep(folder / "stage_2_detailed_class_info.csv", table[["patientId", "class"]].to_csv(index=False))
    number = truth.groupby("patient").cumcount()
    mapping = [{"subset_img_id": film, "img_id": f"{person:08d}_{n:03d}.png"}
               for film, person, n in zip(truth["patientId"], truth["patient"], number, strict=True)]
    _keep(folder / "pneumonia-challenge-dataset-mappings_2018.json", json.dumps(mapping, indent=1))
    _keep(folder / "clinic_truth.csv", truth.to_csv(index=False))
    return truth


def film_of(row, size: int = 256) -> chest.Film:
    """The film of a row of `clinic_truth.csv` (with `seed`, `finding`, `site`, `visit`), with boxes and mask."""
    site = next(site for site in SITES if site.name == row.site)
    return chest.radiograph(make_patient(row.seed, row.finding), site, size, row.seed * 10 + row.visit)


def _visits(rng: np.random.Generator, patients: int, seed: int, mix: tuple) -> pd.DataFrame:
    rows = []
    for person in range(patients):
        came_for, site = rng.choice(list(CLASSES), p=mix), SITES[rng.integers(len(SITES))].name
        visits = rng.choice([1, 2, 3], p=[.5, .3, .2])
        for visit in range(visits):
            before = came_for == "opacity" and visit < visits - 1 and rng.random() < .4
            rows.append((str(uuid.UUID(bytes=rng.bytes(16), version=4)), person + 1, site,
                         "normal" if before else came_for, seed * 100_000 + person, visit))  # fmt: skip
    columns = ["patientId", "patient", "site", "finding", "seed", "visit"]
    return pd.DataFrame(rows, columns=columns).sort_values("patientId", ignore_index=True)


def write_covid(folder: str | Path, patients: int = 20, seed: int = 0, spacing: tuple[float, ...] = (3.0, 3.0, 5.0),
                shape: tuple[int, ...] = (128, 128, 64), progress: bool = True) -> list[Path]:
    """Write CT volumes and lesion masks in the layout of COVID-19-20's `Train` folder; returns the CTs' paths.

    Everybody has lesions, as there. HU are int16, masks uint8 (0, 1), affines RAS. Raises FileExistsError.
    """
    import nibabel as nib

    folder, paths = Path(folder) / "Train", []
    folder.mkdir(parents=True, exist_ok=True)
    for person in _watch(range(patients), "CT volumes", progress):
        number = 900_000 + seed * 1_000 + person
        patient = make_patient(number, "opacity", severity=1.3)
        values, affine, mask = chest.ct(patient, spacing, shape, seed=number)
        for kind, array in (("ct", values), ("seg", mask.astype(np.uint8))):
            path = folder / f"volume-covid19-A-{person + 1:04d}_{kind}.nii.gz"
            if path.exists():
                raise FileExistsError(f"{path.name} is there already: choose an empty folder.")
            image = nib.Nifti1Image(array, affine)
            image.header.set_xyzt_units("mm")
            image.set_sform(affine, code=1)
            image.set_qform(affine, code=1)
            nib.save(image, path)
        paths.append(folder / f"volume-covid19-A-{person + 1:04d}_ct.nii.gz")
    return paths


def _watch(items, what: str, progress: bool):
    from tqdm import tqdm

    return tqdm(items, desc=f"making {what}", file=sys.stdout, disable=not progress)


def _keep(path: Path, text: str) -> None:
    with path.open("x", encoding="utf-8", newline="") as file:
        file.write(text)
