"""When a value is what a case expects. The expectation is JSON, the value is Python."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import ItemsView, KeysView, Mapping, ValuesView
from typing import Any

RELATIVE = 1e-9
ABSOLUTE = 1e-12
"""How far floats may be apart, as in pytest.approx: sums in another order differ."""

_ORDERED = (list, tuple, range, deque, KeysView, ValuesView, ItemsView)
_UNORDERED = (set, frozenset)


def same(expected: Any, actual: Any) -> bool:
    """Tell if `actual` is `expected`, as far as JSON can say it.

    A list stands for any sequence, for a set (in any order) and for an array; the keys of an
    object for keys that JSON would write so.
    """
    if type(actual).__module__ == "numpy" and hasattr(actual, "tolist"):
        actual = actual.tolist()
    if isinstance(expected, list):
        return _same_items(expected, actual)
    if isinstance(expected, dict):
        return isinstance(actual, Mapping) and _same_entries(expected, actual)
    if expected is None or actual is None:
        return expected is actual
    if isinstance(expected, float) or (isinstance(expected, int) and isinstance(actual, float)):
        return _close(float(expected), actual)
    return bool(expected == actual)


def _close(expected: float, actual: Any) -> bool:
    if isinstance(actual, (str, bytes)):
        return False
    try:
        number = float(actual)
    except (TypeError, ValueError, OverflowError):
        return bool(expected == actual)
    if math.isnan(expected):
        return math.isnan(number)
    return math.isclose(expected, number, rel_tol=RELATIVE, abs_tol=ABSOLUTE)


def _same_items(expected: list[Any], actual: Any) -> bool:
    if isinstance(actual, _ORDERED):
        items = list(actual)
        return len(items) == len(expected) and all(map(same, expected, items))
    if not isinstance(actual, _UNORDERED) or len(actual) != len(expected):
        return False
    left = list(actual)
    for wanted in expected:
        for index, item in enumerate(left):
            if same(wanted, item):
                del left[index]
                break
        else:
            return False
    return True


def _same_entries(expected: dict[str, Any], actual: Mapping[Any, Any]) -> bool:
    named = {_as_json(key): value for key, value in actual.items()}
    return len(actual) == len(named) == len(expected) and all(
        key in named and same(value, named[key]) for key, value in expected.items()
    )


def _as_json(key: Any) -> str:
    """Return `key` as json.dumps would write it."""
    if isinstance(key, str):
        return key
    if isinstance(key, bool):
        return "true" if key else "false"
    return "null" if key is None else str(key)
