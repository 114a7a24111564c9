"""Checks for the exercises of Episode 1. Hints and solutions stand in the notebooks."""
from __future__ import annotations

import numpy as np
import pandas as pd

from utils.lesson import Hint, exercise

# ------------------------------------------------------------ 1.1 What is in the pile?

# ------------------------------------------------------------ 1.2 What is in a file?

# ------------------------------------------------------------ 1.3 Is the test set really unseen?


def _lesions(rng: np.random.Generator, count: int) -> np.ndarray:
    """One lesion number an image, in no order: one to four images a lesion, each in doubt at least once."""
    numbers = rng.choice(10_000, count, replace=False)
    images = np.repeat([f"HAM_{number:07d}" for number in numbers], rng.integers(1, 5, count)).astype(object)
    return rng.permutation(images)


@exercise("Exercise 1", "one answer an image, however often its lesion was photographed for training")
def leaked_images(answer):
    for seed in range(3):
        rng = np.random.default_rng(seed)
        everything = _lesions(rng, 60)
        train, test = everything[: len(everything) // 2], everything[len(everything) // 2 :]
        train = train[: len(train) - 7]  # so that no two lengths agree
        truth = np.isin(test.astype(str), train.astype(str))
        got = np.asarray(answer(train.copy(), test.copy()))
        if got.ndim == 0:
            raise Hint("you return one number; return True or False for each test image, so that you can look at them")
        if len(got) == len(train):
            raise Hint(f"you return an entry for each of the {len(train)} training images; mark the test images")
        if len(got) != len(test):
            pairs = sum((train == lesion).sum() for lesion in test)
            what = {pairs: "matching pairs", len(set(test)): "lesions"}.get(len(got), "something else")
            raise Hint(f"{len(test)} test images give {len(got)} entries: you count {what}, not images")
        if got.dtype != bool:
            raise Hint("return True or False for each test image; np.isin gives just that")
        if (got == ~truth).all():
            raise Hint("True stands for a test image whose lesion is in training too; you have it the other way round")
        if (got != truth).any():
            raise Hint(f"{(got != truth).sum()} of {len(test)} test images are marked wrongly")


@exercise("Exercise 2", "no lesion on both sides, the size you asked for, and the same split tomorrow")
def grouped_split(answer):
    groups = _lesions(np.random.default_rng(1), 400)
    for share in (0.2, 0.4):
        mask = np.asarray(answer(groups.copy(), share, 0))
        if mask.shape != groups.shape or mask.dtype != bool:
            raise Hint("return one True or False for each image, True for a test image; you return something of "
                       f"shape {mask.shape} and type {mask.dtype}")  # fmt: skip
        both = set(groups[mask]) & set(groups[~mask])
        if both:
            raise Hint(f"{len(both)} of {len(set(groups))} lesions have images on both sides: draw lesions, not images")
        if abs(mask.mean() - share) > 0.06:
            raise Hint(f"asked for {share:.0%} of the images as test, you give {mask.mean():.0%}")
        if (mask != np.asarray(answer(groups.copy(), share, 0))).any():
            raise Hint("the same seed gives another split each time: make the generator from the seed you are given")
        if (mask == np.asarray(answer(groups.copy(), share, 1))).all():
            raise Hint("another seed gives the very same split: shuffle the lesions before you take some")


@exercise("Exercise 3", "each leak is found in its own column, and an unknown is not mistaken for a match")
def crossings(answer):
    def table(lesions, files, pixels):
        return pd.DataFrame({"lesion_id": lesions, "image_id": files, "pixels": pixels})

    columns = ["lesion_id", "image_id", "pixels"]
    train = table(["a", "b", "c", "c"], ["f1", "f2", "f3", "f4"], ["x1", "x2", "x3", "x4"])

    def listed(test):
        got = answer(train.copy(), test.copy(), list(columns))
        if isinstance(got, str) or not isinstance(got, list | tuple | set | pd.Index | np.ndarray):
            raise Hint(f"return a list of column names, empty for a clean split; you return {type(got).__name__}")
        return sorted(map(str, got))

    if listed(table(["d", "e"], ["f5", "f6"], ["x5", "x6"])):
        raise Hint("you find a leak in a split that shares nothing")
    for column, value in (("lesion_id", "c"), ("image_id", "f3"), ("pixels", "x4")):
        test = table(["d", "e"], ["f5", "f6"], ["x5", "x6"])
        test.loc[0, column] = value
        if listed(test) != [column]:
            raise Hint(f"{column} {value} is on both sides, in different rows, and you return {listed(test)}")
    if listed(table(["d", "b"], ["f2", "f6"], ["x5", "x2"])) != sorted(columns):
        raise Hint("three columns leak at once, and you do not return all three")
    train.loc[0, "lesion_id"] = None
    unknown = table([None, "e"], ["f5", "f6"], ["x5", "x6"])
    if listed(unknown):
        raise Hint("a lesion that is unknown on both sides is not a shared lesion: leave missing values out")
