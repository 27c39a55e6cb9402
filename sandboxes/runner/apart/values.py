"""Values as JSON and back, of types that cannot do anything when they are made.

Never pickle: what comes from the code under test must not run anything where the tests are.
A scalar stands for itself; all else is a list of a tag and what it takes.
"""

from __future__ import annotations

import builtins
import datetime
import decimal
import fractions
import pathlib
import re
import sys
import uuid
from collections.abc import Callable
from importlib import import_module
from typing import Any

from bellglass.sandboxes.runner.apart import arrays
from bellglass.sandboxes.runner.apart.mirror import KINDS, TYPES, Mirror

SMALL = 1 << 63


class NoValue(Exception):
    """It is not plain data: it has to be referred to."""


def _delta(value: datetime.timedelta) -> list[Any]:
    return [value.days, value.seconds, value.microseconds]


def _moment(value: Any) -> list[Any]:
    if value.tzinfo is not None and type(value.tzinfo) is not datetime.timezone:
        raise NoValue
    zone = None if value.tzinfo is None else value.tzinfo.utcoffset(None).total_seconds()
    plain = value.replace(tzinfo=None)
    return [plain.isoformat(), value.fold, zone]


def _from_moment(type_: Any) -> Callable[..., Any]:
    def make(text: str, fold: int, zone: float | None) -> Any:
        offset = None if zone is None else datetime.timedelta(seconds=zone)
        tzinfo = None if offset is None else datetime.timezone(offset)
        return type_.fromisoformat(text).replace(fold=fold, tzinfo=tzinfo)

    return make


def _pattern(value: re.Pattern[Any]) -> list[Any]:
    if type(value.pattern) is not str:
        raise NoValue
    return [value.pattern, value.flags]


MADE: dict[type, tuple[str, Callable[[Any], list[Any]], Callable[..., Any]]] = {
    complex: ("complex", lambda v: [v.real, v.imag], complex),
    bytes: ("bytes", lambda v: [v.hex()], bytes.fromhex),
    range: (
        "range",
        lambda v: [str(v.start), str(v.stop), str(v.step)],
        lambda *v: range(*map(int, v)),
    ),
    datetime.date: ("date", lambda v: [v.isoformat()], datetime.date.fromisoformat),
    datetime.datetime: ("datetime", _moment, _from_moment(datetime.datetime)),
    datetime.time: ("time", _moment, _from_moment(datetime.time)),
    datetime.timedelta: ("timedelta", _delta, datetime.timedelta),
    datetime.timezone: (
        "timezone",
        lambda v: _delta(v.utcoffset(None)),
        lambda *v: datetime.timezone(datetime.timedelta(*v)),
    ),
    decimal.Decimal: ("decimal", lambda v: [str(v)], decimal.Decimal),
    fractions.Fraction: ("fraction", lambda v: [str(v)], fractions.Fraction),
    uuid.UUID: ("uuid", lambda v: [str(v)], uuid.UUID),
    pathlib.PosixPath: ("path", lambda v: [str(v)], pathlib.PosixPath),
    pathlib.PurePosixPath: ("purepath", lambda v: [str(v)], pathlib.PurePosixPath),
    re.Pattern: ("pattern", _pattern, re.compile),
}
MAKERS = {tag: make for tag, _, make in MADE.values()}

PLAIN_BASES = (int, float, str, tuple, bytes, frozenset, complex)
"""Whose subclasses carry a value that the tests can compare themselves."""


