"""What the checks of lesson 4.2 must say."""
import numpy as np
import pytest
from support import *  # noqa: F403 the five tests, which read the two tables below

from utils.exercises import lesson42

# {exercise: [(code that defines a wrong answer, words its message must hold), …]}
MISTAKES = {}
HEAT = "from scipy import optimize, special\ndef temperature(logits, labels):\n    "
LOSS = """def loss(T):
        logs = special.log_softmax({}, axis=1)
        return {}logs[np.arange(len(labels)), labels].mean()
    """
BEST = "return optimize.minimize_scalar(loss, bounds=({}), method='bounded').x"
EDGES = "0.05, 20"
MISTAKES["temperature"] = [
    (HEAT + LOSS.format("logits * T", "-") + BEST.format(EDGES), "multiply the logits"),
    (HEAT + LOSS.format("logits / T", "") + BEST.format(EDGES), "minimise the loss, or the likelihood"),
    (HEAT + LOSS.format("logits / np.exp(T)", "-") + BEST.format("-3, 3"), "logarithm of T"),
    (HEAT + "return 1.0", "you return 1 where"),
    (HEAT + LOSS.format("logits / T", "-") + "return loss", "one number"),
    (HEAT + LOSS.format("logits / T", "-") + "return loss(1.0)", "has the lowest log loss"),
    (HEAT + "return np.nan", "no number"),
    (HEAT + "return -2.0", "above 0"),
    (HEAT + "logits /= 2\n    return 2.0", "work on a copy"),
]
COUNT = "def lowest_count_for(target, n):\n    "
EACH = "for k in range(1, n + 1):\n        if {}:\n            return k\n    return {}"
EXACT = "stats.beta.ppf(0.05, k, n - k + 1) >= target"
MISTAKES["lowest_count_for"] = [
    (COUNT + EACH.format("stats.beta.ppf(0.025, k, n - k + 1) >= target", "n + 1"), "two-sided"),
    (COUNT + "return int(np.ceil(target * n))", "point estimate"),
    (COUNT + EACH.format("stats.beta.ppf(0.95, k, n - k + 1) >= target", "n + 1"), "lies below the share"),
    (COUNT + EACH.format("k / n - 1.645 * np.sqrt(k * (n - k) / n**3) >= target", "n + 1"), "still below the target"),
    (COUNT + EACH.format(EXACT, "n"), "return n + 1"),
    (COUNT + EACH.format(EXACT, "None"), "every path end with return"),
    (COUNT + "return 1", "where 85 are needed"),
    (COUNT + "return 'all'", "one number"),
]
BENEFIT = "def net_benefit(labels, probabilities, threshold):\n    "
REFER = "refer = probabilities >= threshold\n    found, alarms = (refer & labels).{0}, (refer & ~labels).{0}\n    "
MEANS = BENEFIT + REFER.format("mean()")
MISTAKES["net_benefit"] = [
    (MEANS + "return found - alarms * (1 - threshold) / threshold", "upside down"),
    (MEANS + "return found - alarms", "price of a false alarm is missing"),
    (MEANS + "return found - alarms * threshold", "not the threshold"),
    (MEANS + "return found / labels.mean() - alarms / (1 - labels.mean()) * threshold / (1 - threshold)", "own class"),
    (MEANS + "return (found - alarms * threshold / (1 - threshold)) / refer.mean()", "divide by the referred"),
    (MEANS.replace(">=", ">") + "return found - alarms * threshold / (1 - threshold)", "at the threshold is referred"),
    (MEANS + "return found + alarms * threshold / (1 - threshold)", "not added"),
    (BENEFIT + REFER.format("sum()") + "return found - alarms * threshold / (1 - threshold)", "those are counts"),
    (MEANS + "return found", "is right"),
    (MEANS + "return refer", "one number"),
]
SETS = "def conformal_sets(known, labels, new, alpha):\n    "
OWN = "own = np.sort(known[np.arange(len(labels)), labels])\n    "
RANK = "rank = int((len(labels) + 1) * alpha + 1e-9)\n    "
CUT = "threshold = own[rank - 1] if rank > 0 else 0\n    "
MISTAKES["conformal_sets"] = [
    (SETS + OWN + RANK.replace(" + 1) *", ") *") + CUT + "return new >= threshold", "one more of the kind"),
    (SETS + OWN + RANK + CUT + "return new > threshold", "exactly at the threshold"),
    (SETS + OWN + RANK + "return new >= own[rank]", "rank - 1"),
    (SETS + OWN + RANK.replace("* alpha", "* (1 - alpha)") + CUT + "return new >= threshold", "rank from below"),
    (SETS + OWN.replace("known[np.arange(len(labels)), labels]", "known.max(1)") + RANK + CUT
     + "return new >= threshold", "right class, not its highest"),
    (SETS + "return new >= np.quantile(known, alpha)", "all classes"),
    (SETS + OWN.replace("known[np.arange(len(labels)), labels]", "new.max(1)")
     + RANK.replace("labels", "new") + CUT + "return new >= threshold", "set it on the new ones"),
    (SETS + OWN + "return new >= np.quantile(own, alpha)", "interpolated"),
    (SETS + OWN + RANK + CUT + "return new < threshold", "keep those that reach it"),
    (SETS + "return new >= 1 - alpha", "alpha itself"),
    (SETS + OWN + RANK + "return new >= own[rank - 1]", "the rank is 0"),
    (SETS + OWN + RANK + CUT + "return np.where(new >= threshold, new, 0)", "True and False"),
    (SETS + OWN + RANK + CUT + "return (new >= threshold).sum(1)", "each new image and class"),
    (SETS + OWN + RANK + CUT + "return (new >= threshold) | (new == new.max(1, keepdims=True))", "keep the top class"),
    (SETS + "return np.ones(new.shape, bool)", "differ from the right ones"),
]

