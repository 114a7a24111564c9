"""Lesson 4.2, It says 80 %: its checks."""
import numpy as np
from scipy import special, stats

from utils.evaluation import calibration
from utils.exercises.expect import expect_array, expect_number, expect_shape, number, refuse
from utils.lesson import Hint, exercise


@exercise("Task, luck", "how often a perfect network would look at least as bad as this one")
def by_luck(answer, null, observed):
    """The answer comes with what the lesson has: null (draws,), and the observed error."""
    count = (null >= observed).sum()
    with_itself = (count + 1) / (len(null) + 1)  # metrics.p_value counts the observed one, too
    truth = with_itself if np.ndim(answer) == 0 and answer == with_itself else count / len(null)
    expect_number(
        answer, truth,
        {
            "that is how often luck makes a smaller error; ask for one at least as large": (null < observed).mean(),
            "that is a count; divide by the number of draws": float(count),
            "that is the ratio of the two errors; count draws instead": (
                observed / null.mean(), null.mean() / observed),
        },
        "you give {got:.3f}; take the share of `null` that is at least `observed`",
    )  # fmt: skip


@exercise("Exercise 1", "the temperature that log loss likes best; the order of the classes stays")
def temperature(answer):
    rng = np.random.default_rng(0)
    for true in (2.5, 0.6, 1.0):
        logits = rng.normal(0, 2, (400, 5))
        drawn = (special.softmax(logits / true, 1).cumsum(1) < rng.random((400, 1))).sum(1)
        best = calibration.temperature(logits, drawn)
        shifted = logits + rng.normal(0, 5, (400, 1))  # a number a row changes no softmax
        for given in (logits, shifted, special.log_softmax(logits, 1)):
            got = number(answer(given, drawn), "return one number, T, not {kind}")
            refuse(got <= 0, "you return {:.3f}: a temperature is above 0, so search between .05 and 20", got)
            refuse(not np.isfinite(got), "your T is no number: does your search stay above 0? special.log_softmax "
                   "keeps large logits from overflowing")  # fmt: skip
            mistakes = {
                "that is 1 / T: you multiply the logits where you should divide them": 1 / best,
                "that is the logarithm of T: return T itself": np.log(best),
            }
            if abs(got - 1) < 1e-3 < abs(best - 1) / 50:
                raise Hint(f"you return 1 where {best:.2f} is right: softer or sharper answers would do better")
            edge = min(abs(got - 0.05), abs(got - 20)) < 0.01
            refuse(edge, "your search ends at its edge, {got:.2f}: do you minimise the loss, or the likelihood itself?",
                   got=got)  # fmt: skip
            expect_number(got, best, mistakes, "you return {got:.3f} where {truth:.3f} has the lowest log loss",
                          rtol=0.01, atol=0.005)  # fmt: skip


def _lowest(bound, target, n):
    reached = [k for k in range(1, n + 1) if bound(k, n) >= target - 1e-12]
    return float(reached[0] if reached else n + 1)


@exercise("Exercise 2", "29 melanomas for .90 if all are found, 59 for .95, 14 for .80; fewer prove nothing")
def lowest_count_for(answer):
    bounds = {
        "that is the two-sided bound: all 5 in 100 lie on the lower side here, so take 0.05, not 0.025": (
            lambda k, n: stats.beta.ppf(0.025, k, n - k + 1)),
        "that is the share itself, a point estimate: ask for its lower bound": lambda k, n: k / n,
        "that is the upper bound, or a quantile at .95: the lower one lies below the share": (
            lambda k, n: stats.beta.ppf(0.95, k, n - k + 1)),
    }  # fmt: skip

    def exact(k, n):
        return stats.beta.ppf(0.05, k, n - k + 1)

    for target, n in ((0.9, 89), (0.9, 200), (0.8, 40), (0.95, 120), (0.5, 30), (0.9, 29), (0.8, 14), (0.95, 59)):
        truth = _lowest(exact, target, n)
        wrong = {words: _lowest(bound, target, n) for words, bound in bounds.items()}
        more = {"one too many: the first k whose bound reaches the target is enough": truth + 1,
                "one too few: its exact bound, stats.beta.ppf(0.05, k, n - k + 1), is still below the target; with "
                "n - k, or by an approximation (normal, Wilson, Jeffreys), it looks higher": truth - 1}  # fmt: skip
        expect_number(answer(target, n), truth, wrong | more,
                      "of {n} you ask for {got:g} where {truth:g} are needed for {target}", n=n, target=target)
    for target, n in ((0.9, 28), (0.95, 58), (0.8, 13), (0.9, 1)):
        got = number(answer(target, n))
        refuse(got != n + 1, "with {} positives not even all of them prove {}: return n + 1, {}; you return {:g}",
               n, target, n + 1, got)  # fmt: skip


