"""The tests of all exercises: blank, without `return`, each typical mistake, an unusual answer, the solution.

A test file takes them in with `from support import *` and brings two tables, MISTAKES and UNUSUAL.
"""
import ast
import functools
import importlib
import json
import re
from pathlib import Path

EPISODES = Path(__file__).resolve().parents[2] / "episodes"
__all__ = [
    "test_a_blank_is_left_alone",
    "test_a_missing_return_is_asked_for",
    "test_each_mistake_has_its_own_message",
    "test_an_unusual_answer_passes",
    "test_the_published_solution_passes",
]


class Exercise:
    """One exercise of a notebook: its blank cell, its check, and the solution text that follows it."""

    def __init__(self, lesson, cell, solution, imports):
        self.source, self.solution, self.imports = "".join(cell["source"]), solution, imports
        self.stored = str(cell["outputs"])
        self.executed = cell["execution_count"] is not None
        *blank, last = ast.parse(self.source).body
        assert isinstance(last, ast.Expr) and ast.unparse(last.value.func).startswith("check."), self.source
        self.name = last.value.func.attr
        self.answers = [ast.unparse(argument) for argument in last.value.args]
        self.blank = "\n".join(map(ast.unparse, blank))
        self.check = getattr(importlib.import_module(f"utils.exercises.lesson{lesson}"), self.name)

    def verdict(self, code):
        space = {}
        exec(self.imports, space)
        exec(code, space)
        return self.check(*[eval(answer, space) for answer in self.answers])


def _imports(cells):
    """The imports of a notebook, which are what a solution may use."""
    found = []
    for cell in cells:
        if cell["cell_type"] == "code" and "colab" not in cell["metadata"].get("tags", []):
            lines = [line for line in cell["source"] if not line.lstrip().startswith(("%", "!"))]
            body = ast.parse("".join(lines)).body
            found += [node for node in body if isinstance(node, ast.Import | ast.ImportFrom)]
    return "\n".join(map(ast.unparse, found))


@functools.cache
def exercises(lesson):
    """The exercises of a lesson, named by its number without the dot: 11, 31b; 00 is the template."""
    pattern = "template.ipynb" if lesson == "00" else f"episode0{lesson[0]}_*/0{lesson[1:]}_*.ipynb"
    (path,) = EPISODES.glob(pattern)
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    imports, found = _imports(cells), []
    assert f"from utils.exercises import lesson{lesson} as check" in imports.splitlines()
    for position, cell in enumerate(cells):
        if "exercise" not in cell["metadata"].get("tags", []):
            continue
        after = [c for c in cells[position + 1 : position + 4] if c["cell_type"] == "markdown"]
        text = "\n".join("".join(c["source"]) for c in after)
        pattern = r"<summary>\s*(?:<b>)?Solution.*?```python\n(.*?)```"
        solution = re.search(pattern, text, flags=re.DOTALL)
        assert solution, f"{path.name}: no solution follows {cell['id']}"
        assert "Hint" in text, f"{path.name}: no hint follows {cell['id']}"
        found.append(Exercise(lesson, cell, solution.group(1), imports))
    return found


def test_a_blank_is_left_alone(each):
    verdict = each.verdict(each.blank)
    assert verdict.state == "blank" and "not attempted yet" in repr(verdict)
    if each.executed:  # `make new` leaves it without outputs; that a lesson was executed is tested elsewhere
        assert "not attempted yet" in each.stored, "the committed notebook shows the exercise untouched"


class _Silent(ast.NodeTransformer):
    def visit_Return(self, node):
        return ast.copy_location(ast.Expr(node.value), node)


def test_a_missing_return_is_asked_for(each):
    code = ast.unparse(_Silent().visit(ast.parse(each.solution)))
    verdict = each.verdict(code)
    assert verdict.state == "wrong" and "does it end with return?" in verdict.message, (code, verdict)


def test_each_mistake_has_its_own_message(each, request):
    mistakes = request.module.MISTAKES[each.name]
    assert len(mistakes) >= 2
    seen = set()
    for code, words in mistakes:
        verdict = each.verdict(code)
        assert verdict.state == "wrong", (code, verdict)
        assert words in verdict.message, (code, verdict)
        assert not re.search(r"\{\w", verdict.message), "a value is missing in the sentence"
        seen.add(verdict.message)
    assert len(seen) == len(mistakes), "two mistakes share one message"


def test_an_unusual_answer_passes(each, request):
    code = request.module.UNUSUAL[each.name]
    assert ast.dump(ast.parse(code)) != ast.dump(ast.parse(each.solution))
    verdict = each.verdict(code)
    assert verdict.state == "done", (code, verdict)


def test_the_published_solution_passes(each):
    verdict = each.verdict(each.solution)
    assert verdict.state == "done", verdict