# {exercise: code of a right answer that is not the published one}
UNUSUAL = {
    "temperature": """def temperature(logits, labels):
    z = torch.tensor(logits)
    y = torch.tensor(labels)
    low, high = -4.0, 4.0
    for _ in range(60):
        thirds = [low + (high - low) / 3, high - (high - low) / 3]
        losses = [nn.functional.cross_entropy(z / np.exp(t), y).item() for t in thirds]
        low, high = (low, thirds[1]) if losses[0] < losses[1] else (thirds[0], high)
    return np.array([np.exp(low)])[0]""",
    "lowest_count_for": """def lowest_count_for(target, n):
    k = 0
    while k <= n and stats.binom.sf(k - 1, n, target) > 0.05:
        k += 1
    return float(k)""",
    "net_benefit": """def net_benefit(labels, probabilities, threshold):
    worth = 0
    for yes, p in zip(labels, probabilities):
        if p >= threshold:
            worth += 1 if yes else -1 / (1 / threshold - 1)
    return worth / len(labels)""",
    "conformal_sets": """def conformal_sets(known, labels, new, alpha):
    own = np.array([row[label] for row, label in zip(known, labels)])
    below = (own[:, None, None] <= new).sum(0) + 1
    return (below / (len(own) + 1) > alpha + 1e-9).astype(int).tolist()""",
}

NULL = np.linspace(0.01, 0.04, 100)


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (..., "blank", "not attempted"),
        ((NULL >= 0.03).mean(), "done", "perfect network"),
        (float((NULL >= 0.03).sum()) / 100, "done", "perfect network"),
        (((NULL >= 0.03).sum() + 1) / 101, "done", "perfect network"),
        ((NULL < 0.03).mean(), "wrong", "smaller error"),
        ((NULL >= 0.03).sum(), "wrong", "count"),
        (0.03 / NULL.mean(), "wrong", "ratio"),
        (NULL, "wrong", "one number"),
        (0.5, "wrong", "you give 0.500"),
    ],
)
def test_the_task_on_luck(answer, state, words):
    verdict = lesson42.by_luck(answer, NULL, 0.03)
    assert verdict.state == state and words in verdict.message


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (..., "blank", "not attempted"),
        (0.3 / 0.7 * 0.02 / 0.98 * 0.89 / 0.11 / (1 + 0.3 / 0.7 * 0.02 / 0.98 * 0.89 / 0.11), "done", "prior odds"),
        (0.3 * 0.02 / 0.11, "wrong", "multiply its odds"),
        (0.3 / 0.7 * 0.02 / 0.98 * 0.89 / 0.11, "wrong", "those are odds"),
        (0.02, "wrong", "prevalence alone"),
        (0.5, "wrong", "you say 0.500"),
        ("seven", "wrong", "one number"),
    ],
)
def test_the_task_on_prevalence(answer, state, words):
    verdict = lesson42.told(answer)
    assert verdict.state == state and words in verdict.message
