"""What one side lends to the other: how an object is described that is no plain data."""

from __future__ import annotations

import itertools
import types
from typing import TYPE_CHECKING, Any

from bellglass.sandboxes.runner.apart.remote import Home, home_of
from bellglass.sandboxes.runner.apart.specials import of_class
from bellglass.sandboxes.runner.apart.values import PLAIN_BASES, Codec, NoValue, name_of_type
from bellglass.sandboxes.runner.testing.failures import text_of

if TYPE_CHECKING:
    from bellglass.sandboxes.runner.apart.channel import Message

FUNCTIONS = (
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    types.MethodWrapperType,
    types.MethodDescriptorType,
)

ATTRIBUTES = ("errno", "strerror", "filename", "code", "name", "path", "value", "obj", "msg")
"""Of exceptions, that are in no __dict__."""

CAUSES = 5
"""Exceptions behind one that are handed over with it."""


class Lender:
    """The objects that the other side refers to, by handle, for as long as it does."""

    codec: Codec
    generation = 0
    """Which process the other side is, counted."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._lent: dict[int, list[Any]] = {}
        """Object and how often it was sent, by handle."""
        self._handles: dict[int, int] = {}

    def take_back(self, released: Any) -> None:
        """Let go of what the other side has no stand-in for any more."""
        for handle, count in released:
            lent = self._lent.get(handle)
            if lent is not None:
                lent[1] -= count
                if lent[1] <= 0:
                    del self._lent[handle]
                    self._handles.pop(id(lent[0]), None)

    def _lend(self, value: Any) -> int:
        handle = self._handles.get(id(value))
        if handle is None:
            handle = next(self._numbers)
            self._handles[id(value)] = handle
            self._lent[handle] = [value, 0]
        self._lent[handle][1] += 1
        return handle

    def _refer(self, value: Any) -> list[Any]:
        home = home_of(value)
        if home is not None and home.peer is self:
            return ["Y", self._alive(home)]
        if isinstance(value, types.ModuleType):
            return self._module(value)
        if isinstance(value, BaseException):
            return self._error(value)
        if isinstance(value, type):
            return self._class(value)
        if (named := self.named(value)) is not None:
            return named
        self.may_lend(value)
        handle = self._lend(value)
        if isinstance(value, FUNCTIONS):
            return ["F", handle, str(getattr(value, "__name__", "function"))]
        # By its type: a class can say what it likes of its instances.
        plain = next((base for base in PLAIN_BASES if issubclass(type(value), base)), None)
        payload = None if plain is None else self.codec.encode(_plain(plain, value))
        return ["R", handle, self._class(type(value)), payload]

    def _module(self, value: types.ModuleType) -> list[Any]:
        return ["M", value.__name__]

    def _alive(self, home: Home) -> int:
        return home.handle

    def _class(self, kind: type) -> list[Any]:
        if home := home_of(kind):
            return ["Y", self._alive(home)]
        if name := name_of_type(kind):
            return ["g", *name]
        self.may_lend(kind)
        new = id(kind) not in self._handles
        handle = self._lend(kind)
        return ["K", handle, self._about(kind) if new else None]

    def _about(self, kind: type) -> Message:
        plain = next((base for base in PLAIN_BASES if issubclass(kind, base)), None)
        traits = ["container"] if issubclass(kind, (list, dict, set)) else []
        if type(kind).__instancecheck__ is not type.__instancecheck__:
            traits.append("virtual")
        bases = [base for base in kind.__bases__ if base is not object]
        described = {base: self._class(base) for base in bases}
        methods = {
            name
            for parent in kind.__mro__
            for name, value in vars(parent).items()
            if isinstance(value, (types.FunctionType, types.MethodDescriptorType))
        }
        return {
            "name": kind.__name__,
            "module": kind.__module__,
            "qualname": kind.__qualname__,
            "doc": kind.__doc__ if isinstance(kind.__doc__, str) else None,
            "bases": list(described.values()),
            "special": of_class(kind, plain),
            "methods": sorted(name for name in methods if isinstance(name, str)),
            "traits": traits,
        }

    def _error(self, exc: BaseException, causes: int = 0) -> list[Any]:
        home = home_of(exc)
        if home is not None and home.peer is self and home.generation == self.generation:
            return ["Y", home.handle]
        arguments = [self._argument(argument) for argument in exc.args]
        attributes = {name: self._argument(value) for name, value in _attributes(exc).items()}
        cause = exc.__cause__
        return [
            "X",
            self._lend(exc),
            self._class(type(exc)),
            arguments,
            text_of(str, exc),
            attributes,
            None if cause is None or causes > CAUSES else self._error(cause, causes + 1),
            self.traced(exc),
        ]

    def _argument(self, value: Any) -> Any:
        try:
            return self.codec.encode(value)
        except (NoValue, RecursionError, TypeError):
            return f"<{type(value).__name__}>"

    def named(self, value: Any) -> list[Any] | None:
        """Return how the other side finds the same thing by its name, if it does."""
        return None

    def may_lend(self, value: Any) -> None:
        """Raise TypeError if the other side must not get hold of `value`."""

    def traced(self, exc: BaseException) -> str | None:
        return None


def _plain(base: Any, value: Any) -> Any:
    """Return what `value` is as its plain base, past what its class has put over it."""
    if base is tuple:
        return tuple(tuple.__iter__(value))
    if base is frozenset:
        return frozenset(frozenset.__iter__(value))
    if base is str:
        return str.__str__(value)
    if base is bytes:
        return bytes.__add__(value, b"")
    return base.__pos__(value)


def _attributes(exc: BaseException) -> dict[str, Any]:
    """Return what can be asked of an exception beside its arguments."""
    found = {}
    for name in (*ATTRIBUTES, *getattr(exc, "__dict__", {})):
        if isinstance(name, str) and not name.startswith("_"):
            try:
                found[name] = getattr(exc, name)
            except Exception:  # foreign code, or an attribute that it does not have
                pass
    return found
