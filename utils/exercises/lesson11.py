"""Lesson 1.1, What is in the pile?: its checks."""
import re
from collections.abc import Iterable

import numpy as np
import pandas as pd

from utils.exercises.expect import expect_number, expect_shape, expect_type, number, refuse
from utils.lesson import Hint, exercise


@exercise("Exercise 1", "the ratio to name before anybody names an accuracy")
def imbalance_ratio(answer):
    piles = [
        ([1, 4, 6], [9, 50, 31]),  # classes 0, 2, 3 and 5 do not occur
        ([0, 1, 2], [30, 12, 80]),
        (["nv", "mel", "df"], [70, 16, 3]),
    ]
    rng = np.random.default_rng(0)
    for names, counts in piles:
        sizes = np.array(counts)
        truth = sizes.max() / sizes.min()
        got = number(answer(rng.permutation(np.repeat(names, counts))))
        refuse(not np.isfinite(got), "you divide by zero: leave out the classes that do not occur "
               "(np.bincount counts them, as zero)")
        expect_number(got, truth, {
            "you divide the smallest by the largest; turn it round, so that 1 means balanced":
                1 / truth,
            "you compare the largest class with the average one; compare it with the smallest":
                sizes.max() / sizes.mean(),
            "that is the share of the largest class; divide its count by that of the smallest":
                sizes.max() / sizes.sum(),
            "you lose the fraction: use / and not //": truth // 1,
            "you divide the *names* of two classes; divide their counts": names[-1] / names[0] if names[0] == 1 else (),
        }, "classes of {sizes} images should give {truth:.2f}, you give {got:.2f}",
           sizes=", ".join(map(str, counts)))


@exercise("Exercise 2", "every exact copy, each pair once, and no look-alike")
def find_copies(answer):
    for shape in ((8, 8, 3), (9, 7)):
        rng = np.random.default_rng(shape[0])
        images = rng.integers(0, 256, (60, *shape), dtype=np.uint8)
        images[[11, 40]] = images[5]  # one image three times
        images[33] = images[20]
        images[50] = images[2][::-1]  # the same numbers in another order
        images[51] = images[3]
        images[51].flat[-1] ^= 1  # another value in the last pixel
        truth = {(5, 11), (5, 40), (11, 40), (20, 33)}
        got = answer(images)
        try:
            listed = [(int(i), int(j)) for i, j in got]
        except (TypeError, ValueError):
            raise Hint("return a list of pairs (i, j), such as [(5, 11), (20, 33)]") from None
        _judge_pairs(listed, truth)


def _judge_pairs(listed, truth):
    pairs = set(listed)
    refuse(any(i == j for i, j in pairs), "an image is no copy of itself: leave out the pairs (i, i)")
    refuse(any(i > j for i, j in pairs), "give each pair once, the smaller number first")
    refuse(len(pairs) < len(listed), "you list some pairs twice; give each once")
    refuse((2, 50) in pairs, "you take two images for copies that hold the same values in "
           "different places: compare every pixel, not a sum or a mean")
    refuse((3, 51) in pairs, "you take two images for copies that differ in their last pixel: "
           "compare all, exactly")
    refuse(pairs - truth, "you list {} pairs of images that differ", len(pairs - truth))
    refuse(pairs in (truth - {(11, 40)}, truth - {(5, 40)}), "three equal images make three pairs; "
           "you find two of them")
    refuse(truth - pairs, "you miss {} of {} pairs of copies; they need not be neighbours",
           len(truth - pairs), len(truth))


