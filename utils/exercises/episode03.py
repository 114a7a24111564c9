"""Checks for the exercises of Episode 3. Hints and solutions stand in the notebooks."""
from __future__ import annotations

import numpy as np

from utils.lesson import Hint, exercise

# --- 3.1 From pixels to gradients


@exercise("Exercise 1", "a loss that is satisfied once the right class leads by one")
def svm_loss(answer):
    rng = np.random.default_rng(0)
    for n, classes in ((7, 4), (40, 2), (1, 3)):
        scores, labels = rng.normal(0, 2, (n, classes)), rng.integers(0, classes, n)
        right = scores[np.arange(n), labels]
        gaps = scores - right[:, None] + 1
        gaps[np.arange(n), labels] = 0
        wrong = np.arange(classes) != labels[:, None]
        each = np.maximum(gaps, 0)
        truth, kept = each.sum() / n, scores.copy()
        got = np.asarray(answer(scores, labels), float)
        if (scores != kept).any():
            raise Hint("you change the scores you are given; make a new array")
        if got.ndim:
            raise Hint(f"you return an array of shape {got.shape}: return one number, the mean over the films")
        mistakes = [
            (truth + 1, "you count the right class too, which costs 1 a film: leave it out"),
            (np.maximum(gaps - wrong, 0).sum() / n, "you want the right class ahead; the loss wants it ahead by 1"),
            (gaps.sum() / n, "a class that trails far enough must not lower the loss: cut each gap off at 0"),
            (each.sum(), "you add the films up; take their mean, or a larger batch has a larger loss"),
            (each.mean(), "you divide by the number of classes as well; add over classes, average over films"),
            (each.sum() / n / max(classes - 1, 1), "you average over the wrong classes; add them"),
            (each.max(1).mean(), "you count only the strongest rival; every class that comes too close costs"),
            (np.where(wrong, np.maximum(right[:, None] - scores + 1, 0), 0).sum() / n,
             "you have the sign the other way round: a rival ahead of the right class costs"),
            ((each**2).sum() / n, "you square the gaps; that is another loss"),
        ]  # fmt: skip
        if np.isclose(got, truth):
            continue
        for value, sentence in mistakes:
            if np.isclose(got, value):
                raise Hint(sentence)
        raise Hint(f"for {n} films and {classes} classes the loss should be {truth:.4f}, you return {float(got):.4f}")


def _softmax(scores, axis=1):
    powers = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


@exercise("Exercise 2", "what each score should do, and it survives scores of a thousand")
def softmax_gradient(answer):
    rng = np.random.default_rng(0)
    for n, classes in ((6, 3), (1, 2), (30, 5)):
        scores, labels = rng.normal(0, 2, (n, classes)), rng.integers(0, classes, n)
        kept, hot = scores.copy(), np.eye(classes)[labels]
        truth, powers = (_softmax(scores) - hot) / n, np.exp(scores - scores.max(axis=1, keepdims=True))
        got = np.asarray(answer(scores, labels), float)
        if (scores != kept).any():
            raise Hint("you change the scores you are given; make a new array")
        if got.shape != scores.shape:
            raise Hint(f"scores of shape {scores.shape} have a gradient of the same shape, you return {got.shape}")
        mistakes = [
            (truth * n, "you forgot the mean: each of the n films has a share of 1/n in the loss"),
            (-truth, "you have the sign the other way round: raising the right class's score lowers the loss"),
            (_softmax(scores) / n, "these are the probabilities (over n): subtract 1 at the right class"),
            (_softmax(scores), "these are the probabilities: subtract 1 at the right class, then divide by n"),
            ((_softmax(scores, 0) - hot) / n, "your probabilities add to one over the films: add over classes, axis 1"),
            ((powers / powers.sum(0) - hot) / n, "you divide by a sum over the films: add over classes, axis 1"),
            (truth / classes, "you divide by the number of classes as well; the mean is over films only"),
        ]  # fmt: skip
        if np.allclose(got, truth, atol=1e-9):
            continue
        for value, sentence in mistakes:
            if np.allclose(got, value, atol=1e-9):
                raise Hint(sentence)
        raise Hint(f"for {n} films and {classes} classes your gradient is off by up to {abs(got - truth).max():.3g}")
    large = np.array([[1000.0, 999.0, 0.0], [-1000.0, -1001.0, -1000.0]])
    labels = np.array([1, 0])
    with np.errstate(all="ignore"):
        one, both = np.asarray(answer(large[:1].copy(), labels[:1])), np.asarray(answer(large.copy(), labels))
    if not np.isfinite(one).all():
        raise Hint("a score of 1000 gives nan, as e¹⁰⁰⁰ is too large: subtract the film's largest score first")
    if not np.isfinite(both).all():
        raise Hint("a film whose scores are all near −1000 gives nan: subtract each film's own largest score, not the "
                   "largest of the batch")  # fmt: skip
    if not np.allclose(both, (_softmax(large) - np.eye(3)[labels]) / 2):
        raise Hint("with scores of ±1000 your gradient is finite and wrong: shift the scores, do not cut them off")


