"""Each defect is planted in a clean pile, and the audits must name it; a clean pile must pass."""
from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter

from utils import audit, datasets
from utils.audit import DataProblem, audit_split, check_data, data_report

# ---------------------------------------------------------------------------- splits


PEOPLE = np.repeat([f"p{number:02d}" for number in range(40)], np.arange(40) % 4 + 1)


def test_whole_people_are_dealt_in_the_shares_asked_for_and_the_order_of_images_does_not_matter():
    parts = audit.split_by(PEOPLE, {"train": 0.7, "val": 0.1, "test": 0.2}, seed=3)
    table = pd.DataFrame({"person": PEOPLE, "part": parts})
    assert table.groupby("person")["part"].nunique().max() == 1
    assert table.groupby("part")["person"].nunique().to_dict() == {"train": 28, "val": 4, "test": 8}
    order = np.random.default_rng(0).permutation(len(PEOPLE))
    assert (audit.split_by(PEOPLE[order], seed=3) == parts[order]).all()
    assert (audit.split_by(PEOPLE, seed=4) != parts).any()
    assert audit_split(parts, groups=PEOPLE).ok


def test_numbers_and_categories_name_people_too():
    numbers = np.repeat(np.arange(20), 2)
    for groups in (numbers, pd.Series(numbers).astype("category"), numbers.tolist()):
        parts = audit.split_by(groups)
        assert (parts[::2] == parts[1::2]).all()


@pytest.mark.parametrize(
    ("groups", "more", "words"),
    [
        (["a", None, "b", "c"], {}, "Of 1 image nobody knows whose"),
        (["a", "unknown", "", "c"], {}, "Of 2 images nobody knows whose"),
        (["a", "b"], {}, "2 groups cannot fill 3 parts"),
        *[(["a", "b", "c"], {"shares": shares}, "above 0, sum 1; not")
          for shares in ({"train": 0.9, "test": 0.2}, {"train": 1.2, "test": -0.2}, {"train": 80, "test": 20}, {},
                         {"train": float("nan"), "test": 0.2}, {"train": "much"}, [0.8, 0.2])],
        (list("abcdefghij"), {"labels": [1] + [0] * 9}, "No image of class 1 came to"),
        (list("abc"), {"labels": [1, 0]}, "3"),
        (list("abcdef"), {"labels": [1, 0, None, 1, 0, 1]}, "1 image came without a label"),
        ("abc", {}, "groups"),
    ],
)
def test_what_cannot_be_dealt_is_refused_in_a_sentence(groups, more, words):
    with pytest.raises(DataProblem, match=words) as problem:
        audit.split_by(groups, **more)
    assert str(problem.value).count("\n") == 0


