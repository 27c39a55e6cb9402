"""Compare a value with what a case expects. The expectation is JSON, the value `values.encode`d.

The value comes from the process that runs foreign code, which may send anything: a malformed value
is equal to nothing, and the time of a comparison is bounded by its size.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

RELATIVE_TOLERANCE = 1e-9
ABSOLUTE_TOLERANCE = 1e-12
"""Tolerances for floats, as in pytest.approx: the order of a sum changes its last digits."""

MAX_PAIRED_ITEMS = 200
"""Items of sets that are compared pairwise if sorting them does not align them."""


def same(expected: Any, coded: Any) -> bool:
    """Tell whether the encoded value equals `expected`, as far as JSON can express it.

    A list matches any sequence, a set (in any order) and an array. An object matches a mapping
    whose keys json.dumps would write the same, and the fields of a dataclass or named tuple. A
    string matches a date, path or decimal that is written the same. True does not match 1.
    """
    try:
        return _same(expected, coded)
    except (TypeError, ValueError, IndexError, KeyError, OverflowError, RecursionError):
        return False


def _same(expected: Any, coded: Any) -> bool:
    if isinstance(coded, list):
        return _BY_TAG[coded[0]](expected, *coded[2:])
    if isinstance(coded, bool) or coded is None:
        return expected is coded
    if isinstance(coded, str):
        return isinstance(expected, str) and expected == coded
    return _close(expected, coded)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _close(expected: Any, number: Any) -> bool:
    if not _is_number(expected) or not _is_number(number):
        return False
    if isinstance(expected, int) and isinstance(number, int):
        return expected == number
    expected, number = float(expected), float(number)
    if math.isnan(expected):
        return math.isnan(number)
    return math.isclose(expected, number, rel_tol=RELATIVE_TOLERANCE, abs_tol=ABSOLUTE_TOLERANCE)


def _number(expected: Any, text: str, number: Any) -> bool:
    return expected == text or str(expected) == text or _same(expected, number)


def _enum(expected: Any, member: str, value: Any) -> bool:
    return (isinstance(expected, str) and expected == member) or _same(expected, value)


def _items(expected: Any, items: list[Any]) -> bool:
    return (
        isinstance(expected, list)
        and len(expected) == len(items)
        and all(map(_same, expected, items))
    )


def _set(expected: Any, items: list[Any]) -> bool:
    if not isinstance(expected, list) or len(expected) != len(items):
        return False
    if _items(sorted(expected, key=_rank), sorted(items, key=_rank)):
        return True
    if len(items) > MAX_PAIRED_ITEMS:
        return False
    left = list(items)
    for wanted in expected:
        found = next((item for item in left if _same(wanted, item)), left)
        if found is left:
            return False
        left.remove(found)
    return True


def _rank(item: Any) -> tuple[int, float, str]:
    """Return a sort key that is the same for a scalar in JSON and for the encoded scalar."""
    if _is_number(item):
        return (0, float(item), "")
    return (1, 0.0, item) if isinstance(item, str) else (2, 0.0, repr(item))


def _map(expected: Any, entries: list[Any]) -> bool:
    named = {_as_json(key): value for key, value in entries}
    return (
        isinstance(expected, dict)
        and len(expected) == len(named) == len(entries)
        and all(key in named and _same(value, named[key]) for key, value in expected.items())
    )


def _as_json(coded: Any) -> str:
    """Return a key as json.dumps would write it, or as its usual text form."""
    if isinstance(coded, str):
        return coded
    if isinstance(coded, bool):
        return "true" if coded else "false"
    if isinstance(coded, list):
        tag, _, *parts = coded
        if tag == "as":
            return _as_json(parts[0])
        if tag == "enum":
            return _as_json(parts[1])
        if tag == "text":
            return str(parts[0][0])
        return str(parts[0]) if tag == "number" else repr(coded)
    return "null" if coded is None else str(coded)


def _fields(expected: Any, is_sequence: bool, entries: list[Any]) -> bool:
    if isinstance(expected, list):
        return is_sequence and _items(expected, [value for _, value in entries])
    return _map(expected, entries)


def _text(expected: Any, texts: list[str]) -> bool:
    return isinstance(expected, str) and expected in texts


def _series(expected: Any, index: list[Any], values: list[Any]) -> bool:
    if isinstance(expected, list):
        return len(expected) == len(values) and all(map(_cell, expected, values))
    named = {_as_json(key): value for key, value in zip(index, values)}
    return (
        isinstance(expected, dict)
        and len(expected) == len(named) == len(values)
        and all(key in named and _cell(value, named[key]) for key, value in expected.items())
    )


def _cell(expected: Any, coded: Any) -> bool:
    """Compare one cell of a table; null matches a missing value."""
    return _same(expected, coded) or (expected is None and _same(math.nan, coded))


def _frame(expected: Any, columns: list[Any], index: list[Any], rows: list[Any]) -> bool:
    """Compare a table with a list of records, a list of rows, or an object of columns."""
    names = [_as_json(column) for column in columns]
    cells = [row[2] for row in rows]
    if isinstance(expected, list):
        return len(expected) == len(cells) and all(
            _series(wanted, columns, row) for wanted, row in zip(expected, cells)
        )
    by_name = dict(zip(names, zip(*cells))) if cells else dict.fromkeys(names, ())
    return (
        isinstance(expected, dict)
        and len(by_name) == len(names)
        and expected.keys() == by_name.keys()
        and all(_series(expected[name], index, list(by_name[name])) for name in names)
    )


_BY_TAG: dict[str, Callable[..., bool]] = {
    "int": lambda expected, text: _close(expected, int(text, 16)),
    "float": lambda expected, text: _close(expected, float(text)),
    "as": _same,
    "enum": _enum,
    "number": _number,
    "complex": lambda expected, real, imag: imag == 0 and _same(expected, real),
    "bytes": lambda expected, text: False,
    "text": _text,
    "list": _items,
    "set": _set,
    "map": _map,
    "fields": _fields,
    "series": _series,
    "frame": _frame,
    "none": lambda expected: False,
}