@exercise("Exercise 3", "your floor gives each class its due")
def colour_baseline(answer):
    for names in ((0, 1, 2), (8, 3, 5)):
        rng = np.random.default_rng(names[0])
        tints = np.array([[160, 110, 110], [110, 160, 110], [110, 110, 160]])

        def shoot(classes, rng=rng, tints=tints):
            colour = tints[classes] + rng.normal(0, 14, (len(classes), 3))
            noise = rng.normal(0, 25, (len(classes), 9, 11, 3))
            return np.clip(colour[:, None, None] + noise, 0, 255).astype(np.uint8)

        train = rng.permutation(np.repeat([0, 1, 2], [360, 28, 12]))
        new = rng.permutation(np.repeat([0, 1, 2], [60, 40, 30]))
        labels = np.array(names)[new]
        got = expect_shape(answer(shoot(train), np.array(names)[train], shoot(new)), labels.shape,
                           "return one label for each of the {n} new images; yours has shape {got}",
                           n=len(new))
        refuse(not np.isin(got, names).all(), "you return labels that training does not have: "
               "return the label of a class, not its position")
        refuse((got == names[0]).all(), "you always answer the most frequent class; on balanced "
               "accuracy that earns one in three")
        recalls = np.array([(got == labels)[labels == name].mean() for name in names])
        others = " and ".join(f"{recall:.2f}" for recall in recalls[1:])
        refuse(recalls.mean() < 0.65 and recalls[0] > 0.9, "you find {:.2f} of the frequent class and {} of the "
               "others: the rare classes are lost; keep red, green and blue apart, and let each class count alike, "
               "whatever its size", recalls[0], others)
        refuse(recalls.mean() < 0.65, "balanced accuracy {:.2f} on three classes of clearly different colour, where a "
               "constant has 0.33: does your answer use red, green and blue of each new image, as floats (uint8 wraps "
               "round)?", recalls.mean())


SKIN = {
    "A": "A is what you look for: dark is a finding, not a fault",
    "B": "B is skin as it comes: there will be hair tomorrow, too",
    "D": "D is sharp, and small, and a mole: rare is not broken",
    "F": "F shows a lesion: the ruler is worth a note, and lesson 1.4, but not the bin",
}
BROKEN = {
    "C": "C shows nothing at all: no measure of it means anything",
    "E": "E is another organ by another machine: it has no place in this pile",
}


@exercise("Task: the odd ones", "out goes what is broken or is something else; what is rare stays")
def take_out(answer):
    given = _letters(answer, "ABCDEF")
    for letter, why in SKIN.items():
        refuse(letter in given, why)
    for letter, why in BROKEN.items():
        refuse(letter not in given, why)


def _letters(answer, allowed):
    expect_type(answer, (str, list, tuple, set), 'give the letters, such as "AB"; you give one {kind}')
    words = re.findall(r"[^\W_]+", " ".join([answer] if isinstance(answer, str) else map(str, answer)).upper())
    given = {letter for word in words if word != "AND" for letter in word}
    refuse(not given or given - set(allowed), "give letters from A to {}; you give {!r}", allowed[-1], answer)
    return given


@exercise("Task: who says so", "each of these was cut out and looked at; the others rest, in part, on something else")
def all_by_histology(answer, made):
    truth = set(made.index[made["histo"] == made.sum(axis=1)])
    given = _names(answer, set(made.index), "a code of the table")
    mostly = set(made.index[made["histo"] == made.max(axis=1)])
    refuse(given == mostly != truth, "for {} histology is the *most frequent* method, not the only one: look for zeros "
           "beside it", " and ".join(sorted(mostly - truth)))
    for name in sorted(given - truth):
        total, cut = int(made.loc[name].sum()), int(made.loc[name, "histo"])
        refuse(True, "of {:,} images of {} only {:,} have histology", total, name, cut)
    refuse(truth - given, "you miss {} of {}: where all other columns are 0, every lesion was cut out",
           len(truth - given), len(truth))


def _names(answer, known, what):
    given = np.asarray(answer)
    refuse(given.dtype == bool, "these are True and False: use them as an index, and give the names")
    if isinstance(answer, str):
        given = re.findall(r"[^\s,;]+", answer) if answer not in known else [answer]
    elif isinstance(answer, pd.Series) and given.dtype.kind in "iuf":
        given = list(answer.index)  # a column, cut to some rows
    else:
        refuse(not isinstance(answer, Iterable), "give a list of names, not one {}", type(answer).__name__)
        given = list(getattr(answer, "index", answer) if hasattr(answer, "columns") else answer)
    names = set(map(str, given))
    refuse(names - known, "{!r} is not {}", min(names - known, default=""), what)
    return names