@pytest.fixture
def deal():
    """Ninety images of thirty patients (three each), two classes, two sources, split by patient."""
    rng = np.random.default_rng(0)
    patient = np.repeat(np.arange(30), 3)
    return {
        "split": np.where(patient < 20, "train", np.where(patient < 25, "val", "test")),
        "groups": np.array([f"p{number}" for number in patient], dtype=object),
        "labels": np.where(patient % 2, "sick", "well"),
        "sources": np.where(patient // 2 % 2, "north", "south"),
        "images": rng.integers(0, 256, (90, 4, 4), dtype=np.uint8),
    }


def test_a_clean_split_passes(deal):
    report = audit_split(**deal)
    assert report.ok and report.problems == [] and report.shared.empty and report.copies.empty
    assert "no problem found" in repr(report)
    assert report.counts["images"].to_dict() == {"train": 60, "val": 15, "test": 15}
    assert report.counts["groups"].to_dict() == {"train": 20, "val": 5, "test": 5}
    assert any("nothing here speaks of a new source" in note for note in report.notes)


def test_shared_groups_are_counted_in_images_not_in_pairs(deal):
    deal["split"][:2] = "test"  # two of the three images of p0; the third stays in train
    report = audit_split(**deal)
    assert not report.ok
    assert "2 of 17 test images share a group with train." in report.problems
    assert set(report.shared["row"]) == {0, 1, 2} and set(report.shared["group"]) == {"p0"}
    assert "✗ 2 of 17 test images" in repr(report)


def test_many_folds_give_one_sentence(deal):
    fold = np.arange(90) % 5
    report = audit_split(fold, groups=deal["groups"])
    assert report.problems == ["90 of 90 images share a group with an image in another split."]
    assert audit_split(np.repeat(np.arange(30), 3) % 5, groups=deal["groups"]).ok


@pytest.mark.parametrize("nobody", [None, np.nan, "", "unknown", " N/A ", pd.NA])
def test_unknown_groups_are_reported_and_never_matched(deal, nobody):
    deal["groups"][[0, 70, 89]] = [nobody] * 3  # train, val, test: would be one patient in three splits
    report = audit_split(**deal)
    assert len(report.problems) == 1
    assert "3 images of no known group (1 in train, 1 in val, 1 in test)" in report.problems[0]
    assert report.shared.empty


def test_exact_copies_across_splits(deal):
    deal["images"][80] = deal["images"][3]
    deal["images"][5] = deal["images"][3]
    report = audit_split(deal["split"], images=deal["images"])
    assert report.problems == ["2 pairs of identical images, one in train, one in test."]
    assert report.notes == ["1 pair of identical images within one split."]
    assert {tuple(pair) for pair in report.copies[["row", "copy"]].to_numpy()} == {(3, 5), (3, 80), (5, 80)}


def test_copies_may_have_any_shape_and_must_agree_in_it(deal):
    images = [np.zeros((2, 2), np.uint8), np.zeros((4, 1), np.uint8), np.zeros((2, 2), np.uint8).T]
    report = audit_split(["train", "test", "test"], images=images, labels=["a", "a", "b"])
    assert report.copies[["row", "copy"]].to_numpy().tolist() == [[0, 2]]
    assert any("different classes" in problem for problem in report.problems)


def test_an_absent_class_is_a_problem(deal):
    deal["labels"] = np.where((deal["split"] != "test") & (np.arange(90) % 9 == 0), "rare", deal["labels"])
    report = audit_split(deal["split"], labels=deal["labels"])
    assert report.problems == ["test holds no image of class rare: no result on it speaks of that class."]
    assert report.counts.at["test", "class rare"] == 0


def test_imbalance_is_a_note_and_small_splits_are_forgiven():
    split = np.repeat(["train", "test"], [600, 200])
    labels = np.r_[np.arange(600) % 2, np.arange(200) % 10 > 0]
    report = audit_split(split, labels=labels)
    assert report.ok and any("class 1 is 90% of test but 60% of all images" in note for note in report.notes)
    few = audit_split(["train"] * 40 + ["test"] * 4, labels=[0, 1] * 20 + [1, 1, 1, 0])
    assert few.ok and not any("of all images" in note for note in few.notes)
    assert audit_split(["train"] * 40 + ["test"] * 4, labels=[0, 1] * 20 + [1, 1, 1, 0], few=0).notes == []


def test_groups_are_the_units_of_the_balance():
    split, labels = np.repeat(["train", "test"], [600, 200]), np.r_[np.arange(600) % 2, np.arange(200) % 10 > 0]
    few_patients = np.r_[np.arange(600) % 60, 100 + np.arange(200) % 4]
    assert any("class 1" in note for note in audit_split(split, labels=labels).notes)
    assert not any("class 1 is" in note for note in audit_split(split, labels=labels, groups=few_patients).notes)


def test_an_identifier_that_holds_two_classes_is_doubted(deal):
    deal["labels"][0] = "sick" if deal["labels"][0] == "well" else "well"
    report = audit_split(**deal)
    assert report.ok and any("1 group with images of more than one class" in note for note in report.notes)


def test_a_source_held_out_is_named(deal):
    deal["sources"] = np.where(deal["split"] == "test", "west", deal["sources"])
    report = audit_split(**deal)
    assert any(note.startswith("test alone holds source west") for note in report.notes)
    assert not any("nothing here speaks of a new source" in note for note in report.notes)


def test_a_group_from_two_sources_is_named(deal):
    deal["sources"][0] = "north" if deal["sources"][0] == "south" else "south"
    assert any("1 group with images from more than one source" in note for note in audit_split(**deal).notes)


@pytest.mark.parametrize("kind", ["dates", "years"])
def test_time(kind):
    years = [2019, 2018, 2020, 2021]
    times = [f"{year}-05-01" for year in years] if kind == "dates" else years
    split = ["test", "train", "train", "test"]  # train is the past whichever comes first
    assert "1 of 2 test images are no later than the last of train" in audit_split(split, times=times).notes[0]
    later = audit_split(["train", "train", "train", "test"], times=times)
    assert later.notes == ["All of test is later than train: a test of the future."]
    assert audit_split(split, times=[None, *times[1:]]).notes[0] == "1 image without a readable time."


def test_wrong_arguments_get_one_sentence(deal):
    with pytest.raises(ValueError, match="groups has 3 entries, split has 90"):
        audit_split(deal["split"], groups=["a", "b", "c"])
    with pytest.raises(ValueError, match="at least two splits"):
        audit_split(["train"] * 5)
    with pytest.raises(ValueError, match="a split for every image"):
        audit_split(["train", "test", None])


def test_a_table_with_any_index_is_read_by_position(deal):
    table = pd.DataFrame({name: list(values) for name, values in deal.items() if name != "images"})
    shuffled = table.sample(frac=1, random_state=0)
    report = audit_split(shuffled["split"], groups=shuffled["groups"], labels=shuffled["labels"])
    assert report.ok and report.counts.loc["train", "images"] == 60


def test_a_rare_class_is_seen():
    split = ["train"] * 8000 + ["test"] * 2000
    labels = ["rare"] * 99 + ["common"] * 7901 + ["rare"] + ["common"] * 1999  # 1.24 % and .05 %
    notes = audit_split(split, labels=labels).notes
    assert "class rare is 0.05% of test but 1% of all images." in notes
    assert "test holds fewer than 20 images of class rare (1): too few to measure much." in notes
    assert audit_split(split, labels=labels, ratio=30, few=0).notes == []
    even = ["rare"] * 80 + ["common"] * 7920 + ["rare"] * 20 + ["common"] * 1980
    assert audit_split(split, labels=even).notes == []


def test_a_change_by_a_fifth_is_silent_and_chance_is_too():
    """Lesson 1.3 takes leaked images out of train: melanoma falls from 11.1 % to 9.2 %, a ratio of 1.2."""
    split = np.repeat(["train", "test"], [5810, 2005])
    labels = np.r_[np.arange(5810) % 1000 < 92, np.arange(2005) % 1000 < 111]
    assert audit_split(split, labels=labels).notes == []
    assert audit_split(split, labels=labels, ratio=1.1).notes == []  # within three standard errors
    rare = np.r_[np.arange(300) < 3, np.arange(100) < 2]  # twice the share, and nothing but luck
    assert audit_split(np.repeat(["train", "test"], [300, 100]), labels=rare, few=0).notes == []


def test_few_groups_of_a_class_are_named_where_it_is_tested_not_in_train(deal):
    rows = np.flatnonzero(deal["split"] == "train")
    deal["labels"] = deal["labels"].astype(object)
    deal["labels"][rows[:3]] = deal["labels"][75:78] = "rare"  # one group each
    notes = audit_split(deal["split"], groups=deal["groups"], labels=deal["labels"], few=2).notes
    assert "test holds fewer than 2 groups of class rare (1): too few to measure much." in notes
    assert not any(note.startswith("train holds") for note in notes)
    folds = audit_split(np.arange(90) % 3, labels=deal["labels"], few=3).notes
    assert len([note for note in folds if "fewer than 3 images of class rare (2)" in note]) == 3


def test_three_equal_images_make_three_pairs_in_both_tools():
    images = blobs(5)
    images[1] = images[2] = images[0]
    split, labels = ["train", "train", "test", "test", "test"], [0, 0, 1, 1, 1]
    made = audit_split(split, images=images, labels=labels)
    assert "2 pairs of identical images, one in train, one in test." in made.problems
    assert "2 pairs of identical images with different classes." in made.problems
    assert made.copies[["row", "copy"]].to_numpy().tolist() == [[0, 1], [0, 2], [1, 2]]
    page = data_report(images, labels, pd.DataFrame({"split": split}))
    assert page.copies[["first", "second"]].to_numpy().tolist() == [[0, 1], [0, 2], [1, 2]]
    assert page.sections["Copies (pairs of images)"].loc["exact"].tolist() == [1, 2, 2]


def test_pairs_are_counted_by_arithmetic_and_listed_sparsely():
    blank = np.zeros((4000, 4, 4), np.uint8)
    split = ["train"] * 3000 + ["test"] * 1000
    started = time.process_time()
    made = audit_split(split, images=blank)
    assert made.problems == ["3,000,000 pairs of identical images, one in train, one in test."]
    assert made.notes == ["4,998,000 pairs of identical images within one split."]
    page = data_report(blank, np.arange(4000) % 2, pd.DataFrame({"split": split}))
    assert page.sections["Copies (pairs of images)"].loc["exact"].tolist() == [4_998_000, 3_000_000, 4_000_000]
    assert time.process_time() - started < 4  # by the square it took 33 s
    assert len(made.copies) == len(page.copies) < 40_000 and set(made.copies["copy"]) == set(range(1, 4000))
    many = audit_split(np.arange(4000) % 5, images=blank).problems
    assert many == ["6,400,000 pairs of identical images in two different splits."]


def test_a_hundred_thousand_rows_take_two_seconds():
    n = 100_000
    groups = [f"p{i // 3}" for i in range(n)]
    split = np.where(np.arange(n) % 10 < 8, "train", "test")
    audit_split(["a", "b"], groups=[1, 2])  # what is slow the first time only
    started = time.process_time()
    made = audit_split(split, groups=groups, labels=np.arange(n) % 7, sources=np.arange(n) % 5)
    assert time.process_time() - started < 2
    assert made.problems == ["19,999 of 20,000 test images share a group with train."]
    crossing = pd.Series(split).groupby(groups).transform("nunique") > 1
    assert made.shared["row"].tolist() == np.flatnonzero(crossing).tolist()


WORDS = ["unk", "Unknown ", "MISSING", "not recorded", "n/a", "NA", "", " ", "?", "-", "none", "null"]


@pytest.mark.parametrize("word", [*WORDS, None, np.nan, pd.NaT], ids=repr)
def test_both_tools_call_the_same_words_unknown(word):
    images, labels, split = blobs(4), [0, 1, 0, 1], ["train", "train", "test", "test"]
    images[2] = images[0]
    groups = [word, "a", word, "b"]
    made = audit_split(split, groups=groups, images=images)
    assert made.shared.empty and "2 images of no known group (1 in train, 1 in test)" in made.problems[0]
    page = data_report(images, labels, pd.DataFrame({"split": split, "p": groups}), group="p")
    assert pd.isna(page.copies["same_group"].item()), "an unknown group is neither the same nor another"
    assert page.sections["Copies (pairs of images)"].loc["exact", "with different p"] == 0
    assert any(sentence.startswith("p is missing for 2 images") for sentence in page.findings)
    assert page.sections["The pile"].loc["different p"].item() == "2, with 1 to 1 images each"


def test_unknown_sources_are_no_source():
    made = audit_split(["train", "train", "test"], sources=["north", "unk", "Unknown"])
    alone = "train alone holds source north: what differs there may be the source or its patients."
    assert made.notes == ["2 images of no known source.", alone]


def test_a_missing_class_is_neither_a_class_nor_another():
    labels = [np.nan, np.nan, "a", "a"]
    images = blobs(4)
    images[1] = images[0]
    made = audit_split(["train", "test", "train", "test"], labels=labels, images=images, few=0)
    assert made.problems == ["1 pair of identical images, one in train, one in test."]
    assert made.notes == ["2 images without a class."]
    none = audit_split(["train", "test"], labels=["a", None], few=0)
    assert none.problems == ["test holds no image of class a: no result on it speaks of that class."]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("2020:12:31 23:59:59", "2021:01:01 00:00:00"),  # EXIF
        ("20201231", "20210101"), ("20201231235959.5", "20210101"),  # DICOM
        ("2020-12-31T23:30:00+01:00", "2021-01-01T00:00:00+02:00"),  # earlier by the clock of another zone
        (pd.Timestamp("2020-12-31"), pd.Timestamp("2021-01-01")), (20201231, 20210101), (2020, 2021), (-1.5, 0.5),
    ],
)  # fmt: skip
def test_times_in_the_forms_of_the_field(before, after):
    later = "All of test is later than train: a test of the future."
    zones = str(before).endswith("+01:00")
    assert (audit_split(["train", "test"], times=[before, after]).notes == [later]) is not zones
    assert audit_split(["train", "test"], times=[after, before]).notes[0].startswith("1 of 1 test") is not zones


