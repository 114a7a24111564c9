"""Lesson 3.1, How does a network learn from pixels?: its checks."""
import numpy as np

from utils.exercises.expect import expect_array, expect_number, expect_shape, expect_type, number, refuse
from utils.lesson import exercise

NEW_ARRAY = "you change the scores you are given; make a new array"


CLASSES = ("normal", "pneumonia")


def _class(given, what):
    word = str(given).strip().lower()
    refuse(word not in CLASSES, '{}: give "normal" or "pneumonia", not {!r}', what, given)
    return word


@exercise("Task: neighbours", "the nearest is normal, and the other two outvote it")
def neighbours(one, three):
    one, three = _class(one, "one neighbour"), _class(three, "three neighbours")
    refuse(one != "normal", "one neighbour: the differences to (1, 4) are 1 and −2, so its distance is √5; is another "
           "one smaller?")  # fmt: skip
    refuse(three != "pneumonia", "three neighbours: all three vote, and two of them are pneumonia")


@exercise("Task: score", "the higher score wins, so this film is called normal")
def score(pneumonia, winner):
    expect_number(pneumonia, -1.6, {
        "you leave the bias out: add −0.1": -1.5,
        "the bias of pneumonia is −0.1, the second one": -1.4,
        "that is the score of normal: take the second column of W": 0.6,
        "you leave the bias out, and that is the first column: take the second": 0.5,
    }, "multiply each pixel with its weight in the second column, add up, add −0.1; you give {got:.3g}")  # fmt: skip
    refuse(_class(winner, "the winner") != "normal", "the score of normal is 0.6; the highest score wins")


@exercise("Task: two losses", "hinge looks at gaps, softmax at shares")
def two_losses(hinge, cross_entropy):
    expect_number(hinge, 1.5, {
        "hinge: the true class does not count as a rival: leave it out": 2.5,
        "hinge: the loss wants the true class ahead by 1: add 1 to each gap": 0.5,
        "hinge: a rival that trails far enough costs 0, not less": 1.0,
        "hinge: the true class is the third, with the score 1.5": (0.5, 4.0, 3.5),
    }, "hinge: for each rival take score − 1.5 + 1, at least 0, and add; you give {got:.3g}")  # fmt: skip
    powers = np.exp([0, 2, 1.5])
    share = powers[2] / powers.sum()
    losses = -np.log(powers / powers.sum())
    expect_array(number(cross_entropy), losses[2], {
        "softmax: that is the share of the true class: take −ln of it": share,
        "softmax: that is the loss for another class: the third is the true one": tuple(losses[:2]),
        "softmax: the loss is minus the logarithm: change the sign": -losses[2],
        "softmax: take the natural logarithm, ln, not that to base 10 or 2":
            (losses[2] / np.log(10), losses[2] / np.log(2)),
        "softmax: divide by the sum of all three powers, the true one included":
            -np.log(powers[2] / powers[:2].sum()),
    }, "softmax: −ln(e^1.5 / (e^0 + e^2 + e^1.5)); you give {got:.3g}", atol=0.006)  # fmt: skip


@exercise("Task: nudge", "two losses, one slope, and the formula agrees")
def nudge(answer):
    def loss(first, second, third):
        return np.log(np.exp(first) + np.exp(second) + np.exp(third)) - first

    h, at = 1e-5, np.array([1.0, 2.0, -1.0])
    up, here, down = loss(1, 2 + h, -1), loss(*at), loss(1, 2 - h, -1)
    shares = np.exp(at) / np.exp(at).sum()
    got = number(answer)
    near = {
        "that is twice the slope: you went h up and h down, so divide by 2h": 2 * shares[1],
        "the wrong way round: loss(up) − loss(down)": -shares[1],
        "that is the slope of the first score: nudge the second": shares[0] - 1,
        "that is the slope of the third score: nudge the second": shares[2],
        "you return the difference of the two losses: divide it by 2h": up - down,
        "you return half the slope: each way is h, both together 2h": shares[1] / 2,
    }
    expect_array(got, shares[1], near, "the loss at 2 + h less the loss at 2 − h, divided by 2h; you give {got:.6g}",
                 rtol=1e-2, atol=1e-7)  # fmt: skip
    refuse(np.isclose(got, (up - here) / h, rtol=0, atol=2e-8), "right to five digits: you nudge up only; nudge down, "
           "too")  # fmt: skip
    refuse(np.isclose(got, (here - down) / h, rtol=0, atol=2e-8), "right to five digits: you nudge down only; nudge "
           "up, too")  # fmt: skip
    refuse(abs(got - shares[1]) > 1e-7, "near, but a nudge of 1e-5 on both sides gives more digits: compute it, do not "
           "copy it")  # fmt: skip


