"""The two archives that need an account: the clinic's have the real layout, and bad input is never silently wrong."""
from __future__ import annotations

import itertools
import json
import shutil
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pydicom
import pytest
from test_datasets import one_sentence, snapshot

from utils import datasets
from utils.clinic import standins
from utils.datasets import DataError, places
from utils.datasets.challenges import BOX, CLASSES, FILMS, LABELS, MAPPING

SIZE = 64


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    """Small archives of the clinic: `rsna` of 25 patients, `covid19/Train` of 3."""
    folder = tmp_path_factory.mktemp("written")
    standins.write_rsna(folder / "rsna", patients=25, size=SIZE)
    standins.write_covid(folder / "covid19", patients=3, spacing=(8, 8, 10), shape=(48, 40, 32))
    return folder


@pytest.fixture(autouse=True)
def empty_house(monkeypatch, tmp_path):
    monkeypatch.setattr(places, "DATA", tmp_path / "data")
    monkeypatch.setenv("COURSE_OFFLINE", "1")
    monkeypatch.delenv("COURSE_DATA", raising=False)
    (tmp_path / "data").mkdir()


@pytest.fixture
def rsna(written) -> Path:
    return shutil.copytree(written / "rsna", places.DATA / "rsna")


@pytest.fixture
def covid(written) -> Path:
    return shutil.copytree(written / "covid19" / "Train", places.DATA / "covid19")


def edit(file: Path, change) -> None:
    """Read a table as text, change it, write it again."""
    change(pd.read_csv(file, dtype=str, keep_default_na=False)).to_csv(file, index=False)


def first(target: int) -> str:
    films = datasets.rsna().films
    return films.loc[films["target"] == target, "film"].iloc[0]


def refused(words: str, call=datasets.rsna) -> None:
    with pytest.raises(DataError) as caught:
        call()
    assert words in one_sentence(caught.value), str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None, "nobody else's traceback"


# ---------------------------------------------------------------------------- the clinic's layout is the real one


def test_the_clinics_files_are_named_as_the_challenges_name_theirs(written):
    assert {f.name for f in (written / "rsna").iterdir()} == {
        "stage_2_train_images", "stage_2_train_labels.csv", "stage_2_detailed_class_info.csv",
        "pneumonia-challenge-dataset-mappings_2018.json", "clinic_truth.csv"}  # fmt: skip
    head = {name: (written / "rsna" / name).read_text().split("\n")[0] for name in (LABELS, CLASSES)}
    assert head == {LABELS: "patientId,x,y,width,height,Target", CLASSES: "patientId,class"}
    rows = pd.read_csv(written / "rsna" / LABELS)
    assert len(rows) == len(pd.read_csv(written / "rsna" / CLASSES)), "a row a box in both, as there"
    entry = json.loads((written / "rsna" / MAPPING).read_text())[0]
    assert {"subset_img_id", "img_id"} <= set(entry) and entry["img_id"].endswith(".png")
    names = [f"volume-covid19-A-{k:04d}_{kind}.nii.gz" for k in (1, 2, 3) for kind in ("ct", "seg")]
    assert sorted(f.name for f in (written / "covid19" / "Train").iterdir()) == names


def test_one_row_a_film_and_one_row_a_box(rsna):
    pile, rows = datasets.rsna(), pd.read_csv(rsna / LABELS)
    assert list(pile.films) == ["film", "path", "target", "class", "n_boxes", "patient"]
    assert list(pile.boxes) == ["film", *BOX]
    assert len(pile) == rows["patientId"].nunique() < len(rows) and pile.films["film"].is_unique
    assert len(pile.boxes) == rows["x"].notna().sum() == pile.films["n_boxes"].sum()
    assert ((pile.films["n_boxes"] > 0) == (pile.films["target"] == 1)).all() and pile.films["n_boxes"].max() > 1
    truth = pd.read_csv(rsna / "clinic_truth.csv").set_index("patientId")
    assert (pile.films["film"].map(truth["patient"]) == pile.films["patient"].astype(int)).all()
    assert (pile.films["film"].map(truth["finding"]).map(standins.CLASSES) == pile.films["class"]).all()
    assert all((pile.root / path).is_file() and path == f"{FILMS}/{film}.dcm"
               for film, path in zip(pile.films["film"], pile.films["path"], strict=True))  # fmt: skip
    assert pile.source.is_real and pile.source.where == datasets.OURS and not pile.skipped
    assert "not the published 26,684" in pile.source.note and str(places.DATA) not in str(pile.source)