@pytest.mark.parametrize("word", ["10.01.2020", "01/06/2020", "May 2020", "2020:13:40 10:00:00"])
def test_dates_that_can_be_read_in_two_ways_are_not_read(word):
    assert audit_split(["train", "test"], times=[word, "2021-01-01"]).notes == ["1 image without a readable time."]


def test_splits_named_by_numbers_and_words_hide_no_copy():
    images = blobs(3)
    images[2] = images[0]
    made = audit_split([1, 1, "test"], images=images, groups=["a", "b", "a"])
    assert made.problems[1:] == ["1 pair of identical images, one in 1, one in test."]
    assert made.problems[0] == "1 of 1 test images share a group with 1."


def test_odd_columns_are_squeezed_or_get_one_sentence(deal):
    column = (deal["labels"] == "sick").astype(int)[:, None]
    assert audit_split(deal["split"][:, None], groups=deal["groups"][:, None], labels=column).ok
    for wrong in (5, np.eye(2)[column[:, 0]], [[1]] * 90, [{}] * 90):
        with pytest.raises(DataProblem, match="must be a list of names or numbers"):
            audit_split(deal["split"], labels=wrong)
    for names in (["a/0.png"] * 90, [None] * 90, [1.0] * 90):
        with pytest.raises(DataProblem, match="read the files"):
            audit_split(deal["split"], images=names)
    for images in (5, deal["images"][:3]):
        with pytest.raises(DataProblem, match="images has . entries, split has 90"):
            audit_split(deal["split"], images=images)
    with pytest.raises(DataProblem, match="at least two splits"):
        audit_split([])
    assert audit_split(["train", "test"], labels=[0, "a"]).problems, "classes of two types are compared as they are"


