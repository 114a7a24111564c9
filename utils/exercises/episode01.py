"""Checks for the exercises of Episode 1. Hints and solutions stand in the notebooks."""
from __future__ import annotations

import numpy as np
import pandas as pd

from utils.lesson import Hint, exercise

# ------------------------------------------------------------ 1.1 What is in the pile?


@exercise("Exercise 1", "the ratio to name before anybody names an accuracy")
def imbalance_ratio(answer):
    piles = [
        (np.repeat([0, 1, 2], [30, 12, 80]), 80 / 12, 12 / 80),
        (np.repeat([1, 4, 6], [9, 50, 31]), 50 / 9, 9 / 50),  # classes 0, 2, 3 and 5 do not occur
        (np.repeat(["nv", "mel", "df"], [70, 16, 3]), 70 / 3, 3 / 70),
    ]
    rng = np.random.default_rng(0)
    for labels, truth, upside_down in piles:
        with np.errstate(divide="ignore", invalid="ignore"):
            got = float(answer(rng.permutation(labels)))
        if not np.isfinite(got):
            raise Hint("you divide by zero: leave out the classes that do not occur (np.bincount counts them, as zero)")
        if np.isclose(got, upside_down):
            raise Hint("you divide the smallest by the largest; turn it round, so that 1 means balanced")
        sizes = np.unique(labels, return_counts=True)[1]
        if np.isclose(got, sizes.max() / sizes.mean()):
            raise Hint("you compare the largest class with the average one; compare it with the smallest")
        if np.isclose(got, sizes.max() / len(labels)):
            raise Hint("that is the share of the largest class; divide its count by that of the smallest")
        if got == truth // 1 != truth:
            raise Hint("you lose the fraction: use / and not //")
        if not np.isclose(got, truth):
            raise Hint(f"classes of {', '.join(map(str, sizes))} images should give {truth:.2f}, you give {got:.2f}")


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
        got = answer(images.copy())
        try:
            listed = [(int(i), int(j)) for i, j in got]
        except (TypeError, ValueError):
            raise Hint("return a list of pairs (i, j), such as [(5, 11), (20, 33)]") from None
        pairs = set(listed)
        if any(i == j for i, j in pairs):
            raise Hint("an image is no copy of itself: leave out the pairs (i, i)")
        if any(i > j for i, j in pairs):
            raise Hint("give each pair once, the smaller number first")
        if len(pairs) < len(listed):
            raise Hint("you list some pairs twice; give each once")
        if (2, 50) in pairs:
            raise Hint("you take two images for copies that hold the same values in different places: compare "
                       "every pixel, not a sum or a mean")  # fmt: skip
        if (3, 51) in pairs:
            raise Hint("you take two images for copies that differ in their last pixel: compare all, exactly")
        if pairs - truth:
            raise Hint(f"you list {len(pairs - truth)} pairs of images that differ")
        if pairs == truth - {(11, 40)} or pairs == truth - {(5, 40)}:
            raise Hint("three equal images make three pairs; you find two of them")
        if truth - pairs:
            raise Hint(f"you miss {len(truth - pairs)} of {len(truth)} pairs of copies; they need not be neighbours")


@exercise("Exercise 3", "your floor gives each class its due")
def colour_baseline(answer):
    for names in ((0, 1, 2), (8, 3, 5)):
        rng = np.random.default_rng(names[0])
        tint = dict(zip(names, ([160, 110, 110], [110, 160, 110], [110, 110, 160]), strict=True))

        def shoot(labels, rng=rng, tint=tint):
            colour = np.array([tint[name] for name in labels]) + rng.normal(0, 14, (len(labels), 3))
            noise = rng.normal(0, 25, (len(labels), 9, 11, 3))
            return np.clip(colour[:, None, None] + noise, 0, 255).astype(np.uint8)

        train_labels = rng.permutation(np.repeat(names, [360, 28, 12]))
        new_labels = rng.permutation(np.repeat(names, [60, 40, 30]))
        got = np.asarray(answer(shoot(train_labels), train_labels.copy(), shoot(new_labels)))
        if got.shape != new_labels.shape:
            raise Hint(f"return one label for each of the {len(new_labels)} new images; yours has shape {got.shape}")
        if not np.isin(got, names).all():
            raise Hint("you return labels that training does not have: return the label of a class, not its position")
        if (got == names[0]).all():
            raise Hint("you always answer the most frequent class; on balanced accuracy that earns one in three")
        recall = np.mean([(got[new_labels == name] == name).mean() for name in names])
        if recall < 0.65:
            raise Hint(f"balanced accuracy {recall:.2f} on three classes of clearly different colour, where a constant "
                       "has 0.33: does your answer use the colour of each new image?")  # fmt: skip

