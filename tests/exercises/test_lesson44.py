"""What the checks of lesson 4.4 must say."""
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
RANKS = "def survives(one, control, limit):\n    "
FLAT = "if np.ptp(one) == 0 or np.ptp(control) == 0:\n        return np.nan\n    "
RHO = "a, b = rankdata(one), rankdata(control)\n    rho = np.corrcoef(a, b)[0, 1]\n    "
MISTAKES["survives"] = [
    (RANKS + FLAT + RHO + "return rho > limit", "very same map"),
    (RANKS + FLAT + "return np.corrcoef(one.ravel(), control.ravel())[0, 1] <= limit", "ninth power"),
    (RANKS + FLAT + RHO + "return False", "nothing to do with each other"),
    (RANKS + FLAT + "a, b = (x.ravel().argsort().argsort() for x in (one, control))\n    "
     "return np.corrcoef(a, b)[0, 1] <= limit", "mean rank"),
    (RANKS + FLAT + RHO + "return rho <= 0.7", "the limit is handed over"),
    (RANKS + "if np.ptp(control) == 0:\n        return True\n    "
     + FLAT + RHO + "return rho <= limit", "a control that"),
    (RANKS + "if np.ptp(one) == 0:\n        return False\n    " + FLAT + RHO + "return rho <= limit", "a map that"),
    (RANKS + "return 'yes'", "True, False or np.nan"),
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
    "survives": RANKS + """import warnings
    warnings.simplefilter("ignore")
    rho = pd.Series(one.ravel()).corr(pd.Series(control.ravel()), method="spearman")
    return rho if np.isnan(rho) else not rho > limit""",
    "pointing": POINT + """inside = [m for h, m in zip(heat.ravel(), mask.ravel()) if h == np.max(heat)]
    return np.mean(inside) if np.sum(mask) else float("nan")""",
}

TABLE = pd.Series({"gradient": 0.3, "Grad-CAM": 0.8, "SMOE Scale": 0.02, "uniform": 0.08, "average mask": 0.48,
                   "darkest pixel": 0.0})  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (..., "blank", "not attempted"),
        (["Grad-CAM"], "done", "seen no network"),
        ({"Grad-CAM"}, "done", "seen no network"),
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
        (0.8048, "wrong", "you give 0.805"),
        (2.5 * 0.32192809488736235, "done", "loud alone"),
        (2.5, "wrong", "the mean alone"),
        (0.32192809488736235, "wrong", "in front of the bracket"),
        (-2.5 * 0.32192809488736235, "wrong", "other way round"),
        (2.5 * (0.32192809488736235 - 1), "wrong", "their sum"),
        (2.5 * (0.9162907318741551 - 0.6931471805599453), "wrong", "base 2"),
        ([1, 2], "wrong", "one number"),
    ],
)
def test_the_task_by_hand(answer, state, words):
    verdict = lesson44.loud(answer)
    assert verdict.state == state and words in verdict.message, verdict
