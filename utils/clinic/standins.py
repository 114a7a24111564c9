"""What the clinic writes in place of the real files of a data set, named and laid out as those are.

`WRITERS[name](folder, progress)` writes the set `name` into `folder` as it would lie in a data folder: arrays
and tables right there, the rest in mr_t1_series, ct, rsna and covid19. `progress` may wrap the loop over
patients, films or slices, as `tqdm` does. Nothing is overwritten: FileExistsError.

Modelled: MedMNIST's and LIDC-IDRI's arrays, HAM10000's tables; the RSNA pneumonia challenge (Shih et al. 2019,
doi:10.1148/ryai.2019180041): its folders, CSV files and the tags of its DICOM files, in which `patientId` names
one film, and the published mapping to NIH numbers, which names the patient; COVID-19-20 (Roth et al. 2022,
doi:10.1016/j.media.2022.102605): pairs of NIfTI files. Patients come several times, also well, and from three
hospitals that see the same mix. Not modelled: the sets' size (but for the two of MedMNIST), their 1024 × 1024 and
512 × 512 pixels, their spacing, the link of AP films to sicker people, and errors of the labels.
"""

import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from scipy import ndimage

from utils.clinic import cells, chest, ct, dicomfile, experts, heads, mr, skin
from utils.clinic.patient import Patient, Term, draws, make_patient

Progress = Callable[[Iterable], Iterable] | None

# ------------------------------------------------------------ arrays, as MedMNIST keeps them


def write_dermamnist(folder: Path, progress: Progress = None) -> None:
    """DermaMNIST, the table that names its images, HAM10000's table, and the lesions' masks."""
    made, ids = skin.generate(progress=progress), ["split", "index", "image_id"]
    table, masks = made.pop("table"), made.pop("masks")
    _keep_arrays(folder / "dermamnist.npz", made)
    _keep(folder / "dermamnist_split_info.csv", table[ids].to_csv(index=False))
    columns = ["lesion_id", "image_id", *table.columns.drop([*ids, "lesion_id"])]
    _keep(folder / "HAM10000_metadata.csv", table[columns].to_csv(index=False))
    names = table["image_id"].to_numpy(str)
    order = np.argsort(names)
    in_order = {"image_id": names[order], "masks": masks[order]}
    _keep_arrays(folder / "ham10000_lesion_masks_28.npz", in_order)


# PneumoniaMNIST: normal, pneumonia
COUNTS = {"train": (1214, 3494), "val": (135, 389), "test": (234, 390)}
_CHILDREN = chest.Site("children's ward", blur=1.5, portable=.3)
_ELSEWHERE = chest.Site("another ward", blur=2.2, portable=.8, gamma=.935, window=(.01, .96),
                        photons=20_000)


def pneumonia_npz(seed: int = 0, progress: Progress = None) -> dict[str, np.ndarray]:
    """A stand-in for PneumoniaMNIST: `{split}_images` uint8 (n, 28, 28), `{split}_labels` uint8 (n, 1).

    Children, one film each, pneumonia 1; the test films come from another ward, so a model falls on them.
    """
    total = sum(map(sum, COUNTS.values()))
    images, labels = np.empty((total, 28, 28), np.uint8), np.empty((total, 1), np.uint8)
    children = _children(seed)
    for k in (progress or iter)(range(total)):
        labels[k], age, site = next(children)
        number = seed * 100_000 + k
        finding = ["normal", "opacity"][int(labels[k, 0])]
        child = make_patient(number, finding, age, vessels=6, severity=2.0)
        film = chest.picture(child, site, 56, number)[0]
        images[k] = film.reshape(28, 2, 28, 2).mean((1, 3)) / 16.06
    ends = np.cumsum([sum(counts) for counts in COUNTS.values()])[:-1]
    parts = zip(COUNTS, np.split(images, ends), np.split(labels, ends), strict=True)
    return {f"{split}_{what}": part for split, *both in parts
            for what, part in zip(("images", "labels"), both, strict=True)}


def _children(seed: int, wanted: dict | None = None) -> Iterator[tuple[int, int, chest.Site]]:
    """Label, age and ward (with a film as large as the child needs) of each child, split after split."""
    for split, counts in (wanted or COUNTS).items():
        rng = draws(seed, counts[0])
        labels = rng.permutation(np.repeat([0, 1], counts))
        site = _ELSEWHERE if split == "test" else _CHILDREN
        for label, age in zip(labels, rng.integers(1, 6, len(labels)), strict=True):
            side = np.interp(age, [1, 5], [150, 215]) * np.exp(rng.normal(0, .05))
            yield label, int(age), replace(site, side=side)


