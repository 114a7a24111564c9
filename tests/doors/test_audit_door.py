"""Inputs from the field at the audit's door, by kind: right, or refused in one true sentence."""
from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest

from utils.audit import DataProblem, audit_split, check_data, data_report

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 8, 8), dtype=np.uint8)
LABELS = np.array([0, 1, 0, 1, 0, 1])
SPLIT = ["train"] * 4 + ["test"] * 2
LATER = ["All of test is later than train: a test of the future."]
EARLY = ["1 of 1 test images are no later than the last of train: no test of the future."]


def notes(*times):
    return audit_split(["train", "test"], times=times).notes


# K4: shapes and types of labels and images


FORMS = {
    "(n, 1)": LABELS[:, None], "bool": LABELS == 1, "odd index": pd.Series(LABELS, [7] * 6),
    "one column": pd.DataFrame({"a": LABELS}), "Int64": pd.Series(LABELS, dtype="Int64"),
    "numpy words": np.array(list("ababab")), "category": pd.Categorical(list("ababab")),
    "arrays of one": [np.array([label]) for label in LABELS], "tuples": [("site", label) for label in LABELS],
}  # fmt: skip


@pytest.mark.parametrize("what", ["groups", "labels", "sources"])
@pytest.mark.parametrize("form", FORMS)
def test_columns_of_many_forms_say_the_same(form, what):
    made = audit_split(SPLIT, **{what: FORMS[form]}, few=0)
    assert made.problems == (["2 of 2 test images share a group with train."] if what == "groups" else [])
    assert len(made.notes) == (what == "sources")


def test_a_generator_and_tensors_are_columns_too():
    torch = pytest.importorskip("torch")
    shared = ["2 of 2 test images share a group with train."]
    labels = torch.tensor(LABELS)
    for groups in ((label for label in LABELS), labels, labels[:, None], list(labels)):
        assert audit_split(SPLIT, groups=groups).problems == shared
    assert audit_split(list(torch.tensor([0, 0, 0, 0, 1, 1]))).counts["images"].tolist() == [4, 2]


@pytest.mark.parametrize("wrong", [5, "ababab", b"ababab", {1, 2}, dict(enumerate("ababab")), np.eye(2)[LABELS]])
def test_what_is_no_column_is_refused(wrong):
    with pytest.raises(DataProblem, match="must be a list of names or numbers"):
        audit_split(SPLIT, groups=wrong)


def test_types_that_numpy_lacks_are_refused_not_raised():
    torch = pytest.importorskip("torch")
    with pytest.raises(DataProblem, match="list of names or numbers"):
        audit_split(SPLIT, labels=torch.tensor(LABELS).bfloat16())
    with pytest.raises(DataProblem, match="arrays of numbers"):
        audit_split(SPLIT, images=torch.zeros(6, 8, 8).bfloat16())


@pytest.mark.parametrize("images", [["a.png"] * 6, [None] * 6, [[[1], [1, 2]]] * 6, np.zeros(6), [{}] * 6])
def test_images_that_are_none_are_refused(images):
    with pytest.raises(DataProblem, match="images must be arrays of numbers"):
        audit_split(SPLIT, images=images)


