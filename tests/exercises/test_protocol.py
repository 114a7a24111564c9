"""What every check does, whatever the exercise: blanks, crashes, exits, answers that spoil their inputs."""
import functools
import linecache
import sys

import numpy as np
import pandas as pd
import pytest
import torch

from utils.exercises import expect
from utils.lesson import Hint, Verdict, exercise, is_blank

DOUBLE = "[2, 4] should be doubled"


@exercise("Exercise 0", "you doubled it", spoilt="you change the list: make a new one")
def double(answer):
    expect.refuse(list(answer([2, 4])) != [4, 8], DOUBLE)


def cell(source, name="<a cell of the notebook>"):
    """The function `f` of a cell, whose lines a traceback can show, as IPython does it."""
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    space = {"sys": sys, "np": np, "__name__": "__main__"}
    exec(compile(source, name, "exec"), space)
    return space["f"]


BLANK = [
    "def f(x): ...", "def f(a, *b, c=3): pass", "def f(x):\n    '''What it does.'''",
    "def f(x):\n    '''Two\n    lines.'''\n    ...", "def f(x):\n    # nothing yet\n\n    pass\n\n    return None",
    "def f(x: int) -> int:\n    ...\n    ...", "def f(x): return", "def f(x): return ...", "f = lambda x: ...",
    "f = lambda x: None", "f = None", "f = ...",
    "def g():\n    z = 1\n    def f(x):\n        ...\n    return f\nf = g()",
]  # fmt: skip
BEGUN = [
    "def f(x): return x", "def f(x): x", "def f(x): return 0", "def f(x): return True", "def f(x): return ()",
    "def f(x): return 'a'", "def f(x):\n    'doc'\n    return 'doc'", "def f(x): print(x)", "def f(x): yield",
    "def f(x): raise", "def f(x):\n    ...\n    return x", "f = lambda x: x", "f = 0", "f = []", "f = len",
]  # fmt: skip


@pytest.mark.parametrize("source", BLANK)
def test_a_blank_is_known_whatever_its_layout(source):
    assert is_blank(cell(source))
    assert double(cell(source)).state == "blank"


@pytest.mark.parametrize("source", BEGUN)
def test_what_was_begun_is_not_blank(source):
    assert not is_blank(cell(source))


def test_right_wrong_and_nothing_at_all():
    assert double().state == "blank"
    assert repr(double(lambda x: [2 * v for v in x])) == "✓ Exercise 0: you doubled it"
    assert repr(double(lambda x: x)) == f"✗ Exercise 0: {DOUBLE}"


def test_a_missing_return_is_asked_for():
    assert double(cell("def f(x):\n    [2 * v for v in x]")).message.endswith("does it end with return?")


def test_the_call_in_place_of_the_function():
    assert isinstance(double(3), Verdict) and "without brackets" in double(3).message


def test_a_crash_shows_the_learners_own_line():
    f = cell("def helper(x):\n    return x + height\n\n\ndef f(x):\n    y = helper(x)\n    return y")
    assert double(f).message == (
        "your answer raises NameError: name 'height' is not defined, "
        "in helper, line 2 of its cell: return x + height"
    )
    deep = double(cell("def f(x):\n    return np.reshape(x, (5, 5))")).message  # raised inside numpy
    assert "in f, line 2 of its cell: return np.reshape(x, (5, 5))" in deep and "utils" not in deep
    later = double(cell("def f(x):\n    return (1 / 0 for v in x)")).message  # raised in our loop over it
    assert "ZeroDivisionError" in later and "line 2" in later


def test_a_crash_without_source_still_names_the_line():
    space = {}
    exec("def f(x):\n    return x[9]", space)
    said = double(space["f"]).message
    assert said == "your answer raises IndexError: list index out of range, in f, line 2 of its cell"


