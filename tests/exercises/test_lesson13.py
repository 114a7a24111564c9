"""Lesson 1.3, Is the test set really unseen?: what its checks must say."""
from support import *  # noqa: F403 the five tests, which read the two tables below

# {exercise: [(code that defines a wrong answer, words its message must hold), …]}
MISTAKES = {}

MISTAKES["leaked_images"] = [
    ("def leaked_images(train, test):\n    return np.isin(test, train).sum()", "one number"),
    (
        "def leaked_images(train, test):\n"
        "    left, right = pd.DataFrame({'lesion': test}), pd.DataFrame({'lesion': train})\n"
        "    return left.merge(right, on='lesion').notna().to_numpy()[:, 0]",
        "matching pairs",
    ),
    ("def leaked_images(train, test):\n    return np.isin(train, test)", "training images"),
    ("def leaked_images(train, test):\n    return ~np.isin(test, train)", "other way round"),
    ("def leaked_images(train, test):\n    return np.isin(np.unique(test), train)", "you count lesions"),
]
MISTAKES["grouped_split"] = [
    (
        "def grouped_split(groups, share, seed):\n    return np.random.default_rng(seed).random(len(groups)) < share",
        "both sides",
    ),
    (
        "def grouped_split(groups, share, seed):\n"
        "    names = np.random.default_rng().permutation(np.unique(groups))\n"
        "    return np.isin(groups, names[:round(share * len(names))])",
        "same seed",
    ),
    (
        "def grouped_split(groups, share, seed):\n"
        "    names = np.unique(groups)\n"
        "    return np.isin(groups, names[:round(share * len(names))])",
        "another seed",
    ),
    (
        "def grouped_split(groups, share, seed):\n"
        "    names = np.random.default_rng(seed).permutation(np.unique(groups))\n"
        "    return np.isin(groups, names[round(share * len(names)):])",
        "asked for",
    ),
    ("def grouped_split(groups, share, seed):\n    return np.arange(round(share * len(groups)))", "True or False"),
]
MISTAKES["crossings"] = [
    (
        "def crossings(train, test, columns):\n    return any(train[c].isin(test[c]).any() for c in columns)",
        "list of column",
    ),
    (
        "def crossings(train, test, columns):\n    return [c for c in columns if train[c].isin(test[c]).any()]",
        "missing values",
    ),
    (
        "def crossings(train, test, columns):\n"
        "    return [c for c in columns if (train[c].to_numpy()[:len(test)] == test[c].to_numpy()).any()]",
        "different rows",
    ),
    (
        "def crossings(train, test, columns):\n"
        "    return [c for c in columns if set(train[c].dropna()) & set(test[c].dropna())][:1]",
        "all three",
    ),
]

# {exercise: a correct answer that nobody would expect}
UNUSUAL = {}
UNUSUAL["leaked_images"] = """
def leaked_images(train_lesions, test_lesions):
    known = set(train_lesions)
    return [lesion in known for lesion in test_lesions]
"""
UNUSUAL["grouped_split"] = """
import random

def grouped_split(groups, share, seed):
    names = sorted(set(groups))
    random.Random(seed).shuffle(names)
    test = set()
    while sum(group in test for group in groups) < share * len(groups):
        test.add(names.pop())
    return pd.Series(groups).isin(test)
"""
UNUSUAL["crossings"] = """
def crossings(train, test, columns):
    return {c for c in columns if len(train[[c]].dropna().merge(test[[c]].dropna(), on=c))}
"""
