"""Replace the bodies of functions by a raise: tests that still pass then prove nothing."""

from __future__ import annotations

import ast
from typing import Any


class _StubBodies(ast.NodeTransformer):
    def __init__(self) -> None:
        self.names: list[str] = []

    def _emptied(self, node: Any) -> Any:
        self.names.append(node.name)
        words = ast.Constant(value="left out")
        wrong = ast.Call(
            func=ast.Name(id="NotImplementedError", ctx=ast.Load()), args=[words], keywords=[]
        )
        node.body = [ast.Raise(exc=wrong, cause=None)]
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        return self._emptied(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> Any:
        return self._emptied(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:
        self.generic_visit(node)
        return node


def main(code: str) -> dict[str, Any]:
    """Return `code` in which every function raises at once, and the names of those functions."""
    stubs = _StubBodies()
    tree = ast.fix_missing_locations(stubs.visit(ast.parse(code)))
    return {"code": ast.unparse(tree), "functions": stubs.names[:200]}
