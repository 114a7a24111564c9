"""Odd inputs at the door of the audit, by kind."""
from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from utils import audit
from utils.audit import DataProblem, audit_split, data_report

RNG = np.random.default_rng(0)
PILE = RNG.integers(0, 255, (40, 8, 8)).astype(np.uint8)
SPLIT = ["train"] * 30 + ["test"] * 10
LABELS = np.arange(40) % 2


# K4: shapes and types of labels and images


USUAL = [LABELS[:, None], LABELS == 1, torch.tensor(LABELS), pd.Series(LABELS, index=range(9, 49)),
         LABELS.astype(np.int8), list(map(int, LABELS))]  # fmt: skip
WHO = [np.arange(40)[:, None], pd.Series(range(40), index=range(40, 0, -1)), torch.arange(40)]


@pytest.mark.parametrize("labels", USUAL)
def test_labels_in_any_usual_form_are_the_same_labels(labels):
    plain = data_report(PILE, LABELS, classes=["well", "ill"]).sections["Images by class and split"]
    assert data_report(PILE, labels, classes=["well", "ill"]).sections["Images by class and split"].equals(plain)
    assert audit_split(SPLIT, labels=labels).counts.shape == (2, 3)


@pytest.mark.parametrize("groups", WHO)
def test_groups_in_any_usual_form(groups):
    assert audit_split(SPLIT, groups=groups).counts["groups"].tolist() == [30, 10]


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.eye(2)[LABELS], "argmax"),
        (LABELS + 0.5, "0.5 is no class"),
        (LABELS - 1, "negative"),
        (LABELS + 5, "name them all"),
        (LABELS[:-1], "one label"),
        (list("ab") * 20, "'a' is not among the classes"),
        ([[1], [1, 2]] * 20, "several lengths"),
    ],
)
def test_labels_that_do_not_fit_are_refused_in_a_sentence(labels, words):
    with pytest.raises(DataProblem, match=words):
        data_report(PILE, labels, classes=["well", "ill"])


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (PILE[0], "have the shape"),
        (np.zeros((4, 3, 12, 12)), "moveaxis"),
        ([PILE[0], PILE[1][:4]], "one size"),
        ((image for image in PILE), "one array of numbers"),
        (["a.png", "b.png"], "one array of numbers"),
        (np.zeros((0, 8, 8)), "There are no images"),
    ],
)
def test_images_that_do_not_fit_are_refused_in_a_sentence(images, words):
    with pytest.raises(DataProblem, match=words):
        data_report(images, LABELS[:4])


def test_names_of_files_are_not_hashed_as_if_they_were_pictures():
    with pytest.raises(DataProblem, match="read the files first"):
        audit_split(["train", "test"], images=["a/0.png", "b/copy.png"])


# K5: missing is compared with itself

MISSING = [None, np.nan, pd.NA, pd.NaT, "", " ", "unknown", "N/A", "?"]


@pytest.mark.parametrize("nothing", MISSING)
def test_two_unknown_are_not_the_same_group(nothing):
    report = audit_split(["train", "test"] * 2, groups=["a", "b", nothing, nothing])
    assert report.shared.empty and "2 images of no known group" in report.problems[0]


@pytest.mark.parametrize("nothing", [None, np.nan, pd.NA])
def test_two_unlabelled_twins_do_not_contradict_each_other(nothing):
    report = audit_split(["train", "test"], images=[PILE[0], PILE[0]], labels=[nothing, nothing])
    assert not any("different classes" in sentence for sentence in report.problems)
    with pytest.raises(DataProblem, match="leave such images out"):
        data_report(PILE[:2], [1.0, nothing])


def test_unknown_groups_count_as_themselves_in_the_balance():
    labels = np.r_[RNG.random(1000) < 0.1, RNG.random(1000) < 0.6].astype(int)
    split = ["train"] * 1000 + ["test"] * 1000
    plain = audit_split(split, labels=labels).notes
    assert len(plain) == 4
    for groups in (["unknown"] * 2000, [*"abcde", *["unknown"] * 995] * 2):
        notes = audit_split(split, labels=labels, groups=groups).notes
        assert [note for note in notes if note.startswith("class")] == plain
        assert not any("fewer than" in note for note in notes)


