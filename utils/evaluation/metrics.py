"""Scores with intervals: redraw whole groups (and seeds), compare in pairs, correct for several looks.

The bootstrap is written out in lesson 1.1, step by step; this module is what later lessons import. A *redraw* is a
sample of the same size, drawn with replacement, of patients, lesions or whatever belongs together.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

LEVEL = 0.95  # of every interval, unless you say otherwise


class Interval(NamedTuple):
    """A number and the two ends of its interval. Prints as "0.812 (0.790 to 0.833)"."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"

    def excludes(self, value: float = 0.0) -> bool:
        """Whether a value lies outside the interval."""
        return bool(self.low > value or self.high < value)


# ---------------------------------------------------------------------------- redraws


def draw_groups(groups: Sequence, draws: int = 1000, seed: int = 0, strata: Sequence | None = None) -> np.ndarray:
    """How often each row counts when whole groups are drawn with replacement (cluster bootstrap).

    Args:
        groups: (n,) the group of each row: a lesion, a patient. `range(n)` redraws single rows.
        draws: number of redraws.
        seed: of the draw.
        strata: (n,) draw within each of these kinds separately, so that every redraw keeps their numbers of groups.
            A group lies in one kind only.

    Returns:
        int (draws, n). Field and Welsh, J R Stat Soc B 69:369 (2007). Few groups make intervals too narrow: 95 % ones
        of a mean, 10 rows a group, held the truth in .77 (3 groups), .85 (5), .89 (10), .92 (20) of 400 simulations.

    Raises:
        ValueError: a group is missing, there are fewer than two, or one lies in two strata.

    >>> draw_groups(["a", "a", "b"], draws=2, seed=1).tolist()
    [[1, 1, 1], [2, 2, 0]]
    """
    number = _numbered(groups, "groups")                             # (n,)
    count = number.max() + 1
    if count < 2:
        raise ValueError("There is one group only: how much another one would differ, nobody can tell from it.")
    rng = np.random.default_rng(seed)
    if strata is None:
        drawn = rng.multinomial(count, np.full(count, 1 / count), size=draws)  # (draws, groups)
        return drawn[:, number]
    kind = _numbered(strata, "strata")
    drawn = np.zeros((draws, count), int)
    for stratum in range(kind.max() + 1):
        members = np.unique(number[kind == stratum])
        if np.isin(number[kind != stratum], members).any():
            raise ValueError("A group lies in two strata: redraw without strata, or by a stratum that it cannot leave.")
        share = np.full(len(members), 1 / len(members))
        drawn[:, members] = rng.multinomial(len(members), share, size=draws)
    return drawn[:, number]


def _numbered(names: Sequence, what: str) -> np.ndarray:
    """Names (n,) as numbers 0, 1, 2, … in the order of the sorted names."""
    given = np.asarray(names, dtype=object)  # else NumPy makes the word "nan" of a missing one
    names = np.asarray(names)
    if names.ndim != 1 or len(names) == 0:
        raise ValueError(f"{what} is one name a row, not an array of shape {names.shape}.")
    if names.dtype.kind == "O":
        names = np.array([str(name) for name in names])
    if pd.isna(given).any():
        raise ValueError(f"{what} has missing names: give each of those rows a name of its own first.")
    return np.unique(names, return_inverse=True)[1]


