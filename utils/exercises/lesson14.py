"""Lesson 1.4, What did the model really learn?: its checks."""
import numpy as np

from utils.exercises.expect import expect_shape, expect_type, refuse
from utils.lesson import exercise


@exercise("Exercise 1", "in every hospital one sick film for each healthy one, and not a film wasted")
def balanced_rows(answer):
    rng = np.random.default_rng(4)
    counts = [("A", True, 60), ("A", False, 9), ("B", True, 5), ("B", False, 70), ("C", True, 31), ("C", False, 40)]
    names, states, films = map(list, zip(*counts, strict=True))
    order = rng.permutation(sum(films))
    hospital, sick = np.repeat(names, films)[order], np.repeat(states, films)[order]

    def rows(seed):
        got = np.asarray(answer(hospital, sick, seed))
        refuse(got.ndim != 1 or got.dtype.kind not in "iu", "return row numbers, one list of whole "
               "numbers, not True and False and not the rows themselves")
        return sorted(got.tolist())

    got = rows(0)
    refuse(len(set(got)) < len(got), "some films are drawn twice; a copy is no second film: draw "
           "without replacement")
    overall = "over all hospitals the halves are equal, but " if sick[got].mean() == 0.5 else ""
    for name in "ABC":
        ill = sick[got][hospital[got] == name]
        refuse(ill.sum() != (~ill).sum(), "{}hospital {} gives {} sick and {} healthy films",
               overall, name, ill.sum(), (~ill).sum())
    refuse(len(got) == 30, "you cut every hospital to the rarest group of all; each needs only its "
           "own two halves to be equal")
    most = 2 * (9 + 5 + 31)
    refuse(len(got) != most, "you keep {} films, and {} are possible: take all of the rarer kind",
           len(got), most)
    refuse(rows(0) != got, "the same seed gives other rows each time: make the generator from the "
           "seed you are given")
    refuse(rows(1) == got, "another seed gives the very same rows: draw at random, do not take the first")


@exercise("Exercise 2", "nobody can tell which name was under it",
          spoilt="you change the pictures you were given: work on a copy")
def mask_text(answer):
    rng = np.random.default_rng(5)
    for box in ((20, 3, 26, 18), (0, 10, 5, 32)):
        top, left, bottom, right = box
        plain = rng.integers(1, 180, (5, 30, 40)).astype(np.uint8)
        plain[:, 12, 20] = 255
        names = np.zeros((2, 30, 40), np.uint8)
        for name, end in zip(names, (left + 6, right - 1), strict=True):
            letters = name[top + 1 : bottom - 1, left + 1 : end]
            letters[:] = 255 * rng.integers(0, 2, letters.shape)
        one, two = (np.maximum(plain, name) for name in names)
        got, other = np.asarray(answer(one, box)), np.asarray(answer(two, box))
        expect_shape(got, one.shape, "pictures of shape {shape} should keep it; yours come out as {got}")
        outside = np.ones(one.shape, bool)
        outside[:, top:bottom, left:right] = False
        refuse((got == one).all(), "nothing is masked yet")
        refuse((got != one)[outside].any(), "you change pixels outside the box; it is (top, left, "
               "bottom, right), rows first, then columns")
        hidden = got[:, top:bottom, left:right].reshape(5, -1)
        refuse((got == one)[1:].all(), "only the first picture is masked: the first axis counts the pictures")
        leaks = (got != other).any()
        refuse(leaks and (hidden == hidden[:, :1]).all(), "your filling depends on what it hides: "
               "a longer name gives a brighter box")
        refuse(leaks, "the outline of the letters is still there and spells the name: fill the whole box")
        refuse((hidden != hidden[0, 0]).any(), "fill the box with one value, the same for every film")


@exercise("Exercise 3", "no film and no marker escapes your test",
          spoilt="you write on the pictures you were given: np.maximum makes new ones")
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

    blind = {
        "a model that looks at the lungs only": lungs,
        "a model that moves by less than the tolerance": lambda x: lungs(x) + 0.01 * text(x),
    }
    reads = {
        "a model whose decision stays while its number moves by far more than the tolerance":
            lambda x: 50 + lungs(x) + text(x),
        "a model that every name moves by the same amount: compare with the film without a name":
            lambda x: lungs(x) + 2 * (text(x) > 0),
        "a model that a name makes say 'healthy'": lambda x: lungs(x) - text(x),
        "a model that one name moves up on half of the films and down on the other half; the mean stays":
            lambda x: lungs(x) + np.where(film(x) % 2, 1, -1) * text(x),
        "a model that reads the name on a single film of forty":
            lambda x: lungs(x) + text(x) * (film(x) == 17),
        "a model that knows only the last of the names": lambda x: lungs(x) + 3 * (text(x) == 3),
    }
    for what, score in (blind | reads).items():
        got = answer(score, pictures, list(markers), 0.1)
        expect_type(got, (bool, np.bool_), "return True or False; you return {kind}")
        refuse(got and what in reads, "you let through {}", what)
        refuse(not got and what in blind, "you accuse {}", what)
