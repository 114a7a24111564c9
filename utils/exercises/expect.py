"""What a check may expect of an answer. Each helper raises `Hint` with one sentence where it is not so.

A sentence may hold `{}` or `{name}` in the manner of `str.format`; the values follow it.
"""
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from utils.lesson import Hint

NEW_ARRAY = "your function changes the array it is given: make a new one"


def refuse(wrong: Any, sentence: str, /, *values: Any, **named: Any) -> None:
    """Raise the sentence if something is wrong."""
    if wrong:
        raise Hint(sentence.format(*values, **named))


def expect_type(got: Any, kinds: type | tuple, sentence: str) -> None:
    """An answer of one of these types. The sentence may use {kind}, the name of the type it has."""
    refuse(not isinstance(got, kinds), sentence, kind=type(got).__name__, got=got)


def expect_shape(got: Any, shape: tuple, sentence: str, **values: Any) -> np.ndarray:
    """An array of numbers of this shape, which it returns. The sentence may use {got} and {shape}."""
    try:
        found = np.asarray(got.detach() if hasattr(got, "detach") else got)
        refuse(found.shape != shape, sentence, got=found.shape, shape=shape, **values)
        if found.dtype.kind not in "biufcO":  # text, dates
            raise TypeError
        return found.astype(float) if found.dtype == object else found
    except (TypeError, ValueError):
        raise Hint(f"give numbers; in your {type(got).__name__} not all of them are") from None


def number(got: Any, sentence: str = "return one number, not {kind}") -> float:
    """The answer as a float, where it is a single number."""
    try:
        return float(got)
    except (TypeError, ValueError):
        raise Hint(sentence.format(kind=type(got).__name__)) from None


def expect_array(
    got: Any, truth: Any, mistakes: Mapping[str, Any], otherwise: str,
    *, rtol: float = 1e-5, atol: float = 1e-8, **values: Any,
) -> None:  # fmt: skip
    """Numbers equal to the truth, up to rounding.

    Args:
        mistakes: {sentence: what that mistake gives, or a tuple of such}; the first that fits is said.
        otherwise: said when no mistake fits. It may use {got}, {truth} and {off}, the largest error.
        rtol, atol: room for another order of operations, as in `np.allclose`.
    """

    def gives(value: Any) -> bool:
        return np.shape(value) == np.shape(got) and np.allclose(got, value, rtol=rtol, atol=atol)

    if gives(truth):
        return
    values = {"got": got, "truth": truth, "off": np.max(np.abs(np.subtract(got, truth))), **values}
    for sentence, wrong in mistakes.items():
        refuse(any(map(gives, wrong if isinstance(wrong, tuple) else (wrong,))), sentence, **values)
    refuse(True, otherwise, **values)


def expect_number(got: Any, truth: float, mistakes: Mapping[str, Any], otherwise: str, **values: Any) -> None:
    """One number equal to the truth; the rest as in `expect_array`."""
    expect_array(number(got), truth, mistakes, otherwise, **values)


def expect_refusal(call: Callable[[], Any], sentence: str) -> None:
    """A call that raises an exception of its own, whichever."""
    try:
        call()
    except Hint:  # it went through and returned nothing
        pass
    except (NameError, AttributeError, ImportError) as typo:
        raise Hint(f"your function stumbles instead of refusing ({typo}): look for a typo") from None
    except Exception:
        return
    raise Hint(sentence)
