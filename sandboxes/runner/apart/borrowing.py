"""What one side has borrowed from the other: the stand-ins, made from descriptions."""

from __future__ import annotations

import importlib
import weakref
from typing import TYPE_CHECKING, Any, cast

from bellglass.sandboxes.runner.apart.lending import Lender
from bellglass.sandboxes.runner.apart.remote import (
    HOME,
    Home,
    RemoteFunction,
    RemoteMeta,
    home_of,
    make_class,
    set_home,
)
from bellglass.sandboxes.runner.apart.specials import of_class
from bellglass.sandboxes.runner.apart.values import PLAIN_BASES

if TYPE_CHECKING:
    from bellglass.sandboxes.runner.apart.channel import Message
    from bellglass.sandboxes.runner.apart.peer import Peer


class Borrower(Lender):
    """One stand-in for each object of the other side, as long as it is used."""

    def __init__(self) -> None:
        super().__init__()
        self._borrowed: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
        self._kept: dict[int, Any] = {}
        """Stand-ins that live as long as their process: no weak reference to them can be made."""
        self._released: list[tuple[int, int]] = []
        self._errors: list[Home] = []

    def release(self, home: Home) -> None:
        """Tell the other side, with the next message, that a stand-in is gone."""
        if home.generation == self.generation:
            self._released.append((home.handle, home.count))

    def forget_errors(self) -> None:
        """Let go of the exceptions that came from the other side: they hold its frames."""
        for home in self._errors:
            self.release(home)
            home.generation = -1
        self._errors = []

    def _meet(self, message: list[Any]) -> Any:
        tag, handle = message[0], message[1]
        if tag == "Y":
            return self._lent[handle][0]
        if tag == "M":
            return self.module(str(handle))
        known = self._borrowed.get(handle)
        if known is None:
            known = self._kept.get(handle)
        if known is None:
            known = self._stand_in(tag, handle, message[2:])
        home = home_of(known)
        if home is not None:
            home.count += 1
        return known

    def _stand_in(self, tag: str, handle: int, rest: list[Any]) -> Any:
        if tag == "K":
            return self._class_for(handle, rest[0])
        if tag == "X":
            return self._exception(handle, *rest)
        if tag == "F":
            value = self.new_function(str(rest[0]))
        elif tag == "R":
            value = self._object(self.codec.decode(rest[0]), rest[1])
        else:
            raise ValueError(f"no value: {tag!r}")
        set_home(value, Home(cast("Peer", self), handle))
        self._remember(handle, value)
        return self.dressed(value)

    def _remember(self, handle: int, value: Any) -> None:
        try:
            self._borrowed[handle] = value
        except TypeError:
            self._kept[handle] = value

    def new_function(self, name: str) -> Any:
        function = RemoteFunction.__new__(RemoteFunction)
        object.__setattr__(function, "__name__", name)
        object.__setattr__(function, "__qualname__", name)
        return function

    def _object(self, kind: Any, payload: Any) -> Any:
        if not isinstance(kind, RemoteMeta):
            # An object of Python's library that is no plain data, such as a file or an iterator.
            about = {
                "name": kind.__name__,
                "module": kind.__module__,
                "qualname": kind.__qualname__,
            }
            special = of_class(kind, None)
            kind = make_class(
                cast("Peer", self), {**about, "special": special, "methods": (), "traits": ()}, ()
            )
        plain = next((base for base in PLAIN_BASES if issubclass(kind, base)), None)
        if plain is None:
            return object.__new__(kind)
        return plain.__new__(kind, self.codec.decode(payload))

    def _class_for(self, handle: int, about: Message) -> Any:
        bases = tuple(self.codec.decode(base) for base in about["bases"])
        kind = self.known_class(about) or make_class(cast("Peer", self), about, _usable(bases))
        type.__setattr__(kind, "_bellglass_class", Home(cast("Peer", self), handle))
        self._kept[handle] = kind
        return kind

    def known_class(self, about: Message) -> Any:
        return None

    def _exception(
        self,
        handle: int,
        kind: Any,
        arguments: Any,
        text: Any,
        attributes: Any,
        cause: Any,
        trace: Any,
    ) -> BaseException:
        kind = self.error_class(self.codec.decode(kind))
        values = [self.codec.decode(argument) for argument in arguments]
        try:
            exc: BaseException = BaseException.__new__(kind, *values)
        except TypeError:
            exc = kind.__new__(kind, *values)
        exc.args = tuple(values)
        for name, value in attributes.items():
            if (
                name.isidentifier()
                and not name.startswith("_")
                and not hasattr(BaseException, name)
            ):
                try:
                    BaseException.__setattr__(exc, name, self.codec.decode(value))
                except (AttributeError, TypeError, ValueError):
                    pass
        extra = vars(exc)
        extra["_bellglass_text"] = str(text)
        extra["_bellglass_trace"] = trace if isinstance(trace, str) else None
        extra[HOME] = Home(cast("Peer", self), handle)
        extra[HOME].count = 1
        self._errors.append(extra[HOME])
        if cause is not None:
            exc.__cause__ = self.codec.decode(cause)
        return exc

    def module(self, name: str) -> Any:
        return importlib.import_module(name)

    def dressed(self, value: Any) -> Any:
        return value

    def error_class(self, kind: Any) -> Any:
        if not (isinstance(kind, type) and issubclass(kind, BaseException)):
            raise ValueError("an exception that is none")
        return kind


def _usable(bases: tuple[Any, ...]) -> tuple[type, ...]:
    """Keep the bases that mean something here: stand-ins, exceptions and plain data."""
    return tuple(
        base
        for base in bases
        if isinstance(base, RemoteMeta)
        or (isinstance(base, type) and issubclass(base, (BaseException, *PLAIN_BASES)))
    )
