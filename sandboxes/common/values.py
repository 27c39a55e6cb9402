"""Encode the values that calls returned as JSON that keeps their types.

A JSON scalar encodes itself. Everything else is a list: a tag, the name of the type, and the
content. Decoding runs no foreign code: there is no pickle and no class of the code.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

Coded = Any

MIN_LARGE_INT = 1 << 63

MAX_ITEMS = 100_000
"""Values in one encoded value, at all levels."""

MAX_ITERATOR_ITEMS = 10_000
"""Items of an iterator that are encoded."""

MAX_DEPTH = 100


class TooMuch(Exception):
    """The value is too large or too deeply nested to be encoded."""


def encode(value: Any) -> Coded:
    """Return `value` as JSON; a part that is not plain data is encoded as the name of its type.

    Raises:
        TooMuch: It has more parts, or is nested more deeply, than can be compared.
        Exception: Whatever methods of the value raise.
    """
    return _Encoder().encode(value, 0)


class _Encoder:
    def __init__(self) -> None:
        self._left = MAX_ITEMS

    def encode(self, value: Any, depth: int) -> Coded:
        self._left -= 1
        if self._left < 0:
            raise TooMuch(f"a value with more than {MAX_ITEMS:,} parts")
        if depth > MAX_DEPTH:
            raise TooMuch(f"a value that is nested more than {MAX_DEPTH} levels deep")
        kind = type(value)
        if value is None or kind is bool or kind is str:
            return value
        if kind is int:
            return value if -MIN_LARGE_INT < value < MIN_LARGE_INT else ["int", "int", hex(value)]
        if kind is float:
            return value if value - value == 0 else ["float", "float", repr(value)]
        for encode in (self._library, self._scalar, self._container):
            coded = encode(value, kind, depth + 1)
            if coded is not None:
                return coded
        return ["none", _name(kind)]

    def _scalar(self, value: Any, kind: type, depth: int) -> Coded | None:
        name = _name(kind)
        enum = sys.modules.get("enum")
        if enum is not None and issubclass(kind, enum.Enum):
            return ["enum", name, str(value.name), self.encode(value.value, depth)]
        for base in (int, float, str):
            if issubclass(kind, base):
                # Called on the base class: the code may have overridden the method.
                own: Any = getattr(base, f"__{base.__name__}__")(value)
                return ["as", name, self.encode(own, depth)]
        if kind is complex:
            parts = (value.real, value.imag)
            return ["complex", name, *(self.encode(part, depth) for part in parts)]
        if kind in (bytes, bytearray, memoryview):
            return ["bytes", name, bytes(value).hex()]
        if kind.__module__ in _TEXTS and name in _TEXTS[kind.__module__]:
            texts = [str(value)]
            if hasattr(value, "isoformat"):
                texts.append(value.isoformat())
            return ["text", name, texts]
        if kind.__module__ in ("decimal", "fractions") and name in ("Decimal", "Fraction"):
            text = str(value)
            if len(text) > 1_000:
                raise TooMuch(f"a {name} of {len(text):,} characters")
            return ["number", name, text, self.encode(float(value), depth)]
        return None

    def _container(self, value: Any, kind: type, depth: int) -> Coded | None:
        name = _name(kind)
        fields = getattr(kind, "_fields", None)
        if issubclass(kind, tuple) and isinstance(fields, tuple):
            return self._fields(name, True, zip(fields, tuple.__iter__(value)), depth)
        names = getattr(kind, "__dataclass_fields__", None)
        if isinstance(names, dict):
            entries = ((n, getattr(value, n)) for n in names if hasattr(value, n))
            return self._fields(name, False, entries, depth)
        for base, tag in _BASES.items():
            if issubclass(kind, base):
                return [tag, name, self._all(base.__iter__(value), depth)]
        if issubclass(kind, dict):
            return self._entries(name, dict.items(value), depth)
        if kind.__module__ in ("types", "collections", "builtins") and issubclass(kind, Mapping):
            return self._entries(name, value.items(), depth)
        if kind in _SEQUENCES or (kind.__module__, name) in _NAMED_SEQUENCES:
            return ["list", name, self._all(value, depth)]
        if hasattr(kind, "__next__"):
            return ["list", name, self._all(islice(value, MAX_ITERATOR_ITEMS), depth)]
        return None

    def _all(self, items: Iterable[Any], depth: int) -> list[Coded]:
        return [self.encode(item, depth) for item in items]

    def _fields(
        self, name: str, is_sequence: bool, entries: Iterable[tuple[str, Any]], depth: int
    ) -> Coded:
        coded = [[str(field), self.encode(value, depth)] for field, value in entries]
        return ["fields", name, is_sequence, coded]

    def _entries(self, name: str, items: Iterable[tuple[Any, Any]], depth: int) -> Coded:
        return ["map", name, [[self.encode(k, depth), self.encode(v, depth)] for k, v in items]]

    def _library(self, value: Any, kind: type, depth: int) -> Coded | None:
        """Encode a value of numpy or pandas, if the code has imported them."""
        name = _name(kind)
        numpy, pandas = (sys.modules.get(module) for module in ("numpy", "pandas"))
        if pandas is not None:
            if value is pandas.NaT or value is pandas.NA:
                return ["float", name, "nan"]
            if isinstance(value, pandas.DataFrame):
                rows = value.itertuples(index=False, name=None)
                table = (list(value.columns), list(value.index), map(list, rows))
                return ["frame", name, *(self._all(part, depth) for part in table)]
            if isinstance(value, pandas.Series):
                parts = (list(value.index), list(value))
                return ["series", name, *(self._all(part, depth) for part in parts)]
            if isinstance(value, (pandas.Index, pandas.api.extensions.ExtensionArray)):
                return ["list", name, self._all(list(value), depth)]
        if numpy is not None:
            if isinstance(value, numpy.ndarray):
                self._left -= value.size  # counted before the list is made
                if self._left < 0:
                    raise TooMuch(f"an array with {value.size:,} items")
                if value.ndim == 0:
                    return ["as", name, self.encode(value[()], depth)]
                return ["list", name, self._all(list(value), depth)]
            if isinstance(value, numpy.generic):
                own = value.item()
                if isinstance(own, (numpy.generic, int)) and value.dtype.kind in "Mm":
                    return ["text", name, [str(value)]]
                return ["as", name, self.encode(own, depth)]
        return None


_TEXTS = {
    "datetime": ("date", "datetime", "time", "timedelta", "timezone"),
    "zoneinfo": ("ZoneInfo",),
    "uuid": ("UUID",),
    "pathlib": ("PosixPath", "PurePosixPath", "PureWindowsPath"),
    "pathlib._local": ("PosixPath", "PurePosixPath", "PureWindowsPath"),
    "ipaddress": ("IPv4Address", "IPv6Address", "IPv4Network", "IPv6Network"),
    "pandas": ("Timestamp", "Timedelta", "Period"),
    "pandas._libs.tslibs.timestamps": ("Timestamp",),
    "pandas._libs.tslibs.timedeltas": ("Timedelta",),
    "pandas._libs.tslibs.period": ("Period",),
}
"""Types whose values are encoded as text, by module."""

_BASES: dict[Any, str] = {list: "list", tuple: "list", set: "set", frozenset: "set"}
_SEQUENCES: tuple[type, ...] = (range, type({}.keys()), type({}.values()), type({}.items()))
_NAMED_SEQUENCES = {("collections", "deque"), ("array", "array")}


def _name(kind: type) -> str:
    name = kind.__name__
    return name if type(name) is str else "object"


def without_value(coded: Coded) -> str | None:
    """Return the type of a part that could not be encoded, or None if all could."""
    if not isinstance(coded, list):
        return None
    if coded and coded[0] == "none":
        return str(coded[1])
    return next((found for part in coded if (found := without_value(part)) is not None), None)
