"""The recipe: it learns, repeats itself, and what it saves is what it loads. Its benchmark: the stored numbers."""
from __future__ import annotations

import numpy as np
import pytest
import torch

from utils import augment, datasets, evidence, recipe
from utils.evaluation import metrics
from utils.training import TrainingError

MELANOMA = 4  # the class's number in DermaMNIST


pytestmark = pytest.mark.usefixtures("one_thread")


def grey_pictures(n=256):
    rng = np.random.default_rng(0)
    labels = np.arange(n) % 2
    images = (80 + 90 * labels[:, None, None] + rng.normal(0, 20, (n, 16, 16))).clip(0, 255).astype(np.uint8)
    return images, labels


def test_it_learns_colour_and_grey_and_repeats_itself():
    images, labels = grey_pictures()
    grey = recipe.fast(images, labels, epochs=6, turns=False, progress="")
    assert (grey.predict(images).argmax(1) == labels).mean() > 0.9
    tinted = np.stack([images] * 3, 3)
    colour = [recipe.fast(tinted, labels, epochs=1, seed=1, progress="").predict(tinted) for _ in range(2)]
    assert np.array_equal(*colour)


@pytest.mark.parametrize("turns", [True, False])
def test_a_saved_and_loaded_network_gives_the_same_answers(tmp_path, turns):
    images, labels = grey_pictures(128)
    file = tmp_path / "network.pt"
    trained = recipe.fast(images, labels, classes=["dark", "bright"], epochs=1, turns=turns, progress="")
    trained.save(file)
    loaded = recipe.Trained.load(file)
    assert np.array_equal(loaded.predict(images), trained.predict(images))
    assert loaded.classes == ("dark", "bright") and loaded.turns is turns
    assert loaded.history.equals(trained.history)
    torch.load(file, weights_only=True)  # numbers and names only: nothing in it is executed


def test_files_that_are_no_network(tmp_path):
    with pytest.raises(TrainingError, match="no file"):
        recipe.Trained.load(tmp_path / "nothing.pt")
    images, labels = grey_pictures(128)
    trained = recipe.fast(images, labels, epochs=1, progress="")
    trained.save(tmp_path / "whole.pt")
    whole = (tmp_path / "whole.pt").read_bytes()
    torch.save({"weights": {}}, tmp_path / "other.pt")
    (tmp_path / "half.pt").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.pt").write_text("not a network")
    for name in ("other.pt", "half.pt", "text.pt"):
        with pytest.raises(TrainingError, match=f"{name} is no network"):
            recipe.Trained.load(tmp_path / name)
    with pytest.raises(TrainingError, match="cannot be saved"):
        trained.save(tmp_path / "no" / "such" / "folder.pt")
    with pytest.raises(TrainingError, match="1 channel"):
        trained.predict(np.stack([images] * 3, 3))


def test_labels_and_names_that_do_not_fit():
    images, labels = grey_pictures(128)
    with pytest.raises(TrainingError):
        recipe.fast(images, labels, classes=["only one"], epochs=1, progress="")
    with pytest.raises(TrainingError, match="never seen"):
        recipe.fast(images, labels, classes=["dark", "bright", "never seen"], epochs=1, progress="")
    for wrong in (labels.astype(float) + 0.5, labels[:-1], np.full(128, "bright"), labels - 1):
        with pytest.raises(TrainingError):
            recipe.fast(images, wrong, epochs=1, progress="")


def test_a_view_is_one_of_eight_and_a_shift_keeps_the_size():
    torch.manual_seed(0)
    batch = torch.rand(3, 2, 12, 12)
    for _ in range(5):
        assert augment.shifted(batch).shape == batch.shape
    assert torch.equal(augment.shifted(batch, most=0), batch)


def test_mixup_blends_images_and_labels_in_the_same_shares():
    torch.manual_seed(0)
    labels = torch.tensor([0, 1, 2, 0])
    images = torch.nn.functional.one_hot(labels, 3).float()[:, :, None, None].expand(-1, -1, 4, 4)
    blended, soft = augment.Mixup(3, alpha=1.0)(images, labels)
    assert torch.allclose(blended[:, :, 0, 0], soft) and torch.allclose(soft.sum(1), torch.ones(4))
    assert ((soft > 0) & (soft < 1)).any()


