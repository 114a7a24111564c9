"""The formulas that lesson 2.4 writes out, against libraries and against readers whose habits are known."""
from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from tools import notebook as notebooks


@pytest.fixture(scope="module")
def lesson():
    """The functions of the lesson, executed from its own cells."""
    cells = {cell["id"]: cell["source"] for cell in notebooks.read(notebooks.find("04_meet_the_experts"))["cells"]}
    names = {"np": np}
    for cell in ("pair-kappas", "fleiss", "staple"):
        exec(cells[cell], names)
    return names


def some_reads(seed, readers=4, cases=60):
    rng = np.random.default_rng(seed)
    truth = rng.random(cases) < rng.uniform(0.1, 0.9)
    return np.where(rng.random((readers, cases)) < 0.7, truth, rng.random((readers, cases)) < 0.4)


@pytest.mark.parametrize("seed", range(20))
def test_kappas_are_the_libraries(lesson, seed):
    from sklearn.metrics import cohen_kappa_score
    from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa

    reads, once = some_reads(seed), np.ones((1, 60))
    theirs = [cohen_kappa_score(a, b) for a, b in combinations(reads, 2)]
    assert lesson["pair_kappas"](reads, once)[0] == pytest.approx(theirs, abs=1e-9)
    library = fleiss_kappa(aggregate_raters(reads.T.astype(int))[0])
    assert lesson["fleiss"](reads, once)[0] == pytest.approx(library, abs=1e-9)


def test_a_weight_is_as_many_copies_of_a_case(lesson):
    reads, weights = some_reads(3), np.random.default_rng(0).integers(0, 4, (1, 60))
    copies = np.repeat(reads, weights[0], axis=1)
    once = np.ones((1, copies.shape[1]))
    for name in ("pair_kappas", "fleiss"):
        assert lesson[name](reads, weights) == pytest.approx(lesson[name](copies, once), abs=1e-12)


def marks(seed, readers, pixels=60_000):
    """A truth and readers who err pixel by pixel: bool (pixels,), bool (readers, pixels), their rates."""
    rng = np.random.default_rng(seed)
    truth = rng.random(pixels) < rng.uniform(0.05, 0.4)
    p, q = rng.uniform(0.65, 0.97, readers), rng.uniform(0.85, 0.995, readers)
    coin = rng.random((readers, pixels))
    return truth, np.where(truth, coin < p[:, None], coin > q[:, None]), p, q


@pytest.mark.parametrize("seed", range(5))
def test_staple_finds_readers_of_known_quality(lesson, seed):
    truth, votes, p, q = marks(seed, readers=6)
    probability, sensitivity, specificity = lesson["staple"](votes)
    assert sensitivity == pytest.approx(p, abs=0.03) and specificity == pytest.approx(q, abs=0.01)
    assert ((probability > 0.5) != truth).mean() <= ((votes.mean(axis=0) >= 0.5) != truth).mean() + 1e-4
    assert probability.mean() == pytest.approx(truth.mean(), abs=0.02), "probabilities add up to the area"


def test_staple_knows_no_order_of_readers_or_pixels(lesson):
    _, votes, _, _ = marks(7, readers=4, pixels=3000)
    rng = np.random.default_rng(1)
    people, places = rng.permutation(4), rng.permutation(3000)
    probability, sensitivity, _ = lesson["staple"](votes)
    moved, sensitivity_moved, _ = lesson["staple"](votes[people][:, places])
    assert moved == pytest.approx(probability[places], abs=1e-6)
    assert sensitivity_moved == pytest.approx(sensitivity[people], abs=1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_staple_is_simpleitks(lesson, seed):
    """Runs where SimpleITK is installed; the course does not ask for it."""
    itk = pytest.importorskip("SimpleITK")
    _, votes, _, _ = marks(seed, readers=3 + seed % 3, pixels=64 * 64)
    filter_ = itk.STAPLEImageFilter()
    filter_.SetForegroundValue(1)
    filter_.SetMaximumIterations(5000)
    theirs = filter_.Execute([itk.GetImageFromArray(v.reshape(64, 64).astype(np.uint8)) for v in votes])
    probability, sensitivity, specificity = lesson["staple"](votes)
    assert itk.GetArrayFromImage(theirs).ravel() == pytest.approx(probability, abs=1e-3)
    assert list(filter_.GetSensitivity()) == pytest.approx(sensitivity, abs=1e-4)
    assert list(filter_.GetSpecificity()) == pytest.approx(specificity, abs=1e-4)
