"""Walking through a syntax tree, without the marks in it.

Nearly half of what `ast.walk` gives are marks that lead nowhere: that a name is read, that two
things are added.
"""

from __future__ import annotations

import ast

_MARKS = (ast.expr_context, ast.boolop, ast.operator, ast.unaryop, ast.cmpop)


def children(node: ast.AST) -> list[ast.AST]:
    """Return the nodes directly below `node`, in the order of the text."""
    found: list[ast.AST] = []
    for field in node._fields:
        value = getattr(node, field, None)
        if isinstance(value, list):
            found += [item for item in value if isinstance(item, ast.AST)]
        elif isinstance(value, ast.AST) and not isinstance(value, _MARKS):
            found.append(value)
    return found


def below(tree: ast.AST, most: int) -> list[ast.AST]:
    """Return `tree` and all that is below it, outer ones first, but no more than `most`."""
    found = [tree]
    for node in found:
        found += children(node)
        if len(found) > most:
            break
    return found[:most]
