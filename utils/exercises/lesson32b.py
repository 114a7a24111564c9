"""Lesson 3.2b, Your own folder: its checks."""
import numpy as np

from utils.exercises.expect import expect_number, expect_type, number, refuse
from utils.lesson import exercise

# ---------------------------------------------------------------------------- tasks


@exercise("Task 1", "a table, and no image of a class: nothing is left aside in silence")
def aside(answer, skipped):
    """The answer comes with `skipped`, {file: why it was left aside}."""
    refuse(isinstance(answer, dict), "that is the whole list; look into it: which of the files is a table?")
    refuse(isinstance(answer, list | tuple | set), "give one name, not a list: which of the files is a table?")
    refuse(not isinstance(answer, str), "give a file's name, in quotes: look into heads.skipped")
    name = answer.strip()
    refuse(name in skipped.values(), "that is the reason; give the name of the file")
    refuse(f"{name}.csv" in skipped, "give the whole name, with its ending: {!r}", f"{name}.csv")
    refuse(name not in skipped, "no file called {!r} stayed aside; heads.skipped lists the names", name)
    refuse(not name.endswith(".csv"), "{!r} holds arrays of NumPy; the table is the other one", name)


@exercise("Task 2", "with k classes it is ln k; a first loss far from it means that something is broken")
def first_loss(answer):
    expect_number(
        answer, np.log(2),
        {
            "that is the probability of each class; its cross-entropy is minus the logarithm of it": 0.5,
            "a loss of 0 is that of a network which is right and sure of it": 0.0,
            "the logarithm is negative; the loss is minus it": -np.log(2),
            "that logarithm is to the base 2; cross-entropy takes the natural one, np.log": 1.0,
            "that logarithm is to the base 10; cross-entropy takes the natural one, np.log": np.log10(2),
            "rounded too early: write the formula, with np.log": (0.69, 0.7),
        },
        "you give {got:.3f}; minus the natural logarithm of one half is meant",
        rtol=2e-3,
    )  # fmt: skip


@exercise("Task 3", "that is the number to discuss with the paediatrician, with its interval")
def missed(answer, probabilities, labels):
    """The answer comes with what the lesson has: probabilities (n, classes) and labels (n,), 1 pneumonia."""
    called, ill = probabilities.argmax(1) == 1, labels == 1
    truth = (~called)[ill].mean()
    expect_number(
        answer, truth,
        {
            "give a share from 0 to 1, not percent": 100 * truth,
            "that is the share found; the others are missed": called[ill].mean(),
            "that is the share of healthy films that are called ill; ask about the ill ones": called[~ill].mean(),
            "you divide by all films; take the ill ones only, [ill]": (~called & ill).mean(),
            "that is how many are missed; divide by the number of ill ones": float((~called & ill).sum()),
            "that is the share of all wrong answers; ask about the ill ones": (called != ill).mean(),
            "you divide by those not called ill; ask which share of the ill is": (
                (~called & ill).sum() / max((~called).sum(), 1)),
            "that is the share of all films not called ill, healthy ones too; take the ill ones, [ill]": (
                (~called).mean()),
            "that is a mean probability; count the films: whose argmax is not 1?": (
                probabilities[ill, 0].mean(), probabilities[ill, 1].mean(), 1 - probabilities[ill, 1].mean()),
        },
        "you give {got:.3f}; of the films with label 1, take the share whose argmax is not 1",
    )  # fmt: skip


@exercise("Task 4", "each class has the same say, however many slices it has")
def balanced(answer, probabilities, labels):
    """The answer comes with what the lesson has: probabilities (n, 3) and labels (n,)."""
    said, kinds = probabilities.argmax(1), np.unique(labels)
    hits = said == labels
    right = [hits[said == kind].mean() for kind in kinds if (said == kind).any()]
    expect_number(
        answer, np.mean([hits[labels == kind].mean() for kind in kinds]),
        {
            "that is the accuracy: the larger classes count more in it": hits.mean(),
            "that is the mean of how often each answer is right; ask how much of each class is found": np.mean(right),
            "that is their sum; take the mean": sum(hits[labels == kind].mean() for kind in kinds),
        },
        "you give {got:.3f} where {truth:.3f} is right: the share of hits in each class, then the mean of the classes",
    )  # fmt: skip