def test_boxes_hold_the_projected_lesions(rsna):
    pile, truth = datasets.rsna(), pd.read_csv(rsna / "clinic_truth.csv")
    sick = truth[truth["finding"] == "opacity"].head(6)
    for row in sick.itertuples():
        pixels, boxes = pile.read(row.patientId)
        film = standins.film_of(row, SIZE)
        assert pixels.dtype == np.uint8 and np.corrcoef(pixels.ravel(), film.image.ravel())[0, 1] > 0.99
        left = film.mask.copy()
        for x, y, width, height in boxes.astype(int):
            assert film.mask[y : y + height, x : x + width].any()
            left[y : y + height, x : x + width] = False
        assert film.mask.any() and not left.any()
    well = truth.loc[truth["finding"] == "normal", "patientId"].iloc[0]
    assert pile.read(well)[1].shape == (0, 4)


def test_reading_is_deterministic_and_changes_nothing(rsna, covid):
    before = snapshot(places.DATA)
    one, two = datasets.rsna(), datasets.rsna()
    pd.testing.assert_frame_equal(one.films, two.films)
    pd.testing.assert_frame_equal(one.boxes, two.boxes)
    film = first(1)
    assert all((a == b).all() for a, b in zip(one.read(film), two.read(film), strict=True))
    scans = [datasets.covid19().read("volume-covid19-A-0002") for _ in range(2)]
    assert (scans[0][0].array == scans[1][0].array).all() and (scans[0][1] == scans[1][1]).all()
    assert one.source == two.source and snapshot(places.DATA) == before
    edit(rsna / LABELS, lambda rows: rows.sample(frac=1, random_state=1))
    pd.testing.assert_frame_equal(datasets.rsna().films, one.films)


