"""What the checks of lesson 3.1b must say."""
from support import *  # noqa: F403 the five tests, which read the two tables below

# {exercise: [(code that defines a wrong answer, words its message must hold), …]}
MISTAKES = {}
MISTAKES["share_of_ones"] = [
    ("def share_of_ones(labels):\n    return (labels == 1).sum()", "divide by the number"),
    ("def share_of_ones(labels):\n    return labels.mean()", "compare with 1 first"),
    ("def share_of_ones(labels):\n    return (labels == 0).mean()", "you say"),
]

# {exercise: code of a right answer that is not the published one}
UNUSUAL = {}
UNUSUAL["share_of_ones"] = (
    "def share_of_ones(labels):\n    return sum(label == 1 for label in labels) / len(labels)"
)
