"""Tell whether two programs are the same except for names, comments and layout."""

from __future__ import annotations

import ast


def _skeleton(code: str) -> str:
    tree = ast.parse(code)
    names: dict[str, str] = {}
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    }
    for node in ast.walk(tree):
        for field in ("id", "arg", "name"):
            name = getattr(node, field, None)
            if isinstance(name, str) and name not in imported:
                setattr(node, field, names.setdefault(name, "n%d" % len(names)))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value.value = None  # a docstring
    return ast.dump(tree)


def main(one: str, other: str) -> dict[str, bool]:
    try:
        return {"same": _skeleton(one) == _skeleton(other)}
    except (SyntaxError, ValueError, RecursionError):
        return {"same": False}