# ---------------------------------------------------------------------------- the benchmark


@pytest.fixture(scope="module")
def rows():
    return evidence.table("bench").query("source == 'real'")


def test_every_variant_was_run_with_its_seeds_on_real_data(rows):
    seeds = {variant: sorted(runs["seed"]) for variant, runs in rows.groupby("variant")}
    assert seeds == {"sprint": [*range(5)], "full": [*range(5)], "full, no test lesion in train": [*range(3)]}
    assert rows["data"].nunique() == 1


def test_the_numbers_are_those_of_the_predictions(rows):
    """Predictions are kept in 16 bits, which can change an answer only where the two highest become equal."""
    for split in ("val", "test"):
        truth = evidence.reference("bench", "real", f"truth {split}")
        counts = np.bincount(truth)
        assert len(truth) == len(evidence.reference("bench", "real", f"lesion {split}"))
        for variant, stored in evidence.predictions("bench", "real", split).items():
            for row, found in zip(rows[rows["variant"] == variant].to_dict("records"), stored, strict=True):
                found = found.astype(np.float32)
                highest = np.sort(found, axis=1)
                tied = truth[highest[:, -1] == highest[:, -2]]
                recalls = metrics.recalls(truth, found.argmax(1), 7)
                numbers = {"auc": (metrics.macro_auc(truth, found), 0.003),
                           "accuracy": ((found.argmax(1) == truth).mean(), len(tied) / len(truth)),
                           "balanced": (recalls.mean(), (1 / counts[tied]).sum() / len(counts)),
                           "melanoma": (recalls[MELANOMA], (tied == MELANOMA).sum() / counts[MELANOMA])}  # fmt: skip
                for measure, (value, allowed) in numbers.items():
                    who = (variant, row["seed"], split, measure)
                    assert value == pytest.approx(row[f"{split}_{measure}"], abs=allowed + 1e-5), who


def test_without_siblings_fewer_images_are_trained_on(rows):
    counts = rows.groupby("variant")["images"].first()
    assert counts["full, no test lesion in train"] < counts["full"] == counts["sprint"] == 7007


def test_the_control_loses_as_many_other_images_in_whole_lesions(rows):
    control = evidence.table("siblings", "real")
    assert sorted(control["seed"]) == [*range(3)] and set(control["data"]) == set(rows["data"])
    in_train, in_test = (evidence.reference("bench", "real", f"lesion {name}") for name in ("train", "test"))
    known = np.isin(in_train, in_test)
    for out in evidence.reference("siblings", "real", "taken out").astype(bool):
        assert out.sum() == known.sum() and not (out & known).any()
        assert not np.isin(in_train[out], in_train[~out]).any(), "a lesion was torn apart"
        assert (control["images"] == (~out).sum()).all()


def test_the_numbers_of_the_control_are_those_of_its_predictions():
    truth = evidence.reference("bench", "real", "truth test")
    stored = evidence.predictions("siblings", "real", "test")["full, as many others out"].astype(np.float32)
    for row, found in zip(evidence.table("siblings", "real").to_dict("records"), stored, strict=True):
        assert metrics.macro_auc(truth, found) == pytest.approx(row["test_auc"], abs=0.003)
        assert (found.argmax(1) == truth).mean() == pytest.approx(row["test_accuracy"], abs=0.005)


@pytest.mark.real
def test_the_control_loses_the_classes_that_the_siblings_have():
    pile = datasets.load("dermamnist", metadata=True)
    if not pile.source.is_real:
        pytest.skip("the control was drawn from the real data")
    known = pile.train.table["lesion_id"].isin(pile.test.table["lesion_id"]).to_numpy()
    for out in evidence.reference("siblings", "real", "taken out").astype(bool):
        counts = [np.bincount(pile.train.labels[rows], minlength=7).tolist() for rows in (out, known)]
        assert counts[0] == counts[1]
