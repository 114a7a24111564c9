"""Strangeness, and the gate's films: against references, and with bad input."""
import ast
import json

import numpy as np
import pytest
import torch
from sklearn.covariance import EmpiricalCovariance
from sklearn.neighbors import NearestNeighbors

from tools import notebook
from utils import models
from utils.evaluation import shift

RNG = np.random.default_rng(0)
KNOWN, ASKED = RNG.normal(size=(300, 8)) * np.arange(1, 9), RNG.normal(size=(40, 8)) * 5
LABELS = RNG.integers(3, size=300)
LOGITS = RNG.normal(size=(20, 4)) * 3
FILMS = RNG.integers(0, 256, (6, 32, 32)).astype(np.uint8)


def test_softmax_and_energy_by_torch():
    scores = torch.from_numpy(LOGITS)
    assert np.allclose(shift.max_softmax(LOGITS), 1 - scores.softmax(1).max(1).values.numpy())
    assert np.allclose(shift.energy(LOGITS), -scores.logsumexp(1).numpy())
    assert np.isfinite(shift.energy(LOGITS * 1e3)).all() and np.isfinite(shift.max_softmax(LOGITS * 1e3)).all()


def test_mahalanobis_is_scikit_learns():
    number = np.unique(LABELS, return_inverse=True)[1]
    means = np.stack([KNOWN[number == k].mean(0) for k in range(3)])
    reference = EmpiricalCovariance(assume_centered=True).fit(KNOWN - means[number])
    truth = np.min([reference.mahalanobis(ASKED - mean) for mean in means], axis=0)
    assert np.allclose(shift.mahalanobis(KNOWN, LABELS, ASKED), truth, rtol=1e-4)
    assert np.allclose(shift.mahalanobis(KNOWN, LABELS.astype(str), ASKED), truth, rtol=1e-4)


def test_mahalanobis_of_one_class_is_the_distance_to_its_mean():
    truth = EmpiricalCovariance().fit(KNOWN).mahalanobis(ASKED)
    assert np.allclose(shift.mahalanobis(KNOWN, np.zeros(300), ASKED), truth, rtol=1e-4)


def test_neighbours_are_scikit_learns():
    known, asked = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (KNOWN, ASKED))
    for k in (1, 10):
        truth = NearestNeighbors(n_neighbors=k).fit(known).kneighbors(asked)[0][:, -1]
        assert np.allclose(shift.nearest(KNOWN, ASKED, k), truth, atol=1e-7)


def test_a_feature_that_varies_in_asked_images_alone_puts_them_far_away():
    known, asked = np.column_stack([KNOWN, np.zeros(300)]), np.column_stack([ASKED, np.zeros(40)])
    near = shift.mahalanobis(known, LABELS, asked)
    assert np.allclose(near, shift.mahalanobis(KNOWN, LABELS, ASKED), rtol=1e-3)
    asked[0, -1] = 1
    assert shift.mahalanobis(known, LABELS, asked)[0] > 100 * near.max()


def test_features_are_those_of_the_network_and_the_same_for_one_image():
    model = models.ResidualNetwork(3, 1, widths=(4, 8), blocks=(1, 1), stem=2).eval()
    images = torch.randn(5, 1, 16, 16)
    found = shift.features([model.features[:3], *model.features[3:]], images)
    assert [part.shape for part in found] == [(5, 4), (5, 4), (5, 8)]
    with torch.no_grad():
        last = model.features(images).mean((2, 3)).numpy()
    assert np.allclose(found[-1], last, atol=1e-6)
    alone = shift.features([model.features[:3], *model.features[3:]], images[:1])
    assert np.allclose(alone[-1], last[:1], atol=1e-5)


def test_stages_may_come_one_by_one_and_scores_as_tensors_with_a_history():
    images = torch.rand(2, 3, 16, 16)
    one_by_one = shift.features((stage for stage in NETWORK.features), images)
    assert all(map(np.array_equal, one_by_one, shift.features(NETWORK.features, images)))
    logits = NETWORK(images)
    assert logits.requires_grad
    for score in (shift.energy, shift.max_softmax):
        assert np.array_equal(score(logits), score(logits.detach().numpy()))
        assert score(logits.bfloat16()) == pytest.approx(score(logits), rel=0.02)