class Codec:
    """Encodes and decodes for one side; what is not plain data goes through `refer` and `meet`."""

    def __init__(
        self, side: str, refer: Callable[[Any], list[Any]], meet: Callable[[list[Any]], Any]
    ) -> None:
        self.mirror = Mirror(side)
        self._refer = refer
        self._meet = meet

    def encode(self, value: Any) -> Any:
        """Return `value` as JSON.

        Raises:
            NoValue, RecursionError: It cannot be handed over.
        """
        kind = type(value)
        if value is None or kind is bool or kind is str or kind is float:
            return value
        if kind is int:
            return value if -SMALL < value < SMALL else ["i", hex(value)]
        if kind is tuple:
            return ["t", *map(self.encode, value)]
        if kind is frozenset:
            return ["f", *map(self.encode, value)]
        if kind in KINDS:
            return self.mirror.encode(value, KINDS[kind], self.encode)
        if kind in VIEWS:
            return ["w", VIEWS[kind], *map(self.encode, list(value))]
        if kind in MADE:
            tag, parts, _ = MADE[kind]
            try:
                return ["v", tag, *parts(value)]
            except NoValue:
                pass
            # Outside of the handler: what is refused there has nothing behind it.
            return self._refer(value)
        if value is Ellipsis or value is NotImplemented:
            return ["g", "builtins", repr(value)]
        if arrays.is_array(value):
            return ["a", *arrays.encoded(value)]
        if kind is type and (name := name_of_type(value)):
            return ["g", *name]
        return self._refer(value)

    def decode(self, message: Any) -> Any:
        """Return the value; what the other side made up raises, and makes nothing.

        Raises:
            Exception: It is no value.
        """
        if not isinstance(message, list):
            return message
        tag = message[0]
        if tag == "t":
            return tuple(map(self.decode, message[1:]))
        if tag == "f":
            return frozenset(map(self.decode, message[1:]))
        if tag == "@":
            return self.mirror.known(message[1])
        if tag in TYPES:
            return self.mirror.decode(message, self.decode)
        if tag == "i":
            return int(message[1], 16)
        if tag == "v":
            return MAKERS[message[1]](*message[2:])
        if tag == "a":
            return arrays.decoded(*message[1:])
        if tag == "w":
            return _view(message[1], [self.decode(item) for item in message[2:]])
        if tag == "g":
            return type_of_name(*message[1:])
        return self._meet(message)


VIEWS = {type({}.keys()): "keys", type({}.values()): "values", type({}.items()): "items"}


def _view(name: str, items: list[Any]) -> Any:
    if name == "keys":
        return dict.fromkeys(items).keys()
    return dict(items).items() if name == "items" else dict(enumerate(items)).values()


def name_of_type(value: type) -> tuple[str, str] | None:
    """Return module and name of a type of Python's own library, or None."""
    module, name = value.__module__, value.__name__
    known = getattr(sys.modules.get(module), name, None) is value
    return (module, name) if known and module in OWN_MODULES else None


OWN_MODULES = frozenset(
    {
        "builtins",
        "collections",
        "datetime",
        "decimal",
        "fractions",
        "pathlib",
        "uuid",
        "io",
        "json.decoder",
        "asyncio.exceptions",
        "concurrent.futures._base",
        "queue",
        "_queue",
        "subprocess",
        "struct",
        "zipfile",
        "binascii",
        "csv",
        "_csv",
        "statistics",
        "string",
        "socket",
        "ssl",
        "urllib.error",
        "configparser",
        "argparse",
        "getopt",
        "copy",
        "re",
        "sre_constants",
        "re._constants",
        "dataclasses",
        "graphlib",
        "ipaddress",
        "shutil",
        "tarfile",
        "zoneinfo",
        "zoneinfo._common",
        "xml.parsers.expat",
        "xml.etree.ElementTree",
        "sqlite3",
        "email.errors",
        "contextlib",
        "unicodedata",
        "zlib",
        "lzma",
        "_lzma",
        "tomllib",
        "tokenize",
        "locale",
        "multiprocessing.context",
        "http.client",
    }
)
"""Modules of Python's library whose types and exceptions mean the same in both processes. Not
unittest: to raise its SkipTest would skip a test."""


def type_of_name(module: str, name: str) -> Any:
    """Return a type of Python's own library that both sides have."""
    if (module, name) in (("builtins", "Ellipsis"), ("builtins", "NotImplemented")):
        return getattr(builtins, name)
    found = getattr(import_module(module), name, None) if module in OWN_MODULES else None
    if not isinstance(found, type):
        raise NoValue(f"{module}.{name} is no type that can be handed over")
    return found
