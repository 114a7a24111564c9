"""Lesson 2.4, What do the experts say?: what its checks must say."""
from support import *  # noqa: F403 the five tests, which read the two tables below

# {exercise: [(code that defines a wrong answer, words its message must hold), …]}
MISTAKES = {}

KAPPA = (
    "def kappa_by_hand(first, second):\n    observed = (first == second).mean()\n"
    "    names = np.union1d(first, second)\n"
    "    a, b = (np.array([(r == n).mean() for n in names]) for r in (first, second))\n"
)
MISTAKES["kappa_by_hand"] = [
    (KAPPA + "    return observed", "observed agreement"),
    (KAPPA + "    return observed - (a * b).sum()", "left to gain"),
    (KAPPA + "    return (observed - 0.5) / 0.5", "one in the number"),
    (KAPPA + "    e = (((a + b) / 2)**2).sum()\n    return (observed - e) / (1 - e)", "Scott's pi"),
    (KAPPA + "    e = (a * b)[-1]\n    return (observed - e) / (1 - e)", "sum over the labels"),
    (KAPPA + "    e = (a * b).sum()\n    return (observed - e) / (1 - e) if e < 1 else 1", "np.nan"),
    (
        "def kappa_by_hand(first, second):\n    table = pd.crosstab(first, second).to_numpy() / len(first)\n"
        "    o, e = np.trace(table), (table.sum(0)[:len(table)] * table.sum(1)[:table.shape[1]]).sum()\n"
        "    return (o - e) / (1 - e)",
        "for 4 labels",
    ),
]
MISTAKES["dice_by_rule"] = [
    ("def dice_by_rule(a, b, both_empty):\n    return 2 * (a & b).sum() / (a.sum() + b.sum())", "0/0"),
    ("def dice_by_rule(a, b, both_empty):\n    return (a & b).sum() / (a | b).sum()", "intersection over union"),
    ("def dice_by_rule(a, b, both_empty):\n    return (a & b).sum() / (a.sum() + b.sum())", "forget the 2"),
    ("def dice_by_rule(a, b, both_empty):\n    return 2 * (a * b).sum() / (a + b).sum()", "means or"),
    ("def dice_by_rule(a, b, both_empty):\n    return (2 * (a & b).sum() + 1) / (a.sum() + b.sum() + 1)", "hidden one"),
    (
        "def dice_by_rule(a, b, both_empty):\n"
        "    return 2 * (a & b).sum() / (a.sum() + b.sum()) if a.any() and b.any() else both_empty",
        "against an empty one",
    ),
    (
        "def dice_by_rule(a, b, both_empty):\n    return 2 * (a & b).sum() / max(a.sum() + b.sum(), 1)",
        "two empty masks should give",
    ),
]
MISTAKES["soft_consensus"] = [
    ("def soft_consensus(outlines, asked):\n    return outlines[asked].mean(axis=0) >= 0.5", "that is a vote"),
    ("def soft_consensus(outlines, asked):\n    return outlines[asked].sum(axis=0)", "you count the readers"),
    ("def soft_consensus(outlines, asked):\n    return outlines.mean(axis=0)", "was not asked"),
    (
        "def soft_consensus(outlines, asked):\n"
        "    return outlines[asked & outlines.any(axis=(1, 2))].mean(axis=0)",
        "drew nothing",
    ),
    ("def soft_consensus(outlines, asked):\n    return outlines[asked].mean()", "one number a pixel"),
]

# {exercise: a correct answer that nobody would expect}
UNUSUAL = {}
UNUSUAL["kappa_by_hand"] = """
from sklearn.metrics import cohen_kappa_score

def kappa_by_hand(first, second):
    return cohen_kappa_score(first, second) if len(np.union1d(first, second)) > 1 else float("nan")
"""
UNUSUAL["dice_by_rule"] = """
def dice_by_rule(first, second, both_empty):
    a, b = ({*zip(*np.nonzero(mask))} for mask in (first, second))
    try:
        return 1 - len(a ^ b) / (len(a) + len(b))
    except ZeroDivisionError:
        return both_empty
"""
UNUSUAL["soft_consensus"] = """
def soft_consensus(outlines, asked):
    return np.average(outlines, axis=0, weights=asked)
"""