_XRAYS = {"train": (350, 850), "test": (120, 180)}  # normal, pneumonia
_SEVERITY, _GAMMA = {"train": 2.0, "test": 1.0}, {"train": 1.0, "test": .8}


def write_chest_xray(folder: Path, progress: Progress = None, seed: int = 0, size: int = 64) -> None:
    """Children's films in the layout of Kermany's folders: {train,test}/{NORMAL,PNEUMONIA}/*.jpeg, 8-bit grey.

    The test films come from another ward, whose films are denser and whose children come earlier, with less to
    see: as on the published set, a network loses AUC there and a cut-off most of its specificity. Names are like
    the published ones, and unique.
    """
    children, total, base = _children(seed + 1, _XRAYS), sum(map(sum, _XRAYS.values())), (seed + 1) * 100_000
    parts = [split for split, counts in _XRAYS.items() for _ in range(sum(counts))]
    for k in (progress or iter)(range(total)):
        (label, age, site), part = next(children), parts[k]
        child = make_patient(base + k, ["normal", "opacity"][label], age, vessels=6, severity=_SEVERITY[part])
        site = replace(site, gamma=_GAMMA[part])
        film = np.clip(chest.picture(child, site, size, base + k)[0] / 16.06, 0, 255).astype(np.uint8)
        kind = ("bacteria", "virus")[k % 2]  # numbers begin anew for each kind, and are no people
        place = (k - (part == "test") * sum(_XRAYS["train"])) // 2
        number = place + (1 if (part == "train") == (kind == "bacteria") else 10_001)
        name = f"person{number}_{kind}_{k + 1}" if label else f"IM-{k + 1:04d}-0001"
        path = _new(folder / part / ["NORMAL", "PNEUMONIA"][label] / f"{name}.jpeg")
        Image.fromarray(film).save(path, quality=92)


def write_pneumoniamnist(folder: Path, progress: Progress = None) -> None:
    """PneumoniaMNIST."""
    _keep_arrays(folder / "pneumoniamnist.npz", pneumonia_npz(progress=progress))


# ------------------------------------------------------------ LIDC-IDRI

PIXEL = .7  # of a stand-in crop, mm


def nodule(patient: Patient, seed: int, size: int = 128) -> tuple[np.ndarray, np.ndarray, float]:
    """A slice through a nodule in a patient's lung: attenuation relative to water (size, size), the nodule's true
    mask, and its suspicion. Rows run to the back, columns to the patient's left, `PIXEL` mm apart."""
    rng = draws(seed, 9)
    lung = patient.lungs[rng.integers(2)]
    axes = np.sqrt(np.diagonal(patient.shape[lung]))
    inside = False
    while not inside:
        centre = patient.centre[lung] + axes * rng.uniform(-.85, .85, 3)
        solid = any(patient.holds(s, centre) for s in patient.solids)
        inside = patient.holds(lung, centre) and not solid
    radius = np.clip(2.0 * np.exp(rng.normal(0, .75)), 1.0, 16)
    density, count = rng.uniform(.25, .85), rng.integers(3, 7)
    spots = centre + rng.normal(0, .45 * radius, (count, 3)) * [1, 1, .3]
    patient = replace(patient)  # the patient given stays without
    balls = patient.add(spots, radius * rng.uniform(.45, .9, (count, 3)))
    sides = zip((size, size, 1), centre, strict=True)
    grid = [(np.arange(n) - (n - 1) / 2) * PIXEL + middle for n, middle in sides]
    parts = ct.attenuation(patient, grid, [Term(1, (k, lung), patient.near(k)) for k in balls])
    picture = ct.attenuation(patient, grid) + density * np.minimum(parts, 1)
    suspicion = float(1.5 * density**.7 * (radius / 2.0) ** 1.2)
    return picture[..., 0].T, parts[..., 0].T > 0, suspicion


