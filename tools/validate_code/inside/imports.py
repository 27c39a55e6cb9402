"""The imports of a Python program, and those that the sandbox lacks."""

from __future__ import annotations

import ast
import builtins
import difflib
import sys
from collections.abc import Iterator
from importlib import util
from typing import Any, NamedTuple

from bellglass.sandboxes.common.distributions import DISTRIBUTIONS
from bellglass.tools.validate_code.inside.names import IMPORTS, Names
from bellglass.tools.validate_code.inside.scopes import Reading, Scope

MAX_MISSING_MODULES = 100
"""Modules that are looked up: finding a similar name takes a millisecond."""

UNKNOWN = "*"
_BROUGHT = ("solution",)
"""Modules that run_tests makes importable."""


class Imported(NamedTuple):
    """A module that a program names; `UNKNOWN` if only running it would tell."""

    name: str
    node: ast.expr | ast.stmt
    optional: bool
    """Whether the program goes on without it."""


def find(program: Reading, names: Names) -> list[Imported]:
    """Return what a program imports, by statement or by a call with a literal name."""
    return [*_statements(program.nodes), *_calls(program.uses, names)]


def _statements(nodes: list[ast.AST]) -> Iterator[Imported]:
    optional = {
        id(node)
        for statement in nodes
        if isinstance(statement, ast.Try) and any(map(_forgives, statement.handlers))
        for inner in statement.body
        for node in ast.walk(inner)
    }
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Imported(alias.name, node, id(node) in optional)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield Imported(str(node.module), node, id(node) in optional)
            for alias in node.names:  # these may be modules as well
                yield Imported(f"{node.module}.{alias.name}", node, True)


def _forgives(handler: ast.ExceptHandler) -> bool:
    listed = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    kinds = [getattr(builtins, kind.id, None) for kind in listed if isinstance(kind, ast.Name)]
    return handler.type is None or any(
        isinstance(kind, type) and issubclass(ModuleNotFoundError, kind) for kind in kinds
    )


def _calls(uses: list[tuple[ast.expr, Scope]], names: Names) -> Iterator[Imported]:
    for node, scope in uses:
        if isinstance(node, ast.Call) and names.meanings(node.func, scope) & set(IMPORTS):
            first = node.args[0] if node.args else None
            for keyword in node.keywords:
                first = keyword.value if keyword.arg == "name" else first
            yield Imported(names.text(first, scope) or UNKNOWN, node, False)


def missing(imported: list[Imported]) -> list[dict[str, Any]]:
    """Return the modules that this interpreter lacks, each once, where it is named first.

    Nothing is imported for that, neither of the program nor of a package.
    """
    found: dict[str, dict[str, Any]] = {}
    for name, node, optional in imported:
        if len(found) == MAX_MISSING_MODULES:
            break
        top = name.split(".")[0]
        if optional or top in found or top in _BROUGHT or _is_here(top):
            continue
        found[top] = {
            "module": top,
            "package": DISTRIBUTIONS.get(top),
            "line": node.lineno,
            "near": _near(top),
        }
    return list(found.values())


def _is_here(top: str) -> bool:
    if top in sys.modules or not top.isidentifier():
        return True
    try:
        return util.find_spec(top) is not None
    except (ImportError, ValueError, AttributeError):
        return True  # it exists, though not in the usual form


def _near(name: str) -> str | None:
    """Return the well-known module that `name` may be a misspelling of."""
    if name in DISTRIBUTIONS:
        return None
    for known in (DISTRIBUTIONS, getattr(sys, "stdlib_module_names", ())):
        near: list[str] = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
        if near:
            return near[0]
    return None
