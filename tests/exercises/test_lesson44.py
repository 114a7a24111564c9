"""What the checks of lesson 4.4 must say."""
import numpy as np
import pandas as pd
import pytest
from support import *  # noqa: F403 the five tests, which read the two tables below

from utils.exercises import lesson44

# {exercise: [(code that defines a wrong answer, words its message must hold), …]}
MISTAKES = {}
CAM = "def one_grad_cam(activations, gradients):\n    weights = gradients.mean(axis=(1, 2))[:, None, None]\n    "
MISTAKES["one_grad_cam"] = [
    (CAM + "return (weights * activations).sum(axis=0)", "speak against the class"),
    (CAM + "return np.maximum(weights * activations, 0).sum(axis=0)", "before you sum"),
    (CAM + "return abs((weights * activations).sum(axis=0))", "size of a negative sum"),
    (CAM + "return np.maximum((gradients * activations).sum(axis=0), 0)", "place by place"),
    (CAM + "return np.maximum((gradients.sum(axis=(1, 2))[:, None, None] * activations).sum(axis=0), 0)", "are sums"),
    (CAM + "return np.maximum((weights * activations).mean(axis=0), 0)", "average over the channels"),
    (CAM + "return np.maximum((activations.mean(axis=(1, 2))[:, None, None] * gradients).sum(axis=0), 0)",
     "other way round"),
    (CAM + "return activations.sum(axis=0)", "counts alike"),
    (CAM + "return np.maximum(weights * activations, 0)", "return one map"),
    (CAM + "return np.maximum((weights * activations).sum(axis=0), 0) / 2", "off by up to"),
]  # fmt: skip
RANKS = "def noticed(one, blank, limit):\n    "
FLAT = "if np.ptp(one) == 0 or np.ptp(blank) == 0:\n        return np.nan\n    "
RHO = "a, b = rankdata(one), rankdata(blank)\n    rho = np.corrcoef(a, b)[0, 1]\n    "
MISTAKES["noticed"] = [
    (RANKS + FLAT + RHO + "return rho > limit", "very same map"),
    (RANKS + FLAT + "return np.corrcoef(one.ravel(), blank.ravel())[0, 1] <= limit", "ninth power"),
    (RANKS + FLAT + RHO + "return False", "nothing to do with each other"),
    (RANKS + FLAT + "a, b = (x.ravel().argsort().argsort() for x in (one, blank))\n    "
     "return np.corrcoef(a, b)[0, 1] <= limit", "mean rank"),
    (RANKS + FLAT + RHO + "return rho <= 0.7", "the limit is handed over"),
    (RANKS + "if np.ptp(blank) == 0:\n        return True\n    "
     + FLAT + RHO + "return rho <= limit", "a blank's map that"),
    (RANKS + "if np.ptp(one) == 0:\n        return False\n    " + FLAT + RHO + "return rho <= limit", "a map that"),
    (RANKS + "return 'yes'", "True, False or np.nan"),
    (RANKS + FLAT + RHO + "return rho", "a verdict, not the number"),
    (RANKS + FLAT + RHO + "return abs(rho) <= limit", "upside down"),
    (RANKS + FLAT + RHO + "return rho < limit", "at most the limit"),
    (RANKS + "if (np.ptp(one) == 0) != (np.ptp(blank) == 0):\n        return np.nan\n    "
     "if np.ptp(one) == 0:\n        return False\n    " + RHO + "return rho <= limit", "a pair of maps that"),
]  # fmt: skip
POINT = "def pointing(heat, mask):\n    "
EMPTY = "if not mask.any():\n        return np.nan\n    "
TOP = "top = heat == heat.max()\n    "
MISTAKES["pointing"] = [
    (POINT + EMPTY + "return float(mask.ravel()[heat.argmax()])", "you take the first"),
    (POINT + EMPTY + TOP + "return float((top & mask).any())", "always hits"),
    (POINT + EMPTY + TOP + "return float((top & mask).sum())", "you count places"),
    (POINT + EMPTY + TOP + "return (top & mask).sum() / mask.sum()", "size of the mask"),
    (POINT + EMPTY + "return (heat * mask).sum() / heat.sum()", "how much of the map"),
    (POINT + TOP + "return (top & mask).sum() / top.sum()", "cannot be hit"),
    (POINT + EMPTY + "return mask[np.isclose(heat, heat.max())].mean()", "nearly as high"),
    (POINT + "return heat.argmax(axis=0)", "one number"),
    (POINT + "return 0.123", "is right"),
]

