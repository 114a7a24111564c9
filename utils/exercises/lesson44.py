"""Lesson 4.4, What do the maps know: its checks."""
import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from utils.exercises.expect import expect_array, expect_number, expect_shape, expect_type, number, refuse
from utils.lesson import exercise


@exercise("Exercise 1", "each channel counts by its mean slope, and only what speaks for the class is left")
def one_grad_cam(answer):
    rng = np.random.default_rng(0)
    activations, gradients = abs(rng.normal(size=(5, 4, 6))), rng.normal(0.3, 1, size=(5, 4, 6))
    against = -abs(gradients)  # no place speaks for the class
    for slopes in (gradients, gradients[:, ::-1], against):
        got = answer(activations, slopes)
        got = expect_shape(got, (4, 6), "return one map, (rows, columns), here {shape}; you return {got}")
        weights = slopes.mean((1, 2))[:, None, None]
        whole = weights * activations
        cam = np.maximum(whole.sum(0), 0)
        expect_array(got, cam, {
            "places that speak against the class are still there: set what is negative to 0": whole.sum(0),
            "you set to 0 before you sum: add the channels first, then set the negative sums to 0": (
                np.maximum(whole, 0).sum(0)),
            "you take the size of a negative sum; set it to 0 instead": abs(whole.sum(0)),
            "you multiply place by place: take the mean of each channel's gradients first, one weight a channel": (
                np.maximum((slopes * activations).sum(0), 0), (slopes * activations).sum(0)),
            "your weights are sums; the weight of a channel is the mean of its gradients": (
                np.maximum((whole * 24).sum(0), 0)),
            "you average over the channels; add them up": np.maximum(whole.mean(0), 0),
            "you weight the gradients by the activations; it is the other way round": np.maximum(
                (activations.mean((1, 2))[:, None, None] * slopes).sum(0), 0),
            "every channel counts alike: weight it by the mean of its gradients": activations.sum(0),
        }, "your map is off by up to {off:.3g}")  # fmt: skip


@exercise("Task", "little where all channels agree, much where one channel is loud alone")
def loud(answer):
    high = np.log2(7)
    expect_number(
        answer, 4 * (2 - high / 2),
        {
            "that is the mean alone, m; it is multiplied by how far its logarithm lies above the mean logarithm": 4.0,
            "the logarithm is to base 2: np.log2": (4 * (np.log(4) - np.log(7) / 2), np.log(4) - np.log(7) / 2),
            "you left out the m in front of the bracket": 2 - high / 2,
            "you took the difference the other way round": 4 * (high / 2 - 2),
            "the mean of the two logarithms is half their sum; you took the sum": 4 * (2 - high),
        },
        "you give {got:.3f}; m is 4, with logarithm 2, and the mean of log₂ 1 and log₂ 7 is 1.404",
        atol=0.0051,
    )  # fmt: skip


@exercise("Exercise 2", "ranks are compared, and a map without ranks gets no verdict")
def noticed(answer):
    rng = np.random.default_rng(3)
    one, other = rng.gamma(1, size=(2, 12, 9))
    half = one + 1.3 * other  # its rank correlation with `one` is between the limits below
    apart = np.zeros((2, 12, 9))
    apart[0, 3:5, 2:4], apart[1, 6:8, 5:7] = 1 + one[:2, :2], 1 + other[:2, :2]
    rho = spearmanr(one.ravel(), half.ravel())[0]
    flat = np.full((12, 9), 0.3)

    def verdict(a, b, limit):
        got = answer(a.copy(), b.copy(), limit)
        kinds = (bool, np.bool_, int, np.integer, float, np.floating)
        expect_type(got, kinds, "return True, False or np.nan; you return {kind}")
        refuse(got not in (0, 1) and not np.isnan(got), "return True, False or np.nan: a verdict, not the number {}",
               got)  # fmt: skip
        return got

    refuse(verdict(one, 3 * one + 1, 0.7) == 1, "the blank gives the very same map, and you say that yours noticed: "
           "it did where they do not agree")  # fmt: skip
    refuse(verdict(one, one**9, 0.7) == 1, "a map and its ninth power put all places in the same order: compare "
           "ranks, not values")  # fmt: skip
    refuse(verdict(one, other, 0.7) == 0, "two maps that have nothing to do with each other: yours noticed that")
    refuse(verdict(one, -one, 0.7) == 0, "the blank's map is yours upside down, −1: it lies below the limit, so yours "
           "noticed. Take rho as it is, not its size")  # fmt: skip
    refuse(verdict(*apart, 0.7) == 0, "most places of two maps are 0 and tie: give ties their mean rank, as "
           "scipy.stats.rankdata does")  # fmt: skip
    refuse(verdict(one, half, rho - 0.1) == 1 or verdict(one, half, rho + 0.1) == 0, "the limit is handed over: two "
           "maps that agree by {:.2f} pass a limit of {:.2f} and fail one of {:.2f}", rho, rho + 0.1, rho - 0.1)
    square = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[2.0, 4.0], [1.0, 3.0]])  # rho is 0
    refuse(verdict(*square, 0.0) == 0, "at most the limit means ≤: maps that agree by 0 pass a limit of 0")
    for a, b, which in ((one, flat, "blank's map"), (flat, one, "map"), (flat, flat + 1, "pair of maps")):
        got = verdict(a, b, 0.7)
        refuse(not np.isnan(got), "a {} that is alike everywhere has no ranks, so there is no verdict: return np.nan, "
               "not {}", which, got)  # fmt: skip


