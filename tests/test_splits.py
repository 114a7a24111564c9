"""Each defect is planted in a clean table, and the audit must name it; a clean table must pass."""
import numpy as np
import pandas as pd
import pytest

from utils.splits import audit_split


@pytest.fixture
def pile():
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


def test_a_clean_split_passes(pile):
    report = audit_split(**pile)
    assert report.ok and report.problems == [] and report.shared.empty and report.copies.empty
    assert "no problem found" in repr(report)
    assert report.counts["images"].to_dict() == {"train": 60, "val": 15, "test": 15}
    assert report.counts["groups"].to_dict() == {"train": 20, "val": 5, "test": 5}
    assert any("nothing here speaks of a new source" in note for note in report.notes)


def test_shared_groups_are_counted_in_images_not_in_pairs(pile):
    pile["split"][:2] = "test"  # two of the three images of p0; the third stays in train
    report = audit_split(**pile)
    assert not report.ok
    assert "2 of 17 test images share a group with train." in report.problems
    assert set(report.shared["row"]) == {0, 1, 2} and set(report.shared["group"]) == {"p0"}
    assert "✗ 2 of 17 test images" in repr(report)


def test_many_folds_give_one_sentence(pile):
    fold = np.arange(90) % 5
    report = audit_split(fold, groups=pile["groups"])
    assert report.problems == ["90 of 90 images share a group with an image in another split."]
    assert audit_split(np.repeat(np.arange(30), 3) % 5, groups=pile["groups"]).ok


@pytest.mark.parametrize("nobody", [None, np.nan, "", "unknown", " N/A ", pd.NA])
def test_unknown_groups_are_reported_and_never_matched(pile, nobody):
    pile["groups"][[0, 70, 89]] = [nobody] * 3  # train, val, test: would be one patient in three splits
    report = audit_split(**pile)
    assert len(report.problems) == 1
    assert "3 images of no known group (1 in train, 1 in val, 1 in test)" in report.problems[0]
    assert report.shared.empty


def test_exact_copies_across_splits(pile):
    pile["images"][80] = pile["images"][3]
    pile["images"][5] = pile["images"][3]
    report = audit_split(pile["split"], images=pile["images"])
    assert report.problems == ["2 pairs of identical images, one in train, one in test."]
    assert report.notes == ["1 pair of identical images within one split."]
    assert {tuple(pair) for pair in report.copies[["row", "copy"]].to_numpy()} == {(3, 5), (3, 80), (5, 80)}


def test_copies_may_have_any_shape_and_must_agree_in_it(pile):
    images = [np.zeros((2, 2), np.uint8), np.zeros((4, 1), np.uint8), np.zeros((2, 2), np.uint8).T]
    report = audit_split(["train", "test", "test"], images=images, labels=["a", "a", "b"])
    assert report.copies[["row", "copy"]].to_numpy().tolist() == [[0, 2]]
    assert any("different classes" in problem for problem in report.problems)


def test_an_absent_class_is_a_problem(pile):
    pile["labels"] = np.where((pile["split"] != "test") & (np.arange(90) % 9 == 0), "rare", pile["labels"])
    report = audit_split(pile["split"], labels=pile["labels"])
    assert report.problems == ["test holds no image of class rare: no result on it speaks of that class."]
    assert report.counts.at["test", "class rare"] == 0


def test_imbalance_is_a_note_and_small_splits_are_forgiven():
    split = np.repeat(["train", "test"], [600, 200])
    labels = np.r_[np.arange(600) % 2, np.arange(200) % 10 > 0]
    report = audit_split(split, labels=labels)
    assert report.ok and any("class 1 is 90% of test but 60% of all images" in note for note in report.notes)
    few = audit_split(["train"] * 40 + ["test"] * 4, labels=[0, 1] * 20 + [1, 1, 1, 0])
    assert few.ok and few.notes == []


def test_groups_are_the_units_of_the_balance():
    split, labels = np.repeat(["train", "test"], [600, 200]), np.r_[np.arange(600) % 2, np.arange(200) % 10 > 0]
    few_patients = np.r_[np.arange(600) % 60, 100 + np.arange(200) % 4]
    assert any("class 1" in note for note in audit_split(split, labels=labels).notes)
    assert not any("class 1 is" in note for note in audit_split(split, labels=labels, groups=few_patients).notes)


def test_an_identifier_that_holds_two_classes_is_doubted(pile):
    pile["labels"][0] = "sick" if pile["labels"][0] == "well" else "well"
    report = audit_split(**pile)
    assert report.ok and any("1 group with images of more than one class" in note for note in report.notes)


def test_a_source_held_out_is_named(pile):
    pile["sources"] = np.where(pile["split"] == "test", "west", pile["sources"])
    report = audit_split(**pile)
    assert any(note.startswith("test alone holds source west") for note in report.notes)
    assert not any("nothing here speaks of a new source" in note for note in report.notes)


def test_a_group_from_two_sources_is_named(pile):
    pile["sources"][0] = "north" if pile["sources"][0] == "south" else "south"
    assert any("1 group with images from more than one source" in note for note in audit_split(**pile).notes)


@pytest.mark.parametrize("kind", ["dates", "years"])
def test_time(kind):
    years = [2019, 2018, 2020, 2021]
    times = [f"{year}-05-01" for year in years] if kind == "dates" else years
    split = ["test", "train", "train", "test"]  # train is the past whichever comes first
    assert "1 of 2 test images are no later than the last of train" in audit_split(split, times=times).notes[0]
    later = audit_split(["train", "train", "train", "test"], times=times)
    assert later.notes == ["All of test is later than train: a test of the future."]
    assert audit_split(split, times=[None, *times[1:]]).notes[0] == "1 image without a readable time."


def test_wrong_arguments_get_one_sentence(pile):
    with pytest.raises(ValueError, match="groups has 3 entries, split has 90"):
        audit_split(pile["split"], groups=["a", "b", "c"])
    with pytest.raises(ValueError, match="at least two splits"):
        audit_split(["train"] * 5)
    with pytest.raises(ValueError, match="a split for every image"):
        audit_split(["train", "test", None])


def test_a_table_with_any_index_is_read_by_position(pile):
    table = pd.DataFrame({name: list(values) for name, values in pile.items() if name != "images"})
    shuffled = table.sample(frac=1, random_state=0)
    report = audit_split(shuffled["split"], groups=shuffled["groups"], labels=shuffled["labels"])
    assert report.ok and report.counts.loc["train", "images"] == 60