# ------------------------------------------------------------ 1.2 What is in a file?


@exercise("Exercise 1", "stored numbers become Hounsfield units, and what was never measured is no number")
def to_hu(answer):
    rng = np.random.default_rng(0)
    for dtype, slope, intercept, padding in (("int16", 1, -1024, None), ("int16", 0.5, -10.0, None),
                                             ("uint16", 1, -1024, None), ("int16", 2.0, -1000.0, -2000)):  # fmt: skip
        stored = rng.integers(0, 900, (6, 8)).astype(dtype)
        if padding is not None:
            stored[0, :3] = padding
        truth = stored.astype(float) * slope + intercept
        given = stored.copy()
        got = np.asarray(answer(given, {"slope": slope, "intercept": intercept, "padding": padding}))
        if got.shape != stored.shape:
            raise Hint(f"the picture has shape {stored.shape}, your answer {got.shape}")
        got = got.astype(float)
        if (given != stored).any():
            raise Hint("your function changes the array it is given: make a new one")
        measured = stored != padding if padding is not None else np.ones(stored.shape, bool)
        if np.allclose(got[measured], stored[measured]):
            raise Hint("these are still the stored values: use slope and intercept")
        if np.allclose(got[measured], (stored.astype(float) + intercept)[measured]) and slope != 1:
            raise Hint(f"with a slope of {slope} you only add the intercept: multiply first")
        if np.allclose(got[measured], ((stored.astype(float) + intercept) * slope)[measured]) and slope != 1:
            raise Hint("you add the intercept before you multiply: slope times stored value, then the intercept")
        if dtype == "uint16" and (got > 60_000).any():
            raise Hint("unsigned 16-bit numbers cannot go below zero and wrap round: turn them into floats first")
        if not np.allclose(got[measured], truth[measured]):
            worst = np.nanmax(np.abs(got - truth)[measured])
            raise Hint(f"for slope {slope} and intercept {intercept} you are off by up to {worst:g} HU")
        if padding is not None and not np.isnan(got[~measured]).all():
            raise Hint(f"padding ({padding}) was never measured: make it NaN, before or after the rescale")


@exercise("Exercise 2", "position along the slice normal gives the order, in any orientation")
def in_order(answer):
    rng = np.random.default_rng(2)
    tilted = np.array([[0.98, 0.0, -0.199], [0.05, 0.96, 0.27]])
    for title, axes in (("axial", np.eye(3)[:2]), ("sagittal", np.array([[0, 1, 0], [0, 0, -1]])), ("tilted", tilted)):
        axes = axes / np.linalg.norm(axes, axis=1, keepdims=True)
        normal = np.cross(*axes)
        count = 24
        places = np.array([30.0, -90.0, 12.0]) + np.outer(np.arange(count) * 2.5 - 30, normal)
        truth = [f"{code:06x}.dcm" for code in rng.permutation(16**6 - 1)[:count]]
        table = pd.DataFrame({"name": truth, "instance": rng.permutation(count) + 1,
                              "position": [tuple(map(float, place)) for place in places],
                              "orientation": [tuple(map(float, axes.ravel()))] * count})  # fmt: skip
        got = answer(table.sample(frac=1, random_state=1).reset_index(drop=True))
        got = list(got) if got is not None and not isinstance(got, str) and np.ndim(got) == 1 else got
        if not isinstance(got, list) or not all(isinstance(name, str) for name in got):
            raise Hint("return the file names in order, as a list, not their row numbers or the whole table")
        if sorted(got) != sorted(truth):
            raise Hint(f"the series has {len(truth)} files; your answer does not hold each of them once")
        if got in (truth, truth[::-1]):
            continue
        by_number = list(table.sort_values("instance")["name"])
        by_axis = [list(table["name"][np.argsort(along, kind="stable")]) for along in places.T]
        if got in (by_number, by_number[::-1]):
            raise Hint("InstanceNumber is what the scanner made of it, in the order it liked; use the positions")
        if got == sorted(truth):
            raise Hint("a file name says nothing about where a slice lies; use the positions")
        if title != "axial" or any(got in (names, names[::-1]) for names in by_axis):
            raise Hint(f"right for axial slices, wrong for {title} ones: project the position on the normal of the "
                       "slices, which is the cross product of the two directions in `orientation`")  # fmt: skip
        raise Hint("neighbours in your list are not neighbours in the body: sort by position along the slice normal")


