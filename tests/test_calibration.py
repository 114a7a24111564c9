"""Calibration, thresholds and sets, held against scikit-learn, crepes, work by hand and simulation."""
from __future__ import annotations

import numpy as np
import pytest
from scipy import special, stats
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator

from utils.evaluation import calibration


def drawn(n=500, classes=5, truth=1.0, seed=0):
    """Logits (n, classes) whose softmax is right at this temperature, and labels drawn from it."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (n, classes))
    sums = special.softmax(logits / truth, 1).cumsum(1)
    return logits, (sums[:, :-1] < rng.random((n, 1))).sum(1)


class Scores(ClassifierMixin, BaseEstimator):
    """A classifier whose images are its scores already."""

    def fit(self, x, y):
        self.classes_ = np.arange(x.shape[1])
        return self

    def decision_function(self, x):
        return x

    def predict(self, x):
        return x.argmax(1)


# ------------------------------------------------------------------ temperature


@pytest.mark.parametrize("truth", [0.5, 1.0, 2.5])
def test_temperature_is_scikit_learns(truth):
    logits, labels = drawn(truth=truth)
    theirs = CalibratedClassifierCV(FrozenEstimator(Scores().fit(logits, labels)), method="temperature")
    theirs.fit(logits, labels)
    mine = calibration.temperature(logits, labels)
    np.testing.assert_allclose(calibration.tempered(logits, mine), theirs.predict_proba(logits), atol=1e-4)
    assert mine == pytest.approx(1 / theirs.calibrated_classifiers_[0].calibrators[0].beta_, rel=1e-3)


def test_temperature_takes_logits_or_log_probabilities_and_keeps_the_order():
    logits, labels = drawn(truth=2.0)
    mine = calibration.temperature(logits, labels)
    assert calibration.temperature(special.log_softmax(logits, 1), labels) == pytest.approx(mine)
    assert mine == pytest.approx(2, abs=0.3)
    mild = calibration.tempered(logits, mine)
    assert (mild.argmax(1) == logits.argmax(1)).all() and mild.max() < special.softmax(logits, 1).max()
    np.testing.assert_allclose(calibration.tempered([[np.log(0.9), np.log(0.1)]], 2), [[0.75, 0.25]])


@pytest.mark.parametrize("case", ["one class", "alike", "all right", "all luck"])
def test_no_temperature_is_best(case):
    logits, labels = drawn(n=60)
    if case == "one class":
        labels = np.zeros_like(labels)
    if case == "alike":
        logits = np.zeros_like(logits)
    if case == "all right":
        labels = logits.argmax(1)
    if case == "all luck":
        labels = logits.argmin(1)
    with pytest.raises(ValueError, match="No temperature is best"):
        calibration.temperature(logits, labels)


@pytest.mark.parametrize("size", [1e-5, 1.0, 1e5])
def test_logits_of_any_size_have_their_temperature(size):
    logits, labels = drawn(truth=2.0)
    mine = calibration.temperature(logits, labels)
    assert calibration.temperature(logits * size, labels) == pytest.approx(mine * size, rel=1e-4)


def test_probabilities_are_no_logits():
    with pytest.raises(ValueError, match="np.log"):
        calibration.temperature(special.softmax(drawn()[0], 1), drawn()[1])


@pytest.mark.parametrize("temperature", [0, -1, np.nan, np.inf, 1e-320])
def test_a_temperature_is_above_zero(temperature):
    with pytest.raises(ValueError, match="above 0"):
        calibration.tempered(np.eye(2), temperature)


# ------------------------------------------------------------------ calibration error


def test_six_points_by_hand():
    """Five bins, of which three are filled: .55 alone; .61, .65 and .74; .9 and 1."""
    top = np.array([0.55, 0.61, 0.65, 0.74, 0.9, 1.0])
    right = np.array([1, 0, 1, 1, 1, 0], bool)
    found = calibration.calibration_error(np.stack([1 - top, top], 1), right.astype(int), bins=5)
    gaps = np.array([1 - 0.55, 2 / 3 - 2 / 3, 0.5 - 0.95])  # sizes 1, 3, 2
    assert found.plain == pytest.approx((1 * 0.45 + 3 * abs(gaps[1]) + 2 * 0.45) / 6)
    assert found.alone == 1
    middle = np.var([0 - 0.61, 1 - 0.65, 1 - 0.74], ddof=1) / 3
    last = np.var([1 - 0.9, 0 - 1.0], ddof=1) / 2
    assert found.squared == pytest.approx((3 * (0 - middle) + 2 * (0.45**2 - last)) / 5)


def test_a_constant_answer_has_one_bin_and_a_lonely_one_no_debiased_error():
    found = calibration.calibration_error(np.tile([0.7, 0.3], (10, 1)), np.array([0] * 6 + [1] * 4))
    assert found.plain == pytest.approx(0.1) and found.alone == 0
    alone = calibration.calibration_error(np.array([[0.9, 0.1], [0.6, 0.4]]), np.array([0, 1]))
    assert np.isnan(alone.squared) and alone.alone == 2 and alone.plain == pytest.approx((0.1 + 0.6) / 2)


def test_luck_alone_leaves_the_debiased_error_at_zero_and_the_plain_one_at_the_mean_of_the_null():
    probabilities = special.softmax(drawn(n=300)[0], 1)
    sums, rng = probabilities.cumsum(1), np.random.default_rng(5)
    found = []
    for _ in range(400):
        labels = (sums[:, :-1] < rng.random((300, 1))).sum(1)
        found.append(calibration.calibration_error(probabilities, labels)[:2])
    plain, squared = np.transpose(found)
    assert abs(squared.mean()) < 3 * squared.std() / 20
    null = calibration.null_errors(probabilities, draws=400)
    assert null.shape == (400,) and null.mean() == pytest.approx(plain.mean(), abs=0.003) and null.mean() > 0.03


def test_groups_share_their_luck():
    probabilities = np.repeat(special.softmax(drawn(n=100)[0], 1), 4, axis=0)
    rows = calibration.null_errors(probabilities)
    groups = calibration.null_errors(probabilities, groups=np.arange(400) // 4)
    singles = calibration.null_errors(probabilities[::4])
    assert groups.mean() == pytest.approx(singles.mean(), rel=0.05) and groups.mean() > 1.5 * rows.mean()
    for wrong in ([1, 2], ["a", None] * 200, [0.5, np.nan] * 200):
        with pytest.raises(ValueError, match="groups"):
            calibration.null_errors(probabilities, groups=wrong)
    words = calibration.null_errors(probabilities, groups=[f"lesion {n // 4}" for n in range(400)])
    assert (words == groups).all()


@pytest.mark.parametrize("bad", [{"draws": 0}, {"draws": -1}, {"draws": 2.5}, {"bins": 0}, {"bins": np.nan}])
def test_draws_and_bins_are_whole_numbers(bad):
    with pytest.raises(ValueError, match="whole number"):
        calibration.null_errors(GOOD, **bad)


# ------------------------------------------------------------------ priors


def test_priors_shift_as_bayes_says():
    """Two densities: what is right at one prevalence becomes right at another."""
    x = np.linspace(-3, 3, 50)
    density = np.stack([stats.norm.pdf(x), stats.norm.pdf(x, 1)], 1)

    def posterior(prior):
        return density * prior / (density * prior).sum(1, keepdims=True)

    before, after = np.array([0.8, 0.2]), np.array([0.98, 0.02])
    np.testing.assert_allclose(calibration.shift_priors(posterior(before), before, after), posterior(after))
    weights = np.array([1.0, 5.0])
    weighted = calibration.shift_priors(posterior(before * weights), before=weights, after=[1, 1])
    np.testing.assert_allclose(weighted, posterior(before))


def test_priors_of_any_size_and_classes_that_cannot_occur():
    expected = calibration.shift_priors([[0.5, 0.5]], [1, 3], [3, 1])
    np.testing.assert_allclose(calibration.shift_priors([[0.5, 0.5]], [1e-200, 3e-200], [3e200, 1e200]), expected)
    assert calibration.shift_priors([[0.5, 0.5]], [1, 1], [1, 0]).tolist() == [[1, 0]]
    with pytest.raises(ValueError, match="cannot occur"):
        calibration.shift_priors([[0, 1]], [1, 1], [1, 0])


@pytest.mark.parametrize(("before", "after"), [([1, 0], [1, 1]), ([1, 1], [0, 0]), ([1, 1], [1, np.nan]),
                                               ([1, 1, 1], [1, 1, 1]), ([1, 1], [1, -1]), ([1], [1, 1])])  # fmt: skip
def test_priors_that_cannot_be(before, after):
    with pytest.raises(ValueError, match="frequency for each class"):
        calibration.shift_priors([[0.5, 0.5]], before, after)


# ------------------------------------------------------------------ threshold


@pytest.mark.parametrize(("target", "n"), [(0.9, 29), (0.95, 59), (0.8, 14), (0.9, 89), (0.5, 5)])
def test_the_lowest_count_is_the_first_whose_exact_bound_reaches_the_target(target, n):
    def low(k):
        return stats.binomtest(k, n, alternative="greater").proportion_ci(0.95, "exact").low

    k = calibration.lowest_count(target, n)
    assert low(k) >= target and (k == 1 or low(k - 1) < target)


@pytest.mark.parametrize(("target", "n"), [(0.9, 28), (0.95, 58), (0.8, 13), (0.9, 0)])
def test_too_few_to_promise(target, n):
    with pytest.raises(ValueError, match="lower bound"):
        calibration.lowest_count(target, n)


@pytest.mark.parametrize(("target", "n"), [(1.0, 100), (0, 100), (90, 100), (np.nan, 100), (0.9, 89.5), (0.9, -1)])
def test_no_such_count(target, n):
    with pytest.raises(ValueError, match="between 0 and 1|whole number"):
        calibration.lowest_count(target, n)


def test_the_bound_keeps_its_promise_in_95_of_100_samples():
    """Scores of melanomas are normal: the true sensitivity of a threshold is known."""
    rng, kept = np.random.default_rng(0), []
    labels = np.repeat([0, 1], [20, 89])
    for _ in range(2000):
        scores = rng.normal(labels, 1)
        kept.append(stats.norm.sf(calibration.threshold_for(labels, scores, 0.9) - 1) >= 0.9)
    assert 0.935 < np.mean(kept) < 0.97  # .950 in theory, as a count can be


def test_ties_go_to_yes():
    labels, scores = np.repeat([0, 1], [3, 40]), np.repeat([0.1, 0.5, 0.9], [3, 10, 30])
    assert calibration.threshold_for(labels, scores, 0.9) == 0.5


@pytest.mark.parametrize(("labels", "scores"), [
    ([1] * 30, np.arange(30)), ([0] * 30, np.arange(30)), ([0, 1] * 20, np.ones(40)), ([0, 1], [0.1, np.nan]),
    ([0, 1, 1], [0.1, 0.2]), ([0, 2], [0.1, 0.2]), ([], []), ([[0], [1]], [[0.1], [0.2]]),
])  # fmt: skip
def test_no_threshold(labels, scores):
    with pytest.raises(ValueError):
        calibration.threshold_for(labels, scores, 0.9)


# ------------------------------------------------------------------ conformal sets


@pytest.mark.parametrize("by_class", [False, True])
@pytest.mark.parametrize("alpha", [0.1, 0.05])
def test_sets_are_those_of_crepes(by_class, alpha):
    crepes = pytest.importorskip("crepes")
    logits, labels = drawn(n=400, seed=3)
    known, new = special.softmax(logits[:200], 1), special.softmax(logits[200:], 1)
    labels = labels[:200]
    mine = calibration.conformal_sets(new, calibration.conformal_thresholds(known, labels, alpha, by_class))
    own = 1 - known[np.arange(200), labels]
    theirs = np.zeros_like(mine)
    for c in range(5):  # a class at a time, as crepes has bins of objects, not of answers
        rows = labels == c if by_class else slice(None)
        fitted = crepes.ConformalClassifier().fit(own[rows])
        confidence = 1 - alpha - 1e-12  # 1 - 0.9 comes out below .1, which decides where (n + 1) * alpha is whole
        theirs[:, c] = fitted.predict_set(1 - new, confidence=confidence, smoothing=False)[:, c]
    assert (mine == theirs).all() and 0 < mine.mean() < 1


def test_sets_hold_the_truth_as_promised():
    """19 calibration cases: on average over studies 95 % of the sets hold the truth, and 90 % with alpha .1."""
    held, by_class = {0.05: [], 0.1: []}, []
    for study in range(600):
        logits, labels = drawn(n=219, classes=3, truth=0.5, seed=study)
        p = special.softmax(logits, 1)  # not calibrated, and it does not matter
        for alpha, found in held.items():
            sets = calibration.conformal_sets(p[19:], calibration.conformal_thresholds(p[:19], labels[:19], alpha))
            found.append(sets[np.arange(200), labels[19:]].mean())
        if study < 200:
            thresholds = calibration.conformal_thresholds(p[:119], labels[:119], 0.1, by_class=True)
            first = labels[119:] == 0
            by_class.append(calibration.conformal_sets(p[119:], thresholds)[first, 0].mean())
    assert np.mean(held[0.05]) == pytest.approx(0.95, abs=0.008)
    assert np.mean(held[0.1]) == pytest.approx(0.9, abs=0.01)
    assert 0.9 - 0.015 < np.mean(by_class) < 0.95


def test_too_few_cases_leave_nothing_out_and_none_are_refused():
    p, labels = np.tile([0.6, 0.4], (18, 1)), np.zeros(18, int)
    assert calibration.conformal_thresholds(p, labels, 0.05).tolist() == [0, 0]
    assert calibration.conformal_sets(p, [0, 0]).all()
    with pytest.raises(ValueError, match="no calibration case"):
        calibration.conformal_thresholds(p, labels, 0.05, by_class=True)
    assert calibration.conformal_thresholds(p, labels, 1 - 1e-12).tolist() == [0.6, 0.6]
    for alpha in (0, 1, np.nan):
        with pytest.raises(ValueError, match="alpha"):
            calibration.conformal_thresholds(p, labels, alpha)


@pytest.mark.parametrize("thresholds", [[0.5], [0.5, np.nan], 0.5])
def test_thresholds_that_do_not_fit(thresholds):
    with pytest.raises(ValueError, match="thresholds"):
        calibration.conformal_sets([[0.5, 0.5]], thresholds)


# ------------------------------------------------------------------ bad input, for all


GOOD = np.array([[0.7, 0.3], [0.2, 0.8], [0.6, 0.4]])
BAD = {
    "NaN": (np.array([[np.nan, 0.5], [0.5, 0.5]]), np.array([0, 1])),
    "empty": (np.zeros((0, 2)), np.zeros(0, int)),
    "one class": (np.ones((2, 1)), np.array([0, 0])),
    "one column a case": (np.array([0.2, 0.8]), np.array([0, 1])),
    "more labels": (GOOD, np.array([0, 1, 0, 1])),
    "no such class": (GOOD, np.array([0, 1, 2])),
    "below class 0": (GOOD, np.array([0, 1, -1])),
    "no whole number": (GOOD, np.array([0, 1, 0.5])),
    "floats": (GOOD, np.array([0.0, 1.0, 0.0])),
    "yes and no": (GOOD, np.array([False, True, False])),
    "a column of labels": (GOOD, np.array([[0], [1], [0]])),
}
CALLS = {
    "temperature": calibration.temperature,
    "calibration_error": calibration.calibration_error,
    "conformal_thresholds": lambda p, y: calibration.conformal_thresholds(p, y, 0.3),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize(("probabilities", "labels"), BAD.values(), ids=BAD)
def test_bad_input_ends_in_a_sentence(call, probabilities, labels):
    with pytest.raises(ValueError, match=r"^(Give|A|Some) "):
        call(probabilities, labels)


def test_lists_are_taken():
    labels = [0, 1, 1]
    assert calibration.calibration_error(GOOD.tolist(), labels) == calibration.calibration_error(GOOD, np.array(labels))
    for by_class in (False, True):
        mine = calibration.conformal_thresholds(GOOD.tolist(), labels, 0.4, by_class)
        assert mine.tolist() == ([0, 0.4] if by_class else [0.4, 0.4])
    sets = calibration.conformal_sets(GOOD.tolist(), [0.4, 0.4])
    assert sets.tolist() == [[True, False], [False, True], [True, True]]


@pytest.mark.parametrize("rows", [GOOD * 2, GOOD - 0.5, np.log(GOOD)])
def test_rows_that_do_not_sum_to_one(rows):
    labels = np.array([0, 1, 0])
    for call in (
        lambda: calibration.calibration_error(rows, labels), lambda: calibration.null_errors(rows),
        lambda: calibration.shift_priors(rows, [1, 1], [1, 2]), lambda: calibration.conformal_sets(rows, [0.1, 0.1]),
        lambda: calibration.conformal_thresholds(rows, labels, 0.3),
    ):  # fmt: skip
        with pytest.raises(ValueError, match="no probabilities"):
            call()


def test_what_was_stored_in_sixteen_bits_is_taken():
    half = special.softmax(drawn()[0], 1).astype(np.float16)
    assert calibration.calibration_error(half, drawn()[1]).plain < 0.2
