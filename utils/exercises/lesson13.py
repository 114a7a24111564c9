"""Lesson 1.3, Is the test set really unseen?: its checks."""
import numpy as np
import pandas as pd

from utils.exercises.expect import expect_type, refuse
from utils.lesson import exercise


def _lesions(rng, count):
    """One lesion number an image, in no order: one to four images a lesion, each in doubt at least once."""
    numbers = rng.choice(10_000, count, replace=False)
    names = [f"HAM_{number:07d}" for number in numbers]
    return rng.permutation(np.repeat(names, rng.integers(1, 5, count)).astype(object))


@exercise("Exercise 1", "one answer an image, however often its lesion was photographed for training")
def leaked_images(answer):
    for seed in range(3):
        everything = _lesions(np.random.default_rng(seed), 60)
        half = len(everything) // 2
        train, test = everything[: half - 7], everything[half:]  # no two lengths agree
        truth = np.isin(test.astype(str), train.astype(str))
        got = answer(train, test)
        refuse(isinstance(got, set), "you return a set of lesions; return True or False for each test image")
        got = np.asarray(got)
        refuse(got.ndim == 0, "you return one number; return True or False for each test image, so "
               "that you can look at them")
        refuse(len(got) == len(train), "you return an entry for each of the {} training images; "
               "mark the test images", len(train))
        refuse(len(got) == truth.sum() != len(test), "you return the leaked ones only; return True or False "
               "for every test image")
        pairs = sum((train == lesion).sum() for lesion in test)
        known = {pairs: "matching pairs", len(set(test)): "lesions"}
        refuse(len(got) != len(test), "{} test images give {} entries: you count {}, not images",
               len(test), len(got), known.get(len(got), "something else"))
        refuse(got.dtype != bool, "return True or False for each test image; np.isin gives just that")
        wrong = (got != truth).sum()
        refuse(wrong == len(test), "True stands for a test image whose lesion is in training too; "
               "you have it the other way round")
        refuse(wrong, "{} of {} test images are marked wrongly", wrong, len(test))


class _Salted(str):
    """A name whose place in a set differs from one session to the next, as that of any text does."""

    salt = 0

    def __hash__(self):
        return hash((str.__str__(self), self.salt))

    __eq__ = str.__eq__


@exercise("Exercise 2", "no lesion on both sides, the size you asked for, and the same split tomorrow")
def grouped_split(answer):
    groups = _lesions(np.random.default_rng(1), 400)
    for share in (0.2, 0.4):
        mask = np.asarray(answer(groups, share, 0))
        refuse(mask.shape != groups.shape or mask.dtype != bool, "return one True or False for "
               "each image, True for a test image; you return something of shape {} and type {}",
               mask.shape, mask.dtype)
        both = set(groups[mask]) & set(groups[~mask])
        refuse(both, "{} of {} lesions have images on both sides: draw lesions, not images",
               len(both), len(set(groups)))
        refuse(abs(mask.mean() - share) > 0.06, "asked for {:.0%} of the images as test, you give "
               "{:.0%}", share, mask.mean())
        refuse((mask != np.asarray(answer(groups, share, 0))).any(), "the same seed gives another "
               "split each time: make the generator from the seed you are given")
        refuse((mask == np.asarray(answer(groups, share, 1))).all(), "another seed gives the very "
               "same split: shuffle the lesions before you take some")
    seen = []
    for _Salted.salt in range(4):  # four sessions of Python
        seen.append(np.asarray(answer(np.array([_Salted(name) for name in groups], object), 0.2, 0)))
    refuse(any((mask != seen[0]).any() for mask in seen), "the same seed gives another split when Python "
           "starts anew: a set has another order each time; np.unique has not")


@exercise("Exercise 3", "each leak is found in its own column, and an unknown is not mistaken for a match")
def crossings(answer):
    columns = ["lesion_id", "image_id", "pixels"]

    def table(*values):
        return pd.DataFrame(dict(zip(columns, values, strict=True)))

    train = table(["a", "b", "c", "c"], ["f1", "f2", "f3", "f4"], ["x1", "x2", "x3", "x4"])

    def listed(test):
        got = answer(train, test, columns)
        expect_type(got, (list, tuple, set, pd.Index, np.ndarray), "return a list of column names, "
                    "empty for a clean split; you return {kind}")
        return sorted(map(str, got))

    clean = table(["d", "e"], ["f5", "f6"], ["x5", "x6"])
    refuse(listed(clean), "you find a leak in a split that shares nothing")
    for column, value in zip(columns, ("c", "f3", "x4"), strict=True):
        got = listed(clean.assign(**{column: [value, clean[column][1]]}))
        refuse(got != [column], "{} {} is on both sides, in different rows, and you return {}",
               column, value, got)
    refuse(listed(table(["d", "b"], ["f2", "f6"], ["x5", "x2"])) != sorted(columns), "three "
           "columns leak at once, and you do not return all three")
    train.loc[0, "lesion_id"] = None
    refuse(listed(clean.assign(lesion_id=[None, "e"])), "a lesion that is unknown on both sides is "
           "not a shared lesion: leave missing values out")
