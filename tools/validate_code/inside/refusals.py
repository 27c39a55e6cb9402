"""Reasons for which an operator's policy refuses a program."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from bellglass.tools.validate_code.inside.imports import UNKNOWN

MAX_REASONS = 5
"""Reasons that are listed."""

_INNER = {"posix": "os", "nt": "os", "_socket": "socket", "_pickle": "pickle", "_ctypes": "ctypes"}
"""Modules behind others that do the same."""


def find(policy: dict[str, Any], lists: dict[str, list[Any]]) -> list[str]:
    """Return the reasons not to run a program with these findings; none if it may run.

    What cannot be looked through is refused.
    """
    if lists.get("errors"):
        error = lists["errors"][0]
        place = f"line {error['line']}: " if error["line"] else ""
        return [f"it cannot be looked through: {place}{error['message']}"]
    if "risks" not in lists:
        return [f"it cannot be looked through. {' '.join(lists.get('notes', []))}"]
    if lists.get("unread"):
        return [f"it cannot be looked through: {lists['unread'][0]}"]
    return list(dict.fromkeys(_reasons(policy, lists)))[:MAX_REASONS]


def program(code: Any) -> str:
    """Return one program of the expressions in `code`, which are run one by one.

    Each has to be whole, or it could make text of the next one.

    Raises:
        ValueError: One is not.
    """
    if isinstance(code, str):
        return code
    for number, expression in enumerate(code, 1):
        try:
            ast.parse(expression.strip(), mode="eval")
        except (SyntaxError, ValueError, RecursionError, MemoryError) as exc:
            raise ValueError(f"call {number} cannot be looked through: {exc}") from exc
    return "".join(f"({expression.strip()}\n)\n" for expression in code)


def _reasons(policy: dict[str, Any], lists: dict[str, list[Any]]) -> Iterator[str]:
    for risk in lists["risks"]:
        if risk["kind"] in policy["risks"]:
            yield f"line {risk['line']} {risk['kind']} ({risk['reason']})"
    refused = set(policy["imports"])
    for name, node, _ in lists.get("imports", ()) if refused else ():
        if name == UNKNOWN:
            yield f"line {node.lineno} imports a module that is known only when it runs"
        parts = name.split(".")
        parts[0] = _INNER.get(parts[0], parts[0])
        for depth in range(1, len(parts) + 1):
            if ".".join(parts[:depth]) in refused:
                yield f"line {node.lineno} imports {name}"