def lidc_npz(seed: int = 0, patients: int = 180,
             progress: Progress = None) -> dict[str, np.ndarray]:
    """A stand-in for `lidc_nodules.npz`, with its flaws: crops scaled from their own minimum to their own maximum,
    and bit k of `reader_masks` is the k-th outline of a nodule, not a fixed reader (here the first four).

    Returns:
        `images` and `reader_masks` uint8 (n, 128, 128), `patient_id`, `nodule`, `slice` str (n,).
    """
    rng = draws(seed, 10)
    rows = []
    for person in (progress or iter)(range(patients)):
        base, shown = 1_000_000 + seed * 100_000 + person, 0
        patient = make_patient(base, age=int(rng.integers(40, 85)))
        for found in range(min(int(rng.geometric(.34)), 12)):
            picture, drawn = _outlined(patient, base * 20 + found, rng)
            if drawn:
                packed = sum(outline.astype(np.uint8) << k for k, outline in enumerate(drawn))
                names = f"CLINIC-{person + 1:04d}", f"nodule-{shown}", "slice-0.png"
                rows.append((_stretched(picture, rng), packed, *names))
                shown += 1
    keys = "images", "reader_masks", "patient_id", "nodule", "slice"
    return dict(zip(keys, map(np.stack, zip(*rows, strict=True)), strict=True))


def _outlined(patient: Patient, case: int, rng: np.random.Generator) -> tuple[np.ndarray, list]:
    """A nodule and the outlines, in any order, of the readers who see it."""
    picture, truth, seen = nodule(patient, case)
    drawn = [reader.outline(truth, PIXEL, case) for reader in experts.READERS[:4]
             if rng.random() < reader.chance(seen)]
    return picture, [drawn[k] for k in rng.permutation(len(drawn)) if drawn[k].sum() > 5]


