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
Z = 1.959964  # so many standard errors to each side hold 95 % of a normal distribution


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

    Raises:
        ValueError: weights of other rows, no row left, or a value that is missing.
    """
    values, weights = _chosen(values, weights, rows)
    total = weights.sum(1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        per_run = weights @ values.T / total                         # (draws, runs)
    if seed is None:
        return per_run.mean(1)
    chosen = np.random.default_rng(seed).integers(len(values), size=per_run.shape)
    return np.take_along_axis(per_run, chosen, 1).mean(1)


def _chosen(values: np.ndarray, weights: np.ndarray, rows: np.ndarray | slice) -> tuple[np.ndarray, np.ndarray]:
    """Values (runs, rows) and weights (draws, rows) of some rows. Raises ValueError as `redrawn_mean` says."""
    values = np.atleast_2d(np.asarray(values, float))
    _same_cases(weights, values.shape[1])
    values = values[:, rows]
    if values.size == 0 or np.isnan(values).any():
        missing = f"{np.isnan(values).sum()} of {values.size} values are missing"
        raise ValueError(f"{missing}: a mean needs some, and leave out, or fill in, those that are not there.")
    return values, weights[:, rows]


def _same_cases(weights: np.ndarray, n: int) -> None:
    if weights.ndim != 2 or weights.shape[1] != n:
        raise ValueError(f"{weights.shape} weights for {n} cases: draw_groups makes (draws, cases), one group a case.")


def interval(value: float, redraws: np.ndarray, level: float = LEVEL) -> Interval:
    """A number with the middle 95 % of its redraws (percentile bootstrap, Efron 1979).

    Args:
        value: computed once, on the sample itself.
        redraws: (draws,) the same number in each redraw. NaN (nothing to compute it from) is left out; where that
            leaves less than half, or all are one number and so do not tell how another sample would differ, the ends
            are NaN.

    A percentile interval is too narrow near the end of a scale, and for few groups (lesson 4.1): 23 hits of 24 give
    .875 to 1, Wilson's .798 to .993.
    """
    finite = redraws[np.isfinite(redraws)]
    if len(finite) < max(len(redraws) / 2, 1) or np.ptp(finite) <= 1e-12:
        return Interval(float(value), np.nan, np.nan)
    tail = (1 - level) / 2
    low, high = np.nanquantile(redraws, [tail, 1 - tail])
    return Interval(float(value), float(low), float(high))


def mean_interval(values: np.ndarray, weights: np.ndarray, rows: np.ndarray | slice = slice(None)) -> Interval:
    """The mean of values (n,) or (runs, n) over some rows; groups and, with runs, seeds redrawn.

    Where all of them are 0, or all 1, no redraw differs: then Wilson's interval, for as many cases as groups. Else the
    ends are NaN where the rows are of one group. Raises ValueError as `redrawn_mean` does.
    """
    values, weights = _chosen(values, weights, rows)
    mean, seed = values.mean(), 0 if len(values) > 1 else None
    if mean in (0, 1) and np.isin(values, (0, 1)).all():
        groups = np.unique(weights, axis=1).shape[1]
        return wilson(int(mean) * groups, groups)
    return interval(mean, redrawn_mean(values, weights, seed=seed) + _unless_one_group(weights))


def difference(
    after: np.ndarray, before: np.ndarray, weights: np.ndarray, rows: np.ndarray | slice = slice(None)
) -> Interval:
    """How much higher the mean of `after` is than that of `before`, on the same redraws (paired by group).

    Args:
        after, before: (n,) or (runs, n) values of the same n rows; the runs of the two are drawn apart.
        weights, rows: see `redrawn_mean`.

    Returns:
        The difference; its ends are NaN where the rows are of one group, or no redraw differs, as where no row does.

    Raises:
        ValueError: as in `redrawn_mean`.
    """
    (after, drawn), (before, _) = (_chosen(values, weights, rows) for values in (after, before))
    seeds = [one if len(values) > 1 else None for one, values in ((1, after), (2, before))]
    gain = redrawn_mean(after, drawn, seed=seeds[0]) - redrawn_mean(before, drawn, seed=seeds[1])
    return interval(after.mean() - before.mean(), gain + _unless_one_group(drawn))


def _unless_one_group(weights: np.ndarray) -> float:
    """NaN where all rows are of one group, since no redraw tells how another would differ; else 0."""
    return np.nan if (weights == weights[:, :1]).all() else 0.0


def p_value(redraws: np.ndarray, null: float = 0.0) -> float:
    """Two-sided p-value that redraws of a difference give for `null`; never below 2 / (draws + 1).

    Twice the smaller share on one side (Davison and Hinkley 1997, section 4.2: one is added to count and total).
    NaN where all redraws are one number other than `null`: they do not vary, so they do not tell how sure it is. NaN
    too where none is finite; others that are not are left out.
    """
    redraws = redraws[np.isfinite(redraws)]
    if len(redraws) == 0 or len(redraws) > 1 and np.ptp(redraws) == 0 and redraws[0] != null:
        return float("nan")
    beyond = min((redraws <= null).sum(), (redraws >= null).sum())
    return float(min(1.0, 2 * (beyond + 1) / (len(redraws) + 1)))


def holm(p_values: Sequence[float]) -> np.ndarray:
    """p-values corrected for so many looks, in the order given (Holm, Scand J Stat 6:65, 1979).

    Raises ValueError where one is no number from 0 to 1, or there is none.

    >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    from statsmodels.stats.multitest import multipletests

    p_values = np.asarray(p_values, float)
    if p_values.size == 0 or not ((p_values >= 0) & (p_values <= 1)).all():
        raise ValueError("A p-value is no number from 0 to 1: say how many looks there were without it.")
    return multipletests(p_values, method="holm")[1]