# {exercise: code of a right answer that is not the published one}
UNUSUAL = {
    "one_grad_cam": """def one_grad_cam(activations, gradients):
    total = 0
    for channel, slopes in zip(activations, gradients):
        total = total + channel * slopes.sum() / slopes.size
    return (total * (total > 0)).tolist()""",
    "noticed": RANKS + """import warnings
    warnings.simplefilter("ignore")
    rho = pd.Series(one.ravel()).corr(pd.Series(blank.ravel()), method="spearman")
    return rho if np.isnan(rho) else not rho > limit""",
    "pointing": POINT + """inside = [m for h, m in zip(heat.ravel(), mask.ravel()) if h == np.max(heat)]
    return np.mean(inside) if np.sum(mask) else float("nan")""",
}

LOG7 = 2.807354922057604
TABLE = pd.Series({"gradient": 0.3, "Grad-CAM": 0.8, "SMOE Scale": 0.02, "uniform": 0.08, "average mask": 0.48,
                   "rule": 0.9})  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (..., "blank", "not attempted"),
        (["Grad-CAM"], "done", "seen no network"),
        ({"Grad-CAM"}, "done", "seen no network"),
        (TABLE.index[1:2], "done", "seen no network"),
        (["gradient", "SMOE Scale"], "wrong", "maps that lose"),
        (["gradient", "Grad-CAM"], "wrong", "beat the uniform map"),
        (["Grad-CAM", "SMOE Scale"], "wrong", "SMOE Scale again: 0.020"),
        ([], "wrong", "Grad-CAM again"),
        (["average mask"], "wrong", "no map of the network"),
        (["Grad-Cam"], "wrong", "no map is called Grad-Cam"),
        ("Grad-CAM", "wrong", "a list of names"),
    ],
)
def test_the_task_of_the_rival(answer, state, words):
    verdict = lesson44.beaten(answer, TABLE)
    assert verdict.state == state and words in verdict.message, verdict


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (..., "blank", "not attempted"),
        (1.5, "wrong", "you give 1.500"),
        (4 * (2 - LOG7 / 2), "done", "loud alone"),
        (2.39, "done", "loud alone"),
        (4, "wrong", "the mean alone"),
        (2 - LOG7 / 2, "wrong", "in front of the bracket"),
        (4 * (LOG7 / 2 - 2), "wrong", "other way round"),
        (4 * (2 - LOG7), "wrong", "you took the sum"),
        (4 * (1.3862943611198906 - 1.9459101490553132 / 2), "wrong", "base 2"),
        ([1, 2], "wrong", "one number"),
    ],
)
def test_the_task_by_hand(answer, state, words):
    verdict = lesson44.loud(answer)
    assert verdict.state == state and words in verdict.message, verdict


RNG = np.random.default_rng(0)
OWN = {"SMOE Scale": RNG.random((4, 6, 6)), "Grad-CAM": RNG.random((4, 6, 6))}
BLANK = {"SMOE Scale": np.concatenate([OWN["SMOE Scale"][:3], RNG.random((1, 6, 6))]),
         "Grad-CAM": RNG.random((4, 6, 6))}  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (..., "blank", "not attempted"),
        ({"SMOE Scale": 0.25, "Grad-CAM": 1}, "done", "cannot be missed"),
        ({"SMOE Scale": np.float64(0.25), "Grad-CAM": 1.0}, "done", "cannot be missed"),
        ({"SMOE Scale": 0.75, "Grad-CAM": 1}, "wrong", "SMOE Scale: that is the share that did not notice"),
        ({"SMOE Scale": 0.25, "Grad-CAM": 4}, "wrong", "Grad-CAM: you count maps"),
        ({"SMOE Scale": 0.4, "Grad-CAM": 1}, "wrong", "SMOE Scale: you give 0.400"),
        ({"SMOE Scale": 0.25}, "wrong", "a share for each"),
        (0.25, "wrong", "a dictionary"),
    ],
)
def test_the_task_of_the_blank(answer, state, words):
    verdict = lesson44.noticing(answer, OWN, BLANK)
    assert verdict.state == state and words in verdict.message, verdict


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (..., "blank", "not attempted"),
        (0.75, "done", "watch the answer"),
        (45, "wrong", "count answers"),
        (0.25, "wrong", "does not change"),
        (0.8, "wrong", "called sick when blurred"),
        (0.6, "wrong", "how far the chance moves"),
        (0.5, "wrong", "you give 0.500"),
    ],
)
def test_the_task_of_the_blur(answer, state, words):
    def with_blurred(marked):  # 3 of 60 are called sick before, 48 when blurred; the mean chance rises by .6
        before = np.where(np.arange(60) < 3, 0.9, 0.1)
        after = np.where(np.arange(60) < 48, 0.9, 0.1) + 0.0
        return np.where(marked, after, before)

    verdict = lesson44.changed(answer, with_blurred)
    assert verdict.state == state and words in verdict.message, verdict
