"""Lesson 2.4, What do the experts say?: its checks."""
import numpy as np

from utils.exercises.expect import expect_array, expect_number, expect_shape, number, refuse
from utils.lesson import exercise


@exercise("Exercise 1", "agreement beyond what two habits would give on their own")
def kappa_by_hand(answer):
    rng = np.random.default_rng(0)
    cases = [(["no", "yes"], (0.7, 0.3)), (["mild", "moderate", "severe"], (0.2, 0.5, 0.3)),
             ([0, 1, 4, 7], (0.4, 0.3, 0.2, 0.1))]
    for names, odds in cases:
        first = rng.choice(names, 90, p=odds)
        second = np.where(rng.random(90) < 0.5, first, rng.choice(names, 90, p=odds[::-1]))
        if len(names) == 4:  # the second reader has a label of their own, the first another
            first, second = np.where(first == 7, 0, first), np.where(second == 4, 1, second)
        labels = np.union1d(first, second)
        shares = (np.stack([first, second])[..., None] == labels).mean(axis=1)  # (readers, labels)
        both, pooled = shares.prod(axis=0), (shares.mean(axis=0) ** 2).sum()
        observed, expected = (first == second).mean(), both.sum()

        def beyond(chance, observed=observed):
            return (observed - chance) / (1 - chance)

        expect_number(answer(first, second), beyond(expected), {
            "that is the observed agreement; take away what chance gives, and divide by what it leaves":
                observed,
            "divide by what was left to gain, 1 − chance agreement, so that perfect agreement gives 1":
                observed - expected,
            "chance is not one in the number of labels: multiply how often each reader uses each label":
                (beyond(1 / 2), beyond(1 / len(labels))),
            "you pool the two readers' habits (that is Scott's pi): multiply each reader's own shares":
                beyond(pooled),
            "two readers can agree by chance on every label, not on one only: sum over the labels":
                tuple(beyond(both)),
        }, "for {n} labels, observed agreement {observed:.3f} and chance agreement {expected:.3f}, "
           "kappa is {truth:.3f}, you give {got:.3f}", n=len(labels), observed=observed,
           expected=expected)
    undefined = number(answer(np.array(["no"] * 9), np.array(["no"] * 9)))
    refuse(not np.isnan(undefined), "two readers who only ever say no leave nothing to measure: "
           "return np.nan, not {:g}", undefined)


HIDDEN_CONSTANT = 0.05  # what a small constant in the fraction moves Dice by, at most, on these masks


@exercise("Exercise 2", "the rule for nothing against nothing is now yours to state")
def dice_by_rule(answer):
    square = np.zeros((12, 15), bool)
    square[2:8, 3:9] = True
    empty, apart = np.zeros((2, 12, 15), bool)
    apart[10:, 12:] = True
    others = [np.roll(square, 2, axis=1), square & (np.arange(15) < 5), square, apart]
    for other, truth in zip(others, (2 / 3, 0.5, 1, 0), strict=True):
        got = number(answer(square, other, 0.25))
        common, either = (square & other).sum(), (square | other).sum()
        mistakes = {
            "that is intersection over union; Dice is twice the overlap over the sum of the two sizes":
                common / either,
            "you forget the 2: a mask with itself should give 1": common / (square.sum() + other.sum()),
            "for boolean masks a + b means or, so you divide by the union: count each mask, then add":
                2 * common / either,
        }
        refuse(not np.isclose(got, truth) and abs(got - truth) < HIDDEN_CONSTANT, "you give {:.4f} "
               "where {:.4f} is right: a small constant in the fraction is a rule of its own, and "
               "a hidden one; leave it out", got, truth)
        expect_number(got, truth, mistakes, "masks of {first} and {second} pixels with {common} in "
                      "common have a Dice of {truth:.3f}, you give {got:.3f}", first=square.sum(),
                      second=other.sum(), common=common)
    for rule in (0.0, 1.0, 0.25):
        both, one = (number(answer(mask, empty, rule)) for mask in (empty, square))
        refuse(np.isnan(both), "two empty masks give you 0/0, which is nan: return both_empty there")
        refuse(not np.isclose(both, rule), "with both_empty={rule:g}, two empty masks should give "
               "{rule:g}, you give {both:g}", rule=rule, both=both)
        refuse(not np.isclose(one, 0), "a mask against an empty one has no overlap and gives 0, "
               "you give {:g}: the rule is for two empty masks", one)


@exercise("Exercise 3", "nobody is outvoted, and whoever drew nothing is heard",
          spoilt="your function changes the outlines it is given: make a new array")
def soft_consensus(answer):
    rng = np.random.default_rng(0)
    for readers in (5, 6):
        outlines = rng.random((readers, 7, 9)) < 0.5
        outlines[1:3] = False  # were asked, drew nothing
        asked = np.ones(readers, bool)
        asked[-1] = outlines[-1, 0, 0] = False
        for drawn in (outlines * asked[:, None, None], outlines):  # the reader who was not asked drew, too
            votes = drawn[asked].sum(axis=0)
            got = expect_shape(answer(drawn, asked), votes.shape,
                               "return one number a pixel, of shape {shape}; yours has shape {got}").astype(float)
            refuse(np.isin(got, (0, 1)).all(), "you return only 0 and 1: that is a vote; keep the share")
            drew = drawn.any(axis=(1, 2))
            expect_array(got, votes / asked.sum(), {
                "you count the readers; divide by how many were asked": votes,
                "you add up readers who were not asked: leave them out of the sum, too":
                    drawn.sum(axis=0) / asked.sum(),
                "a reader who was not asked counts as a no with you: leave them out, also of the divisor":
                    (drawn.mean(axis=0), votes / readers),
                "you leave out the reader who was asked and drew nothing; that is a no in every pixel":
                    (drawn[drew].mean(axis=0), drawn[drew & asked].mean(axis=0)),
            }, "with {n} of {readers} readers asked you are off by {off:.2f}", n=asked.sum(),
               readers=readers)
