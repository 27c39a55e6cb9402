"""Compare two values by their shapes, which `inside/shapes.py` makes.

Shapes come from the sandbox and are untrusted: a malformed shape is equal to nothing.
"""

from __future__ import annotations

import math
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

MAX_DEPTH = 60
MAX_DIGITS = 100_000
_NUMBERS = ("int", "float", "Fraction", "Decimal")


def exact(shape: Any) -> bool:
    """Tell whether no part of a value is approximate, or too large to be compared."""
    if isinstance(shape, dict):
        if "float" in shape or "complex" in shape or "too large" in shape:
            return False
        return all(map(exact, shape.values()))
    return all(map(exact, shape)) if isinstance(shape, list) else True


def agree(
    one: Any, other: Any, *, relative: float = 0.0, loose: bool = False, depth: int = 0
) -> bool:
    """Compare two shapes, floats to `relative`; `loose` ignores types of numbers and rows."""
    if depth > MAX_DEPTH:
        return False
    if isinstance(one, dict) and isinstance(other, dict):
        if "too large" in one or "too large" in other or len(one) != len(other):
            return False
        return _compound(one, other, relative, loose, depth)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(
            agree(a, b, relative=relative, loose=loose, depth=depth + 1)
            for a, b in zip(one, other, strict=True)
        )
    return type(one) is type(other) and bool(one == other)


def _compound(
    one: dict[str, Any], other: dict[str, Any], relative: float, loose: bool, depth: int
) -> bool:
    kind, other_kind = next(iter(one), ""), next(iter(other), "")
    if kind in _NUMBERS and other_kind in _NUMBERS:
        return (loose or kind == other_kind) and _equal(one[kind], other[other_kind], relative)
    if loose and {kind, other_kind} <= {"list", "tuple", "iterator"}:
        other_kind, other = kind, {kind: other[other_kind]}
    if kind != other_kind or one.keys() != other.keys():
        return False
    if kind == "dict":
        return _same_pairs(one[kind], other[kind], relative, loose, depth)
    return all(
        agree(one[key], other[key], relative=relative, loose=loose, depth=depth + 1) for key in one
    )


def _same_pairs(one: Any, other: Any, relative: float, loose: bool, depth: int) -> bool:
    if not isinstance(one, list) or not isinstance(other, list) or len(one) != len(other):
        return False
    try:
        known = {_key(key): value for key, value in other}
        return all(
            _key(key) in known
            and agree(value, known[_key(key)], relative=relative, loose=loose, depth=depth + 1)
            for key, value in one
        )
    except (TypeError, ValueError):
        return False


def _key(shape: Any) -> str:
    return repr(shape)


def _equal(one: Any, other: Any, relative: float) -> bool:
    a, b = _number(one), _number(other)
    if a is None or b is None:
        return str(one) == str(other)  # nan, inf
    if a == b:
        return True
    return bool(relative) and math.isclose(a, b, rel_tol=relative, abs_tol=1e-12)


def _number(text: Any) -> Fraction | None:
    if not isinstance(text, str) or len(text) > MAX_DIGITS:
        return None
    try:
        if text.startswith(("0x", "-0x")):
            return Fraction(int(text, 16))
        if "/" in text:
            return Fraction(text)
        value = Decimal(text)
        # The exponent is bounded, because the fraction has that many digits.
        if not value.is_finite() or abs(value.adjusted()) > MAX_DIGITS:
            return None
        return Fraction(value)
    except (ValueError, InvalidOperation, ZeroDivisionError):
        return None
