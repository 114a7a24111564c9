"""Lesson 3.8, Borrowed eyes: its checks."""
import hashlib

import numpy as np

from utils.exercises.expect import expect_array, expect_number, expect_type, refuse
from utils.lesson import exercise


@exercise("Task 1", "the bytes are those that were published; whose they are, a hash cannot say")
def digest(answer, path):
    """The answer comes with the path of the file of weights."""
    content = path.read_bytes()
    sha = hashlib.sha256(content)
    refuse(isinstance(answer, type(sha)), "that is the hash object; ask it for .hexdigest()")
    refuse(isinstance(answer, bytes), "those are bytes; people compare .hexdigest(), 64 letters")
    expect_type(answer, str, "a digest is a text of 64 letters and digits; you give {kind}")
    refuse(answer in (hashlib.sha256(str(path).encode()).hexdigest(), hashlib.sha256(path.name.encode()).hexdigest()),
           "you hashed the file's name; hash what is in it, path.read_bytes()")  # fmt: skip
    refuse(answer in (hashlib.md5(content).hexdigest(), hashlib.sha1(content).hexdigest()),
           "MD5 and SHA-1 can be forged: take hashlib.sha256")  # fmt: skip
    refuse(answer.lower() != sha.hexdigest(), "that is not the SHA-256 of the file: "
           "hashlib.sha256(path.read_bytes()).hexdigest()")  # fmt: skip


@exercise("Task 2", "a line through so many directions can learn anything by heart")
def numbers_a_label(answer, features, labelled):
    """The answer comes with features (n, 1280) and how many images are labelled."""
    width = features.shape[1]
    expect_number(
        answer, width / labelled,
        {
            "that is labels a number; turn the fraction over": labelled / width,
            "that counts all the images; only the labelled ones teach": (
                width / len(features), features.size / labelled),
            "that is how many numbers an image has; divide by the number of labels": width,
        },
        "you give {got:.3g}; divide the features of an image by the number of labelled images",
    )  # fmt: skip


