"""The course's benchmark: the fast recipe on the official split of DermaMNIST, timed, and the test set opened.

    python -m utils.bench            train what is missing, print one table, keep it as evidence of lesson 3.2
    python -m utils.bench --show     print the table that is kept

The recipe is frozen before the test set is opened, so nothing here may be chosen by what the table shows.
"""
from __future__ import annotations

import argparse
import os
import sys
import time

import numpy as np
import pandas as pd

from utils import datasets, evidence, fingerprint, recipes
from utils.datasets import Images

FILE = evidence.EPISODES / "episode03_modeling" / "evidence" / "bench.csv"
SEEDS = {"full, no test lesion in train": range(3)}  # what has no entry gets five
VARIANTS = {  # name: (epochs, whether training keeps the images of lesions that are also in the test set)
    "sprint": (recipes.SPRINT, True),
    "full": (recipes.EPOCHS, True),
    "full, no test lesion in train": (recipes.EPOCHS, False),
}
MELANOMA = 4


def macro_auc(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean over the classes of the area under each class's ROC curve against the rest, as MedMNIST counts it.

    Args:
        labels: int (n,); each class occurs and none is alone.
        probabilities: (n, classes).
    """
    from sklearn.metrics import roc_auc_score

    return float(np.mean([roc_auc_score(labels == c, probabilities[:, c]) for c in range(probabilities.shape[1])]))


def scores(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """Macro AUC, accuracy, balanced accuracy (mean recall of the classes) and melanoma's recall."""
    said = probabilities.argmax(1)
    recall = [float((said[labels == c] == c).mean()) for c in range(probabilities.shape[1])]
    return {"auc": macro_auc(labels, probabilities), "accuracy": float((said == labels).mean()),
            "balanced": float(np.mean(recall)), "melanoma": recall[MELANOMA]}  # fmt: skip


def run(pile: Images, variant: str, seed: int) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Train once on the official training images and judge on the official validation and test images.

    Args:
        pile: DermaMNIST with its metadata.

    Returns:
        The row's numbers (seconds are of training alone), and the probabilities of val and test, (n, 7).
    """
    epochs, siblings = VARIANTS[variant]
    known = pile.train.table["lesion_id"].isin(pile.test.table["lesion_id"]).to_numpy()
    chosen = np.ones(len(known), bool) if siblings else ~known
    started = time.perf_counter()
    images, labels = pile.train.images[chosen], pile.train.labels[chosen]
    trained = recipes.fast(images, labels, epochs=epochs, seed=seed)
    row, found = {"images": int(chosen.sum()), "seconds": time.perf_counter() - started}, {}
    for name, split in (("val", pile.val), ("test", pile.test)):
        found[name] = trained.predict(split.images)
        row |= {f"{name}_{measure}": value for measure, value in scores(split.labels, found[name]).items()}
    return row, found


def code() -> str:
    """Hash of all the code that a row depends on, the door to the data apart."""
    sources = ["from utils import bench\nbench.run", "from utils import bench\nbench.VARIANTS"]
    return fingerprint.digest(repr(fingerprint.code_of(sources, ("utils.datasets",))), 12)


def seeds(variant: str) -> range:
    """The seeds with which a variant is trained."""
    return SEEDS.get(variant, range(5))


def kept() -> pd.DataFrame:
    """The rows made by the code as it is now, one a run; without columns where there are none."""
    if not FILE.exists():
        return pd.DataFrame()
    rows = evidence.read(FILE)
    return rows[rows["code"] == code()].reset_index(drop=True)


def is_kept(variant: str, seed: int, source: str, data: str) -> bool:
    """Whether this run has a row."""
    rows = kept()
    same = {"variant": variant, "seed": seed, "source": source, "data": data}
    return len(rows) > 0 and bool((rows[list(same)] == list(same.values())).all(axis=1).any())


def predictions(variant: str, split: str) -> np.ndarray:
    """Probabilities kept for a variant on real data, (seeds, images, 7), seeds ascending; split "val" or "test".

    Beside them stand the labels, `truth`, and the number of each image's lesion, `lesion`: see `answers`.
    """
    with np.load(FILE.with_suffix(".npz")) as store:
        return np.stack([store[f"{variant}|{seed}|{split}"] for seed in seeds(variant)]).astype(np.float32)


def answers(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Labels (images,) and lesion numbers (images,) that belong to `predictions`."""
    with np.load(FILE.with_suffix(".npz")) as store:
        return store[f"truth|{split}"], store[f"lesion|{split}"]


def lesions_in_train() -> np.ndarray:
    """The number of each training image's lesion, numbered as in `answers`."""
    with np.load(FILE.with_suffix(".npz")) as store:
        return store["lesion|train"]


def keep(pile: Images, row: dict, found: dict[str, np.ndarray]) -> None:
    """Add one run to the evidence; predictions are kept for real data only."""
    rows = kept()
    if len(rows):
        same = (rows["variant"] == row["variant"]) & (rows["seed"] == row["seed"]) & (rows["source"] == row["source"])
        rows = rows[~same]
    rows = pd.concat([rows, pd.DataFrame([row])]).sort_values(["source", "variant", "seed"])
    FILE.parent.mkdir(parents=True, exist_ok=True)
    rows.to_csv(FILE, index=False, lineterminator="\n", float_format="%.6g")
    if row["source"] != "real":
        return
    store = FILE.with_suffix(".npz")
    current = {f"{v}|{s}" for v, s in zip(rows["variant"], rows["seed"], strict=True)}
    arrays = dict(np.load(store)) if store.exists() else {}
    arrays = {name: array for name, array in arrays.items() if name.rpartition("|")[0] in current}
    lesions = pd.factorize(pd.concat([part.table["lesion_id"] for part in (pile.train, pile.val, pile.test)]))[0]
    in_train, *others = np.split(lesions, np.cumsum([len(pile.train.labels), len(pile.val.labels)]))
    arrays["lesion|train"] = in_train.astype(np.int16)
    for name, part, numbers in zip(("val", "test"), (pile.val, pile.test), others, strict=True):
        arrays |= {f"truth|{name}": part.labels.astype(np.int8), f"lesion|{name}": numbers.astype(np.int16),
                   f"{row['variant']}|{row['seed']}|{name}": found[name].astype(np.float16)}  # fmt: skip
    np.savez_compressed(store, **arrays)


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """One line a variant: means over the seeds, with the standard deviation of test results."""
    groups = rows.groupby(["source", "variant"])
    measures = ["images", "seconds", "val_auc", "val_accuracy", "test_auc", "test_accuracy", "test_melanoma"]
    means = groups[measures].mean()
    return means.assign(seeds=groups.size(), test_auc_sd=groups["test_auc"].std(),
                        test_accuracy_sd=groups["test_accuracy"].std())  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Train every variant and seed that has no row yet, then print the table."""
    import torch

    from utils import training

    parser = argparse.ArgumentParser(prog="python -m utils.bench", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--show", action="store_true", help="print the table that is kept, train nothing")
    parser.add_argument("--only", metavar="VARIANT", choices=list(VARIANTS), help="this variant alone")
    options = parser.parse_args(arguments)
    if not options.show:
        pile = datasets.load("dermamnist", metadata=True)
        source = "real" if pile.source.is_real else "synthetic"
        print(pile.source)
        for variant in [options.only] if options.only else VARIANTS:
            for seed in seeds(variant):
                if is_kept(variant, seed, source, pile.source.fingerprint):
                    continue
                numbers, found = run(pile, variant, seed)
                row = {"variant": variant, "seed": seed, "source": source, "data": pile.source.fingerprint,
                       "device": "cuda" if torch.cuda.is_available() else "cpu", "threads": torch.get_num_threads(),
                       "cores": os.cpu_count(), "precision": str(training.fast_precision()).removeprefix("torch."),
                       "code": code(), **numbers}  # fmt: skip
                keep(pile, row, found)
                print(f"{variant}, seed {seed}: {numbers['seconds']:.0f} s", flush=True)
    rows = kept()
    if rows.empty:
        print("No run is kept for the code as it is now: run `make bench`.")
        return 1
    print(table(rows).round(3).to_string())
    print("Published test results on DermaMNIST at 28 pixels, AUC / accuracy: ResNet-18 .917 / .735, Google AutoML "
          "Vision .914 / .768 (Yang et al. 2023); best pretrained network .927 / .766 (Doerrich et al. 2025, each the "
          "best of its column).")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
