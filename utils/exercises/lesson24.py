"""Lesson 2.4, What do the experts say?: its checks."""
import numpy as np

from utils.exercises.expect import expect_array, expect_number, expect_shape, number, refuse
from utils.lesson import exercise


def _runs(function, *arguments):
    """Whether a call goes through."""
    try:
        function(*arguments)
    except Exception:
        return False
    return True


@exercise("Task: liver", "pixels, times their area, times the distance of the planes")
def liver(answer, mask, measures):
    """The answer comes with the lesson's mask of one plane and with the header's PixelMeasuresSequence."""
    high, wide = map(float, measures.PixelSpacing)
    between, pixels = float(measures.SpacingBetweenSlices), float(mask.sum())
    got, truth = number(answer), pixels * high * wide * between / 1000
    if abs(got - truth) < 0.003 * truth:  # a rounded answer is an answer
        return
    expect_number(got, truth, {
        "that is the number of pixels: each has an area": (pixels, pixels / 1000),
        "those are cubic millimetres; a millilitre holds a thousand": 1000 * truth,
        "one side only: a pixel's area is height times width": (truth / high, 1000 * truth / high),
        "that is the whole picture, not the mask": truth * mask.size / pixels,
        "a millilitre is a thousand cubic millimetres, not ten or a hundred": (100 * truth, 10 * truth),
    }, "you give {got:.4g}; count the pixels, multiply by both sides and by the distance between planes, in mm, "
       "and divide by 1000")  # fmt: skip


@exercise("Task: partner", "both against the same kind of vote, and neither took part in it")
def partner(answer, scores):
    refuse(not isinstance(answer, str) or answer not in scores, "{!r} is no row; the rows are: {}", answer,
           "; ".join(scores))  # fmt: skip
    why = {
        "model with": "that is a row of the model; name one of the readers",
        "reader with each other": "there a reader is compared with one person, who is less smooth than a vote",
        "reader with the vote of all four": "that reader is one of the four who voted, and is compared partly with "
                                            "themselves",
    }  # fmt: skip
    for begins, sentence in why.items():
        refuse(answer.startswith(begins), sentence)


@exercise("Task: rare", "most of what is labelled yes never was one")
def seems_to_find(answer):
    got = number(answer)
    truth = 0.01 * 0.95 / (0.01 * 0.95 + 0.99 * 0.05)
    if abs(got - truth) < 0.006:  # a rounded answer is an answer
        return
    expect_number(got, truth, {
        "that is the accuracy and the positive predictive value; ask how many of the films labelled yes it calls":
            (0.95, 95.0),
        "that is the answer at one in twenty; now it is one in a hundred": 0.5,
        "those are the films labelled yes that it calls, as a share of all films: divide by all that are labelled yes":
            (0.01 * 0.95, 95),
        "that is the share of films labelled yes; ask how many of them it calls": 0.01 * 0.95 + 0.99 * 0.05,
        "against the truth, yes; against these labels it is less": 1.0,
        "a share, please, between 0 and 1": (round(100 * truth, 1), 100 * truth, 16),
        "of the films without an opacity, 99 in 100, one label in twenty is wrong; add those that kept their yes": (
            0.01 * 0.95 / (0.99 * 0.05)),
    }, "you give {got:.3g}; of 10,000 films, how many are labelled yes, and how many of those have an opacity?")


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

        try:
            got = answer(first, second)
        except (TypeError, ValueError):
            reads_numbers = _runs(answer, *(np.unique(each, return_inverse=True)[1] for each in (first, second)))
            refuse(first.dtype.kind == "U" and reads_numbers, "labels may be texts, which have no mean and no order: "
                   "compare with each label, (first == label).mean()")  # fmt: skip
            raise
        # A crossed table of the labels that each reader uses, in order: its diagonal pairs the wrong ones
        used = [np.unique(each) for each in (first, second)]
        a, b = ([(each == name).mean() for name in names] for each, names in zip((first, second), used, strict=True))
        along = sum(((first == x) & (second == y)).mean() for x, y in zip(*used, strict=False))
        askew = (along - np.dot(a[:len(b)], b[:len(a)])) / (1 - np.dot(a[:len(b)], b[:len(a)]))
        askew = askew if not np.array_equal(*used) else np.nan
        expect_number(got, beyond(expected), {
            "your crossed table is not square: a label that one reader never uses has only a row or only a column, so "
            "the diagonal slips; give the table all labels both ways": askew,
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
