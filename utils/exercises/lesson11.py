"""Lesson 1.1, What is in the pile?: its checks."""
import numpy as np

from utils.exercises.expect import expect_number, expect_shape, number, refuse
from utils.lesson import Hint, exercise


@exercise("Exercise 1", "the ratio to name before anybody names an accuracy")
def imbalance_ratio(answer):
    piles = [
        ([0, 1, 2], [30, 12, 80]),
        ([1, 4, 6], [9, 50, 31]),  # classes 0, 2, 3 and 5 do not occur
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
        recall = np.mean([(got == labels)[labels == name].mean() for name in names])
        refuse(recall < 0.65, "balanced accuracy {:.2f} on three classes of clearly different "
               "colour, where a constant has 0.33: does your answer use the colour of each new "
               "image?", recall)
