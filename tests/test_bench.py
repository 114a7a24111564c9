"""The recipe and its benchmark: rows are of the code as it is, and the table is what the predictions give."""
from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from utils import bench, evidence, recipes


@pytest.fixture(scope="module")
def rows():
    return evidence.read(bench.FILE)


def test_the_rows_were_made_by_the_code_as_it_is(rows):
    assert set(rows["code"]) == {bench.code()}, "the recipe changed since it was benchmarked: run `make bench`"


def test_every_variant_was_run_with_its_seeds_on_real_data(rows):
    real = rows[rows["source"] == "real"]
    wanted = {variant: list(bench.seeds(variant)) for variant in bench.VARIANTS}
    assert {variant: sorted(runs["seed"]) for variant, runs in real.groupby("variant")} == wanted
    assert len(wanted["full"]) == len(wanted["sprint"]) == 5 and real["data"].nunique() == 1


def test_the_numbers_are_those_of_the_predictions(rows):
    """Predictions are kept in 16 bits, which can change an answer only where the two highest become equal."""
    for _, row in rows[rows["source"] == "real"].iterrows():
        for split in ("val", "test"):
            truth, lesions = bench.answers(split)
            found = bench.predictions(row["variant"], split)[row["seed"]]
            assert len(truth) == len(lesions) == len(found)
            highest = np.sort(found, axis=1)
            tied, counts = truth[highest[:, -1] == highest[:, -2]], np.bincount(truth)
            allowed = {"auc": 0.003, "accuracy": len(tied) / len(truth),
                       "balanced": (1 / counts[tied]).sum() / len(counts),
                       "melanoma": (tied == bench.MELANOMA).sum() / counts[bench.MELANOMA]}  # fmt: skip
            for measure, value in bench.scores(truth, found).items():
                stored, who = row[f"{split}_{measure}"], (row["variant"], row["seed"], split, measure)
                assert value == pytest.approx(stored, abs=allowed[measure] + 1e-5), who


def test_without_siblings_fewer_images_are_trained_on(rows):
    counts = rows[rows["source"] == "real"].groupby("variant")["images"].first()
    assert counts["full, no test lesion in train"] < counts["full"] == counts["sprint"] == 7007


def test_macro_auc_is_that_of_the_definition():
    rng = np.random.default_rng(0)
    labels, found = rng.integers(0, 3, 60), rng.random((60, 3))
    by_pairs = []
    for c in range(3):
        own, others = found[labels == c, c], found[labels != c, c]
        by_pairs.append(np.mean([(a > b) + (a == b) / 2 for a in own for b in others]))
    assert bench.macro_auc(labels, found) == pytest.approx(np.mean(by_pairs))


def test_scores_of_a_perfect_and_of_a_constant_answer():
    labels = np.repeat(np.arange(7), 4)
    assert bench.scores(labels, np.eye(7)[labels]) == {"auc": 1, "accuracy": 1, "balanced": 1, "melanoma": 1}
    constant = bench.scores(labels, np.tile(np.eye(7)[5], (28, 1)))
    assert constant == {"auc": 0.5, "accuracy": pytest.approx(1 / 7), "balanced": pytest.approx(1 / 7), "melanoma": 0}


def test_the_recipe_learns_colour_and_grey_and_repeats_itself():
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    labels = np.arange(256) % 2
    images = (80 + 90 * labels[:, None, None] + rng.normal(0, 20, (256, 16, 16))).clip(0, 255).astype(np.uint8)
    grey = recipes.fast(images, labels, epochs=6, turns=False, progress="")
    assert (grey.predict(images).argmax(1) == labels).mean() > 0.9
    tinted = np.stack([images] * 3, 3)
    colour = [recipes.fast(tinted, labels, epochs=1, seed=1, progress="").predict(tinted) for _ in range(2)]
    assert np.array_equal(*colour)


def test_a_view_is_one_of_eight_and_a_shift_keeps_the_size():
    torch.manual_seed(0)
    batch = torch.rand(3, 2, 12, 12)
    for _ in range(5):
        assert recipes.shifted(batch).shape == batch.shape
    assert torch.equal(recipes.shifted(batch, most=0), batch)


def test_a_stale_or_missing_bench_is_said_in_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(bench, "FILE", tmp_path / "bench.csv")
    assert bench.main(["--show"]) == 1 and "make bench" in capsys.readouterr().out
    pd.DataFrame([{"variant": "full", "seed": 0, "source": "real", "code": "old"}]).to_csv(bench.FILE, index=False)
    assert bench.main(["--show"]) == 1
