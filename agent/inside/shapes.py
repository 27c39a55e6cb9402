"""Describe any value as plain data that can be compared outside: bounded, typed, no pickle."""

from __future__ import annotations

import hashlib
from typing import Any

MAX_PARTS = 20_000
MAX_DEPTH = 40
MAX_TEXT_CHARACTERS = 20_000
MAX_GENERATOR_ITEMS = 10_000


class Shaper:
    """Makes shapes with at most MAX_PARTS parts in all; the others are only counted."""

    def __init__(self) -> None:
        self.parts = 0

    def shape(self, value: Any, depth: int = 0) -> Any:
        self.parts += 1
        if self.parts > MAX_PARTS or depth > MAX_DEPTH:
            return {"too large": type(value).__name__}
        kind = type(value)
        if value is None or kind is bool:
            return value
        if kind is int:
            return {"int": _digits(value)}
        if kind is float:
            return {"float": repr(value)}
        if kind is str:
            return (
                value
                if len(value) <= MAX_TEXT_CHARACTERS
                else {"long text": _digest(value.encode())}
            )
        if kind in (bytes, bytearray):
            return {"bytes": _digest(bytes(value)) if len(value) > 200 else bytes(value).hex()}
        return self._compound(value, kind, depth)

    def _compound(self, value: Any, kind: type, depth: int) -> Any:
        if kind in (list, tuple):
            return {kind.__name__: [self.shape(item, depth + 1) for item in value]}
        if kind in (set, frozenset):
            return {"set": sorted((self.shape(item, depth + 1) for item in value), key=repr)}
        if isinstance(value, dict):
            pairs = [
                [self.shape(key, depth + 1), self.shape(item, depth + 1)]
                for key, item in list(value.items())
            ]
            return {"dict": pairs}
        module = kind.__module__.partition(".")[0]
        if module in ("decimal", "fractions"):
            return {kind.__name__: str(value)}
        if module in ("datetime", "pathlib", "uuid", "ipaddress"):
            return {kind.__name__: str(value)}
        if kind is complex:
            return {"complex": repr(value)}
        if module in ("numpy", "pandas", "polars"):
            return self._of_library(value, depth)
        if hasattr(value, "__next__"):
            taken = []
            for item in value:
                taken.append(self.shape(item, depth + 1))
                if len(taken) >= MAX_GENERATOR_ITEMS:
                    break
            return {"iterator": taken}
        if isinstance(value, BaseException):
            return {"exception": kind.__name__, "args": self.shape(list(value.args), depth + 1)}
        if callable(value):
            return {"callable": getattr(value, "__name__", kind.__name__)}
        return self._object(value, kind, depth)

    def _of_library(self, value: Any, depth: int) -> Any:
        for way in ("to_dict", "tolist", "item", "isoformat"):
            method = getattr(value, way, None)
            if callable(method):
                try:
                    plain = method()
                except (TypeError, ValueError):
                    continue
                if type(plain) is not type(value):
                    return self.shape(plain, depth + 1)
        return {type(value).__name__: str(value)[:MAX_TEXT_CHARACTERS]}

    def _object(self, value: Any, kind: type, depth: int) -> Any:
        state = getattr(value, "__dict__", None)
        if state is None:
            names = [name for cls in kind.__mro__ for name in getattr(cls, "__slots__", ())]
            state = {name: getattr(value, name) for name in names if hasattr(value, name)}
        return {"object": kind.__name__, "state": self.shape(dict(state), depth + 1)}


def _digits(value: int) -> str:
    try:
        return str(value)
    except ValueError:  # more than 4,300 digits, which Python refuses since 3.11
        return hex(value)


def _digest(data: bytes) -> str:
    return "%d bytes, sha256 %s" % (len(data), hashlib.sha256(data).hexdigest())
