"""Whether a probability may be believed, and what to do with it. Lesson 4.2 writes out what stands here.

`probabilities` are (n, classes), rows that sum to 1; `labels` int (n,), classes from 0. Everything raises ValueError
for shapes that differ, nothing at all, NaN, other sums and labels that are no class, besides what it says.
"""
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import optimize, special, stats


def temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The T with the lowest mean log loss of softmax(logits / T) (Guo et al., ICML 2017). Logits (n, classes) may be
    log-probabilities. ValueError for probabilities, labels of one class, and where no T is best: scores alike, all
    right, all luck."""
    logits = _sound(logits, labels, total=None)
    if logits.min() >= 0 and np.abs(logits.sum(1) - 1).max() < 1e-3:
        raise ValueError("These are probabilities: give their logarithms, np.log of them, without zeros.")
    logits = logits - logits.max(1, keepdims=True)
    spread = logits.std() or 1.0                                     # logits of any size are searched alike
    logits = logits / spread
    own = logits[np.arange(len(logits)), labels].mean()              # the score of the right class

    def slope(log_inverse: float) -> float:  # of the loss by 1 / T, in which it is convex
        return float((special.softmax(np.exp(log_inverse) * logits, 1) * logits).sum(1).mean() - own)

    if np.ptp(labels) == 0 or slope(-9) >= -1e-9 or slope(9) <= 0:
        raise ValueError("No temperature is best: labels of one class, equal scores, answers all right or all luck.")
    return float(spread * np.exp(-optimize.brentq(slope, -9, 9)))


def tempered(logits: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities softmax(logits / temperature), (n, classes). ValueError unless the temperature is above 0."""
    logits = _sound(logits, total=None)
    if not 1e-100 < temperature < np.inf:
        raise ValueError(f"A temperature is a number above 0, and not next to it; {temperature} is not.")
    return special.softmax(logits / temperature, 1)


class CalibrationError(NamedTuple):
    """ECE; the debiased squared error, by luck alone about 0, also below; cases alone in a bin, which it leaves out."""
    plain: float
    squared: float
    alone: int


def calibration_error(probabilities: np.ndarray, labels: np.ndarray, bins: int = 15) -> CalibrationError:
    """Of the highest probability, in bins of equal width (Naeini et al., AAAI 2015). `squared`: mean square of their
    gaps less the variance of each (after Kumar et al., NeurIPS 2019); NaN, with a count, where all are alone."""
    top, bins = _sound(probabilities, labels).max(1), _whole(bins, "bins")
    place, off = np.minimum(top * bins, bins - 1).astype(int), (np.argmax(probabilities, 1) == labels) - top
    n, gaps, squares = (np.bincount(place, power, bins) for power in (off**0, off, off**2))
    plain, alone, some = float(np.abs(gaps).sum() / len(top)), int((n == 1).sum()), n > 1
    n, mean, square = n[some], gaps[some] / n[some], squares[some] / n[some]
    debiased = (n * (mean**2 - (square - mean**2) / (n - 1))).sum() / n.sum() if len(n) else np.nan
    return CalibrationError(plain, float(debiased), alone)


def null_errors(probabilities: np.ndarray, draws: int = 200, seed: int = 0, groups=None, bins: int = 15) -> np.ndarray:
    """(draws,) plain errors of these very probabilities if they are right: labels are drawn from them anew. Rows of one
    group, of `groups` (n,), share their random number."""
    sums, rng = _sound(probabilities).cumsum(1), np.random.default_rng(seed)  # (n, classes)
    names = pd.Series(range(len(sums)) if groups is None else groups)
    number = pd.factorize(names)[0]                                  # -1 where a name is missing
    if len(number) != len(sums) or number.min() < 0:
        raise ValueError(f"Give {len(sums)} groups, one a row and none missing, not {len(number)}.")
    luck = rng.random((_whole(draws, "draws"), number.max() + 1))[:, number, None]    # (draws, n, 1)
    drawn = [(sums[:, :-1] <= one).sum(1) for one in luck]
    return np.array([calibration_error(probabilities, labels, bins).plain for labels in drawn])