def test_features_leave_the_training_mode_as_it_was():
    model = models.ResidualNetwork(3, 3, widths=(4, 8), blocks=(1, 1)).train()
    next(iter(model.features.modules())).eval()  # a frozen part stays frozen
    modes = [module.training for module in model.modules()]
    shift.features(model.features, torch.randn(2, 3, 16, 16))
    assert [module.training for module in model.modules()] == modes
    with pytest.raises(RuntimeError):
        shift.features([model.features[0], torch.nn.Linear(7, 7)], torch.randn(2, 3, 16, 16))
    assert [module.training for module in model.modules()] == modes


def test_gate_films_of_almost_empty_films_have_no_flat_one():
    films = np.zeros((2, 16, 16), np.uint8)
    films[:, 7:9, 7:9] = 200
    shown, _ = shift.gate_films(films, 100, np.random.default_rng(0))
    assert np.ptp(shown, axis=(1, 2)).min() > 0


@pytest.mark.parametrize("side", [16, 28, 64])
def test_gate_films_are_films_and_repeat(side):
    films = RNG.integers(0, 256, (3, side, side)).astype(np.uint8)
    before = films.copy()
    shown, wrong = shift.gate_films(films, 40, np.random.default_rng(1))
    again, _ = shift.gate_films(films, 40, np.random.default_rng(1))
    assert shown.shape == (80, side, side) and shown.dtype == np.uint8 and wrong.tolist() == [0] * 40 + [1] * 40
    assert np.array_equal(shown, again) and np.array_equal(films, before)


def test_what_is_spoiled_is_no_longer_the_film():
    film = np.add.outer(np.arange(32) * 6, np.arange(32)).astype(np.uint8)
    rng = np.random.default_rng(0)
    spoiled = [shift.spoil(film, rng) for _ in range(60)]
    assert not any(np.array_equal(one, film) for one in spoiled)
    assert any(np.array_equal(one, 255 - film) for one in spoiled)
    assert any(np.array_equal(one, film[::-1]) for one in spoiled)
    assert any(np.array_equal(np.sort(one, None), np.sort(film, None)) and one[:16, :16].max() > film[:16].max()
               for one in spoiled)  # fmt: skip


def test_standardised_films_have_no_brightness_of_their_own():
    shown = shift.standardised(FILMS)
    assert np.allclose(shown.mean((1, 2)), 0, atol=1e-5)
    assert np.allclose(shown, shift.standardised(FILMS.astype(float) + 20), atol=1e-4)
    assert shift.standardised(FILMS[:1]).shape == (1, 32, 32)


