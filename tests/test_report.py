"""The data report finds what was planted, and says so in words."""
from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter

from utils import datasets, report
from utils.datasets import DataError
from utils.report import data_report


def blobs(n, seed=0, size=28, channels=3):
    """Smooth random pictures, no two alike, uint8 (n, size, size, channels)."""
    rng = np.random.default_rng(seed)
    noise = gaussian_filter(rng.normal(size=(n, size, size, channels)), (0, 2, 2, 0))
    return np.clip(128 + 150 * noise, 0, 255).astype(np.uint8)


@pytest.fixture
def pile():
    """60 pictures in two splits; 0 = 40 exactly, 1 ≈ 41 in another light, 2 ≈ 3 with another class and patient."""
    images, labels = blobs(60), np.arange(60) % 2
    images[40] = images[0]
    images[41] = np.clip(images[1] * 0.7 + 40, 0, 255)
    images[3] = np.clip(images[2].astype(int) + 9, 0, 255)
    patients = np.array([f"p{i}" for i in range(60)])
    patients[40], patients[41] = "p0", "p1"
    table = pd.DataFrame({"split": ["train"] * 40 + ["val"] * 20, "patient": patients,
                          "age": [np.nan] * 4 + [50.0] * 56, "sex": [" Unknown", "?"] + ["female"] * 58})  # fmt: skip
    return images, labels, table


def test_planted_copies_are_found_and_nothing_else(pile):
    made = data_report(*pile, classes=["a", "b"], group="patient")
    pairs = made.copies.set_index(["first", "second"])
    assert set(pairs.index) == {(0, 40), (1, 41), (2, 3)}
    assert pairs["exact"].to_dict() == {(0, 40): True, (1, 41): False, (2, 3): False}
    assert pairs["across"].to_dict() == {(0, 40): True, (1, 41): True, (2, 3): False}
    assert pairs["same_class"].to_dict() == {(0, 40): True, (1, 41): True, (2, 3): False}
    assert pairs["same_group"].to_dict() == {(0, 40): True, (1, 41): True, (2, 3): False}
    said = " ".join(made.findings)
    assert "stand in another split than their twin: 1." in said and "cross the splits: 1." in said
    assert "two different labels: 1." in said and "two different values of patient: 1." in said


def test_a_shared_vignette_does_not_make_twins():
    y, x = np.mgrid[-1:1:28j, -1:1:28j]
    dark = np.clip(1.4 - x**2 - y**2, 0, 1)[..., None]
    images = (blobs(40) * dark).astype(np.uint8)
    plain = images.reshape(40, -1).astype(float)
    assert np.sort(np.corrcoef(plain)[np.triu_indices(40, 1)])[-1] > 0.5, "the vignettes do make pixels alike"
    assert data_report(images, np.arange(40) % 2).copies.empty


def test_missing_values_are_counted_whatever_they_are_called(pile):
    made = data_report(*pile)
    missing = made.sections["Missing values in the table"]
    assert missing.loc["age"].tolist() == [1, 4, 0]
    assert missing.loc["sex"].tolist() == [3, 0, 2]
    said = " ".join(made.findings)
    assert "age is missing for 4 images." in said and "sex is missing for 2 images, 2 of them under a word" in said
    assert "patient is missing" not in said


def test_counts_by_class_and_split(pile):
    images, labels, table = pile
    counts = data_report(images, labels, table, classes=["a", "b", "c"]).sections["Images by class and split"]
    assert counts[["train", "val", "total"]].to_numpy().tolist() == [[20, 10, 30], [20, 10, 30], [0, 0, 0]]
    assert any("No image shows c" in s for s in data_report(images, labels, classes=["a", "b", "c"]).findings)
    few = data_report(images, [0] * 50 + [1] * 10, table)
    assert any("5.0 times the images" in s for s in few.findings)


def test_outliers_are_found_by_what_makes_them_odd():
    images = blobs(200, channels=1)[..., 0].astype(float)
    images[3] += 120  # bright
    images[5] = 128 + (images[5] - 128) * 0.02  # flat
    images[7] += np.random.default_rng(1).normal(0, 60, (28, 28))  # noisy
    found = data_report(images, np.arange(200) % 2).outliers
    by = {measure: set(rows["image"]) for measure, rows in found.groupby("measure")}
    assert 3 in by["brightness"] and 5 in by["contrast"] and {5, 7} <= by["sharpness"]
    assert found.set_index(["image", "measure"]).loc[(3, "brightness"), "z"] > report.FAR
    assert len(found["image"].unique()) < 12, "few others"


def test_modified_z_is_the_published_formula():
    values = np.array([1.0, 2.0, 3.0, 4.0, 100.0])
    assert report.modified_z(values) == pytest.approx((values - 3) / 1.4826)
    assert not report.modified_z(np.array([5.0, 5, 5, 9])).any()


