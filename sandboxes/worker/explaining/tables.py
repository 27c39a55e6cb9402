"""Columns and rows of a pandas table that are similar to a missing one."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from itertools import islice
from typing import Any

from bellglass.sandboxes.common.similar import (
    MAX_COMPARED_NAMES,
    MAX_LISTED_NAMES,
    MAX_NAME_CHARACTERS,
)
from bellglass.sandboxes.common.text import short
from bellglass.sandboxes.worker.explaining.names import MISSING, Scope
from bellglass.sandboxes.worker.explaining.values import shown

# "['a', 'b'] not in index", "None of [Index(['a'], dtype='str')] are in the [columns]", "['a'] not
# found in axis"
_LISTED = re.compile(r"^\"?(?:None of \[)?(?:Index\()?\[['\"]([^'\"]+)['\"].*(?:not |are in the)")
_ROWS = ("loc", "at", "xs")


def is_table(value: Any) -> bool:
    return _is(value, "DataFrame")


def labels(owner: Any) -> list[Any] | None:
    """Return the labels that a table accepts in brackets: columns, or the index of a series."""
    if _is(owner, "DataFrame"):
        return _first(owner.columns)
    return _first(owner.index) if _is(owner, "Series") else None


def listed(wanted: Any) -> str | None:
    """Return the missing name from a message about a list of names."""
    found = _LISTED.match(wanted) if type(wanted) is str else None
    return found[1] if found else None


def missing(wanted: Any, scope: Scope, nodes: list[ast.AST]) -> dict[str, Any]:
    """Return which table on a failed line lacks `wanted`, and what it has."""
    if type(wanted) not in (str, int):
        return {}  # a comparison would run its code
    for node in nodes:
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Attribute):
            owner = scope.value(node.value.value)
            if node.value.attr in _ROWS and (is_table(owner) or _is(owner, "Series")):
                rows = _first(owner.index)
                if wanted not in rows:
                    name = (
                        f"the index of {short(ast.unparse(node.value.value), MAX_NAME_CHARACTERS)}"
                    )
                    return {
                        "target": name,
                        "missing": shown(wanted),
                        "available": _shown_labels(rows),
                    }
    for name, table in _tables(scope, nodes):
        columns = _first(table.columns)
        if wanted not in columns:
            return {"target": name, "missing": shown(wanted), "available": _shown_labels(columns)}
    return {}


def _tables(scope: Scope, nodes: list[ast.AST]) -> Iterator[tuple[str, Any]]:
    for node in nodes:
        if isinstance(node, (ast.Name, ast.Attribute)):
            value = scope.value(node)
            if value is not MISSING and is_table(value):
                yield short(ast.unparse(node), MAX_NAME_CHARACTERS), value


def _is(value: Any, name: str) -> bool:
    """Tell if `value` is of pandas' own class: a subclass may do anything."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and type(value) is vars(pandas).get(name)


def _first(index: Any) -> list[Any]:
    first: list[Any] = index[:MAX_COMPARED_NAMES].tolist()
    return first


def _shown_labels(found: list[Any]) -> list[str]:
    return [shown(label) for label in islice(found, MAX_LISTED_NAMES)]
