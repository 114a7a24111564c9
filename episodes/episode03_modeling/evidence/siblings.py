"""The control of the benchmark's last variant: as many *other* training images are taken out.

"full, no test lesion in train" (`bench.py`) loses 825 images, and not any 825: they hold a fifth of
the melanomas and a tenth of the moles. Here as many images leave, of the same classes and confirmed
in the same ways, whole lesions drawn by the seed, none of which is in the test set. What differs
between the two is then that one of them has met the test set's lesions. `make evidence
NB=siblings`; about seven minutes a seed on two cores.
"""

import time

import numpy as np
from utils import datasets, recipe
from utils.evaluation import metrics

pile = datasets.load("dermamnist", metadata=True)
MELANOMA = pile.classes.index("mel")

VARIANTS = {"full, as many others out": recipe.EPOCHS}
SEEDS = range(3)
TOLERANCE = {  # as in bench.py
    "images": 0, "train_seconds": float("inf"),
    "val_auc": 0.015, "val_accuracy": 0.015, "val_balanced": 0.06, "val_melanoma": 0.08,
    "test_auc": 0.010, "test_accuracy": 0.012, "test_balanced": 0.05, "test_melanoma": 0.08,
}  # fmt: skip

tested = pile.train.table["lesion_id"].isin(pile.test.table["lesion_id"]).to_numpy()


def control(seed):
    """Which training images are taken out: for each lesion that the test set knows, one like it.

    Like it: of the same class, with as many images in training, confirmed in the same way. Where
    none is left, smaller ones make up the number, or one that was confirmed otherwise.
    """
    rng = np.random.default_rng(seed)
    table = pile.train.table.assign(place=np.arange(len(tested)), label=pile.train.labels)
    lesions = table.groupby("lesion_id").agg(
        label=("label", "first"), way=("dx_type", "first"), places=("place", list)
    )
    lesions["known"] = [tested[places].any() for places in lesions["places"]]
    out = np.zeros(len(tested), bool)
    for _, group in lesions.groupby("label"):
        others = group[~group["known"]]
        free = list(others.iloc[rng.permutation(len(others))][["way", "places"]].to_numpy())
        known = group[group["known"]].sort_values("places", key=lambda one: -one.map(len))
        for way, places in known[["way", "places"]].to_numpy():
            missing = len(places)  # images that are still to be matched
            while missing:
                fits = [n for n, (_, places) in enumerate(free) if len(places) <= missing]
                best = max(fits, key=lambda n: (free[n][0] == way, len(free[n][1])))
                _, chosen = free.pop(best)
                out[chosen] = True
                missing -= len(chosen)
    return out


REFERENCE = {"taken out": np.array([control(seed) for seed in SEEDS], np.int8)}


def scores(labels, probabilities):
    """Macro AUC, accuracy, balanced accuracy (mean recall of the classes) and melanoma's recall."""
    answers = probabilities.argmax(1)
    recalls = metrics.recalls(labels, answers, len(pile.classes))
    return {"auc": metrics.macro_auc(labels, probabilities), "accuracy": (answers == labels).mean(),
            "balanced": recalls.mean(), "melanoma": recalls[MELANOMA]}  # fmt: skip


def experiment(variant, seed):
    """Train without the control's images, judge on the official validation and test images."""
    kept = ~control(seed)
    started = time.perf_counter()
    trained = recipe.fast(
        pile.train.images[kept], pile.train.labels[kept], epochs=VARIANTS[variant], seed=seed
    )
    row = {"images": kept.sum(), "train_seconds": time.perf_counter() - started}
    predictions = {}
    for name, part in (("val", pile.val), ("test", pile.test)):
        found = trained.predict(part.images)
        row |= {f"{name}_{measure}": value for measure, value in scores(part.labels, found).items()}
        predictions[name] = found.astype(np.float16)
    return row | {"predictions": predictions}