def _nudged(loss, array, h=1e-5):
    """The gradient of loss() by nudging each number of an array, up and down."""
    slopes = np.zeros_like(array)
    for place in np.ndindex(array.shape):
        kept = array[place]
        array[place] = kept + h
        up = loss()
        array[place] = kept - h
        slopes[place] = (up - loss()) / (2 * h)
        array[place] = kept
    return slopes


@exercise("Exercise 3", "your own backpropagation agrees with every nudge; you never have to write it again")
def backward(answer):
    rng = np.random.default_rng(0)
    for (n, pixels, hidden, classes), decay in (((6, 5, 4, 3), 0.0), ((3, 7, 2, 2), 0.3), ((4, 3, 3, 4), 0.1)):
        while True:  # stay away from the kink of the ReLU, where a nudge has no answer
            x, W1, b1 = rng.normal(size=(n, pixels)), rng.normal(size=(pixels, hidden)), rng.normal(size=hidden)
            z = x @ W1 + b1
            if abs(z).min() > 0.01 and (z > 0).any() and (z < 0).any():
                break
        W2, b2, ds = rng.normal(size=(hidden, classes)), rng.normal(size=classes), rng.normal(size=(n, classes)) / n
        parts = [x, W1, b1, W2, b2, ds]
        kept = [part.copy() for part in parts]

        def loss(x=x, W1=W1, b1=b1, W2=W2, b2=b2, ds=ds, decay=decay):
            scores = np.maximum(x @ W1 + b1, 0) @ W2 + b2
            return (ds * scores).sum() + decay / 2 * ((W1**2).sum() + (W2**2).sum())

        truth = [_nudged(loss, part) for part in (W1, b1, W2, b2)]
        got = answer(*[part.copy() for part in kept[:5]], kept[5].copy(), decay)
        spoiled = [part.copy() for part in kept]
        answer(*spoiled, decay)
        if any((a != b).any() for a, b in zip(spoiled, kept, strict=True)):
            raise Hint("you change an array you are given (*= and -= do); make a new one")
        if not isinstance(got, tuple | list) or len(got) != 4:
            raise Hint("return four arrays, in this order: dW1, db1, dW2, db2")
        got = [np.asarray(part, float) for part in got]
        names, shapes = ("W1", "b1", "W2", "b2"), [part.shape for part in truth]
        if sorted(part.shape for part in got) == sorted(shapes) and [part.shape for part in got] != shapes:
            raise Hint("the four arrays come in the wrong order: return dW1, db1, dW2, db2")
        for name, mine, true in zip(names, got, truth, strict=True):
            if mine.shape != true.shape:
                if mine.shape == true.shape[::-1] and mine.ndim == 2:
                    raise Hint(f"d{name} is transposed: {name} has shape {true.shape}, so has its gradient")
                if mine.ndim == 2 and true.ndim == 1:
                    raise Hint(f"d{name} has a row for each film: every film pulls at the one bias, so add the rows up")
                raise Hint(f"d{name} has shape {mine.shape}; {name} has {true.shape}, and so has its gradient")
        z, h = x @ W1 + b1, np.maximum(x @ W1 + b1, 0)
        back, gate = ds @ W2.T, z > 0
        mistakes = {
            "W2": [
                (truth[2] - decay * W2, "you forgot the weight decay: the penalty adds decay · W to the gradient of W"),
                (truth[2] + decay * W2, "the penalty is decay/2 · W²; its slope is decay · W, not twice that"),
                (z.T @ ds + decay * W2, "dW2 wants what W2 was multiplied with, and that is h, after the ReLU, not z"),
                ((truth[2] - decay * W2) / n + decay * W2, "you divide by n once more; the 1/n is in dscores already"),
            ],
            "b2": [
                (truth[3] + decay * b2, "you decay a bias: the penalty holds W1 and W2 only, a bias may be large"),
                (ds.mean(0), "db is the sum over the films, not the mean; the 1/n is in dscores already"),
            ],
            "W1": [
                (x.T @ back + decay * W1, "you forgot the ReLU: where z ≤ 0 nothing passes back"),
                (x.T @ (back * gate), "W2 decays and W1 does not: both have a penalty"),
                (x.T @ (back * h) + decay * W1, "you multiply by h; the slope of the ReLU is 1 above 0, else 0"),
                (x.T @ (back * ~gate) + decay * W1, "your ReLU lets the wrong half pass: its slope is 1 where z > 0"),
            ],
            "b1": [
                (truth[1] + decay * b1, "you decay the bias b1: the penalty holds W1 and W2 only"),
                (back.sum(0), "db1 is missing the ReLU: use the same dz as for dW1"),
                ((back * gate).mean(0), "db1 is the sum over the films, not the mean; the 1/n is in dscores already"),
            ],
        }  # fmt: skip
        for name in ("W2", "b2", "W1", "b1"):
            place = names.index(name)
            if np.allclose(got[place], truth[place], atol=1e-6):
                continue
            for value, sentence in mistakes[name]:
                if np.allclose(got[place], value, atol=1e-6):
                    raise Hint(sentence)
            worst = np.unravel_index(abs(got[place] - truth[place]).argmax(), truth[place].shape)
            where = ", ".join(str(i) for i in worst)
            raise Hint(f"nudging {name}[{where}] says {truth[place][worst]:.4f}, your gradient says "
                       f"{got[place][worst]:.4f}")  # fmt: skip

