"""Scores and their intervals, held against definitions, scikit-learn and simulation."""
from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from utils.evaluation import metrics


def test_whole_groups_are_drawn_and_every_redraw_has_as_many_groups():
    groups = np.array(["b", "a", "a", "c", "c", "c"])
    weights = metrics.draw_groups(groups, draws=500, seed=3)
    assert weights.shape == (500, 6)
    assert (weights[:, 1] == weights[:, 2]).all() and (weights[:, 3] == weights[:, 5]).all()
    assert (weights[:, 0] + weights[:, 1] + weights[:, 3] == 3).all()
    assert weights.mean() == pytest.approx(1, abs=0.1)


def test_strata_keep_their_number_of_groups():
    groups, sick = np.arange(30) // 2, np.arange(30) // 2 % 3 == 0
    weights = metrics.draw_groups(groups, draws=50, strata=sick)
    assert (weights[:, sick].sum(1) == sick.sum()).all() and weights[:, sick].std() > 0
    with pytest.raises(ValueError, match="two strata"):
        metrics.draw_groups(groups, strata=np.arange(30) % 2)


@pytest.mark.parametrize("groups", [[], ["a", None], [1.0, np.nan], [["a"], ["b"]]])
def test_groups_that_cannot_be_drawn(groups):
    with pytest.raises(ValueError, match="groups"):
        metrics.draw_groups(groups)


