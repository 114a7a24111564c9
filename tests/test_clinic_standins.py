"""The clinic's archives read like the public sets whose layout they have."""

import functools
import json

import nibabel as nib
import numpy as np
import pandas as pd
import pydicom
import pytest

from utils.clinic import standins
from utils.clinic.patient import make_patient


@pytest.fixture(scope="module")
def rsna(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rsna")
    return folder, standins.write_rsna(folder, patients=14, size=96)


@pytest.fixture(scope="module")
def covid(tmp_path_factory):
    folder = tmp_path_factory.mktemp("covid")
    return standins.write_covid(folder, patients=2, spacing=(5, 5, 8), shape=(72, 64, 40))


def test_rsna_tables_have_rsnas_columns_and_agree(rsna):
    folder, truth = rsna
    labels = pd.read_csv(folder / "stage_2_train_labels.csv")
    classes = pd.read_csv(folder / "stage_2_detailed_class_info.csv")
    assert list(labels) == ["patientId", "x", "y", "width", "height", "Target"]
    assert list(classes) == ["patientId", "class"] and (classes["patientId"] == labels["patientId"]).all()
    assert labels.loc[labels["Target"] == 0, "x"].isna().all()
    assert labels.loc[labels["Target"] == 1].notna().all(axis=None)
    assert ((classes["class"] == "Lung Opacity") == (labels["Target"] == 1)).all()
    assert set(classes["class"]) == set(standins.CLASSES.values())
    files = {path.stem for path in folder.glob("stage_2_train_images/*.dcm")}
    assert set(labels["patientId"]) == set(truth["patientId"]) == files


@pytest.mark.filterwarnings("ignore:Invalid value for VR AS")  # RSNA's ages bear no unit
def test_rsna_films_have_rsnas_tags_and_decode_to_the_clinics_film(rsna):
    folder, truth = rsna
    for row in truth.head(5).itertuples():
        ds = pydicom.dcmread(folder / "stage_2_train_images" / f"{row.patientId}.dcm")
        person = make_patient(row.seed, row.finding)
        assert (ds.PatientID, ds.PatientSex, int(ds.PatientAge)) == (row.patientId, person.sex, person.age)
        assert (ds.Modality, ds.BodyPartExamined, ds.ConversionType) == ("CR", "CHEST", "WSD")
        assert ds.ViewPosition in ("PA", "AP") and ds.SeriesDescription == f"view: {ds.ViewPosition}"
        assert ds.file_meta.TransferSyntaxUID == pydicom.uid.JPEGBaseline8Bit and "InstitutionName" not in ds
        assert abs(ds.pixel_array.astype(float) - standins.film_of(row, 96).image / 16).mean() < 3


def test_rsna_boxes_lie_around_the_true_lesions(rsna):
    folder, truth = rsna
    labels = pd.read_csv(folder / "stage_2_train_labels.csv")
    checked = 0
    for row in truth[truth["finding"] == "opacity"].itertuples():
        mask = standins.film_of(row, 96).mask
        boxes = labels.loc[labels["patientId"] == row.patientId, ["x", "y", "width", "height"]]
        for x, y, width, height in boxes.to_numpy(int):
            checked += 1
            assert mask[y:y + height, x:x + width].any()
            assert min(x, y) >= 0 and max(x + width, y + height) <= 96
            mask[y:y + height, x:x + width] = False
        assert not mask.any()
    assert checked > 3


def test_patients_come_several_times_and_the_mapping_knows_them(rsna):
    folder, truth = rsna
    mapping = json.loads((folder / "pneumonia-challenge-dataset-mappings_2018.json").read_text())
    person = {m["subset_img_id"]: int(m["img_id"].split("_")[0]) for m in mapping}
    assert len({m["img_id"] for m in mapping}) == len(truth)
    assert (truth["patientId"].map(person) == truth["patient"]).all()
    assert truth["patient"].nunique() == 14 < len(truth)
    assert (truth.groupby("patient")["site"].nunique() == 1).all()


def test_rsna_archive_is_deterministic_and_overwrites_nothing(rsna, tmp_path):
    folder, truth = rsna
    assert standins.write_rsna(tmp_path, patients=14, size=96).equals(truth)
    for path in folder.rglob("*.*"):
        assert path.read_bytes() == (tmp_path / path.relative_to(folder)).read_bytes()
    with pytest.raises(FileExistsError):
        standins.write_rsna(tmp_path, patients=2, size=96)


def test_sites_see_the_same_mix():
    truth = standins._visits(np.random.default_rng(0), 3000, 0, (.35, .30, .35))
    share = truth.assign(sick=truth["finding"] == "opacity").groupby("site")["sick"].mean()
    assert len(share) == 3 and np.ptp(share) < .06


def test_covid_volumes_are_hounsfield_with_a_mask_where_the_lesions_are(covid):
    for path in covid:
        scan, mask = nib.load(path), nib.load(str(path).replace("_ct", "_seg"))
        values, lesion = np.asanyarray(scan.dataobj), np.asanyarray(mask.dataobj)
        assert values.dtype == np.int16 and lesion.dtype == np.uint8 and set(np.unique(lesion)) == {0, 1}
        assert np.array_equal(scan.affine, mask.affine) and scan.shape == mask.shape == (72, 64, 40)
        assert np.allclose(scan.header.get_zooms(), (5, 5, 8)) and scan.header["sform_code"] > 0
        assert nib.aff2axcodes(scan.affine) == ("L", "P", "S")
        lung = (values < -500) & (values > -900) & (lesion == 0)
        assert values[lesion == 1].mean() > values[lung].mean() + 100


def test_covid_archive_is_deterministic_and_overwrites_nothing(covid, tmp_path):
    again = standins.write_covid(tmp_path, patients=1, spacing=(5, 5, 8), shape=(72, 64, 40))
    assert again[0].read_bytes() == covid[0].read_bytes() and again[0].name == "volume-covid19-A-0001_ct.nii.gz"
    with pytest.raises(FileExistsError):
        standins.write_covid(tmp_path, patients=1)


def test_contact_sheet_lays_pictures_out_row_by_row():
    sheet = standins.contact_sheet([np.full((4, 6), k) + np.eye(4, 6) for k in range(5)], columns=3)
    assert sheet.shape == (8, 18) and sheet.dtype == np.uint8 and sheet.max() == 255
    assert (sheet[4:, 12:] == 0).all() and sheet[0, 0] == 255 and sheet[0, 1] == 0


LAID_OUT = {  # files and, in an .npz, arrays, as in the real sets
    "dermamnist": {"dermamnist.npz", "dermamnist_split_info.csv", "HAM10000_metadata.csv",
                   "ham10000_lesion_masks_28.npz"},
    "pneumoniamnist": {"pneumoniamnist.npz"}, "lidc_nodules": {"lidc_nodules.npz"},
    "ct_volume": {"ct/body_3mm.nii.gz"}, "ct_slices": {"ct/chest_slice_0.dcm", "ct/chest_slice_1.dcm"},
}  # fmt: skip
MEDMNIST = {f"{part}_{what}" for part in ("train", "val", "test") for what in ("images", "labels")}


@pytest.mark.parametrize("name", [*LAID_OUT, "mr_t1_series"])
def test_writers_lay_a_set_out_as_the_real_one_count_and_never_overwrite(name, tmp_path, monkeypatch):
    monkeypatch.setattr(standins, "COUNTS", {"train": (2, 3), "val": (1, 1), "test": (1, 1)})
    monkeypatch.setattr(standins, "lidc_npz", functools.partial(standins.lidc_npz, patients=3))
    loops = []

    def progress(items):
        loops.append(len(items))
        return items

    standins.WRITERS[name](tmp_path / "data", progress)
    files = {path.relative_to(tmp_path / "data").as_posix() for path in tmp_path.rglob("*.*")}
    if name == "mr_t1_series":
        assert len(files) == 40 and all(file.startswith("mr_t1_series/") for file in files)
    else:
        assert files == LAID_OUT[name]
    assert len(loops) == (name != "ct_volume") and all(count > 1 for count in loops)
    for file in (tmp_path / "data").glob("*mnist.npz"):
        assert set(np.load(file)) == MEDMNIST
    with pytest.raises(FileExistsError):
        standins.WRITERS[name](tmp_path / "data")


def test_ham10000s_tables_name_every_image_and_mask(tmp_path):
    standins.WRITERS["dermamnist"](tmp_path)
    split, table = (pd.read_csv(tmp_path / f) for f in ("dermamnist_split_info.csv", "HAM10000_metadata.csv"))
    masks = np.load(tmp_path / "ham10000_lesion_masks_28.npz")
    assert list(split) == ["split", "index", "image_id"] and len(split) == len(table) == len(masks["masks"])
    assert list(table) == ["lesion_id", "image_id", "dx", "dx_type", "age", "sex", "localization", "dataset"]
    assert set(split["image_id"]) == set(table["image_id"]) == set(masks["image_id"])
    assert masks["masks"].shape == (10015, 28, 28) and masks["masks"].dtype == np.uint8
    made = standins.skin.generate()
    order = pd.Index(masks["image_id"]).get_indexer(made["table"]["image_id"])
    assert np.array_equal(masks["masks"][order], made["masks"])


def test_a_full_folder_is_refused_before_anything_is_written(tmp_path):
    standins.write_rsna(tmp_path, patients=2, size=64)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(FileExistsError):
        standins.write_rsna(tmp_path, patients=2, size=64, seed=1)
    assert sorted(tmp_path.rglob("*")) == before
