"""What the checks of lesson 3.8 must say."""
import hashlib

import numpy as np
import pytest
from support import *  # noqa: F403 the five tests, which read the two tables below

from utils.exercises import lesson38

# {exercise: [(code that defines a wrong answer, words its message must hold), …]}
MISTAKES = {}
PROBE = "def probe(x, y, people, train, test):\n    "
MODEL = "model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))\n    "
FIT = MODEL + "model.fit(x[train], y[train])\n    "
SCORES = "scores = model.predict_proba(x[test])[:, 1]\n    "
AUC = "auc = metrics.redrawn_auc(y[test], scores, np.ones((1, len(test)), int))[0]\n    "
DRAW = "weights = metrics.draw_groups(people[test])\n    "
DONE = "return metrics.interval(auc, metrics.redrawn_auc(y[test], scores, weights))"
MISTAKES["probe"] = [
    (PROBE + FIT + SCORES + AUC + DRAW.replace("people[test]", "range(len(test))") + DONE, "draw people"),
    (PROBE + FIT + "scores = model.predict(x[test])\n    " + AUC + DRAW + DONE, "yes and no"),
    (PROBE + FIT + SCORES.replace("1]", "0]") + AUC + DRAW + DONE, "take column 1"),
    (PROBE + MODEL + "model.fit(x, y)\n    " + SCORES + AUC + DRAW + DONE, "fit on train alone"),
    (PROBE + FIT + (SCORES + AUC + DRAW + DONE).replace("test", "train"), "learned from"),
    (PROBE + FIT + SCORES + AUC + "return auc", "three numbers"),
    (PROBE + FIT + SCORES + AUC + DRAW + "return metrics.redrawn_auc(y[test], scores, weights)", "three numbers, not"),
    (PROBE + FIT + SCORES + AUC + DRAW + "return 0.5, 0.4, 0.6", "your AUC is"),
    (PROBE + FIT + SCORES + AUC + DRAW + "return auc, auc - 0.01, auc + 0.01", "too narrow, 0.0"),
    (PROBE + FIT + SCORES + AUC + DRAW + "return auc, 0.0, 1.0", "too wide"),
    (PROBE + FIT + SCORES + AUC + DRAW + "low = metrics.redrawn_auc(y[test], scores, weights)\n    "
     "return low.min(), auc, low.max()", "comes first"),
    (PROBE + FIT + SCORES + AUC + DRAW + "return auc, auc + 0.1, auc + 0.3", "does not hold its own"),
]
NEED = "def labels_needed(known, other):\n    "
BODY = """found = {}
    steps = sorted(other)
    for n, score in known.items():
        found[n] = float(steps[0]) if other[steps[0]] >= score else NEVER
        for one, two in zip(steps, steps[1:]):
            if other[one] < score <= other[two]:
                share = (score - other[one]) / (other[two] - other[one])
                found[n] = STEP
                BREAK
    return found"""
STEP = "float(np.exp(np.log(one) + share * (np.log(two) - np.log(one))))"


def body(never="float('inf')", step=STEP, end="break"):
    return NEED + BODY.replace("NEVER", never).replace("STEP", step).replace("BREAK", end)


MISTAKES["labels_needed"] = [
    (body(step="one + share * (two - one)"), "along their logarithm"),
    (body(step="float(two)"), "the next size"),
    (body(never="float(steps[-1])"), "nobody measured more"),
    (body(never="None"), "say float('inf')"),
    (body(end="pass"), "first crossing counts"),
    (body().replace("float(steps[0]) if", "0.0 if"), "nobody measured fewer"),
    (NEED + "return {n: float(n) for n in known}", "labels of the first curve"),
    (NEED + "return list(other)", "return a dictionary"),
    (NEED + "return {n: 3.0 for n in other}", "has the keys"),
    (NEED + "return {n: 3.0 for n in known}", "is right"),
]

# {exercise: code of a right answer that is not the published one}
UNUSUAL = {
    "probe": PROBE + """scale = x[train].std(0)
    model = LogisticRegression(C=0.01).fit(x[train] / scale, y[train])
    scores = model.decision_function(x[test] / scale)
    rng, drawn = np.random.default_rng(5), []
    names = np.unique(people[test])
    for _ in range(2000):
        rows = np.concatenate([np.flatnonzero(people[test] == p) for p in rng.choice(names, len(names))])
        drawn.append(metrics.macro_auc(y[test][rows], np.stack([-scores, scores], 1)[rows]))
    return [metrics.macro_auc(y[test], np.stack([-scores, scores], 1)), *np.quantile(drawn, [0.025, 0.975])]""",
    "labels_needed": NEED + """steps = np.array(sorted(other), float)
    best = np.maximum.accumulate([other[n] for n in steps])
    best = best + 1e-12 * np.arange(len(best))
    answer = np.exp(np.interp(list(known.values()), best, np.log(steps), right=np.inf))
    return dict(zip(known, answer))""",
}


@pytest.fixture
def file(tmp_path):
    (tmp_path / "weights.pth").write_bytes(b"0123")
    return tmp_path / "weights.pth"


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (lambda path: ..., "blank", "not attempted"),
        (lambda path: hashlib.sha256(path.read_bytes()).hexdigest(), "done", "published"),
        (lambda path: hashlib.sha256(path.read_bytes()).hexdigest().upper(), "done", "published"),
        (lambda path: hashlib.sha256(path.read_bytes()), "wrong", ".hexdigest()"),
        (lambda path: hashlib.sha256(path.read_bytes()).digest(), "wrong", "bytes"),
        (lambda path: hashlib.sha256(path.name.encode()).hexdigest(), "wrong", "name"),
        (lambda path: hashlib.md5(path.read_bytes()).hexdigest(), "wrong", "forged"),
        (lambda path: "abc", "wrong", "not the SHA-256"),
        (lambda path: 3, "wrong", "you give int"),
    ],
)
def test_task_1(file, answer, state, words):
    verdict = lesson38.digest(answer(file), file)
    assert verdict.state == state and words in verdict.message


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (..., "blank", "not attempted"),
        (25.6, "done", "by heart"),
        (50 / 1280, "wrong", "turn the fraction over"),
        (1280 / 800, "wrong", "only the labelled ones"),
        (1280, "wrong", "divide by the number of labels"),
        (3.0, "wrong", "you give 3"),
    ],
)
def test_task_2(answer, state, words):
    verdict = lesson38.numbers_a_label(answer, np.zeros((800, 1280)), 50)
    assert verdict.state == state and words in verdict.message