@exercise("Exercise 3", "a blanked box holds one value, whichever value that is; the other one still names somebody")
def still_named(answer):
    rng = np.random.default_rng(3)
    top, left, bottom, right = box = (2, 20, 8, 44)
    for trial in range(6):
        pictures = [rng.integers(200, 4000, (32, 48)).astype(np.uint16) for _ in range(5)]
        guilty = (trial * 2 + 1) % 5
        for i, picture in enumerate(pictures):
            picture[top:bottom, left:right] = (0, 4095, 0, 700, 4095)[(i + trial) % 5]
        letters = rng.random((bottom - top - 2, right - left - 4)) < 0.1
        blank = pictures[guilty][top, left]
        pictures[guilty][top + 1 : bottom - 1, left + 2 : right - 2][letters] = 4095 if blank < 2000 else 0
        got = answer([picture.copy() for picture in pictures], box)
        if isinstance(got, list | tuple | np.ndarray) and np.size(got) == 1 and np.ndim(got) == 1:
            got = got[0]
        if isinstance(got, bool | np.bool_) or not isinstance(got, int | np.integer):
            raise Hint("return the number of the picture, counted from 0, not a list of answers and not the picture")
        if got == guilty:
            continue
        inside = pictures[int(got) % 5][top:bottom, left:right]
        if inside.min() == inside.max() > 0:
            raise Hint(f"picture {got} has one value, {inside.max()}, in the whole box: blank need not mean 0, "
                       "and where high values are dark it never does")  # fmt: skip
        raise Hint(f"you say picture {got}, but its box is blank: look only inside the box, and at whether it varies")

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


# ------------------------------------------------------------ 1.4 What did the model really learn?


@exercise("Exercise 1", "in every hospital one sick film for each healthy one, and not a film wasted")
def balanced_rows(answer):
    rng = np.random.default_rng(4)
    cells = [("A", True, 60), ("A", False, 9), ("B", True, 5), ("B", False, 70), ("C", True, 31), ("C", False, 40)]
    hospital = np.concatenate([np.repeat(name, count) for name, _, count in cells])
    sick = np.concatenate([np.repeat(value, count) for _, value, count in cells])
    order = rng.permutation(len(sick))
    hospital, sick = hospital[order], sick[order]

    def rows(seed):
        got = np.asarray(answer(hospital.copy(), sick.copy(), seed))
        if got.dtype == bool or got.ndim != 1 or got.dtype.kind not in "iu":
            raise Hint("return row numbers, one list of whole numbers, not True and False and not the rows themselves")
        return got

    got = rows(0)
    if len(set(got.tolist())) < len(got):
        raise Hint("some films are drawn twice; a copy is no second film: draw without replacement")
    count = {(name, value): int(((hospital[got] == name) & (sick[got] == value)).sum()) for name, value, _ in cells}
    for name in "ABC":
        if count[name, True] != count[name, False]:
            overall = "over all hospitals the halves are equal, but " if sick[got].mean() == 0.5 else ""
            ill, well = count[name, True], count[name, False]
            raise Hint(f"{overall}hospital {name} gives {ill} sick and {well} healthy films")
    if len(got) == 30:
        raise Hint("you cut every hospital to the rarest group of all; each needs only its own two halves to be equal")
    if len(got) != 2 * (9 + 5 + 31):
        raise Hint(f"you keep {len(got)} films, and {2 * (9 + 5 + 31)} are possible: take all of the rarer kind")
    if sorted(rows(0)) != sorted(got):
        raise Hint("the same seed gives other rows each time: make the generator from the seed you are given")
    if sorted(rows(1)) == sorted(got):
        raise Hint("another seed gives the very same rows: draw at random, do not take the first")


