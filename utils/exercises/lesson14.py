"""Lesson 1.4, What did the model really learn?: its checks."""
import numpy as np

from utils.exercises.expect import expect_array, expect_shape, expect_type, number, refuse
from utils.lesson import exercise


@exercise("Task: pairs", "two thirds of all pairs are won, and within each hospital half: there, a coin does as well")
def by_hand(answer):
    words = "give two numbers, (all pairs, pairs from one hospital)"
    expect_type(answer, (tuple, list, np.ndarray), words + "; you give one {kind}")
    refuse(len(answer) != 2, words + "; you give {}", len(answer))
    got = [number(value, words) for value in answer]
    expect_array(got, np.array([6 / 9, 2 / 4]), {
        "an AUC is a share: divide the pairs that are won by all pairs": np.array([6, 2]),
        "give shares from 0 to 1, not per cent": (np.array([66.67, 50]), np.array([67, 50])),
        "all pairs come first, those from one hospital second": np.array([2 / 4, 6 / 9]),
        "a pair is won where the sick film scores higher; you count the others": np.array([3 / 9, 2 / 4]),
        "these are the pairs from one hospital twice; sick films meet the other hospital's healthy ones too":
            np.array([2 / 4, 2 / 4]),
        "divide by the pairs that you compare: nine of all, four from one hospital": np.array([6 / 9, 2 / 9]),
    }, "you give {got}: make the list of the nine (sick, healthy) pairs, and mark who scores higher",
        rtol=0.011)  # fmt: skip


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


@exercise("Task: header", "they name the hospital, and nothing else; age is the patient's own")
def site_facts(answer):
    refuse(isinstance(answer, str), "give a list of names, not one text")
    try:
        got = {str(name) for name in answer}
    except TypeError:
        got = None
    refuse(got is None, "give a list of names out of `facts`")
    known = {"Manufacturer", "DetectorType", "age"}
    refuse(got - known, "{} is none of the three facts", ", ".join(sorted(got - known)))
    refuse(got == {"age"}, "the other way round: age differs between the patients of one hospital")
    refuse("age" in got, "age differs between the patients of one hospital: count its values there")
    missing = " and ".join(sorted(known - {"age"} - got))
    refuse(missing, "{}: how many values has it at Hilltop, how many at Riverside?", missing)


@exercise("Task: mask", "nobody can tell which name was under it",
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
        got, again, other = (np.asarray(answer(pictures, box)) for pictures in (one, one, two))
        expect_shape(got, one.shape, "pictures of shape {shape} should keep it; yours come out as {got}")
        outside = np.ones(one.shape, bool)
        outside[:, top:bottom, left:right] = False
        refuse((got == one).all(), "nothing is masked: the first axis counts the pictures, "
               "[:, top:bottom, left:right]")
        refuse((got != one)[outside].any(), "you change pixels outside the box; it is (top, left, "
               "bottom, right), rows first, then columns")
        hidden = got[:, top:bottom, left:right].reshape(5, -1)
        refuse(got.dtype.kind == "f" and np.isnan(got).any(), "a network cannot count with NaN: fill in numbers")
        refuse((got == one)[1:].all(), "only the first picture is masked: the first axis counts the pictures")
        refuse((got != again).any(), "the same pictures come out differently the second time: give your noise a seed")
        leaks = (got != other).any()
        refuse(leaks and (hidden == hidden[:, :1]).all(), "your filling depends on what it hides: "
               "a longer name gives a brighter box")
        still = got[:, top:bottom, left:right] == one[:, top:bottom, left:right]
        refuse(leaks and still.mean() > 0.2, "the outline of the letters is still there and spells "
               "the name: fill the whole box")
        refuse(leaks, "your filling depends on what it hides: what comes out differs with the name")


@exercise("Exercise 2", "no film and no marker escapes your test",
          spoilt="you write on the pictures you were given: np.maximum makes new ones")
def ignores_marker(answer):
    rng = np.random.default_rng(6)
    pictures = rng.integers(0, 150, (40, 12, 16)).astype(np.uint8)
    pictures[:, 9:, :6] = 40
    pictures[:, 0, 0] = np.arange(40)  # so that a model can know a film, alone or among others
    markers = np.zeros((3, 12, 16), np.uint8)
    for k, marker in enumerate(markers):
        marker[9:11, : 2 * k + 2] = 255

    def lungs(x):
        return np.asarray(x, float)[:, :8].mean((1, 2)) / 10

    def text(x):  # 0 without a marker, then 1, 2, 3
        corner = np.asarray(x)[:, 9:11, :6]
        refuse((corner < 40).any(), "your markers make bright pixels dark: 40 + 255 is 39 in uint8; "
               "np.maximum writes, and a film keeps what is brighter")
        return (corner >= 255).sum((1, 2)) / 4

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
        "a model that knows only the first of the names: write one at a time": lambda x: lungs(x) + 3 * (text(x) == 1),
    }
    for what, score in (blind | reads).items():
        got = answer(score, pictures, list(markers), 0.1)
        expect_type(got, (bool, np.bool_), "return True or False; you return {kind}")
        refuse(got and what in reads, "you let through {}", what)
        refuse(not got and what in blind, "you accuse {}", what)


@exercise("Task: loss", "that share comes back when elsewhere sends excised moles, too")
def mix_share(answer, lost):
    got = number(answer, "give one number, not {kind}")
    whole, mix, source = (np.asarray(lost[part], float) for part in ("whole loss", "mix", "source"))
    expect_array(got, mix.mean() / whole.mean(), {
        "divide the means over the seeds; ratios of single seeds run wild": (mix / whole).mean(),
        "that is the share of the source; asked is that of the mix": source.mean() / whole.mean(),
        "that is the loss to the mix itself; divide it by the whole loss": mix.mean(),
        "divide the mix by the whole loss, not the whole loss by the mix": whole.mean() / mix.mean(),
        "divide by the whole loss, not by the source's part": mix.mean() / source.mean(),
        "give a share, not per cent": 100 * mix.mean() / whole.mean(),
        "average over all seeds; this is one of them": tuple(mix / whole),
    }, "you give {got:.3f}; the mean of the mix divided by the mean of the whole loss is something else",
        rtol=0.01)  # fmt: skip
