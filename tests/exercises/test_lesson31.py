"""Lesson 3.1, How does a network learn from pixels?: what its checks must say."""
import numpy as np
import pytest
from support import *  # noqa: F403 the five tests, which read the two tables below

from utils.exercises import lesson31

# {exercise: [(code that defines a wrong answer, words its message must hold), …]}
MISTAKES = {}


def _svm(gaps="scores - right + 1", after="gaps[rows, labels] = 0", out="np.maximum(gaps, 0).sum() / len(labels)"):
    return (
        "def svm_loss(scores, labels):\n    rows = np.arange(len(labels))\n"
        f"    right = scores[rows, labels][:, None]\n    gaps = {gaps}\n    {after}\n    return {out}"
    )


MISTAKES["svm_loss"] = [
    (_svm(after="pass"), "count the right class too"),
    (_svm("scores - right"), "ahead by 1"),
    (_svm(out="gaps.sum() / len(labels)"), "cut each gap off at 0"),
    (_svm(out="np.maximum(gaps, 0).sum()"), "add the films up"),
    (_svm(out="np.maximum(gaps, 0).mean()"), "divide by the number of classes"),
    (_svm(out="np.maximum(gaps, 0).sum() / len(labels) / (scores.shape[1] - 1)"), "average over the wrong classes"),
    (_svm(out="np.maximum(gaps, 0).max(axis=1).mean()"), "strongest rival"),
    (_svm("right - scores + 1"), "other way round"),
    (_svm(out="(np.maximum(gaps, 0) ** 2).sum() / len(labels)"), "square the gaps"),
    (_svm(out="np.maximum(gaps, 0).sum(axis=1)"), "return one number"),
    (_svm("np.subtract(scores, right - 1, out=scores)"), "make a new array"),
    (_svm(out="np.maximum(gaps, 0).sum() / len(labels) / 5"), "the loss should be"),
]


def _soft(shift="scores.max(axis=1, keepdims=True)", axis=1, minus="p[rows, labels] -= 1", out="p / len(labels)"):
    return (
        "def softmax_gradient(scores, labels):\n    rows = np.arange(len(labels))\n"
        f"    p = np.exp(scores - {shift})\n    p = p / p.sum(axis={axis}, keepdims=True)\n"
        f"    {minus}\n    return {out}"
    )


MISTAKES["softmax_gradient"] = [
    (_soft("0"), "too large"),
    (_soft("scores.max()"), "own largest score"),
    (_soft("0").replace("np.exp(scores - 0)", "np.exp(np.clip(scores, -500, 500))"), "do not cut them off"),
    (_soft(out="p"), "forgot the mean"),
    (_soft(out="-p / len(labels)"), "other way round"),
    (_soft(minus="pass"), "probabilities (over n)"),
    (_soft(minus="pass", out="p"), "then divide by n"),
    (_soft(axis=0), "you divide by a sum over the films"),
    (_soft("scores.max(axis=0)", axis=0), "your probabilities add to one over the films"),
    (_soft(out="p / p.size"), "mean is over films only"),
    (_soft(out="-np.log(p[rows, labels] + 1).mean()"), "same shape"),
    (_soft().replace("    p = np.exp", "    scores -= 1\n    p = np.exp"), "make a new array"),
    (_soft(out="p / len(labels) / 7"), "off by up to"),
]


def _backward(
    dW2="h.T @ dscores + decay * W2", db2="dscores.sum(axis=0)", dz="(dscores @ W2.T) * (z > 0)",
    dW1="x.T @ dz + decay * W1", db1="dz.sum(axis=0)", out="dW1, db1, dW2, db2",
):  # fmt: skip
    return (
        "def backward(x, W1, b1, W2, b2, dscores, decay):\n    z = x @ W1 + b1\n    h = np.maximum(z, 0)\n"
        f"    dW2, db2 = {dW2}, {db2}\n    dz = {dz}\n    dW1, db1 = {dW1}, {db1}\n    return {out}"
    )


