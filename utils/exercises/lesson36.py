"""Lesson 3.6, One label, many images: its checks."""
import numpy as np
import pandas as pd

from utils.exercises.expect import expect_array, expect_number, expect_shape, expect_type, refuse
from utils.lesson import exercise


@exercise("Task", "what a finger on a random slice would hit, and what every map must beat")
def chance(answer, guilty, ill):
    """The answer comes with what the lesson has: guilty bool (bags, places) and ill bool (bags,)."""
    expect_number(
        answer, guilty[ill].mean(),
        {
            "that counts the bags without a guilty slice, too: take the positive bags only, [ill]": guilty.mean(),
            "that is how many slices are guilty; divide by how many there are": guilty[ill].sum(1).mean(),
            "that is the share of positive bags, not of guilty slices in them": ill.mean(),
            "each positive bag has a guilty slice, of course; the question is which share of its slices": 1.0,
        },
        "you give {got:.3f}; take the positive bags, and the mean over all their slices",
    )  # fmt: skip


def _softmax(scores, axis=1):
    share = np.exp(scores - scores.max(axis, keepdims=True))
    return share / share.sum(axis, keepdims=True)


@exercise("Exercise 1", "the weights sum to 1 over what is there, and an empty place has no say")
def attention_pool(answer):
    rng = np.random.default_rng(0)
    there = np.arange(7) < np.array([7, 4, 1, 6, 2])[:, None]
    for scale in (1.0, 1000.0):
        weights, vectors = scale * rng.normal(size=(5, 7)), rng.normal(size=(5, 7, 3))
        vectors[~there] = 9.0  # what lies in empty places means nothing
        got = answer(weights, vectors, there)
        refuse(np.shape(got) == (5, 7), "you return the weights; return the weighted sum of the vectors")
        got = expect_shape(got, (5, 3), "return one vector a bag, {shape}; you return {got}")
        refuse(not np.isfinite(got).all(), "large scores make your exponentials overflow: subtract each bag's "
               "largest score first")  # fmt: skip

        def pooled(share, vectors=vectors):
            return (share[..., None] * vectors).sum(1)

        filled = np.where(there, weights, -np.inf)
        mistakes = {
            "empty places still have weight: give them minus infinity before the exponential": _softmax(weights),
            "empty places still take their share of the 1: leave them out before you divide": _softmax(weights) * there,
            "your weights do not sum to 1: divide by their sum over the bag": np.exp(np.minimum(filled, 50)),
            "you average; each vector counts with its own weight": there / there.sum(1, keepdims=True),
            "your weights sum to 1 over the bags; they must do so within each bag, along axis 1": _softmax(filled, 0),
        }
        expect_array(got, pooled(_softmax(filled)), {words: pooled(share) for words, share in mistakes.items()},
                     "your pooled vectors are off by up to {off:.3g}")  # fmt: skip


@exercise("Exercise 2", "a tie is shared, so a network that looks everywhere alike scores chance")
def hit_rate(answer):
    rng = np.random.default_rng(1)
    guilty = np.zeros((40, 8), bool)
    guilty[np.arange(40), rng.integers(8, size=40) // 2] = True  # sorted data: the first half holds them
    guilty[:10, 1] = True
    for weights in (rng.normal(size=(40, 8)), np.ones((40, 8)), rng.integers(3, size=(40, 8)) / 2, -np.ones((40, 8))):
        top = weights == weights.max(1, keepdims=True)
        first = guilty[np.arange(40), weights.argmax(1)].mean()
        expect_number(
            answer(weights, guilty), ((top & guilty).sum(1) / top.sum(1)).mean(),
            {
                "where weights tie you take the first place; share the hit among all that have the highest": first,
                "you count a bag as hit if any of its tied places is guilty: then looking everywhere always hits": (
                    (top & guilty).any(1).mean()),
                "you count hits; divide by the number of bags": (top & guilty).sum(1).astype(float).sum(),
                "you pool all bags' places: take the share in each bag, then the mean over the bags": (
                    (top & guilty).sum() / top.sum()),
                "that is the weight on guilty places; ask where the highest weight lies": (
                    (weights * guilty).sum(1).mean()),
            },
            "you give {got:.3f} where {truth:.3f} is right",
        )  # fmt: skip


@exercise("Exercise 3", "the person no longer tells the label")
def fair_negatives(answer):
    table = pd.DataFrame({
        "bag": ["b7", "b1", "b4", "b2", "b9", "b3", "b5"],
        "person": ["P1", "P1", "P2", "P3", "P3", "P1", "P2"],
        "label": [0, 1, 0, 1, 0, 0, 0],
    }, index=[3, 1, 4, 1, 5, 9, 2])  # fmt: skip
    got = answer(table)
    expect_type(got, (list, tuple, np.ndarray, pd.Series, pd.Index), "return a list of bags; you return {kind}")
    got = list(got)
    refuse({"b1", "b2"} & set(got), "there is a positive bag in your list; only negatives are asked for")
    refuse(any(bag in ("b4", "b5") for bag in got), "P2 has negative bags only, so the person tells the label: leave "
           "such people out")  # fmt: skip
    refuse(any(bag in ("P1", "P3") for bag in got), "you return people; return their bags")
    refuse(sorted(map(str, got)) != ["b3", "b7", "b9"], "you return {}; each negative bag of a person with a positive "
           "bag belongs there, once", ", ".join(map(str, got)) or "nothing")  # fmt: skip
    refuse(got != ["b7", "b9", "b3"], "the right bags, in another order: keep that of the table")
    nobody = table[table["person"] == "P2"]
    refuse(len(list(answer(nobody))), "a table without any positive bag has no fair negatives: return an empty list")