def redrawn_mean(
    values: np.ndarray, weights: np.ndarray, rows: np.ndarray | slice = slice(None), seed: int | None = None
) -> np.ndarray:
    """The mean of values in each redraw.

    Args:
        values: (n,) numbers or True/False, one a row; or (runs, n), one network a run.
        weights: (draws, n) from `draw_groups`.
        rows: the rows to average over; all by default.
        seed: with (runs, n), redraw the runs as well, as many with replacement, by this seed. The seeds of two recipes
            are no pairs, so give the two different seeds here. None: the mean of all runs.

    Returns:
        (draws,) means; NaN where a redraw has none of the rows.
    """
    values = np.atleast_2d(np.asarray(values, float))[:, rows]       # (runs, rows)
    weights = weights[:, rows]
    total = weights.sum(1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        per_run = weights @ values.T / total                         # (draws, runs)
    if seed is None:
        return per_run.mean(1)
    chosen = np.random.default_rng(seed).integers(len(values), size=per_run.shape)
    return np.take_along_axis(per_run, chosen, 1).mean(1)


def interval(value: float, redraws: np.ndarray, level: float = LEVEL) -> Interval:
    """A number with the middle 95 % of its redraws (percentile bootstrap, Efron 1979).

    Args:
        value: computed once, on the sample itself.
        redraws: (draws,) the same number in each redraw. NaN (nothing to compute it from) is left out; where that
            leaves less than half, the ends are NaN.
    """
    if np.isfinite(redraws).mean() < 0.5:
        return Interval(float(value), np.nan, np.nan)
    tail = (1 - level) / 2
    low, high = np.nanquantile(redraws, [tail, 1 - tail])
    return Interval(float(value), float(low), float(high))


def mean_interval(values: np.ndarray, weights: np.ndarray, rows: np.ndarray | slice = slice(None)) -> Interval:
    """The mean of values (n,) or (runs, n) over some rows; groups and, with runs, seeds redrawn.

    Where all of them are 0, or all 1, no redraw differs: then Wilson's interval, for as many cases as groups.
    """
    values = np.atleast_2d(np.asarray(values, float))
    mean, seed = values[:, rows].mean(), 0 if len(values) > 1 else None
    if mean in (0, 1) and np.isin(values[:, rows], (0, 1)).all():
        groups = np.unique(weights[:, rows], axis=1).shape[1]
        return wilson(int(mean) * groups, groups)
    return interval(mean, redrawn_mean(values, weights, rows, seed))


def difference(
    after: np.ndarray, before: np.ndarray, weights: np.ndarray, rows: np.ndarray | slice = slice(None)
) -> Interval:
    """How much higher the mean of `after` is than that of `before`, on the same redraws (paired by group).

    Args:
        after, before: (n,) or (runs, n) values of the same n rows; the runs of the two are drawn apart.
        weights, rows: see `redrawn_mean`.
    """
    after, before = (np.atleast_2d(np.asarray(values, float)) for values in (after, before))
    seeds = [one if len(values) > 1 else None for one, values in ((1, after), (2, before))]
    gain = redrawn_mean(after, weights, rows, seeds[0]) - redrawn_mean(before, weights, rows, seeds[1])
    return interval(after[:, rows].mean() - before[:, rows].mean(), gain)


def p_value(redraws: np.ndarray, null: float = 0.0) -> float:
    """Two-sided p-value that redraws of a difference give for `null`; never below 2 / (draws + 1).

    Twice the smaller share on one side (Davison and Hinkley 1997, section 4.2: one is added to count and total).
    NaN where all redraws are one number other than `null`: they do not vary, so they do not tell how sure it is.
    """
    redraws = redraws[np.isfinite(redraws)]
    if len(redraws) > 1 and np.ptp(redraws) == 0 and redraws[0] != null:
        return float("nan")
    beyond = min((redraws <= null).sum(), (redraws >= null).sum())
    return float(min(1.0, 2 * (beyond + 1) / (len(redraws) + 1)))


def holm(p_values: Sequence[float]) -> np.ndarray:
    """p-values corrected for so many looks, in the order given (Holm, Scand J Stat 6:65, 1979).

    Raises ValueError where one is no number from 0 to 1.

    >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    from statsmodels.stats.multitest import multipletests

    p_values = np.asarray(p_values, float)
    if not ((p_values >= 0) & (p_values <= 1)).all():
        raise ValueError("A p-value is no number from 0 to 1: say how many looks there were without it.")
    return multipletests(p_values, method="holm")[1]


def mean_over_runs(values: Sequence[float], level: float = LEVEL) -> Interval:
    """The mean of a few runs with Student's t interval: what other seeds would give, on these very images.

    Raises ValueError for fewer than two runs.
    """
    from scipy import stats

    values = np.asarray(values, float)
    if len(values) < 2:
        raise ValueError("One run says nothing about other seeds: give at least two.")
    wobble = stats.t.ppf((1 + level) / 2, len(values) - 1) * stats.sem(values)
    return Interval(float(values.mean()), float(values.mean() - wobble), float(values.mean() + wobble))


def wilson(hits: int, n: int, level: float = LEVEL) -> Interval:
    """A share with Wilson's interval, for n independent yes-or-no answers (J Am Stat Assoc 22:209, 1927).

    Raises ValueError unless 0 <= hits <= n and n > 0.

    >>> print(wilson(49, 223))
    0.220 (0.170 to 0.279)
    """
    from statsmodels.stats.proportion import proportion_confint

    if not 0 <= hits <= n or n == 0:
        raise ValueError(f"{hits} of {n} is no share.")
    low, high = proportion_confint(hits, n, 1 - level, method="wilson")
    return Interval(hits / n, float(low), float(high))


# ---------------------------------------------------------------------------- scores of a classifier


def macro_auc(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean over the classes of the area under each class's ROC curve against the rest, as MedMNIST counts it.

    Args:
        labels: int (n,); each class occurs and none is alone.
        probabilities: (n, classes).
    """
    from sklearn.metrics import roc_auc_score

    classes = range(probabilities.shape[1])
    return float(np.mean([roc_auc_score(labels == c, probabilities[:, c]) for c in classes]))


def recalls(labels: np.ndarray, answers: np.ndarray, classes: int) -> np.ndarray:
    """The share of each class that is called by its name, (classes,); NaN where a class does not occur.

    Their mean is the *balanced accuracy*.
    """
    right, there = (np.bincount(labels[rows], minlength=classes) for rows in (labels == answers, slice(None)))
    return np.where(there > 0, right / np.maximum(there, 1), np.nan)


def redrawn_auc(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The area under the ROC curve in each redraw.

    Args:
        labels: bool or 0/1 (n,).
        scores: (n,), higher for yes.
        weights: (draws, n) from `draw_groups`.

    Returns:
        (draws,) shares of pairs of a yes and a no in which the yes scores higher, ties counted half; NaN where a
        redraw has only one of the two.

    Raises:
        ValueError: a label is neither 0 nor 1, or a score no finite number.
    """
    labels, scores = _yes_or_no(labels, scores)
    yes, no = weights[:, labels].astype(float), weights[:, ~labels].astype(float)
    # Each yes beats the weight of the noes below it; with the noes sorted, that is a cumulative sum.
    order = np.argsort(scores[~labels])
    below = np.pad(no[:, order].cumsum(1), ((0, 0), (1, 0)))         # (draws, noes + 1)
    ranked = scores[~labels][order]
    worse = below[:, np.searchsorted(ranked, scores[labels], "left")]
    tied = below[:, np.searchsorted(ranked, scores[labels], "right")] - worse
    with np.errstate(invalid="ignore", divide="ignore"):
        return (yes * (worse + tied / 2)).sum(1) / (yes.sum(1) * no.sum(1))


def auc_interval(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> Interval:
    """The area under the ROC curve with its interval over groups and, with several runs, over runs.

    Args:
        labels: bool or 0/1 (n,).
        scores: (n,) or (runs, n), one network a run; the value is the mean of the runs' areas.
        weights: (draws, n) from `draw_groups`.

    Raises:
        ValueError: as in `redrawn_auc`, or weights of other cases.

    >>> print(auc_interval([0, 0, 1, 1], np.array([0.1, 0.4, 0.3, 0.9]), draw_groups(range(4), draws=200)))
    0.750 (0.000 to 1.000)
    """
    value, redraws = _areas(labels, scores, weights, seed=0)
    return interval(value, redraws)


def auc_difference(labels: np.ndarray, after: np.ndarray, before: np.ndarray, weights: np.ndarray) -> Interval:
    """How much larger the area under the ROC curve of `after` is than that of `before`, paired by group.

    Args:
        labels, weights: see `auc_interval`.
        after, before: (n,) or (runs, n) scores of the same n cases; the runs of the two are drawn apart.

    Raises:
        ValueError: as in `auc_interval`.
    """
    (high, redrawn_high), (low, redrawn_low) = (
        _areas(labels, scores, weights, seed) for seed, scores in ((1, after), (2, before))
    )
    return interval(high - low, redrawn_high - redrawn_low)


def _areas(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray, seed: int) -> tuple[float, np.ndarray]:
    """The mean area of some runs, and in each redraw of cases and, with several runs, of runs by this seed (draws,)."""
    runs = np.atleast_2d(scores)
    if weights.ndim != 2 or weights.shape[1] != runs.shape[1]:
        sizes = f"{weights.shape} weights for {runs.shape[1]} cases"
        raise ValueError(f"{sizes}: draw_groups makes (draws, cases) of them, one group a case.")
    once = np.ones((1, runs.shape[1]), int)
    value = np.mean([redrawn_auc(labels, run, once) for run in runs])
    each = np.stack([redrawn_auc(labels, run, weights) for run in runs])  # (runs, draws)
    chosen = np.random.default_rng(seed).integers(len(runs), size=each.shape)
    return float(value), np.take_along_axis(each, chosen, 0).mean(0)


def _yes_or_no(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Labels bool (n,) and scores float (n,). Raises ValueError for other labels, or scores that are not finite."""
    labels, scores = np.asarray(labels), np.asarray(scores, float)
    if labels.shape != scores.shape or labels.ndim != 1:
        raise ValueError(f"{labels.shape} labels and {scores.shape} scores: give one of each a case.")
    if not np.isin(labels, (0, 1)).all():
        raise ValueError("A label is neither 0 nor 1: say which class is the yes, as in labels == 4.")
    if not np.isfinite(scores).all():
        raise ValueError("A score is no finite number: find out why before you rank it.")
    return labels.astype(bool), scores


class OperatingPoint(NamedTuple):
    """Say yes from `threshold` on: the shares of yes and of no that are then called right."""

    threshold: float
    sensitivity: float
    specificity: float


def operating_point(labels: np.ndarray, scores: np.ndarray, specificity: float = 0.8) -> OperatingPoint:
    """The threshold with the highest sensitivity that keeps at least this specificity; of several, the most specific.

    Choose it on validation images, then apply it to others.

    Args:
        labels: bool or 0/1 (n,).
        scores: (n,), higher for yes.

    Raises:
        ValueError: one class only, a label that is neither 0 nor 1, or a score that is no finite number.
    """
    from sklearn.metrics import roc_curve

    labels, scores = _yes_or_no(labels, scores)
    if labels.all() or not labels.any():
        raise ValueError("All labels are alike: a threshold weighs the one kind against the other.")
    false_alarms, found, thresholds = roc_curve(labels, scores, drop_intermediate=False)
    allowed = 1 - false_alarms >= specificity - 1e-12  # rounding of a share of n
    best = np.argmax(np.where(allowed, found, -1))  # the first of them has the fewest false alarms
    return OperatingPoint(float(thresholds[best]), float(found[best]), float(1 - false_alarms[best]))


def net_benefit(
    labels: np.ndarray, probabilities: np.ndarray, thresholds: np.ndarray, weights: np.ndarray | None = None
) -> np.ndarray:
    """What saying yes from each threshold on is worth, in true findings a case (Vickers and Elkin, MDM 26:565, 2006).

    Whoever says yes from t on holds one missed finding as bad as (1 - t) / t false alarms: TP/n - FP/n · t/(1 - t).

    Args:
        labels: bool or 0/1 (n,), some of each.
        probabilities: (n,) from 0 to 1; yes where one is at least the threshold.
        thresholds: (t,) above 0 and below 1.
        weights: (n,) how much each case counts, as for another prevalence; or (draws, n) from `draw_groups`.

    Returns:
        (t,) or, for weights (draws, n), (draws, t). Saying yes to nobody gives 0, to all what probabilities of 1 give.

    Raises:
        ValueError: one class only, no probabilities, thresholds that are not between 0 and 1, weights of other
            cases, negative, missing, or 0 for all.

    >>> net_benefit([1, 0, 0, 1], [0.9, 0.6, 0.2, 0.4], [0.5]).tolist()
    [0.0]
    """
    labels, probabilities = _yes_or_no(labels, probabilities)
    thresholds = np.asarray(thresholds, float)
    weights = np.ones(len(labels)) if weights is None else np.asarray(weights, float)
    if labels.all() or not labels.any():
        raise ValueError("All labels are alike: a threshold weighs the one kind against the other.")
    if probabilities.min() < 0 or probabilities.max() > 1:
        raise ValueError("A probability is not from 0 to 1: a score must be calibrated before a threshold has a price.")
    if thresholds.ndim != 1 or len(thresholds) == 0 or not ((thresholds > 0) & (thresholds < 1)).all():
        raise ValueError("Thresholds are one list of numbers above 0 and below 1: at 1 a false alarm costs infinitely.")
    if weights.ndim not in (1, 2) or weights.shape[-1] != len(labels):
        raise ValueError(f"{weights.shape} weights for {len(labels)} cases: give (cases,) or (draws, cases).")
    total = weights.sum(-1, keepdims=True)                           # (1,) or (draws, 1)
    if not ((weights >= 0).all() and (total > 0).all() and np.isfinite(total).all()):
        raise ValueError("A weight is negative or missing, or those of a draw are all 0.")
    odds = thresholds / (1 - thresholds)
    worth = np.where(labels, 1.0, -odds[:, None]) * (probabilities >= thresholds[:, None])  # (t, n)
    return weights @ worth.T / total
