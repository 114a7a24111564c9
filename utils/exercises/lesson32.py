"""Lesson 3.2, Which of your improvements were real?: its checks."""
import numpy as np

from utils.exercises.expect import expect_number, expect_type, number, refuse
from utils.lesson import Hint, exercise


@exercise("Exercise 1", "a log that cannot hide what changed",
          spoilt="your function changes the settings it is given: only read them")
def changed(answer):
    base = {"rate": 0.1, "network": len, "augment": None, "epochs": 12}
    cases = [(base, base | {"rate": 0.2}, ["rate"]), (base, base, []),
             (base, base | {"network": str, "epochs": 3}, ["epochs", "network"]),
             (base, base | {"loss": 1}, ["loss"]), (base | {"loss": 1}, base, ["loss"]),
             (base, base | {"loss": None}, ["loss"])]
    for before, after, truth in cases:
        got = answer(before, after)
        expect_type(got, list, "return a list of names, not {kind}")
        refuse(any(isinstance(name, tuple) for name in got), "return the names alone, without their values")
        for name in set(truth) - set(got):
            what = "and differs" if after.get(name) else "even when its value is None"
            refuse(name not in before, "a name that only the second setting has is new, {}", what)
            refuse(name not in after, "a name that only the first setting has was taken away: that "
                   "is a change, too")
        refuse(set(got) != set(truth), "{} changed, you say {}", truth, sorted(got))
        refuse(got != sorted(got), "sort the names, so that two logs can be compared")


@exercise("Exercise 2", "compared in pairs, and lesions stand or fall together")
def paired_gain(answer):
    rng = np.random.default_rng(3)
    lesions = np.repeat([f"L{i:03d}" for i in rng.permutation(150)], rng.integers(1, 7, 150))
    easy = rng.random(len(lesions)) < 0.7
    flip = np.isin(lesions, rng.choice(np.unique(lesions), 30, replace=False))
    order = rng.permutation(len(lesions))
    before, after, lesions = easy[order], (easy | flip)[order], lesions[order]
    got = answer(before, after, lesions, 2000, 0)
    try:
        gain, lower, upper = map(float, got)
    except (TypeError, ValueError):
        raise Hint("return three numbers: the gain and the two ends of its interval") from None
    truth = after.mean() - before.mean()
    expect_number(gain, truth,
                  {"you subtract the wrong way round: a gain is after minus before": -truth}, "the "
                  "gain is the difference of the two accuracies, {truth:.4f} here; you say "
                  "{got:.4f}")
    refuse(not lower < gain < upper, "the lower end comes before the gain, and the upper after it")
    low, high = _interval(before, after, lesions)
    of_images = np.ptp(_interval(before, after, np.arange(len(lesions))))
    apart = np.ptp(_interval(before, after, lesions, paired=False))
    right, width = high - low, upper - lower
    widths = {"right": right, "images": of_images, "apart": apart}
    nearest = min(widths, key=lambda name: abs(np.log(width / widths[name])))
    refuse(nearest == "images", "your interval is that of redrawn images: draw lesions, and take "
           "all images of a drawn lesion")
    refuse(nearest == "apart" and width < 1.2 * apart, "you redraw lesions for each network apart: "
           "use the same draw for both, so that luck cancels")
    room = 0.15 * right  # what 2,000 draws leave to chance
    refuse(abs(lower - low) > room or abs(upper - high) > room, "2,000 draws of lesions give "
           "{:.3f} to {:.3f} or so, you give {:.3f} to {:.3f}", low, high, lower, upper)
    first, second = (answer(before, after, lesions, 200, 1) for _ in range(2))
    refuse(tuple(first) != tuple(second), "the same seed should give the same interval: make your "
           "generator from `seed`")


def _interval(before, after, groups, paired=True, draws=4000):
    """95 % of the gains when groups are redrawn, for both networks alike or for each apart."""
    group = np.unique(groups, return_inverse=True)[1]
    count = group.max() + 1

    def draw(seed):  # (draws, images): how often each image is drawn
        rng = np.random.default_rng(seed)
        return rng.multinomial(count, np.full(count, 1 / count), size=draws)[:, group]

    first = draw(11)
    second = first if paired else draw(12)
    gains = second @ after / second.sum(1) - first @ before / first.sum(1)
    return np.percentile(gains, [2.5, 97.5])


@exercise("Exercise 3", "a missed melanoma and a missed mole no longer weigh the same")
def cost(answer):
    rng = np.random.default_rng(4)
    for n in (40, 300):
        labels, answers = rng.integers(0, 7, n), rng.integers(0, 7, n)
        answers[: n // 2] = labels[: n // 2]
        wrong, sick = labels != answers, labels == 4
        errors, missed = wrong.sum(), (wrong & sick).sum()
        truth = errors + 9 * missed
        got = number(answer(labels, answers), "return one number, the sum over all images")
        expect_number(got, truth, {
            "that is the mean cost: return the sum": truth / n,
            "you charge 10 when something else is called melanoma; charge it when a melanoma is missed":
                errors + 9 * (wrong & (answers == 4)).sum(),
            "a missed melanoma costs 10 in all, and you charge 11: it is among the mistakes already":
                errors + 10 * missed,
            "other mistakes cost 1 each": 10 * missed,
            "a melanoma that was found costs nothing": truth + 10 * (~wrong & sick).sum(),
        }, "{missed} missed melanomas and {others} other mistakes cost {truth}; you say {got:g}",
           missed=missed, others=errors - missed)