# ---------------------------------------------------------------------------- the one-page report


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
    assert "Pairs of exact copies that cross the splits: 1." in said
    assert "Pairs of near copies that cross the splits: 1." in said
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
    assert found.set_index(["image", "measure"]).loc[(3, "brightness"), "z"] > audit.FAR
    assert len(found["image"].unique()) < 12, "few others"


def test_modified_z_is_the_published_formula():
    values = np.array([1.0, 2.0, 3.0, 4.0, 100.0])
    assert audit.modified_z(values) == pytest.approx((values - 3) / 1.4826)
    assert not audit.modified_z(np.array([5.0, 5, 5, 9])).any()


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
    whole = audit._measure(images)
    steps = iter(np.array_split(images.astype(np.float32), 7))
    monkeypatch.setattr(audit, "_blocks", lambda _: steps)
    parts = audit._measure(images)
    pd.testing.assert_frame_equal(whole[0], parts[0])
    assert np.array_equal(whole[1], parts[1])
    monkeypatch.undo()
    monkeypatch.setattr(audit, "MANY", 10)
    made = data_report(images, np.arange(50) % 2)
    assert any("not searched" in s for s in made.findings) and "not searched" in repr(made)


def test_shrinking_averages_cells():
    grey = np.arange(2 * 56 * 84, dtype=np.float32).reshape(2, 56, 84)
    assert audit._shrink(grey) == pytest.approx(grey.reshape(2, 28, 2, 28, 3).mean(axis=(2, 4)))


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
        ({"classes": ["a"]}, "labels run from 0 to 1, but the classes from 0 to 0"),
        ({"labels": ["cat"] * 60, "classes": ["dog"]}, "'cat'"),
        ({"table": pd.DataFrame({"a": [1]})}, "1 row for 60 images"),
        ({"group": "ward"}, "'ward'"),
    ],
)
def test_what_does_not_fit_is_said_in_one_sentence(pile, change, words):
    images, labels, table = pile
    with pytest.raises(DataProblem, match=words) as caught:
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