@exercise("Task: wrong labels", "right about a right label, or wrong about a wrong one")
def agrees(answer):
    got = number(answer)
    expect_number(got * 100 if 0 < got <= 1 else got, 86, {
        "where the model is wrong the label may be wrong, too: with two classes the two then agree": 85.5,
        "not all wrong labels fall on images that the model has right: 5 in 100 of its mistakes agree by chance": 85,
        "that is how often it is right about the truth; the labels are not the truth": 90,
        "that is how often the labels are right; the model is not": 95,
        "a wrong label costs where the model was right; where the model was wrong it helps": (95.5, 94.5),
    }, "{got:g} of 100 is not it: add two cases, right about a right label and wrong about a wrong one")  # fmt: skip


@exercise("Task: how many", "a quarter of 1.96², over the square of the half width; at any other recall fewer do")
def enough(answer):
    got, z = number(answer), 1.96
    if 380 <= got <= 385:  # 381 by Wilson's interval, 384.1 and 384.2, rounded up
        return
    expect_number(round(got) if got > 30 else got, 385, {
        "±.05 is half the width: that many make the *whole* interval .05 wide, or you left out p (1 − p), which is a "
        "quarter": (1536, 1537),
        "that is for ±.10: the half width goes into the formula, not the whole": (96, 97),
        "z is 1.96 for a 95 % interval; that is for 90 %": (270, 271),
        "that is one standard error, z = 1; a 95 % interval has 1.96 of them": 100,
        "square it: n stands under a root": (z * 0.5 / 0.05, z * 0.25 / 0.05, z * 0.5 / 0.05**2, 20),
        "square 1.96, too": (196, z * 0.25 / 0.05**2),
        "the p that needs most is .5, and p (1 − p) is then a quarter, not a half": (768, 769),
    }, "{got:g} is not it: set 1.96 √(p (1 − p) / n) equal to .05 at p = .5, and solve for n")  # fmt: skip


@exercise("Task: the constant", "of seven recalls one is 1 and six are 0, and no accuracy shows it")
def constant(answer, labels):
    answer = list(answer.values()) if isinstance(answer, dict) else answer
    given = list(answer) if hasattr(answer, "__len__") and not isinstance(answer, str) else [answer]
    refuse(len(given) != 3, "give three numbers: accuracy, balanced accuracy, recall for melanoma; you give {}",
           len(given))
    accuracy, balanced, recall = (number(one, "give three numbers; one of yours is {kind}") for one in given)
    counts = np.bincount(labels)
    share, classes = counts.max() / counts.sum(), np.count_nonzero(counts)
    refuse(max(accuracy, balanced, recall) > 1, "give shares from 0 to 1, not per cent")
    expect_number(accuracy, share, {
        "that is an accuracy over the classes; count the images that are nevi": 1 / classes,
        "that is how many images the constant gets wrong": 1 - share,
    }, "accuracy: {truth:.3f} of these images are nevi, and those it gets right; you give {got:g}", rtol=0, atol=0.006)
    expect_number(balanced, 1 / classes, {
        "that is the accuracy; the balanced one is the mean of the recalls, one for each class": share,
        "the one class that it always names is found, every image of it: its recall is 1": 0,
        "one recall of 1 and one of 0 would be two classes; here are more": 0.5,
    }, "balanced accuracy: a mean of {classes} recalls, of which one is 1 and the others are 0; you give {got:g}",
       rtol=0, atol=0.006, classes=classes)
    expect_number(recall, 0, {
        "that is the mean of the recalls; melanoma's own is the share of melanomas that it calls melanoma": 1 / classes,
    }, "recall for melanoma: how many melanomas does it find that never says melanoma? You give {got:g}",
       rtol=0, atol=0.006)  # fmt: skip


@exercise("Task: too wide", "each of these is wider than you can live with, which is not to say that it says nothing")
def too_wide(answer, by_group):
    truth = set(by_group.index[by_group["half width"] > 0.1])
    given = _names(answer, set(by_group.index), "a name in the index of by_group")
    refuse(given == set(by_group.index) - truth, "these are narrow enough: turn the comparison")
    whole = set(by_group.index[by_group["to"] - by_group["from"] > 0.1])
    refuse(given == whole, "you compare the whole width with .10; ±.10 is half the width")
    for name in sorted(given - truth):
        refuse(True, "{} has ±{:.3f}, which is narrow enough", name, by_group.loc[name, "half width"])
    for name in sorted(truth - given):
        refuse(True, "{} has ±{:.3f} and is missing in your list", name, by_group.loc[name, "half width"])