def test_with_nobodys_archive_the_clinic_writes_one_and_keeps_it(monkeypatch, capsys):
    calls = []

    def small(name, write, **how):
        monkeypatch.setitem(standins.WRITERS, name, lambda folder, progress=None: calls.append(folder) or write(
                            folder / name, **how))  # fmt: skip

    small("rsna", standins.write_rsna, patients=3, size=SIZE)
    small("covid19", standins.write_covid, patients=1, spacing=(9, 9, 9), shape=(40, 36, 30))
    piles = [(datasets.rsna(), datasets.covid19()) for _ in range(2)][1]
    assert len(calls) == 2, "written once, kept, read twice"
    for pile in piles:
        assert not pile.source.is_real and pile.source.where == datasets.CLINIC and "synthetic" in str(pile.source)
        assert "data/README.md says how to get it" in one_sentence(pile.source.note)
        assert "made by this course" in pile.source.citation and "published" not in pile.source.note
    scan, mask = piles[1].read("volume-covid19-A-0001")
    assert mask.any() and not scan.source.is_real, "a synthetic scan is not called real"
    assert {f.name for f in places.DATA.iterdir()} == {"synthetic"} and capsys.readouterr().err == ""
    monkeypatch.setattr(places, "clinic_code", lambda: "other code")
    assert datasets.rsna().source.fingerprint == piles[0].source.fingerprint, "other code, the same films"
    assert len(calls) == 3, "other code makes them anew"
    monkeypatch.setattr(places, "clinic_code", lambda: "code that makes other films")
    small("rsna", standins.write_rsna, patients=3, size=SIZE // 2)
    small("covid19", standins.write_covid, patients=1, spacing=(9, 9, 9), shape=(40, 36, 30), seed=1)
    for again, before in zip((datasets.rsna(), datasets.covid19()), piles, strict=True):
        assert again.source.fingerprint != before.source.fingerprint


def test_where_it_looks(monkeypatch, written, tmp_path):
    shutil.copytree(written / "rsna", places.DATA / "rsna-pneumonia-detection-challenge")
    shutil.copytree(written / "covid19" / "Train", places.DATA / "COVID-19-20_v2" / "Train")
    assert datasets.rsna().source.where == datasets.covid19().source.where == datasets.OURS
    lab = tmp_path / "lab"
    monkeypatch.setenv("COURSE_DATA", str(lab))
    shutil.copytree(written, lab)
    assert datasets.rsna().source.where == datasets.covid19().source.where == datasets.YOURS
    assert datasets.covid19().root == lab / "covid19" / "Train" and len(datasets.covid19()) == 3


def test_a_limit_keeps_the_first(rsna, covid):
    whole, some = datasets.rsna(), datasets.rsna(limit=7)
    assert list(some.films["film"]) == list(whole.films["film"])[:7]
    assert set(some.boxes["film"]) <= set(some.films["film"]) and len(some.boxes) == some.films["n_boxes"].sum()
    assert f"first 7 of {len(whole)} films" in some.source.note and "published" not in some.source.note
    assert some.source.fingerprint != whole.source.fingerprint
    assert len(datasets.rsna(limit=10_000)) == len(whole)
    assert len(datasets.covid19(limit=2)) == 2 and "first 2 of 3 cases" in datasets.covid19(limit=2).source.note
    for door, wrong in itertools.product((datasets.rsna, datasets.covid19), (0, -1, 2.5, "3", True)):
        refused("limit is None or a whole number", lambda door=door, wrong=wrong: door(limit=wrong))


# ---------------------------------------------------------------------------- bad input: RSNA


def test_rows_without_a_file_and_files_without_a_row_are_left_out_and_named(rsna):
    gone, loose, whole = first(1), first(0), datasets.rsna()
    (rsna / FILMS / f"{gone}.dcm").unlink()
    for name in (LABELS, CLASSES):
        edit(rsna / name, lambda rows: rows[rows["patientId"] != loose])
    (rsna / FILMS / f"._{first(1)}.dcm").write_bytes(b"macOS leaves such files")
    pile = datasets.rsna()
    assert pile.skipped == {gone: "its file is missing", loose: f"no row in {LABELS}"}
    assert f"1 film with a row but no file is left out ({gone})" in pile.source.note
    assert f"1 film with a file but no row is left out ({loose})" in pile.source.note
    assert len(pile) == len(whole) - 2 and gone not in set(pile.boxes["film"])
    refused("There is no film", lambda: pile.read(gone))
    shutil.rmtree(rsna / FILMS)
    refused("holds no film")


@pytest.mark.parametrize("name", [LABELS, CLASSES])
def test_a_table_that_is_missing_or_damaged(rsna, name):
    for junk in (b"", bytes(range(256)) * 9, b"<html>Log in, please</html>"):
        (rsna / name).write_bytes(junk)
        refused(name)
        assert (rsna / name).read_bytes() == junk
    (rsna / name).write_text("patientId,x,y,width,height,Target,class\n,1,1,2,2,1,Lung Opacity\n")
    refused("rows without a patientId")
    (rsna / name).unlink()
    refused(f"lacks {name}")


@pytest.mark.parametrize(("column", "value"), [
    ("Target", "0"), ("Target", "2"), ("Target", ""), ("Target", "yes"), ("x", ""), ("x", "left"), ("x", "-3"),
    ("y", "nan"), ("y", "inf"), ("width", "0"), ("height", "-9"),
])  # fmt: skip
def test_a_row_that_contradicts_itself_is_refused_and_its_film_named(rsna, column, value):
    film = first(1)

    def spoil(rows):
        rows.loc[rows.index[rows["patientId"] == film][0], column] = value
        return rows

    edit(rsna / LABELS, spoil)
    refused(f"{LABELS} in rsna in the course's data folder is wrong about {film}")


def test_no_finding_and_a_box_contradict_each_other(rsna):
    well = first(0)
    edit(rsna / LABELS, lambda rows: rows.assign(x=rows["x"].where(rows["patientId"] != well, "3")))
    refused(f"is wrong about {well}")


def test_a_film_with_and_without_finding(rsna):
    film = first(1)
    extra = pd.DataFrame([{"patientId": film, "Target": "0"}])
    edit(rsna / LABELS, lambda rows: pd.concat([rows, extra]).fillna(""))
    refused(f"{LABELS} in rsna in the course's data folder contradicts itself on {film}")


def test_rows_that_stand_there_twice_count_once(rsna):
    whole, film = datasets.rsna(), first(1)
    edit(rsna / LABELS, lambda rows: pd.concat([rows, rows[rows["patientId"] == film].head(1)]))
    pile = datasets.rsna()
    pd.testing.assert_frame_equal(pile.films, whole.films)
    assert "1 row of stage_2_train_labels.csv stood there twice" in pile.source.note


def test_classes_that_disagree_are_missing_or_do_not_fit(rsna):
    film, text = first(1), (rsna / CLASSES).read_text()
    edit(rsna / CLASSES, lambda rows: pd.concat([rows, pd.DataFrame([{"patientId": film, "class": "Normal"}])]))
    refused(f"{CLASSES} in rsna in the course's data folder contradicts itself on {film}")
    (rsna / CLASSES).write_text(text)
    edit(rsna / CLASSES, lambda rows: rows[rows["patientId"] != film])
    refused(f"has no class for {film}")
    (rsna / CLASSES).write_text(text)
    (rsna / CLASSES).write_text(text.replace(f"{film},Lung Opacity", f"{film},Normal"))
    refused(f"contradict each other on {film}")


def test_patients_come_from_the_mapping_or_not_at_all(rsna):
    entries, film = json.loads((rsna / MAPPING).read_text()), first(1)
    for junk in ("", "[1, 2]", "{}", '[{"img_id": "1_0.png"}]', "[" * 5000):
        (rsna / MAPPING).write_text(junk)
        refused("does not know" if junk == "{}" else "not RSNA's mapping")
    (rsna / MAPPING).write_text(json.dumps([e for e in entries if e["subset_img_id"] != film]))
    refused(f"does not know {film}")
    (rsna / MAPPING).write_text(json.dumps([*entries, {"subset_img_id": film, "img_id": "99999999_000.png"}]))
    refused(f"contradicts itself on {film}")
    (rsna / MAPPING).unlink()
    pile = datasets.rsna()
    assert "patient" not in pile.films and "nobody knows which films show one person" in pile.source.note


def test_files_that_are_not_the_film_they_should_be(rsna):
    pile, film, other = datasets.rsna(), first(1), first(0)
    path, raw = rsna / FILMS / f"{film}.dcm", (rsna / FILMS / f"{film}.dcm").read_bytes()
    for junk in (b"", b"no DICOM" * 99, raw[: len(raw) // 2], raw[:200]):
        path.write_bytes(junk)
        refused(path.name, lambda: pile.read(film))
        assert path.read_bytes() == junk
    shutil.copy(rsna / FILMS / f"{other}.dcm", path)
    refused(f"it is the film {other}", lambda: pile.read(film))
    path.unlink()
    refused("no such file", lambda: pile.read(film))


def rewritten(path: Path, pixels: np.ndarray, **tags) -> None:
    data = pydicom.dcmread(path)
    data.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    data.BitsAllocated = data.BitsStored = 8 * pixels.itemsize
    data.HighBit, (data.Rows, data.Columns), data.PixelData = data.BitsStored - 1, pixels.shape[:2], pixels.tobytes()
    data["PixelData"].is_undefined_length, data["PixelData"].VR = False, "OB" if pixels.itemsize == 1 else "OW"
    for name, value in tags.items():
        setattr(data, name, value)
    data.save_as(path, enforce_file_format=True)


def test_pictures_of_another_kind_are_turned_round_or_refused(rsna):
    pile, film = datasets.rsna(), first(1)
    path, ramp = rsna / FILMS / f"{film}.dcm", np.arange(SIZE * SIZE, dtype=np.uint16).reshape(SIZE, SIZE)
    rewritten(path, ramp)
    assert (pile.read(film)[0] == ramp).all()
    rewritten(path, ramp, PhotometricInterpretation="MONOCHROME1", BitsStored=12, HighBit=11)
    assert (pile.read(film)[0] == 4095 - ramp).all(), "dense is bright"
    rewritten(path, ramp.view(np.int16), PixelRepresentation=1)
    refused("not one grey picture", lambda: pile.read(film))
    rewritten(path, ramp.astype(np.uint8), PixelRepresentation=0, PhotometricInterpretation="MONOCHROME2")
    assert pile.read(film)[0].dtype == np.uint8
    rewritten(path, np.zeros((SIZE, SIZE, 3), np.uint8), SamplesPerPixel=3, PhotometricInterpretation="RGB",
              PlanarConfiguration=0)  # fmt: skip
    refused("not one grey picture", lambda: pile.read(film))


def test_small_films_keep_their_boxes_in_place_whatever_their_bits_and_their_end_of_the_scale(rsna):
    eight, twelve, inverted = datasets.rsna().films["film"][:3]
    pile = datasets.rsna()
    before = pile.resized(32)
    files = {film: rsna / FILMS / f"{film}.dcm" for film in (twelve, inverted)}
    stored = {film: pile.read(film)[0] for film in files}
    rewritten(files[twelve], stored[twelve].astype(np.uint16) * 16, BitsStored=12)
    rewritten(files[inverted], 255 - stored[inverted], PhotometricInterpretation="MONOCHROME1")
    pictures, boxes = datasets.rsna().resized(32)
    assert pictures.shape == (len(pile), 32, 32) and pictures.dtype == np.uint8
    assert abs(pictures.astype(int) - before[0]).max() <= 1  # 16 * 255 is not 4095
    square = pile.read(eight)[0].reshape(32, 2, 32, 2).mean((1, 3))
    assert abs(pictures[0] - square).max() <= 0.5
    for film, of_film in zip(pile.films["film"], boxes, strict=True):
        np.testing.assert_allclose(of_film * 2, pile.read(film)[1])
    for side in (0, 2.5, "32"):
        refused("side is a whole number", lambda side=side: pile.resized(side))


def test_a_box_outside_the_picture(rsna):
    film = first(1)
    edit(rsna / LABELS, lambda rows: rows.assign(width=rows["width"].where(rows["patientId"] != film, "900")))
    refused("reaches out of its picture", lambda: datasets.rsna().read(film))
    datasets.rsna().read(first(0))


# ---------------------------------------------------------------------------- bad input: COVID-19-20


def put(file: Path, array: np.ndarray, affine: np.ndarray) -> None:
    nibabel.save(nibabel.Nifti1Image(array, affine), file)


def test_a_case_is_a_ct_and_its_mask(covid):
    pile = datasets.covid19()
    assert list(pile.cases) == ["case", "ct", "mask"] and len(pile) == 3 and pile.source.is_real
    assert "not the published 199" in pile.source.note
    for case in pile.cases["case"]:
        scan, mask = pile.read(case)
        stored = nibabel.load(covid / f"{case}_seg.nii.gz")
        assert scan.array.shape == mask.shape == (48, 40, 32) and scan.spacing == (8, 8, 10)
        assert mask.dtype == np.uint8 and (mask == np.asarray(stored.dataobj)).all() and mask.any()
        assert scan.array.min() < -900 and scan.source == pile.source
    refused("There is no case", lambda: pile.read("volume-covid19-A-0009"))


def test_cases_without_a_mask_are_listed_and_masks_without_a_ct_left_out(covid):
    (covid / "volume-covid19-A-0001_seg.nii.gz").unlink()
    (covid / "volume-covid19-A-0003_ct.nii.gz").unlink()
    (covid / "._volume-covid19-A-0002_ct.nii.gz").write_bytes(b"macOS leaves such files")
    pile = datasets.covid19()
    assert list(pile.cases["case"]) == ["volume-covid19-A-0001", "volume-covid19-A-0002"]
    assert "1 case came without a mask (volume-covid19-A-0001)" in pile.source.note
    assert pile.skipped == {"volume-covid19-A-0003_seg.nii.gz": "its CT is missing"}
    assert "1 mask with no CT is left out (volume-covid19-A-0003_seg.nii.gz)" in pile.source.note
    scan, mask = pile.read("volume-covid19-A-0001")
    assert mask is None and scan.array.ndim == 3 and pile.read("volume-covid19-A-0002")[1] is not None


def test_masks_that_do_not_fit_their_ct_are_refused(covid):
    pile, case = datasets.covid19(), "volume-covid19-A-0001"
    scan, mask = pile.read(case)
    file, flipped, moved = covid / f"{case}_seg.nii.gz", scan.affine.copy(), scan.affine.copy()
    flipped[0] *= -1
    moved[2, 3] += 10
    tilted = scan.affine @ np.array([[1, 0.05, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    for affine in (flipped, moved, tilted):
        put(file, mask, affine)
        refused("their affines differ", lambda: pile.read(case))
    put(file, mask[1:], scan.affine)
    refused("has the shape (47, 40, 32)", lambda: pile.read(case))
    for wrong in (mask * 0.5, mask * np.uint8(255), mask.astype(np.int16) - 1, np.where(mask, np.nan, 0)):
        put(file, wrong.astype(np.float32) if wrong.dtype == float else wrong, scan.affine)
        refused("values other than 0 and 1", lambda: pile.read(case))
    put(file, mask.astype(np.float32), scan.affine + np.eye(4)[:, [3, 3, 3, 0]] * 1e-4)
    again = pile.read(case)[1]
    assert again.dtype == np.uint8 and (again == mask).all(), "whole numbers stored as floats are whole numbers"
    assert datasets.covid19().source.fingerprint != pile.source.fingerprint, "another mask file is another archive"
    put(file, mask, None)
    refused("has no affine", lambda: pile.read(case))
    put(file, mask, scan.affine)
    file.write_bytes(file.read_bytes()[:-200])
    refused("not a whole NIfTI file", lambda: pile.read(case))


def test_folders_without_what_they_should_hold():
    (places.DATA / "covid19").mkdir()
    refused("holds no file that ends in _ct.nii.gz", datasets.covid19)
    (places.DATA / "rsna").write_text("a file")
    refused(f"lacks {LABELS}")


def test_a_read_only_data_folder_is_said_and_the_lesson_goes_on(monkeypatch):
    def refuse(*_, **__):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(places, "save_whole", refuse)
    monkeypatch.setitem(standins.WRITERS, "rsna", lambda folder, progress=None: standins.write_rsna(
                        folder / "rsna", patients=2, size=SIZE))  # fmt: skip
    pile = datasets.rsna()
    assert "Read-only" in pile.source.note and pile.read(pile.films["film"][0])[0].shape == (SIZE, SIZE)
