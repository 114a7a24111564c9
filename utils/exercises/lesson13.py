"""Lesson 1.3, Is the test set really unseen?: its checks."""
import numpy as np
import pandas as pd

from utils.audit import SplitReport
from utils.exercises.expect import expect_array, expect_type, number, refuse
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


@exercise("Task: gaps", "a gap of a quarter, and nobody does worse for having been seen")
def gaps_by_hand(answer):
    words = "give two numbers, (of all images, within the easy ones)"
    expect_type(answer, (tuple, list, np.ndarray), words + "; you give one {kind}")
    refuse(len(answer) != 2, words + "; you give {}", len(answer))
    got = np.array([number(value, words) for value in answer])
    crude = (69 - 96) / 110
    expect_array(got, np.array([crude, 0]), {
        "seen minus unseen: you have it the other way round": np.array([-crude, 0]),
        "all images come first, the easy ones second": np.array([0, crude]),
        "give differences of shares, not per cent": np.array([100 * crude, 0]),
        "within the easy ones, subtract shares, not counts: 9 of 10 and 90 of 100 are alike": (
            np.array([crude, -81]), np.array([crude, 54]), np.array([crude, -27])),
        "of all images: add up who is right and divide by all, do not average the two shares": np.array([0, 0]),
        "divide by 110 images: as many were seen as not": np.array([69 - 96, 0]),
    }, "you give {got}: how many of the 110 seen are right, how many of the 110 unseen?", atol=0.006)  # fmt: skip


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


@exercise("Task: worth", "the change where the leak works, less the change where it cannot")
def leak_worth(answer, change):
    got = number(answer, "give one number, not {kind}: the intervals have a .value")
    all_, siblings, control = (change[who].value for who in ("all images", "with siblings", "without siblings"))
    expect_array(got, control - siblings, {
        "the size is right: a gain of the leaky split is above 0": siblings - control,
        "you leave out the control group: images without siblings changed as well": (siblings, -siblings),
        "you compare with all images; the control group are those without siblings": (all_ - siblings, siblings - all_),
        "you add the control group's change: take it off": (siblings + control, -siblings - control),
    }, "you give {got:.3f}: the change with siblings and the change without are what you need", atol=6e-4)  # fmt: skip


@exercise("Task: audit", "no lesion on both sides, and still another mixture: a score on faces is about faces")
def face_audit(answer, table):
    expect_type(answer, SplitReport, "give what audit_split returns, not {kind}")
    counts, faces = answer.counts, int((table["localization"] == "face").sum())
    refuse("test" not in counts.index or counts.loc["test", "images"] != faces,
           "the {} images of faces should be the test set: hand over `side`", faces)
    refuse("groups" not in counts, "say whose images they are: groups=table[\"lesion_id\"]")
    lesions = table.loc[table["localization"] == "face", "lesion_id"].nunique()
    refuse(counts.loc["test", "groups"] != lesions, "the faces show {} lesions: group by lesion_id", lesions)
    classes = {f"class {name}" for name in table["dx"].unique()}
    refuse(not classes <= set(counts), "say what they show, too: labels=table[\"dx\"]")


@exercise("Task: identifier",
          "too coarse glues people together, too fine takes one apart; even C may know somebody twice")
def identifiers(answer):
    expect_type(answer, dict, "give a dictionary with the three keys of the comment, not {kind}")
    truth = {"too coarse": "A", "too fine": "BD", "group by": "C"}
    missing = [key for key in truth if key not in answer]
    refuse(missing, "answer for {} as well", " and ".join(missing))
    given = {key: {letter for letter in "".join(map(str, answer[key])).upper() if letter in "ABCD"} for key in truth}
    why = {
        "A": "A: card number 7 of one hospital and of another are two people with one number",
        "B": "B: whoever is examined twice has two accession numbers",
        "C": "C: hospital and card number together name one person of one hospital",
        "D": "D: one examination has several series, so one person has many numbers",
    }
    for key, right in truth.items():
        for letter in "ABCD":
            refuse((letter in given[key]) != (letter in right), "{}", why[letter])


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