def mean_over_runs(values: Sequence[float], level: float = LEVEL) -> Interval:
    """The mean of a few runs with Student's t interval: what other seeds would give, on these very images.

    Raises ValueError for fewer than two runs, or one without a number.
    """
    from scipy import stats

    values = np.asarray(values, float)
    if len(values) < 2:
        raise ValueError("One run says nothing about other seeds: give at least two.")
    if missing := (~np.isfinite(values)).sum():
        raise ValueError(f"{missing} of {len(values)} runs have no number: say what became of them.")
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

    NaN, and a warning of scikit-learn for each such class, where a class does not occur. Raises ValueError for
    probabilities that are missing or of other cases.
    """
    from sklearn.metrics import roc_auc_score

    classes = range(probabilities.shape[1])
    return float(np.mean([roc_auc_score(labels == c, probabilities[:, c]) for c in classes]))


def recalls(labels: np.ndarray, answers: np.ndarray, classes: int) -> np.ndarray:
    """The share of each class that is called by its name, (classes,); NaN where a class does not occur.

    Their mean is the *balanced accuracy*; it is NaN, too, where a class does not occur.
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
        ValueError: a label is neither 0 nor 1, a score no finite number, or weights are of other cases.
    """
    labels, scores = _yes_or_no(labels, scores)
    _same_cases(weights, len(labels))
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

    Returns:
        The area; its ends are NaN where no redraw differs (scores are constant, or part the two without a mistake), or
        all yeses, or all noes, are of one group. For an area of 1 `newcombe_auc` has an interval.

    Raises:
        ValueError: as in `redrawn_auc`, or one class only.

    >>> print(auc_interval([0, 0, 1, 1], np.array([0.1, 0.4, 0.3, 0.9]), draw_groups(range(4), draws=200)))
    0.750 (0.000 to 1.000)
    """
    return interval(*_areas(labels, scores, weights, seed=0))


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
    for run in runs:
        yes = _both_classes(labels, run)[0]
    once = np.ones((1, runs.shape[1]), int)
    value = np.mean([redrawn_auc(labels, run, once) for run in runs])
    each = np.stack([redrawn_auc(labels, run, weights) for run in runs])  # (runs, draws)
    chosen = np.random.default_rng(seed).integers(len(runs), size=each.shape)
    alone = _unless_one_group(weights[:, yes]) + _unless_one_group(weights[:, ~yes])
    return float(value), np.take_along_axis(each, chosen, 0).mean(0) + alone