def shift_priors(probabilities: np.ndarray, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Probabilities where classes have other frequencies but look alike (Saerens et al., Neural Comput 14:21, 2002).
    Before and after: (classes,), in proportion; before above 0, after 0 for a class that cannot occur. Of class weights
    w: before = w, after = ones."""
    probabilities, before, after = _sound(probabilities), np.asarray(before, float), np.asarray(after, float)
    fit = [f.shape == probabilities[0].shape and np.isfinite(f).all() and f.min() >= 0 for f in (before, after)]
    if not all(fit) or before.min() == 0 or after.max() == 0:
        raise ValueError("Give a frequency for each class, before (above 0) and after (some above 0).")
    log_odds = np.log(after, where=after > 0, out=np.full(len(after), -np.inf)) - np.log(before)
    shifted = probabilities * np.exp(log_odds - log_odds.max())
    if (shifted.sum(1) == 0).any():
        raise ValueError("A row gives everything to classes that cannot occur: one of the two is wrong.")
    return shifted / shifted.sum(1, keepdims=True)


def lowest_count(target: float, n: int, level: float = 0.95) -> int:
    """How many of n must be found for a one-sided lower bound of at least the target (Clopper, Pearson, Biometrika
    26:404, 1934). ValueError where all n would not do."""
    if not 0 < target < 1 or not 0 < level < 1:
        raise ValueError(f"Target and level are shares between 0 and 1, not {target} and {level}.")
    n = _whole(n, "cases", least=0)
    bounds = stats.beta.ppf(1 - level, np.arange(1, n + 1), np.arange(n, 0, -1))  # for 1, 2, … n found
    if not (bounds >= target).any():
        raise ValueError(f"{n} cases, all found, give no {level:.0%} lower bound of {target}: it takes more.")
    return int(np.argmax(bounds >= target)) + 1


def threshold_for(labels: np.ndarray, scores: np.ndarray, target: float, level: float = 0.95) -> float:
    """The highest threshold whose sensitivity has at least the target as lower bound: yes from it on, for labels 0/1
    and scores (n,). ValueError for one class, equal scores, or too few yes. They count as independent."""
    labels, scores = np.asarray(labels), np.asarray(scores, float)
    fit = labels.shape == scores.shape == (labels.size,) and set(labels.tolist()) == {0, 1}
    if not fit or not 0 < np.ptp(scores) < np.inf:
        raise ValueError("Labels 0 and 1, some of each, and as many finite scores that differ are needed.")
    found = np.sort(scores[labels == 1])[::-1]
    return float(found[lowest_count(target, len(found), level) - 1])


def conformal_thresholds(probabilities: np.ndarray, labels: np.ndarray, alpha: float, by_class=False) -> np.ndarray:
    """(classes,) from which probability a class enters a set that misses the truth in alpha of cases, or of those of
    each class (Sadinle et al., JASA 114:223, 2019). 0, so always, for fewer than 1 / alpha - 1; ValueError for none."""
    own = _sound(probabilities, labels)[np.arange(len(labels)), labels]  # (n,) what the right class got
    kinds = [np.sort(own[np.equal(labels, c)] if by_class else own) for c in range(np.shape(probabilities)[1])]
    if not 0 < alpha < 1 or 0 in map(len, kinds):
        raise ValueError(f"A class has no calibration case, or alpha {alpha} is no share: nothing can be promised.")
    return np.array([np.append(0, kind)[min(int((len(kind) + 1) * alpha + 1e-9), len(kind))] for kind in kinds])


def conformal_sets(probabilities: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Bool (n, classes): which reach their threshold. A set may be empty, or hold everything."""
    thresholds = np.asarray(thresholds, float)
    if thresholds.shape != np.shape(probabilities)[1:] or np.isnan(thresholds).any():
        raise ValueError(f"{np.shape(thresholds)} thresholds for probabilities of {np.shape(probabilities)}.")
    return _sound(probabilities) >= thresholds


def _sound(values: np.ndarray, labels: np.ndarray | None = None, total: float | None = 1) -> np.ndarray:
    """Values (n, classes) as float64, checked; rows may be off by 1e-3 from their total, as those of float16 are."""
    rows = np.asarray(values, float)
    if rows.ndim != 2 or len(rows) == 0 or rows.shape[1] < 2 or not np.isfinite(rows).all():
        raise ValueError(f"Give finite numbers, a row a case and a column a class; these are {rows.shape}, or hold NaN "
                         "or the log of 0.")  # fmt: skip
    if total and (rows.min() < -1e-6 or np.abs(rows.sum(1) - total).max() > 1e-3):
        raise ValueError("A row is no probabilities: below 0, or another sum than 1. Scores need a softmax; divide "
                         "percentages by their sum; take independent labels one at a time, as [1 - p, p].")  # fmt: skip
    y = np.zeros(len(rows), int) if labels is None else np.asarray(labels)
    if y.shape != rows.shape[:1] or y.dtype.kind not in "iu" or not 0 <= y.min() <= y.max() < rows.shape[1]:
        raise ValueError(f"Give {len(rows)} labels, whole numbers from 0 to {rows.shape[1] - 1}, one a row.")
    return rows


def _whole(value: int, name: str, least: int = 1) -> int:
    if not (np.isreal(value) and value == np.floor(value) and least <= value <= 1e6):
        raise ValueError(f"{name} is a whole number from {least} on, not {value}.")
    return int(value)
