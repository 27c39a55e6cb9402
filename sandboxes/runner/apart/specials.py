"""The special methods that a stand-in passes on, and how the other side performs each."""

from __future__ import annotations

import copy
import math
import operator
from collections.abc import Callable
from typing import Any

_BINARY = (
    *("add", "sub", "mul", "matmul", "truediv", "floordiv", "mod", "pow"),
    *("lshift", "rshift", "and", "or", "xor"),
)

_OPERATORS: dict[str, Callable[..., Any]] = {"and": operator.and_, "or": operator.or_, "pow": pow}


def _reflected(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda right, left: function(left, right)


COMPARISONS = {
    "__eq__": operator.eq,
    "__ne__": operator.ne,
    "__lt__": operator.lt,
    "__le__": operator.le,
    "__gt__": operator.gt,
    "__ge__": operator.ge,
}

ARITHMETIC: dict[str, Callable[..., Any]] = {
    "__divmod__": divmod,
    "__rdivmod__": _reflected(divmod),
}
for _name in _BINARY:
    _function: Callable[..., Any] = _OPERATORS.get(_name) or getattr(operator, _name)
    ARITHMETIC[f"__{_name}__"] = _function
    ARITHMETIC[f"__r{_name}__"] = _reflected(_function)
    ARITHMETIC[f"__i{_name}__"] = getattr(operator, f"i{_name.rstrip('_')}")

_OWN = (
    *("__enter__", "__exit__", "__aenter__", "__aexit__", "__aiter__", "__anext__", "__await__"),
    *("__set_name__", "__get__", "__set__", "__delete__", "__class_getitem__"),
)


def _own(name: str) -> Callable[..., Any]:
    return lambda value, *arguments, **named: getattr(type(value), name)(value, *arguments, **named)


SPECIALS: dict[str, Callable[..., Any]] = {
    **COMPARISONS,
    **ARITHMETIC,
    **{name: _own(name) for name in _OWN},
    "__call__": lambda value, *arguments, **named: value(*arguments, **named),
    "__len__": len,
    "__bool__": bool,
    "__iter__": iter,
    "__next__": next,
    "__reversed__": reversed,
    "__contains__": operator.contains,
    "__getitem__": operator.getitem,
    "__setitem__": operator.setitem,
    "__delitem__": operator.delitem,
    "__hash__": hash,
    "__repr__": repr,
    "__str__": str,
    "__format__": format,
    "__bytes__": bytes,
    "__int__": int,
    "__float__": float,
    "__complex__": complex,
    "__index__": operator.index,
    "__abs__": abs,
    "__neg__": operator.neg,
    "__pos__": operator.pos,
    "__invert__": operator.invert,
    "__round__": round,
    "__trunc__": math.trunc,
    "__floor__": math.floor,
    "__ceil__": math.ceil,
    "__fspath__": lambda value: type(value).__fspath__(value),
    "__copy__": copy.copy,
    "__deepcopy__": lambda value, memo=None: copy.deepcopy(value),
}

JUDGING = frozenset({*COMPARISONS, *ARITHMETIC, "__contains__"})
"""Those that are given a value of the tests and answer with what a test decides by."""

ASYNC = frozenset({"__aenter__", "__aexit__", "__anext__"})


def of_class(kind: type, plain: type | None) -> list[str]:
    """Return which of them `kind` has of its own, beyond its plain base or object."""
    base = plain or object
    found = []
    for name in SPECIALS:
        own = getattr(kind, name, None)
        # `type` itself has __call__: every class seems to have one.
        has_one = any(name in vars(parent) for parent in kind.__mro__)
        if has_one and own is not None and own is not getattr(base, name, None):
            found.append(name)
    if kind.__hash__ is None:
        found.append("unhashable")
    return found
