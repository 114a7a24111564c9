"""Hashes of code that change only with what the code does, and the search for the definitions it reaches.

The search is static: it follows names from a syntax tree into `utils` and `assistant`, definition by definition,
and knows scopes. What is looked up by a computed name (`getattr`) is not seen; a module that is passed around
whole counts whole. Not counted: layout, comments, docstrings, annotations, import lines, texts of errors, and
the module in which a definition stands.
"""
from __future__ import annotations

import ast
import functools
import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("utils", "assistant")
# How data come in does not count, since a lesson's header and each row of evidence hold the data's fingerprint.
DOOR = ("utils.datasets", "utils.evidence")
STYLE = ("utils.figures", "utils.lesson")  # change no number of a row of evidence
Definition = tuple[str, str]  # (module, name), for example ("utils.lesson", "claim")
Target = tuple[str, tuple[str, ...]]  # (module, names in it), what an import stands for
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
EXITS = ("exit", "SystemExit")  # calls whose words are those of an error, as in `sys.exit("…")`
SILENT = {"ctx", "kind", "annotation", "returns", "type_comment", "type_params", "type_ignores"}


def digest(text: str, length: int = 8) -> str:
    """The first hexadecimal digits of the SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:length]


@functools.cache
def parse(source: str) -> list[ast.stmt]:
    """The statements of a code cell or script; lines of IPython (`%magic`, `!command`) are translated first.

    Raises SyntaxError.
    """
    try:
        body = ast.parse(source).body
    except SyntaxError:
        from IPython.core.inputtransformer2 import TransformerManager

        body = ast.parse(TransformerManager().transform_cell(source)).body
    return _without_docstring(body) if len(body) > 1 else body


def strings(nodes: Iterable[ast.AST]) -> set[str]:
    """All strings in a few syntax trees."""
    inside = (getattr(inner, "value", None) for node in nodes for inner in ast.walk(node))
    return {value for value in inside if isinstance(value, str)}


def _own(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """All nodes that belong to a scope itself; of a nested scope only the node that opens it."""
    todo = list(nodes)
    while todo:
        node = todo.pop()
        yield node
        if isinstance(node, COMPREHENSIONS):  # `:=` binds outside of a comprehension
            todo += [inner.target for inner in ast.walk(node) if isinstance(inner, ast.NamedExpr)]
        elif not isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            todo += ast.iter_child_nodes(node)


def _bound(nodes: Iterable[ast.AST]) -> set[str]:
    """The names that nodes bind in their own scope, imports apart."""
    names, elsewhere = set(), set()
    for node in _own(nodes):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names.add(node.id)
        elif isinstance(node, ast.Global | ast.Nonlocal):
            elsewhere.update(node.names)
        elif isinstance(node, ast.MatchMapping):
            names.add(node.rest)
        elif not isinstance(node, ast.alias):
            names.add(getattr(node, "name", None))  # def, class, except … as, case … as
    return names - elsewhere - {None}


def _imports(nodes: Iterable[ast.AST], package: str = "") -> dict[str, list[Target]]:
    """{local name: what it may stand for}, for the imports of a scope itself."""
    found: dict[str, list[Target]] = {}
    for node in _own(nodes):
        if isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.asname or alias.name.split(".")[0]
                found.setdefault(name, []).append((alias.name if alias.asname else name, ()))
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            parents = parts[: len(parts) + 1 - node.level] if node.level else []
            module = ".".join([*parents, *filter(None, [node.module])])
            for alias in node.names:
                found.setdefault(alias.asname or alias.name, []).append((module, (alias.name,)))
    return found


class _Scope:
    """What the names in a function, a class body or a comprehension stand for."""

    def __init__(self, outer: _Scope | _Module, names: set[str], body: Iterable[ast.AST] = (), is_class: bool = False):
        self.outer, self.is_class = outer, is_class
        self.targets = {name: [] for name in names} | _imports(body, outer.package)
        self.package = outer.package

    def find(self, name: str, here: bool = True) -> list[Target]:
        """What a name may stand for; nothing where it is a local variable or a built-in."""
        if name in self.targets and (here or not self.is_class):
            return self.targets[name]
        return self.outer.find(name, False)


class _Module:
    """What one file, or the cells of a notebook together, define and import."""

    def __init__(self, name: str, body: list[ast.stmt], package: str):
        self.name, self.package, self.imports = name, package, _imports(body, package)
        self.definitions: dict[str, list[ast.stmt]] = {}
        for node in body:
            for defined in {*_bound([node]), *_changed(node)}:
                self.definitions.setdefault(defined, []).append(node)

    def find(self, name: str, here: bool = True) -> list[Target]:
        own = [(self.name, (name,))] if self.name and name in self.definitions else []
        return self.imports.get(name, []) + own


def _changed(node: ast.stmt) -> Iterator[str]:
    """Names whose content a statement of a module changes: `TABLE["key"] = …`, `NAMES.append(…)`."""
    places = [node.value.func] if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) else []
    places += getattr(node, "targets", [])
    for place in places:
        while isinstance(place, ast.Attribute | ast.Subscript):
            place = place.value
        if isinstance(place, ast.Name):
            yield place.id


def _without_docstring(body: list) -> list:
    first = body[0] if body else None
    is_text = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return body[1:] if is_text and isinstance(first.value.value, str) else body


def _is_text(node: ast.AST) -> bool:
    """Whether an expression is nothing but words: a string, an f-string, or such put together."""
    if isinstance(node, ast.BinOp):
        added = isinstance(node.op, ast.Add) and _is_text(node.right)
        return added or isinstance(node.op, ast.Add | ast.Mod) and _is_text(node.left)
    if isinstance(node, ast.IfExp):
        return _is_text(node.body) and _is_text(node.orelse)
    if isinstance(node, ast.Call):  # "…".format(…), "…".join(…)
        return isinstance(node.func, ast.Attribute) and _is_text(node.func.value)
    return isinstance(node, ast.JoinedStr) or isinstance(getattr(node, "value", None), str)


def _wordless(call: ast.Call) -> ast.Call:
    """A call that makes an error, without its words."""
    keywords = [keyword for keyword in call.keywords if not _is_text(keyword.value)]
    return ast.Call(call.func, [each for each in call.args if not _is_text(each)], keywords)


class Reading:
    """One pass over code: its text without what does not count, and the definitions that it names."""

    def __init__(self, library: Library):
        self.library = library
        self.found: set[Definition] = set()
        self.asked: list[tuple[set[Definition], set[str]]] = []  # calls: what, and the strings handed over

    def text(self, node: Any, scope: _Scope | _Module) -> str:
        """Code as a text that is the same in every Python version."""
        if isinstance(node, list):
            return "[" + ",".join(filter(None, (self.text(item, scope) for item in node))) + "]"
        if not isinstance(node, ast.AST):
            return repr(node)
        if isinstance(node, ast.Import | ast.ImportFrom):
            return ""
        special = getattr(self, f"_{type(node).__name__.lower()}", self._plain)
        return special(node, scope)

    def _plain(self, node: ast.AST, scope: Any, **scopes: Any) -> str:
        parts = []
        for name in node._fields:
            value = getattr(node, name, None)
            if name == "body" and isinstance(node, (*FUNCTIONS, ast.ClassDef)) and isinstance(value, list):
                value = _without_docstring(value)
            if name not in SILENT and value is not None and value != []:
                parts.append(f"{name}={self.text(value, scopes.get(name, scope))}")
        return f"{type(node).__name__}({','.join(parts)})"

    def _name(self, node: ast.AST, scope: Any) -> str:
        """A name, or a chain of attributes that starts from one: what it stands for, by its bare name."""
        path, root = [], node
        while isinstance(root, ast.Attribute):
            path.insert(0, root.attr)
            root = root.value
        targets = scope.find(root.id) if isinstance(root, ast.Name) else []
        if not targets:
            return self._plain(node, scope)
        meant = [one for module, names in targets for one in self.library.resolve(module, (*names, *path))]
        self.found.update(definition for definition, _ in meant if definition)
        return "<" + "|".join(sorted({label for _, label in meant})) + ">"

    _attribute = _name

    def _functiondef(self, node: Any, scope: Any) -> str:
        given, body = node.args, node.body
        inside = body if isinstance(body, list) else [body]
        parameters = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
        inner = _Scope(scope, {each.arg for each in parameters if each} | _bound(inside), inside)
        return self._plain(node, scope, body=inner)

    _asyncfunctiondef = _lambda = _functiondef

    def _classdef(self, node: ast.ClassDef, scope: Any) -> str:
        return self._plain(node, scope, body=_Scope(scope, _bound(node.body), node.body, is_class=True))

    def _listcomp(self, node: Any, scope: Any) -> str:
        inner = _Scope(scope, _bound(generator.target for generator in node.generators))
        return self.text(node.generators[0].iter, scope) + self._plain(node, inner)  # its first `in` is of the outside

    _setcomp = _dictcomp = _generatorexp = _listcomp

    def _raise(self, node: ast.Raise, scope: Any) -> str:
        error = _wordless(node.exc) if isinstance(node.exc, ast.Call) else node.exc
        return self._plain(ast.Raise(error, node.cause), scope)

    def _call(self, node: ast.Call, scope: Any) -> str:
        if getattr(node.func, "attr", getattr(node.func, "id", "")) in EXITS:
            node = _wordless(node)
        before, self.found = self.found, set()
        function = self.text(node.func, scope)
        self.asked.append((self.found, strings([node])))
        self.found = before | self.found
        return f"Call({function},{self.text(node.args, scope)},{self.text(node.keywords, scope)})"


def _within(module: str, rooms: tuple[str, ...]) -> bool:
    return f"{module}.".startswith(tuple(f"{room}." for room in rooms))


class Library:
    """The code that lessons import, by definition."""

    def __init__(self, root: Path = ROOT):
        self.modules: dict[str, _Module] = {}
        self._read: dict[Definition, tuple[str, set[Definition]]] = {}
        for file in sorted(file for package in PACKAGES for file in (root / package).rglob("*.py")):
            parts = file.relative_to(root).with_suffix("").parts
            is_package = parts[-1] == "__init__"
            name = ".".join(parts[:-1] if is_package else parts)
            body = ast.parse(file.read_text(encoding="utf-8")).body
            self.modules[name] = _Module(name, body, name if is_package else name.rpartition(".")[0])

    def resolve(self, module: str, path: tuple, seen: tuple = ()) -> Iterator[tuple[Definition | None, str]]:
        """The definitions that names in a module stand for, each with the text that stands for it in a hash."""
        here = self.modules.get(module)
        if here is None or (module, path) in seen:
            outside = module.split(".")[0] not in PACKAGES
            yield None, ".".join((module, *path) if outside else path)
        elif not path:  # the module itself is passed around: all of it counts
            yield None, "module"
            yield from (((module, name), "module") for name in here.definitions)
        elif path[0] in here.definitions:
            yield (module, path[0]), ".".join(path)
        elif path[0] in here.imports and (module, path[:1]) not in here.imports[path[0]]:  # handed on
            for other, names in here.imports[path[0]]:
                yield from self.resolve(other, (*names, *path[1:]), (*seen, (module, path)))
        elif f"{module}.{path[0]}" in self.modules:
            yield from self.resolve(f"{module}.{path[0]}", path[1:], seen)
        else:
            yield None, ".".join(path)

    def read(self, definition: Definition) -> tuple[str, set[Definition]]:
        """The hash of a definition, and the definitions that it names."""
        if definition not in self._read:
            module, reading = self.modules[definition[0]], Reading(self)
            text = reading.text(module.definitions[definition[1]], module)
            self._read[definition] = digest(text), reading.found
        return self._read[definition]

    def reached(self, start: Iterable[Definition], leave_out: tuple[str, ...] = DOOR) -> dict[str, str]:
        """{bare name: hash}: every definition that can be reached; one name's several hashes stand in one text.

        Rooms named in `leave_out` are neither listed nor searched.
        """
        todo, seen, hashes = list(start), set(), {}
        while todo:
            definition = todo.pop()
            if definition not in seen and not _within(definition[0], leave_out):
                seen.add(definition)
                own, names = self.read(definition)
                hashes.setdefault(definition[1], []).append(own)
                todo.extend(names)
        return {name: " ".join(sorted(found)) for name, found in sorted(hashes.items())}

    def code(self, sources: dict[str, str]) -> tuple[dict[str, str], Reading]:
        """Hashes of code cells, which may use each other's imports, and what they name together."""
        cells = {name: parse(source) for name, source in sources.items()}
        scope = _Module("", [node for body in cells.values() for node in body], "")
        reading = Reading(self)
        return {name: digest(reading.text(body, scope)) for name, body in cells.items()}, reading

    def sets(self, reading: Reading) -> set[str]:
        """The data sets that some cells ask the door for, of those that the clinic can make."""
        found, known = set(), set(self.writers())
        for functions, words in reading.asked:
            for module, name in functions:
                if _within(module, DOOR):
                    found |= words & known or known & strings(self.modules[module].definitions[name])
        return found

    def clinic(self, name: str) -> str:
        """One hash of all code with which the virtual clinic makes a data set."""
        return digest(json.dumps(self.reached(self.writers()[name])))

    @functools.cache  # noqa: B019 (a handful of libraries in a process)
    def writers(self) -> dict[str, set[Definition]]:
        """{data set: the definitions that write its files}, from the clinic's own dictionary."""
        found = {}
        module = self.modules.get("utils.clinic.standins")
        for node in module.definitions.get("WRITERS", []) if module else []:
            for key, value in zip(node.value.keys, node.value.values, strict=True):
                reading = Reading(self)
                reading.text(value, module)
                found[key.value] = reading.found
        return found


@functools.cache
def library() -> Library:
    """The library as it stands on disk when first asked for."""
    return Library()