def _stretched(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    picture = ndimage.gaussian_filter(picture, .5) + rng.normal(0, .02, picture.shape)
    picture = np.clip(picture, 0, 1.3)
    return np.rint(255 * (picture - picture.min()) / np.ptp(picture)).astype(np.uint8)


def write_lidc(folder: Path, progress: Progress = None) -> None:
    """The packed nodules of LIDC-IDRI."""
    _keep_arrays(folder / "lidc_nodules.npz", lidc_npz(progress=progress))


# ------------------------------------------------------------ RSNA's pneumonia challenge

SITES = (
    chest.Site("Springfield General", marker=""),
    chest.Site("Mercy", marker="", photons=25_000, blur=1.2, window=(.02, .97), gamma=.9),
    chest.Site("Lakeside", marker="", photons=60_000, side=400.0, gamma=1.1),
)
CLASSES = {"normal": "Normal", "other": "No Lung Opacity / Not Normal", "opacity": "Lung Opacity"}


def write_rsna(folder: str | Path, progress: Progress = None, patients: int = 800, seed: int = 0,
               size: int = 256, mix: tuple[float, float, float] = (.35, .30, .35)) -> pd.DataFrame:
    """Write an archive in the layout of RSNA's training set; returns the truth, one row a film.

    `mix` is the share of patients who come for nothing, for something else, and for pneumonia. A patient has one
    to three films, and who has pneumonia may have a film from before it. Beside RSNA's own files lies
    `clinic_truth.csv` (patientId, patient, site, finding, seed): `film_of(row, size)` makes the film and its
    lesion mask again. Raises FileExistsError rather than overwrite.
    """
    folder, rng = Path(folder), draws(seed, 11)
    films = folder / "stage_2_train_images"
    films.mkdir(parents=True, exist_ok=True)
    _new(folder / "stage_2_train_labels.csv")  # before anything is written
    truth, labels = _visits(rng, patients, seed, mix), []
    for row in (progress or iter)(list(truth.itertuples(index=False))):
        person = make_patient(row.seed, row.finding)
        film = _film(person, row, size)
        ds = _rsna_dicom(film, person, row.patientId)
        ds.save_as(films / f"{row.patientId}.dcm", enforce_file_format=True, overwrite=False)
        boxes, target = film.boxes.tolist() or [[np.nan] * 4], int(len(film.boxes) > 0)
        labels += [(row.patientId, *box, target, CLASSES[row.finding]) for box in boxes]
    columns = ["patientId", "x", "y", "width", "height", "Target", "class"]
    table = pd.DataFrame(labels, columns=columns)
    classes = table[["patientId", "class"]].to_csv(index=False)
    _keep(folder / "stage_2_train_labels.csv", table[columns[:-1]].to_csv(index=False))
    _keep(folder / "stage_2_detailed_class_info.csv", classes)
    number = truth.groupby("patient").cumcount()
    rows = zip(truth["patientId"], truth["patient"], number, strict=True)
    mapping = [{"subset_img_id": film, "img_id": f"{person:08d}_{n:03d}.png"}
               for film, person, n in rows]
    _keep(folder / "pneumonia-challenge-dataset-mappings_2018.json", json.dumps(mapping, indent=1))
    _keep(folder / "clinic_truth.csv", truth.to_csv(index=False))
    return truth


def _rsna_dicom(film: chest.Film, person: Patient, name: str) -> "dicomfile.Dataset":
    pixels, spacing = (film.image >> 4).astype(np.uint8), [f"{film.spacing:.6g}"] * 2
    return dicomfile.dataset(pixels, dicomfile.SECONDARY_CAPTURE, name, 1, 1, {
        "StudyDate": "19010101", "StudyTime": "000000.00", "Modality": "CR",
        "ConversionType": "WSD",
        "SeriesDescription": f"view: {film.view}", "PatientName": name, "PatientID": name,
        "PatientBirthDate": "", "PatientSex": person.sex, "PatientAge": str(person.age),
        "SeriesNumber": 1, "InstanceNumber": 1, "BodyPartExamined": "CHEST",
        "ViewPosition": film.view, "PatientOrientation": "", "PixelSpacing": spacing}, jpeg=True)


def film_of(row, size: int = 256) -> chest.Film:
    """The film of a row of `clinic_truth.csv` (with `seed`, `finding`, `site`, `visit`), with boxes and mask."""
    return _film(make_patient(row.seed, row.finding), row, size)


def _film(person: Patient, row, size: int) -> chest.Film:
    site = next(site for site in SITES if site.name == row.site)
    return chest.radiograph(person, site, size, row.seed * 10 + row.visit)


def _visits(rng: np.random.Generator, patients: int, seed: int, mix: tuple) -> pd.DataFrame:
    rows = []
    for person in range(patients):
        came_for = rng.choice(list(CLASSES), p=mix)
        site = SITES[rng.integers(len(SITES))].name
        visits = rng.choice([1, 2, 3], p=[.5, .3, .2])
        for visit in range(visits):
            before = came_for == "opacity" and visit < visits - 1 and rng.random() < .4
            film = str(uuid.UUID(bytes=rng.bytes(16), version=4))
            finding = "normal" if before else came_for
            rows.append((film, person + 1, site, finding, seed * 100_000 + person, visit))
    columns = ["patientId", "patient", "site", "finding", "seed", "visit"]
    return pd.DataFrame(rows, columns=columns).sort_values("patientId", ignore_index=True)


# ------------------------------------------------------------ NIfTI files


def write_covid(folder: str | Path, progress: Progress = None, patients: int = 60, seed: int = 0,
                spacing: tuple[float, ...] = (3.0, 3.0, 5.0),
                shape: tuple[int, ...] = (128, 128, 64)) -> list[Path]:
    """Write CT volumes and lesion masks in the layout of COVID-19-20's `Train` folder; returns the CTs' paths.

    Everybody has lesions, as there. HU are int16, masks uint8 (0, 1), affines RAS. Raises FileExistsError.
    """
    folder, paths = Path(folder) / "Train", []
    folder.mkdir(parents=True, exist_ok=True)
    for person in (progress or iter)(range(patients)):
        number = 900_000 + seed * 1_000 + person
        patient = make_patient(number, "opacity", severity=1.3)
        values, affine, mask = ct.ct(patient, spacing, shape, seed=number)
        name = f"volume-covid19-A-{person + 1:04d}"
        paths.append(folder / f"{name}_ct.nii.gz")
        _keep_nifti(paths[-1], values, affine)
        _keep_nifti(folder / f"{name}_seg.nii.gz", mask.astype(np.uint8), affine)
    return paths


def write_healthy(folder: Path, progress: Progress = None) -> None:
    """CT of six people without lesions, with empty masks, as `write_covid` writes those with lesions."""
    for k in (progress or iter)(range(6)):
        number = 950_000 + k
        values, affine, mask = ct.ct(make_patient(number, "normal"), (3.0, 3.0, 5.0), (128, 128, 64), seed=number)
        _keep_nifti(folder / f"volume-healthy-{k + 1:04d}_ct.nii.gz", values, affine)
        _keep_nifti(folder / f"volume-healthy-{k + 1:04d}_seg.nii.gz", mask.astype(np.uint8), affine)


def write_hippocampus(folder: Path, progress: Progress = None, count: int = 120) -> None:
    """Pairs of volume and labels in the layout of the Medical Segmentation Decathlon's task 4."""
    for k in (progress or iter)(range(1, count + 1)):
        for part, array in zip(("imagesTr", "labelsTr"), heads.hippocampus(k), strict=True):
            _keep_nifti(folder / part / f"hippocampus_{k:03d}.nii.gz", array, np.diag([1.0, 1, 1, 1]))


def write_ct_volume(folder: Path, progress: Progress = None) -> None:
    """The CT with metal in it. One volume: `progress` has nothing to count."""
    _keep_nifti(folder / "body_3mm.nii.gz", *ct.volume())


# ------------------------------------------------------------ cells, and slices of heads


def write_malaria_cells(folder: Path, progress: Progress = None) -> None:
    """NLM's malaria cells, packed."""
    _keep_arrays(folder / "malaria_cells_32.npz", cells.malaria_npz(progress=progress))


def write_brain_tumours(folder: Path, progress: Progress = None) -> None:
    """Cheng's brain tumours: a folder a class, boxes as shares of the side, masks with eight pixels a byte."""
    rows, masks = [], []
    for number, (kind, image, mask) in enumerate(heads.tumours(progress=progress), 1):
        Image.fromarray(image).save(_new(folder / kind / f"{number:04d}.jpg"), quality=92)
        sides = [np.flatnonzero(mask.any(axis))[[0, -1]] / len(mask) for axis in (0, 1)]
        (left, right), (top, bottom) = sides
        rows.append((number, kind, left, top, right + 1 / len(mask), bottom + 1 / len(mask)))
        masks.append(np.packbits(mask, axis=1))
    table = pd.DataFrame(rows, columns=["number", "class", "x_min", "y_min", "x_max", "y_max"]).round(3)
    _keep(folder / "boxes.csv", table.to_csv(index=False))
    _keep_arrays(folder / "tumour_masks_128.npz", {"masks": np.stack(masks), "number": table["number"].to_numpy()})


# ------------------------------------------------------------ files


def _keep_nifti(path: Path, array: np.ndarray, affine: np.ndarray) -> None:
    import nibabel as nib

    _new(path)
    image = nib.Nifti1Image(array, affine)
    image.header.set_xyzt_units("mm")
    image.set_sform(affine, code=1)
    image.set_qform(affine, code=1)
    nib.save(image, path)


def _new(path: Path) -> Path:
    """The path itself, in a folder that is there. Raises FileExistsError."""
    if path.exists():
        raise FileExistsError(f"{path.name} is there already: choose an empty folder.")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _keep(path: Path, text: str) -> None:
    with _new(path).open("x", encoding="utf-8", newline="") as file:
        file.write(text)


def _keep_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    with _new(path).open("xb") as file:
        np.savez(file, **arrays)


def _in(name: str, write: Callable) -> Callable[[Path, Progress], None]:
    """A writer whose files lie in a folder of that name."""
    def writer(folder: Path, progress: Progress = None) -> None:
        write(folder / name, progress)

    return writer


WRITERS: dict[str, Callable[[Path, Progress], None]] = {
    "dermamnist": write_dermamnist,
    "pneumoniamnist": write_pneumoniamnist,
    "lidc_nodules": write_lidc,
    "mr_t1_series": _in("mr_t1_series", mr.write_mr_series),
    "ct_slices": _in("ct", ct.write_slices),
    "ct_volume": _in("ct", write_ct_volume),
    "rsna": _in("rsna", write_rsna),
    "covid19": _in("covid19", write_covid),
    "healthy_ct": _in("healthy_ct", write_healthy),
    "chest_xray": _in("chest_xray", write_chest_xray),
    "hippocampus": _in("Task04_Hippocampus", write_hippocampus),
    "malaria_cells": _in("malaria_cells", write_malaria_cells),
    "brain_tumours": _in("brain_tumour_mr", write_brain_tumours),
}

# ------------------------------------------------------------ a picture of the clinic


def contact_sheet(pictures: Sequence[np.ndarray], columns: int = 4) -> np.ndarray:
    """Pictures of one size side by side, row by row: uint8, each stretched from its own minimum to maximum."""
    tiles = [f - np.min(f) for f in np.asarray(pictures, float)]
    tiles = [(255 * f / max(np.ptp(f), 1e-6)).astype(np.uint8) for f in tiles]
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % columns)
    rows = [np.concatenate(tiles[k:k + columns], 1) for k in range(0, len(tiles), columns)]
    return np.concatenate(rows)
