"""The synthetic skin set: published counts, siblings across splits, and a difficulty that does not drift."""

import hashlib

import numpy as np
import pandas as pd
import pytest

from utils.clinic import skin

FROZEN = "9494c9b296e7d743"


@pytest.fixture(scope="module")
def pile() -> dict:
    return skin.generate(seed=0)


def test_layout_is_medmnists_and_the_counts_are_the_published_ones(pile):
    for split, counts in skin.SPLITS.items():
        images, labels = pile[f"{split}_images"], pile[f"{split}_labels"]
        assert images.shape == (sum(counts), 28, 28, 3) and images.dtype == np.uint8
        assert labels.shape == (sum(counts), 1) and labels.dtype == np.uint8
        assert tuple(np.bincount(labels.ravel(), minlength=7)) == counts


def test_table_goes_with_the_images(pile):
    table = pile["table"]
    labels = np.concatenate([pile[f"{s}_labels"].ravel() for s in skin.SPLITS])
    assert (table["dx"] == np.array(skin.CLASSES)[labels]).all()
    assert table["image_id"].is_unique and len(table) == len(pile["masks"]) == 10015
    for split, rows in table.groupby("split"):
        assert (rows["index"] == np.arange(len(rows))).all(), split


def test_table_has_ham10000s_marginals(pile):
    table = pile["table"]
    assert table["lesion_id"].nunique() == 7470
    one_each = table.groupby("lesion_id")[["dx", "dx_type", "age", "sex", "localization", "dataset"]]
    assert (one_each.nunique(dropna=False) == 1).all(axis=None)
    by_source = pd.crosstab(table["dataset"], table["dx"])
    assert list(by_source.loc["vidir_molemax"]) == [0, 2, 124, 30, 24, 3720, 54]
    assert list(by_source.loc["rosendahl"]) == [295, 296, 490, 30, 342, 803, 3]
    follow_up = table[table["dx_type"] == "follow_up"]
    assert len(follow_up) == 3704 and set(follow_up["dx"]) == {"nv"}
    assert set(table.loc[table["dx"].isin(["mel", "akiec", "bcc"]), "dx_type"]) == {"histo"}
    assert table["age"].isna().sum() == 57


def test_lesions_repeat_across_the_split_as_in_the_real_set(pile):
    table = pile["table"]
    lesions = {split: set(rows["lesion_id"]) for split, rows in table.groupby("split")}
    test = table.loc[table["split"] == "test", "lesion_id"]
    assert 640 < test.isin(lesions["train"]).sum() < 750  # 693 in the real set
    assert not set(follow_up_lesions(table)) & set(table.loc[table["lesion_id"].duplicated(), "lesion_id"])


def follow_up_lesions(table):
    return table.loc[table["dx_type"] == "follow_up", "lesion_id"]


def test_a_few_exact_duplicates_of_one_lesion_some_across_splits(pile):
    images = np.concatenate([pile[f"{s}_images"] for s in skin.SPLITS]).reshape(10015, -1)
    _, which, count = np.unique(images, axis=0, return_inverse=True, return_counts=True)
    groups = [pile["table"][which.ravel() == k] for k in np.flatnonzero(count > 1)]
    assert 4 <= len(groups) <= 8
    assert all(rows["lesion_id"].nunique() == 1 for rows in groups)
    assert sum(rows["split"].nunique() > 1 for rows in groups) >= 2


def test_siblings_look_more_alike_than_strangers_of_their_class(pile):
    images = np.concatenate([pile[f"{s}_images"] for s in skin.SPLITS]).astype(np.float32)
    table = pile["table"][pile["table"]["dx"] == "mel"]
    rows = table.index.to_numpy()
    pairs = [rows[table["lesion_id"] == name][:2] for name in table["lesion_id"][table["lesion_id"].duplicated()]]
    first, second = np.array(pairs).T
    apart = [np.sqrt(((images[first] - images[other]) ** 2).mean((1, 2, 3))) for other in (second, np.roll(second, 1))]
    assert np.mean(apart[0] < apart[1]) > .75


def test_nearest_mean_image_beats_chance_but_not_by_much(pile):
    mean = [pile["train_images"][pile["train_labels"].ravel() == c].mean(0).ravel() for c in range(7)]
    images, labels = pile["val_images"].reshape(1003, -1).astype(float), pile["val_labels"].ravel()
    guess = np.argmin([((images - m) ** 2).sum(1) for m in mean], 0)
    recall = np.mean([(guess[labels == c] == c).mean() for c in range(7)])
    assert 1.5 / 7 < recall < .6


def test_same_seed_same_set_and_the_set_is_frozen(pile):
    sample = np.concatenate([pile[f"{s}_images"][::50].mean((1, 2)).ravel() for s in skin.SPLITS])
    text = pile["table"].drop(columns="age").iloc[::50].to_csv(index=False)
    digest = hashlib.sha256(np.round(sample / 4).astype(np.uint8).tobytes() + text.encode()).hexdigest()[:16]
    assert digest == FROZEN
    assert not np.array_equal(skin.generate(seed=1)["val_images"], pile["val_images"])
