"""Hashes of code that ignore comments and layout, and the search for the `utils` code a notebook reaches.

The search is static: it follows names and attributes from a syntax tree into `utils`, definition by
definition. What is looked up by a computed name (`getattr`) is not seen; a module that is passed around
whole counts whole.
"""
from __future__ import annotations

import ast
import copy
import functools
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

UTILS = Path(__file__).resolve().parent
Definition = tuple[str, str]  # (module, name), for example ("utils.lesson", "claim")


def digest(text: str, length: int = 8) -> str:
    """The first hexadecimal digits of the SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def canonical(node: Any) -> str:
    """A syntax tree as text: no positions, no empty fields, so it is the same in every Python version."""
    if isinstance(node, ast.AST):
        fields = ((name, getattr(node, name, None)) for name in node._fields)
        kept = [f"{name}={canonical(value)}" for name, value in fields if value is not None and value != []]
        return f"{type(node).__name__}({','.join(kept)})"
    if isinstance(node, list):
        return "[" + ",".join(canonical(item) for item in node) + "]"
    return repr(node)


def parse_cell(source: str) -> ast.Module:
    """The syntax tree of a code cell; lines of IPython (`%magic`, `!command`) are translated first."""
    try:
        return ast.parse(source)
    except SyntaxError:
        from IPython.core.inputtransformer2 import TransformerManager

        return ast.parse(TransformerManager().transform_cell(source))


def outputs_text(outputs: list[dict]) -> str:
    """The outputs of a cell as text, without their execution counts."""
    return json.dumps([{k: v for k, v in o.items() if k != "execution_count"} for o in outputs], sort_keys=True)


class _Module:
    """What one file of `utils` defines and imports."""

    def __init__(self, name: str, tree: ast.Module, is_package: bool):
        self.name, self.package = name, name if is_package else name.rpartition(".")[0]
        self.definitions: dict[str, list[ast.AST]] = {}
        for node in tree.body:
            for defined in _defined_names(node):
                self.definitions.setdefault(defined, []).append(node)
        self.imports = _imports(tree, self.package)


def _defined_names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif not isinstance(node, ast.Import | ast.ImportFrom):  # assignments, also inside if, try, for
        for inner in ast.walk(node):
            if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
                yield inner.id


def _imports(tree: ast.AST, package: str) -> dict[str, tuple[str, str | None]]:
    """{local name: (module, name in it)}; the second is None where the name is the module itself."""
    found: dict[str, tuple[str, str | None]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found[alias.asname or alias.name.split(".")[0]] = (
                    alias.name if alias.asname else alias.name.split(".")[0],
                    None,
                )
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parent = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parent, *filter(None, [node.module])])
            for alias in node.names:
                found[alias.asname or alias.name] = (base, alias.name)
    return {name: target for name, target in found.items() if target[0].split(".")[0] == "utils"}


class Library:
    """The code under `utils`, by definition."""

    def __init__(self, root: Path = UTILS):
        self.modules: dict[str, _Module] = {}
        for file in sorted(root.rglob("*.py")):
            parts = ["utils", *file.relative_to(root).with_suffix("").parts]
            is_package = parts[-1] == "__init__"
            name = ".".join(parts[:-1] if is_package else parts)
            self.modules[name] = _Module(name, ast.parse(file.read_text(encoding="utf-8")), is_package)

    def reached(self, tree: ast.AST, leave_out: tuple[str, ...] = ()) -> dict[str, str]:
        """{"lesson.claim": hash, …}: every definition in `utils` that the code of a tree can reach.

        Modules named in `leave_out` are neither listed nor searched.
        """
        todo = list(self._references(tree, _imports(tree, ""), None))
        seen: set[Definition] = set()
        while todo:
            target = todo.pop()
            if target in seen or target[0] in leave_out:
                continue
            seen.add(target)
            module = self.modules[target[0]]
            for node in module.definitions[target[1]]:
                todo.extend(self._references(node, module.imports, module))
        return {f"{m.removeprefix('utils.')}.{n}": self._hash(m, n) for m, n in sorted(seen)}

    def _hash(self, module: str, name: str) -> str:
        return digest("".join(canonical(_without_docstrings(n)) for n in self.modules[module].definitions[name]))

    def _references(self, tree: ast.AST, imports: dict, local: _Module | None) -> Iterator[Definition]:
        """Definitions of `utils` that the names and attributes in a tree stand for."""
        if isinstance(tree, ast.Attribute | ast.Name):
            path, node = [], tree
            while isinstance(node, ast.Attribute):
                path.insert(0, node.attr)
                node = node.value
            if isinstance(node, ast.Name):
                yield from self._resolve(node.id, path, imports, local)
                return
        for child in ast.iter_child_nodes(tree):
            yield from self._references(child, imports, local)

    def _resolve(self, root: str, path: list[str], imports: dict, local: _Module | None) -> Iterator[Definition]:
        if root in imports:
            module, name = imports[root]
            path = [*filter(None, [name]), *path]
        elif local and root in local.definitions:
            module, path = local.name, [root]
        else:
            return
        while path and f"{module}.{path[0]}" in self.modules:
            module, path = f"{module}.{path[0]}", path[1:]
        if module not in self.modules:
            return
        here = self.modules[module]
        if not path:  # the module itself is passed around: all of it counts
            yield from ((module, name) for name in here.definitions)
        elif path[0] in here.definitions:
            yield (module, path[0])
        elif path[0] in here.imports:  # re-exported
            yield from self._resolve(path[0], path[1:], here.imports, None)


def _without_docstrings(node: ast.AST) -> ast.AST:
    node = copy.deepcopy(node)
    for inner in ast.walk(node):
        body = getattr(inner, "body", None)
        if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and body:
            first = body[0]
            if isinstance(first, ast.Expr) and isinstance(getattr(first.value, "value", None), str):
                inner.body = body[1:]
    return node


@functools.cache
def library() -> Library:
    """The library as it stands on disk when first asked for."""
    return Library()


def code_of(sources: list[str], leave_out: tuple[str, ...] = ()) -> tuple[str, dict[str, str]]:
    """Hash of some code cells, and of every definition in `utils` that they reach together (see `reached`)."""
    whole = ast.Module(body=[line for source in sources for line in parse_cell(source).body], type_ignores=[])
    return digest(canonical(whole)), library().reached(whole, leave_out)
