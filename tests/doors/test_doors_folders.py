"""Other people's folders of pictures, by kind."""
from __future__ import annotations

import os
import re
import subprocess
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from utils import datasets
from utils.datasets import DataError

RNG = np.random.default_rng(0)


@pytest.fixture
def put(tmp_path):
    """Write small grey pictures (or the one given) under these names; returns the folder."""

    def write(*names, picture=None):
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            image = picture or Image.fromarray(RNG.integers(0, 256, (16, 16)).astype(np.uint8))
            image.save(tmp_path / name)
        return tmp_path

    return write


def accounted(found, root):
    """Every file and link below a folder is in the table, in `.skipped`, or in a folder that is."""
    read = set(found.table["file"])
    known = {*read, *found.skipped, *(parent.as_posix() for file in read for parent in Path(file).parents[:-1])}
    for folder, inner, files in os.walk(root):
        for name in [*files, *[i for i in inner if os.path.islink(os.path.join(folder, i))]]:
            short = os.path.relpath(os.path.join(folder, name), root)
            parts = short.split("/")
            if short not in known and not any("/".join(parts[:k]) in found.skipped for k in range(1, len(parts))):
                return short
    return None


# K1: the layout is not the expected one


NAMES = [("train_set", "test_set"), ("Training Data", "Testing Data"), ("TRAIN", "Test"),
         ("trainset", "validation", "testset"), ("train images", "dev", "test-data")]  # fmt: skip


@pytest.mark.parametrize("names", NAMES)
def test_splits_by_other_names_are_splits_and_said(put, names):
    root = put(*(f"{split}/{label}/{k}.png" for split in names for label in ("cat", "dog") for k in (0, 1)))
    found = datasets.folder(root)
    assert found.classes == ("cat", "dog") and len(found.table["split"].unique()) == len(names)
    assert "Taken for splits" in found.source.note or {name.casefold() for name in names} <= {"train", "test"}


@pytest.mark.parametrize("tops", [("fold_1", "fold_2"), ("site A", "site B", "site C"), ("2019", "2020")])
def test_folders_with_the_same_classes_in_each_are_no_classes(put, tops):
    root = put(*(f"{top}/{label}/0.png" for top in tops for label in ("cat", "dog")))
    with pytest.raises(DataError, match="looks divided into"):
        datasets.folder(root)


@pytest.mark.parametrize("names", [("train", "test"), ("train_set", "test_set"), ("train", "val", "test")])
def test_splits_without_classes_are_no_classes(put, names):
    with pytest.raises(DataError, match="without a folder for each class"):
        datasets.folder(put(*(f"{name}/{k}.png" for name in names for k in (0, 1))))


def test_what_stands_beside_the_splits_is_named(put):
    found = datasets.folder(put(*(f"{s}/{c}/0.png" for s in ("train", "test") for c in "ab"), "extra/a/9.png"))
    assert found.classes == ("a", "b") and found.skipped["extra"] and "extra beside the splits" in found.source.note


@pytest.mark.parametrize(
    ("one", "other"),
    [("Normal", "normal"), ("Pneumonia ", "Pneumonia"), ("Öl", unicodedata.normalize("NFD", "Öl")), ("a b", "a  b")],
)
def test_class_names_that_look_alike_are_refused(put, one, other):
    with pytest.raises(DataError, match="differ in case, blanks or accents only"):
        datasets.folder(put(f"train/{one}/0.png", "train/other/0.png", f"test/{other}/0.png", "test/other/0.png"))


def test_a_class_in_one_split_only_and_an_empty_one_are_said(put):
    root = put("train/a/0.png", "train/b/0.png", "test/a/0.png", "train/c_left_T2/0.png")
    (root / "train" / "empty").mkdir()
    note = datasets.folder(root).source.note
    assert "Class b is in train only" in note and "train/empty holds no images" in note


@pytest.mark.parametrize("folder", ["masks", "Mask", "labels", "segmentation", "ground_truth", "GT"])
def test_folders_of_masks_are_no_images_of_the_class(put, folder):
    root = put(*(f"{c}/{part}/{k}.png" for c in ("COVID", "Normal") for part in ("images", folder) for k in (0, 1)))
    found = datasets.folder(root)
    assert len(found) == 4 and found.skipped[f"COVID/{folder}"] == "a folder of masks" and "masks" in found.source.note


