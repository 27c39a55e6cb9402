"""What a Python program could do to the world around it, from its syntax tree.

This informs a reader. It is not, and cannot be, a boundary: the sandbox is.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

from bellglass.sandboxes.runner.checking import call_risks
from bellglass.sandboxes.runner.checking import risk_rules as rules
from bellglass.sandboxes.runner.checking.names import Names
from bellglass.sandboxes.runner.checking.scopes import Scope

# A method of a path, also after the attributes and methods that give another path.
_PATH = re.compile(
    r"pathlib\.Path(?:\.home|\.cwd)?\(\)"
    r"(?:\.parent|\.parents|\.(?:absolute|expanduser|joinpath|relative_to|resolve|with_name"
    r"|with_stem|with_suffix)\(\))*\.(\w+)"
)


_EXCEPTIONS = ("Error", "Exception", "Timeout", "Warning")


def find(
    nodes: list[ast.AST], uses: list[tuple[ast.expr, Scope]], names: Names
) -> list[dict[str, Any]]:
    """Return the risky operations in a program of `nodes`, by line, from its `uses` of names."""
    called = {id(node.func) for node, _ in uses if isinstance(node, ast.Call)}
    finder = _Finder(nodes, called, names)
    # From the inside out, so that every answer builds on ready ones.
    for node, scope in reversed(uses):
        for kind, reason in finder.risks(node, scope):
            finder.add(node, kind, reason)
    return sorted(finder.found.values(), key=lambda risk: (risk["line"], risk["column"]))


class _Finder:
    def __init__(self, nodes: list[ast.AST], called: set[int], names: Names) -> None:
        self.found: dict[tuple[int, str, str], dict[str, Any]] = {}
        self._names = names
        self._called = called
        self._own = set()
        """Functions that the program itself defines."""
        self._modules = {"builtins"}
        for node in nodes:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                self._own.add(node.name)
            elif isinstance(node, ast.Import):
                self._modules.update(alias.name for alias in node.names)

    def add(self, node: ast.expr, kind: str, reason: str) -> None:
        self.found.setdefault(
            (node.lineno, kind, reason),
            {
                "kind": kind,
                "line": node.lineno,
                "column": node.col_offset,
                "reason": reason,
            },
        )

    def risks(self, node: ast.expr, scope: Scope) -> Iterator[call_risks.Risk]:
        """Return what is risky about `node`, whose inner expressions were asked before."""
        method = node.attr if isinstance(node, ast.Attribute) else None
        known = False
        for full in sorted(self._names.meanings(node, scope)):
            for kind, reason in self._named(full, id(node) in self._called):
                known = True
                yield kind, f"{_shown(full)} {reason}"
            known = known or full.startswith(tuple(rules.CLIENTS))
        if isinstance(node, ast.Call):
            yield from self._call(node, scope)
        elif isinstance(node, ast.Subscript) and self._names.text(node.slice, scope) is None:
            yield from self._dynamic(node.value, scope, "an item of the names of")
        if method in rules.INNARDS and not self._own_class(node, scope):
            yield rules.INTERPRETER, f"{method} leads from an object into the interpreter"
        unknown = not known and method not in self._own and id(node) in self._called
        if method in rules.ANYWHERE and unknown:
            kind, reason = rules.ANYWHERE[method]
            yield kind, f".{method} {reason}"

    def _named(self, full: str, called: bool) -> Iterator[call_risks.Risk]:
        """Return what is risky about anything called `full`, however it is used."""
        owner, _, name = full.rpartition(".")
        path = _PATH.fullmatch(full)
        if path:
            owner, name = "pathlib.Path", path.group(1)
        elif owner.endswith("()"):
            owner = owner[:-2]
        if full in rules.FUNCTIONS:
            yield rules.FUNCTIONS[full]
        elif (owner, name) in rules.METHODS and "()" in full:
            yield rules.METHODS[owner, name]
        elif full in call_risks.OPENERS and not called:
            yield rules.READS, "opens files"
        elif full.count("()") == 1 and name in rules.REQUESTS and _client(full):
            yield rules.NETWORK, "talks to another machine"

    def _call(self, node: ast.Call, scope: Scope) -> Iterator[call_risks.Risk]:
        for full in sorted(self._names.meanings(node.func, scope)):
            match = _PATH.fullmatch(full)
            plain = "pathlib.Path().open" if match and match.group(1) == "open" else full
            for kind, reason in call_risks.of(plain, node, scope, self._names):
                yield kind, f"{_shown(full)} {reason}"
            if full == "builtins.getattr" and len(node.args) > 1:
                if self._names.text(node.args[1], scope) is None:
                    yield from self._dynamic(node.args[0], scope, "an attribute of")
            elif _client(full) and not full.endswith(_EXCEPTIONS) and "()" not in full:
                yield rules.NETWORK, f"{_shown(full)} is there to use the network"

    def _dynamic(self, owner: ast.expr, scope: Scope, what: str) -> Iterator[call_risks.Risk]:
        for full in sorted(self._names.meanings(owner, scope)):
            known = full in self._modules or full in rules.MODULES
            if known or full in ("builtins.globals()", "sys.modules"):
                yield rules.DYNAMIC, f"takes {what} {_shown(full)} by a name that is a value"

    def _own_class(self, node: ast.expr, scope: Scope) -> bool:
        """Tell if this is a class of the program asking for its subclasses: a registry."""
        owner = getattr(node, "value", None)
        return (
            getattr(node, "attr", "") == "__subclasses__"
            and isinstance(owner, ast.Name)
            and scope.find(owner.id) is not None
        )


def _client(full: str) -> bool:
    parts = full.split(".")
    return any(".".join(parts[:depth]) in rules.CLIENTS for depth in (1, 2)) and (
        len(parts) > 1 and full not in rules.FUNCTIONS
    )


def _shown(full: str) -> str:
    full = full.replace("()", "")
    return full[len("builtins.") :] if full.startswith("builtins.") else full
