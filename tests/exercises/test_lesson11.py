"""Lesson 1.1, What is in the pile?: what its checks must say."""
from support import *  # noqa: F403 the five tests, which read the two tables below

# {exercise: [(code that defines a wrong answer, words its message must hold), …]}
MISTAKES = {}

_RATIO = "def imbalance_ratio(labels):\n    n = np.unique(labels, return_counts=True)[1]\n    return "
MISTAKES["imbalance_ratio"] = [
    (_RATIO + "n.min() / n.max()", "turn it round"),
    ("def imbalance_ratio(labels):\n    n = np.bincount(labels)\n    return n.max() / n.min()", "do not occur"),
    (_RATIO + "n.max() / n.mean()", "average one"),
    (_RATIO + "n.max() // n.min()", "fraction"),
    (_RATIO + "n.max() / len(labels)", "share of the largest"),
    (_RATIO + "n.max() - n.min()", "should give"),
]
MISTAKES["find_copies"] = [
    (
        "def find_copies(images):\n    n = range(len(images))\n"
        "    return [(i, j) for i in n for j in n if (images[i] == images[j]).all()]",
        "no copy of itself",
    ),
    (
        "def find_copies(images):\n    n = range(len(images))\n"
        "    return [(i, j) for i in n for j in n if i != j and (images[i] == images[j]).all()]",
        "smaller number first",
    ),
    (
        "def find_copies(images):\n    n, means = len(images), images.reshape(len(images), -1).mean(axis=1)\n"
        "    return [(i, j) for i in range(n) for j in range(i + 1, n) if means[i] == means[j]]",
        "different places",
    ),
    (
        "def find_copies(images):\n    n = len(images)\n"
        "    return [(i, j) for i in range(n) for j in range(i + 1, n) if np.allclose(images[i], images[j], atol=2)]",
        "differ in their last pixel",
    ),
    (
        "def find_copies(images):\n    seen, pairs = {}, []\n    for j, image in enumerate(images):\n"
        "        i = seen.setdefault(image.tobytes(), j)\n        if i != j:\n            pairs.append((i, j))\n"
        "    return pairs",
        "three pairs",
    ),
    ("def find_copies(images):\n    return len(images) - len(np.unique(images, axis=0))", "list of pairs"),
    (
        "def find_copies(images):\n"
        "    return [(i, i + 1) for i in range(len(images) - 1) if (images[i] == images[i + 1]).all()]",
        "need not be neighbours",
    ),
]
MISTAKES["colour_baseline"] = [
    (
        "def colour_baseline(train_images, train_labels, new_images):\n"
        "    names, counts = np.unique(train_labels, return_counts=True)\n"
        "    return np.full(len(new_images), names[counts.argmax()])",
        "most frequent class",
    ),
    (
        "def colour_baseline(train_images, train_labels, new_images):\n"
        "    colour = train_images.mean(axis=(1, 2))\n"
        "    centres = np.array([colour[train_labels == name].mean(axis=0) for name in np.unique(train_labels)])\n"
        "    gap = new_images.mean(axis=(1, 2))[:, None] - centres\n"
        "    return np.linalg.norm(gap, axis=2).argmin(axis=1)",
        "not its position",
    ),
    (
        "def colour_baseline(train_images, train_labels, new_images):\n"
        "    return np.random.default_rng(0).choice(np.unique(train_labels), len(new_images))",
        "use the colour",
    ),
    (
        "def colour_baseline(train_images, train_labels, new_images):\n    return train_labels",
        "one label for each",
    ),
]

# {exercise: a correct answer that nobody would expect}
UNUSUAL = {}
UNUSUAL["imbalance_ratio"] = """
from collections import Counter
from fractions import Fraction

def imbalance_ratio(labels):
    ranked = Counter(labels.tolist()).most_common()
    return Fraction(ranked[0][1], ranked[-1][1])
"""
UNUSUAL["find_copies"] = """
def find_copies(images):
    flat = [tuple(image.ravel().tolist()) for image in images]
    return {(i, j) for j in range(len(flat)) for i in range(j) if flat[i] == flat[j]}
"""
UNUSUAL["colour_baseline"] = """
def colour_baseline(train_images, train_labels, new_images):
    before, after = train_images.mean(axis=(1, 2)), new_images.mean(axis=(1, 2))
    near = [np.argsort(((before - colour) ** 2).sum(axis=1))[:5] for colour in after]
    return [max(set(train_labels[i].tolist()), key=train_labels[i].tolist().count) for i in near]
"""
