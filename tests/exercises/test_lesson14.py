"""Lesson 1.4, What did the model really learn?: what its checks must say."""
from support import *  # noqa: F403 the five tests, which read the two tables below

# {exercise: [(code that defines a wrong answer, words its message must hold), …]}
MISTAKES = {}

_BALANCED = (
    "def balanced_rows(hospital, sick, seed):\n"
    "    rng, rows = np.random.default_rng(seed), []\n"
    "    for name in np.unique(hospital):\n"
    "        ill, well = (np.flatnonzero((hospital == name) & (sick == value)) for value in (True, False))\n"
)
_DRAW = "        rows += [*rng.choice(ill, n, {0}), *rng.choice(well, n, {0})]\n    return {1}"
_LEAST = "        n = min(len(ill), len(well))\n"
MISTAKES["balanced_rows"] = [
    (
        "def balanced_rows(hospital, sick, seed):\n    rng = np.random.default_rng(seed)\n"
        "    ill, well = np.flatnonzero(sick), np.flatnonzero(~sick)\n    n = min(len(ill), len(well))\n"
        "    return np.concatenate([rng.choice(ill, n, False), rng.choice(well, n, False)])",
        "over all hospitals",
    ),
    (_BALANCED + "        n = max(len(ill), len(well))\n" + _DRAW.format("True", "np.array(rows)"), "drawn twice"),
    (_BALANCED + "        n = 5\n" + _DRAW.format("False", "np.array(rows)"), "rarest group of all"),
    (_BALANCED + "        n = 3\n" + _DRAW.format("False", "np.array(rows)"), "are possible"),
    (_BALANCED + _LEAST + _DRAW.format("False", "np.isin(np.arange(len(sick)), rows)"), "row numbers"),
    (_BALANCED + _LEAST + "        rows += [*ill[:n], *well[:n]]\n    return np.array(rows)", "another seed"),
    (
        (_BALANCED + _LEAST + _DRAW.format("False", "np.array(rows)")).replace("default_rng(seed)", "default_rng()"),
        "generator from the seed",
    ),
]
_MASK = (
    "def mask_text(pictures, box):\n    top, left, bottom, right = box\n    masked = pictures.copy()\n"
    "    part = masked[:, top:bottom, left:right]\n    "
)
MISTAKES["mask_text"] = [
    (_MASK + "part[part == 255] = 0\n    return masked", "outline of the letters"),
    (_MASK + "part[:] = part.mean(axis=(1, 2), keepdims=True)\n    return masked", "depends on what it hides"),
    (_MASK.replace("pictures.copy()", "pictures") + "part[:] = 0\n    return masked", "work on a copy"),
    (
        _MASK.replace("top, left, bottom, right", "left, top, right, bottom") + "part[:] = 0\n    return masked",
        "rows first",
    ),
    (_MASK.replace("masked[:, ", "masked[0, ") + "part[:] = 0\n    return masked", "only the first picture"),
    (_MASK + "part[:] = pictures[:, :1, :1]\n    return masked", "one value"),
    ("def mask_text(pictures, box):\n    return pictures[:, : box[0]]", "should keep it"),
]
_IGNORES = (
    "def ignores_marker(score, pictures, markers, tolerance):\n    before = score(pictures)\n"
    "    after = np.stack([score(np.maximum(pictures, marker)) for marker in markers])\n    return bool("
)
MISTAKES["ignores_marker"] = [
    (_IGNORES + "abs((after - before).mean(1)).max() <= tolerance)", "mean stays"),
    (_IGNORES + "(after - before).max() <= tolerance)", "say 'healthy'"),
    (_IGNORES + "abs(after[0] - before).max() <= tolerance)", "last of the names"),
    (_IGNORES + "abs(after - after[0]).max() <= tolerance)", "without a name"),
    (_IGNORES + "((after > 0) == (before > 0)).all())", "decision stays"),
    (_IGNORES + "np.median(abs(after - before), axis=1).max() <= tolerance)", "single film"),
    (_IGNORES + "(after == before).all())", "less than the tolerance"),
]

# {exercise: a correct answer that nobody would expect}
UNUSUAL = {}
UNUSUAL["balanced_rows"] = """
import pandas as pd

def balanced_rows(hospital, sick, seed):
    table = pd.DataFrame({"hospital": hospital, "sick": sick})
    least = table.groupby("hospital")["sick"].transform(lambda part: min(part.sum(), (~part).sum()))
    table = table.assign(least=least).sample(frac=1, random_state=seed)
    return table.index[table.groupby(["hospital", "sick"]).cumcount() < table["least"]]
"""
UNUSUAL["mask_text"] = """
def mask_text(pictures, box):
    rows, columns = np.indices(pictures.shape[1:])
    inside = (rows >= box[0]) & (rows < box[2]) & (columns >= box[1]) & (columns < box[3])
    return np.where(inside, 77, pictures)
"""
UNUSUAL["ignores_marker"] = """
def ignores_marker(score, pictures, markers, tolerance):
    for picture in pictures:
        for marker in markers:
            marked = np.where(marker == 255, 255, picture)
            if abs(score(marked[None]) - score(picture[None]))[0] > tolerance:
                return False
    return np.bool_(True)
"""