@exercise("Task 5", "pixels count twice, along rows and along columns")
def times_longer(answer):
    expect_number(
        answer, 64,
        {
            "the side grows by that factor; how many times as many pixels are there?": 8.0,
            "that is a factor of volumes: a film has two sides": 512.0,
            "that is how many pixels the larger film has; divide by those of the small one": 224.0**2,
            "that is the difference; ask how many times as many": (196.0, 224.0**2 - 28.0**2),
            "you have it the other way round: the larger film takes longer": (1 / 64, 1 / 8),
        },
        "you give {got:g}; divide the pixels of a film of 224 × 224 by those of one of 28 × 28",
    )  # fmt: skip


# ---------------------------------------------------------------------------- exercises

NAMES = {
    "normal/P0042_2021-03-04_AP.png": "P0042",
    "normal/p0042 lateral.png": "P0042",
    "normal/P0007.png": "P0007",
    "pneumonia/p1234-2.jpeg": "P1234",
    "normal/scan7.png": None,
    "normal/20210304_P0042.png": None,
    "P0001 and friends/scan8.png": None,
    "P0001 and friends/P0009_AP.png": "P0009",
    "a/b/P0003_AP.png": "P0003",
    "P0005_AP.png": "P0005",
    "normal/P00421_AP.png": None,
    "normal/PNEU0042.png": None,
}


@exercise("Exercise 1", "one name a patient, and whom the file name does not tell stays nobody")
def patient_number(answer):
    bare = getattr(answer, "__wrapped__", answer)  # None is an answer here, and not a missing return
    got = {file: bare(file) for file in NAMES}
    if all(said is None for said in got.values()):
        answer("normal/P0042_2021-03-04_AP.png")  # says what is missing
    for file, said in got.items():
        refuse(said is not None and not isinstance(said, str), "return a text or None; for {!r} you return {}", file,
               type(said).__name__)  # fmt: skip
    text = {file: said for file, said in got.items() if said is not None}
    found = text.get("normal/P0042_2021-03-04_AP.png")
    refuse(found is None, "'P0042_2021-03-04_AP.png' begins with a number of a patient, and you return None")
    refuse(found == "0042", "return the letter, too: 'P0042', not '0042'")
    refuse("2021" in found or found.endswith(".png"), "{!r} is one film of P0042; the child's next film would get "
           "another name: take the letter and four digits", found)  # fmt: skip
    refuse(found != "P0042", "for 'P0042_2021-03-04_AP.png' you return {!r}, not 'P0042'", found)
    lateral = got["normal/p0042 lateral.png"]
    refuse(lateral == "p0042", "'p0042' and 'P0042' are one child: return capitals")
    refuse(lateral is None, "some names begin with a small p: those are patients, too")
    nobody = got["normal/scan7.png"]
    refuse(nobody is not None, "for 'scan7.png', which names nobody, you return {!r}: all such files would be one "
           "patient; return None", nobody)  # fmt: skip
    refuse(got["normal/20210304_P0042.png"] is not None, "'20210304_P0042.png' does not begin with the number; look at "
           "the beginning only, as re.match does")  # fmt: skip
    folder = got["P0001 and friends/scan8.png"] or got["P0001 and friends/P0009_AP.png"] == "P0001"
    refuse(folder, "you take the number from the folder; only the file's name counts, what comes after the last /")
    refuse(got["normal/P00421_AP.png"] is not None, "'P00421_AP.png' has five digits: that is another number, and to "
           "cut it gives its films to P0042")  # fmt: skip
    for file, right in NAMES.items():
        refuse(got[file] != right, "for {!r} you return {!r}, not {!r}", file, got[file], right)