@exercise("Exercise 2", "nobody can tell which name was under it")
def mask_text(answer):
    rng = np.random.default_rng(5)
    for box in ((20, 3, 26, 18), (0, 10, 5, 32)):
        top, left, bottom, right = box
        plain = rng.integers(1, 180, (5, 30, 40)).astype(np.uint8)
        plain[:, 12, 20] = 255
        names = np.zeros((2, 30, 40), np.uint8)
        for name, end in zip(names, (left + 6, right - 1), strict=True):
            name[top + 1 : bottom - 1, left + 1 : end] = 255 * rng.integers(0, 2, (bottom - top - 2, end - left - 1))
        one, two = (np.maximum(plain, name) for name in names)
        given = one.copy()
        got, other = np.asarray(answer(given, box)), np.asarray(answer(two.copy(), box))
        if got.shape != one.shape:
            raise Hint(f"pictures of shape {one.shape} should keep it; yours come out as {got.shape}")
        if (given != one).any():
            raise Hint("you change the pictures you were given: work on a copy")
        outside = np.ones(one.shape, bool)
        outside[:, top:bottom, left:right] = False
        if (got == one).all():
            raise Hint("nothing is masked yet")
        if (got[outside] != one[outside]).any():
            raise Hint("you change pixels outside the box; it is (top, left, bottom, right), rows first, then columns")
        hidden = got[:, top:bottom, left:right]
        if (hidden[1:] == one[1:, top:bottom, left:right]).all():
            raise Hint("only the first picture is masked: the first axis counts the pictures")
        if (got != other).any():
            if (hidden.reshape(5, -1).min(1) == hidden.reshape(5, -1).max(1)).all():
                raise Hint("your filling depends on what it hides: a longer name gives a brighter box")
            raise Hint("the outline of the letters is still there and spells the name: fill the whole box")
        if (hidden != hidden[0, 0, 0]).any():
            raise Hint("fill the box with one value, the same for every film")


@exercise("Exercise 3", "no film and no marker escapes your test")
def ignores_marker(answer):
    rng = np.random.default_rng(6)
    pictures = rng.integers(0, 150, (40, 12, 16)).astype(np.uint8)
    pictures[:, 9:, :6] = 0
    pictures[:, 0, 0] = np.arange(40)  # so that a model can know a film, alone or among others
    markers = np.zeros((3, 12, 16), np.uint8)
    for k, marker in enumerate(markers):
        marker[9:11, : 2 * k + 2] = 255

    def lungs(x):
        return np.asarray(x, float)[:, :8].mean((1, 2)) / 10

    def text(x):  # 0 without a marker, then 1, 2, 3
        return (np.asarray(x)[:, 9:11, :6] == 255).sum((1, 2)) / 4

    def film(x):
        return np.asarray(x)[:, 0, 0].astype(int)

    blind = [("a model that looks at the lungs only", lungs),
             ("a model that moves by less than the tolerance", lambda x: lungs(x) + 0.01 * text(x))]  # fmt: skip
    reads = [
        ("a model whose decision stays while its number moves by far more than the tolerance",
         lambda x: 50 + lungs(x) + text(x)),
        ("a model that every name moves by the same amount: compare with the film without a name",
         lambda x: lungs(x) + 2 * (text(x) > 0)),
        ("a model that a name makes say 'healthy'", lambda x: lungs(x) - text(x)),
        ("a model that one name moves up on half of the films and down on the other half; the mean stays",
         lambda x: lungs(x) + np.where(film(x) % 2, 1, -1) * text(x)),
        ("a model that reads the name on a single film of forty",
         lambda x: lungs(x) + text(x) * (film(x) == 17)),
        ("a model that knows only the last of the names", lambda x: lungs(x) + 3 * (text(x) == 3)),
    ]  # fmt: skip
    for truth, models in ((True, blind), (False, reads)):
        for what, score in models:
            given, kept = pictures.copy(), [marker.copy() for marker in markers]
            got = answer(score, given, kept, 0.1)
            if not isinstance(got, bool | np.bool_):
                raise Hint(f"return True or False; you return {type(got).__name__}")
            if (given != pictures).any() or any((a != b).any() for a, b in zip(kept, markers, strict=True)):
                raise Hint("you write on the pictures you were given: np.maximum makes new ones")
            if bool(got) != truth:
                raise Hint(f"you {'accuse' if truth else 'let through'} {what}")