def test_an_interval_holds_the_truth_about_as_often_as_it_says():
    """Clusters of three equal answers: the interval by cluster covers, the one by row does not."""
    held = {"cluster": 0, "row": 0}
    for study in range(200):
        rng = np.random.default_rng(study)
        hits = np.repeat(rng.random(60) < 0.7, 3)
        for name, groups in (("cluster", np.arange(180) // 3), ("row", np.arange(180))):
            found = metrics.mean_interval(hits, metrics.draw_groups(groups, draws=300, seed=study))
            held[name] += found.low <= 0.7 <= found.high
    assert held["cluster"] / 200 > 0.9 and held["row"] / 200 < 0.8


def test_seeds_widen_an_interval_and_rows_narrow_the_question():
    rng = np.random.default_rng(0)
    runs = (rng.random((5, 400)) < np.array([0.5, 0.6, 0.7, 0.8, 0.9])[:, None]).astype(float)
    weights = metrics.draw_groups(np.arange(400))
    both, cases = metrics.mean_interval(runs, weights), metrics.mean_interval(runs.mean(0), weights)
    assert both.value == pytest.approx(cases.value)
    assert both.high - both.low > 2 * (cases.high - cases.low)
    rows = np.arange(400) < 100
    assert metrics.mean_interval(runs, weights, rows).value == pytest.approx(runs[:, rows].mean())


def test_a_difference_is_paired():
    rng = np.random.default_rng(1)
    before = rng.random(300) < 0.7
    after = before | (rng.random(300) < 0.1)  # right wherever it was right before, and a little more
    weights = metrics.draw_groups(np.arange(300))
    paired = metrics.difference(after, before, weights)
    alone = metrics.mean_interval(after, weights)
    assert paired.value == pytest.approx(after.mean() - before.mean()) and paired.excludes(0)
    assert paired.high - paired.low < alone.high - alone.low
    assert str(paired).count("to") == 1 and not metrics.Interval(0, -1, 1).excludes()


def test_p_values_and_their_correction():
    rng = np.random.default_rng(0)
    assert metrics.p_value(rng.normal(5, 1, 999)) == pytest.approx(2 / 1000)
    assert metrics.p_value(rng.normal(0, 1, 9999)) > 0.9
    assert metrics.p_value(np.array([np.nan, 1.0])) == 1.0
    corrected = metrics.holm([0.001, 0.035, 0.5])
    assert corrected[0] == pytest.approx(0.003) and corrected[1] == pytest.approx(0.07)


def test_a_share_and_a_mean_of_runs():
    share = metrics.wilson(0, 10)
    assert share.low == pytest.approx(0, abs=1e-12) and share.high == pytest.approx(0.278, abs=0.001)
    runs = metrics.mean_over_runs([1.0, 2.0, 3.0, 4.0, 5.0])
    assert runs.value == 3 and runs.high == pytest.approx(3 + 2.776 * np.sqrt(2.5 / 5), abs=0.01)


def test_auc_by_definition_and_redrawn_with_ties():
    rng = np.random.default_rng(0)
    labels, found = rng.integers(0, 3, 60), rng.random((60, 3))
    by_pairs = []
    for c in range(3):
        own, others = found[labels == c, c], found[labels != c, c]
        by_pairs.append(np.mean([(a > b) + (a == b) / 2 for a in own for b in others]))
    assert metrics.macro_auc(labels, found) == pytest.approx(np.mean(by_pairs))
    sick, score = labels == 1, found[:, 1].round(1)  # many ties
    weights = metrics.draw_groups(np.arange(60), draws=20)
    weighted = [roc_auc_score(sick, score, sample_weight=w) for w in weights]
    assert np.allclose(metrics.redrawn_auc(sick, score, weights), weighted)


def test_recalls_of_perfect_constant_and_missing_answers():
    labels = np.repeat(np.arange(7), 4)
    assert metrics.recalls(labels, labels, 7).tolist() == [1.0] * 7
    assert metrics.recalls(labels, np.full(28, 5), 7).tolist() == [0, 0, 0, 0, 0, 1, 0]
    assert np.isnan(metrics.recalls(np.array([0]), np.array([0]), 2)[1])


def test_the_operating_point_keeps_its_specificity():
    rng = np.random.default_rng(2)
    sick = rng.random(500) < 0.3
    score = rng.normal(size=500) + 1.5 * sick
    for wanted in (0.5, 0.8, 0.95, 1.0):
        point = metrics.operating_point(sick, score, wanted)
        assert (score[~sick] < point.threshold).mean() == pytest.approx(point.specificity)
        assert (score[sick] >= point.threshold).mean() == pytest.approx(point.sensitivity)
        assert point.specificity >= wanted
    looser = metrics.operating_point(sick, score, 0.5)
    assert looser.sensitivity > metrics.operating_point(sick, score, 0.95).sensitivity


# ------------------------------------------------------------ what must not pass in silence


@pytest.mark.parametrize("missing", [np.nan, None, pd.NA])
@pytest.mark.parametrize("kind", [list, lambda names: pd.Series(names, dtype="string"), lambda n: np.array(n, object)])
def test_missing_groups_are_not_one_group(missing, kind):
    with pytest.raises(ValueError, match="missing names"):
        metrics.draw_groups(kind(["a", missing, "b", missing]))


def test_one_group_is_not_enough_to_draw_from():
    with pytest.raises(ValueError, match="one group only"):
        metrics.draw_groups(["a", "a", "a"])


def test_certainty_is_not_read_from_redraws_that_do_not_vary():
    weights = metrics.draw_groups(range(12))
    assert metrics.mean_interval(np.ones(12), weights) == metrics.wilson(12, 12)
    assert metrics.mean_interval(np.zeros(12), weights) == metrics.wilson(0, 12)
    pairs = metrics.draw_groups(np.arange(12) // 2)
    assert metrics.mean_interval(np.ones(12), pairs) == metrics.wilson(6, 6)
    assert not metrics.mean_interval(np.ones(12), weights).excludes(0.95)
    assert np.isnan(metrics.p_value(np.full(100, 0.01))) and metrics.p_value(np.zeros(100)) == 1
    rare = metrics.interval(0.5, np.r_[np.full(998, np.nan), 0.4, 0.6])
    assert np.isnan([rare.low, rare.high]).all()


@pytest.mark.parametrize(
    ("labels", "scores", "words"),
    [
        ([1, 0], [np.nan, 5], "no finite number"),
        ([1, 0], [np.inf, 5], "no finite number"),
        ([0, 6], [1, 5], "neither 0 nor 1"),
        ([1, 2], [1, 5], "neither 0 nor 1"),
        ([1, 0], [1, 5, 6], "one of each"),
    ],
)
def test_what_cannot_be_ranked_is_refused(labels, scores, words):
    with pytest.raises(ValueError, match=words):
        metrics.redrawn_auc(np.array(labels), np.array(scores), np.ones((1, len(labels)), int))
    with pytest.raises(ValueError, match=words):
        metrics.operating_point(np.array(labels), np.array(scores))


def test_of_equal_sensitivities_the_more_specific_threshold_is_chosen():
    point = metrics.operating_point(np.array([0, 0, 0, 0, 0, 1]), np.arange(6.0))
    assert point == (5.0, 1.0, 1.0)
    with pytest.raises(ValueError, match="All labels are alike"):
        metrics.operating_point(np.ones(4, int), np.arange(4.0))


@pytest.mark.parametrize(
    "call",
    [
        lambda: metrics.wilson(5, 3),
        lambda: metrics.wilson(0, 0),
        lambda: metrics.holm([0.01, np.nan, 0.03]),
        lambda: metrics.holm([1.2]),
        lambda: metrics.mean_over_runs([0.8]),
    ],
)
def test_a_number_that_says_nothing_is_refused(call):
    with pytest.raises(ValueError):
        call()


def test_the_interval_of_an_auc_holds_cases_and_seeds():
    rng = np.random.default_rng(0)
    labels = rng.random(200) < 0.4
    runs = labels + rng.normal(0, 1, (5, 200))
    weights = metrics.draw_groups(range(200))
    one, five = metrics.auc_interval(labels, runs[0], weights), metrics.auc_interval(labels, runs, weights)
    assert one.value == pytest.approx(roc_auc_score(labels, runs[0]))
    assert five.value == pytest.approx(np.mean([roc_auc_score(labels, run) for run in runs]))
    assert one.low < one.value < one.high and five.low < five.value < five.high
    spread = labels + rng.normal(0, [[0.2], [0.5], [1], [2], [4]], (5, 200))
    wide = metrics.auc_interval(labels, spread, weights)
    assert wide.high - wide.low > 2 * (five.high - five.low)
    with pytest.raises(ValueError, match="finite"):
        metrics.auc_interval(labels, np.full(200, np.nan), weights)
    with pytest.raises(ValueError, match="weights for 200 cases"):
        metrics.auc_interval(labels, runs, weights[:, :100])


def test_two_areas_are_compared_on_the_same_cases():
    rng = np.random.default_rng(0)
    labels, noise = rng.random(150) < 0.4, rng.normal(0, 1, 150)
    weights = metrics.draw_groups(range(150))
    good = labels + noise + rng.normal(0, 0.1, (5, 150))
    worse = 0.8 * labels + noise + rng.normal(0, 0.1, (5, 150))
    apart = metrics.auc_difference(labels, good, worse, weights)
    areas = [metrics.auc_interval(labels, each, weights) for each in (good, worse)]
    assert apart.value == pytest.approx(areas[0].value - areas[1].value)
    assert apart.low > 0
    assert areas[0].low < areas[1].high, "the intervals should overlap, and still there is a difference"
    assert not metrics.auc_difference(labels, good, good, weights).excludes(0)
    same = metrics.auc_difference(labels, good[0], good[0], weights)
    assert same.value == 0 and np.isnan(same[1:]).all(), "nothing varied"
    with pytest.raises(ValueError, match="weights for 150 cases"):
        metrics.auc_difference(labels, good, worse, weights[:, 1:])


def test_net_benefit_by_hand():
    labels, found = [1, 1, 0, 0, 0, 0, 0, 0, 0, 0], [0.9, 0.2, 0.3, 0.2, 0.1, 0.1, 0.1, 0.1, 0.1, 0.0]
    # from .2 on: two found, two false alarms at a quarter each; from .25 on: one found, one alarm at a third; .8: one
    by_hand = [2 / 10 - 2 / 10 / 4, 1 / 10 - 1 / 10 / 3, 1 / 10]
    assert metrics.net_benefit(labels, found, [0.2, 0.25, 0.8]) == pytest.approx(by_hand)
    everybody = metrics.net_benefit(labels, np.ones(10), [0.2])
    assert everybody == pytest.approx([0.2 - 0.8 / 4]) and metrics.net_benefit(labels, np.zeros(10), [0.2]) == [0]
    half = np.where(labels, 0.5, 1.0)  # prevalence 1 in 9
    assert metrics.net_benefit(labels, found, [0.2], half) == pytest.approx([(1 - 2 / 4) / 9])
    weights = metrics.draw_groups(range(10), draws=30)
    redrawn = metrics.net_benefit(labels, found, [0.2, 0.8], weights)
    rows = np.repeat(range(10), weights[7])
    assert redrawn.shape == (30, 2)
    assert redrawn[7] == pytest.approx(metrics.net_benefit(np.take(labels, rows), np.take(found, rows), [0.2, 0.8]))


@pytest.mark.parametrize(
    ("labels", "found", "thresholds", "weights", "words"),
    [
        ([1, 1], [0.1, 0.2], [0.5], None, "alike"),
        ([0, 0], [0.1, 0.2], [0.5], None, "alike"),
        ([1, 0], [0.1, 2.0], [0.5], None, "from 0 to 1"),
        ([1, 0], [0.1, np.nan], [0.5], None, "no finite number"),
        ([1, 0, 1], [0.1, 0.2], [0.5], None, "one of each"),
        ([], [], [0.5], None, "alike|no case"),
        ([1, 0], [0.1, 0.2], [1.0], None, "below 1"),
        ([1, 0], [0.1, 0.2], [0.0], None, "above 0"),
        ([1, 0], [0.1, 0.2], [np.nan], None, "above 0"),
        ([1, 0], [0.1, 0.2], [], None, "above 0"),
        ([1, 0], [0.1, 0.2], 0.5, None, "one list"),
        ([1, 0], [0.1, 0.2], [0.5], [1, 1, 1], "weights for 2 cases"),
        ([1, 0], [0.1, 0.2], [0.5], [1, -1], "negative"),
        ([1, 0], [0.1, 0.2], [0.5], [1, np.nan], "missing"),
        ([1, 0], [0.1, 0.2], [0.5], [[1, 1], [0, 0]], "all 0"),
    ],
)
def test_what_has_no_net_benefit_is_refused(labels, found, thresholds, weights, words):
    with pytest.raises(ValueError, match=words):
        metrics.net_benefit(labels, found, thresholds, weights)


# ------------------------------------------------------------ McNemar, DeLong, Newcombe


def test_mcnemar_is_the_exact_test_of_statsmodels():
    from statsmodels.stats.contingency_tables import mcnemar

    rng = np.random.default_rng(0)
    for n in (5, 40, 300):
        after, before = rng.random(n) < 0.8, rng.random(n) < 0.6
        found = metrics.mcnemar(after, before)
        table = [[(after & before).sum(), found.gained], [found.lost, (~after & ~before).sum()]]
        assert found.p_value == pytest.approx(mcnemar(table, exact=True).pvalue)
        assert np.sum(table) == n and metrics.mcnemar(before, after)[1:] == (found.lost, found.gained)
    assert metrics.mcnemar([1, 0, 1], [1, 0, 1]) == (1, 0, 0), "nothing to compare, and the counts say so"


# Hanley and McNeil, Radiology 143:29 (1982): how often 58 normal and 51 abnormal CTs got each of five ratings.
HANLEY = np.repeat([0, 1], [58, 51]), np.repeat([1, 2, 3, 4, 5, 1, 2, 3, 4, 5], [33, 6, 6, 11, 2, 3, 2, 2, 11, 33])


def test_delong_of_hanley_and_mcneils_ten_counts():
    found = metrics.delong(*HANLEY)
    assert found == pytest.approx((0.8932, 0.8330, 0.9534), abs=5e-5)
    assert (found.high - found.low) / 2 / 1.959964 == pytest.approx(0.0307, abs=5e-5)


def jackknife(labels, statistic):
    """Variance of a statistic of two samples, leaving one case out at a time."""
    left_out = np.array([statistic(np.arange(len(labels)) != k) for k in range(len(labels))])
    kinds = [left_out[labels == kind] for kind in (0, 1)]
    return sum((len(kind) - 1) * kind.var() for kind in kinds)


def test_delong_of_two_areas_is_their_jackknife():
    rng = np.random.default_rng(0)
    labels = rng.random(70) < 0.3
    before = (labels + rng.normal(0, 1, 70)).round(1)  # with ties
    after = before + 0.5 * labels + rng.normal(0, 0.5, 70)

    def gain(rows):
        return roc_auc_score(labels[rows], after[rows]) - roc_auc_score(labels[rows], before[rows])

    found, error = metrics.delong(labels, after, before), jackknife(labels, gain) ** 0.5
    everybody = gain(np.full(70, True))
    assert found == pytest.approx((everybody, everybody - 1.959964 * error, everybody + 1.959964 * error))
    alone = jackknife(labels, lambda rows: roc_auc_score(labels[rows], before[rows])) ** 0.5
    assert metrics.delong(labels, before).high == pytest.approx(roc_auc_score(labels, before) + 1.959964 * alone)


def test_newcombes_interval_solves_his_equation_and_ends_within_0_and_1():
    found = metrics.newcombe_auc(*HANLEY)
    assert found.value == pytest.approx(0.8932, abs=5e-5)
    for area in found[1:]:
        first, second = area / (2 - area), 2 * area**2 / (1 + area)  # Hanley and McNeil's Q1 and Q2
        error = area * (1 - area) + (109 / 2 - 1) * (first - area**2 + second - area**2)
        assert abs(area - found.value) == pytest.approx(1.959964 * (error / 58 / 51) ** 0.5, rel=1e-6)
    perfect = metrics.newcombe_auc(HANLEY[0], HANLEY[0])
    assert perfect[::2] == (1, 1) and 0.9 < perfect.low < 0.98
    never = metrics.newcombe_auc(HANLEY[0], -HANLEY[0])
    assert never[:2] == (0, 0) and never.high == pytest.approx(1 - perfect.low)


def test_near_1_with_few_cases_newcombe_covers_and_delong_does_not():
    from scipy.stats import norm

    rng = np.random.default_rng(0)
    labels, apart = np.arange(223) < 23, 2**0.5 * norm.ppf(0.95)  # two normal distributions with an area of .95
    held = []
    for _ in range(2000):
        scores = apart * labels + rng.normal(size=223)
        held.append([a.low <= 0.95 <= a.high for a in (metrics.newcombe_auc(labels, scores),
                                                       metrics.delong(labels, scores))])  # fmt: skip
    newcombe, delong = np.mean(held, axis=0)
    assert newcombe > 0.95 and delong < 0.93


ONE, TWO = np.array([True, False, True, False, False]), np.array([0.9, 0.2, 0.4, 0.1, 0.3])
WEIGHTS = np.ones((9, 5), int)
SPOILT = {
    "one class only": (np.ones(5, bool), TWO, "alike"),
    "constant scores": (ONE, np.full(5, 0.3), "alike"),
    "NaN": (ONE, np.where(ONE, np.nan, 1.0), "no finite number"),
    "other shapes": (ONE, TWO[:4], "one of each"),
    "two columns": (ONE, np.stack([TWO, TWO], 1), "one of each"),
    "nothing": (np.array([], bool), np.array([]), "no case"),
    "three classes": (np.arange(5), TWO, "neither 0 nor 1"),
}


@pytest.mark.parametrize("why", SPOILT)
@pytest.mark.parametrize("function", [metrics.newcombe_auc, metrics.operating_point, metrics.delong])
def test_bad_labels_and_scores_are_refused(function, why):
    labels, scores, words = SPOILT[why]
    if why == "constant scores" and function is metrics.delong:
        found = function(labels, scores)
        assert found.value == 0.5 and np.isnan(found[1:]).all()
        return
    with pytest.raises(ValueError, match=words):
        function(labels, scores)
    if function is metrics.delong:
        with pytest.raises(ValueError, match=words):
            function(labels, TWO[: len(labels)], scores)


def test_ends_are_not_made_up():
    """Where the data cannot tell how far another sample would lie, the ends are NaN."""
    alone = metrics.delong(ONE, ONE * 1.0)
    assert alone.value == 1 and np.isnan(alone[1:]).all()
    assert np.isnan(metrics.delong(ONE, TWO, TWO)[1:]).all() and metrics.delong(ONE, TWO, TWO).value == 0
    draws = metrics.draw_groups(range(5))
    for scores in (ONE * 1.0, np.zeros(5)):
        assert np.isnan(metrics.auc_interval(ONE, scores, draws)[1:]).all()
    families = metrics.draw_groups([0, 0, 0, 1, 1])
    values = np.array([0.1, 0.5, 0.2, 0.3, 0.9])
    assert np.isnan(metrics.mean_interval(values, families, slice(3))[1:]).all()
    assert np.isnan(metrics.difference(values, ONE, families, slice(3))[1:]).all()
    assert not np.isnan(metrics.difference(values, ONE, families)).any()
    assert np.isnan(metrics.interval(0.5, np.array([]))[1:]).all() and np.isnan(metrics.p_value(np.array([np.nan])))
    nobody = metrics.redrawn_auc(np.ones(5, bool), TWO, WEIGHTS)
    assert np.isnan(nobody).all(), "a redraw with one class only has no area"


@pytest.mark.filterwarnings("ignore:Only one class")
def test_a_class_that_does_not_occur_makes_the_mean_over_classes_nan():
    labels, found = np.array([0, 0, 1, 1]), np.eye(3)[[0, 1, 1, 1]]
    assert np.isnan(metrics.macro_auc(labels, found)) and np.isnan(metrics.recalls(labels, labels, 3).mean())
    assert np.isnan(metrics.recalls(np.array([], int), np.array([], int), 2)).all()
    assert metrics.macro_auc(labels, np.full((4, 2), 0.5)) == 0.5, "constant scores rank nothing: chance"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: metrics.mcnemar([1, 0], [1, 0, 1]), "True or False"),
        (lambda: metrics.mcnemar([], []), "True or False"),
        (lambda: metrics.mcnemar([1, np.nan], [1, 0]), "True or False"),
        (lambda: metrics.mcnemar([1, 0], [1, 0.5]), "True or False"),
        (lambda: metrics.delong([1, 0, 0], [0.5, 0.2, 0.1]), "two of each"),
        (lambda: metrics.operating_point(ONE, TWO, 1.2), "from 0 to 1"),
        (lambda: metrics.operating_point(ONE, TWO, np.nan), "from 0 to 1"),
        (lambda: metrics.auc_interval(np.ones(5, bool), TWO, WEIGHTS), "alike"),
        (lambda: metrics.auc_difference(np.zeros(5, bool), TWO, TWO, WEIGHTS), "alike"),
        (lambda: metrics.auc_interval(ONE, TWO, WEIGHTS[0]), "weights for 5 cases"),
        (lambda: metrics.redrawn_auc(ONE, TWO, WEIGHTS[:, 1:]), "weights for 5 cases"),
        (lambda: metrics.redrawn_mean(TWO, WEIGHTS[:, 1:]), "weights for 5 cases"),
        (lambda: metrics.mean_interval(TWO, WEIGHTS, np.zeros(5, bool)), "0 of 0 values"),
        (lambda: metrics.mean_interval(np.array([1, np.nan]), WEIGHTS[:, :2]), "1 of 2 values are missing"),
        (lambda: metrics.difference(TWO, np.full(5, np.nan), WEIGHTS), "5 of 5 values are missing"),
        (lambda: metrics.difference(TWO, TWO[:4], WEIGHTS), "weights for 4 cases"),
        (lambda: metrics.mean_over_runs([0.8, np.nan]), "1 of 2 runs"),
        (lambda: metrics.holm([]), "p-value"),
        (lambda: metrics.wilson(np.nan, 5), "no share"),
        (lambda: metrics.macro_auc(np.array([0, 1]), np.array([[np.nan, 1], [0, 1]])), "NaN"),
        (lambda: metrics.macro_auc(np.array([0, 1, 1]), np.eye(2)), "inconsistent"),
        (lambda: metrics.recalls(np.array([0, 1, 1]), np.array([0, 1]), 2), "shape|broadcast"),
    ],
)
def test_what_says_nothing_is_refused_in_a_sentence(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_what_does_not_vary_has_no_ends():
    ones, zeros, weights = np.ones(60), np.zeros(60), metrics.draw_groups(range(60))
    for found, value in [(metrics.difference(ones, zeros, weights), 1), (metrics.difference(ones, ones, weights), 0),
                         (metrics.mean_interval(0.8 * ones, weights), 0.8)]:  # fmt: skip
        assert found.value == pytest.approx(value) and np.isnan(found[1:]).all() and not found.excludes(0)


def test_an_area_has_no_ends_where_one_class_is_one_lesion():
    labels, scores = np.arange(60) < 3, np.random.default_rng(0).normal(0, 1, 60) + (np.arange(60) < 3)
    one_lesion = metrics.draw_groups(np.maximum(np.arange(60), 2))
    assert np.isnan(metrics.auc_interval(labels, scores, one_lesion)[1:]).all()
    assert np.isnan(metrics.auc_interval(~labels, -scores, one_lesion)[1:]).all()
    assert np.isfinite(metrics.auc_interval(labels, scores, metrics.draw_groups(range(60)))).all()