@exercise("Exercise 2", "the slope on a logarithmic axis, whatever happens after the explosion")
def steepest(answer):
    rng = np.random.default_rng(0)
    rates = np.geomspace(1e-5, 1, 61)
    for centre, blown in ((1e-2, True), (1e-3, False), (2e-4, True), (3e-2, False)):
        losses = 1.1 - 0.8 / (1 + (centre / rates) ** 1.5) + 4 * np.maximum(np.log10(rates) + 0.5, 0) ** 2
        losses = losses + rng.normal(0, 1e-4, len(rates))
        if blown:
            losses[57:] = np.nan
        k = np.nanargmin(np.diff(losses))
        middle = np.nanargmin(np.gradient(losses))
        right = (rates[k], rates[k + 1], np.sqrt(rates[k] * rates[k + 1]), (rates[k] + rates[k + 1]) / 2, rates[middle])
        got = answer(rates, losses)
        refuse(np.ndim(got) > 0, "return one rate; you return {} numbers", np.size(got))
        got = number(got, "return one rate, not {kind}")
        refuse(np.isnan(got), "you return NaN: after an explosion losses are NaN, and np.argmin stops at them; "
               "np.nanargmin does not")  # fmt: skip
        if any(np.isclose(got, rate, rtol=1e-3) for rate in right):
            continue
        first = int(np.flatnonzero(np.isnan(losses))[0]) if blown else len(losses)
        linear = np.diff(losses) / np.diff(rates)
        mistakes = {
            "you return the position; return the rate at it": {k, k + 1, int(middle)},
            "that is where the losses become NaN; leave those out: np.nanargmin": set(
                rates[[first - 1, first]]) if blown else set(),
            "you return where the loss is lowest: there it no longer falls": {rates[np.nanargmin(losses)]},
            "that is a tenth of the lowest, the other rule": {rates[np.nanargmin(losses)] / 10},
            "you divide by the difference of the rates, which favours the smallest: on the logarithmic axis all steps "
            "are equally wide": {rates[np.nanargmin(linear)], rates[np.nanargmin(linear) + 1],
                                 rates[np.nanargmin(np.gradient(losses, rates))]},
            "you return where the loss rises most steeply: take the most negative slope": {
                rates[np.nanargmax(np.diff(losses))], rates[np.nanargmax(np.diff(losses)) + 1],
                rates[np.nanargmax(np.gradient(losses))], rates[np.nanargmax(np.abs(np.diff(losses)))],
                rates[np.nanargmax(np.abs(np.diff(losses))) + 1]},
        }  # fmt: skip
        for sentence, wrong in mistakes.items():
            refuse(any(np.isclose(got, value, rtol=1e-6) for value in wrong), sentence)
        refuse(True, "you return {:.2e}; the loss falls most steeply at {:.2e}", got, right[2])


@exercise("Exercise 3", "equal pictures with different labels: ask somebody which label is right")
def two_labels(answer):
    rng = np.random.default_rng(1)
    base = rng.integers(0, 255, (5, 4, 4)).astype(np.uint8)
    turned = base[0].T.copy()  # the same pixels in other places: the same mean, another picture
    images = np.stack([base[0], base[1], base[0], base[2], base[1], turned, base[3], base[0], base[4], base[4]])
    labels = np.array([0, 1, 1, 0, 1, 1, 0, 0, 2, 0])
    got = answer(images, labels)
    expect_type(got, (list, tuple, np.ndarray, set), "return a list of rows; you return {kind}")
    listed = list(got)
    refuse(any(np.ndim(row) for row in listed), "return single rows, not pairs: [0, 2] for [(0, 2)]")
    refuse(len(listed) == len(labels) and all(isinstance(row, bool | np.bool_) for row in listed),
           "that is True or False for each row; return the rows: np.flatnonzero")  # fmt: skip
    rows = sorted(int(row) for row in listed)
    refuse(len(set(rows)) < len(rows), "a row stands twice in your list")
    right = [0, 2, 7, 8, 9]
    refuse(5 in rows, "row 5 has the same pixels as row 0, in other places: compare whole pictures, not means or sums")
    refuse(rows == [0, 1, 2, 4, 7, 8, 9], "rows 1 and 4 are equal and have the same label: that is a copy, and no "
           "contradiction")  # fmt: skip
    refuse(rows == [2, 9] or rows == [2, 7, 9], "you list only the later of two equal pictures: nobody knows which of "
           "the labels is wrong, so list all")  # fmt: skip
    refuse(rows == [0, 2, 8, 9], "row 7 is equal to row 2 and has another label, even though an earlier row says the "
           "same as row 7")  # fmt: skip
    refuse(not rows, "you find none; rows 0 and 2 are the same picture, with labels 0 and 1")
    refuse(rows != right, "you return {}, and {} is right", rows, right)
    alone = answer(images[[1, 3, 4, 6]], labels[[1, 3, 4, 6]])
    refuse(len(list(alone)) > 0, "where no picture has two labels, return an empty list")