def test_broken_pixels_are_counted_and_do_not_spread():
    images = blobs(30, channels=1)[..., 0].astype(np.float32)
    images[0, 0, 0], images[1, 2, 2], images[2] = np.nan, np.inf, 7
    made = data_report(images, np.arange(30) % 3)
    assert made.sections["The pile"].loc["values that are not finite"].item() == "2"
    assert made.sections["The pile"].loc["images of one single value"].item() == "1"
    assert "nan" not in str(made.sections["Brightness and colour (mean over images)"])
    assert "Images with values that are not finite: 2." in made.findings
    assert "Images of one single value: 1." in made.findings


@pytest.mark.parametrize("shape", [(12, 20, 30), (12, 64, 48, 1), (12, 100, 90, 4), (12, 9, 9, 3)])
@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.float32, bool])
def test_any_size_and_type_of_image(shape, kind):
    images = (np.random.default_rng(0).random(shape) * 2).astype(kind)
    made = data_report(images, ["cat"] * 6 + ["dog"] * 6)
    assert f"{shape[1]} rows × {shape[2]} columns" in repr(made)
    assert made.sections["Images by class and split"]["all"].tolist() == [6, 6]


def test_a_large_pile_is_measured_in_blocks(monkeypatch):
    images = blobs(50)
    whole = report._measure(images)
    steps = iter(np.array_split(images.astype(np.float32), 7))
    monkeypatch.setattr(report, "_blocks", lambda _: steps)
    parts = report._measure(images)
    pd.testing.assert_frame_equal(whole[0], parts[0])
    assert np.array_equal(whole[1], parts[1])
    monkeypatch.undo()
    monkeypatch.setattr(report, "MANY", 10)
    made = data_report(images, np.arange(50) % 2)
    assert any("not searched" in s for s in made.findings) and "not searched" in repr(made)


def test_shrinking_averages_cells():
    grey = np.arange(2 * 56 * 84, dtype=np.float32).reshape(2, 56, 84)
    assert report._shrink(grey) == pytest.approx(grey.reshape(2, 28, 2, 28, 3).mean(axis=(2, 4)))


def test_splits_of_different_brightness_are_reported(pile):
    images, labels, table = pile
    images = images.copy()
    images[40:] = images[40:] // 2
    assert any("val is darker than train" in s for s in data_report(images, labels, table).findings)
    assert not any("darker" in s for s in data_report(*pile).findings)


def test_it_reads_well_as_text_and_in_a_notebook(pile):
    images, labels, table = pile
    made = data_report(images, labels, table, classes=["<b>bold", "plain"], source="a folder <i>")
    text, page = repr(made), made._repr_html_()
    for heading in made.sections:
        assert heading in text and heading in page
    assert all(sentence in text for sentence in made.findings)
    assert "<b>bold" not in page and "&lt;b&gt;bold" in page and "a folder &lt;i&gt;" in page
    assert data_report(images[:1], [0]).findings == ["All images are of one class: there is nothing to tell apart."]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"images": [np.zeros((3, 3)), np.zeros((4, 4))]}, "one size"),
        ({"images": np.zeros((60, 3, 28, 28))}, "np.moveaxis"),
        ({"images": np.zeros((0, 28, 28))}, "shape"),
        ({"images": np.full((60, 2, 2), "x")}, "array of numbers"),
        ({"labels": [0] * 59}, "60 images came"),
        ({"labels": np.zeros((60, 2))}, "60 images came"),
        ({"classes": ["a"]}, "Labels run from 0 to 1"),
        ({"labels": ["cat"] * 60, "classes": ["dog"]}, "'cat'"),
        ({"table": pd.DataFrame({"a": [1]})}, "1 rows for 60 images"),
        ({"group": "ward"}, "'ward'"),
    ],
)
def test_what_does_not_fit_is_said_in_one_sentence(pile, change, words):
    images, labels, table = pile
    with pytest.raises(DataError, match=words) as caught:
        data_report(**{"images": images, "labels": labels, "table": table, **change})
    assert "\n" not in str(caught.value)


def test_it_takes_a_folder_of_class_folders(tmp_path):
    from PIL import Image

    for i, image in enumerate(blobs(12, size=40)):
        where = tmp_path / ("train" if i < 8 else "test") / ("cat" if i % 2 else "dog")
        where.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(where / f"{i}.png")
    mine = datasets.folder(tmp_path, size=32, mode="RGB")
    made = data_report(mine.images, mine.labels, mine.table, mine.classes, mine.source)
    assert made.sections["Images by class and split"].loc["cat", ["train", "test", "total"]].tolist() == [4, 2, 6]
    assert "32 rows × 32 columns, 3 channels" in repr(made) and "your own folder" in made.title
