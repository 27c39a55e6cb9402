"""An index out of range: of what, and how much there is."""

from __future__ import annotations

import ast
from typing import Any

from bellglass.sandboxes.runner.explaining.alike import NAME
from bellglass.sandboxes.runner.explaining.names import MISSING, Scope
from bellglass.sandboxes.runner.explaining.values import isinstance_of, short

_SEQUENCES = (list, tuple, str, bytes, bytearray, range)


def out_of_range(scope: Scope, nodes: list[ast.AST]) -> dict[str, Any]:
    """Return as `subject` what has no such item, and in `there` how many it has."""
    for node in nodes:
        if isinstance(node, ast.Subscript):
            owner, index = scope.value(node.value), scope.value(node.slice)
            length = _length(owner)
            if length is None or type(index) is not int or -length <= index < length:
                continue
            return {"subject": short(ast.unparse(node.value), NAME), "there": [str(length)]}
        called = node.func if isinstance(node, ast.Call) else None
        popped = called.value if isinstance(called, ast.Attribute) else None
        if popped is not None and _length(scope.value(popped)) == 0:
            return {"subject": short(ast.unparse(popped), NAME), "there": ["0"]}
    return {}


def _length(owner: Any) -> int | None:
    if owner is MISSING:
        return None
    for base in _SEQUENCES:
        if isinstance_of(owner, base):
            return base.__len__(owner)
    return None