@exercise("Task: fork", "a value that goes to three places is told three slopes, and adds them")
def fork(answer):
    rng = np.random.default_rng(3)
    for _ in range(4):
        h, v, ds = map(float, rng.normal(0, 2, 3))
        got = answer(h, v, ds)
        two = "return two numbers: the slope for h, and that for v"
        expect_type(got, (tuple, list, np.ndarray), two)
        refuse(np.size(got) != 2, two)
        dh, dv = (number(part) for part in got)
        right = np.array([ds * v + 2 * ds * h, ds * h])
        refuse(np.allclose([dv, dh], right), "the right two, the wrong way round: first the slope for h")
        expect_number(dh, right[0], {
            "dh: h goes to h², too: add what that way says": ds * v,
            "dh: that is what h² says; h goes to h · v, too": 2 * ds * h,
            "dh: h is both factors of h²: each is told ds · h, and the two add": ds * v + ds * h,
            "dh: slopes of a fork add; you multiply them": (ds * v * ds * h, ds * v * 2 * ds * h),
            "dh: you leave out ds, what the loss says of s": v + 2 * h,
            "dh: s = h · v + h²; you have the slope of h³": ds * v + 3 * ds * h**2,
        }, "dh: at h = {h:.2f}, v = {v:.2f}, ds = {ds:.2f} nudging says {truth:.3f}, you say {got:.3f}",
           h=h, v=v, ds=ds)  # fmt: skip
        expect_number(dv, right[1], {
            "dv: you leave out ds, what the loss says of s": h,
            "dv: v goes to one place only, where its other factor is h": (ds * h + 2 * ds * h, right[0], ds * v),
        }, "dv: nudging says {truth:.3f}, you say {got:.3f}")  # fmt: skip


@exercise("Exercise 1", "a loss that is satisfied once the right class leads by one", spoilt=NEW_ARRAY)
def svm_loss(answer):
    rng = np.random.default_rng(0)
    for n, classes in ((7, 4), (40, 2), (1, 3)):
        scores, labels = rng.normal(0, 2, (n, classes)), rng.integers(0, classes, n)
        wrong = np.arange(classes) != labels[:, None]
        ahead = scores - scores[np.arange(n), labels][:, None]  # (films, classes)
        gaps = (ahead + 1) * wrong
        each = np.maximum(gaps, 0)
        truth = each.sum() / n
        got = expect_shape(answer(scores, labels), (), "you return an array of shape {got}: return "
                           "one number, the mean over the films")
        expect_number(got, truth, {
            "you count the right class too, which costs 1 a film: leave it out": truth + 1,
            "you want the right class ahead; the loss wants it ahead by 1":
                np.maximum(gaps - wrong, 0).sum() / n,
            "a class that trails far enough must not lower the loss: cut each gap off at 0": gaps.sum() / n,
            "you add the films up; take their mean, or a larger batch has a larger loss": each.sum(),
            "you divide by the number of classes as well; add over classes, average over films": each.mean(),
            "you average over the wrong classes; add them": truth / max(classes - 1, 1),
            "you count the right class too, and divide by the classes as well: do neither": (truth + 1) / classes,
            "you count only the strongest rival; every class that comes too close costs": each.max(1).mean(),
            "you have the sign the other way round: a rival ahead of the right class costs":
                np.maximum((1 - ahead) * wrong, 0).sum() / n,
            "you square the gaps; that is another loss": (each**2).sum() / n,
        }, "for {n} films and {classes} classes the loss should be {truth:.4f}, you return "
           "{got:.4f}", n=n, classes=classes)


