"""What makes a lesson stale and what does not, tried on a copy of `utils`: the table of what the stamps cost."""
from __future__ import annotations

import ast
import shutil

import pytest

from tools import evidence, fingerprint, notebook
from tools.fingerprint import Library

LESSONS = notebook.all_notebooks()


def cells_of(path):
    cells = [cell for cell in notebook.code_cells(notebook.read(path)) if "colab" not in notebook.tags(cell)]
    return {cell["id"]: cell["source"] for cell in cells}


CELLS = {path.stem: cells_of(path) for path in LESSONS}


def standing(library, cells=CELLS):
    """{lesson: everything that a stamp and a row of evidence on generated data compare with code}."""
    found = {}
    for path in LESSONS:
        code, reading = library.code(cells[path.stem])
        reached = library.reached(reading.found)
        made = {name: library.clinic(name) for name in library.sets(reading)}
        found[path.stem] = code, reached, made, evidence.code_hash(path, library)
    return found


BEFORE = standing(fingerprint.library())


def stale(root, cells=CELLS):
    after = standing(Library(root), cells)
    return {lesson for lesson in BEFORE if after[lesson] != BEFORE[lesson]}


@pytest.fixture
def copy(tmp_path):
    for package in fingerprint.PACKAGES:
        shutil.copytree(fingerprint.ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def edit(root, change, modules="utils/**/*.py"):
    """Apply a change to syntax trees; returns how many places it touched."""
    count = 0
    for file in root.glob(modules):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for node in list(ast.walk(tree)):
            count += bool(change(node))
        file.write_text(ast.unparse(ast.fix_missing_locations(tree)), encoding="utf-8")
    return count


def is_string(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def error_words(node):
    if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
        inner = [call for call in ast.walk(node.exc) if isinstance(call, ast.Call) and call is not node.exc]
        for word in filter(is_string, ast.walk(node.exc)):
            if not any(word in call.args for call in inner):
                word.value += ", indeed"
        return True
    return False


def notes(node):
    if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node):
        node.body[0].value.value = "Another note."
        return True
    return False


def import_lines(node):
    if isinstance(node, ast.FunctionDef | ast.Module):
        place = next((i for i, line in enumerate(node.body) if not is_string(getattr(line, "value", None))), 0)
        place += isinstance(node, ast.Module) and bool(ast.get_docstring(node) or len(node.body) > 1)
        node.body.insert(place + 1, ast.Import([ast.alias("json", "unneeded")]))
        return True
    return False


def annotations(node):
    if isinstance(node, ast.FunctionDef):
        node.returns = ast.Name("object")
        for argument in node.args.args:
            argument.annotation = ast.parse("datasets.Source", mode="eval").body
        return True
    return False


def test_words_and_imports_make_no_lesson_stale(copy):
    for change in (error_words, notes, import_lines, annotations):
        assert edit(copy, change) > 50
    assert stale(copy) == set()


def altered(name):
    """A change that does something else: a statement more at the start of a function."""
    def change(node):
        if isinstance(node, ast.FunctionDef) and node.name == name:
            node.body.insert(bool(ast.get_docstring(node)), ast.parse("folder = 'elsewhere'").body[0])
            return True
        return False

    return change


def test_the_door_may_change_whole(copy):
    def temporary_name(node):
        if isinstance(node, ast.FunctionDef):
            return altered(node.name)(node)
        return False

    doors = [f for room in fingerprint.DOOR for f in (f"{room.replace('.', '/')}.py", f"{room.replace('.', '/')}/*.py")]
    assert sum(edit(copy, temporary_name, door) for door in doors) > 20
    assert stale(copy) == set()


def test_modules_under_other_names_make_no_lesson_stale(copy):
    moved = [("utils", "figures"), ("utils", "lesson"), ("utils", "training"), ("utils.clinic", "patient")]

    def rename(node):
        if isinstance(node, ast.ImportFrom):
            for room, name in moved:
                if node.module == room:
                    for alias in node.names:
                        if alias.name == name:
                            alias.name, alias.asname = f"{name}s_moved", alias.asname or name
                elif node.module == f"{room}.{name}":
                    node.module = f"{room}.{name}s_moved"

    for modules in ("utils/**/*.py", "assistant/*.py"):
        edit(copy, rename, modules)
    for room, name in moved:
        folder = copy / room.replace(".", "/")
        (folder / f"{name}.py").rename(folder / f"{name}s_moved.py")
    cells = {}
    for lesson, sources in CELLS.items():
        trees = {cell: ast.Module(fingerprint.parse.__wrapped__(source), []) for cell, source in sources.items()}
        for tree in trees.values():
            for node in ast.walk(tree):
                rename(node)
        cells[lesson] = {cell: ast.unparse(tree) for cell, tree in trees.items()}
    after = standing(Library(copy), cells)
    assert {stem for stem in BEFORE if after[stem][:3] != BEFORE[stem][:3]} == set()


def test_a_definition_in_another_module_makes_no_lesson_stale(copy):
    file = copy / "utils" / "lesson.py"
    tree = ast.parse(file.read_text(encoding="utf-8"))
    claim = next(node for node in tree.body if getattr(node, "name", "") == "claim")
    tree.body.remove(claim)
    imports = ast.parse("from typing import Any\nfrom utils import lesson").body
    text = ast.unparse(ast.Module([*imports, claim], [])).replace("raise ClaimError", "raise lesson.ClaimError")
    text = text.replace("not in_copy()", "not lesson.in_copy()")
    (copy / "utils" / "said.py").write_text(text, encoding="utf-8")
    file.write_text(ast.unparse(tree) + "\nfrom utils.said import claim\n", encoding="utf-8")
    assert stale(copy) == set()


def uses(name):
    return {lesson for lesson, (_, reached, _, _) in BEFORE.items() if name in reached}


@pytest.mark.parametrize("name", ["fit", "window", "show", "claim"])
def test_a_real_change_is_named_by_the_lessons_that_reach_it(copy, name):
    assert edit(copy, altered(name)) >= 1
    assert stale(copy) == uses(name) != set()


def test_a_colour_of_a_figure_is_named(copy):
    def colour(node):
        if is_string(node) and node.value == "#E69F00":
            node.value = "#E69F01"
            return True
        return False

    assert edit(copy, colour, "utils/figures.py") >= 1
    assert stale(copy) == uses("ORANGE") != set()


def test_a_value_of_the_skin_generator_is_named_where_skin_is_drawn(copy):
    skin = {lesson for lesson, (_, _, made, _) in BEFORE.items() if "dermamnist" in made}
    assert len(skin) >= 5

    def paler(node):
        if is_string(node) and "melanin       .26" in node.value:
            node.value = node.value.replace("melanin       .26", "melanin       .27")
            return True
        return False

    assert edit(copy, paler, "utils/clinic/skin.py") >= 1
    assert stale(copy) == skin


def test_another_room_of_the_clinic_is_not_named_by_skin(copy):
    edit(copy, altered("make_patient"), "utils/clinic/patient.py")
    only_skin = {lesson for lesson, (_, _, made, _) in BEFORE.items() if set(made) == {"dermamnist"}}
    skin = only_skin - uses("make_patient")
    named = stale(copy)
    assert len(skin) >= 3 and not named & skin
    assert any("pneumoniamnist" in BEFORE[lesson][2] for lesson in named)


# ---------------------------------------------------------------------------- scopes, on a library of a few lines


LIBRARY = {
    "__init__": "",
    "door": "def paint(): return 2",
    "other": "def paint(): pass\ndef used(): return 1",
    "third": "def paint(): return 3",
}


def reach(tmp_path, module, cell="from utils import room\nroom.start()"):
    (tmp_path / "utils").mkdir(exist_ok=True)
    for name, text in {**LIBRARY, "room": module}.items():
        (tmp_path / "utils" / f"{name}.py").write_text(text)
    library = Library(tmp_path)
    return library.reached(library.code({"cell": cell})[1].found)


@pytest.mark.parametrize(
    "body",
    [
        "def start(used): return used",
        "def start(*used): return used",
        "def start():\n    used = 1\n    return used",
        "def start():\n    def used(): pass\n    return used()",
        "def start():\n    return [used for used in 'ab']",
        "def start():\n    return {used: 1 for used, other in []}",
        "def start():\n    return lambda used: used",
        "def start():\n    with open('x') as used: return used",
        "def start():\n    try: pass\n    except ValueError as used: return used",
        "def start():\n    for used in []: print(used)",
        "def start():\n    import json as used\n    return used",
        "def start():\n    if (used := 1): return used",
        "def start(x):\n    match x:\n        case [used, *_]: return used",
        "class start:\n    used = 1\n    other = used",
        "def start(x: used) -> used: pass",
        "def start():\n    raise ValueError(f'no {used()}')",
        "def start():\n    raise ValueError('no %s' % used())",
        "import sys\ndef start():\n    sys.exit('no' + used())",
    ],
)
def test_a_local_name_or_a_word_reaches_nothing(tmp_path, body):
    assert set(reach(tmp_path, f"from utils.other import used\n{body}")) == {"start"}


@pytest.mark.parametrize(
    "body",
    [
        "def start():\n    return used()",
        "def start(x=used): pass",
        "@used\ndef start(): pass",
        "class start(used): pass",
        "class start:\n    used = 1\n    def method(self): return used()",
        "def start():\n    return [x for x in used()]",
        "def start():\n    return [used for used in used()]",
        "def start():\n    global used\n    used = used()",
        "def start():\n    if used(): raise ValueError('no')",
        "def start():\n    raise used('no')",
        "def start():\n    raise ValueError(used())",
        "def start():\n    def inner(used): return used\n    return inner(used)",
        "def start():\n    from utils import other\n    return other.used()",
        "import utils.other\ndef start():\n    return utils.other.used()",
        "from utils import other as o\ndef start():\n    return getattr(o, 'used')",
        "TABLE = {}\nTABLE['x'] = used\ndef start(): return TABLE",
        "TABLE = []\nTABLE.append(used)\ndef start(): return TABLE",
        "if True:\n    start = used",
    ],
)
def test_what_is_used_is_reached(tmp_path, body):
    assert "used" in reach(tmp_path, f"from utils.other import used\n{body}")


def test_several_imports_of_one_name_are_all_followed(tmp_path):
    module = "def start(x):\n" + "".join(
        f"    if x == '{name}': from utils.{name} import paint\n" for name in ("door", "other", "third")
    )
    assert len(reach(tmp_path, f"{module}    return paint()")["paint"].split()) == 3


def test_a_package_hands_on_what_bears_the_name_of_its_module(tmp_path):
    (tmp_path / "utils" / "read").mkdir(parents=True)
    (tmp_path / "utils" / "read" / "__init__.py").write_text("from .read import read\nfrom utils.read import write")
    (tmp_path / "utils" / "read" / "read.py").write_text("def read(): return helper()\ndef helper(): pass")
    (tmp_path / "utils" / "read" / "write.py").write_text("def put(): pass")
    found = reach(tmp_path, "", "from utils import read\nread.read()\nread.write.put()")
    assert set(found) == {"read", "helper", "put"}


def test_code_says_where_a_foreign_name_comes_from():
    def one(source):
        return fingerprint.library().code({"cell": source})[0]["cell"]

    assert one("from math import sqrt\nsqrt(2)") != one("from numpy import sqrt\nsqrt(2)")
    assert one("import numpy as np\nnp.sqrt(2)") == one("from numpy import sqrt\nimport json\nsqrt(2)")
    assert one("from utils.lesson import claim\nclaim(1)") == one("import utils.lesson as l\n\nl.claim(1)  # so")
    assert one("x = 1  # one\ny = 2") == one("'''Notes.'''\nx=1\ny=2") != one("x = 1\ny = 3")
