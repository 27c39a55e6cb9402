"""Calls in both directions between the process of the tests and that of the code.

One speaks at a time: while one side waits for an answer it serves what the other asks of it, so a
callback works. The two sides differ in their rules: `CodeSide` does what it is asked, `TestSide`
(in the process whose verdict counts) only what cannot be turned against it.
"""

from __future__ import annotations

import importlib
import itertools
import threading
import types
import weakref
from typing import Any

from bellglass.sandboxes.runner.apart.channel import Channel, Message
from bellglass.sandboxes.runner.apart.remote import (
    HOME,
    Home,
    RemoteFunction,
    RemoteMeta,
    home_of,
    make_class,
    set_home,
)
from bellglass.sandboxes.runner.apart.specials import SPECIALS, of_class
from bellglass.sandboxes.runner.apart.values import (
    PLAIN_BASES,
    Codec,
    NoValue,
    name_of_type,
)
from bellglass.sandboxes.runner.testing.failures import text_of

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


class Peer:
    """One side of the two: what it has lent to the other, and what it has borrowed."""

    def __init__(self, side: str, channel: Channel | None) -> None:
        self.channel = channel
        self.generation = 0
        self._side = side
        self._lock = threading.RLock()
        self._start_over()

    def _start_over(self) -> None:
        self.codec = Codec(self._side, self._refer, self._meet)
        self._numbers = itertools.count(1)
        self._lent: dict[int, list[Any]] = {}
        """Object and how often it was sent, by handle."""
        self._handles: dict[int, int] = {}
        self._borrowed: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
        self._kept: dict[int, Any] = {}
        """Stand-ins that live as long as their process: no weak reference to them can be made."""
        self._released: list[tuple[int, int]] = []
        self._errors: list[Home] = []

    def forget_errors(self) -> None:
        """Let go of the exceptions that came from the other side: they hold its frames."""
        for home in self._errors:
            self.release(home)
            home.generation = -1
        self._errors = []

    # --- asking

    def request(self, op: str, on: Any, *arguments: Any, **named: Any) -> Any:
        """Have the other side do something; return or raise what comes of it."""
        __tracebackhide__ = True
        with self._lock:
            error, value = self._read(self._exchange(op, on, arguments, named))
        if error is None:
            return value
        self._came_back(error)
        raise error

    def _read(self, reply: Message) -> tuple[BaseException | None, Any]:
        self._take_state(reply)
        if "error" not in reply:
            return None, self.codec.decode(reply["value"])
        error = self.codec.decode(reply["error"])
        if not isinstance(error, BaseException):
            raise ValueError("it raised what is no exception")
        return error, None

    def _exchange(self, op: str, on: Any, arguments: Any, named: dict[str, Any]) -> Message:
        __tracebackhide__ = True
        assert self.channel is not None
        surplus = self.codec.mirror.surplus() if self._side == "t" else []
        self.codec.mirror.forget(surplus)
        message = self._state()
        if surplus:
            message["forget"] = surplus
        try:
            message["on"] = self.codec.encode(on)
            message["arguments"] = [self.codec.encode(argument) for argument in arguments]
            if named:
                message["named"] = {k: self.codec.encode(v) for k, v in named.items()}
        except RecursionError:
            raise ValueError("an argument is nested too deeply to be handed over") from None
        message["op"] = op
        self.channel.send(message)
        while True:
            reply = self.channel.receive()
            if "op" not in reply:
                return reply
            self.channel.send(self.serve(reply))

    # --- serving

    def serve(self, message: Message) -> Message:
        """Do what the other side asks, and return the answer."""
        try:
            self._take_state(message)
            on = self._target(message.get("on"))
            arguments = [self.codec.decode(argument) for argument in message["arguments"]]
            named = {k: self.codec.decode(v) for k, v in message.get("named", {}).items()}
            value = self.perform(str(message["op"]), on, arguments, named)
        except BaseException as exc:
            self._note_raised(exc)
            return self._reply("error", exc)
        return self._reply("value", value)

    def _reply(self, name: str, value: Any) -> Message:
        try:
            # The state first: what it speaks of has to be known when the value is read.
            message = self._state()
            message[name] = self.codec.encode(value)
            return message
        except (RecursionError, NoValue):
            error: Exception = ValueError("a value is nested too deeply to be handed over")
        except Exception as exc:
            error = TypeError(f"a value cannot be handed over: {text_of(str, exc)}")
        return {"error": self._error(error)}

    def perform(self, op: str, on: Any, arguments: list[Any], named: dict[str, Any]) -> Any:
        if op == "call":
            return on(*arguments, **named)
        name, *rest = arguments
        if op == "method":
            return getattr(on, name)(*rest, **named)
        if op == "get":
            return getattr(on, name)
        if op == "special":
            return SPECIALS[name](on, *rest, **named)
        if op == "set":
            return setattr(on, name, *rest)
        raise ValueError(f"unknown operation {op!r}")

    def _target(self, message: Any) -> Any:
        return self.codec.decode(message)

    # --- what goes with every message

    def _state(self) -> Message:
        message: Message = {}
        released, self._released = self._released, []
        if released:
            message["released"] = released
        try:
            changes = self.codec.mirror.changes(self.codec.encode)
        except RecursionError:
            changes = []
        if changes:
            message["changes"] = changes
        return message

    def _take_state(self, message: Message) -> None:
        self.codec.mirror.forget(message.get("forget", []))
        for handle, count in message.get("released", ()):
            lent = self._lent.get(handle)
            if lent is not None:
                lent[1] -= count
                if lent[1] <= 0:
                    del self._lent[handle]
                    self._handles.pop(id(lent[0]), None)
        self.codec.mirror.apply(message.get("changes", []), self.codec.decode)

    def release(self, home: Home) -> None:
        if home.generation == self.generation:
            self._released.append((home.handle, home.count))

    # --- lending

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
        plain = next((base for base in PLAIN_BASES if isinstance(value, base)), None)
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

    # --- borrowing

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
        set_home(value, Home(self, handle))
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
            kind = make_class(self, {**about, "special": special, "methods": (), "traits": ()}, ())
        plain = next((base for base in PLAIN_BASES if issubclass(kind, base)), None)
        if plain is None:
            return object.__new__(kind)
        return plain.__new__(kind, self.codec.decode(payload))

    def _class_for(self, handle: int, about: Message) -> Any:
        bases = tuple(self.codec.decode(base) for base in about["bases"])
        kind = self.known_class(about) or make_class(self, about, _usable(bases))
        type.__setattr__(kind, "_bellglass_class", Home(self, handle))
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
        extra[HOME] = Home(self, handle)
        extra[HOME].count = 1
        self._errors.append(extra[HOME])
        if cause is not None:
            exc.__cause__ = self.codec.decode(cause)
        return exc

    # --- what the sides do differently

    def named(self, value: Any) -> list[Any] | None:
        """Return how the other side finds the same thing by its name, if it does."""
        return None

    def may_lend(self, value: Any) -> None:
        """Raise TypeError if the other side must not get hold of `value`."""

    def may_judge(self, value: Any, operand: Any) -> bool:
        return True

    def leave(self, value: Any, *arguments: Any) -> Any:
        return self.request("special", value, "__exit__", *arguments[:2], None)

    def module(self, name: str) -> Any:
        return importlib.import_module(name)

    def dressed(self, value: Any) -> Any:
        return value

    def error_class(self, kind: Any) -> Any:
        if not (isinstance(kind, type) and issubclass(kind, BaseException)):
            raise ValueError("an exception that is none")
        return kind

    def traced(self, exc: BaseException) -> str | None:
        return None

    def _note_raised(self, exc: BaseException) -> None:
        """A callback of ours has raised."""

    def _came_back(self, exc: BaseException) -> None:
        """An exception came from the other side."""


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


def _usable(bases: tuple[Any, ...]) -> tuple[type, ...]:
    """Keep the bases that mean something here: stand-ins, exceptions and plain data."""
    return tuple(
        base
        for base in bases
        if isinstance(base, RemoteMeta)
        or (isinstance(base, type) and issubclass(base, (BaseException, *PLAIN_BASES)))
    )
