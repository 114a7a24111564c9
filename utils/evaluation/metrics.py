"""Scores with intervals: redraw whole groups (and seeds), compare in pairs, correct for several looks.

The bootstrap is written out in lesson 1.1, step by step; this module is what later lessons import. A *redraw* is a
sample of the same size, drawn with replacement, of patients, lesions or whatever belongs together.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

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
        int (draws, n). Field and Welsh, J R Stat Soc B 69:369 (2007).

    Raises:
        ValueError: a group is missing, there is none, or one lies in two strata.

    >>> draw_groups(["a", "a", "b"], draws=2, seed=1).tolist()
    [[1, 1, 1], [2, 2, 0]]
    """
    number = _numbered(groups, "groups")                             # (n,)
    count = number.max() + 1
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
    names = np.asarray(names)
    if names.ndim != 1 or len(names) == 0:
        raise ValueError(f"{what} is one name a row, not an array of shape {names.shape}.")
    missing = names != names
    if names.dtype.kind == "O":
        missing = np.array([name is None or name != name for name in names])
        names = np.array([str(name) for name in names])
    if np.any(missing):
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
        redraws: (draws,) the same number in each redraw. NaN (nothing to compute it from) is left out.
    """
    tail = (1 - level) / 2
    low, high = np.nanquantile(redraws, [tail, 1 - tail])
    return Interval(float(value), float(low), float(high))


def mean_interval(values: np.ndarray, weights: np.ndarray, rows: np.ndarray | slice = slice(None)) -> Interval:
    """The mean of values (n,) or (runs, n) over some rows; groups and, with runs, seeds redrawn."""
    values = np.atleast_2d(np.asarray(values, float))
    seed = 0 if len(values) > 1 else None
    return interval(values[:, rows].mean(), redrawn_mean(values, weights, rows, seed))


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
    """Two-sided p-value that redraws of a difference give for `null`; never below 1 / (draws + 1).

    Twice the smaller share on one side (Davison and Hinkley 1997, section 4.2: one is added to count and total).
    """
    redraws = redraws[np.isfinite(redraws)]
    beyond = min((redraws <= null).sum(), (redraws >= null).sum())
    return float(min(1.0, 2 * (beyond + 1) / (len(redraws) + 1)))


def holm(p_values: Sequence[float]) -> np.ndarray:
    """p-values corrected for so many looks, in the order given (Holm, Scand J Stat 6:65, 1979).

    >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    from statsmodels.stats.multitest import multipletests

    return multipletests(np.asarray(p_values, float), method="holm")[1]


def mean_over_runs(values: Sequence[float], level: float = LEVEL) -> Interval:
    """The mean of a few runs with Student's t interval: what other seeds would give, on these very images."""
    from scipy import stats

    values = np.asarray(values, float)
    wobble = stats.t.ppf((1 + level) / 2, len(values) - 1) * stats.sem(values)
    return Interval(float(values.mean()), float(values.mean() - wobble), float(values.mean() + wobble))


def wilson(hits: int, n: int, level: float = LEVEL) -> Interval:
    """A share with Wilson's interval, for n independent yes-or-no answers (J Am Stat Assoc 22:209, 1927).

    >>> print(wilson(49, 223))
    0.220 (0.170 to 0.279)
    """
    from statsmodels.stats.proportion import proportion_confint

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
    """
    labels = np.asarray(labels).astype(bool)
    scores = np.asarray(scores, float)
    yes, no = weights[:, labels].astype(float), weights[:, ~labels].astype(float)
    # Each yes beats the weight of the noes below it; with the noes sorted, that is a cumulative sum.
    order = np.argsort(scores[~labels])
    below = np.pad(no[:, order].cumsum(1), ((0, 0), (1, 0)))         # (draws, noes + 1)
    ranked = scores[~labels][order]
    worse = below[:, np.searchsorted(ranked, scores[labels], "left")]
    tied = below[:, np.searchsorted(ranked, scores[labels], "right")] - worse
    with np.errstate(invalid="ignore", divide="ignore"):
        return (yes * (worse + tied / 2)).sum(1) / (yes.sum(1) * no.sum(1))


class OperatingPoint(NamedTuple):
    """Say yes from `threshold` on: the shares of yes and of no that are then called right."""

    threshold: float
    sensitivity: float
    specificity: float


def operating_point(labels: np.ndarray, scores: np.ndarray, specificity: float = 0.8) -> OperatingPoint:
    """The threshold with the highest sensitivity that keeps at least this specificity.

    Choose it on validation images, then apply it to others.

    Args:
        labels: bool or 0/1 (n,).
        scores: (n,), higher for yes.
    """
    from sklearn.metrics import roc_curve

    false_alarms, found, thresholds = roc_curve(labels, scores, drop_intermediate=False)
    best = np.flatnonzero(1 - false_alarms >= specificity - 1e-12)[-1]  # rounding of a share of n
    return OperatingPoint(float(thresholds[best]), float(found[best]), float(1 - false_alarms[best]))