# ------------------------------------------------------------ 3.2 Which of your improvements were real?


@exercise("Exercise 1", "a log that cannot hide what changed")
def changed(answer):
    def first(x):
        return x

    base = {"rate": 0.1, "network": first, "augment": None, "epochs": 12}
    cases = [
        (base, {**base, "rate": 0.2}, ["rate"]),
        (base, dict(base), []),
        (base, {**base, "network": str, "epochs": 3}, ["epochs", "network"]),
        (base, {**base, "loss": 1}, ["loss"]),
        ({**base, "loss": 1}, base, ["loss"]),
        (base, {**base, "loss": None}, ["loss"]),
    ]
    for before, after, truth in cases:
        given = dict(before), dict(after)
        got = answer(*given)
        if given != (before, after):
            raise Hint("your function changes the settings it is given: only read them")
        if not isinstance(got, list):
            raise Hint(f"return a list of names, not {type(got).__name__}")
        if any(isinstance(name, tuple) for name in got):
            raise Hint("return the names alone, without their values")
        if set(got) != set(truth):
            missing = sorted(set(truth) - set(got))
            if missing and missing[0] not in before:
                what = "even when its value is None" if after[missing[0]] is None else "and differs"
                raise Hint(f"a name that only the second setting has is new, {what}")
            if missing and missing[0] not in after:
                raise Hint("a name that only the first setting has was taken away: that is a change, too")
            raise Hint(f"{truth} changed, you say {sorted(got)}")
        if got != sorted(got):
            raise Hint("sort the names, so that two logs can be compared")


