"""Calls in both directions between the process of the tests and that of the code.

One speaks at a time: while one side waits for an answer it serves what the other asks of it, so a
callback works. The two sides differ in their rules: `CodeSide` does what it is asked, `SuiteSide`
(in the process whose verdict counts) only what cannot be turned against it.
"""

from __future__ import annotations

import threading
from typing import Any

from bellglass.sandboxes.runner.apart.borrowing import Borrower
from bellglass.sandboxes.runner.apart.channel import Channel, Message
from bellglass.sandboxes.runner.apart.specials import SPECIALS
from bellglass.sandboxes.runner.apart.values import Codec, NoValue
from bellglass.sandboxes.runner.testing.failures import text_of

TOO_DEEP = (
    "{} is nested too deeply to be handed over between the tests and the code, which run in two "
    "processes: hand over a part of it"
)


class Peer(Borrower):
    """One side of the two."""

    cannot: type[BaseException] = TypeError
    """What a value raises that cannot be handed over."""

    def __init__(self, side: str, channel: Channel | None) -> None:
        super().__init__()
        self.channel = channel
        self._side = side
        self._lock = threading.RLock()
        self.codec = Codec(side, self._refer, self._meet)

    def _start_over(self) -> None:
        """Forget all that the other side was, which is gone."""
        Borrower.__init__(self)
        self.codec = Codec(self._side, self._refer, self._meet)

    # --- asking

    def request(self, op: str, on: Any, *arguments: Any, **named: Any) -> Any:
        """Have the other side do something; return or raise what comes of it."""
        with self._lock:
            error, value = self._read(self._exchange(op, on, arguments, named))
        if error is None:
            return value
        self._came_back(error)
        raise error

    def _read(self, reply: Message) -> tuple[BaseException | None, Any]:
        self._take_state(reply)
        if "refused" in reply:
            raise self.cannot(str(reply["refused"]))
        if "error" not in reply:
            return None, self.codec.decode(reply["value"])
        error = self.codec.decode(reply["error"])
        if not isinstance(error, BaseException):
            raise ValueError("it raised what is no exception")
        return error, None

    def _exchange(self, op: str, on: Any, arguments: Any, named: dict[str, Any]) -> Message:
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
            raise self.cannot(TOO_DEEP.format("an argument")) from None
        except (NoValue, TypeError) as exc:
            raise self.cannot(text_of(str, exc)) from None
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
            reason = TOO_DEEP.format("a value")
        except Exception as exc:
            reason = f"a value cannot be handed over: {text_of(str, exc)}"
        return {"refused": reason}

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
        self.take_back(message.get("released", ()))
        self.codec.mirror.apply(message.get("changes", []), self.codec.decode)

    # --- borrowing

    # --- what the sides do differently

    def may_judge(self, value: Any, operand: Any) -> bool:
        return True

    def leave(self, value: Any, *arguments: Any) -> Any:
        return self.request("special", value, "__exit__", *arguments[:2], None)

    def _note_raised(self, exc: BaseException) -> None:
        """A callback of ours has raised."""

    def _came_back(self, exc: BaseException) -> None:
        """An exception came from the other side."""
