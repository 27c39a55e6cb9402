"""Format a shape of `inside/shapes.py` as people would write the value."""

from __future__ import annotations

from typing import Any

MAX_DEPTH = 6
MAX_ITEMS = 30


def plain(shape: Any, depth: int = 0) -> str:
    """Return the value of a shape in Python's notation; long parts are cut."""
    if depth > MAX_DEPTH:
        return "..."
    match shape:
        case {"int": text} | {"float": text} | {"Fraction": text} | {"Decimal": text}:
            return str(text)
        case {"date": text} | {"datetime": text} | {"Timestamp": text}:
            return str(text)
        case {"tuple": [only]}:
            return f"({plain(only, depth + 1)},)"
        case {"tuple": list(items)}:
            return f"({_listed(items, depth)})"
        case {"list": list(items)}:
            return f"[{_listed(items, depth)}]"
        case {"set": list(items)}:
            return f"{{{_listed(items, depth)}}}"
        case {"iterator": list(items)}:
            return f"iterator of [{_listed(items, depth)}]"
        case {"dict": list(pairs)}:
            return f"{{{_paired(pairs, depth)}}}"
        case _:
            return repr(shape)


def _listed(items: list[Any], depth: int) -> str:
    more = ", ..." if len(items) > MAX_ITEMS else ""
    return ", ".join(plain(item, depth + 1) for item in items[:MAX_ITEMS]) + more


def _paired(pairs: list[Any], depth: int) -> str:
    shown = [
        f"{plain(pair[0], depth + 1)}: {plain(pair[1], depth + 1)}"
        for pair in pairs[:MAX_ITEMS]
        if isinstance(pair, list) and len(pair) == 2
    ]
    return ", ".join(shown) + (", ..." if len(pairs) > MAX_ITEMS else "")