def test_labels_of_other_kinds(pile):
    images, labels, table = pile
    by_class = "Images by class and split"
    want = data_report(*pile, classes=["normal", "pneumonia"]).sections[by_class]
    for same in (labels == 1, labels[:, None], labels.astype(object), labels.tolist(), labels.astype(np.uint8)):
        assert data_report(images, same, table, ["normal", "pneumonia"]).sections[by_class].equals(want)
    for classes in ({"0": "normal", "1": "pneumonia"}, (c for c in ["normal", "pneumonia"])):
        assert data_report(images, labels, table, classes).sections[by_class].equals(want)


@pytest.mark.parametrize(
    "labels",
    [[None, *"ab" * 29, "a"], [*"ab" * 29, "a", np.nan], [np.nan, *[1.0] * 59], [0.5] * 60, [1.0] * 60, [-1] * 60],
)
def test_unusable_labels_are_refused(pile, labels):
    with pytest.raises(DataProblem, match="missing|whole numbers|negative") as caught:
        data_report(pile[0], labels)
    assert "np." not in str(caught.value) and "\n" not in str(caught.value)


def test_a_pile_that_is_all_alike_is_not_listed(monkeypatch):
    monkeypatch.setattr(audit, "PAIRS", 1000)
    images = blobs(1, channels=1)[..., 0] + np.random.default_rng(0).normal(size=(60, 28, 28))
    made = data_report(images, np.arange(60) % 2)
    assert made.copies.empty and any("not searched" in sentence for sentence in made.findings)