@pytest.mark.parametrize("ending", ["_mask", "-mask", " mask", ".label", "_seg", "_mask_1", "_Segmentation"])
def test_files_of_masks_are_no_images_of_the_class(put, ending):
    root = put(*(f"{c}/{c} (1){end}.png" for c in ("benign", "malignant") for end in ("", ending)))
    found = datasets.folder(root)
    assert len(found) == 2 and found.skipped[f"benign/benign (1){ending}.png"] == "a mask, by its name"


def test_a_picture_of_two_values_beside_one_of_the_same_name_is_a_mask(put):
    root = put("a/1.jpg", "b/1.jpg")
    put("a/1.png", picture=Image.fromarray(np.uint8(np.eye(16) * 255)))
    assert list(datasets.folder(root).skipped) == ["a/1.png"]


def test_people_who_wear_masks_are_classes(put):
    assert datasets.folder(put("with_mask/0.png", "without_mask/0.png")).classes == ("with_mask", "without_mask")


@pytest.mark.parametrize("junk", ["@eaDir/0.png", ".thumbnails/0.png", "$RECYCLE.BIN/0.png", "__MACOSX/0.png"])
def test_thumbnails_are_no_second_copy(put, junk):
    assert len(datasets.folder(put("a/0.png", "b/0.png", f"a/{junk}", junk))) == 2


# K2: what cannot be read, or is not followed, vanishes without a word


def test_links_are_followed_once_and_what_leads_nowhere_is_named(put, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("disk")
    Image.fromarray(np.uint8([[1, 2], [3, 4]] * 8).repeat(8, 1)).save(elsewhere / "far.png")
    root = put("a/0.png", "b/0.png")
    os.symlink(elsewhere, root / "a" / "p1")
    os.symlink(elsewhere / "far.png", root / "b" / "far.png")
    os.symlink(root / "a", root / "a" / "loop")
    os.symlink(root / "nowhere.png", root / "b" / "gone.png")
    found = datasets.folder(root)
    assert sorted(found.table["file"]) == ["a/0.png", "a/p1/far.png", "b/0.png", "b/far.png"]
    assert "read already" in found.skipped["a/loop"] and "nowhere" in found.skipped["b/gone.png"]
    assert accounted(found, root) is None


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_without_permission_is_named(put):
    root = put("a/0.png", "b/0.png", "a/closed/1.png")
    (root / "a" / "closed").chmod(0)
    assert "cannot be opened" in datasets.folder(root).skipped["a/closed"]
    (root / "a" / "closed").chmod(0o700)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("x.jpg", b"\xff\xd8\xff\xe0" + b"0" * 40, "cut off|damaged|not an image"),
        ("x.png", b"no picture", "not an image"),
        ("x.zip", b"PK\x03\x04", "an archive"),
        ("x.dcm", b"\0" * 128 + b"DICM", "DICOM"),
        ("x.nii.gz", b"\x1f\x8b", "a volume"),
        ("notes.txt", b"hello", "not an image"),
        ("empty.png", b"", "not an image"),
        ("x.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\nshowpage\n", "not an image"),
        ("x.pdf", b"%PDF-1.4", "not an image"),
    ],
)
def test_each_file_is_in_the_table_or_named_with_the_reason_and_starts_nothing(put, monkeypatch, name, content, reason):
    monkeypatch.setattr(subprocess, "Popen", lambda *a, **k: pytest.fail("a program was started"))
    root = put("a/0.png", "b/0.png")
    for place in ("a", "."):
        (root / place / name).write_bytes(content)
    found = datasets.folder(root)
    assert re.search(reason, found.skipped[f"a/{name}"]) and str(root) not in str(found.skipped)
    assert accounted(found, root) is None and "stayed aside" in found.source.note


@pytest.mark.parametrize(("name", "how"), [("s.tif", {}), ("s.gif", {}), ("s.webp", {"lossless": True}), ("s.png", {})])
def test_of_several_pictures_in_a_file_the_first_is_read_and_that_is_said(put, name, how):
    root = put("a/0.png", "b/0.png")
    first, *others = (Image.fromarray(np.uint8(np.full((16, 16), v)).repeat(1, 0)) for v in (10, 20, 30))
    first.save(root / "a" / name, save_all=True, append_images=others, **how)
    found = datasets.folder(root)
    assert len(found) == 3 and "1 file held several pictures" in found.source.note