@exercise("Exercise 2", "compared in pairs, and lesions stand or fall together")
def paired_gain(answer):
    rng = np.random.default_rng(3)
    lesions = np.repeat([f"L{i:03d}" for i in rng.permutation(150)], rng.integers(1, 7, 150))
    easy = rng.random(len(lesions)) < 0.7
    flip = np.isin(lesions, rng.choice(np.unique(lesions), 30, replace=False))
    before, after = easy, np.where(flip, True, easy)
    order = rng.permutation(len(lesions))
    before, after, lesions = before[order], after[order], lesions[order]
    truth, low, high = _redrawn_gain(before, after, lesions)
    _, image_low, image_high = _redrawn_gain(before, after, np.arange(len(lesions)))
    _, alone_low, alone_high = _unpaired_gain(before, after, lesions)
    got = answer(before.copy(), after.copy(), lesions.copy(), 2000, 0)
    try:
        gain, lower, upper = (float(value) for value in got)
    except (TypeError, ValueError):
        raise Hint("return three numbers: the gain and the two ends of its interval") from None
    if np.isclose(gain, -truth):
        raise Hint("you subtract the wrong way round: a gain is after minus before")
    if not np.isclose(gain, truth, atol=1e-9):
        raise Hint(f"the gain is the difference of the two accuracies, {truth:.4f} here; you say {gain:.4f}")
    if not lower < gain < upper:
        raise Hint("the lower end comes before the gain, and the upper after it")
    right = high - low
    widths = {"right": right, "images": image_high - image_low, "apart": alone_high - alone_low}
    nearest = min(widths, key=lambda name: abs(np.log((upper - lower) / widths[name])))
    if nearest == "images":
        raise Hint("your interval is that of redrawn images: draw lesions, and take all images of a drawn lesion")
    if nearest == "apart" and upper - lower < 1.2 * widths["apart"]:
        raise Hint("you redraw lesions for each network apart: use the same draw for both, so that luck cancels")
    if abs(lower - low) > 0.15 * right or abs(upper - high) > 0.15 * right:
        raise Hint(f"2,000 draws of lesions give {low:.3f} to {high:.3f} or so, you give {lower:.3f} to {upper:.3f}")
    if tuple(answer(before, after, lesions, 200, 1)) != tuple(answer(before, after, lesions, 200, 1)):
        raise Hint("the same seed should give the same interval: make your generator from `seed`")


def _lesion_weights(lesions, draws, seed):
    number = np.unique(lesions, return_inverse=True)[1]
    count = number.max() + 1
    return np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=draws)[:, number]


def _redrawn_gain(before, after, lesions, draws=4000):
    gain, weights = after.astype(float) - before, _lesion_weights(lesions, draws, 11)
    return gain.mean(), *np.percentile(weights @ gain / weights.sum(1), [2.5, 97.5])


def _unpaired_gain(before, after, lesions, draws=4000):
    first, second = _lesion_weights(lesions, draws, 12), _lesion_weights(lesions, draws, 13)
    gain = second @ after / second.sum(1) - first @ before / first.sum(1)
    return after.mean() - before.mean(), *np.percentile(gain, [2.5, 97.5])