def _softmax(scores, axis=1):
    powers = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


@exercise("Exercise 2", "what each score should do, and it survives scores of a thousand", spoilt=NEW_ARRAY)
def softmax_gradient(answer):
    rng = np.random.default_rng(0)
    for n, classes in ((6, 3), (1, 2), (30, 5)):
        scores, labels = rng.normal(0, 2, (n, classes)), rng.integers(0, classes, n)
        hot, shares = np.eye(classes)[labels], _softmax(scores)
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        truth = (shares - hot) / n
        got = expect_shape(answer(scores, labels), scores.shape, "scores of shape {shape} have a "
                           "gradient of the same shape, you return {got}")
        expect_array(got, truth, {
            "you forgot the mean: each of the n films has a share of 1/n in the loss": truth * n,
            "you have the sign the other way round: raising the right class's score lowers the loss": -truth,
            "these are the probabilities (over n): subtract 1 at the right class": shares / n,
            "these are the probabilities: subtract 1 at the right class, then divide by n": shares,
            "your probabilities add to one over the films: add over classes, axis 1":
                (_softmax(scores, 0) - hot) / n,
            "you divide by one sum over the whole batch: each film's own powers add to one":
                ((powers / powers.sum() - hot) / n, (np.exp(scores) / np.exp(scores).sum() - hot) / n),
            "you divide by a sum over the films: add over classes, axis 1": (powers / powers.sum(0) - hot) / n,
            "you divide by the number of classes as well; the mean is over films only": truth / classes,
        }, "for {n} films and {classes} classes your gradient is off by up to {off:.3g}", atol=1e-9,
           n=n, classes=classes)
    large = np.array([[1000.0, 999.0, 0.0], [-1000.0, -1001.0, -1000.0]])
    labels = np.array([1, 0])
    one, both = np.asarray(answer(large[:1], labels[:1])), np.asarray(answer(large, labels))
    refuse(not np.isfinite(one).all(), "a score of 1000 gives nan, as e¹⁰⁰⁰ is too large: subtract "
           "the film's largest score first")
    refuse(not np.isfinite(both).all(), "a film whose scores are all near −1000 gives nan: "
           "subtract each film's own largest score, not the largest of the batch")
    refuse(not np.allclose(both, (_softmax(large) - np.eye(3)[labels]) / 2), "with scores of ±1000 "
           "your gradient is finite and wrong: shift the scores, do not cut them off")


NUDGE = 1e-5  # far above the rounding of double precision, far below where the loss bends


def _nudged(loss, array):
    """The gradient of loss() by nudging each number of an array, up and down."""
    slopes = np.zeros_like(array)
    for place in np.ndindex(array.shape):
        kept = array[place]
        array[place] = kept + NUDGE
        up = loss()
        array[place] = kept - NUDGE
        slopes[place] = (up - loss()) / (2 * NUDGE)
        array[place] = kept
    return slopes


def _network(rng, n, pixels, hidden, classes):
    """Weights and films that stay away from the kink of the ReLU, where a nudge has no answer."""
    while True:
        x, W1, b1 = rng.normal(size=(n, pixels)), rng.normal(size=(pixels, hidden)), rng.normal(size=hidden)
        z = x @ W1 + b1
        if abs(z).min() > 0.01 and (z > 0).any() and (z < 0).any():
            break
    W2, b2 = rng.normal(size=(hidden, classes)), rng.normal(size=classes)
    return x, W1, b1, W2, b2, rng.normal(size=(n, classes)) / n


@exercise("Exercise 3", "your own backpropagation agrees with every nudge; you never have to write it again",
          spoilt="you change an array you are given (*= and -= do); make a new one")