MISTAKES["backward"] = [
    (_backward(dz="dscores @ W2.T"), "forgot the ReLU"),
    (_backward(dz="(dscores @ W2.T) * h"), "you multiply by h"),
    (_backward(dz="(dscores @ W2.T) * (z < 0)"), "wrong half"),
    (_backward(db2="dscores.sum(axis=0) + decay * b2"), "decay a bias:"),
    (_backward(db1="dz.sum(axis=0) + decay * b1"), "decay the bias b1"),
    (_backward(dW2="h.T @ dscores", dW1="x.T @ dz"), "forgot the weight decay"),
    (_backward(dW1="x.T @ dz"), "W1 does not"),
    (_backward(dW2="h.T @ dscores + 2 * decay * W2", dW1="x.T @ dz + 2 * decay * W1"), "not twice"),
    (_backward(dW2="dscores.T @ h"), "dW2 is transposed"),
    (_backward(dW1="(x.T @ dz).T"), "dW1 is transposed"),
    (_backward(dW2="z.T @ dscores + decay * W2"), "after the ReLU"),
    (_backward(dW2="h.T @ dscores / len(x) + decay * W2"), "once more"),
    (_backward(db2="dscores.mean(axis=0)"), "db is the sum"),
    (_backward(db1="dz.mean(axis=0)"), "db1 is the sum"),
    (_backward(db1="(dscores @ W2.T).sum(axis=0)"), "db1 is missing the ReLU"),
    (_backward(db2="dscores"), "a row for each film"),
    (_backward(db2="dscores.sum(axis=0, keepdims=True)"), "leave out keepdims"),
    (_backward(dW2="h.T @ dscores + decay / 2 * W2", dW1="x.T @ dz + decay / 2 * W1"), "takes the half away"),
    (_backward(db2="dscores.sum()"), "has shape ()"),
    (_backward(out="dW2, db2, dW1, db1"), "wrong order"),
    (_backward(out="dW1"), "return four arrays"),
    (_backward().replace("    h = np", "    x -= 1\n    h = np"), "you change an array"),
    (_backward(dW1="x.T @ dz + decay * W1 + 0.1"), "nudging W1["),
]  # fmt: skip

# {exercise: a correct answer that nobody would expect}
UNUSUAL = {}
UNUSUAL["svm_loss"] = """
import torch

def svm_loss(scores, labels):
    loss = torch.nn.MultiMarginLoss()  # divides by the number of classes
    return loss(torch.tensor(scores), torch.tensor(labels)) * scores.shape[1]
"""
UNUSUAL["softmax_gradient"] = """
import torch

def softmax_gradient(scores, labels):
    s = torch.tensor(scores, requires_grad=True)
    torch.nn.functional.cross_entropy(s, torch.tensor(labels)).backward()
    return s.grad
"""
UNUSUAL["backward"] = """
import torch

def backward(x, W1, b1, W2, b2, dscores, decay):
    weights = [torch.tensor(part, requires_grad=True) for part in (W1, b1, W2, b2)]
    scores = torch.relu(torch.tensor(x) @ weights[0] + weights[1]) @ weights[2] + weights[3]
    loss = (scores * torch.tensor(dscores)).sum() + decay / 2 * sum((w**2).sum() for w in weights[::2])
    loss.backward()
    return [part.grad for part in weights]
"""

