"""What the checks of lesson 3.6 must say."""
import numpy as np
import pytest
from support import *  # noqa: F403 the five tests, which read the two tables below

from utils.exercises import lesson36

# {exercise: [(code that defines a wrong answer, words its message must hold), …]}
MISTAKES = {}
POOL = "def attention_pool(weights, vectors, there):\n    "
SHARE = "share = share / share.sum(axis=1, keepdims=True)\n    "
SUM = "return (share[..., None] * vectors).sum(axis=1)"
SHIFTED = "share = np.exp(weights - weights.max(axis=1, keepdims=True))\n    "
MISTAKES["attention_pool"] = [
    (POOL + SHIFTED + SHARE + SUM, "empty places still have weight"),
    (POOL + SHIFTED + SHARE + "share = share * there\n    " + SUM, "share of the 1"),
    (POOL + "share = np.exp(weights) * there\n    " + SHARE + SUM, "overflow"),
    (POOL + "share = np.where(there, np.exp(np.minimum(weights, 50)), 0)\n    " + SUM, "do not sum to 1"),
    (POOL + "share = there / there.sum(axis=1, keepdims=True)\n    " + SUM, "you average"),
    (POOL + "return np.where(there, weights, 0)", "you return the weights"),
    (POOL + "return vectors.mean()", "one vector a bag"),
]
HITS = "def hit_rate(weights, guilty):\n    "
TOP = "top = weights == weights.max(axis=1, keepdims=True)\n    "
MISTAKES["hit_rate"] = [
    (HITS + "return guilty[np.arange(len(guilty)), weights.argmax(axis=1)].mean()", "take the first place"),
    (HITS + TOP + "return (top & guilty).any(axis=1).mean()", "looking everywhere always hits"),
    (HITS + TOP + "return (top & guilty).sum()", "divide by the number of bags"),
    (HITS + TOP + "return (top & guilty).sum() / top.sum()", "in each bag"),
    (HITS + "return (weights * guilty).sum(axis=1).mean()", "weight on guilty places"),
    (HITS + "return weights.argmax(axis=1)", "one number"),
]
FAIR = "def fair_negatives(table):\n    "
MISTAKES["fair_negatives"] = [
    (FAIR + "return table.loc[table['label'] == 0, 'bag'].tolist()", "P2 has negative bags only"),
    (FAIR + "ill = table.loc[table['label'] == 1, 'person']\n    "
     "return table.loc[table['person'].isin(ill), 'bag'].tolist()", "only negatives are asked for"),
    (FAIR + "return table.loc[table['label'] == 1, 'person'].tolist()", "return their bags"),
    (FAIR + "return sorted(table.loc[(table['label'] == 0) & (table['person'] != 'P2'), 'bag'])", "another order"),
    (FAIR + "return ['b7']", "belongs there, once"),
    (FAIR + "return ['b7', 'b9', 'b3']", "without any positive bag"),
    (FAIR + "return 3", "return a list of bags"),
]

# {exercise: code of a right answer that is not the published one}
UNUSUAL = {
    "attention_pool": POOL + """pooled = []
    for scores, rows, here in zip(weights, vectors, there):
        share = torch.tensor(scores[here]).softmax(0).numpy()
        pooled.append(share @ rows[here])
    return pooled""",
    "hit_rate": HITS + """total = 0
    for row, truth in zip(weights, guilty):
        total += truth[np.flatnonzero(row == max(row))].mean()
    return total / len(weights)""",
    "fair_negatives": FAIR + """found = []
    for row in table.itertuples():
        same = [other.label for other in table.itertuples() if other.person == row.person]
        if row.label == 0 and 1 in same:
            found.append(row.bag)
    return np.array(found)""",
}


GUILTY = np.array([[True, False, False, False], [True, True, False, False], [False] * 4])
ILL = np.array([True, True, False])


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (..., "blank", "not attempted"),
        (GUILTY[ILL].mean(), "done", "random slice"),
        (3 / 8, "done", "random slice"),
        (GUILTY.mean(), "wrong", "without a guilty slice"),
        (1.5, "wrong", "divide by how many"),
        (ILL.mean(), "wrong", "share of positive bags"),
        (1.0, "wrong", "of course"),
        (GUILTY, "wrong", "one number"),
        (0.9, "wrong", "you give 0.900"),
    ],
)
def test_the_task(answer, state, words):
    verdict = lesson36.chance(answer, GUILTY, ILL)
    assert verdict.state == state and words in verdict.message