def backward(answer):
    rng = np.random.default_rng(0)
    for sizes, decay in (((6, 5, 4, 3), 0.0), ((3, 7, 2, 2), 0.3), ((4, 3, 3, 4), 0.1)):
        parts = x, W1, b1, W2, b2, ds = _network(rng, *sizes)

        def loss(x=x, W1=W1, b1=b1, W2=W2, b2=b2, ds=ds, decay=decay):
            scores = np.maximum(x @ W1 + b1, 0) @ W2 + b2
            return (ds * scores).sum() + decay / 2 * ((W1**2).sum() + (W2**2).sum())

        truth = {name: _nudged(loss, part) for name, part in zip(NAMES, parts[1:5], strict=True)}
        got = answer(*parts, decay)
        four = "return four arrays, in this order: dW1, db1, dW2, db2"
        expect_type(got, (tuple, list), four)
        refuse(len(got) != 4, four)
        got = {name: np.asarray(part, float) for name, part in zip(NAMES, got, strict=True)}
        _judge_shapes(got, truth)
        z, n = x @ W1 + b1, len(x)
        h, back, gate = np.maximum(z, 0), ds @ W2.T, z > 0
        twice = "the penalty is decay/2 · W²; its slope is decay · W, not twice that"
        half = "the penalty is decay/2 · W²; its slope is decay · W: the 2 of the square takes the half away"
        mistakes = {
            "W2": {
                "you forgot the weight decay: the penalty adds decay · W to the gradient of W": h.T @ ds,
                twice: h.T @ ds + 2 * decay * W2,
                half: h.T @ ds + decay / 2 * W2,
                "dW2 wants what W2 was multiplied with, and that is h, after the ReLU, not z":
                    z.T @ ds + decay * W2,
                "you divide by n once more; the 1/n is in dscores already": h.T @ ds / n + decay * W2,
            },
            "b2": {
                "you decay a bias: the penalty holds W1 and W2 only, a bias may be large":
                    truth["b2"] + decay * b2,
                "db is the sum over the films, not the mean; the 1/n is in dscores already": ds.mean(0),
            },
            "W1": {
                "you forgot the ReLU: where z ≤ 0 nothing passes back": x.T @ back + decay * W1,
                "W2 decays and W1 does not: both have a penalty": x.T @ (back * gate),
                "you multiply by h; the slope of the ReLU is 1 above 0, else 0": x.T @ (back * h) + decay * W1,
                "your ReLU lets the wrong half pass: its slope is 1 where z > 0":
                    x.T @ (back * ~gate) + decay * W1,
            },
            "b1": {
                "you decay the bias b1: the penalty holds W1 and W2 only": truth["b1"] + decay * b1,
                "db1 is missing the ReLU: use the same dz as for dW1": back.sum(0),
                "db1 is the sum over the films, not the mean; the 1/n is in dscores already":
                    (back * gate).mean(0),
            },
        }
        for name, wrong in mistakes.items():
            right, yours = truth[name], got[name]
            worst = np.unravel_index(abs(yours - right).argmax(), right.shape)
            expect_array(
                yours, right, wrong,
                "nudging {name}[{where}] says {nudge:.4f}, your gradient says {yours:.4f}",
                atol=1e-6,  # a nudge is exact to about this
                name=name, where=", ".join(map(str, worst)), nudge=right[worst], yours=yours[worst],
            )


NAMES = ("W1", "b1", "W2", "b2")


def _judge_shapes(got, truth):
    mine, true = ([part.shape for part in parts.values()] for parts in (got, truth))
    refuse(mine != true and sorted(mine) == sorted(true), "the four arrays come in the wrong "
           "order: return dW1, db1, dW2, db2")
    for name, yours, right in zip(NAMES, mine, true, strict=True):
        if yours == right:
            continue
        refuse(len(yours) == 2 and yours == right[::-1], "d{name} is transposed: {name} has shape "
               "{right}, so has its gradient", name=name, right=right)
        refuse(yours == (1, *right), "d{name} has shape {yours}, the films are added up already: leave out keepdims, "
               "b has shape {right}", name=name, yours=yours, right=right)  # fmt: skip
        refuse(len(yours) == 2 and len(right) == 1, "d{} has a row for each film: every film pulls "
               "at the one bias, so add the rows up", name)
        refuse(True, "d{name} has shape {yours}; {name} has {right}, and so has its gradient",
               name=name, yours=yours, right=right)
