"""`name?`: what an object is, in a few lines."""

from __future__ import annotations

import fnmatch
import inspect
from typing import Any

from bellglass.sandboxes.runner.explaining.values import class_name, shown
from bellglass.sandboxes.runner.habits.telling import UsageError

DOC = 3_000
"""Characters of a docstring."""

SOURCE = 10_000

NAMES = 100


def about(name: str, names: dict[str, Any], *, source: bool) -> str:
    """Return signature, type and docstring of what `name` stands for; its source, if asked."""
    if "*" in name:
        found = sorted(key for key in names if fnmatch.fnmatchcase(key, name))
        return "\n".join(found[:NAMES]) or f"No name is like {name}."
    value = _value(name, names)
    lines = []
    if callable(value):
        try:
            called = getattr(value, "__name__", name.rpartition(".")[2])
            lines.append(f"{called}{inspect.signature(value)}")
        except (ValueError, TypeError):
            pass
    kind = class_name(value)
    lines.append(f"Type: {kind}" if callable(value) else f"Type: {kind}, value: {shown(value)}")
    try:
        lines.append(f"File: {inspect.getfile(value)}")
    except (TypeError, OSError):
        pass
    doc = inspect.getdoc(value)
    if source:
        try:
            text = inspect.getsource(value)
            return "\n".join([*lines, _cut(text, SOURCE)])
        except (TypeError, OSError):
            lines.append("(no source to be had)")
    if doc:
        lines += ["", _cut(doc, DOC)]
    return "\n".join(lines)


def _value(name: str, names: dict[str, Any]) -> Any:
    try:
        return eval(name, names)
    except Exception as exc:
        text = f"{type(exc).__name__}: {exc}"
        raise UsageError(f"{name}? finds nothing of that name ({text}).") from None


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}\n[… {len(text) - most:,} characters more]"
