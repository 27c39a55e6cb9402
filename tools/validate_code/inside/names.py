"""Resolution of names in a Python program, as far as its text allows.

`os.system` is known by that name through `import os as o`, `from os import system as run`,
`f = os.system`, `getattr(os, "sys" + "tem")`, `__import__("os").system` and the like. The result of
a call is written with parentheses: `Path("a").unlink` is `pathlib.Path().unlink`. An answer is a
set, because a name can be bound more than once; it is empty if the text does not tell.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from bellglass.tools.validate_code.inside.scopes import Scope

NOTHING: frozenset[str] = frozenset()

MAX_DEPTH = 40
"""Steps from a use to its origin: programs that need more are not written by hand."""

MAX_MEANINGS = 8
"""Meanings of one expression that are followed."""

MAX_NAME_CHARACTERS = 200
"""Characters of a full name."""

IMPORTS = (
    *("builtins.__import__", "importlib.import_module", "importlib.__import__"),
    *("builtins.__loader__.load_module", "builtins.__spec__.loader.load_module"),
)

# Modules that other modules have imported, and so expose: shutil.os, random._os.
_HANDED_ON = ("os", "sys", "subprocess", "socket", "shutil", "builtins", "importlib", "pickle")

# Common aliases of names that mean the same.
_CANONICAL = {
    "builtins.__builtins__": "builtins",
    "io.open": "builtins.open",
    "_io.open": "builtins.open",
    "posix": "os",
    "nt": "os",
    "_socket": "socket",
    "cPickle": "pickle",
    "_pickle": "pickle",
    "pathlib.PosixPath": "pathlib.Path",
    "importlib.__import__": "builtins.__import__",
}

_GETTERS = ("operator.attrgetter()", "operator.methodcaller()")


class Names:
    """The meanings of expressions in one program."""

    def __init__(self) -> None:
        self._known: dict[int, frozenset[str]] = {}

    def meanings(
        self, node: ast.AST | None, scope: Scope, depth: int = MAX_DEPTH
    ) -> frozenset[str]:
        """Return the full names that `node` may stand for.

        Inner expressions are resolved before outer ones, which keeps the recursion shallow.
        """
        known = self._known.get(id(node))
        if known is not None:
            return known
        if depth == 0 or node is None:
            return NOTHING
        # Set first, so that a name defined by itself causes no endless loop.
        self._known[id(node)] = NOTHING
        found: set[str] = set()
        for name in self._meanings(node, scope, depth - 1):
            if len(name) < MAX_NAME_CHARACTERS and len(found) < MAX_MEANINGS:
                found.add(_CANONICAL.get(name, name))
        self._known[id(node)] = frozenset(found)
        return self._known[id(node)]

    def text(self, node: ast.AST | None, scope: Scope, depth: int = 20) -> str | None:
        """Return the string that `node` evaluates to, if it can be known without running it."""
        if isinstance(node, ast.Constant):
            return node.value if isinstance(node.value, str) else None
        parts: list[str | None] = []
        if depth == 0:
            return None
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            parts = [self.text(side, scope, depth - 1) for side in (node.left, node.right)]
        elif isinstance(node, ast.JoinedStr):
            parts = [self.text(part, scope, depth - 1) for part in node.values[:100]]
        elif isinstance(node, ast.FormattedValue) and node.format_spec is None:
            parts = [self.text(node.value, scope, depth - 1)]
        elif isinstance(node, ast.Name):
            bindings = scope.find(node.id) or []
            if len(bindings) == 1 and not bindings[0].instance:
                parts = [self.text(bindings[0].expression, bindings[0].scope, depth - 1)]
        whole = [part for part in parts if part is not None]
        return "".join(whole) if parts and len(whole) == len(parts) else None

    def _meanings(self, node: ast.AST, scope: Scope, depth: int) -> Iterator[str]:
        if isinstance(node, ast.Name):
            yield from self._name(node.id, scope, depth)
        elif isinstance(node, ast.Attribute):
            for owner in self.meanings(node.value, scope, depth):
                yield owner if node.attr == "__dict__" else f"{owner}.{node.attr}"
                if node.attr.lstrip("_") in _HANDED_ON and "(" not in owner:
                    yield node.attr.lstrip("_")
        elif isinstance(node, ast.Call):
            yield from self._call(node, scope, depth)
        elif isinstance(node, ast.Subscript):
            yield from self._item(node, scope, depth)
        elif isinstance(node, (ast.NamedExpr, ast.Await)):
            yield from self.meanings(node.value, scope, depth)
        elif isinstance(node, ast.IfExp):
            yield from self.meanings(node.body, scope, depth)
            yield from self.meanings(node.orelse, scope, depth)
        elif isinstance(node, ast.BoolOp):
            for side in node.values[:MAX_MEANINGS]:
                yield from self.meanings(side, scope, depth)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            for name in self.meanings(node.left, scope, depth):
                if name.startswith("pathlib."):  # a path divided by something is a path
                    yield name

    def _name(self, name: str, scope: Scope, depth: int) -> Iterator[str]:
        bindings = scope.find(name)
        if bindings is None:
            yield f"builtins.{name}"
            for module in scope.stars[:MAX_MEANINGS]:
                yield f"{module}.{name}"
            return
        for binding in bindings[-MAX_MEANINGS:]:
            if binding.full is not None:
                yield binding.full
            for full in self.meanings(binding.expression, binding.scope, depth):
                yield f"{full}()" if binding.instance else full

    def _call(self, node: ast.Call, scope: Scope, depth: int) -> Iterator[str]:
        first = node.args[0] if node.args else None
        for keyword in node.keywords:
            first = keyword.value if keyword.arg == "name" else first
        for called in self.meanings(node.func, scope, depth):
            owner, _, method = called.rpartition(".")
            name = self.text(first, scope)
            if called in IMPORTS and name:
                yield name.split(".")[0] if "__import__" in called else name
            elif called in _GETTERS and isinstance(node.func, ast.Call):
                attribute = self.text(node.func.args[0], scope) if node.func.args else None
                for full in self.meanings(first, scope, depth) if attribute else ():
                    yield f"{full}.{attribute}"
            elif called == "builtins.getattr" and len(node.args) > 1:
                name = self.text(node.args[1], scope)
                for full in self.meanings(first, scope, depth) if name else ():
                    yield f"{full}.{name}"
            elif called in ("builtins.vars", "functools.partial", "builtins.staticmethod"):
                yield from self.meanings(first, scope, depth)
            elif method in ("__getattribute__", "__getitem__", "get") and name:
                yield name if owner == "sys.modules" else f"{owner}.{name}"
                yield f"{called}()"
            else:
                yield f"{called}()"

    def _item(self, node: ast.Subscript, scope: Scope, depth: int) -> Iterator[str]:
        key = self.text(node.slice, scope)
        for owner in self.meanings(node.value, scope, depth) if key else ():
            if owner == "sys.modules":
                yield str(key)
            elif owner in ("builtins.globals()", "builtins.locals()", "builtins.vars()"):
                yield from self._name(str(key), scope, depth)
            else:
                yield f"{owner}.{key}"
