"""Lesson 3.1, How does a network learn from pixels?: its checks."""
import numpy as np

from utils.exercises.expect import expect_array, expect_number, expect_shape, expect_type, refuse
from utils.lesson import exercise

NEW_ARRAY = "you change the scores you are given; make a new array"


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
        mistakes = {
            "W2": {
                "you forgot the weight decay: the penalty adds decay · W to the gradient of W": h.T @ ds,
                twice: h.T @ ds + 2 * decay * W2,
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
        refuse(len(yours) == 2 and len(right) == 1, "d{} has a row for each film: every film pulls "
               "at the one bias, so add the rows up", name)
        refuse(True, "d{name} has shape {yours}; {name} has {right}, and so has its gradient",
               name=name, yours=yours, right=right)
