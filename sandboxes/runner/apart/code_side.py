"""The process of the code: it does what the tests ask of it.

Nothing here is trusted: the code can take over all of this process. What it says is an answer, and
whether that is the right one is decided elsewhere.
"""

from __future__ import annotations

import ast
import asyncio
import builtins
import importlib
import importlib.util
import inspect
import io
import os
import socket
import sys
import threading
from typing import Any

from bellglass.sandboxes.runner.apart.channel import Channel, Message
from bellglass.sandboxes.runner.apart.coverage import Coverage
from bellglass.sandboxes.runner.apart.peer import Peer
from bellglass.sandboxes.runner.apart.surroundings import Surroundings
from bellglass.sandboxes.runner.relay import packages
from bellglass.sandboxes.runner.testing.failures import Explain


class Input(io.TextIOBase):
    """sys.stdin of the code: what the tests have put there."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> str:
        return str(self._peer.request("read", None, "read", -1 if size is None else size))

    def readline(self, size: int = -1, /) -> str:  # type: ignore[override]
        return str(self._peer.request("read", None, "readline", size))


class CodeSide(Peer):
    """Does what it is asked, with whatever it is asked it of."""

    def __init__(self, channel: Channel, directory: str, coverage: Coverage) -> None:
        super().__init__("s", channel)
        self._explain = Explain(directory)
        self._coverage = coverage
        self._surroundings = Surroundings()
        self._main = threading.current_thread()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._busy = 0

    def say_ready(self) -> None:
        """Have the tests know that what follows is the code's own time."""
        assert self.channel is not None
        self.channel.send({"ready": True})

    def serve_all(self) -> None:
        assert self.channel is not None
        while True:
            message = self.channel.receive()
            with self._lock:
                reply = self.serve(message)
                self.channel.send(reply)

    def serve(self, message: Message) -> Message:
        self._busy += 1
        # Threads of the code may ask the tests while this one waits for them.
        self._lock.release()
        try:
            return self._served(message)
        finally:
            self._lock.acquire()
            self._busy -= 1

    def _served(self, message: Message) -> Message:
        reply = super().serve(message)
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except Exception:  # the code closed it
                pass
        return reply

    def request(self, op: str, on: Any, *arguments: Any, **named: Any) -> Any:
        if not self._busy:
            raise RuntimeError("the call that this came with is over")
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        return super().request(op, on, *arguments, **named)

    def perform(self, op: str, on: Any, arguments: list[Any], named: dict[str, Any]) -> Any:
        if op == "import":
            module = importlib.import_module(arguments[0])
            return hasattr(module, "__path__")
        if op == "find":
            return importlib.util.find_spec(arguments[0]) is not None
        if op == "evaluate":
            return self._evaluated(arguments[0])
        if op == "names":
            return [name for name in _public(on) if isinstance(name, str)]
        if op == "instance":
            return isinstance(arguments[0], on)
        if op == "item":
            return on[arguments[0]]
        if op == "items":
            return list(on)
        if op == "length":
            return len(on)
        if op == "plain":
            base: Any = next(base for base in (list, dict, set) if isinstance(on, base))
            return base.copy(on) if base is not list else list(list.__iter__(on))
        if op == "await":
            return self._awaited(on)
        if op == "async":
            return self._awaited(getattr(on, arguments[0])(*arguments[1:]))
        if op == "delete":
            return delattr(on, arguments[0])
        if op == "signature":
            return str(inspect.signature(on))
        if op == "coverage":
            return self._coverage.report()
        return super().perform(op, on, arguments, named)

    def _evaluated(self, call: str) -> Any:
        """Return the value of an expression in the names of the code."""
        code = compile(call, "<call>", "eval", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        value = eval(code, vars(sys.modules["solution"]))
        # Of an async function, called with or without await, the result is meant.
        return self._awaited(value) if inspect.isawaitable(value) else value

    def _awaited(self, value: Any) -> Any:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
        return self._loop.run_until_complete(_await(value))

    def _state(self) -> Message:
        return {**super()._state(), **self._surroundings.changes()}

    def _take_state(self, message: Message) -> None:
        super()._take_state(message)
        self._surroundings.apply(message)

    def traced(self, exc: BaseException) -> str | None:
        return self._explain(exc)

    def _meet(self, message: list[Any]) -> Any:
        if message[0] == "N":
            found: Any = importlib.import_module(message[1])
            for name in message[2].split("."):
                found = getattr(found, name)
            return found
        return super()._meet(message)


async def _await(value: Any) -> Any:
    return await value


def _public(module: Any) -> list[Any]:
    listed = getattr(module, "__all__", None)
    if listed is not None:
        return list(listed)
    return [name for name in vars(module) if not name.startswith("_")]


def main(sock: socket.socket, settings: dict[str, Any]) -> None:
    """Serve the tests at the other end of `sock` until they have ended."""
    directory = settings["directory"]
    sys.dont_write_bytecode = True
    sys.path.append(packages.LIBRARY)
    # Before there is a way to what the code has written: nothing of that runs until it is asked.
    coverage = Coverage(directory, on=settings["coverage"])
    sys.path.insert(0, directory)
    sys.path.insert(-1, os.getcwd())  # modules of the session, after all but what it installed
    side = CodeSide(Channel(sock), directory, coverage)
    sys.stdin = Input(side)

    def ask(prompt: object = "", /) -> str:
        return str(side.request("input", None, str(prompt)))

    builtins.input = ask
    coverage.start()
    try:
        side.say_ready()
        side.serve_all()
    except (EOFError, OSError):
        os._exit(0)