# K6: dates guessed


@pytest.mark.parametrize(
    ("early", "late"),
    [
        ("2020:01:01 10:00:00", "2021:01:01 10:00:00"),
        ("20200101", "20210101"),
        ("20200101100000.5", "20210101100000"),
        ("2020-01-01T10:00:00+01:00", "2021-07-01T10:00:00+02:00"),
        (2019, 2021),
        (pd.Timestamp("2020-01-01"), pd.Timestamp("2021-01-01")),
    ],
)
def test_a_test_of_the_future_is_told_from_one_of_the_past(early, late):
    forward = audit_split(SPLIT, times=[early] * 30 + [late] * 10)
    backward = audit_split(SPLIT, times=[late] * 30 + [early] * 10)
    assert any("a test of the future" in note for note in forward.notes)
    assert any("no test of the future" in note for note in backward.notes)


TWO_WAYS = [["10.01.2020", "01.06.2020"], ["01/02/20", "03/04/20"], ["today", "tomorrow"], ["", None]]


@pytest.mark.parametrize("times", TWO_WAYS)
def test_a_date_that_can_be_read_in_two_ways_is_not_read(times):
    report = audit_split(SPLIT, times=[times[0]] * 30 + [times[1]] * 10)
    assert report.notes == ["40 images without a readable time."]


def test_without_a_train_nobody_says_what_comes_first():
    assert audit_split(["a"] * 3 + ["b"] * 3, times=range(6)).notes == []
    backward = audit_split(["Test"] * 3 + ["Train"] * 3, times=range(6))
    assert backward.notes == ["3 of 3 Test images are no later than the last of Train: no test of the future."]


# K10: time and memory by the square


def test_thousands_of_blank_images_take_linear_time_and_memory():
    blank = np.zeros((6000, 8, 8), np.uint8)
    report = audit_split(["train", "test"] * 3000, images=blank)
    assert report.problems == ["9,000,000 pairs of identical images, one in train, one in test."]
    assert len(report.copies) < 20 * len(blank)


# what is one picture, and what is chance


FORMS = [lambda x: x.astype(float), lambda x: x.astype(">u2"), lambda x: x[..., None], lambda x: x]


@pytest.mark.parametrize("change", FORMS)
def test_the_same_pixels_of_another_type_are_a_copy(change):
    images = [*PILE[:30], *change(PILE[:10])]
    assert audit_split(SPLIT, images=images).problems == ["10 pairs of identical images, one in train, one in test."]


def test_small_splits_are_not_called_darker_by_chance():
    alarms = 0
    for seed in range(60):
        images = np.random.default_rng(seed).normal(100, 20, (60, 1, 1)) * np.ones((1, 8, 8))
        table = pd.DataFrame({"split": ["train"] * 40 + ["val"] * 10 + ["test"] * 10})
        alarms += any("darker" in line for line in data_report(images, np.arange(60) % 2, table).findings)
    assert alarms <= 2
    images[40:] -= 40
    assert any("darker" in line for line in data_report(images, np.arange(60) % 2, table).findings)


def test_one_huge_pixel_hides_no_near_copy():
    images = RNG.normal(0, 1, (50, 28, 28))
    images[7] = images[3] + RNG.normal(0, 0.01, (28, 28))
    images[20, 5, 5] = 1e8
    report = data_report(images, np.arange(50) % 2)
    assert report.copies[["first", "second"]].to_numpy().tolist() == [[3, 7]]


def test_flat_images_are_not_near_copies_of_each_other():
    images = np.arange(1, 41)[:, None, None] * np.ones((1, 28, 28))
    assert audit.data_report(images, LABELS).copies.empty