def _yes_or_no(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Labels bool (n,) and scores float (n,). Raises ValueError for other labels, or scores that are not finite."""
    labels, scores = np.asarray(labels), np.asarray(scores, float)
    if labels.shape != scores.shape or labels.ndim != 1:
        raise ValueError(f"{labels.shape} labels and {scores.shape} scores: give one of each a case.")
    if len(labels) == 0:
        raise ValueError("There is no case: nothing can be counted.")
    if not np.isin(labels, (0, 1)).all():
        raise ValueError("A label is neither 0 nor 1: say which class is the yes, as in labels == 4.")
    if not np.isfinite(scores).all():
        raise ValueError("A score is no finite number: find out why before you rank it.")
    return labels.astype(bool), scores


def _both_classes(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """As `_yes_or_no`; raises ValueError for one class only as well."""
    labels, scores = _yes_or_no(labels, scores)
    if labels.all() or not labels.any():
        raise ValueError("All labels are alike: an area, or a threshold, weighs the one kind against the other.")
    return labels, scores


class McNemar(NamedTuple):
    """The p-value, and how many cases only the one, and only the other, got right."""

    p_value: float
    gained: int
    lost: int


def mcnemar(after: np.ndarray, before: np.ndarray) -> McNemar:
    """Are two classifiers right equally often? Two-sided, exact (McNemar, Psychometrika 12:153, 1947).

    Args:
        after, before: bool or 0/1 (n,), whether each case was called right; cases must be independent.

    Returns:
        The p and the counts. Where both get the same cases right, p is 1 and the counts of 0 say why.

    Raises:
        ValueError: no case, other cases, or a hit that is neither 0 nor 1.

    >>> mcnemar([1, 1, 1, 1, 1, 0, 1], [0, 0, 0, 0, 0, 1, 1])
    McNemar(p_value=0.21875, gained=5, lost=1)
    """
    from scipy.stats import binomtest

    after, before = np.asarray(after), np.asarray(before)
    if after.ndim != 1 or after.shape != before.shape or not len(after) or not np.isin((after, before), (0, 1)).all():
        raise ValueError("Give for each case, and for the same cases, whether each of the two is right: True or False.")
    after, before = after.astype(bool), before.astype(bool)
    gained, lost = int((after & ~before).sum()), int((~after & before).sum())
    return McNemar(float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0, gained, lost)


def delong(labels: np.ndarray, scores: np.ndarray, before: np.ndarray | None = None) -> Interval:
    """The area under the ROC curve, or how much larger it is than that of `before` (DeLong, Biometrics 44:837, 1988).

    For independent cases: with several images a lesion, and near 1 with few cases, it is too narrow; see `auc_interval`
    and `newcombe_auc`. Each case has its *structural component*, the share of the other class that it beats.

    Args:
        labels: bool or 0/1 (n,), two of each at least.
        scores, before: (n,), higher for yes.

    Returns:
        Its ends may lie beyond 1. They are NaN where no component differs: constant scores, no mistake, or equal ranks.

    Raises:
        ValueError: a class with fewer than two cases, scores that are not finite or of other cases.

    >>> print(delong([0, 0, 0, 1, 1, 1], [0.1, 0.4, 0.5, 0.3, 0.6, 0.9]))
    0.778 (0.291 to 1.265)
    """
    yes, no = _components(labels, scores)
    if before is not None:
        yes, no = (now - then for now, then in zip((yes, no), _components(labels, before), strict=True))
    error = np.sqrt(yes.var(ddof=1) / len(yes) + no.var(ddof=1) / len(no)) or np.nan
    return Interval(float(yes.mean()), float(yes.mean() - Z * error), float(yes.mean() + Z * error))


def _components(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Structural components (yeses,) and (noes,), by ranks (Sun and Xu, IEEE Signal Process Lett 21:1389, 2014)."""
    from scipy.stats import rankdata

    labels, scores = _both_classes(labels, scores)
    if min(labels.sum(), (~labels).sum()) < 2:
        raise ValueError("One case of a class says nothing about how another would differ: two of each are needed.")
    ranks, yes, no = rankdata(scores), scores[labels], scores[~labels]
    return (ranks[labels] - rankdata(yes)) / len(no), 1 - (ranks[~labels] - rankdata(no)) / len(yes)


def newcombe_auc(labels: np.ndarray, scores: np.ndarray) -> Interval:
    """The area under the ROC curve with an interval for few, independent cases.

    Method 5 of Newcombe, Stat Med 25:559 (2006): all areas from which this one is at most 1.96 of *their* standard
    errors away (Hanley and McNeil's, with one size for both classes). It supposes scores of equal spread: with 23 yeses
    twice as spread as 200 noes, at an area of .80, it covers less than DeLong's (lesson 4.1).

    Args:
        labels: bool or 0/1 (n,), some of each.
        scores: (n,), higher for yes.

    Raises:
        ValueError: one class only, constant scores, scores that are not finite or of other cases.

    >>> print(newcombe_auc([0, 0, 0, 1, 1, 1], [0.1, 0.2, 0.3, 0.6, 0.7, 0.9]))
    1.000 (0.501 to 1.000)
    """
    from scipy.optimize import brentq

    labels, scores = _both_classes(labels, scores)
    if np.ptp(scores) == 0:
        raise ValueError("All scores are alike: they rank nothing.")
    value, n, pairs = redrawn_auc(labels, scores, np.ones((1, len(labels)), int))[0], len(labels), labels.sum()
    pairs = pairs * (n - pairs)

    def beyond(area: float, side: int) -> float:
        spread = 1 + (n / 2 - 1) * ((1 - area) / (2 - area) + area / (1 + area))
        return side * (area - value) - Z * np.sqrt(area * (1 - area) * spread / pairs)

    low, high = min(value, 1 - 1e-9), max(value, 1e-9)  # 1 and 0 are roots of their own
    return Interval(float(value), brentq(beyond, 0, low, (-1,)), brentq(beyond, high, 1, (1,)))


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
        ValueError: one class only, constant scores, a label that is neither 0 nor 1, a score that is no finite number,
            or a specificity that is no share. The threshold is infinite where only never saying yes keeps it.
    """
    from sklearn.metrics import roc_curve

    labels, scores = _both_classes(labels, scores)
    if np.ptp(scores) == 0 or not 0 <= specificity <= 1:
        raise ValueError("All scores are alike, or the specificity is not from 0 to 1: no threshold does that.")
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
        ValueError: one class only, no probabilities, thresholds not between 0 and 1, weights that cannot be.

    >>> net_benefit([1, 0, 0, 1], [0.9, 0.6, 0.2, 0.4], [0.5]).tolist()
    [0.0]
    """
    labels, probabilities = _both_classes(labels, probabilities)
    thresholds = np.asarray(thresholds, float)
    weights = np.ones(len(labels)) if weights is None else np.asarray(weights, float)
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
