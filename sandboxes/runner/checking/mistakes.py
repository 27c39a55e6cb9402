"""Mistakes in Python that are certain from the syntax tree alone.

What the compiler warns of is not repeated here. Each has the code of the rule by which ruff finds
the same, if it does, so that no thing is said twice.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Sequence

Mistake = tuple[ast.AST, str, str]
"""The node where it is seen, what it is, and ruff's code for it."""

_LEAVING = {
    ast.Return: "return",
    ast.Raise: "raise",
    ast.Break: "break",
    ast.Continue: "continue",
}
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def find(nodes: list[ast.AST]) -> Iterator[Mistake]:
    """Return what is wrong in a program of `nodes`."""
    for node in nodes:
        # An expression holds no statements, and most nodes are expressions.
        for field in () if isinstance(node, ast.expr) else ("body", "orelse", "finalbody"):
            block = getattr(node, field, None)
            if isinstance(block, list):
                yield from _unreachable(block)
                yield from _redefined(block)
        if isinstance(node, _FUNCTIONS):
            yield from _compared(node.body)
        elif isinstance(node, ast.Module):
            yield from _compared(node.body[:-1])  # the value of the last expression is shown
        elif isinstance(node, ast.Raise):
            yield from _not_implemented(node)
        elif isinstance(node, ast.Dict):
            yield from _same_keys(node)
        elif isinstance(node, ast.Try):
            yield from _handlers(node)
        elif isinstance(node, (ast.If, ast.While, ast.IfExp)) and _full_tuple(node.test):
            yield node.test, "a tuple with something in it is always true", "F634"


def _full_tuple(node: ast.expr) -> bool:
    return isinstance(node, ast.Tuple) and bool(node.elts)


def _unreachable(block: Sequence[ast.stmt]) -> Iterator[Mistake]:
    for index, statement in enumerate(block[:-1]):
        word = _LEAVING.get(type(statement))
        if word:
            following = block[index + 1]
            value = getattr(following, "value", None)
            # A bare yield after a return makes an empty generator: done on purpose.
            if not isinstance(value, (ast.Yield, ast.YieldFrom)):
                yield following, f"never reached: it comes after a {word}", ""
            return


def _compared(block: Sequence[ast.stmt]) -> Iterator[Mistake]:
    for statement in block:
        value = statement.value if isinstance(statement, ast.Expr) else None
        if isinstance(value, ast.Compare) and isinstance(value.ops[0], ast.Eq):
            yield statement, "the result of this comparison is not used; was = meant?", "B015"


def _redefined(block: Sequence[ast.stmt]) -> Iterator[Mistake]:
    """Two functions of one name in one block, of which the first is never used."""
    earlier: dict[str, int] = {}
    for index, statement in enumerate(block):
        if not isinstance(statement, _FUNCTIONS):
            continue
        name = statement.name
        if statement.decorator_list:  # overloads, properties, registries
            earlier.pop(name, None)
            continue
        if name in earlier:
            first = earlier[name]
            if not _mentioned(name, block[first + 1 : index]):
                line = block[first].lineno
                said = f"replaces the {name} of line {line}, which was never used"
                yield statement, said, "F811"
        earlier[name] = index


def _mentioned(name: str, statements: Sequence[ast.stmt]) -> bool:
    return any(
        isinstance(node, ast.Name) and node.id == name
        for statement in statements
        for node in ast.walk(statement)
    )


def _not_implemented(node: ast.Raise) -> Iterator[Mistake]:
    raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
    if isinstance(raised, ast.Name) and raised.id == "NotImplemented":
        yield node, "NotImplemented cannot be raised; NotImplementedError can", "F901"


def _same_keys(node: ast.Dict) -> Iterator[Mistake]:
    values: dict[tuple[type, object], str] = {}
    for index, key in enumerate(node.keys[:1000]):
        if isinstance(key, ast.Constant):
            value = ast.dump(node.values[index])
            if values.setdefault((type(key.value), key.value), value) != value:
                yield key, f"the key {key.value!r:.60} is here twice; the last one counts", "F601"


def _handlers(node: ast.Try) -> Iterator[Mistake]:
    caught: list[type] = []
    for handler in node.handlers:
        listed = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
        names = [kind.id for kind in listed if isinstance(kind, ast.Name)]
        kinds = [getattr(builtins, name, None) for name in names]
        classes = [kind for kind in kinds if isinstance(kind, type)]
        if classes and len(classes) == len(listed):
            above = [k for k in caught if all(issubclass(c, k) for c in classes)]
            if above:
                yield handler, f"never reached: {above[0].__name__} is caught above", "B025"
        caught += classes