HOLE = KNOWN.copy()
HOLE[3, 2] = np.nan
NETWORK = models.ResidualNetwork(3, 3, widths=(4, 8), blocks=(1, 1))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: shift.max_softmax(LOGITS[:, :1]), "2 or more"),
        (lambda: shift.energy(LOGITS[:, :1]), "2 or more"),
        (lambda: shift.energy(LOGITS[0]), "shape"),
        (lambda: shift.energy(LOGITS[:0]), "shape"),
        (lambda: shift.max_softmax(np.where(LOGITS > 5, np.nan, LOGITS)), "not a number"),
        (lambda: shift.mahalanobis(HOLE, LABELS, ASKED), "1 of 300 rows"),
        (lambda: shift.nearest(KNOWN, HOLE), "1 of 300 rows"),
        (lambda: shift.mahalanobis(KNOWN, LABELS, ASKED[:, :7]), "8 features, asked ones 7"),
        (lambda: shift.mahalanobis(KNOWN, LABELS[:-1], ASKED), "299 labels"),
        (lambda: shift.mahalanobis(KNOWN[:1], LABELS[:1], ASKED), "too few"),
        (lambda: shift.mahalanobis(KNOWN[:9], LABELS[:9], ASKED), "too few"),
        (lambda: shift.mahalanobis(np.full((300, 8), 0.1), LABELS, ASKED), "no spread"),
        (lambda: shift.mahalanobis(0.1 + LABELS[:, None] * np.ones(8), LABELS, ASKED), "no spread"),
        (lambda: shift.nearest(np.zeros((300, 8)), ASKED), "are all 0"),
        (lambda: shift.nearest(KNOWN, ASKED, 301), "1 to 300"),
        (lambda: shift.nearest(KNOWN, ASKED, 0), "1 to 300"),
        (lambda: shift.nearest(KNOWN, ASKED, 2.5), "whole number"),
        (lambda: shift.nearest(KNOWN[:, :1], ASKED[:, :1]), "2 or more"),
        (lambda: shift.mahalanobis(KNOWN, np.where(LABELS == 1, np.nan, LABELS), ASKED), "missing or below 0"),
        (lambda: shift.mahalanobis(KNOWN, LABELS - 1, ASKED), "missing or below 0"),
        (lambda: shift.mahalanobis(KNOWN, np.where(LABELS == 1, None, "a"), ASKED), "missing or below 0"),
        (lambda: shift.mahalanobis(KNOWN, LABELS, ASKED, -1e-6), "ridge is 0"),
        (lambda: shift.mahalanobis(KNOWN, LABELS, ASKED, np.nan), "ridge is 0"),
        (lambda: shift.mahalanobis(KNOWN[:, [0, 0]], LABELS, ASKED[:, :2], 0), "no inverse"),
        (lambda: shift.features([], torch.zeros(2, 3, 16, 16)), "one at least"),
        (lambda: shift.features([torch.nn.ReLU()], torch.zeros(2, 3, 16, 16)), "with weights"),
        (lambda: shift.features(NETWORK.features, np.zeros((2, 3, 16, 16))), "not ndarray"),
        (lambda: shift.features(NETWORK.features, torch.zeros(2, 1, 16, 16)), "3, rows, columns"),
        (lambda: shift.features(NETWORK.features, torch.zeros(3, 16, 16)), "shape"),
        (lambda: shift.features(NETWORK.features, torch.zeros(0, 3, 16, 16)), "shape"),
        (lambda: shift.features(NETWORK.features, torch.full((1, 3, 16, 16), torch.nan)), "finite"),
        (lambda: shift.features(NETWORK, torch.zeros(2, 3, 16, 16)), "give network.features"),
        (lambda: shift.features(["features"], torch.zeros(2, 3, 16, 16)), "give network.features"),
        (lambda: shift.features(NETWORK.features, torch.zeros(2, 3, 16, 16).double()), "make them one type"),
        (lambda: shift.mahalanobis(KNOWN, np.where(LABELS == 1, np.inf, LABELS), ASKED), "missing or below 0"),
        (lambda: shift.mahalanobis(KNOWN, (LABELS - 1).astype(object), ASKED), "missing or below 0"),
        (lambda: shift.mahalanobis(KNOWN, LABELS, ASKED, "a"), "ridge is 0"),
        (lambda: shift.gate_films(FILMS, 0, RNG), "above 0"),
        (lambda: shift.gate_films(FILMS, 2.0, RNG), "above 0"),
        (lambda: shift.gate_films(FILMS[:, :8, :8], 2, RNG), "12 pixels wide"),
        (lambda: shift.standardised(FILMS[..., None]), "grey and square"),
        (lambda: shift.standardised(FILMS[:, :30]), "grey and square"),
        (lambda: shift.standardised(FILMS[:0]), "grey and square"),
        (lambda: shift.standardised(FILMS[0]), "grey and square"),
        (lambda: shift.standardised(np.full((2, 32, 32), 7)), "2 of 2 films"),
        (lambda: shift.standardised(np.where(FILMS > 250, np.nan, FILMS)), "NaN"),
        (lambda: shift.standardised(np.where(FILMS > 250, np.inf, FILMS)), "∞"),
        (lambda: shift.standardised(np.where(FILMS > 250, -np.inf, FILMS)), "∞"),
        (lambda: shift.gate_films(np.zeros((2, 32, 32), np.uint8), 4, RNG), "one grey value"),
        (lambda: shift.gate_films(FILMS / 255, 4, RNG), "uint8, 0 to 255, not float64"),
        (lambda: shift.gate_films(FILMS.astype(np.uint16), 4, RNG), "not uint16"),
    ],
)
def test_bad_input_is_one_sentence(call, words):
    with pytest.raises(ValueError, match=words) as error:
        call()
    assert "\n" not in str(error.value)


def test_no_cell_before_theirs_reads_the_kinds_that_are_kept_aside():
    """Lesson 4.3: neither the tuple, nor a kind's name, nor a file that holds them."""
    path = notebook.ROOT / "episodes" / "episode04_evaluation" / "03_out_of_the_sandbox.ipynb"
    cells = [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    ids = [cell["id"] for cell in cells]
    at = ids.index("kept-aside")
    tree = ast.parse("".join(cells[at]["source"]))
    (kinds,) = [ast.literal_eval(node.value) for node in tree.body if isinstance(node, ast.Assign)
                and ast.unparse(node.targets[0]) == "KEPT_ASIDE"]  # fmt: skip
    assert len(kinds) >= 5 and len(set(kinds)) == len(kinds)
    secret = [*kinds, "KEPT_ASIDE", "kept_aside(", "ct_volume", "mr_series", "load_sample_images("]
    for cell in cells[:at]:
        text = "".join(cell["source"])
        assert not [word for word in secret if word in text], cell["id"]