@exercise("Task", "the blank, run by you: a class that is never asked for cannot be missed")
def noticing(answer, own, blank):
    """The answer comes with the lesson's maps: {name: (n, rows, columns)}, the network's and the blank's."""
    expect_type(answer, dict, "give a dictionary, {{name: share}}; you give {kind}")
    refuse(set(answer) != set(blank), "give a share for each of {}", " and ".join(blank))
    for name, theirs in blank.items():
        rho = np.array([spearmanr(one.ravel(), other.ravel())[0] for one, other in zip(own[name], theirs, strict=True)])
        share = (rho <= 0.7).mean()
        expect_number(answer[name], share, {
            "{name}: that is the share that did not notice": 1 - share,
            "{name}: you count maps; divide by how many there are": (rho <= 0.7).sum(),
            "{name}: that is the mean rank correlation; count how many are at most .7": rho.mean(),
        }, "{name}: you give {got:.3f} where {truth:.3f} is right", name=name)  # fmt: skip


@exercise("Exercise 3", "a tie is shared, and an empty mask has no answer")
def pointing(answer):
    rng = np.random.default_rng(1)
    mask = np.zeros((6, 8), bool)
    mask[1:4, 2:5] = True
    peak = rng.normal(size=(6, 8))
    peak[2, 3] = 9
    away = np.where(mask, -3.0, peak - 20)
    tied = np.floor(2 * rng.random((6, 8)))
    tied[0, 0], tied[2, 2] = 1, 1
    near = np.zeros((6, 8))
    near[2, 3], near[0, 0] = 1, 1 - 1e-9
    for heat in (peak, away, tied, np.zeros((6, 8)), tied - 5, near):
        top = heat == heat.max()
        share = (top & mask).sum() / top.sum()
        expect_number(answer(heat, mask), share, {
            "where places tie you take the first; share the hit among all that are highest": (
                float(mask.ravel()[heat.argmax()])),
            "only equal places tie; a place that is nearly as high has lost": (
                float(mask[np.isclose(heat, heat.max())].mean())),
            "you count a hit if any of the tied places lies inside: then a map that is alike everywhere always "
            "hits": float((top & mask).any()),
            "you count places; divide by how many share the highest value": float((top & mask).sum()),
            "divide by how many places are highest, not by the size of the mask": (top & mask).sum() / mask.sum(),
            "that is how much of the map lies inside; ask where its highest place lies": (
                (heat * mask).sum() / (heat.sum() or 1)),
        }, "you give {got:.3f} where {truth:.3f} is right")  # fmt: skip
    got = number(answer(peak, np.zeros((6, 8), bool)))
    refuse(not np.isnan(got), "an empty mask cannot be hit: return np.nan, so that it is not counted as a miss; you "
           "return {:g}", got)  # fmt: skip


@exercise("Task", "a rival that has seen no network is the least that a map must beat")
def beaten(answer, table):
    """The answer comes with the lesson's table: mean pointing by map, rivals last."""
    expect_type(answer, (list, tuple, set, np.ndarray, pd.Index), "give a list of names; you give {kind}")
    names = [str(one) for one in answer]
    rivals = ["uniform", "average mask", "rule"]
    maps = table.drop(rivals)
    strange = [name for name in names if name not in table.index]
    refuse(strange, "no map is called {}: take the names from the table", ", ".join(strange))
    refuse(set(names) & set(rivals), "a rival is no map of the network: name maps only")
    right = set(maps.index[maps > table["average mask"]])
    refuse(set(names) == set(maps.index) - right, "these are the maps that lose; name those that point more often "
           "than the average mask")  # fmt: skip
    refuse(set(names) == set(maps.index[maps > table["uniform"]]) != right, "these beat the uniform map; compare with "
           "the average mask")  # fmt: skip
    for name in maps.index:
        refuse((name in names) != (name in right), "look at {} again: {:.3f}, and the average mask {:.3f}", name,
               maps[name], table["average mask"])  # fmt: skip


@exercise("Task", "change the thing itself, and watch the answer")
def changed(answer, with_blurred):
    """The answer comes with the lesson's function: marks of 60 healthy films to their chances of sick."""
    before, after = (with_blurred(np.full(60, mark)) for mark in (False, True))
    share = ((before > 0.5) != (after > 0.5)).mean()
    expect_number(answer, share, {
        "you count answers; divide by how many there are": share * 60,
        "that is how far the chance moves on average; count the answers that cross .5": (after - before).mean(),
        "that is the share called sick when blurred; how many of them were called healthy before": (
            (after > 0.5).mean()),
        "that is the share that does not change": 1 - share,
    }, "you give {got:.3f} where {truth:.3f} is right")  # fmt: skip
