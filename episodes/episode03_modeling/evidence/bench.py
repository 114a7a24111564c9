"""The course's benchmark: the fast recipe on DermaMNIST's official split, and the test set opened.

`make bench` runs it over its variants and seeds; most of an hour on two cores. Lesson 3.2 reads
what it wrote. The recipe is frozen before the test set is opened, so nothing here may be chosen by
what comes out.
"""
import time

import numpy as np
import pandas as pd
from utils import datasets, recipe
from utils.evaluation import metrics

pile = datasets.load("dermamnist", metadata=True)
MELANOMA = pile.classes.index("mel")

# Name: epochs, and whether training keeps the images of lesions that are also in the test set.
VARIANTS = {
    "sprint": (recipe.SPRINT, True),
    "full": (recipe.EPOCHS, True),
    "full, no test lesion in train": (recipe.EPOCHS, False),
}
SEEDS = {"sprint": range(5), "full": range(5), "full, no test lesion in train": range(3)}
# Between machines: about three standard deviations of the seeds. Seconds belong to a machine.
TOLERANCE = {
    "images": 0, "train_seconds": float("inf"),
    "val_auc": 0.015, "val_accuracy": 0.015, "val_balanced": 0.06, "val_melanoma": 0.08,
    "test_auc": 0.010, "test_accuracy": 0.012, "test_balanced": 0.05, "test_melanoma": 0.08,
}  # fmt: skip

lesions = pd.factorize(
    pd.concat([part.table["lesion_id"] for part in (pile.train, pile.val, pile.test)])
)[0]
in_train, in_val, in_test = np.split(
    lesions, np.cumsum([len(pile.train.labels), len(pile.val.labels)])
)
REFERENCE = {  # what belongs to the predictions: the answer and the lesion's number of each image
    "truth val": pile.val.labels.astype(np.int8), "truth test": pile.test.labels.astype(np.int8),
    "lesion train": in_train.astype(np.int16), "lesion val": in_val.astype(np.int16),
    "lesion test": in_test.astype(np.int16),
}  # fmt: skip


def scores(labels, probabilities):
    """Macro AUC, accuracy, balanced accuracy (mean recall of the classes) and melanoma's recall."""
    answers = probabilities.argmax(1)
    recalls = metrics.recalls(labels, answers, len(pile.classes))
    return {"auc": metrics.macro_auc(labels, probabilities), "accuracy": (answers == labels).mean(),
            "balanced": recalls.mean(), "melanoma": recalls[MELANOMA]}  # fmt: skip


def experiment(variant, seed):
    """Train on the official training images, judge on the official validation and test images."""
    epochs, siblings = VARIANTS[variant]
    kept = np.ones(len(in_train), bool) if siblings else ~np.isin(in_train, in_test)
    started = time.perf_counter()
    trained = recipe.fast(
        pile.train.images[kept], pile.train.labels[kept], epochs=epochs, seed=seed
    )
    row = {"images": kept.sum(), "train_seconds": time.perf_counter() - started}
    predictions = {}
    for name, part in (("val", pile.val), ("test", pile.test)):
        found = trained.predict(part.images)
        row |= {f"{name}_{measure}": value for measure, value in scores(part.labels, found).items()}
        predictions[name] = found.astype(np.float16)
    return row | {"predictions": predictions}
