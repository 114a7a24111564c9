"""What every lesson uses: the run header, executable claims, and the exercise protocol."""
from __future__ import annotations

import dis
import functools
import os
import platform
import sys
from collections.abc import Callable
from typing import Any

from utils import __version__


class ClaimError(AssertionError):
    """A takeaway of the lesson does not hold in this run."""


def device() -> str:
    """Name of the device the lesson runs on: "cuda" where a GPU is usable, else "cpu"."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def header(*sources: Any) -> None:
    """Print what this run stands on: versions, device, and where each data set comes from.

    Each source is a `datasets.Source`, or a plain sentence. No path and no host name is printed.
    """
    torch = sys.modules.get("torch")
    parts = [f"course {__version__}", f"Python {platform.python_version()}"]
    if torch is not None:
        parts.append(f"torch {torch.__version__} on {device()}")
    print(" · ".join([*parts, f"{os.cpu_count()} CPU cores"]))
    for source in sources:
        print(f"data: {source}")


def claim(sentence: str, truth: bool, *, real: bool | None = None, **values: Any) -> None:
    """State a takeaway and check it: print "✓ sentence", or raise with the values that contradict it.

    Args:
        sentence: the takeaway, without a full stop and without numbers that depend on the run.
        truth: whether it holds in this run; a Python or NumPy boolean, nothing else.
        real: for a claim that only the real data can bear out, pass `source.is_real`. On synthetic
            data such a claim prints "– sentence (needs the real data)" and checks nothing.
            Leave it out for a claim that must hold on any data.
        values: shown when the claim fails.

    Raises:
        ClaimError: the claim does not hold.
        TypeError: `truth` is not a single boolean (an array, a string, None).
    """
    if real is not None and not real:
        print(f"– {sentence} (needs the real data)")
        return
    if type(truth).__name__ not in ("bool", "bool_"):
        raise TypeError(f"claim() needs one True or False, not {type(truth).__name__}: compare first")
    if not truth:
        shown = ", ".join(f"{name} = {value!r}" for name, value in values.items())
        raise ClaimError(f"✗ {sentence}" + (f" ({shown})" if shown else ""))
    print(f"✓ {sentence}")


# ---------------------------------------------------------------------------- exercises


class Hint(Exception):
    """Raised by a check: one sentence that says what to change."""


class Verdict:
    """What a check answers. `state` is "done", "wrong" or "blank"; in a notebook it shows as one line."""

    marks = {"done": "✓", "wrong": "✗", "blank": "▢"}

    def __init__(self, state: str, title: str, message: str):
        self.state, self.title, self.message = state, title, message

    def __repr__(self) -> str:
        return f"{self.marks[self.state]} {self.title}: {self.message}"


def is_blank(answer: Any) -> bool:
    """Whether an answer is still `...` or `None`, or a function with nothing but `...`, `pass`, a docstring."""
    if answer is None or answer is ...:
        return True
    code = getattr(answer, "__code__", None)
    if code is None:
        return False
    trivial = {"RESUME", "NOP", "LOAD_CONST", "RETURN_CONST", "RETURN_VALUE", "POP_TOP", "COPY_FREE_VARS"}
    steps = list(dis.get_instructions(code))
    return all(step.opname in trivial for step in steps) and all(
        step.argval is None or step.argval is ... for step in steps if step.opname in ("LOAD_CONST", "RETURN_CONST")
    )


def exercise(title: str, praise: str) -> Callable[[Callable[..., None]], Callable[..., Verdict]]:
    """Turn a property test into an exercise check.

    The decorated function receives the learner's answer, tries it on inputs that the learner has not seen,
    and raises `Hint("one sentence")` at the first property that fails. The check it becomes returns a
    `Verdict`, never raises, and leaves a blank answer alone.

    Args:
        title: shown before every message, for example "Exercise 1".
        praise: what a right answer shows, one sentence.
    """

    def decorate(test: Callable[..., None]) -> Callable[..., Verdict]:
        @functools.wraps(test)
        def check(*answers: Any) -> Verdict:
            if not answers or any(is_blank(answer) for answer in answers):
                return Verdict("blank", title, "not attempted yet")
            try:
                test(*answers)
            except Hint as hint:
                return Verdict("wrong", title, str(hint))
            except Exception as error:  # the learner's own bug, or an answer of an unexpected type
                text = str(error).strip().split("\n")[0][:200]
                return Verdict("wrong", title, f"your answer raises {type(error).__name__}: {text}")
            return Verdict("done", title, praise)

        return check

    return decorate
