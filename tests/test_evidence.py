"""One random affordable row of each lesson's evidence is run again and compared."""
from __future__ import annotations

import random

import pytest

from utils import evidence, notebooks

WITH_EVIDENCE = [path for path in notebooks.all_notebooks() if notebooks.evidence_cells(path)]
AFFORDABLE = 30.0  # seconds


@pytest.mark.parametrize("path", WITH_EVIDENCE, ids=lambda path: path.stem)
def test_a_random_row_can_be_made_again(path, record_property):
    namespace = notebooks.experiment_of(path)
    source = notebooks.source_of(namespace)
    runs = evidence.table(path.stem, source)
    assert len(runs) == len(namespace["VARIANTS"]) * len(list(namespace["SEEDS"])), "a run is missing"
    same_data = runs if source is None else runs[runs["data"] == source.fingerprint]
    if same_data.empty:
        assert source.is_real, "the generator changed: run `make evidence` for synthetic data again"
        pytest.skip("the evidence was gathered on another copy of this data set, so numbers may differ a little")
    row = random.choice(same_data[same_data["seconds"] <= AFFORDABLE].to_dict("records"))
    print(f"again: {row['variant']}, seed {row['seed']}")
    metrics, _, _ = notebooks.one_run(namespace, row["variant"], int(row["seed"]))
    tolerance = namespace["TOLERANCE"]
    for name, value in metrics.items():
        allowed = tolerance[name] if isinstance(tolerance, dict) else tolerance
        assert value == pytest.approx(row[name], abs=allowed, nan_ok=True), (row["variant"], row["seed"], name)


@pytest.mark.parametrize("path", WITH_EVIDENCE, ids=lambda path: path.stem)
def test_evidence_covers_real_and_synthetic_data_with_five_seeds(path):
    runs = evidence.read(evidence.path(path.stem))
    assert set(evidence.KEYS) <= set(runs.columns)
    stamped = notebooks.read(path)["metadata"]["course"]["data"]
    on_real_data = any("synthetic" not in line for line in stamped)
    assert set(runs["source"]) == ({"real", "synthetic"} if on_real_data else {"synthetic"})
    assert runs.groupby(["source", "variant"])["seed"].nunique().min() >= 5
    assert notebooks.stale_evidence(path) == []


def test_missing_evidence_is_one_sentence():
    with pytest.raises(evidence.EvidenceError, match="No lesson is called"):
        evidence.table("99_nothing")
