"""Lesson 1.2, What is in a file?: what its checks must say."""
from support import *  # noqa: F403 the five tests, which read the two tables below

# {exercise: [(code that defines a wrong answer, words its message must hold), …]}
MISTAKES = {}

MISTAKES["to_hu"] = [
    ("def to_hu(stored, header):\n    return stored", "still the stored values"),
    ("def to_hu(stored, header):\n    return stored.astype(float) + header['intercept']", "multiply first"),
    (
        "def to_hu(stored, header):\n    return (stored.astype(float) + header['intercept']) * header['slope']",
        "before you multiply",
    ),
    (
        "def to_hu(stored, header):\n"
        "    return stored * np.array(header['slope']).astype(stored.dtype if header['slope'] == 1 else float)"
        " + np.array(header['intercept']).astype(stored.dtype if header['slope'] == 1 else float)",
        "wrap round",
    ),
    (
        "def to_hu(stored, header):\n    return stored.astype(float) * header['slope'] + header['intercept']",
        "never measured",
    ),
    ("def to_hu(stored, header):\n    stored[:] = 0\n    return stored.astype(float)", "make a new one"),
]
MISTAKES["in_order"] = [
    ("def in_order(table):\n    return list(table.sort_values('instance')['name'])", "InstanceNumber"),
    ("def in_order(table):\n    return sorted(table['name'])", "file name"),
    (
        "def in_order(table):\n"
        "    return list(table.assign(z=[p[2] for p in table['position']]).sort_values('z')['name'])",
        "wrong for sagittal",
    ),
    (
        "def in_order(table):\n"
        "    return list(table.assign(d=[np.linalg.norm(p) for p in table['position']]).sort_values('d')['name'])",
        "not neighbours in the body",
    ),
    ("def in_order(table):\n    return list(np.argsort(table['instance']))", "file names in order"),
]
MISTAKES["still_named"] = [
    (
        "def still_named(pictures, box):\n    top, left, bottom, right = box\n"
        "    return int(np.argmax([p[top:bottom, left:right].max() > 0 for p in pictures]))",
        "blank need not mean 0",
    ),
    ("def still_named(pictures, box):\n    return int(np.argmax([p.std() for p in pictures]))", "you say picture"),
    (
        "def still_named(pictures, box):\n    top, left, bottom, right = box\n"
        "    return [p[top:bottom, left:right].std() > 0 for p in pictures]",
        "number of the picture",
    ),
]

# {exercise: a correct answer that nobody would expect}
UNUSUAL = {}
UNUSUAL["to_hu"] = """
def to_hu(stored, header):
    value = lambda v: np.nan if v == header["padding"] else v * header["slope"] + header["intercept"]
    return [[value(int(v)) for v in row] for row in stored]
"""
UNUSUAL["in_order"] = """
def in_order(table):
    places = np.array(table["position"].tolist())
    depth = np.linalg.svd(places - places.mean(axis=0))[0][:, 0]
    return pd.Series(table["name"].to_numpy()[np.argsort(-depth)])
"""
UNUSUAL["still_named"] = """
def still_named(pictures, box):
    top, left, bottom, right = box
    return [i for i, p in enumerate(pictures) if len(set(p[top:bottom, left:right].ravel().tolist())) > 1]
"""