@exercise("Exercise 3", "a missed melanoma and a missed mole no longer weigh the same")
def cost(answer):
    rng = np.random.default_rng(4)
    for n in (40, 300):
        labels, answers = rng.integers(0, 7, n), rng.integers(0, 7, n)
        answers[: n // 2] = labels[: n // 2]
        wrong, sick = labels != answers, labels == 4
        missed, false_alarms = (wrong & sick).sum(), (wrong & (answers == 4)).sum()
        truth = wrong.sum() + 9 * missed
        try:
            got = float(answer(labels.copy(), answers.copy()))
        except TypeError:
            raise Hint("return one number, the sum over all images") from None
        if np.isclose(got, truth / n):
            raise Hint("that is the mean cost: return the sum")
        if np.isclose(got, wrong.sum() + 9 * false_alarms):
            raise Hint("you charge 10 when something else is called melanoma; charge it when a melanoma is missed")
        if np.isclose(got, wrong.sum() + 10 * missed):
            raise Hint("a missed melanoma costs 10 in all, and you charge 11: it is among the mistakes already")
        if np.isclose(got, 10 * missed):
            raise Hint("other mistakes cost 1 each")
        if np.isclose(got, truth + 10 * (~wrong & sick).sum()):
            raise Hint("a melanoma that was found costs nothing")
        if not np.isclose(got, truth):
            others = wrong.sum() - missed
            raise Hint(f"{missed} missed melanomas and {others} other mistakes cost {truth}; you say {got:g}")


# --- 3.7 From a laptop to many GPUs


@exercise("Exercise 1", "every image counts once, whatever the size of its part")
def combined_gradient(answer):
    rng = np.random.default_rng(0)
    for sizes in ([48, 16], [10, 1, 5], [7]):
        parts = [rng.normal(0, 1, (3, 4)) for _ in sizes]
        total = sum(n * part for n, part in zip(sizes, parts, strict=True))
        truth, kept = total / sum(sizes), [part.copy() for part in parts]
        got = np.asarray(answer(parts, sizes), float)
        if any((part != copy).any() for part, copy in zip(parts, kept, strict=True)):
            raise Hint("you change the gradients you are given: make new arrays")
        if got.shape != truth.shape:
            raise Hint(f"each gradient has the shape {truth.shape} and you return {got.shape}: combine the parts, "
                       "not the entries")  # fmt: skip
        mistakes = [
            (total, "you add up sums over images: divide by the number of all images"),
            (sum(parts), "you add the parts' means as they are: with so many parts the step is so many times too long"),
            (np.mean(parts, axis=0), "each part counts alike with you: then an image of a small part counts more"),
            (parts[-1], "you return the last part's gradient and forget those before it"),
            (total / len(sizes), "you divide by the number of parts: divide by the number of images"),
        ]
        for wrong, sentence in mistakes:
            if not np.allclose(wrong, truth) and np.allclose(got, wrong):
                raise Hint(sentence)
        if not np.allclose(got, truth):
            first = f"{truth.flat[0]:.4f}, not {got.flat[0]:.4f}"
            raise Hint(f"for parts of {sizes} images the first entry should be {first}")


@exercise("Exercise 2", "together the processes see exactly what one process would see")
def rank_rows(answer):
    order = np.random.default_rng(0).permutation(96) + 1000
    for batch, world in ((12, 1), (12, 2), (24, 4), (8, 8)):
        for step in (0, 1, 3):
            shares = [np.asarray(answer(order.copy(), step, batch, rank, world)).ravel() for rank in range(world)]
            sizes, together = [len(share) for share in shares], np.concatenate(shares)
            wanted = set(order[step * batch : (step + 1) * batch].tolist())
            where = f"in step {step}, with a batch of {batch} and {world} process{'es' * (world > 1)},"
            if set(together.tolist()) <= set(range(96)):
                raise Hint("you return positions in order: return its entries, the numbers of the images")
            if world > 1 and all(np.array_equal(share, shares[0]) for share in shares):
                raise Hint("all processes get the same rows: use rank, or the others compute what the first one did")
            if step and set(together.tolist()) == set(order[:batch].tolist()):
                raise Hint("every step gets the rows of step 0: use step")
            if sum(sizes) == world * batch and world > 1:
                raise Hint(f"{where} you take {sum(sizes)} rows: batch counts the images of all processes together")
            if len(set(together.tolist())) < len(together):
                raise Hint(f"{where} some image is taken twice: the shares must not overlap")
            if len(set(sizes)) > 1:
                raise Hint(f"{where} the shares have {sizes} rows: DDP's average is right for equal shares only")
            if len(together) != batch:
                raise Hint(f"{where} the processes take {len(together)} rows together: it should be {batch}")
            if set(together.tolist()) != wanted:
                raise Hint(f"{where} the processes take other images than one process would: cut the batch out of "
                           "order first, then share it")  # fmt: skip


@exercise("Exercise 3", "sixteen bytes a parameter for AdamW, before the first image is seen")
def training_bytes(answer):
    state = np.array([0, 1, 2])
    for n in (1, 1_000_000, 25_557_032):
        got = np.array([float(answer(n, name)) for name in ("sgd", "momentum", "adamw")])
        truth = 4 * n * (2 + state)
        mistakes = [
            (truth / 4, "you count numbers: each float32 takes four bytes"),
            (truth / 2, "you count two bytes a number: weights, gradients and state stay in float32"),
            (truth / 1e6, "you answer in megabytes: this exercise wants bytes"),
            (truth / 1e9, "you answer in gigabytes: this exercise wants bytes"),
            (4 * n * (1 + state), "one number for each parameter is missing: weights and gradients both count"),
            (4 * n * (2 + np.minimum(state, 1)), "AdamW keeps two averages for each parameter, and you count one"),
            (4 * n * np.ones(3), "you count the weights alone: gradient and state take memory, too"),
        ]
        for wrong, sentence in mistakes:
            if np.allclose(got, wrong, rtol=1e-9, atol=0):
                raise Hint(sentence)
        if got.min() == got.max():
            raise Hint("every optimiser costs the same with you: count what each one keeps")
        if not np.allclose(got, truth, rtol=1e-9, atol=0):
            raise Hint(f"{n:,} parameters with adamw need {truth[2]:,} bytes, not {got[2]:,.0f}")