def test_arguments_that_do_not_fit():
    assert "takes 0 positional arguments" in double(lambda: 0).message


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("sys.exit()", "SystemExit"), ("raise SystemExit(3)", "SystemExit: 3"),
        ("raise GeneratorExit", "GeneratorExit"),
        ("return f(x)", "RecursionError"), ("raise BaseException('no')", "BaseException: no"),
        ("raise ValueError('one\\ntwo')", "ValueError: one, in f"), ("assert x == 3", "AssertionError"),
        ("raise type('Bad', (Exception,), {'__str__': lambda e: 1 / 0})()", "Bad"),
        ("return eval('1 +')", "SyntaxError"),
    ],
)  # fmt: skip
def test_whatever_an_answer_raises_is_one_sentence(line, words):
    verdict = double(cell(f"def f(x):\n    {line}"))
    assert verdict.state == "wrong" and words in verdict.message and "\n" not in verdict.message
    assert f"line 2 of its cell: {line.split(chr(10))[0]}" in verdict.message


def test_ctrl_c_passes_through():
    with pytest.raises(KeyboardInterrupt):
        double(cell("def f(x):\n    raise KeyboardInterrupt"))


def test_an_answer_that_changes_its_inputs_is_caught():
    spoil = "def f(x):\n    for i in range(len(x)):\n        x[i] *= 2\n    return x"
    assert double(cell(spoil)).message == "you change the list: make a new one"


@pytest.mark.parametrize(
    ("given", "change"),
    [
        (np.array([1.0, np.nan]), "x[0] = 2"), (np.array(["a", None], object), "x[1] = 'b'"),
        ({"a": {"b": 1}}, "x['a']['b'] = 2"), (pd.DataFrame({"a": [1, 2]}), "x.loc[0, 'a'] = 5"),
        ([np.zeros(2)], "x[0] += 1"), (pd.DataFrame({"a": [None, "b"], "c": [1.5, 2]}), "x['new'] = 1"),
    ],
)  # fmt: skip
def test_any_kind_of_input_is_watched(given, change):
    @exercise("Exercise 0", "fine")
    def look(answer):
        answer(given)

    before = repr(given)
    assert look(lambda x: [x, repr(x), getattr(x, "values", x)]).state == "done"
    assert "work on a copy" in look(cell(f"def f(x):\n    {change}\n    return x")).message
    assert repr(given) == before, "what an answer does to its copy, the check does not see"


def test_other_callables_may_answer():
    class Doubler:
        def __call__(self, x):
            return [2 * v for v in x]

    assert double(Doubler()).state == double(functools.partial(np.multiply, 2)).state == "done"


def test_a_warning_of_numpy_is_no_output(recwarn):
    @exercise("Exercise 0", "fine")
    def look(answer):
        answer(np.zeros(2))

    assert look(lambda x: 1 / x).state == "done" and not recwarn.list


def test_the_helpers_say_what_is_wrong():
    def said(helper, *arguments, **keywords):
        with pytest.raises(Hint) as hint:
            helper(*arguments, **keywords)
        return str(hint.value)

    assert said(expect.refuse, True, "{a:.1f} is wrong", a=1) == "1.0 is wrong"
    assert said(expect.expect_shape, np.ones((2, 3)), (2,), "{got}, not {shape}") == "(2, 3), not (2,)"
    assert said(expect.expect_type, 3, str, "no {kind}") == "no int"
    assert said(expect.number, [1, 2]) == "return one number, not list"
    table = {"half": 1.0, "twice or thrice": (4.0, 6.0)}
    assert said(expect.expect_number, 1, 2, table, "") == "half"
    assert said(expect.expect_number, 6, 2, table, "") == "twice or thrice"
    assert said(expect.expect_number, 5, 2, table, "{got:g}, not {truth:g}: off by {off:g}") == "5, not 2: off by 3"
    assert said(expect.expect_refusal, lambda: 3, "refuse it") == "refuse it"
    expect.refuse(False, "{unknown}")
    expect.expect_number(2 + 1e-9, 2, {"same": 2}, "")
    expect.expect_refusal(lambda: 1 / 0, "refuse it")
    assert expect.expect_shape([[1]], (1, 1), "").shape == (1, 1)
    for odd, kind in ((["a", "b"], "list"), (np.array([{}, {}]), "ndarray"), ([[1], [1, 2]], "list")):
        assert said(expect.expect_shape, odd, (2,), "") == f"give numbers; in your {kind} not all of them are"
    assert expect.expect_shape(np.array([1, 2], object), (2,), "").dtype == float
    assert expect.expect_shape(torch.ones(2, requires_grad=True), (2,), "").tolist() == [1, 1]