def test_a_table_may_hold_lists(pile):
    images, labels, table = pile
    made = data_report(images, labels, table.assign(tags=[["a"], ["a"]] * 30, zero=[0.0, -0.0] * 30))
    missing = made.sections["Missing values in the table"]
    assert missing.loc["tags"].tolist() == missing.loc["zero"].tolist() == [1, 0, 0]


def test_all_groups_unknown_is_said_not_raised(pile):
    images, labels, table = pile
    made = audit_split(table["split"], groups=["unk"] * 60, labels=labels, sources=[None] * 60, times=[None] * 60)
    assert made.problems == ["60 images of no known group (40 in train, 20 in val): maybe anybody's."]
    made = data_report(images, labels, table.assign(patient="unk"), group="patient")
    assert made.sections["The pile"].loc["different patient"].item() == "0"


# ---------------------------------------------------------------------------- the check for all

IMAGES, LABELS = np.zeros((4, 6, 6), np.uint8), np.array([0, 1, 0, 1])


SOUND = [LABELS, LABELS[:, None], LABELS == 1, LABELS.tolist(), LABELS.astype(object), pd.Series(LABELS, [7] * 4)]


@pytest.mark.parametrize("labels", SOUND)
def test_sound_labels_come_back_as_whole_numbers(labels):
    images, found = check_data(IMAGES, labels, classes=2, every_class=True)
    assert images is IMAGES and found.dtype == np.int64 and found.tolist() == [0, 1, 0, 1]


