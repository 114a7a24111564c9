"""What every lesson uses: the run header, executable claims, and the exercise protocol."""
from __future__ import annotations

import copy
import dis
import functools
import itertools
import linecache
import os
import pickle
import platform
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from utils import __version__

COPIES = Path(__file__).resolve().parent.parent / "work"  # where learners work; see `make lab`


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


def in_copy() -> bool:
    """Whether a learner's copy of a lesson is running: one under `work/`, or in Colab."""
    return "google.colab" in sys.modules or COPIES in [Path.cwd(), *Path.cwd().parents]


def claim(sentence: str, truth: bool, *, real: bool | None = None, **values: Any) -> None:
    """State a takeaway and check it: print "✓ sentence", or raise with the values that contradict it.

    In a learner's copy (see `in_copy`) a claim that does not hold prints "✗ sentence", and the notebook goes on.

    Args:
        sentence: the takeaway, without a full stop and without numbers that depend on the run.
        truth: whether it holds in this run; a Python or NumPy boolean, nothing else.
        real: for a claim that only the real data can bear out, pass `source.is_real`. On synthetic
            data such a claim prints "– sentence (needs the real data)" and checks nothing.
            Leave it out for a claim that must hold on any data.
        values: shown when the claim fails.

    Raises:
        ClaimError: the claim does not hold, outside a copy.
        TypeError: `truth` is not a single boolean (an array, a string, None).
    """
    if real is not None and not real:
        print(f"– {sentence} (needs the real data)")
        return
    if type(truth).__name__ not in ("bool", "bool_"):
        raise TypeError(f"claim() needs one True or False, not {type(truth).__name__}: compare first")
    if not truth:
        shown = ", ".join(f"{name} = {value!r}" for name, value in values.items())
        said = f"✗ {sentence}" + (f" ({shown})" if shown else "")
        if not in_copy():
            raise ClaimError(said)
        print(f"{said}: your change made this false: that is a result")
        return
    print(f"✓ {sentence}")


# ---------------------------------------------------------------------------- exercises


LONGEST = 400  # letters of a sentence that repeats an answer


class Hint(Exception):
    """Raised by a check: one sentence that says what to change."""


class Verdict(NamedTuple):
    """What a check answers; in a notebook it shows as one line."""

    state: str  # "done", "wrong" or "blank"
    title: str
    message: str

    def __repr__(self) -> str:
        mark = {"done": "✓", "wrong": "✗", "blank": "▢"}[self.state]
        return f"{mark} {self.title}: {self.message}"


def _compiled(function: Callable) -> tuple:
    """What a function was compiled to, apart from its docstring."""
    code = function.__code__
    return code.co_code, code.co_consts[function.__doc__ is not None :]


@functools.cache
def _blanks() -> set[tuple]:
    """Functions of nothing but a docstring, `...`, `pass` and `return`, as this Python compiles them."""
    found = {_compiled(lambda: ...), _compiled(lambda: None)}
    fillers = ("", "...", "pass")
    for lines in itertools.product(("", "'doc'"), fillers, fillers, ("...", "return", "return ...")):
        space: dict[str, Any] = {}
        exec("\n ".join(["def blank():", *filter(None, lines)]), space)
        found.add(_compiled(space["blank"]))
    return found


def is_blank(answer: Any) -> bool:
    """Whether an answer is still `...` or `None`, or a function that has not been begun."""
    if hasattr(answer, "__code__"):
        return _compiled(answer) in _blanks()
    return answer is None or answer is ...


def _picture(given: tuple) -> bytes:
    """Inputs as bytes. Of a table only the values, as reading it moves its insides; functions stay out."""
    things = [thing for thing in given if not callable(thing)]
    return pickle.dumps([t.to_dict("list") if hasattr(t, "to_dict") else t for t in things])


def _returns_something(function: Callable) -> bool:
    """Whether a function has a return of its own, beside the None with which every function ends."""
    if not hasattr(function, "__code__"):
        return False
    steps = list(dis.get_instructions(function))
    pairs = itertools.pairwise(steps)
    values = [a for a, b in pairs if b.opname == "RETURN_VALUE" and not (a.opname == "LOAD_CONST" and a.argval is None)]
    return bool(values) or any(s.opname == "RETURN_CONST" and s.argval is not None for s in steps)


def _watched(answer: Callable, spoilt: str) -> Callable:
    """The learner's function, called on copies: a `Hint` where it returns nothing or changes them."""

    @functools.wraps(answer)
    def call(*given: Any) -> Any:
        lent = copy.deepcopy(given)
        before = _picture(lent)
        with np.errstate(all="ignore"):
            got = answer(*lent)
        if got is None:
            if _returns_something(answer):
                raise Hint("for some inputs your function returns nothing: does every path end with return?")
            raise Hint("your function returns nothing: does it end with return?")
        if _picture(lent) != before:
            raise Hint(spoilt)
        return got

    return call


def _crash(error: BaseException, answers: tuple) -> str:
    """One sentence: what went wrong, and the deepest line of the learner's own code, never of ours."""
    what = next(part for part in traceback.format_exception_only(error) if part[0] != " ")
    what = what.splitlines()[0][:200]
    cells = [getattr(answer, "__globals__", None) for answer in answers]
    steps = list(traceback.walk_tb(error.__traceback__))
    for frame, line in reversed(steps):
        if any(frame.f_globals is names for names in cells):
            code = frame.f_code
            text = linecache.getline(code.co_filename, line).strip()
            where = f"in {code.co_name}, line {line} of its cell"
            return f"your answer raises {what}, {where}" + (f": {text}" if text else "")
    if "not callable" in what and not any(map(callable, answers)):
        return "hand over the function itself, by its name and without brackets"
    return f"your answer does not fit: {what}"


def exercise(
    title: str, praise: str, spoilt: str = "your function changes what it is given: work on a copy"
) -> Callable[[Callable[..., None]], Callable[..., Verdict]]:
    """Turn a property test into an exercise check.

    The decorated function receives the learner's answer, tries it on inputs that the learner has not
    seen, and raises `Hint("one sentence")` at the first property that fails. The check it becomes
    returns a `Verdict`, never raises, and leaves a blank answer alone. Only Ctrl-C passes through.

    Args:
        title: shown before every message, for example "Exercise 1".
        praise: what a right answer shows, one sentence.
        spoilt: said where the answer changes its inputs; every call is watched for that.
    """

    def decorate(test: Callable[..., None]) -> Callable[..., Verdict]:
        @functools.wraps(test)
        def check(*answers: Any) -> Verdict:
            if not answers or any(map(is_blank, answers)):
                return Verdict("blank", title, "not attempted yet")
            try:
                test(*[_watched(each, spoilt) if callable(each) else each for each in answers])
            except Hint as hint:
                words = str(hint)
                return Verdict("wrong", title, words if len(words) <= LONGEST else f"{words[:LONGEST]} …")
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # sys.exit() too: a check must not end the notebook
                return Verdict("wrong", title, _crash(error, answers))
            return Verdict("done", title, praise)

        return check

    return decorate