def test_names_that_are_no_text_can_be_printed(put):
    root = put("a/0.png")
    os.mkdir(os.fsencode(root) + b"/K\xe4se")
    Image.new("L", (16, 16), 3).save(os.fsencode(root).decode("utf-8", "surrogateescape") + "/K\udce4se/0.png")
    found = datasets.folder(root)
    assert len(found) == 2 and "�" in ",".join(found.classes)
    found.table.to_csv(root / "table.csv")


# K3: values lose range or meaning


def test_twelve_bits_in_sixteen_are_said_to_be_dark(put):
    deep = Image.fromarray(RNG.integers(0, 4096, (16, 16)).astype(np.uint16))
    note = datasets.folder(put("a/0.png", "b/0.png", picture=deep)).source.note
    assert "16 bits" in note and "12 bits are in use" in note


def test_transparency_and_pictures_of_one_value_are_said(put):
    clear = np.zeros((16, 16, 4), np.uint8)
    clear[..., :3], clear[4:8, 4:8, 3] = 255, 255
    root = put("a/0.png", picture=Image.fromarray(clear))
    put("b/0.png", picture=Image.new("L", (16, 16), 77))
    found = datasets.folder(root)
    assert "transparent" in found.source.note and "one single value" in found.source.note
    assert (found.images[0] == 255).sum() == 16, "what is transparent is black"


@pytest.mark.parametrize("kind", ["1", "L", "P", "RGB", "CMYK", "LA", "RGBA", "YCbCr"])
def test_pictures_of_every_mode_are_read(put, kind):
    ending = {"CMYK": "tif", "YCbCr": "jpg"}.get(kind, "png")
    grey = Image.fromarray(np.uint8(np.arange(256).reshape(16, 16)))
    found = datasets.folder(put(f"a/0.{ending}", f"b/0.{ending}", picture=grey.convert(kind)))
    assert len(found) == 2 and (kind == "1" or np.corrcoef(found.images[0].ravel(), np.arange(256))[0, 1] > 0.95)


def test_floating_point_pixels_are_named(put):
    root = put("a/0.png", "b/0.png")
    Image.fromarray(np.ones((16, 16), np.float32)).save(root / "a" / "f.tif")
    assert datasets.folder(root).skipped["a/f.tif"] == "floating-point pixels"


MASKS = {
    "white, the shape in alpha": (lambda m: _in_alpha(m), 36),
    "a palette without black": (lambda m: _palette(m), 36),
    "0 and 1": (lambda m: Image.fromarray(m.astype(np.uint8)), 36),
    "one bit": (lambda m: Image.fromarray(m), 36),
    "empty": (lambda m: Image.fromarray(np.zeros(m.shape, np.uint8)), 0),
}  # fmt: skip


def _in_alpha(mask):
    return Image.fromarray(np.dstack([np.full((*mask.shape, 3), 255), mask * 255]).astype(np.uint8))


def _palette(mask):
    image = Image.fromarray(mask.astype(np.uint8), mode="P")
    image.putpalette([40, 40, 40, 200, 30, 30] + [0] * 762)
    return image


def _nodule(root, mask):
    crop = Image.fromarray(RNG.integers(0, 256, (16, 16)).astype(np.uint8))
    for part, picture in (("images", crop), ("mask-0", mask)):
        folder = root / "LIDC-IDRI-0001" / "nodule-0" / part
        folder.mkdir(parents=True, exist_ok=True)
        picture.save(folder / "slice-0.png")


@pytest.mark.parametrize("kind", MASKS)
def test_a_mask_is_what_it_shows(tmp_path, monkeypatch, kind):
    truth = np.zeros((16, 16), bool)
    truth[5:11, 5:11] = True
    make, area = MASKS[kind]
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    _nodule(tmp_path, make(truth))
    if area:
        assert datasets.lidc().masks[0, 0].sum() == area
    else:
        with pytest.raises(DataError, match="no outlined nodule"):
            datasets.lidc()


def test_a_mask_with_grey_values_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    _nodule(tmp_path, Image.fromarray(RNG.integers(0, 9, (16, 16)).astype(np.uint8)))
    with pytest.raises(DataError, match="a mask has two"):
        datasets.lidc()