@exercise("Exercise 3", "true findings, minus false alarms at the price of the threshold")
def net_benefit(answer):
    rng = np.random.default_rng(2)
    labels = rng.random(300) < 0.2
    scores = np.round(np.clip(0.1 + 0.3 * labels + rng.normal(0, 0.15, 300), 0, 1), 2)
    for threshold in (0.1, 0.25, 0.5, 0.75):
        refer = scores >= threshold
        found, alarms = (refer & labels).sum(), (refer & ~labels).sum()
        n, odds = len(labels), threshold / (1 - threshold)
        strict = scores > threshold
        expect_number(
            answer(labels, scores, threshold), (found - alarms * odds) / n,
            {
                "the price is upside down: a false alarm costs threshold / (1 - threshold)": (
                    (found - alarms / odds) / n, (found * odds - alarms) / n),
                "the price of a false alarm is missing: threshold / (1 - threshold)": (found - alarms) / n,
                "a false alarm costs the odds, threshold / (1 - threshold), not the threshold": (
                    (found - alarms * threshold) / n),
                "you divide each count by its own class; both are shares of all patients": (
                    found / labels.sum() - alarms / (~labels).sum() * odds),
                "you divide by the referred; both are shares of all patients": (
                    (found - alarms * odds) / max(refer.sum(), 1)),
                "who is at the threshold is referred, too: >=": (
                    (strict & labels).sum() - (strict & ~labels).sum() * odds) / n,
                "false alarms are taken off, not added": (found + alarms * odds) / n,
                "those are counts: divide by the number of patients": float(found - alarms * odds),
            },
            "at a threshold of {threshold} you give {got:.4f} where {truth:.4f} is right", threshold=threshold,
        )  # fmt: skip


@exercise("Exercise 4", "the truth is in the set as often as promised, whatever the network")
def conformal_sets(answer):
    rng = np.random.default_rng(3)
    for n, alpha in ((19, 0.1), (49, 0.1), (120, 0.05), (30, 0.2), (40, 0.6), (18, 0.05)):
        known, new = (np.round(rng.dirichlet(np.full(4, 0.7), size), 3) for size in (n, 60))
        labels = np.array([rng.choice(4, p=row / row.sum()) for row in known])
        own = np.append(0, np.sort(known[np.arange(n), labels]))
        rank = int((n + 1) * alpha + 1e-9)
        new[:5, 0] = own[rank]  # some lie exactly at the threshold
        got = np.asarray(answer(known, labels, new, alpha))
        refuse(got.dtype.kind == "f", "return True and False, whether each class reaches the threshold")
        got = expect_shape(got, new.shape, "return True or False for each new image and class, {shape}; you return "
                           "{got}").astype(bool)  # fmt: skip
        if rank == 0:
            refuse(not got.all(), "with {} images and alpha {} the rank is 0: nothing can be left out, so every class "
                   "is in every set; own[rank - 1] would take the highest", n, alpha)  # fmt: skip
            continue
        top, lowest = np.sort(known.max(1)), np.sort(known, None)
        mistakes = {
            "you always keep the top class; keep what reaches the threshold, even if that is nothing": (
                (new >= own[rank]) | (new == new.max(1, keepdims=True))),
            "the rank counts n images, as np.quantile's 'higher' does; the new one is one more of the kind: n + 1": (
                new >= own[int(n * alpha + 1e-9)]),
            "a class exactly at the threshold belongs to the set: >=, not >": new > own[rank],
            "one too strict: the rank-th lowest stands at place rank - 1": new >= own[min(rank + 1, n)],
            "alpha is the share that may be missed: take the rank from below": (
                new >= own[int((n + 1) * (1 - alpha) + 1e-9)], new >= own[::-1][rank], new >= own[::-1][rank - 1]),
            "take what each image gave to its right class, not its highest probability": new >= top[rank - 1],
            "take what each image gave to its right class, not the probabilities of all classes": (
                new >= lowest[int((len(lowest) + 1) * alpha) - 1], new >= np.quantile(known, alpha)),
            "the threshold comes from the calibration images; you set it on the new ones": (
                new >= np.sort(new.max(1))[int(61 * alpha) - 1]),
            "that is the quantile of n images, interpolated; take the rank-th lowest, with n + 1": (
                new >= np.quantile(own[1:], alpha)),
            "you keep the classes below the threshold; keep those that reach it": new < own[rank],
            "alpha itself is no threshold: take the rank-th lowest of what the right classes got": (
                new >= alpha, new >= 1 - alpha),
        }  # fmt: skip
        expect_array(got.astype(int), new >= own[rank], mistakes, "your sets differ from the right ones")


@exercise("Task, prevalence", "the odds change by as much as the prior odds; .30 there is about .07 here")
def told(answer):
    odds, ratio = 0.30 / 0.70, (0.02 / 0.98) / (0.11 / 0.89)
    expect_number(
        answer, odds * ratio / (1 + odds * ratio),
        {
            "those are odds: p = odds / (1 + odds)": odds * ratio,
            "that multiplies the probability; multiply its odds, then go back": (0.30 * 0.02 / 0.11, 0.30 * ratio),
            "upside down: multiply by the new odds over the old": odds / ratio / (1 + odds / ratio),
            "that is the prevalence alone; what does the picture say?": 0.02,
            "the odds of 2 % are .02 / .98, those of 11 % .11 / .89": (
                odds * 0.02 / 0.11 / (1 + odds * 0.02 / 0.11)),
        },
        "you say {got:.3f}; odds of .30 times new prior odds over old, and back to a probability",
        rtol=0.01,
    )  # fmt: skip