SLOPE = 0.7053845126982411  # of the second score in section 4
TASKS = [
    ("neighbours", (..., ...), "blank", "not attempted"),
    ("neighbours", ("normal", " Pneumonia"), "done", "outvote"),
    ("neighbours", ("pneumonia", "pneumonia"), "wrong", "one neighbour: the differences"),
    ("neighbours", ("normal", "normal"), "wrong", "all three vote"),
    ("neighbours", ("(1, 4)", "pneumonia"), "wrong", "not '(1, 4)'"),
    ("score", (-1.6, "normal"), "done", "called normal"),
    ("score", (np.array(-1.6), "NORMAL"), "done", "called normal"),
    ("score", (-1.5, "normal"), "wrong", "leave the bias out"),
    ("score", (-1.4, "normal"), "wrong", "the second one"),
    ("score", (0.6, "normal"), "wrong", "score of normal"),
    ("score", (-1.6, "pneumonia"), "wrong", "highest score"),
    ("score", (3, "normal"), "wrong", "you give 3"),
    ("two_losses", (1.5, 1.06), "done", "shares"),
    ("two_losses", (1.5, 1.0546), "done", "shares"),
    ("two_losses", (2.5, 1.05), "wrong", "as a rival"),
    ("two_losses", (0.5, 1.05), "wrong", "ahead by 1"),
    ("two_losses", (1.0, 1.05), "wrong", "costs 0"),
    ("two_losses", (3.5, 1.05), "wrong", "the third"),
    ("two_losses", (1.5, 0.348), "wrong", "−ln of it"),
    ("two_losses", (1.5, -1.0546), "wrong", "change the sign"),
    ("two_losses", (1.5, 0.458), "wrong", "natural"),
    ("two_losses", (1.5, 0.555), "wrong", "another class"),
    ("two_losses", (1.5, 9), "wrong", "you give 9"),
    ("nudge", (SLOPE,), "done", "agrees"),
    ("nudge", (0.71,), "wrong", "do not copy"),
    ("nudge", (2 * SLOPE,), "wrong", "divide by 2h"),
    ("nudge", (-SLOPE,), "wrong", "wrong way round"),
    ("nudge", (SLOPE + 1.04e-6,), "wrong", "nudge down"),
    ("nudge", (SLOPE - 1.04e-6,), "wrong", "nudge up"),
    ("nudge", (2e-5 * SLOPE,), "wrong", "difference of the two"),
    ("nudge", (-0.7405,), "wrong", "first score"),
    ("nudge", (5,), "wrong", "you give 5"),
    ("fork", (lambda h, v, ds: ...,), "blank", "not attempted"),
    ("fork", (lambda h, v, ds: (ds * (v + 2 * h), ds * h),), "done", "three slopes"),
    ("fork", (lambda h, v, ds: np.array([ds * v + ds * h + ds * h, ds * h]),), "done", "three slopes"),
    ("fork", (lambda h, v, ds: (ds * v, ds * h),), "wrong", "goes to h², too"),
    ("fork", (lambda h, v, ds: (2 * ds * h, ds * h),), "wrong", "goes to h · v, too"),
    ("fork", (lambda h, v, ds: (ds * v + ds * h, ds * h),), "wrong", "both factors"),
    ("fork", (lambda h, v, ds: (ds * v * ds * h, ds * h),), "wrong", "you multiply them"),
    ("fork", (lambda h, v, ds: (v + 2 * h, h),), "wrong", "leave out ds"),
    ("fork", (lambda h, v, ds: (ds * v + 2 * ds * h, h),), "wrong", "dv: you leave out ds"),
    ("fork", (lambda h, v, ds: (ds * v + 2 * ds * h, ds * v),), "wrong", "one place only"),
    ("fork", (lambda h, v, ds: (ds * h, ds * v + 2 * ds * h),), "wrong", "first the slope for h"),
    ("fork", (lambda h, v, ds: ds * v + 2 * ds * h,), "wrong", "two numbers"),
    ("fork", (lambda h, v, ds: (1.0, 2.0),), "wrong", "nudging says"),
]


@pytest.mark.parametrize(("task", "answer", "state", "words"), TASKS)
def test_the_tasks(task, answer, state, words):
    verdict = getattr(lesson31, task)(*answer)
    assert verdict.state == state and words in verdict.message, verdict