def test_images_alone_and_channels_first():
    assert check_data(list(IMAGES))[1] is None
    assert check_data(np.zeros((4, 6, 6, 3), np.float32))[0].shape == (4, 6, 6, 3)
    assert check_data(np.zeros((4, 7, 6, 6), np.float32), channels="first")[0].shape == (4, 7, 6, 6)
    assert check_data(np.full((4, 6, 6), 3e38, np.float32))[0].max() > 0, "large is not infinite"
    assert check_data(np.full((4, 6, 6), 1.7e308))[0].max() > 0


def test_images_come_back_in_the_byte_order_of_this_machine():
    found = check_data(np.arange(16, dtype=">i2").reshape(1, 4, 4))[0]
    assert found.dtype == np.int16 and found.dtype.isnative and found.ravel().tolist() == [*range(16)]


def test_tensors_are_taken_too():
    torch = pytest.importorskip("torch")
    _, labels = check_data(torch.zeros(4, 1, 6, 6), torch.tensor(LABELS)[:, None], channels="first")
    assert labels.tolist() == [0, 1, 0, 1]
    with pytest.raises(DataProblem, match="NaN or infinite"):
        check_data(torch.full((4, 1, 6, 6), torch.nan, requires_grad=True), channels="first")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"images": IMAGES[0]}, r"shape \(6, 6\)"),
        ({"images": np.zeros((4, 3, 6, 6))}, "np.moveaxis"),
        ({"images": np.zeros((4, 0, 6))}, "shape"),
        ({"images": IMAGES, "channels": "first"}, "n, channels, rows, columns"),
        ({"images": [IMAGES[0], IMAGES[0, :2]]}, "one size"),
        ({"images": np.array(["a.png"] * 4)}, "read the files"),
        ({"images": IMAGES.astype(object)}, "array of numbers"),
        ({"images": IMAGES.astype(complex)}, "array of numbers"),
        ({"images": None}, "array of numbers"),
        ({"images": IMAGES[:0], "labels": []}, "no films"),
        ({"images": np.where(np.arange(4)[:, None, None], IMAGES, np.nan)}, "NaN or infinite"),
        ({"images": np.where(np.arange(4)[:, None, None], IMAGES, np.float32(np.inf))}, "NaN or infinite"),
        ({"labels": LABELS[:3]}, "4 films came with labels"),
        ({"labels": 5}, "one label"),
        ({"labels": [[0], [1, 2], [0], [1]]}, "several lengths"),
        ({"labels": pd.Series([[0], [1, 2], [0], [1]])}, "several lengths"),
        ({"labels": pd.Series([[0, 1], [1, 2], [0, 3], [1, 4]])}, "shape"),
        ({"labels": [{}, {}, {}, {}]}, "whole numbers"),
        ({"labels": np.eye(2)[LABELS]}, "argmax"),
        ({"labels": LABELS.astype(float)}, "astype"),
        ({"labels": LABELS + 0.7}, "0.7 is no class"),
        ({"labels": [0, np.nan, 1, 1]}, "1 of 4 labels of the films missing"),
        ({"labels": [0, None, pd.NA, 1]}, "2 of 4"),
        ({"labels": LABELS - 1}, "negative"),
        ({"labels": ["a", "b", "a", "b"]}, "np.unique"),
        ({"labels": np.array(["2020-01-01"] * 4, "M8[D]")}, "whole numbers"),
        ({"labels": LABELS, "classes": 1}, "from 0 to 1, but the classes from 0 to 0: name"),
        ({"labels": LABELS, "classes": ["a", "b", "c"], "every_class": True}, "None of the films shows c"),
        ({"labels": LABELS, "classes": ["a", "a"]}, "same name"),
    ],
)
def test_each_misfit_gets_one_sentence(wrong, words):
    with pytest.raises(DataProblem, match=words) as caught:
        check_data(**{"images": IMAGES, "what": "films", **wrong})
    sentence = str(caught.value)
    assert "\n" not in sentence and sentence.endswith(".") and isinstance(caught.value, ValueError)
    assert caught.value._render_traceback_() == [f"DataProblem: {sentence}"]