def test_images_of_several_sizes_and_a_generator_are_compared():
    images = [np.zeros((2 + i // 2, 3)) for i in range(6)]
    for pile in (images, (image for image in images)):
        assert audit_split(SPLIT, images=pile).notes == ["3 pairs of identical images within one split."]


def test_a_table_that_is_none_is_refused():
    with pytest.raises(DataProblem, match="pandas DataFrame"):
        data_report(IMAGES, LABELS, {"split": SPLIT})


@pytest.mark.parametrize("labels", [LABELS + 0.5, np.eye(2)[LABELS], LABELS[None], ["0"] * 5])
def test_labels_that_are_none_are_refused_by_both(labels):
    for door in (check_data, data_report):
        with pytest.raises(DataProblem):
            door(IMAGES, labels)


# K5: missing is compared with itself

NOTHING = [None, np.nan, pd.NA, pd.NaT, "", " unknown ", "N/A", "Anonymous", "not available", "--", np.str_("nan")]


@pytest.mark.parametrize("nothing", NOTHING, ids=repr)
def test_missing_is_neither_the_same_nor_another(nothing):
    values, copies = [nothing, "a", "b", "a", nothing, "b"], np.stack([*IMAGES[:4], IMAGES[0], IMAGES[5]])
    made = audit_split(SPLIT, groups=values, images=copies, sources=values)
    assert made.shared["group"].tolist() == ["b", "b"]
    assert "2 images of no known group (1 in train, 1 in test)" in made.problems[0]
    copies[4] = copies[1]  # one is known, one is not
    made = audit_split(SPLIT, labels=values, images=copies, few=0)
    assert not any("different classes" in problem for problem in made.problems)
    assert "2 images without a class." in made.notes


@pytest.mark.parametrize("nothing", NOTHING, ids=repr)
def test_no_split_is_no_split_of_its_own(nothing):
    split = [nothing, *SPLIT[1:]]
    with pytest.raises(DataProblem, match="a split for every image"):
        audit_split(split)
    with pytest.raises(DataProblem, match="split says nothing for 1 image"):
        data_report(IMAGES, LABELS, pd.DataFrame({"split": split}))


@pytest.mark.parametrize("nothing", NOTHING, ids=repr)
def test_the_report_makes_no_class_of_missing_labels(nothing):
    with pytest.raises(DataProblem, match="2 of 6 labels"):
        data_report(IMAGES, [nothing, "a", "b", "a", nothing, "b"])


def test_a_class_may_be_called_unknown_where_it_is_named():
    labels = ["UNK", "a", "UNK", "a", "UNK", "a"]  # as in ISIC 2019
    made = data_report(IMAGES, labels, classes=["a", "UNK"])
    assert made.sections["Images by class and split"]["all"].tolist() == [3, 3]
    assert audit_split(SPLIT, labels=labels, few=0).notes[0].startswith("Labels that say UNK count as missing")


def test_masked_entries_are_missing():
    groups = np.ma.array(["a", "b", "c", "d", "a", "e"], mask=[1, 0, 0, 0, 1, 0])
    assert audit_split(SPLIT, groups=groups).shared.empty


# K6: dates guessed


@pytest.mark.parametrize(
    "times",
    [
        ("2020:01:01", "2021:01:01"), ("2020.01.01", "2021.01.01"), ("2020/01/02", "2021/01/02"),
        (b"20200101", b"20210101"),
        ("20200101120000+0100", "20210101120000.5-0500"), ("202001011200", "202101011200"), (20200101.0, 20210101.0),
        (1577836800, 1609459200), ("2020", "2021-05-01"), (pd.Period("2020-01"), pd.Period("2021-01")),
    ],
    ids=repr,
)  # fmt: skip
def test_dates_with_one_reading_are_read(times):
    assert notes(*times) == LATER and notes(*reversed(times)) == EARLY


@pytest.mark.parametrize(
    "one",
    [
        "101500", "101500.123", "10:15:00", "20-01-02", "01/02/20", "01.06.2020", "Jan 2020", "00000000", "202001", "1",
        "0000:00:00 00:00:00", "    :  :     :  :  ", "19000101", "1900-01-01", "20210229", None, pd.NaT, "unknown", "",
        np.inf, True, 43831, 1577836800000, pd.Timedelta("1D"),
    ],
    ids=repr,
)  # fmt: skip
def test_times_with_no_or_two_readings_are_counted_not_guessed(one):
    assert notes(one, "2021-01-01") == ["1 image without a readable time."]


def test_times_of_day_alone_are_no_dates():
    assert notes("101500", "111500") == ["2 images without a readable time."]


@pytest.mark.parametrize(
    "times",
    [
        ("2020-05", "2020-05-20"), ("2020", "2020-12-31"), ("2020-01-01", "2020-01-01T05:00"),
        ("20200101", "20200101235959"),
    ],
)  # fmt: skip
def test_dates_are_compared_at_the_coarsest_precision(times):
    assert notes(*times) == EARLY


def test_zones_are_heeded_and_a_date_without_one_is_not_compared():
    assert notes("2020-01-01T10:00+01:00", "2020-01-01T10:30+02:00") == EARLY
    assert notes("2020-01-01T10:30+02:00", "2020-01-01T10:00+01:00") == LATER
    assert notes("2020-01-01T10:00", "2020-01-01T10:30+02:00") == ["1 image without a readable time."]


# K7, K8: somebody else's words; one sentence, wrong reason


@pytest.mark.parametrize("split", [["train", "train", "test", pd.NA], [], ["a"] * 4, [[0], [1]], None])
def test_a_split_that_is_none_gets_one_sentence(split):
    with pytest.raises(DataProblem) as caught:
        audit_split(split)
    assert "\n" not in str(caught.value) and "np." not in str(caught.value)


# K10: time and memory by the square


@pytest.mark.parametrize("kind", ["blank", "identical", "halves"])
def test_ten_thousand_equal_images_are_counted_in_linear_time(kind):
    images = np.zeros((10_000, 4, 4), np.uint8)
    if kind != "blank":
        images[:] = IMAGES[0, :4, :4]
    images[5000:] += kind == "halves"
    started = time.process_time()
    made = audit_split(np.repeat(["train", "test"], 5000), images=images)
    assert time.process_time() - started < 4  # seconds; every pair listed would be 50 million rows
    assert len(made.copies) < 10 * len(images) + 1
    pairs = made.notes[-1].split()[0]
    assert pairs == "24,995,000"
    crossing = ["25,000,000 pairs of identical images, one in train, one in test."]
    assert made.problems == ([] if kind == "halves" else crossing)