def _probed(x, y, people, train, test, *, unit="people", hard=False, seen=False):
    """AUC and its interval as the exercise asks for them, or with one mistake."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from utils.evaluation import metrics

    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000)).fit(x[train], y[train])
    rows = train if seen else test
    scores = model.predict(x[rows]) if hard else model.predict_proba(x[rows])[:, 1]
    weights = metrics.draw_groups(people[rows] if unit == "people" else range(len(rows)))
    alone = metrics.redrawn_auc(y[rows], scores, np.ones((1, len(rows)), int))[0]
    return metrics.interval(alone, metrics.redrawn_auc(y[rows], scores, weights))


def _patients(seed):
    """Features of 40 people, 12 images each: every other one is ill, and people differ in how ill they look."""
    rng = np.random.default_rng(seed)
    people = np.repeat(np.arange(40), 12)
    y, own = people % 2, rng.normal(scale=1.5, size=40)[people]
    x = rng.normal(size=(len(people), 30))
    x[:, 0] += 2 * y + own
    order = rng.permutation(len(people))
    half = people[order] < 20
    names = np.array([f"P{number:02}" for number in range(40)])[people[order]]
    return 50 + 9 * x[order], y[order], names, np.flatnonzero(half), np.flatnonzero(~half)


@exercise("Exercise 1", "a line on borrowed features, and how far it may be off for other people")
def probe(answer):
    for seed in (0, 1):
        x, y, people, train, test = _patients(seed)
        got = answer(x, y, people, train, test)
        refuse(np.ndim(got) == 0, "return three numbers: the AUC and the two ends of its interval")
        refuse(np.shape(got) != (3,), "return three numbers, not an array of shape {}", np.shape(got))
        value, low, high = map(float, got)
        right, by_row = _probed(x, y, people, train, test), _probed(x, y, people, train, test, unit="rows")
        refuse(abs(low - right[0]) < 1e-3 < abs(value - right[0]), "the AUC comes first, then the ends of its interval")
        refuse(np.isclose(value, _probed(x, y, people, train, test, seen=True)[0], atol=1e-3),
               "you judge it on the images that it learned from: ask for the test rows")  # fmt: skip
        refuse(np.isclose(value, _probed(x, y, people, train, test, hard=True)[0], atol=1e-3),
               "you rank by yes and no; rank by the probability of class 1")  # fmt: skip
        refuse(np.isclose(value, 1 - right[0], atol=0.01), "you rank by the probability of class 0: take column 1")
        both = _probed(x, y, people, np.concatenate([train, test]), test)[0]
        refuse(abs(value - both) < 1e-3 < abs(value - right[0]), "you fit on the test rows, too: fit on train alone")
        refuse(abs(value - right[0]) > 0.005, "your AUC is {:.3f} where {:.3f} comes out: standardise, C=0.01, fit on "
               "the train rows, judge the test rows", value, right[0])  # fmt: skip
        refuse(not low <= value <= high, "your interval, {:.3f} to {:.3f}, does not hold its own AUC of {:.3f}",
               low, high, value)  # fmt: skip
        width, true, narrow = high - low, right[2] - right[1], by_row[2] - by_row[1]
        refuse(0.8 < width / narrow < 1.2, "your interval is too narrow: you draw images; the images of one person are "
               "alike, so draw people")  # fmt: skip
        refuse(width < 0.75 * true, "your interval is too narrow, {:.3f} where {:.3f} comes out: 95 % of 1,000 redraws "
               "of people", width, true)  # fmt: skip
        refuse(width > 1.5 * true, "your interval is too wide, {:.3f} where {:.3f} comes out: 95 % of 1,000 redraws of "
               "people", width, true)  # fmt: skip


def _reached(target, curve, *, log=True, last=False, above=np.inf, below=None):
    """The number of labels at which a curve first has a score; with mistakes to choose."""
    steps = sorted(curve)
    if curve[steps[0]] >= target and not last:
        return float(steps[0]) if below is None else below
    found = above
    for one, two in zip(steps, steps[1:], strict=False):
        if curve[one] < target <= curve[two]:
            share = (target - curve[one]) / (curve[two] - curve[one])
            ends = np.log([one, two]) if log else np.array([one, two], float)
            at = ends[0] + share * (ends[1] - ends[0])
            found = float(np.exp(at) if log else at)
            if not last:
                return found
    return found


@exercise("Exercise 2", "now a network's worth has a unit, the label")
def labels_needed(answer):
    rising = {20: 0.60, 50: 0.70, 100: 0.75, 200: 0.80, 500: 0.90}
    cases = [
        ({20: 0.72, 50: 0.75, 100: 0.85, 200: 0.95}, rising),  # between, exactly at, between, never
        ({20: 0.55}, rising),  # at once
        ({50: 0.72}, {20: 0.60, 50: 0.80, 100: 0.70, 200: 0.90}),  # a curve that goes down again
        ({50: 0.90}, {500: 0.90, 20: 0.60, 100: 0.75}),  # in another order
    ]
    for known, other in cases:
        got = answer(known, other)
        expect_type(got, dict, "return a dictionary, labels of the one curve: labels of the other; you return {kind}")
        refuse(set(got) != set(known), "your dictionary has the keys {}; it needs those of the first curve, {}",
               sorted(got), sorted(known))  # fmt: skip
        refuse(any(value is None or np.isnan(float(value)) for value in got.values()),
               "where the second curve never gets there, say float('inf')")  # fmt: skip
        values = [float(got[n]) for n in known]
        steps = sorted(other)

        def table(known=known, other=other, **mistake):
            return [_reached(score, other, **mistake) for score in known.values()]

        def nearest(pick, known=known, other=other, steps=steps):
            return [float(pick([n for n in steps if other[n] >= score] or [np.inf])) for score in known.values()]

        truth = table()
        expect_array(
            values, truth,
            {
                "you interpolate along the labels; halfway between 50 and 200 is 100 here, so interpolate along their "
                "logarithm": table(log=False),
                "you take the next size that was measured; interpolate between it and the one before": nearest(min),
                "where the second curve goes down again, the first crossing counts: so many labels were enough": (
                    table(last=True)),
                "where the second curve never gets there, you give its largest size; say float('inf'): nobody measured "
                "more": table(above=float(steps[-1])),
                "where its smallest size is enough already, give that size: nobody measured fewer": (
                    table(below=0.0), table(below=1.0)),
                "you give labels of the first curve; ask where the second has the same score": [
                    float(n) for n in known],
            },
            "you give {got} where {truth} is right",
            rtol=0.01,
        )  # fmt: skip
